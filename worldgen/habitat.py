"""What the ground offers to plants: climate, soil, water, debris, the age of the wood, and its shade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.biomes import BiomeMap
from worldgen.grid import Grid
from worldgen.heightmap import Field, Heightmap, ramp
from worldgen.hydrology import Hydrology
from worldgen.noise import fractal, permutation
from worldgen.rivers import RiverNetwork
from worldgen.talus import talus_aprons

# Runoff in m³ a year, as m² of ground times m of rain, that makes a brook with green banks.
BROOK_RUNOFF = 60_000.0
# Metres from the crowns over which the border of a wood reaches.
EDGE_WIDTH = 9.0


@dataclass(frozen=True, eq=False)
class Habitat:
    """What the ground offers; made once by `habitat`, used for all species.

    Attributes
    ----------
    grid : the map's grid; all arrays have its shape (H, W).
    slope : float32, degrees.
    altitude : float32, metres above the sea.
    temperature : float32, yearly mean, °C.
    moisture : float32, of the soil, in [0, 1].
    wetness : float32, topographic, in [0, 1].
    water : bool, sea, lakes and rivers.
    shore_distance : float32, metres to the nearest sea or lake; 0 in it, 1e9 where there is none at all.
    river_distance : float32, metres to the nearest river, brook or lake; likewise.
    talus : float32 in [0, 1], debris below cliffs.
    runout : float32 in [0, 1], how far down its apron a place lies.
    stand : float32 in [0, 1], age of the wood: 0 just felled by a storm, 1 old.
    grown : float32 in [0, 1], 0 in clearings, where the wood has just fallen.
    biomes : name -> float32 weight.
    """

    grid: Grid
    slope: Field
    altitude: Field
    temperature: Field
    moisture: Field
    wetness: Field
    water: NDArray[np.bool_]
    shore_distance: Field
    river_distance: Field
    talus: Field
    runout: Field
    stand: Field
    grown: Field
    biomes: Mapping[str, Field]

    def sampled(self, step: int) -> Habitat:
        """Return every so many-th row and column, for estimates."""
        grid = self.grid
        rows, columns = (-(-length // step) for length in grid.shape)
        maps = {
            part.name: np.ascontiguousarray(getattr(self, part.name)[::step, ::step])
            for part in fields(self)
            if part.name not in ("grid", "biomes")
        }
        return Habitat(
            grid=Grid((rows, columns), grid.spacing * step, grid.origin),
            biomes={
                name: np.ascontiguousarray(weight[::step, ::step]) for name, weight in self.biomes.items()
            },
            **maps,
        )


def habitat(
    heightmap: Heightmap, hydrology: Hydrology, rivers: RiverNetwork, biomes: BiomeMap, seed: int
) -> Habitat:
    """Gather what decides where things stand; the seed decides where storms have felled the wood."""
    grid = heightmap.grid
    water = ~np.isnan(rivers.water)
    still = water & (rivers.breadth == 0)
    flows = (hydrology.accumulation * (biomes.precipitation / 1000) >= BROOK_RUNOFF) & ~hydrology.sea
    sea_level = 0.0 if hydrology.sea_level is None else hydrology.sea_level
    talus, runout = talus_aprons(heightmap.elevation, grid.spacing, ~still)
    stand = _stand_age(grid, seed)
    return Habitat(
        grid=grid,
        slope=biomes.slope,
        altitude=heightmap.elevation - np.float32(sea_level),
        temperature=biomes.temperature,
        moisture=biomes.moisture,
        wetness=hydrology.wetness,
        water=water,
        shore_distance=_distance(still, grid.spacing),
        river_distance=_distance(flows | water & ~hydrology.sea, grid.spacing),
        talus=talus,
        runout=runout,
        stand=stand,
        grown=ramp(stand, 0.04, 0.16),
        biomes={name: biomes.weight(name) for name in biomes.names},
    )


def _distance(water: NDArray[np.bool_], spacing: float) -> Field:
    from scipy import ndimage

    if not water.any():
        return np.full(water.shape, 1e9, np.float32)
    return np.asarray(ndimage.distance_transform_edt(~water, sampling=spacing), np.float32)


def _stand_age(grid: Grid, seed: int) -> Field:
    """Return how old the wood is: mostly grown, with clearings in ragged patches and thickets around them."""
    from scipy.ndimage import zoom

    # Drawn coarsely, as its finest features are 40 m wide.
    step = max(int(10 / grid.spacing), 1)
    rows, columns = (np.arange(0, length - 1 + step, step) * grid.spacing for length in grid.shape)
    x, z = (grid.origin[0] + columns[None, :]) / 150, (grid.origin[1] + rows[:, None]) / 150
    patches = fractal(x, z, permutation(seed, "ecosystem/stands"), octaves=3).astype(np.float32)
    if step > 1:
        factors = [((length - 1) * step + 1) / length for length in patches.shape]
        patches = zoom(patches, factors, order=1)[: grid.shape[0], : grid.shape[1]]
    return np.asarray(np.clip(0.72 + 0.95 * patches, 0, 1), np.float32)


class Shade(NamedTuple):
    """What plants that stand already leave to the next layer.

    Attributes
    ----------
    light : (H, W) float32 in [0, 1], what their crowns let through.
    edge : (H, W) float32 in [0, 1], how much a place is the border of a wood.
    """

    light: Field
    edge: Field


def shade(light: Field, grid: Grid) -> Shade:
    """Return the shade of a light: a wood's border has crowns near by, and yet light."""
    from scipy.ndimage import gaussian_filter

    near = gaussian_filter(1 - light, EDGE_WIDTH / grid.spacing, mode="nearest", truncate=2.5)
    return Shade(light, ramp(near, 0.04, 0.14) * ramp(near, 0.55, 0.3))
