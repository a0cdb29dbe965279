"""Where a kind of object likes to stand: its niche, its life, and a map of how well each place suits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError, nearest
from worldgen.habitat import Habitat, Shade
from worldgen.heightmap import Field, ramp
from worldgen.kernel import kernel
from worldgen.noise import fractal, permutation

Align = Literal["upright", "normal"]
Layer = Literal["canopy", "understory", "ground"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

# So many metres from water is no limit.
FAR = 1e6
# What strays no farther than so many metres from a river stands in it, too: reeds, boulders that it rounded.
WADING = 5.0


@dataclass(frozen=True)
class Species:
    """What decides where one kind of object stands, and how large it grows.

    Attributes
    ----------
    name : name of the species; with the seed it decides all that is random about it.
    kind : name of the asset kind that shows it; empty for the same name.
    layer : "canopy", "understory" or "ground": each grows in the shade of those before it.
    density : objects per hectare where all is suitable.
    minimum_distance : metres between grown ones of its own; young ones stand closer, see
        `worldgen.ecosystem.spacing`.
    clearance : metres that smaller species keep from it.
    biomes : factor in [0, 1] per biome, absent ones are 0; empty for all biomes alike.
    slope : (lowest, highest) degrees.
    altitude : (lowest, highest) metres above the sea.
    temperature : (coldest, warmest) yearly mean, °C.
    moisture : (driest, wettest) of the soil, in [0, 1].
    wetness : (lowest, highest) topographic wetness in [0, 1].
    shore : (nearest, farthest) metres from standing water; `FAR` or more for what grows without any.
    river : (nearest, farthest) metres from rivers, brooks and lakes, not the sea; likewise.
    light : (darkest, brightest) share of the light that the crowns above must let through, in [0, 1].
    edge : 0 anywhere .. 1 only along the borders of woods.
    talus : 0 anywhere .. 1 only on the aprons of debris below cliffs, larger ones farther down.
    crown : radius in metres at scale 1 within which it shades others; 0 for none.
    stunting : °C above the coldest over which it is stunted (krummholz).
    stands : 0 .. 1, how much its age follows that of the stand: clearings, thickets and old woods.
    offspring : seedlings per grown one, before shade and crowding take theirs.
    dispersal : metres that most of them land from it.
    scale : (smallest, largest) uniform scale of grown ones.
    align : "upright" along +Y, "normal" turned with the ground.
    clumping : 0 even .. 1 in groves with bare ground between.
    clump_size : metres, about the distance between groves.
    """

    name: str
    kind: str = ""
    layer: Layer = "ground"
    density: float = 50.0
    minimum_distance: float = 3.0
    clearance: float = 0.0
    biomes: Mapping[str, float] = field(default_factory=dict)
    slope: tuple[float, float] = (0.0, 35.0)
    altitude: tuple[float, float] = (-1e5, 1e5)
    temperature: tuple[float, float] = (-100.0, 100.0)
    moisture: tuple[float, float] = (0.0, 1.0)
    wetness: tuple[float, float] = (0.0, 1.0)
    shore: tuple[float, float] = (2.0, FAR)
    river: tuple[float, float] = (0.0, FAR)
    light: tuple[float, float] = (0.0, 1.0)
    edge: float = 0.0
    talus: float = 0.0
    crown: float = 0.0
    stunting: float = 0.0
    stands: float = 0.0
    offspring: float = 0.0
    dispersal: float = 10.0
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
        for name in _RANGES:
            low, high = getattr(self, name)
            if not low <= high:
                raise InputError(f"species '{self.name}' has {name} ({low}, {high}); the first must be lower")
        for name in ("edge", "talus", "stands", "clumping"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"species '{self.name}' has {name} {getattr(self, name)}; allowed: 0 to 1")
        for name in ("crown", "stunting", "offspring"):
            if not getattr(self, name) >= 0:
                raise InputError(
                    f"species '{self.name}' has {name} {getattr(self, name)}; allowed: 0 or more"
                )
        if not (self.clump_size > 0 and self.dispersal > 0 and self.scale[0] > 0):
            raise InputError(
                f"species '{self.name}' needs clump_size, dispersal and scale > 0; found "
                f"{self.clump_size}, {self.dispersal}, {self.scale}"
            )
        if self.layer not in LAYERS:
            raise InputError(f"species '{self.name}' has layer '{self.layer}'; {nearest(self.layer, LAYERS)}")


_RANGES = ("slope", "altitude", "temperature", "moisture", "wetness", "shore", "river", "light", "scale")


def within(value: NDArray[np.floating], low: float, high: float, soft: float) -> Field:
    """Return 1 well inside [low, high] and 0 outside, with smooth flanks `soft` wide on the inner side.

    An infinite ``high`` is no limit.
    """
    inside = np.ones(value.shape, np.float32)
    _limit(inside.reshape(-1), np.ascontiguousarray(value, np.float32).reshape(-1), low, high, soft)
    return inside


@kernel
def _limit(suits: Field, value: Field, low: float, high: float, soft: float) -> None:
    """Multiply (N,) suitabilities by what `within` says."""
    width = min(soft, (high - low) / 4)
    for cell in range(suits.size):
        if suits[cell] == 0:
            continue
        here = value[cell]
        if here < low or here > high:
            suits[cell] = 0
        elif width > 0:
            t = min((here - low) / width, 1.0)
            rise = t * t * (3 - 2 * t)
            if high < np.inf:
                t = min((high - here) / width, 1.0)
                rise *= t * t * (3 - 2 * t)
            suits[cell] *= rise


def suitability(species: Species, ground: Habitat, shade: Shade | None = None) -> Field:
    """Return (H, W) float32 in [0, 1]: how well each place suits a species; exactly 0 in water.

    Only what keeps within `WADING` metres of rivers stands in them, too.

    Parameters
    ----------
    ground : from `worldgen.habitat.habitat`.
    shade : from `worldgen.habitat.shade`; None for open ground, without any border of woods.

    Raises
    ------
    InputError : the species names a biome that the map does not have.
    """
    suits = np.full(ground.grid.shape, 0.0 if species.biomes else 1.0, np.float32)
    flat = suits.reshape(-1)
    for name, factor in species.biomes.items():
        if name not in ground.biomes:
            raise InputError(
                f"species '{species.name}' grows in biome '{name}'; {nearest(name, ground.biomes)}"
            )
        _add(flat, ground.biomes[name].reshape(-1), factor)
    wades = species.river[0] <= 0 and species.river[1] <= WADING
    _leave_out(flat, (ground.shore_distance == 0 if wades else ground.water).reshape(-1))
    limits = [
        (ground.slope, species.slope, 8.0, 0.0, 90.0),
        (ground.altitude, species.altitude, 30.0, -1e5, 1e5),
        (ground.temperature, species.temperature, 2.0, -100.0, 100.0),
        (ground.moisture, species.moisture, 0.1, 0.0, 1.0),
        (ground.wetness, species.wetness, 0.1, 0.0, 1.0),
        (ground.shore_distance, species.shore, 4.0, 0.0, FAR),
        (ground.river_distance, species.river, 8.0, 0.0, FAR),
    ]
    if shade is not None:
        limits.append((shade.light, species.light, 0.15, 0.0, 1.0))
    for value, (low, high), soft, lowest, highest in limits:
        # What lies at an end of the scale is no limit, so that it must not lie on a flank either.
        reach = (low if low > lowest else -np.inf, high if high < highest else np.inf)
        if reach != (-np.inf, np.inf):
            _limit(flat, value.reshape(-1), *reach, min(soft, (high - low) / 4))
    if species.talus > 0:
        _keep_to(flat, ground.talus.reshape(-1), species.talus)
    if species.edge > 0 and shade is not None:
        _keep_to(flat, shade.edge.reshape(-1), species.edge)
    elif species.edge > 0:
        suits *= np.float32(1 - species.edge)
    if species.stands > 0:
        # Where all was felled, only what is younger than the clearing grows.
        _keep_to(flat, ground.grown.reshape(-1), species.stands)
    return suits


@kernel
def _add(suits: Field, weight: Field, factor: float) -> None:
    for cell in range(suits.size):
        suits[cell] = min(suits[cell] + np.float32(factor) * weight[cell], np.float32(1.0))


@kernel
def _leave_out(suits: Field, water: NDArray[np.bool_]) -> None:
    for cell in range(suits.size):
        if water[cell]:
            suits[cell] = 0


@kernel
def _keep_to(suits: Field, place: Field, affinity: float) -> None:
    """Multiply suitabilities by 1 where ``place`` is 1, by 1 - affinity where it is 0."""
    for cell in range(suits.size):
        suits[cell] *= np.float32(1) - np.float32(affinity) * (np.float32(1) - place[cell])


def groves(species: Species, points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return (N,) chances in [0, 1] at points: soft-edged groves that cover about half the land.

    Asked at points, since most of a map has none.
    """
    table = permutation(seed, f"scatter/{species.name}/groves")
    # Three octaves fray the edges of groves, so that none is a disc.
    x, z = points[:, 0] / species.clump_size, points[:, 1] / species.clump_size
    return 1 - species.clumping * ramp(fractal(x, z, table, octaves=3), 0.14, -0.06).astype(np.float64)
