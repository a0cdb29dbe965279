"""Strokes, noise, atlas and the colour under clear texels."""

import numpy as np

from worldgen.painting import Atlas, Box, Strokes, bark, bleed, leaves, paint, periodic_noise
from worldgen.rng import generator


def test_a_square_covers_what_it_should():
    square = np.array([[[2, 1], [6, 1], [6, 5], [2, 5]]], float)
    picture = paint(8, 8, [Strokes(square, np.array([[200.0, 100, 50]]))])
    assert picture.shape == (8, 8, 4)
    # y counts up: rows 3 to 6 from the top.
    assert (picture[3:6, 2:6] == (200, 100, 50, 255)).all()
    assert (picture[:2] == 0).all()
    assert (picture[:, 7] == 0).all()


def test_half_covered_texels_keep_their_colour():
    thin = np.array([[[2.0, 0], [2.4, 0], [2.4, 8], [2.0, 8]]])
    picture = paint(8, 8, [Strokes(thin, np.array([[200.0, 100, 50]]))])
    edge = picture[4, 2]
    assert 0 < edge[3] < 255
    assert np.abs(edge[:3].astype(int) - (200, 100, 50)).max() <= 3


def test_leaves_point_where_they_are_told_to():
    body = leaves(np.zeros((2, 2)), np.array([0.0, np.pi / 2]), 4.0, 1.0, np.zeros((2, 3)))
    assert np.allclose(body.polygons[:, 3], [[0, 4], [4, 0]])


def test_noise_repeats_without_a_seam_and_has_unit_deviation():
    noise = periodic_noise(generator(1, "noise"), (64, 128), (4.0, 4.0))
    assert abs(noise.mean()) < 1e-9
    assert abs(noise.std() - 1) < 1e-9
    inner = np.abs(np.diff(noise, axis=0)).max()
    assert np.abs(noise[0] - noise[-1]).max() <= inner
    assert np.abs(noise[:, 0] - noise[:, -1]).max() <= np.abs(np.diff(noise, axis=1)).max()


def test_bark_repeats_along_its_height_and_is_opaque():
    picture = bark(generator(1, "bark"), 32, 64, (90, 80, 70), 3.0).astype(int)
    assert (picture[..., 3] == 255).all()
    assert np.abs(picture[0] - picture[-1]).mean() <= 1.5 * np.abs(np.diff(picture, axis=0)).mean()


def test_clear_texels_take_the_colour_of_their_neighbourhood():
    image = np.zeros((32, 32, 4), np.uint8)
    image[4:8, 4:8] = (60, 80, 40, 255)
    image[24:28, 24:28] = (120, 100, 90, 255)
    result = bleed(image)
    assert (result[..., 3] == image[..., 3]).all()
    assert (result[4:8, 4:8] == image[4:8, 4:8]).all()
    assert np.abs(result[3, 3, :3].astype(int) - (60, 80, 40)).max() <= 2
    assert np.abs(result[29, 29, :3].astype(int) - (120, 100, 90)).max() <= 2
    assert result[..., :3].min() >= 39


def test_a_filtered_edge_does_not_darken():
    image = np.zeros((16, 16, 4), np.uint8)
    image[:, :7] = (60, 80, 40, 255)
    mip = bleed(image).astype(float).reshape(8, 2, 8, 2, 4).mean(axis=(1, 3))
    assert np.allclose(mip[:, 3, :3], (60, 80, 40), atol=1)


def test_an_atlas_says_where_its_pictures_lie():
    atlas = Atlas(64)
    atlas.place(Box(16, 32, 16, 8), np.full((8, 16, 4), 7, np.uint8))
    assert (atlas.image[32:40, 16:32] == 7).all()
    assert atlas.image.sum() == 7 * 8 * 16 * 4
    assert np.allclose(atlas.region(Box(16, 32, 16, 8), inset=0), np.array([16, 32, 32, 40]) / 64)
