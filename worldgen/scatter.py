"""How each object stands on the ground: height, heading, tilt and scale, decided by its place alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.heightmap import Heightmap
from worldgen.rng import child_seed
from worldgen.species import Align
from worldgen.triangulation import surface_height, surface_normal

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
Transforms = tuple[FloatArray, Float32Array, Float32Array]


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
    sizes: Float32Array | None = None,
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
    sizes : (N,) factors on it, one a point; None for 1.
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
    if sizes is not None:
        scales = scales * sizes
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
