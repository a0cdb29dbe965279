"""Colours of a material changed as a whole: matched to a picture, to one colour, or to several.

All in linear light, where means of light add up. Each texel keeps its place among the material's own, so the
pattern stays: a picture's mean and covariance are matched by the linear map of least change (Pitié & Kokaram
2007), several colours become a ramp that darker and lighter texels are spread over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ConfigError

Array = NDArray[np.float32]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear light, ITU-R BT.709
VARIETY = 0.4  # share of a material's own changes of hue that stays under one new colour


def srgb_to_linear(value: Array) -> Array:
    """IEC 61966-2-1, [0, 1] to [0, 1]."""
    value = np.clip(value, 0, 1)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(value: Array) -> Array:
    """Inverse of `srgb_to_linear`; values outside [0, 1] are clipped."""
    value = np.clip(value, 0, 1)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055).astype(np.float32)


def linear_colors(colors: Sequence[str]) -> Array:
    """(N, 3) linear light of colours written ``#rrggbb``.

    Raises
    ------
    ConfigError : one is written otherwise.
    """
    for color in colors:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
            raise ConfigError(f"palette: found '{color}'; allowed: colours such as #7a6a55, or a picture")
    table = [[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in colors]
    return srgb_to_linear(np.array(table, np.float32))


def match_colors(color: Array, palette: Sequence[str] | Array) -> Array:
    """Give an sRGB image (H, W, 3) the colours of a palette.

    palette : one or more ``#rrggbb``, or a picture (h, w, 3) in sRGB, 0 to 1, of any size.
    """
    linear = srgb_to_linear(color)
    if isinstance(palette, np.ndarray):
        found = _match_picture(linear, srgb_to_linear(palette.astype(np.float32)))
    elif len(palette) == 1:
        found = _match_one(linear, linear_colors(palette)[0])
    else:
        found = _match_ramp(linear, linear_colors(palette))
    return linear_to_srgb(found)


def _match_one(linear: Array, wanted: Array) -> Array:
    """Mean `wanted` (3,), contrast kept, changes of hue lessened: at full strength, gray mortar between red
    bricks turned cyan when the bricks were made gray."""
    mean = linear.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    luminance = (linear @ LUMINANCE / max(float(mean @ LUMINANCE), 1e-4))[..., None]
    relative = linear / np.maximum(mean, 1e-3)
    return np.asarray(wanted * (luminance + VARIETY * (relative - luminance)), np.float32)


def _match_picture(linear: Array, picture: Array) -> Array:
    """Mean and covariance of `picture`, by the symmetric linear map (Monge-Kantorovich)."""
    own, wanted = (plane.reshape(-1, 3).astype(np.float64) for plane in (linear, picture))
    floor = 1e-6 * np.eye(3)  # a picture of one colour has no covariance
    before, after = np.cov(own.T) + floor, np.cov(wanted.T) + floor
    root = _root(before)
    inverse = np.linalg.inv(root)
    change = inverse @ _root(root @ after @ root) @ inverse
    found = (own - own.mean(axis=0)) @ change + wanted.mean(axis=0)
    return np.asarray(found.reshape(linear.shape), np.float32)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)


def _match_ramp(linear: Array, colors: Array) -> Array:
    """Darker to lighter texels along `colors` (N, 3) sorted by luminance, each for as many texels.

    The place on the ramp is the rank of luminance a little blurred; what the blur took away stays as light
    and shade, so that the ramp's own flatness doesn't flatten the material.
    """
    from scipy.ndimage import gaussian_filter

    colors = colors[np.argsort(colors @ LUMINANCE, kind="stable")]
    luminance = np.maximum(linear @ LUMINANCE, 1e-4)
    smooth = gaussian_filter(luminance, 1.5, mode="wrap")
    shares = np.linspace(0, 1, 257)
    rank = np.interp(smooth, np.quantile(smooth, shares), shares)
    stops = (np.arange(len(colors)) + 0.5) / len(colors)
    ramp = np.stack([np.interp(rank, stops, colors[:, i]) for i in range(3)], axis=-1)
    return np.asarray(ramp * np.clip(luminance / smooth, 0.4, 2.5)[..., None], np.float32)
