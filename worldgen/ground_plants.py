"""Grass tufts and reeds: bent cards with painted blades."""

from __future__ import annotations

import numpy as np

from worldgen.asset_kind import ALPHA_CUTOFF, AssetKind
from worldgen.foliage import tuft
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.painting import Atlas, Box, Floats, bleed
from worldgen.rng import generator
from worldgen.shapes import Shape, both_sides, ribbons, to_mesh

SINK = 0.05
GRASS_ATLAS = 256


def grass(seed: int) -> AssetKind:
    """Return tufts 0.4 to 0.6 m wide and 0.25 to 0.5 m high."""
    random = generator(seed, "assets/grass")
    atlas = Atlas(GRASS_ATLAS)
    boxes = [Box(128 * (number % 2), 128 * (number // 2), 128, 128) for number in range(4)]
    for number, box in enumerate(boxes):
        picture = tuft(
            random,
            box.width - 4,
            box.height - 2,
            (80, 96, 46),
            (136, 122, 78),
            count=80,
            dryness=(0.08, 0.14, 0.22, 0.4)[number],
        )
        atlas.place(Box(box.left + 2, box.top + 2, box.width - 4, box.height - 2), picture)
    regions = np.stack([atlas.region(box, 2.0) for box in boxes])
    sizes = [(0.5, 0.32), (0.45, 0.27), (0.6, 0.4), (0.55, 0.47)]
    return _tufts("grass", random, atlas, regions, sizes, np.array([0, 1, 2, 3]))


def reed(seed: int) -> AssetKind:
    """Return reeds of 1.2 to 2 m that stand at a shore."""
    random = generator(seed, "assets/reed")
    atlas = Atlas(GRASS_ATLAS)
    boxes = [Box(64 * number, 0, 64, 256) for number in range(4)]
    for box in boxes:
        picture = tuft(
            random,
            box.width - 4,
            box.height - 2,
            (92, 104, 56),
            (150, 132, 88),
            count=60,
            blade=2.8,
            spread=0.3,
            dryness=0.3,
        )
        atlas.place(Box(box.left + 2, box.top + 2, box.width - 4, box.height - 2), picture)
    regions = np.stack([atlas.region(box, 2.0) for box in boxes])
    sizes = [(0.6, 1.5), (0.55, 1.25), (0.7, 1.7), (0.75, 2.0)]
    return _tufts("reed", random, atlas, regions, sizes, np.array([0, 1, 2, 3]))


def _tufts(
    name: str,
    random: np.random.Generator,
    atlas: Atlas,
    regions: Floats,
    sizes: list[tuple[float, float]],
    order: Floats,
) -> AssetKind:
    """Return the kind: three bent cards, three flat ones, two crossed ones."""
    material = PBRMaterial(
        name=name,
        base_color=bleed(atlas.image),
        roughness=0.85,
        alpha_mode="MASK",
        alpha_cutoff=ALPHA_CUTOFF,
        repeat=False,
    )
    models = []
    for number, (width, height) in enumerate(sizes):
        turn = float(random.uniform(0, 2 * np.pi))
        pictures = np.roll(regions, -number, axis=0)
        shapes = (
            _tuft(width, height, turn, 3, 3, pictures),
            _tuft(width, height, turn, 3, 2, pictures),
            _tuft(width, height, turn, 2, 2, pictures),
        )
        models.append(
            tuple(
                Model(f"{name}_{number}_lod{level}", (to_mesh(shape, material),))
                for level, shape in enumerate(shapes)
            )
        )
    return AssetKind(
        name, tuple(models), radius=0.5 * max(width for width, _ in sizes), sink=SINK, align="normal"
    )


def _tuft(width: float, height: float, turn: float, count: int, steps: int, regions: Floats) -> Shape:
    """Return crossed cards that bend away from the middle.

    Normals point straight up, as the ground's do: grass then takes the light of the ground that it grows on.
    """
    angle = turn + np.pi * np.arange(count) / count
    across = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=-1)
    away = np.stack([-np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    s = np.linspace(0, 1, steps)
    bend = 0.22 * width * (s**2 - 0.25)
    spines = away[:, None] * bend[:, None] + np.array([0, 1.0, 0]) * (-SINK + (height + SINK) * s)[:, None]
    shape = ribbons(spines, (across * width / 2)[:, None], regions[:count])
    pair = both_sides(shape, 0.003)
    return pair._replace(normals=np.tile([0.0, 1.0, 0.0], (len(pair.normals), 1)))
