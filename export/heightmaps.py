"""Heightmaps for engines: 16-bit gray PNG and R16 (raw little-endian uint16), with a JSON sidecar.

Both keep integers, so metres live in the sidecar ``NAME.png.json``: ``metres = offset + scale * value``. The
first row is north, the first value of a row west. PNG stores its 16 bits big-endian by its own rule; readers
undo that.

Where the map comes from stands in the PNG as an XMP packet, and in both sidecars as ``provenance``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worldgen.errors import ExportError, InputError
from worldgen.export.files import FileSet
from worldgen.export.images import encode_png
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

if TYPE_CHECKING:
    from worldgen.export.provenance import Provenance

LEVELS = 65535
Quantized = NDArray[np.uint16]


def quantize(
    elevation: NDArray[np.float32], value_range: tuple[float, float] | None = None
) -> tuple[Quantized, float, float]:
    """Return (values, scale, offset) with ``elevation = offset + scale * values``, each within half a scale.

    Parameters
    ----------
    elevation : (H, W) metres.
    value_range : metres of the values 0 and 65535; None takes the map's own minimum and maximum. Tiles that
        lie side by side need a common range, or their edges differ.

    Raises
    ------
    ExportError : the range is empty or does not hold the elevation.
    """
    minimum, maximum = float(elevation.min()), float(elevation.max())
    low, high = value_range or (minimum, maximum)
    if not (np.isfinite(low) and np.isfinite(high) and low <= high and (value_range is None or low < high)):
        raise ExportError(f"a heightmap's range must rise from low to high metres; found {low} .. {high}")
    if minimum < low or maximum > high:
        raise ExportError(
            f"elevation reaches from {minimum:.3f} to {maximum:.3f} m, outside of the range {low} .. {high} m"
        )
    scale = (high - low) / LEVELS or 1.0  # a flat map is all zeros, whatever the scale
    values = np.round((elevation.astype(np.float64) - low) / scale)
    return np.clip(values, 0, LEVELS).astype(np.uint16), scale, low


def write_heightmap_png(
    heightmap: Heightmap,
    path: Path,
    *,
    sea_level: float | None = None,
    value_range: tuple[float, float] | None = None,
    provenance: Provenance | None = None,
) -> list[Path]:
    """Write a 16-bit gray PNG without alpha and its sidecar; return both paths.

    Parameters
    ----------
    sea_level : metres, noted in the sidecar; None where there is no sea.
    value_range : as in `quantize`.
    provenance : where the map comes from; None says nothing.
    """
    values, scale, offset = quantize(heightmap.elevation, value_range)
    data = encode_png(values, provenance.xmp() if provenance else b"")
    sidecar = heightmap_sidecar(heightmap, "png16", "big", scale, offset, sea_level, provenance)
    return _write(path, data, sidecar)


def write_r16(
    heightmap: Heightmap,
    path: Path,
    *,
    sea_level: float | None = None,
    value_range: tuple[float, float] | None = None,
    provenance: Provenance | None = None,
) -> list[Path]:
    """Write raw little-endian uint16, row after row, and its sidecar.

    Arguments as in `write_heightmap_png`.
    """
    values, scale, offset = quantize(heightmap.elevation, value_range)
    sidecar = heightmap_sidecar(heightmap, "r16", "little", scale, offset, sea_level, provenance)
    return _write(path, values.astype("<u2").tobytes(), sidecar)


def read_heightmap_png(path: Path) -> Heightmap:
    """Read a PNG that `write_heightmap_png` wrote, within half a step of the sidecar's scale.

    Raises
    ------
    InputError : a file is absent, is not 16-bit gray, or does not fit its sidecar.
    """
    sidecar = read_sidecar(path, "png16")
    try:
        with Image.open(path) as image:
            if not image.mode.startswith("I"):
                raise InputError(f"{path} is not a 16-bit gray PNG; its mode is {image.mode}")
            values = np.asarray(image)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _restore(path, values, sidecar)


def read_r16(path: Path) -> Heightmap:
    """Read what `write_r16` wrote; errors as in `read_heightmap_png`."""
    sidecar = read_sidecar(path, "r16")
    try:
        values = np.frombuffer(path.read_bytes(), "<u2")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return _restore(path, values, sidecar)


def sidecar_path(path: Path) -> Path:
    """Path of a heightmap's sidecar: ``NAME.png.json``, so that a PNG and an R16 of one name keep both."""
    return path.with_name(path.name + ".json")


def heightmap_sidecar(
    heightmap: Heightmap,
    form: str,
    byte_order: str,
    scale: float,
    offset: float,
    sea_level: float | None,
    provenance: Provenance | None = None,
) -> dict[str, Any]:
    """Return what a file of heights does not say itself: its grid, and what a value is in metres."""
    rows, columns = heightmap.grid.shape
    origin = {} if provenance is None else {"provenance": provenance.as_dictionary()}
    return {
        "format": form,
        "width": columns,
        "height": rows,
        "spacing_metres": heightmap.grid.spacing,
        "origin_metres": list(heightmap.grid.origin),
        "minimum_metres": heightmap.minimum,
        "maximum_metres": heightmap.maximum,
        "scale_metres": scale,
        "offset_metres": offset,
        "sea_level_metres": sea_level,
        "byte_order": byte_order,
        "row_order": "north-first",
        "column_order": "west-first",
        "formula": "metres = offset_metres + scale_metres * value",
        **origin,
    }


def _write(path: Path, data: bytes, sidecar: dict[str, Any]) -> list[Path]:
    with FileSet() as files:
        files.write(sidecar_path(path), (json.dumps(sidecar, indent=2, allow_nan=False) + "\n").encode())
        files.write(path, data)
    return files.paths[::-1]


def read_sidecar(path: Path, form: str) -> dict[str, Any]:
    """Read the sidecar of a file of heights.

    Raises
    ------
    InputError : it is absent, unreadable, or describes another format.
    """
    file = sidecar_path(path)
    try:
        sidecar: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the heightmap's sidecar {file}: {error}") from error
    if sidecar.get("format") != form:
        raise InputError(f"{file} describes the format {sidecar.get('format')!r}; expected '{form}'")
    return sidecar


def sidecar_grid(path: Path, sidecar: dict[str, Any]) -> Grid:
    """Return the grid that a sidecar tells; ``path`` is the file of heights, for the message of an error."""
    try:
        shape = (int(sidecar["height"]), int(sidecar["width"]))
        origin_x, origin_z = sidecar["origin_metres"]
        return Grid(shape, float(sidecar["spacing_metres"]), (float(origin_x), float(origin_z)))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{sidecar_path(path)} lacks a value or holds a wrong one: {error}") from error


def _restore(path: Path, values: NDArray[Any], sidecar: dict[str, Any]) -> Heightmap:
    grid = sidecar_grid(path, sidecar)
    try:
        scale, offset = float(sidecar["scale_metres"]), float(sidecar["offset_metres"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{sidecar_path(path)} lacks a value or holds a wrong one: {error}") from error
    shape = grid.shape
    if values.size != shape[0] * shape[1] or (values.ndim == 2 and values.shape != shape):
        raise InputError(f"{path} holds {values.shape} values, its sidecar says {shape}")
    elevation = offset + scale * values.reshape(shape).astype(np.float64)
    return Heightmap(elevation.astype(np.float32), grid)
