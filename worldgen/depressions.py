"""Ways out of hollows, from the graph of a map's basins (Cordonnier, Bovy, Braun 2019).

Every cell that no neighbour lies below is the pit of a basin. Two basins that touch are joined by the lowest
pass between them, and of all passes those of the minimum spanning tree (Borůvka 1926) lead each basin to the
edge over the lowest sill that there is. The time goes with the number of cells; no cell waits in a heap, as
in a priority flood. Arrays are flat and framed, see `worldgen.flow`; directions are those of
`worldgen.single_flow`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.flow import ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel

STAYS = 8  # direction of a cell from which water does not flow on


@kernel
def label_basins(direction: ByteArray, label: IntArray, width: int) -> None:
    """Give each cell the label of the one that its water ends at; the ends have theirs, the others -1."""
    offsets = neighbour_offsets(width)
    way = np.empty(label.size, np.int32)
    for row in range(1, label.size // width - 1):
        for start in range(row * width + 1, row * width + width - 1):
            cell = start
            length = 0
            while label[cell] < 0:
                way[length] = cell
                length += 1
                cell += offsets[direction[cell]]
            end = label[cell]
            for i in range(length):
                label[way[i]] = end


@kernel
def resolve(height: FloatArray, direction: ByteArray, label: IntArray, width: int, basins: int) -> FloatArray:
    """Turn the directions in hollows, in place, so that all water reaches label 0; return the water's levels.

    From a basin's lowest sill the way down to its pit is turned round, so that the basin's water runs to the
    pit and from there up to the sill, below the surface of the lake.

    Parameters
    ----------
    height : (P,) float64, metres, framed with +inf.
    direction : (P,) uint8, side of the steepest lower neighbour; `STAYS` in pits.
    label : (P,) int32 from `label_basins`; 0 for what drains already.
    basins : number of hollows; their labels are 1 to this.

    Returns
    -------
    (basins + 1,) float64 metres, the level of each basin's lake; -inf for label 0.
    """
    offsets = neighbour_offsets(width)
    from_cell, to_cell = _spanning_tree(height, label, width, basins)
    first = np.full(basins + 1, -1, np.int32)  # each basin's passes, as linked lists
    following = np.empty(2 * basins, np.int32)
    for edge in range(2 * basins):
        at = label[from_cell[edge // 2]] if edge % 2 == 0 else label[to_cell[edge // 2]]
        following[edge] = first[at]
        first[at] = edge
    level = np.full(basins + 1, np.inf)
    level[0] = -np.inf
    queue = np.empty(basins + 1, np.int32)
    queue[0] = 0
    tail = 1
    for head in range(basins + 1):
        basin = queue[head]
        edge = first[basin]
        while edge >= 0:
            inner, outer = from_cell[edge // 2], to_cell[edge // 2]
            if edge % 2 == 0:
                inner, outer = outer, inner
            other = label[inner]
            if level[other] == np.inf:
                level[other] = max(level[basin], height[inner], height[outer])
                queue[tail] = other
                tail += 1
                _turn_round(direction, offsets, inner, outer)
            edge = following[edge]
    return level


@kernel
def _turn_round(direction: ByteArray, offsets: NDArray[np.int64], cell: int, beyond: int) -> None:
    """Lead the water of the basin in which ``cell`` lies from its pit back to it and on to ``beyond``."""
    step = beyond - cell
    while True:
        turned = direction[cell]
        for side in range(8):
            if offsets[side] == step:
                direction[cell] = side
        if turned == STAYS:
            return
        step = -offsets[turned]
        cell += offsets[turned]


@kernel
def _spanning_tree(height: FloatArray, label: IntArray, width: int, basins: int) -> tuple[IntArray, IntArray]:
    """Return the two cells of each of the tree's ``basins`` passes.

    In each round every group of basins that does not drain yet takes its lowest pass, the first of equals,
    and is joined with what lies beyond: at least half of the groups are gone. Passes within a group drop out
    of the lists, without a branch, as the processor could not foresee which.
    """
    offsets = neighbour_offsets(width)
    count = _borders(label, width)
    sill = np.empty(count + 1)
    one, two = np.empty(count + 1, np.int32), np.empty(count + 1, np.int32)
    link = np.empty(count + 1, np.int32)  # 4 * cell + which of its four forward neighbours
    count = 0
    for row in range(1, height.size // width - 1):
        for cell in range(row * width + 1, row * width + width - 1):
            for way in range(4):
                other = cell + offsets[4 + way]
                sill[count] = max(height[cell], height[other])
                one[count], two[count], link[count] = label[cell], label[other], 4 * cell + way
                count += 1 if label[other] != label[cell] else 0
    group = np.arange(basins + 1).astype(np.int32)
    lowest, which = np.empty(basins + 1), np.empty(basins + 1, np.int32)
    from_cell, to_cell = np.empty(basins, np.int32), np.empty(basins, np.int32)
    found = 0
    while found < basins:
        lowest[:] = np.inf
        for index in range(count):
            here, there = one[index], two[index]
            if sill[index] < lowest[here]:
                lowest[here], which[here] = sill[index], index
            if sill[index] < lowest[there]:
                lowest[there], which[there] = sill[index], index
        for basin in range(1, basins + 1):
            if lowest[basin] < np.inf:
                index = which[basin]
                here, there = _root(group, one[index]), _root(group, two[index])
                if here != there:
                    group[max(here, there)] = min(here, there)
                    from_cell[found] = link[index] // 4
                    to_cell[found] = link[index] // 4 + offsets[4 + link[index] % 4]
                    found += 1
        for basin in range(basins + 1):
            group[basin] = _root(group, basin)
        kept = 0
        for index in range(count):
            here, there = group[one[index]], group[two[index]]
            sill[kept], link[kept] = sill[index], link[index]
            one[kept], two[kept] = here, there
            kept += 1 if here != there else 0
        count = kept
    return from_cell, to_cell


@kernel
def _borders(label: IntArray, width: int) -> int:
    """Count the pairs of neighbours in different basins, row by row, which the compiler can vectorise."""
    offsets = neighbour_offsets(width)
    count = 0
    for row in range(1, label.size // width - 1):
        first, last = row * width + 1, row * width + width - 1
        for way in range(4):
            beside = offsets[4 + way]
            count += _differing(label[first:last], label[first + beside : last + beside])
    return count


@kernel
def _differing(here: IntArray, there: IntArray) -> int:
    count = 0
    for i in range(here.size):
        count += 1 if here[i] != there[i] else 0
    return count


@kernel
def _root(group: IntArray, basin: int) -> int:
    while group[basin] != basin:
        group[basin] = group[group[basin]]
        basin = group[basin]
    return basin
