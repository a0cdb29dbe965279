"""Glaciers: ice that adds up, valleys that grow round, ground that falls, and only under ice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

from worldgen import ice_flow
from worldgen.errors import InputError
from worldgen.glaciers import IceBudget, equilibrium_altitude, glaciate, nye_factor
from worldgen.hydrology import route
from worldgen.ice_flow import CREEP, MovingIce

FloatArray = NDArray[np.float64]
SPACING = 24.0


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
    """Real glacial valleys have exponents of 1.5 to 2.5, rivers' near 1 (Svensson 1959; Li et al. 2001).

    All of it is the ice's work: here the ice's grid is the land's, and nothing is smoothed afterwards.
    """
    before = valley()
    after = glaciate(before, SPACING, equilibrium=250.0, years=2e5)
    for row in (40, 50, 60, 70):
        assert shape_exponent(before[row]) == pytest.approx(1.0, abs=0.01)
        assert 1.6 < shape_exponent(after[row]) < 2.3


def test_walls_bear_as_much_ice_as_theory_says() -> None:
    """Nye (1965), table IV: shape factors of parabolic valleys, by half-width over depth."""
    for width, factor in ((2.0, 0.646), (3.0, 0.746), (4.0, 0.806)):
        curvature = 2.0 / (100.0 * width**2)
        assert nye_factor(np.array(100.0), np.array(curvature)) == pytest.approx(factor, abs=0.08)
    assert nye_factor(np.array(100.0), np.array(-0.01)) == 1.0


def test_ice_digs_a_basin_where_a_steep_valley_gets_flat() -> None:
    row, column = np.mgrid[0:80, 0:41]
    steps = 0.3 * np.maximum(40 - row, 0) + 0.01 * (79 - row) + np.minimum(0.55 * np.abs(column - 20), 8)
    before = steps * SPACING
    after = glaciate(before, SPACING, equilibrium=250.0, years=2e5)
    assert route(before, SPACING).lake_depth.max() == 0.0
    lake = route(after, SPACING).lake_depth
    assert 8 < lake.max() < 40
    assert (lake[36:76].max(axis=1) > 1).sum() > 20  # along the flat floor
    assert lake[:30].max() < 1


def test_a_small_tributary_is_left_hanging() -> None:
    """The main valley's ice cuts more than that of a valley which joins it on level with its floor."""
    row, column = np.mgrid[0:100, 0:100].astype(float)
    fall = 0.06 * (99 - row)
    main = 0.5 * np.abs(column - 55) + fall
    tributary = 0.5 * np.abs(row - 65) + 0.06 * (34 + 55 - column)
    land = np.minimum(main, np.where((column < 55) & (column > 34), tributary, np.inf))
    land = np.minimum(land, 10 + fall - 0.3 * np.maximum(35 - column, 0))  # a ridge closes it to the west
    before = land * SPACING
    after = glaciate(before, SPACING, equilibrium=150.0, years=2e5)
    steps = [ground[65, 43] - ground[65, 55] for ground in (before, after)]
    assert steps[0] == pytest.approx(0.06 * 12 * SPACING)
    assert steps[1] > 3 * steps[0]


def test_the_sea_bears_ice_up_and_keeps_its_bed() -> None:
    before = valley() - 150.0
    budget = IceBudget()
    after = glaciate(before, SPACING, equilibrium=-2000.0, sea_level=0.0, budget=budget)
    cut = before - after
    assert cut.max() > 10
    assert cut[before < -100].max() < 1.0
    assert ((after < 0) & (before >= 0)).mean() < 0.05
    assert budget.melt > 0.1 * budget.snow  # it calves
    assert budget.melt + budget.left + budget.remaining == pytest.approx(budget.snow, rel=1e-9)


def test_ground_only_falls_and_only_where_it_is_cold() -> None:
    before = valley()
    after = glaciate(before, SPACING, equilibrium=390.0)
    assert (after <= before).all()
    assert (before - after).max() > 15
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
    assert budget.snow > 2e7
    assert budget.left >= 0
    assert budget.remaining > 0
    ends = budget.melt + budget.left + budget.remaining
    assert ends == pytest.approx(budget.snow, rel=1e-9)


def test_ice_on_a_slope_is_as_thick_as_theory_says() -> None:
    """Steady ice on an even slope under even snow: flux = snow * length = (creep * H + sliding) H⁴ slope³."""
    slope, length = 0.1, 60
    bed = np.repeat(slope * SPACING * np.arange(length, 0.0, -1)[:, None], 61, axis=1)
    glacier = MovingIce(np.pad(bed, 1, mode="edge"), SPACING)
    for _ in range(400):
        glacier.step(1.0, np.ones(glacier.bed.shape))
    ice = glacier.ice[1:-1, 31]  # far from the sides, over which some of it leaves
    row = np.arange(20, 50)
    height = ice[row]
    fall = slope - np.gradient(ice, SPACING)[row]
    flux = (ice_flow.CREEP * height + ice_flow.SLIDING) * height**4 * fall**3
    np.testing.assert_allclose(flux, (row + 0.5) * SPACING, rtol=0.1)


def dome_error(spacing: float, step: float) -> float:
    """Let a dome of ice sink for 240 years; return the mean error, in parts of the mean thickness.

    Its shape stays similar (Halfar 1983; Bueler et al. 2005): with creep alone and n = 3.
    """
    height, radius, years = 150.0, 1500.0, 240.0
    start = (7 / 4) ** 3 * radius**4 / height**7 / (18 * CREEP)
    cells = int(2000 / spacing)
    place = np.arange(-cells, cells + 1) * spacing
    distance = np.hypot(place[:, None], place[None])

    def exact(time: float) -> FloatArray:
        sunk = (start / time) ** (1 / 18)
        part = np.maximum(1 - (sunk * distance / radius) ** (4 / 3), 0)
        return np.asarray(height * sunk**2 * part ** (3 / 7))

    glacier = MovingIce(np.zeros((2 * cells + 3, 2 * cells + 3)), spacing, sliding=0.0)
    inside = glacier.ice[1:-1, 1:-1]
    inside[:] = exact(start)
    volume = inside.sum()
    for _ in range(round(years / step)):
        glacier.step(step, np.zeros(glacier.bed.shape))
    assert inside.sum() == pytest.approx(volume, rel=1e-12)
    return float(np.abs(inside - exact(start + years)).mean() / inside.mean())


def test_a_dome_sinks_as_theory_says_and_finer_steps_come_nearer() -> None:
    assert dome_error(100.0, 8.0) < 0.02
    assert dome_error(50.0, 2.0) < 0.006
    coarse, middle, fine = (dome_error(100.0, step) for step in (30.0, 10.0, 2.0))
    assert coarse > 1.5 * middle > 1.5 * fine


def test_steady_ice_on_level_ground_is_vialovs_profile() -> None:
    """Snow as far as the margin, flux = snow * distance (Vialov 1958).

    The cliff at the margin is a cell wide, and holds the ice up by some 5 %.
    """
    spacing, length, snow = 50.0, 1000.0, 0.5
    place = np.arange(-26, 27) * spacing
    balance = np.repeat(np.where(np.abs(place) <= length, snow, -1e3)[:, None], 7, axis=1)
    glacier = MovingIce(np.zeros((55, 7)), spacing, sliding=0.0)
    for _ in range(600):
        glacier.step(4.0, np.pad(balance, ((1, 1), (0, 0))))
    margin = length + spacing / 2
    reach = np.maximum(margin ** (4 / 3) - np.abs(place) ** (4 / 3), 0)
    exact = (2 * (snow / CREEP) ** (1 / 3) * reach) ** (3 / 8)
    found = glacier.ice[1:-1, 3]
    inner = np.abs(place) < 0.7 * length
    np.testing.assert_allclose(found[inner], exact[inner], rtol=0.07)


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
    for bad in ({"years": -1.0}, {"swing": -1.0}, {"abrasion": np.nan}):
        with pytest.raises(InputError, match="swing >= 0, years >= 0"):
            glaciate(valley(), SPACING, equilibrium=0.0, **bad)


def test_a_valley_across_the_grid_is_no_row_of_hollows() -> None:
    """A V whose axis runs at 30 degrees to the grid and falls by 8 %: so does its floor after the ice."""
    z, x = np.mgrid[:240, :240] * 5.0
    right, down = np.cos(np.pi / 6), np.sin(np.pi / 6)
    along, across = x * right + z * down, z * right - x * down
    ground = 2000 - 0.08 * along + 0.7 * np.abs(across - 200)
    worn = glaciate(ground, 5.0, equilibrium=1800.0, years=3e5)
    assert (ground - worn).max() > 20
    distance = np.arange(200.0, 1000.0, 5.0)
    rows, columns = (distance * down + 200 * right) / 5.0, (distance * right - 200 * down) / 5.0
    inside = (rows < 230) & (columns > 10) & (columns < 230)
    floor = map_coordinates(worn, (rows[inside], columns[inside]), order=1)
    ripples = floor - gaussian_filter1d(floor, 4)
    ripples -= gaussian_filter1d(ripples, 4)  # without the bend of the whole floor
    assert ripples[20:-20].std() < 0.1
