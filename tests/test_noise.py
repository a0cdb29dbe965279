"""The package ``noise`` is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.noise import fractal, perlin, permutation, simplex

points = np.random.default_rng(0).uniform(-90, 90, (2, 4000))


@pytest.mark.parametrize(("ours", "theirs"), [(simplex, "snoise2"), (perlin, "pnoise2")])
def test_equals_the_package_noise(ours, theirs):
    oracle = getattr(pytest.importorskip("noise"), theirs)
    expected = [oracle(float(x), float(y)) for x, y in points.T]
    # The oracle computes in float32: at |x| = 90 one step of it is 8e-6, and gradients reach about 5.
    np.testing.assert_allclose(ours(points[0], points[1]), expected, atol=2e-4)


def test_seed_decides_the_noise():
    first, again, other = (
        fractal(points[0], points[1], permutation(seed, "a"), octaves=4) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.1


def test_ridged_lies_between_zero_and_one():
    ridges = fractal(points[0], points[1], permutation(1, "a"), octaves=5, ridged=True)
    assert ridges.min() >= 0
    assert ridges.max() <= 1
    assert ridges.std() > 0.1


def test_broadcasts_rows_against_columns():
    rows, columns = np.arange(3.0)[:, None], np.arange(4.0)[None] / 3
    full = simplex(rows + 0 * columns, columns + 0 * rows)
    np.testing.assert_array_equal(simplex(rows, columns), full)
