"""What grows where: soft biome weights from temperature, moisture, slope and water.

The limits follow Whittaker's diagram of temperature and precipitation (R. H. Whittaker, "Communities and
Ecosystems", 1975). The climate itself is `worldgen.climate`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter, uniform_filter

from worldgen.climate import evaporation, make_climate, runoff
from worldgen.config import ClimateConfig
from worldgen.heightmap import Field, Heightmap, ramp, slope_degrees
from worldgen.hydrology import Hydrology
from worldgen.noise import fractal, permutation
from worldgen.rivers import lasting_lakes

BIOMES = (
    "water",
    "beach",
    "barren",
    "bare",
    "snow",
    "tundra",
    "meadow",
    "conifer_forest",
    "broadleaf_forest",
    "tropical_forest",
    "grassland",
    "shrubland",
    "desert",
)

# °C, the yearly mean at which snow outlasts the summer in the Alps. Towards the poles it takes a colder year,
# as summers are warm for theirs: -4 °C in the Alps, -5 °C in Lapland, -9 °C and less on Svalbard.
SNOW_LINE = -3.7
SNOW_LINE_LATITUDE = 47.0
SNOW_LINE_PER_DEGREE = 0.2


# Metres from the sea to which all low ground is beach, and from which on none is.
BEACH_WIDTH = (25.0, 55.0)


@dataclass(frozen=True, eq=False)
class BiomeMap:
    """Biome weights and the climate behind them.

    Attributes
    ----------
    names : B names.
    weights : (B, H, W) float32, in [0, 1], sum to 1 over B.
    temperature : (H, W) float32, yearly mean, °C.
    precipitation : (H, W) float32, mm per year.
    moisture : (H, W) float32, of the soil, 0 dry .. 1 wet.
    slope : (H, W) float32, degrees.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    temperature: Field
    precipitation: Field
    moisture: Field
    slope: Field

    def weight(self, name: str) -> Field:
        """Return the (H, W) weight of one biome."""
        field: Field = self.weights[self.names.index(name)]
        return field


def classify(heightmap: Heightmap, hydrology: Hydrology, climate: ClimateConfig, seed: int) -> BiomeMap:
    """Give each cell its soft biome weights.

    Parameters
    ----------
    heightmap : elevation in metres.
    hydrology : flow and sea of the same grid.
    climate : what `worldgen.climate` needs, and how much of the ground is too young for plants.
    seed : the world's seed; decides the patchiness.
    """
    elevation, grid = heightmap.elevation, heightmap.grid
    x, z = grid.x[None, :], grid.z[:, None]
    patches = fractal(x / 420, z / 420, permutation(seed, "biomes/patches"), octaves=5).astype(np.float32)
    speckle = fractal(x / 60, z / 60, permutation(seed, "biomes/speckle"), octaves=4).astype(np.float32)
    sea_level = hydrology.sea_level
    above = elevation - np.float32(0.0 if sea_level is None else sea_level)
    slope = slope_degrees(elevation, grid.spacing)
    weather = make_climate(heightmap, hydrology, climate)
    # Weather and soils vary over shorter ways than the maps say: borders of biomes are ragged.
    temperature = weather.temperature + 0.9 * patches
    moisture = np.clip(weather.moisture + 0.16 * patches + 0.05 * speckle, 0, 1)

    # Steepness wins first, then frost, then the plant cover shares what is left.
    bare = ramp(slope + 5 * speckle, 37, 49)
    line = SNOW_LINE - SNOW_LINE_PER_DEGREE * max(abs(climate.latitude) - SNOW_LINE_LATITUDE, 0.0)
    snow = ramp(temperature + 0.5 * speckle + 0.035 * np.maximum(slope - 25, 0), line + 1, line - 1)
    snow *= ramp(slope, 58, 44)
    # A desert's basins are dry: what is water is what the climate fills.
    loss = evaporation(weather.temperature) - weather.precipitation
    wet = float(runoff(weather.precipitation, weather.temperature).mean())
    lakes = lasting_lakes(hydrology, wet, float(loss.mean()))
    water = (hydrology.sea | lakes).astype(np.float32)
    beach = np.zeros_like(above)
    if sea_level is not None:
        beach = ramp(above + 1.5 * speckle, 4.5, 1.5) * ramp(slope, 24, 10) * (1 - water)
        # The plains of deltas are as low, and green; the sea in their channels is no open water.
        around = uniform_filter(water, 2 * int(20 / grid.spacing) + 1, mode="nearest")
        open_sea = hydrology.sea & (around > 0.35)
        if open_sea.any():
            inland = grid.spacing * distance_transform_edt(~open_sea)
            beach *= ramp(inland + 10 * speckle, *BEACH_WIDTH[::-1])
        # At the foot of a sea cliff lies rock.
        foot = ramp(maximum_filter(slope, 2 * int(12 / grid.spacing) + 1), 32, 42)
        bare = np.maximum(bare, beach * foot)
        beach = beach * (1 - foot)
    # Lava, ash and fresh moraine, more of it towards the summits, where it is youngest.
    youth = 0.9 * above / 1000 + 0.5 * patches + 0.01 * slope + 1.4 * climate.barren
    barren = ramp(youth, 0.95, 1.25) * np.float32(min(4 * climate.barren, 1.0))
    # Whittaker's diagram has precipitation on its second axis, and the borders between desert, grass and
    # forest rise with temperature as evaporation does; over the moisture index they stand upright.
    cover = {
        "tundra": ramp(temperature, 0.1, -2.1),
        "meadow": ramp(temperature, -2.3, -0.3) * ramp(temperature, 2.7, 0.9),
        "conifer_forest": ramp(temperature, 0.1, 1.7)
        * ramp(temperature, 9.5, 5.5)
        * ramp(moisture, 0.36, 0.52),
        "broadleaf_forest": ramp(temperature, 3.5, 7.5)
        * ramp(temperature, 22, 18)
        * ramp(moisture, 0.44, 0.6),
        "tropical_forest": ramp(temperature, 17, 20.5) * ramp(moisture, 0.48, 0.66),
        "grassland": ramp(temperature, 0.5, 2.5) * ramp(moisture, 0.22, 0.36) * ramp(moisture, 0.64, 0.46),
        "shrubland": ramp(temperature, 3.5, 7.5) * ramp(moisture, 0.1, 0.2) * ramp(moisture, 0.42, 0.28),
        "desert": ramp(temperature, 1.5, 5.5) * ramp(moisture, 0.22, 0.11),
    }
    rest = np.maximum(sum(cover.values(), np.zeros_like(above)), 1e-4)
    weights = np.zeros((len(BIOMES), *elevation.shape), np.float32)
    left = np.ones_like(above)
    firm = (("water", water), ("beach", beach), ("snow", snow), ("bare", bare), ("barren", barren))
    for name, share in firm:
        weights[BIOMES.index(name)] = left * share
        left = left * (1 - share)
    for name, share in cover.items():
        weights[BIOMES.index(name)] = left * share / rest
    # Where no plant cover reaches (frozen or parched gaps between the ramps) the ground is bare.
    weights[BIOMES.index("bare")] += np.maximum(1 - weights.sum(axis=0), 0)
    weights /= weights.sum(axis=0)
    return BiomeMap(
        BIOMES, weights, weather.temperature, weather.precipitation, moisture.astype(np.float32), slope
    )
