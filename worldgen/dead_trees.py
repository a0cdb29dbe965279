"""Dead trees: grey trunks with broken limbs and a few bare twigs."""

from __future__ import annotations

import numpy as np

from worldgen.asset_kind import ATLAS_SIZE, BARK, AssetKind, PlantVariant, foliage_cells, plant_kind
from worldgen.foliage import bare_twig
from worldgen.painting import Atlas, Box, Floats, bark
from worldgen.rng import generator
from worldgen.shapes import Shape, both_sides, merge, normalized, ribbons, tube

SINK = 0.4
WOOD = (122, 114, 104)


def dead_tree(seed: int) -> AssetKind:
    """Return dead trees of 5 to 11 m."""
    random = generator(seed, "assets/dead_tree")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, bark(random, BARK.width, BARK.height, WOOD, 5.0))
    cells = foliage_cells(4)[:4]
    for cell in cells:
        inner = Box(cell.left + 2, cell.top + 2, cell.width - 4, cell.height - 4)
        atlas.place(inner, bare_twig(random, inner.width, inner.height, WOOD))
    twigs = np.stack([atlas.region(cell, 2.0) for cell in cells])
    trunk = atlas.region(BARK, 3.0)
    variants = []
    for height in random.permutation([5.5, 7.5, 9.0, 11.0]) * random.uniform(0.95, 1.05, 4):
        tree = int(random.integers(2**62))
        variants.append(
            PlantVariant(
                near=_snag(tree, height, (6, 6), 4, True, twigs, trunk),
                middle=_snag(tree, height, (4, 4), 3, False, twigs, trunk),
            )
        )
    return plant_kind(
        "dead_tree",
        atlas,
        variants,
        sink=SINK,
        crown=0.5,
        cards=2,
        level=None,
        upward=(0.0, 0.1),
        roughness=0.9,
    )


def _snag(
    seed: int,
    height: float,
    trunk_shape: tuple[int, int],
    limb_sides: int,
    forks: bool,
    twigs: Floats,
    trunk_region: Floats,
) -> Shape:
    """Return one level of detail of a dead tree.

    Parameters
    ----------
    trunk_shape : (sides, rings).
    limb_sides : sides of a limb.
    forks : whether limbs carry smaller limbs.
    """
    random = generator(seed, "dead_tree")
    sides, rings = trunk_shape
    amount = random.normal(0, 0.05, (2, 2)) * height
    thick = 0.021 * height + 0.06

    def axis(level: Floats) -> Floats:
        bend = (
            amount[:, 0] * level[..., None] ** 2
            + amount[:, 1] * np.sin(3 * level[..., None]) * 0.5 * level[..., None]
        )
        return np.stack([bend[..., 0], -SINK + (height + SINK) * level, bend[..., 1]], axis=-1)

    levels = np.append(np.linspace(0, 0.97, rings - 1), 1.0)  # a broken top, not a needle
    stem = axis(levels)
    trunk = tube(
        stem,
        thick * (1 - 0.66 * levels) * (1 + 0.5 * np.exp(-levels * 9)),
        sides,
        trunk_region,
        -stem[:, 1] / 3,
    )
    pieces = [trunk]
    count = 8
    where = np.sort(random.uniform(0.32, 0.92, count))
    azimuth = np.pi * (3 - np.sqrt(5)) * np.arange(count) + random.normal(0, 0.4, count)
    pitch = random.uniform(0.15, 0.75, count)
    length = height * (0.36 * (1.15 - where)) * random.uniform(0.7, 1.3, count)
    twig_roots, twig_ways, twig_sizes = [], [], []
    for number in range(count):
        start = axis(where[number : number + 1])[0]
        ahead = np.array([np.cos(azimuth[number]), pitch[number], np.sin(azimuth[number])])
        ahead /= np.linalg.norm(ahead)
        rings_here = 4 if forks else 3
        s = np.linspace(0, 1, rings_here)[:, None]
        lift = normalized(random.normal(0, 1, 3)) * 0.1 + np.array([0, 0.12, 0])
        path = start + length[number] * (ahead * s + lift * s**2)
        radius = thick * (1 - 0.75 * where[number]) * 0.55
        pieces.append(
            tube(path, radius * np.linspace(1, 0.3, rings_here), limb_sides, trunk_region, s[:, 0] * 0.8)
        )
        tip_way = normalized(path[-1] - path[-2])
        twig_roots.append(path[-1] - 0.12 * length[number] * tip_way)
        twig_ways.append(tip_way)
        twig_sizes.append(0.42 * length[number])
        for part in (0.4, 0.7):
            root = start + length[number] * (ahead * part + lift * part**2)
            way = normalized(ahead + normalized(random.normal(0, 1, 3)) * 0.8 + [0, 0.35, 0])
            reach = 0.42 * length[number]
            if forks:
                pieces.append(
                    tube(
                        np.stack([root, root + way * reach]),
                        np.array([radius * 0.45, 0.0]),
                        3,
                        trunk_region,
                        np.array([0.0, 0.5]),
                    )
                )
            twig_roots.append(root + way * reach * (0.35 if forks else 0.0))
            twig_ways.append(way)
            twig_sizes.append(0.75 * reach if forks else 1.1 * reach)
    roots, ways = np.array(twig_roots), np.array(twig_ways)
    size = np.array(twig_sizes)[:, None]
    across = normalized(np.cross(ways, normalized(random.normal(0, 1, ways.shape))))
    spines = np.stack([roots, roots + ways * size], axis=1)
    picture = twigs[np.arange(len(roots)) % len(twigs)]
    pieces.append(both_sides(ribbons(spines, (across * size * 0.4)[:, None], picture)))
    return merge(pieces)
