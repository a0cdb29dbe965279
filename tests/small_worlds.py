"""Small land and made surfaces for tests of what comes after them; no test in here."""

from __future__ import annotations

import numpy as np

from worldgen.biomes import BiomeMap, classify
from worldgen.config import ClimateConfig
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology, route
from worldgen.materials import Surface
from worldgen.surfaces import SURFACES

CLIMATE = ClimateConfig(temperature=12, moisture=0.6)


def island(size: int = 65, spacing: float = 8.0, height: float = 120.0) -> Heightmap:
    """A smooth round island in the middle of a sea 30 m deep."""
    grid = Grid.centred((size, size), spacing)
    radius = np.hypot(grid.x[None, :], grid.z[:, None]) / grid.extent[0]
    return Heightmap((-30 + (height + 30) * np.exp(-((radius / 0.25) ** 2))).astype(np.float32), grid)


def plane(slope: float, size: int = 33, spacing: float = 4.0, base: float = 500.0) -> Heightmap:
    """Ground that rises to the north by ``slope`` (rise / run)."""
    grid = Grid.centred((size, size), spacing)
    return Heightmap((base - slope * grid.z[:, None] + 0 * grid.x[None, :]).astype(np.float32), grid)


def maps(
    heightmap: Heightmap, sea_level: float | None = 0.0, climate: ClimateConfig = CLIMATE, seed: int = 1
) -> tuple[Hydrology, BiomeMap]:
    """Water and biomes of a land."""
    water = route(heightmap.elevation, heightmap.grid.spacing, sea_level=sea_level, connected_sea=False)
    return water, classify(heightmap, water, climate, seed)


def surfaces(size: int = 128) -> list[Surface]:
    """One surface of plain colour per name, with a bump so that there is relief."""
    bump = np.sin(np.arange(size) * 2 * np.pi / size)
    height = (0.5 + 0.25 * (bump[:, None] + bump[None, :])).astype(np.float32)
    flat = np.full((size, size), 0.8, np.float32)
    made = []
    for index, name in enumerate(SURFACES):
        color = np.empty((size, size, 3), np.float32)
        color[:] = (0.2 + 0.08 * index, 0.5, 0.9 - 0.08 * index)
        made.append(Surface(name, color, height, flat, flat, steep=name in ("rock", "cliff")))
    return made
