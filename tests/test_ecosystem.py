"""The ecosystem: niches, spacing, shade, treelines, banks and aprons hold for every plant that is placed."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from worldgen.biomes import classify
from worldgen.competition import light_below
from worldgen.config import ClimateConfig
from worldgen.ecosystem import CLOSEST, KRUMMHOLZ, SIZE_CLASSES, Plants, cap, grow, size_classes
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.habitat import Habitat, habitat
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.rivers import river_network
from worldgen.species import Species

GRID = Grid.centred((129, 129), 3.0)
TREE = Species(
    "tree", layer="canopy", density=400, minimum_distance=4.0, clearance=1.5, crown=3.0, slope=(0, 60),
    light=(0.5, 1), offspring=3.0, dispersal=8.0, stands=1.0, clumping=0.5,
)  # fmt: skip
SHRUB = Species("shrub", layer="understory", density=500, minimum_distance=1.5, slope=(0, 60), light=(0.4, 1))
FERN = Species("fern", density=800, minimum_distance=1.0, slope=(0, 60), light=(0, 0.6), clumping=0)


def land(height: float = 60.0, sea_level: float | None = 0.0, **climate: float) -> Habitat:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = height * np.exp(-(x**2 + z**2) / 120**2) - 8 + random.uniform(0, 0.5, GRID.shape)
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing, sea_level=sea_level)
    return habitat(
        heightmap, water, river_network(water), classify(heightmap, water, ClimateConfig(**climate), 1), 1
    )


def at(field: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map's values at points, between its vertices."""
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(field, GRID.to_cells(points[:, 0], points[:, 1]), order=1))


def nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cKDTree(points).query(points, k=2)[0][:, 1])


@pytest.fixture(scope="module")
def wood() -> dict[str, Plants]:
    return grow([FERN, TREE, SHRUB], land(), seed=3)


def test_species_keep_their_order_and_names(wood):
    assert list(wood) == ["fern", "tree", "shrub"]
    assert min(len(plants.points) for plants in wood.values()) > 100
    with pytest.raises(InputError, match="names of their own"):
        grow([TREE, TREE], land(), seed=3)


def test_no_two_of_a_species_stand_nearer_than_their_spacing(wood):
    for one in (TREE, SHRUB, FERN):
        plants = wood[one.name]
        grown = plants.points[plants.sizes >= 0.8]
        assert nearest(grown).min() >= one.minimum_distance
        assert nearest(plants.points).min() >= CLOSEST * one.minimum_distance


def test_smaller_ones_keep_clear_of_larger(wood):
    tree = wood["tree"]
    big = tree.points[tree.sizes >= 1]
    for name in ("shrub", "fern"):
        assert cKDTree(big).query(wood[name].points)[0].min() >= TREE.clearance


def test_trees_make_room_for_a_house():
    house = Species(
        "house", layer="canopy", density=4, minimum_distance=25, clearance=12, slope=(0, 60), clumping=0
    )
    grown = grow([TREE, SHRUB, house], land(), seed=3)
    assert len(grown["house"].points) > 3
    houses = cKDTree(grown["house"].points)
    for name in ("tree", "shrub"):
        assert houses.query(grown[name].points)[0].min() >= 12


def test_no_sapling_that_loves_the_sun_stands_under_crowns(wood):
    tree = wood["tree"]
    classes = size_classes(tree.ages)
    grown = classes >= SIZE_CLASSES.index("mature")
    assert {0, 1, 2, 3} == set(classes)
    # The shade that the grown ones cast; saplings came after them.
    old = np.arange(len(classes)) < len(classes) - (~grown).sum()
    assert (~grown).sum() > 30
    crowns = TREE.crown * np.mean(TREE.scale) * tree.sizes
    light = light_below(tree.points[grown & old], crowns[grown & old], GRID)
    saplings = tree.points[np.arange(len(classes)) >= len(classes) - (classes == 0).sum()]
    assert at(light, saplings).min() >= TREE.light[0] - 1e-6
    shade_lovers = at(light, wood["fern"].points)
    assert shade_lovers.mean() < at(light, wood["shrub"].points).mean() - 0.2


def test_offspring_stand_about_their_parents():
    """Against as many seedlings strewn anywhere: a third of the distance to the next grown one."""
    lone = replace(TREE, density=12, stands=0.0, light=(0, 1), clumping=0.0)
    tree = grow([lone], land(), seed=3)["tree"]
    young = tree.ages < 0.43
    assert young.sum() > 30
    parents = cKDTree(tree.points[~young])
    found = np.median(parents.query(tree.points[young])[0])
    anywhere = np.random.default_rng(1).uniform(-80, 80, (2000, 2))
    assert found < 0.8 * np.median(parents.query(anywhere)[0])


def test_borders_of_woods_have_their_own_plants():
    hazel = Species(
        "hazel", layer="understory", density=500, minimum_distance=2, slope=(0, 60), edge=1.0, clumping=0
    )
    grove = replace(TREE, clumping=1.0, clump_size=90.0, offspring=0.0, light=(0, 1))
    grown = grow([grove, hazel], land(), seed=3)
    assert len(grown["hazel"].points) > 40
    distance = cKDTree(grown["tree"].points).query(grown["hazel"].points)[0]
    assert distance.max() < 35
    assert len(grow([hazel], land(), seed=3)["hazel"].points) == 0


def test_trees_are_stunted_at_the_treeline_and_full_sized_below():
    ground = land(height=500, temperature=8, lapse_rate=15)
    pine = Species(
        "pine", density=900, minimum_distance=2, slope=(0, 90), temperature=(2, 30), stunting=2.0, clumping=0
    )
    plants = grow([pine], ground, seed=1)["pine"]
    rows, columns = (np.rint(c).astype(int) for c in GRID.to_cells(plants.points[:, 0], plants.points[:, 1]))
    warm = ground.temperature[rows, columns]
    assert warm.min() >= 2 - 0.2
    assert (plants.sizes[warm >= 4] == 1).all()
    krummholz = plants.sizes[warm < 3]
    assert len(krummholz) > 10
    assert krummholz.max() < 0.7
    assert plants.sizes.min() >= KRUMMHOLZ * 0.99


def test_riparian_species_keep_to_the_water():
    """A tilted valley with a brook down its middle."""
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 40 + 0.25 * np.abs(x) - 0.06 * z
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing)
    biomes = classify(heightmap, water, ClimateConfig(precipitation=3000), 1)
    ground = habitat(heightmap, water, river_network(water), biomes, 1)
    alder = Species("alder", density=900, minimum_distance=2, river=(0, 15), offspring=1.0, clumping=0)
    points = grow([alder], ground, seed=1)["alder"].points
    assert len(points) > 20
    assert np.abs(points[:, 0]).max() < 15 + 2 * GRID.spacing
    dry = grow([alder], replace(ground, river_distance=np.full(GRID.shape, 1e9, np.float32)), seed=1)
    assert len(dry["alder"].points) == 0


def test_blocks_lie_below_cliffs_only_and_grow_down_the_apron():
    ground = land()
    talus = np.zeros(GRID.shape, np.float32)
    talus[40:60] = 1
    runout = np.broadcast_to(np.clip((np.arange(129)[:, None] - 40) / 20, 0, 1), GRID.shape).astype(
        np.float32
    )
    ground = replace(ground, talus=talus, runout=runout)
    block = Species("block", density=900, minimum_distance=1.5, slope=(0, 90), talus=1.0, clumping=0)
    plants = grow([block], ground, seed=1)["block"]
    rows, _ = GRID.to_cells(plants.points[:, 0], plants.points[:, 1])
    assert len(rows) > 50
    assert rows.min() >= 39
    assert rows.max() <= 60
    assert plants.sizes[rows > 56].mean() > 2 * plants.sizes[rows < 43].mean()


def test_clearings_are_bare_of_old_wood():
    ground = land()
    stand = np.where(GRID.x[None] < 0, 0.0, 1.0) * np.ones(GRID.shape)
    ground = replace(ground, stand=stand.astype(np.float32), grown=(stand > 0).astype(np.float32))
    plants = grow([replace(TREE, offspring=0.0)], ground, seed=1)["tree"]
    assert plants.points[:, 0].min() > -GRID.spacing
    assert plants.sizes.mean() > 1


def test_threads_and_order_change_nothing(wood):
    for threads in (1, 2):
        again = grow([SHRUB, FERN, TREE], land(), seed=3, threads=threads)
        for name, plants in wood.items():
            for first, second in zip(plants, again[name], strict=True):
                assert first.tobytes() == second.tobytes()
    assert grow([TREE], land(), seed=4)["tree"].points.tobytes() != wood["tree"].points.tobytes()


def test_cap_thins_all_kinds_alike_and_says_so():
    random = np.random.default_rng(6)

    def plants(count: int) -> Plants:
        return Plants(
            random.uniform(0, 9, (count, 2)), np.arange(count, dtype=np.float32), np.ones(count, np.float32)
        )

    grown = {"pine": plants(600), "rock": plants(200)}
    with pytest.warns(UserWarning, match=r"800 objects .* allowed 400; each kind keeps 50.0%"):
        thinned = cap(grown, 400, seed=1)
    assert {name: len(each.points) for name, each in thinned.items()} == {"pine": 300, "rock": 100}
    with pytest.warns(UserWarning, match="allowed 200"):
        fewer = cap(grown, 200, seed=1)
    assert set(fewer["pine"].sizes) < set(thinned["pine"].sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cap(grown, 800, seed=1)["pine"] is grown["pine"]
    # Densities are cut beforehand where millions would grow, never so far that fewer than allowed are left.
    with pytest.warns(UserWarning, match="allowed 100"):
        few = grow([TREE, FERN], land(), seed=3, maximum=100)
    assert 95 <= sum(len(each.points) for each in few.values()) <= 100
