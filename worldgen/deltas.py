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
from worldgen.channels import CATCHMENT_CELLS, CHANNEL_AREA, channel_depth, channel_width
from worldgen.hydrology import exit_drop, water_surface
from worldgen.kernel import kernel
from worldgen.rng import generator

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Basins wear down by so much a year for each metre of relief (Ahnert, American Journal of Science 268, 1970),
# which is about twice their mean height above the mouth, and the sea has stood near its level for 6000 years.
SUPPLY = 1.535e-7 * 2 * 6000

# Cubic metres that waves of 1 m carry off meanwhile, and with which power of their height: alongshore
# transport by the CERC formula goes with the 2.5th. Small rivers on open coasts have no deltas (Nienhuis et
# al., Geology 43, 2015).
CARRIED, CARRIED_POWER = 1e5, 2.5

# Slope of the plain for 1 km² drained, with which power of it that changes, its bounds; slope of the front.
PLAIN_SLOPE, PLAIN_POWER, PLAIN_BOUNDS = 0.006, -0.3, (0.001, 0.01)
FRONT_SLOPE = 0.17
RIM = 0.25  # metres of the rim above the sea

# Forks part so much of the radius apart, each arm with so much of the width and depth. Banks are higher than
# the plain, by so many metres.
FORKS, FORK_WIDTH, FORK_DEPTH = (0.15, 0.42, 0.68), 0.75, 0.85
LEVEE = 0.3
LEAST_BREADTH = 2.4  # cells; narrower channels would be rows of dots

# Smaller ones are left out: in cells times a metre, and cells of radius.
SMALLEST, SMALLEST_RADIUS = 40.0, 4.0
_ANGLES, _RADII = 128, 65  # samples of rims and of channels


def lay_deltas(
    above: FloatArray, spacing: float, sea: BoolArray, waves: FloatArray, strength: float, seed: int
) -> tuple[FloatArray, BoolArray]:
    """Return the ground with deltas at river mouths, and where they lie.

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
    ground, laid = above.copy(), np.zeros(above.shape, bool)
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
        reach = (3.0 * volume) ** (1 / 3)  # the radius of a cone on a bed that dips by some 20 %
        head = _head(heights, receivers, area, mouth, width, RIM + slope * reach, int(reach / spacing))
        fan = np.array([row, column, head // width - 1, head % width - 1, 0.0, spacing, slope])
        radius = _radius(ground, laid, scratch, fan, np.full(2, 0.8), volume)
        if radius == 0.0:
            continue
        count, _ = _fan(ground, laid, scratch, fan, np.full(2, 0.8), radius)
        fan[4], spread = _outlook(scratch[1, :count], fan, radius, above.shape[1])
        dice = generator(seed, "delta", row, column)
        ways, breadth, depth = _channels(drained, radius, spacing, spread, dice)
        rims = _rim(ways[:, -1], spread, dice)
        radius = _radius(ground, laid, scratch, fan, rims, volume)
        if radius > 0.0:
            _lay(ground, laid, scratch, fan, rims, radius, ways, breadth, depth)
    return ground, laid


def _rivers(
    above: FloatArray, spacing: float, sea: BoolArray
) -> tuple[flow.IntArray, FloatArray, FloatArray]:
    """Return each cell's receiver, and the m² that it drains and the m³ they send; at sea what flows in."""
    surface = water_surface(np.where(sea, 0.0, above), spacing, sea, 0.0)
    receivers = flow.steepest_receivers(surface, exit_drop(surface, sea), above.shape[1] + 2)
    order = drainage_tree.donors_first(receivers, flow.frame(np.ones(sea.shape, bool), False))
    area = flow.frame(np.where(sea, 0.0, spacing**2), 0.0)
    supply = area * SUPPLY * flow.frame(np.maximum(above, 0.0), 0.0)
    drainage_tree.gather(area, receivers, order)
    drainage_tree.gather(supply, receivers, order)
    return receivers, area, supply


@kernel
def _head(
    heights: FloatArray,
    receivers: flow.IntArray,
    area: FloatArray,
    mouth: int,
    width: int,
    level: float,
    steps: int,
) -> int:
    """Return the cell, up the main stream from a mouth, where the ground has risen to ``level``."""
    cell = mouth
    for _ in range(steps):
        upstream, most = cell, 0.0
        for offset in flow.neighbour_offsets(width):
            if receivers[cell + offset] == cell and area[cell + offset] > most:
                upstream, most = cell + offset, area[cell + offset]
        if upstream == cell or heights[upstream] > level:
            break
        cell = upstream
    return int(cell)


def _outlook(cells: flow.IntArray, fan: FloatArray, radius: float, columns: int) -> tuple[float, float]:
    """Return where a delta's plain lies from its head: its mean bearing and to either side of it, radians.

    Over a sector of half angle a the mean of unit vectors is sin(a) / a long, about 1 - a² / 6.
    """
    down, right = cells // columns - fan[2], cells % columns - fan[3]
    distance = fan[5] * np.hypot(down, right)
    outer = (distance > 0.4 * radius) & (distance < 0.8 * radius)
    if not outer.any():
        return 0.0, 0.5
    angle = np.arctan2(down[outer], right[outer])
    south, east = float(np.sin(angle).mean()), float(np.cos(angle).mean())
    spread = math.sqrt(6.0 * max(1.0 - math.hypot(south, east), 0.0))
    return math.atan2(south, east), min(0.8 * spread, 1.2)


def _channels(
    area: float, reach: float, spacing: float, spread: float, dice: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Plan the channels of a delta of a radius of 1.

    Returns
    -------
    (N, R) bearing off the axis, radians, by radius from 0 to 1; (R,) half the breadth and (R,) the depth,
    metres.
    """
    radius = np.linspace(0.0, 1.0, _RADII)
    breadth = max(float(channel_width(area)), LEAST_BREADTH * spacing)
    # The arms of the last fork stand apart by several breadths.
    forks = int(np.clip(math.log2(max(2.0 * spread * reach / (5.0 * breadth), 1.0)), 0, len(FORKS)))
    ways = np.zeros((1, _RADII)) + 0.07 * np.sin(2 * math.pi * (1.3 * radius + dice.random())) * radius
    sector = spread
    breadths = np.full(_RADII, 0.5 * breadth)
    depths = np.full(_RADII, channel_depth(area) * min(1.5 * channel_width(area) / breadth, 1.0))
    for start in FORKS[:forks]:
        part = np.clip((radius - start) / 0.3, 0.0, 1.0)
        turn = part * part * (3 - 2 * part)
        aside = sector * (0.5 + 0.3 * (dice.random((len(ways), 2)) - 0.5))
        ways = np.concatenate([ways - aside[:, :1] * turn, ways + aside[:, 1:] * turn])
        sector *= 0.5
        breadths *= 1 - (1 - FORK_WIDTH) * part
        depths *= 1 - (1 - FORK_DEPTH) * part
    return ways, np.maximum(breadths, 0.5 * LEAST_BREADTH * spacing), depths * (0.5 + 0.5 * radius)


def _rim(ends: FloatArray, spread: float, dice: np.random.Generator) -> FloatArray:
    """Return the radius by bearing off the axis, (A,) from -pi to pi: lobes where channels end."""
    bearing = np.linspace(-math.pi, math.pi, _ANGLES)
    lobe = np.exp(-(((bearing[None] - ends[:, None]) / (0.7 * spread / len(ends) + 0.1)) ** 2)).max(axis=0)
    radius = 0.62 + 0.23 * np.cos(0.5 * bearing) ** 2 + 0.15 * lobe
    for order in (3, 5, 8):
        radius *= 1 + 0.12 * dice.random() / order * np.cos(order * bearing + 2 * math.pi * dice.random())
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
        return _fan(ground, laid, scratch, fan, rims, radius)[1]

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


@kernel
def _polar(row: float, column: float, axis: float, spacing: float) -> tuple[float, float]:
    """Distance in metres and bearing off the axis, -pi to pi, of cells from a delta's head."""
    bearing = math.atan2(row, column) - axis
    bearing -= 2 * math.pi * math.floor(bearing / (2 * math.pi) + 0.5)
    return spacing * math.sqrt(row * row + column * column), bearing


@kernel
def _rim_at(rims: FloatArray, bearing: float) -> float:
    place = (bearing + math.pi) / (2 * math.pi) * (rims.size - 1)
    index = min(int(place), rims.size - 2)
    return float(rims[index] + (place - index) * (rims[index + 1] - rims[index]))


@kernel
def _fan(
    ground: FloatArray,
    laid: BoolArray,
    scratch: flow.IntArray,
    fan: FloatArray,
    rims: FloatArray,
    radius: float,
) -> tuple[int, float]:
    """Find a delta's cells, all that it reaches from its mouth.

    Parameters
    ----------
    scratch : (2, H * W + 1) marks of cells, with the last mark given at the end; the cells found.
    fan : row and column of the mouth and of the head, bearing of the axis, spacing, slope.
    rims : (A,) radius by bearing, in parts of ``radius``, metres.

    Returns
    -------
    Number of cells, and the volume, m³.
    """
    rows, columns = ground.shape
    seen, cells = scratch[0], scratch[1]
    seen[-1] += 1
    mark = seen[-1]
    cells[0] = int(fan[0]) * columns + int(fan[1])
    seen[cells[0]] = mark
    count, head, volume = 1, 0, 0.0
    while head < count:
        at, across = cells[head] // columns, cells[head] % columns
        head += 1
        for down in range(-1, 2):
            for right in range(-1, 2):
                i, j = at + down, across + right
                if not (0 <= i < rows and 0 <= j < columns) or laid[i, j] or seen[i * columns + j] == mark:
                    continue
                distance, bearing = _polar(i - fan[2], j - fan[3], fan[4], fan[5])
                inside = radius * _rim_at(rims, bearing) - distance
                height = RIM + (fan[6] if inside > 0.0 else FRONT_SLOPE) * inside - ground[i, j]
                if height > 0.0:
                    volume += height * fan[5] * fan[5]
                    seen[i * columns + j] = mark
                    cells[count] = i * columns + j
                    count += 1
    return count, volume


@kernel
def _on_the_plain(
    seen: flow.IntArray, shape: tuple[int, int], fan: FloatArray, radius: float, ways: FloatArray
) -> BoolArray:
    """Return (N,) which channels reach the sea over the delta alone: hills stand in the way of others."""
    rows, columns = shape
    kept = np.ones(ways.shape[0], np.bool_)
    for way in range(ways.shape[0]):
        for step in range(2, int(0.8 * ways.shape[1])):
            distance = radius * step / (ways.shape[1] - 1) / fan[5]
            bearing = ways[way, step] + fan[4]
            row = math.floor(fan[2] + distance * math.sin(bearing) + 0.5)
            column = math.floor(fan[3] + distance * math.cos(bearing) + 0.5)
            # Where the map ends a channel may end, too.
            if 0 <= row < rows and 0 <= column < columns and seen[row * columns + column] != seen[-1]:
                kept[way] = False
    return kept


@kernel
def _lay(
    ground: FloatArray,
    laid: BoolArray,
    scratch: flow.IntArray,
    fan: FloatArray,
    rims: FloatArray,
    radius: float,
    ways: FloatArray,
    breadth: FloatArray,
    depth: FloatArray,
) -> None:
    """Raise the ground to a delta, in place, and cut its channels; arguments as in `_fan`, `_channels`."""
    columns = ground.shape[1]
    count, _ = _fan(ground, laid, scratch, fan, rims, radius)
    ways = ways[_on_the_plain(scratch[0], ground.shape, fan, radius, ways)]
    for cell in scratch[1, :count]:
        i, j = cell // columns, cell % columns
        distance, bearing = _polar(i - fan[2], j - fan[3], fan[4], fan[5])
        inside = radius * _rim_at(rims, bearing) - distance
        height = RIM + (fan[6] if inside > 0.0 else FRONT_SLOPE) * inside
        place = min(distance / radius, 1.0) * (breadth.size - 1)
        index = min(int(place), breadth.size - 2)
        part = place - index
        half = breadth[index] + part * (breadth[index + 1] - breadth[index])
        nearest = np.inf
        for way in range(ways.shape[0]):
            there = ways[way, index] + part * (ways[way, index + 1] - ways[way, index])
            nearest = min(nearest, distance * abs(bearing - there))
        if nearest < half:
            fade = min(max(1.0 + inside / (6.0 * half), 0.0), 1.0)
            height -= fade * depth[index] * (1.0 - (nearest / half) ** 2)
        elif inside > 0.0:
            height += LEVEE * math.exp(-0.5 * (nearest - half) / half) * min(inside / (4.0 * half), 1.0)
        ground[i, j] = height if nearest < half else max(height, ground[i, j])
        laid[i, j] = inside > 0.0
