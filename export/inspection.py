"""What a file costs: one door to all formats that are read.

>>> inspect_file(Path("out/alpine.glb")).triangles                    # doctest: +SKIP
1180432
"""

from __future__ import annotations

from pathlib import Path

from worldgen.errors import InputError, nearest
from worldgen.export.costs import Inspection

SUFFIXES = (".glb", ".gltf", ".obj", ".json", ".png", ".r16", ".usdz", ".usdc", ".usda", ".usd")


def inspect_file(path: Path | str) -> Inspection:
    """Read a file and count what a client draws and holds in memory for it; nothing is decoded.

    Parameters
    ----------
    path : ``.glb``, ``.gltf``, ``.obj``; a 3D Tiles ``tileset.json``; a ``.png`` or ``.r16`` heightmap with
        its sidecar; ``.usdz``, ``.usdc`` and ``.usda`` with the extra 'usd'.

    Raises
    ------
    InputError : the file, or one that it refers to, is absent or damaged; the message is one line.
    MissingExtraError : USD, and the extra is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'not found'}")
    if suffix in (".glb", ".gltf"):
        from worldgen.export.gltf_inspection import inspect_gltf

        return inspect_gltf(path)
    if suffix == ".obj":
        from worldgen.export.obj_inspection import inspect_obj

        return inspect_obj(path)
    if suffix == ".json":
        from worldgen.export.tileset_inspection import inspect_tileset

        return inspect_tileset(path)
    if suffix in (".png", ".r16"):
        from worldgen.export.heightmap_inspection import inspect_heightmap

        return inspect_heightmap(path)
    if suffix in (".usdz", ".usdc", ".usda", ".usd"):
        from worldgen.export.usd_inspection import inspect_usd

        return inspect_usd(path)
    raise InputError(f"cannot inspect '{path.name}': unknown suffix; {nearest(suffix, SUFFIXES)}")
