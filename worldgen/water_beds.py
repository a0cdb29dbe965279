"""Beds under the sea and the lakes of elevation models, which know only the water's surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_opening,
    distance_transform_edt,
    label,
    maximum,
    maximum_filter,
    minimum,
    minimum_filter,
)

Array32 = NDArray[np.float32]
# Level ground is water if it is so many cells wide; a lake if it has so many, and not more than this share of
# the cells around it lie lower.
LEVEL_CELLS, SMALLEST_LAKE, OUTLET_SHARE = 5, 60, 0.15
# Its bed falls away from the shore by so much, down to so many metres.
BED_SLOPE, DEEPEST = 0.04, 60.0


def with_water_beds(
    elevation: Array32, spacing: float, sea_level: float | None, *, lakes: bool = True
) -> Array32:
    """Return (H, W) metres with beds under sea and lakes, of which elevation models only know the surface.

    Water is level ground at least `LEVEL_CELLS` wide, at the sea's height (within 0.5 m) or, as a lake's,
    with higher ground around: a meadow or a plateau falls off somewhere.

    Parameters
    ----------
    elevation : (H, W) float32, metres.
    spacing : metres between cells.
    sea_level : metres, or None.
    lakes : False leaves lakes level.
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
    depth = np.minimum(BED_SLOPE * spacing * distance_transform_edt(water), DEEPEST)
    return np.where(water, surface - depth, elevation).astype(np.float32)
