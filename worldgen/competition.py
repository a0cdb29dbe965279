"""Plants against plants: who stands too near to whom, what light the crowns leave, where seeds fall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.grid import Grid
from worldgen.kernel import kernel

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Share of the light that one closed crown takes, as under a beech wood in summer; two take more (Beer,
# Lambert).
CROWN_SHADE = 0.8


def stand_apart(
    points: FloatArray, species: IntArray, spacing: FloatArray, clearance: FloatArray, settled: int = 0
) -> BoolArray:
    """Return which points find room, when each in turn must keep off those that came before it.

    Parameters
    ----------
    points : (N, 2) metres, the strongest first.
    species : (N,) numbers.
    spacing : (N,) metres between two of one species; of a pair the smaller counts.
    clearance : (N,) metres that later points of other species keep from a point.
    settled : so many of the first points stay in any case.

    Returns
    -------
    (N,) bool.
    """
    alive = np.ones(len(points), bool)
    reach = float(max(spacing.max(initial=0), clearance.max(initial=0)))
    if len(points) < 2 or reach <= 0:
        return alive
    low = points.min(axis=0)
    # Bins hold few points, and a larger reach only means more bins to look through.
    size = float(np.sqrt(np.prod(points.max(axis=0) - low + 1) / len(points))) * 1.5
    size = max(min(size, reach), reach / 8)
    columns, rows = (int(length) + 1 for length in (points.max(axis=0) - low) / size)
    place = ((points - low) / size).astype(np.int64)
    bins = place[:, 1] * columns + place[:, 0]
    members = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[members], np.arange(rows * columns + 1))
    steps = int(np.ceil(reach / size))
    _stand_apart(points, species, spacing, clearance, settled, bins, members, starts, columns, steps, alive)
    return alive


@kernel
def _stand_apart(
    points: FloatArray,
    species: IntArray,
    spacing: FloatArray,
    clearance: FloatArray,
    settled: int,
    bins: IntArray,
    members: IntArray,
    starts: IntArray,
    columns: int,
    steps: int,
    alive: BoolArray,
) -> None:
    rows = (starts.size - 1) // columns
    for one in range(settled, len(points)):
        row = bins[one] // columns
        column = bins[one] - row * columns
        x, z = points[one, 0], points[one, 1]
        for near_row in range(max(row - steps, 0), min(row + steps + 1, rows)):
            first = near_row * columns + max(column - steps, 0)
            last = near_row * columns + min(column + steps, columns - 1)
            for position in range(starts[first], starts[last + 1]):
                other = members[position]
                if other >= one or not alive[other]:
                    continue
                if species[other] == species[one]:
                    keep = min(spacing[one], spacing[other])
                else:
                    keep = clearance[other]
                dx = points[other, 0] - x
                dz = points[other, 1] - z
                if dx * dx + dz * dz < keep * keep:
                    alive[one] = False
                    break
            if not alive[one]:
                break


def light_below(points: FloatArray, crowns: FloatArray, grid: Grid) -> Float32Array:
    """Return (H, W) float32 in [0, 1]: the light that crowns let through, 1 in the open.

    Parameters
    ----------
    points : (N, 2) metres.
    crowns : (N,) radii in metres.
    """
    cover = np.zeros(grid.shape, np.float32)
    rows, columns = grid.to_cells(points[:, 0], points[:, 1])
    _spread(rows, columns, crowns / grid.spacing, cover)
    light: Float32Array = np.exp(np.float32(np.log(1 - CROWN_SHADE)) * cover)
    return light


@kernel
def _spread(rows: FloatArray, columns: FloatArray, radii: FloatArray, cover: Float32Array) -> None:
    """Add to each vertex the share of its cell that each disc covers, about; the border is a cell wide."""
    for one in range(rows.size):
        radius = radii[one]
        if radius <= 0:
            continue
        # A disc smaller than a cell covers but a part of it: a cone of its area, a cell's spacing wide.
        small = radius < 0.5
        reach = 1.0 if small else radius + 0.5
        share = 3 * radius * radius if small else 1.0
        for row in range(
            max(int(np.ceil(rows[one] - reach)), 0), min(int(rows[one] + reach) + 1, cover.shape[0])
        ):
            for column in range(
                max(int(np.ceil(columns[one] - reach)), 0), min(int(columns[one] + reach) + 1, cover.shape[1])
            ):
                away = np.hypot(row - rows[one], column - columns[one])
                cover[row, column] += share * min(max(reach - away, 0.0), 1.0)


def seeds_around(parents: FloatArray, draws: FloatArray, dispersal: float) -> FloatArray:
    """Return (N, 2) places where seeds fall: about half within `dispersal` metres, a few far away.

    Parameters
    ----------
    parents : (N, 2) metres.
    draws : (N, 2) numbers in [0, 1).
    """
    # The 2Dt kernel with one degree of freedom (J. S. Clark et al., "Seed dispersal near and far", Ecology
    # 80, 1999), cut at 6 times the median, beyond which a seedling belongs to nobody.
    radius = dispersal * np.sqrt(1 / (1 - draws[:, 0] * 0.97) - 1)
    angle = 2 * np.pi * draws[:, 1]
    return parents + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
