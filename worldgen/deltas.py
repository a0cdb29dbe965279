"""Deltas: what a river has brought since the sea stands where it stands, laid where it meets the sea.

A delta is a plain that falls gently from its head to a lobed rim, and a steeper front down to the bed. Its
radius follows from its volume: over shallow ground it grows wide, over deep ground it stays small. Channels
branch over it and get narrower at every fork, as discharge halves there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen import drainage_tree, flow
from worldgen.channels import CATCHMENT_CELLS, CHANNEL_AREA
from worldgen.delta_channels import branches
from worldgen.delta_fans import RIM, carve, cover, head_of, lay
from worldgen.hydrology import exit_drop, water_surface
from worldgen.rng import generator

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Basins wear down by so much a year for each metre of relief (Ahnert, American Journal of Science 268, 1970),
# which is about twice their mean height above the mouth, and the sea has stood near its level for 6000 years.
# What high mountains would send is capped, metres, or it would fill the bays of a world of a few km.
SUPPLY, MOST_SUPPLY = 1.535e-7 * 2 * 6000, 0.3

# Cubic metres that waves of 1 m carry off meanwhile, and with which power of their height: alongshore
# transport by the CERC formula goes with the 2.5th. Small rivers on open coasts have no deltas (Nienhuis et
# al., Geology 43, 2015).
CARRIED, CARRIED_POWER = 1e5, 2.5

# Slope of the plain for 1 km² drained, with which power of it that changes, its bounds.
PLAIN_SLOPE, PLAIN_POWER, PLAIN_BOUNDS = 0.006, -0.3, (0.001, 0.01)

# Waves of the rim around the whole circle.
LOBES = (3, 5, 8)

# Smaller ones are left out: in cells times a metre, and cells of radius.
SMALLEST, SMALLEST_RADIUS = 40.0, 4.0
_ANGLES = 128  # samples of rims


def lay_deltas(
    above: FloatArray, spacing: float, sea: BoolArray, waves: FloatArray, strength: float, seed: int
) -> tuple[FloatArray, BoolArray]:
    """Return the ground with deltas at river mouths, and where their channels are.

    Parameters
    ----------
    above : (H, W) metres above the sea.
    spacing : metres.
    sea : (H, W) bool.
    waves : (H, W) metres, their height at sea.
    strength : multiplies what rivers bring.
    seed : decides lobes and forks.

    Returns
    -------
    (H, W) metres, lower in channels only; (H, W) bool.
    """
    ground, laid, channels = above.copy(), np.zeros(above.shape, bool), np.zeros(above.shape, bool)
    width = above.shape[1] + 2
    receivers, area, supply = _rivers(above, spacing, sea)
    least = max(CHANNEL_AREA, (CATCHMENT_CELLS * spacing) ** 2)
    mouths = np.flatnonzero(flow.frame(sea, False) & (area >= least))
    volumes = strength * supply[mouths] - CARRIED * flow.frame(waves, 0.0)[mouths] ** CARRIED_POWER
    heights = flow.frame(above, np.inf)
    scratch = np.zeros((2, above.size + 1), np.int32)
    for index in np.argsort(-volumes, kind="stable"):
        mouth, volume, drained = int(mouths[index]), float(volumes[index]), float(area[mouths[index]])
        if volume < SMALLEST * spacing**2:
            break
        row, column = mouth // width - 1, mouth % width - 1
        if laid[row, column]:
            continue
        slope = float(np.clip(PLAIN_SLOPE * (drained / 1e6) ** PLAIN_POWER, *PLAIN_BOUNDS))
        fan = np.array([row, column, row, column, 0.0, spacing, slope])
        radius = (3.0 * volume) ** (1 / 3)  # of a cone on a bed that dips by some 20 %
        rims = np.full(2, 0.8)
        for _ in range(2):
            head = head_of(
                heights, receivers, area, mouth, width, RIM + slope * radius, int(radius / spacing)
            )
            fan[2:4] = head // width - 1, head % width - 1
            radius = _radius(ground, laid, scratch, fan, rims, volume)
        if radius == 0.0:
            continue
        count, _ = cover(ground, laid, scratch, fan, rims, radius)
        fan[4] = _axis(scratch[1, :count], fan, radius, above.shape[1])
        dice = generator(seed, "delta", row, column)
        rims = _rim(dice)
        radius = _radius(ground, laid, scratch, fan, rims, volume)
        if radius > 0.0:
            count = lay(ground, laid, scratch, fan, rims, radius)
            cut = branches(laid, scratch[1, :count], fan, drained, dice)
            if cut:
                carve(ground, channels, *cut)
    return ground, channels


def _rivers(
    above: FloatArray, spacing: float, sea: BoolArray
) -> tuple[flow.IntArray, FloatArray, FloatArray]:
    """Return each cell's receiver, and the m² that it drains and the m³ they send; at sea what flows in."""
    surface = water_surface(np.where(sea, 0.0, above), spacing, sea, 0.0)
    receivers = flow.steepest_receivers(surface, exit_drop(surface, sea), above.shape[1] + 2)
    order = drainage_tree.donors_first(receivers, flow.frame(np.ones(sea.shape, bool), False))
    area = flow.frame(np.where(sea, 0.0, spacing**2), 0.0)
    supply = area * np.clip(SUPPLY * flow.frame(above, 0.0), 0.0, MOST_SUPPLY)
    drainage_tree.gather(area, receivers, order)
    drainage_tree.gather(supply, receivers, order)
    return receivers, area, supply


def _axis(cells: flow.IntArray, fan: FloatArray, radius: float, columns: int) -> float:
    """Return the mean bearing, radians, in which a delta's plain lies from its head."""
    down, right = cells // columns - fan[2], cells % columns - fan[3]
    outer = fan[5] * np.hypot(down, right) > 0.4 * radius
    angle = np.arctan2(down[outer], right[outer])
    return math.atan2(float(np.sin(angle).sum()), float(np.cos(angle).sum()))


def _rim(dice: np.random.Generator) -> FloatArray:
    """Return the radius by bearing off the axis, (A,) from -pi to pi: longest ahead, with lobes."""
    bearing = np.linspace(-math.pi, math.pi, _ANGLES)
    radius = 0.65 + 0.35 * np.cos(0.5 * bearing) ** 2
    for order in LOBES:
        size, phase = 0.25 * dice.random() / order**0.5, 2 * math.pi * dice.random()
        radius *= 1 + size * np.cos(order * bearing + phase)
    return np.asarray(radius, np.float64)


def _radius(
    ground: FloatArray,
    laid: BoolArray,
    scratch: flow.IntArray,
    fan: FloatArray,
    rims: FloatArray,
    volume: float,
) -> float:
    """Return the radius in metres of the delta that holds so many cubic metres; 0 if it would not emerge."""

    def held(radius: float) -> float:
        return cover(ground, laid, scratch, fan, rims, radius)[1]

    low = high = SMALLEST_RADIUS * float(fan[5])
    if held(low) > volume:
        return 0.0
    most = float(fan[5]) * math.hypot(*ground.shape)
    while high < most and held(high) < volume:
        low, high = high, 1.3 * high
    for _ in range(6):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if held(middle) < volume else (low, middle)
    return 0.5 * (low + high)
