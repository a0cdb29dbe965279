"""How water would run over one elevation map: depressions, channels, and how slopes ease downstream.

The map's border lets water out and none comes in from beyond, so figures are comparable between maps of one
size and spacing only. Nothing here knows `worldgen.flow`: what judges a net stands apart from what carves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel, pop, sift_up

FloatArray = NDArray[np.floating[Any]]
# Depressions shallower than this share of the spacing count as level: elevation models are rounded.
TOLERANCE = 0.01
# Where hillslopes end and channels begin, m². Mapped channel heads drain 1e3 to 1e6 m² (Montgomery, Dietrich
# 1988); elevation models of 30 to 90 m see the break near 1e5 m² (Montgomery, Foufoula-Georgiou 1993).
CHANNEL_AREA = 1e5


class Drainage(NamedTuple):
    """Drainage of one map.

    depression_volume : mean fill depth over the standard deviation of elevation.
    depression_area : share of cells under the fill level of a depression.
    pit_density : separate depressions per km².
    concavity : theta of slope ~ area ** -theta along channels; NaN where no channels are long enough.
    drainage_density : channel length per area, km per km².
    """

    depression_volume: float
    depression_area: float
    pit_density: float
    concavity: float
    drainage_density: float


@dataclass(frozen=True, eq=False)
class Flow:
    """Steepest-descent flow over a filled map.

    Attributes
    ----------
    filled : (H, W) float64, metres, depressions filled to their outlets.
    receiver : (H * W,) int64, the cell that each cell drains to; -1 where water leaves the map.
    order : (H * W,) int64, all cells, each after its receiver.
    length : (H * W,) float64, metres to the receiver; one spacing where water leaves the map.
    """

    filled: NDArray[np.float64]
    receiver: NDArray[np.int64]
    order: NDArray[np.int64]
    length: NDArray[np.float64]


@kernel
def _flood(
    levels: NDArray[np.float64], width: int, parent: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Fill by priority flood (Barnes, Lehman, Mulla 2014); write who flooded whom, and in which order."""
    height = levels.size // width
    filled = np.full(levels.size, np.inf)
    heap = np.empty(levels.size + 1, np.int64)
    size = 0
    for cell in range(levels.size):
        if 0 < cell // width < height - 1 and 0 < cell % width < width - 1:
            continue
        filled[cell] = levels[cell]
        parent[cell] = -1
        size += 1
        sift_up(heap, filled, size, cell)
    for done in range(levels.size):
        centre = pop(heap, filled, size)
        size -= 1
        order[done] = centre
        row, column = centre // width, centre % width
        for next_row in range(max(row - 1, 0), min(row + 2, height)):
            for next_column in range(max(column - 1, 0), min(column + 2, width)):
                cell = next_row * width + next_column
                if filled[cell] < np.inf:
                    continue
                filled[cell] = max(filled[centre], levels[cell])
                parent[cell] = centre
                size += 1
                sift_up(heap, filled, size, cell)
    return filled


@kernel
def _spill(
    levels: NDArray[np.float64],
    filled: NDArray[np.float64],
    parent: NDArray[np.int64],
    order: NDArray[np.int64],
) -> NDArray[np.int64]:
    spill = np.empty(levels.size, np.int64)
    for cell in order:
        above = parent[cell] < 0 or levels[cell] >= filled[parent[cell]]
        spill[cell] = cell if above else spill[parent[cell]]
    return spill


@kernel
def _steepest(filled: NDArray[np.float64], width: int, receiver: NDArray[np.int64]) -> None:
    """Send each cell that has lower neighbours to the steepest; the others keep to the flood's parent."""
    height = filled.size // width
    for cell in range(filled.size):
        best = 0.0
        for side in range(9):
            row = cell // width + side // 3 - 1
            column = cell % width + side % 3 - 1
            if 0 <= row < height and 0 <= column < width:
                drop = filled[cell] - filled[row * width + column]
                if side % 2 == 0:
                    drop *= 0.5**0.5
                if drop > best:
                    best = drop
                    receiver[cell] = row * width + column


@kernel
def _accumulate(
    receiver: NDArray[np.int64], order: NDArray[np.int64], amount: NDArray[np.float64]
) -> NDArray[np.float64]:
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        if receiver[cell] >= 0:
            amount[receiver[cell]] += amount[cell]
    return amount


def route(elevation: FloatArray, spacing: float) -> Flow:
    """Fill the depressions of an (H, W) map and find each cell's steepest way down (D8)."""
    height, width = elevation.shape
    levels = np.ascontiguousarray(elevation, dtype=np.float64).ravel()
    receiver, order = np.empty(levels.size, np.int64), np.empty(levels.size, np.int64)
    filled = _flood(levels, width, receiver, order)
    _steepest(filled, width, receiver)
    step = np.abs(receiver - np.arange(levels.size))
    diagonal = (receiver >= 0) & (step != 1) & (step != width)
    length = np.where(diagonal, 2**0.5 * spacing, spacing)
    return Flow(filled.reshape(height, width), receiver, order, length)


def spill_cells(elevation: FloatArray) -> NDArray[np.int64]:
    """For each cell the flat index of the cell over which water on it runs off: (H, W) -> (H * W,).

    A cell that holds no water is its own; the elevation of the spill is the cell's fill level.
    """
    levels = np.ascontiguousarray(elevation, dtype=np.float64).ravel()
    parent, order = np.empty(levels.size, np.int64), np.empty(levels.size, np.int64)
    return _spill(levels, _flood(levels, elevation.shape[1], parent, order), parent, order)


def accumulated(flow: Flow, amount: FloatArray) -> NDArray[np.float64]:
    """Sum over each cell and all that drains through it: (H, W) -> (H, W)."""
    total = _accumulate(flow.receiver, flow.order, np.array(amount, dtype=np.float64).ravel())
    return total.reshape(amount.shape)


def valley_cells(elevation: FloatArray) -> NDArray[np.bool_]:
    """Cells that bend upwards: never the highest of a 2×2 block (Peucker, Douglas 1975). (H, W) -> (H, W)."""
    padded = np.pad(elevation.astype(np.float64), 1, mode="edge")
    for axis in (0, 1):  # [1 2 1]/4 both ways
        padded = 0.5 * padded + 0.25 * (np.roll(padded, 1, axis) + np.roll(padded, -1, axis))
    z = padded[1:-1, 1:-1]
    corners = (np.s_[:-1], np.s_[1:])
    blocks = np.stack([z[down, across] for down in corners for across in corners])
    highest = blocks.max(axis=0)
    valley = np.ones(z.shape, dtype=np.bool_)
    for block, (down, across) in zip(blocks, [(d, a) for d in corners for a in corners], strict=True):
        valley[down, across] &= block < highest
    valley[[0, -1]] = False  # cells of fewer blocks pass too easily
    valley[:, [0, -1]] = False
    return valley


def channel_area(shape: tuple[int, ...], spacing: float) -> float:
    """`CHANNEL_AREA`, but at least 16 cells and at most a 64th of the map, m²."""
    cells = np.clip(CHANNEL_AREA / spacing**2, 16.0, shape[0] * shape[1] / 64)
    return float(cells * spacing**2)


def concavity(slope: FloatArray, area: FloatArray, least_area: float) -> float:
    """Exponent theta of slope ~ area ** -theta, fitted to mean slopes in bins of a fifth of a decade.

    Parameters
    ----------
    slope : (N,) rise over run towards the receiver.
    area : (N,) m² drained.
    least_area : m² where channels begin; bins with fewer than 20 cells are left out.

    Returns
    -------
    float : theta, 0.4 to 0.6 in most river networks (Whipple, Tucker 1999); NaN with fewer than 3 bins.
    """
    kept = area >= least_area
    slope, decade = slope[kept], np.log10(area[kept] / least_area)
    index = (decade / 0.2).astype(np.int64)
    counts = np.bincount(index)
    full = (counts >= 20) & (np.bincount(index, slope) > 0)
    if full.sum() < 3:
        return float("nan")
    mean_slope = np.bincount(index, slope)[full] / counts[full]
    mean_decade = np.bincount(index, decade)[full] / counts[full]
    return float(-np.polyfit(mean_decade, np.log10(mean_slope), 1)[0])


def drainage(elevation: FloatArray, spacing: float) -> Drainage:
    """Measure the drainage of a map.

    Channels are where more than `channel_area` of *valley* cells drains through (Peucker and Douglas 1975, as
    weights in a flow accumulation: Tarboton, Ames 2001). A bare threshold on area would find nearly the same
    channel length on any surface. Cells in depressions tell no slope.

    Parameters
    ----------
    elevation : (H, W) float, metres.
    spacing : metres between cells.
    """
    from scipy.ndimage import label

    flow = route(elevation, spacing)
    depth = flow.filled - elevation
    depth = np.where(depth > TOLERANCE * spacing, depth, 0.0)
    pits = label(depth > 0, structure=np.ones((3, 3), dtype=int))[1]
    cell, ground = spacing**2, elevation.size * spacing**2
    least = channel_area(elevation.shape, spacing)

    area = accumulated(flow, np.full(elevation.shape, cell)).ravel()
    inside = (flow.receiver >= 0) & (depth.ravel() == 0)
    levels = flow.filled.ravel()
    slope = (levels - levels[flow.receiver]) / flow.length
    channels = accumulated(flow, cell * valley_cells(elevation)).ravel() >= least
    return Drainage(
        depression_volume=float(depth.mean() / (np.std(elevation) + 1e-12)),
        depression_area=float((depth > 0).mean()),
        pit_density=float(pits / (ground / 1e6)),
        concavity=concavity(slope[inside], area[inside], least),
        drainage_density=float(flow.length[channels].sum() / ground * 1e3),
    )
