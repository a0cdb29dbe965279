"""Loops over the shore: how far it is, and over how much open water the waves come. For `worldgen.coasts`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

FloatArray = NDArray[np.float64]

# Directions that waves may come from.
BEARINGS = 16


def shore_distance(above: FloatArray, sea: NDArray[np.bool_], spacing: float) -> FloatArray:
    """Return (H, W) metres to the shore line, positive on land and negative at sea; infinite without one.

    The line lies between cells, where the heights cross the sea's level; from there the eikonal equation is
    swept over the map (Zhao, "A fast sweeping method for eikonal equations", 2005), so that distances are
    smooth; exact from shores along the grid, and within an eighth of a cell from straight oblique ones.

    Parameters
    ----------
    above : (H, W) metres above the sea.
    sea : (H, W) bool.
    spacing : metres.
    """
    distance = _crossings(above, sea, spacing)
    for _ in range(2):
        _sweep(distance, spacing)
    return np.where(sea, -distance, distance)


@kernel
def _crossings(above: FloatArray, sea: NDArray[np.bool_], spacing: float) -> FloatArray:
    """Return metres from cells beside the shore to it, infinite elsewhere."""
    rows, columns = above.shape
    distance = np.full(above.shape, np.inf)
    for row in range(rows):
        for column in range(columns):
            inverse = 0.0  # of the squared distance
            for axis in range(2):
                nearest = np.inf
                for side in (-1, 1):
                    other_row = row + (side if axis == 0 else 0)
                    other_column = column + (side if axis == 1 else 0)
                    if not (0 <= other_row < rows and 0 <= other_column < columns):
                        continue
                    if sea[other_row, other_column] == sea[row, column]:
                        continue
                    here, there = abs(above[row, column]), abs(above[other_row, other_column])
                    nearest = min(nearest, here / max(here + there, 1e-9))
                if nearest < np.inf:
                    inverse += 1.0 / max(nearest, 1e-6) ** 2
            if inverse > 0.0:
                distance[row, column] = spacing / math.sqrt(inverse)
    return distance


@kernel
def _sweep(distance: FloatArray, spacing: float) -> None:
    """Pass distances on, in place, in each of the four diagonal orders."""
    rows, columns = distance.shape
    for order in range(4):
        for i in range(rows):
            row = i if order < 2 else rows - 1 - i
            for j in range(columns):
                column = j if order % 2 == 0 else columns - 1 - j
                a = b = np.inf
                if row > 0:
                    a = distance[row - 1, column]
                if row < rows - 1:
                    a = min(a, distance[row + 1, column])
                if column > 0:
                    b = distance[row, column - 1]
                if column < columns - 1:
                    b = min(b, distance[row, column + 1])
                if b < a:
                    a, b = b, a
                if a >= distance[row, column]:
                    continue
                if b - a >= spacing:
                    new = a + spacing
                else:
                    new = 0.5 * (a + b + math.sqrt(2.0 * spacing * spacing - (a - b) ** 2))
                if new < distance[row, column]:
                    distance[row, column] = new


def mean_fetch(sea: NDArray[np.bool_], spacing: float, wind: float, beyond: float) -> FloatArray:
    """Return (H, W) metres of open water that wind blows over before it comes to a cell; 0 on land.

    The mean over all bearings, those near the wind's weighing most: the energy of waves grows linearly with
    fetch, and so may be averaged.

    Parameters
    ----------
    wind : degrees it mostly comes from, 0 north, 90 east.
    beyond : metres of open water beyond the map's edge, where sea is.
    """
    bearings = np.arange(BEARINGS) * (2 * math.pi / BEARINGS)
    weights = 0.1 + np.maximum(np.cos(bearings - math.radians(wind)), 0.0) ** 2
    weights /= weights.sum()
    total, fetch = np.zeros(sea.shape), np.zeros(sea.shape)
    for bearing, weight in zip(bearings, weights, strict=True):
        # One cell along the longer axis towards the waves, so that it ends between two neighbours.
        down, across = -math.cos(bearing), math.sin(bearing)
        longer = max(abs(down), abs(across))
        _fetch(sea, down / longer, across / longer, spacing / longer, beyond, fetch)
        total += weight * fetch
    return total


@kernel
def _fetch(
    sea: NDArray[np.bool_], down: float, across: float, step: float, beyond: float, fetch: FloatArray
) -> None:
    """Fill ``fetch`` with the open water in one direction; at most ``beyond``."""
    rows, columns = sea.shape
    upright = abs(down) >= abs(across)
    outer, inner = (rows, columns) if upright else (columns, rows)
    lead = down if upright else across
    lean = across if upright else down
    first = 1 if lead > 0.0 else -1
    side = 1 if lean > 0.0 else -1
    share = abs(lean)
    for i in range(outer):
        at = outer - 1 - i if lead > 0.0 else i
        for j in range(inner):
            row, column = (at, j) if upright else (j, at)
            if not sea[row, column]:
                fetch[row, column] = 0.0
                continue
            behind = at + first
            if not 0 <= behind < outer:
                fetch[row, column] = beyond
                continue
            straight = fetch[behind, j] if upright else fetch[j, behind]
            oblique = beyond
            if share < 1e-9:
                oblique = straight
            elif 0 <= j + side < inner:
                oblique = fetch[behind, j + side] if upright else fetch[j + side, behind]
            fetch[row, column] = min(step + (1.0 - share) * straight + share * oblique, beyond)
