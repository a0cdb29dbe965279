"""A small ecosystem: plants take their niches layer by layer, each in the light that the taller ones leave.

The canopy comes first, grown trees before their offspring, then shrubs, then what covers the ground. Within a
layer the species with the widest spacing choose first. Two rules of real woods need no more than that:
borders and clearings are where the light is, so that the young and the shrubs stand there; and seedlings
stand about their parents, where shade has not taken them.

O. Deussen et al., "Realistic modeling and rendering of plant ecosystems" (SIGGRAPH 1998), grow such woods
plant by plant over years; here each layer is drawn at once, which is what makes half a million plants quick.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.blue_noise import PACKING, poisson_disk
from worldgen.competition import light_below, seeds_around, stand_apart
from worldgen.errors import InputError
from worldgen.habitat import Habitat, Shade, shade
from worldgen.heightmap import Field, ramp
from worldgen.scatter import hashed_units
from worldgen.species import LAYERS, Species, groves, suitability

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

SIZE_CLASSES = ("seedling", "young", "mature", "old")
# Ages in [0, 1] at which a size class begins, and the share of full size over age.
CLASS_AGES = (0.0, 0.15, 0.45, 0.85)
GROWTH = ((0.0, 0.15, 0.3, 0.45, 0.7, 1.0), (0.12, 0.25, 0.5, 0.8, 1.0, 1.15))
OLDEST_OFFSPRING = 0.42
# The smallest share of its size to which the cold stunts a tree, and of its own spacing that a seedling
# keeps.
KRUMMHOLZ = 0.22
CLOSEST = 0.3
ESTIMATE = 128  # cells per side on which the number of plants is estimated
# Blocks at the foot of an apron against those at its wall.
TALUS_SIZES = (0.45, 1.7)


class Plants(NamedTuple):
    """All of one species (rocks too).

    Attributes
    ----------
    points : (N, 2) float64, x and z in world metres.
    sizes : (N,) float32, factor on the species' scale.
    ages : (N,) float32 in [0, 1], see `size_classes`.
    """

    points: FloatArray
    sizes: Float32Array
    ages: Float32Array

    def some(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Plants:
        """Return a part of them."""
        return Plants(self.points[chosen], self.sizes[chosen], self.ages[chosen])


def size_classes(ages: Float32Array) -> NDArray[np.intp]:
    """Return (N,) indices into `SIZE_CLASSES`."""
    return np.searchsorted(np.asarray(CLASS_AGES[1:], np.float32), ages, side="right")


def spacing(species: Species, sizes: Float32Array) -> FloatArray:
    """Return (N,) metres that plants keep from the next of their own: less while they are small."""
    return species.minimum_distance * np.clip(sizes.astype(np.float64) / 0.8, CLOSEST, 1)


def grow(
    species: Sequence[Species],
    ground: Habitat,
    *,
    seed: int,
    density: float = 1.0,
    maximum: int | None = None,
    threads: int | None = None,
) -> dict[str, Plants]:
    """Place all species of a world.

    Parameters
    ----------
    species : names must differ.
    ground : from `worldgen.habitat.habitat`.
    seed : the world's seed.
    density : multiplies every species' own.
    maximum : most plants in all, see `cap`.
    threads : at most so many, one a species; they change nothing but the time.

    Returns
    -------
    name -> plants, in the order of `species`.
    """
    names = [one.name for one in species]
    if len(set(names)) < len(names):
        raise InputError(f"species need names of their own; found {', '.join(sorted(names))}")
    order = sorted(species, key=lambda one: (LAYERS.index(one.layer), -one.minimum_distance, one.name))
    dark: Shade | None = None
    grown: dict[str, Plants] = {}
    with ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1)) as pool:
        if maximum is not None:
            density *= _thinning(order, ground, density, maximum)
        for layer in LAYERS:
            members = [one for one in order if one.layer == layer]
            found = pool.map(lambda one: _settle(one, ground, dark, density, seed), members)  # noqa: B023
            grown |= _compete(dict(zip((one.name for one in members), found, strict=True)), grown, order)
            parents = [one for one in members if one.offspring > 0 and len(grown[one.name].points)]
            if layer == LAYERS[-1] and not parents:
                break
            dark = shade(_light(grown, order, ground), ground.grid)
            young = pool.map(lambda one: _seedlings(one, grown[one.name], ground, dark, seed), parents)  # noqa: B023
            for one, seedlings in zip(parents, list(young), strict=True):
                kept = _compete({one.name: seedlings}, grown, order)[one.name]
                grown[one.name] = _joined(grown[one.name], kept)
    grown = {name: grown[name] for name in names}
    return grown if maximum is None else cap(grown, maximum, seed=seed)


def _settle(one: Species, ground: Habitat, dark: Shade | None, density: float, seed: int) -> Plants:
    """Return the grown ones of a species where they find their niche, whoever else may stand there."""
    points = poisson_disk(
        suitability(one, ground, dark),
        ground.grid,
        minimum_distance=one.minimum_distance,
        density=one.density * density,
        seed=seed,
        stage=f"scatter/{one.name}",
    )
    if one.clumping > 0:
        luck = hashed_units(points, seed, f"ecosystem/{one.name}/groves")
        points = points[luck < groves(one, points, seed)]
    stand = 0.8 + one.stands * (_at(ground.stand, ground, points) - 0.8)
    jitter = hashed_units(points, seed, f"ecosystem/{one.name}/age") - 0.5
    ages = np.clip(stand + (0.3 if one.stands > 0 else 0.0) * jitter, 0.1, 1)
    grows = one.stands > 0 or one.offspring > 0
    return _sized(one, ground, points, ages if grows else np.full(len(points), 0.7))


def _seedlings(one: Species, parents: Plants, ground: Habitat, dark: Shade, seed: int) -> Plants:
    """Return the offspring of a species' grown plants that find light and soil, crowded as yet."""
    count = np.floor(
        2 * one.offspring * hashed_units(parents.points, seed, f"ecosystem/{one.name}/offspring") + 0.5
    )
    count[parents.ages < CLASS_AGES[2]] = 0
    owner = np.repeat(np.arange(len(count)), count.astype(np.intp))
    first = np.cumsum(count) - count
    number = np.arange(len(owner)) - first[owner]
    origin = parents.points[owner] + number[:, None] * 0.001  # each child draws of its own
    draws = [
        hashed_units(origin, seed, f"ecosystem/{one.name}/{part}") for part in ("far", "way", "luck", "old")
    ]
    points = seeds_around(parents.points[owner], np.stack(draws[:2], axis=1), one.dispersal)
    low = np.array(ground.grid.origin)
    inside = ((points > low) & (points < low + ground.grid.extent)).all(axis=1)
    points = points[inside]
    niche = suitability(one, ground, dark)
    lives = draws[2][inside] < _chance(niche, ground, points)
    ages = OLDEST_OFFSPRING * draws[3][inside][lives] ** 0.7
    return _sized(one, ground, points[lives], ages)


def _joined(first: Plants, second: Plants) -> Plants:
    return Plants(
        np.concatenate([first.points, second.points]),
        np.concatenate([first.sizes, second.sizes]),
        np.concatenate([first.ages, second.ages]),
    )


def _sized(one: Species, ground: Habitat, points: FloatArray, ages: FloatArray) -> Plants:
    sizes = np.interp(ages, *GROWTH)
    if one.stunting > 0:
        coldest = one.temperature[0]
        warmth = ramp(_at(ground.temperature, ground, points), coldest, coldest + one.stunting)
        sizes *= KRUMMHOLZ + (1 - KRUMMHOLZ) * warmth
    if one.talus > 0:
        small, large = TALUS_SIZES
        sizes *= 1 + one.talus * (small + (large - small) * _at(ground.runout, ground, points) - 1)
    return Plants(points, sizes.astype(np.float32), ages.astype(np.float32))


def _at(field: Field, ground: Habitat, points: FloatArray) -> FloatArray:
    """Return (N,) values of a map at points, of the nearest vertex."""
    rows, columns = ground.grid.to_cells(points[:, 0], points[:, 1])
    return field[np.rint(rows).astype(np.intp), np.rint(columns).astype(np.intp)].astype(np.float64)


def _chance(niche: Field, ground: Habitat, points: FloatArray) -> FloatArray:
    """Return (N,) the least suitability of the four vertices around each point."""
    rows, columns = (
        np.floor(each).astype(np.intp) for each in ground.grid.to_cells(points[:, 0], points[:, 1])
    )
    rows, columns = np.clip(rows, 0, niche.shape[0] - 2), np.clip(columns, 0, niche.shape[1] - 2)
    corners = [niche[rows + down, columns + right] for down in (0, 1) for right in (0, 1)]
    return np.asarray(np.min(corners, axis=0), np.float64)


def _compete(
    newcomers: Mapping[str, Plants], grown: Mapping[str, Plants], order: Sequence[Species]
) -> dict[str, Plants]:
    """Return those of the newcomers that find room among all that stand already, and among each other."""
    by_name = {one.name: one for one in order}
    groups = [*grown.items(), *newcomers.items()]
    # Of what stands already only what keeps others off, or is of the newcomers' own, has a say.
    groups = [
        (name, plants)
        for number, (name, plants) in enumerate(groups)
        if number >= len(grown) or by_name[name].clearance > 0 or name in newcomers
    ]
    settled = sum(len(plants.points) for name, plants in groups[: len(groups) - len(newcomers)])
    if not groups:
        return {}
    numbers = {name: number for number, name in enumerate(by_name)}
    alive = stand_apart(
        np.concatenate([plants.points for _, plants in groups]),
        np.concatenate([np.full(len(plants.points), numbers[name]) for name, plants in groups]),
        np.concatenate([spacing(by_name[name], plants.sizes) for name, plants in groups]),
        np.concatenate(
            [by_name[name].clearance * np.minimum(plants.sizes, 1.0) for name, plants in groups]
        ).astype(np.float64),
        settled,
    )[settled:]
    kept, start = {}, 0
    for name, plants in newcomers.items():
        kept[name] = plants.some(alive[start : start + len(plants.points)])
        start += len(plants.points)
    return kept


def _light(grown: Mapping[str, Plants], order: Sequence[Species], ground: Habitat) -> Field:
    shading = [one for one in order if one.crown > 0 and one.name in grown]
    points = [np.zeros((0, 2)), *(grown[one.name].points for one in shading)]
    crowns = [np.zeros(0), *(one.crown * np.mean(one.scale) * grown[one.name].sizes for one in shading)]
    return light_below(np.concatenate(points), np.concatenate(crowns), ground.grid)


def _thinning(order: Sequence[Species], ground: Habitat, density: float, maximum: int) -> float:
    """Return a factor for all densities, so that no huge land is filled with millions to be thinned."""
    hectares = ground.grid.area / 10_000
    coarse = ground.sampled(max(1, min(ground.grid.shape) // ESTIMATE))
    expected = 0.0
    for one in order:
        fits = 10_000 * PACKING / one.minimum_distance**2
        share = float(suitability(one, coarse).mean()) * (1 - one.clumping / 2)  # groves cover about half
        expected += min(one.density * density, fits) * hectares * share
    # Shade and neighbours take about half of what niches alone would allow.
    return min(1.0, 3 * maximum / max(expected, 1.0))


def cap(grown: Mapping[str, Plants], maximum: int, *, seed: int) -> dict[str, Plants]:
    """Thin all species by the same share until at most `maximum` plants are left, and warn that it was done.

    Which ones go is decided by a hash of their place, so a smaller cap keeps a part of a larger one's.
    """
    total = sum(len(plants.points) for plants in grown.values())
    if total <= maximum:
        return dict(grown)
    share = maximum / total
    warnings.warn(
        f"{total} objects are more than the allowed {maximum}; each kind keeps {share:.1%} of its own",
        stacklevel=2,
    )
    thinned = {}
    for name, plants in grown.items():
        rank = np.argsort(hashed_units(plants.points, seed, f"scatter/{name}/cap"), kind="stable")
        thinned[name] = plants.some(np.sort(rank[: int(len(rank) * share)]))
    return thinned
