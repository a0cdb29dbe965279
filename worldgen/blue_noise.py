"""Blue noise: points at least a distance apart, whose density follows a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.kernel import kernel
from worldgen.rng import child_seed, generator

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int32]

# Points per squared distance that `_throw` packs where nothing hinders it (a hexagonal grid has 1.15).
PACKING = 0.6
TRIALS = 6
# Larger discs span more cells, so more darts try for each: they pack more densely by so much per stretch.
PACKING_GAIN = 0.06
# A sparse species is thrown at up to so many times its density, then thinned at random: nearest neighbours
# stay at least half the mean distance apart, and yet it does not look planted in rows.
CROWDING = 4.0
# Where suitability is low, the distance grows up to so many times.
STRETCH = 2.0
MOST_CELLS = 60_000_000


@kernel
def _hash(seed: np.uint64, cell: int, trial: int) -> np.uint64:
    """Return 64 random bits (splitmix64 by Steele, Lea, Flood 2014, over a counter)."""
    value = (
        seed
        + np.uint64(cell) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(trial) * np.uint64(0xD1B54A32D192ED03)
    )
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


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
def _throw(
    suits: Float32Array,
    spacing: float,
    order: IntArray,
    columns: int,
    cell_size: float,
    distance: float,
    density: float,
    seed: np.uint64,
    trials: int,
    kept: NDArray[np.bool_],
    offset: Float32Array,
) -> None:
    """Throw darts into background cells, at most one point a cell, until most of the free ground is taken.

    ``suits`` (H, W); ``order`` the cells in the order to try; ``density`` points per m² where it is 1.
    Results: ``offset`` (cells, 2), x and z of a point within its cell, in cells, or -1; ``kept`` (cells,),
    False for points that were thinned out: they only keep others away.
    """
    rows = kept.size // columns
    waiting = order.copy()
    count = waiting.size
    unit = 2.0**-24
    for trial in range(trials):
        left = 0
        for position in range(count):
            cell = waiting[position]
            row = cell // columns
            column = cell - row * columns
            bits = _hash(seed, cell, trial)
            u = np.float64(bits >> np.uint64(40)) * unit
            v = np.float64((bits >> np.uint64(16)) & np.uint64(0xFFFFFF)) * unit
            x = (column + u) * cell_size
            z = (row + v) * cell_size
            chance = _chance(suits, x / spacing, z / spacing)
            free = chance > 0.0
            if free:
                reach = distance * min(STRETCH, 1.0 / np.sqrt(np.sqrt(chance)))
                steps = int(np.ceil(reach / cell_size))
                first, last = max(column - steps, 0), min(column + steps + 1, columns)
                for other_row in range(max(row - steps, 0), min(row + steps + 1, rows)):
                    for other_column in range(first, last):
                        other = other_row * columns + other_column
                        if offset[other, 0] >= 0.0:
                            dx = (other_column + offset[other, 0]) * cell_size - x
                            dz = (other_row + offset[other, 1]) * cell_size - z
                            if dx * dx + dz * dz < reach * reach:
                                free = False
                                break
                    if not free:
                        break
            if free:
                offset[cell, 0] = u
                offset[cell, 1] = v
                drawn = np.float64(_hash(seed, cell, -1) >> np.uint64(40)) * unit
                packing = PACKING + PACKING_GAIN * (reach / distance - 1.0)
                kept[cell] = drawn < density * chance * reach * reach / packing
            else:
                waiting[left] = cell
                left += 1
        count = left


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

    Dart throwing with a background grid (Bridson 2007 has the grid), in rounds over shuffled cells. Sparse
    places get a larger distance and some random thinning, so edges of a wood thin out as real ones do.

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
    distance = max(minimum_distance, (PACKING / (CROWDING * wanted)) ** 0.5)
    cell_size = distance / 2**0.5 * (1 - 1e-9)  # two points of one cell are always too close
    columns, rows = (int(np.ceil(length / cell_size)) for length in grid.extent)
    if rows * columns > MOST_CELLS:
        raise InputError(
            f"points {distance:.3g} m apart on {grid.extent[0]:.0f} x {grid.extent[1]:.0f} m need "
            f"{rows * columns} cells, {MOST_CELLS} are allowed; scatter tile by tile or lower the density"
        )
    kept = np.zeros(rows * columns, bool)
    offset = np.full((rows * columns, 2), -1, np.float32)
    darts = np.uint64(child_seed(seed, f"{stage}/darts"))
    order = _shuffled(rows, columns, seed, stage)
    order = order[_open_cells(ground, rows, columns, cell_size / grid.spacing)[order]]
    _throw(ground, grid.spacing, order, columns, cell_size, distance, wanted, darts, TRIALS, kept, offset)
    cells = np.flatnonzero(kept)
    place = np.stack([cells % columns, cells // columns], axis=1) + offset[cells].astype(np.float64)
    return np.asarray(place * cell_size + np.array(grid.origin), np.float64)


def _open_cells(suits: Float32Array, rows: int, columns: int, ratio: float) -> NDArray[np.bool_]:
    """Return (rows * columns,) bool: background cells with any quad in them where points may lie.

    ``ratio`` is a cell's size in map cells. Darts thrown elsewhere would be wasted, on most worlds the most.
    """
    good = suits > 0
    quads = good[:-1, :-1] & good[:-1, 1:] & good[1:, :-1] & good[1:, 1:]
    total = np.zeros((quads.shape[0] + 1, quads.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(quads, axis=0, dtype=np.int32), axis=1, out=total[1:, 1:])
    edges = []
    for count, size in zip((rows, columns), quads.shape, strict=True):
        first = np.minimum(np.floor(np.arange(count) * ratio), size - 1).astype(np.intp)
        last = np.minimum(np.floor(np.arange(1, count + 1) * ratio) + 1, size).astype(np.intp)
        edges.append((first, last))
    (top, bottom), (left, right) = edges
    by_rows = total[bottom] - total[top]
    return np.asarray((by_rows[:, right] - by_rows[:, left] > 0).ravel())


def _shuffled(rows: int, columns: int, seed: int, stage: str) -> IntArray:
    """Return all cells, shuffled within bands of rows that fit the processor's cache: three times as fast."""
    cells = np.arange(rows * columns, dtype=np.int32)
    random = generator(seed, f"{stage}/order")
    band = max(8192 // columns, 8) * columns
    for start in range(0, cells.size, band):
        random.shuffle(cells[start : start + band])
    return cells
