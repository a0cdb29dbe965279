"""Writers: one file format a module; they know the scene and no net.

>>> export_scene(scene, Path("out/alpine.glb"))               # doctest: +SKIP
[PosixPath('out/alpine.glb')]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from worldgen.errors import ConfigError, ExportError, nearest
from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.heightmaps import read_heightmap_png, read_r16, write_heightmap_png, write_r16
from worldgen.export.manifest import describe_weights, write_manifest
from worldgen.export.obj import write_obj
from worldgen.export.options import ExportOptions
from worldgen.scene import Scene

__all__ = [
    "EXPORTERS",
    "HEIGHTMAP_WRITERS",
    "ExportOptions",
    "Writer",
    "check_paths",
    "describe_weights",
    "export_scene",
    "read_heightmap_png",
    "read_r16",
    "write_glb",
    "write_gltf",
    "write_heightmap_png",
    "write_manifest",
    "write_obj",
    "write_r16",
    "writer_for",
]

Writer = Callable[[Scene, Path, ExportOptions], list[Path]]

EXPORTERS: dict[str, Writer] = {
    ".glb": write_glb,
    ".gltf": write_gltf,
    ".obj": write_obj,
}

HEIGHTMAP_WRITERS = {
    ".png": write_heightmap_png,
    ".r16": write_r16,
}


def check_paths(paths: Sequence[Path]) -> None:
    """Refuse a path that no scene or heightmap writer takes, before any work is done.

    Raises
    ------
    ConfigError : a suffix is unknown; the message lists those that there are.
    """
    known = {**EXPORTERS, **HEIGHTMAP_WRITERS}
    for path in paths:
        if path.suffix.lower() not in known:
            raise ConfigError(f"cannot write '{path}': unknown suffix; {nearest(path.suffix, known)}")


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


def export_scene(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write a scene in the format that the path's suffix names and return the files written."""
    return writer_for(path)(scene, path, options or ExportOptions())
