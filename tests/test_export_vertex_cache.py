"""worldgen.export.vertex_cache: the same surface, in an order that needs fewer new vertices."""

from __future__ import annotations

import dataclasses

import numpy as np
from export_examples import grid_mesh
from numpy.typing import NDArray

from worldgen.export.vertex_cache import reordered, triangle_order, vertex_order
from worldgen.materials import PBRMaterial


def misses(triangles: NDArray[np.uint32], size: int = 16) -> float:
    """Vertices that a first-in-first-out cache lacks, for each triangle."""
    cache: list[int] = []
    missed = 0
    for vertex in triangles.ravel().tolist():
        if vertex not in cache:
            missed += 1
            cache = [vertex, *cache[: size - 1]]
    return missed / len(triangles)


def test_each_triangle_comes_once_and_vertices_are_reused() -> None:
    mesh = grid_mesh(40, 50, PBRMaterial("m"))
    shuffled = mesh.indices[np.random.default_rng(1).permutation(len(mesh.indices))]
    order = triangle_order(shuffled, len(mesh.positions))
    assert sorted(order.tolist()) == list(range(len(shuffled)))
    assert misses(shuffled) > 2.5
    assert misses(shuffled[order]) < 1.02  # strips: one new vertex a triangle


def test_vertices_come_in_the_order_of_first_use() -> None:
    vertices, triangles = vertex_order(np.uint32([[5, 3, 9], [3, 5, 0]]), 12)
    assert vertices.tolist() == [5, 3, 9, 0]
    assert triangles.tolist() == [[0, 1, 2], [1, 0, 3]]


def test_degenerate_triangles_are_kept() -> None:
    triangles = np.uint32([[1, 1, 1], [0, 1, 1], [2, 0, 1], [2, 2, 0]])
    assert sorted(triangle_order(triangles, 3).tolist()) == [0, 1, 2, 3]


def test_reordered_is_the_same_surface() -> None:
    mesh = grid_mesh(12, 9, PBRMaterial("m"))
    count = len(mesh.positions)
    colors = np.random.default_rng(2).random((count, 4)).astype(np.float32)
    shuffled = dataclasses.replace(
        mesh, indices=mesh.indices[np.random.default_rng(3).permutation(mesh.triangles)], colors=colors
    )
    result = reordered(shuffled)

    def corners(of: object) -> set[tuple[float, ...]]:
        rows = [getattr(of, name) for name in ("positions", "normals", "texcoords", "colors")]
        table = np.concatenate(rows, axis=1)[getattr(of, "indices")]  # noqa: B009
        return {tuple(triangle.ravel().tolist()) for triangle in table}

    assert corners(result) == corners(shuffled)
    assert result.tangents is None
