"""worldgen.export.survey against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.export.survey import column_bounds, count_not_unit


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_bounds_equal_numpys(count: int) -> None:
    array = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    low, high = np.empty((2, 3), np.float32)
    assert column_bounds(array, low, high)
    assert np.array_equal(low, array.min(axis=0))
    assert np.array_equal(high, array.max(axis=0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 5, 9])
def test_what_is_not_finite_is_seen(value: float, row: int) -> None:
    array = np.ones((10, 3), np.float32)
    array[row, 1] = value
    assert not column_bounds(array, *np.empty((2, 3), np.float32))


def test_vectors_that_are_not_of_unit_length_are_counted() -> None:
    vectors = np.tile(np.float32([0.6, 0, 0.8, -1]), (8, 1))
    vectors[1] *= 1.004
    assert count_not_unit(vectors) == 0
    vectors[2] *= 1.006
    vectors[3] *= 0.994
    vectors[4] = 0
    vectors[5, 0] = np.nan
    assert count_not_unit(vectors) == 4
