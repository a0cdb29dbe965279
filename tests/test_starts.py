"""Player starts: on dry, level, open ground, apart, and looking at something."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_worlds import island, plane

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.navigation import walkable_ground
from worldgen.starts import player_starts
from worldgen.triangulation import surface_height


def shelf() -> tuple[Heightmap, NDArray[np.float32]]:
    """An island with a level shelf around a steep hill in the middle, and the sea around it."""
    heightmap = island(97, spacing=4.0, height=60.0)
    elevation = heightmap.elevation.copy()
    middle = (elevation > 3) & (elevation < 30)
    elevation[middle] = 3 + 0.08 * (elevation[middle] - 3)
    heightmap = heightmap.with_elevation(elevation)
    return heightmap, np.where(elevation < 0, np.float32(0), np.float32(np.nan))


def test_starts_are_dry_level_clear_and_apart() -> None:
    heightmap, water = shelf()
    random = np.random.default_rng(3)
    obstacles = np.column_stack([random.uniform(-190, 190, (400, 2)), np.full(400, 0.4), np.full(400, 8.0)])
    walkable = walkable_ground(heightmap, water, obstacles[:, :3])
    starts = player_starts(heightmap, walkable, water, obstacles, count=6)
    assert len(starts) == 6
    x, y, z, _ = np.array(starts).T
    np.testing.assert_allclose(y, surface_height(heightmap.elevation, heightmap.grid, x, z))
    assert y.min() > 0
    assert max(np.abs(x).max(), np.abs(z).max()) <= 4.0 * 48 - 30.0
    for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        for distance in (1.0, 2.0, 3.0):
            ahead, beside = x + distance * np.sin(angle), z + distance * np.cos(angle)
            there = surface_height(heightmap.elevation, heightmap.grid, ahead, beside)
            onward = surface_height(
                heightmap.elevation,
                heightmap.grid,
                ahead + 0.05 * np.sin(angle),
                beside + 0.05 * np.cos(angle),
            )
            assert (np.abs(onward - there) / 0.05).max() <= np.tan(np.radians(10.0)) + 1e-3
            assert there.min() > 0  # no water within 3 m
    for place in zip(x, z, strict=True):
        assert np.hypot(*(obstacles[:, :2] - place).T).min() >= 3.4 - 1e-6
    apart = np.hypot(x[:, None] - x, z[:, None] - z)[np.triu_indices(6, 1)]
    assert apart.min() > 40


def test_a_start_looks_at_the_only_hill_from_the_plain() -> None:
    grid = Grid.centred((129, 129), 8.0)
    x, z = np.meshgrid(grid.x, grid.z)
    hill = 150 * np.exp(-((x - 350) ** 2 + z**2) / 90**2)  # in the east
    heightmap = Heightmap(hill.astype(np.float32), grid)
    walkable = walkable_ground(heightmap)
    toward = []  # the hill's top is a place to start, too, and looks elsewhere
    for start in player_starts(heightmap, walkable, count=5):
        yaw = np.radians(start.yaw)
        look = np.array([-np.sin(yaw), -np.cos(yaw)])  # what -z becomes by a turn about +y
        hill_way = np.array([350 - start.x, -start.z])
        if np.linalg.norm(hill_way) > 200:
            toward.append(look @ hill_way / np.linalg.norm(hill_way))
    assert len(toward) >= 3
    assert min(toward) > 0.7  # within 45 degrees


def test_the_same_land_gives_the_same_starts_and_more_begin_with_the_same() -> None:
    heightmap, water = shelf()
    walkable = walkable_ground(heightmap, water)
    first = player_starts(heightmap, walkable, water, count=4)
    assert first == player_starts(heightmap, walkable, water, count=4)
    assert first[0] == player_starts(heightmap, walkable, water, count=1)[0]


def test_land_that_is_all_steep_has_no_start() -> None:
    heightmap = plane(0.3)  # 17 degrees: one can walk there
    walkable = walkable_ground(heightmap)
    assert len(walkable.areas) == 1
    assert player_starts(heightmap, walkable) == []
    with pytest.raises(InputError, match="found -1"):
        player_starts(heightmap, walkable, count=-1)
