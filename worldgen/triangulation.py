"""How a height field is cut into triangles, and the exact height of those triangles at any point.

Two rules hold everywhere, so that neighbouring chunks of one level share their border and `surface_height`
can say where the exported triangle lies:

* A level with stride s keeps rows and columns 0, s, 2s, … of the map, and always the last one.
* A quad is cut along the diagonal on which the land bends less, judged with the next vertices on either side.
  Ridges and gullies then run along edges instead of being sawn; against one fixed diagonal the root mean
  square error of an eroded map fell by 23, 15 and 14 % at strides 2, 4 and 8, of a real fjord by 17 and 10 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.grid import Grid

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]


def kept_lines(first: int, last: int, stride: int) -> IndexArray:
    """Return the rows (or columns) from `first` to `last` that a level with this stride keeps."""
    lines = np.arange(first, last + 1, stride)
    return lines if lines[-1] == last else np.append(lines, last)


def quad_diagonals(elevation: Float32Array, stride: int = 1) -> BoolArray:
    """Return, for each quad of a level, True where it is cut from north-west to south-east, else False.

    The shape is (rows - 1, columns - 1) of the kept lines.
    """
    rows, columns = (kept_lines(0, size - 1, stride) for size in elevation.shape)
    return cut_south_east(
        elevation, rows, columns, np.arange(len(rows) - 1)[:, None], np.arange(len(columns) - 1)
    )


def cut_south_east(
    elevation: Float32Array, rows: IndexArray, columns: IndexArray, row: IndexArray, column: IndexArray
) -> BoolArray:
    """Say how quads are cut, given the kept lines and the quads' places among them (broadcast together)."""
    before, after = rows[np.maximum(row - 1, 0)], rows[np.minimum(row + 2, len(rows) - 1)]
    left, right = columns[np.maximum(column - 1, 0)], columns[np.minimum(column + 2, len(columns) - 1)]
    north, south, west, east = rows[row], rows[row + 1], columns[column], columns[column + 1]
    # Float32 throughout, as the heights are: the same sums in the same order wherever this is asked.
    falling = (
        elevation[before, left] - elevation[north, west] - elevation[south, east] + elevation[after, right]
    )
    rising = (
        elevation[before, right] - elevation[north, east] - elevation[south, west] + elevation[after, left]
    )
    return np.asarray(np.abs(falling) <= np.abs(rising))


def coarse_elevation(elevation: Float32Array, stride: int) -> Float32Array:
    """Return (H, W) float32, metres: height of the triangles with this stride at every vertex of the map."""
    rows, columns = (np.arange(size, dtype=np.float64) for size in elevation.shape)
    heights, _, _ = _triangles(elevation, rows[:, None], columns, stride, quad_diagonals(elevation, stride))
    return heights.astype(np.float32)


def surface_height(
    elevation: Float32Array, grid: Grid, x: FloatArray, z: FloatArray, *, stride: int = 1
) -> FloatArray:
    """Return the height in metres of the exported triangles under (or over) points.

    Parameters
    ----------
    elevation : (H, W) float32, metres.
    x, z : (N,) world metres; points outside take the height of the nearest point of the border.
    stride : of the level of detail that is shown.
    """
    rows, columns = grid.to_cells(np.asarray(x, np.float64), np.asarray(z, np.float64))
    return _triangles(elevation, rows, columns, stride)[0]


def surface_normal(
    elevation: Float32Array, grid: Grid, x: FloatArray, z: FloatArray, *, stride: int = 1
) -> FloatArray:
    """Return (N, 3) unit normals of the exported triangles themselves; arguments as in `surface_height`."""
    rows, columns = grid.to_cells(np.asarray(x, np.float64), np.asarray(z, np.float64))
    _, south, east = _triangles(elevation, rows, columns, stride)
    normals = np.stack([-east / grid.spacing, np.ones_like(east), -south / grid.spacing], axis=-1)
    return np.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True))


def _triangles(
    elevation: Float32Array,
    rows: FloatArray,
    columns: FloatArray,
    stride: int,
    diagonals: BoolArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return height, and its rise per cell southwards and eastwards, at fractional rows and columns.

    ``diagonals`` of all quads saves time where points are many; without, each point asks for its own.
    """
    row_lines, row, down = _between(rows, elevation.shape[0], stride)
    column_lines, column, across = _between(columns, elevation.shape[1], stride)
    if diagonals is None:
        south_east = cut_south_east(elevation, row_lines, column_lines, row, column)
    else:
        south_east = diagonals[row, column]
    north, south = row_lines[row], row_lines[row + 1]
    west, east = column_lines[column], column_lines[column + 1]
    a, b = elevation[north, west].astype(np.float64), elevation[north, east].astype(np.float64)
    c, d = elevation[south, west].astype(np.float64), elevation[south, east].astype(np.float64)
    # Which edges bound the point's triangle: the northern or southern one, the western or eastern one.
    northern = np.where(south_east, across > down, across + down < 1)
    western = np.where(south_east, across <= down, across + down < 1)
    rise_east = np.where(northern, b - a, d - c)
    rise_south = np.where(western, c - a, d - b)
    # Measured from a corner of the triangle itself: a, or d where the cut leaves a on the other side.
    far = ~south_east & ~northern
    height = np.where(
        far,
        d - (1 - across) * rise_east - (1 - down) * rise_south,
        a + across * rise_east + down * rise_south,
    )
    return height, rise_south / (south - north), rise_east / (east - west)


def _between(place: FloatArray, size: int, stride: int) -> tuple[IndexArray, IndexArray, NDArray[Any]]:
    """Return the kept lines, the index of the one before each place, and the fraction to the next."""
    lines = kept_lines(0, size - 1, stride)
    inside = np.clip(place, 0, size - 1)
    index = np.minimum(np.floor(inside / stride).astype(np.intp), len(lines) - 2)
    before, after = lines[index], lines[index + 1]
    return lines, index, (inside - before) / (after - before)
