"""Pixels as a file shall hold them: sides that are powers of two, not too large, normals of unit length.

Each role is averaged in the space where averages mean something: base color in linear light and weighted by
its alpha, normals as vectors, occlusion, roughness and metallic as they are. Halving is by exact means of
2 x 2 texels, which is also how GPUs make mipmaps; other sizes are resampled once, to the nearest power of
two, since weak clients and compressed formats ask for those.

Means thin out leaves: where alpha is cut off, fewer texels of a small image pass. So alpha is scaled until
the share that passes is that of the image given (Castaño, "Computing alpha mipmaps", 2010).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worldgen.materials import linear_to_srgb, srgb_to_linear

Role = Literal["base_color", "normal", "orm", "roughness", "metallic", "alpha"]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Colours of clear texels count this much, so that they are not lost where all around is clear.
_FAINT = 1e-3
_EDGE = 8  # texels around an image while it is resampled: more than the filters reach
# Blue of a normal that points away from its surface is lifted to this: glTF wants more than 0.5 (127.5).
_LEAST_BLUE = 2 / 255
# A vector shorter than this has no direction: rounding alone gives 0.007.
_NOTHING = 0.05
_UP = np.array([0, 0, 1], np.float32)


def prepared(
    pixels: Pixels,
    role: Role,
    *,
    maximum: int | None = None,
    minimum: int = 1,
    normal_y: Literal["+", "-"] = "+",
    cutoff: float | None = None,
    repeat: bool = True,
) -> Pixels:
    """Return an image as it is to be encoded; one that is right already is returned as it is.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 1 to 4) uint8.
    role : decides the space of means; normals are also made of unit length.
    maximum, minimum : texels of the longer and of the shorter side.
    normal_y : "-" turns the green of normal maps round (255 - g), for DirectX.
    cutoff : alpha from which a texel is drawn, of materials that cut off; None where none does.
    repeat : the image tiles, so that what is beyond its edge is its other side.
    """
    if role == "normal":
        pixels = unit_normals(pixels)
    shape = (power_of_two(pixels.shape[0], minimum), power_of_two(pixels.shape[1], minimum))
    halvings = 0 if maximum is None else max(0, math.ceil(math.log2(max(shape) / maximum)))
    if shape != pixels.shape[:2] or halvings:
        planes = _opened(pixels, role)
        if shape != pixels.shape[:2]:
            planes = _resampled(planes, shape, ringing=role != "base_color", repeat=repeat)
        for _ in range(halvings):
            planes = halved(planes)
        if min(planes.shape[:2]) < minimum:  # a strip
            rows, columns = (max(minimum, side) for side in planes.shape[:2])
            planes = planes.repeat(rows // planes.shape[0], 0).repeat(columns // planes.shape[1], 1)
        pixels = _closed(planes, role, pixels, cutoff)
    if role == "normal" and normal_y == "-":
        pixels = np.dstack([pixels[..., 0], 255 - pixels[..., 1], pixels[..., 2]])
    return pixels


def power_of_two(side: int, minimum: int = 1) -> int:
    """Return the power of two whose ratio to a side is the closest to 1, at least ``minimum``.

    >>> [power_of_two(side) for side in (1, 5, 6, 256, 300, 384, 1000)]
    [1, 4, 8, 256, 256, 512, 1024]
    """
    return int(max(minimum, 2 ** round(math.log2(side))))


def halved(planes: Floats) -> Floats:
    """Return (H/2, W/2, C) means of 2 x 2 texels of (H, W, C); a side of 1 stays."""
    if planes.shape[0] > 1:
        planes = (planes[0::2] + planes[1::2]) * np.float32(0.5)
    if planes.shape[1] > 1:
        planes = (planes[:, 0::2] + planes[:, 1::2]) * np.float32(0.5)
    return planes


def unit_normals(pixels: Pixels, tolerance: float = 0.01) -> Pixels:
    """Return (H, W, 3) normals of unit length and blue above 127.5; those that are so already are kept.

    Parameters
    ----------
    tolerance : of the length; rounding to 8 bits alone leaves up to 0.0068 (half a step, 1/255, in each of
        three axes).
    """
    vectors = pixels[..., :3].astype(np.float32) * np.float32(2 / 255) - 1
    lengths = np.sqrt((vectors * vectors).sum(axis=-1))
    wrong = (np.abs(lengths - 1) > tolerance) | (pixels[..., 2] <= 127)
    if not wrong.any() and pixels.shape[2] == 3:
        return pixels
    result = np.ascontiguousarray(pixels[..., :3]).copy()
    result[wrong] = _packed(vectors[wrong])
    return result


def _packed(vectors: Floats) -> Pixels:
    """Return (..., 3) vectors as bytes, of unit length and upwards; one of no length points straight up."""
    length = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    unit = np.where(length > _NOTHING, vectors / np.maximum(length, _NOTHING), _UP)
    low = unit[..., 2] < _LEAST_BLUE
    if low.any():
        side = np.hypot(unit[..., 0], unit[..., 1])
        kept = math.sqrt(1 - _LEAST_BLUE**2) / np.maximum(side, 1e-6)
        flat = np.stack([unit[..., 0] * kept, unit[..., 1] * kept, np.full_like(side, _LEAST_BLUE)], axis=-1)
        flat = np.where((side > _NOTHING)[..., None], flat, _UP)
        unit = np.where(low[..., None], flat, unit)
    return np.rint((unit * 0.5 + 0.5) * 255).astype(np.uint8)


def _opened(pixels: Pixels, role: Role) -> Floats:
    """Return (H, W, C) float32 planes that may be averaged: see the module; alpha comes last, as a weight."""
    planes = np.atleast_3d(pixels).astype(np.float32) / np.float32(255)
    if role == "normal":
        return np.asarray(planes[..., :3] * 2 - 1, np.float32)
    if role != "base_color":
        return planes
    if planes.shape[2] in (2, 4):
        weight = planes[..., -1:] + np.float32(_FAINT)
        return np.concatenate([srgb_to_linear(planes[..., :-1]) * weight, weight], axis=-1)
    return np.asarray(srgb_to_linear(planes), np.float32)


def _closed(planes: Floats, role: Role, given: Pixels, cutoff: float | None) -> Pixels:
    """Return planes as bytes, with as much of them above the cutoff as in the image given."""
    if role == "normal":
        return _packed(planes)
    if role == "base_color" and planes.shape[2] in (2, 4):
        weight = planes[..., -1:]
        alpha = np.clip(weight - np.float32(_FAINT), 0, 1)
        if cutoff is not None:
            alpha = _covering(alpha, given[..., -1], cutoff)
        planes = np.concatenate([linear_to_srgb(np.clip(planes[..., :-1] / weight, 0, 1)), alpha], axis=-1)
    elif role == "base_color":
        planes = np.asarray(linear_to_srgb(np.clip(planes, 0, 1)), np.float32)
    elif role == "alpha" and cutoff is not None:
        planes = _covering(planes[..., :1], given[..., -1], cutoff).repeat(planes.shape[2], axis=2)
    pixels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
    return pixels[..., 0] if given.ndim == 2 else pixels


def _covering(alpha: Floats, given: Pixels, cutoff: float) -> Floats:
    """Return alpha times the number that lets the share of ``given`` pass the cutoff."""
    limit = math.ceil(cutoff * 255)
    share = float((given >= limit).mean())
    count = round(share * alpha.size)
    if not 0 < count < alpha.size:
        return alpha
    # The least alpha that is to pass.
    threshold = float(np.partition(alpha.ravel(), alpha.size - count)[alpha.size - count])
    if threshold <= 0:
        return alpha
    return np.asarray(np.minimum(alpha * np.float32((limit - 0.45) / 255 / threshold), 1), np.float32)


def _resampled(planes: Floats, shape: tuple[int, int], *, ringing: bool, repeat: bool) -> Floats:
    """Return (H', W', C) planes of another size; Lanczos, or a filter without negative weights."""
    rows, columns = planes.shape[:2]
    mode: Literal["wrap", "edge"] = "wrap" if repeat else "edge"
    padded = np.pad(planes, ((_EDGE, _EDGE), (_EDGE, _EDGE), (0, 0)), mode=mode)
    box = (_EDGE, _EDGE, _EDGE + columns, _EDGE + rows)
    kind = Image.Resampling.LANCZOS if ringing else Image.Resampling.HAMMING
    size = (shape[1], shape[0])
    layers = [
        np.asarray(Image.fromarray(np.ascontiguousarray(padded[..., k])).resize(size, kind, box))
        for k in range(planes.shape[2])
    ]
    return np.stack(layers, axis=-1)
