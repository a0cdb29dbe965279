"""Nothing but what seeks it stands in a river; everything else of placing is tested with its own module."""

from __future__ import annotations

import numpy as np
from small_worlds import CLIMATE

from worldgen.assets import build_kind
from worldgen.biomes import classify
from worldgen.config import ObjectsConfig
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.niches import read_species
from worldgen.populate import in_rivers, populate
from worldgen.rivers import Reach, RiverNetwork, river_network


def _network(width: float, level: float) -> RiverNetwork:
    """A river along z = 0, from x = -40 to 40."""
    x = np.linspace(-40, 40, 5)
    points = np.stack([x, np.full(5, level), np.zeros(5)], axis=1)
    reach = Reach(points, np.full(5, 1e5), np.full(5, width), np.full(5, 1.0), 1, None)
    none = np.zeros((0, 0))
    return RiverNetwork((reach,), none.astype(np.uint8), none, none.astype(np.float32))


def test_a_river_is_as_wide_as_it_is_said_to_be():
    land = Heightmap(np.full((41, 41), 10.0, np.float32), Grid.centred((41, 41), 2.0))
    points = np.array([[5.0, 0.0], [7.0, 2.9], [7.0, 3.1], [-39.0, -2.9], [0.0, 20.0]])
    found = in_rivers(points, _network(width=6.0, level=9.0), land)
    assert found.tolist() == [True, True, False, True, False]


def test_a_bed_that_lies_below_the_water_is_river_too():
    grid = Grid.centred((41, 41), 2.0)
    land = Heightmap(np.repeat(np.abs(grid.z)[:, None], 41, axis=1).astype(np.float32), grid)  # a valley
    points = np.array([[0.0, 1.0], [0.0, 1.4], [0.0, 1.6], [0.0, 4.0]])
    assert in_rivers(points, _network(width=1.0, level=1.5), land).tolist() == [True, True, False, False]


def test_shrubs_of_the_banks_keep_out_of_the_river_and_its_boulders_do_not(monkeypatch):
    stone = build_kind("boulder", 1)  # whatever they look like
    monkeypatch.setattr("worldgen.populate.build_kind", lambda name, seed: stone)
    grid = Grid.centred((65, 65), 4.0)
    land = Heightmap((80 + 0.05 * np.abs(grid.z)[:, None] - 0.02 * grid.x[None, :]).astype(np.float32), grid)
    water = route(land.elevation, grid.spacing)
    rivers = river_network(water, grid.origin, channel_area=1e4)
    biomes = classify(land, water, CLIMATE, seed=1)
    kept = ("willow", "river_boulder")
    objects = ObjectsConfig(kinds={name: 8.0 if name in kept else 0.0 for name in read_species(None)})
    grown = {one.name: one for one in populate(land, water, biomes, objects, 1, rivers)}
    assert len(grown["willow"]) > 20
    assert not in_rivers(grown["willow"].points, rivers, land).any()
    assert in_rivers(grown["river_boulder"].points, rivers, land).any()
    unaware = {one.name: one for one in populate(land, water, biomes, objects, 1)}
    assert in_rivers(unaware["willow"].points, rivers, land).any()


def test_no_tree_stands_on_snow_that_outlasts_the_summer():
    for name, table in read_species(None).items():
        if table.niche().get("layer") == "canopy":
            assert not {"snow", "bare", "water"} & set(table.niche()["biomes"]), name
