"""How much of a sample is a copy of a training material: its patches sought in every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_data import LUMA, Array
from worldgen.models.texture_metrics import quarter

if TYPE_CHECKING:
    from worldgen.models.texture_vae import TextureMaps

COPY = 0.9  # correlation from which a patch counts as a copy
SIDES = (64, 128)  # texels per side of the sought patches
PATCHES = 8  # of each sample


def views(maps: TextureMaps) -> Array:
    """Luma and height at a quarter of the size: (2, H/4, W/4)."""
    return np.stack([quarter(maps.base_color @ LUMA), quarter(maps.height)])


class Shelf:
    """Materials that patches of one size are sought in, at every cyclic shift.

    Parameters
    ----------
    materials : of one size, taken as periodic.
    side : texels per side of the patches.
    """

    def __init__(self, materials: Sequence[TextureMaps], side: int) -> None:
        from scipy import fft

        self.side = side // 4
        planes = np.stack([views(maps) for maps in materials]).astype(np.float32)  # (M, 2, h, w)
        planes -= planes.mean(axis=(2, 3), keepdims=True)
        self.shape = planes.shape[2:]
        self.spectra = fft.rfft2(planes)
        box = np.zeros(self.shape, np.float32)
        box[: self.side, : self.side] = 1
        window = np.conj(fft.rfft2(box))
        sums, squares = (fft.irfft2(fft.rfft2(p) * window, s=self.shape) for p in (planes, planes**2))
        spread = np.maximum(squares - sums**2 / self.side**2, 0)
        # A flat place isn't like anything: at least a hundredth of the material's own variance.
        least = 0.01 * self.side**2 * planes.var(axis=(2, 3), keepdims=True) + 1e-12
        self.lengths = np.sqrt(np.maximum(spread, least))

    def likeness(self, patch: Array) -> float:
        """Greatest correlation, mean over both planes, of a patch (2, side/4, side/4) with any place."""
        from scipy import fft

        centred = (patch - patch.mean(axis=(1, 2), keepdims=True)).astype(np.float32)
        centred /= np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True)) + 1e-12
        placed = np.zeros((2, *self.shape), np.float32)
        placed[:, : self.side, : self.side] = centred
        found = fft.irfft2(self.spectra * np.conj(fft.rfft2(placed)), s=self.shape) / self.lengths
        return float(found.mean(axis=1).max())


def likenesses(samples: Sequence[TextureMaps], shelf: Shelf, *, seed: int = 0) -> NDArray[np.float64]:
    """Best correlation of PATCHES random patches of each sample with what is on a shelf: (N · PATCHES,)."""
    found = []
    for number, maps in enumerate(samples):
        random = np.random.default_rng([seed, number])
        both = views(maps)
        for row, column in zip(*(random.integers(n, size=PATCHES) for n in both.shape[1:]), strict=True):
            patch = np.roll(both, (-row, -column), axis=(1, 2))[:, : shelf.side, : shelf.side]
            found.append(shelf.likeness(patch))
    return np.array(found)


def memory_table(
    sets: dict[str, Sequence[TextureMaps]], training: Sequence[TextureMaps], *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """For each set, by patch side: ``copies_N``, share of patches that correlate over COPY with a place of a
    training material, and ``likeness_N``, the median of the best correlations.

    A sample is a new arrangement of a training material's latent, so many copies are expected of small
    patches; materials that were never trained on show what chance gives.
    """
    table: dict[str, dict[str, float]] = {name: {} for name in sets}
    for side in SIDES:
        shelf = Shelf(training, side)
        for name, samples in sets.items():
            best = likenesses(samples, shelf, seed=seed)
            table[name][f"copies_{side}"] = float(np.mean(best > COPY))
            table[name][f"likeness_{side}"] = float(np.median(best))
    return table
