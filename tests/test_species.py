"""Species: limits hold exactly, flanks are soft, groves lie within."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldgen.biomes import classify
from worldgen.config import ClimateConfig
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.habitat import Habitat, Shade, habitat
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.rivers import river_network
from worldgen.species import FAR, Species, groves, suitability, within

GRID = Grid.centred((65, 81), 4.0)


def land(sea_level: float | None = 0.0) -> tuple[Heightmap, Habitat]:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 60 * np.exp(-(x**2 + z**2) / 90**2) - 12 + random.uniform(0, 0.5, GRID.shape)
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing, sea_level=sea_level)
    return heightmap, habitat(
        heightmap, water, river_network(water), classify(heightmap, water, ClimateConfig(), 1), 1
    )


def test_within_is_zero_outside_and_one_inside() -> None:
    value = np.array([0.0, 1.0, 1.5, 2.0, 5.0, 8.0, 9.0, 10.0])
    np.testing.assert_allclose(within(value, 1, 9, 1), [0, 0, 0.5, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(within(value, 1, 1, 1), [0, 1, 0, 0, 0, 0, 0, 0])


def test_suitability_obeys_the_limits() -> None:
    _, ground = land()
    species = Species("pine", slope=(0, 50), altitude=(5, 40), shore=(10, FAR), clumping=0)
    suits = suitability(species, ground)
    assert suits.dtype == np.float32
    assert 0 <= suits.min() < 0.9 < suits.max() <= 1
    assert (suits[ground.water] == 0).all()
    assert (suits[ground.shore_distance < 10] == 0).all()
    assert (suits[(ground.altitude <= 5) | (ground.altitude >= 40)] == 0).all()
    assert (suits[ground.slope > 50] == 0).all()
    by_biome = suitability(Species("palm", biomes={"beach": 1.0, "desert": 0.5}, clumping=0), ground)
    limit = ground.biomes["beach"] + 0.5 * ground.biomes["desert"]
    assert (by_biome <= limit + 1e-6).all()
    with pytest.raises(InputError, match="did you mean 'desert'"):
        suitability(Species("palm", biomes={"desrt": 1.0}), ground)
    dry = land(None)[1]
    assert not dry.water.any()
    assert dry.shore_distance.min() == np.float32(1e9)


def test_groves_are_patches_with_bare_ground_between() -> None:
    points = np.random.default_rng(1).uniform(-500, 500, (5000, 2))
    chance = groves(Species("pine", clumping=1.0, clump_size=60.0), points, 1)
    assert 0.3 < chance.mean() < 0.7
    assert (chance < 0.05).mean() > 0.2
    assert (chance > 0.95).mean() > 0.2
    np.testing.assert_array_equal(groves(Species("pine", clumping=0.0), points, 1), 1)


def test_light_and_borders_of_woods() -> None:
    _, ground = land()
    light = np.full(GRID.shape, 0.3, np.float32)
    edge = np.zeros(GRID.shape, np.float32)
    shade = Shade(light, edge)
    assert suitability(Species("birch", light=(0.5, 1)), ground, shade).max() == 0
    assert suitability(Species("fern", light=(0, 0.5)), ground, shade).max() == 1
    assert suitability(Species("hazel", edge=0.75), ground, shade).max() == pytest.approx(0.25)


def test_soil_and_rivers() -> None:
    _, ground = land()
    wet = suitability(Species("alder", moisture=(0.6, 1)), ground)
    assert (wet[ground.moisture < 0.6] == 0).all()
    near = suitability(Species("alder", river=(0, 20)), replace(ground, river_distance=ground.shore_distance))
    assert (near[ground.shore_distance > 20] == 0).all()
    assert near.max() > 0.9


def test_reeds_and_boulders_stand_in_rivers_but_not_in_lakes() -> None:
    _, ground = land()
    river = np.zeros(GRID.shape, bool)
    river[:, 40] = ground.shore_distance[:, 40] > 0
    ground = replace(
        ground, water=ground.water | river, river_distance=np.where(river, 0, 10).astype(np.float32)
    )
    reed = suitability(Species("reed", river=(0, 5)), ground)
    assert reed[river].max() > 0.9
    assert (reed[ground.shore_distance == 0] == 0).all()
    assert (suitability(Species("willow", river=(0, 9)), ground)[river] == 0).all()


def test_a_land_without_water_is_not_bare() -> None:
    """What needs no shore grows as well without one; what keeps to a shore does not."""
    dry = land(None)[1]
    assert suitability(Species("oak", clumping=0), dry).max() == 1
    assert suitability(Species("reed", shore=(0, 45), clumping=0), dry).max() == 0


def test_no_palm_grows_in_the_cold() -> None:
    _, ground = land()  # 12 °C at the sea
    assert suitability(Species("palm", clumping=0), ground).max() > 0.9
    assert suitability(Species("palm", clumping=0, temperature=(16, 100)), ground).max() == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slope", (30, 10)),
        ("density", -1.0),
        ("clumping", 1.5),
        ("scale", (0.0, 1.0)),
        ("layer", "roof"),
        ("offspring", -1),
    ],
)
def test_wrong_numbers_are_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        Species("pine", **{key: value})  # type: ignore[arg-type]
