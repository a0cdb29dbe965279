"""The river network as data: reaches from sources to confluences and mouths, with order, width and depth.

It is the network of the finished ground: the steepest ways at any angle (`worldgen.dinfinity`), and through
lakes along their middle. On land that `worldgen.drainage` has carved these follow its beds, which are the
lowest ground there is. The tree that carved them is not kept, as what came later (dunes, a user's own
heights) may move a river.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worldgen import currents, dinfinity, drainage_tree, flow, lake_ways, valleys
from worldgen.channels import (
    CATCHMENT_CELLS,
    CHANNEL_AREA,
    EPHEMERAL,
    FULLNESS,
    carved_depth,
    channel_depth,
    channel_width,
)
from worldgen.errors import InputError
from worldgen.flow import ByteArray, FloatArray, IntArray
from worldgen.hydrology import BoolArray, Hydrology
from worldgen.river_lines import nearest_river, strahler_order, trace_reaches

# Ways through lakes keep to the middle by this power of the distance from the shore.
SHORE_POWER = 2.0
# How width and depth at one place grow with the water that flows there (Leopold, Maddock 1953).
DISCHARGE_WIDTH, DISCHARGE_DEPTH = 0.26, 0.4


@dataclass(frozen=True, eq=False)
class Reach:
    """A piece of a river without confluences.

    Attributes
    ----------
    points : (N, 3) float64, metres: x east, y up (the water's surface, which never rises and nowhere stands
        higher over the ground than the water is deep), z south. From the source or confluence above to the
        confluence below, the sea's first cell or the last cell of the map.
    area : (N,) float64, m² whose water passes; at the confluence below or in the sea still the reach's own.
    width, depth : (N,) float64, metres, by `worldgen.channels`; the depth is that from bed to bank.
    order : Strahler's.
    downstream : index of the reach that it flows into, or None at a mouth.
    """

    points: FloatArray
    area: FloatArray
    width: FloatArray
    depth: FloatArray
    order: int
    downstream: int | None

    @property
    def length(self) -> float:
        """Metres along the reach, as seen from above."""
        return float(np.hypot(*np.diff(self.points[:, [0, 2]], axis=0).T).sum())


@dataclass(frozen=True, eq=False)
class RiverNetwork:
    """All rivers of a land.

    Attributes
    ----------
    reaches : each after those that flow into it.
    order : (H, W) uint8, Strahler's order of the river in the cell; 0 where none is, as in the open sea.
    area : (H, W) float64, m² whose water passes each cell on the ways down to the sea or the map's edge.
    water : (H, W) float32, elevation in metres of the surface of sea, lakes and rivers; NaN where it is dry.
    velocity : (2, H, W) float32, m/s, east and south, of lakes and rivers; 0 in the open sea and where dry.
    breadth : (H, W) float32, metres, of the river whose water stands in the cell; 0 elsewhere.
    """

    reaches: tuple[Reach, ...]
    order: NDArray[np.uint8]
    area: FloatArray
    water: NDArray[np.float32]
    velocity: NDArray[np.float32]
    breadth: NDArray[np.float32]


def river_network(
    hydrology: Hydrology,
    origin: tuple[float, float] = (0.0, 0.0),
    *,
    channel_area: float = CHANNEL_AREA,
    strength: float = 1.0,
    carved: bool = False,
    discharge: float = 1.0,
    lakes: BoolArray | None = None,
) -> RiverNetwork:
    """Return the rivers of a land.

    Parameters
    ----------
    hydrology : from `worldgen.hydrology.route`, by whatever method.
    origin : (x, z) of cell (0, 0) in metres.
    channel_area : m², the least area whose water makes a river, see `drainage_tree.rivers`.
    strength : multiplies width and depth.
    carved : whether `worldgen.drainage.drain` has cut beds of this ``channel_area`` and ``strength`` into the
        ground. The water then stands in them; else the ground is taken to be the water's surface, as it is in
        elevation models.
    discharge : of the water that the beds were made by, the share that flows now; below
        `channels.EPHEMERAL` they are dry for most of the year, and here.
    lakes : (H, W) bool, where the basins that are filled in ``hydrology`` hold water; by default all do.

    Raises
    ------
    InputError : a number is out of range.
    """
    if not (channel_area > 0 and strength > 0 and 0 <= discharge < np.inf and np.isfinite(origin).all()):
        raise InputError(
            "rivers need channel_area and strength above 0, discharge not below 0 and a finite origin; found "
            f"channel_area {channel_area}, strength {strength}, discharge {discharge}, origin {origin}"
        )
    shape, spacing = hydrology.filled.shape, hydrology.spacing
    width = shape[1] + 2
    sea = open_sea(hydrology.sea)
    surface = flow.frame(np.where(sea, hydrology.filled - 1.0, hydrology.filled), np.inf)
    # As in the carving of beds, what comes to the map's edge leaves it, or rivers would run along the frame.
    inner = np.zeros(shape, bool)
    inner[1:-1, 1:-1] = True
    receivers = dinfinity.single_receivers(surface, flow.frame(inner, False), width)
    _lead_through_water(surface, hydrology, hydrology.sea & ~sea, receivers)
    order = drainage_tree.donors_first(receivers, flow.frame(np.ones(shape, bool), False))
    area = flow.frame(np.full(shape, spacing**2), 0.0)
    drainage_tree.gather(area, receivers, order)
    lake = hydrology.lakes() if lakes is None else lakes
    still = flow.frame(still_water(hydrology, lake, sea), np.nan)
    on_land = np.where(np.isnan(still), area, 0.0)  # rivers run through lakes, but none begins in one
    river = drainage_tree.rivers(on_land, receivers, order, channel_area, CATCHMENT_CELLS * spacing**2)
    river &= flow.frame(~sea, False)

    order = order[river[order]]
    rank = strahler_order(river, receivers, order)
    within = np.where(river[receivers], receivers, np.int32(-1))  # the frame's last cell is no river
    within[~river] = -1
    own = np.where(river, area, 0.0)
    breadth = np.where(river, channel_width(area, strength), 0.0)
    line = valleys.middle(own, breadth / spacing, within, order, channel_area, width)
    ends = np.flatnonzero(river & (receivers < 0))
    line[ends] = np.stack([ends // width, ends % width], axis=1)  # smoothed, they would end short of it
    full = FULLNESS * discharge**DISCHARGE_DEPTH
    depth = full * carved_depth(own, spacing, strength, channel_area) if carved else 0.0
    in_sea = flow.frame(hydrology.sea, False)
    # In the sea's channels the surface is the water's, not the ground's.
    level = np.where(np.isnan(still), surface + np.where(in_sea, 0.0, depth), still)
    valleys.let_fall(level, within, order)

    cells, starts = trace_reaches(within, receivers, order)
    z, x = (line[cells] - 1).T * spacing + np.array(origin)[::-1, None]
    shown = _at_the_line(level, hydrology.filled, surface, line, order[np.isnan(still[order])])
    valleys.let_fall(shown, within, order)
    if hydrology.sea_level is not None:
        shown = np.maximum(shown, hydrology.sea_level)  # to which all land is filled at least
    points = np.stack([x, shown[cells], z], axis=1)
    breadth *= discharge**DISCHARGE_WIDTH
    wet = order if discharge >= EPHEMERAL else order[:0]
    source = nearest_river(surface, level, ~np.isnan(still), wet, line, breadth / spacing, width)
    water = flow.unframe(np.where(source >= 0, level[source], still), shape)
    water[hydrology.sea & np.isnan(water)] = hydrology.sea_level
    fill = full * channel_depth(own, strength)
    along = currents.river_velocity(line, level, fill, own, within, wet, spacing)
    velocity = np.where(source[:, None] >= 0, along[source], along).T.reshape(2, shape[0] + 2, width)
    through = flow.unframe(np.hypot(*along.T) * breadth * fill, shape)
    velocity = currents.lake_velocity(velocity[:, 1:-1, 1:-1], through, hydrology.lake_depth, lake, spacing)
    return RiverNetwork(
        reaches=tuple(_reaches(cells, starts, points, own, rank, strength)),
        order=flow.unframe(rank, shape),
        area=flow.unframe(area, shape),
        water=water.astype(np.float32),
        velocity=currents.mixed_currents(velocity, ~np.isnan(water) & ~sea),
        breadth=flow.unframe(np.where(source >= 0, breadth[source], 0.0), shape).astype(np.float32),
    )


def _at_the_line(
    level: FloatArray, filled: FloatArray, surface: FloatArray, line: FloatArray, cells: IntArray
) -> FloatArray:
    """Return the level as it is where the line of each of the cells runs, up to 0.7 cells from its middle.

    On a steep slope the ground may be metres lower there. Where it is higher, in a bank, the level stays.
    """
    from scipy import ndimage

    ground = ndimage.map_coordinates(filled, (line[cells] - 1).T, order=1, mode="nearest")
    lowered = level.copy()
    lowered[cells] += np.minimum(ground - surface[cells], 0.0)
    return lowered


def _reaches(
    cells: IntArray, starts: IntArray, points: FloatArray, area: FloatArray, rank: ByteArray, strength: float
) -> Iterator[Reach]:
    index = {int(cells[start]): number for number, start in enumerate(starts[:-1])}
    for start, end in pairwise(starts):
        drained = area[cells[start:end]]
        drained[-1] = drained[-2]
        yield Reach(
            points=points[start:end],
            area=drained,
            width=channel_width(drained, strength),
            depth=channel_depth(drained, strength),
            order=int(rank[cells[start]]),
            downstream=index.get(int(cells[end - 1])),
        )


def _lead_through_water(
    surface: FloatArray, hydrology: Hydrology, channels: BoolArray, receivers: IntArray
) -> None:
    """Turn the receivers of standing water, in place, along its middle to where it spills over."""
    from scipy import ndimage

    filled = (hydrology.lake_depth > 0) | channels
    if filled.any():
        cost = np.full(filled.shape, np.inf)
        cost[filled] = ndimage.distance_transform_edt(filled)[filled] ** -SHORE_POWER
        lowest = flow.frame(lowest_of_each(hydrology.filled, filled), np.nan)
        lake_ways.lead_through(surface, lowest, flow.frame(cost, np.inf), receivers, filled.shape[1] + 2)


def open_sea(sea: BoolArray) -> BoolArray:
    """Return (H, W) bool: the sea but for its channels of one or two cells, in which rivers reach it."""
    from scipy import ndimage

    around = np.ones((3, 3), bool)
    # At the map's edge the sea goes on.
    wide = ndimage.binary_opening(np.pad(sea, 1, mode="edge"), around)[1:-1, 1:-1]
    return np.asarray(sea & ndimage.binary_dilation(wide, around, iterations=2), bool)


def still_water(hydrology: Hydrology, lake: BoolArray, sea: BoolArray) -> FloatArray:
    """Return (H, W) metres: the level of the sea and of lakes, each level throughout; NaN elsewhere."""
    level = lowest_of_each(hydrology.filled, lake)
    level[sea] = hydrology.sea_level
    return level


def lasting_lakes(hydrology: Hydrology, runoff: float, deficit: float) -> BoolArray:
    """Return (H, W) bool: lakes that get more water than they lose; in a desert's basins none stays.

    Parameters
    ----------
    runoff : mm per year from the land.
    deficit : mm per year by which evaporation from water exceeds rain.
    """
    from scipy import ndimage

    lake = hydrology.lakes()
    labels, count = ndimage.label(lake, structure=np.ones((3, 3), int))
    catchment = np.zeros(count + 1)
    np.maximum.at(catchment, labels[lake], hydrology.accumulation[lake])
    surface = np.bincount(labels.ravel(), minlength=count + 1) * hydrology.spacing**2
    lasts = runoff * catchment >= max(deficit, 0.0) * surface
    return np.asarray(lake & lasts[labels], bool)


def lowest_of_each(surface: FloatArray, water: BoolArray) -> FloatArray:
    """Return (H, W): the lowest surface of the water that a cell's is connected with; NaN where is none."""
    from scipy import ndimage

    labels, count = ndimage.label(water, structure=np.ones((3, 3), int))
    lowest = np.full(count + 1, np.inf)
    np.minimum.at(lowest, labels[water], surface[water])
    lowest[0] = np.nan
    return np.asarray(lowest[labels], np.float64)
