"""What falls along a drainage tree, and the valleys around it: beds without pits, smooth profiles, banks.

Arrays are those of `worldgen.drainage_tree`. `worldgen.drainage` is the public door.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.flow import ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel


@kernel
def meld(first: int, second: int, value: FloatArray, child: IntArray, sibling: IntArray) -> int:
    """Join two pairing heaps (Fredman et al. 1986) of blocks, lowest value on top; -1 is an empty one."""
    if first < 0:
        return second
    if second < 0:
        return first
    if value[second] < value[first]:
        first, second = second, first
    sibling[second] = child[first]
    child[first] = second
    return first


@kernel
def isotonic(
    heights: FloatArray, weights: FloatArray, receivers: IntArray, order: IntArray
) -> tuple[FloatArray, ByteArray]:
    """Return the nearest heights, in weighted squares, that nowhere rise on the way down a tree.

    Blocks of cells that share a height grow from the sources down: a block that lies above one that drains to
    it takes that one in (pool adjacent violators on a tree; Pardalos, Xue 1999). What is not in the way of
    water keeps its height.

    Parameters
    ----------
    heights, weights : (P,) float64.
    receivers, order : of the tree; the order from `donors_first`.

    Returns
    -------
    The heights (P,) and, uint8, 1 where a cell was pooled with others.
    """
    value = heights.copy()
    weight = weights.copy()
    block = np.full(heights.size, -1, np.int32)  # the cell down the tree into whose block a cell was taken
    upstream = np.full(heights.size, -1, np.int32)  # heap of the blocks that drain to a block
    child = np.full(heights.size, -1, np.int32)
    sibling = np.full(heights.size, -1, np.int32)
    pooled = np.zeros(heights.size, np.uint8)
    for cell in order:
        while upstream[cell] >= 0 and value[upstream[cell]] < value[cell]:
            lowest = upstream[cell]
            total = weight[cell] + weight[lowest]
            value[cell] += (value[lowest] - value[cell]) * (weight[lowest] / total)
            weight[cell] = total
            block[lowest] = cell
            pooled[lowest] = 1
            pooled[cell] = 1
            # Take the top off the heap: meld its children in pairs, then the pairs.
            rest = child[lowest]
            pairs = -1
            while rest >= 0:
                one = rest
                two = sibling[one]
                rest = sibling[two] if two >= 0 else -1
                sibling[one] = -1
                if two >= 0:
                    sibling[two] = -1
                pair = meld(one, two, value, child, sibling)
                sibling[pair] = pairs
                pairs = pair
            top = upstream[lowest]
            while pairs >= 0:
                after = sibling[pairs]
                sibling[pairs] = -1
                top = meld(top, pairs, value, child, sibling)
                pairs = after
            child[lowest] = -1
            upstream[cell] = top
        receiver = receivers[cell]
        if receiver >= 0:
            upstream[receiver] = meld(upstream[receiver], cell, value, child, sibling)
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        if block[cell] >= 0:
            value[cell] = value[block[cell]]
    return value, pooled


@kernel
def let_fall(bed: FloatArray, receivers: IntArray, order: IntArray) -> None:
    """Lower, in place, what lies above a cell that drains to it."""
    for cell in order:
        receiver = receivers[cell]
        if receiver >= 0 and bed[receiver] > bed[cell]:
            bed[receiver] = bed[cell]


@kernel
def smoothed(
    values: FloatArray,
    area: FloatArray,
    stiffness: FloatArray,
    receivers: IntArray,
    order: IntArray,
    threshold: float,
) -> FloatArray:
    """Return what all rivers carry, smoothed along their course: one implicit step of diffusion on the tree.

    Parameters
    ----------
    values : (P,) float64, for example the bed's height.
    area : (P,) float64; only cells of at least ``threshold`` take part. A tributary pulls by its share of it.
    stiffness : (P,) float64, square of the length over which a cell is smoothed, in cells.
    receivers, order : of the tree; Thomas' elimination runs down and back up it.
    """
    diagonal = np.ones(values.size)
    smooth = values.copy()
    for cell in order:
        receiver = receivers[cell]
        if receiver >= 0 and area[cell] >= threshold:
            pull = stiffness[cell] * area[cell] / area[receiver]
            diagonal[cell] += pull
            diagonal[receiver] += pull - pull * pull / diagonal[cell]
            smooth[receiver] += pull * smooth[cell] / diagonal[cell]
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        receiver = receivers[cell]
        if area[cell] >= threshold:
            pull = 0.0
            if receiver >= 0:
                pull = stiffness[cell] * area[cell] / area[receiver]
                smooth[cell] += pull * smooth[receiver]
            smooth[cell] /= diagonal[cell]
    return smooth


def middle(
    area: FloatArray, breadth: FloatArray, receivers: IntArray, order: IntArray, threshold: float, width: int
) -> FloatArray:
    """Return (P, 2) rows and columns of the rivers' middle, without the jags of steps from cell to cell.

    Parameters
    ----------
    area : (P,) float64, of rivers; below ``threshold`` elsewhere.
    breadth : (P,) float64, cells. The middle stays within half of it, or 0.7 cells, of the cell's own.
    """
    cells = np.arange(area.size)
    line = np.stack([cells // width, cells % width], axis=1).astype(np.float64)
    room = np.maximum(0.7, 0.5 * breadth)
    for axis in (0, 1):
        cell = line[:, axis].copy()
        bent = smoothed(cell, area, 3.0 + breadth**2, receivers, order, threshold)
        line[:, axis] = np.clip(bent, cell - room, cell + room)
    return line


@kernel
def away(cell: int, origin: int, line: FloatArray, width: int) -> float:
    """Return how many cells a cell lies from the (row, column) of an origin in ``line`` (P, 2)."""
    down = cell // width - line[origin, 0]
    across = cell % width - line[origin, 1]
    return float(np.sqrt(down * down + across * across))


@kernel
def fading(distance: float, reach: float) -> float:
    """Return 1 at no distance, 0 from ``reach`` on, and a smooth slope between, at most 1.5 / reach steep."""
    if distance >= reach:
        return 0.0
    part = distance / reach
    return (1.0 - part) * (1.0 - part) * (1.0 + 2.0 * part)


@kernel
def open_valleys(
    ground: FloatArray,
    bed: FloatArray,
    cut: FloatArray,
    bank: FloatArray,
    half_width: FloatArray,
    bank_reach: FloatArray,
    reach: FloatArray,
    line: FloatArray,
    fixed: NDArray[np.bool_],
    spacing: float,
    cross_slope: float,
    width: int,
) -> FloatArray:
    """Return the ground with a valley around each cut: lowered beside it by what fades with distance.

    The lowering, not the ground, has the shape of a valley: so walls keep their roughness and steepness, flat
    land gets banks, and nothing is touched beyond half the bed's width plus the reach. Each cell takes the
    cut that lowers it most, handed on from neighbour to neighbour, and stays above the nearest river's bed.

    Parameters
    ----------
    ground, bed : (P,) float64, metres. Where ``cut`` is positive the ground becomes the bed.
    cut : (P,) float64, metres by which a bed lies below the old ground; 0 where there is none.
    bank : (P,) float64, metres, the part of the cut that banks stand beside; the rest is valley.
    half_width, bank_reach, reach : (P,) float64, metres: of the level bed, and of banks and valley beside it.
    line : (P, 2) float64, row and column of each cut's middle; a river's runs smoother than its cells.
    fixed : (P,) bool, nothing may change.
    spacing : metres between cells.
    cross_slope : the ground beside is not lowered below the bed plus its distance times this slope.
    """
    offsets = neighbour_offsets(width)
    lowering = np.zeros(ground.size)
    source = np.full(ground.size, -1, np.int32)
    waits = np.zeros(ground.size, np.uint8)
    queue = np.empty(ground.size, np.int32)  # a ring, as a cell whose cut turns out deeper waits again
    head = 0
    count = 0
    for cell in range(ground.size):
        if cut[cell] > 0.0 and not fixed[cell]:
            source[cell] = cell
            lowering[cell] = cut[cell]
            if half_width[cell] + reach[cell] > spacing:
                queue[count] = cell
                count += 1
                waits[cell] = 1
    while count > 0:
        cell = queue[head]
        head = (head + 1) % queue.size
        count -= 1
        waits[cell] = 0
        origin = source[cell]
        for offset in offsets:
            neighbour = cell + offset
            if fixed[neighbour] or (source[neighbour] == neighbour and half_width[neighbour] > 0.0):
                continue
            distance = spacing * away(neighbour, origin, line, width)
            beyond = max(distance - half_width[origin], 0.0)
            deep = bank[origin] * fading(beyond, bank_reach[origin])
            deep += (cut[origin] - bank[origin]) * fading(beyond, reach[origin])
            if deep > lowering[neighbour]:
                lowering[neighbour] = deep
                source[neighbour] = origin
                if waits[neighbour] == 0:
                    waits[neighbour] = 1
                    queue[(head + count) % queue.size] = neighbour
                    count += 1
    nearest = np.full(ground.size, -1, np.int32)
    gap = np.full(ground.size, np.inf)
    head = 0
    for cell in range(ground.size):
        if half_width[cell] > 0.0 and not fixed[cell]:
            nearest[cell] = cell
            gap[cell] = 0.0
            queue[count] = cell
            count += 1
            waits[cell] = 1
    while count > 0:
        cell = queue[head]
        head = (head + 1) % queue.size
        count -= 1
        waits[cell] = 0
        for offset in offsets:
            neighbour = cell + offset
            if source[neighbour] < 0 or half_width[neighbour] > 0.0:
                continue
            distance = spacing * away(neighbour, nearest[cell], line, width)
            if distance < gap[neighbour]:
                gap[neighbour] = distance
                nearest[neighbour] = nearest[cell]
                if waits[neighbour] == 0:
                    waits[neighbour] = 1
                    queue[(head + count) % queue.size] = neighbour
                    count += 1
    opened = bed.copy()
    for cell in range(ground.size):
        if source[cell] < 0 or half_width[cell] > 0.0:
            continue
        lowest = bed[source[cell]] + cross_slope * spacing * away(cell, source[cell], line, width)
        if nearest[cell] >= 0:
            lowest = max(lowest, bed[nearest[cell]] + cross_slope * gap[cell])
        opened[cell] = min(bed[cell], max(ground[cell] - lowering[cell], lowest))
    return opened
