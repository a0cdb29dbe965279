"""Land made of noise, and folders of it, for tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def hills(size: int, seed: int = 0) -> NDArray[np.float32]:
    """Smooth hills, (size, size) metres, that wrap."""
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap")).astype(np.float32)


def write_places(folder: Path, size: int) -> Path:
    """Write two places of such hills into a folder."""
    for index in range(2):
        np.save(folder / f"place{index}.npy", hills(size, seed=index))
    return folder
