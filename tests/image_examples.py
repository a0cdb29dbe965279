"""Made images, and the angle between normals; no test in here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_noise(shape: tuple[int, ...], seed: int = 5) -> NDArray[np.float64]:
    """Periodic noise of about unit deviation, some texels wide."""
    noise = np.random.default_rng(seed).normal(size=shape)
    for axis in (0, 1):
        noise = sum(np.roll(noise, k, axis) for k in range(-2, 3)) / np.sqrt(5)
    return noise


def normal_map(size: int, slope: float = 0.6) -> NDArray[np.uint8]:
    x, y = smooth_noise((size, size, 2)).transpose(2, 0, 1) * slope
    vectors = np.stack([x, y, np.ones_like(x)], -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.rint((vectors * 0.5 + 0.5) * 255).astype(np.uint8)


def angles(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Degrees between the normals of two images."""
    one, two = (image.astype(np.float64) * 2 / 255 - 1 for image in (first, second))
    cosine = (one * two).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(two, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
