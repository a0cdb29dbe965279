"""The one way that this package compiles a loop with numba; the heap of its floods, the dice of its loops.

No fast maths and no parallel reductions: results do not depend on the number of threads, and rounding is
that of the loop as written. The global interpreter lock is released, so tiles can be worked on in threads.

Machine code is kept in numba's cache folder of the user (``~/.cache/numba``), or where ``NUMBA_CACHE_DIR``
says, in a folder for each place that the package is installed in. Beside the sources, where numba would keep
it, it outlives the package: pip removes no more than it has installed, and a folder of machine code alone
still imports, as an empty ``worldgen``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

try:
    from numba.core.caching import CompileResultCacheImpl, FunctionCache

    class _Place(CompileResultCacheImpl):  # type: ignore[misc, unused-ignore]
        """Everywhere that numba looks for a folder to keep machine code in, but beside the sources."""

        _locator_classes = [  # noqa: RUF012
            place for place in CompileResultCacheImpl._locator_classes if "InTree" not in place.__name__
        ]

    class _Cache(FunctionCache):  # type: ignore[misc, unused-ignore]
        """Machine code on disk, that is stale once a kernel or a constant of another module changes too.

        numba looks at a function's own file and no farther, whatever it calls.
        """

        _impl_class = _Place

        def _index_key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
            frozen = hashlib.sha256(b"".join(_frozen(self._py_func, set()))).hexdigest()
            key: tuple[Any, ...] = super()._index_key(signature, codegen)  # type: ignore[no-untyped-call, unused-ignore]
            return (*key, frozen)

    _cache_of: Callable[[object], object] | None = _Cache
except (ImportError, AttributeError):  # they are numba's inner parts, and a later one may have moved them
    _cache_of = None

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile on first call and keep the machine code on disk for the next process.

    Types are kept for the type checker, which numba's own decorator erases.
    """
    compiled: Any = numba.njit(nogil=True)(function)
    # RuntimeError: no folder may be written to, as for a user without a home: compile each time.
    # AttributeError: numba compiles nothing, as NUMBA_DISABLE_JIT says.
    with suppress(RuntimeError, AttributeError):
        if _cache_of is None:
            compiled.enable_caching()
        else:
            compiled._cache = _cache_of(function)
    return cast(Function, compiled)


def _frozen(function: FunctionType, seen: set[FunctionType]) -> Iterator[bytes]:
    """What numba takes from outside a function when it compiles it: other kernels' sources, constants."""
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        inner = getattr(value, "py_func", getattr(value, "_defn", None))  # of a kernel, of an intrinsic
        if isinstance(inner, FunctionType) and inner not in seen:
            seen.add(inner)
            yield _digest(inner.__code__.co_filename)
            yield from _frozen(inner, seen)
        elif isinstance(value, np.ndarray):
            yield value.tobytes()
        elif isinstance(value, (int, float, str, tuple, np.generic)):
            yield repr(value).encode()


@cache
def _digest(path: str) -> bytes:
    """Hash a source file; all alike where there is none, as in an archive."""
    return hashlib.sha256(Path(path).read_bytes() if Path(path).is_file() else b"").digest()


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
