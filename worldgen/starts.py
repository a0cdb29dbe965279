"""Where players start: dry, level, open ground with a view, spread over the land that can be walked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen.errors import InputError
from worldgen.heightmap import Heightmap
from worldgen.kernel import kernel
from worldgen.navigation import Walkable
from worldgen.triangulation import surface_height

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

EYE = 1.7  # metres
DIRECTIONS, SIDE = 32, 3  # rays around a place; a view is so many to either side: 79 degrees
FARTHEST = 4000.0  # metres that a view reaches
CANDIDATES = 1500  # places whose view is looked at


class Start(NamedTuple):
    """A place to stand.

    Attributes
    ----------
    x, y, z : world metres, on the finest triangles.
    yaw : degrees about +Y, counter-clockwise from above; 0 looks to -z, which is north.
    """

    x: float
    y: float
    z: float
    yaw: float


def player_starts(
    heightmap: Heightmap,
    walkable: Walkable,
    water: Float32Array | None = None,
    obstacles: FloatArray | None = None,
    *,
    count: int = 4,
    slope: float = 10.0,
    level: float = 3.0,
    clearance: float = 3.0,
    shore: float = 5.0,
    edge: float = 30.0,
) -> list[Start]:
    """Return places to start, the best first; fewer than asked where the land has no more.

    The same land gives the same places. Each lies in the largest walkable piece.

    Parameters
    ----------
    walkable : from `worldgen.navigation.walkable_ground`.
    water : (H, W) elevation of the water's surface, NaN where dry.
    obstacles : (N, 4) x, z, radius and height in metres of what stands on the ground; it also hides the view.
    count : of places.
    slope : degrees, steeper than no quad within ``level`` metres.
    clearance : metres to the next obstacle.
    shore : metres to the next water.
    edge : metres to the map's edge, at most a quarter of its shorter side.

    Raises
    ------
    InputError : the count is below 0.
    """
    if count < 0:
        raise InputError(f"player starts need a count of at least 0; found {count}")
    suitable = _suitable(heightmap, walkable, water, obstacles, slope, level, clearance, shore)
    _leave_edge(suitable, min(edge, min(heightmap.grid.extent) / 4) / walkable.grid.spacing)
    places = _thinned(suitable, CANDIDATES)
    if not count or not len(places):
        return []
    grid = walkable.grid
    z, x = (
        np.asarray(start + (place + 0.5) * grid.spacing, np.float64)
        for start, place in zip(grid.origin[::-1], places.T, strict=True)
    )
    y = surface_height(heightmap.elevation, heightmap.grid, x, z)
    views = _views(heightmap, water, obstacles, x, y + EYE, z)
    wide = np.sum([np.roll(views, shift, axis=1) for shift in range(-SIDE, SIDE + 1)], axis=0)
    best = np.argmax(wide, axis=1)
    score = wide[np.arange(len(places)), best]
    chosen = _spread(x, z, score / score.max(), np.sqrt(walkable.areas[0] / count), min(count, len(places)))
    # Ray k runs at 2 pi k / DIRECTIONS from north, counter-clockwise as seen from above.
    yaw = best * 360.0 / DIRECTIONS
    return [Start(float(x[i]), float(y[i]), float(z[i]), float(yaw[i])) for i in chosen]


def _suitable(
    heightmap: Heightmap,
    walkable: Walkable,
    water: Float32Array | None,
    obstacles: FloatArray | None,
    slope: float,
    level: float,
    clearance: float,
    shore: float,
) -> BoolArray:
    """Return the quads of the walkable grid in whose middle one may start."""
    grid, elevation = walkable.grid, walkable.elevation
    east, south = np.abs(np.diff(elevation, axis=1)), np.abs(np.diff(elevation, axis=0))
    rise = np.hypot(np.maximum(east[:-1], east[1:]), np.maximum(south[:, :-1], south[:, 1:]))
    suitable: BoolArray = walkable.component == 0
    steep = rise > np.tan(np.radians(slope)) * grid.spacing
    suitable &= _distance(steep, grid.spacing) > level
    if water is not None:
        wet = np.asarray(water) > heightmap.elevation  # NaN is not
        factor = (grid.shape[0] - 1) // (heightmap.grid.shape[0] - 1)
        quads = wet[:-1, :-1] | wet[:-1, 1:] | wet[1:, :-1] | wet[1:, 1:]
        suitable &= _distance(quads.repeat(factor, axis=0).repeat(factor, axis=1), grid.spacing) > shore
    if obstacles is not None and len(obstacles):
        row, column = grid.to_cells(obstacles[:, 0], obstacles[:, 1])
        _clear(suitable, row, column, (obstacles[:, 2] + clearance) / grid.spacing)
    return suitable


def _leave_edge(suitable: BoolArray, margin: float) -> None:
    """Take away the quads whose middles are nearer to the map's edge; the margin in quads."""
    wide = max(int(np.ceil(margin - 0.5)), 0)
    inner = np.zeros_like(suitable)
    inner[wide : suitable.shape[0] - wide, wide : suitable.shape[1] - wide] = True
    suitable &= inner


def _distance(quads: BoolArray, spacing: float) -> FloatArray:
    """Return metres from each quad's middle to the nearest point of the quads given, or less."""
    if not quads.any():
        return np.full(quads.shape, np.inf)
    return np.asarray((ndimage.distance_transform_edt(~quads) - np.sqrt(0.5)) * spacing)


@kernel
def _clear(suitable: BoolArray, rows: FloatArray, columns: FloatArray, radii: FloatArray) -> None:
    """Take away the quads whose middles lie in discs; all in quads."""
    for n in range(len(rows)):
        row, column, radius = rows[n] - 0.5, columns[n] - 0.5, radii[n]
        for i in range(max(int(np.ceil(row - radius)), 0), min(int(row + radius) + 1, suitable.shape[0])):
            for j in range(
                max(int(np.ceil(column - radius)), 0), min(int(column + radius) + 1, suitable.shape[1])
            ):
                if (i - row) ** 2 + (j - column) ** 2 < radius * radius:
                    suitable[i, j] = False


def _thinned(suitable: BoolArray, most: int) -> NDArray[np.intp]:
    """Return (N, 2) quads, row and column: one of each square of a lattice, so that no more than ``most``.

    It is the one that is farthest from unsuitable ground.
    """
    count = int(suitable.sum())
    if not count:
        return np.zeros((0, 2), np.intp)
    side = max(int(np.ceil(np.sqrt(suitable.size / most))), 1)
    inside = ndimage.distance_transform_edt(np.pad(suitable, 1))[1:-1, 1:-1]
    row, column = np.nonzero(suitable)
    square = row // side * (suitable.shape[1] // side + 1) + column // side
    order = np.lexsort((-inside[row, column], square))
    _, first = np.unique(square[order], return_index=True)
    return np.stack([row, column], axis=1)[order[first]]


def _views(
    heightmap: Heightmap,
    water: Float32Array | None,
    obstacles: FloatArray | None,
    x: FloatArray,
    eye: FloatArray,
    z: FloatArray,
) -> FloatArray:
    """Return (N, DIRECTIONS) what is seen along each ray: land by its breadth and relief, and water."""
    grid = heightmap.grid
    surface = heightmap.elevation.copy()
    wet = np.zeros(grid.shape, bool)
    if water is not None:
        wet = np.asarray(water) > heightmap.elevation
        surface[wet] = water[wet]
    if obstacles is not None and len(obstacles):
        row, column = grid.to_cells(obstacles[:, 0], obstacles[:, 1])
        places = (
            np.clip(np.rint(row), 0, grid.shape[0] - 1).astype(np.intp),
            np.clip(np.rint(column), 0, grid.shape[1] - 1).astype(np.intp),
        )
        above = np.zeros(grid.shape, np.float32)
        np.maximum.at(above, places, obstacles[:, 3].astype(np.float32))
        surface += above
    row, column = grid.to_cells(x, z)
    return _seen(surface, wet, row, column, eye, grid.spacing, min(FARTHEST, max(grid.extent)), DIRECTIONS)


@kernel
def _seen(
    surface: Float32Array,
    wet: BoolArray,
    rows: FloatArray,
    columns: FloatArray,
    eyes: FloatArray,
    spacing: float,
    farthest: float,
    directions: int,
) -> FloatArray:
    result = np.zeros((len(rows), directions))
    for n in range(len(rows)):
        for k in range(directions):
            angle = 2 * np.pi * k / directions
            down, across = -np.cos(angle), -np.sin(angle)
            horizon, lowest, reach, water = -np.inf, 0.0, 0.0, 0.0
            distance = 1.5  # quads; the steps grow, as what is far is seen from farther off
            while distance * spacing < farthest:
                i, j = int(rows[n] + down * distance + 0.5), int(columns[n] + across * distance + 0.5)
                if not (0 <= i < surface.shape[0] and 0 <= j < surface.shape[1]):
                    break
                step = max(1.0, 0.02 * distance)
                slope = (surface[i, j] - eyes[n]) / (distance * spacing)
                if slope > horizon:
                    horizon = slope
                    reach = distance * spacing
                    lowest = min(lowest, slope)
                    if wet[i, j]:
                        water += step * spacing
                distance += step
            if horizon == -np.inf:
                continue
            # A long view and relief against the sky count alike; water as half of either. Logarithms and
            # bounds keep one great wall or lake from outweighing the rest.
            result[n, k] = (
                np.log1p(reach / 50.0) / np.log1p(farthest / 50.0)
                + min((horizon - lowest) / 0.4, 1.0)
                + 0.5 * min(water / 200.0, 1.0)
            )
    return result


def _spread(x: FloatArray, z: FloatArray, score: FloatArray, apart: float, count: int) -> list[int]:
    """Return the best place, then in turn the one that is best by view and by distance to those before."""
    chosen = [int(np.argmax(score))]
    nearest = np.hypot(x - x[chosen[0]], z - z[chosen[0]])
    while len(chosen) < count:
        value = score * np.minimum(nearest / apart, 1.0)
        chosen.append(int(np.argmax(value)))
        nearest = np.minimum(nearest, np.hypot(x - x[chosen[-1]], z - z[chosen[-1]]))
    return chosen
