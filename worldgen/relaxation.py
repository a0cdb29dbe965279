"""Land that rises while water cuts it, one step after another, each reading two cells around.

Each row is worked on in passes over a few arrays without branches, which the compiler turns into vector
instructions: some 3 times as fast as one loop over cells and their neighbours. Bands of rows go to threads.
Each cell is computed with +, -, *, / and square roots in one order, so it has the same bits for every shape
of array and number of threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

FloatArray = NDArray[np.floating[Any]]
Maps = tuple[FloatArray, FloatArray, FloatArray]

REACH = 2  # cells that a step reads around a cell
CONCAVITY = 0.375  # rivers' slope goes with drainage area to the power of minus this; real ones have 0.3-0.45
HEAD_AREA = 0.25  # km², drainage area of a channel head: below it, slopes stay as they are
FALL = 1e-3  # slope of water over sediment
_SETTLING = 0.3  # share of the water's depth that sediment fills in a step
_LAYERS = 220.0  # metres, thickness of a soft and a hard layer of rock together
_SOFT = 0.62  # share of it that is soft
# To the east, south-west, south and south-east; the other four neighbours are the same lines backwards.
_DOWN, _RIGHT = np.array([0, 1, 1, 1]), np.array([1, -1, 0, 1])
_NEARNESS = np.array([1.0, 0.5**0.5, 1.0, 0.5**0.5])  # 1 / distance, in cells
_CONTOUR = np.array([0.5, 0.125**0.5, 0.5, 0.125**0.5])  # share of a cell's outline towards a neighbour
_TINY = 1e-300  # water leaving a cell that has no way out


def relax(
    elevation: FloatArray,
    water: FloatArray,
    area: FloatArray,
    rise: FloatArray,
    hardness: FloatArray,
    layers: FloatArray,
    creep: FloatArray,
    target: FloatArray,
    hold: FloatArray,
    roof: FloatArray,
    spacing: float,
    steps: int,
) -> None:
    """Let the land rise and water cut it, in place; what is valid shrinks by two cells a side each step.

    Water runs over the surface ``water``, which stands above the ground in hollows: so rivers pass through
    lakes, cut their outlets, and fill them with sediment. It spreads over all lower neighbours in proportion
    to the power of 1.5 of slope. Cutting is implicit in the cell's own elevation, so stable for any step:
    z = (z + rise + hold target + Σ w lower) / (1 + hold + Σ w), where w goes with the drainage area to the
    power of `CONCAVITY` and with the share of the water that flows that way.

    Parameters
    ----------
    elevation : (H, W) metres of the ground.
    water : (H, W) metres of the ground or of the water on it.
    area : (H, W) km² of drainage area so far.
    rise : (H, W) metres of uplift a step.
    hardness : (H, W), by which what water cuts is divided.
    layers : (H, W) how many times harder the hard layers of rock are; they alternate every `_LAYERS` metres.
    creep : (H, W) share by which a cell moves towards the mean of its neighbours each step.
    target : (H, W) metres that the ground is drawn to.
    hold : (H, W) how strongly, in the same units as w; 0 for not at all.
    roof : (H, W) metres that water stands up to at most, where it stands over the ground.
    """
    height, width = elevation.shape
    flow = np.zeros((4, height, width))  # along each line: what leaves, or minus what comes
    share = np.zeros((height, width))  # 1 / all that leaves
    passed = np.zeros((height, width))  # drainage area over all that leaves
    ground = (rise, hardness, layers, creep, target, hold, roof)
    now = (elevation, water, area)
    following = (elevation.copy(), water.copy(), area.copy())
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for step in range(steps):
            first = REACH * step

            def leave(rows: tuple[int, int], first: int = first, now: Maps = now) -> None:
                _leave(now[1], now[2], flow, share, passed, first, *rows)

            def advance(
                rows: tuple[int, int], first: int = first, now: Maps = now, following: Maps = following
            ) -> None:
                _advance(*now, flow, share, passed, *ground, *following, spacing, first, *rows)

            list(pool.map(leave, _bands(first + 1, height - first - 1, workers)))
            list(pool.map(advance, _bands(first + 2, height - first - 2, workers)))
            now, following = following, now
    if now[0] is not elevation:
        for result, part in zip(following, now, strict=True):
            result[:] = part


def _bands(top: int, bottom: int, count: int) -> list[tuple[int, int]]:
    """Rows from top to bottom, split among so many threads. Rows are computed alike in whatever band."""
    edges = [top + (bottom - top) * index // count for index in range(count + 1)]
    return [(low, high) for low, high in pairwise(edges) if low < high]


@kernel
def _leave(
    water: FloatArray,
    area: FloatArray,
    flow: FloatArray,
    share: FloatArray,
    passed: FloatArray,
    edge: int,
    top: int,
    bottom: int,
) -> None:
    """Compute what leaves the cells of rows top to bottom, ``edge`` + 1 cells off the sides and more."""
    width = water.shape[1]
    first, last = edge, width - edge
    end_row = water.shape[0] - edge
    for row in range(top - 1, bottom):  # the row above lies in another band too, which writes the same
        for line in range(4):
            down, right = _DOWN[line], _RIGHT[line]
            if row + down < end_row:
                left, end = first + max(-right, 0), last - max(right, 0)
                _runoff(
                    water[row, left:end],
                    water[row + down, left + right : end + right],
                    _NEARNESS[line],
                    _CONTOUR[line],
                    flow[line, row, left:end],
                )
    first, last = first + 1, last - 1
    sums = np.empty(width)
    for row in range(top, bottom):
        total = sums[first:last]
        total[:] = _TINY
        for line in range(4):
            down, right = _DOWN[line], _RIGHT[line]
            _add_positive(flow[line, row, first:last], 1.0, total)
            _add_positive(flow[line, row - down, first - right : last - right], -1.0, total)
        _divide(area[row, first:last], total, share[row, first:last], passed[row, first:last])


@kernel
def _advance(
    elevation: FloatArray,
    water: FloatArray,
    area: FloatArray,
    flow: FloatArray,
    share: FloatArray,
    passed: FloatArray,
    rise: FloatArray,
    hardness: FloatArray,
    layers: FloatArray,
    creep: FloatArray,
    target: FloatArray,
    hold: FloatArray,
    roof: FloatArray,
    next_elevation: FloatArray,
    next_water: FloatArray,
    next_area: FloatArray,
    spacing: float,
    edge: int,
    top: int,
    bottom: int,
) -> None:
    """Move rows top to bottom on by a step, ``edge`` + 2 cells off the sides and more."""
    first, last = edge + 2, water.shape[1] - edge - 2
    rows = np.empty((7, water.shape[1]))
    for row in range(top, bottom):
        pull, weight, gathered = rows[0, first:last], rows[1, first:last], rows[2, first:last]
        lowest, around, cut = rows[3, first:last], rows[4, first:last], rows[5, first:last]
        pull[:] = 0.0
        weight[:] = 0.0
        gathered[:] = spacing * spacing * 1e-6
        lowest[:] = np.inf
        for line in range(4):
            for way in (1, -1):
                there = row + way * _DOWN[line]
                left, end = first + way * _RIGHT[line], last + way * _RIGHT[line]
                own = flow[line, row, first:last] if way > 0 else flow[line, there, left:end]
                _exchange(own, way, water[there, left:end], _NEARNESS[line], pull, weight)
                _gather(own, way, passed[there, left:end], gathered)
                _lower(water[there, left:end], FALL * spacing / _NEARNESS[line], lowest)
        wide = slice(first - 1, last + 1)
        _unevenness(elevation[row - 1, wide], elevation[row, wide], elevation[row + 1, wide], around)
        ground = elevation[row, first:last]
        _cutting(gathered, hardness[row, first:last], share[row, first:last], cut)
        _layered(ground, layers[row, first:last], cut)
        solved = rows[6, first:last]
        kept, aim = hold[row, first:last], target[row, first:last]
        _solve(ground, rise[row, first:last], kept, aim, cut, pull, weight, solved)
        level = water[row, first:last]
        after = next_elevation[row, first:last]
        _settle(ground, level, kept, aim, weight, solved, after)
        _creep(around, creep[row, first:last], after)
        _surface(after, lowest, roof[row, first:last], next_water[row, first:last])
        next_area[row, first:last] = gathered


@kernel
def _runoff(here: FloatArray, there: FloatArray, nearness: float, contour: float, flow: FloatArray) -> None:
    for i in range(flow.size):
        slope = (here[i] - there[i]) * nearness
        flow[i] = slope * np.sqrt(abs(slope)) * contour


@kernel
def _add_positive(flow: FloatArray, way: float, total: FloatArray) -> None:
    for i in range(total.size):
        total[i] += max(way * flow[i], 0.0)


@kernel
def _divide(area: FloatArray, total: FloatArray, share: FloatArray, passed: FloatArray) -> None:
    for i in range(total.size):
        share[i] = 1.0 / total[i]
    for i in range(total.size):
        passed[i] = area[i] * share[i]


@kernel
def _exchange(
    flow: FloatArray, way: float, other: FloatArray, nearness: float, pull: FloatArray, weight: FloatArray
) -> None:
    for i in range(pull.size):
        leaving = max(way * flow[i], 0.0) * nearness
        weight[i] += leaving
        pull[i] += leaving * other[i]


@kernel
def _gather(flow: FloatArray, way: float, passed: FloatArray, gathered: FloatArray) -> None:
    for i in range(gathered.size):
        gathered[i] += max(-way * flow[i], 0.0) * passed[i]


@kernel
def _lower(other: FloatArray, fall: float, lowest: FloatArray) -> None:
    for i in range(lowest.size):
        lowest[i] = min(lowest[i], other[i] + fall)


@kernel
def _unevenness(above: FloatArray, here: FloatArray, below: FloatArray, around: FloatArray) -> None:
    """Mean of the neighbours, the oblique ones with half weight, less the cell."""
    for i in range(around.size):
        straight = (above[i + 1] + below[i + 1]) + (here[i] + here[i + 2])
        oblique = (above[i] + below[i + 2]) + (above[i + 2] + below[i])
        around[i] = (straight + 0.5 * oblique) / 6.0 - here[i + 1]


@kernel
def _cutting(gathered: FloatArray, hardness: FloatArray, share: FloatArray, cut: FloatArray) -> None:
    """Drainage area to the power of 3/8, from roots alone: they round alike everywhere."""
    for i in range(cut.size):
        quarter = np.sqrt(np.sqrt(1.0 + gathered[i] / HEAD_AREA))
        cut[i] = quarter * np.sqrt(quarter) * share[i] / hardness[i]


@kernel
def _layered(ground: FloatArray, layers: FloatArray, cut: FloatArray) -> None:
    for i in range(cut.size):
        bed = ground[i] / _LAYERS
        cut[i] /= layers[i] if bed - np.floor(bed) > _SOFT else 1.0


@kernel
def _solve(
    ground: FloatArray,
    rise: FloatArray,
    hold: FloatArray,
    target: FloatArray,
    cut: FloatArray,
    pull: FloatArray,
    weight: FloatArray,
    solved: FloatArray,
) -> None:
    for i in range(solved.size):
        solved[i] = ground[i] + rise[i] + hold[i] * target[i]
    for i in range(solved.size):
        solved[i] = (solved[i] + cut[i] * pull[i]) / (1.0 + hold[i] + cut[i] * weight[i])


@kernel
def _settle(
    ground: FloatArray,
    level: FloatArray,
    hold: FloatArray,
    target: FloatArray,
    weight: FloatArray,
    solved: FloatArray,
    after: FloatArray,
) -> None:
    """A lake gains sediment; where water runs off, the solution holds; a pit waits for its lake."""
    for i in range(after.size):
        after[i] = solved[i] if weight[i] > 0.0 else ground[i]
    for i in range(after.size):
        deep = ground[i] + _SETTLING * (level[i] - ground[i])
        deep = (deep + hold[i] * target[i]) / (1.0 + hold[i])
        after[i] = deep if level[i] > ground[i] else after[i]


@kernel
def _creep(around: FloatArray, creep: FloatArray, after: FloatArray) -> None:
    for i in range(after.size):
        after[i] += creep[i] * around[i]


@kernel
def _surface(after: FloatArray, lowest: FloatArray, roof: FloatArray, water: FloatArray) -> None:
    for i in range(water.size):
        water[i] = max(after[i], min(lowest[i], roof[i]))
