"""Species: limits hold exactly, flanks are soft, groves lie within."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldgen.biomes import classify
from worldgen.config import ClimateConfig
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.species import Habitat, Species, habitat, suitability, within

GRID = Grid.centred((65, 81), 4.0)


def land(sea_level: float | None = 0.0) -> tuple[Heightmap, Habitat]:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 60 * np.exp(-(x**2 + z**2) / 90**2) - 12 + random.uniform(0, 0.5, GRID.shape)
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing, sea_level=sea_level)
    return heightmap, habitat(heightmap, water, classify(heightmap, water, ClimateConfig(), 1))


def test_within_is_zero_outside_and_one_inside() -> None:
    value = np.array([0.0, 1.0, 1.5, 2.0, 5.0, 8.0, 9.0, 10.0])
    np.testing.assert_allclose(within(value, 1, 9, 1), [0, 0, 0.5, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(within(value, 1, 1, 1), [0, 1, 0, 0, 0, 0, 0, 0])


def test_suitability_obeys_the_limits() -> None:
    _, ground = land()
    species = Species("pine", slope=(0, 50), altitude=(5, 40), shore=(10, 1e6), clumping=0)
    suits = suitability(species, ground, 1)
    assert suits.dtype == np.float32
    assert 0 <= suits.min() < 0.9 < suits.max() <= 1
    assert (suits[ground.water] == 0).all()
    assert (suits[ground.shore_distance < 10] == 0).all()
    assert (suits[(ground.altitude <= 5) | (ground.altitude >= 40)] == 0).all()
    assert (suits[ground.slope > 50] == 0).all()
    groves = suitability(replace(species, clumping=1.0, clump_size=60.0), ground, 1)
    assert (groves <= suits + 1e-6).all()
    assert (groves[suits > 0.5] < 0.1).any()
    assert (groves[suits > 0.5] > 0.8).any()
    by_biome = suitability(Species("palm", biomes={"beach": 1.0, "desert": 0.5}, clumping=0), ground, 1)
    limit = ground.biomes["beach"] + 0.5 * ground.biomes["desert"]
    assert (by_biome <= limit + 1e-6).all()
    with pytest.raises(InputError, match="did you mean 'desert'"):
        suitability(Species("palm", biomes={"desrt": 1.0}), ground, 1)
    dry = land(None)[1]
    assert not dry.water.any()
    assert dry.shore_distance.min() == np.float32(1e9)


def test_a_land_without_water_is_not_bare() -> None:
    """What needs no shore grows as well without one; what keeps to a shore does not."""
    dry = land(None)[1]
    assert suitability(Species("oak", clumping=0), dry, 1).max() == 1
    assert suitability(Species("reed", shore=(0, 45), clumping=0), dry, 1).max() == 0


def test_no_palm_grows_in_the_cold() -> None:
    _, ground = land()  # 12 °C at the sea
    assert suitability(Species("palm", clumping=0), ground, 1).max() > 0.9
    assert suitability(Species("palm", clumping=0, temperature=(16, 100)), ground, 1).max() == 0


@pytest.mark.parametrize(
    ("key", "value"), [("slope", (30, 10)), ("density", -1.0), ("clumping", 1.5), ("scale", (0.0, 1.0))]
)
def test_wrong_numbers_are_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match=key):
        Species("pine", **{key: value})  # type: ignore[arg-type]
