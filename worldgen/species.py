"""Where a kind of object likes to stand: density, limits, and a map of how well each place suits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.biomes import BiomeMap
from worldgen.errors import InputError, nearest
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap, ramp
from worldgen.hydrology import Hydrology
from worldgen.noise import fractal, permutation

Align = Literal["upright", "normal"]
Field = NDArray[np.float32]

# Ice or a puddle shallower than this is no water to a plant.
LAKE_DEPTH = 0.25


@dataclass(frozen=True)
class Species:
    """What decides where one kind of object stands.

    Attributes
    ----------
    name : name of the species; with the seed it decides all that is random about it.
    kind : name of the asset kind that shows it; empty for the same name.
    density : objects per hectare where all is suitable.
    minimum_distance : metres to the next of its own.
    clearance : metres that smaller species keep from it.
    biomes : factor in [0, 1] per biome, absent ones are 0; empty for all biomes alike.
    slope : (lowest, highest) degrees.
    altitude : (lowest, highest) metres above the sea.
    temperature : (coldest, warmest) yearly mean, °C.
    wetness : (lowest, highest) topographic wetness in [0, 1].
    shore : (nearest, farthest) metres from water; farthest is infinite for what grows without any.
    scale : (smallest, largest) uniform scale.
    align : "upright" along +Y, "normal" turned with the ground.
    clumping : 0 even .. 1 in groves with bare ground between.
    clump_size : metres, about the distance between groves.
    """

    name: str
    kind: str = ""
    density: float = 50.0
    minimum_distance: float = 3.0
    clearance: float = 0.0
    biomes: Mapping[str, float] = field(default_factory=dict)
    slope: tuple[float, float] = (0.0, 35.0)
    altitude: tuple[float, float] = (-1e5, 1e5)
    temperature: tuple[float, float] = (-100.0, 100.0)
    wetness: tuple[float, float] = (0.0, 1.0)
    shore: tuple[float, float] = (2.0, np.inf)
    scale: tuple[float, float] = (0.8, 1.25)
    align: Align = "upright"
    clumping: float = 0.5
    clump_size: float = 120.0

    def __post_init__(self) -> None:
        if not (self.density >= 0 and self.minimum_distance > 0 and self.clearance >= 0):
            raise InputError(
                f"species '{self.name}' needs density >= 0, minimum_distance > 0 and clearance >= 0; found "
                f"{self.density}, {self.minimum_distance}, {self.clearance}"
            )
        for name in ("slope", "altitude", "temperature", "wetness", "shore", "scale"):
            low, high = getattr(self, name)
            if not low <= high:
                raise InputError(f"species '{self.name}' has {name} ({low}, {high}); the first must be lower")
        if not (0 <= self.clumping <= 1 and self.clump_size > 0 and self.scale[0] > 0):
            raise InputError(
                f"species '{self.name}' needs clumping in [0, 1], clump_size > 0 and scale > 0; found "
                f"{self.clumping}, {self.clump_size}, {self.scale}"
            )


@dataclass(frozen=True, eq=False)
class Habitat:
    """What the ground offers; made once by `habitat`, used for all species.

    Attributes
    ----------
    grid : the map's grid; all arrays have its shape (H, W).
    slope : float32, degrees.
    altitude : float32, metres above the sea.
    temperature : float32, yearly mean, °C.
    wetness : float32 in [0, 1].
    water : bool, sea and lakes.
    shore_distance : float32, metres to the nearest cell of water; 0 in it, 1e9 where there is none at all.
    biomes : name -> float32 weight.
    """

    grid: Grid
    slope: Field
    altitude: Field
    temperature: Field
    wetness: Field
    water: NDArray[np.bool_]
    shore_distance: Field
    biomes: Mapping[str, Field]


def habitat(heightmap: Heightmap, hydrology: Hydrology, biomes: BiomeMap) -> Habitat:
    """Gather what decides where things stand."""
    from scipy import ndimage

    water = hydrology.sea | hydrology.lakes(LAKE_DEPTH)
    if water.any():
        distance = ndimage.distance_transform_edt(~water, sampling=heightmap.grid.spacing)
        shore_distance = np.asarray(distance, np.float32)
    else:
        shore_distance = np.full(water.shape, 1e9, np.float32)
    sea_level = 0.0 if hydrology.sea_level is None else hydrology.sea_level
    return Habitat(
        grid=heightmap.grid,
        slope=biomes.slope,
        altitude=heightmap.elevation - np.float32(sea_level),
        temperature=biomes.temperature,
        wetness=hydrology.wetness,
        water=water,
        shore_distance=shore_distance,
        biomes={name: biomes.weight(name) for name in biomes.names},
    )


def within(value: NDArray[np.floating], low: float, high: float, soft: float) -> Field:
    """Return 1 well inside [low, high] and 0 outside, with smooth flanks `soft` wide on the inner side.

    An infinite ``high`` is no limit.
    """
    width = min(soft, (high - low) / 4)
    if width <= 0:
        return ((value >= low) & (value <= high)).astype(np.float32)
    above = ramp(value, low, low + width)
    return above if np.isinf(high) else above * ramp(value, high, high - width)


def suitability(species: Species, ground: Habitat, seed: int) -> Field:
    """Return (H, W) float32 in [0, 1]: how well each place suits a species; exactly 0 in water.

    Parameters
    ----------
    ground : from `habitat`.
    seed : the world's seed; decides where groves stand.

    Raises
    ------
    InputError : the species names a biome that the map does not have.
    """
    suits = np.ones(ground.grid.shape, np.float32)
    if species.biomes:
        suits[:] = 0
        for name, factor in species.biomes.items():
            if name not in ground.biomes:
                raise InputError(
                    f"species '{species.name}' grows in biome '{name}'; {nearest(name, ground.biomes)}"
                )
            suits += np.float32(factor) * ground.biomes[name]
    # A lower limit of 0 is no limit, so flat ground must not lie on a flank.
    lowest_slope = species.slope[0] if species.slope[0] > 0 else -90.0
    lowest_wetness = species.wetness[0] if species.wetness[0] > 0 else -1.0
    highest_wetness = species.wetness[1] if species.wetness[1] < 1 else 2.0
    suits *= within(ground.slope, lowest_slope, species.slope[1], 8.0)
    suits *= within(ground.altitude, *species.altitude, 30.0)
    suits *= within(ground.temperature, *species.temperature, 2.0)
    suits *= within(ground.wetness, lowest_wetness, highest_wetness, 0.1)
    suits *= within(ground.shore_distance, *species.shore, 4.0)
    suits[ground.water] = 0
    if species.clumping > 0:
        rows, columns = np.nonzero(suits > 0)
        suits[rows, columns] *= _groves(species, ground.grid.x[columns], ground.grid.z[rows], seed)
    return np.clip(suits, 0, 1)


def _groves(
    species: Species, x: NDArray[np.float64], z: NDArray[np.float64], seed: int
) -> NDArray[np.float32]:
    """Return (N,) float32 in [0, 1] at points: soft-edged patches that cover about half the land."""
    table = permutation(seed, f"scatter/{species.name}/groves")
    # Three octaves fray the edges of groves, so that none is a disc.
    patches = ramp(fractal(x / species.clump_size, z / species.clump_size, table, octaves=3), -0.12, 0.22)
    return 1 - np.float32(species.clumping) * (1 - patches)
