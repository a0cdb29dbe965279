"""Where a world's land comes from: learned, fractal, or read from a file; not yet eroded.

The learned source grows a macro relief by physics (`worldgen.relief`) and lets the terrain net refine it ×2
as often as needed, each time adding the detail that real land of that roughness has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from worldgen.config import WorldConfig
from worldgen.dem import read_dem
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.learned_terrain import LearnedTerrain
from worldgen.noise import fractal, permutation
from worldgen.relief import macro_relief
from worldgen.rng import child_seed
from worldgen.sketch import Sketch
from worldgen.sketch_files import read_sketch
from worldgen.water_beds import with_water_beds

Array32 = NDArray[np.float32]
Array64 = NDArray[np.float64]
# So many macro cells lie between neighbouring summits: enough for a valley and its tributaries.
_CELLS_PER_FEATURE = 48
_MAXIMUM_LEVELS = 6


def _grid(config: WorldConfig, spacing: float | None = None) -> Grid:
    return Grid.centred((config.size, config.size), spacing or config.spacing)


def learned(config: WorldConfig) -> Heightmap:
    """Macro relief refined by the terrain net, or a piece of the endless land of a style."""
    from worldgen.models.terrain_gan import margin

    grid = _grid(config)
    terrain = config.terrain
    if terrain.style is not None:
        first = -(config.size // 2)
        elevation = land_of_style(config).bare(first, first, config.size, config.size).elevation
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


def land_of_style(config: WorldConfig) -> LearnedTerrain:
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


SOURCES: dict[str, Callable[[WorldConfig], Heightmap]] = {
    "gan": learned,
    "noise": fractal_terrain,
    "dem": from_file,
}
