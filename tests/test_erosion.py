"""Erosion: known steady states, conserved mass, no overshoot at any step."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.erosion import diffuse, stream_power, thermal
from worldgen.errors import InputError
from worldgen.hydrology import route, sea_mask


def rough(size: int, height: float = 100.0, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] / size
    return height * (np.sin(3 * rows + 1) * np.cos(4 * columns) + 0.3 * random.random((size, size)))


@pytest.mark.parametrize("edges", ["free", "fixed"])
@pytest.mark.parametrize("time_step", [1.0, 1e4, 1e9])
def test_no_step_is_too_long(time_step: float, edges: str) -> None:
    """Cutting alone never raises ground, never goes below the base, never digs a hole."""
    ground = rough(48)
    cut = stream_power(
        ground,
        20.0,
        erodibility=1e-4,
        time_step=time_step,
        steps=3,
        edges=edges,  # type: ignore[arg-type]
    )
    assert np.isfinite(cut).all()
    assert (cut <= ground + 1e-9).all()
    assert cut.min() >= ground.min() - 1e-9
    before, after = (route(height, 20.0).lake_depth.max() for height in (ground, cut))
    assert after <= before + 0.1


def test_a_filled_surface_stays_without_pits() -> None:
    ground = route(rough(40), 20.0).filled
    for time_step in (1e2, 1e5, 1e8):
        cut = stream_power(ground, 20.0, erodibility=1e-4, time_step=time_step, steps=1)
        assert route(cut, 20.0).lake_depth.max() < 0.05


def test_steady_state_has_the_slope_area_exponent() -> None:
    """In balance uplift = K area**m slope, so log slope falls with log area by m (Flint 1974)."""
    size, spacing, m, uplift, erodibility = 41, 100.0, 0.45, 1e-3, 2e-5
    ground = stream_power(
        np.random.default_rng(1).random((size, size)),
        spacing,
        erodibility=erodibility,
        uplift=uplift,
        area_exponent=m,
        time_step=5e4,
        steps=400,
        edges="fixed",
    )
    area = route(ground, spacing).accumulation
    interior = (slice(1, -1), slice(1, -1))
    # One-way slope, as water sees it: towards the steepest lower neighbour.
    slope = np.zeros_like(ground)
    for row, column in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        drop = ground - np.roll(ground, (-row, -column), (0, 1))
        slope = np.maximum(slope, drop / (spacing * np.hypot(row, column)))
    channel = area[interior] > 5 * spacing**2
    fit = np.polyfit(np.log(area[interior][channel]), np.log(slope[interior][channel]), 1)
    assert fit[0] == pytest.approx(-m, rel=0.07)
    expected = uplift / (erodibility * area[interior][channel] ** m)
    assert np.median(slope[interior][channel] / expected) == pytest.approx(1.0, rel=0.1)


def test_one_step_of_a_ramp_is_exact() -> None:
    """A strip two cells wide that falls south: each row follows the implicit formula by hand."""
    spacing, erodibility, time_step = 10.0, 1e-3, 50.0
    ground = np.repeat(np.array([30.0, 20.0, 10.0, 0.0])[:, None], 2, axis=1)
    cut = stream_power(
        ground, spacing, erodibility=erodibility, area_exponent=0.0, time_step=time_step, steps=1
    )
    speed = erodibility * time_step / spacing
    # Straight and diagonal receivers of a plane: slope**1.5 times outline, slopes 1 and 1 / sqrt 2.
    straight, diagonal = 0.5, 0.125**0.5 * 2**-0.75
    pull = speed * (straight + diagonal / 2**0.5) / (straight + diagonal)
    expected = [0.0] * 4
    for row, height in ((2, 10.0), (1, 20.0), (0, 30.0)):
        expected[row] = (height + pull * expected[row + 1]) / (1 + pull)
    np.testing.assert_allclose(cut, np.repeat(np.array(expected)[:, None], 2, axis=1), rtol=1e-12)


def test_rivers_end_at_the_sea() -> None:
    ground = rough(40) - 20.0
    sea = sea_mask(ground, 0.0)
    assert 0.1 < sea.mean() < 0.9
    cut = stream_power(ground, 20.0, erodibility=1e-3, time_step=1e6, steps=3, sea_level=0.0)
    np.testing.assert_array_equal(cut[sea], ground[sea])
    assert cut[~sea & (ground >= 0)].min() >= -1e-9


def test_hard_rock_stands() -> None:
    hardness = np.full((30, 30), 1e-4)
    hardness[10:20, 10:20] = 0.0
    ground = rough(30)
    cut = stream_power(ground, 20.0, erodibility=hardness, time_step=1e4, steps=4)
    np.testing.assert_allclose(cut[10:20, 10:20], ground[10:20, 10:20])
    assert (ground - cut)[~(hardness == 0)].mean() > 0.5


def test_deposition_fills_lakes() -> None:
    ground = np.fromfunction(lambda r, c: 60 - r, (40, 20))
    ground[15:25, 5:15] -= 40.0
    dry, filled = (
        stream_power(ground, 10.0, erodibility=1e-9, time_step=1.0, steps=1, deposition=d) for d in (0.0, 1.0)
    )
    assert route(dry, 10.0).lake_depth.max() > 20
    assert route(filled, 10.0).lake_depth.max() < 0.05


def test_stream_power_follows_a_turn_of_the_map() -> None:
    rows, columns = np.mgrid[0:30, 0:30] / 29.0
    ground = 300 * columns + 40 * np.sin(5 * rows) + 30 * np.cos(4 * columns * rows)

    def cut(height: NDArray[np.float64]) -> NDArray[np.float64]:
        return stream_power(height, 20.0, erodibility=1e-4, time_step=1e3, steps=3, diffusivity=0.01)

    np.testing.assert_allclose(np.rot90(cut(np.rot90(ground)), -1), cut(ground), atol=1e-6)


def test_grown_valleys_do_not_line_up_with_the_grid() -> None:
    """Slopes of a grown range face all ways alike: 4- and 8-fold harmonics of their aspect stay small."""
    size = 97
    rows, columns = np.mgrid[0:size, 0:size] - size // 2
    uplift = 1e-3 * np.exp(-(rows**2 + columns**2) / (0.3 * size) ** 2)
    start = np.random.default_rng(4).random((size, size))
    ground = stream_power(
        start,
        80.0,
        erodibility=1.4e-5,
        uplift=uplift,
        time_step=2e4,
        steps=80,
        diffusivity=0.03,
        edges="fixed",
    )
    assert 300 < np.ptp(ground) < 3000
    south, east = np.gradient(ground)
    disc = np.hypot(rows, columns) < 0.35 * size
    aspect, slope = np.arctan2(south, east)[disc], np.hypot(south, east)[disc]
    for fold in (4, 8):
        assert abs((slope * np.exp(1j * fold * aspect)).sum()) / slope.sum() < 0.15


@pytest.mark.parametrize("rate", [0.3, 1.0, 50.0])
def test_thermal_conserves_mass_and_never_overshoots(rate: float) -> None:
    ground = rough(40, 200.0)
    slid = thermal(ground, 5.0, talus_slope=0.6, iterations=60, rate=rate)
    assert slid.sum() == pytest.approx(ground.sum(), rel=1e-12)
    assert slid.max() <= ground.max()
    assert slid.min() >= ground.min()
    # An array of talus slopes that is the same everywhere is that number.
    np.testing.assert_array_equal(
        thermal(ground, 5.0, talus_slope=np.full(ground.shape, 0.6), iterations=60, rate=rate), slid
    )


def test_thermal_ends_at_the_talus_slope() -> None:
    ground = np.zeros((41, 41))
    ground[20, 20] = 500.0
    slid = thermal(ground, 1.0, talus_slope=0.7, iterations=3000)
    steepest = max(np.abs(np.diff(slid, axis=0)).max(), np.abs(np.diff(slid, axis=1)).max())
    assert steepest <= 0.7 * 1.02
    assert slid[20, 20] > 5
    calm = 0.5 * np.add.outer(np.arange(20.0), np.arange(20.0))
    np.testing.assert_array_equal(thermal(calm, 1.0, talus_slope=0.8), calm)


@pytest.mark.parametrize("amount", [0.1, 30.0, 1e9])
def test_diffusion_conserves_mass_and_keeps_bounds(amount: float) -> None:
    ground = rough(30)
    smooth = diffuse(ground, 10.0, amount=amount)
    assert smooth.mean() == pytest.approx(ground.mean(), rel=1e-6)
    assert smooth.max() <= ground.max() + 1e-9
    assert smooth.min() >= ground.min() - 1e-9


def test_diffusion_spreads_a_bump_as_theory_says() -> None:
    """The variance of a spreading bump grows by 2 * amount along each axis (Fick)."""
    ground = np.zeros((61, 61))
    ground[30, 30] = 1.0
    smooth = diffuse(ground, 2.0, amount=40.0)
    place = (np.arange(61) - 30) * 2.0
    for axis in (0, 1):
        assert (smooth.sum(axis=1 - axis) * place**2).sum() == pytest.approx(80.0, rel=0.01)


def test_types_and_repeatability() -> None:
    ground = rough(33).astype(np.float32)
    first, second = (
        stream_power(ground, 10.0, erodibility=1e-4, time_step=1e3, steps=3, diffusivity=0.01)
        for _ in range(2)
    )
    assert first.dtype == np.float32
    assert first.tobytes() == second.tobytes()
    assert thermal(ground, 10.0).dtype == np.float32
    assert stream_power(ground, 10.0, erodibility=1.0, time_step=1.0, steps=0).tobytes() == ground.tobytes()


def test_wrong_numbers_are_refused() -> None:
    ground = rough(10)
    with pytest.raises(InputError, match="erodibility must be a number or have"):
        stream_power(ground, 1.0, erodibility=np.zeros((3, 3)), time_step=1.0, steps=1)
    with pytest.raises(InputError, match="time_step > 0"):
        stream_power(ground, 1.0, erodibility=1.0, time_step=0.0, steps=1)
    with pytest.raises(InputError, match="amount"):
        diffuse(ground, 1.0, amount=-1.0)
    with pytest.raises(InputError, match="talus slope"):
        thermal(ground, 1.0, talus_slope=-1.0)
