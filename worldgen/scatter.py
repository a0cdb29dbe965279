"""Places for objects: which points each species takes, and how each object stands on the ground.

The points themselves come from `worldgen.blue_noise`, the maps of where they may lie from `worldgen.species`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from worldgen.blue_noise import poisson_disk
from worldgen.errors import InputError
from worldgen.heightmap import Heightmap
from worldgen.rng import child_seed
from worldgen.species import Align, Habitat, Species, suitability
from worldgen.triangulation import surface_height, surface_normal

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
Transforms = tuple[FloatArray, Float32Array, Float32Array]


def keep_clear(points: FloatArray, occupied: FloatArray, clearance: float) -> FloatArray:
    """Return those of (N, 2) points that lie at least `clearance` metres from all (M, 2) occupied ones."""
    if clearance <= 0 or not len(points) or not len(occupied):
        return points
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(occupied).query(points, distance_upper_bound=clearance * 1.001)
    return np.asarray(points[distance >= clearance], np.float64)


def scatter(
    species: Sequence[Species],
    ground: Habitat,
    *,
    seed: int,
    density: float = 1.0,
    maximum: int | None = None,
) -> dict[str, FloatArray]:
    """Scatter all species of a world, those with the largest distance first; the others keep clear of them.

    Parameters
    ----------
    species : names must differ.
    ground : from `worldgen.species.habitat`.
    seed : the world's seed.
    density : multiplies every species' own.
    maximum : most points in all, see `cap`.

    Returns
    -------
    name -> (N, 2) float64 x, z in world metres, in the order of `species`.
    """
    names = [one.name for one in species]
    if len(set(names)) < len(names):
        raise InputError(f"species need names of their own; found {', '.join(sorted(names))}")
    largest_first = sorted(species, key=lambda each: (-each.minimum_distance, each.name))

    def alone(one: Species, suits: Float32Array) -> FloatArray:
        return poisson_disk(
            suits,
            ground.grid,
            minimum_distance=one.minimum_distance,
            density=one.density * density,
            seed=seed,
            stage=f"scatter/{one.name}",
        )

    points: dict[str, FloatArray] = {}
    # Each species is scattered without a look at the others, so threads change nothing but the time taken.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        suits = list(threads.map(lambda one: suitability(one, ground, seed), largest_first))
        if maximum is not None:
            density *= _thinning(largest_first, suits, ground.grid.area / 10_000 * density, maximum)
        for one, found in zip(largest_first, threads.map(alone, largest_first, suits), strict=True):
            for larger in species:
                if larger.name in points:
                    found = keep_clear(found, points[larger.name], larger.clearance)
            points[one.name] = found
    points = {name: points[name] for name in names}
    return points if maximum is None else cap(points, maximum, seed=seed)


def _thinning(
    species: Sequence[Species], suits: Sequence[Float32Array], hectares: float, maximum: int
) -> float:
    """Return a factor for all densities, so that a huge land is not filled with millions only to be thinned.

    # Each species is scattered without a look at the others, so threads change nothing but the time.
    """
    expected = sum(
        one.density * hectares * float(each.mean()) for one, each in zip(species, suits, strict=True)
    )
    return min(1.0, 4 * maximum / max(expected, 1.0))


def cap(points: Mapping[str, FloatArray], maximum: int, *, seed: int) -> dict[str, FloatArray]:
    """Thin all species by the same share until at most `maximum` points are left, and warn that it was done.

    Which points go is decided by a hash of their place, so a smaller cap keeps a part of a larger one's.
    """
    total = sum(len(each) for each in points.values())
    if total <= maximum:
        return dict(points)
    share = maximum / total
    warnings.warn(
        f"{total} objects are more than the allowed {maximum}; each kind keeps {share:.1%} of its own",
        stacklevel=2,
    )
    thinned = {}
    for name, each in points.items():
        rank = np.argsort(hashed_units(each, seed, f"scatter/{name}/cap"), kind="stable")
        thinned[name] = each[np.sort(rank[: int(len(each) * share)])]
    return thinned


def hashed_units(points: FloatArray, seed: int, stage: str) -> FloatArray:
    """Return (N,) numbers in [0, 1) from a hash of each point's place to the millimetre.

    An object keeps its look when others are removed, which a running generator would not allow.
    """
    place = np.round(points * 1000).astype(np.int64).view(np.uint64).reshape(-1, 2)
    value = np.full(len(points), child_seed(seed, stage), np.uint64)
    for part in (place[:, 0], place[:, 1]):
        value = (value ^ part) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value ^= value >> np.uint64(31)
    return np.asarray((value >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def place(
    points: FloatArray,
    heightmap: Heightmap,
    *,
    align: Align = "upright",
    scale: tuple[float, float] = (1.0, 1.0),
    sink: float = 0.0,
    footprint: float = 0.0,
    tilt: float = 1.0,
    stride: int = 1,
    seed: int,
    stage: str,
) -> Transforms:
    """Stand objects on the exported triangles.

    Parameters
    ----------
    points : (N, 2) float64, x and z in world metres.
    heightmap : the exported terrain.
    align : "upright" along +Y; "normal" with the model's +Y along the triangle's normal.
    scale : (smallest, largest) uniform scale.
    sink : metres below the triangle, for all alike.
    footprint : radius in metres at scale 1; an upright object sinks until its downhill rim touches.
    tilt : in [0, 1], how far "normal" turns from upright to the normal.
    stride : of the level of detail to stand on, see `worldgen.triangulation`.
    seed, stage : decide yaw and scale, by each point's place.

    Returns
    -------
    translations (N, 3) float64, world metres; rotations (N, 4) float32, unit quaternions x, y, z, w; scales
    (N,) float32.
    """
    x, z = points[:, 0], points[:, 1]
    normal = surface_normal(heightmap.elevation, heightmap.grid, x, z, stride=stride)
    scales = scale[0] + (scale[1] - scale[0]) * hashed_units(points, seed, f"{stage}/scale")
    height = surface_height(heightmap.elevation, heightmap.grid, x, z, stride=stride) - sink
    half_yaw = np.pi * hashed_units(points, seed, f"{stage}/yaw")
    yaw = np.zeros((len(points), 4))
    yaw[:, 1], yaw[:, 3] = np.sin(half_yaw), np.cos(half_yaw)
    if align == "upright":
        rise = np.hypot(normal[:, 0], normal[:, 2]) / normal[:, 1]
        height = height - footprint * scales * rise
        rotations = yaw
    elif align == "normal":
        rotations = _turned_to(normal, tilt, yaw)
    else:
        raise InputError(f"align must be 'upright' or 'normal'; found '{align}'")
    translations = np.stack([x, height, z], axis=1)
    return translations, rotations.astype(np.float32), scales.astype(np.float32)


def _turned_to(normal: FloatArray, tilt: float, yaw: FloatArray) -> FloatArray:
    """Return (N, 4) quaternions: first yaw, then the shortest turn from +Y towards the normal."""
    up = np.array([0.0, 1.0, 0.0]) * (1 - tilt) + normal * tilt
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    # The half-way quaternion from +Y to `up` is (cross(Y, up), 1 + dot(Y, up)), normalised; terrain never
    # points down, so the sum is never 0.
    turn = np.stack([up[:, 2], np.zeros(len(up)), -up[:, 0], 1 + up[:, 1]], axis=1)
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    (ax, _, az, aw), (_, by, _, bw) = turn.T, yaw.T
    return np.stack([ax * bw - az * by, aw * by, az * bw + ax * by, aw * bw], axis=1)
