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
    for layer in range(len(distances.LAYERS)):
        np.testing.assert_allclose(first[0][layer], second[0][layer], rtol=1e-3, atol=1e-4)


def spots(seed: int) -> TextureMaps:
    """Pale stones on sand."""
    rng = np.random.default_rng(seed)
    stones = gaussian_filter((rng.uniform(size=(256, 256)) > 0.997).astype(float), 2, mode="wrap")
    return pale_heights(stones / stones.std() + 0.1 * rng.normal(size=stones.shape))


def pale_heights(plane: np.ndarray) -> TextureMaps:  # type: ignore[type-arg]
    height = (0.5 + 0.05 * (plane - plane.mean())).astype(np.float32)
    color = np.clip(np.array([0.5, 0.45, 0.4]) + (height - 0.5)[..., None], 0, 1).astype(np.float32)
    return TextureMaps(color, height, height, np.ones_like(height), 8.0)


def test_noise_of_the_same_spectrum_is_farther_than_more_of_the_same() -> None:
    real, other = spots(0), spots(1)
    phases = np.angle(np.fft.rfft2(np.random.default_rng(3).normal(size=(256, 256))))
    noise = pale_heights(20 * np.fft.irfft2(np.fft.rfft2(other.height) * np.exp(1j * phases)))
    reference = halves(real)
    same = distances.distances(reference, halves(other, seed=1))
    made = distances.distances(reference, halves(noise, seed=1))
    assert made["wavelets"] > 2 * same["wavelets"]
    assert made["gram"] > 2 * same["gram"]
