"""Terrain as chunks of triangles at several levels of detail.

How quads are cut and which vertices a level keeps is told in `worldgen.triangulation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Level, Node
from worldgen.triangulation import coarse_elevation, cut_south_east, kept_lines

Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ChunkWindow:
    """Which vertices of the map a chunk holds.

    Attributes
    ----------
    row, column : place of the chunk among chunks; (0, 0) is north-west.
    row0, row1, column0, column1 : first and last vertex row and column of the map, the last one included, so
        neighbours share it.
    """

    row: int
    column: int
    row0: int
    row1: int
    column0: int
    column1: int


@dataclass(frozen=True, eq=False)
class TerrainChunk:
    """One square of terrain at several levels of detail.

    Attributes
    ----------
    window : the vertices of the map that it holds.
    translation : (x, 0, z) of its north-west corner in metres, for the node that shows it.
    levels : meshes, finest first; level k keeps each 2**k-th row and column.
    geometric_errors : metres, largest vertical distance of each level from the map's vertices; the
        first is 0.
    """

    window: ChunkWindow
    translation: tuple[float, float, float]
    levels: tuple[Mesh, ...]
    geometric_errors: tuple[float, ...]

    def node(self, level: int = 0) -> Node:
        """Return the node that shows one level, with the coarser ones behind it."""
        name = f"terrain_{self.window.row}_{self.window.column}"
        size = float(np.ptp(self.levels[0].positions, axis=0).max())
        coarser = []
        for depth in range(level + 1, len(self.levels)):
            # The share of the screen's height at which the level's error is two of 1080 pixels.
            coverage = size / max(self.geometric_errors[depth], 1e-6) / 540
            coarser.append(Level(Model(f"{name}_lod{depth}", (self.levels[depth],)), min(coverage, 1.0)))
        model = Model(name, (self.levels[level],))
        return Node(name, translation=self.translation, model=model, levels=tuple(coarser))


def vertex_coordinates(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return (x of each column, z of each row) in metres, as exported.

    They are multiples of one power of two small enough that any of them, and any difference of two, is exact
    in float32. So a vertex that two chunks share is at one place to the bit, whatever the spacing. The price
    is a shift of at most 0.5 mm within 8 km of the origin; none at all for spacings like 2 or 0.75.
    """
    reach = max(float(np.abs(grid.x).max()), float(np.abs(grid.z).max()), *grid.extent)
    step = 2.0 ** (np.ceil(np.log2(reach)) - 23)
    return np.round(grid.x / step) * step, np.round(grid.z / step) * step


def terrain_normals(elevation: Float32Array, spacing: float) -> Float32Array:
    """Return (H, W, 3) float32 unit normals by central differences; world axes, so y is up and z is south."""
    south, east = np.gradient(elevation.astype(np.float32, copy=False), np.float32(spacing))
    normals = np.empty((*elevation.shape, 3), np.float32)
    length = np.sqrt(east * east + south * south + np.float32(1))
    normals[..., 0] = -east / length
    normals[..., 1] = 1 / length
    normals[..., 2] = -south / length
    return normals


def chunk_windows(shape: tuple[int, int], quads: int = 128) -> list[ChunkWindow]:
    """Cut (H, W) vertices into windows of up to `quads` quads a side, row by row; the last are narrower."""
    if quads < 1:
        raise InputError(f"a chunk needs at least 1 quad a side; found {quads}")
    rows, columns = (range(0, size - 1, quads) for size in shape)
    return [
        ChunkWindow(row, column, top, min(top + quads, shape[0] - 1), left, min(left + quads, shape[1] - 1))
        for row, top in enumerate(rows)
        for column, left in enumerate(columns)
    ]


def quad_triangles(south_east: BoolArray) -> NDArray[np.uint32]:
    """Return (T, 3) triangles of a grid of vertices, counter-clockwise from above, two a quad, row by row."""
    rows, columns = south_east.shape
    a = (np.arange(rows, dtype=np.uint32)[:, None] * np.uint32(columns + 1)) + np.arange(
        columns, dtype=np.uint32
    )
    b, c, d = a + np.uint32(1), a + np.uint32(columns + 1), a + np.uint32(columns + 2)
    indices = np.empty((rows, columns, 6), np.uint32)
    indices[..., 0], indices[..., 1], indices[..., 3] = a, c, np.where(south_east, a, b)
    indices[..., 2] = np.where(south_east, d, b)
    indices[..., 4] = np.where(south_east, d, c)
    indices[..., 5] = np.where(south_east, b, d)
    return indices.reshape(-1, 3)


def chunk_mesh(
    heightmap: Heightmap,
    normals: Float32Array,
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    stride: int,
    material: PBRMaterial,
    *,
    tangents: bool = False,
) -> Mesh:
    """Return the triangles of one window at one stride.

    Positions are relative to the window's north-west corner, y is the elevation itself. Texture coordinates
    run from 0 to 1 over the window, u east and v south, as an image lies.

    Parameters
    ----------
    normals : (H, W, 3) float32 of the whole map, from `terrain_normals`, so that chunks agree at borders.
    row0, row1, column0, column1 : vertex window, the last row and column included.
    stride : 1, 2, 4, …
    tangents : also write tangents (east along the surface); without, clients derive them.

    Raises
    ------
    InputError : the window's lines are not lines that a level with this stride keeps.
    """
    elevation = heightmap.elevation
    rows, columns = kept_lines(row0, row1, stride), kept_lines(column0, column1, stride)
    for first, last, size in ((row0, row1, elevation.shape[0]), (column0, column1, elevation.shape[1])):
        if not 0 <= first < last < size or first % stride or (last % stride and last != size - 1):
            raise InputError(
                f"a window's lines must be multiples of its stride {stride}, or the last line {size - 1}; "
                f"found {first} to {last}"
            )
    lines = [kept_lines(0, size - 1, stride) for size in elevation.shape]
    quad_rows = row0 // stride + np.arange(len(rows) - 1)
    quad_columns = column0 // stride + np.arange(len(columns) - 1)
    south_east = cut_south_east(elevation, lines[0], lines[1], quad_rows[:, None], quad_columns)
    x, z = vertex_coordinates(heightmap.grid)
    count = len(rows), len(columns)
    kept = np.ix_(rows, columns)
    positions = np.empty((*count, 3), np.float32)
    positions[..., 0] = x[columns] - x[column0]
    positions[..., 1] = elevation[kept]
    positions[..., 2] = (z[rows] - z[row0])[:, None]
    flat_normals = normals[kept].reshape(-1, 3)
    return Mesh(
        positions=positions.reshape(-1, 3),
        normals=flat_normals,
        texcoords=_window_texcoords(row1 - row0, column1 - column0, stride),
        indices=quad_triangles(south_east),
        material=material,
        tangents=surface_tangents(flat_normals) if tangents else None,
    )


@lru_cache(maxsize=64)
def _window_texcoords(height: int, width: int, stride: int) -> Float32Array:
    """Return (V, 2) texture coordinates; windows of one size share the array, so that files may do so too."""
    rows, columns = kept_lines(0, height, stride), kept_lines(0, width, stride)
    texcoords = np.empty((len(rows), len(columns), 2), np.float32)
    texcoords[..., 0] = columns / width
    texcoords[..., 1] = (rows / height)[:, None]
    texcoords.setflags(write=False)
    return texcoords.reshape(-1, 2)


def surface_tangents(normals: Float32Array) -> Float32Array:
    """Return (V, 4) tangents for (V, 3) normals of land.

    They point east within the surface, and w = 1, as cross(normal, east) is north, an image's up.
    """
    tangents = np.zeros((len(normals), 4), np.float32)
    length = np.hypot(normals[:, 0], normals[:, 1])
    tangents[:, 0] = normals[:, 1] / length
    tangents[:, 1] = -normals[:, 0] / length
    tangents[:, 3] = 1
    return tangents


def terrain_chunks(
    heightmap: Heightmap,
    material: PBRMaterial | Callable[[ChunkWindow], PBRMaterial],
    *,
    quads: int = 128,
    levels: int = 3,
    tangents: bool = False,
) -> list[TerrainChunk]:
    """Cut a whole map into chunks, row by row from the north-west.

    Parameters
    ----------
    material : one for all, or a function that gives each window its own, for example with a baked texture.
    quads : quads a side; a multiple of 2 ** (levels - 1), so that coarse levels of neighbours match.
    levels : number of levels of detail.

    Raises
    ------
    InputError : the quads do not divide into so many levels.
    """
    strides = [2**level for level in range(levels)]
    if levels < 1 or quads % strides[-1]:
        raise InputError(
            f"{levels} levels of detail need at least 1 level, and quads that are a multiple of "
            f"{strides[-1] if strides else 1}; found {quads} quads"
        )
    elevation = heightmap.elevation
    normals = terrain_normals(elevation, heightmap.grid.spacing)
    x, z = vertex_coordinates(heightmap.grid)
    deviations = [np.abs(coarse_elevation(elevation, stride) - elevation) for stride in strides[1:]]
    chunks = []
    for window in chunk_windows(elevation.shape, quads):
        surface = material if isinstance(material, PBRMaterial) else material(window)
        bounds = (window.row0, window.row1, window.column0, window.column1)
        part = (slice(window.row0, window.row1 + 1), slice(window.column0, window.column1 + 1))
        chunks.append(
            TerrainChunk(
                window=window,
                translation=(float(x[window.column0]), 0.0, float(z[window.row0])),
                levels=tuple(
                    chunk_mesh(heightmap, normals, *bounds, stride, surface, tangents=tangents)
                    for stride in strides
                ),
                geometric_errors=(0.0, *(float(deviation[part].max()) for deviation in deviations)),
            )
        )
    return chunks
