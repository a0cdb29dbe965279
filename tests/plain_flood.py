"""A flood by one heap of all cells: slow, plain and independent of the package's own."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]


def neighbours(shape: tuple[int, ...], row: int, column: int) -> list[tuple[int, int]]:
    return [
        (row + r, column + c) for r, c in NEIGHBOURS if 0 <= row + r < shape[0] and 0 <= column + c < shape[1]
    ]


def plain_flood(ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ground with its hollows filled to their sills, level, from the border inwards."""
    rows, columns = ground.shape
    filled = np.full(ground.shape, np.inf)
    heap = []
    for row in range(rows):
        for column in range(columns):
            if row in (0, rows - 1) or column in (0, columns - 1):
                filled[row, column] = ground[row, column]
                heapq.heappush(heap, (ground[row, column], row, column))
    while heap:
        level, row, column = heapq.heappop(heap)
        for there in neighbours(ground.shape, row, column):
            if np.isinf(filled[there]):
                filled[there] = max(level, ground[there])
                heapq.heappush(heap, (filled[there], *there))
    return filled
