"""The one way that this package compiles a loop with numba.

No fast maths and no parallel reductions: results do not depend on the number of threads, and rounding is
that of the loop as written. The global interpreter lock is released, so tiles can be worked on in threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

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
