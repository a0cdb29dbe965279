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
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from worldgen.flow import DISTANCE
from worldgen.kernel import kernel
from worldgen.landscapes import Ground, Weights, ground, initial_relief, uplifts, young_relief
from worldgen.models.blocks import Window
from worldgen.models.layers import hashed_noise
from worldgen.noise import fractal, permutation
from worldgen.relaxation import CONCAVITY, FALL, HEAD_AREA, REACH, relax

if TYPE_CHECKING:
    from worldgen.guidance import Guide

FloatArray = NDArray[np.float64]
Mix = Callable[[FloatArray, FloatArray], Weights]

STEPS = (12, 16, 20, 28, 44)  # steps at each level of the pyramid, finest first
_SINK_REACH, _FILLING = 28, 48  # cells around the lowest ground of a region, and steps of filling
_YOUNG_LEVEL = 2  # level at which volcanoes are set on the land
_BEND = 1.5  # cells by which the finished land is bent, so that no valley follows the grid's directions
_BEND_FRAME = 4  # cells that bending needs around the window
_ROWS = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_COLUMNS = np.array([-1, 0, 1, -1, 1, -1, 0, 1])


def landform(
    mix: Mix, spacing: float, window: Window, seed: int, guide: Guide | None = None
) -> tuple[FloatArray, FloatArray]:
    """Make one window of an endless land.

    Parameters
    ----------
    mix : weights of the styles of `worldgen.landscapes` at world coordinates x (1, W), z (H, 1) in metres.
    spacing : metres between cells; 60 to 250 is what the steps are meant for.
    window : cells wanted, any integers; cell r has its centre at (r + 0.5) · spacing.
    seed : decides the land.
    guide : a sketch that the land follows.

    Returns
    -------
    elevation : (H, W) float64 metres.
    area : (H, W) float64, km² whose water passes through, as far as the pyramid sees (some 80 km).
    """
    frames = [REACH * steps for steps in STEPS]  # cells that are lost at each level, finest first
    frames[-1] += _SINK_REACH + _FILLING
    inside = window.framed(_BEND_FRAME)
    windows = []  # what each level computes
    for frame in frames:
        windows.append(inside.framed(frame))
        inside = windows[-1].parents(1)
    elevation = water = area = np.zeros((0, 0))
    whole = window
    land: Ground
    for level in reversed(range(len(STEPS))):
        here, cell = windows[level], spacing * 2**level
        guided = None if guide is None else guide.on(here, cell)
        if level:
            x, z = here.centres(cell)
            weights = mix(x, z)
            uplift = uplifts(weights, x, z, seed)
            if guided is not None:
                uplift = {name: guided.uplift(own) for name, own in uplift.items()}
            land = ground(weights, uplift, x, z, seed)
        else:  # hardly more than a blur of them, at a fifth of the time
            land = Ground(*(_refined(getattr(land, part.name), windows[1], here) for part in fields(Ground)))
        bumps = hashed_noise(seed, level, 1, here.row, here.column, here.height, here.width)[0]
        bumps = land.roughness * cell * bumps
        if level == len(STEPS) - 1:
            elevation = _filled(initial_relief(weights, uplift, x, z, seed) + bumps, cell)
            if guided is not None:
                elevation = guided.initial(elevation, bumps)
            edge = _SINK_REACH + _FILLING  # rows and columns that filling alone has read
            here = windows[level] = here.framed(-edge)
            elevation = np.ascontiguousarray(elevation[edge:-edge, edge:-edge])
            whole_land = (getattr(land, part.name) for part in fields(Ground))
            land = Ground(*(np.ascontiguousarray(part[edge:-edge, edge:-edge]) for part in whole_land))
            guided = None if guide is None else guide.on(here, cell)
            water = elevation.copy()
            area = np.full(elevation.shape, cell * cell * 1e-6)
        else:
            elevation, water, area = (_refined(part, whole, here) for part in (elevation, water, area))
            area /= 2
            elevation += bumps
        if level == _YOUNG_LEVEL:
            young = young_relief(weights, x, z, seed)
            elevation += young if guided is None else young * (1 - guided.calm)
        rise = land.rise * (cell / HEAD_AREA**CONCAVITY)
        still = np.zeros(rise.shape)
        hardness, target, hold, roof = land.hardness, still, still, still + np.inf
        if guided is not None:
            rise, hardness, target, hold, roof = guided.drive(rise, hardness, land.layers)
        np.maximum(water, elevation, out=water)
        rock = (hardness, land.layers, land.creep)
        relax(elevation, water, area, rise, *rock, target, hold, roof, cell, STEPS[level])
        cut = REACH * STEPS[level]
        elevation, water, area = (part[cut:-cut, cut:-cut] for part in (elevation, water, area))
        whole = here.framed(-cut)  # what is valid of this level
    return _bent(np.ascontiguousarray(water), np.ascontiguousarray(area), window, seed)


def _filled(elevation: FloatArray, spacing: float) -> FloatArray:
    """Fill pits that are not the lowest ground within `_SINK_REACH` cells: (H, W) -> (H, W).

    Iterates the surface of least height that falls to a sink everywhere (Planchon and Darboux 2002), so often
    that water finds ways of up to `_FILLING` cells. Without it, some valleys end in hollows.
    """
    sink = elevation == minimum_filter(elevation, 2 * _SINK_REACH + 1, mode="nearest")
    surface = np.where(sink, elevation, np.inf)
    _lower_surface(surface, elevation, FALL * spacing, _FILLING)
    return np.where(np.isfinite(surface), surface, elevation)


@kernel
def _lower_surface(surface: FloatArray, elevation: FloatArray, rise: float, steps: int) -> None:
    """Let each cell of ``surface`` fall to its lowest neighbour's level plus ``rise``, or its ground."""
    height, width = surface.shape
    following = surface.copy()
    for _ in range(steps):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                if surface[row, column] > elevation[row, column]:
                    lowest = np.inf
                    for side in range(8):
                        other = surface[row + _ROWS[side], column + _COLUMNS[side]]
                        lowest = min(lowest, other + rise * DISTANCE[side])
                    following[row, column] = min(surface[row, column], max(elevation[row, column], lowest))
        surface[:] = following


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


def bend(x: FloatArray, z: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """Slow noise, in cells, by which the land at column x and row z is shifted to the east and the south."""
    table = permutation(seed, "landforms/bend")
    south = _BEND * fractal(x / 11, z / 11, table, octaves=2)
    east = _BEND * fractal(x / 11 + 31.4, z / 11 - 17.2, table, octaves=2)
    return east, south


def _bent(
    elevation: FloatArray, area: FloatArray, window: Window, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Sample both maps, which have a frame of `_BEND_FRAME` cells, where slow noise shifts each cell to."""
    rows = np.arange(window.row, window.row + window.height, dtype=np.float64)[:, None]
    columns = np.arange(window.column, window.column + window.width, dtype=np.float64)[None, :]
    right, down = bend(columns, rows, seed)
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
