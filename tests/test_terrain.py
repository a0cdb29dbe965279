"""Heightmaps of all sources: in metres, of the size asked for, and of the relief asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import grey_closing

from worldgen.config import WorldConfig, preset_names
from worldgen.erosion import stream_power, thermal
from worldgen.grid import Grid
from worldgen.heightmap import slope_degrees
from worldgen.noise import fractal, permutation
from worldgen.relief import macro_relief
from worldgen.terrain import CREEP, _incised, dunes, erode, make_terrain, terraces
from worldgen.terrain_sources import fractal_terrain
from worldgen.water_beds import with_water_beds


@pytest.mark.parametrize("preset", preset_names())
def test_learned_terrain_has_the_relief_that_was_asked_for(preset):
    config = WorldConfig(preset=preset, seed=4, size=129, spacing=16.0)
    land = make_terrain(config)
    assert land.elevation.shape == (129, 129)
    low, high = np.percentile(land.elevation, (1, 99.8))
    assert 0.4 * config.terrain.relief < high - low < 1.5 * config.terrain.relief


def test_sizes_that_are_no_powers_of_two():
    assert make_terrain(WorldConfig(preset="temperate", size=50)).elevation.shape == (50, 50)


def test_an_elevation_file_keeps_its_metres(tmp_path):
    z, x = np.mgrid[-40:41, -40:41] * 30.0
    hill = 700 + 400 * np.exp(-(x**2 + z**2) / 600**2) + 0.05 * x
    np.save(tmp_path / "hill.npy", hill.astype(np.float32))
    config = WorldConfig(
        preset="alpine",
        size=201,
        terrain={"source": "dem", "dem": tmp_path / "hill.npy", "dem_spacing": 30.0},
    )
    land = make_terrain(config)
    assert land.grid.spacing == pytest.approx(12.0)
    expected = 700 + 400 * np.exp(-(land.grid.x[None] ** 2 + land.grid.z[:, None] ** 2) / 600**2)
    expected = expected + 0.05 * land.grid.x[None]
    assert np.abs(land.elevation - expected).max() < 2.0
    cut = WorldConfig(
        **{
            **config.model_dump(),
            "spacing": 6.0,
            "terrain": {**config.terrain.model_dump(), "dem_fit": False},
        }
    )
    assert make_terrain(cut).grid.extent == (1200.0, 1200.0)


def test_level_water_of_an_elevation_file_gets_a_bed():
    shore = np.maximum(np.arange(60, dtype=np.float32)[None, :] - 30, 0) * 2 + np.zeros((40, 1), np.float32)
    bed = with_water_beds(shore, 10.0, 0.0)
    np.testing.assert_array_equal(bed[:, 32:], shore[:, 32:])
    assert (bed[:, :29] < 0).all()
    assert (np.diff(bed[20, :29]) > 0).all()  # deeper away from the shore
    bay = shore + 20
    assert (with_water_beds(bay, 10.0, 0.0)[:, :29] < 20).all()
    np.testing.assert_array_equal(with_water_beds(bay, 10.0, 0.0, lakes=False), bay)
    np.testing.assert_array_equal(with_water_beds(shore, 10.0, None, lakes=False), shore)


def test_level_ground_is_a_lake_only_where_higher_ground_surrounds_it():
    z, x = np.mgrid[-40:41, -40:41].astype(np.float32)
    basin = np.maximum(np.hypot(x, z) - 15, 0) + np.float32(300)
    bed = with_water_beds(basin, 10.0, 0.0)
    np.testing.assert_array_equal(bed[basin > 301], basin[basin > 301])
    assert bed[40, 40] == pytest.approx(300 - 0.4 * 16, abs=1.0)
    basin[40:, 38:43] = np.minimum(basin[40:, 38:43], 300 - 0.5 * np.maximum(z[40:, 38:43] - 15, 0))
    assert with_water_beds(basin, 10.0, 0.0)[40, 40] < 295  # an outlet is no plateau's edge
    for other in (600 - basin, 300 + 0.5 * np.abs(x)):
        np.testing.assert_array_equal(with_water_beds(other.astype(np.float32), 10.0, 0.0), other)


def test_macro_relief_is_a_function_of_the_seed():
    config = WorldConfig(preset="arctic").terrain
    grid = Grid.centred((60, 60), 100.0)
    inside = (slice(10, -10), slice(10, -10))
    one, again, other = (macro_relief(config, grid, inside, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 20


def test_terraces_keep_the_order_of_heights():
    grid = Grid.centred((2, 4000), 0.01)
    rising = np.tile(np.linspace(0, 800, 4000, dtype=np.float32), (2, 1))
    stepped = terraces(rising, grid, 400.0, seed=1)
    steps = np.diff(stepped[0])
    assert steps.min() > -0.01
    assert steps.max() > 5 * np.median(steps)  # walls between benches


def test_dunes_stand_on_flat_ground_only():
    grid = Grid.centred((129, 129), 4.0)
    flat = dunes(np.zeros((129, 129), np.float32), grid, 12.0, seed=1)
    assert 6 < flat.max() <= 15
    wall = np.tile(np.arange(129, dtype=np.float32)[:, None] * 4, (1, 129))
    assert dunes(wall, grid, 12.0, seed=1).max() == 0


def test_dunes_lie_where_the_climate_is_dry():
    def sand(**climate):
        plain = {"source": "noise", "shape": "plains", "relief": 15.0}
        values = {"preset": "desert", "size": 129, "seed": 7, "erosion": {"rivers": 0}, "climate": climate}
        high, none = (
            make_terrain(WorldConfig(**values, terrain={**plain, "dunes": height})).elevation
            for height in (14.0, 0.0)
        )
        return high - none

    dry, half, wet = sand(), sand(moisture=0.25), sand(moisture=0.8)
    assert dry.max() > 5
    assert 0 < half.mean() < 0.7 * dry.mean()
    assert wet.max() == 0


def test_the_lee_side_is_the_steep_one():
    grid = Grid.centred((257, 257), 1.0)
    sand = dunes(np.zeros((257, 257), np.float32), grid, 10.0, seed=2).astype(np.float64)
    along = np.gradient(sand, axis=1) * 0.83 + np.gradient(sand, axis=0) * 0.56
    assert -np.percentile(along, 1) > 1.3 * np.percentile(along, 99)


def eroded(climate=None, **erosion):
    config = WorldConfig(
        preset="alpine",
        size=65,
        spacing=30.0,
        terrain={"source": "noise"},
        erosion=erosion,
        climate=climate or {},
    )
    return erode(fractal_terrain(config), config).elevation


def test_gullies_in_soil_are_valleys_and_no_trenches():
    """Beside the same cuts with all slides at their end, whose walls stand steeper than any soil."""
    x, z = np.meshgrid(np.arange(129.0), np.arange(129.0))
    land = 900 - 1.6 * z + 4 * fractal(x / 40, z / 40, permutation(3, "test"), octaves=3)
    config = WorldConfig(preset="volcanic", size=129, spacing=4.0, erosion={"strength": 3.0})
    talus = float(np.tan(np.radians(36.0)))
    cut = {"erodibility": 1.4e-5, "time_step": 6e4, "steps": 3, "diffusivity": CREEP}
    lands = [stream_power(land, 4.0, **cut), _incised(land, 4.0, config, talus, 24)]
    steep, depth = [], []
    for valleys in lands:
        valleys = thermal(valleys, 4.0, talus_slope=talus, iterations=12)
        inside = np.s_[8:-8, 8:-8]
        steep.append((slope_degrees(valleys.astype(np.float32), 4.0)[inside] > 38).mean())
        depth.append(np.percentile((grey_closing(valleys, (15, 15)) - valleys)[inside], 99))
    assert steep[0] > 0.05
    assert steep[1] < 0.01
    assert depth[1] > max(0.7 * depth[0], 10.0)


def test_kinds_of_erosion_act_where_they_are_asked_for():
    plain = eroded(glacial=0, droplets=0)
    for options in (
        {"flow": "single"},
        {"flow": "single", "sediment": 1.0},
        {"droplets": 1.0},
        {"glacial": 1.0},
    ):
        other = eroded(**{"glacial": 0, "droplets": 0, **options})
        assert 0.1 < np.abs(other - plain).mean() < 100
    assert (eroded(glacial=1.0, rivers=0, thermal=0) <= eroded(glacial=0, rivers=0, thermal=0)).all()


def test_ice_cuts_by_the_climate():
    hot = {"temperature": 35.0, "lapse_rate": 6.5}
    np.testing.assert_array_equal(eroded(hot, glacial=1.0), eroded(hot, glacial=0))
    assert (eroded({"temperature": 0.0}, glacial=1.0) < eroded(glacial=0)).mean() > 0.2
