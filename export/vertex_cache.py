"""Orders of triangles and vertices that compress well and that a GPU draws fast.

Triangles follow each other so that they share vertices with those just drawn, and vertices stand in the order
in which the triangles first need them.

Source: T. Forsyth, "Linear-Speed Vertex Cache Optimisation" (2006), with scores of our own: what is drawn
last counts most, which makes strips, and strips cost the triangle codec least.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from worldgen.export.meshopt import encode_triangles
from worldgen.kernel import kernel
from worldgen.mesh import Mesh

# Tried on a terrain chunk and a sphere, by bytes of the triangle codec: 1.105 and 1.001 a triangle; with
# Forsyth's own 0.75 for the last triangle 1.21 and 1.24.
CACHE = 12  # vertices
LAST, DECAY, BOOST, VALENCE_DECAY = 1.3, 1.5, 2.0, 0.5
VALENCES = 32
# Bytes a triangle: an order that the codec takes as well as this is left alone. Rows of a terrain chunk cost
# 1.02, and keep vertices in rows too, which saves 10 % of their bytes.
GOOD = 1.1

Indices = NDArray[np.uint32]


def _cache_scores() -> NDArray[np.float32]:
    """Score of a vertex by its place in the cache, newest first, and 0 outside."""
    place = np.arange(3, CACHE) - 3
    scores = np.zeros(CACHE + 3, np.float32)
    scores[:3] = LAST
    scores[3:CACHE] = (1 - place / (CACHE - 3)) ** DECAY
    return scores


_CACHE_SCORES = _cache_scores()
_VALENCE_SCORES = np.array(
    [0.0] + [BOOST * n**-VALENCE_DECAY for n in range(1, VALENCES)], np.float32
)  # few triangles left: finish the vertex, so that none are left alone


def triangle_order(triangles: Indices, vertex_count: int) -> Indices:
    """Return (T,) numbers of the triangles in an order that reuses vertices; (T, 3) triangles."""
    corners = np.ascontiguousarray(triangles, np.uint32)
    starts = np.zeros(vertex_count + 1, np.int64)
    np.cumsum(np.bincount(corners.ravel(), minlength=vertex_count), out=starts[1:])
    order = np.empty(len(corners), np.uint32)
    _order(corners, starts, _CACHE_SCORES, _VALENCE_SCORES, order)
    return order


def vertex_order(triangles: Indices, vertex_count: int) -> tuple[Indices, Indices]:
    """Return (vertices in order of first use, (T, 3) triangles of their new numbers); unused are left out."""
    new = np.full(vertex_count, 0xFFFFFFFF, np.uint32)
    order = np.empty(vertex_count, np.uint32)
    used = _first_use(np.ascontiguousarray(triangles, np.uint32).reshape(-1), new, order)
    return order[:used], new[triangles]


def reordered(mesh: Mesh) -> Mesh:
    """Return the same surface with triangles and vertices in a good order."""
    count = len(mesh.positions)
    vertices, triangles = vertex_order(mesh.indices, count)
    given = len(encode_triangles(triangles))
    if given > GOOD * len(triangles):
        new_vertices, new = vertex_order(mesh.indices[triangle_order(mesh.indices, count)], count)
        if len(encode_triangles(new)) < given:
            vertices, triangles = new_vertices, new
    return take(mesh, vertices, triangles)


def take(
    mesh: Mesh, vertices: Indices, triangles: Indices, tangents: NDArray[np.float32] | None = None
) -> Mesh:
    """Return the mesh with the listed vertices, in that order, and other triangles and maybe tangents."""
    names = ("positions", "normals", "texcoords", "tangents", "colors", "velocity")
    arrays = {name: getattr(mesh, name) for name in names}
    moved = {name: array[vertices] for name, array in arrays.items() if array is not None}
    if tangents is not None:
        moved["tangents"] = tangents
    return dataclasses.replace(mesh, indices=triangles, **moved)


@kernel
def _first_use(corners: Indices, new: Indices, order: Indices) -> int:
    used = 0
    for k in range(len(corners)):
        vertex = corners[k]
        if new[vertex] == 0xFFFFFFFF:
            new[vertex] = used
            order[used] = vertex
            used += 1
    return used


@kernel
def _score(
    vertex: int,
    place: int,
    left: NDArray[np.int32],
    cache_scores: NDArray[np.float32],
    valence_scores: NDArray[np.float32],
) -> np.float32:
    number = left[vertex]
    if number == 0:
        return np.float32(0)
    score: np.float32 = cache_scores[place] + valence_scores[min(number, len(valence_scores) - 1)]
    return score


@kernel
def _order(
    triangles: Indices,
    starts: NDArray[np.int64],
    cache_scores: NDArray[np.float32],
    valence_scores: NDArray[np.float32],
    order: Indices,
) -> None:
    count = len(starts) - 1
    outside = len(cache_scores) - 1
    left = np.zeros(count, np.int32)  # triangles of each vertex not drawn yet: the first of its list
    lists = np.empty(3 * len(triangles), np.uint32)
    for t in range(len(triangles)):
        for corner in range(3):
            vertex = triangles[t, corner]
            lists[starts[vertex] + left[vertex]] = t
            left[vertex] += 1
    scores = np.empty(count, np.float32)
    for vertex in range(count):
        scores[vertex] = _score(vertex, outside, left, cache_scores, valence_scores)
    totals = np.empty(len(triangles), np.float32)  # below 0 once drawn
    for t in range(len(triangles)):
        totals[t] = scores[triangles[t, 0]] + scores[triangles[t, 1]] + scores[triangles[t, 2]]
    cache = np.empty(outside + 1, np.uint32)
    later = np.empty(outside + 1, np.uint32)
    held = 0
    cursor = 0
    best = -1
    for drawn in range(len(triangles)):
        if best < 0:  # a new piece of the surface: the next in the order given
            while totals[cursor] < 0:
                cursor += 1
            best = cursor
        order[drawn] = best
        totals[best] = -1
        fresh = 0
        for corner in range(3):
            vertex = triangles[best, corner]
            first = starts[vertex]
            for k in range(first, first + left[vertex]):
                if lists[k] == best:
                    lists[k] = lists[first + left[vertex] - 1]
                    left[vertex] -= 1
                    break
            known = False
            for k in range(fresh):
                known |= later[k] == vertex
            if not known:
                later[fresh] = vertex
                fresh += 1
        size = fresh
        for k in range(held):
            vertex = cache[k]
            if vertex != triangles[best, 0] and vertex != triangles[best, 1] and vertex != triangles[best, 2]:
                later[size] = vertex
                size += 1
        best = -1
        highest = np.float32(0)
        for place in range(size):
            vertex = later[place]
            cache[place] = vertex
            score = _score(vertex, min(place, outside), left, cache_scores, valence_scores)
            change = score - scores[vertex]
            scores[vertex] = score
            for k in range(starts[vertex], starts[vertex] + left[vertex]):
                totals[lists[k]] += change
        for place in range(size):
            vertex = cache[place]
            for k in range(starts[vertex], starts[vertex] + left[vertex]):
                if totals[lists[k]] > highest:
                    highest = totals[lists[k]]
                    best = lists[k]
        held = min(size, outside - 2)
