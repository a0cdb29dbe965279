"""Water that runs to one neighbour each, the steepest: directions, order and sums over what lies upstream.

A direction is the side of the receiver in the order of `worldgen.flow.DISTANCE`, in one byte: a map's tree of
rivers fits the processor's caches where indices of 4 or 8 bytes do not. Arrays are flat and framed, see
`worldgen.flow`.
"""

from __future__ import annotations

import numpy as np

from worldgen.depressions import STAYS, label_basins, resolve
from worldgen.flow import DISTANCE, ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel

LEAVES = 9  # direction of a cell whose water runs over the map's edge
# How many cells the land is taken to slope on beyond a free edge, which bounds what a step can cut there.
BEYOND = 8.0
_NEARNESS = 1.0 / DISTANCE
_EXIT_CELLS = 4  # cells from the edge inwards that tell the slope on which water leaves the map


class SingleFlow:
    """Rivers of one map after another of the same shape; its arrays are used again for each.

    Attributes
    ----------
    direction : (P,) uint8, side of each cell's receiver, `STAYS` or `LEAVES`.
    drop : (P,) float64, metres by which the ground beyond the edge lies lower, one cell away.
    label : (P,) int32, number of the hollow that a cell drains to; 0 outside of hollows.
    level : (N,) float64, metres, level of the lake in each hollow; -inf for label 0.
    order : (H * W,) int32, every cell before its receiver.
    accumulation : (P,) float64, what a cell and all that lies upstream add.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        rows, self.width = shape[0] + 2, shape[1] + 2
        size = rows * self.width
        self.direction = np.full(size, STAYS, np.uint8)
        self.drop = np.zeros(size)
        self.label = np.zeros(size, np.int32)
        self.level = np.full(1, -np.inf)
        self.order = np.empty(shape[0] * shape[1], np.int32)
        self.accumulation = np.zeros(size)
        self._donors = np.zeros(size, np.uint8)
        self._row = np.empty(self.width)

    def route(self, height: FloatArray, ends: ByteArray, *, free: bool, floor: float) -> None:
        """Find where the water of each cell flows, out of hollows over their lowest sill.

        Parameters
        ----------
        height : (P,) float64, metres, framed with +inf.
        ends : (P,) uint8, 1 where water ends: base level, sea; 2 in the frame, else 0.
        free : whether water runs on over the edge where the ground falls towards it.
        floor : metres; the ground outside does not fall below it, within `BEYOND` cells.
        """
        _steepest(height, ends, self.direction, self.width, self._row)
        if free:
            _leave(height, ends, self.drop, self.direction, self.width, floor)
        basins = _mark_pits(self.direction, ends, self.label, self.width)
        self.level = np.full(1, -np.inf)
        if basins:
            label_basins(self.direction, self.label, self.width)
            self.level = resolve(height, self.direction, self.label, self.width, basins)

    def accumulate(self, water: FloatArray) -> None:
        """Sum ``water`` (P,) downstream, and bring the cells into their order."""
        self.accumulation[:] = water
        _count_donors(self.direction, self._donors, self.width)
        _walk(self.direction, self._donors, self.accumulation, self.order, self.width)


@kernel
def _steeper(
    here: FloatArray,
    there: FloatArray,
    nearness: float,
    side: int,
    steepest: FloatArray,
    direction: ByteArray,
) -> None:
    chosen = np.uint8(side)
    for i in range(here.size):
        slope = (here[i] - there[i]) * nearness
        direction[i] = chosen if slope > steepest[i] else direction[i]
        steepest[i] = max(slope, steepest[i])


@kernel
def _steepest(
    height: FloatArray, ends: ByteArray, direction: ByteArray, width: int, steepest: FloatArray
) -> None:
    """Write each cell's steepest side; row by row and side by side, which the compiler can vectorise."""
    offsets = neighbour_offsets(width)
    count = width - 2
    for row in range(1, height.size // width - 1):
        first = row * width + 1
        steepest[:] = 0.0
        sides = direction[first : first + count]
        sides[:] = STAYS
        for side in range(8):
            beside = first + offsets[side]
            _steeper(
                height[first : first + count],
                height[beside : beside + count],
                _NEARNESS[side],
                side,
                steepest[:count],
                sides,
            )
        for i in range(count):
            sides[i] = STAYS if ends[first + i] != 0 else sides[i]


@kernel
def _leave(
    height: FloatArray, ends: ByteArray, drop: FloatArray, direction: ByteArray, width: int, floor: float
) -> None:
    """Let the slope inside go on outside, so that the border cuts the land as a picture's frame does."""
    offsets = neighbour_offsets(width)
    rows = height.size // width
    for row in range(1, rows - 1):
        for column in range(1, width - 1):
            down = 1 if row == 1 else (-1 if row == rows - 2 else 0)
            right = 1 if column == 1 else (-1 if column == width - 2 else 0)
            if down == 0 and right == 0:
                continue
            cell = row * width + column
            cells = _EXIT_CELLS
            cells = min(cells, rows - 3) if down != 0 else cells
            cells = min(cells, width - 3) if right != 0 else cells
            length = cells * (2.0**0.5 if down != 0 and right != 0 else 1.0)
            fall = (height[cell + cells * (down * width + right)] - height[cell]) / length
            fall = min(max(fall, 0.0), max(height[cell] - floor, 0.0) / BEYOND) if ends[cell] == 0 else 0.0
            drop[cell] = fall
            side = direction[cell]
            inside = 0.0
            if side < STAYS:
                inside = (height[cell] - height[cell + offsets[side]]) * _NEARNESS[side]
            if fall > inside:
                direction[cell] = LEAVES


@kernel
def _mark_pits(direction: ByteArray, ends: ByteArray, label: IntArray, width: int) -> int:
    """Number the pits from 1; label 0 where water ends or leaves, -1 where it flows. Return the count."""
    rows = direction.size // width
    pits = 0
    for row in range(1, rows - 1):
        first, last = row * width + 1, row * width + width - 1
        _mark(direction[first:last], label[first:last])
        if row == 1 or row == rows - 2:
            continue
        for cell in range(first + 1, last - 1):
            if direction[cell] == STAYS and ends[cell] == 0:
                pits += 1
                label[cell] = pits
    return pits


@kernel
def _mark(direction: ByteArray, label: IntArray) -> None:
    flows, ends = np.int32(-1), np.int32(0)
    for i in range(label.size):
        label[i] = flows if direction[i] < STAYS else ends


@kernel
def _count_donors(direction: ByteArray, donors: ByteArray, width: int) -> None:
    offsets = neighbour_offsets(width)
    count = width - 2
    for row in range(1, direction.size // width - 1):
        first = row * width + 1
        result = donors[first : first + count]
        result[:] = 0
        for side in range(8):
            beside = first + offsets[side]
            _add_if(direction[beside : beside + count], 7 - side, result)


@kernel
def _add_if(values: ByteArray, wanted: int, count: ByteArray) -> None:
    one, none = np.uint8(1), np.uint8(0)
    for i in range(count.size):
        count[i] += one if values[i] == wanted else none


@kernel
def _walk(
    direction: ByteArray, donors: ByteArray, accumulation: FloatArray, order: IntArray, width: int
) -> None:
    """From each spring downstream as long as all that flows in is known; sum and note the way.

    So runs of the order are runs of rivers, and neighbours in it are neighbours on the map.
    """
    offsets = neighbour_offsets(width)
    springs = np.empty(order.size + 1, np.int32)
    count = 0
    for row in range(1, direction.size // width - 1):
        for cell in range(row * width + 1, row * width + width - 1):
            springs[count] = cell
            count += 1 if donors[cell] == 0 else 0
    tail = 0
    for spring in springs[:count]:
        cell = spring
        while True:
            order[tail] = cell
            tail += 1
            side = direction[cell]
            if side >= STAYS:
                break
            receiver = cell + offsets[side]
            accumulation[receiver] += accumulation[cell]
            left = donors[receiver] - 1
            donors[receiver] = left
            if left != 0:
                break
            cell = receiver
