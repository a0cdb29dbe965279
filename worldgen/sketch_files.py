"""Read a sketch: heights from an elevation file, ridges and rivers from GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.dem import read_dem
from worldgen.errors import InputError, nearest
from worldgen.sketch import Sketch

FloatArray = NDArray[np.float64]

_KINDS = ("ridge", "river")


def read_sketch(
    elevation: Path | None,
    lines: Path | None,
    *,
    width: float,
    levels: tuple[float, float] = (0.0, 1000.0),
    base: float = 0.0,
    centre: tuple[float, float] = (0.0, 0.0),
) -> Sketch:
    """Read a sketch from one or both of its files.

    Parameters
    ----------
    elevation : file for `worldgen.read_dem`; cells without data leave the land free.
    lines : GeoJSON, see `read_lines`.
    width : metres that the shorter side of the heights spans.
    levels : metres of a PNG's values 0 and 65535.
    base : metres that are taken off all heights.
    centre : x, z in metres of the middle of the heights and of the lines' origin.

    Raises
    ------
    InputError : a file cannot be read, or nothing is drawn in it.
    """
    ridges, rivers = ([], []) if lines is None else read_lines(lines)
    ridges, rivers = ([line + centre for line in kind] for kind in (ridges, rivers))
    if elevation is None:
        return Sketch(ridges=ridges, rivers=rivers)
    low, high = levels if Path(elevation).suffix.lower() == ".png" else (0.0, 65535.0)
    source = read_dem(elevation, spacing=1.0, scale=(high - low) / 65535, offset=low)
    heights = np.where(source.nodata, np.nan, source.elevation.astype(np.float64) - base)
    spacing = width / min(heights.shape)
    origin = (
        centre[0] - (heights.shape[1] - 1) / 2 * spacing,
        centre[1] - (heights.shape[0] - 1) / 2 * spacing,
    )
    return Sketch(heights, spacing, origin, ridges, rivers)


def read_lines(path: Path | str) -> tuple[list[FloatArray], list[FloatArray]]:
    """Read ridges and rivers, (N, 2) x, z metres each, from a GeoJSON file.

    It is a FeatureCollection of LineStrings whose property ``kind`` is ridge or river, with coordinates in
    metres to the east and to the north; z grows to the south.

    Raises
    ------
    InputError : the file is absent or no such GeoJSON.
    """
    file = Path(path)
    try:
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
        found = [(feature["properties"]["kind"], feature["geometry"]) for feature in features]
        kinds = [(str(kind), geometry["type"], geometry["coordinates"]) for kind, geometry in found]
    except FileNotFoundError:
        raise InputError(f"file of lines not found: {file}") from None
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} is no GeoJSON of features with a geometry and a property 'kind': {error!r}"
        ) from None
    lines: dict[str, list[FloatArray]] = {kind: [] for kind in _KINDS}
    for kind, shape, coordinates in kinds:
        if kind not in lines:
            raise InputError(f"{file}: found kind '{kind}'; {nearest(kind, _KINDS)}")
        if shape != "LineString":
            raise InputError(f"{file}: found a {shape}; allowed: LineString")
        try:
            points = np.array([point[:2] for point in coordinates], dtype=np.float64).reshape(-1, 2)
        except (ValueError, TypeError) as error:
            raise InputError(f"{file}: a {kind} has coordinates that are no numbers: {error}") from None
        lines[kind].append(points * (1.0, -1.0))
    return lines["ridge"], lines["river"]
