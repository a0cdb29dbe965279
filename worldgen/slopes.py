"""Slopes that give way: landslides of ground that is too steep (talus), and creep (diffusion).

Each function takes an elevation and gives back a new one of the same floating type; inside, all is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen import flow
from worldgen.errors import InputError
from worldgen.flow import FloatArray
from worldgen.hydrology import checked_elevation
from worldgen.kernel import kernel

Elevation = NDArray[np.floating[Any]]


@kernel
def _slide(height: FloatArray, talus: FloatArray, width: int, rate: float) -> FloatArray:
    """Return the heights after one sweep; framed and flat. The frame is NaN, which exceeds nothing."""
    offsets = flow.neighbour_offsets(width)
    rows = height.size // width
    moved = height.copy()
    for row in range(1, rows - 1):
        first = row * width + 1
        count = width - 2
        for side in range(8):  # outside the loop over cells, so that the compiler can vectorise that one
            distance = flow.DISTANCE[side]
            share = rate / 6.0 if distance == 1.0 else rate / 12.0
            half = 0.5 * distance
            beside = first + offsets[side]
            here, there = height[first : first + count], height[beside : beside + count]
            rest, other_rest = talus[first : first + count], talus[beside : beside + count]
            result = moved[first : first + count]
            for column in range(count):
                difference = there[column] - here[column]
                stable = half * (rest[column] + other_rest[column])
                gain = difference - stable
                loss = difference + stable
                result[column] += share * ((gain if gain > 0.0 else 0.0) + (loss if loss < 0.0 else 0.0))
    return moved


def thermal(
    elevation: Elevation,
    spacing: float,
    *,
    talus_slope: float | NDArray[np.floating[Any]] = 0.7,
    iterations: int = 30,
    rate: float = 1.0,
) -> NDArray[Any]:
    """Let ground that is steeper than its talus slope slide down; no mass is made or lost.

    Each pair of neighbours moves a share of its excess height, the shares of a cell sum to at most 1, so the
    new height grows with each old one: no sweep can overshoot (Musgrave et al. 1989, made symmetric).

    Parameters
    ----------
    elevation : (H, W) float, metres.
    spacing : metres between cells.
    talus_slope : rise over run at which ground rests; 0.7 (35 degrees) for scree; number or (H, W).
    iterations : number of sweeps; a slide runs at most one cell a sweep.
    rate : in [0, 1], speed; values outside are clamped to it.
    """
    ground = checked_elevation(elevation, spacing)
    shape = ground.shape
    talus = flow.frame(field(talus_slope, shape, "talus slope") * spacing, 0.0)
    height = flow.frame(ground, np.nan)
    for _ in range(iterations):
        height = _slide(height, talus, shape[1] + 2, min(max(rate, 0.0), 1.0))
    return like(flow.unframe(height, shape), elevation)


@kernel
def _diffuse_columns(height: FloatArray, amount: float) -> FloatArray:
    """Return (H, W) after one backward Euler step along axis 0, by Thomas' algorithm; the edge is closed."""
    rows, columns = height.shape
    result = np.empty((rows, columns))
    factor = np.empty(rows)
    pivot = 1.0 + amount
    for column in range(columns):
        result[0, column] = height[0, column] / pivot
    for row in range(1, rows):
        factor[row] = amount / pivot
        pivot = 1.0 + (2.0 if row < rows - 1 else 1.0) * amount - amount * factor[row]
        for column in range(columns):
            result[row, column] = (height[row, column] + amount * result[row - 1, column]) / pivot
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            result[row, column] += factor[row + 1] * result[row + 1, column]
    return result


def diffuse(elevation: Elevation, spacing: float, *, amount: float) -> NDArray[Any]:
    """Round the land by creep: dh/dt = D * laplacian(h), for D * t = `amount`.

    Implicit along one axis after the other: stable and mass-conserving at any amount, and no new extremes.

    Parameters
    ----------
    elevation : (H, W) float, metres.
    spacing : metres between cells.
    amount : m², diffusivity times time; features below about its root are smoothed.
    """
    ground = checked_elevation(elevation, spacing)
    if amount < 0:
        raise InputError(f"diffusion needs an amount >= 0 m²; found {amount}")
    # One step's blur is pointed along the axes, four steps' is round enough.
    relative = amount / spacing**2
    parts = min(max(int(np.ceil(relative)), 1), 4)
    for _ in range(parts):
        ground = _diffuse_columns(ground, relative / parts)
        ground = np.ascontiguousarray(_diffuse_columns(np.ascontiguousarray(ground.T), relative / parts).T)
    return like(ground, elevation)


def field(
    value: float | NDArray[np.floating[Any]], shape: tuple[int, ...], name: str, signed: bool = False
) -> FloatArray:
    """Return a number or array as a new (H, W) float64 array."""
    array = np.asarray(value, np.float64)
    if array.shape not in ((), shape):
        raise InputError(
            f"{name} must be a number or have the elevation's shape {shape}; found {array.shape}"
        )
    if not np.isfinite(array).all() or (not signed and (array < 0).any()):
        raise InputError(f"{name} must be finite{'' if signed else ' and not negative'}")
    return np.array(np.broadcast_to(array, shape))


def like(ground: FloatArray, elevation: Elevation) -> NDArray[Any]:
    """Return the elevation in its caller's floating type."""
    kind = np.asarray(elevation).dtype
    return ground.astype(kind) if np.issubdtype(kind, np.floating) else ground
