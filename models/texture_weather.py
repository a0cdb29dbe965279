"""Water, moss and snow on a finished material: all maps change together, and the result still wraps.

Heights are in texels here, as normals see them. Wet surfaces follow Lagarde (2013, "Water drop 3b"): a porous
surface darkens and saturates, its gloss rises, and water that stands in the hollows is flat and smooth. Moss
and snow are a second material laid over the first, whose edge follows both reliefs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_color import linear_to_srgb, srgb_to_linear
from worldgen.models.texture_maps import Array, TextureMaps, normal_from_height, texture_maps

DRY_BELOW = 0.35  # wetness up to which no water stands
FLOODED = 0.5  # share of the ground under water at wetness 1
WATER = 0.05  # roughness of standing water


@dataclass(frozen=True)
class Cover:
    """How a material lies on another; texels are of height.

    Its surface is the ground's, smoothed, raised where it likes to be, with its own relief; it is seen where
    it is above the ground. So stones stick out of thin snow, and its edge has no thickness but its rim's.

    Attributes
    ----------
    height, flatness, noise : texels that it lies higher for high ground (negative: for hollows), for level
        ground, and by chance, for each standard deviation of these.
    smoothing : texels over which the ground shows through it.
    rim : texels that its edge stands up, as cushions do.
    softness : texels of height over which it fades in.
    """

    height: float
    flatness: float
    noise: float
    smoothing: float
    rim: float
    softness: float


MOSS = Cover(height=-1.5, flatness=1.0, noise=3.0, smoothing=3.0, rim=2.0, softness=1.5)
SNOW = Cover(height=2.0, flatness=1.0, noise=2.5, smoothing=4.0, rim=0.5, softness=1.0)
DRIFT = Cover(height=-0.5, flatness=0.0, noise=3.0, smoothing=8.0, rim=0.0, softness=0.8)


def slow_noise(shape: tuple[int, ...], rng: np.random.Generator, texels: float = 60.0) -> Array:
    """Periodic noise (H, W), mean 0 and deviation 1, with patches of about `texels`."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    frequency = np.maximum(np.hypot(fy, fx), 1e-9)
    gain = 1 / (1 + (frequency * texels) ** 3.5)
    gain[0, 0] = 0
    return _unit(np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * gain, s=shape))


def _unit(plane: NDArray[np.floating[Any]]) -> Array:
    return np.asarray((plane - plane.mean()) / max(float(plane.std()), 1e-6), np.float32)


def _ramp(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def _mixed(under: Array, over: Array, mask: Array) -> Array:
    return np.asarray(under + mask * (over - under), np.float32)


def wet(maps: TextureMaps, amount: float) -> TextureMaps:
    """The material after rain: damp at first, from `DRY_BELOW` on with puddles.

    amount : 0 (dry) to 1.
    """
    height = maps.height * np.float32(maps.normal_strength)
    damp = np.float32(amount) * np.clip((maps.roughness - 0.3) / 0.5, 0.25, 1)  # porous is rough
    color = srgb_to_linear(maps.base_color) ** (1 + 0.45 * damp)[..., None] * (1 - 0.3 * damp)[..., None]
    roughness = maps.roughness * (1 - np.float32(0.6 * amount))
    occlusion = maps.occlusion
    share = FLOODED * max(0.0, amount - DRY_BELOW) / (1 - DRY_BELOW)
    if share > 0:
        depth = np.float32(np.quantile(height, share)) - height
        water = _ramp(depth / 0.6 + 0.5)  # the shore is half a texel of height wide
        shown = np.exp(-0.06 * np.maximum(depth, 0)) * 0.85  # what lies deeper is seen darker
        color = color * _mixed(np.ones_like(water), shown, water)[..., None]
        roughness = _mixed(roughness, np.full_like(water, WATER), water)
        occlusion = _mixed(occlusion, np.ones_like(water), water)
        height = height + np.maximum(depth, 0)
    return texture_maps(linear_to_srgb(color), height, np.maximum(roughness, np.float32(0.02)), occlusion)


def covered(
    maps: TextureMaps, over: TextureMaps, cover: Cover, amount: float, rng: np.random.Generator
) -> TextureMaps:
    """Another material of the same size lying over part of the ground.

    amount : share of the ground that is covered, 0 to 1.
    """
    from scipy.ndimage import gaussian_filter

    height = maps.height * np.float32(maps.normal_strength)
    relief = over.height * np.float32(over.normal_strength)
    smooth = gaussian_filter(height, cover.smoothing, mode="wrap")
    level = normal_from_height(smooth, 1.0)[..., 2]
    surface = (
        smooth
        + cover.height * _unit(smooth)
        + cover.flatness * _unit(level)
        + cover.noise * slow_noise(height.shape, rng)
        + relief
    )
    above = surface - height
    limit = np.quantile(above, 1 - amount) + cover.softness * (0.5 - amount)
    depth = np.asarray(above - np.float32(limit), np.float32)
    mask = _ramp(depth / np.float32(cover.softness) + np.float32(0.5))
    height = height + np.maximum(depth, 0) + cover.rim * mask
    color = _mixed(srgb_to_linear(maps.base_color), srgb_to_linear(over.base_color), mask[..., None])
    return texture_maps(
        linear_to_srgb(color),
        np.asarray(height, np.float32),
        _mixed(maps.roughness, over.roughness, mask),
        _mixed(maps.occlusion, over.occlusion, mask),
    )
