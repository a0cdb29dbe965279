"""What grows and lies where: the species of a world and the user's assets, placed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from worldgen.asset_kind import AssetKind
from worldgen.assets import KINDS, build_kind, load_user_kind
from worldgen.biomes import BIOMES, BiomeMap
from worldgen.competition import light_below
from worldgen.config import ObjectsConfig, UserAsset
from worldgen.ecosystem import grow
from worldgen.errors import ConfigError, InputError, nearest
from worldgen.grid import Grid
from worldgen.habitat import habitat
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology
from worldgen.niches import read_species
from worldgen.rivers import RiverNetwork
from worldgen.rng import child_seed
from worldgen.scatter import hashed_units, place
from worldgen.scene import Instances, Level
from worldgen.species import Species

# Shares of the screen's height below which the second and the third model of an object are shown.
_COVERAGE = (0.2, 0.05)


@dataclass(frozen=True, eq=False)
class Placement:
    """All objects of one species in a world.

    Attributes
    ----------
    species : what decided where they stand.
    kind : their models.
    points : (N, 2) float64, x and z in world metres.
    sizes : (N,) float32, factor on the species' scale, by age and place.
    variants : (N,) which of the kind's variants each shows.
    seed : the world's seed; decides yaw and scale.
    """

    species: Species
    kind: AssetKind
    points: NDArray[np.float64]
    sizes: NDArray[np.float32]
    variants: NDArray[np.intp]
    seed: int

    @property
    def name(self) -> str:
        """The species' name."""
        return self.species.name

    def __len__(self) -> int:
        return len(self.points)


def populate(
    heightmap: Heightmap,
    hydrology: Hydrology,
    rivers: RiverNetwork,
    biomes: BiomeMap,
    objects: ObjectsConfig,
    seed: int,
) -> tuple[Placement, ...]:
    """Scatter all species and the user's assets.

    Parameters
    ----------
    heightmap, hydrology, rivers, biomes : of the same grid.
    objects : densities, factors by kind, the user's assets, and the most instances.
    seed : the world's seed.

    Raises
    ------
    ConfigError : as of `wanted_species`.
    InputError : an asset cannot be read.
    """
    species = wanted_species(objects)
    if objects.density == 0 or objects.maximum == 0:
        return ()
    own_kinds = _own_kinds(objects)

    @cache  # species that share a kind share its models in files, too
    def made(kind: str) -> AssetKind:
        return build_kind(kind, child_seed(seed, f"assets/{kind}"))

    with warnings.catch_warnings():
        # The world's own cap is a setting, not a surprise.
        warnings.filterwarnings("ignore", message=".*more than the allowed")
        grown = grow(
            species,
            habitat(heightmap, hydrology, rivers, biomes, seed),
            seed=seed,
            density=objects.density,
            maximum=objects.maximum,
        )
    placements = []
    for one in species:
        points, sizes, _ = grown[one.name]
        if not len(points):
            continue
        kind = own_kinds.get(one.name) or made(one.kind or one.name)
        draw = hashed_units(points, seed, f"populate/{one.name}/variant")
        variants = (draw * len(kind.models)).astype(np.intp)
        placements.append(Placement(one, kind, points, sizes, variants, seed))
    return tuple(placements)


def light_through(placements: Sequence[Placement], grid: Grid) -> NDArray[np.float32] | None:
    """Return the (H, W) light in [0, 1] that the crowns of all plants let through; None without any plant."""
    shading = [one for one in placements if one.species.crown > 0]
    if not placements:
        return None
    points = [np.zeros((0, 2)), *(one.points for one in shading)]
    crowns = [np.zeros(0), *(one.species.crown * np.mean(one.species.scale) * one.sizes for one in shading)]
    return light_below(np.concatenate(points), np.concatenate(crowns), grid)


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
        sizes=placement.sizes,
        stride=stride,
        seed=placement.seed,
        stage=f"place/{placement.name}",
    )
    for variant, models in enumerate(placement.kind.models):
        chosen = placement.variants == variant
        if chosen.any():
            first = min(level, len(models) - 1)
            coarser = enumerate(models[first + 1 :], start=first)
            yield (
                variant,
                Instances(
                    models[first],
                    translations[chosen].astype(np.float32),
                    rotations[chosen],
                    scales[chosen],
                    tuple(
                        Level(model, _COVERAGE[min(depth, len(_COVERAGE) - 1)]) for depth, model in coarser
                    ),
                ),
            )


def wanted_species(objects: ObjectsConfig) -> list[Species]:
    """Return the user's assets and all species with a density above 0, checked, the package's last.

    Raises
    ------
    ConfigError : the species file is wrong, a species has no model or no biome of that name, or a factor
    names
        a species that does not exist.
    """
    tables = read_species(objects.species)
    own = [_asset_species(asset) for asset in objects.assets]
    clash = [one.name for one in own if one.name in tables]
    if clash:
        raise ConfigError(f"objects.assets: the name '{clash[0]}' is a species' already; take another")
    for name, table in tables.items():
        kind = table.kind or name
        if table.path is None and kind not in KINDS:
            raise ConfigError(
                f"species '{name}' has no model: give the key 'path', or 'kind'; {nearest(kind, KINDS)}"
            )
    try:
        species = [*own, *(Species(name, **table.niche()) for name, table in tables.items())]
    except InputError as error:
        raise ConfigError(str(error)) from None
    names = [one.name for one in species]
    for one in species:
        for biome in one.biomes:
            if biome not in BIOMES:
                raise ConfigError(f"species '{one.name}' grows in biome '{biome}'; {nearest(biome, BIOMES)}")
    for name in objects.kinds:
        if name not in names:
            raise ConfigError(f"objects.kinds: unknown species '{name}'; {nearest(name, names)}")
    scaled = [replace(one, density=one.density * objects.kinds.get(one.name, 1.0)) for one in species]
    return [one for one in scaled if one.density > 0]


def _asset_species(asset: UserAsset) -> Species:
    niche = asset.niche.keys() if asset.niche else {}
    # A house comes before the wood, and trees keep off it; what asks for shade must come after.
    shaded = "light" in niche or "edge" in niche
    return Species(
        asset.name,
        **{
            "density": asset.density,
            "minimum_distance": asset.minimum_distance,
            "slope": (0.0, asset.maximum_slope),
            "scale": (1.0, 1.0) if asset.height else (0.9, 1.1),
            "align": asset.align,
            "clearance": asset.minimum_distance / 2,
            "layer": "ground" if shaded else "canopy",
            **niche,
        },
    )


def _own_kinds(objects: ObjectsConfig) -> dict[str, AssetKind]:
    kinds = {
        asset.name: load_user_kind(asset.path, name=asset.name, height=asset.height, align=asset.align)
        for asset in objects.assets
    }
    for name, table in read_species(objects.species).items():
        if table.path is not None:
            kinds[name] = load_user_kind(
                table.path, name=name, height=table.height, align=table.align or "upright"
            )
    return kinds
