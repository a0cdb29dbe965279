"""worldgen.export.rotations, against scipy's."""

from __future__ import annotations

import numpy as np
from export_examples import HALF
from scipy.spatial.transform import Rotation

from worldgen.export.rotations import product, rotated, rotation_matrices, turn_from_up


def test_a_turned_quaternion_helper_agrees_with_scipy() -> None:
    rotations = Rotation.random(20, random_state=1)
    points = np.random.default_rng(0).normal(0, 1, (20, 3))
    np.testing.assert_allclose(rotated(points, rotations.as_quat()), rotations.apply(points), atol=1e-12)
    np.testing.assert_allclose(
        rotated(np.array([0, 0, -1.0]), np.array([0, HALF, 0, HALF])), [-1, 0, 0], atol=1e-12
    )


def test_products_and_turns_from_up_agree_with_scipy() -> None:
    first, second = Rotation.random(20, random_state=1), Rotation.random(20, random_state=2)
    found = Rotation.from_quat(product(first.as_quat(), second.as_quat()))
    assert (found * (first * second).inv()).magnitude().max() < 1e-12
    for direction in ([0.6, 0.8, 0.0], [0.0, 1.0, 0.0], [0.48, 0.6, -0.64]):
        np.testing.assert_allclose(
            Rotation.from_quat(turn_from_up(np.array(direction))).apply([0, 1, 0]), direction, atol=1e-12
        )


def test_rotation_matrices_equal_scipys() -> None:
    quaternions = np.random.default_rng(6).normal(size=(50, 4)).astype(np.float32)
    assert np.allclose(rotation_matrices(quaternions), Rotation.from_quat(quaternions).as_matrix(), atol=1e-7)
