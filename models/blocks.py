"""Windows of endless grids, made piece by piece on all processors.

What fills a window must have the same bits for every cut into pieces (see `worldgen.models.correlation`):
then a window equals the same cut of a larger one, in any order and on any number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, product
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


_pin_lock = threading.Lock()
_pinned: list[int] = []  # the caller's thread count, once for each that is inside


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, so that sums have one order; several Python threads may be inside."""
    import torch

    with _pin_lock:
        _pinned.append(_pinned[0] if _pinned else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _pin_lock:
            torch.set_num_threads(_pinned.pop())


@contextmanager
def torch_workers(threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Workers that each compute on one thread of torch; the caller's setting is put back afterwards."""
    import torch

    count = threads or os.cpu_count() or 1
    with one_thread(), ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool


def workers(threads: int | None = None) -> ThreadPoolExecutor:
    """Threads to fill pieces with; all processors by default."""
    return ThreadPoolExecutor(threads or os.cpu_count() or 1)


def pieces(window: Window, largest: int, grid: int) -> list[Window]:
    """Cut a window, grown to multiples of ``grid``, into an even number of pieces of about equal size.

    They have at most ``largest`` cells at a side, and those of small windows no fewer than a quarter of that.
    """
    edges: list[list[int]] = []
    for first, size in ((window.row, window.height), (window.column, window.width)):
        low, high = first // grid, -(-(first + size) // grid)
        count = -(-((high - low) * grid) // largest)
        if not edges and (high - low) * grid >= largest // 2:
            count += count % 2
        edges.append([(low + (high - low) * index // count) * grid for index in range(count + 1)])
    return [
        Window(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in product(pairwise(edges[0]), pairwise(edges[1]))
    ]


def fill(
    window: Window,
    parts: list[Window],
    compute: Callable[[Window], NDArray[np.float32]],
    pool: ThreadPoolExecutor,
    channels: tuple[int, ...] = (),
) -> NDArray[np.float32]:
    """Fill a window from pieces that cover it.

    Parameters
    ----------
    compute : makes one whole piece, (*channels, height, width).
    pool : from `workers`.

    Returns
    -------
    (*channels, height, width) float32.
    """
    filled = np.empty((*channels, window.height, window.width), dtype=np.float32)

    def place(part: Window) -> None:
        top, left = part.row - window.row, part.column - window.column
        rows = slice(max(top, 0), min(top + part.height, window.height))
        columns = slice(max(left, 0), min(left + part.width, window.width))
        whole = compute(part)
        filled[..., rows, columns] = whole[
            ..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]

    for _ in pool.map(place, parts):
        pass
    return filled
