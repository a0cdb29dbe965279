"""Placement: distances, densities and standing on the triangles."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from worldgen.biomes import classify
from worldgen.blue_noise import poisson_disk
from worldgen.config import ClimateConfig
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.scatter import cap, keep_clear, place, scatter
from worldgen.species import Habitat, Species, habitat
from worldgen.triangulation import surface_height, surface_normal

GRID = Grid.centred((65, 81), 4.0)


def even(value: float = 1.0) -> NDArray[np.float32]:
    return np.full(GRID.shape, value, np.float32)


def land(sea_level: float | None = 0.0) -> tuple[Heightmap, Habitat]:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 60 * np.exp(-(x**2 + z**2) / 90**2) - 12 + random.uniform(0, 0.5, GRID.shape)
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing, sea_level=sea_level)
    return heightmap, habitat(heightmap, water, classify(heightmap, water, ClimateConfig(), 1))


def test_keep_clear_is_exact() -> None:
    random = np.random.default_rng(5)
    points, trees = random.uniform(0, 50, (400, 2)), random.uniform(0, 50, (30, 2))
    distance = np.linalg.norm(points[:, None] - trees[None], axis=2).min(axis=1)
    np.testing.assert_array_equal(keep_clear(points, trees, 4.0), points[distance >= 4.0])


@pytest.mark.parametrize("stride", [1, 4])
def test_objects_stand_on_the_exported_triangles(stride: int) -> None:
    heightmap, _ = land()
    points = poisson_disk(even(), GRID, minimum_distance=8.0, seed=1, stage="t")
    translations, _, _ = place(points, heightmap, sink=0.1, stride=stride, seed=1, stage="t")
    found = np.full(len(points), np.nan)
    for chunk in terrain_chunks(heightmap, PBRMaterial("g"), quads=32, levels=3):
        mesh = chunk.levels[stride.bit_length() - 1]
        world = mesh.positions.astype(np.float64) + chunk.translation
        for a, b, c in world[mesh.indices]:
            plane = np.array([b - a, c - a])
            weight = (points - a[[0, 2]]) @ np.linalg.inv(plane[:, [0, 2]])
            inside = (weight >= 0).all(axis=1) & (weight.sum(axis=1) <= 1)
            found[inside] = a[1] + weight[inside] @ plane[:, 1]
    assert np.isfinite(found).all()
    assert np.abs(translations[:, 1] - (found - 0.1)).max() < 1e-3


def turn(quaternions: NDArray[np.float32], vector: list[float]) -> NDArray[np.float64]:
    """Rotate one vector by N quaternions x, y, z, w."""
    q, v = quaternions.astype(np.float64), np.array(vector)
    cross = 2 * np.cross(q[:, :3], v)
    return np.asarray(v + q[:, 3:] * cross + np.cross(q[:, :3], cross))


def test_trees_are_upright_and_rocks_follow_the_ground() -> None:
    heightmap, _ = land()
    points = poisson_disk(even(), GRID, minimum_distance=8.0, seed=1, stage="t")
    normal = surface_normal(heightmap.elevation, GRID, points[:, 0], points[:, 1])
    _, upright, scales = place(points, heightmap, scale=(0.5, 2.0), seed=1, stage="t")
    np.testing.assert_allclose(turn(upright, [0, 1, 0]), [[0, 1, 0]] * len(points), atol=1e-6)
    assert scales.min() >= 0.5
    assert scales.max() <= 2.0
    assert np.ptp(scales) > 1.3
    heading = np.arctan2(*turn(upright, [1, 0, 0])[:, [2, 0]].T)
    assert abs(np.exp(1j * heading).mean()) < 0.2  # all headings alike
    _, along, _ = place(points, heightmap, align="normal", seed=1, stage="t")
    np.testing.assert_allclose(turn(along, [0, 1, 0]), normal, atol=1e-6)
    _, half, _ = place(points, heightmap, align="normal", tilt=0.5, seed=1, stage="t")
    middle = normal + np.array([0, 1, 0])
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    np.testing.assert_allclose(turn(half, [0, 1, 0]), middle, atol=1e-6)
    for rotations in (upright, along, half):
        np.testing.assert_allclose(np.linalg.norm(rotations, axis=1), 1, atol=1e-6)
    with pytest.raises(InputError, match="align"):
        place(points, heightmap, align="sideways", seed=1, stage="t")  # type: ignore[arg-type]


def test_a_wide_foot_sinks_on_slopes() -> None:
    ramp = Heightmap(np.add.outer(np.zeros(9), np.arange(9) * 2.0).astype(np.float32), Grid((9, 9), 4.0))
    points = np.array([[10.0, 10.0]])
    (flat, _, _), (deep, _, _) = (
        place(points, ramp, footprint=f, scale=(2, 2), seed=1, stage="t") for f in (0, 1.5)
    )
    assert flat[0, 1] - deep[0, 1] == pytest.approx(1.5 * 2 * 0.5)


def test_an_object_keeps_its_look_when_others_go() -> None:
    heightmap, _ = land()
    points = poisson_disk(even(), GRID, minimum_distance=8.0, seed=1, stage="t")
    whole = place(points, heightmap, scale=(0.5, 2.0), seed=1, stage="t")
    part = place(points[::3], heightmap, scale=(0.5, 2.0), seed=1, stage="t")
    for all_of_it, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_it[::3], some)
    empty = place(np.zeros((0, 2)), heightmap, seed=1, stage="t")
    assert [len(each) for each in empty] == [0, 0, 0]


def test_cap_thins_all_kinds_alike_and_says_so() -> None:
    random = np.random.default_rng(6)
    points = {"pine": random.uniform(0, 9, (600, 2)), "rock": random.uniform(0, 9, (200, 2))}
    with pytest.warns(UserWarning, match=r"800 objects .* allowed 400; each kind keeps 50.0%"):
        thinned = cap(points, 400, seed=1)
    assert {name: len(each) for name, each in thinned.items()} == {"pine": 300, "rock": 100}
    with pytest.warns(UserWarning, match="allowed 200"):
        fewer = cap(points, 200, seed=1)
    assert {tuple(p) for p in fewer["pine"]} < {tuple(p) for p in thinned["pine"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cap(points, 800, seed=1)["pine"] is points["pine"]


def test_species_share_the_land() -> None:
    heightmap, ground = land()
    trees = Species("pine", density=150, minimum_distance=5.0, clearance=2.5, clumping=0.3)
    grass = Species("grass", density=900, minimum_distance=1.5, slope=(0, 60))
    points = scatter([grass, trees], ground, seed=3)
    assert list(points) == ["grass", "pine"]
    assert min(len(each) for each in points.values()) > 50
    assert cKDTree(points["pine"]).query(points["grass"])[0].min() >= 2.5
    for each in points.values():
        height = surface_height(heightmap.elevation, GRID, each[:, 0], each[:, 1])
        assert height.min() >= 0.0  # never in the sea
    again = scatter([trees, grass], ground, seed=3)
    for name, each in points.items():
        assert each.tobytes() == again[name].tobytes()
    with pytest.warns(UserWarning, match="allowed 100"):
        assert sum(map(len, scatter([grass, trees], ground, seed=3, maximum=100).values())) <= 100
    with pytest.raises(InputError, match="names of their own"):
        scatter([trees, trees], ground, seed=3)
