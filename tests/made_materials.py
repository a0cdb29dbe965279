"""A made material for the tests of textures."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from worldgen.models.texture_vae import TextureMaps


def material(seed: int = 0, size: int = 256) -> TextureMaps:
    """Stones: pale where high, of two scales."""
    rng = np.random.default_rng(seed)
    noise = [gaussian_filter(rng.normal(size=(size, size)), width, mode="wrap") * width for width in (1.5, 6)]
    height = np.abs(noise[0]) + np.abs(noise[1])
    height = (0.5 + 0.1 * (height - height.mean()) / height.std()).astype(np.float32)
    color = np.clip(np.array([0.5, 0.45, 0.4]) + 0.8 * (height - 0.5)[..., None], 0, 1).astype(np.float32)
    return TextureMaps(color, height, height, np.ones_like(height), 8.0)
