"""Where one can walk: a navigation mesh of few triangles, and what of it hangs together.

The ground is looked at in squares of 1 to 2.5 metres. A square is walkable if it is not too steep however it
is cut, not under deep water, and far enough from all that is not walkable and from what stands on it. The
mesh of what is left follows the ground within a stated error and nowhere leaves the walkable squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen.adaptive_mesh import adaptive_triangles
from worldgen.collision import unseen_mesh
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.kernel import kernel
from worldgen.mesh import Mesh
from worldgen.triangulation import quad_diagonals

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

MOST_QUADS = 1 << 23  # smaller squares are not made where there would be more


@dataclass(frozen=True)
class Walker:
    """Who walks.

    Attributes
    ----------
    slope : degrees, the steepest ground.
    step : metres, the highest step: lower things and short steep bits are walked over.
    radius : metres kept clear of obstacles, steep ground, deep water and the map's edge.
    wading : metres, the deepest water.
    """

    slope: float = 40.0
    step: float = 0.35
    radius: float = 0.4
    wading: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.slope < 90 and self.step >= 0 and self.radius >= 0 and self.wading >= 0):
            raise InputError(
                "a walker needs a slope within 0 .. 90 degrees and step, radius and wading of at least 0 m; "
                f"found {self.slope}, {self.step}, {self.radius}, {self.wading}"
            )


@dataclass(frozen=True, eq=False)
class Walkable:
    """Where one can walk, on a grid that may be finer than the map's.

    Attributes
    ----------
    grid : its vertices.
    elevation : (H, W) float32, metres, of the finest triangles at its vertices.
    south_east : (H - 1, W - 1) bool, how its quads are cut.
    component : (H - 1, W - 1) int32, which piece each quad belongs to, 0 the largest; -1 where none can walk.
    areas : (N,) m² of each piece, seen from above, falling.
    """

    grid: Grid
    elevation: Float32Array
    south_east: BoolArray
    component: NDArray[np.int32]
    areas: FloatArray


@dataclass(frozen=True, eq=False)
class NavigationMesh:
    """The mesh that engines walk on.

    Attributes
    ----------
    mesh : world metres.
    component : (T,) int32, the piece of each triangle, as in `Walkable`.
    """

    mesh: Mesh
    component: NDArray[np.int32]


def walkable_ground(
    heightmap: Heightmap,
    water: Float32Array | None = None,
    obstacles: FloatArray | None = None,
    *,
    walker: Walker | None = None,
    resolution: float = 2.5,
    smallest: float = 100.0,
) -> Walkable:
    """Return where one can walk.

    Parameters
    ----------
    water : (H, W) elevation of the water's surface, NaN where dry.
    obstacles : (N, 3) x, z and radius in world metres, of what stands there and is higher than a step.
    walker : who walks.
    resolution : metres, the largest square; the map's quads are halved until they are no larger, or there
        would be more than `MOST_QUADS`. Each trunk costs a square, and the triangles around the hole: half
        the size takes twice the triangles in a wood.
    smallest : m², pieces below are left out.
    """
    walker = walker or Walker()
    factor = _factor(heightmap.grid, resolution)
    grid, elevation, south_east = refined(heightmap, factor)
    free = ~_steep(elevation, grid.spacing, walker)
    if water is not None:
        depth = np.nan_to_num(np.asarray(water, np.float64) - heightmap.elevation, nan=0.0).clip(min=0.0)
        wet = _refined_values(depth.astype(np.float32), heightmap, grid) > walker.wading
        free &= ~(wet[:-1, :-1] | wet[:-1, 1:] | wet[1:, :-1] | wet[1:, 1:])
    free = _eroded(free, walker.radius / grid.spacing)
    if obstacles is not None and len(obstacles):
        row, column = grid.to_cells(obstacles[:, 0], obstacles[:, 1])
        _block(free, row, column, (obstacles[:, 2] + walker.radius) / grid.spacing)
    component, areas = _components(free, grid.spacing**2, smallest)
    return Walkable(grid, elevation, south_east, component, areas)


def navigation_mesh(
    walkable: Walkable, *, error: float = 0.5, walker: Walker | None = None, quads: int = 128
) -> NavigationMesh:
    """Return the triangles over the walkable quads.

    No point lies more than ``error`` metres above or below the ground's finest triangles, and no triangle is
    steeper than the walker's slope; where steps are longer than quads they may be.
    """
    walker = walker or Walker()
    grid, elevation = walkable.grid, walkable.elevation
    steepest = max(float(np.tan(np.radians(walker.slope))) * grid.spacing, walker.step)
    pieces = adaptive_triangles(
        elevation,
        walkable.south_east,
        error=error,
        keep=walkable.component >= 0,
        steepest=steepest * (1 + 1e-6),
        quads=quads,
    )
    triangles = np.concatenate([np.zeros((0, 3), np.int64), *(piece.triangles for piece in pieces)])
    used, indices = np.unique(triangles, return_inverse=True)
    row, column = np.divmod(used, grid.shape[1])
    positions = np.stack([grid.x[column], elevation[row, column], grid.z[row]], axis=1).astype(np.float32)
    middle = np.divmod(triangles, grid.shape[1])
    component = walkable.component[middle[0].sum(axis=1) // 3, middle[1].sum(axis=1) // 3]
    return NavigationMesh(
        unseen_mesh(positions, indices.reshape(-1, 3).astype(np.uint32)), component.astype(np.int32)
    )


def _factor(grid: Grid, resolution: float) -> int:
    """Return the power of 2 by which quads are halved."""
    factor = 1
    quads = (grid.shape[0] - 1) * (grid.shape[1] - 1)
    while grid.spacing / factor > resolution * (1 + 1e-9) and quads * (2 * factor) ** 2 <= MOST_QUADS:
        factor *= 2
    return factor


def refined(heightmap: Heightmap, factor: int) -> tuple[Grid, Float32Array, BoolArray]:
    """Return a grid of quads ``factor`` times smaller, the finest triangles' height there, and its cuts.

    A triangle cut at the middles of its sides is four of its own shape, so this surface is the same one.
    """
    south_east = quad_diagonals(heightmap.elevation)
    if factor == 1:
        return heightmap.grid, heightmap.elevation, south_east
    rows, columns = heightmap.grid.shape
    shape = (rows - 1) * factor + 1, (columns - 1) * factor + 1
    grid = Grid(shape, heightmap.grid.spacing / factor, heightmap.grid.origin)
    elevation = _refined_values(heightmap.elevation, heightmap, grid)
    return grid, elevation, south_east.repeat(factor, axis=0).repeat(factor, axis=1)


def _refined_values(values: Float32Array, heightmap: Heightmap, grid: Grid) -> Float32Array:
    """Return values of the map's vertices on the finest triangles at the vertices of a finer grid."""
    if grid.shape == values.shape:
        return values
    factor = (grid.shape[0] - 1) // (values.shape[0] - 1)
    return _interpolated(values, quad_diagonals(heightmap.elevation), factor)


@kernel
def _interpolated(values: Float32Array, south_east: BoolArray, factor: int) -> Float32Array:
    rows, columns = south_east.shape
    result = np.empty((rows * factor + 1, columns * factor + 1), np.float32)
    for i in range(result.shape[0]):
        row = min(i // factor, rows - 1)
        down = (i - row * factor) / factor
        for j in range(result.shape[1]):
            column = min(j // factor, columns - 1)
            across = (j - column * factor) / factor
            a, b = np.float64(values[row, column]), np.float64(values[row, column + 1])
            c, d = np.float64(values[row + 1, column]), np.float64(values[row + 1, column + 1])
            if south_east[row, column]:
                if across > down:
                    value = a + (b - a) * across + (d - b) * down
                else:
                    value = a + (d - c) * across + (c - a) * down
            elif across + down < 1:
                value = a + (b - a) * across + (c - a) * down
            else:
                value = d - (d - c) * (1 - across) - (d - b) * (1 - down)
            result[i, j] = value
    return result


def _steep(elevation: Float32Array, spacing: float, walker: Walker) -> BoolArray:
    """Return the quads that are too steep, cut this way or that, unless all of them is but a step."""
    east, south = np.abs(np.diff(elevation, axis=1)), np.abs(np.diff(elevation, axis=0))
    east, south = np.maximum(east[:-1], east[1:]), np.maximum(south[:, :-1], south[:, 1:])
    rise = np.float32(np.tan(np.radians(walker.slope)) * spacing)
    return np.asarray((np.hypot(east, south) > rise) & (east + south > np.float32(walker.step)))


def _eroded(free: BoolArray, radius: float) -> BoolArray:
    """Return the free quads no point of which is nearer than the radius, in quads, to one that is not free.

    Beyond the map nothing is.
    """
    if radius <= 0:
        return free
    reach = int(np.ceil(radius))
    away = np.maximum(np.abs(np.arange(-reach, reach + 1)) - 1, 0)
    near = np.hypot(away[:, None], away) < radius
    return np.asarray(ndimage.binary_erosion(free, near, border_value=0))


@kernel
def _block(free: BoolArray, rows: FloatArray, columns: FloatArray, radii: FloatArray) -> None:
    """Take away the quads that discs reach; all in quads."""
    for number in range(len(rows)):
        row, column, radius = rows[number], columns[number], radii[number]
        for i in range(
            max(int(np.floor(row - radius)), 0), min(int(np.floor(row + radius)) + 1, free.shape[0])
        ):
            down = max(i - row, row - i - 1, 0.0)
            for j in range(
                max(int(np.floor(column - radius)), 0), min(int(np.floor(column + radius)) + 1, free.shape[1])
            ):
                across = max(j - column, column - j - 1, 0.0)
                if down * down + across * across < radius * radius:
                    free[i, j] = False


def _components(free: BoolArray, area: float, smallest: float) -> tuple[NDArray[np.int32], FloatArray]:
    """Return the piece of each quad, by falling area, and the areas; quads are joined by their sides."""
    labels, count = ndimage.label(free)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:] * area
    order = np.argsort(-areas, kind="stable")
    order = order[areas[order] >= smallest]
    number = np.full(count + 1, -1, np.int32)
    number[order + 1] = np.arange(len(order), dtype=np.int32)
    return number[labels], areas[order].astype(np.float64)
