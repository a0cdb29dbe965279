"""What grows and lies where: the package's own species, the user's assets, and their placed instances."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.asset_kind import AssetKind
from worldgen.assets import build_kind, load_user_kind
from worldgen.biomes import BiomeMap
from worldgen.config import ObjectsConfig
from worldgen.errors import ConfigError, nearest
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology
from worldgen.rng import child_seed
from worldgen.scatter import hashed_units, place, scatter
from worldgen.scene import Instances
from worldgen.species import Species, habitat

# Densities are those of open, game-ready woods; `ObjectsConfig.density` scales them all.
SPECIES: tuple[Species, ...] = (
    Species(
        "spruce",
        "conifer",
        density=85,
        minimum_distance=5.5,
        clearance=2.0,
        biomes={"conifer_forest": 1.0, "broadleaf_forest": 0.12, "meadow": 0.10},
        slope=(0, 40),
        scale=(0.75, 1.3),
        clumping=0.75,
        clump_size=260,
    ),
    Species(
        "snow_spruce",
        "snowy_conifer",
        density=40,
        minimum_distance=6,
        clearance=2.0,
        biomes={"tundra": 0.6, "snow": 0.12},
        slope=(0, 32),
        altitude=(2, 420),
        scale=(0.5, 0.95),
        clumping=0.95,
        clump_size=300,
    ),
    Species(
        "oak",
        "broadleaf",
        density=60,
        minimum_distance=7,
        clearance=2.5,
        biomes={"broadleaf_forest": 1.0, "grassland": 0.05},
        slope=(0, 34),
        scale=(0.8, 1.3),
        clumping=0.8,
        clump_size=300,
    ),
    Species(
        "jungle_tree",
        "broadleaf",
        density=75,
        minimum_distance=7,
        clearance=2.5,
        biomes={"tropical_forest": 1.0},
        slope=(0, 42),
        scale=(0.9, 1.5),
        clumping=0.6,
        clump_size=220,
    ),
    Species(
        "palm",
        density=45,
        minimum_distance=5,
        clearance=1.5,
        biomes={"beach": 0.7, "tropical_forest": 0.5},
        slope=(0, 24),
        altitude=(1.2, 45),
        temperature=(16, 100),
        scale=(0.8, 1.25),
        clumping=0.7,
        clump_size=110,
    ),
    Species(
        "dead_tree",
        density=3,
        minimum_distance=14,
        clearance=1.5,
        biomes={
            "conifer_forest": 0.8,
            "broadleaf_forest": 0.5,
            "meadow": 0.4,
            "shrubland": 0.6,
            "desert": 0.2,
        },
        slope=(0, 35),
    ),
    Species(
        "cactus",
        density=14,
        minimum_distance=7,
        clearance=0.8,
        biomes={"desert": 0.8, "shrubland": 1.0},
        slope=(0, 22),
        temperature=(18, 100),
        clumping=0.7,
        clump_size=160,
    ),
    Species(
        "shrub",
        density=30,
        minimum_distance=2.5,
        clearance=0.5,
        biomes={
            "shrubland": 1.0,
            "grassland": 0.35,
            "meadow": 0.5,
            "tundra": 0.12,
            "broadleaf_forest": 0.2,
            "conifer_forest": 0.12,
            "tropical_forest": 0.3,
            "desert": 0.15,
        },
        slope=(0, 38),
        scale=(0.7, 1.4),
        clumping=0.6,
        clump_size=70,
    ),
    Species(
        "rock",
        density=9,
        minimum_distance=4,
        biomes={
            "bare": 1.0,
            "tundra": 0.9,
            "meadow": 0.5,
            "desert": 0.6,
            "shrubland": 0.4,
            "grassland": 0.15,
            "snow": 0.2,
            "beach": 0.3,
            "conifer_forest": 0.2,
        },
        slope=(0, 46),
        shore=(0.0, np.inf),
        scale=(0.5, 2.6),
        align="normal",
        clumping=0.8,
        clump_size=60,
    ),
    Species(
        "boulder",
        density=5,
        minimum_distance=5,
        biomes={"meadow": 0.8, "grassland": 0.4, "tundra": 0.8, "beach": 0.6, "broadleaf_forest": 0.3},
        slope=(0, 35),
        shore=(0.0, np.inf),
        scale=(0.5, 1.8),
        align="normal",
        clumping=0.7,
        clump_size=80,
    ),
    Species(
        "grass",
        density=45,
        minimum_distance=1.2,
        biomes={"grassland": 1.0, "meadow": 1.0, "shrubland": 0.5, "broadleaf_forest": 0.3, "tundra": 0.3},
        slope=(0, 32),
        scale=(0.8, 1.6),
        align="normal",
        clumping=0.8,
        clump_size=45,
    ),
    Species(
        "fern",
        density=14,
        minimum_distance=1.5,
        biomes={"tropical_forest": 1.0, "broadleaf_forest": 0.4, "conifer_forest": 0.2},
        slope=(0, 32),
        align="normal",
        clumping=0.8,
        clump_size=40,
    ),
)


@dataclass(frozen=True, eq=False)
class Placement:
    """All objects of one species in a world.

    Attributes
    ----------
    species : what decided where they stand.
    kind : their models.
    points : (N, 2) float64, x and z in world metres.
    variants : (N,) which of the kind's variants each shows.
    seed : the world's seed; decides yaw and scale.
    """

    species: Species
    kind: AssetKind
    points: NDArray[np.float64]
    variants: NDArray[np.intp]
    seed: int

    @property
    def name(self) -> str:
        """The species' name."""
        return self.species.name

    def __len__(self) -> int:
        return len(self.points)


def populate(
    heightmap: Heightmap, hydrology: Hydrology, biomes: BiomeMap, objects: ObjectsConfig, seed: int
) -> tuple[Placement, ...]:
    """Scatter all species and the user's assets.

    Parameters
    ----------
    heightmap, hydrology, biomes : of the same grid.
    objects : densities, factors by kind, the user's assets, and the most instances.
    seed : the world's seed.

    Raises
    ------
    ConfigError : a factor names a species that does not exist.
    InputError : an asset cannot be read.
    """
    known = [species.name for species in SPECIES] + [asset.name for asset in objects.assets]
    for name in objects.kinds:
        if name not in known:
            raise ConfigError(f"objects.kinds: unknown species '{name}'; {nearest(name, known)}")
    if objects.density == 0 or objects.maximum == 0:
        return ()
    own_kinds = {
        asset.name: load_user_kind(asset.path, name=asset.name, height=asset.height, align=asset.align)
        for asset in objects.assets
    }
    species = _wanted(objects)
    with warnings.catch_warnings():
        # The world's own cap is a setting, not a surprise.
        warnings.filterwarnings("ignore", message=".*more than the allowed")
        points = scatter(
            species,
            habitat(heightmap, hydrology, biomes),
            seed=seed,
            density=objects.density,
            maximum=objects.maximum,
        )
    placements = []
    for one in species:
        if not len(points[one.name]):
            continue
        name = one.kind or one.name
        kind = own_kinds.get(one.name) or build_kind(name, child_seed(seed, f"assets/{name}"))
        draw = hashed_units(points[one.name], seed, f"populate/{one.name}/variant")
        variants = (draw * len(kind.models)).astype(np.intp)
        placements.append(Placement(one, kind, points[one.name], variants, seed))
    return tuple(placements)


def instances_at(
    placement: Placement, heightmap: Heightmap, stride: int, level: int
) -> Iterator[tuple[int, Instances]]:
    """Yield (variant, instances) of a placement, seated on the triangles of one terrain level.

    Parameters
    ----------
    heightmap : the terrain.
    stride : of the terrain's level, ``2**level``.
    level : of the objects' meshes; the coarsest there is if a kind has fewer.
    """
    translations, rotations, scales = place(
        placement.points,
        heightmap,
        align=placement.kind.align if placement.species.align == "upright" else placement.species.align,
        scale=placement.species.scale,
        stride=stride,
        seed=placement.seed,
        stage=f"place/{placement.name}",
    )
    for variant, models in enumerate(placement.kind.models):
        chosen = placement.variants == variant
        if chosen.any():
            model = models[min(level, len(models) - 1)]
            yield (
                variant,
                Instances(model, translations[chosen].astype(np.float32), rotations[chosen], scales[chosen]),
            )


def _wanted(objects: ObjectsConfig) -> Sequence[Species]:
    own = [
        Species(
            asset.name,
            density=asset.density,
            minimum_distance=asset.minimum_distance,
            slope=(0.0, asset.maximum_slope),
            scale=(1.0, 1.0) if asset.height else (0.9, 1.1),
            align=asset.align,
            clearance=asset.minimum_distance / 2,
        )
        for asset in objects.assets
    ]
    scaled = [
        replace(species, density=species.density * objects.kinds.get(species.name, 1.0))
        for species in (*own, *SPECIES)
    ]
    return [species for species in scaled if species.density > 0]
