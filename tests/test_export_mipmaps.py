"""Means of light, of what is seen, and of directions."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.export.mipmaps import mip_chain


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((8, 8), [(8, 8), (4, 4), (2, 2), (1, 1)]), ((12, 4), [(12, 4), (6, 2), (3, 1), (1, 1)])],
)
def test_sides_are_halved_down_to_one(shape, sizes):
    chain = mip_chain(np.full((*shape, 3), 77, np.uint8), srgb=True)
    assert [level.shape[:2] for level in chain] == sizes
    assert all((level == 77).all() for level in chain)


def test_colours_are_averaged_in_linear_light():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, ::2] = 255
    assert (mip_chain(pixels, srgb=True)[1] == 188).all()  # half of the light, IEC 61966-2-1
    assert (mip_chain(pixels, srgb=False)[1] == 128).all()


def test_what_nobody_sees_does_not_bleed():
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[...] = 255, 0, 0, 0
    pixels[:, 1::2] = 0, 200, 0, 255
    assert (mip_chain(pixels, srgb=True)[1] == (0, 200, 0, 128)).all()


def test_where_nothing_is_seen_colours_stay():
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 90
    assert (mip_chain(pixels, srgb=True)[2] == (90, 0, 0, 0)).all()


def test_normals_keep_their_length():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(12, 20, 3)) + np.array([0, 0, 1.5])
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    pixels = np.round(vectors * 127.5 + 127.5).astype(np.uint8)
    for level in mip_chain(pixels, srgb=False, normal=True):
        lengths = np.linalg.norm(level / 127.5 - 1, axis=-1)
        np.testing.assert_allclose(lengths, 1, atol=0.02)


def test_an_odd_side_shifts_nothing():
    ramp = np.repeat(np.arange(6, dtype=np.uint8)[:, None, None] * 40, 3, axis=2).repeat(6, axis=1)
    third = mip_chain(ramp, srgb=False)[2]  # of 3, three texels become one
    assert third.shape == (1, 1, 3)
    np.testing.assert_allclose(third, 100, atol=1)
