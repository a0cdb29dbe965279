"""Loops over a water surface: fill it, order its cells, pass water down.

Everything here works on flat arrays of a map with a frame of one cell around it. The frame's surface is
``+inf``, so no loop needs to test for the border: a neighbour in the frame is never lower. ``width`` is the
framed map's number of columns. `worldgen.hydrology` and `worldgen.erosion` are the public doors.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel, pop, sift_up

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
ByteArray = NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

# Distance to the eight neighbours in cells, row by row, and the share of the cell's outline that faces each
# (Quinn et al. 1991: half a cell for straight, 0.354 for diagonal neighbours).
DISTANCE = np.array([2.0**0.5, 1.0, 2.0**0.5, 1.0, 1.0, 2.0**0.5, 1.0, 2.0**0.5])
CONTOUR = np.array([0.125**0.5, 0.5, 0.125**0.5, 0.5, 0.5, 0.125**0.5, 0.5, 0.125**0.5])


def frame(array: NDArray[Number], value: Any) -> NDArray[Number]:
    """Return the flat (H + 2) * (W + 2) copy of an (H, W) array, with `value` around it."""
    rows, columns = array.shape
    framed = np.full((rows + 2, columns + 2), value, array.dtype)
    framed[1:-1, 1:-1] = array
    return framed.ravel()


def unframe(framed: NDArray[Number], shape: tuple[int, int]) -> NDArray[Number]:
    """Return the (H, W) array inside a framed flat one."""
    rows, columns = shape
    return np.ascontiguousarray(framed.reshape(rows + 2, columns + 2)[1:-1, 1:-1])


def outlets(sea: NDArray[np.bool_]) -> tuple[ByteArray, IntArray]:
    """Return framed marks and flat indices of where water may leave: sea and edge."""
    out = sea.copy()
    out[[0, -1]] = True
    out[:, [0, -1]] = True
    marks = frame(out.astype(np.uint8), 2)
    return marks, np.flatnonzero(marks == 1).astype(np.int32)


@kernel
def neighbour_offsets(width: int) -> NDArray[np.int64]:
    """Return the (8,) flat offsets of a cell's neighbours, in the order of `DISTANCE`."""
    return np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])


@kernel
def flood(surface: FloatArray, visited: ByteArray, outlets: IntArray, width: int, epsilon: float) -> None:
    """Raise `surface` in place until every cell has a way to an outlet that falls at every step.

    Priority-flood (Barnes, Lehman, Mulla 2014) with the shortcut of Zhou, Sun, Fu (2016): a cell that is
    higher than a visited neighbour drains without being raised, so it goes through a plain queue; only cells
    that border on lower, unvisited ground wait in the heap. On eroded terrain few do, which makes this about
    three times as fast as one heap for all.

    Parameters
    ----------
    surface : (P,) float64, metres, framed.
    visited : (P,) uint8, 1 in the frame and at the outlets, else 0; used up.
    outlets : (N,) int32, where water leaves; they keep their elevation.
    epsilon : metres by which a raised cell lies above the one that it drains to.
    """
    offsets = neighbour_offsets(width)
    queue = np.empty(surface.size + 1, np.int32)
    heap = np.empty(surface.size + 1, np.int32)  # 1-based binary heap of cells, ordered by surface
    heap_size = 0
    head = 0
    tail = outlets.size
    queue[:tail] = outlets
    while True:
        while head < tail:
            cell = queue[head]
            head += 1
            level = surface[cell]
            may_flood = visited[cell] == 2
            spills = False
            for offset in offsets:
                neighbour = cell + offset
                if visited[neighbour] != 0:
                    continue
                if surface[neighbour] > level:
                    visited[neighbour] = 1
                elif may_flood:
                    surface[neighbour] = level + epsilon
                    visited[neighbour] = 2
                else:
                    spills = True
                    continue
                queue[tail] = neighbour
                tail += 1
            if spills:  # wait until no lower way into that depression is left
                heap_size += 1
                sift_up(heap, surface, heap_size, cell)
        if heap_size == 0:
            return
        cell = pop(heap, surface, heap_size)
        heap_size -= 1
        visited[cell] = 2
        queue[0] = cell
        head = 0
        tail = 1


@kernel
def receivers_first(surface: FloatArray, width: int) -> IntArray:
    """Return all cells of the map, each after every lower neighbour (Kahn 1962; linear, where a sort is not).

    Parameters
    ----------
    surface : (P,) float64, framed with +inf.
    """
    offsets = neighbour_offsets(width)
    rows = surface.size // width
    waiting = np.zeros(surface.size, np.uint8)
    order = np.empty((rows - 2) * (width - 2), np.int32)
    tail = 0
    for row in range(1, rows - 1):
        for cell in range(row * width + 1, row * width + width - 1):
            level = surface[cell]
            lower = 0
            for offset in offsets:
                if surface[cell + offset] < level:
                    lower += 1
            waiting[cell] = lower
            if lower == 0:
                order[tail] = cell
                tail += 1
    head = 0
    while head < tail:
        cell = order[head]
        head += 1
        level = surface[cell]
        for offset in offsets:
            neighbour = cell + offset
            if surface[neighbour] > level and surface[neighbour] < np.inf:
                waiting[neighbour] -= 1
                if waiting[neighbour] == 0:
                    order[tail] = neighbour
                    tail += 1
    return order


@kernel
def steepest_receivers(surface: FloatArray, exit_drop: FloatArray, width: int) -> IntArray:
    """Return (P,) the flat index of the cell that takes all of a cell's water (D8; O'Callaghan, Mark 1984).

    It is -1 where the steepest way leads out of the map, where there is none, and in the frame. Of equally
    steep ways the first in the order of `DISTANCE` is taken.

    Parameters
    ----------
    surface : (P,) float64, metres, framed with +inf, without depressions.
    exit_drop : as in `accumulate`.
    """
    offsets = neighbour_offsets(width)
    rows = surface.size // width
    receivers = np.full(surface.size, -1, np.int32)
    for row in range(1, rows - 1):
        for cell in range(row * width + 1, row * width + width - 1):
            level = surface[cell]
            steepest = 0.0
            for side in range(8):
                slope = (level - surface[cell + offsets[side]]) / DISTANCE[side]
                if slope > steepest:
                    steepest = slope
                    receivers[cell] = cell + offsets[side]
            if exit_drop[cell] > steepest:
                receivers[cell] = -1
    return receivers


@kernel
def flow_shares(
    surface: FloatArray,
    exit_drop: FloatArray,
    cell: int,
    offsets: NDArray[np.int64],
    exponent: float,
    shares: FloatArray,
) -> float:
    """Write to `shares` (9,) how a cell's water divides: eight neighbours, then out of the map.

    Multiple flow directions (Quinn et al. 1991; Freeman 1991): a share goes with slope ** exponent times the
    length of outline that faces the neighbour.
    Returns the sum of the shares: 1, or 0 at a cell from which nothing flows on.
    """
    level = surface[cell]
    total = 0.0
    for side in range(9):
        if side < 8:
            slope = (level - surface[cell + offsets[side]]) / DISTANCE[side]
            contour = CONTOUR[side]
        else:
            slope = exit_drop[cell]
            contour = 0.5
        share = 0.0
        if slope > 0.0:
            if exponent == 1.0:
                share = slope * contour
            elif exponent == 1.5:
                share = slope * np.sqrt(slope) * contour
            else:
                share = slope**exponent * contour
            total += share
        shares[side] = share
    if total <= 0.0:
        return 0.0
    for side in range(9):
        shares[side] /= total
    return 1.0


@kernel
def accumulate(
    surface: FloatArray,
    exit_drop: FloatArray,
    order: IntArray,
    width: int,
    exponent: float,
    accumulation: FloatArray,
) -> FloatArray:
    """Add to `accumulation`, in place, what flows in from above; return what leaves the map at each cell.

    Parameters
    ----------
    surface : (P,) float64, metres, framed with +inf, without depressions.
    exit_drop : (P,) float64, metres by which the ground outside lies lower, one cell away; 0 inside the map.
    order : from `receivers_first`.
    exponent : as in `flow_shares`.
    accumulation : (P,) float64, what each cell adds itself: its area in m², or its water.
    """
    offsets = neighbour_offsets(width)
    shares = np.empty(9)
    outflow = np.zeros(surface.size)
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        amount = accumulation[cell]
        if flow_shares(surface, exit_drop, cell, offsets, exponent, shares) == 0.0:
            outflow[cell] = amount
            continue
        for side in range(8):
            if shares[side] > 0.0:
                accumulation[cell + offsets[side]] += amount * shares[side]
        outflow[cell] = amount * shares[8]
    return outflow
