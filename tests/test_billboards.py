"""Projections of a model whose picture is known."""

import numpy as np

from worldgen.billboards import crossed_cards, project
from worldgen.painting import Atlas, Box
from worldgen.shapes import Shape, both_sides, face_normals, merge, ribbons

RED, BLUE = (200, 20, 20, 255), (20, 20, 200, 255)


def picture():
    """Left half red, right half blue."""
    image = np.zeros((8, 8, 4), np.uint8)
    image[:, :4], image[:, 4:] = RED, BLUE
    return image


def card(z, region):
    return ribbons(np.array([[[0, 0, z], [0, 2.0, z]]]), np.array([[[1.0, 0, 0]]]), np.array([region]))


def test_the_nearer_card_hides_the_farther():
    near, far = card(1.0, (0.05, 0, 0.45, 1)), card(-1.0, (0.55, 0, 0.95, 1))
    right, up = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    frame = np.array([-1, 0, 1, 2.0])
    seen = project(merge([far, near]), picture(), right, up, frame, 16, 16, 0.4)
    assert (seen == RED).all()
    behind = project(merge([far, near]), picture(), -right, up, frame, 16, 16, 0.4)
    assert (behind == BLUE).all()


def test_the_picture_is_upright_and_not_mirrored():
    shape = card(0.0, (0.0, 0, 1.0, 1))
    seen = project(
        shape, picture(), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([-2, 0, 2, 4.0]), 16, 16, 0.4
    )
    assert (seen[:8] == 0).all()  # nothing above half the frame
    assert (seen[9:, 4:8] == RED).all()
    assert (seen[9:, 8:12] == BLUE).all()


def test_clear_texels_are_not_drawn():
    image = picture()
    image[:, :4, 3] = 60  # below the cutoff
    shape = card(0.0, (0.0, 0, 1.0, 1))
    seen = project(
        shape, image, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([-1, 0, 1, 2.0]), 8, 8, 0.4
    )
    assert (seen[:, :4] == 0).all()
    assert (seen[:, 4:] == BLUE).all()


def test_crossed_cards_keep_the_box_and_the_colour():
    atlas = Atlas(64)
    atlas.image[:8, :8] = picture()
    block = [card(z, (0.01, 0.01, 0.115, 0.115)) for z in (-1.0, 1.0)]
    turned = [
        shape._replace(positions=shape.positions[:, [2, 1, 0]] * (1, 1, -1), indices=shape.indices)
        for shape in block
    ]
    near = merge([both_sides(shape, 0.0) for shape in [*block, *turned]])
    far = crossed_cards(atlas, near, (Box(16, 0, 24, 32), Box(40, 0, 24, 32)), Box(0, 40, 24, 24), cutoff=0.4)
    assert len(far.indices) == 4 * 4 + 2
    for low_or_high in (np.min, np.max):
        assert np.allclose(low_or_high(far.positions, axis=0), low_or_high(near.positions, axis=0), atol=0.03)
    assert np.allclose(np.linalg.norm(far.normals, axis=1), 1)
    painted = atlas.image[2:30, 18:38]
    assert (painted[..., 3] == 255).all()
    assert np.abs(painted[..., :3].mean(axis=(0, 1)) - (110, 20, 110)).max() < 8


def test_front_and_back_share_light_from_above():
    atlas = Atlas(64)
    atlas.image[:8, :8] = picture()
    near = both_sides(card(0.0, (0.01, 0.01, 0.115, 0.115)), 0.0)
    near = merge([near, near._replace(positions=near.positions[:, [2, 1, 0]])])
    far = crossed_cards(atlas, near, (Box(16, 0, 24, 32), Box(40, 0, 24, 32)), cutoff=0.4, cards=2)
    assert len(far.indices) == 8
    faces = face_normals(far.positions, far.indices)
    assert (np.einsum("tk,tk->t", faces, far.normals[far.indices].mean(axis=1)) > 0).all()
    assert (far.normals[:, 1] > 0).all()


def test_a_leaning_model_gets_leaning_cards():
    upright = both_sides(card(0.0, (0.01, 0.01, 0.115, 0.115)), 0.0)
    upright = merge([upright, upright._replace(positions=upright.positions[:, [2, 1, 0]])])
    slope = np.array([0.5, 0, 0.25])
    leaning = Shape(
        upright.positions + upright.positions[:, 1:2] * slope,
        upright.normals,
        upright.texcoords,
        upright.indices,
    )
    results = []
    for shape, lean in ((upright, (0.0, 0.0)), (leaning, (0.5, 0.25))):
        atlas = Atlas(64)
        atlas.image[:8, :8] = picture()
        far = crossed_cards(atlas, shape, (Box(16, 0, 24, 32), Box(40, 0, 24, 32)), lean=lean, cutoff=0.4)
        results.append((atlas.image, far.positions))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.allclose(results[0][1] + results[0][1][:, 1:2] * slope, results[1][1])
