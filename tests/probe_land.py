"""A land that no flip or turn maps onto itself, and its ground materials; no test in here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from small_worlds import surfaces

from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.materials import Surface

GRID = Grid((65, 65), 8.0, (-236.0, -276.0))  # off the middle too: x -236 .. 276, z -276 .. 236
PEAK = (-140.0, -196.0)
RIDGE = 220.0
NAMES = ("grass", "rock", "snow", "soil", "sand", "gravel")


def land() -> Heightmap:
    x, z = GRID.x[None, :], GRID.z[:, None]
    peak = 300 * np.exp(-((x - PEAK[0]) ** 2 + (z - PEAK[1]) ** 2) / (2 * 40**2))
    ridge = 120 * np.exp(-((x - RIDGE) ** 2) / (2 * 25**2)) * np.exp(-((z / 150) ** 4))
    return Heightmap((20 + peak + ridge).astype(np.float32), GRID)


def weights() -> NDArray[np.float32]:
    sand = np.clip((GRID.x[None, :] - 100) / 40, 0, 1) * np.clip((GRID.z[:, None] - 60) / 40, 0, 1) * 0.8
    shares = np.zeros((len(NAMES), *GRID.shape))
    shares[NAMES.index("sand")] = sand
    shares[NAMES.index("gravel")] = sand / 8
    shares[NAMES.index("grass")] = 1 - sand - sand / 8
    return shares.astype(np.float32)


def materials() -> list[Surface]:
    """The surfaces of `NAMES`, 16 pixels a side."""
    made = {surface.name: surface for surface in surfaces(16)}
    return [made[name] for name in NAMES]
