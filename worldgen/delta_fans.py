"""Loops over the cells of a delta: its head, what it covers, its channels. `worldgen.deltas` is the door.

A ``fan`` is (7,) float64: row and column of the river's mouth and of the delta's head, bearing of its axis in
radians, spacing in metres, slope of its plain.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen import flow
from worldgen.kernel import kernel

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Metres of the rim above the sea; slope of the front.
RIM, FRONT_SLOPE = 0.25, 0.17


@kernel
def head_of(
    heights: FloatArray,
    receivers: flow.IntArray,
    area: FloatArray,
    mouth: int,
    width: int,
    level: float,
    steps: int,
) -> int:
    """Return the cell, up the main stream from a mouth, where the ground has risen to ``level``."""
    cell = mouth
    for _ in range(steps):
        upstream, most = cell, 0.0
        for offset in flow.neighbour_offsets(width):
            if receivers[cell + offset] == cell and area[cell + offset] > most:
                upstream, most = cell + offset, area[cell + offset]
        if upstream == cell or heights[upstream] > level:
            break
        cell = upstream
    return int(cell)


@kernel
def _polar(row: float, column: float, axis: float, spacing: float) -> tuple[float, float]:
    """Distance in metres and bearing off the axis, -pi to pi, of cells from a delta's head."""
    bearing = math.atan2(row, column) - axis
    bearing -= 2 * math.pi * math.floor(bearing / (2 * math.pi) + 0.5)
    return spacing * math.sqrt(row * row + column * column), bearing


@kernel
def _rim_at(rims: FloatArray, bearing: float) -> float:
    place = (bearing + math.pi) / (2 * math.pi) * (rims.size - 1)
    index = min(int(place), rims.size - 2)
    return float(rims[index] + (place - index) * (rims[index + 1] - rims[index]))


@kernel
def _surface(fan: FloatArray, rims: FloatArray, radius: float, row: int, column: int) -> tuple[float, float]:
    """Height above the sea of a delta at a cell, and how far within its rim that lies, metres."""
    distance, bearing = _polar(row - fan[2], column - fan[3], fan[4], fan[5])
    inside = radius * _rim_at(rims, bearing) - distance
    return RIM + (fan[6] if inside > 0.0 else FRONT_SLOPE) * inside, inside


@kernel
def cover(
    ground: FloatArray,
    laid: BoolArray,
    scratch: flow.IntArray,
    fan: FloatArray,
    rims: FloatArray,
    radius: float,
) -> tuple[int, float]:
    """Find a delta's cells, all that it reaches from its mouth.

    Parameters
    ----------
    scratch : (2, H * W + 1) marks of cells, with the last mark given at the end; the cells found.
    rims : (A,) radius by bearing, in parts of ``radius``, metres.

    Returns
    -------
    Number of cells, and the volume, m³.
    """
    rows, columns = ground.shape
    seen, cells = scratch[0], scratch[1]
    seen[-1] += 1
    mark = seen[-1]
    cells[0] = int(fan[0]) * columns + int(fan[1])
    seen[cells[0]] = mark
    count, head, volume = 1, 0, 0.0
    while head < count:
        at, across = cells[head] // columns, cells[head] % columns
        head += 1
        for down in range(-1, 2):
            for right in range(-1, 2):
                i, j = at + down, across + right
                if not (0 <= i < rows and 0 <= j < columns) or laid[i, j] or seen[i * columns + j] == mark:
                    continue
                height = _surface(fan, rims, radius, i, j)[0] - ground[i, j]
                if height > 0.0:
                    volume += height * fan[5] * fan[5]
                    seen[i * columns + j] = mark
                    cells[count] = i * columns + j
                    count += 1
    return count, volume


@kernel
def lay(
    ground: FloatArray,
    laid: BoolArray,
    scratch: flow.IntArray,
    fan: FloatArray,
    rims: FloatArray,
    radius: float,
) -> int:
    """Raise the ground to a delta, in place, and mark its plain in ``laid``; arguments as in `cover`.

    Returns
    -------
    Number of the delta's cells, which ``scratch[1]`` starts with.
    """
    columns = ground.shape[1]
    count, _ = cover(ground, laid, scratch, fan, rims, radius)
    for cell in scratch[1, :count]:
        i, j = cell // columns, cell % columns
        height, inside = _surface(fan, rims, radius, i, j)
        ground[i, j] = max(height, ground[i, j])
        laid[i, j] = inside > 0.0
    return count


@kernel
def carve(
    ground: FloatArray, channels: BoolArray, line: FloatArray, half: FloatArray, depth: FloatArray
) -> None:
    """Cut channels into the ground, in place, and mark them; where they meet, the deeper counts.

    Parameters
    ----------
    line : (N, 2) rows and columns of their middle, less than a cell apart.
    half : (N,) cells from there to the banks.
    depth : (N,) metres.
    """
    reach = int(half.max()) + 1
    top, left = int(line[:, 0].min()) - reach, int(line[:, 1].min()) - reach
    cut = np.zeros((int(line[:, 0].max()) + reach + 2 - top, int(line[:, 1].max()) + reach + 2 - left))
    for point in range(line.shape[0]):
        for i in range(int(line[point, 0]) - reach, int(line[point, 0]) + reach + 2):
            for j in range(int(line[point, 1]) - reach, int(line[point, 1]) + reach + 2):
                square = ((i - line[point, 0]) ** 2 + (j - line[point, 1]) ** 2) / half[point] ** 2
                cut[i - top, j - left] = max(cut[i - top, j - left], depth[point] * (1.0 - square))
    for i in range(max(top, 0), min(top + cut.shape[0], ground.shape[0])):
        for j in range(max(left, 0), min(left + cut.shape[1], ground.shape[1])):
            if cut[i - top, j - left] > 0.0:
                ground[i, j] -= cut[i - top, j - left]
                channels[i, j] = True
