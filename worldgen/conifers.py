"""Spruces: tiers of drooping branches around a straight trunk, narrowing to a tip."""

from __future__ import annotations

import numpy as np

from worldgen.asset_kind import ATLAS_SIZE, BARK, AssetKind, PlantVariant, foliage_cells, plant_kind
from worldgen.foliage import needle_branch, shaded
from worldgen.painting import Atlas, Floats, bark
from worldgen.rng import generator
from worldgen.shapes import Shape, bend_normals, both_sides, merge, normalized, ribbons, tube

SINK = 0.4
NEEDLES = (62, 77, 47)
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def conifer(seed: int, name: str = "conifer", snow: float = 0.0) -> AssetKind:
    """Return spruces of 9 to 20 m.

    Parameters
    ----------
    snow : share of the needles that carry snow, 0 .. 1.
    """
    random = generator(seed, f"assets/{name}")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, bark(random, BARK.width, BARK.height, (84, 74, 64), 3.0))
    cells = foliage_cells(3)
    for number, cell in enumerate(cells):
        picture = needle_branch(random, cell.width - 4, cell.height - 4, NEEDLES, snow)
        brightness = (0.76, 0.86, 0.96, 1.04, 1.12, 1.2)[number]
        atlas.place(
            cell._replace(left=cell.left + 2, top=cell.top + 2, width=cell.width - 4, height=cell.height - 4),
            shaded(picture, brightness),
        )
    branches = np.stack([atlas.region(cell, 2.0) for cell in cells])
    trunk = atlas.region(BARK, 3.0)
    heights = random.permutation([9.5, 12.5, 16.0, 20.0]) * random.uniform(0.93, 1.07, 4)
    variants = []
    for height in heights:
        radius = height * random.uniform(0.19, 0.24)
        foot = random.uniform(0.09, 0.16)
        tree = random.integers(2**62)
        variants.append(
            PlantVariant(
                near=_spruce(int(tree), height, radius, foot, (13, 5), (6, 3), 1.0, branches, trunk),
                middle=_spruce(int(tree), height, radius, foot, (9, 3), (4, 2), 1.55, branches, trunk),
            )
        )
    return plant_kind(name, atlas, variants, sink=SINK, crown=0.75, level=0.22, roughness=0.88)


def _spruce(
    seed: int,
    height: float,
    radius: float,
    foot: float,
    whorls: tuple[int, int],
    trunk_shape: tuple[int, int],
    widen: float,
    branches: Floats,
    trunk_region: Floats,
) -> Shape:
    """Return one level of detail of a spruce.

    Parameters
    ----------
    foot : height of the lowest branches as a share of the tree's.
    whorls : (number of whorls, branches in each).
    trunk_shape : (sides, rings) of the trunk.
    widen : factor on the width of a branch, for levels that have few.
    """
    random = generator(seed, "spruce")
    tiers, per_tier = whorls
    tier = np.repeat(np.arange(tiers), per_tier)
    rise = (tier + 0.5 + random.uniform(-0.42, 0.42, len(tier))) / tiers
    t = 1 - (1 - np.clip(rise, 0.0, 1.0)) ** 1.2  # 0 at the lowest branch, 1 at the tip; closer near the tip
    y = height * (foot + (0.965 - foot) * t)
    reach = radius * ((1 - t) ** 0.78 + 0.1) * random.uniform(0.84, 1.14, len(t))
    reach *= np.where(t < 0.12, 0.9, 1.0) * (1 + 0.2 * (widen - 1))  # few branches also look shorter
    azimuth = GOLDEN_ANGLE * tier + 2 * np.pi * np.tile(np.arange(per_tier), tiers) / per_tier
    azimuth = azimuth + random.uniform(-0.25, 0.25, len(t))
    pitch = np.radians(-26 + 18 * t) + random.normal(0, 0.07, len(t))

    outward = np.stack([np.cos(azimuth), np.zeros(len(t)), np.sin(azimuth)], axis=-1)
    across = np.stack([-np.sin(azimuth), np.zeros(len(t)), np.cos(azimuth)], axis=-1)
    ahead = outward * np.cos(pitch)[:, None] + np.array([0, 1.0, 0]) * np.sin(pitch)[:, None]
    start = np.stack([np.zeros(len(t)), y, np.zeros(len(t))], axis=-1)
    length = (reach / np.maximum(np.cos(pitch), 0.5))[:, None]
    spines = np.stack([start, start + ahead * length], axis=1)
    half = np.minimum(0.58 * length, 0.42 * radius) * widen
    regions = branches[np.clip((t * 3.5 + random.integers(0, 3, len(t))).astype(int), 0, 5)]
    drop = np.array([0.0, -1.0, 0.0]) * half * 0.85
    needles = ribbons(spines, (across * half * 0.85)[:, None], regions, drop=drop[:, None])
    needles.positions[:, 1] = np.maximum(needles.positions[:, 1], 0.1)  # the lowest lie on the ground
    axis_distance = needles.positions * (1.0, 0.0, 1.0)
    soft = normalized(axis_distance) * 0.75 + np.array([0, 0.62, 0])
    needles = bend_normals(needles, soft, 0.8)

    tip = np.array([[[0, height * 0.86, 0], [0, height, 0]]] * 2)
    tip_side = np.array([[[0.026, 0, 0]], [[0, 0, 0.026]]]) * height
    leader = ribbons(tip, tip_side, np.stack([branches[3]] * 2))
    leader = both_sides(
        bend_normals(leader, normalized(leader.positions * (1, 0, 1)) + np.array([0, 0.6, 0]))
    )

    sides, count = trunk_shape
    levels = np.linspace(0, 1, count)
    stem = np.stack([0 * levels, -SINK + (0.8 * height + SINK) * levels, 0 * levels], axis=-1)
    thick = 0.0135 * height + 0.05
    thickness = thick * (1 - levels) ** 0.8 * (1 + 0.35 * np.exp(-levels * 12))
    trunk = tube(stem, thickness, sides, trunk_region, -stem[:, 1] / 3.0)
    return merge([trunk, needles, leader])
