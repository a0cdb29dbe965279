"""Palms and ferns: fronds that arch out of one point."""

from __future__ import annotations

import numpy as np

from worldgen.asset_kind import ATLAS_SIZE, BARK, AssetKind, PlantVariant, foliage_cells, plant_kind
from worldgen.foliage import frond, shaded
from worldgen.painting import Atlas, Box, Floats, bark
from worldgen.rng import generator
from worldgen.shapes import Shape, bend_normals, merge, normalized, ribbons, tube

PALM_SINK = 0.4
FERN_SINK = 0.05
PALM_FRONDS = 14
FERN_FRONDS = 10
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def palm(seed: int) -> AssetKind:
    """Return coconut palms of 6 to 12 m with leaning trunks."""
    random = generator(seed, "assets/palm")
    atlas = Atlas(ATLAS_SIZE)
    atlas.place(BARK, bark(random, BARK.width, BARK.height, (112, 100, 82), 0.45))
    cells = foliage_cells(2)
    colors = ((74, 92, 46), (84, 98, 46), (70, 86, 48), (118, 98, 62))  # the last one is withered
    for cell, color in zip(cells, colors, strict=True):
        inner = Box(cell.left + 2, cell.top + 2, cell.width - 4, cell.height - 4)
        atlas.place(inner, frond(random, inner.width, inner.height, color, pairs=38, leaflet=0.075))
    fronds = np.stack([atlas.region(cell, 2.0) for cell in cells])
    trunk = atlas.region(BARK, 3.0)
    variants = []
    for height in random.permutation([5.0, 6.5, 8.0, 9.5]) * random.uniform(0.95, 1.05, 4):
        tree = int(random.integers(2**62))
        slope = random.uniform(0.08, 0.24)
        way = random.uniform(0, 2 * np.pi)
        lean = (float(slope * np.cos(way)), float(slope * np.sin(way)))
        variants.append(
            PlantVariant(
                near=_palm(tree, height, lean, (6, 7), (PALM_FRONDS, 5), fronds, trunk, 1.0),
                middle=_palm(tree, height, lean, (4, 4), (9, 3), fronds, trunk, 1.3),
                lean=lean,
            )
        )
    return plant_kind("palm", atlas, variants, sink=PALM_SINK, crown=0.6, level=0.9, roughness=0.75)


def fern(seed: int) -> AssetKind:
    """Return ferns of 0.4 to 0.8 m."""
    random = generator(seed, "assets/fern")
    atlas = Atlas(ATLAS_SIZE)
    cells = foliage_cells(2)
    for cell, brightness in zip(cells, (0.85, 0.95, 1.05, 1.15), strict=True):
        inner = Box(cell.left + 2, cell.top + 2, cell.width - 4, cell.height - 4)
        picture = frond(random, inner.width, inner.height, (76, 98, 44), pairs=24, leaflet=0.09, stalk=0.06)
        atlas.place(inner, shaded(picture, brightness))
    regions = np.stack([atlas.region(cell, 2.0) for cell in cells])
    variants = []
    for size in random.permutation([0.55, 0.7, 0.85, 1.0]):
        plant = int(random.integers(2**62))
        variants.append(
            PlantVariant(
                near=_rosette(plant, size, FERN_FRONDS, 4, regions, 1.0),
                middle=_rosette(plant, size, FERN_FRONDS // 2, 4, regions, 1.5),
            )
        )
    return plant_kind("fern", atlas, variants, sink=FERN_SINK, crown=0.8, cards=2, level=0.5, collider=None)


def arched_fronds(
    root: Floats,
    azimuth: Floats,
    rise: Floats,
    length: Floats,
    sag: Floats,
    width: Floats,
    steps: int,
    regions: Floats,
) -> Shape:
    """Return fronds that start upwards and bend down under their weight.

    Parameters
    ----------
    root : (3,) metres, where they start.
    azimuth, rise : (B,) radians, direction and steepness at the start.
    length, width : (B,) metres; the width is half the frond's.
    sag : (B,) radians by which the direction turns down until the tip.
    steps : points along each spine.
    """
    # The curve is summed up finely and then thinned, so that every level of detail follows the same one.
    fine = 12 * (steps - 1)
    angle = rise[:, None] - sag[:, None] * ((np.arange(fine) + 0.5) / fine) ** 1.2
    start = np.zeros((len(rise), 1))
    out = np.hstack([start, np.cumsum(np.cos(angle) * length[:, None] / fine, axis=1)])[:, ::12]
    up = np.hstack([start, np.cumsum(np.sin(angle) * length[:, None] / fine, axis=1)])[:, ::12]
    outward = np.stack([np.cos(azimuth), 0 * azimuth, np.sin(azimuth)], axis=-1)
    across = np.stack([-np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], axis=-1)
    spines = root + outward[:, None] * out[..., None] + np.array([0, 1.0, 0]) * up[..., None]
    drop = normalized(np.cross(np.gradient(spines, axis=1), across[:, None]))
    sides = (across * width[:, None] * 0.9)[:, None]
    shape = ribbons(spines, sides, regions, drop=drop * (width * 0.55)[:, None, None])
    soft = normalized(shape.positions - root - np.array([0, -0.3, 0]) * length.mean())
    return bend_normals(shape, soft + np.array([0, 0.8, 0]), 0.75)


def _palm(
    seed: int,
    height: float,
    lean: tuple[float, float],
    trunk_shape: tuple[int, int],
    frond_shape: tuple[int, int],
    regions: Floats,
    trunk_region: Floats,
    widen: float,
) -> Shape:
    """Return one level of detail of a palm.

    Parameters
    ----------
    height : of the trunk, metres.
    trunk_shape : (sides, rings).
    frond_shape : (number of fronds, points along each).
    widen : factor on the width of a frond, for a level that has few.
    """
    random = generator(seed, "palm")
    sides, rings = trunk_shape
    count, steps = frond_shape
    levels = np.linspace(0, 1, rings)
    slope = np.array([lean[0], 0.0, lean[1]])
    y = -PALM_SINK + (height + PALM_SINK) * levels
    # A trunk leans most at its foot and straightens, as palms on a shore do.
    away = np.where(y > 0, 1.25 * y - 0.25 * y**2 / height, y)
    stem = np.stack([0 * y, y, 0 * y], axis=-1) + away[:, None] * slope
    thick = 0.011 * height + 0.06
    radius = thick * (1 - 0.35 * levels) * (1 + 0.7 * np.exp(-np.maximum(y, 0) * 2.2))
    trunk = tube(stem, radius, sides, trunk_region, -y / 2.2, pointed=False)
    root = stem[-1] + np.array([0, -0.05, 0])

    # All levels draw the same fronds; a coarse one shows some of them, the first and the last among them.
    order = np.arange(PALM_FRONDS) / PALM_FRONDS
    azimuth = GOLDEN_ANGLE * np.arange(PALM_FRONDS) + random.normal(0, 0.12, PALM_FRONDS)
    rise = np.radians(72 - 88 * order) + random.normal(0, 0.08, PALM_FRONDS)
    length = 0.64 * height**0.75 * (1.2 - 0.3 * np.abs(order - 0.4)) * random.uniform(0.92, 1.08, PALM_FRONDS)
    sag = np.radians(95 - 30 * order) * random.uniform(0.9, 1.1, PALM_FRONDS)
    picture = regions[np.where(order > 0.88, 3, np.arange(PALM_FRONDS) % 3)]
    shown = np.linspace(0, PALM_FRONDS - 1, count).round().astype(int)
    crown = arched_fronds(
        root,
        azimuth[shown],
        rise[shown],
        length[shown] * (1 + 0.3 * (widen - 1)),
        sag[shown],
        length[shown] * 0.22 * widen,
        steps,
        picture[shown],
    )
    return merge([trunk, crown])


def _rosette(seed: int, size: float, count: int, steps: int, regions: Floats, widen: float) -> Shape:
    """Return one level of detail of a fern; `size` is the length of a frond in metres."""
    random = generator(seed, "fern")
    azimuth = 2 * np.pi * np.arange(FERN_FRONDS) / FERN_FRONDS + random.normal(0, 0.2, FERN_FRONDS)
    rise = np.radians(random.uniform(48, 72, FERN_FRONDS))
    length = size * random.uniform(0.8, 1.05, FERN_FRONDS)
    sag = np.radians(random.uniform(55, 90, FERN_FRONDS))
    root = np.array([0, -FERN_SINK, 0])
    # A coarse level shows every second frond, the one that arches highest among them.
    climb = np.cumsum(np.sin(rise[:, None] - sag[:, None] * np.linspace(0, 1, 24) ** 1.2), axis=1)
    tallest = int(np.argmax(length * climb.max(axis=1)))
    shown = (tallest + np.arange(0, FERN_FRONDS, FERN_FRONDS // count)) % FERN_FRONDS
    picture = regions[np.arange(FERN_FRONDS) % len(regions)]
    shape = arched_fronds(
        root,
        azimuth[shown],
        rise[shown],
        length[shown],
        sag[shown],
        length[shown] * 0.2 * widen,
        steps,
        picture[shown],
    )
    shape.positions[:, 1] = np.maximum(shape.positions[:, 1], -FERN_SINK)
    return shape
