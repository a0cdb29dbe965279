"""Noise of a material keeps mean, contrast and spectrum, wraps, and has lost what isn't Gaussian."""

from __future__ import annotations

import numpy as np

from worldgen.models.texture_baselines import random_phase, real_maps
from worldgen.models.texture_data import Material
from worldgen.models.texture_tiling import wrap_ratios


def material(size: int = 64) -> Material:
    rng = np.random.default_rng(0)
    spots = (rng.uniform(size=(size, size)) > 0.97).astype(np.float32)
    plane = (spots - spots.mean()) / spots.std()
    maps = np.stack([plane * gain for gain in (1, 0.5, -0.5, 1, 1, 1)]).astype(np.float16)
    statistics = np.array([0.4, 0.5, 0.6, 0.05, 1.5, 0.7, 0.02, 0.9, 0.02], np.float32)
    return Material("spots", "rock", maps, np.ones(6, bool), statistics, True)


def test_noise_keeps_spectrum_and_cross_spectrum_but_not_the_spots() -> None:
    real = material()
    noise = random_phase(real, np.random.default_rng(1))
    first, second = (np.fft.fft2(one.maps.astype(np.float32)) for one in (real, noise))
    np.testing.assert_allclose(np.abs(second), np.abs(first), atol=1)
    np.testing.assert_allclose(second[0] * second[1].conj(), first[0] * first[1].conj(), atol=60)
    planes = [one.maps[0].astype(np.float32) for one in (real, noise)]
    assert (planes[0] ** 4).mean() > 20 > 4 > (planes[1] ** 4).mean()  # 3: Gaussian


def test_noise_wraps_and_has_the_material_s_color() -> None:
    found = real_maps(random_phase(material(), np.random.default_rng(1)))
    np.testing.assert_allclose(found.base_color.mean(axis=(0, 1)), [0.4, 0.5, 0.6], atol=0.005)
    ratios = np.mean([ratio[:, 0].mean() for ratio in wrap_ratios(found).values()])
    assert 0.8 < ratios < 1.2


def test_real_maps_are_in_their_units() -> None:
    found = real_maps(material())
    assert found.height.min() >= 0
    assert found.height.max() <= 1
    texels = found.height * found.normal_strength
    assert abs(float(texels.std()) - 1.5) < 0.02
    assert abs(float(found.roughness.mean()) - 0.7) < 0.01
