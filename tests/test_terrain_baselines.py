"""Baselines keep of real land what they say they keep, and lose its landforms."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.models import terrain_baselines as baselines
from worldgen.models.terrain_descriptors import anisotropy, radial_spectrum, slopes


def folds(size: int = 128) -> np.ndarray:
    """Winding ridges and valleys on a slope."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    noise = np.random.default_rng(0).normal(size=(size, size))
    ridges = np.abs(np.sin((columns + 10 * np.sin(rows / 15)) / 7))
    return np.asarray(500 + 100 * ridges + 2 * rows + noise, dtype=np.float32)


def test_fractal_has_the_relief_and_the_slope_of_the_real_land() -> None:
    real = folds()
    made = baselines.fractal(real, np.random.default_rng(1))
    assert made.shape == real.shape
    assert made.dtype == np.float32
    assert made.std() == pytest.approx(real.std(), rel=1e-3)
    assert made.mean() == pytest.approx(real.mean(), rel=1e-3)
    steep = [np.mean(slopes(each, 1.0) ** 2) ** 0.5 for each in (made, real)]
    assert steep[0] == pytest.approx(steep[1], rel=0.02)
    assert not np.array_equal(made, baselines.fractal(real, np.random.default_rng(2)))


def test_random_phase_keeps_the_spectrum_and_loses_the_ridges() -> None:
    real = folds()
    made = baselines.phase_randomised(real, np.random.default_rng(1))
    rings = radial_spectrum(made) - radial_spectrum(real)
    assert np.abs(rings[1:]).mean() < 0.2  # the first ring is full of what the plane leaks
    assert anisotropy(made) < anisotropy(real) - 0.05
    across = made.mean(axis=1)
    assert np.polyfit(np.arange(128), across, 1)[0] == pytest.approx(2, abs=0.5)  # the slope it stands on


def test_eroded_fractal_is_eroded_with_a_margin() -> None:
    seen = []

    def erosion(elevation: np.ndarray, spacing: float) -> np.ndarray:
        seen.append((elevation.shape, spacing))
        return elevation + 1.0

    made = baselines.eroded_fractal(folds(), 30.0, erosion, np.random.default_rng(1))
    plain = baselines.fractal(folds(), np.random.default_rng(1), beta=4.0, margin=baselines.MARGIN)
    assert seen == [((128 + 2 * baselines.MARGIN,) * 2, 30.0)]
    np.testing.assert_allclose(
        made, plain[baselines.MARGIN : -baselines.MARGIN, baselines.MARGIN : -baselines.MARGIN] + 1
    )
