"""Loops over the cells of rivers: Strahler's order, reaches between confluences, how far the water spreads.

Arrays are those of `worldgen.drainage_tree`. `worldgen.rivers` is the public door.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.flow import ByteArray, FloatArray, IntArray
from worldgen.kernel import kernel
from worldgen.valleys import away


@kernel
def strahler_order(river: NDArray[np.bool_], receivers: IntArray, order: IntArray) -> ByteArray:
    """Return (P,) uint8, Strahler's order (1957) of each river cell; 0 elsewhere.

    A source has order 1. Where two rivers of one order meet, it grows by one; a lesser one changes nothing.

    Parameters
    ----------
    river : (P,) bool, with each cell all river cells below it.
    receivers : (P,) of the whole tree.
    order : (N,) the river cells, each after those that flow into it.
    """
    rank = np.zeros(receivers.size, np.uint8)
    meeting = np.zeros(receivers.size, np.uint8)  # how many of the highest order flow in, at most two
    for cell in order:
        if meeting[cell] != 1:
            rank[cell] += 1
        receiver = receivers[cell]
        if receiver < 0 or not river[receiver]:
            continue
        if rank[cell] > rank[receiver]:
            rank[receiver] = rank[cell]
            meeting[receiver] = 1
        elif rank[cell] == rank[receiver]:
            meeting[receiver] = 2
    return rank


@kernel
def trace_reaches(within: IntArray, receivers: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Cut the rivers at sources and confluences.

    Parameters
    ----------
    within : (P,) receivers of river cells that are river cells, else -1.
    receivers : (P,) of the whole tree.
    order : (N,) the river cells, each after those that flow into it.

    Returns
    -------
    The flat indices of the reaches' cells, one reach after another and each after those that flow into it,
    and (R + 1,) where each begins. A reach ends with the confluence or the sea's cell that it flows into. One
    cell at the map's edge into which nothing or more than one river flows is no reach.
    """
    inflows = np.zeros(receivers.size, np.uint8)
    for cell in order:
        if within[cell] >= 0:
            inflows[within[cell]] += 1
    cells = np.empty(2 * order.size, np.int32)
    starts = np.zeros(order.size + 1, np.int32)
    count = 0
    tail = 0
    for start in order:
        if inflows[start] == 1 or receivers[start] < 0:
            continue
        cell = start
        while True:
            cells[tail] = cell
            tail += 1
            if (cell != start and inflows[cell] != 1) or receivers[cell] < 0:
                break
            cell = receivers[cell]
        count += 1
        starts[count] = tail
    return cells[:tail].copy(), starts[: count + 1].copy()


@kernel
def nearest_river(
    ground: FloatArray,
    level: FloatArray,
    still: NDArray[np.bool_],
    order: IntArray,
    line: FloatArray,
    breadth: FloatArray,
    width: int,
) -> IntArray:
    """Return (P,) the river cell whose water stands in a cell; -1 where it is dry or other water is still.

    A river wets its own cells, and those whose ground lies below its level, no farther from its middle than
    it is broad (half of that is the level bed; banks stand beside it). Each takes the water of the nearest.

    Parameters
    ----------
    ground : (P,) float64, metres, framed with +inf.
    level : (P,) float64, metres, of rivers.
    still : (P,) bool, sea and lakes.
    order : (N,) the river cells, each after those that flow into it.
    line : (P, 2) row and column of the rivers' middle.
    breadth : (P,) float64, cells.
    """
    source = np.full(ground.size, -1, np.int32)
    nearest = np.full(ground.size, np.inf)
    for cell in order:
        if not still[cell]:
            source[cell] = cell
            nearest[cell] = 0.0
    for cell in order:
        reach = int(breadth[cell] + 0.5)
        for row in range(
            max(cell // width - reach, 1), min(cell // width + reach + 1, ground.size // width - 1)
        ):
            for column in range(max(cell % width - reach, 1), min(cell % width + reach + 1, width - 1)):
                neighbour = row * width + column
                distance = away(neighbour, cell, line, width)
                if (
                    distance <= breadth[cell]
                    and distance < nearest[neighbour]
                    and ground[neighbour] < level[cell]
                    and not still[neighbour]
                ):
                    nearest[neighbour] = distance
                    source[neighbour] = cell
    return source
