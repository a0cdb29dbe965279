"""Transforms of glTF nodes: placed objects and the direction of a light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError
from worldgen.export.rotations import unit_rotations
from worldgen.scene import Instances


def light_rotation(direction: tuple[float, float, float]) -> list[float]:
    """Return the quaternion (x, y, z, w) that turns -Z, along which a glTF light shines, to a direction.

    Raises
    ------
    ExportError : the direction has no length.
    """
    vector = np.asarray(direction, np.float64)
    length = np.linalg.norm(vector)
    if not (np.isfinite(length) and length > 0):
        raise ExportError(f"a light needs a direction of finite length; found {direction}")
    x, y, z = vector / length
    if z > 1 - 1e-12:  # straight back: any half turn about an axis across
        return [0.0, 1.0, 0.0, 0.0]
    quaternion = np.array([y, -x, 0.0, 1 - z])
    rounded: list[float] = _rounded(quaternion / np.linalg.norm(quaternion), 7)
    return rounded


def placement_nodes(name: str, mesh: int, instances: Instances) -> list[dict[str, Any]]:
    """Return one node for each instance.

    Translations are rounded to 0.01 mm, rotations and scales to 7 digits: float32 holds no more, and shorter
    numbers make the JSON a third smaller. Scales that dequantise are small and keep as many digits.

    Raises
    ------
    ExportError : a translation, rotation or scale is not one; the message says how many.
    """
    quaternions = unit_rotations(name, instances)
    translations = _rounded(instances.translations.astype(np.float64), 5)
    rotations = _rounded(quaternions, 7)
    small = float(instances.scales.max()) if len(instances) else 1.0
    scales = _rounded(instances.scales.astype(np.float64), 7 + max(0, -int(np.floor(np.log10(small)))))
    nodes = []
    for number, (translation, rotation, scale) in enumerate(
        zip(translations, rotations, scales, strict=True)
    ):
        node: dict[str, Any] = {"name": f"{name}_{number}", "mesh": mesh, "translation": translation}
        if rotation[:3] != [0.0, 0.0, 0.0]:
            node["rotation"] = rotation
        if scale != 1.0:
            node["scale"] = [scale, scale, scale]
        nodes.append(node)
    return nodes


def _rounded(array: NDArray[np.float64], decimals: int) -> Any:
    """Round to nested lists; adding 0 turns -0.0, which would print a sign, into 0.0."""
    return (np.round(array, decimals) + 0.0).tolist()
