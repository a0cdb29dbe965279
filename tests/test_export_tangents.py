"""worldgen.export.tangents: directions that can be checked by hand, and a sphere's known derivative."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.export.tangents import derive_tangents

# A picture on a wall that faces +z: u grows to +x, v grows downwards.
WALL = np.float32([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]])
FACING = np.tile(np.float32([0, 0, 1]), (4, 1))
UPRIGHT = np.float32([[0, 1], [1, 1], [1, 0], [0, 0]])
QUAD = np.uint32([[0, 1, 2], [0, 2, 3]])


def test_upright_picture() -> None:
    tangents = derive_tangents(WALL, FACING, UPRIGHT, QUAD)
    assert tangents.dtype == np.float32
    assert np.allclose(tangents, [1, 0, 0, 1])
    # glTF: bitangent = cross(normal, tangent) * w; the green of a normal map points up in the picture.
    assert np.allclose(np.cross(FACING, tangents[:, :3]) * tangents[:, 3:], [0, 1, 0])


def test_mirrored_and_turned_pictures() -> None:
    mirrored = UPRIGHT * [-1, 1]
    assert np.allclose(derive_tangents(WALL, FACING, mirrored.astype(np.float32), QUAD), [-1, 0, 0, -1])
    turned = UPRIGHT[:, ::-1]  # u grows downwards, v to +x: also a mirror image
    assert np.allclose(derive_tangents(WALL, FACING, turned, QUAD), [0, -1, 0, -1])


def test_tangents_are_unit_and_orthogonal_on_a_sphere() -> None:
    v, u = np.meshgrid(np.linspace(0.2, 0.8, 41), np.linspace(0, 1, 81), indexing="ij")
    longitude, colatitude = 2 * np.pi * u, np.pi * v
    normals = np.stack(
        [
            np.sin(colatitude) * np.cos(longitude),
            np.cos(colatitude),
            -np.sin(colatitude) * np.sin(longitude),
        ],
        axis=-1,
    ).reshape(-1, 3)
    cell = (np.arange(40)[:, None] * 81 + np.arange(80)).ravel()
    indices = np.concatenate(
        [np.stack([cell, cell + 81, cell + 1], 1), np.stack([cell + 1, cell + 81, cell + 82], 1)]
    ).astype(np.uint32)
    texcoords = np.stack([u, v], -1).reshape(-1, 2).astype(np.float32)
    tangents = derive_tangents(
        (5 * normals).astype(np.float32), normals.astype(np.float32), texcoords, indices
    )
    assert np.allclose(np.linalg.norm(tangents[:, :3], axis=1), 1, atol=1e-6)
    assert np.abs(np.einsum("ij,ij->i", tangents[:, :3], normals)).max() < 1e-6
    east = np.stack([-np.sin(longitude), 0 * longitude, -np.cos(longitude)], -1).reshape(-1, 3)
    inner = np.ones((41, 81), bool)
    inner[:, [0, -1]] = False  # at the seam only one side's triangles are known
    assert np.abs(tangents[:, :3] - east)[inner.ravel()].max() < 0.01
    assert np.all(tangents[:, 3] == 1)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 1, 0), (0.6, 0, -0.8)])
def test_without_a_gradient_any_orthogonal_vector_serves(normal: tuple[float, float, float]) -> None:
    normals = np.tile(np.float32(normal), (4, 1))
    tangents = derive_tangents(WALL, normals, np.zeros((4, 2), np.float32), QUAD)
    assert np.allclose(np.linalg.norm(tangents[:, :3], axis=1), 1, atol=1e-6)
    assert np.allclose(np.einsum("ij,ij->i", tangents[:, :3], normals), 0, atol=1e-6)
    assert np.all(tangents[:, 3] == 1)
