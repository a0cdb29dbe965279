"""Distances between sets with known answers: equal, shifted, disjoint."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from worldgen.models import terrain_distances as distances

random = np.random.default_rng(0)
ROWS = random.normal(size=(60, 4))
OTHERS = random.normal(size=(50, 4))
SHIFTED = OTHERS + 3.0


def groups(rows: np.ndarray, name: str, size: int = 5) -> list[str]:
    return [f"{name}{index // size}" for index in range(len(rows))]


def test_wasserstein_of_shift_and_against_scipy() -> None:
    assert distances.wasserstein(ROWS, ROWS + 2) == pytest.approx(np.full(4, 2.0))
    expected = wasserstein_distance(ROWS[:, 0], OTHERS[:, 0])
    assert float(distances.wasserstein(ROWS[:, 0], OTHERS[:, 0])) == pytest.approx(expected, rel=0.02)


def test_wasserstein_passes_over_what_is_missing() -> None:
    first = np.array([1.0, np.nan, 1.0])
    assert float(distances.wasserstein(first, np.array([3.0]))) == 2.0
    assert np.isnan(distances.wasserstein(np.full(3, np.nan), np.ones(2)))


def test_jensen_shannon_is_in_bits() -> None:
    assert distances.jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0
    assert distances.jensen_shannon(np.array([2.0, 2.0]), np.array([1.0, 1.0])) == 0.0


def test_mmd_is_about_nothing_for_one_distribution_and_large_for_two() -> None:
    width = distances.median_bandwidth(ROWS)
    same, (low, high) = distances.mmd(ROWS, OTHERS, width)
    assert abs(same) < 0.02
    assert low < same < high
    apart, (low, high) = distances.mmd(ROWS, SHIFTED, width)
    assert 0.2 < low < apart < high


def test_mmd_is_unbiased() -> None:
    drawn = np.random.default_rng(1).normal(size=(200, 20, 3))
    found = [distances.mmd(one[:10], one[10:], 2.0, resamples=1)[0] for one in drawn]
    assert abs(np.mean(found)) < 3 * np.std(found) / 200**0.5


def test_sliced_wasserstein_of_a_shift() -> None:
    """Mean of |cos| of the angle to a random direction, which is 2 / pi in the plane."""
    plane = ROWS[:, :2]
    found = distances.sliced_wasserstein(plane, plane + np.array([3.0, 0.0]), projections=4000)
    assert found == pytest.approx(3 * 2 / np.pi, rel=0.03)
    assert distances.sliced_wasserstein(plane, plane) == 0


def test_auc_counts_pairs() -> None:
    assert distances.auc(np.array([3.0, 2.0, 1.0, 2.0]), np.array([True, True, False, False])) == 0.875


def test_logistic_regression_finds_the_boundary() -> None:
    positive = ROWS[:, 1] > 0.5
    weights = distances.logistic_regression(ROWS, positive, ridge=1e-3)
    assert np.argmax(np.abs(weights[:-1])) == 1
    assert -weights[-1] / weights[1] == pytest.approx(0.5, abs=0.15)


def test_classifier_tells_shifted_sets_and_not_equal_ones() -> None:
    def told(other: np.ndarray) -> float:
        return distances.two_sample_auc(ROWS, other, groups(ROWS, "a"), groups(other, "b"))

    assert told(SHIFTED) > 0.99
    assert 0.3 < told(OTHERS) < 0.7


def test_classifier_is_not_told_the_place() -> None:
    """Places differ, sets do not: folds that shared a place would tell the sets apart."""
    generator = np.random.default_rng(2)
    marks = generator.normal(size=(12, 30)).repeat(8, axis=0) * 3
    rows = marks + generator.normal(size=marks.shape) * 0.1
    names = [f"place{index // 8}" for index in range(96)]
    split = distances.two_sample_auc(rows[:48], rows[48:], names[:48], names[48:])
    each = [str(index) for index in generator.permutation(96)]
    leaked = distances.two_sample_auc(rows[:48], rows[48:], each[:48], each[48:])
    assert leaked > 0.95
    assert split < 0.8


def test_a_single_place_can_be_judged_and_missing_numbers_too() -> None:
    holed = SHIFTED.copy()
    holed[::2, 0] = np.nan
    assert distances.two_sample_auc(ROWS, holed, ["one"] * 60, ["other"] * 50) > 0.99


def test_manifold_of_identical_and_of_disjoint_sets() -> None:
    same = distances.manifold(ROWS, ROWS)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert same["density"] == pytest.approx(1.2, abs=0.01)  # k neighbours and the row itself, over k = 5
    assert set(distances.manifold(ROWS, ROWS + 100).values()) == {0.0}


def test_manifold_sees_a_collapsed_generator() -> None:
    centre = ROWS[[int(np.argmin((ROWS**2).sum(axis=1)))]]
    collapsed = centre + random.normal(size=(50, 4)) * 0.01
    found = distances.manifold(ROWS, collapsed)
    assert found["precision"] == 1
    assert found["recall"] < 0.1
    assert found["coverage"] < 0.3


def test_nearest_distance_of_a_copy_is_nothing() -> None:
    views = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    np.testing.assert_allclose(distances.nearest_distances(views[None, :5], views), 0, atol=1e-6)
    np.testing.assert_allclose(distances.nearest_distances(np.eye(4)[None, :1], np.eye(4)[1:]), 2**0.5)
