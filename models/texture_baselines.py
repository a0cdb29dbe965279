"""Materials that no net made: real ones as the net sees them, and their noise for learned ones to beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from worldgen.models.texture_data import Array, Material, denormalise
from worldgen.models.texture_vae import TextureMaps


def real_maps(material: Material, statistics: Array | None = None) -> TextureMaps:
    """The maps of a material as training sees it: slow variation damped, height from its normals.

    statistics : (9,) with absent maps' filled in (see `texture_export.fill_statistics`); else those become
        0.1.
    """
    known = np.nan_to_num(material.statistics if statistics is None else statistics, nan=0.1)
    color, height, roughness, occlusion = denormalise(material.maps.astype(np.float32), known)
    height = height - height.mean(dtype=np.float64).astype(np.float32)
    span = 2 * max(float(np.abs(height).max()), 1e-3)
    return TextureMaps(color, height / np.float32(span) + np.float32(0.5), roughness, occlusion, span)


def random_phase(material: Material, random: np.random.Generator) -> Material:
    """Noise of a material's own mean colour, contrast and spectrum (Galerne et al. 2011).

    All channels are turned by the same phases, so that their cross spectra stay too: what is lost is all that
    isn't Gaussian. It wraps exactly.
    """
    maps = material.maps.astype(np.float32)
    phases = np.angle(np.fft.rfft2(random.normal(size=maps.shape[1:])))
    turned = np.fft.irfft2(np.fft.rfft2(maps) * np.exp(1j * phases), s=maps.shape[1:])
    return replace(material, name=material.name + "*", maps=turned.astype(np.float16), seamless=True)
