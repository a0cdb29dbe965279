"""The distances by which refined land is judged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from worldgen.models.terrain_refinement import slope_distance, spectrum_distance


def test_slope_distance_of_planes() -> None:
    plane = np.add.outer(np.arange(8) * 3.0, np.arange(8) * 4.0)
    assert slope_distance(plane, 2 * plane, 10.0) == pytest.approx(0.5)


def test_spectrum_distance_ignores_scale_and_sees_roughness() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 128, 128))
    land = 2000 * gaussian_filter(noise[0], 4, mode="wrap")
    assert spectrum_distance(land, 3 * land) == pytest.approx(0, abs=1e-3)
    assert spectrum_distance(land, land + noise[1]) > 0.3
