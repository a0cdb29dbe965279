"""The triangles of a height field: exact heights and normals, sensible diagonals."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.triangulation import quad_diagonals, surface_height, surface_normal

MATERIAL = PBRMaterial("ground")


def rough(shape: tuple[int, int], spacing: float = 2.0, seed: int = 0) -> Heightmap:
    elevation = np.random.default_rng(seed).uniform(0, 20, shape).astype(np.float32)
    return Heightmap(elevation, Grid.centred(shape, spacing))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_surface_is_the_exported_triangles(stride: int) -> None:
    """Heights and normals equal those of the exported triangle that holds the point, found by brute force."""
    heightmap = rough((22, 27), 2.0, 5)
    grid = heightmap.grid
    random = np.random.default_rng(1)
    x = random.uniform(grid.x[0], grid.x[-1], 300)
    z = random.uniform(grid.z[0], grid.z[-1], 300)
    height = surface_height(heightmap.elevation, grid, x, z, stride=stride)
    normal = surface_normal(heightmap.elevation, grid, x, z, stride=stride)
    found = np.zeros(300, int)
    for chunk in terrain_chunks(heightmap, MATERIAL, quads=8, levels=3):
        mesh = chunk.levels[stride.bit_length() - 1]
        world = mesh.positions.astype(np.float64) + chunk.translation
        for a, b, c in world[mesh.indices]:
            plane = np.array([b - a, c - a])[:, [0, 2]]
            weight = np.stack([x - a[0], z - a[2]], 1) @ np.linalg.inv(plane)
            inside = (weight >= 0).all(1) & (weight.sum(1) <= 1)
            found += inside
            expected = a[1] + weight @ np.array([b[1] - a[1], c[1] - a[1]])
            np.testing.assert_allclose(height[inside], expected[inside], atol=1e-9)
            face = np.cross(b - a, c - a)
            face /= np.linalg.norm(face)
            np.testing.assert_allclose(normal[inside], np.broadcast_to(face, (inside.sum(), 3)), atol=1e-9)
    assert (found >= 1).all()


def test_points_outside_take_the_border() -> None:
    heightmap = rough((4, 4))
    grid = heightmap.grid
    corner = surface_height(heightmap.elevation, grid, np.array([-1e6]), np.array([1e6]))
    assert corner[0] == heightmap.elevation[-1, 0]


def test_ridges_run_along_edges() -> None:
    """A ridge along either diagonal is a fold of the mesh, so heights are exact between vertices too."""
    grid = Grid((12, 12), 1.0)
    x, z = np.random.default_rng(1).uniform(2, 9, (2, 200))
    rows, columns = np.mgrid[0:12, 0:12]
    for line, at in ((rows - columns, z - x), (rows + columns - 11, z + x - 11)):
        for sign in (1, -1):
            elevation = (sign * -np.abs(line) * 2.0).astype(np.float32)
            np.testing.assert_allclose(
                surface_height(elevation, grid, x, z), sign * -np.abs(at) * 2.0, atol=1e-6
            )
    falling = quad_diagonals((-np.abs(rows - columns)).astype(np.float32))
    assert falling[np.arange(1, 10), np.arange(1, 10)].all()
