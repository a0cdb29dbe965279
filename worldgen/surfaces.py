"""Which surface shows where: splat weights of rock, soil, grass, ... from biomes, slope, relief and flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.biomes import BiomeMap
from worldgen.heightmap import Field, Heightmap, ramp
from worldgen.hydrology import Hydrology
from worldgen.noise import fractal, permutation

SURFACES = ("rock", "cliff", "gravel", "soil", "sand", "grass", "forest_floor", "snow")

# Metres from the crowns over which leaves and needles are strewn.
LITTER_WIDTH = 5.0
# Degrees over which dry sand slides off: the slip face of a dune is the steepest that it lies.
REPOSE = (34.0, 39.0)

# Shares of each surface on level ground of one biome; the artist's palette of the whole package.
_GROUND: dict[str, dict[str, float]] = {
    "water": {"sand": 0.75, "gravel": 0.25},
    "beach": {"sand": 1.0},
    "barren": {"gravel": 0.5, "soil": 0.3, "rock": 0.2},
    "bare": {"rock": 0.7, "gravel": 0.3},
    "snow": {"snow": 1.0},
    "tundra": {"gravel": 0.4, "grass": 0.35, "rock": 0.25},
    "meadow": {"grass": 0.75, "soil": 0.1, "gravel": 0.15},
    "conifer_forest": {"forest_floor": 0.7, "grass": 0.25, "soil": 0.05},
    "broadleaf_forest": {"forest_floor": 0.55, "grass": 0.4, "soil": 0.05},
    "tropical_forest": {"forest_floor": 0.6, "grass": 0.35, "soil": 0.05},
    "grassland": {"grass": 0.85, "soil": 0.15},
    "shrubland": {"grass": 0.4, "soil": 0.35, "gravel": 0.25},
    "desert": {"sand": 0.55, "soil": 0.2, "gravel": 0.25},
}


@dataclass(frozen=True, eq=False)
class Splat:
    """Surface weights on the terrain's vertices.

    Attributes
    ----------
    names : S names.
    weights : (S, H, W) float32, in [0, 1], sum to 1 over S.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]


def splat(
    heightmap: Heightmap, hydrology: Hydrology, biomes: BiomeMap, seed: int, light: Field | None = None
) -> Splat:
    """Blend the surfaces of each cell.

    Parameters
    ----------
    heightmap, hydrology, biomes : of the same grid.
    seed : the world's seed.
    light : (H, W) in [0, 1], what the crowns of placed trees let through; litter lies below them, and the
        clearings of a wood are grass. None covers all of a forest's ground alike.
    """
    grid, spacing = heightmap.grid, heightmap.grid.spacing
    patches = fractal(
        grid.x[None, :] / 90, grid.z[:, None] / 90, permutation(seed, "surfaces/patches"), octaves=5
    ).astype(np.float32)
    weights = np.zeros((len(SURFACES), *heightmap.elevation.shape), np.float32)
    for biome, shares in _GROUND.items():
        weight = biomes.weight(biome)
        # Mixed ground lies in patches, not as an even mush: the noise favours one share or the other.
        for order, (surface, share) in enumerate(shares.items()):
            tilt = np.float32(1.0 if len(shares) == 1 else (1.6 if order % 2 else -1.6))
            mixed = weight * np.float32(share) * np.exp(tilt * patches) if len(shares) > 1 else weight
            weights[SURFACES.index(surface)] += mixed

    sand = weights[SURFACES.index("sand")]
    slid = sand * ramp(biomes.slope, *REPOSE)
    sand -= slid
    weights[SURFACES.index("gravel")] += slid

    if light is not None:
        floor = weights[SURFACES.index("forest_floor")]
        near = gaussian_filter(1 - light, LITTER_WIDTH / spacing, mode="nearest")
        open_ground = floor * ramp(near, 0.2, 0.04)
        floor -= open_ground
        weights[SURFACES.index("grass")] += open_ground

    def over(surface: str, share: NDArray[np.float32]) -> None:
        """Lay one surface over the others with a share in [0, 1]."""
        total = np.maximum(weights.sum(axis=0), 1e-6)
        weights[:] *= (1 - share) / total
        weights[SURFACES.index(surface)] += share

    slope, elevation = biomes.slope + 4 * patches, heightmap.elevation
    frost = biomes.weight("snow")
    # Scree collects below walls: steep, but lower than its wider surroundings.
    hollow = gaussian_filter(elevation, 40 / spacing, mode="nearest") - elevation
    scree = ramp(slope, 24, 31) * ramp(slope, 44, 37) * ramp(hollow, 0, 6) * ramp(biomes.moisture, 0.95, 0.6)
    over("gravel", 0.75 * scree * (1 - frost))
    over("rock", ramp(slope, 36, 44) * ramp(slope, 60, 50) * (1 - 0.8 * frost))
    over("cliff", ramp(slope, 44, 54))
    # Stream beds: gravel where the water of so many cells gathers. Counted in cells, since on a coarse grid
    # every small brook would be drawn as wide as a road.
    gathered = np.log10(np.maximum(hydrology.accumulation / spacing**2, 1))
    channel = ramp(gathered, 3.4, 4.4) * ramp(slope, 38, 22)
    over("gravel", 0.7 * channel * (1 - frost) * (1 - biomes.weight("water")))
    # A border that is sharper than the grid shows the grid, as a row of teeth along every rim.
    for weight in weights:
        weight[:] = gaussian_filter(weight, 0.9, mode="nearest")
    total = weights.sum(axis=0)
    return Splat(SURFACES, (weights / np.maximum(total, 1e-6)).astype(np.float32))
