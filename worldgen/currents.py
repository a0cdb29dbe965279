"""How fast water flows, and where to: what drives flow maps, floating things and the sound of rivers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen.flow import FloatArray, IntArray
from worldgen.hydrology import BoolArray

# Metres a second: slower water looks still, and faster water falls rather than flows.
SLOWEST, FASTEST = 0.05, 6.0
# Cells up and down a river over which its direction and its slope are taken.
DIRECTION_CELLS, SLOPE_CELLS = 3, 6
# Standard deviation in cells of the mean over neighbours, which joins currents where rivers meet.
MIXING = 1.0


def river_velocity(
    line: FloatArray,
    level: FloatArray,
    depth: FloatArray,
    area: FloatArray,
    receivers: IntArray,
    cells: IntArray,
    spacing: float,
) -> FloatArray:
    """Return (P, 2) m/s east and south along rivers of so much depth and slope.

    By Jarrett (1984), v = 3.17 d^0.83 S^0.12: steep beds are rough, so Manning's law with one roughness would
    give mountain streams three times their speed.

    Parameters
    ----------
    line : (P, 2) row and column of the rivers' middle.
    level, depth : (P,) metres, of the surface and below it.
    area : (P,) m² that drains through a cell; the larger tributary is the river's own course.
    receivers : (P,) of river cells that flow into one, else -1.
    cells : (N,) the river cells.
    spacing : metres between cells.
    """
    below = np.arange(area.size)
    below[cells] = np.where(receivers[cells] >= 0, receivers[cells], cells)
    above = np.arange(area.size)
    rising = cells[np.argsort(area[cells], kind="stable")]
    rising = rising[receivers[rising] >= 0]
    above[receivers[rising]] = rising  # of several the last stays: the largest

    step = spacing * np.hypot(*(line[below] - line).T)
    first: NDArray[np.integer] = cells
    last = first
    length = np.zeros(len(cells))
    for cell in range(1, SLOPE_CELLS + 1):
        length += step[last]
        last = below[last]
        length += np.where(above[first] == first, 0.0, step[above[first]])
        first = above[first]
        if cell == DIRECTION_CELLS:
            way = (line[last] - line[first])[:, ::-1]
    way = way / np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    slope = np.maximum(level[first] - level[last], 0.0) / np.maximum(length, spacing)
    speed = np.clip(3.17 * depth[cells] ** 0.83 * slope**0.12, SLOWEST, FASTEST)
    velocity = np.zeros((area.size, 2))
    velocity[cells] = way * speed[:, None]
    return velocity


def lake_velocity(
    velocity: FloatArray,
    discharge: FloatArray,
    depth: NDArray[np.floating],
    lake: BoolArray,
    spacing: float,
) -> FloatArray:
    """Return (2, H, W) m/s with the currents of lakes: what flows in goes through the lake's whole section.

    Parameters
    ----------
    velocity : (2, H, W) m/s, along the ways that lead through lakes; else 0.
    discharge : (H, W) m³/s along those ways; else 0.
    depth : (H, W) metres, of lakes.
    lake : (H, W) bool.
    """
    ways = lake & (discharge > 0)
    if not ways.any():
        return velocity
    breadth = 2 * spacing * ndimage.distance_transform_edt(lake)
    nearest = ndimage.distance_transform_edt(~ways, return_distances=False, return_indices=True)
    way = velocity[:, nearest[0], nearest[1]]
    section = np.maximum(breadth * depth, spacing * 0.5)[tuple(nearest)]
    speed = np.minimum(discharge[tuple(nearest)] / section, 1.0)
    return np.where(lake, way / np.maximum(np.hypot(*way), 1e-9) * speed, velocity)


def mixed_currents(velocity: FloatArray, wet: BoolArray) -> NDArray[np.float32]:
    """Return (2, H, W) float32 m/s: each wet cell's mean with its wet neighbours; 0 where it is dry."""
    weight = ndimage.gaussian_filter(wet.astype(np.float64), MIXING, mode="constant")
    mean = [ndimage.gaussian_filter(np.where(wet, part, 0.0), MIXING, mode="constant") for part in velocity]
    return np.where(wet, np.stack(mean) / np.maximum(weight, 1e-9), 0.0).astype(np.float32)
