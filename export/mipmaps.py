"""Smaller copies of a texture for the distance: each half as large as the one before, down to one texel.

The mean is taken of what a texel means, not of its bytes: light for colours, directions for normals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]


def mip_chain(pixels: Bytes, *, srgb: bool, normal: bool = False) -> list[Bytes]:
    """Return the picture and all its halves, largest first.

    Sides are halved and rounded down, never below one, as KTX, Vulkan and OpenGL want them. Where a side is
    odd, the box covers two texels and a part of a third, so that nothing shifts.

    Parameters
    ----------
    pixels : (H, W, 3) or (H, W, 4) uint8; alpha is straight, not multiplied into the colour.
    srgb : colours are averaged in linear light and weighted by alpha, so that what nobody sees does not
        bleed into what is seen.
    normal : vectors are averaged and made of length one again.
    """
    values: Floats = pixels.astype(np.float32) / 255
    colour, alpha = values[..., :3], values[..., 3:]
    if srgb:
        colour = _to_linear(pixels[..., :3])
    elif normal:
        colour = 2 * colour - 1
    weighted: Floats = colour * alpha if srgb and alpha.size else colour

    chain = [pixels]
    height, width = pixels.shape[:2]
    while height > 1 or width > 1:
        height, width = max(height // 2, 1), max(width // 2, 1)
        colour, alpha, weighted = (_shrink(part, height, width) for part in (colour, alpha, weighted))
        chain.append(_to_bytes(colour, alpha, weighted, srgb, normal))
    return chain


def _to_bytes(colour: Floats, alpha: Floats, weighted: Floats, srgb: bool, normal: bool) -> Bytes:
    if srgb and alpha.size:
        seen = alpha > 1e-6
        colour = np.where(seen, weighted / np.where(seen, alpha, 1), colour)
    if srgb:
        colour = np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)
    elif normal:
        length = np.sqrt((colour**2).sum(axis=-1, keepdims=True))
        upright = np.array([0, 0, 1], np.float32)
        colour = np.where(length > 1e-6, colour / np.maximum(length, 1e-6), upright) * 0.5 + 0.5
    whole = np.concatenate([colour, alpha], axis=-1)
    return np.clip(np.floor(whole * 255 + 0.5), 0, 255).astype(np.uint8)


def _to_linear(colour: Bytes) -> Floats:
    """IEC 61966-2-1, by a table of the 256 values."""
    steps = np.arange(256) / 255
    light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    table: Floats = light.astype(np.float32)
    return table[colour]


def _shrink(values: Floats, height: int, width: int) -> Floats:
    """Box filter to a new size, axis by axis."""
    for axis, size in ((0, height), (1, width)):
        old = values.shape[axis]
        if old == size:
            continue
        lines = np.moveaxis(values, axis, 0)
        if old == 2 * size:
            lines = (lines[0::2] + lines[1::2]) / 2
        else:
            lines = np.tensordot(_overlaps(old, size), lines, axes=1)
        values = np.moveaxis(lines, 0, axis)
    return values


def _overlaps(old: int, size: int) -> Floats:
    """Share of each old line in each new one, (size, old); rows sum to one."""
    edges = np.arange(size + 1)[:, None] * (old / size)
    lines = np.arange(old)[None, :]
    shared = np.minimum(edges[1:], lines + 1) - np.maximum(edges[:-1], lines)
    weights: Floats = (np.maximum(shared, 0) * (size / old)).astype(np.float32)
    return weights
