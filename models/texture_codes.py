"""Latents in four bits: how a weight file holds many materials in a few megabytes.

Each channel of a material is scaled to its greatest magnitude and companded, so that common values near zero
get fine steps (about a tenth of a standard deviation of error) and rare large ones coarse steps. The decoder
is trained with at least that much noise on its latent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LEVELS = 15  # codes 0 to 15
BEND = 2.0  # steps grow cosh(BEND) = 3.8 times from the middle to the ends


def pack(latent: Array) -> tuple[NDArray[np.uint8], Array]:
    """Codes (C/2, h, w), two channels a byte, and scales (C,) of a latent (C, h, w) with C even."""
    scale = np.maximum(np.abs(latent).max(axis=(1, 2)), 1e-6).astype(np.float32)
    bent = np.arcsinh(latent / scale[:, None, None] * np.sinh(BEND)) / BEND  # -1 to 1
    codes = np.rint((bent + 1) * (LEVELS / 2)).astype(np.uint8)
    return codes[0::2] | codes[1::2] << 4, scale


def unpack(codes: NDArray[np.uint8], scale: Array) -> Array:
    """Inverse of `pack`, up to its rounding."""
    both = np.stack([codes & 15, codes >> 4], axis=1).reshape(-1, *codes.shape[1:])
    bent = both.astype(np.float32) * np.float32(2 / LEVELS) - 1
    return np.asarray(np.sinh(BEND * bent) / np.sinh(BEND) * scale[:, None, None], np.float32)
