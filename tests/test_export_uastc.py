"""Blocks of UASTC, decoded by the tests' own reader."""

from __future__ import annotations

import ktx2_reader
import numpy as np
import pytest

from worldgen.export.uastc import MEANT, RANGES, encode_blocks


def decoded(texels):
    """Encode one (16, C) block; return its mode and (16, 4) texels."""
    data = encode_blocks(np.asarray(texels, np.uint8).reshape(1, 1, 16, -1))
    assert len(data) == 16
    return ktx2_reader.uastc_mode(data), ktx2_reader.uastc_block(data).reshape(16, 4).astype(int)


def test_a_line_between_two_colours_is_nearly_exact():
    share = np.arange(16)[:, None] / 15
    texels = np.round((1 - share) * (20, 60, 100) + share * (200, 180, 140))
    _, found = decoded(texels)
    assert np.abs(found[:, :3] - texels).max() <= 2


def test_a_channel_by_itself_gets_weights_of_its_own():
    texels = np.zeros((16, 3))
    texels[:, 0] = texels[:, 2] = np.where(np.arange(16) % 2, 200, 40)
    texels[:, 1] = np.where(np.arange(16) // 4 % 2, 160, 60)
    mode, found = decoded(texels)
    assert mode == 6
    assert np.abs(found[:, :3] - texels).max() <= 2


def test_alpha_by_itself():
    texels = np.zeros((16, 4))
    texels[:, :3] = np.where(np.arange(16) % 2, 200, 40)[:, None]
    texels[:, 3] = np.where(np.arange(16) // 4 % 2, 160, 60)
    mode, found = decoded(texels)
    assert mode == 11
    assert np.abs(found - texels).max() <= 4


@pytest.mark.parametrize("alpha", [False, True])
def test_every_mode_is_reached_and_reads_back(alpha):
    rng = np.random.default_rng(7)
    modes, errors = set(), []
    for _ in range(400):
        low, high = rng.integers(0, 256, (2, 4 if alpha else 3))
        levels = rng.choice([2, 4, 8, 30])
        share = np.round(rng.random((16, 1)) * levels) / levels
        other = share if rng.random() < 0.7 else np.round(rng.random((16, 1)) * 3) / 3
        texels = (1 - share) * low + share * high
        texels[:, -1:] = (1 - other) * low[-1:] + other * high[-1:]
        mode, found = decoded(np.round(texels))
        modes.add(mode)
        errors.append(np.square(found[:, : texels.shape[1]] - np.round(texels)).mean())
    assert modes >= ({10, 12, 11} if alpha else {0, 5, 18, 6})
    assert np.sqrt(np.mean(errors)) < 6


def test_endpoints_are_even_steps_from_0_to_255():
    for values, (bits, base) in zip(MEANT, RANGES, strict=True):
        count = base << bits
        even = np.linspace(0, 255, count)
        assert np.abs(np.sort(values[:count]) - even).max() <= 1.5
