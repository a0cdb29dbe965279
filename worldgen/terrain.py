"""From a config to a heightmap in metres: learned, fractal, or read from a file; then eroded.

The learned source grows a macro relief by physics (`worldgen.relief`) and lets the terrain net refine it ×2
as often as needed, each time adding the detail that real land of that roughness has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_opening,
    distance_transform_edt,
    gaussian_filter,
    label,
    map_coordinates,
    maximum,
    maximum_filter,
    minimum,
    minimum_filter,
)

from worldgen.climate import dune_mobility, precipitation, temperature
from worldgen.coasts import shape_coasts
from worldgen.config import WorldConfig
from worldgen.dem import read_dem
from worldgen.drainage import drain, river_cells
from worldgen.droplets import droplets
from worldgen.dune_fields import SLIDE_FRAME, dune_field, slid
from worldgen.erosion import stream_power, thermal
from worldgen.glaciers import equilibrium_altitude, glaciate
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap, ramp, slope_degrees
from worldgen.learned_terrain import LearnedTerrain
from worldgen.noise import fractal, permutation
from worldgen.relief import macro_relief
from worldgen.rng import child_seed
from worldgen.sketch import Sketch
from worldgen.sketch_files import read_sketch

Array32 = NDArray[np.float32]
Array64 = NDArray[np.float64]
# So many macro cells lie between neighbouring summits: enough for a valley and its tributaries.
_CELLS_PER_FEATURE = 48
_MAXIMUM_LEVELS = 6
# Metres. Hollows that ice has dug deeper than this stay as lakes.
SHALLOWEST_LAKE = 8.0
# Level ground of an elevation file is water if it is so many cells wide; a lake if it has so many, and not
# more than this share of the cells around it lie lower.
LEVEL_CELLS, SMALLEST_LAKE, OUTLET_SHARE = 5, 60, 0.15


def make_terrain(config: WorldConfig) -> Heightmap:
    """Return the finished heightmap of a world, (size, size) float32 metres.

    Raises
    ------
    InputError : the elevation file cannot be read.
    WeightsError : the terrain net's weights are damaged.
    """
    raw = _SOURCES[config.terrain.source](config)
    return erode(raw, config)


def _grid(config: WorldConfig, spacing: float | None = None) -> Grid:
    return Grid.centred((config.size, config.size), spacing or config.spacing)


def learned(config: WorldConfig) -> Heightmap:
    """Macro relief refined by the terrain net, or a piece of the endless land of a style."""
    from worldgen.models.terrain_gan import margin

    grid = _grid(config)
    terrain = config.terrain
    if terrain.style is not None:
        first = -(config.size // 2)
        elevation = _land(config).bare(first, first, config.size, config.size).elevation
        return Heightmap(elevation + np.float32(terrain.base), grid)
    levels = int(
        np.clip(
            round(np.log2(config.terrain.feature_size / _CELLS_PER_FEATURE / config.spacing)),
            1,
            _MAXIMUM_LEVELS,
        )
    )
    # Coarse cell c covers the fine cells c·2^L .. (c+1)·2^L - 1; fine cell (0, 0) is the first vertex.
    inside = -(-config.size // 2**levels)
    # Rivers come from outside: the land goes on around the world by at least a third of its width.
    pad = max(margin(levels), inside // 3)
    coarse_spacing = config.spacing * 2**levels
    offset = (2**levels - 1) / 2 * config.spacing - pad * coarse_spacing  # centre of coarse cell (0, 0)
    cells = inside + 2 * pad
    coarse = Grid((cells, cells), coarse_spacing, (grid.origin[0] + offset, grid.origin[1] + offset))
    middle = slice(pad, pad + inside)
    macro = macro_relief(config.terrain, coarse, (middle, middle), child_seed(config.seed, "relief"))
    return Heightmap(refine(macro, coarse_spacing, levels, pad, grid.shape, config.seed), grid)


def _land(config: WorldConfig) -> LearnedTerrain:
    """The endless land that a world of a style is a piece of."""
    terrain = config.terrain
    assert terrain.style is not None
    first = -(config.size // 2)
    return LearnedTerrain(
        child_seed(config.seed, "land"),
        terrain.style,
        config.spacing,
        sketch=_sketch(config, (first + 0.5) * config.spacing - _grid(config).origin[0]),
        mean_elevation=terrain.style_mean,
        relief=terrain.style_relief,
    )


def _sketch(config: WorldConfig, shift: float) -> Sketch | None:
    """Read the world's sketch, in the land's coordinates: shifted by so many metres, below its base."""
    sketch = config.terrain.sketch
    if sketch is None:
        return None
    return read_sketch(
        sketch.elevation,
        sketch.lines,
        width=sketch.width or config.size * config.spacing,
        levels=(sketch.minimum, sketch.maximum),
        base=config.terrain.base,
        centre=(shift, shift),
    )


def refine(
    macro: NDArray[np.floating], spacing: float, levels: int, pad: int, shape: tuple[int, int], seed: int
) -> Array32:
    """Refine a coarse map ×2 ``levels`` times with the terrain net; ``pad`` coarse cells frame the world."""
    from worldgen.models.terrain_gan import amplify

    return amplify(
        macro.astype(np.float32),
        spacing,
        levels=levels,
        seed=child_seed(seed, "terrain"),
        row=0,
        column=0,
        height=shape[0],
        width=shape[1],
        origin=(-pad, -pad),
    )


def fractal_terrain(config: WorldConfig) -> Heightmap:
    """Plain fractal noise of the preset's relief: quick, without a net."""
    grid, terrain = _grid(config), config.terrain
    table = permutation(config.seed, "terrain/fractal")
    x, z = grid.x[None, :] / terrain.feature_size, grid.z[:, None] / terrain.feature_size
    ridged = terrain.shape in ("range", "volcano", "islands")
    noise = fractal(x, z, table, octaves=10, gain=0.5, ridged=ridged)
    low, high = (0.1, 0.85) if ridged else (-0.6, 0.6)
    return Heightmap((terrain.base + terrain.relief * (noise - low) / (high - low)).astype(np.float32), grid)


def from_file(config: WorldConfig) -> Heightmap:
    """A real elevation file, cut or stretched to the world's grid; finer detail comes from the terrain net.

    With ``terrain.dem_fit`` the whole of the file's shorter side is covered and the spacing follows from it;
    else the middle of the file is cut out at the world's spacing.
    """
    terrain = config.terrain
    assert terrain.dem is not None  # the config's validator saw to it
    source = read_dem(
        terrain.dem, spacing=terrain.dem_spacing, scale=terrain.dem_scale, offset=terrain.dem_offset
    )
    spacing = config.spacing
    if terrain.dem_fit:
        spacing = min(source.grid.extent) / (config.size - 1)
    grid = _grid(config, spacing)
    rows, columns = source.grid.to_cells(grid.x, grid.z)
    nodata = _sampled(source.nodata.astype(np.float32), rows, columns, order=1) > 0.5
    levels = round(float(np.log2(source.grid.spacing / spacing)))
    elevation = source.elevation
    if terrain.dem_voids == "learned":
        from worldgen.models import fill_voids  # loads torch

        marked = np.where(source.nodata, np.float32(np.nan), elevation)
        elevation = fill_voids(marked, source.grid.spacing, seed=child_seed(config.seed, "terrain/voids"))
    elevation = with_water_beds(elevation, source.grid.spacing, config.sea_level, lakes=terrain.dem_lakes)
    if levels < 0:
        # Low-pass first: sampling a finer file plainly would fold its detail into false relief.
        elevation = gaussian_filter(elevation, 0.5 * spacing / source.grid.spacing, mode="nearest")
    elif levels > 0:
        elevation, rows, columns = _refined_window(
            elevation, source.grid.spacing, rows, columns, min(levels, _MAXIMUM_LEVELS), config.seed
        )
    return Heightmap(_sampled(elevation, rows, columns, order=3), grid, nodata)


def with_water_beds(
    elevation: Array32, spacing: float, sea_level: float | None, *, lakes: bool = True
) -> Array32:
    """Return (H, W) metres with beds under sea and lakes, of which elevation models only know the surface.

    Water is level ground at least `LEVEL_CELLS` wide, at the sea's height (within 0.5 m) or, as a lake's,
    with higher ground around: a meadow or a plateau falls off somewhere. Its bed falls away from the shore by
    4 % down to 60 m.
    """
    level = maximum_filter(elevation, 3) - minimum_filter(elevation, 3) < 0.05
    labels, count = label(binary_opening(level, np.ones((LEVEL_CELLS, LEVEL_CELLS), bool)))
    if not count:
        return elevation
    index = np.arange(1, count + 1)
    low, high = minimum(elevation, labels, index), maximum(elevation, labels, index)
    # By how much the ground about each lies higher; the window reaches past the ring that is level too.
    around = maximum_filter(labels, 7)
    beside = (labels == 0) & (around > 0)
    falls = elevation[beside] < low[around[beside] - 1] - 0.3
    lower = np.bincount(around[beside][falls], minlength=count + 1)[1:]
    ring = np.bincount(around[beside], minlength=count + 1)[1:]
    is_water = np.zeros(count, bool)
    if lakes:
        is_water = (high - low < 0.3) & (lower < OUTLET_SHARE * ring)
        is_water &= np.bincount(labels.ravel())[1:] >= SMALLEST_LAKE
    if sea_level is not None:
        is_water |= (np.abs(low - sea_level) < 0.5) & (np.abs(high - sea_level) < 0.5)
    surface = np.where(np.append(False, is_water)[labels], elevation, -np.inf)
    surface = maximum_filter(surface, 5)
    water = elevation < surface + 0.05
    depth = np.minimum(0.04 * spacing * distance_transform_edt(water), 60.0)
    return np.where(water, surface - depth, elevation).astype(np.float32)


def _sampled(field: Array32, rows: Array64, columns: Array64, *, order: Literal[1, 3]) -> Array32:
    """Return field at all (row, column) pairs, (rows, columns) float32, clamped to its edge."""
    points = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(map_coordinates(field, points, order=order, mode="nearest"), np.float32)


def _refined_window(
    elevation: Array32, spacing: float, rows: Array64, columns: Array64, levels: int, seed: int
) -> tuple[Array32, Array64, Array64]:
    """Refine the part of a map that the given (fractional) rows and columns span.

    Returns
    -------
    The refined part, and the rows and columns in it.
    """
    from worldgen.models.terrain_gan import margin

    pad = margin(levels) + 2
    first = max(int(rows[0]) - 2, 0), max(int(columns[0]) - 2, 0)
    last = min(int(rows[-1]) + 3, elevation.shape[0] - 1), min(int(columns[-1]) + 3, elevation.shape[1] - 1)
    part = elevation[first[0] : last[0] + 1, first[1] : last[1] + 1]
    # Mirrored land lies beyond the part's edge; what it does to the detail dies out within the frame.
    framed = np.pad(part, pad, mode="symmetric")
    scale = 2**levels
    fine = refine(framed, spacing, levels, pad, (part.shape[0] * scale, part.shape[1] * scale), seed)
    # A cell's value stands at the centre of its scale x scale children.
    return fine, (rows - first[0] + 0.5) * scale - 0.5, (columns - first[1] + 0.5) * scale - 0.5


def erode(heightmap: Heightmap, config: WorldConfig) -> Heightmap:
    """Let water and ice cut and steep slopes slide; lay mesa steps, coasts, river beds and dunes.

    A file's land was eroded by nature: it stays as it is. The endless land of a style was eroded as it was
    made: it only gets coasts, river beds, and dunes of its own or of the height that is asked for.
    """
    if config.terrain.source == "dem":
        return heightmap
    elevation, spacing = heightmap.elevation, heightmap.grid.spacing
    made_whole = config.terrain.source == "gan" and config.terrain.style is not None
    if config.erosion.strength > 0 and not made_whole:
        elevation = stream_power(
            elevation + _roughness(heightmap.grid, config),
            spacing,
            erodibility=1.4e-5,
            time_step=2e4 * config.erosion.strength,
            steps=3,
            diffusivity=0.0003,
            sea_level=config.sea_level,
            flow_directions=config.erosion.flow,
            sediment=config.erosion.sediment,
        )
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
    if config.erosion.thermal > 0 and not made_whole:
        elevation = thermal(
            elevation,
            spacing,
            talus_slope=float(np.tan(np.radians(config.erosion.talus_angle))),
            iterations=max(1, round(12 * config.erosion.thermal)),
        )
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
    return mobile * _land(config).sand(first, first, config.size, config.size)


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


_SOURCES: dict[str, Callable[[WorldConfig], Heightmap]] = {
    "gan": learned,
    "noise": fractal_terrain,
    "dem": from_file,
}
