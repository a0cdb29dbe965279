"""Tangents as MikkTSpace makes them, which glTF names for meshes that have a normal map and no tangents.

A normal map is right only under the tangents that it was made for, and makers of maps use this method. A
vertex gets one tangent for each group of triangles around it that hang together and whose picture is not
mirrored between them, so vertices are split at seams and mirror lines.

Source: M. S. Mikkelsen, "Simulation of Wrinkled Surfaces Revisited" (2008) and MikkTSpace, with its standard
threshold of 180 degrees; glTF 2.0 specification, section 3.7.2.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.export.vertex_cache import take
from worldgen.kernel import kernel
from worldgen.mesh import Mesh

SMALLEST = float(np.finfo(np.float32).tiny)  # below it a length counts as nothing

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Indices = NDArray[np.uint32]


def with_tangents(mesh: Mesh) -> Mesh:
    """Return the mesh with tangents, vertices split where they need several and left out where unused."""
    vertices, triangles, tangents = derive_tangents(
        mesh.positions, mesh.normals, mesh.texcoords, mesh.indices
    )
    return take(mesh, vertices, triangles, tangents=tangents)


def derive_tangents(
    positions: NDArray[np.float32],
    normals: NDArray[np.float32],
    texcoords: NDArray[np.float32],
    indices: Indices,
) -> tuple[Indices, Indices, NDArray[np.float32]]:
    """Return tangents in glTF's sense, for vertices that are split where they need several.

    Parameters
    ----------
    positions : (V, 3), metres.
    normals : (V, 3), unit length.
    texcoords : (V, 2), (0, 0) is the image's upper left.
    indices : (T, 3).

    Returns
    -------
    vertices : (N,) uint32, the old vertex of each new one, ascending.
    triangles : (T, 3) uint32, of new vertices.
    tangents : (N, 4) float32. xyz is the direction in which u grows, of unit length and orthogonal to the
        normal. w is the sign that makes ``cross(normal, tangent) * w`` point along falling v, up in the
        image, as normal maps with +Y up want. Where no triangle has a usable picture, any tangent that is
        orthogonal to the normal, with w = 1; MikkTSpace itself gives (1, 0, 0, 1) there.
    """
    welded = _welded(positions, normals, texcoords)[indices]
    corners = positions[indices].astype(np.float64)  # (T, 3, 3)
    flat = (corners == np.roll(corners, 1, axis=1)).all(axis=2).any(axis=1)
    along_u, upright, unsure = _gradients(corners, texcoords[indices])
    neighbours = _neighbours(welded, np.flatnonzero(~flat))
    groups, group_upright = _groups(welded, neighbours, upright, unsure, flat)

    vectors = _group_tangents(
        corners, normals[indices].astype(np.float64), along_u, unsure, groups, len(group_upright)
    )
    group = groups.reshape(-1)
    group = _borrowed(welded.reshape(-1), group, np.repeat(flat, 3))
    old = indices.reshape(-1).astype(np.int64)
    pair, first, new = np.unique(
        old * (len(group_upright) + 1) + group + 1, return_index=True, return_inverse=True
    )
    group = group[first]
    vertices = old[first]
    normal = normals[vertices].astype(np.float64)
    tangent = np.where(group[:, None] >= 0, vectors[group], 0.0)
    usable = np.linalg.norm(tangent, axis=1) > 0.5
    tangent[~usable] = _any_orthogonal(normal[~usable])
    result = np.ones((len(pair), 4), np.float32)
    result[:, :3] = tangent
    # MikkTSpace's sign is for v that grows upwards; glTF's grows downwards.
    result[usable & np.append(group_upright, False)[group], 3] = -1
    return vertices.astype(np.uint32), new.reshape(-1, 3).astype(np.uint32), result


def _welded(
    positions: NDArray[np.float32], normals: NDArray[np.float32], texcoords: NDArray[np.float32]
) -> IntArray:
    """Number the vertices (V,) so that equal ones share a number; adding 0 makes -0 equal to 0."""
    table = np.concatenate([positions, normals, texcoords], axis=1).astype(np.float32) + np.float32(0)
    rows = np.ascontiguousarray(table).view(np.uint64)  # (V, 4)
    mixed = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, first, numbers = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first[numbers]], rows):  # two rows with one hash: sort the rows themselves
        _, numbers = np.unique(rows, axis=0, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)


def _gradients(
    corners: FloatArray, texcoords: NDArray[np.float32]
) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """For each triangle: where u grows (T, 3), whether uv runs counter-clockwise, whether uv is no use."""
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    (u1, v1), (u2, v2) = (texcoords[:, 1] - texcoords[:, 0]).T, (texcoords[:, 2] - texcoords[:, 0]).T
    area = u1 * v2 - v1 * u2  # in float32, so that slivers count as MikkTSpace counts them
    along_u = edge_1 * v2[:, None] - edge_2 * v1[:, None]
    along_v = edge_2 * u1[:, None] - edge_1 * u2[:, None]
    unsure = np.abs(area) <= SMALLEST
    for vectors in (along_u, along_v):
        with np.errstate(divide="ignore", invalid="ignore"):
            unsure |= ~(np.linalg.norm(vectors, axis=1) / np.abs(area) > SMALLEST)
    return along_u * np.where(area > 0, 1.0, -1.0)[:, None], area > 0, unsure


def _neighbours(welded: IntArray, triangles: IntArray) -> IntArray:
    """Return (T, 3) the triangle beyond the edge from each corner to the next, -1 for none."""
    heads = welded[triangles]
    ends = np.stack([heads, np.roll(heads, -1, axis=1)], axis=2).reshape(-1, 2)
    edges = np.stack([np.repeat(triangles, 3), np.tile(np.arange(3), len(triangles))], axis=1)
    order = np.argsort(ends.min(axis=1) * (welded.max(initial=0) + 1) + ends.max(axis=1), kind="stable")
    result = np.full(welded.shape, -1, np.int64)
    _pair(ends[order], edges[order], result)
    return result


@kernel
def _pair(ends: IntArray, edges: IntArray, result: IntArray) -> None:
    """Pair edges that run between the same two vertices in opposite directions, the first that are free."""
    for i in range(len(ends)):
        t, k = edges[i]
        j = i + 1
        while result[t, k] < 0 and j < len(ends):
            same = ends[i, 0] == ends[j, 0] and ends[i, 1] == ends[j, 1]
            opposite = ends[i, 0] == ends[j, 1] and ends[i, 1] == ends[j, 0]
            if not (same or opposite):
                break
            s, m = edges[j]
            if opposite and result[s, m] < 0:
                result[t, k] = s
                result[s, m] = t
            j += 1


def _groups(
    welded: IntArray,
    neighbours: IntArray,
    upright: NDArray[np.bool_],
    unsure: NDArray[np.bool_],
    flat: NDArray[np.bool_],
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the group of each corner (T, 3), -1 for none, and (G,) whether a group's uv is upright."""
    groups = np.full(welded.shape, -1, np.int64)
    upright = upright.copy()
    group_upright = np.empty(welded.size, np.bool_)
    stack = np.empty(2 * welded.size + 2, np.int64)
    count = _flood(welded, neighbours, upright, unsure | flat, groups, group_upright, stack)
    return groups, group_upright[:count]


@kernel
def _flood(
    welded: IntArray,
    neighbours: IntArray,
    upright: NDArray[np.bool_],
    unsure: NDArray[np.bool_],
    groups: IntArray,
    group_upright: NDArray[np.bool_],
    stack: IntArray,
) -> int:
    """Spread each group from a corner to the triangles next to it around the vertex, as far as uv agrees.

    A triangle without a picture of its own joins the first group that reaches it, and its other corners
    only groups of the same sense.
    """
    count = 0
    for t in range(len(welded)):
        for k in range(3):
            if unsure[t] or groups[t, k] >= 0:
                continue
            vertex = welded[t, k]
            sense = upright[t]
            group_upright[count] = sense
            stack[0] = t
            size = 1
            while size > 0:
                size -= 1
                s = stack[size]
                if s < 0:
                    continue
                corner = 0 if welded[s, 0] == vertex else (1 if welded[s, 1] == vertex else 2)
                if groups[s, corner] >= 0:
                    continue
                if unsure[s] and groups[s, 0] < 0 and groups[s, 1] < 0 and groups[s, 2] < 0:
                    upright[s] = sense
                if upright[s] != sense:
                    continue
                groups[s, corner] = count
                stack[size] = neighbours[s, (corner + 2) % 3]
                stack[size + 1] = neighbours[s, corner]
                size += 2
            count += 1
    return count


def _group_tangents(
    corners: FloatArray,
    normals: FloatArray,
    along_u: FloatArray,
    unsure: NDArray[np.bool_],
    groups: IntArray,
    count: int,
) -> FloatArray:
    """Return (G, 3) unit tangents: of the triangles' own, weighted by their angles at the vertex."""
    total = np.zeros((count + 1, 3))
    for k in range(3):
        used = ~unsure & (groups[:, k] >= 0)
        normal = normals[used, k]
        here, before, after = (corners[used, (k + step) % 3] for step in (0, 2, 1))
        first, second = (_projected(point - here, normal) for point in (before, after))
        angle = np.arccos(np.clip(np.einsum("ij,ij->i", first, second), -1, 1))
        tangent = _projected(along_u[used], normal) * angle[:, None]
        for axis in range(3):
            total[:, axis] += np.bincount(groups[used, k], tangent[:, axis], minlength=count + 1)
    return _unit(total)


def _projected(vectors: FloatArray, normals: FloatArray) -> FloatArray:
    """Unit vectors in the planes of the normals; 0 stays 0."""
    return _unit(vectors - normals * np.einsum("ij,ij->i", normals, vectors)[:, None])


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = vectors / np.where(length > SMALLEST, length, 1.0)
    return unit


def _borrowed(welded: IntArray, group: IntArray, flat: NDArray[np.bool_]) -> IntArray:
    """Give corners of triangles without area the group of the first other corner at the same vertex."""
    good = np.flatnonzero(~flat)
    numbers, first = np.unique(welded[good], return_index=True)
    if not len(numbers):
        return group
    place = np.clip(np.searchsorted(numbers, welded), 0, len(numbers) - 1)
    found = flat & (numbers[place] == welded)
    return np.where(found, group[good[first[place]]], group)


def _any_orthogonal(normals: FloatArray) -> FloatArray:
    """Unit vectors orthogonal to (N, 3) unit normals: across the axis that each is farthest from."""
    helper = np.zeros_like(normals)
    helper[np.arange(len(normals)), np.abs(normals).argmin(axis=1)] = 1.0
    return _unit(np.cross(normals, helper))
