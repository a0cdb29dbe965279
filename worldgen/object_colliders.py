"""What of an object is solid: a capsule for a trunk, a convex hull of few faces for a rock or a house.

Sizes come from the finest mesh. What bends when one walks into it (grass, reeds, ferns, shrubs, all leaves)
is not solid, see `AssetKind.collider`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.asset_kind import AssetKind
from worldgen.collision import unseen_mesh
from worldgen.mesh import Mesh, Model
from worldgen.shapes import face_normals, fibonacci_directions

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

# Metres: a trunk is straight between its foot and its top here, for a palm leans and bends.
FOOT, TOP = 0.2, 4.0
SIDES = 6
DIRECTIONS = 32  # most corners of a hull
WALKER = 1.8  # metres: what lies above does not stand in a walker's way
THINNEST = 0.02  # metres across a hull of something flat


class Capsule(NamedTuple):
    """All points within a radius of a line, metres in the model's axes."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, eq=False)
class ObjectCollider:
    """What is solid of one variant, at scale 1.

    Attributes
    ----------
    model : a closed convex mesh, counter-clockwise from outside; named as the finest, and ``_collision``.
    capsule : the same as a capsule, where it is a trunk.
    reach : metres from the upright axis through the origin, of what is lower than a walker.
    height : metres above the origin.
    """

    model: Model
    capsule: Capsule | None
    reach: float
    height: float


def object_colliders(kind: AssetKind) -> list[ObjectCollider | None]:
    """Return what is solid of each variant; None where nothing is."""
    if kind.collider is None:
        return [None] * len(kind.models)
    return [_collider(levels[0], kind) for levels in kind.models]


def _collider(model: Model, kind: AssetKind) -> ObjectCollider | None:
    solid = [part for part in model.primitives if part.material.alpha_mode == "OPAQUE"] or model.primitives
    positions, indices = _joined(solid)
    capsule = trunk_capsule(positions, indices) if kind.collider == "trunk" else None
    if capsule is not None:
        points, faces = capsule_prism(capsule)
    else:
        points, faces = convex_hull(positions)
    if kind.align == "normal":  # turned with the ground, the top may come down to the side
        reach = float(np.linalg.norm(points[points[:, 1] >= 0], axis=1).max(initial=0.0))
    else:
        reach = _reach(points, faces)
    mesh = unseen_mesh(points.astype(np.float32), faces.astype(np.uint32))
    name = f"{model.name}_collision"
    return ObjectCollider(Model(name, (mesh,)), capsule, reach, float(points[:, 1].max()))


def _reach(points: FloatArray, faces: IndexArray) -> float:
    """Return the largest distance from the upright axis of what is lower than a walker."""
    low = np.concatenate([points[points[:, 1] <= WALKER], _cut(points, faces, WALKER)])
    return float(np.hypot(low[:, 0], low[:, 2]).max(initial=0.0))


def _joined(parts: list[Mesh] | tuple[Mesh, ...]) -> tuple[FloatArray, IndexArray]:
    """Return the positions of all parts, each once, and their triangles."""
    starts = np.cumsum([0, *(len(part.positions) for part in parts)])
    positions = np.concatenate([part.positions for part in parts]).astype(np.float64)
    indices = np.concatenate([part.indices + start for part, start in zip(parts, starts[:-1], strict=True)])
    unique, inverse = np.unique(positions, axis=0, return_inverse=True)
    return unique, inverse.reshape(-1)[indices].astype(np.int64)


def trunk_capsule(positions: FloatArray, indices: IndexArray) -> Capsule | None:
    """Return the capsule of the piece that reaches deepest, between its cuts at `FOOT` and near `TOP` metres.

    None where that piece does not stand up from the ground.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([indices[:, [0, 1]], indices[:, [1, 2]]])
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(positions),) * 2)
    _, labels = connected_components(links, directed=False)
    used = np.unique(indices)
    trunk = labels[used[np.argmin(positions[used, 1])]]
    tall = float(positions[labels == trunk, 1].max())
    if tall <= 0:
        return None
    faces = indices[labels[indices[:, 0]] == trunk]
    cuts = [_cut(positions, faces, level) for level in (min(FOOT, 0.1 * tall), min(TOP, 0.9 * tall))]
    if any(not len(cut) for cut in cuts):
        return None
    foot, top = (0.5 * (cut.min(axis=0) + cut.max(axis=0)) for cut in cuts)
    middle = _cut(positions, faces, min(1.0, 0.5 * tall))
    radius = float(np.ptp(middle[:, [0, 2]], axis=0).max()) / 2
    ahead = (top - foot) / np.linalg.norm(top - foot)
    below = foot - ahead * (foot[1] + radius) / ahead[1]  # its round end lies in the ground
    return Capsule(_triple(below), _triple(top), radius)


def _triple(point: FloatArray) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])


def _cut(positions: FloatArray, faces: IndexArray, level: float) -> FloatArray:
    """Return (N, 3): where the edges of triangles pass a level."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    start, end = positions[edges[:, 0]], positions[edges[:, 1]]
    through = (start[:, 1] < level) != (end[:, 1] < level)
    start, end = start[through], end[through]
    share = (level - start[:, 1]) / (end[:, 1] - start[:, 1])
    return np.asarray(start + (end - start) * share[:, None])


def capsule_prism(capsule: Capsule) -> tuple[FloatArray, IndexArray]:
    """Return a closed prism around a capsule's line; in the mean of all directions as thick as it."""
    start, end = np.array(capsule.start), np.array(capsule.end)
    ahead = (end - start) / np.linalg.norm(end - start)
    right = np.cross(ahead, [0.0, 0.0, 1.0] if abs(ahead[2]) < 0.9 else [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    angle = 2 * np.pi * np.arange(SIDES) / SIDES
    across = np.cos(angle)[:, None] * right + np.sin(angle)[:, None] * np.cross(ahead, right)
    around = across * capsule.radius * (1 + 1 / np.cos(np.pi / SIDES)) / 2
    return _hull(np.concatenate([start + around, end + around + ahead * capsule.radius]))


def convex_hull(positions: FloatArray) -> tuple[FloatArray, IndexArray]:
    """Return the hull of the points that lie farthest in `DIRECTIONS` directions, the axes' among them.

    It is grown to the volume of the hull of all points: as much stands out of it as it stands out elsewhere.
    """
    from scipy.spatial import ConvexHull

    axes = np.concatenate([np.eye(3), -np.eye(3)])
    directions = np.concatenate([fibonacci_directions(DIRECTIONS - 6), axes])
    farthest = np.unique(np.argmax(positions @ directions.T, axis=0))
    corners = positions[farthest]
    low, high = positions.min(axis=0), positions.max(axis=0)
    thick = np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)
    if len(corners) < 4 or thick[2] < 0.5 * THINNEST:  # a sign or a sheet: the box around it
        low, high = low - THINNEST / 2, high + THINNEST / 2
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
        return _hull(corners)
    growth = np.cbrt(ConvexHull(positions).volume / ConvexHull(corners).volume)
    middle = corners.mean(axis=0)
    return _hull(middle + (corners - middle) * growth)


def _hull(points: FloatArray) -> tuple[FloatArray, IndexArray]:
    from scipy.spatial import ConvexHull

    simplices = np.asarray(ConvexHull(points).simplices, np.int64)
    used, faces = np.unique(simplices, return_inverse=True)
    points, faces = points[used], faces.reshape(-1, 3)
    away = points[faces].mean(axis=1) - points.mean(axis=0)
    inward = np.einsum("tk,tk->t", face_normals(points, faces), away) < 0
    faces[inward] = faces[inward, ::-1]
    return points, np.asarray(faces[np.lexsort(faces.T[::-1])])
