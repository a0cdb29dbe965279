"""One kind of object: its variants, their levels of detail, and how it stands on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from worldgen.billboards import crossed_cards
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.painting import Atlas, Box, bleed
from worldgen.shapes import Shape, to_mesh

Align = Literal["upright", "normal"]
Collider = Literal["trunk", "hull"]

ALPHA_CUTOFF = 0.4


@dataclass(frozen=True, eq=False)
class AssetKind:
    """A kind of object, ready to be placed.

    Attributes
    ----------
    name : letters, digits and ``_``.
    models : ``models[variant][level]``; level 0 is the finest. The origin is the point that stands on the
        ground.
    radius : footprint at scale 1 in metres, for a minimum distance; the widest variant counts.
    sink : metres that the models reach below the origin, so that a slope shows no gap.
    align : ``upright`` stands along +Y; ``normal`` turns with the ground.
    collider : what of it is solid to engines: its ``trunk``, its convex ``hull``, or nothing.
    """

    name: str
    models: tuple[tuple[Model, ...], ...]
    radius: float
    sink: float = 0.0
    align: Align = "upright"
    collider: Collider | None = None

    @property
    def height(self) -> float:
        """Metres above the ground of the tallest variant."""
        return float(max(levels[0].bounds[1][1] for levels in self.models))

    @property
    def levels(self) -> int:
        """Number of levels of detail."""
        return len(self.models[0])


class PlantVariant(NamedTuple):
    """The two near levels of one variant and what its billboard needs."""

    near: Shape
    middle: Shape
    lean: tuple[float, float] = (0.0, 0.0)  # slope of the axis along x and z


# One layout for all plants with billboards: bark down the left edge, so that it can repeat along v; foliage;
# then the billboards of up to four variants, two views each, and their views from above.
ATLAS_SIZE = 512
BARK = Box(0, 0, 48, ATLAS_SIZE)
FOLIAGE = Box(48, 0, 208, ATLAS_SIZE)


def foliage_cells(rows: int, columns: int = 2) -> list[Box]:
    """Return the boxes of a rows × columns grid of foliage pictures, row by row."""
    width, height = FOLIAGE.width // columns, FOLIAGE.height // rows
    return [
        Box(FOLIAGE.left + width * (cell % columns), FOLIAGE.top + height * (cell // columns), width, height)
        for cell in range(rows * columns)
    ]


def billboard_boxes(variant: int) -> tuple[tuple[Box, Box], Box]:
    """Return where the two views of a variant and its view from above lie."""
    left, top = 256 + 128 * (variant % 2), 224 * (variant // 2)
    return (Box(left, top, 64, 224), Box(left + 64, top, 64, 224)), Box(256 + 64 * variant, 448, 64, 64)


def plant_kind(
    name: str,
    atlas: Atlas,
    variants: Sequence[PlantVariant],
    *,
    sink: float,
    crown: float = 1.0,
    cards: int = 4,
    level: float | None = 0.4,
    upward: tuple[float, float] = (0.35, 0.9),
    roughness: float = 0.85,
    collider: Collider | None = "trunk",
) -> AssetKind:
    """Paint the billboards, close the atlas and return the kind.

    Parameters
    ----------
    crown : the footprint's radius as a share of half the width of the near model.
    cards : number of upright cards of a billboard, 2 or 4.
    level : height of a level card across them as a share of the whole; None leaves it out.
    upward : as in `crossed_cards`.
    collider : as in `AssetKind`.
    """
    far = []
    for number, variant in enumerate(variants):
        views, above = billboard_boxes(number)
        far.append(
            crossed_cards(
                atlas,
                variant.near,
                views,
                None if level is None else above,
                lean=variant.lean,
                cutoff=ALPHA_CUTOFF,
                cards=cards,
                level=level or 0.0,
                upward=upward,
            )
        )
    image = bleed(atlas.image)
    # Single-sided: foliage brings its own backs, see `both_sides`.
    material = PBRMaterial(
        name=name, base_color=image, roughness=roughness, alpha_mode="MASK", alpha_cutoff=ALPHA_CUTOFF
    )
    models = []
    widths = []
    for number, (variant, billboard) in enumerate(zip(variants, far, strict=True)):
        levels = (variant.near, variant.middle, billboard)
        models.append(
            tuple(
                Model(f"{name}_{number}_lod{level}", (to_mesh(shape, material),))
                for level, shape in enumerate(levels)
            )
        )
        low, high = variant.near.positions.min(axis=0), variant.near.positions.max(axis=0)
        widths.append(0.5 * float(np.max((high - low)[[0, 2]])))
    return AssetKind(name, tuple(models), radius=crown * max(widths), sink=sink, collider=collider)
