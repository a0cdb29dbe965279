"""Macro relief: the coarse shape of a land, some tens of metres a cell, that the terrain net adds detail to.

Ranges, hills and islands rise by uplift while rivers cut them (stream power), so their valleys join as real
ones do. Each shape is a pure function of world coordinates and the seed on the grid that it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from worldgen.config import TerrainConfig
from worldgen.erosion import stream_power
from worldgen.grid import Grid
from worldgen.heightmap import ramp
from worldgen.noise import fractal, permutation

FloatArray = NDArray[np.float64]


# Rivers on a square grid lean to its eight directions. So the land grows on a grid that is turned against the
# world's, and is bent when it is sampled: shifts of this share of a feature over waves of that share.
_TURN = np.radians(27.0)
_BEND, _BEND_WAVE = 0.03, 0.42


def macro_relief(config: TerrainConfig, grid: Grid, inside: tuple[slice, slice], seed: int) -> FloatArray:
    """Return (H, W) elevation in metres on a coarse grid.

    Parameters
    ----------
    config : shape, relief, feature size and base of the land.
    grid : the coarse grid, wider than the world so that rivers enter it from outside.
    inside : rows and columns that the world covers; its relief is what ``config.relief`` speaks of.
    seed : the world's seed.
    """
    east, south = _workshop_coordinates(config, grid, seed)
    reach = max(float(np.abs(east).max()), float(np.abs(south).max())) + 2 * grid.spacing
    side = 2 * int(np.ceil(reach / grid.spacing)) + 1
    workshop = Grid.centred((side, side), grid.spacing)
    land = _SHAPES[config.shape](_Field(config, workshop, seed))
    rows, columns = workshop.to_cells(east, south)
    height: FloatArray = map_coordinates(land, (rows, columns), order=3, mode="nearest")
    if config.shape not in ("islands", "volcano"):  # those are in metres above the sea already
        low, high = np.percentile(height[inside], (2, 99.5))
        height = config.base + (height - low) * (config.relief / max(high - low, 1e-9))
    return roughened(height, grid, seed)


def roughened(height: FloatArray, grid: Grid, seed: int) -> FloatArray:
    """Return (H, W) metres with bumps of a few cells, the higher the steeper the ground.

    Stream power leaves flanks as even as a roof. Those of real land are rough at every scale: the finest band
    of elevation models coarsened to 60 m has a root mean square of 0.24 to 0.5 times slope times spacing. The
    terrain net takes its measure of detail from that band, and would leave even flanks even.
    """
    x, z = grid.x[None, :] / (3.2 * grid.spacing), grid.z[:, None] / (3.2 * grid.spacing)
    bumps = fractal(x, z, permutation(seed, "relief/bumps"), octaves=2)
    south, east = np.gradient(gaussian_filter(height, 1.5), grid.spacing)
    rough: FloatArray = height + 0.9 * grid.spacing * np.minimum(np.hypot(south, east), 1.2) * bumps
    return rough


def _workshop_coordinates(config: TerrainConfig, grid: Grid, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return where each cell of the world's coarse grid lies on the grid that the land grows on, metres."""
    x, z = grid.x[None, :] + 0 * grid.z[:, None], grid.z[:, None] + 0 * grid.x[None, :]
    wave, amplitude = _BEND_WAVE * config.feature_size, _BEND * config.feature_size
    bend = permutation(seed, "relief/bend")
    shift_x = amplitude * fractal(x / wave, z / wave, bend, octaves=2)
    shift_z = amplitude * fractal(x / wave + 31.4, z / wave - 17.2, bend, octaves=2)
    x, z = x + shift_x, z + shift_z
    return x * np.cos(_TURN) - z * np.sin(_TURN), x * np.sin(_TURN) + z * np.cos(_TURN)


class _Field:
    """Coordinates in units of the feature size, and the noise that shapes draw from."""

    def __init__(self, config: TerrainConfig, grid: Grid, seed: int) -> None:
        self.config, self.grid, self.seed = config, grid, seed
        self.x = np.broadcast_to(grid.x[None, :] / config.feature_size, grid.shape)
        self.z = np.broadcast_to(grid.z[:, None] / config.feature_size, grid.shape)

    def noise(
        self, stage: str, wavelength: float, *, octaves: int = 5, ridged: bool = False, warp: float = 0.35
    ) -> FloatArray:
        """Return warped noise whose first octave is ``wavelength`` features long."""
        x, z = self.x / wavelength, self.z / wavelength
        bend = permutation(self.seed, f"relief/{stage}/warp")
        # Bending the domain breaks the isotropy of plain noise, which real ranges do not have.
        dx = warp * fractal(x + 7.7, z, bend, octaves=3)
        dz = warp * fractal(x, z - 3.1, bend, octaves=3)
        table = permutation(self.seed, f"relief/{stage}")
        return fractal(x + dx, z + dz, table, octaves=octaves, ridged=ridged)

    def rivers(
        self,
        start: FloatArray,
        uplift: FloatArray | float,
        *,
        steps: int,
        creep: float,
        sea_level: float | None = None,
    ) -> FloatArray:
        """Let the land rise and rivers cut it; ``creep`` rounds the ground over that share of a feature."""
        time_step = 60_000.0
        # Rock that is harder here and softer there takes away what is left of the grid in the valleys.
        hardness = np.exp(0.4 * self.noise("hardness", 0.3, octaves=3))
        land: FloatArray = stream_power(
            start,
            self.grid.spacing,
            erodibility=2e-5 * hardness,
            time_step=time_step,
            steps=steps,
            uplift=uplift,
            diffusivity=(creep * self.config.feature_size) ** 2 / (steps * time_step),
            sea_level=sea_level,
        )
        return land


def _range(field: _Field) -> FloatArray:
    crests = field.noise("uplift", 1.6, octaves=3, ridged=True)
    start = 60 * field.noise("start", 0.8) + 30 * field.noise("roughness", 0.1, octaves=3)
    uplift = 6e-4 * (0.25 + crests**1.5)
    return field.rivers(start, uplift, steps=60, creep=0.075)


def _hills(field: _Field) -> FloatArray:
    domes = 0.5 + 0.5 * field.noise("uplift", 1.5, octaves=3)
    start = 80 * field.noise("start", 1.0) + 20 * field.noise("roughness", 0.1, octaves=3)
    return field.rivers(start, 4e-4 * (0.15 + domes), steps=40, creep=0.11)


def _plains(field: _Field) -> FloatArray:
    return field.rivers(60 * field.noise("start", 2.0), 4e-5, steps=12, creep=0.1)


def _mesas(field: _Field) -> FloatArray:
    # A tableland that rivers have entered but not consumed: short time, little creep.
    table = 0.5 + 0.5 * field.noise("table", 1.4, octaves=4)
    start = 420 * ramp(table, 0.38, 0.56) + 60 * table + 25 * field.noise("roughness", 0.12, octaves=3)
    return field.rivers(start.astype(np.float64), 2e-5, steps=6, creep=0.04)


def _islands(field: _Field) -> FloatArray:
    config = field.config
    land = field.noise("land", 1.25, octaves=4) - 0.2
    crests = field.noise("crests", 0.7, octaves=3, ridged=True)
    rise = np.clip(land / 0.45, 0, 1)
    start = np.where(land > 0, 40 * rise + 6 * field.noise("roughness", 0.1, octaves=3), 160 * land)
    shaped = field.rivers(start, 6e-4 * rise * (0.35 + crests), steps=45, creep=0.04, sea_level=0.0)
    top = max(float(np.percentile(shaped[shaped > 0], 99.5)) if (shaped > 0).any() else 1.0, 1.0)
    floor = config.base * (1 - np.exp(np.minimum(land, 0) / 0.18))
    # Rivers end at the shore with whole cells; one cell of blur makes a beach of that staircase.
    land_and_bed = np.where(shaped > 0, shaped * (config.relief / top), floor)
    return np.asarray(gaussian_filter(land_and_bed, 0.8), np.float64)


def _volcano(field: _Field) -> FloatArray:
    config = field.config
    center = 0.12 * np.array([np.cos(field.seed * 2.4), np.sin(field.seed * 2.4)])
    dx, dz = field.x - center[0], field.z - center[1]
    angle_noise = field.noise("flanks", 0.9, octaves=4)
    radius = np.hypot(dx, dz) * (1 + 0.22 * angle_noise)
    # Stratovolcanoes are concave: an exponential flank (E. Karatson et al. 2010) under a crater.
    cone = 1.18 * np.exp(-radius / 0.30) + 0.16 * np.exp(-((radius / 0.62) ** 2))
    crater = np.exp(-((radius / 0.058) ** 4))
    cone = np.minimum(cone, 0.86 + 0.05 * angle_noise) - 0.16 * crater
    for index in range(3):
        where = field.seed * 1.7 + index * 2.2
        px, pz = center + (0.36 + 0.07 * index) * np.array([np.cos(where), np.sin(where)])
        distance = np.hypot(field.x - px, field.z - pz)
        cone += 0.11 * np.exp(-((distance / 0.07) ** 2)) - 0.06 * np.exp(-((distance / 0.022) ** 2))
    land = config.base + config.relief * cone + 55 * field.noise("ground", 1.0)
    start = land + 14 * field.noise("roughness", 0.08, octaves=3)
    return field.rivers(start, 0.0, steps=4, creep=0.02, sea_level=0.0)


_SHAPES: dict[str, Callable[[_Field], FloatArray]] = {
    "range": _range,
    "hills": _hills,
    "plains": _plains,
    "mesas": _mesas,
    "islands": _islands,
    "volcano": _volcano,
}
