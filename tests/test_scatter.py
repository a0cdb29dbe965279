"""Placement: distances, densities and standing on the triangles."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from worldgen.biomes import classify
from worldgen.blue_noise import PACKING, poisson_disk
from worldgen.config import ClimateConfig
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route
from worldgen.lod import surface_height, surface_normal, terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.scatter import cap, keep_clear, place, scatter
from worldgen.species import Habitat, Species, habitat, suitability, within

GRID = Grid.centred((65, 81), 4.0)


def even(value: float = 1.0) -> NDArray[np.float32]:
    return np.full(GRID.shape, value, np.float32)


def nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cKDTree(points).query(points, k=2)[0][:, 1])


def land(sea_level: float | None = 0.0) -> tuple[Heightmap, Habitat]:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 60 * np.exp(-(x**2 + z**2) / 90**2) - 12 + random.uniform(0, 0.5, GRID.shape)
    heightmap = Heightmap(elevation.astype(np.float32), GRID)
    water = route(heightmap.elevation, GRID.spacing, sea_level=sea_level)
    return heightmap, habitat(heightmap, water, classify(heightmap, water, ClimateConfig(), 1))


@pytest.mark.parametrize("density", [None, 400.0, 30.0])
def test_points_keep_their_distance(density: float | None) -> None:
    suits = np.linspace(0, 1, GRID.shape[1], dtype=np.float32) * even()
    points = poisson_disk(suits, GRID, minimum_distance=3.0, density=density, seed=1, stage="t")
    assert len(points) > 50
    assert nearest(points).min() >= 3.0
    # The grid covers what is free: no large hole is left where all suits.
    if density is None:
        assert len(points) > 0.5 * 0.8 * PACKING * GRID.area / 9


@pytest.mark.parametrize("value", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("density", [100.0, 600.0])
def test_density_follows_suitability(value: float, density: float) -> None:
    """Over 8.2 ha and 20 seeds; the tolerance is three standard deviations of a Poisson count."""
    counts = [
        len(poisson_disk(even(value), GRID, minimum_distance=2.0, density=density, seed=seed, stage="t"))
        for seed in range(20)
    ]
    expected = value * density * GRID.area / 1e4
    assert np.mean(counts) == pytest.approx(expected, rel=0.04 + 3 / np.sqrt(20 * expected))


def test_density_follows_a_gradient() -> None:
    suits = np.linspace(0, 1, GRID.shape[1], dtype=np.float32) * even()
    points = np.concatenate(
        [poisson_disk(suits, GRID, minimum_distance=2.0, density=800.0, seed=s, stage="t") for s in range(10)]
    )
    counts, _ = np.histogram(points[:, 0], bins=8, range=(GRID.x[0], GRID.x[-1]))
    share = counts / counts.sum()
    np.testing.assert_allclose(share, (np.arange(8) + 0.5) / 32, atol=0.012)


def test_forbidden_ground_is_never_hit() -> None:
    random = np.random.default_rng(3)
    suits = (random.random(GRID.shape) > 0.1).astype(np.float32)
    keep_out = random.random(GRID.shape) > 0.95
    points = poisson_disk(suits, GRID, minimum_distance=1.0, seed=1, stage="t", keep_out=keep_out)
    assert len(points) > 100
    rows, columns = (np.floor(place).astype(int) for place in GRID.to_cells(points[:, 0], points[:, 1]))
    for down in (0, 1):
        for right in (0, 1):
            assert (suits[rows + down, columns + right] > 0).all()
            assert not keep_out[rows + down, columns + right].any()
    assert len(poisson_disk(even(0), GRID, minimum_distance=1.0, seed=1, stage="t")) == 0
    assert len(poisson_disk(even(), GRID, minimum_distance=1.0, density=0.0, seed=1, stage="t")) == 0


def test_points_show_no_direction() -> None:
    """Blue noise: the spectrum is empty at low frequencies, and alike along rows, columns and diagonals."""
    grid = Grid((129, 129), 2.0)
    spectrum = np.zeros((128, 128))
    for seed in range(8):
        points = poisson_disk(
            np.ones((129, 129), np.float32), grid, minimum_distance=4.0, seed=seed, stage="t"
        )
        counts, *_ = np.histogram2d(points[:, 1], points[:, 0], bins=128, range=[[0, 256]] * 2)
        spectrum += np.abs(np.fft.fft2(counts - counts.mean())) ** 2 / len(points) / 8
    frequency = np.fft.fftfreq(128, 2.0)
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    angle = np.arctan2(*np.meshgrid(frequency, frequency))
    assert spectrum[(radius > 0.01) & (radius < 0.08)].mean() < 0.2
    ring = (radius > 0.18) & (radius < 0.25)
    for fold in (2, 4):
        assert abs((spectrum[ring] * np.exp(1j * fold * angle[ring])).mean()) < 0.1 * spectrum[ring].mean()


def test_points_are_repeatable_and_differ_by_stage() -> None:
    first, second, other = (
        poisson_disk(even(), GRID, minimum_distance=5.0, seed=4, stage=stage) for stage in ("a", "a", "b")
    )
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="suitability has shape"):
        poisson_disk(np.ones((3, 3), np.float32), GRID, minimum_distance=1.0, seed=1, stage="t")
    with pytest.raises(InputError, match="minimum_distance > 0"):
        poisson_disk(even(), GRID, minimum_distance=0.0, seed=1, stage="t")
    with pytest.raises(InputError, match="cells, 60000000 are allowed"):
        poisson_disk(even(), GRID, minimum_distance=0.01, seed=1, stage="t")
    with pytest.raises(InputError, match="slope"):
        Species("pine", slope=(30, 10))


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
