"""Biomes follow temperature, moisture, slope and water."""

from __future__ import annotations

import numpy as np
import pytest
from small_worlds import island, maps, plane

from worldgen.config import ClimateConfig
from worldgen.heightmap import ramp, slope_degrees


def test_slope_of_a_plane():
    land = plane(slope=1.0)
    np.testing.assert_allclose(slope_degrees(land.elevation, land.grid.spacing), 45, atol=1e-3)


def test_ramp_rises_and_falls():
    value = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(ramp(value, 1, 2), [0, 0, 1, 1])
    np.testing.assert_allclose(ramp(value, 2, 1), [1, 1, 0, 0])


def test_weights_are_shares():
    _, biomes = maps(island())
    assert biomes.weights.min() >= 0
    np.testing.assert_allclose(biomes.weights.sum(axis=0), 1, atol=1e-5)


def test_water_is_where_the_sea_is():
    land = island(height=15)
    water, biomes = maps(land)
    np.testing.assert_array_equal(biomes.weight("water") == 1, land.elevation < 0)
    assert not biomes.weight("beach")[water.sea].any()
    assert biomes.weight("beach").max() > 0.5


@pytest.mark.parametrize(
    ("climate", "expected"),
    [
        ({"temperature": 11, "moisture": 0.75}, "broadleaf_forest"),
        ({"temperature": 4, "moisture": 0.7}, "conifer_forest"),
        ({"temperature": 26, "moisture": 0.95}, "tropical_forest"),
        ({"temperature": 27, "moisture": 0.0}, "desert"),
        ({"temperature": -12, "moisture": 0.5}, "snow"),
        ({"temperature": 12, "moisture": 0.4}, "grassland"),
        ({"temperature": -1.5, "moisture": 0.5}, "tundra"),
        ({"temperature": 12, "moisture": 0.5, "barren": 1.0}, "barren"),
        # Whittaker's diagram, °C and mm a year.
        ({"temperature": 26, "precipitation": 3000}, "tropical_forest"),
        ({"temperature": 25, "precipitation": 900}, "grassland"),  # savanna
        ({"temperature": 25, "precipitation": 120}, "desert"),
        ({"temperature": 20, "precipitation": 330}, "shrubland"),
        ({"temperature": 11, "precipitation": 1100}, "broadleaf_forest"),
        ({"temperature": 9, "precipitation": 330}, "grassland"),
        ({"temperature": 9, "precipitation": 70}, "desert"),
        ({"temperature": 3.5, "precipitation": 700}, "conifer_forest"),
    ],
)
def test_climate_decides_the_biome(climate, expected):
    _, biomes = maps(plane(0.05, base=10), None, ClimateConfig(**climate))
    means = dict(zip(biomes.names, biomes.weights.mean(axis=(1, 2)), strict=True))
    assert max(means, key=means.get) == expected, means


def test_walls_are_bare_and_summits_cold():
    _, wall = maps(plane(slope=2.0))
    assert wall.weight("bare").mean() > 0.95
    _, biomes = maps(plane(0.5, size=129, spacing=40, base=1500), None)
    assert biomes.temperature[0].mean() < biomes.temperature[-1].mean() - 10


def test_lakes_are_water_but_a_deserts_basins_are_dry():
    land = plane(0.05, size=33)
    land.elevation[12:20, 12:20] -= 10
    water, biomes = maps(land, None)
    np.testing.assert_array_equal(biomes.weight("water") == 1, water.lakes())
    assert water.lakes().sum() > 40
    _, dry = maps(land, None, ClimateConfig(temperature=27, precipitation=100))
    assert not dry.weight("water").any()


def test_the_snow_line_needs_a_colder_year_towards_the_pole():
    snow = {}
    for latitude in (30, 47, 72, -72):
        _, biomes = maps(plane(0.05, base=10), None, ClimateConfig(temperature=-6.5, latitude=latitude))
        snow[latitude] = biomes.weight("snow").mean()
    assert snow[30] > 0.95
    assert snow[47] > 0.95
    assert snow[72] < 0.05
    assert snow[-72] < 0.05
