"""Splat weights: shares of one, rock on walls, sand on beaches, snow where it freezes."""

from __future__ import annotations

import numpy as np
from small_worlds import island, maps, plane

from worldgen.config import ClimateConfig
from worldgen.heightmap import Heightmap
from worldgen.surfaces import Splat, splat


def made(land: Heightmap, sea_level: float | None = 0.0, **climate: float) -> Splat:
    water, biomes = maps(land, sea_level, ClimateConfig(**{"temperature": 12, "moisture": 0.6} | climate))
    return splat(land, water, biomes, 1)


def mean(weights: Splat, name: str) -> float:
    return float(weights.weights[weights.names.index(name)].mean())


def test_weights_are_shares():
    weights = made(island()).weights
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)


def test_walls_are_cliffs_and_slopes_rock():
    assert mean(made(plane(2.5)), "cliff") > 0.95
    assert mean(made(plane(1.0)), "rock") > 0.5


def test_frozen_ground_is_snow_and_parched_ground_sand():
    assert mean(made(plane(0.05), None, temperature=-12), "snow") > 0.95
    desert = made(plane(0.02, base=10), None, temperature=28, moisture=0.0)
    assert mean(desert, "sand") > 0.35
    assert mean(desert, "grass") < 0.1


def test_sand_slides_off_what_is_steeper_than_a_dunes_slip_face():
    on = {}
    for angle in (30, 39.5):
        land = plane(np.tan(np.radians(angle)), base=900)
        on[angle] = mean(made(land, None, temperature=28, moisture=0.0), "sand")
    assert on[30] > 0.3
    assert on[39.5] < 0.01


def test_litter_lies_under_trees_and_clearings_are_grass():
    land = plane(0.05, size=65, base=10)
    water, biomes = maps(land, None, ClimateConfig(temperature=12, moisture=0.8))
    light = np.ones((65, 65), np.float32)
    light[:, :32] = 0.3
    weights = splat(land, water, biomes, 1, light)
    floor, grass = (weights.weights[weights.names.index(name)] for name in ("forest_floor", "grass"))
    assert floor[:, :28].mean() > 0.4
    assert floor[:, 40:].max() < 0.01
    assert grass[:, 40:].mean() > grass[:, :28].mean() + 0.3
    bare = splat(land, water, biomes, 1)
    np.testing.assert_allclose(
        bare.weights[bare.names.index("forest_floor"), :, :20], floor[:, :20], atol=1e-5
    )


def test_the_sea_bed_is_sand_and_gravel():
    land = island()
    weights = made(land)
    bed = land.elevation < -15  # away from the shore, whose border is soft
    loose = weights.weights[[weights.names.index("sand"), weights.names.index("gravel")]].sum(axis=0)
    assert loose[bed].min() > 0.95
