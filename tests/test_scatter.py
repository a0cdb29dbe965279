"""How objects stand on the triangles."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.blue_noise import poisson_disk
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.scatter import place
from worldgen.triangulation import surface_normal

GRID = Grid.centred((65, 81), 4.0)


def even(value: float = 1.0) -> NDArray[np.float32]:
    return np.full(GRID.shape, value, np.float32)


def land() -> Heightmap:
    """A hill in the sea with rough slopes."""
    random = np.random.default_rng(2)
    x, z = GRID.x[None], GRID.z[:, None]
    elevation = 60 * np.exp(-(x**2 + z**2) / 90**2) - 12 + random.uniform(0, 0.5, GRID.shape)
    return Heightmap(elevation.astype(np.float32), GRID)


@pytest.mark.parametrize("stride", [1, 4])
def test_objects_stand_on_the_exported_triangles(stride: int) -> None:
    heightmap = land()
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
    heightmap = land()
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
    heightmap = land()
    points = poisson_disk(even(), GRID, minimum_distance=8.0, seed=1, stage="t")
    whole = place(points, heightmap, scale=(0.5, 2.0), seed=1, stage="t")
    part = place(points[::3], heightmap, scale=(0.5, 2.0), seed=1, stage="t")
    for all_of_it, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_it[::3], some)
    half = place(
        points, heightmap, scale=(0.5, 2.0), sizes=np.full(len(points), 0.5, np.float32), seed=1, stage="t"
    )
    np.testing.assert_allclose(half[2], whole[2] / 2, rtol=1e-6)
    empty = place(np.zeros((0, 2)), heightmap, seed=1, stage="t")
    assert [len(each) for each in empty] == [0, 0, 0]
