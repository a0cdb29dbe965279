"""Distances of materials: 0 for equal sets, greater for what differs in just that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

pytest.importorskip("torch")

from made_materials import material

from worldgen.models import texture_distances as distances
from worldgen.models.texture_vae import TextureMaps

UNITS = distances.contrasts([material()])


def halves(maps: TextureMaps, seed: int = 0) -> list[distances.Measured]:
    return list(distances.measure_halves(maps, UNITS, seed))


REAL = halves(material())


def test_equal_sets_are_at_no_distance() -> None:
    for name, value in distances.distances(REAL, REAL).items():
        assert value == pytest.approx(0, abs=1e-9), name


def test_more_of_the_same_is_nearer_than_what_differs() -> None:
    same = distances.distances(REAL, halves(material(1), seed=1))
    maps = material(1)
    blurred = replace(maps, height=gaussian_filter(maps.height, 2, mode="wrap"))
    redder = replace(maps, base_color=np.clip(maps.base_color + np.float32([0.1, 0, 0]), 0, 1))
    parted = replace(maps, height=np.roll(maps.height, (60, 40), axis=(0, 1)))
    for name, other in (("wavelets", blurred), ("gram", blurred), ("color", redder), ("coherence", parted)):
        assert distances.distances(REAL, halves(other, seed=1))[name] > 2 * same[name], name


def test_haar_details_hold_the_energy_of_an_octave() -> None:
    checker = np.indices((1, 16, 16)).sum(axis=0).astype(np.float32) % 2 * 2 - 1
    found = distances.haar_details(checker)
    assert found.shape == (distances.OCTAVES, 1, 3, 16, 16)
    np.testing.assert_allclose(np.abs(found[0, 0, 2]), 2)
    assert np.abs(found[1:]).max() == 0
    assert np.abs(found[0, 0, :2]).max() == 0


def test_lab_of_known_colors() -> None:
    found = distances.lab(np.float32([[1, 1, 1], [0, 0, 0], [1, 0, 0]]))
    np.testing.assert_allclose(found, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.2]], atol=0.1)


def test_mutual_information_of_equal_and_of_independent_planes() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 128, 128))
    assert distances.mutual_information(first, first**3) == pytest.approx(4, abs=0.05)  # 16 bins
    assert distances.mutual_information(first, second) == pytest.approx(0, abs=0.005)


def test_gram_features_do_not_move_with_a_roll_along_the_rows_of_a_half() -> None:
    planes = distances.planes(material()) / UNITS
    first = distances.gram_features(planes)
    second = distances.gram_features(np.roll(planes, 64, axis=2))
    np.testing.assert_allclose(first[0], second[0], rtol=1e-4, atol=1e-5)
