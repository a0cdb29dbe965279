"""worldgen.export.tangents: by hand, by a sphere's known derivative, and by MikkTSpace itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from export_examples import grid_mesh
from numpy.typing import NDArray

from worldgen.export.tangents import derive_tangents, with_tangents
from worldgen.materials import PBRMaterial

# A picture on a wall that faces +z: u grows to +x, v grows downwards.
WALL = np.float32([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]])
FACING = np.tile(np.float32([0, 0, 1]), (4, 1))
UPRIGHT = np.float32([[0, 1], [1, 1], [1, 0], [0, 0]])
QUAD = np.uint32([[0, 1, 2], [0, 2, 3]])

# An icosahedron, turned, whose picture (|x|, y) is mirrored across x = 0.
BALL = np.float32(
    [
        *([-0.801, 0.265, 0.537], [-0.113, 0.977, 0.184], [0.113, -0.977, -0.184], [0.801, -0.265, -0.537]),
        *([0.735, -0.466, 0.493], [0.170, 0.301, 0.938], [-0.170, -0.301, -0.938], [-0.735, 0.466, -0.493]),
        *([0.278, 0.627, -0.728], [0.837, 0.525, 0.157], [-0.837, -0.525, -0.157], [-0.278, -0.627, 0.728]),
    ]
)
FACES = np.uint32(
    [
        *([0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2]),
        *([10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5]),
        *([2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]),
    ]
)
# Of its corners, by the npm package mikktspace 1.1.1 (M. S. Mikkelsen's own code as WebAssembly), called with
# the corners' positions, normals and texture coordinates; w negated, as its manual says for glTF.
REFERENCE = """
-0.567 -0.047 -0.822  1  -0.792 -0.279 -0.543  1  -0.975  0.187  0.117  1
-0.567 -0.047 -0.822  1  -0.975  0.187  0.117  1  -0.608  0.078 -0.790  1
-0.567 -0.047 -0.822  1  -0.608  0.078 -0.790  1   0.366 -0.339 -0.867  1
 0.504 -0.186  0.843 -1  -0.594 -0.090  0.800 -1  -0.302  0.202  0.932 -1
-0.567 -0.047 -0.822  1  -0.014  0.307 -0.952  1  -0.792 -0.279 -0.543  1
 0.814  0.197 -0.547 -1   0.968  0.125 -0.216 -1   0.302 -0.202 -0.932 -1
 0.968  0.125 -0.216 -1   0.917 -0.400  0.005 -1   0.594  0.090 -0.800 -1
-0.792 -0.279 -0.543  1  -0.014  0.307 -0.952  1  -0.379  0.129 -0.917  1
-0.302  0.202  0.932 -1  -0.594 -0.090  0.800 -1  -0.968 -0.125  0.216 -1
-0.594 -0.090  0.800 -1  -0.871 -0.186  0.455 -1  -0.917  0.400 -0.005 -1
-0.504  0.186 -0.843 -1   0.302 -0.202 -0.932 -1   0.594  0.090 -0.800 -1
 0.567  0.047  0.822  1  -0.366  0.339  0.867  1   0.608 -0.078  0.790  1
 0.567  0.047  0.822  1   0.608 -0.078  0.790  1   0.975 -0.187 -0.117  1
 0.567  0.047  0.822  1   0.975 -0.187 -0.117  1   0.792  0.279  0.543  1
 0.567  0.047  0.822  1   0.792  0.279  0.543  1   0.014 -0.307  0.952  1
 0.594  0.090 -0.800 -1   0.302 -0.202 -0.932 -1   0.968  0.125 -0.216 -1
 0.871  0.186 -0.455 -1   0.594  0.090 -0.800 -1   0.917 -0.400  0.005 -1
-0.968 -0.125  0.216 -1  -0.814 -0.197  0.547 -1  -0.302  0.202  0.932 -1
-0.917  0.400 -0.005 -1  -0.968 -0.125  0.216 -1  -0.594 -0.090  0.800 -1
 0.014 -0.307  0.952  1   0.792  0.279  0.543  1   0.379 -0.129  0.917  1
"""


def ball() -> tuple[NDArray[np.float32], ...]:
    normals = BALL / np.linalg.norm(BALL, axis=1, keepdims=True)
    return BALL, normals, np.stack([np.abs(BALL[:, 0]), BALL[:, 1]], axis=1), FACES


def test_upright_picture() -> None:
    vertices, triangles, tangents = derive_tangents(WALL, FACING, UPRIGHT, QUAD)
    assert vertices.tolist() == [0, 1, 2, 3]
    assert triangles.tolist() == QUAD.tolist()
    assert tangents.dtype == np.float32
    assert np.allclose(tangents, [1, 0, 0, 1])
    # glTF: bitangent = cross(normal, tangent) * w; the green of a normal map points up in the picture.
    assert np.allclose(np.cross(FACING, tangents[:, :3]) * tangents[:, 3:], [0, 1, 0])


def test_mirrored_and_turned_pictures() -> None:
    mirrored = UPRIGHT * np.float32([-1, 1])
    assert np.allclose(derive_tangents(WALL, FACING, mirrored, QUAD)[2], [-1, 0, 0, -1])
    turned = UPRIGHT[:, ::-1]  # u grows downwards, v to +x: also a mirror image
    assert np.allclose(derive_tangents(WALL, FACING, turned, QUAD)[2], [0, -1, 0, -1])


def test_corners_equal_mikktspace() -> None:
    reference = np.array(REFERENCE.split(), np.float64).reshape(20, 3, 4)
    vertices, triangles, tangents = derive_tangents(*ball())
    assert np.abs(tangents[triangles] - reference).max() < 1e-3
    assert np.array_equal(vertices[triangles], FACES)
    # Mirrored and plain triangles meet at the same vertices, which are split.
    assert len(vertices) == 28


def test_order_and_welding_of_vertices_do_not_matter() -> None:
    positions, normals, texcoords, faces = ball()
    apart = faces.reshape(-1)
    corners = np.arange(60, dtype=np.uint32).reshape(-1, 3)
    split = derive_tangents(positions[apart], normals[apart], texcoords[apart], corners)
    whole = derive_tangents(positions, normals, texcoords, faces)
    np.testing.assert_array_equal(split[2][split[1]], whole[2][whole[1]])
    assert len(split[0]) == 60


def test_a_seam_whose_vertices_are_apart_in_uv_does_not_blend() -> None:
    # Two walls side by side, the second with its picture turned by a right angle.
    positions = np.concatenate([WALL, WALL + np.float32([2, 0, 0])])
    texcoords = np.concatenate([UPRIGHT, UPRIGHT[[1, 2, 3, 0]]])
    faces = np.concatenate([QUAD, QUAD + np.uint32(4)])
    vertices, _, tangents = derive_tangents(positions, np.tile(FACING, (2, 1)), texcoords, faces)
    assert len(vertices) == 8
    assert np.allclose(tangents[:4], [1, 0, 0, 1])
    assert np.allclose(tangents[4:], [0, -2 / 2, 0, 1])


def test_tangents_are_unit_and_orthogonal_on_a_sphere() -> None:
    v, u = np.meshgrid(np.linspace(0.2, 0.8, 41), np.linspace(0, 1, 81), indexing="ij")
    longitude, colatitude = 2 * np.pi * u, np.pi * v
    normals = np.stack(
        [
            np.sin(colatitude) * np.sin(longitude),
            np.cos(colatitude),
            np.sin(colatitude) * np.cos(longitude),
        ],
        axis=-1,
    ).reshape(-1, 3)
    east = np.stack([np.cos(longitude), 0 * longitude, -np.sin(longitude)], axis=-1).reshape(-1, 3)
    texcoords = np.stack([u, v], axis=-1).reshape(-1, 2)
    faces = grid_mesh(41, 81, PBRMaterial("m")).indices
    arrays = (normals.astype(np.float32), normals.astype(np.float32), texcoords.astype(np.float32))
    vertices, _, tangents = derive_tangents(*arrays, faces)
    assert vertices.tolist() == list(range(41 * 81))
    assert np.abs(np.linalg.norm(tangents[:, :3], axis=1) - 1).max() < 1e-6
    assert np.abs((tangents[:, :3] * normals).sum(axis=1)).max() < 1e-6
    assert np.abs(tangents[:, :3] - east).max() < 0.05
    assert (tangents[:, 3] == 1).all()


@pytest.mark.parametrize("faces", [QUAD, np.uint32([[0, 0, 1], [1, 1, 1]]), np.zeros((0, 3), np.uint32)])
def test_without_a_picture_tangents_are_still_usable(faces: NDArray[np.uint32]) -> None:
    texcoords = np.full((4, 2), 0.5, np.float32)
    vertices, _, tangents = derive_tangents(WALL, FACING, texcoords, faces)
    assert np.allclose(np.linalg.norm(tangents[:, :3], axis=1), 1)
    assert np.allclose((tangents[:, :3] * FACING[vertices]).sum(axis=1), 0)
    assert (tangents[:, 3] == 1).all()


def test_triangles_without_area_take_the_tangent_beside_them() -> None:
    faces = np.concatenate([np.uint32([[2, 2, 3]]), QUAD])
    vertices, triangles, tangents = derive_tangents(WALL, FACING, UPRIGHT, faces)
    assert len(vertices) == 4
    assert np.allclose(tangents[triangles[0]], [1, 0, 0, 1])


def test_split_vertices_keep_what_else_they_have() -> None:
    mesh = grid_mesh(3, 3, PBRMaterial("m"))
    mirrored = np.abs(mesh.texcoords - np.float32([0.5, 0])) * np.float32([2, 1])
    colors = np.random.default_rng(1).random((9, 4)).astype(np.float32)
    result = with_tangents(dataclasses.replace(mesh, texcoords=mirrored, colors=colors))
    assert result.tangents is not None
    assert result.colors is not None
    assert len(result.positions) == 12  # the three on the mirror line twice
    assert np.array_equal(result.positions[result.indices], mesh.positions[mesh.indices])
    assert np.array_equal(result.colors[result.indices], colors[mesh.indices])
    west = result.positions[result.indices].mean(axis=1)[:, 0] < 1
    signs = result.tangents[result.indices][..., 3]
    assert (signs[west] == -1).all()
    assert (signs[~west] == 1).all()
