"""Climate: cooler above and away from the sun, wet to windward, dry in the lee, moist where water gathers."""

from __future__ import annotations

import numpy as np
import pytest
from small_worlds import island, plane

from worldgen.climate import (
    DELAY,
    MOIST_LAYER,
    SENSITIVITY,
    STABILITY,
    WIND_SPEED,
    base_precipitation,
    dune_mobility,
    evaporation,
    insolation,
    make_climate,
    orographic_rate,
    precipitation,
    soil_moisture,
    temperature,
)
from worldgen.config import ClimateConfig
from worldgen.hydrology import route

WEST = ClimateConfig(precipitation=900, wind=270)


def hill(size: int = 96, spacing: float = 500.0, width: float = 9000.0) -> np.ndarray:
    """A round hill of 800 m in the middle."""
    x = (np.arange(size) - (size - 1) / 2) * spacing
    return 800 * np.exp(-(x[None, :] ** 2 + x[:, None] ** 2) / width**2)


def test_air_cools_with_altitude_at_the_lapse_rate():
    config = ClimateConfig(temperature=15, lapse_rate=6.5)
    high = np.full((20, 20), 1000, np.float32)
    np.testing.assert_allclose(temperature(high, 10.0, config, None), 8.5, atol=1e-4)
    np.testing.assert_allclose(temperature(high, 10.0, config, 600.0), 15 - 2.6, atol=1e-4)
    np.testing.assert_allclose(temperature(high - 2000, 10.0, config, 0.0), 15, atol=1e-4)  # no deep is hot


@pytest.mark.parametrize("latitude", [50.0, -50.0])
def test_slopes_that_face_the_pole_are_colder(latitude):
    facing_south = plane(0.5, size=65).elevation  # rises to the north
    north, south = insolation(facing_south[::-1], 4.0, latitude), insolation(facing_south, 4.0, latitude)
    middle = (slice(20, -20),) * 2
    difference = (south[middle] - north[middle]).mean() * np.sign(latitude)
    assert 1 < difference < 6
    assert np.abs(insolation(np.zeros((9, 9), np.float32), 4.0, latitude)).max() < 1e-6


def test_at_the_equator_north_and_south_are_alike():
    ground = plane(0.5, size=65).elevation
    np.testing.assert_allclose(
        insolation(ground, 4.0, 0.0), insolation(ground[::-1], 4.0, 0.0)[::-1], atol=1e-5
    )


def test_flat_land_gets_the_base_value():
    flat = np.full((40, 50), 300.0)
    np.testing.assert_allclose(precipitation(flat, 100.0, WEST), 900, rtol=1e-6)
    np.testing.assert_allclose(
        precipitation(hill(), 500.0, ClimateConfig(precipitation=900, rain_shadow=0)), 900, rtol=1e-6
    )
    assert base_precipitation(ClimateConfig(temperature=10, moisture=0.5)) == pytest.approx(589.3)
    dry, wet = (base_precipitation(ClimateConfig(temperature=20, moisture=m)) for m in (0.1, 0.9))
    assert dry < 300 < 3000 < wet


def test_windward_is_wetter_than_the_lee():
    rain = precipitation(hill(), 500.0, WEST)
    assert rain.min() >= 0
    windward, lee = rain[48, 30:44].mean(), rain[48, 56:76].mean()
    assert windward > 1.1 * 900
    assert lee < 0.9 * 900
    np.testing.assert_allclose(rain, rain[::-1], rtol=1e-3)  # no side of a west wind is favoured
    assert abs(rain[:, 0].mean() - 900) < 90  # nothing comes around from the other edge


def test_rain_turns_with_the_wind():
    rain = {
        wind: precipitation(hill(), 500.0, ClimateConfig(precipitation=900, wind=wind))
        for wind in (0, 90, 180)
    }
    west = precipitation(hill(), 500.0, WEST)
    np.testing.assert_allclose(rain[90], west[:, ::-1], rtol=1e-3)
    np.testing.assert_allclose(rain[0], west.T, rtol=1e-3)  # from the north: wet where the rows begin
    np.testing.assert_allclose(rain[180], west.T[::-1], rtol=1e-3)


def test_rain_is_a_wave_response():
    """Against the transfer function (Smith & Barstad's equation 49) on a ridge of one wave, alone."""
    length, count = 40_000.0, 400
    spacing = length * 6 / count
    x = np.arange(count) * spacing
    ridge = np.tile(100 * np.cos(2 * np.pi * x / length), (16, 1))
    sigma = 2 * np.pi / length * WIND_SPEED
    m = np.sqrt((STABILITY**2 - sigma**2) / sigma**2) * 2 * np.pi / length
    gain = SENSITIVITY * 1j * sigma / ((1 - 1j * m * MOIST_LAYER) * (1 + 1j * sigma * DELAY) ** 2)
    expected = 100 * (gain * np.exp(2j * np.pi * x / length)).real
    wide = np.tile(ridge, (40, 1))  # long enough that the ends are far away
    found = orographic_rate(wide, spacing, 270.0)[320]
    middle = slice(150, 250)
    assert np.abs(found[middle] - expected[middle]).max() < 0.1 * np.abs(expected).max()


def test_a_steep_gradient_never_gives_less_than_nothing():
    config = ClimateConfig(precipitation=200, wind=270, rain_shadow=5)
    assert precipitation(8 * hill(), 500.0, config).min() >= 0


def test_soil_is_moist_where_rain_exceeds_evaporation_and_water_gathers():
    cell = np.ones((1, 1), np.float32)

    def moist(warm: float, rain: float, wet: float = 0.36, slope: float = 0.0) -> float:
        return float(soil_moisture(warm * cell, rain * cell, wet * cell, slope * cell)[0, 0])

    assert moist(10, 589.3) == pytest.approx(0.5, abs=1e-3)
    assert moist(10, 2 * 589.3) == pytest.approx(0.67, abs=1e-3)
    assert moist(25, 600) < moist(10, 600) < moist(10, 900)
    assert moist(10, 600, wet=0.3) < moist(10, 600) < moist(10, 600, wet=0.6)
    assert moist(10, 600, slope=45) < moist(10, 600)
    assert moist(30, 0) == 0
    assert moist(0, 20_000) == 1


def test_an_island_in_the_trade_wind():
    land = island(size=129, height=400)
    water = route(land.elevation, land.grid.spacing, sea_level=0.0)
    climate = make_climate(land, water, ClimateConfig(temperature=25, wind=90, precipitation=2000))
    rain = climate.precipitation
    assert rain[64, 70:85].mean() > 1.05 * rain[64, 44:59].mean()  # from the east
    assert climate.temperature[64, 64] < climate.temperature[0, 0] - 2
    for field in (climate.temperature, rain, climate.moisture):
        assert field.dtype == np.float32
        assert field.shape == land.elevation.shape


def test_lancasters_index_says_where_sand_moves():
    # M = 40 / (P / PE): 267 in the desert preset, 40 where as much falls as evaporates.
    evaporates = evaporation(np.array([20.0], np.float32))
    shares = np.array([0.05, 0.15, 0.4, 0.8, 1.0, 4.0], np.float32)
    mobile = dune_mobility(np.full(6, 20.0, np.float32), shares * evaporates)
    np.testing.assert_allclose(mobile, [1, 1, 0.5, 0, 0, 0], atol=1e-4)
    assert np.isfinite(dune_mobility(np.float32([20.0]), np.float32([0.0]))).all()
