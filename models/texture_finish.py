"""The last touch on decoded maps: as much of the finest detail as the material has, and no lattice of cells.

A decoder's finest octave is too weak for some materials and too strong for smooth ones. How strong it is in
a material is known, as its colour and contrast are: the finest band is brought to it. What all latent cells
have in common is no part of any material, and is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Half-band low pass: half of what it passes at a quarter of the sampling rate.
HALF_BAND = np.array([-1, 0, 9, 16, 9, 0, -1], np.float32) / np.float32(32)
FRAME = 3  # texels around a window that `fine` reads
GAINS = (0.4, 2.5)  # what the finest band may be multiplied by: more would show what is wrong with it


def fine(maps: Array) -> Array:
    """The finest octave of maps (C, H, W); they wrap."""
    from scipy.ndimage import correlate1d

    slow = correlate1d(correlate1d(maps, HALF_BAND, axis=-1, mode="wrap"), HALF_BAND, axis=-2, mode="wrap")
    return np.asarray(maps - slow, np.float32)


def fine_spread(maps: Array) -> Array:
    """Standard deviation (C,) of the finest octave of maps (C, H, W)."""
    return np.asarray(fine(maps).std(axis=(1, 2)), np.float32)


@dataclass(frozen=True)
class Finish:
    """What to do to all maps that one net draws of one material.

    Attributes
    ----------
    common : (C, cell, cell), what all cells have in common.
    gains : (C,) factors of the finest octave.
    """

    common: Array
    gains: Array

    @classmethod
    def of(cls, maps: Array, cell: int, wanted: Array) -> Finish:
        """Learn from decoded maps (C, H, W), and the spread (C,) that `fine` should have; NaN: as it is."""
        channels, rows, columns = maps.shape
        cells = maps.reshape(channels, rows // cell, cell, columns // cell, cell)
        common = cells.mean(axis=(1, 3), dtype=np.float64)
        common = (common - common.mean(axis=(1, 2), keepdims=True)).astype(np.float32)
        plain = maps - np.tile(common, (1, rows // cell, columns // cell))
        gains = np.clip(wanted / np.maximum(fine_spread(plain), 1e-6), *GAINS)
        return cls(common, np.where(np.isnan(wanted), 1, gains).astype(np.float32))

    def __call__(self, maps: Array, row: int = 0, column: int = 0) -> Array:
        """Finish maps (C, H, W) whose first texel is (row, column) of the lattice of cells.

        They wrap; of a window that doesn't, `FRAME` texels at each side are not right.
        """
        cell = self.common.shape[1]
        rows, columns = np.arange(row, row + maps.shape[1]), np.arange(column, column + maps.shape[2])
        plain = maps - self.common[:, (rows % cell)[:, None], (columns % cell)[None, :]]
        return np.asarray(plain + (self.gains - 1)[:, None, None] * fine(plain), np.float32)
