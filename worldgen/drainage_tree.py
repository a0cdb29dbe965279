"""Where each cell's water goes: a tree that is grown from the outlets, and sums along it.

As in `worldgen.flow`, arrays are flat and framed. The tree is an array of receivers: the flat index of the
cell that a cell drains to, or -1 at an outlet and in the frame. `worldgen.drainage` is the public door.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.flow import DISTANCE, ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel, pop, sift_up


@kernel
def spill_tree(surface: FloatArray, visited: ByteArray, outlets: IntArray, width: int) -> IntArray:
    """Return the next cell on each cell's way out over the lowest sills; -1 at outlets and beyond.

    The priority-flood of `flow.flood`, but nothing is raised: below a sill it goes on from the lowest cell
    that it has reached, as Prim's algorithm grows a minimum spanning tree. So the way from a pit to its sill
    runs through the lowest ground, where a breach costs least (Lindsay 2016).

    Parameters
    ----------
    surface : (P,) float64, metres, framed.
    visited : (P,) uint8, 1 in the frame and under the sea and at the outlets, else 0; used up.
    outlets : (N,) int32, where water leaves.
    """
    offsets = neighbour_offsets(width)
    parents = np.full(surface.size, -1, np.int32)
    queue = np.empty(surface.size + 1, np.int32)
    heap = np.empty(2 * surface.size + 1, np.int32)  # a cell waits in it at most twice: found, then as a sill
    size = 0
    tail = outlets.size
    queue[:tail] = outlets
    head = 0
    descends = False
    while True:
        while head < tail:
            cell = queue[head]
            head += 1
            height = surface[cell]
            spills = False
            for offset in offsets:
                neighbour = cell + offset
                if visited[neighbour] != 0:
                    continue
                higher = surface[neighbour] > height
                if not higher and not descends:
                    spills = True
                    continue
                visited[neighbour] = 1
                parents[neighbour] = cell
                if higher:
                    queue[tail] = neighbour
                    tail += 1
                else:
                    size += 1
                    sift_up(heap, surface, size, neighbour)
            descends = False
            if spills:
                size += 1
                sift_up(heap, surface, size, cell)
        if size == 0:
            return parents
        queue[0] = pop(heap, surface, size)
        size -= 1
        head = 0
        tail = 1
        descends = True


@kernel
def steepest(surface: FloatArray, parents: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Return the steepest way down from each cell, and the cells that have none but are no outlets.

    Parameters
    ----------
    surface : (P,) float64, metres, framed with +inf.
    parents : from `spill_tree`; a cell with none gets no receiver.
    """
    offsets = neighbour_offsets(width)
    receivers = np.full(surface.size, -1, np.int32)
    pits = np.empty(surface.size, np.int32)
    count = 0
    for cell in range(surface.size):
        if parents[cell] < 0:
            continue
        best = 0.0
        for side in range(8):
            slope = (surface[cell] - surface[cell + offsets[side]]) / DISTANCE[side]
            if slope > best:
                best = slope
                receivers[cell] = cell + offsets[side]
        if best == 0.0:
            pits[count] = cell
            count += 1
    return receivers, pits[:count].copy()


@kernel
def lead_out(surface: FloatArray, parents: IntArray, receivers: IntArray, pits: IntArray) -> ByteArray:
    """Turn the receivers, in place, along the way from each pit to the first ground below it.

    With the pits in ascending order no cell need be turned twice, and each way ends below the pit that it
    came from, so the receivers form a tree.

    Returns
    -------
    (P,) uint8, 1 on such ways, where the ground stands in the water's path; 0 elsewhere and in the pits.
    """
    turned = np.zeros(surface.size, np.uint8)
    for pit in pits:
        cell = pit
        while turned[cell] == 0 and surface[cell] >= surface[pit] and parents[cell] >= 0:
            turned[cell] = 1
            receivers[cell] = parents[cell]
            cell = parents[cell]
    for pit in pits:
        turned[pit] = 0
    return turned


@kernel
def donors_first(receivers: IntArray, inside: NDArray[np.bool_]) -> IntArray:
    """Return the cells with ``inside`` set, each after all that drain to it."""
    waiting = np.zeros(receivers.size, np.uint8)
    total = 0
    for cell in range(receivers.size):
        if inside[cell]:
            total += 1
            if receivers[cell] >= 0:
                waiting[receivers[cell]] += 1
    order = np.empty(total, np.int32)
    tail = 0
    for start in range(receivers.size):
        if not inside[start] or waiting[start] != 0:
            continue
        # Down the stream as far as all its water has come: neighbours in the order are neighbours on the map.
        cell = start
        waiting[start] = 255
        while True:
            order[tail] = cell
            tail += 1
            cell = receivers[cell]
            if cell < 0:
                break
            waiting[cell] -= 1
            if waiting[cell] != 0:
                break
            waiting[cell] = 255
    return order


@kernel
def gather(amount: FloatArray, receivers: IntArray, order: IntArray) -> None:
    """Add to each cell's amount, in place, that of all cells which drain to it."""
    for cell in order:
        if receivers[cell] >= 0:
            amount[receivers[cell]] += amount[cell]


@kernel
def rivers(
    area: FloatArray, receivers: IntArray, order: IntArray, threshold: float, breadth: float
) -> NDArray[np.bool_]:
    """Return (P,) bool: cells that drain at least the area ``threshold``, and all below a cell that does.

    A catchment must also be wider than ``breadth`` on average: area over the length of the longest way in it,
    in cells. On an even slope the ways run side by side along the grid; each drains a strip one cell wide.
    """
    length = np.zeros(area.size)
    wet = np.zeros(area.size, np.bool_)
    for cell in order:
        length[cell] += 1.0
        if area[cell] >= threshold and area[cell] >= breadth * length[cell]:
            wet[cell] = True
        receiver = receivers[cell]
        if receiver >= 0:
            length[receiver] = max(length[receiver], length[cell])
            wet[receiver] = wet[receiver] or wet[cell]
    return wet


@kernel
def lift(receivers: IntArray, order: IntArray, width: int, step: float) -> FloatArray:
    """Return (P,) metres: the length of each cell's way to its outlet, in cells, times ``step``."""
    offsets = neighbour_offsets(width)
    rise = np.zeros(receivers.size)
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        receiver = receivers[cell]
        for side in range(8):
            if receiver >= 0 and offsets[side] == receiver - cell:
                rise[cell] = rise[receiver] + step * DISTANCE[side]
    return rise
