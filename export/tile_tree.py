"""The quadtree of 3D Tiles: which part of the map a tile covers, its volume, its place on the globe.

A tile of level k covers 2^k x 2^k chunks with the vertices of one: it keeps each 2^k-th row and column.
Level 0 is the finest. Where the map is no power of two of chunks, the last tiles are narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError
from worldgen.mesh import Model
from worldgen.scene import Instances, Scene

Corner = NDArray[np.float64]
Bounds = tuple[Corner, Corner]

# The ellipsoid of ECEF coordinates, WGS 84: metres and flattening.
_EQUATOR, _FLATTENING = 6_378_137.0, 1 / 298.257223563
# Metres that a volume is larger than its content: no volume is flat, and rounding in a client stays inside.
_MARGIN = 0.01


@dataclass(frozen=True)
class TerrainTile:
    """One tile.

    Attributes
    ----------
    level, row, column : place in the tree; rows from the north, columns from the west.
    row0, row1, column0, column1 : vertices of the map, the last ones included.
    """

    level: int
    row: int
    column: int
    row0: int
    row1: int
    column0: int
    column1: int

    @property
    def stride(self) -> int:
        """Which rows and columns of the map it keeps: each so many."""
        return 1 << self.level

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """(row0, row1, column0, column1)."""
        return self.row0, self.row1, self.column0, self.column1

    @property
    def name(self) -> str:
        """Level, row and column, as in its file's name."""
        return f"{self.level}_{self.row}_{self.column}"


@dataclass(frozen=True)
class TileTree:
    """All tiles of a map.

    Attributes
    ----------
    shape : (H, W) vertices of the map.
    quads : quads a side of a chunk, and of every tile; a multiple of 2.
    """

    shape: tuple[int, int]
    quads: int

    @property
    def levels(self) -> int:
        """Number of levels; the tile of the last one covers the whole map."""
        return 1 + max(math.ceil(math.log2(math.ceil((size - 1) / self.quads))) for size in self.shape)

    @property
    def count(self) -> int:
        """Number of tiles."""
        sides = (
            [-(-(size - 1) // (self.quads * 2**level)) for size in self.shape] for level in range(self.levels)
        )
        return sum(rows * columns for rows, columns in sides)

    @property
    def root(self) -> TerrainTile:
        """The tile that covers all."""
        return self.tile(self.levels - 1, 0, 0)

    def tile(self, level: int, row: int, column: int) -> TerrainTile:
        """Return a tile by its place."""
        side = self.quads * 2**level
        (row0, row1), (column0, column1) = (
            (place * side, min((place + 1) * side, size - 1))
            for place, size in zip((row, column), self.shape, strict=True)
        )
        return TerrainTile(level, row, column, row0, row1, column0, column1)

    def children(self, tile: TerrainTile) -> list[list[TerrainTile]]:
        """Return the tiles of the next finer level within one: rows of one or two; none at level 0."""
        if tile.level == 0:
            return []
        children = [
            [self.tile(tile.level - 1, 2 * tile.row + down, 2 * tile.column + across) for across in (0, 1)]
            for down in (0, 1)
        ]
        inside = [[child for child in row if child.column0 < self.shape[1] - 1] for row in children]
        return [row for row in inside if row[0].row0 < self.shape[0] - 1]

    def strides_beside(self, line: int, size: int) -> list[int]:
        """Return the strides of all tiles that have a border along a line of the map with ``size`` lines.

        Empty at the edge of the map, where no tile has a neighbour.
        """
        if line in (0, size - 1):
            return []
        return [2**level for level in range(self.levels) if line % (self.quads * 2**level) == 0]


def scene_bounds(scene: Scene) -> Bounds:
    """Return the lowest and highest corner, (3,) metres in glTF's axes, of what a scene shows.

    Placed objects count with the box of their model, turned and scaled as they are.
    """
    corners: list[Corner] = []
    stack = [(node, np.zeros(3)) for node in scene.nodes]
    while stack:
        node, origin = stack.pop()
        place = origin + np.asarray(node.translation, np.float64)
        if node.model is not None:
            corners += [place + corner for corner in node.model.bounds]
        if node.instances is not None and len(node.instances):
            corners += [place + corner for corner in instances_bounds(node.instances)]
        stack += [(child, place) for child in node.children]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def instances_bounds(instances: Instances) -> Bounds:
    """Return the lowest and highest corner of the turned boxes of placed objects."""
    vertices = _box_vertices(instances.model)  # (8, 3)
    x, y, z, w = instances.rotations.T.astype(np.float64)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    turned = np.einsum("abn,vb->nva", rotation, vertices) * instances.scales[:, None, None]
    turned += instances.translations[:, None, :]
    return turned.min(axis=(0, 1)), turned.max(axis=(0, 1))


def joined(bounds: Sequence[Bounds]) -> Bounds:
    """Return the bounds around several."""
    return np.min([low for low, _ in bounds], axis=0), np.max([high for _, high in bounds], axis=0)


def bounding_volume(bounds: Bounds) -> dict[str, list[float]]:
    """Return a 3D Tiles ``box`` in the tileset's axes, z up, from bounds in glTF's axes, y up.

    Centimetres, rounded outwards: what lies within other bounds has its volume within theirs.
    """
    low, high = bounds
    low, high = np.floor((low - _MARGIN) * 100) / 100, np.ceil((high + _MARGIN) * 100) / 100
    x, y, z = (float(value) for value in np.round((low + high) / 2, 3) + 0.0)
    across, up, along = (float(value) for value in np.round((high - low) / 2, 3))
    # Specification, section 'box': centre, then half the length along each axis. (x, y, z) -> (x, -z, y).
    return {"box": [x, 0.0 - z, y, across, 0.0, 0.0, 0.0, along, 0.0, 0.0, 0.0, up]}


def east_north_up(longitude: float, latitude: float, height: float) -> list[float]:
    """Return the 4 x 4 matrix, column by column, that puts the world's middle on the globe.

    From x east, y north, z up in metres to ECEF (EPSG:4978) at so many degrees and metres above the ellipsoid
    WGS 84. In double precision a nanometre there.

    Raises
    ------
    ExportError : the place is not on the globe.
    """
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90 and math.isfinite(height)):
        raise ExportError(
            "georeference must be longitude -180 .. 180, latitude -90 .. 90 and a height in metres; "
            f"found {longitude}, {latitude}, {height}"
        )
    east, north = math.radians(longitude), math.radians(latitude)
    s, c, sine, cosine = math.sin(east), math.cos(east), math.sin(north), math.cos(north)
    squared = _FLATTENING * (2 - _FLATTENING)
    radius = _EQUATOR / math.sqrt(1 - squared * sine * sine)
    place = (
        (radius + height) * cosine * c,
        (radius + height) * cosine * s,
        (radius * (1 - squared) + height) * sine,
    )
    columns = (-s, c, 0.0, 0.0), (-sine * c, -sine * s, cosine, 0.0), (cosine * c, cosine * s, sine, 0.0)
    return [value + 0.0 for column in columns for value in column] + [*place, 1.0]


def _box_vertices(model: Model) -> Corner:
    low, high = model.bounds
    choice = np.array([[number >> axis & 1 for axis in range(3)] for number in range(8)], bool)
    return np.where(choice, high, low).astype(np.float64)
