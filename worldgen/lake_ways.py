"""Ways through lakes: along their middle, where steepest ways over level water would be straight lines.

Arrays are those of `worldgen.drainage_tree`. `worldgen.rivers` is the public door.
"""

from __future__ import annotations

import numpy as np

from worldgen.flow import DISTANCE, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel, pop, sift_up


@kernel
def lead_through(
    surface: FloatArray, lowest: FloatArray, cost: FloatArray, receivers: IntArray, width: int
) -> None:
    """Turn the receivers of standing water, in place, along the cheapest way to where it spills over.

    Least-cost paths from the outlets inwards (Dijkstra 1959). A cell is given its way when it is first
    reached, so a way may be dearer than the cheapest by the difference of a straight and a diagonal step.

    Parameters
    ----------
    surface : (P,) float64, metres, without depressions, framed.
    lowest : (P,) float64, metres, of the surface of all water that a cell's is connected with. It spills over
        to what lies below that: what is only lower than one of its cells may lead back into it.
    cost : (P,) float64, of a step of one cell from this one; +inf where no water stands.
    receivers : (P,) int32, of the steepest ways.
    """
    offsets = neighbour_offsets(width)
    total = np.full(surface.size, np.inf)
    heap = np.empty(surface.size + 1, np.int32)
    size = 0
    for cell in range(surface.size):
        if cost[cell] == np.inf:
            continue
        for side in range(8):
            neighbour = cell + offsets[side]
            length = cost[cell] * DISTANCE[side]
            if surface[neighbour] < lowest[cell] and length < total[cell]:
                total[cell] = length
                receivers[cell] = neighbour
        if total[cell] < np.inf:
            size += 1
            sift_up(heap, total, size, cell)
    while size > 0:
        cell = pop(heap, total, size)
        size -= 1
        for side in range(8):
            neighbour = cell + offsets[side]
            if cost[neighbour] < np.inf and total[neighbour] == np.inf:
                total[neighbour] = total[cell] + cost[neighbour] * DISTANCE[side]
                receivers[neighbour] = cell
                size += 1
                sift_up(heap, total, size, neighbour)
