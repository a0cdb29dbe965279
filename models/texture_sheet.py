"""Pictures of materials: each on a lit sphere and on a plane of 3 × 3 tiles under grazing light.

A small renderer in numpy: Lambert and GGX (Walter et al. 2007) under one lamp from the upper left, and a sky
that occlusion dims, in linear light. Textures are read from a mip pyramid with 3 × 3 rays a pixel, so that
the plane's far end doesn't alias; normals that a mip level averages away become roughness (Toksvig 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_data import Array
from worldgen.models.texture_distances import linear
from worldgen.models.texture_vae import TextureMaps

if TYPE_CHECKING:
    from PIL.Image import Image

Vectors = NDArray[np.floating[Any]]

SIDE = 168  # pixels of a sphere's picture, and of a plane's height
WIDE = 256  # pixels of a plane's width
RAYS = 3  # along each axis of a pixel
TILES = 3  # of a plane's side
LABEL, GAP = 22, 6  # pixels
LAMP, SKY = 2.5, 0.3  # radiance
BACKGROUND = 0.03  # linear
SPHERE_LAMP = np.array([-0.55, 0.6, 0.58])
PLANE_LAMP = np.array([-0.78, 0.45, 0.43])


def encoded(light: Vectors) -> Array:
    """Linear light to sRGB, clipped to 0 to 1."""
    light = np.clip(light, 0, 1)
    return np.asarray(
        np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055), np.float32
    )


def _pyramid(maps: TextureMaps) -> list[Array]:
    """Levels (h, w, 8), finest first: linear color, normal, roughness, occlusion."""
    parts = [linear(maps.base_color), maps.normal, maps.roughness[..., None], maps.occlusion[..., None]]
    levels = [np.concatenate(parts, axis=-1).astype(np.float32)]
    while min(levels[-1].shape[:2]) > 1 and not (levels[-1].shape[0] % 2 or levels[-1].shape[1] % 2):
        rows, columns, _ = levels[-1].shape
        levels.append(levels[-1].reshape(rows // 2, 2, columns // 2, 2, -1).mean(axis=(1, 3)))
    return levels


def _bilinear(level: Array, u: Vectors, v: Vectors) -> Array:
    """Texels (N, 8) of a periodic level at places (N,) in tiles, rightwards and downwards."""
    rows, columns, _ = level.shape
    y, x = v * rows - 0.5, u * columns - 0.5
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = (y - top)[:, None], (x - left)[:, None]
    upper, lower, left, after = top % rows, (top + 1) % rows, left % columns, (left + 1) % columns
    first = level[upper, left] * (1 - right) + level[upper, after] * right
    second = level[lower, left] * (1 - right) + level[lower, after] * right
    return np.asarray(first * (1 - down) + second * down, np.float32)


def _sampled(maps: TextureMaps, u: Vectors, v: Vectors, seen: NDArray[np.bool_]) -> Array:
    """What rays (h, w) see of a tiling at (u, v), in tiles: (N, 8) for the N rays of `seen`."""
    levels = _pyramid(maps)
    texels = levels[0].shape[0]
    along = [np.hypot(np.gradient(u, axis=axis), np.gradient(v, axis=axis))[seen] * texels for axis in (0, 1)]
    # Rays are dense enough to share a stretched footprint among a pixel's.
    width = np.maximum(np.minimum(*along), np.maximum(*along) / RAYS)
    detail = np.clip(np.log2(np.maximum(width, 1e-6)), 0, len(levels) - 1)
    u, v = u[seen], v[seen]
    found = np.zeros((len(u), 8), np.float32)
    for number, level in enumerate(levels):
        weight = np.maximum(1 - np.abs(detail - number), 0)
        near = np.flatnonzero(weight)
        if len(near):
            found[near] += weight[near, None] * _bilinear(level, u[near], v[near])
    return found


def shade(surface: Array, normal: Vectors, view: Vectors, lamp: Vectors) -> Vectors:
    """Light (N, 3) that points send to the eye.

    Parameters
    ----------
    surface : (N, 8), linear color, normal in the surface's frame (its length says how much was averaged),
        roughness, occlusion.
    normal, view : (N, 3) unit vectors, the normal in the frame of `lamp`.
    lamp : (3,), towards the light.
    """
    lamp = lamp / np.linalg.norm(lamp)
    length = np.clip(np.linalg.norm(surface[:, 3:6], axis=1), 0.05, 1)
    alpha = np.clip(surface[:, 6], 0.05, 1) ** 2
    alpha = np.sqrt(np.minimum(alpha**2 + 2 * (1 - length) / length, 1))
    half = view + lamp
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    to_lamp = np.maximum(normal @ lamp, 0)
    to_view = np.maximum((normal * view).sum(axis=1), 0.02)
    to_half = np.clip((normal * half).sum(axis=1), 0, 1)
    fresnel = 0.04 + 0.96 * (1 - np.clip((view * half).sum(axis=1), 0, 1)) ** 5
    spread = alpha**2 / (np.pi * (to_half**2 * (alpha**2 - 1) + 1) ** 2)
    reach = [cosine + np.sqrt(alpha**2 + (1 - alpha**2) * cosine**2) for cosine in (to_lamp, to_view)]
    specular = fresnel * spread / np.maximum(reach[0] * reach[1], 1e-4)
    color, occlusion = surface[:, :3], surface[:, 7:8]
    direct = (color / np.pi + specular[:, None]) * (LAMP * to_lamp)[:, None]
    return np.asarray(direct + color * occlusion * SKY)


def _picture(seen: NDArray[np.bool_], surface: Array, normal: Vectors, view: Vectors, lamp: Vectors) -> Array:
    """Mean of a pixel's rays, encoded: (h / RAYS, w / RAYS, 3)."""
    light = np.full((*seen.shape, 3), BACKGROUND)
    light[seen] = shade(surface, normal, view, lamp)
    rows, columns = (n // RAYS for n in seen.shape)
    return encoded(light.reshape(rows, RAYS, columns, RAYS, 3).mean(axis=(1, 3)))


def sphere(maps: TextureMaps, side: int = SIDE) -> Array:
    """A lit sphere, (side, side, 3) sRGB, on which about 1.4 tiles lie across the diameter.

    The tiling is laid on by Lambert's azimuthal projection, which has no pole on the side that is seen.
    """
    count = side * RAYS
    place = ((np.arange(count) + 0.5) / count * 2 - 1) * 1.04
    x, y = np.broadcast_to(place[None, :], (count, count)), np.broadcast_to(-place[:, None], (count, count))
    radius = np.hypot(x, y)
    seen = radius < 1
    turn = np.arcsin(np.minimum(radius, 0.9999))
    stretch = np.sin(turn / 2) / np.maximum(radius, 1e-6)  # half of Lambert's 2 sin(turn / 2)
    surface = _sampled(maps, x * stretch, -y * stretch, seen)
    across, up, turn = (x / np.maximum(radius, 1e-6))[seen], (y / np.maximum(radius, 1e-6))[seen], turn[seen]
    outward = np.stack([np.cos(turn) * across, np.cos(turn) * up, -np.sin(turn)], axis=1)
    around = np.stack([-up, across, np.zeros_like(up)], axis=1)
    out = np.stack([np.sin(turn) * across, np.sin(turn) * up, np.cos(turn)], axis=1)
    right = across[:, None] * outward - up[:, None] * around
    upward = up[:, None] * outward + across[:, None] * around
    normal = surface[:, 3:4] * right + surface[:, 4:5] * upward + surface[:, 5:6] * out
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    view = np.broadcast_to(np.array([0.0, 0.0, 1.0]), normal.shape)
    return _picture(seen, surface, normal, view, SPHERE_LAMP)


def plane(maps: TextureMaps, width: int = WIDE, height: int = SIDE) -> Array:
    """A plane of TILES × TILES in perspective under grazing light, (height, width, 3) sRGB."""
    eye, target = np.array([1.5, -1.3, 1.7]), np.array([1.5, 1.0, 0.0])
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.array([1.0, 0.0, 0.0])
    above = np.cross(right, ahead)
    columns = ((np.arange(width * RAYS) + 0.5) / (width * RAYS) * 2 - 1) * (width / height)
    rows = 1 - (np.arange(height * RAYS) + 0.5) / (height * RAYS) * 2
    ray = ahead + 0.4 * (columns[None, :, None] * right + rows[:, None, None] * above)  # (h, w, 3)
    far = eye[2] / np.maximum(-ray[..., 2], 1e-3)
    x, y = eye[0] + far * ray[..., 0], eye[1] + far * ray[..., 1]
    seen = (x > 0) & (x < TILES) & (y > 0) & (y < TILES)
    surface = _sampled(maps, x, TILES - y, seen)
    normal = surface[:, 3:6] / np.linalg.norm(surface[:, 3:6], axis=1, keepdims=True)
    view = -ray[seen] / np.linalg.norm(ray[seen], axis=1, keepdims=True)
    return _picture(seen, surface, normal, view, PLANE_LAMP)


def texture_sheet(rows: Sequence[tuple[str, Sequence[TextureMaps]]]) -> Image:
    """A contact sheet: one row a label, with sphere and plane of each of its materials.

    Returns
    -------
    PIL image, RGB.
    """
    from PIL import Image, ImageDraw, ImageFont

    across = max((len(materials) for _, materials in rows), default=1)
    cell = SIDE + WIDE + 2 * GAP
    sheet = Image.new("RGB", (across * cell + GAP, len(rows) * (SIDE + LABEL + GAP) + GAP), (50, 50, 50))
    draw = ImageDraw.Draw(sheet)
    for number, (label, materials) in enumerate(rows):
        top = GAP + number * (SIDE + LABEL + GAP)
        draw.text((GAP, top), label, fill=(235, 235, 235), font=ImageFont.load_default(size=15))
        for position, maps in enumerate(materials):
            left = GAP + position * cell
            for picture, at in ((sphere(maps), left), (plane(maps), left + SIDE + GAP)):
                sheet.paste(
                    Image.fromarray(np.rint(picture * 255).astype(np.uint8)),
                    (at, top + LABEL),
                )
    return sheet
