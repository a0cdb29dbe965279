"""Fixed features: what turning a map leaves alone, what a wave of known length excites, copies found."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.models import terrain_features as features
from worldgen.models.terrain_distances import nearest_distances


def rough(size: int = 128, seed: int = 0, beta: float = 3.0) -> np.ndarray:
    radius = np.hypot(np.fft.fftfreq(2 * size)[:, None], np.fft.fftfreq(2 * size)[None, :])
    radius[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(2 * size, 2 * size)))
    made = np.real(np.fft.ifft2(noise * radius ** (-beta / 2)))[:size, :size]
    return np.asarray(300 * made / made.std())


def test_turning_a_map_hardly_changes_its_scattering() -> None:
    ground = rough()
    first = features.scattering(ground, 30.0)
    for turned in (ground.T, np.rot90(ground), ground[::-1]):
        assert np.abs(features.scattering(turned, 30.0) - first).max() < 0.1
    assert np.abs(features.scattering(rough(beta=2.0), 30.0) - first).max() > 0.5


def test_first_order_goes_with_height_second_order_does_not() -> None:
    difference = features.scattering(2 * rough(), 30.0) - features.scattering(rough(), 30.0)
    one = np.isclose(difference, np.log(2), atol=1e-3)
    assert one.sum() == features.OCTAVES * 3  # three kinds of direction
    np.testing.assert_allclose(difference[~one], 0, atol=1e-3)


@pytest.mark.parametrize("octave", range(4))
def test_a_wave_excites_the_octave_of_its_length(octave: int) -> None:
    """A wave across the grid at a wavelet's centre, 3/4 pi over 2^octave, is loudest there."""
    wave = np.sin(0.75 * np.pi / 2**octave * np.arange(128))[None, :] * np.ones((128, 1))
    orders = features.scattering(wave, 1.0)
    starts = [
        0,
        57,
        96,
        117,
    ]  # each octave's first order comes before its second: 3 + 18 for each coarser one
    across = [orders[start] for start in starts]
    assert int(np.argmax(across)) == octave


def test_a_pyramid_of_a_plane_is_empty() -> None:
    plane = np.add.outer(np.arange(64.0), 2 * np.arange(64.0))
    for band in features.pyramid(plane, 1.0)[:2]:
        np.testing.assert_allclose(band[8:-8, 8:-8], 0, atol=1e-4)


def test_patches_have_the_shape_they_say() -> None:
    found = features.patches(rough(), 30.0, 10, np.random.default_rng(0))
    assert found.shape == (features.LEVELS, 10, 49)


def test_symmetries_are_eight_different_ones() -> None:
    squares = np.random.default_rng(0).normal(size=(2, 5, 5)).astype(np.float32)
    turned = features.symmetries(squares)
    assert turned.shape == (8, 2, 5, 5)
    assert len({one.tobytes() for one in turned[:, 0]}) == 8


def test_a_turned_and_scaled_cut_of_a_training_map_is_found() -> None:
    training = rough(256, seed=1)
    views = features.landform_views(training, 3, 16).reshape(-1, 256)
    copy = 1.3 * np.rot90(training[37 : 37 + 128, 71 : 71 + 128]) + 50

    def nearest(ground: np.ndarray) -> float:
        turned = features.symmetries(features.landform_views(ground, 16, 16))
        return float(np.median(nearest_distances(turned.reshape(8, -1, 256), views)))

    assert nearest(copy) < 0.75 * nearest(rough(128, seed=2))
