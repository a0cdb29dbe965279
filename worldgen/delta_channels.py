"""Channels through sand: a river's over its delta, and inlets to lagoons."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen import flow
from worldgen.channels import channel_depth, channel_width
from worldgen.delta_fans import carve
from worldgen.hydrology import sea_mask
from worldgen.lake_ways import lead_through

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Where along a river arms leave it, and then each other; the radians by which they do, of which the first is
# taken that leads past hills; and what share of the river's width and depth they have.
ARMS, ARM_TURNS, ARM_SHARE = (0.3, 0.5, 0.7), (0.65, 0.45, 0.3), 0.75
LEAST_BREADTH = 2.4  # cells; narrower channels would be rows of dots
BEND = 5.0  # cells over which a river's way is smoothed

# Metres of the width and depth of inlets, and cells of the smallest water that has one.
INLET, INLET_DEPTH, LAGOON = 14.0, 1.2, 40


def branches(
    laid: BoolArray, cells: flow.IntArray, fan: FloatArray, area: float, dice: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Return a river's way over its delta, and arms that leave it to either side, as `carve` takes them.

    Parameters
    ----------
    laid : (H, W) bool, plains of deltas.
    cells : (N,) flat indices of this delta's.
    fan : see `worldgen.delta_fans`.
    area : m² that the river drains.
    """
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
    # Over low sand, in the middle of what was sea.
    around = ndimage.uniform_filter(before.astype(np.float64), 11, mode="constant")
    cost = (1.0 + np.maximum(ground, 0.0)) / np.maximum(around, 0.1) ** 2
    receivers = _cheapest(cost, before & ~sea, sea)
    marks = np.zeros(ground.shape, bool)
    for start in ndimage.minimum_position(ground, labels, large):
        line = _way(receivers, np.array(start, np.float64), ground.shape)
        if len(line) == 0:
            return
        at = np.rint(line).astype(int)
        depth = np.maximum(ground[at[:, 0], at[:, 1]] + INLET_DEPTH, 0.0)
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
