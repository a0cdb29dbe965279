"""Who stands too near to whom, the light under crowns, the spread of seeds."""

from __future__ import annotations

import numpy as np

from worldgen.competition import CROWN_SHADE, light_below, seeds_around, stand_apart
from worldgen.grid import Grid


def slow(points, species, spacing, clearance, settled):
    """The same rule, pair by pair."""
    alive = [True] * len(points)
    for one in range(settled, len(points)):
        for other in range(one):
            same = species[one] == species[other]
            keep = min(spacing[one], spacing[other]) if same else clearance[other]
            if alive[other] and np.hypot(*(points[one] - points[other])) < keep:
                alive[one] = False
    return np.array(alive)


def test_the_stronger_keep_the_weaker_off():
    random = np.random.default_rng(3)
    count = 700
    points = random.uniform(-40, 40, (count, 2))
    species, spacing = random.integers(0, 3, count), random.uniform(0.5, 6, count)
    clearance = random.choice([0.0, 1.0, 4.0], count)
    for settled in (0, 200):
        found = stand_apart(points, species, spacing, clearance, settled)
        np.testing.assert_array_equal(found, slow(points, species, spacing, clearance, settled))
        assert found[:settled].all()
        assert 50 < found.sum() < count


def test_nothing_to_keep_apart():
    none = np.zeros(0)
    assert stand_apart(np.zeros((0, 2)), none.astype(np.int64), none, none).size == 0
    one = np.zeros((1, 2))
    assert stand_apart(one, np.zeros(1, np.int64), np.ones(1), np.ones(1)).all()
    assert stand_apart(np.zeros((3, 2)), np.zeros(3, np.int64), np.zeros(3), np.zeros(3)).all()


def test_light_falls_under_crowns_and_only_there():
    grid = Grid.centred((41, 41), 2.0)
    light = light_below(np.array([[0.0, 0.0], [0.0, 0.0], [20.0, 20.0]]), np.array([5.0, 5.0, 5.0]), grid)
    distance = np.hypot(grid.x[None, :], grid.z[:, None])
    np.testing.assert_allclose(light[distance < 3], (1 - CROWN_SHADE) ** 2, rtol=1e-5)
    np.testing.assert_allclose(light[20 + 10, 20 + 10], 1 - CROWN_SHADE, rtol=1e-5)
    far = (distance > 6.1) & (np.hypot(grid.x[None, :] - 20, grid.z[:, None] - 20) > 6.1)
    assert (light[far] == 1).all()
    # A crown's shade covers about its own area, also where it is smaller than a cell.
    for radius in (0.4, 4.0):
        cover = np.log(light_below(np.array([[0.3, 0.7]]), np.array([radius]), grid)) / np.log(
            1 - CROWN_SHADE
        )
        assert 0.4 < cover.sum() * 4 / (np.pi * radius**2) < 1.6


def test_half_of_the_seeds_land_within_the_dispersal():
    draws = np.random.default_rng(1).uniform(0, 1, (20_000, 2))
    fallen = seeds_around(np.full((20_000, 2), 7.0), draws, 12.0) - 7
    distance = np.hypot(*fallen.T)
    assert abs((distance < 12).mean() - 0.5) < 0.03
    assert distance.max() < 6 * 12
    assert np.abs(fallen.mean(axis=0)).max() < 0.5
