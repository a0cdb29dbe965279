"""Shapes against geometry that is known by hand."""

import numpy as np
import pytest

from worldgen.shapes import (
    bend_normals,
    both_sides,
    cards,
    face_normals,
    face_outward,
    fibonacci_directions,
    merge,
    normalized,
    ribbons,
    triangle_wave,
    tube,
)

REGION = np.array([0.25, 0.5, 0.75, 1.0])


def outward_share(shape):
    """Share of the triangles that face the way their vertex normals point."""
    faces = face_normals(shape.positions, shape.indices)
    return (np.einsum("tk,tk->t", faces, shape.normals[shape.indices].mean(axis=1)) > 0).mean()


def test_a_straight_tube_is_a_prism():
    centres = np.array([[0, 0, 0], [0, 1.0, 0], [0, 2.0, 0]])
    shape = tube(centres, np.full(3, 0.5), 4, REGION, np.array([0, 1.0, 2.0]), pointed=False)
    assert len(shape.positions) == 12
    assert len(shape.indices) == 16
    assert np.allclose(np.hypot(shape.positions[:, 0], shape.positions[:, 2]), 0.5)
    radial = normalized(shape.positions * (1, 0, 1))
    assert np.allclose(shape.normals, radial, atol=1e-6)
    assert outward_share(shape) == 1


@pytest.mark.parametrize("direction", [(1.0, 0, 0), (0, 1.0, 0), (0, 0, -1.0), (1.0, -2.0, 0.5)])
def test_a_pointed_tube_faces_outwards_whatever_its_direction(direction):
    centres = np.linspace(0, 1, 4)[:, None] * np.array(direction)
    shape = tube(centres, np.array([0.2, 0.15, 0.1, 0.0]), 6, REGION, np.linspace(0, 1, 4))
    assert len(shape.indices) == 6 * 2 * 2 + 6
    middle = centres.mean(axis=0)
    faces = face_normals(shape.positions, shape.indices)
    assert (np.einsum("tk,tk->t", faces, shape.positions[shape.indices].mean(axis=1) - middle) > 0).all()


def test_the_texture_goes_to_and_fro_so_that_a_closed_ring_has_no_seam():
    assert np.allclose(triangle_wave(np.array([0.0, 0.5, 1.0, 1.5, 2.0])), [0, 0.5, 1, 0.5, 0])
    centres = np.array([[0, 0, 0], [0, 1.0, 0]])
    shape = tube(centres, np.ones(2), 4, REGION, np.zeros(2), pointed=False, waves=2)
    assert np.allclose(shape.texcoords[:4, 0], [0.25, 0.75, 0.25, 0.75])


def test_a_flat_ribbon_shows_its_picture_upright():
    spines = np.array([[[0, 0, 0], [0, 2.0, 0]]])
    shape = ribbons(spines, np.array([[[1.0, 0, 0]]]), REGION[None])
    assert len(shape.indices) == 2
    # Right × up faces the viewer on +Z; the stem is at the bottom of the picture, where v is greatest.
    assert np.allclose(shape.normals, [0, 0, 1])
    left_bottom = np.flatnonzero((shape.positions == (-1, 0, 0)).all(axis=1))[0]
    right_top = np.flatnonzero((shape.positions == (1, 2, 0)).all(axis=1))[0]
    assert np.allclose(shape.texcoords[left_bottom], [0.25, 1.0])
    assert np.allclose(shape.texcoords[right_top], [0.75, 0.5])


def test_a_folded_ribbon_is_closed_from_below():
    spines = np.array([[[0, 0, 0], [0, 0, -1.0]]])
    shape = ribbons(spines, np.array([[[1.0, 0, 0]]]), REGION[None], drop=np.array([[[0, -0.5, 0]]]))
    assert len(shape.indices) == 6
    up = face_normals(shape.positions, shape.indices)[:, 1]
    assert (up[:4] > 0).all()
    assert (up[4:] < 0).all()
    # Seen from above and from below the same area is covered.
    assert np.isclose(up.sum(), 0)


def test_a_card_faces_where_it_is_told_to():
    facing = normalized(np.array([[1.0, 1.0, 0], [0, 0, -1.0]]))
    shape = cards(np.zeros((2, 3)), facing, np.array([0, 1.0, 0]), 0.5, np.stack([REGION, REGION]))
    faces = normalized(face_normals(shape.positions, shape.indices))
    assert np.allclose(faces, facing.repeat(2, axis=0))
    assert np.isclose(0.5 * np.linalg.norm(face_normals(shape.positions, shape.indices), axis=1).sum(), 2.0)


def test_bent_normals_are_mixed_and_faces_follow():
    shape = ribbons(np.array([[[0, 0, 0], [0, 1.0, 0]]]), np.array([[[1.0, 0, 0]]]), REGION[None])
    away = np.tile([0, 0, -1.0], (4, 1))
    bent = bend_normals(shape, away)
    assert np.allclose(bent.normals, away)
    assert outward_share(bent) == 0
    assert outward_share(face_outward(bent)) == 1
    half = bend_normals(shape, np.tile([0, 1.0, 0], (4, 1)), 0.5)
    assert np.allclose(half.normals, np.array([0, 1, 1]) / np.sqrt(2))


def test_both_sides_show_the_same_normals():
    shape = ribbons(np.array([[[0, 0, 0], [0, 1.0, 0]]]), np.array([[[1.0, 0, 0]]]), REGION[None])
    pair = both_sides(shape, 0.01)
    faces = normalized(face_normals(pair.positions, pair.indices))
    assert np.allclose(faces[:2], -faces[2:])
    assert np.allclose(pair.normals[:4], pair.normals[4:])
    assert np.allclose(pair.positions[:4] - pair.positions[4:], [0, 0, 0.01])


def test_merging_moves_indices():
    shape = ribbons(np.array([[[0, 0, 0], [0, 1.0, 0]]]), np.array([[[1.0, 0, 0]]]), REGION[None])
    both = merge([shape, shape])
    assert np.array_equal(both.indices[2:], shape.indices + 4)


def test_fibonacci_directions_are_spread_evenly():
    directions = fibonacci_directions(200)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(axis=0)).max() < 0.01
    nearest = np.sort(np.linalg.norm(directions[:, None] - directions, axis=-1), axis=1)[:, 1]
    assert nearest.min() > 0.6 * nearest.max()
