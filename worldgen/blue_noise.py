"""Blue noise: points at least a distance apart, whose density follows a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.kernel import kernel, mixed
from worldgen.rng import child_seed

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

# Points per squared distance that fit where nothing hinders them (a hexagonal grid has 1.15, darts jam at
# 0.70).
PACKING = 0.6
# Of a sparse species nearest neighbours stay at least this share of the mean distance apart: even, and yet it
# does not look planted in rows.
EVENNESS = 0.5
MOST_CELLS = 60_000_000
# Cells of one phase are so many rows and columns apart that their darts cannot meet.
STRIDE = 4
# Cells a side of a block that is passed over where nothing suits.
BLOCK = 32
# Darts a cell throws in one round at most: fewer rounds would show the grid of phases.
ROUND = 0.25


def _darts_per_point() -> tuple[FloatArray, FloatArray]:
    """Return (points, darts), both per squared distance: so many darts must be thrown for so many to stay.

    From the free area of random sequential addition (Jin, Wang, Tarjus, Talbot 1993): of a coverage x of the
    jammed one, (1 - x)³ / (1 - 0.812 x + 0.2336 x² + 0.0845 x³) of all darts find room.
    """
    jammed = 0.547
    x = np.linspace(0, 0.93, 400)
    free = (1 - x) ** 3 / (1 - 0.812 * x + 0.2336 * x**2 + 0.0845 * x**3)
    points = x * jammed * 4 / np.pi
    darts = np.concatenate([[0], np.cumsum(0.5 * (1 / free[1:] + 1 / free[:-1]) * np.diff(points))])
    return points, darts


@kernel
def _hash(seed: np.uint64, cell: int, trial: int) -> np.uint64:
    """Return 64 random bits."""
    return mixed(
        seed
        + np.uint64(cell) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(trial) * np.uint64(0xD1B54A32D192ED03)
    )


@kernel
def _chance(suits: Float32Array, column: float, row: float) -> float:
    """Return the bilinear suitability at a point in map cells; 0 if a corner of its quad is 0 or absent."""
    west = int(column)
    north = int(row)
    if west + 1 >= suits.shape[1] or north + 1 >= suits.shape[0]:
        return 0.0
    a, b = suits[north, west], suits[north, west + 1]
    c, d = suits[north + 1, west], suits[north + 1, west + 1]
    if a <= 0.0 or b <= 0.0 or c <= 0.0 or d <= 0.0:
        return 0.0
    across = column - west
    down = row - north
    chance: float = (a * (1.0 - across) + b * across) * (1.0 - down) + (
        c * (1.0 - across) + d * across
    ) * down
    return chance


@kernel
def _is_free(
    offset: Float32Array, row: int, column: int, u: float, v: float, rows: int, columns: int, reach: float
) -> bool:
    """Say whether no point lies within the root of ``reach``, in cells, of a place in a cell."""
    for other_row in range(max(row - 2, 0), min(row + 3, rows)):
        for other_column in range(max(column - 2, 0), min(column + 3, columns)):
            other = other_row * columns + other_column
            if offset[other, 0] >= 0.0:
                dx = other_column + np.float64(offset[other, 0]) - (column + u)
                dz = other_row + np.float64(offset[other, 1]) - (row + v)
                if dx * dx + dz * dz < reach:
                    return False
    return True


@kernel
def _throw(
    suits: Float32Array,
    spacing: float,
    columns: int,
    cell_size: float,
    distance: float,
    chances: FloatArray,
    rounds: int,
    seed: np.uint64,
    peaks: Float32Array,
    offset: Float32Array,
) -> None:
    """Throw darts into background cells, at most one point a cell.

    ``suits`` (H, W); ``chances`` (C,) of a dart in one cell and round, over suitability from 0 to 1;
    ``peaks`` the highest suitability in each block of `BLOCK`² cells. Result: ``offset`` (cells, 2), x and z
    of a point within its cell, in cells, or -1.
    """
    rows = offset.shape[0] // columns
    unit = 2.0**-24
    steps = chances.size - 1
    reach = distance * distance / (cell_size * cell_size)
    order = np.arange(STRIDE * STRIDE)
    for turn in range(rounds):
        for last in range(order.size - 1, 0, -1):
            other = int(_hash(seed, -1 - last, turn) >> np.uint64(33)) % (last + 1)
            order[last], order[other] = order[other], order[last]
        for phase in order:
            for block in range(peaks.size):
                most = chances[min(int(peaks.flat[block] * steps) + 1, steps)]
                if peaks.flat[block] > 0.0:
                    top = block // peaks.shape[1] * BLOCK + phase // STRIDE
                    left = block % peaks.shape[1] * BLOCK + phase % STRIDE
                    last_row = min(top - phase // STRIDE + BLOCK, rows)
                    last_column = min(left - phase % STRIDE + BLOCK, columns)
                    for row in range(top, last_row, STRIDE):
                        for column in range(left, last_column, STRIDE):
                            cell = row * columns + column
                            bits = _hash(seed, cell, turn)
                            drawn = np.float64(bits & np.uint64(0xFFFF)) * 2.0**-16
                            if drawn >= most:
                                continue
                            u = np.float64(bits >> np.uint64(40)) * unit
                            v = np.float64((bits >> np.uint64(16)) & np.uint64(0xFFFFFF)) * unit
                            chance = _chance(
                                suits, (column + u) * cell_size / spacing, (row + v) * cell_size / spacing
                            )
                            below = min(int(chance * steps), steps - 1)
                            rise = chances[below + 1] - chances[below]
                            if drawn >= chances[below] + (chance * steps - below) * rise:
                                continue
                            if _is_free(offset, row, column, u, v, rows, columns, reach):
                                offset[cell, 0] = u
                                offset[cell, 1] = v


def poisson_disk(
    suits: Float32Array,
    grid: Grid,
    *,
    minimum_distance: float,
    density: float | None = None,
    seed: int,
    stage: str,
    keep_out: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Scatter points at least a distance apart, as dense as a map says.

    Random sequential addition over a background grid (Bridson 2007 has the grid). As many darts are thrown as
    the wanted density needs, no more: the work goes with the points and not with the area.

    Parameters
    ----------
    suits : (H, W) float32 in [0, 1]; expected density goes with it. No point falls into a quad of the grid
        that has a corner of 0.
    grid : the map's grid.
    minimum_distance : metres.
    density : points per hectare where ``suits`` is 1; None, or more than fit, for as many as fit: about
        6000 / minimum_distance².
    seed, stage : decide all that is random.
    keep_out : (H, W) bool, where ``suits`` counts as 0.

    Returns
    -------
    (N, 2) float64, x and z in world metres, from north-west to south-east in rows of background cells.

    Raises
    ------
    InputError : shapes differ, a number is out of range, or the map is too large for so small a distance.
    """
    if suits.shape != grid.shape or (keep_out is not None and keep_out.shape != grid.shape):
        raise InputError(f"suitability has shape {suits.shape}, its grid says {grid.shape}")
    if not minimum_distance > 0 or (density is not None and density < 0):
        raise InputError(
            f"scatter needs minimum_distance > 0 and density >= 0; found {minimum_distance}, {density}"
        )
    fits = PACKING / minimum_distance**2
    wanted = fits if density is None else min(density / 10_000, fits)
    ground = np.clip(suits if keep_out is None else np.where(keep_out, 0, suits), 0, 1).astype(np.float32)
    if wanted == 0 or not ground.any():
        return np.zeros((0, 2))
    distance = max(minimum_distance, EVENNESS / wanted**0.5)
    cell_size = distance / 2**0.5 * (1 - 1e-9)  # two points of one cell are always too close
    columns, rows = (int(np.ceil(length / cell_size)) for length in grid.extent)
    if rows * columns > MOST_CELLS:
        raise InputError(
            f"points {distance:.3g} m apart on {grid.extent[0]:.0f} x {grid.extent[1]:.0f} m need "
            f"{rows * columns} cells, {MOST_CELLS} are allowed; scatter tile by tile or lower the density"
        )
    points, darts = _darts_per_point()
    thrown = np.interp(np.linspace(0, 1, 65) * wanted * distance**2, points, darts)
    thrown *= (cell_size / distance) ** 2
    peaks = _block_peaks(ground, rows, columns, cell_size / grid.spacing)
    rounds = max(3, int(np.ceil(np.interp(peaks.max(), np.linspace(0, 1, 65), thrown) / ROUND)))
    offset = np.full((rows * columns, 2), -1, np.float32)
    child = np.uint64(child_seed(seed, f"{stage}/darts"))
    _throw(ground, grid.spacing, columns, cell_size, distance, thrown / rounds, rounds, child, peaks, offset)
    cells = np.flatnonzero(offset[:, 0] >= 0)
    place = np.stack([cells % columns, cells // columns], axis=1) + offset[cells].astype(np.float64)
    return np.asarray(place * cell_size + np.array(grid.origin), np.float64)


def _block_peaks(suits: Float32Array, rows: int, columns: int, ratio: float) -> Float32Array:
    """Return (block rows, block columns): the highest value under a block and a map cell around it.

    ``ratio`` is a background cell's size in map cells.
    """
    peaks = np.pad(suits, ((0, 1), (0, 1)))
    for axis, count in enumerate((rows, columns)):
        first = np.arange(0, count, BLOCK) * ratio
        starts = np.clip(np.floor(first).astype(np.intp), 0, suits.shape[axis] - 1)
        ends = np.clip(np.ceil(first + BLOCK * ratio).astype(np.intp) + 2, 1, suits.shape[axis])
        windows = np.stack([starts, ends], axis=1).ravel()
        peaks = np.take(
            np.maximum.reduceat(peaks, windows, axis=axis), np.arange(0, windows.size, 2), axis=axis
        )
    return peaks
