"""The ground that engines collide with: few triangles, within a stated height of those that are seen.

Of 524,288 triangles a temperate map of 513² vertices 2 m apart keeps 41,000 with 0.25 m, and an alpine one
5 m apart 187,000: ground that is rough from vertex to vertex cannot be had for less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.adaptive_mesh import adaptive_triangles
from worldgen.heightmap import Heightmap
from worldgen.lod import vertex_coordinates
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh
from worldgen.triangulation import quad_diagonals

# Metres. Rough ground keeps twice the triangles with 0.1, and a quarter with 1.
ERROR = 0.25

UNSEEN = PBRMaterial("unseen")  # of meshes that are not drawn


@dataclass(frozen=True, eq=False)
class CollisionChunk:
    """One square of the collision mesh.

    Attributes
    ----------
    row, column : of the square among squares; (0, 0) is north-west.
    translation : (x, 0, z) of its north-west corner in metres, for the node that holds it.
    mesh : relative to it.
    """

    row: int
    column: int
    translation: tuple[float, float, float]
    mesh: Mesh


def collision_chunks(heightmap: Heightmap, *, error: float = ERROR, quads: int = 128) -> list[CollisionChunk]:
    """Return the simplified ground, square by square, row by row from the north-west.

    No point of it lies more than ``error`` above or below the finest level's triangles, inside triangles and
    on their edges alike; within 1 mm, as vertices are moved by up to 0.5 mm for float32's sake. Squares meet
    without cracks, to the bit.

    Parameters
    ----------
    error : metres.
    quads : a side of a square, a power of 2.

    Raises
    ------
    InputError : the error is not above 0, or the quads are no power of 2.
    """
    elevation, grid = heightmap.elevation, heightmap.grid
    x, z = vertex_coordinates(grid)
    chunks = []
    for piece in adaptive_triangles(elevation, quad_diagonals(elevation), error=error, quads=quads):
        corner = float(x[piece.column]), 0.0, float(z[piece.row])
        mesh = unseen_mesh(*_compact(elevation, x, z, corner, piece.triangles))
        chunks.append(CollisionChunk(piece.row // quads, piece.column // quads, corner, mesh))
    return chunks


def _compact(
    elevation: NDArray[np.float32],
    x: NDArray[np.float64],
    z: NDArray[np.float64],
    origin: tuple[float, float, float],
    triangles: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return the (V, 3) positions that triangles of the map use, relative to an origin, and their indices."""
    used, indices = np.unique(triangles, return_inverse=True)
    row, column = np.divmod(used, elevation.shape[1])
    positions = np.stack(
        [x[column] - origin[0], elevation[row, column] - origin[1], z[row] - origin[2]], axis=1
    )
    return positions.astype(np.float32), indices.reshape(-1, 3).astype(np.uint32)


def unseen_mesh(positions: NDArray[np.float32], indices: NDArray[np.uint32]) -> Mesh:
    """Return a mesh of which only positions and triangles matter; the rest takes no memory."""
    return Mesh(
        positions=positions,
        normals=np.broadcast_to(np.array([0, 1, 0], np.float32), positions.shape),
        texcoords=np.broadcast_to(np.float32(0), (len(positions), 2)),
        indices=indices,
        material=UNSEEN,
    )
