"""Broadleaf trees and shrubs: rounded crowns of leaf clusters on limbs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from worldgen.asset_kind import ATLAS_SIZE, BARK, AssetKind, PlantVariant, foliage_cells, plant_kind
from worldgen.foliage import leaf_cluster, shaded
from worldgen.painting import Atlas, Box, Floats, bark
from worldgen.rng import generator
from worldgen.shapes import (
    Shape,
    bend_normals,
    both_sides,
    cards,
    face_outward,
    fibonacci_directions,
    merge,
    normalized,
    tube,
)

TREE_SINK = 0.4
SHRUB_SINK = 0.12
LEAVES = (76, 92, 44)
SHRUB_LEAVES = (82, 90, 50)


def broadleaf(seed: int) -> AssetKind:
    """Return broadleaf trees of 7 to 15 m with irregular, rounded crowns."""
    random = generator(seed, "assets/broadleaf")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, bark(random, BARK.width, BARK.height, (92, 84, 74), 4.0))
    near, middle = _paint_clusters(random, atlas, LEAVES, 190, 12.0)
    trunk = atlas.region(BARK, 3.0)
    variants = []
    for height in random.permutation([8.0, 10.5, 12.5, 14.5]) * random.uniform(0.95, 1.05, 4):
        tree = int(random.integers(2**62))
        wide = height * random.uniform(0.3, 0.4)
        variants.append(
            PlantVariant(
                near=_tree(tree, height, wide, 9, (98, 13), (6, 4, 2), near, trunk),
                middle=_tree(tree, height, wide, 9, (38, 6), (4, 2, 1), middle, trunk),
            )
        )
    return plant_kind("broadleaf", atlas, variants, sink=TREE_SINK, crown=0.8, level=0.62, upward=(0.1, 0.75))


def shrub(seed: int) -> AssetKind:
    """Return shrubs of 0.7 to 1.7 m."""
    random = generator(seed, "assets/shrub")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, bark(random, BARK.width, BARK.height, (88, 76, 62), 4.0))
    near, middle = _paint_clusters(random, atlas, SHRUB_LEAVES, 170, 13.0)
    stem = atlas.region(BARK, 3.0)
    variants = []
    for height in random.permutation([0.75, 1.0, 1.3, 1.65]) * random.uniform(0.95, 1.05, 4):
        bush = int(random.integers(2**62))
        wide = height * random.uniform(0.55, 0.8)
        variants.append(
            PlantVariant(
                near=_bush(bush, height, wide, (22, 4), 4, near, stem),
                middle=_bush(bush, height, wide, (8, 2), 0, middle, stem),
            )
        )
    return plant_kind(
        "shrub", atlas, variants, sink=SHRUB_SINK, crown=0.85, cards=2, level=None, collider=None
    )


def _paint_clusters(
    random: np.random.Generator, atlas: Atlas, base: ArrayLike, count: int, length: float
) -> tuple[Floats, Floats]:
    """Paint eight clusters and return the (4, 4) regions of the near and of the middle level, dark to light.

    The middle level has fewer and larger cards: its clusters hold more and smaller leaves, so that a leaf
    keeps about its size when the levels change.
    """
    cells = foliage_cells(4)
    for number, cell in enumerate(cells):
        width, height = cell.width - 4, cell.height - 4
        share = 1.0 if number < 4 else 0.66
        picture = leaf_cluster(random, width, height, base, int(count / share**2), length * share)
        brightness = (0.7, 0.88, 1.02, 1.16)[number % 4]
        atlas.place(Box(cell.left + 2, cell.top + 2, width, height), shaded(picture, brightness))
    regions = np.stack([atlas.region(cell, 2.0) for cell in cells])
    return regions[:4], regions[4:]


def _clusters(
    random: np.random.Generator,
    blobs: Floats,
    blob_radii: Floats,
    count: int,
    size: float,
    regions: Floats,
    centre: Floats,
    reach: Floats,
) -> Shape:
    """Return leaf cards on the outside of a heap of blobs.

    Parameters
    ----------
    blobs, blob_radii : (K, 3), (K, 3) centre and radii of each blob, metres.
    count : number of cards.
    size : half the edge of a card, metres.
    centre, reach : (3,) middle and radii of the whole crown, metres, for soft normals and for the light.
    """
    directions = fibonacci_directions(64)
    spots = blobs[:, None] + directions * blob_radii[:, None]  # (K, 64, 3)
    inside = np.linalg.norm((spots[:, :, None] - blobs) / blob_radii, axis=-1)  # (K, 64, K)
    inside[np.arange(len(blobs)), :, np.arange(len(blobs))] = 2.0
    free = (inside.min(axis=-1) > 0.93).reshape(-1)
    spots = spots.reshape(-1, 3)[free]
    outward = np.tile(directions, (len(blobs), 1))[free]
    # Farthest-point choice: an even cover whatever the number of cards.
    chosen = [int(np.argmax(spots[:, 1]))]
    gap = np.linalg.norm(spots - spots[chosen[0]], axis=1)
    for _ in range(min(count, len(spots)) - 1):
        chosen.append(int(np.argmax(gap)))
        gap = np.minimum(gap, np.linalg.norm(spots - spots[chosen[-1]], axis=1))
    spots, outward = spots[chosen], outward[chosen]
    away = normalized((spots - centre) / reach)
    # Steeper than the crown's own surface: cards that lie flat on its top look like lines from the ground.
    tilt = np.array([1.0, 0.45, 1.0])
    facing = normalized((outward * 0.55 + away * 0.6) * tilt + random.normal(0, 0.3, spots.shape))
    # The picture's stem points back into the crown.
    up = normalized(outward + np.array([0, 0.8, 0]) + random.normal(0, 0.4, spots.shape))
    half = size * random.uniform(0.85, 1.15, len(spots))
    light = np.clip(0.58 + 0.34 * away[:, 1] + random.normal(0, 0.14, len(spots)), 0, 0.999)
    shape = cards(
        spots - away * half[:, None] * 0.4, facing, up, half, regions[(light * len(regions)).astype(int)]
    )
    # Partly the blob's own dome: its shading shows the lumps that make a crown look grown.
    soft = (
        normalized((shape.positions - centre) / reach)
        + 0.7 * outward.repeat(4, axis=0)
        + np.array([0, 1.0, 0])
    )
    shape = bend_normals(shape, soft, 0.9)
    shape.normals[:, 1] = np.maximum(shape.normals[:, 1], 0.0)  # leaves let light through: no black underside
    return face_outward(shape._replace(normals=normalized(shape.normals)))


def _inside(random: np.random.Generator, centre: Floats, reach: Floats, count: int, regions: Floats) -> Shape:
    """Return large dark two-sided cards that fill a crown and keep the sky from showing through."""
    directions = fibonacci_directions(count)
    spots = centre + directions * reach * 0.42
    up = np.tile([0.0, 1.0, 0.0], (count, 1)) + random.normal(0, 0.3, (count, 3))
    facing = np.cross(up, random.normal(0, 1, (count, 3)))
    shape = cards(spots, facing, up, 0.56 * float(reach.mean()), regions[np.arange(count) % 2])
    soft = normalized((shape.positions - centre) / reach) + np.array([0, 0.7, 0])
    return both_sides(bend_normals(shape, soft))


def _tree(
    seed: int,
    height: float,
    wide: float,
    blob_count: int,
    card_counts: tuple[int, int],
    wood: tuple[int, int, int],
    regions: Floats,
    trunk_region: Floats,
) -> Shape:
    """Return one level of detail of a broadleaf tree.

    Parameters
    ----------
    wide : radius of the crown, metres.
    blob_count : blobs that the crown is made of.
    card_counts : (cards on the outside, dark cards within).
    wood : (sides of the trunk, its rings, detail of limbs: 2 has rings, 1 is plain, 0 leaves them out).
    """
    random = generator(seed, "broadleaf")
    clear = height * random.uniform(0.2, 0.27)  # height of the trunk without leaves
    reach = np.array([wide, 0.5 * (height - clear), wide * random.uniform(0.88, 1.0)])
    centre = np.array([0.0, height - reach[1], 0.0])
    directions = fibonacci_directions(blob_count)
    turn = random.uniform(0, 2 * np.pi)
    spin = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    directions = normalized(directions @ spin + random.normal(0, 0.22, (blob_count, 3)))
    share = random.uniform(0.34, 0.5, blob_count)[:, None]
    blob_radii = reach * share
    blobs = centre + directions * reach * (0.97 - share) * random.uniform(0.8, 1.05, (blob_count, 1))
    blobs[:, 1] += 0.05 * reach[1]
    size = 0.62 * wide * np.sqrt(98 / card_counts[0]) ** 0.8 * 0.62
    leaves = _clusters(random, blobs, blob_radii, card_counts[0], size, regions, centre, reach)
    filling = _inside(random, centre, reach, card_counts[1], regions)

    sides, rings, detail = wood
    levels = np.linspace(0, 1, rings)
    sway = random.normal(0, 0.05 * height, 2) * 0.5
    top = centre[1] + 0.2 * reach[1]
    stem = np.stack(
        [sway[0] * levels**2, -TREE_SINK + (top + TREE_SINK) * levels, sway[1] * levels**2], axis=-1
    )
    thick = 0.02 * height + 0.06
    trunk = tube(
        stem,
        thick * (1 - 0.75 * levels) * (1 + 0.45 * np.exp(-levels * 9)),
        sides,
        trunk_region,
        -stem[:, 1] / 3,
    )
    limbs = []
    for number in range(5 if detail == 2 else 3):
        end = blobs[np.argsort(blobs[:, 1])[number]]
        start = np.array([0.0, clear * random.uniform(0.75, 1.15), 0.0])
        start[[0, 2]] = np.array(sway) * ((start[1] + TREE_SINK) / (top + TREE_SINK)) ** 2
        points = 3 if detail == 2 else 2
        s = np.linspace(0, 1, points)[:, None]
        path = start + (end - start) * s + np.array([0, 0.12, 0]) * height * s * (1 - s)
        limbs.append(
            tube(path, thick * np.linspace(0.5, 0.2, points), 3, trunk_region, np.linspace(0, 1, points))
        )
    return merge([trunk, *limbs, filling, leaves])


def _bush(
    seed: int,
    height: float,
    wide: float,
    card_counts: tuple[int, int],
    stems: int,
    regions: Floats,
    stem: Floats,
) -> Shape:
    """Return one level of detail of a shrub; parameters as in `_tree`."""
    random = generator(seed, "shrub")
    reach = np.array([wide, 0.56 * height, wide * random.uniform(0.85, 1.0)])
    centre = np.array([0.0, 0.44 * height, 0.0])
    count = 5
    angle = 2 * np.pi * np.arange(count) / count + random.uniform(0, 6.28)
    blobs = centre + np.stack(
        [
            0.36 * reach[0] * np.cos(angle),
            reach[1] * random.uniform(-0.15, 0.25, count),
            0.36 * reach[2] * np.sin(angle),
        ],
        axis=-1,
    )
    blob_radii = reach * random.uniform(0.45, 0.6, (count, 1))
    size = 0.4 * wide * np.sqrt(22 / card_counts[0]) ** 0.8
    # A shrub is thin enough to be looked through: its cards need their backs.
    leaves = both_sides(_clusters(random, blobs, blob_radii, card_counts[0], size, regions, centre, reach))
    filling = _inside(random, centre, reach * (1, 0.8, 1), card_counts[1], regions)
    leaves.positions[:, 1] = np.maximum(leaves.positions[:, 1], -SHRUB_SINK)
    filling.positions[:, 1] = np.maximum(filling.positions[:, 1], -SHRUB_SINK)
    wood = []
    for number in range(stems):
        end = blobs[number]
        path = np.stack([np.array([0.08 * end[0], -SHRUB_SINK, 0.08 * end[2]]), end])
        wood.append(tube(path, np.array([0.03, 0.01]) * height, 3, stem, np.array([0.0, 1.0])))
    return merge([*wood, filling, leaves])
