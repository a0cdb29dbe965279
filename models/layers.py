"""Parts that nets share: noise hashed from world coordinates, and the ×2 resampling pair.

Cells are *cell-centred*: coarse cell ``i`` covers the fine cells ``2 i`` and ``2 i + 1``. ``upsample`` and
``downsample`` are a biorthogonal pair, so ``downsample(upsample(x)) == x``: what a net adds can be
projected so that it leaves the coarse map as it was. Bicubic upsampling with a block mean imprints a grid,
this pair does not. No function here pads: each output cell is computed from real cells alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

if TYPE_CHECKING:
    from torch import Tensor

# [1 3 3 1]/4 is the refinement of quadratic B-splines (smooth however often it is repeated); the factor
# [-0.2 1.4 -0.2] takes back most of its blur.
UP = (-0.05, 0.2, 0.85, 0.85, 0.2, -0.05)
# The ten-tap inverse of UP with the least stop-band energy. Its gain is at most 1.16; the inverse of the bare
# B-spline has 1.47 and sharpens repeated coarse maps until they look like noise.
DOWN = tuple(tap / 11200 for tap in (53, 212, -1141, -59, 6535, 6535, -59, -1141, 212, 53))
# Refinement with positive taps only: for quantities that must stay positive.
UP_POSITIVE = (0.0, 0.25, 0.75, 0.75, 0.25, 0.0)
SMOOTH = (0.0625, 0.25, 0.375, 0.25, 0.0625)
# What DOWN passes over what bicubic resampling with antialiasing passes, to 6 %: 1.1 at a fifth of a wave a
# cell, 1.8 at half a wave.
SHARP = (0.0563, -0.2006, 1.2886, -0.2006, 0.0563)

UP_HALO = 1  # coarse cells lost at each side by `upsample`
DOWN_HALO = 2  # coarse cells lost at each side by `downsample`
SMOOTH_HALO = 2  # cells lost at each side by `smooth`


def upsample(x: Tensor, taps: tuple[float, ...] = UP) -> Tensor:
    """Refine a map ×2.

    Parameters
    ----------
    x : (B, 1, H, W) tensor.
    taps : six symmetric taps that sum to 2.

    Returns
    -------
    (B, 1, 2 (H - 2), 2 (W - 2)) tensor; its first cell is a child of ``x[..., 1, 1]``.
    """
    import torch
    from torch.nn import functional

    # Fine cell 2 i + p takes tap 2 (1 - k) + 2 + p of coarse cell i + k - 1: three taps for each phase p.
    phases = torch.tensor([taps[4::-2], taps[5::-2]], dtype=x.dtype, device=x.device)  # (phase, 3)
    kernel = torch.einsum("pi,qj->pqij", phases, phases).reshape(4, 1, 3, 3)
    return functional.pixel_shuffle(functional.conv2d(x, kernel), 2)


def downsample(x: Tensor) -> Tensor:
    """Coarsen ×2: (B, 1, 2 H, 2 W) -> (B, 1, H - 4, W - 4), starting at the parent of ``x[..., 4, 4]``."""
    return _separable(x, DOWN, stride=2)


def smooth(x: Tensor) -> Tensor:
    """Blur with the binomial [1 4 6 4 1]/16 both ways: (B, 1, H, W) -> (B, 1, H - 4, W - 4)."""
    return _separable(x, SMOOTH, stride=1)


def sharpen(x: Tensor) -> Tensor:
    """Make land that was resampled with bicubics as sharp as `downsample` leaves it.

    (B, 1, H, W) -> (B, 1, H - 4, W - 4).
    """
    return _separable(x, SHARP, stride=1)


def _separable(x: Tensor, taps: tuple[float, ...], stride: int) -> Tensor:
    import torch
    from torch.nn import functional

    kernel = torch.tensor(taps, dtype=x.dtype, device=x.device)
    x = functional.conv2d(x, kernel.reshape(1, 1, -1, 1), stride=(stride, 1))
    return functional.conv2d(x, kernel.reshape(1, 1, 1, -1), stride=(1, stride))


def crop(x: Tensor, cells: int) -> Tensor:
    """Cut ``cells`` cells off each side of the last two axes."""
    return x[..., cells : x.shape[-2] - cells, cells : x.shape[-1] - cells] if cells else x


def crop_field(x: Tensor, cells: int) -> Tensor:
    """Crop a field as `crop` does; one that is the same everywhere, (..., 1, 1), stays as it is."""
    return crop(x, cells) if x.shape[-1] > 1 else x


def hashed_noise(
    seed: int, level: int, channels: int, row: int, column: int, height: int, width: int
) -> NDArray[np.float32]:
    """Noise of mean 0 and variance 1 that depends on (seed, level, channel, y, x) alone.

    The sum of four 16-bit uniform numbers (Irwin-Hall) stands in for a normal one: integers and one float
    product give the same bits on every platform, which logarithm and cosine do not.

    Parameters
    ----------
    seed, level : any integers (the low 64 bits count).
    row, column : world coordinates of the first cell, any integers.

    Returns
    -------
    (channels, height, width) float32.
    """
    keys = _mix(_word(seed) + _mix(_word(level) + _mix(np.arange(channels, dtype=np.uint64))))
    rows = np.arange(row, row + height, dtype=np.int64).view(np.uint64)
    columns = np.arange(column, column + width, dtype=np.int64).view(np.uint64)
    by_row = _mix(keys[:, None] + _mix(rows)[None, :])  # (C, H)
    noise = np.empty((channels, height, width), np.float32)
    # The sum has mean 2 · 65535 and variance 4 · (65536² - 1) / 12.
    _hash(
        by_row, _mix(columns * _word(0x9E3779B97F4A7C15)), np.float32(np.sqrt(3.0 / (65536.0**2 - 1))), noise
    )
    return noise


@kernel
def _hash(
    by_row: NDArray[np.uint64], by_column: NDArray[np.uint64], scale: np.float32, noise: NDArray[np.float32]
) -> None:
    low = np.uint64(0xFFFF)
    for channel in range(noise.shape[0]):
        for row in range(noise.shape[1]):
            key, line = by_row[channel, row], noise[channel, row]
            for column in range(line.size):
                x = key + by_column[column] + np.uint64(0x9E3779B97F4A7C15)
                x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                x ^= x >> np.uint64(31)
                pair = (x & low) + ((x >> np.uint64(16)) & low)
                pair += ((x >> np.uint64(32)) & low) + (x >> np.uint64(48))
                line[column] = np.float32(np.int64(pair) - 131070) * scale


def _word(value: int) -> np.uint64:
    return np.uint64(value & 0xFFFFFFFFFFFFFFFF)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014), which mixes every bit into all others."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
