"""The one way that this package compiles a loop with numba; the heap of its floods, the dice of its loops.

No fast maths and no parallel reductions: results do not depend on the number of threads, and rounding is
that of the loop as written. The global interpreter lock is released, so tiles can be worked on in threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile on first call and keep the machine code on disk for the next process.

    Types are kept for the type checker, which numba's own decorator erases.
    """
    try:
        return cast(Function, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # numba finds no folder that it may write to (read-only install and no home): compile each time.
        return cast(Function, numba.njit(nogil=True)(function))


@kernel
def sift_up(heap: NDArray[Any], key: NDArray[np.float64], size: int, cell: int) -> None:
    """Put a cell into a 1-based binary heap, lowest key first; ``size`` counts it already."""
    level = key[cell]
    child = size
    while child > 1 and key[heap[child // 2]] > level:
        heap[child] = heap[child // 2]
        child //= 2
    heap[child] = cell


@kernel
def pop(heap: NDArray[Any], key: NDArray[np.float64], size: int) -> int:
    """Take the cell with the lowest key out of the heap; ``size`` still counts it."""
    top = int(heap[1])
    last = heap[size]
    level = key[last]
    parent = 1
    while 2 * parent < size:
        child = 2 * parent
        if child + 1 < size and key[heap[child + 1]] < key[heap[child]]:
            child += 1
        if key[heap[child]] >= level:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = last
    return top


@kernel
def mixed(value: np.uint64) -> np.uint64:
    """Mix every bit of a counter into all others: SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
