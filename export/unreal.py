"""Unreal's landscape: 16-bit heights, a weight map for each ground material, and what to type on import.

Unreal keeps v = 0 .. 65535 and shows ``z = location + (v - 32768) / 128 * scale`` centimetres, so the scale
and the location in ``landscape.json`` bring back the metres. An actor's landscape has 127, 253, 505, 1009,
2017, 4033 or 8129 vertices a side; the map is brought to the nearest of them over the same extent. The first
row is north and lies at the least y, which is where its glTF importer puts north too.

Names: the importer takes a file whose name holds x, y, u or v before a number for one tile of many, so no
name here does, save those of tiles.

Source: Epic, "Landscape Technical Guide" and "Importing and Exporting Landscape Heightmaps".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError, InputError
from worldgen.export.files import FileSet
from worldgen.export.ground_materials import add_ground_materials, json_bytes, png_bytes, read_png
from worldgen.export.heightmaps import quantize
from worldgen.export.images import safe_name
from worldgen.export.landscape_grids import (
    Window,
    check_layers,
    height_range,
    nearest_size,
    resample_heightmap,
    sample_linear,
    square_grid,
    stretched_grid,
    tile_windows,
    vertex_places,
    whole_shares,
)
from worldgen.export.provenance import Provenance
from worldgen.heightmap import Heightmap
from worldgen.materials import Surface

SIZES = (127, 253, 505, 1009, 2017, 4033, 8129)
MIDDLE = 32768  # the value that lies at the landscape's location
_STEPS = 128  # values a centimetre at scale 1; at scale 100 a metre has 128


def write_landscape(
    heightmap: Heightmap,
    names: Sequence[str],
    weights: NDArray[np.float32],
    folder: Path,
    *,
    surfaces: Sequence[Surface] = (),
    provenance: Provenance | None = None,
    tile: int | None = None,
    overlap: int = 1,
) -> list[Path]:
    """Write heights, weights and materials for one landscape, or for tiles of it.

    Parameters
    ----------
    names, weights : S ground materials and their weights (S, H, W) on the heightmap's vertices.
    surfaces : the materials themselves, which go to ``materials/``.
    provenance : told by the sidecar and by each picture.
    tile : vertices a side of a tile, one of `SIZES`; the map is brought to as many tiles as fit best. All
        share one range of heights.
    overlap : vertices that neighbouring tiles share. 1 for landscapes that lie side by side, whose edges are
        then equal to the bit. 0 for the importer of a level with World Partition, which joins tiles as they
        are, without overlap.

    Returns
    -------
    The files; ``landscape.json`` and ``README.txt`` last.
    """
    check_layers(heightmap, names, weights, surfaces)
    shape = landscape_shape(heightmap.grid.shape, tile, overlap)
    elevation, largest, mean_square = resample_heightmap(heightmap, shape)
    low, high = height_range(elevation)
    values, step, _ = quantize(elevation, (low, high))
    places = [vertex_places(count, size) for count, size in zip(shape, heightmap.grid.shape, strict=True)]
    shares = whole_shares(sample_linear(weights, *places))
    windows = [Window(0, 0, slice(None), slice(None))] if tile is None else tile_windows(shape, tile, overlap)
    across, down = stretched_grid(heightmap, shape)
    layers = [(name, untiled_name(f"weight_{name}")) for name in names]
    sidecar: dict[str, Any] = {
        "provenance": provenance.as_dictionary() if provenance else None,
        "format": "unreal landscape",
        "version": 1,
        "rows": shape[0],
        "columns": shape[1],
        "source_rows": heightmap.grid.shape[0],
        "source_columns": heightmap.grid.shape[1],
        "resampling_largest_error_metres": largest,
        "resampling_root_mean_square_error_metres": mean_square,
        "minimum_metres": low,
        "maximum_metres": high,
        "scale": [across * 100, down * 100, step * 100 * _STEPS],
        "location_centimetres": [
            heightmap.grid.origin[0] * 100,
            heightmap.grid.origin[1] * 100,
            (low + MIDDLE * step) * 100,
        ],
        "formula": "metres = location_z / 100 + (value - 32768) * scale_z / 12800",
        "axes": "x east, y south, z up; row 0 is north, column 0 west",
        "tile_overlap": None if tile is None else overlap,
        "tiles": [],
        "layers": [name for name, _ in layers],
        "materials": "materials/materials.json" if surfaces else None,
    }
    with FileSet() as files:
        for window in windows:
            place = "" if tile is None else f"_x{window.column}_y{window.row}"
            part = np.ascontiguousarray(values[window.rows, window.columns])
            png, r16 = f"height{place}.png", f"height{place}.r16"
            weight_files = {name: f"{stem}{place}.png" for name, stem in layers}
            files.write(folder / png, png_bytes(part, provenance))
            files.write(folder / r16, part.astype("<u2").tobytes())
            for (name, _), share in zip(layers, shares, strict=True):
                files.write(
                    folder / weight_files[name], png_bytes(share[window.rows, window.columns], provenance)
                )
            sidecar["tiles"].append(
                {
                    "row": window.row,
                    "column": window.column,
                    "location_centimetres": _tile_location(sidecar, window),
                    "png": png,
                    "r16": r16,
                    "weights": weight_files,
                }
            )
        if surfaces:
            add_ground_materials(files, surfaces, folder / "materials", "unreal", provenance)
        files.write(folder / "README.txt", _readme(sidecar).encode())
        files.write(folder / "landscape.json", json_bytes(sidecar))
    return files.paths


def read_landscape(folder: Path) -> tuple[Heightmap, tuple[str, ...], NDArray[np.uint8]]:
    """Read a folder of `write_landscape`: heights within half a step, names and shares (S, H, W) of 255.

    Tiles are joined again.

    Raises
    ------
    InputError : a file is absent, or is of another kind or size than ``landscape.json`` says.
    """
    try:
        sidecar = json.loads((folder / "landscape.json").read_text("utf-8"))
        shape, names = (int(sidecar["rows"]), int(sidecar["columns"])), tuple(sidecar["layers"])
        across, down, up = (value / 100 for value in sidecar["scale"])
        x, z, y = (value / 100 for value in sidecar["location_centimetres"])
        values = np.zeros(shape, np.uint16)
        shares = np.zeros((len(names), *shape), np.uint8)
        for tile in sidecar["tiles"]:
            part = read_png(folder / tile["png"])
            step = [length - (sidecar["tile_overlap"] or 0) for length in part.shape]
            top, left = tile["row"] * step[0], tile["column"] * step[1]
            here = (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))
            values[here] = part
            for layer, name in enumerate(names):
                shares[layer][here] = read_png(folder / tile["weights"][name])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot read the landscape in {folder}: {error}") from error
    metres = y + (values.astype(np.float64) - MIDDLE) * (up / _STEPS)
    grid = square_grid(shape, (across, down), (x, z))
    return Heightmap(metres.astype(np.float32), grid), names, shares


def landscape_shape(shape: tuple[int, int], tile: int | None = None, overlap: int = 1) -> tuple[int, int]:
    """Vertices of the landscape that is nearest in ratio to a map's (rows, columns).

    Raises
    ------
    ExportError : the tile is none of `SIZES`, or the overlap neither 0 nor 1.
    """
    if overlap not in (0, 1):
        raise ExportError(f"tiles share 0 or 1 vertices; found {overlap}")
    if tile is None:
        return nearest_size(shape[0], SIZES), nearest_size(shape[1], SIZES)
    if tile not in SIZES:
        raise ExportError(f"a tile has one of {', '.join(map(str, SIZES))} vertices a side; found {tile}")
    rows, columns = (max(1, round((size - overlap) / (tile - overlap))) for size in shape)
    return rows * (tile - overlap) + overlap, columns * (tile - overlap) + overlap


def untiled_name(text: str) -> str:
    """A safe file stem that the importer does not take for one tile of many.

    >>> untiled_name("weight_clay2")
    'weight_clay_2'
    """
    return re.sub(r"(?i)([uvxy])(?=-?\d)", r"\1_", safe_name(text))


def _tile_location(sidecar: dict[str, Any], window: Window) -> list[float]:
    x, y, z = sidecar["location_centimetres"]
    across, down, _ = sidecar["scale"]
    return [x + (window.columns.start or 0) * across, y + (window.rows.start or 0) * down, z]


def _readme(sidecar: dict[str, Any]) -> str:
    scale = ", ".join(f"{value:.6g}" for value in sidecar["scale"])
    tiles = sidecar["tiles"]
    first = tiles[0]
    location = ", ".join(f"{value:.6g}" for value in first["location_centimetres"])
    lines = [
        "Ground for Unreal's landscape. All numbers are in landscape.json too.",
        "",
        "Landscape mode > Manage > New > Import from File:",
        f"  Heightmap File   {first['png']} (or {first['r16']}, little-endian)",
        f"  Location         {location}",
        "  Rotation         0, 0, 0",
        f"  Scale            {scale}",
        f"  Resolution       {sidecar['columns']} x {sidecar['rows']}"
        + (" in all" if len(tiles) > 1 else ""),
        "  Flip Y Axis      off",
        "",
        f"Heights run from {sidecar['minimum_metres']:.3f} to {sidecar['maximum_metres']:.3f} m. The map of",
        f"{sidecar['source_columns']} x {sidecar['source_rows']} vertices was brought to this size; that",
        f"moved the ground by at most {sidecar['resampling_largest_error_metres']:.3f} m"
        f" ({sidecar['resampling_root_mean_square_error_metres']:.3f} m root mean square).",
        "",
        "Layers: give the landscape a material with a LandscapeLayerBlend layer for each name, of blend type",
        "LB Weight Blend, create its layer info (weight-blended) and choose its file:",
        *(f"  {name:<16} {file}" for name, file in first["weights"].items()),
        "The weights of a texel sum to 255.",
        "",
    ]
    if sidecar["materials"]:
        lines += [
            "materials/ holds the tileable textures of each layer: base color (sRGB), normal (DirectX, -Y),",
            "ORM (occlusion, roughness, metallic; untick sRGB), height. materials.json says how many metres",
            "a tile is wide: LandscapeLayerCoords takes metres_per_tile * 100 / scale as its mapping scale.",
            "",
        ]
    if sidecar["tile_overlap"] == 1:
        lines += [
            f"{len(tiles)} tiles that share the vertices of their edges: one landscape each, at the location",
            "that landscape.json gives for it. All have one scale.",
            "",
        ]
    elif sidecar["tile_overlap"] == 0:
        lines += [
            f"{len(tiles)} tiles without overlap: choose any of them and the importer joins all. Keep other",
            "files out of their folder while importing.",
            "",
        ]
    return "\n".join(lines)
