"""Rows of numbers as ASCII text, without a Python loop over rows.

Each digit of a whole column comes from one integer division; absent characters (signs, leading zeros) are
zero bytes, which are squeezed out at the end. Measured: an OBJ of 2.3 million faces, vertices included, takes
1.1 s of processor time; ``%`` on tuples takes 2.8 s for the faces alone, ``numpy.char`` 16 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Characters = NDArray[np.uint8]

ZERO = ord("0")
LARGEST = 2.0**62


def integer_characters(values: NDArray[np.int64]) -> Characters:
    """Return (N, W) characters of (N,) integers of at least 0, right-aligned after zero bytes.

    >>> integer_characters(np.array([7, 120])).tolist()
    [[0, 0, 55], [49, 50, 48]]
    """
    return _digits(values, keep=1)


def fixed_characters(values: NDArray[np.float64], decimals: int) -> Characters:
    """Return (N, W) characters of (N,) finite numbers with a fixed count of decimals, halves to even.

    Raises
    ------
    OverflowError : a value times 10 ** decimals passes 2 ** 62, or is not finite.

    >>> squeeze(fixed_characters(np.array([-0.5, 12.25]), 1))
    b'-0.512.2'
    """
    scaled = np.round(values * 10.0**decimals)
    if len(scaled) and not np.abs(scaled).max() < LARGEST:
        raise OverflowError(f"numbers must be finite and below {LARGEST:g} / 1e{decimals}")
    whole = scaled.astype(np.int64)
    digits = _digits(np.abs(whole), keep=decimals + 1)
    sign = np.where(whole < 0, np.uint8(ord("-")), np.uint8(0))[:, None]
    if decimals == 0:
        return np.hstack([sign, digits])
    point = np.full((len(digits), 1), ord("."), np.uint8)
    return np.hstack([sign, digits[:, :-decimals], point, digits[:, -decimals:]])


def join_columns(columns: Sequence[bytes | Characters]) -> Characters:
    """Set columns side by side; bytes are repeated on each row. At least one column is characters."""
    count = next(len(column) for column in columns if not isinstance(column, bytes))
    blocks = [
        np.broadcast_to(np.frombuffer(column, np.uint8), (count, len(column)))
        if isinstance(column, bytes)
        else column
        for column in columns
    ]
    return np.concatenate(blocks, axis=1)


def squeeze(characters: Characters) -> bytes:
    """Return the text of (N, W) characters, row after row, without the zero bytes."""
    flat = characters.reshape(-1)
    text: bytes = flat[flat != 0].tobytes()
    return text


def _digits(values: NDArray[np.int64], keep: int) -> Characters:
    """Decimal digits of (N,) integers of at least 0; the last ``keep`` are always written."""
    largest = int(values.max()) if len(values) else 0
    width = max(len(str(largest)), keep)
    # Division of uint32 is twice as fast as of uint64, and few coordinates need the latter.
    rest: NDArray[Any] = values.astype(np.uint32 if largest < 2**32 else np.uint64)
    digits = np.zeros((len(values), width), np.uint8)
    for place in range(width):
        quotient = rest // 10
        character = (rest - quotient * 10 + ZERO).astype(np.uint8)
        if place >= keep:
            character[rest == 0] = 0
        digits[:, width - 1 - place] = character
        rest = quotient
    return digits
