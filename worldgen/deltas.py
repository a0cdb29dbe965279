"""Deltas: what a river has brought since the sea stands where it stands, laid where it meets the sea.

A delta is a plain that falls gently from its head to a lobed rim, and a steeper front down to the bed. Its
radius follows from its volume: over shallow ground it grows wide, over deep ground it stays small. Channels
branch over it and get narrower at every fork, as discharge halves there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen import drainage_tree, flow
from worldgen.channels import CATCHMENT_CELLS, CHANNEL_AREA, channel_depth, channel_width
from worldgen.delta_fans import RIM, carve, cover, head_of, lay
from worldgen.hydrology import exit_drop, sea_mask, water_surface
from worldgen.lake_ways import lead_through
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

# Where along a river arms leave it, and then each other; the radians by which they do, of which the first is
# taken that leads past hills; and what share of the river's width and depth they have.
ARMS, ARM_TURNS, ARM_SHARE = (0.3, 0.5, 0.7), (0.65, 0.45, 0.3), 0.75
LEAST_BREADTH = 2.4  # cells; narrower channels would be rows of dots
BEND = 5.0  # cells over which a river's way is smoothed
LOBES = (3, 5, 8)  # around the whole circle

# Metres of the width and depth of inlets, and cells of the smallest water that has one.
INLET, INLET_DEPTH, LAGOON = 14.0, 1.2, 40

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
            cut = _channels(laid, scratch[1, :count], fan, drained, dice)
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


def _channels(
    laid: BoolArray, cells: flow.IntArray, fan: FloatArray, area: float, dice: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Return the river's way over its delta, and arms that leave it to either side, as `carve` takes them."""
    rows, across = cells // laid.shape[1], cells % laid.shape[1]
    covered = np.zeros(laid.shape, bool)
    covered[rows, across] = True
    window = tuple(slice(max(int(at.min()) - 1, 0), int(at.max()) + 2) for at in (rows, across))
    corner = np.array([part.start for part in window], np.float64)
    covered, plain = covered[window], laid[window] & covered[window]
    main = _middle(covered, plain, fan[2:4] - corner)
    breadth = max(float(channel_width(area)) / fan[5], LEAST_BREADTH)  # cells
    depth = float(channel_depth(area)) * min(1.5 * float(channel_width(area)) / fan[5] / breadth, 1.0)
    side = 1.0 if dice.random() < 0.5 else -1.0
    lines, shares = [main], [1.0]
    for start in ARMS:
        for river, share in list(zip(lines, shares, strict=True)):
            wide = 1.0 + 0.4 * (dice.random() - 0.5)
            arms = (_arm(river, start, side * wide * turn, plain, covered) for turn in ARM_TURNS)
            arm = next((arm for arm in arms if len(arm)), river[:0])
            if len(arm) > 8 * breadth:
                lines.append(arm)
                shares.append(ARM_SHARE * share)
            side = -side
    kept = [(line, share) for line, share in zip(lines, shares, strict=True) if len(line) > 1]
    if not kept:
        return None
    half = [np.full(len(line), 0.5 * max(share * breadth, LEAST_BREADTH)) for line, share in kept]
    deep = [depth * share * np.linspace(0.5, 1.0, len(line)) for line, share in kept]
    return np.concatenate([line + corner for line, _ in kept]), np.concatenate(half), np.concatenate(deep)


def _middle(covered: BoolArray, plain: BoolArray, head: FloatArray) -> FloatArray:
    """Return (N, 2) rows and columns, half a cell apart, from a delta's head along its middle to the sea."""
    away = ndimage.distance_transform_edt(np.pad(covered, 1))[1:-1, 1:-1]
    return _way(_cheapest(1.0 / np.maximum(away, 1.0), plain, covered & ~plain), head, plain.shape)


def open_inlets(ground: FloatArray, before: BoolArray, spacing: float) -> None:
    """Cut ways, in place, to water that sand has cut off from the sea, as tides keep those of lagoons open.

    Parameters
    ----------
    ground : (H, W) metres above the sea.
    before : (H, W) bool, the sea before there was sand.
    spacing : metres.
    """
    sea = sea_mask(ground, 0.0)
    labels, _ = ndimage.label(before & (ground < 0) & ~sea, structure=np.ones((3, 3), int))
    large = np.flatnonzero(np.bincount(labels.ravel())[1:] >= LAGOON) + 1
    if large.size == 0:
        return
    away = ndimage.distance_transform_edt(~sea)
    middle = ndimage.distance_transform_edt(np.pad(before, 1))[1:-1, 1:-1]
    cost = (1.0 + np.maximum(ground, 0.0)) / np.maximum(middle, 1.0)
    receivers = _cheapest(cost, before & ~sea, sea)
    marks = np.zeros(ground.shape, bool)
    for start in ndimage.minimum_position(away, labels, large):
        line = _way(receivers, np.array(start, np.float64), ground.shape)
        if len(line) == 0:
            return
        at = np.rint(line).astype(int)
        depth = np.maximum(ground[at[:, 0], at[:, 1]], 0.0) + INLET_DEPTH
        carve(ground, marks, line, np.full(len(line), max(0.5 * INLET / spacing, 1.2)), depth)


def _cheapest(cost: FloatArray, through: BoolArray, ends: BoolArray) -> flow.IntArray:
    """Return the next cells on cheap ways to where they end, flat and framed; -1 where there is none.

    Parameters
    ----------
    cost : (H, W) of a step of one cell.
    through, ends : (H, W) bool.
    """
    level = flow.frame(np.where(ends, 0.0, np.where(through, 1.0, np.inf)), np.inf)
    receivers = np.full(level.size, -1, np.int32)
    price = flow.frame(np.where(through, cost, np.inf), np.inf)
    lead_through(level, np.ones(level.size), price, receivers, through.shape[1] + 2)
    return receivers


def _way(receivers: flow.IntArray, start: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return (N, 2) rows and columns, half a cell apart, of the smoothed way from next to a place."""
    width = shape[1] + 2
    starts = np.flatnonzero(receivers >= 0)
    if starts.size == 0:
        return np.zeros((0, 2))
    row, column = starts // width - 1 - start[0], starts % width - 1 - start[1]
    way = [int(starts[np.argmin(row**2 + column**2)])]
    while receivers[way[-1]] >= 0:
        way.append(int(receivers[way[-1]]))
    line = np.stack([np.array(way) // width - 1, np.array(way) % width - 1], axis=1).astype(np.float64)
    line = ndimage.gaussian_filter1d(line, BEND, axis=0, mode="nearest")
    steps = np.arange(0.0, len(line) - 0.5, 0.5)
    return np.stack([np.interp(steps, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], axis=1)


def _arm(river: FloatArray, start: float, turn: float, plain: BoolArray, covered: BoolArray) -> FloatArray:
    """Return (N, 2) the line of an arm that turns off a river and bends back; none where it meets a hill.

    Parameters
    ----------
    start : where it leaves, in parts of the river's length.
    turn : radians.
    """
    first = int(start * len(river))
    if first + 4 >= len(river):
        return river[:0]
    ahead = river[-1] - river[first]
    length = 2 * int(1.5 * math.hypot(*ahead))
    bearing = math.atan2(ahead[0], ahead[1]) + turn * np.linspace(1.2, 0.6, max(length, 1))
    steps = 0.5 * np.stack([np.sin(bearing), np.cos(bearing)], axis=1)
    line = river[first] + np.cumsum(steps, axis=0)
    at = np.rint(line).astype(int)
    outside = ((at < 0) | (at >= plain.shape)).any(axis=1)
    at = np.clip(at, 0, np.array(plain.shape) - 1)
    ends = np.flatnonzero(outside | ~plain[at[:, 0], at[:, 1]])
    if ends.size == 0 or outside[ends[0]] or not covered[tuple(at[ends[0]])]:
        return river[:0]
    return np.asarray(line[: ends[0]])


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
