"""Rocks against known solids."""

import numpy as np

from worldgen.rng import generator
from worldgen.rocks import cube_project, hull, split_flat, stone
from worldgen.shapes import Shape, face_normals, smooth_normals

CUBE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])


def volume(points, indices):
    a, b, c = (points[indices[:, corner]] for corner in range(3))
    return np.einsum("tk,tk->t", a, np.cross(b, c)).sum() / 6


def test_the_hull_of_a_cube_faces_outwards():
    indices = hull(CUBE)
    assert len(indices) == 12
    assert np.isclose(volume(CUBE, indices), 8.0)  # a face turned inwards would lower it


def test_flat_normals_are_those_of_the_faces():
    shape = split_flat(CUBE, hull(CUBE), soften=0.0)
    assert len(shape.positions) == 36
    assert np.isclose(np.abs(shape.normals).max(axis=1), 1).all()


def test_cube_projection_keeps_the_scale_and_does_not_mirror():
    indices = hull(CUBE)
    shape = cube_project(Shape(CUBE, smooth_normals(CUBE, indices), np.zeros((8, 2)), indices))
    assert len(shape.positions) == 24  # six charts of four corners
    a, b, c = (shape.texcoords[shape.indices[:, corner]] for corner in range(3))
    ab, ac = b - a, c - a
    signed = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    areas = np.linalg.norm(face_normals(shape.positions, shape.indices), axis=1)
    # v runs down: a picture that is not mirrored winds clockwise in (u, v).
    assert (signed < 0).all()
    assert np.allclose(-signed / areas, signed.min() / -areas[0])


def test_stone_tiles_without_a_seam_and_its_normals_match_its_relief():
    material = stone(generator(3, "stone"), "stone", (120, 115, 105))
    for picture in (material.base_color.astype(int), material.normal.astype(int)):
        for axis in (0, 1):
            seam = np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
            assert seam < 1.6 * np.abs(np.diff(picture, axis=axis)).mean()
    normal = material.normal / 127.5 - 1
    assert np.allclose(np.linalg.norm(normal, axis=-1), 1, atol=0.02)
    assert np.abs(normal[..., :2].mean(axis=(0, 1))).max() < 0.02
