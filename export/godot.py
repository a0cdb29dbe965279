"""Godot's Terrain3D: heights in metres, a control map, textures, and an editor script that imports them.

Heights are an EXR of 32-bit floats, which keep metres as they are, and an R16 with its range in
``terrain.json`` (Godot reads PNG as 8 bits, so there is none). The control map is one unsigned integer a
vertex, whose bits stand in an EXR of floats: the strongest ground material, the second, and the share of the
second of both. Axes are our own: x east, y up, z south, the first row north.

Terrain3D keeps squares of ``region_size`` vertices whose corners are multiples of it; the script pads the map
to whole ones with holes.

Source: Terrain3D's documentation, "Control Map Format" and "Importing & Exporting Data", and its source of
version 1.0.1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError, InputError
from worldgen.export.exr import decode_exr, encode_exr
from worldgen.export.files import FileSet
from worldgen.export.ground_materials import add_ground_materials, json_bytes
from worldgen.export.heightmaps import quantize
from worldgen.export.landscape_grids import check_layers, height_range
from worldgen.export.provenance import Provenance
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.materials import Surface

REGION_SIZES = (256, 512, 1024, 2048, 128, 64)  # 256 is Terrain3D's own choice
_REGIONS = 16  # that lie on each side of the world's origin
_SPACING = (0.25, 100.0)  # what Terrain3D clamps to
MATERIALS = 32
Control = NDArray[np.uint32]
SCRIPT = "import_terrain.gd"


def write_terrain(
    heightmap: Heightmap,
    names: Sequence[str],
    weights: NDArray[np.float32],
    folder: Path,
    *,
    surfaces: Sequence[Surface] = (),
    provenance: Provenance | None = None,
) -> list[Path]:
    """Write heights, control map and materials.

    Parameters
    ----------
    names, weights : S ground materials and their weights (S, H, W) on the heightmap's vertices.
    surfaces : the materials themselves, which go to ``materials/``.
    provenance : told by the sidecar and by each picture.

    Raises
    ------
    ExportError : Terrain3D has no room for so many materials or vertices, or for such a spacing.
    """
    check_layers(heightmap, names, weights, surfaces)
    control = control_map(weights)
    low, high = height_range(heightmap.elevation)
    values, _, _ = quantize(heightmap.elevation, (low, high))
    rows, columns = heightmap.grid.shape
    sidecar: dict[str, Any] = {
        "provenance": provenance.as_dictionary() if provenance else None,
        "format": "terrain3d",
        "version": 1,
        "rows": rows,
        "columns": columns,
        "height_exr": "height.exr",
        "control_exr": "control.exr",
        "height_r16": "height.r16",
        "r16_range": [low, high],
        "byte_order": "little",
        **region_layout(heightmap.grid),
        "origin_metres": list(heightmap.grid.origin),
        "axes": "x east, y up, z south; row 0 is north, column 0 west",
        "layers": list(names),
        "materials": [],
    }
    with FileSet() as files:
        files.write(folder / "height.exr", encode_exr(heightmap.elevation))
        files.write(folder / "height.r16", values.astype("<u2").tobytes())
        files.write(folder / "control.exr", encode_exr(control))
        if surfaces:
            for material in add_ground_materials(files, surfaces, folder / "materials", "godot", provenance):
                entry = {"name": material["name"], "metres_per_tile": material["metres_per_tile"]}
                for role in ("albedo_height", "normal_roughness"):
                    entry[role] = f"materials/{material['files'][role]}"
                sidecar["materials"].append(entry)
        script = (package_files("worldgen.export") / "scripts" / SCRIPT).read_bytes()
        files.write(folder / SCRIPT, script)
        files.write(folder / "README.txt", _readme(sidecar).encode())
        files.write(folder / "terrain.json", json_bytes(sidecar))
    return files.paths


def read_terrain(folder: Path) -> tuple[Heightmap, tuple[str, ...], NDArray[np.uint32]]:
    """Read a folder of `write_terrain`: heights to the bit, names of materials, control map (H, W).

    Raises
    ------
    InputError : a file is absent, or is of another kind or size than ``terrain.json`` says.
    """
    try:
        sidecar = json.loads((folder / "terrain.json").read_text("utf-8"))
        shape = (int(sidecar["rows"]), int(sidecar["columns"]))
        grid = Grid(shape, float(sidecar["vertex_spacing"]), tuple(sidecar["origin_metres"]))
        elevation = decode_exr((folder / sidecar["height_exr"]).read_bytes())
        control = decode_exr((folder / sidecar["control_exr"]).read_bytes()).view(np.uint32)
        names = tuple(sidecar["layers"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot read the terrain in {folder}: {error}") from error
    if control.shape != shape:
        raise InputError(f"{folder}: the control map is {control.shape}, terrain.json says {shape}")
    return Heightmap(elevation, grid), names, control


def control_map(weights: NDArray[np.float32]) -> Control:
    """(H, W) control bits of weights (S, H, W): the two strongest materials, and their blend.

    Of materials that are equally strong the first counts. Whatever a third one had is lost: Terrain3D blends
    two at a vertex.

    Raises
    ------
    ExportError : there are more than 32 materials.
    """
    layers = len(weights)
    if layers > MATERIALS:
        raise ExportError(f"Terrain3D has at most {MATERIALS} textures; found {layers} ground materials")
    control = np.empty(weights.shape[1:], np.uint32)
    for row, shares in enumerate(weights.transpose(1, 2, 0)):  # row by row, which stays in the cache
        columns = np.arange(len(shares))
        base = shares.argmax(axis=1)
        others = shares.copy()
        others[columns, base] = -1
        overlay = others.argmax(axis=1)
        first, second = shares[columns, base].astype(np.float64), shares[columns, overlay].astype(np.float64)
        blend = np.rint(255 * second / np.maximum(first + second, 1e-9)) if layers > 1 else 0 * first
        control[row] = base << 27 | overlay << 22 | blend.astype(np.int64) << 14
    return control


def control_weights(control: NDArray[np.uint32], layers: int) -> NDArray[np.float32]:
    """(S, H, W) weights that a control map shows; the inverse of `control_map` for two materials a vertex."""
    base, overlay = control >> np.uint32(27), control >> np.uint32(22) & np.uint32(31)
    blend = (control >> np.uint32(14) & np.uint32(255)).astype(np.float32) / np.float32(255)
    number = np.arange(layers, dtype=np.uint32)[:, None, None]
    return np.asarray((number == base) * (1 - blend) + (number == overlay) * blend, np.float32)


def region_layout(grid: Grid) -> dict[str, Any]:
    """How a map lies in Terrain3D's regions.

    Returns
    -------
    ``region_size``, the first of `REGION_SIZES` that begins a region at the map's corner, or else the first
    that fits; ``vertex_spacing``; ``position``, metres of the padded map's corner; ``padded_rows`` and
    ``padded_columns``; ``first_row`` and ``first_column`` of the map within; and ``shift_metres``, how far
    the ground lies from where it should, for vertices lie on multiples of the spacing: add it to objects.

    Raises
    ------
    ExportError : no region size holds the map, or the spacing is out of reach.
    """
    low, high = _SPACING
    if not low <= grid.spacing <= high:
        raise ExportError(f"Terrain3D's vertex spacing is {low} to {high} m; found {grid.spacing}")
    # Rounded first: -256.00000001 must not become -257.
    corner = [math.floor(round(place / grid.spacing, 6)) for place in grid.origin]  # columns, rows
    counts = grid.shape[::-1]
    fitting = [size for size in REGION_SIZES if _fits(corner, counts, size)]
    if not fitting:
        raise ExportError(
            f"Terrain3D holds {2 * _REGIONS} regions of {max(REGION_SIZES)} vertices a side around the "
            f"origin; this map of {grid.shape} vertices begins at {corner}"
        )
    size = next((size for size in fitting if not any(place % size for place in corner)), fitting[0])
    starts = [place // size * size for place in corner]
    first = [place - start for place, start in zip(corner, starts, strict=True)]
    padded = [-(-(before + count) // size) * size for before, count in zip(first, counts, strict=True)]
    shift = [place * grid.spacing - origin for place, origin in zip(corner, grid.origin, strict=True)]
    return {
        "region_size": size,
        "vertex_spacing": grid.spacing,
        "position": [starts[0] * grid.spacing, 0.0, starts[1] * grid.spacing],
        "padded_rows": padded[1],
        "padded_columns": padded[0],
        "first_row": first[1],
        "first_column": first[0],
        "shift_metres": [shift[0], 0.0, shift[1]],
    }


def _fits(corner: Sequence[int], counts: Sequence[int], size: int) -> bool:
    limit = _REGIONS * size
    return all(
        place >= -limit and place + count <= limit for place, count in zip(corner, counts, strict=True)
    )


def _readme(sidecar: dict[str, Any]) -> str:
    low, high = sidecar["r16_range"]
    spacing = sidecar["vertex_spacing"]
    x = sidecar["position"][0] / spacing + sidecar["first_column"]
    z = sidecar["position"][2] / spacing + sidecar["first_row"]
    shift = sidecar["shift_metres"]
    moved = [
        "Vertices lie on whole multiples of the spacing here, so move the objects of the .glb by",
        f"{shift[0]:g}, 0, {shift[2]:g} m.",
        "",
    ]
    return "\n".join(
        [
            "Ground for Godot 4 with the add-on Terrain3D (1.0 or later). Numbers are in terrain.json too.",
            "",
            "By script: copy this folder into the project, open a 3D scene, open import_terrain.gd in the",
            "script editor and choose File > Run. It makes a Terrain3D node with heights and textures.",
            "",
            "By hand, in addons/terrain_3d/tools/importer.tscn:",
            f"  Region Size         {sidecar['region_size']}",
            f"  Vertex Spacing      {spacing:g}",
            "  Height File Name    height.exr",
            "  Control File Name   control.exr",
            f"  Import Position     {x:g}, {z:g}",
            "  Import Scale        1",
            "  Height Offset       0",
            "The rest of the last regions is then ground at height 0; the script makes it a hole.",
            "",
            f"height.r16 holds the heights in steps of {(high - low) / 65535:.4g} m instead:",
            f"  R16 Range           {low:.6g}, {high:.6g}",
            f"  R16 Size            {sidecar['columns']}, {sidecar['rows']}",
            "",
            *(moved if any(shift) else []),
            "Texture ids of the control map:",
            *(f"  {number}  {name}" for number, name in enumerate(sidecar["layers"])),
            "",
        ]
    )
