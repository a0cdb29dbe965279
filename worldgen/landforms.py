"""Endless landforms: rivers cut a rising land on a pyramid of grids, and any window is made alone.

Stream power needs the drainage area of each cell, which on a finite map is summed from source to mouth. Here
area is passed on by one cell a step while the land relaxes towards its steady state (after Schott et al.,
"Large-scale terrain authoring through interactive erosion simulation", ACM ToG 2023), first on cells of some
two kilometres, then on ever finer ones that inherit area and relief. Each step reads two cells around, so a
window needs a frame of fixed width and nothing else: no borders, no tiles, no seams.

Everything is computed cell by cell in double precision with +, -, *, / and square roots, which round alike
for every shape of array: a window equals the same cut of a larger one bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.flow import CONTOUR, DISTANCE
from worldgen.kernel import kernel
from worldgen.landscapes import Weights, ground, initial_relief, young_relief
from worldgen.models.blocks import Window
from worldgen.models.layers import hashed_noise
from worldgen.noise import fractal, permutation

FloatArray = NDArray[np.float64]
Mix = Callable[[FloatArray, FloatArray], Weights]

STEPS = (12, 16, 20, 28, 44)  # steps at each level of the pyramid, finest first
_REACH = 2  # cells that a step reads around a cell
_HEAD_AREA = 0.25  # km², drainage area of a channel head: below it, slopes stay as they are
_GATHERING = 30  # steps in which a real map's drainage area is summed before it is worn
_LAYERS = 220.0  # metres, thickness of a soft and a hard layer of rock together
_YOUNG_LEVEL = 2  # level at which volcanoes are set on the land
_BEND = 1.5  # cells by which the finished land is bent, so that no valley follows the grid's directions
_BEND_FRAME = 4  # cells that bending needs around the window
_ROWS = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_COLUMNS = np.array([-1, 0, 1, -1, 1, -1, 0, 1])


def landform(mix: Mix, spacing: float, window: Window, seed: int) -> tuple[FloatArray, FloatArray]:
    """Make one window of an endless land.

    Parameters
    ----------
    mix : weights of the styles of `worldgen.landscapes` at world coordinates x (1, W), z (H, 1) in metres.
    spacing : metres between cells; 60 to 250 is what the steps are meant for.
    window : cells wanted, any integers; cell r has its centre at (r + 0.5) · spacing.
    seed : decides the land.

    Returns
    -------
    elevation : (H, W) float64 metres.
    area : (H, W) float64, km² whose water passes through, as far as the pyramid sees (some 80 km).
    """
    inside = window.framed(_BEND_FRAME)
    windows = []  # what each level computes, finest first
    for steps in STEPS:
        inside = inside.framed(_REACH * steps)
        windows.append(inside)
        inside = inside.parents(1)
    elevation = area = np.zeros((0, 0))
    for level in reversed(range(len(STEPS))):
        here, cell, cut = windows[level], spacing * 2**level, _REACH * STEPS[level]
        x, z = here.centres(cell)
        weights = mix(x, z)
        if level == len(STEPS) - 1:
            elevation = initial_relief(weights, x, z, seed)
            area = np.full(elevation.shape, cell * cell * 1e-6)
        else:
            coarser = windows[level + 1].framed(-_REACH * STEPS[level + 1])
            elevation, area = _refined(elevation, coarser, here), _refined(area, coarser, here) / 2
        if level == _YOUNG_LEVEL:
            elevation += young_relief(weights, x, z, seed)
        land = ground(weights, x, z, seed)
        bumps = hashed_noise(seed, level, 1, here.row, here.column, here.height, here.width)[0]
        elevation += land.roughness * cell * bumps
        rise = land.rise * (cell / np.sqrt(_HEAD_AREA))
        relax(elevation, area, rise, land.hardness, land.layers, land.creep, cell, STEPS[level])
        elevation, area = (part[cut:-cut, cut:-cut] for part in (elevation, area))
    return _bent(np.ascontiguousarray(elevation), np.ascontiguousarray(area), window, seed)


def worn(elevation: NDArray[np.floating], spacing: float, steps: int = 8) -> tuple[FloatArray, FloatArray]:
    """Let the process that makes landforms work on a real map while the land rises as fast as it wears.

    Parameters
    ----------
    elevation : (H, W) metres.
    spacing : metres between cells.
    steps : of wear; the valleys stay where they are.

    Returns
    -------
    worn elevation (H, W) metres, and drainage area (H, W) km², which near the edges lacks what flows in.
    """
    frame = _REACH * _GATHERING
    land = np.pad(np.asarray(elevation, np.float64), frame, mode="symmetric")
    area = np.full(land.shape, spacing * spacing * 1e-6)
    still, ones = np.zeros(land.shape), np.ones(land.shape)
    gathered = land.copy()
    relax(gathered, area, still, 1e9 * ones, ones, still, spacing, _GATHERING)  # water alone
    land, area = (part[frame:-frame, frame:-frame] for part in (land, area))
    for _ in range(steps):
        before = np.pad(land, _REACH, mode="symmetric")
        after, carried = before.copy(), np.pad(area, _REACH, mode="edge")
        flat = np.ones(after.shape)
        relax(after, carried, 0 * flat, flat, flat, 0.1 * flat, spacing, 1)
        inner = np.s_[_REACH:-_REACH, _REACH:-_REACH]
        lowered = gaussian_filter(before[inner] - after[inner], 6.0, mode="nearest")
        land, area = after[inner] + lowered, carried[inner]
    return land, area


def _refined(coarse: FloatArray, parents: Window, children: Window) -> FloatArray:
    """Refine ×2 with quadratic B-splines and cut out ``children``. Rounds alike for all shapes."""
    low, middle, high = coarse[:-2], coarse[1:-1], coarse[2:]
    tall = np.empty((2 * middle.shape[0], coarse.shape[1]))
    tall[0::2], tall[1::2] = 0.25 * low + 0.75 * middle, 0.75 * middle + 0.25 * high
    low, middle, high = tall[:, :-2], tall[:, 1:-1], tall[:, 2:]
    fine = np.empty((tall.shape[0], 2 * middle.shape[1]))
    fine[:, 0::2], fine[:, 1::2] = 0.25 * low + 0.75 * middle, 0.75 * middle + 0.25 * high
    top, left = children.row - 2 * (parents.row + 1), children.column - 2 * (parents.column + 1)
    return fine[top : top + children.height, left : left + children.width].copy()


@kernel
def relax(
    elevation: FloatArray,
    area: FloatArray,
    rise: FloatArray,
    hardness: FloatArray,
    layers: FloatArray,
    creep: FloatArray,
    spacing: float,
    steps: int,
) -> None:
    """Let the land rise and water cut it, in place; what is valid shrinks by two cells a side each step.

    Implicit in the cell's own elevation, so stable for any step: z = (z + rise + Σ w z_lower) / (1 + Σ w),
    where w goes with the root of the drainage area and with the share of the water that flows that way.

    Parameters
    ----------
    elevation : (H, W) metres.
    area : (H, W) km² of drainage area so far.
    rise : (H, W) metres of uplift a step.
    hardness : (H, W), by which what water cuts is divided.
    layers : (H, W) how many times harder the hard layers of rock are; they alternate every `_LAYERS` metres.
    creep : (H, W) share by which a cell moves towards the mean of its neighbours each step.
    """
    height, width = elevation.shape
    divisor = np.zeros((height, width))
    next_elevation = elevation.copy()
    next_area = area.copy()
    own = spacing * spacing * 1e-6
    for step in range(steps):
        first = 2 * step
        for row in range(first + 1, height - first - 1):
            for column in range(first + 1, width - first - 1):
                total = 0.0
                for side in range(8):
                    drop = elevation[row, column] - elevation[row + _ROWS[side], column + _COLUMNS[side]]
                    if drop > 0:
                        slope = drop / DISTANCE[side]
                        total += slope * np.sqrt(slope) * CONTOUR[side]
                divisor[row, column] = total
        for row in range(first + 2, height - first - 2):
            for column in range(first + 2, width - first - 2):
                level = elevation[row, column]
                gathered = own
                for side in range(8):
                    other_row = row + _ROWS[side]
                    other_column = column + _COLUMNS[side]
                    drop = elevation[other_row, other_column] - level
                    if drop > 0:
                        slope = drop / DISTANCE[side]
                        share = slope * np.sqrt(slope) * CONTOUR[side] / divisor[other_row, other_column]
                        gathered += area[other_row, other_column] * share
                next_area[row, column] = gathered
                cut = np.sqrt(1.0 + gathered / _HEAD_AREA) / hardness[row, column]
                bed = level / _LAYERS
                if bed - np.floor(bed) > 0.62:
                    cut /= layers[row, column]
                lowest = np.inf
                pull = 0.0
                weight = 0.0
                around = 0.0
                for side in range(8):
                    other = elevation[row + _ROWS[side], column + _COLUMNS[side]]
                    lowest = min(lowest, other)
                    drop = level - other
                    if drop > 0:
                        slope = drop / DISTANCE[side]
                        share = slope * np.sqrt(slope) * CONTOUR[side] / divisor[row, column]
                        pull += cut * share / DISTANCE[side] * other
                        weight += cut * share / DISTANCE[side]
                    around += (other - level) * (1.0 if DISTANCE[side] == 1.0 else 0.5) / 6.0
                if weight > 0:
                    level = (level + rise[row, column] + pull) / (1.0 + weight)
                else:  # sediment fills a pit to its rim
                    level = max(level, lowest + 1e-3 * spacing)
                next_elevation[row, column] = level + creep[row, column] * around
        for row in range(first + 2, height - first - 2):
            for column in range(first + 2, width - first - 2):
                elevation[row, column] = next_elevation[row, column]
                area[row, column] = next_area[row, column]


def _bent(
    elevation: FloatArray, area: FloatArray, window: Window, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Sample both maps, which have a frame of `_BEND_FRAME` cells, where slow noise shifts each cell to."""
    rows = np.arange(window.row, window.row + window.height, dtype=np.float64)[:, None]
    columns = np.arange(window.column, window.column + window.width, dtype=np.float64)[None, :]
    table = permutation(seed, "landforms/bend")
    down = _BEND * fractal(columns / 11, rows / 11, table, octaves=2)
    right = _BEND * fractal(columns / 11 + 31.4, rows / 11 - 17.2, table, octaves=2)
    bent_elevation, bent_area = np.empty(down.shape), np.empty(down.shape)
    _sample(elevation, down, right, bent_elevation)
    _sample(area, down, right, bent_area)
    return bent_elevation, np.maximum(bent_area, 1e-6)


@kernel
def _sample(source: FloatArray, down: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Write to ``out`` (H, W) the Catmull-Rom interpolation of ``source`` at each cell's shifted place."""
    weights = np.empty((2, 4))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            base_row = int(np.floor(down[row, column]))
            base_column = int(np.floor(right[row, column]))
            for axis in range(2):
                t = down[row, column] - base_row if axis == 0 else right[row, column] - base_column
                weights[axis, 0] = 0.5 * t * (-1.0 + t * (2.0 - t))
                weights[axis, 1] = 1.0 + 0.5 * t * t * (3.0 * t - 5.0)
                weights[axis, 2] = 0.5 * t * (1.0 + t * (4.0 - 3.0 * t))
                weights[axis, 3] = 0.5 * t * t * (t - 1.0)
            total = 0.0
            for i in range(4):
                line = 0.0
                for j in range(4):
                    at_row = row + _BEND_FRAME + base_row - 1 + i
                    at_column = column + _BEND_FRAME + base_column - 1 + j
                    line += weights[1, j] * source[at_row, at_column]
                total += weights[0, i] * line
            out[row, column] = total
