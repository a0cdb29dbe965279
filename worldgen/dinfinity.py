"""D-infinity: water runs down the steepest facet at any angle, divided between the two cells beside it.

Tarboton 1997, "A new method for the determination of flow directions and upslope areas in grid digital
elevation models". Arrays are flat and framed as in `worldgen.flow`; `worldgen.hydrology.route` is the door.
"""

from __future__ import annotations

import numpy as np

from worldgen.flow import FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel

# The eight facets around a cell: its straight and its diagonal neighbour, as places in `neighbour_offsets`.
STRAIGHT = np.array([4, 1, 1, 3, 3, 6, 6, 4])
DIAGONAL = np.array([2, 2, 0, 0, 5, 5, 7, 7])


@kernel
def steepest_facet(ground: FloatArray, cell: int, width: int) -> tuple[int, int, float]:
    """Return the flat indices of the two cells that share a cell's water, and the share of the second.

    The first is a straight neighbour, the second a diagonal one beside it. What gets a share lies lower. At a
    cell that has no way down both are -1.

    Parameters
    ----------
    ground : (P,) float64, metres, framed with the ground beyond the map's edge.
    """
    offsets = neighbour_offsets(width)
    level = ground[cell]
    steepest = 0.0  # square of the drop over one cell
    straight = -1
    diagonal = -1
    tangent = 0.0  # of the angle from the straight neighbour
    for facet in range(8):
        one = cell + offsets[STRAIGHT[facet]]
        two = cell + offsets[DIAGONAL[facet]]
        down = level - ground[one]
        aside = ground[one] - ground[two]
        if down > 0.0 and aside < down:
            # Within the facet, or along its straight side if it leans away from the diagonal.
            aside = max(aside, 0.0)
            steep = down * down + aside * aside
        elif level > ground[two]:
            steep = 0.5 * (level - ground[two]) ** 2
            aside = down = 1.0
        else:
            continue
        if steep > steepest:
            steepest = steep
            straight = one
            diagonal = two
            tangent = aside / down
    return straight, diagonal, np.arctan(tangent) / (0.25 * np.pi)


@kernel
def accumulate(
    surface: FloatArray, ground: FloatArray, order: IntArray, width: int, accumulation: FloatArray
) -> FloatArray:
    """Add to `accumulation`, in place, what flows in from above; return what leaves the map at each cell.

    Parameters
    ----------
    surface : (P,) float64, metres, framed with +inf, without depressions.
    ground : (P,) float64, the same, framed with the ground beyond the map's edge.
    order : from `flow.receivers_first`: both receivers of a cell are lower.
    accumulation : (P,) float64, what each cell adds itself: its area in m², or its water.
    """
    outflow = np.zeros(surface.size)
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        amount = accumulation[cell]
        straight, diagonal, share = steepest_facet(ground, cell, width)
        if straight < 0:
            outflow[cell] = amount
            continue
        aside = amount * share
        for receiver, part in ((straight, amount - aside), (diagonal, aside)):
            if surface[receiver] < np.inf:
                accumulation[receiver] += part
            else:
                outflow[cell] += part
    return outflow
