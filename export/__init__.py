"""Writers: one file format a module; they know the scene and no net.

>>> export_scene(scene, Path("out/alpine.glb"))               # doctest: +SKIP
[PosixPath('out/alpine.glb')]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from worldgen.errors import ConfigError, ExportError, MissingExtraError, nearest
from worldgen.export.exr import read_exr, write_exr
from worldgen.export.geotiff import read_geotiff, write_geotiff
from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.heightmaps import read_heightmap_png, read_r16, write_heightmap_png, write_r16
from worldgen.export.manifest import describe_weights, write_manifest
from worldgen.export.maps import write_maps
from worldgen.export.obj import write_obj
from worldgen.export.options import ExportOptions
from worldgen.export.targets import TARGETS, Target, target_named
from worldgen.export.tiles3d import write_tiles
from worldgen.export.usd import write_usd
from worldgen.scene import Scene

if TYPE_CHECKING:
    from worldgen.world import World

__all__ = [
    "EXPORTERS",
    "FOLDER_WRITERS",
    "HEIGHTMAP_WRITERS",
    "TARGETS",
    "ExportOptions",
    "Target",
    "Writer",
    "check_extras",
    "check_paths",
    "describe_weights",
    "export_scene",
    "read_exr",
    "read_geotiff",
    "read_heightmap_png",
    "read_r16",
    "write_exr",
    "write_geotiff",
    "write_glb",
    "write_gltf",
    "write_heightmap",
    "write_heightmap_png",
    "write_manifest",
    "write_maps",
    "write_obj",
    "write_r16",
    "write_target",
    "write_tiles",
    "write_usd",
    "write_world",
    "writer_for",
]

Writer = Callable[[Scene, Path, ExportOptions], list[Path]]

EXPORTERS: dict[str, Writer] = {
    ".glb": write_glb,
    ".gltf": write_gltf,
    ".obj": write_obj,
    ".usdc": write_usd,
    ".usda": write_usd,
    ".usdz": write_usd,
}

HEIGHTMAP_WRITERS: dict[str, Callable[..., list[Path]]] = {
    ".png": write_heightmap_png,
    ".r16": write_r16,
    ".exr": write_exr,
    ".tif": write_geotiff,
}


FOLDER_WRITERS: dict[str, Callable[[World, Path, ExportOptions], list[Path]]] = {
    "maps": lambda world, folder, options: write_maps(world, folder),
    "tiles": write_tiles,
}


def is_file(path: Path) -> bool:
    """Whether the path's suffix is that of a scene or heightmap file."""
    return path.suffix.lower() in {**EXPORTERS, **HEIGHTMAP_WRITERS}


def check_paths(paths: Sequence[Path], form: str | None = None, target: str | None = None) -> None:
    """Refuse a path that no writer takes, before any work is done.

    Parameters
    ----------
    form : name of a folder's format: so are all paths written whose suffix is no file's.
    target : name of an engine or device, whose folder such a path is if no format is named.

    Raises
    ------
    ConfigError : the target, the format or a suffix is unknown, where the message lists those that there are;
        a format is named and no path is a folder, or one is a file's.
    """
    if target is not None:
        target_named(target)
    if form is not None and form not in FOLDER_WRITERS:
        raise ConfigError(f"found format '{form}'; {nearest(form, FOLDER_WRITERS)}")
    folders = [path for path in paths if not is_file(path)]
    if form is None:
        for path in folders:
            if target is None or path.suffix:  # a mistyped file is not quietly made a folder
                known = {**EXPORTERS, **HEIGHTMAP_WRITERS}
                raise ConfigError(f"cannot write '{path}': unknown suffix; {nearest(path.suffix, known)}")
    elif not folders:
        names = ", ".join(map(str, paths))
        raise ConfigError(f"format '{form}' is a folder's, and all paths name files: {names}")
    for path in folders:
        if path.exists() and not path.is_dir():
            raise ConfigError(f"cannot write {form or target} to '{path}': there is a file of that name")


def check_extras(paths: Sequence[Path], options: ExportOptions) -> None:
    """Refuse what needs a package that is not installed, before any work is done.

    Raises
    ------
    MissingExtraError : it names the package and the extra that brings it.
    """
    wanted = [
        ("rasterio", "rasterio", "geo", f"the GeoTIFF {path.name}")
        for path in paths
        if path.suffix.lower() == ".tif"
    ]
    wanted += [
        ("pxr", "usd-core", "usd", path.name)
        for path in paths
        if EXPORTERS.get(path.suffix.lower()) is write_usd
    ]
    if options.compression == "draco":
        wanted.append(("DracoPy", "DracoPy", "draco", "compression = 'draco'"))
    if options.image_format == "ktx2":
        wanted.append(("zstandard", "zstandard", "ktx", "image_format = 'ktx2'"))
    for module, package, extra, what in wanted:
        if find_spec(module) is None:
            raise MissingExtraError(package, extra, what)


def writer_for(path: Path) -> Writer:
    """Return the writer for a file's suffix, whatever its case.

    Raises
    ------
    ExportError : no writer has this suffix; the message lists those that there are.
    """
    suffix = path.suffix.lower()
    if suffix not in EXPORTERS:
        raise ExportError(
            f"cannot write '{path.name}': unknown suffix '{suffix}'; {nearest(suffix, EXPORTERS)}"
        )
    return EXPORTERS[suffix]


def write_target(
    world: World,
    folder: Path,
    target: Target,
    options: ExportOptions,
    scene: Callable[[], Scene],
    level: int = 0,
) -> list[Path]:
    """Write all that an engine or device takes to a folder: the scene, and its own terrain files.

    Parameters
    ----------
    scene : gives the scene at that level; it is not asked where the folder's format makes its own.
    """
    if target.format in FOLDER_WRITERS:
        files = FOLDER_WRITERS[target.format](world, folder, options)
    else:
        path = folder / f"{world.config.name}{target.format}"
        files = write_world(world, path, options, scene(), level)
    for name, write in target.folders.items():
        files += write(world, folder / name)
    return files


def write_world(world: World, path: Path, options: ExportOptions, scene: Scene, level: int = 0) -> list[Path]:
    """Write a world's scene at a level to one file, and with ``options.level_files`` each coarser level."""
    writer = writer_for(path)
    files = writer(scene, path, options)
    if options.level_files:
        for coarser in range(level + 1, world.config.output.terrain_levels):
            name = f"{path.stem}_lod{coarser - level}{path.suffix}"
            files += writer(world.scene(coarser), path.with_name(name), options)
    return files


def write_heightmap(world: World, path: Path, options: ExportOptions) -> list[Path]:
    """Write a world's heights to one file, whose suffix says how."""
    suffix = path.suffix.lower()
    place = {"georeference": options.georeference} if suffix == ".tif" else {}
    origin = world.provenance(terrain=True)
    write = HEIGHTMAP_WRITERS[suffix]
    return write(world.heightmap, path, sea_level=world.config.sea_level, provenance=origin, **place)


def export_scene(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write a scene in the format that the path's suffix names and return the files written."""
    return writer_for(path)(scene, path, options or ExportOptions())
