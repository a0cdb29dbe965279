"""Unity's terrain: RAW heights, alphamaps, texture layers, and an editor script that puts them together.

A terrain has 2^n + 1 heights a side, 33 to 4097, and keeps them between its base and its height ``size.y``.
Unity's own importer reads ``value / 65536 * size.y`` and puts the first row at z = 0, which is south, for
Unity looks along +z and we call that north: so RAW files here begin with the south row, and "Flip Vertically"
stays off. Pictures keep north on top, as Unity's `Texture2D` turns them itself: its pixels begin at the
bottom. Larger maps become tiles ``terrain_X_Z.raw``, X from the west and Z from the south.

glTFast turns a glTF scene by half a turn (it negates x, we negate z): turn the imported root by 180 degrees
about y, and its objects stand on this terrain.

Source: Unity, Scripting API of TerrainData, Manual "Working with Heightmaps", and the C# reference source of
the RAW importer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError, InputError
from worldgen.export.files import FileSet
from worldgen.export.ground_materials import add_ground_materials, json_bytes, png_bytes, read_png
from worldgen.export.heightmaps import LEVELS, quantize
from worldgen.export.landscape_grids import (
    check_layers,
    height_range,
    nearest_size,
    quad_places,
    resample_heightmap,
    sample_linear,
    square_grid,
    stretched_grid,
    tile_windows,
    whole_shares,
)
from worldgen.export.provenance import Provenance
from worldgen.heightmap import Heightmap
from worldgen.materials import Surface

SIZES = tuple(2**power + 1 for power in range(5, 13))
FULL = LEVELS + 1  # what Unity's importer divides by
SCRIPT = "ImportWorldgenTerrain.cs"


def write_terrain(
    heightmap: Heightmap,
    names: Sequence[str],
    weights: NDArray[np.float32],
    folder: Path,
    *,
    surfaces: Sequence[Surface] = (),
    provenance: Provenance | None = None,
    maximum: int = SIZES[-1],
) -> list[Path]:
    """Write heights, alphamaps and materials for one terrain, or for a square of tiles.

    Parameters
    ----------
    names, weights : S ground materials and their weights (S, H, W) on the heightmap's vertices.
    surfaces : the materials themselves, which go to ``materials/``.
    provenance : told by the sidecar and by each picture.
    maximum : heights a side of the largest terrain, one of `SIZES`; what is larger becomes tiles of it.

    Raises
    ------
    ExportError : the map is not square, or the maximum is not one of `SIZES`.
    """
    check_layers(heightmap, names, weights, surfaces)
    size, tile = terrain_size(heightmap.grid.shape, maximum)
    elevation, largest, mean_square = resample_heightmap(heightmap, (size, size))
    low, high = height_range(elevation)
    values, step, _ = quantize(elevation, (low, high))
    spacing = stretched_grid(heightmap, (size, size))[0]
    places = quad_places(size - 1, heightmap.grid.shape[0])
    shares = whole_shares(sample_linear(weights, places, places))
    side = (tile - 1) * spacing
    tiles = (size - 1) // (tile - 1)
    sidecar: dict[str, Any] = {
        "provenance": provenance.as_dictionary() if provenance else None,
        "format": "unity terrain",
        "version": 1,
        "heightmapResolution": tile,
        "alphamapResolution": tile - 1,
        "tiles": [],
        "sourceResolution": heightmap.grid.shape[0],
        "resamplingLargestErrorMetres": largest,
        "resamplingRootMeanSquareErrorMetres": mean_square,
        "minimumMetres": low,
        "maximumMetres": high,
        "size": {"x": side, "y": step * FULL, "z": side},
        "byteOrder": "little-endian (Windows)",
        "rawRowOrder": "south-first",
        "pictureRowOrder": "north-first",
        "formula": "metres = position.y + value / 65536 * size.y",
        "axes": "x east, y up, z north",
        "layers": list(names),
        "materials": [],
    }
    with FileSet() as files:
        for window in tile_windows((size, size), tile):
            x, z = window.column, tiles - 1 - window.row
            place = "" if tiles == 1 else f"_{x}_{z}"
            stem = f"terrain{place}"
            south = heightmap.grid.origin[1] + heightmap.grid.extent[1]
            entry: dict[str, Any] = {
                "x": x,
                "z": z,
                "raw": f"{stem}.raw",
                "alphamaps": [],
                "position": {
                    "x": heightmap.grid.origin[0] + x * side,
                    "y": low,
                    "z": -south + z * side,
                },
            }
            part = values[window.rows, window.columns]
            files.write(folder / entry["raw"], np.ascontiguousarray(part[::-1]).astype("<u2").tobytes())
            texels = tuple(slice(lines.start, lines.stop - 1) for lines in (window.rows, window.columns))
            for number, image in enumerate(pack_layers(shares[:, texels[0], texels[1]])):
                name = f"alphamap_{number}.png" if tiles == 1 else f"{stem}_alphamap_{number}.png"
                files.write(folder / name, png_bytes(image, provenance))
                entry["alphamaps"].append(name)
            sidecar["tiles"].append(entry)
        if surfaces:
            materials = add_ground_materials(files, surfaces, folder / "materials", "unity", provenance)
            sidecar["materials"] = [
                {
                    "name": material["name"],
                    "metresPerTile": material["metres_per_tile"],
                    "baseColor": f"materials/{material['files']['base_color']}",
                    "normal": f"materials/{material['files']['normal']}",
                    "mask": f"materials/{material['files']['mask']}",
                }
                for material in materials
            ]
        script = (package_files("worldgen.export") / "scripts" / SCRIPT).read_bytes()
        files.write(folder / "Editor" / SCRIPT, script)
        files.write(folder / "README.txt", _readme(sidecar).encode())
        files.write(folder / "terrain.json", json_bytes(sidecar))
    return files.paths


def read_terrain(folder: Path) -> tuple[Heightmap, tuple[str, ...], NDArray[np.uint8]]:
    """Read a folder of `write_terrain`: heights within half a step, names and shares (S, N, N) of 255.

    Shares belong to the middles of the N × N quads. Tiles are joined again; rows begin in the north.

    Raises
    ------
    InputError : a file is absent, or is of another kind or size than ``terrain.json`` says.
    """
    try:
        sidecar = json.loads((folder / "terrain.json").read_text("utf-8"))
        tile, tiles = int(sidecar["heightmapResolution"]), sidecar["tiles"]
        quads = tile - 1
        count = max(int(entry["x"]) for entry in tiles) + 1
        names = tuple(sidecar["layers"])
        values = np.zeros((count * quads + 1,) * 2, np.uint16)
        shares = np.zeros((len(names), *[count * quads] * 2), np.uint8)
        for entry in tiles:
            top, left = (count - 1 - entry["z"]) * quads, entry["x"] * quads
            raw = np.frombuffer((folder / entry["raw"]).read_bytes(), "<u2").reshape(tile, tile)
            values[top : top + tile, left : left + tile] = raw[::-1]
            layers = np.dstack([read_png(folder / name) for name in entry["alphamaps"]])
            shares[:, top : top + quads, left : left + quads] = layers.transpose(2, 0, 1)[: len(names)]
        base, height = float(tiles[0]["position"]["y"]), float(sidecar["size"]["y"])
        spacing = [float(sidecar["size"][axis]) / quads for axis in "xz"]
        first = min(tiles, key=lambda entry: (int(entry["x"]), -int(entry["z"])))  # north-west
        origin = (first["position"]["x"], -(first["position"]["z"] + sidecar["size"]["z"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot read the terrain in {folder}: {error}") from error
    metres = base + values.astype(np.float64) / FULL * height
    grid = square_grid((values.shape[0], values.shape[1]), (spacing[0], spacing[1]), origin)
    return Heightmap(metres.astype(np.float32), grid), names, shares


def terrain_size(shape: tuple[int, int], maximum: int = SIZES[-1]) -> tuple[int, int]:
    """Return (heights a side of all, heights a side of a tile) for a square map.

    >>> terrain_size((1000, 1000)), terrain_size((8193, 8193))
    ((1025, 1025), (8193, 4097))

    Raises
    ------
    ExportError : the map is not square, or the maximum is not one of `SIZES`.
    """
    if shape[0] != shape[1]:
        raise ExportError(f"Unity's heightmaps are square; found {shape[0]} x {shape[1]} vertices")
    if maximum not in SIZES:
        raise ExportError(
            f"a terrain has one of {', '.join(map(str, SIZES))} heights a side; found {maximum}"
        )
    allowed = [2**power + 1 for power in range(5, 18)]
    size = nearest_size(shape[0], allowed)
    return size, min(size, maximum)


def pack_layers(shares: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return RGBA pictures (H, W, 4) of four layers each of (S, H, W); channels without a layer are 0."""
    layers, rows, columns = shares.shape
    padded = np.zeros((-(-layers // 4) * 4, rows, columns), np.uint8)
    padded[:layers] = shares
    return [np.dstack(list(padded[first : first + 4])) for first in range(0, len(padded), 4)]


def _readme(sidecar: dict[str, Any]) -> str:
    size, first = sidecar["size"], sidecar["tiles"][0]
    several = len(sidecar["tiles"]) > 1
    position = first["position"]
    return "\n".join(
        [
            "Ground for Unity's terrain. All numbers are in terrain.json too.",
            "",
            "By script: copy this folder into a project's Assets, choose Tools > Import worldgen terrain and",
            f"pick terrain.json. The script is Editor/{SCRIPT}.",
            "",
            "By hand: Terrain > Settings > Import Raw"
            + (", each tile on a terrain of its own" if several else ""),
            f"  File              {first['raw']}" + (" and so on: terrain_X_Z" if several else ""),
            "  Depth             Bit 16",
            f"  Resolution        {sidecar['heightmapResolution']}",
            "  Byte Order        Windows",
            "  Flip Vertically   off",
            f"  Terrain Size      {size['x']:.6g}, {size['y']:.6g}, {size['z']:.6g}",
            f"and its Transform's position {position['x']:.6g}, {position['y']:.6g}, {position['z']:.6g}"
            + (", others in terrain.json." if several else "."),
            "",
            f"Heights: {sidecar['minimumMetres']:.3f} to {sidecar['maximumMetres']:.3f} m. The map of",
            f"{sidecar['sourceResolution']} vertices a side was brought to this size; that moved the ground",
            f"by at most {sidecar['resamplingLargestErrorMetres']:.3f} m"
            f" ({sidecar['resamplingRootMeanSquareErrorMetres']:.3f} m root mean square).",
            "",
            "Alphamaps hold four layers each in R, G, B, A, in this order; all sum to 255:",
            *(f"  {number}  {name}" for number, name in enumerate(sidecar["layers"])),
            "",
            "A .glb of the same world that glTFast imports comes turned by half a turn: give its root the",
            "rotation 0, 180, 0 and its objects stand on this terrain.",
            "",
        ]
    )
