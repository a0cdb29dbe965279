"""Windows of endless grids, computed in blocks of one fixed shape.

Convolution kernels round differently for different shapes. So nets run over blocks of one shape, aligned to
world coordinates, each on one thread: a window then has the same bits as the same cut of a larger one, in any
order and on any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Window:
    """A rectangle of an endless grid: rows from ``row``, columns from ``column``, any integers."""

    row: int
    column: int
    height: int
    width: int

    def framed(self, cells: int) -> Window:
        """The window with so many cells more at each side, or fewer where negative."""
        return Window(self.row - cells, self.column - cells, self.height + 2 * cells, self.width + 2 * cells)

    def parents(self, frame: int) -> Window:
        """The cells of the grid of twice the spacing that this window lies in, and ``frame`` around them."""
        row, column = self.row // 2 - frame, self.column // 2 - frame
        height = (self.row + self.height - 1) // 2 + frame + 1 - row
        return Window(row, column, height, (self.column + self.width - 1) // 2 + frame + 1 - column)

    def centres(self, spacing: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """World coordinates of the cells' centres, metres: x (1, W) east, z (H, 1) south."""
        x = (np.arange(self.column, self.column + self.width, dtype=np.float64) + 0.5) * spacing
        z = (np.arange(self.row, self.row + self.height, dtype=np.float64) + 0.5) * spacing
        return x.reshape(1, -1), z.reshape(-1, 1)

    def cut(self, array: NDArray[Number], origin: tuple[int, int], step: int = 1) -> NDArray[Number]:
        """The window's cells of ``array`` (..., H, W), whose first cell is ``origin``; clamped to its edge.

        With ``step`` the array lies on a grid so many times coarser, and each of its cells is repeated.
        """
        rows = np.arange(self.row, self.row + self.height) // step - origin[0]
        columns = np.arange(self.column, self.column + self.width) // step - origin[1]
        rows, columns = np.clip(rows, 0, array.shape[-2] - 1), np.clip(columns, 0, array.shape[-1] - 1)
        return array[..., rows[:, None], columns[None, :]]


@contextmanager
def pinned_threads(threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Workers that each compute on one thread; the caller's torch setting is put back afterwards."""
    import torch

    before = torch.get_num_threads()
    workers = threads or os.cpu_count() or 1
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def fill_blocks(
    window: Window,
    side: int,
    compute: Callable[[Window], NDArray[np.float32]],
    pool: ThreadPoolExecutor,
    channels: tuple[int, ...] = (),
) -> NDArray[np.float32]:
    """Fill a window from blocks of ``side`` × ``side`` cells, aligned to multiples of ``side``.

    Parameters
    ----------
    compute : makes one whole block, (*channels, side, side).
    pool : from `pinned_threads`.

    Returns
    -------
    (*channels, height, width) float32.
    """
    filled = np.empty((*channels, window.height, window.width), dtype=np.float32)

    def fill(block: Window) -> None:
        top, left = block.row - window.row, block.column - window.column
        rows = slice(max(top, 0), min(top + side, window.height))
        columns = slice(max(left, 0), min(left + side, window.width))
        whole = compute(block)
        filled[..., rows, columns] = whole[
            ..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]

    blocks = [
        Window(row * side, column * side, side, side)
        for row in range(window.row // side, (window.row + window.height - 1) // side + 1)
        for column in range(window.column // side, (window.column + window.width - 1) // side + 1)
    ]
    for _ in pool.map(fill, blocks):
        pass
    return filled
