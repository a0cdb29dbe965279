"""D-infinity: water runs down the steepest facet at any angle, divided between the two cells beside it.

Tarboton 1997, "A new method for the determination of flow directions and upslope areas in grid digital
elevation models". A river cannot be divided: `single_receivers` leads it from cell to cell in that direction.
Arrays are flat and framed as in `worldgen.flow`; `worldgen.hydrology.route` is the door.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.flow import FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel

# The eight facets around a cell: its straight and its diagonal neighbour, as places in `neighbour_offsets`.
STRAIGHT = np.array([4, 1, 1, 3, 3, 6, 6, 4])
DIAGONAL = np.array([2, 2, 0, 0, 5, 5, 7, 7])


@kernel
def steepest_facet(ground: FloatArray, cell: int, offsets: NDArray[np.int64]) -> tuple[int, float]:
    """Return the steepest facet and the tangent of the water's angle in it, from its straight neighbour.

    The tangent is 0 to 1; what lies on that side, and both neighbours between, is lower than the cell. At a
    cell that has no way down the facet is -1.

    Parameters
    ----------
    ground : (P,) float64, metres, framed with the ground beyond the map's edge.
    offsets : from `flow.neighbour_offsets`.
    """
    level = ground[cell]
    steepest = 0.0  # square of the drop over one cell
    found = -1
    tangent = 0.0
    for facet in range(8):
        straight = ground[cell + offsets[STRAIGHT[facet]]]
        diagonal = ground[cell + offsets[DIAGONAL[facet]]]
        down = level - straight
        aside = straight - diagonal
        if down > 0.0 and aside < down:
            # Within the facet, or along its straight side if it leans away from the diagonal.
            aside = max(aside, 0.0)
            steep = down * down + aside * aside
        elif level > diagonal:
            steep = 0.5 * (level - diagonal) ** 2
            aside = down = 1.0
        else:
            continue
        if steep > steepest:
            steepest = steep
            found = facet
            tangent = aside / down
    return found, tangent


@kernel
def single_receivers(surface: FloatArray, inside: NDArray[np.bool_], width: int) -> IntArray:
    """Return (P,) the flat index of the cell that takes all of a cell's water, at any angle to the grid.

    Each step goes to that of the two cells beside the steepest direction which keeps the path nearest to it:
    path-based least transversal deviation (D8-LTD; Orlandini et al. 2003, "Path-based methods for the
    determination of nondispersive drainage directions in grid-based digital elevation models"). By how much a
    path has strayed is handed down, at a confluence by the larger donor, of equal ones by the truer. The
    steepest of eight neighbours makes the same error at each step: on even slopes its rivers run straight
    along the grid.

    Parameters
    ----------
    surface : (P,) float64, metres, framed with +inf. A receiver lies lower than its donor.
    inside : (P,) bool, cells that may have a receiver; the others' is -1, as in a pit.
    """
    offsets = neighbour_offsets(width)
    facets = np.full(surface.size, -1, np.int8)
    tangents = np.zeros(surface.size)
    waiting = np.zeros(surface.size, np.uint8)  # of the donors that a cell may have, those not yet decided
    for cell in range(surface.size):
        if inside[cell]:
            facet, tangent = steepest_facet(surface, cell, offsets)
            facets[cell] = facet
            tangents[cell] = tangent
            if facet >= 0 and tangent < 1.0:
                waiting[cell + offsets[STRAIGHT[facet]]] += 1
            if facet >= 0 and tangent > 0.0:
                waiting[cell + offsets[DIAGONAL[facet]]] += 1
    receivers = np.full(surface.size, -1, np.int32)
    area = np.ones(surface.size)
    largest = np.zeros(surface.size)
    strayed = np.zeros(surface.size)  # cells, to the left or right, of the largest donor's path
    stack = np.empty(surface.size, np.int32)
    for start in range(surface.size):
        if facets[start] < 0 or waiting[start] != 0:
            continue
        stack[0] = start
        count = 1
        while count > 0:
            count -= 1
            cell = stack[count]
            waiting[cell] = 255
            facet = facets[cell]
            tangent = tangents[cell]
            straight = cell + offsets[STRAIGHT[facet]]
            diagonal = cell + offsets[DIAGONAL[facet]]
            turn = 1.0 - 2.0 * (facet % 2)  # whether the diagonal lies to the left of the straight neighbour
            length = np.sqrt(1.0 + tangent * tangent)
            error = strayed[cell] - turn * tangent / length
            other = strayed[cell] + turn * (1.0 - tangent) / length
            receiver = straight
            if tangent > 0.0 and (tangent == 1.0 or abs(other) < abs(error)):
                receiver = diagonal
                error = other
            receivers[cell] = receiver
            area[receiver] += area[cell]
            alike = area[cell] == largest[receiver] and abs(error) < abs(strayed[receiver])
            if area[cell] > largest[receiver] or alike:
                largest[receiver] = area[cell]
                strayed[receiver] = error
            if tangent < 1.0:
                waiting[straight] -= 1
                if waiting[straight] == 0 and facets[straight] >= 0:
                    stack[count] = straight
                    count += 1
            if tangent > 0.0:
                waiting[diagonal] -= 1
                if waiting[diagonal] == 0 and facets[diagonal] >= 0:
                    stack[count] = diagonal
                    count += 1
    return receivers


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
    offsets = neighbour_offsets(width)
    outflow = np.zeros(surface.size)
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        amount = accumulation[cell]
        facet, tangent = steepest_facet(ground, cell, offsets)
        if facet < 0:
            outflow[cell] = amount
            continue
        straight = cell + offsets[STRAIGHT[facet]]
        diagonal = cell + offsets[DIAGONAL[facet]]
        aside = amount * (np.arctan(tangent) / (0.25 * np.pi))
        for receiver, part in ((straight, amount - aside), (diagonal, aside)):
            if surface[receiver] < np.inf:
                accumulation[receiver] += part
            else:
                outflow[cell] += part
    return outflow
