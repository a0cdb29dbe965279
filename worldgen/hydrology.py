"""Where water stands and flows on a height field: sea, lakes, flow accumulation, wetness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen import dinfinity, drainage_tree, flow
from worldgen.breaching import breached
from worldgen.errors import InputError, nearest

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Method = Literal["multiple", "steepest", "dinf"]
METHODS: tuple[Method, ...] = get_args(Method)
Depressions = Literal["fill", "breach"]
DEPRESSIONS: tuple[Depressions, ...] = get_args(Depressions)

# A raised cell lies this slope above the one it drains to: 1 cm over a kilometre, and far above what rounding
# in float64 could swallow at any elevation on Earth.
FILL_SLOPE = 1e-5

# Quinn's 1 spreads a valley's water over several cells, 2 shows the eight directions of the grid; 1.5 needs a
# square root where any other power costs three times the time of the whole step.
FLOW_EXPONENT = 1.5

# Metres. On 40 real tiles of 10 to 40 m a cell breaches leave a quarter of the lakes' area and 7 % of their
# number; basins wider than 0.5 km² and deeper than 15 m keep 89 % of theirs, but 55 % with twice the limits.
DEEPEST_BREACH, LONGEST_BREACH = 15.0, 500.0

# How many cells from the edge inwards tell the slope on which water leaves the map.
EXIT_CELLS = 4


@dataclass(frozen=True, eq=False)
class Hydrology:
    """Water on a height field.

    Attributes
    ----------
    filled : (H, W) float64, metres, the water surface: the sea's level over the sea, lakes filled to their
        outlet with a slope of `FILL_SLOPE` towards it, bare ground elsewhere; below it in a breach.
    accumulation : (H, W) float64, m² of ground whose water passes through the cell, its own included. A cell
        of the sea holds what flows into it.
    outflow : (H, W) float64, m² whose water ends here, in the sea or over the map's edge; in sum the
        map's area, H * W * spacing².
    sea : (H, W) bool, ground below the sea's level that the sea reaches.
    sea_level : metres, or None where there is no sea.
    lake_depth : (H, W) float32, metres of water over the ground in lakes; 0 elsewhere, also in the sea.
    wetness : (H, W) float32 in [0, 1], topographic wetness index ln(a / tan slope) (Beven, Kirkby 1979),
        scaled so that ridges are about 0.1, valley floors 0.5 and rivers 0.8 and more; 1 under water.
    spacing : metres between cells.
    """

    filled: FloatArray
    accumulation: FloatArray
    outflow: FloatArray
    sea: BoolArray
    sea_level: float | None
    lake_depth: NDArray[np.float32]
    wetness: NDArray[np.float32]
    spacing: float

    def lakes(self, minimum_depth: float = 0.25) -> BoolArray:
        """(H, W) bool, standing water at least so many metres deep that is not sea."""
        return self.lake_depth >= minimum_depth

    def rivers(self, minimum_area: float) -> BoolArray:
        """(H, W) bool, land through which the water of at least `minimum_area` m² flows."""
        return (self.accumulation >= minimum_area) & ~self.sea


def sea_mask(elevation: NDArray[np.floating], sea_level: float, *, connected: bool = True) -> BoolArray:
    """Return (H, W) bool: ground below `sea_level` metres that the sea reaches.

    The sea comes in over the map's edge and through corners, as water flows. Lowland that it cannot reach
    stays dry (or becomes a lake), unless `connected` is False: then all that lies below is sea.
    """
    from scipy import ndimage

    below = np.asarray(elevation) < sea_level
    if not connected or not below.any():
        return below
    labels, count = ndimage.label(below, structure=np.ones((3, 3), int))
    reached = np.zeros(count + 1, bool)
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[border] = True
    reached[0] = False
    return cast(BoolArray, reached[labels])


def checked_elevation(elevation: NDArray[np.floating], spacing: float) -> FloatArray:
    """Return the elevation as (H, W) float64, or raise `InputError`. Masked cells count as without data."""
    try:
        array = np.ma.filled(np.ma.asarray(elevation, dtype=np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"elevation must be (H, W) numbers; found {error}") from None
    if array.ndim != 2 or min(array.shape) < 1:
        raise InputError(f"elevation must be (H, W), at least 1 x 1; found shape {array.shape}")
    empty = int(np.count_nonzero(~np.isfinite(array)))
    if empty:
        raise InputError(
            f"elevation must be finite; found {empty} of {array.size} cells without data: fill them first"
        )
    if not (np.isfinite(spacing) and spacing > 0):
        raise InputError(f"spacing must be a positive number of metres; found {spacing}")
    return array


def water_surface(
    elevation: FloatArray, spacing: float, sea: BoolArray, sea_level: float | None
) -> FloatArray:
    """Return the framed flat surface on which every cell drains, strictly downhill, to the edge or the sea.

    Parameters
    ----------
    elevation : (H, W) float64, metres.
    sea : (H, W) bool from `sea_mask`; it lies flat at `sea_level`.
    """
    level = elevation if sea_level is None else np.where(sea, sea_level, elevation)
    surface = flow.frame(level, np.inf)
    visited, outlets = flow.outlets(sea)
    flow.flood(surface, visited, outlets, elevation.shape[1] + 2, FILL_SLOPE * spacing)
    return surface


def _exit_slopes(inside: FloatArray) -> FloatArray:
    """Return (H + 2, W + 2) metres by which the ground falls, in one cell, from the border to beyond it.

    The slope inside goes on outside: what runs down towards the edge leaves the map, and what runs inwards
    stays. So the border cuts the land as a picture's frame does, instead of being a rim. The slope is that of
    the last few cells, as one cell's is mostly noise. Across a map one cell wide it is level.
    """
    rows, columns = inside.shape
    down = min(EXIT_CELLS, rows - 1)
    across = min(EXIT_CELLS, columns - 1)
    slopes = np.zeros((rows + 2, columns + 2))
    if down:
        slopes[0, 1:-1] = (inside[down] - inside[0]) / down
        slopes[-1, 1:-1] = (inside[-1 - down] - inside[-1]) / down
    if across:
        slopes[1:-1, 0] = (inside[:, across] - inside[:, 0]) / across
        slopes[1:-1, -1] = (inside[:, -1 - across] - inside[:, -1]) / across
    diagonal = min(down, across)
    if diagonal:
        for row, inner_row in ((0, diagonal), (-1, -1 - diagonal)):
            for column, inner_column in ((0, diagonal), (-1, -1 - diagonal)):
                rise = inside[inner_row, inner_column] - inside[row, column]
                slopes[row, column] = rise / (diagonal * 2.0**0.5)
    return slopes


def exit_drop(surface: FloatArray, sea: BoolArray) -> FloatArray:
    """Return, framed and flat, by how many metres the ground beyond the map's edge is taken to lie lower."""
    rows, columns = sea.shape
    slopes = _exit_slopes(surface.reshape(rows + 2, columns + 2)[1:-1, 1:-1])
    drop = np.zeros(sea.shape)
    if rows > 1:
        drop[0], drop[-1] = slopes[0, 1:-1], slopes[-1, 1:-1]
    if columns > 1:
        drop[:, 0], drop[:, -1] = slopes[1:-1, 0], slopes[1:-1, -1]
    if rows > 1 and columns > 1:
        drop[[0, 0, -1, -1], [0, -1, 0, -1]] = slopes[[0, 0, -1, -1], [0, -1, 0, -1]]
    return flow.frame(np.where(sea, 0.0, np.maximum(drop, 0.0)), 0.0)


def ground_beyond(surface: FloatArray, sea: BoolArray) -> FloatArray:
    """Return the surface framed with the ground that is taken to lie beyond the edge; +inf at the sea."""
    rows, columns = sea.shape
    inside = surface.reshape(rows + 2, columns + 2)[1:-1, 1:-1]
    drop = _exit_slopes(inside)
    drop[[0, 0, -1, -1], [0, -1, 0, -1]] *= 2.0**0.5
    ground = np.pad(np.where(sea, np.inf, inside), 1, mode="edge") - drop
    ground[1:-1, 1:-1] = inside
    return ground.ravel()


def route(
    elevation: NDArray[np.floating],
    spacing: float,
    *,
    sea_level: float | None = None,
    connected_sea: bool = True,
    method: Method = "multiple",
    depressions: Depressions = "fill",
    deepest_breach: float = DEEPEST_BREACH,
    longest_breach: float = LONGEST_BREACH,
) -> Hydrology:
    """Find the sea, fill the lakes and let rain run down.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north; any size, strips one cell wide too.
    spacing : metres between cells.
    sea_level : metres; None for a world without a sea.
    connected_sea : False makes sea of all ground below its level, see `sea_mask`.
    method : "multiple" divides a cell's water among all lower neighbours (Freeman 1991); "dinf" between the
        two beside the steepest direction (D-infinity; Tarboton 1997), which spreads it least without
        favouring the grid's directions; "steepest" sends all to one (D8; O'Callaghan, Mark 1984), which
        draws straight lines along the grid.
    depressions : "fill" makes a lake of every hollow. "breach" first lets water through what dams it, where
        no way out along the lowest ground need be cut deeper or longer than the next two (Lindsay 2016):
        elevation models have bridges, dams and noise across their valleys, and gorges narrower than a cell.
        There the water runs below the ground. What remains is filled.
    deepest_breach, longest_breach : metres.

    Raises
    ------
    InputError : the elevation is not a finite (H, W) array, the spacing not positive, or an option unknown.
    """
    ground = checked_elevation(elevation, spacing)
    if method not in METHODS:
        raise InputError(f"found method {method!r}; {nearest(str(method), METHODS)}")
    if depressions not in DEPRESSIONS:
        raise InputError(f"found depressions {depressions!r}; {nearest(str(depressions), DEPRESSIONS)}")
    if not (deepest_breach >= 0 and longest_breach >= 0):
        raise InputError(f"breaches need metres >= 0; found {deepest_breach} deep and {longest_breach} long")
    if sea_level is not None and not np.isfinite(sea_level):
        raise InputError(f"sea_level must be a number of metres or None; found {sea_level}")
    shape = ground.shape
    sea = np.zeros(shape, bool) if sea_level is None else sea_mask(ground, sea_level, connected=connected_sea)
    open_ground = ground
    if depressions == "breach":
        level = ground if sea_level is None else np.where(sea, sea_level, ground)
        cut = breached(level, sea, FILL_SLOPE * spacing, deepest_breach, longest_breach / spacing)
        open_ground = np.where(sea, ground, cut)
    surface = water_surface(open_ground, spacing, sea, sea_level)
    accumulation = flow.frame(np.full(shape, spacing**2), 0.0)
    outflow = run_down(surface, sea, method, accumulation)
    filled = flow.unframe(surface, shape)
    area = flow.unframe(accumulation, shape)
    lake_depth = np.where(sea, 0.0, np.maximum(filled - ground, 0.0)).astype(np.float32)
    return Hydrology(
        filled=filled,
        accumulation=area,
        outflow=flow.unframe(outflow, shape),
        sea=sea,
        sea_level=sea_level,
        lake_depth=lake_depth,
        wetness=_wetness(filled, area, spacing, sea | (lake_depth > 0.25)),
        spacing=spacing,
    )


def run_down(surface: FloatArray, sea: BoolArray, method: Method, accumulation: FloatArray) -> FloatArray:
    """Add to each cell, in place, what flows in from above; return what leaves the map; all framed."""
    width = sea.shape[1] + 2
    if method == "steepest":
        receivers = flow.steepest_receivers(surface, exit_drop(surface, sea), width)
        order = drainage_tree.donors_first(receivers, flow.frame(np.ones(sea.shape, bool), False))
        drainage_tree.gather(accumulation, receivers, order)
        return np.where(receivers < 0, accumulation, 0.0)
    order = flow.receivers_first(surface, width)
    if method == "dinf":
        return dinfinity.accumulate(surface, ground_beyond(surface, sea), order, width, accumulation)
    return flow.accumulate(surface, exit_drop(surface, sea), order, width, FLOW_EXPONENT, accumulation)


def _wetness(filled: FloatArray, area: FloatArray, spacing: float, water: BoolArray) -> NDArray[np.float32]:
    squares = np.zeros(filled.shape)
    for axis in (0, 1):
        if filled.shape[axis] > 1:
            squares += np.gradient(filled, spacing, axis=axis) ** 2
    slope = np.sqrt(squares)
    # Below a slope of 0.5 % the index would tell the fill's slope from a plain's, which means nothing.
    index = np.log(area / spacing / np.maximum(slope, 0.005))
    scaled = np.clip((index - 1.0) / 14.0, 0.0, 1.0)
    return np.where(water, 1.0, scaled).astype(np.float32)
