"""Lines of a sketch: how rivers run on and fall, and how far the nearest is from each cell of a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worldgen.drainage import drain
from worldgen.hydrology import route
from worldgen.kernel import kernel
from worldgen.noise import fractal, permutation

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
AtPoints = Callable[[FloatArray], FloatArray]  # points (N, 2) -> (N,)

_STEP = 120.0  # metres between the points of a line, at most
_CORNER = 600.0  # metres that a corner is rounded over
_SWAY = 60.0  # metres
_FALL = 5e-4  # least slope of a river
_BED = 0.1  # slope of a bed where no heights are given, in units of the style's steepness
JOINS = 600.0  # metres between a river's mouth and another river that it flows into
_APART = 4000.0  # metres between a river and that which it is led on to
_RIVERS = 3e7, 4e6  # m², drainage area of a river that others are led on to, if there is one, or at least


def wandering(line: FloatArray, seed: int) -> FloatArray:
    """A line (N, 2) with rounded corners (Chaikin 1974) and points every `_STEP` metres, swaying a little."""
    along = lengths(line)
    steps = [np.linspace(a, b, int(np.ceil((b - a) / _CORNER)) + 1)[:-1] for a, b in pairwise(along)]
    line = _at(line, np.concatenate([*steps, along[-1:]]))
    for _ in range(2):
        near, far = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        inner = np.stack([near, far], axis=1).reshape(-1, 2)
        line = np.concatenate([line[:1], inner[1:-1], line[-1:]])
    along = lengths(line)
    even = np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] / _STEP)) + 1))
    line = _at(line, even)
    x, z = line[:, 0] / 900, line[:, 1] / 900
    table = permutation(seed, "sketch/sway")
    return line + _SWAY * np.stack([fractal(x + shift, z, table, octaves=2) for shift in (0.0, 71.3)], axis=1)


def _at(line: FloatArray, along: FloatArray) -> FloatArray:
    """Points (N, 2) of a line at so many metres from its first point."""
    places = lengths(line)
    return np.stack([np.interp(along, places, line[:, axis]) for axis in (0, 1)], axis=1)


def lengths(line: FloatArray) -> FloatArray:
    """Metres along a line (N, 2) from its first point to each, (N,)."""
    steps = np.sqrt((np.diff(line, axis=0) ** 2).sum(axis=1))
    return np.concatenate([[0.0], np.cumsum(steps)])


def downhill(line: FloatArray, heights: FloatArray) -> FloatArray:
    """The line from its higher to its lower end, as far as heights at its points are known (not NaN)."""
    known = heights[np.isfinite(heights)]
    return line[::-1] if known.size and known[-1] > known[0] else line


def joined(lines: Sequence[FloatArray], index: int) -> tuple[int, FloatArray] | None:
    """Which of the rivers the one at ``index`` ends at, if any, and its nearest point, x, z in metres."""
    end = lines[index][-1]
    for other, line in enumerate(lines):
        if other != index:
            distance, x, z = nearest(segments([line], [line]), end[:1, None], end[1:, None], JOINS)
            if distance[0, 0] < JOINS:
                return other, np.array([x[0, 0], z[0, 0]])
    return None


def led_on(
    line: FloatArray, level: float, x: FloatArray, z: FloatArray, land: FloatArray, free: BoolArray
) -> tuple[FloatArray, float, float]:
    """Lead a river on from its mouth to a river of the land ahead, lest its valley be a hollow.

    Parameters
    ----------
    level : metres at the mouth; NaN where no heights are given.
    x, z : (1, W), (H, 1) metres of the land around the mouth.
    land : (H, W) metres without a sketch.
    free : (H, W) where the river may end.

    Returns
    -------
    The longer line, the elevation in metres of its end, and 0. Where there is no such river that lies low
    enough, the line as it is, with the land's lowest elevation, or NaN where ``level`` is known; then also by
    how many metres the land lies too high for the river to leave.
    """
    spacing = float(x[0, 1] - x[0, 0])
    elevation = drain(land, spacing)
    area = route(elevation, spacing).accumulation
    ahead = line[-1] - line[-2]
    ahead = ahead / np.sqrt((ahead**2).sum())
    east, south = x - line[-1, 0], z - line[-1, 1]
    distance = np.sqrt(east * east + south * south)
    forward = east * ahead[0] + south * ahead[1]
    pieces = segments([line], [np.zeros((len(line), 2))])
    apart = nearest(pieces, *everywhere(x, z), _APART)[0] >= _APART
    allowed = free & apart & (forward > 0)
    allowed &= area > (_RIVERS[0] if (allowed & (area > _RIVERS[0])).any() else _RIVERS[1])
    known = bool(np.isfinite(level))
    short = 0.0
    if known and allowed.any():
        excess = elevation + 2 * _FALL * distance - level
        short = float(excess[allowed].min())
        allowed &= excess < 0
    if not allowed.any():
        return line, float("nan") if known else float(elevation.min()), short
    cost = 1.5 * distance - forward + (0.0 if known else 10.0) * elevation
    row, column = divmod(int(np.argmin(np.where(allowed, cost, np.inf))), land.shape[1])
    end = np.array([x[0, column], z[row, 0]])
    bend = line[-1] + 0.5 * distance[row, column] * ahead
    t = np.linspace(0, 1, 12)[1:, None]
    curve = (1 - t) ** 2 * line[-1] + 2 * t * (1 - t) * bend + t**2 * end
    return np.concatenate([line, curve]), float(elevation[row, column]), 0.0


def beds(
    lines: Sequence[FloatArray], mouths: Sequence[float], given: AtPoints, steepness: AtPoints
) -> list[FloatArray]:
    """Elevations in metres of rivers' beds at their points, falling from source to mouth.

    Where heights are given, the bed is the lowest of what lies upstream; elsewhere its slope goes with the
    drainage area of a basin so long (Hack 1957). A river that ends at another one meets its bed.

    Parameters
    ----------
    lines : (N, 2) each.
    mouths : elevation of each mouth; NaN where heights are given or it ends at another river.
    given : wanted elevation of the bed; NaN where none is.
    steepness : slope of a river of 1 km².
    """
    joints = [joined(lines, index) for index in range(len(lines))]
    ends = [None if joint is None else joint[0] for joint in joints]
    found: dict[int, FloatArray] = {}
    while len(found) < len(lines):
        waiting = [index for index in range(len(lines)) if index not in found]
        # Rivers that end at each other in a circle have no mouth: one is taken as the main one.
        ready = [index for index in waiting if ends[index] is None or ends[index] in found] or waiting[:1]
        for index in ready:
            line, mouth, trunk = lines[index], mouths[index], ends[index]
            if trunk in found:
                assert trunk is not None
                closest = int(np.argmin(((lines[trunk] - line[-1]) ** 2).sum(axis=1)))
                mouth = float(found[trunk][closest])
            found[index] = _bed(line, mouth, given(line), steepness(line))
    return [found[index] for index in range(len(lines))]


def _bed(line: FloatArray, mouth: float, wanted: FloatArray, steepness: FloatArray) -> FloatArray:
    along = lengths(line)
    area = (np.maximum(along, _STEP) / 1400) ** (1 / 0.6)  # km²
    slope = _BED * steepness * (1 + area / 0.25) ** -0.375
    steps = 0.5 * (slope[1:] + slope[:-1]) * np.diff(along)
    rise = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])  # above the mouth
    if np.isfinite(mouth):
        wanted[-1] = mouth
    known = np.isfinite(wanted)
    if not known.any():
        wanted[-1], known[-1] = 0.0, True
    bed = rise + np.interp(along, along[known], (wanted - rise)[known])
    falling = np.minimum.accumulate(bed + _FALL * along)  # above the least fall
    if np.isfinite(mouth):
        falling = np.maximum(falling, mouth + _FALL * along[-1])
    return falling - _FALL * along


def segments(lines: Sequence[FloatArray], values: Sequence[FloatArray]) -> FloatArray:
    """(S, 8): x, z and two values, of which (N, 2) are given, of both ends of each piece of the lines."""
    pieces = [
        np.column_stack([line[:-1], value[:-1], line[1:], value[1:]])
        for line, value in zip(lines, values, strict=True)
    ]
    return np.concatenate(pieces) if pieces else np.zeros((0, 8))


def nearest(
    pieces: FloatArray, x: FloatArray, z: FloatArray, reach: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distance in metres to the nearest piece, at most ``reach``, and its two values there, (H, W) each.

    Parameters
    ----------
    pieces : (S, 8) from `segments`.
    x, z : (H, W) metres.
    """
    distance, first, second = np.full(x.shape, reach), np.zeros(x.shape), np.zeros(x.shape)
    near = np.ones(len(pieces), bool)
    for axis, place in enumerate((x, z)):
        ends = pieces[:, axis], pieces[:, axis + 4]
        near &= (np.maximum(*ends) > place.min() - reach) & (np.minimum(*ends) < place.max() + reach)
    _nearest(pieces[near], x, z, distance, first, second)
    return distance, first, second


def everywhere(x: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World coordinates x (1, W), z (H, 1) at each cell, (H, W) both."""
    wide, tall = np.broadcast_arrays(x, z)
    return np.ascontiguousarray(wide), np.ascontiguousarray(tall)


@kernel
def _nearest(
    pieces: FloatArray,
    x: FloatArray,
    z: FloatArray,
    distance: FloatArray,
    first: FloatArray,
    second: FloatArray,
) -> None:
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            here_x, here_z = x[row, column], z[row, column]
            for index in range(pieces.shape[0]):
                x0, z0, x1, z1 = pieces[index, 0], pieces[index, 1], pieces[index, 4], pieces[index, 5]
                least = distance[row, column]
                if here_x < min(x0, x1) - least or here_x > max(x0, x1) + least:
                    continue
                if here_z < min(z0, z1) - least or here_z > max(z0, z1) + least:
                    continue
                length = (x1 - x0) * (x1 - x0) + (z1 - z0) * (z1 - z0)
                t = 0.0
                if length > 0:
                    t = ((here_x - x0) * (x1 - x0) + (here_z - z0) * (z1 - z0)) / length
                    t = min(max(t, 0.0), 1.0)
                east, south = here_x - x0 - t * (x1 - x0), here_z - z0 - t * (z1 - z0)
                there = np.sqrt(east * east + south * south)
                if there < least:
                    distance[row, column] = there
                    first[row, column] = pieces[index, 2] + t * (pieces[index, 6] - pieces[index, 2])
                    second[row, column] = pieces[index, 3] + t * (pieces[index, 7] - pieces[index, 3])
