"""Turns of placed objects, as quaternions x, y, z, w."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError
from worldgen.scene import Instances

FloatArray = NDArray[np.float64]


def unit_rotations(name: str, instances: Instances) -> FloatArray:
    """Return the (N, 4) rotations of instances at unit length, once all of them are fit to be written.

    Raises
    ------
    ExportError : a translation, rotation or scale is not one; the message says how many.
    """
    quaternions = instances.rotations.astype(np.float64)
    lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
    wrong = ~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0.5))
    wrong |= ~np.isfinite(instances.translations).all(axis=1)
    wrong |= ~(np.isfinite(instances.scales) & (instances.scales > 0))
    if wrong.any():
        raise ExportError(
            f"'{name}' has {int(wrong.sum())} instances whose translation is not finite, whose rotation is "
            "not a unit quaternion, or whose scale is not above 0"
        )
    quaternions /= lengths
    return quaternions


def rotation_matrices(quaternions: NDArray[Any]) -> FloatArray:
    """Return (N, 3, 3) rotation matrices of (N, 4) quaternions x, y, z, w of any length."""
    q = quaternions.astype(np.float64)
    x, y, z, w = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def rotated(points: FloatArray, rotations: FloatArray) -> FloatArray:
    """Return points turned by quaternions x, y, z, w; both (..., 3) and (..., 4), broadcast together."""
    axis, w = rotations[..., :3], rotations[..., 3:]
    twice = 2 * np.cross(axis, points)
    return np.asarray(points + w * twice + np.cross(axis, twice))


def product(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the quaternions that turn as ``second`` does and then as ``first``."""
    a, b = first[..., :3], second[..., :3]
    s, t = first[..., 3:], second[..., 3:]
    axis = s * b + t * a + np.cross(a, b)
    return np.concatenate([axis, s * t - (a * b).sum(axis=-1, keepdims=True)], axis=-1)


def turn_from_up(direction: FloatArray) -> FloatArray:
    """Return the quaternion of the shortest turn from +Y to a direction that does not point down."""
    x, y, z = direction
    quaternion = np.array([z, 0.0, -x, 1 + y])
    return np.asarray(quaternion / np.linalg.norm(quaternion))
