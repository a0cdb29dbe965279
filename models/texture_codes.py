"""Latents in few bits: how a weight file holds many materials in a few megabytes.

The leading channels carry each cell's mean brightness and height; a step in them is a terrace under grazing
light (four bits were tried), so they get eight bits. The others get four, companded: common values near zero
have fine steps, rare large ones coarse ones. The decoder is trained with about that much noise on its latent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LEADING = 4  # channels with eight bits
LEVELS = 15  # four-bit codes are 0 to 15
BEND = 1.5  # their steps grow cosh(BEND) = 2.4 times from the middle to the ends


def packed_channels(channels: int) -> int:
    """Bytes per cell for a latent of so many channels (LEADING plus an even number)."""
    return LEADING + (channels - LEADING) // 2


def pack(latent: Array) -> tuple[NDArray[np.uint8], Array]:
    """Codes (packed_channels(C), h, w) and scales (C,) of a latent (C, h, w)."""
    size = np.abs(latent).reshape(len(latent), -1)
    scale = np.where(
        np.arange(len(latent)) < LEADING, size.max(axis=1), 1.1 * np.quantile(size, 0.999, axis=1)
    )
    scale = np.maximum(scale, 1e-6).astype(np.float32)
    # One value in a thousand is cut: ranged by the greatest, strong edges showed the cells' lattice.
    unit = np.clip(latent / scale[:, None, None], -1, 1)
    leading = np.rint((unit[:LEADING] + 1) * 127.5).astype(np.uint8)
    bent = np.arcsinh(unit[LEADING:] * np.sinh(BEND)) / BEND
    nibbles = np.rint((bent + 1) * (LEVELS / 2)).astype(np.uint8)
    return np.concatenate([leading, nibbles[0::2] | nibbles[1::2] << 4]), scale


def unpack(codes: NDArray[np.uint8], scale: Array) -> Array:
    """Inverse of `pack`, up to its rounding."""
    leading = codes[:LEADING].astype(np.float32) / np.float32(127.5) - 1
    pairs = codes[LEADING:]
    nibbles = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1, *codes.shape[1:])
    bent = nibbles.astype(np.float32) * np.float32(2 / LEVELS) - 1
    unit = np.concatenate([leading, np.sinh(BEND * bent) / np.sinh(BEND)])
    return np.asarray(unit * scale[:, None, None], np.float32)
