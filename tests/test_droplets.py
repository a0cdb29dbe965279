"""Droplets: mass that adds up, the same bytes from any thread, gullies where water gathers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.droplets import droplets
from worldgen.errors import InputError
from worldgen.sediment import SedimentBudget

FloatArray = NDArray[np.float64]


def slope(size: int = 64, steepness: float = 0.4, spacing: float = 4.0) -> FloatArray:
    """A slope down to the south with bumps that lead the drops together."""
    rows, columns = np.mgrid[0:size, 0:size]
    bumps = np.sin(columns / 2.5) + np.random.default_rng(0).random((size, size))
    return (size - rows) * steepness * spacing + bumps


@pytest.mark.parametrize("sea_level", [None, 30.0])
@pytest.mark.parametrize("radius", [0, 2, 4])
def test_mass_adds_up(radius: int, sea_level: float | None) -> None:
    ground, budget = slope(), SedimentBudget()
    after = droplets(ground, 4.0, count=3000, seed=1, radius=radius, sea_level=sea_level, budget=budget)
    gain = float((after - ground).sum()) * 16.0
    assert budget.eroded > 1000
    assert budget.exported > 0
    assert gain == pytest.approx(-budget.exported, abs=1e-6 * budget.eroded)
    assert budget.eroded == pytest.approx(budget.deposited + budget.exported, rel=1e-6)


def test_drops_that_stay_on_the_map_only_move_ground() -> None:
    bowl = np.hypot(*np.mgrid[-32:33, -32:33])
    budget = SedimentBudget()
    after = droplets(bowl, 2.0, count=5000, seed=3, budget=budget)
    assert budget.exported == 0.0
    assert after.sum() == pytest.approx(bowl.sum(), rel=1e-12)
    assert after[32, 32] > 0.5  # the middle is filled from the sides
    assert after.min() >= -0.1
    assert after.max() <= bowl.max() + 0.1


def test_the_seed_decides_and_threads_do_not() -> None:
    ground = slope()
    with ThreadPoolExecutor(4) as pool:
        results = [
            one.tobytes() for one in pool.map(lambda _: droplets(ground, 4.0, count=2000, seed=5), range(6))
        ]
    assert len(set(results)) == 1
    assert droplets(ground, 4.0, count=2000, seed=6).tobytes() != results[0]
    np.testing.assert_array_equal(ground, slope())


def test_gullies_grow_on_a_nearly_even_slope() -> None:
    ground = np.add.outer(1.6 * np.arange(96.0)[::-1], np.zeros(96))
    ground += 0.05 * np.random.default_rng(0).random(ground.shape)
    after = droplets(ground, 4.0, count=9000, seed=2)
    across = (after - after.mean(axis=1, keepdims=True))[16:80, 8:-8].std()
    assert across > 5 * ground[16:80].std(axis=1).mean()
    # They run down the slope: neighbours to the south are more alike than those to the east.
    south, east = (
        np.abs(np.diff(after - after.mean(axis=1, keepdims=True), axis=axis)).mean() for axis in (0, 1)
    )
    assert south < 0.7 * east


def test_level_ground_and_weak_drops_change_nothing() -> None:
    level = np.full((20, 30), 7.0)
    np.testing.assert_array_equal(droplets(level, 1.0, count=500, seed=1), level)
    ground = slope().astype(np.float32)
    assert droplets(ground, 4.0, count=0, seed=1).tobytes() == ground.tobytes()
    np.testing.assert_allclose(droplets(ground, 4.0, count=500, seed=1, strength=0.0), ground, atol=1e-6)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="radius in 0 to 8"):
        droplets(slope(), 4.0, count=1, seed=1, radius=9)
    with pytest.raises(InputError, match="at least 3 x 3"):
        droplets(np.zeros((2, 2)), 4.0, count=1, seed=1)
