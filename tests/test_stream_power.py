"""Stream power with single flow: analytic profiles, the slope-area law, mass that adds up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.erosion import stream_power
from worldgen.errors import InputError
from worldgen.hydrology import route, sea_mask
from worldgen.sediment import SedimentBudget

FloatArray = NDArray[np.float64]


def rough(size: int, height: float = 100.0, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] / size
    return height * (np.sin(3 * rows + 1) * np.cos(4 * columns) + 0.3 * random.random((size, size)))


def cut(ground: FloatArray, spacing: float, **options: Any) -> FloatArray:
    return stream_power(ground, spacing, flow_directions="single", **options)


def steepest(ground: FloatArray, spacing: float) -> FloatArray:
    slope = np.zeros_like(ground)
    for row, column in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        drop = ground - np.roll(ground, (-row, -column), (0, 1))
        slope = np.maximum(slope, drop / (spacing * np.hypot(row, column)))
    return slope


@pytest.mark.parametrize(
    ("m", "n", "sediment"), [(0.45, 1.0, 0.0), (0.8, 2.0, 0.0), (0.35, 0.7, 0.0), (0.45, 1.0, 0.5)]
)
def test_balanced_slopes_follow_area(m: float, n: float, sediment: float) -> None:
    """U (1 + G) = K A**m S**n: log slope falls with log area by m / n (Flint 1974; Yuan et al. 2019)."""
    size, spacing, uplift = 61, 100.0, 1e-3
    erodibility = uplift / (0.15**n * 1e6**m)  # a slope of 0.15 at a square kilometre
    ground = cut(
        np.random.default_rng(1).random((size, size)),
        spacing,
        erodibility=erodibility,
        uplift=uplift,
        area_exponent=m,
        slope_exponent=n,
        sediment=sediment,
        time_step=5e4,
        steps=150,
        edges="fixed",
    )
    inside = (slice(1, -1), slice(1, -1))
    area = route(ground, spacing, method="steepest").accumulation[inside]
    slope = steepest(ground, spacing)[inside]
    channel = area > 5 * spacing**2
    fit = np.polyfit(np.log(area[channel]), np.log(slope[channel]), 1)
    assert fit[0] == pytest.approx(-m / n, rel=0.02)
    expected = (uplift * (1 + sediment) / (erodibility * area**m)) ** (1 / n)
    assert np.median(slope[channel] / expected[channel]) == pytest.approx(1.0, rel=0.02)


def gorge(length: int) -> FloatArray:
    """A channel to the west edge between walls that water cannot cross, and that get no rain."""
    ground = np.full((3, length), 1e5)
    ground[1, : length - 1] = 0.0
    return ground


@pytest.mark.parametrize("n", [1.0, 1.6])
def test_a_river_profile_is_the_integral_of_area(n: float) -> None:
    """z(x) = (U / K) ** (1 / n) * integral of A ** (-m / n) dx from the mouth (chi, Perron, Royden 2013)."""
    length, spacing, m, uplift, erodibility = 401, 50.0, 0.5, 5e-4, 1e-5
    rain = np.zeros((3, length))
    rain[1, 1 : length - 1] = 1.0
    rise = np.where(rain > 0, uplift, 0.0)
    ground = cut(
        gorge(length),
        spacing,
        erodibility=erodibility,
        uplift=rise,
        rainfall=rain,
        area_exponent=m,
        slope_exponent=n,
        time_step=1e4,
        steps=3000,
        edges="fixed",
    )[1, : length - 1]
    # Area grows by spacing per metre from the divide, at `end`.
    end = (length - 2 + 0.5) * spacing
    x = np.arange(length - 1) * spacing
    power = 1 - m / n
    chi = (end**power - (end - x) ** power) * spacing ** (-m / n) / power
    exact = (uplift / erodibility) ** (1 / n) * chi
    inner = slice(1, 350)
    np.testing.assert_allclose(ground[inner], exact[inner], rtol=0.01)


def test_a_knickpoint_climbs_at_its_celerity() -> None:
    """After the mouth falls, the step runs upstream at K * A ** m; m = 0 makes that one speed."""
    length, spacing, speed, time = 300, 10.0, 0.02, 6e4
    ground = gorge(length)
    ground[1, :-1] = 50.0
    ground[1, 0] = 0.0
    profile = cut(
        ground, spacing, erodibility=speed, area_exponent=0.0, time_step=100.0, steps=600, edges="fixed"
    )[1]
    middle = np.interp(25.0, profile[: length - 1], np.arange(length - 1) * spacing)
    assert middle == pytest.approx(speed * time, rel=0.02)


@pytest.mark.parametrize("edges", ["free", "fixed"])
@pytest.mark.parametrize("time_step", [1.0, 1e4, 1e9])
@pytest.mark.parametrize("n", [0.6, 1.0, 2.5])
def test_no_step_is_too_long(time_step: float, edges: str, n: float) -> None:
    """Cutting alone never raises ground, never goes below the base, never digs a hole."""
    ground = rough(48)
    after = cut(ground, 20.0, erodibility=1e-4, slope_exponent=n, time_step=time_step, steps=3, edges=edges)
    assert np.isfinite(after).all()
    assert (after <= ground).all()
    assert after.min() >= ground.min() - 1e-9
    assert route(after, 20.0).lake_depth.max() <= route(ground, 20.0).lake_depth.max() + 1e-3


@pytest.mark.parametrize("sediment", [0.0, 0.3, 2.0, 20.0])
def test_drained_land_keeps_no_pits(sediment: float) -> None:
    """No river lays down so much that it dams another; what is left over goes on."""
    ground = route(rough(40), 20.0).filled
    for time_step in (1e2, 1e4, 1e6):
        budget = SedimentBudget()
        after = cut(
            ground, 20.0, erodibility=1e-5, time_step=time_step, steps=1, sediment=sediment, budget=budget
        )
        assert route(after, 20.0).lake_depth.max() < 0.02
        assert budget.eroded == pytest.approx(budget.deposited + budget.exported, rel=1e-6)
        if time_step < 1e5:  # longer ones leave no slope on which to lay it down
            assert (budget.deposited > 0) == (sediment > 0)


@pytest.mark.parametrize("edges", ["free", "fixed"])
def test_lakes_stay_where_they_were_and_shrink(edges: str) -> None:
    ground = rough(60)
    for _ in range(4):
        lake = route(ground, 20.0).lake_depth
        ground = cut(ground, 20.0, erodibility=1e-5, time_step=1e3, steps=1, sediment=1.0, edges=edges)
        after = route(ground, 20.0).lake_depth
        assert after[lake < 0.01].max() < 0.02
        assert after.sum() < lake.sum()


def test_lake_beds_are_not_cut_and_their_sills_are() -> None:
    ground = np.add.outer(60 - np.arange(40.0), np.zeros(21)) + 3 * abs(np.arange(21) - 10)
    ground[15:25, 5:16] -= 60.0
    lake = route(ground, 10.0).lake_depth > 0
    after = cut(ground, 10.0, erodibility=1e-4, time_step=1e3, steps=1)
    drained = ~(route(after, 10.0).lake_depth > 0)
    np.testing.assert_array_equal(after[lake & ~drained], ground[lake & ~drained])
    assert lake[~drained].sum() > 50
    assert route(after, 10.0).filled[20, 10] < route(ground, 10.0).filled[20, 10] - 0.5


@pytest.mark.parametrize("edges", ["free", "fixed"])
@pytest.mark.parametrize("sediment", [0.0, 0.4, 2.0, 20.0])
@pytest.mark.parametrize("sea_level", [None, 0.0])
def test_mass_adds_up(edges: str, sediment: float, sea_level: float | None) -> None:
    """What the land gains is uplift + deposited - eroded, and what is eroded settles or leaves."""
    ground, spacing = rough(60) + 20, 20.0
    budget = SedimentBudget()
    after = cut(
        ground,
        spacing,
        erodibility=2e-4,
        uplift=np.linspace(0, 2e-3, 60)[None] * np.ones((60, 1)),
        time_step=2e3,
        steps=6,
        diffusivity=0.002,
        edges=edges,
        sea_level=sea_level,
        sediment=sediment,
        budget=budget,
    )
    gain = float((after - ground).sum()) * spacing**2
    small = 1e-6 * budget.eroded
    assert budget.eroded > 1e5
    if sediment > 0:
        assert budget.deposited > 1e4
    assert budget.eroded == pytest.approx(budget.deposited + budget.exported, abs=small)
    assert gain == pytest.approx(budget.uplift + budget.deposited - budget.eroded - budget.creep, abs=small)


def test_sediment_fills_a_lake_with_what_comes_in() -> None:
    ground = np.add.outer(0.5 * (60 - np.arange(60.0)), np.zeros(21)) + 2 * abs(np.arange(21) - 10)
    ground[35:45, 8:13] -= 12.0
    budget, steps = SedimentBudget(), []
    after = ground
    for _ in range(4):
        after = cut(
            after, 10.0, erodibility=3e-4, time_step=8.0, steps=1, sediment=1e-9, budget=budget, edges="fixed"
        )
        steps.append(route(after, 10.0).lake_depth.sum())
    assert steps[0] > steps[1] > steps[2] > steps[3] > 0
    bed = np.s_[36:44, 9:12]
    assert (after[bed] > ground[bed]).all()
    assert budget.deposited == pytest.approx(budget.eroded - budget.exported, rel=1e-6)
    assert budget.deposited > 0.5 * 100 * (after - ground)[35:45, 8:13].sum()


def test_a_river_that_leaves_the_mountains_builds_a_fan() -> None:
    ground = np.add.outer(np.maximum(200 - 8 * np.arange(50.0), 10 - 0.02 * np.arange(50.0)), np.zeros(41))
    ground += np.random.default_rng(0).random(ground.shape)
    options = {"erodibility": 2e-4, "time_step": 1e3, "steps": 10, "edges": "fixed"}
    bare, laid = (cut(ground, 30.0, sediment=g, **options) for g in (0.0, 1.0))
    plain = np.s_[28:45, 5:-5]
    assert (bare[plain] <= ground[plain]).all()
    assert (laid - ground)[plain].mean() > 0.2
    assert (laid - ground)[28:34].mean() > (laid - ground)[40:48].mean()  # most where the slope ends


def test_rivers_end_at_the_sea() -> None:
    ground = rough(40) - 20.0
    sea = sea_mask(ground, 0.0)
    after = cut(ground, 20.0, erodibility=1e-3, time_step=1e6, steps=3, sea_level=0.0)
    np.testing.assert_array_equal(after[sea], ground[sea])
    assert after[~sea & (ground >= 0)].min() >= -1e-9


def test_same_bytes_in_any_thread_and_with_varying_rain_of_one() -> None:
    ground = rough(50)
    options = {"erodibility": 1e-4, "time_step": 1e4, "steps": 3, "sediment": 0.5, "diffusivity": 0.01}
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: cut(ground, 20.0, **options).tobytes(), range(8)))
    assert len(set(results)) == 1
    rain = np.ones(ground.shape)
    rain[0, 0] = 1 + 1e-12  # powers are no longer looked up
    np.testing.assert_allclose(
        cut(ground, 20.0, rainfall=rain, **options), cut(ground, 20.0, **options), atol=1e-6
    )


def test_wrong_numbers_are_refused() -> None:
    ground = rough(10)
    options: dict[str, Any] = {"erodibility": 1.0, "time_step": 1.0, "steps": 1}
    with pytest.raises(InputError, match="flow_directions must be"):
        stream_power(ground, 1.0, flow_directions="both", **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="need flow_directions 'single'"):
        stream_power(ground, 1.0, sediment=1.0, **options)
    with pytest.raises(InputError, match="slope_exponent > 0"):
        cut(ground, 1.0, slope_exponent=0.0, **options)
    with pytest.raises(InputError, match="deposition is for multiple flow"):
        cut(ground, 1.0, deposition=0.5, **options)


@pytest.mark.parametrize("directions", ["single", "multiple"])
def test_creep_leaves_no_rim_around_a_window(directions: Any) -> None:
    plane = 1.5 * np.arange(40.0)[:, None] + np.zeros((40, 30))
    crept = stream_power(
        plane,
        5.0,
        erodibility=0.0,
        time_step=1e4,
        steps=3,
        diffusivity=0.002,
        flow_directions=directions,
    )
    np.testing.assert_allclose(crept, plane, atol=1e-3)
