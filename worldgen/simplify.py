"""Coarser versions of any mesh by vertex clustering (Rossignac & Borrel 1993).

Edge collapse keeps shapes better, but its packages are compiled extras that see positions only and tear
textures apart at seams. Clustering needs numpy alone, takes open meshes too, and gives all vertices
of a cell one position, so that no cracks open.
"""

from __future__ import annotations

import numpy as np

from worldgen.shapes import Floats, Shape, face_normals, normalized

TEXCOORD_STEPS = 16  # vertices of one cell that lie further apart in the picture stay two


def cluster(shape: Shape, cell: float) -> Shape:
    """Return the shape with all vertices of a cubic cell moved to their mean.

    Parameters
    ----------
    cell : edge of a cell, metres.
    """
    low = shape.positions.min(axis=0)
    places = np.floor((shape.positions - low) / cell).astype(np.int64)
    _, place = np.unique(places, axis=0, return_inverse=True)
    place = place.reshape(-1)
    count = np.bincount(place)
    means = np.stack([np.bincount(place, shape.positions[:, axis]) / count for axis in range(3)], axis=-1)

    # Sides of a thin part must keep their own normals, so the octant of the normal separates vertices too.
    octant = (shape.normals > 0) @ np.array([1, 2, 4])
    keys = np.column_stack([place, np.floor(shape.texcoords * TEXCOORD_STEPS).astype(np.int64), octant])
    _, first, vertex = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    vertex = vertex.reshape(-1)
    normals = np.stack([np.bincount(vertex, shape.normals[:, axis]) for axis in range(3)], axis=-1)

    indices = vertex[shape.indices]
    corners = place[shape.indices]
    alive = (
        (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
    )
    indices, corners = indices[alive], corners[alive]
    # Of triangles that fell onto one another, keep one; opposite windings are two sides of a sheet.
    start = corners.argmin(axis=1)[:, None]
    order = (start + np.arange(3)) % 3
    _, kept = np.unique(np.take_along_axis(corners, order, axis=1), axis=0, return_index=True)
    indices = indices[np.sort(kept)]
    used, indices = np.unique(indices, return_inverse=True)
    return Shape(
        means[place[first[used]]],
        normalized(normals[used]),
        shape.texcoords[first[used]],
        indices.reshape(-1, 3).astype(np.int64),
    )


def simplify(shapes: list[Shape], share: float) -> list[Shape]:
    """Return the parts of one model with about a share of its triangles, in the same box.

    Parts that vanish are left out as empty shapes, in their place. The finest grid below the target is taken,
    found by bisection.

    Parameters
    ----------
    share : of the triangles that may stay, 0 .. 1.
    """
    positions = np.concatenate([shape.positions for shape in shapes])
    low, high = positions.min(axis=0), positions.max(axis=0)
    target = share * sum(len(shape.indices) for shape in shapes)
    fine, coarse = 256.0, 3.0
    best = [cluster(shape, float((high - low).max()) / coarse) for shape in shapes]
    for _ in range(8):
        middle = (fine * coarse) ** 0.5
        trial = [cluster(shape, float((high - low).max()) / middle) for shape in shapes]
        if sum(len(shape.indices) for shape in trial) <= target:
            best, coarse = trial, middle
        else:
            fine = middle
    kept = [shape for shape in best if len(shape.indices)]
    if not kept:
        return shapes
    return fit_together(best, low, high)


def fit_together(shapes: list[Shape], low: Floats, high: Floats) -> list[Shape]:
    """Return the parts stretched together to a box, so that levels of detail do not jump in size.

    By a tenth at most: where a branch that made the box is gone, stretching the rest to it would distort.
    """
    positions = np.concatenate([shape.positions for shape in shapes if len(shape.positions)])
    own_low, own_high = positions.min(axis=0), positions.max(axis=0)
    extent = np.maximum(own_high - own_low, 1e-9)
    factor = np.clip((high - low) / extent, 0.9, 1.1)
    anchor = np.where(factor < 1.1, low, own_low)
    return [
        shape._replace(
            positions=anchor + (shape.positions - own_low) * factor,
            normals=normalized(shape.normals / np.maximum(factor, 1e-9)),
        )
        if len(shape.positions)
        else shape
        for shape in shapes
    ]


def area(shape: Shape) -> float:
    """Return the surface in square metres."""
    return 0.5 * float(np.linalg.norm(face_normals(shape.positions, shape.indices), axis=1).sum())
