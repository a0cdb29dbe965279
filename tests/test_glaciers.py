"""Glaciers: ice that adds up, valleys that grow round, ground that falls, and only under ice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen import glaciers, ice_flow
from worldgen.errors import InputError
from worldgen.glaciers import IceBudget, equilibrium_altitude, glaciate

FloatArray = NDArray[np.float64]
SPACING = 30.0


def valley(rows: int = 80, columns: int = 61) -> FloatArray:
    """A V-shaped valley that falls to the south by 12 %."""
    row, column = np.mgrid[0:rows, 0:columns]
    return (0.55 * np.abs(column - columns // 2) + 0.12 * (rows - 1 - row)) * SPACING


def shape_exponent(section: FloatArray, reach: float = 420.0) -> float:
    """Return b of height = a * distance ** b over the lowest point of a cross-section."""
    middle = int(np.argmin(section))
    distance = np.abs(np.arange(section.size) - middle) * SPACING
    near = (distance > 0) & (distance <= reach)
    fit = np.polyfit(np.log(distance[near]), np.log(section[near] - section[middle] + 1e-9), 1)
    return float(fit[0])


def test_a_v_shaped_valley_becomes_a_u() -> None:
    """Real glacial valleys have exponents of 1.5 to 2.5, rivers' near 1 (Svensson 1959; Li et al. 2001)."""
    before = valley()
    after = glaciate(before, SPACING, equilibrium=250.0, years=6e4)
    for row in (40, 50, 60, 70):
        assert shape_exponent(before[row]) == pytest.approx(1.0, abs=0.01)
        assert 1.6 < shape_exponent(after[row]) < 2.3


def test_ground_only_falls_and_only_where_it_is_cold() -> None:
    before = valley()
    after = glaciate(before, SPACING, equilibrium=450.0, years=3e4)
    assert (after <= before).all()
    assert (before - after).max() > 20
    # Far below the end of the ice the valley floor is as it was; the ridges beside it hold ice of their own.
    assert (before - after)[-6:, 28:33].max() < 1.0
    np.testing.assert_array_equal(glaciate(before, SPACING, equilibrium=2000.0), before)
    np.testing.assert_array_equal(glaciate(before, SPACING, equilibrium=0.0, years=0.0), before)


@pytest.mark.parametrize("rough", [0.0, 60.0])
@pytest.mark.parametrize("equilibrium", [-500.0, 250.0, 500.0])
def test_ice_adds_up(rough: float, equilibrium: float) -> None:
    ground = valley() + rough * np.random.default_rng(0).random((80, 61))
    budget = IceBudget()
    glaciate(ground, SPACING, equilibrium=equilibrium, budget=budget)
    assert budget.snow > 1e8
    assert budget.remaining > 0
    ends = budget.melt + budget.left + budget.remaining
    assert ends == pytest.approx(budget.snow, rel=1e-9)


def test_ice_on_a_slope_is_as_thick_as_theory_says() -> None:
    """Steady ice on an even slope under even snow: flux = snow * length = (creep * H + sliding) H⁴ slope³."""
    slope, length = 0.1, 60
    bed = np.repeat(slope * SPACING * np.arange(length, 0.0, -1)[:, None] + 1e4, 5, axis=1)
    seen: list[FloatArray] = []

    def spy(bed: FloatArray, ice: FloatArray, spacing: float) -> FloatArray:
        seen.append(ice.copy())
        return np.zeros_like(bed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glaciers, "_sliding", spy)
        glaciate(bed, SPACING, equilibrium=0.0, years=1.0)
    ice = seen[-1][:, 2]
    row = np.arange(20, 50)
    height = ice[row]
    fall = slope - np.gradient(ice, SPACING)[row]
    flux = (ice_flow.CREEP * height + ice_flow.SLIDING) * height**4 * fall**3
    np.testing.assert_allclose(flux, (row + 0.5) * SPACING * glaciers._MOST_SNOW, rtol=0.1)


def test_finer_maps_are_cut_alike_and_keep_their_type() -> None:
    coarse = valley()
    fine = np.kron(coarse, np.ones((2, 2))).astype(np.float32)[:-1, :-1]
    one = coarse - glaciate(coarse, SPACING, equilibrium=250.0)
    two = glaciate(fine, SPACING / 2, equilibrium=250.0)
    assert two.dtype == np.float32
    assert two.shape == fine.shape
    assert (fine - two).mean() == pytest.approx(one.mean(), rel=0.15)


@pytest.mark.parametrize("shape", [(2, 2), (3, 9), (20, 2)])
def test_the_smallest_maps_have_ice_too(shape: tuple[int, int]) -> None:
    ground = 100 * np.random.default_rng(0).random(shape)
    after = glaciate(ground, 1.0, equilibrium=-500.0)
    assert np.isfinite(after).all()
    assert (after <= ground).all()


def test_same_bytes_in_any_thread() -> None:
    with ThreadPoolExecutor(3) as pool:
        results = pool.map(lambda _: glaciate(valley(), SPACING, equilibrium=300.0).tobytes(), range(3))
    assert len(set(results)) == 1


def test_the_equilibrium_altitude_follows_the_climate() -> None:
    assert equilibrium_altitude(12.0, 6.5) == pytest.approx(1077, abs=1)
    assert equilibrium_altitude(-5.0, 6.5) < 0
    assert equilibrium_altitude(25.0, 6.5) > 3000
    assert equilibrium_altitude(20.0, 0.0) == np.inf
    assert equilibrium_altitude(-20.0, 0.0) == -np.inf


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="equilibrium altitude"):
        glaciate(valley(), SPACING, equilibrium=np.nan)
    with pytest.raises(InputError, match="years >= 0"):
        glaciate(valley(), SPACING, equilibrium=0.0, years=-1.0)
