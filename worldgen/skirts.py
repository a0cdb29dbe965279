"""Skirts: walls down from a tile's borders, just deep enough that no gap to a neighbour can be seen.

Where tiles of two levels meet, one of their borders lies above the other. The skirt of the upper one hangs
down past the lower one. Each tile's skirt reaches below the border of every level that can be its neighbour
there, and no deeper: a deep skirt shows as a wall where the map ends or water is clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.mesh import Mesh
from worldgen.triangulation import kept_lines

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]


def border_depths(
    profile: Float32Array, first: int, last: int, stride: int, strides: Sequence[int]
) -> FloatArray:
    """Return (N,) metres by which a skirt hangs down at each vertex that the tile keeps on a border.

    Parameters
    ----------
    profile : (W,) float32, metres: elevation of a whole line of the map, from edge to edge.
    first, last : the part of the line that borders the tile.
    stride : the tile's own.
    strides : of all levels that can lie on the other side.
    """
    places = np.arange(first, last + 1)
    own = kept_lines(first, last, stride)
    height = np.interp(places, own, profile[own])
    lowest = height.copy()
    for other in strides:
        kept = kept_lines(0, len(profile) - 1, other)
        lowest = np.minimum(lowest, np.interp(places, kept, profile[kept]))
    gap = height - lowest
    # Between two vertices a skirt's lower edge is as straight as the border: the deeper gap of the segment
    # counts for both ends, and a vertex takes the deeper of its two segments.
    segments = np.array([gap[a - first : b - first + 1].max() for a, b in pairwise(own)])
    return np.asarray(np.maximum(np.append(segments, 0), np.insert(segments, 0, 0)))


def with_skirts(
    mesh: Mesh, rows: int, columns: int, depths: tuple[FloatArray | None, ...], least: float
) -> Mesh:
    """Return a terrain mesh with walls down from its borders, seen from outside.

    A wall has its border's normals, tangents and texture coordinates, so that it looks like the ground's edge
    drawn out.

    Parameters
    ----------
    mesh : (rows x columns) vertices, row by row, row 0 north.
    depths : metres at each vertex of the northern and southern border, west to east, and of the western and
        eastern one, north to south; None for a border without a wall.
    least : metres that are added to all depths, for what rounding in a client moves.

    Raises
    ------
    InputError : the mesh or the depths have other numbers of vertices.
    """
    if len(mesh.positions) != rows * columns:
        raise InputError(f"a mesh of {rows} x {columns} vertices is needed; found {len(mesh.positions)}")
    number = np.arange(rows * columns).reshape(rows, columns)
    borders = (number[0], number[-1], number[:, 0], number[:, -1])
    tops: list[NDArray[np.intp]] = []
    downs: list[FloatArray] = []
    triangles = [mesh.indices.astype(np.int64)]
    count = rows * columns
    # Clockwise seen from above, the outside is on the left: north and east run with the lines.
    for border, depth, backward in zip(borders, depths, (False, True, True, False), strict=True):
        if depth is None:
            continue
        if len(depth) != len(border):
            raise InputError(f"a border of {len(border)} vertices needs as many depths; found {len(depth)}")
        bottom = count + np.arange(len(border))
        count += len(border)
        tops.append(border)
        downs.append(depth + least)
        upper, lower = (border[::-1], bottom[::-1]) if backward else (border, bottom)
        triangles.append(np.stack([upper[:-1], upper[1:], lower[1:]], axis=1))
        triangles.append(np.stack([upper[:-1], lower[1:], lower[:-1]], axis=1))
    if not tops:
        return mesh
    source = np.concatenate(tops)
    hanging = mesh.positions[source].astype(np.float64)
    hanging[:, 1] -= np.concatenate(downs)
    return replace(
        mesh,
        positions=np.concatenate([mesh.positions, hanging.astype(np.float32)]),
        normals=np.concatenate([mesh.normals, mesh.normals[source]]),
        texcoords=np.concatenate([mesh.texcoords, mesh.texcoords[source]]),
        tangents=None if mesh.tangents is None else np.concatenate([mesh.tangents, mesh.tangents[source]]),
        indices=np.concatenate(triangles).astype(np.uint32),
    )
