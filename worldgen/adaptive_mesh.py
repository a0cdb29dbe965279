"""Height fields as few triangles, each within a stated vertical distance of the finest triangles.

Squares of 2**k quads are cut into right triangles, and a triangle into two at the middle of its longest side
for as long as it strays too far (right-triangulated irregular networks: Evans, Kirkpatrick, Townsend 2001).
Unlike what is usual, the distance is exact and not estimated at the new vertex alone. The finest surface and
a coarse triangle are both linear between the crossings of their edges; edges run along lines of the grid or
at 45 degrees, so these are vertices of the grid, and middles of quads whose finest cut runs across the
triangle's own side. All of them are looked at.

One net covers the whole map: a square that is split tells its neighbour so by the vertex that they share, and
no piece has cracks against the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.kernel import kernel

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]


class Piece(NamedTuple):
    """The triangles of one square of the map.

    Attributes
    ----------
    row, column : of the square's north-west vertex in the map.
    triangles : (T, 3) int64, vertices as ``row * columns + column`` of the map, counter-clockwise from above.
    """

    row: int
    column: int
    triangles: IndexArray


def adaptive_triangles(
    elevation: Float32Array,
    south_east: BoolArray,
    *,
    error: float,
    keep: BoolArray | None = None,
    steepest: float = np.inf,
    quads: int = 128,
) -> Iterator[Piece]:
    """Yield the triangles of a map, square by square, row by row from the north-west.

    Parameters
    ----------
    elevation : (H, W) float32, metres.
    south_east : (H - 1, W - 1) bool, how the finest surface cuts its quads, see `worldgen.triangulation`.
    error : metres, the most that a triangle lies above or below the finest surface, anywhere in it.
    keep : (H - 1, W - 1) bool, quads that belong to the surface; the others are left open. A triangle never
        reaches from one into the other.
    steepest : rise in metres per quad of the steepest triangle that may be made of finer ones.
    quads : a side of a square, a power of 2; no triangle crosses its border.

    Raises
    ------
    InputError : the numbers or shapes do not fit.
    """
    rows, columns = (size - 1 for size in elevation.shape)
    if quads < 2 or quads & (quads - 1):
        raise InputError(f"a square needs a power of 2 quads a side, at least 2; found {quads}")
    if not error > 0:
        raise InputError(f"the error of a simplified surface must be above 0 metres; found {error}")
    for name, array in (("south_east", south_east), ("keep", keep)):
        if array is not None and array.shape != (rows, columns):
            raise InputError(f"{name} must have shape {(rows, columns)}, one a quad; found {array.shape}")
    corners = _corners(quads)
    down, across = -(-rows // quads), -(-columns // quads)
    kept = np.zeros((down * quads, across * quads), np.uint8)  # beyond the map nothing is kept
    kept[:rows, :columns] = True if keep is None else keep
    split = np.zeros((down * quads + 1, across * quads + 1), np.uint8)
    _mark(elevation, south_east, kept, split, corners, quads, error, steepest)
    found = np.empty((2 * quads * quads, 3), np.int64)
    halves = np.zeros((quads, quads), np.uint8)
    for row in range(0, rows, quads):
        for column in range(0, columns, quads):
            count = _collect(south_east, kept, split, corners, quads, row, column, halves, found)
            yield Piece(row, column, found[:count].copy())


@lru_cache(maxsize=4)
def _corners(quads: int) -> NDArray[np.int32]:
    """Return (4 * quads², 6): the triangles of a square, level by level, as row, column of a, b and c.

    The side from a to b is the longest, c the right angle. Triangle t of a level becomes 2 t and 2 t + 1 of
    the next; level k begins at row 2**(k + 1) - 2 and has 2**(k + 1) triangles.
    """
    level = np.array([[0, 0, quads, quads, 0, quads], [quads, quads, 0, 0, quads, 0]], np.int32)
    levels = [level]
    while len(level) < 2 * quads * quads:
        a, b, c = level[:, 0:2], level[:, 2:4], level[:, 4:6]
        middle = (a + b) // 2
        left, right = np.hstack([c, a, middle]), np.hstack([b, c, middle])
        level = np.stack([left, right], axis=1).reshape(-1, 6)
        levels.append(level)
    return np.concatenate(levels)


@kernel
def _mark(
    elevation: Float32Array,
    south_east: BoolArray,
    kept: ByteArray,
    split: ByteArray,
    corners: NDArray[np.int32],
    quads: int,
    error: float,
    steepest: float,
) -> None:
    """Set the vertices of ``split`` at which triangles are cut in two.

    From the finest triangles up, over the whole map at each level: what a finer triangle needs of its
    neighbours is known before they are asked.
    """
    finest = 2 * quads * quads
    count = finest // 2  # those of one quad are not cut
    while count >= 2:
        first = count - 2
        for top in range(0, kept.shape[0], quads):
            for left in range(0, kept.shape[1], quads):
                for number in range(first, first + count):
                    a, b, c = corners[number, 0] + top, corners[number, 2] + top, corners[number, 4] + top
                    i, j, k = corners[number, 1] + left, corners[number, 3] + left, corners[number, 5] + left
                    if split[(a + b) // 2, (i + j) // 2]:
                        continue
                    if (
                        2 * count < finest
                        and (split[(a + c) // 2, (i + k) // 2] or split[(b + c) // 2, (j + k) // 2])
                    ) or _too_coarse(elevation, south_east, kept, a, i, b, j, c, k, error, steepest):
                        split[(a + b) // 2, (i + j) // 2] = 1
        count //= 2


@kernel
def _span(a: int, i: int, b: int, j: int, c: int, k: int, row: int) -> tuple[int, int]:
    """First and last column of a triangle on a row that it reaches; its sides make whole steps."""
    low, high = 1 << 30, -1
    for r0, c0, r1, c1 in ((a, i, b, j), (b, j, c, k), (c, k, a, i)):
        if r0 > r1:
            r0, c0, r1, c1 = r1, c1, r0, c0
        if r0 <= row <= r1 and r0 != r1:
            column = c0 + (c1 - c0) * (row - r0) // (r1 - r0)
            low, high = min(low, column), max(high, column)
    return low, high


@kernel
def _too_coarse(
    elevation: Float32Array,
    south_east: BoolArray,
    kept: ByteArray,
    a: int,
    i: int,
    b: int,
    j: int,
    c: int,
    k: int,
    error: float,
    steepest: float,
) -> bool:
    """Whether a triangle reaches over kept and other quads, is too steep, or too far from the surface."""
    first, last = min(a, b, c), max(a, b, c)
    some, all_kept = False, True
    for row in range(first, last):
        low, high = _span(a, i, b, j, c, k, row)
        next_low, next_high = _span(a, i, b, j, c, k, row + 1)
        for column in range(min(low, next_low), max(high, next_high)):
            if kept[row, column]:
                some = True
            else:
                all_kept = False
            if some and not all_kept:
                return True
    if not some:
        return False  # nothing of it is shown
    base = np.float64(elevation[c, k])
    rise_a, rise_b = elevation[a, i] - base, elevation[b, j] - base
    area = (a - c) * (j - k) - (b - c) * (i - k)
    down = (rise_a * (j - k) - rise_b * (i - k)) / area
    across = (rise_b * (a - c) - rise_a * (b - c)) / area
    if down * down + across * across > steepest * steepest:
        return True
    for row in range(first, last + 1):
        low, high = _span(a, i, b, j, c, k, row)
        for column in range(low, high + 1):
            plane = base + down * (row - c) + across * (column - k)
            if abs(elevation[row, column] - plane) > error:
                return True
        if row == last:
            break
        next_low, next_high = _span(a, i, b, j, c, k, row + 1)
        for here, there in ((low, next_low), (high, next_high)):
            if here == there:
                continue
            column = min(here, there)
            if south_east[row, column] == (there > here):
                continue  # the side lies on the finest cut
            if there > here:
                ground = 0.5 * (np.float64(elevation[row, column + 1]) + elevation[row + 1, column])
            else:
                ground = 0.5 * (np.float64(elevation[row, column]) + elevation[row + 1, column + 1])
            if abs(ground - base - down * (row + 0.5 - c) - across * (column + 0.5 - k)) > error:
                return True
    return False


@kernel
def _collect(
    south_east: BoolArray,
    kept: ByteArray,
    split: ByteArray,
    corners: NDArray[np.int32],
    quads: int,
    top: int,
    left: int,
    halves: ByteArray,
    found: IndexArray,
) -> int:
    """Write the triangles of one square to ``found`` and return their number.

    Where both halves of a quad are left whole they are cut as the finest surface is, and then equal it.
    """
    halves[:] = 0
    width = south_east.shape[1] + 1
    stack = np.empty((64, 2), np.int64)  # (first triangle's number of the level, number in it)
    stack[0] = 0, 0
    stack[1] = 0, 1
    waiting, count = 2, 0
    while waiting:
        waiting -= 1
        start, within = stack[waiting]
        size = start + 2
        number = start + within
        a, b, c = corners[number, 0] + top, corners[number, 2] + top, corners[number, 4] + top
        i, j, k = corners[number, 1] + left, corners[number, 3] + left, corners[number, 5] + left
        finest = size == 2 * quads * quads
        if not finest and split[(a + b) // 2, (i + j) // 2]:
            for half in range(2):
                stack[waiting] = start + size, 2 * within + half
                waiting += 1
            continue
        row, column = (a + b + c) // 3, (i + j + k) // 3
        if not kept[row, column]:
            continue
        if finest:
            if halves[row - top, column - left]:
                halves[row - top, column - left] = 2
                continue
            halves[row - top, column - left] = 1
        count = _add(found, count, width, a, i, b, j, c, k)
    kept_count = 0
    for number in range(count):
        # A half whose other half was met too is dropped here, and its quad written below.
        a, b, c = found[number] // width
        i, j, k = found[number] % width
        small = max(a, b, c) - min(a, b, c) == 1 and max(i, j, k) - min(i, j, k) == 1
        if small and halves[min(a, b, c) - top, min(i, j, k) - left] == 2:
            continue
        found[kept_count] = found[number]
        kept_count += 1
    for row in range(top, min(top + quads, south_east.shape[0])):
        for column in range(left, min(left + quads, south_east.shape[1])):
            if halves[row - top, column - left] != 2:
                continue
            if south_east[row, column]:
                kept_count = _add(found, kept_count, width, row, column, row + 1, column + 1, row, column + 1)
                kept_count = _add(found, kept_count, width, row, column, row + 1, column, row + 1, column + 1)
            else:
                kept_count = _add(found, kept_count, width, row, column, row + 1, column, row, column + 1)
                kept_count = _add(
                    found, kept_count, width, row + 1, column, row + 1, column + 1, row, column + 1
                )
    return kept_count


@kernel
def _add(found: IndexArray, count: int, width: int, a: int, i: int, b: int, j: int, c: int, k: int) -> int:
    """Append a triangle, turned counter-clockwise as seen from above, and return the new number of them."""
    if (a - c) * (j - k) - (b - c) * (i - k) < 0:
        a, i, b, j = b, j, a, i
    found[count, 0], found[count, 1], found[count, 2] = a * width + i, b * width + j, c * width + k
    return count + 1
