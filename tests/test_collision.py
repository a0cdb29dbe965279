"""The collision mesh as engines get it: near the ground that is seen, and whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from small_worlds import plane

from worldgen.collision import collision_chunks
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.triangulation import surface_height


def rough(rows: int, columns: int, spacing: float) -> Heightmap:
    land = gaussian_filter(np.random.default_rng(2).normal(0, 1, (rows, columns)), 2)
    return Heightmap((30 * land).astype(np.float32), Grid.centred((rows, columns), spacing))


@pytest.mark.parametrize("spacing", [2.0, 1.7])  # vertices at a spacing like 1.7 m are moved a little
def test_random_points_of_the_mesh_are_within_the_error_of_the_ground(spacing: float) -> None:
    heightmap = rough(45, 70, spacing)
    random = np.random.default_rng(0)
    worst = 0.0
    area = 0.0
    for chunk in collision_chunks(heightmap, error=0.3, quads=32):
        corners = chunk.mesh.positions.astype(np.float64)[chunk.mesh.indices] + chunk.translation
        shares = random.dirichlet([0.4, 0.4, 0.4], (len(corners), 60))  # many near edges and vertices
        points = np.einsum("tsk,tkd->tsd", shares, corners).reshape(-1, 3)
        ground = surface_height(heightmap.elevation, heightmap.grid, points[:, 0], points[:, 2])
        worst = max(worst, float(np.abs(points[:, 1] - ground).max()))
        sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert (sides[:, 1] > 0).all()  # counter-clockwise from above
        area += 0.5 * float(sides[:, 1].sum())
    assert 0.1 < worst <= 0.3 + 0.002
    assert area == pytest.approx(heightmap.grid.area, rel=1e-5)


def test_chunks_share_the_vertices_of_their_borders_to_the_bit() -> None:
    heightmap = rough(65, 65, 1.7)
    chunks = {(chunk.row, chunk.column): chunk for chunk in collision_chunks(heightmap, error=0.5, quads=32)}
    assert sorted(chunks) == [(0, 0), (0, 1), (1, 0), (1, 1)]

    def border(chunk_at: tuple[int, int], axis: int, line: float) -> set[tuple[float, ...]]:
        chunk = chunks[chunk_at]
        world = chunk.mesh.positions.astype(np.float64) + chunk.translation
        return {tuple(point) for point in world[world[:, axis] == line].tolist()}

    x, z = chunks[1, 1].translation[0], chunks[1, 1].translation[2]
    for first, second, axis, line in (
        ((0, 0), (0, 1), 0, x),
        ((1, 0), (1, 1), 0, x),
        ((0, 0), (1, 0), 2, z),
        ((0, 1), (1, 1), 2, z),
    ):
        shared = border(first, axis, line)
        assert len(shared) > 4
        assert shared == border(second, axis, line)


def test_a_slope_takes_two_triangles_a_chunk() -> None:
    chunks = collision_chunks(plane(0.3, size=65), quads=32)
    assert [chunk.mesh.triangles for chunk in chunks] == [2, 2, 2, 2]
