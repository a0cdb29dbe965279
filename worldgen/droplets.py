"""Fine gullies and fans by droplets that run over the land one after another.

Each drop rolls downhill with some inertia, takes up ground while its load is below what it can carry, and
lays it down where it slows (Beyer, "Implementation of a method for hydraulic erosion", 2015). Stream power
draws valleys; drops roughen their flanks and smooth their floors, at scales of some cells.

Drops come in one order from hashed places, and each sees the ground that the last one left: the bytes are the
same whatever the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.flow import FloatArray
from worldgen.hydrology import checked_elevation
from worldgen.kernel import kernel, mixed
from worldgen.rng import child_seed
from worldgen.sediment import SedimentBudget
from worldgen.slopes import Elevation, like

_INERTIA = 0.08  # share of its direction that a drop keeps from one cell to the next
_CAPACITY = 0.12  # load in cells' heights over slope, speed and water
_LEAST_SLOPE, _MOST_SLOPE = 0.01, 1.0  # between which the slope counts
_TAKING, _LAYING = 0.3, 0.3  # shares of what is lacking in the load, or too much, that a cell gives and takes
_DRYING = 0.015  # of the water, a cell
_FALLING = 10.0  # gain of the speed's square from a slope of 1


def droplets(
    elevation: Elevation,
    spacing: float,
    *,
    count: int,
    seed: int,
    strength: float = 1.0,
    radius: int = 2,
    lifetime: int = 64,
    sea_level: float | None = None,
    budget: SedimentBudget | None = None,
) -> NDArray[Any]:
    """Let drops of rain fall on the land and run.

    One drop a cell gives faint rills, some five give gullies and fans.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north.
    spacing : metres between cells.
    count : number of drops.
    seed : where they fall.
    strength : in [0, 10], factor of what a drop carries.
    radius : cells around a drop that it takes ground from, 0 to 8; below 2 it digs furrows of one cell.
    lifetime : cells that a drop runs at most; what it carries then stays there.
    sea_level : metres; drops that reach lower ground end, and what they carry is lost to the sea.
    budget : where the ground went is added to it; exported is what left the map or sank in the sea.

    Returns
    -------
    (H, W) of the elevation's floating type, metres.

    Raises
    ------
    InputError : a shape or number is out of range.
    """
    ground = checked_elevation(elevation, spacing).copy()
    if min(ground.shape) < 3:
        raise InputError(f"droplets need an elevation of at least 3 x 3; found shape {ground.shape}")
    if count < 0 or not 0 <= strength <= 10 or not 0 <= radius <= 8 or lifetime < 1:
        raise InputError(
            "droplets need count >= 0, strength in [0, 10], radius in 0 to 8 and lifetime >= 1; found "
            f"count {count}, strength {strength}, radius {radius}, lifetime {lifetime}"
        )
    before = ground.copy()
    rows, columns, weights = _brush(radius)
    exported = _rain(
        ground,
        spacing,
        count,
        np.uint64(child_seed(seed, "droplets")),
        strength * _CAPACITY * spacing,
        lifetime,
        -np.inf if sea_level is None else sea_level,
        rows,
        columns,
        weights,
    )
    if budget is not None:
        change = (ground - before) * spacing**2
        budget.eroded -= float(change[change < 0].sum())
        budget.deposited += float(change[change > 0].sum())
        budget.exported += exported * spacing**2
    return like(ground, elevation)


def _brush(radius: int) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Return the rows, columns and weights of a cone of that radius; the weights sum to 1."""
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    weights = radius + 1.0 - np.hypot(rows, columns)
    inside = weights > 0
    return rows[inside], columns[inside], weights[inside] / weights[inside].sum()


@kernel
def _rain(
    ground: FloatArray,
    spacing: float,
    count: int,
    seed: np.uint64,
    capacity: float,
    lifetime: int,
    sea_level: float,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    weights: FloatArray,
) -> float:
    """Run all drops over the ground, in place; return what they carried away, in metres of a cell."""
    height, width = ground.shape
    exported = 0.0
    unit = 2.0**-32
    for index in range(count):
        dice = mixed(seed + np.uint64(index + 1) * np.uint64(0x9E3779B97F4A7C15))
        y = float(dice >> np.uint64(32)) * unit * (height - 1)
        x = float(dice & np.uint64(0xFFFFFFFF)) * unit * (width - 1)
        down = right = load = 0.0
        water = speed = 1.0
        for _ in range(lifetime):
            row, column = int(y), int(x)
            v, u = y - row, x - column
            a, b = ground[row, column], ground[row, column + 1]
            c, d = ground[row + 1, column], ground[row + 1, column + 1]
            here = _height(ground, y, x)
            if here < sea_level:
                exported += load
                load = 0.0
                break
            down = _INERTIA * down - (1 - _INERTIA) * ((c - a) * (1 - u) + (d - b) * u) / spacing
            right = _INERTIA * right - (1 - _INERTIA) * ((b - a) * (1 - v) + (d - c) * v) / spacing
            length = np.sqrt(down * down + right * right)
            if length < 1e-9:
                break
            down, right = down / length, right / length
            next_y, next_x = y + down, x + right
            if not (0.0 <= next_y < height - 1 and 0.0 <= next_x < width - 1):
                exported += load
                load = 0.0
                break
            there = _height(ground, next_y, next_x)
            fall = here - there
            room = capacity * min(max(fall / spacing, _LEAST_SLOPE), _MOST_SLOPE) * speed * water
            if fall < 0.0 or load > room:
                # Up a slope, the hollow behind is filled, as far as the load goes.
                laid = min(load, -fall) if fall < 0.0 else (load - room) * _LAYING
                load -= laid
                _lay(ground, y, x, laid)
            else:
                taken = min((room - load) * _TAKING, fall)
                load += taken
                _take(ground, row + int(v + 0.5), column + int(u + 0.5), taken, rows, columns, weights)
            speed = np.sqrt(max(speed * speed + _FALLING * fall / spacing, 0.01))
            speed = min(speed, 4.0)
            water *= 1 - _DRYING
            y, x = next_y, next_x
        _take(ground, int(y + 0.5), int(x + 0.5), -load, rows, columns, weights)
    return exported


@kernel
def _height(ground: FloatArray, y: float, x: float) -> float:
    row, column = int(y), int(x)
    v, u = y - row, x - column
    upper = ground[row, column] * (1 - u) + ground[row, column + 1] * u
    lower = ground[row + 1, column] * (1 - u) + ground[row + 1, column + 1] * u
    return float(upper * (1 - v) + lower * v)


@kernel
def _lay(ground: FloatArray, y: float, x: float, amount: float) -> None:
    """Share an amount among the four cells around."""
    row, column = int(y), int(x)
    v, u = y - row, x - column
    ground[row, column] += amount * (1 - u) * (1 - v)
    ground[row, column + 1] += amount * u * (1 - v)
    ground[row + 1, column] += amount * (1 - u) * v
    ground[row + 1, column + 1] += amount * u * v


@kernel
def _take(
    ground: FloatArray,
    row: int,
    column: int,
    amount: float,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    weights: FloatArray,
) -> None:
    """Take an amount from the cells around; at the map's edge from those that there are."""
    height, width = ground.shape
    reach = rows[-1]
    if reach <= row < height - reach and reach <= column < width - reach:
        flat = ground.reshape(height * width)
        middle = np.uint64(row * width + column)
        for i in range(weights.size):
            flat[middle + np.uint64(rows[i] * width + columns[i])] -= amount * weights[i]
        return
    total = 0.0
    for i in range(weights.size):
        if 0 <= row + rows[i] < height and 0 <= column + columns[i] < width:
            total += weights[i]
    for i in range(weights.size):
        if 0 <= row + rows[i] < height and 0 <= column + columns[i] < width:
            ground[row + rows[i], column + columns[i]] -= amount * weights[i] / total
