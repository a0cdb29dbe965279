"""Columnar cacti with ribs and arms."""

from __future__ import annotations

import numpy as np

from worldgen.asset_kind import ATLAS_SIZE, BARK, AssetKind, PlantVariant, plant_kind
from worldgen.painting import Atlas, Floats, Pixels, paint, periodic_noise, slivers
from worldgen.rng import generator
from worldgen.shapes import Shape, merge, tube

SINK = 0.3
METRES_PER_TILE = 1.5


def cactus(seed: int) -> AssetKind:
    """Return columnar cacti of 2.5 to 5.5 m with up to three arms."""
    random = generator(seed, "assets/cactus")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, _skin(random, BARK.width, BARK.height))
    skin = atlas.region(BARK, 2.0)
    variants = []
    for height, arms in zip((2.6, 3.6, 4.5, 5.3), (0, 1, 2, 3), strict=True):
        plant = int(random.integers(2**62))
        variants.append(
            PlantVariant(
                near=_column(plant, height, arms, True, skin),
                middle=_column(plant, height, arms, False, skin),
            )
        )
    return plant_kind(
        "cactus",
        atlas,
        variants,
        sink=SINK,
        crown=0.9,
        cards=2,
        level=None,
        upward=(0.0, 0.15),
        roughness=0.7,
    )


def _skin(random: np.random.Generator, width: int, height: int) -> Pixels:
    """Return half a rib: the valley at the left, the thorny ridge at the right; repeats along v."""
    u = np.linspace(0, 1, width)[None, :, None]
    value = 0.66 + 0.42 * u + 0.05 * periodic_noise(random, (height, width), (14.0, 3.0))[..., None]
    value = value + 0.03 * periodic_noise(random, (height, width), (1.0, 1.0))[..., None]
    color = np.clip(np.array([98, 116, 76]) * value, 8, 235)
    count = height // 16
    y = np.repeat(np.arange(count) * 16.0 + 8.0, 7)
    roots = np.stack([np.full(len(y), width - 3.0), y], axis=-1)
    angles = np.tile(np.linspace(-2.6, -0.5, 7), count) + random.normal(0, 0.15, len(y))
    pale = np.array([176, 164, 128]) * random.uniform(0.75, 1.1, (len(y), 1))
    picture = paint(width, height, [slivers(roots, angles, 9.0, 1.8, pale)])
    alpha = picture[..., 3:] / 255.0
    mixed = color * (1 - alpha) + picture[..., :3] * alpha
    return np.dstack([np.rint(mixed), np.full((height, width), 255.0)]).astype(np.uint8)


def _ribbed(path: Floats, radius: float, ribs: int, near: bool, skin: Floats) -> Shape:
    """Return a column with a rounded end along a path; `near` gives it real ribs."""
    ahead = path[-1] - path[-2]
    ahead = ahead / np.linalg.norm(ahead)
    dome = np.array([0.45, 0.85, 1.0] if near else [0.7, 1.0])
    cap = path[-1] + dome[:, None] * radius * 1.3 * ahead
    centres = np.concatenate([path, cap])
    cap_radius = radius * np.sqrt(np.maximum(1 - dome**2, 0))
    radii = np.concatenate([np.full(len(path), radius), cap_radius])
    radii[0] *= 0.88
    along = (
        np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centres, axis=0), axis=1))]) / METRES_PER_TILE
    )
    sides = 2 * ribs if near else ribs + ribs % 2
    profile = (0.82, 1.06) if near else (1.06,)
    return tube(centres, radii, sides, skin, -along, waves=sides // 2, profile=profile)


def _column(seed: int, height: float, arms: int, near: bool, skin: Floats) -> Shape:
    """Return one level of detail of a cactus; `height` without the cap, metres."""
    random = generator(seed, "cactus")
    radius = 0.15 + 0.03 * height
    levels = np.array([-SINK, 0.35 * height, 0.75 * height, height] if near else [-SINK, height])
    sway = random.normal(0, 0.015, 2) * height
    bend = np.clip(levels / height, 0, 1)[:, None] ** 2 * sway
    parts = [
        _ribbed(np.stack([bend[:, 0], levels, bend[:, 1]], axis=-1), radius, 7 if near else 6, near, skin)
    ]
    for number in range(arms):
        azimuth = 2 * np.pi * number / max(arms, 2) + random.uniform(-0.5, 0.5) + 0.6
        out = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])
        base = height * random.uniform(0.34, 0.55)
        reach = radius * random.uniform(2.3, 2.9)
        top = min(height * 0.92, base + height * random.uniform(0.25, 0.42))
        turn = np.linspace(0, np.pi / 2, 4 if near else 2)
        curve = reach * 0.62
        elbow = out * (reach - curve) + np.outer(np.sin(turn), out) * curve
        elbow[:, 1] = base + (1 - np.cos(turn)) * curve
        path = np.concatenate([[out * radius * 0.4 + [0, base, 0]], elbow, [out * reach + [0, top, 0]]])
        if not near:
            path = path[[0, 2, 3]]
        parts.append(_ribbed(path, radius * 0.62, 4, near, skin))
    return merge(parts)
