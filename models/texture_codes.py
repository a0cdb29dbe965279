"""Latents in a byte a value: how a weight file holds many materials in a few megabytes.

Values are companded: common ones near zero have fine steps, rare large ones coarse ones. Only the leading
channels, which carry each cell's mean brightness and height, have even steps, as a step in them is a terrace
under grazing light. The decoder is trained with about that much noise on its latent. (Four bits were tried:
the noise that the decoder then had to be used to showed as a weave along the axes.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LEADING = 4  # channels with even steps
LEVELS = 255  # codes are 0 to 255
BEND = 2.5  # the others' steps grow cosh(BEND) = 6.1 times from the middle to the ends
CUT = (
    0.9995  # quantile that the others reach to: ranged by the greatest value, all steps were twice as coarse
)


def pack(latent: Array) -> tuple[NDArray[np.uint8], Array]:
    """Codes (C, h, w) and scales (C,) of a latent (C, h, w)."""
    size = np.abs(latent).reshape(len(latent), -1)
    scale = np.where(np.arange(len(latent)) < LEADING, size.max(axis=1), np.quantile(size, CUT, axis=1))
    scale = np.maximum(scale, 1e-6).astype(np.float32)
    unit = np.clip(latent / scale[:, None, None], -1, 1)
    unit[LEADING:] = np.arcsinh(unit[LEADING:] * np.sinh(BEND)) / BEND
    return np.rint((unit + 1) * (LEVELS / 2)).astype(np.uint8), scale


def unpack(codes: NDArray[np.uint8], scale: Array) -> Array:
    """Inverse of `pack`, up to its rounding."""
    unit = codes.astype(np.float32) * np.float32(2 / LEVELS) - 1
    unit[LEADING:] = np.sinh(BEND * unit[LEADING:]) / np.sinh(BEND)
    return np.asarray(unit * scale[:, None, None], np.float32)
