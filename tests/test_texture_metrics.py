"""Figures of one map: equal ones are perfect, blurred ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from worldgen.models import texture_metrics as metrics


def plane() -> metrics.Array:
    rng = np.random.default_rng(0)
    return np.asarray(0.5 + 0.1 * gaussian_filter(rng.normal(size=(128, 128)), 0.5, mode="wrap"), np.float32)


def test_similarity_is_one_for_equal_planes_and_falls_with_blur_and_noise() -> None:
    real = plane()
    assert metrics.multi_scale_similarity(real, real) == pytest.approx(1)
    blurred = [gaussian_filter(real, width, mode="wrap") for width in (0.7, 1.5)]
    scores = [metrics.multi_scale_similarity(one, real) for one in blurred]
    assert 1 > scores[0] > scores[1]
    unlike = metrics.multi_scale_similarity(np.roll(real, 31, axis=0), real)
    assert unlike < 0.5


def test_spectrum_distance_knows_gain_but_no_place() -> None:
    real = plane()
    assert metrics.spectrum_distance(np.roll(real, (5, 9), axis=(0, 1)), real) == pytest.approx(0, abs=0.01)
    assert metrics.spectrum_distance(2 * real, real) == pytest.approx(20 * np.log10(2), abs=0.01)


def test_blur_lowers_the_high_band() -> None:
    real = plane()
    assert metrics.high_band_energy(gaussian_filter(real, 1, mode="wrap")) < 0.5 * metrics.high_band_energy(
        real
    )
