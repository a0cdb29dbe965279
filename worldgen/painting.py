"""Painting in numpy and Pillow: strokes, bark and stone, and the atlas that one kind of object shares.

Pictures of plants are painted as thousands of small polygons (needles, leaflets, blades), dark ones first.
They are drawn three times too large and averaged down with the alpha multiplied in, so that edges stay clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

OVERSAMPLING = 3


class Box(NamedTuple):
    """A rectangle of an atlas in pixels; rows count downwards."""

    left: int
    top: int
    width: int
    height: int


class Strokes(NamedTuple):
    """Polygons that are drawn in order."""

    polygons: Floats  # (S, K, 2) pixels, x to the right, y up from the picture's bottom
    colors: Floats  # (S, 3) sRGB, 0 .. 255


def join(strokes: Sequence[Strokes]) -> list[Strokes]:
    """Return the strokes without the empty ones."""
    return [stroke for stroke in strokes if len(stroke.polygons)]


def slivers(roots: Floats, angles: Floats, lengths: ArrayLike, widths: ArrayLike, colors: Floats) -> Strokes:
    """Return thin triangles (needles, thorns, straight blades).

    Parameters
    ----------
    roots : (S, 2) pixels.
    angles : (S,) radians; 0 points up, positive turns to the right.
    lengths, widths : (S,) or scalar, pixels.
    """
    ahead = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    side = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
    half = 0.5 * np.broadcast_to(np.asarray(widths, np.float64), angles.shape)[:, None] * side
    reach = np.broadcast_to(np.asarray(lengths, np.float64), angles.shape)[:, None] * ahead
    return Strokes(np.stack([roots - half, roots + half, roots + reach], axis=1), colors)


def leaves(roots: Floats, angles: Floats, lengths: ArrayLike, widths: ArrayLike, colors: Floats) -> Strokes:
    """Return pointed ovals; arguments as in `slivers`, the width is the greatest one."""
    ahead = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    side = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
    half = 0.5 * np.broadcast_to(np.asarray(widths, np.float64), angles.shape)[:, None, None] * side[:, None]
    reach = np.broadcast_to(np.asarray(lengths, np.float64), angles.shape)[:, None, None] * ahead[:, None]
    along = np.array([0.0, 0.25, 0.55, 1.0, 0.55, 0.25])[:, None]
    across = np.array([0.0, 0.9, 0.85, 0.0, -0.85, -0.9])[:, None]
    return Strokes(roots[:, None] + along * reach + across * half, colors)


def blades(roots: Floats, tips: Floats, sag: ArrayLike, widths: ArrayLike, colors: Floats) -> Strokes:
    """Return curved blades from root to tip.

    Parameters
    ----------
    roots, tips : (S, 2) pixels.
    sag : (S,) pixels by which the middle rises above the straight line.
    widths : (S,) or scalar, pixels at the root.
    """
    t = np.linspace(0.0, 1.0, 5)[:, None]
    rise = np.broadcast_to(np.asarray(sag, np.float64), (len(roots),))[:, None, None]
    spine = roots[:, None] + t * (tips - roots)[:, None] + 4 * t * (1 - t) * rise * np.array([0.0, 1.0])
    ahead = np.gradient(spine, axis=1)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-9)
    side = np.stack([ahead[..., 1], -ahead[..., 0]], axis=-1)
    half = 0.5 * np.broadcast_to(np.asarray(widths, np.float64), (len(roots),))[:, None, None] * (1 - t**2)
    return Strokes(np.concatenate([spine + half * side, (spine - half * side)[:, -2::-1]], axis=1), colors)


def tints(
    generator: np.random.Generator, base: ArrayLike, brightness: ArrayLike, spread: float = 0.1
) -> Floats:
    """Return (S, 3) colours around a base: own brightness each, and a warm-to-cold drift.

    Parameters
    ----------
    base : (3,) sRGB, 0 .. 255.
    brightness : (S,) factors.
    spread : standard deviation of brightness and hue.
    """
    brightness = np.asarray(brightness, np.float64)
    warmth = generator.normal(0.0, spread, brightness.shape)[:, None] * np.array([0.9, 0.15, -0.7])
    jitter = generator.normal(1.0, spread, brightness.shape)[:, None]
    colors: Floats = np.asarray(base, np.float64) * (1 + warmth) * jitter * brightness[:, None]
    return np.clip(colors, 8, 235)


def paint(width: int, height: int, strokes: Sequence[Strokes]) -> Pixels:
    """Return a (height, width, 4) uint8 picture of the strokes on nothing."""
    image = Image.new("RGBA", (width * OVERSAMPLING, height * OVERSAMPLING))
    draw = ImageDraw.Draw(image)
    for polygons, colors in join(strokes):
        points = polygons * (OVERSAMPLING, -OVERSAMPLING) + (0, height * OVERSAMPLING)
        flat = points.reshape(len(points), -1).tolist()
        for outline, color in zip(flat, np.rint(colors).astype(int).tolist(), strict=True):
            draw.polygon(outline, fill=(*color, 255))
    return np.asarray(image.reduce(OVERSAMPLING))


def periodic_noise(
    generator: np.random.Generator, shape: tuple[int, int], scale: tuple[float, float]
) -> Floats:
    """Return (H, W) Gaussian noise, zero mean and unit deviation, that repeats without a seam.

    Parameters
    ----------
    scale : correlation length down and across, pixels.
    """
    down = np.exp(-2 * (np.pi * np.fft.fftfreq(shape[0]) * scale[0]) ** 2)
    across = np.exp(-2 * (np.pi * np.fft.rfftfreq(shape[1]) * scale[1]) ** 2)
    spectrum = np.fft.rfft2(generator.standard_normal(shape)) * down[:, None] * across
    spectrum[0, 0] = 0.0
    noise = np.asarray(np.fft.irfft2(spectrum, shape), np.float64)
    return noise / max(float(noise.std()), 1e-12)


def bark(generator: np.random.Generator, width: int, height: int, base: ArrayLike, stretch: float) -> Pixels:
    """Return (height, width, 4) bark that repeats along its height.

    Parameters
    ----------
    base : (3,) sRGB, 0 .. 255.
    stretch : length of the ridges relative to their width; below 1 gives rings, as on a palm.
    """
    ridges = periodic_noise(generator, (height, width), (2.2 * stretch, 2.2))
    plates = periodic_noise(generator, (height, width), (6 * stretch, 6.0))
    grain = periodic_noise(generator, (height, width), (0.7, 0.7))
    crack = np.clip(1.2 - np.abs(ridges) * 2.2, 0, 1)  # furrows where the field crosses zero
    value = 1.0 + 0.10 * plates + 0.06 * grain - 0.45 * crack
    warmth = 1 + 0.02 * plates[..., None] * np.array([1.0, 0.0, -1.0])
    color = np.clip(np.asarray(base, np.float64) * value[..., None] * warmth, 8, 235)
    return np.dstack([color, np.full((height, width), 255.0)]).round().astype(np.uint8)


def bleed(image: Pixels) -> Pixels:
    """Return an RGBA picture whose clear texels carry the colour of their neighbourhood.

    Mip levels and bilinear filters mix clear texels in; black ones would give dark fringes. Push-pull:
    average down with alpha as the weight, then fill from the coarser levels.
    """
    levels = [image.astype(np.float64)]
    levels[0][..., :3] *= levels[0][..., 3:] / 255.0
    while min(levels[-1].shape[:2]) > 1:
        fine = levels[-1]
        rows, columns = fine.shape[0] // 2, fine.shape[1] // 2
        levels.append(fine.reshape(rows, 2, columns, 2, 4).mean(axis=(1, 3)))
    filled = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:] / 255.0, 1e-9)
    for level in reversed(levels[:-1]):
        coarse = filled.repeat(2, axis=0).repeat(2, axis=1)
        weight = level[..., 3:] / 255.0
        own = level[..., :3] / np.maximum(weight, 1e-9)
        trust = np.clip(weight * 8.0, 0.0, 1.0)  # a nearly clear texel's own colour is mostly rounding
        filled = trust * own + (1 - trust) * coarse
    opaque = image[..., 3:] == 255
    color = np.where(opaque, image[..., :3], np.clip(np.rint(filled), 0, 255)).astype(np.uint8)
    return np.concatenate([color, image[..., 3:]], axis=-1)


class Atlas:
    """A square RGBA picture that all variants of one kind share.

    >>> atlas = Atlas(64)
    >>> atlas.place(Box(0, 0, 16, 64), np.zeros((64, 16, 4), np.uint8))
    >>> atlas.region(Box(0, 0, 16, 64), inset=0)
    array([0.  , 0.  , 0.25, 1.  ])
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.image: Pixels = np.zeros((size, size, 4), np.uint8)

    def place(self, box: Box, picture: Pixels) -> None:
        """Copy a (height, width, 4) picture in."""
        self.image[box.top : box.top + box.height, box.left : box.left + box.width] = picture

    def region(self, box: Box, inset: float = 1.0) -> Floats:
        """Return (4,) texcoords left, top, right, bottom of a box, `inset` pixels inside its edge."""
        low = np.array([box.left, box.top], np.float64) + inset
        high = np.array([box.left + box.width, box.top + box.height], np.float64) - inset
        return np.concatenate([low, high]) / self.size
