"""How wide and deep a river is where it drains so much land: hydraulic geometry, in one place.

Width and depth grow with powers of the discharge (Leopold, Maddock 1953), and that with the drained area.
Beds are carved by this law (`worldgen.drainage`) and rivers are described by it (`worldgen.rivers`).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Area = TypeVar("Area", float, FloatArray)

# From so many m² of ground on, water has a bed.
CHANNEL_AREA = 3e4

# A catchment with a river is on average at least so many cells wide, see `drainage_tree.rivers`.
CATCHMENT_CELLS = 4.0

# Width and depth in metres of a river that drains 1 km², and with which power of the area they grow. About
# 1.5 times those of real streams, as a world's few square kilometres stand for more.
WIDTH, WIDTH_POWER = 6.0, 0.5
DEPTH, DEPTH_POWER = 1.4, 0.3

# Which part of a carved bed's depth is under water on an average day; brimful, a river would wet its banks
# wherever they are a little low.
FULLNESS = 0.7


# The laws stand for a land from which so many mm run off in a year; a tenth of it does not last the year.
RUNOFF = 300.0
EPHEMERAL = 0.1


def channel_width(area: Area, strength: float = 1.0) -> Area:
    """Return the width in metres of rivers that drain ``area`` m², times ``strength``."""
    width: Area = strength * WIDTH * (area / 1e6) ** WIDTH_POWER
    return width


def channel_depth(area: Area, strength: float = 1.0) -> Area:
    """Return the depth in metres, from bed to bank, of rivers that drain ``area`` m², times ``strength``."""
    depth: Area = strength * DEPTH * (area / 1e6) ** DEPTH_POWER
    return depth


def carved_depth(area: FloatArray, spacing: float, strength: float, channel_area: float) -> FloatArray:
    """Return how deep in metres a bed is cut into ground whose cells are ``spacing`` metres apart.

    From nothing where the river begins, or it would start with a step; and shallower where it is narrower
    than a cell, which it shares with its banks.
    """
    area = np.maximum(area, channel_area)
    growth = (area / 1e6) ** DEPTH_POWER - (channel_area / 1e6) ** DEPTH_POWER
    depth: FloatArray = strength * DEPTH * growth * np.minimum(channel_width(area, strength) / spacing, 1.0)
    return depth
