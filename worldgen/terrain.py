"""From a config to a heightmap in metres: land of a source, cut by water and ice, with coasts and dunes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from worldgen.climate import dune_mobility, precipitation, temperature
from worldgen.coasts import shape_coasts
from worldgen.config import WorldConfig
from worldgen.drainage import drain, river_cells
from worldgen.droplets import droplets
from worldgen.dune_fields import SLIDE_FRAME, dune_field, slid
from worldgen.erosion import stream_power, thermal
from worldgen.glaciers import equilibrium_altitude, glaciate
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap, ramp, slope_degrees
from worldgen.noise import fractal, permutation
from worldgen.rng import child_seed
from worldgen.stream_power import crept
from worldgen.terrain_sources import SOURCES, land_of_style

Array32 = NDArray[np.float32]
Array64 = NDArray[np.float64]
# Water cuts in so many steps; after each, ground that is too steep slides, in so many sweeps at the end.
INCISIONS, SWEEPS = 3, 12
# m² per year by which ground creeps, and more where soil is steep, or gullies have the edges of trenches:
# from the first of these degrees on, freely from the second (Roering et al. 1999), and on shoulders within so
# many metres. Soil lies on land of so many degrees over so many metres, on steeper than the next none.
CREEP, STEEP_CREEP = 0.0003, 0.001
STEEP, SHOULDER_METRES = (25, 38), 6
SOIL_SLOPES, SOIL_METRES = (25, 35), 60
# Metres. Hollows that ice has dug deeper than this stay as lakes.
SHALLOWEST_LAKE = 8.0


def make_terrain(config: WorldConfig) -> Heightmap:
    """Return the finished heightmap of a world, (size, size) float32 metres.

    Raises
    ------
    InputError : the elevation file cannot be read.
    WeightsError : the terrain net's weights are damaged.
    """
    raw = SOURCES[config.terrain.source](config)
    return erode(raw, config)


def erode(heightmap: Heightmap, config: WorldConfig) -> Heightmap:
    """Let water and ice cut and steep slopes slide; lay mesa steps, coasts, river beds and dunes.

    A file's land was eroded by nature: it stays as it is. The endless land of a style was eroded as it was
    made: it only gets coasts, river beds, and dunes of its own or of the height that is asked for.
    """
    if config.terrain.source == "dem":
        return heightmap
    elevation: NDArray[Any] = heightmap.elevation
    spacing = heightmap.grid.spacing
    made_whole = config.terrain.source == "gan" and config.terrain.style is not None
    talus = float(np.tan(np.radians(config.erosion.talus_angle)))
    sweeps = max(1, round(SWEEPS * config.erosion.thermal)) if config.erosion.thermal > 0 else 0
    if config.erosion.strength > 0 and not made_whole:
        rough = elevation + _roughness(heightmap.grid, config)
        elevation = _incised(rough, spacing, config, talus, 2 * sweeps)
    if config.erosion.glacial > 0 and not made_whole:
        elevation = glaciate(
            elevation,
            spacing,
            equilibrium=equilibrium_altitude(config.climate.temperature, config.climate.lapse_rate),
            swing=5000.0 / max(config.climate.lapse_rate, 0.1),  # from 2 °C colder than today to 7
            years=1e5 * config.erosion.glacial,
            sea_level=config.sea_level,
        )
    if config.terrain.shape == "mesas" and not made_whole:
        elevation = terraces(elevation, heightmap.grid, config.terrain.relief, config.seed)
    if sweeps and not made_whole:
        elevation = thermal(elevation, spacing, talus_slope=talus, iterations=sweeps)
    if config.erosion.droplets > 0 and not made_whole:
        elevation = droplets(
            elevation,
            spacing,
            count=round(config.erosion.droplets * elevation.size),
            seed=config.seed,
            sea_level=config.sea_level,
        )
    elevation = elevation.astype(np.float32)
    if config.erosion.coast > 0 and config.sea_level is not None:
        elevation = shape_coasts(
            elevation,
            spacing,
            sea_level=config.sea_level,
            wind=config.climate.wind,
            strength=config.erosion.coast,
            seed=child_seed(config.seed, "coasts"),
        )
    if config.erosion.rivers > 0:
        elevation = drain(
            elevation,
            spacing,
            sea_level=config.sea_level,
            strength=config.erosion.rivers,
            deepest_breach=SHALLOWEST_LAKE if config.erosion.glacial > 0 else None,
        )
    sand = _sand(elevation, heightmap.grid, config)
    if sand.any():
        if config.erosion.rivers > 0:
            sand = sand * _off_rivers(elevation, spacing, config.sea_level)
        elevation = elevation + sand
    return heightmap.with_elevation(elevation.astype(np.float32))


def _incised(elevation: Array64, spacing: float, config: WorldConfig, talus: float, sweeps: int) -> Array64:
    """Let water cut (H, W) metres of land while the walls of its valleys lean back.

    While a river still cuts it takes away what its walls let go, and its valley keeps its depth: all slid at
    the end would stay a wall or fill it. Steep soil creeps and rounds shoulders; rock keeps its edges.
    """
    years = 2e4 * config.erosion.strength
    base_level = float(elevation.min())
    wide = gaussian_filter(elevation, SOIL_METRES / spacing)
    soil = 1 - ramp(slope_degrees(wide.astype(np.float32), spacing), *SOIL_SLOPES)
    for step in range(INCISIONS):
        if step and sweeps:
            elevation = thermal(elevation, spacing, talus_slope=talus, iterations=sweeps)
        elevation = stream_power(
            elevation,
            spacing,
            erodibility=1.4e-5,
            time_step=years,
            steps=1,
            diffusivity=CREEP,
            sea_level=config.sea_level,
            base_level=base_level,
            flow_directions=config.erosion.flow,
            sediment=config.erosion.sediment,
        )
        steep = ramp(slope_degrees(elevation.astype(np.float32), spacing), *STEEP)
        share = soil * np.minimum(2 * gaussian_filter(steep, SHOULDER_METRES / spacing), 1)
        elevation = elevation + share * (crept(elevation, spacing, STEEP_CREEP * years, "free") - elevation)
    return elevation


def _sand(elevation: Array32, grid: Grid, config: WorldConfig) -> Array32:
    """Return (H, W) metres of dunes, of the height asked for or a style's own, where it is dry enough."""
    styled = config.terrain.source == "gan" and config.terrain.style is not None
    if config.terrain.dunes == 0 and not styled:
        return np.zeros((1, 1), np.float32)
    level = elevation if config.sea_level is None else np.maximum(elevation, np.float32(config.sea_level))
    mobile = dune_mobility(
        temperature(level, grid.spacing, config.climate, config.sea_level),
        precipitation(level, grid.spacing, config.climate),
    )
    if not mobile.any():  # and so no sand
        return mobile
    if config.terrain.dunes > 0:
        return dunes(elevation, grid, config.terrain.dunes, config.seed, mobile)
    first = -(config.size // 2)
    return mobile * land_of_style(config).sand(first, first, config.size, config.size)


def _off_rivers(elevation: Array32, spacing: float, sea_level: float | None) -> Array32:
    """Return (H, W) in [0, 1]: 0 within 15 m of rivers, which carry sand away, 1 from 60 m on."""
    rivers = river_cells(elevation, spacing, sea_level=sea_level)
    if not rivers.any():
        return np.ones(elevation.shape, np.float32)
    return ramp(spacing * distance_transform_edt(~rivers), 15, 60)


def _roughness(grid: Grid, config: WorldConfig) -> NDArray[np.float64]:
    """Return (H, W) metres of bumps below 200 m, in which water gathers to the first gullies."""
    table = permutation(config.seed, "terrain/roughness")
    x, z = grid.x[None, :] / 180, grid.z[:, None] / 180
    return 0.004 * config.terrain.relief * fractal(x, z, table, octaves=3)


def terraces(elevation: Array32, grid: Grid, relief: float, seed: int) -> Array32:
    """Bend elevations into benches and walls, as layers of hard and soft rock weather.

    A monotone map of elevation: from a gentle bench up over a skirt of debris to the wall of the hard layer.
    The layers lean and swell by slow noise, so that no contour is drawn across the land.
    """
    x, z = grid.x[None, :], grid.z[:, None]
    sway = fractal(x / 900, z / 900, permutation(seed, "terraces"), octaves=4)
    thickness = relief / 3.2
    level = elevation / thickness + 0.16 * sway
    whole = np.floor(level)
    part = level - whole
    stepped = whole + np.interp(
        part, (0, 0.32, 0.60, 0.64, 0.76, 0.82, 1), (0, 0.09, 0.38, 0.44, 0.92, 0.96, 1)
    )
    # A rim that is sharper than the grid shows as a row of teeth.
    return np.asarray(gaussian_filter((stepped - 0.16 * sway) * thickness, 0.8, mode="nearest"), np.float32)


def dunes(elevation: Array32, grid: Grid, height: float, seed: int, mobile: Array32 | float = 1.0) -> Array32:
    """Return (H, W) metres of sand (`dune_fields`) where the ground is not steep.

    ``mobile`` : (H, W) from 0 to 1, see `worldgen.climate.dune_mobility`; in between only the highest rise.
    """
    smooth = gaussian_filter(elevation, 60 / grid.spacing, mode="nearest")
    room = (ramp(slope_degrees(smooth, grid.spacing), 11, 4) * mobile).astype(np.float64)
    sand = dune_field(grid.x[None, :], grid.z[:, None], room, grid.spacing, height, seed)
    return slid(np.pad(sand, SLIDE_FRAME, mode="edge"), grid.spacing).astype(np.float32)
