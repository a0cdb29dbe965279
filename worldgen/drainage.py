"""Lead every river downhill to the sea, a lake or the map's edge, in a bed and a valley of its own.

Generated land is rough at every scale, so water stands in pits all along its valleys. `drain` takes the pits
out with as little change as it can, cuts river beds that grow with the area they drain, and opens the ground
beside them. The rest of the land stays as it is, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen import dinfinity, drainage_tree, flow, valleys
from worldgen.channels import CATCHMENT_CELLS, CHANNEL_AREA, carved_depth, channel_width
from worldgen.errors import InputError
from worldgen.flow import ByteArray, FloatArray, IntArray
from worldgen.hydrology import BoolArray, checked_elevation, route, sea_mask, water_surface
from worldgen.noise import fractal, permutation

Elevation = NDArray[np.floating[Any]]

# Beds fall at least so steeply: 30 cm over a kilometre, as lowland rivers do.
BED_SLOPE = 3e-4

# A cell in the water's way weighs so many times one that would be filled, as a cut has banks as well.
BREACH_WEIGHT = 4.0

# In and around hollows, swells decide where water goes, or a breach would run along the grid's eight
# directions, through a plain for fifty cells: their height in parts of the spacing, at most in metres or the
# hollow's depth, and how many cells they are long. On level ground a trace of them breaks the ties.
SWELL, SWELL_MAXIMUM, SWELL_CELLS, SWELL_TRACE = 0.25, 0.8, 24.0, 0.0005

# Mean slope of a river's banks, which stand as high as it is deep, and of its valley: of a shallow one, and
# of one from so many metres on. At 0.45 for all, a river in a plain looks like a canal; at 0.25 for all, a
# gorge takes half a mountain with it. A valley is at least so deep, in parts of the river's depth.
BANK_SLOPE = 0.6
VALLEY_SLOPE, GORGE_SLOPE, GORGE_DEPTH = 0.25, 0.8, 20.0
VALLEY_PART = 0.5

# The slope by which the ground beside a river stays above its bed at least.
CROSS_SLOPE = 0.02

# The profile of a bed is smoothed over so many of the widths that it has grown by since its spring, and
# lowered by at most half of one in that.
SMOOTHED_WIDTHS = 8.0

# How deep a breach may be: in parts of the relief, and at least in metres. How large a lake is at least: in
# m², and in cells.
BREACH_RELIEF, BREACH_LEAST = 0.05, 15.0
LAKE_AREA, LAKE_CELLS = 1e4, 100


@dataclass(frozen=True, eq=False)
class _Tree:
    """Where each cell's water goes; arrays framed and flat, see `worldgen.drainage_tree`.

    ``rise`` is the height in metres of a surface that falls along every way by the least slope.
    """

    receivers: IntArray
    order: IntArray
    rise: FloatArray
    in_the_way: ByteArray
    lake_levels: FloatArray  # NaN where no lake is
    width: int


def drain(
    elevation: Elevation,
    spacing: float,
    *,
    sea_level: float | None = None,
    strength: float = 1.0,
    channel_area: float = CHANNEL_AREA,
    deepest_breach: float | None = None,
    smallest_lake: float | None = None,
) -> NDArray[Any]:
    """Return the land with rivers that fall all the way, in beds and valleys.

    Each pit is breached, filled, or part of both, whichever changes the land least, all pits at once (Soille
    2004 and Lindsay 2016 weigh the two pit by pit). A basin of which more than ``smallest_lake`` lies
    deeper than ``deepest_breach`` stays as a lake: its ground is kept, below the level of its outlet, which
    gets a bed; `worldgen.hydrology.route` finds the water.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north; any size.
    spacing : metres between cells. A bed narrower than that is the shallower.
    sea_level : metres; the sea's ground is kept, rivers end at this level. None for land without sea.
    strength : multiplies width and depth of the beds; with 0 only pits are taken out.
    channel_area : m², the least area whose water has a bed; more on slopes that are too even to gather it.
    deepest_breach : metres; None for 5 % of the relief (1st to 99th percentile), at least 15 m.
    smallest_lake : m²; None for a hectare, at least 100 cells.

    Returns
    -------
    (H, W) of the elevation's floating type, metres. Each cell outside sea and lakes has a lower neighbour or
    is at the map's edge, also when rounded to float32.

    Raises
    ------
    InputError : the elevation is not a finite (H, W) array, or a number is out of range.
    """
    ground = checked_elevation(elevation, spacing)
    if deepest_breach is None:
        low, high = np.percentile(ground, (1, 99))
        deepest_breach = max(BREACH_RELIEF * float(high - low), BREACH_LEAST)
    if smallest_lake is None:
        smallest_lake = max(LAKE_AREA, LAKE_CELLS * spacing**2)
    if not (strength >= 0 and channel_area > 0 and deepest_breach >= 0 and smallest_lake >= 0):
        raise InputError(
            "drainage needs channel_area > 0 and strength, deepest_breach, smallest_lake >= 0; found "
            f"channel_area {channel_area}, strength {strength}, deepest_breach {deepest_breach}, "
            f"smallest_lake {smallest_lake}"
        )
    sea = np.zeros(ground.shape, bool) if sea_level is None else sea_mask(ground, sea_level)
    level = ground if sea_level is None else np.where(sea, sea_level, ground)
    tree = _tree(level, spacing, sea, deepest_breach, smallest_lake / spacing**2)
    wet = ~np.isnan(tree.lake_levels)
    heights = np.where(wet, tree.lake_levels, flow.frame(level, 0.0))
    floor = -np.inf if sea_level is None else sea_level + BED_SLOPE * spacing

    fitted = _without_pits(heights, tree, floor)
    area = flow.frame(np.full(ground.shape, spacing**2), 0.0)
    drainage_tree.gather(area, tree.receivers, tree.order)
    river = drainage_tree.rivers(area, tree.receivers, tree.order, channel_area, CATCHMENT_CELLS * spacing**2)
    area = np.where(river, area, 0.0)
    bed, depth, breadth = _beds(fitted, area, spacing, tree, floor, strength, channel_area)
    before = np.maximum(heights, fitted)
    cut = before - bed
    bank = np.minimum(depth, cut)
    slope = VALLEY_SLOPE + (GORGE_SLOPE - VALLEY_SLOPE) * np.minimum(cut / GORGE_DEPTH, 1.0)
    opened = valleys.open_valleys(
        before,
        bed,
        cut,
        bank,
        0.5 * breadth,
        1.5 * bank / BANK_SLOPE,  # the falloff's steepest is 1.5 times its mean
        2.0 * breadth + 1.5 * (cut - bank) / slope,
        valleys.middle(area, breadth / spacing, tree.receivers, tree.order, channel_area, tree.width),
        flow.frame(sea, True) | wet,
        spacing,
        CROSS_SLOPE,
        tree.width,
    )
    changed = np.where(flow.unframe(wet, ground.shape), ground, flow.unframe(opened, ground.shape))
    # Ground that drained elsewhere may now stand below its way out by a little: that is filled. Rounded
    # first, so that no two neighbours become equal when the caller does.
    surface = flow.frame(np.where(sea, level, changed).astype(np.float32).astype(np.float64), np.inf)
    visited, outlets = flow.outlets(sea)
    flow.flood(surface, visited, outlets, tree.width, _least_step(level, spacing))
    result = flow.unframe(surface, ground.shape)
    kept = sea | flow.unframe(wet, ground.shape) | (result == ground.astype(np.float32))
    drained = np.where(kept, ground, result)
    kind = np.asarray(elevation).dtype
    return drained.astype(kind) if np.issubdtype(kind, np.floating) else drained


def _least_step(level: FloatArray, spacing: float) -> float:
    """Return the metres that a bed falls from cell to cell: enough to outlast rounding to float32."""
    return max(BED_SLOPE * spacing, 2.0 * float(np.spacing(np.float32(np.abs(level).max()))))


def _tree(
    level: FloatArray, spacing: float, sea: BoolArray, deepest_breach: float, smallest_lake: float
) -> _Tree:
    """Find each cell's way out: the steepest, and from pits and lakes over the lowest sill."""
    from scipy import ndimage

    width = level.shape[1] + 2
    down, across = np.arange(level.shape[0])[:, None], np.arange(level.shape[1])[None, :]
    table = permutation(0, "drainage/swell")
    swell = fractal(across / SWELL_CELLS, down / SWELL_CELLS, table, octaves=2)
    water = flow.unframe(water_surface(level, spacing, sea, None), level.shape)
    lake = _lakes(water - level, deepest_breach, smallest_lake)
    height = np.minimum(water - level, min(SWELL * spacing, SWELL_MAXIMUM))
    around = 2 * int(SWELL_CELLS // 2) + 1
    height = ndimage.uniform_filter(ndimage.maximum_filter(height, around), around)
    swell *= height + SWELL_TRACE * spacing
    beneath = float(level.min()) - spacing  # water next to the sea flows into it
    routing = flow.frame(np.where(sea, beneath, level + swell), np.inf)
    visited, outlets = flow.outlets(sea)
    parents = drainage_tree.spill_tree(routing, visited, outlets, width)
    receivers = dinfinity.single_receivers(routing, parents >= 0, width)
    pits = np.flatnonzero((parents >= 0) & (receivers < 0)).astype(np.int32)
    pits = pits[np.argsort(routing[pits], kind="stable")]
    in_the_way = drainage_tree.lead_out(routing, parents, receivers, pits)
    receivers[flow.frame(sea, False)[receivers]] = -1
    order = drainage_tree.donors_first(receivers, flow.frame(~sea, False))
    rise = drainage_tree.lift(receivers, order, width, _least_step(level, spacing))
    lake_levels = flow.frame(np.where(lake, water, np.nan), np.nan)
    return _Tree(receivers, order, rise, in_the_way, lake_levels, width)


def _lakes(depth: FloatArray, deepest_breach: float, smallest_lake: float) -> BoolArray:
    """Return (H, W) bool: basins that are deeper than the one, metres, in more cells than the other."""
    from scipy import ndimage

    deep = depth > deepest_breach
    if not deep.any():
        return np.zeros(depth.shape, bool)
    labels, count = ndimage.label(depth > 0, structure=np.ones((3, 3), int))
    kept = np.bincount(labels[deep], minlength=count + 1) > smallest_lake
    return np.asarray(kept[labels], bool)


def _without_pits(heights: FloatArray, tree: _Tree, floor: float) -> FloatArray:
    """Return the nearest heights, metres, that fall along the water's way and stay above ``floor``."""
    weights = np.where(tree.in_the_way == 1, BREACH_WEIGHT, 1.0)
    fitted, pooled = valleys.isotonic(heights - tree.rise, weights, tree.receivers, tree.order)
    # A pooled height plus its rise need not give back the height that it came from, to the last bit.
    return np.maximum(np.where(pooled == 1, fitted + tree.rise, heights), floor + tree.rise)


def _beds(
    fitted: FloatArray,
    area: FloatArray,
    spacing: float,
    tree: _Tree,
    floor: float,
    strength: float,
    channel_area: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the ground with river beds one cell wide, and the rivers' depth and breadth: all in metres."""
    river = area >= channel_area
    breadth = channel_width(np.maximum(area, channel_area), strength)
    depth = carved_depth(area, spacing, strength, channel_area)
    bed = fitted - (1.0 + VALLEY_PART) * depth
    # From nothing at the spring, or a gully would be drawn into the slope above it.
    grown = breadth - channel_width(channel_area, strength)
    length = SMOOTHED_WIDTHS * grown / spacing
    smooth = valleys.smoothed(bed, area, length**2, tree.receivers, tree.order, channel_area)
    bed = np.minimum(bed, np.maximum(smooth, bed - 0.5 * grown)) - tree.rise
    valleys.let_fall(bed, tree.receivers, tree.order)
    bed = np.maximum(bed, floor) + tree.rise
    return np.where(river, bed, fitted), depth, np.where(river, breadth, 0.0)


def river_cells(
    elevation: Elevation,
    spacing: float,
    *,
    sea_level: float | None = None,
    channel_area: float = CHANNEL_AREA,
) -> NDArray[np.bool_]:
    """(H, W) bool, land through which the water of at least ``channel_area`` m² flows."""
    return route(elevation, spacing, sea_level=sea_level).rivers(channel_area)
