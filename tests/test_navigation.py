"""Walking: nothing steep, deep or blocked is in the mesh, and nothing that hangs together is cut."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from small_worlds import island, plane

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.navigation import NavigationMesh, Walker, navigation_mesh, refined, walkable_ground
from worldgen.triangulation import surface_height


def hills(rows: int = 49, columns: int = 61, spacing: float = 4.0) -> Heightmap:
    land = gaussian_filter(np.random.default_rng(4).normal(0, 1, (rows, columns)), 3)
    return Heightmap((70 * land).astype(np.float32), Grid.centred((rows, columns), spacing))


def samples(mesh: NavigationMesh, count: int = 40) -> NDArray[np.float64]:
    """Return (T, count, 3) random points of each triangle, many of them near edges."""
    corners = mesh.mesh.positions.astype(np.float64)[mesh.mesh.indices]
    shares = np.random.default_rng(0).dirichlet([0.5] * 3, (len(corners), count))
    return np.asarray(np.einsum("tsk,tkd->tsd", shares, corners))


def slopes(mesh: NavigationMesh) -> NDArray[np.float64]:
    corners = mesh.mesh.positions.astype(np.float64)[mesh.mesh.indices]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normal[:, 1] > 0).all()
    return np.asarray(np.degrees(np.arctan2(np.hypot(normal[:, 0], normal[:, 2]), normal[:, 1])))


def test_a_finer_grid_has_the_same_surface() -> None:
    heightmap = hills(13, 17)
    grid, elevation, south_east = refined(heightmap, 4)
    assert elevation.shape == (49, 65) == grid.shape
    assert south_east.shape == (48, 64)
    random = np.random.default_rng(1)
    x = random.uniform(grid.x[0], grid.x[-1], 2000)
    z = random.uniform(grid.z[0], grid.z[-1], 2000)
    rows, columns = grid.to_cells(x, z)
    i, j = rows.astype(int), columns.astype(int)
    down, across = rows - i, columns - j
    a, b, c, d = elevation[i, j], elevation[i, j + 1], elevation[i + 1, j], elevation[i + 1, j + 1]
    falling = np.where(
        across > down, a + (b - a) * across + (d - b) * down, a + (d - c) * across + (c - a) * down
    )
    rising = np.where(
        across + down < 1,
        a + (b - a) * across + (c - a) * down,
        d - (d - c) * (1 - across) - (d - b) * (1 - down),
    )
    height = np.where(south_east[i, j], falling, rising)
    assert np.abs(height - surface_height(heightmap.elevation, heightmap.grid, x, z)).max() < 1e-4


def test_the_mesh_is_nowhere_steep_and_follows_the_ground() -> None:
    heightmap = hills()
    walker = Walker(slope=30.0)
    walkable = walkable_ground(heightmap, walker=walker, resolution=2.0, smallest=50.0)
    mesh = navigation_mesh(walkable, error=0.4, walker=walker)
    assert slopes(mesh).max() <= 30.0 + 1e-3
    points = samples(mesh).reshape(-1, 3)
    ground = surface_height(heightmap.elevation, heightmap.grid, points[:, 0], points[:, 2])
    assert np.abs(points[:, 1] - ground).max() <= 0.4 + 1e-3
    # The ground below it is no steeper either, by differences over a tenth of a metre.
    ahead = surface_height(heightmap.elevation, heightmap.grid, points[:, 0] + 0.1, points[:, 2])
    beside = surface_height(heightmap.elevation, heightmap.grid, points[:, 0], points[:, 2] + 0.1)
    assert np.hypot(ahead - ground, beside - ground).max() / 0.1 <= np.tan(np.radians(30.0)) + 1e-3
    share = (walkable.component >= 0).mean()
    assert 0.2 < share < 0.8
    assert 0 < mesh.mesh.triangles < 2 * (walkable.component >= 0).sum()


def test_no_one_walks_in_deep_water() -> None:
    heightmap = island(65, height=40.0)
    water = np.where(heightmap.elevation < 0, np.float32(0), np.float32(np.nan))
    walker = Walker(wading=0.6, slope=60.0, radius=0.0)
    mesh = navigation_mesh(walkable_ground(heightmap, water, walker=walker), error=0.01, walker=walker)
    points = samples(mesh).reshape(-1, 3)
    assert points[:, 1].min() >= -0.6 - 0.02  # the sea's level is 0
    assert points[:, 1].min() < -0.1  # but in shallow water they do


def test_the_radius_is_kept_clear_of_steep_ground_and_the_edge() -> None:
    elevation = np.zeros((41, 41), np.float32)
    elevation[:, 20:] = 30.0  # a cliff between columns 19 and 20
    heightmap = Heightmap(elevation, Grid((41, 41), 1.0))
    mesh = navigation_mesh(walkable_ground(heightmap, walker=Walker(radius=2.5), smallest=1.0))
    x, z = samples(mesh)[..., 0].ravel(), samples(mesh)[..., 2].ravel()
    low = x < 19.5
    assert x[low].max() == pytest.approx(16.0, abs=0.2)  # whole quads: 3 m from 19
    assert x[~low].min() == pytest.approx(23.0, abs=0.2)
    assert min(z.min(), x.min(), 40 - z.max(), 40 - x.max()) == pytest.approx(3.0, abs=0.2)


def test_pieces_are_counted_and_small_ones_left_out() -> None:
    elevation = np.zeros((33, 33), np.float32)
    elevation[:, 12:14] = 20.0
    elevation[4:6, :12] = 20.0
    heightmap = Heightmap(elevation, Grid((33, 33), 1.0))
    walker = Walker(radius=0.0)
    every = walkable_ground(heightmap, walker=walker, smallest=1.0)
    # East of the wall 18 columns, west of it 11, and in the north-west corner a strip 3 m wide.
    assert sorted(every.areas.tolist(), reverse=True) == every.areas.tolist()
    assert len(every.areas) >= 3
    assert every.areas[0] == 18 * 32
    assert every.component[16, 25] == 0
    assert every.component[16, 5] == 1
    large = walkable_ground(heightmap, walker=walker, smallest=100.0)
    assert len(large.areas) == 2
    assert large.component[1, 5] == -1
    mesh = navigation_mesh(large)
    middles = mesh.mesh.positions[mesh.mesh.indices].mean(axis=1)
    assert (mesh.component[middles[:, 0] > 13] == 0).all()
    assert (mesh.component[middles[:, 0] < 12] == 1).all()


def test_obstacles_and_the_radius_around_them_are_left_open() -> None:
    heightmap = plane(0.1, size=33, spacing=2.0)
    obstacles = np.array([[3.3, -4.1, 0.5], [-20.0, 10.0, 3.0], [31.9, 31.9, 1.0]])
    walker = Walker(radius=0.6)
    mesh = navigation_mesh(walkable_ground(heightmap, None, obstacles, walker=walker), walker=walker)
    points = samples(mesh).reshape(-1, 3)
    for x, z, radius in obstacles:
        assert np.hypot(points[:, 0] - x, points[:, 2] - z).min() >= radius + 0.6 - 1e-4
    area = heightmap.grid.area
    corners = mesh.mesh.positions.astype(np.float64)[mesh.mesh.indices]
    covered = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1].sum()
    assert 0.8 * area < covered < area


def test_a_walker_is_checked() -> None:
    with pytest.raises(InputError, match=r"within 0 .. 90 degrees.*found 95"):
        Walker(slope=95.0)


def test_land_without_any_way_has_an_empty_mesh() -> None:
    walkable = walkable_ground(plane(3.0))
    assert len(walkable.areas) == 0
    assert navigation_mesh(walkable).mesh.triangles == 0
