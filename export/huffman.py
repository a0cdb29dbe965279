"""Canonical Huffman codes as BasisLZ stores them, and the bit stream that they go into.

Source: KTX 2.0 specification, appendix "BasisLZ/ETC1S Bitstream", compressed Huffman tables. Bits fill each
byte from its lowest; codes are those of Deflate (RFC 1951), first bit first.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

Integers = NDArray[np.int64]

LONGEST_CODE = 16
LONGEST_LENGTH_CODE = 7
# The order that lengths of the code of code lengths are stored in.
LENGTH_ORDER = (17, 18, 19, 20, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15, 16)
# Symbols that stand for runs: (symbol, shortest run, longest run, extra bits).
ZEROS_SHORT, ZEROS_LONG = (17, 3, 10, 3), (18, 11, 138, 7)
REPEAT_SHORT, REPEAT_LONG = (19, 3, 6, 2), (20, 7, 134, 7)


@dataclass(frozen=True, eq=False)
class Code:
    """A prefix code; ``bits`` : (n,) with the first bit lowest; ``lengths`` : (n,) bits, 0 if unused."""

    bits: Integers
    lengths: Integers


class BitWriter:
    """Collects values with their widths, and packs them to bytes once."""

    def __init__(self) -> None:
        self._values: list[Integers] = []
        self._widths: list[Integers] = []

    def put(self, value: int, width: int) -> None:
        """Append one number."""
        self.put_all(np.array([value]), np.array([width]))

    def put_all(self, values: Integers, widths: Integers) -> None:
        """Append many, in order."""
        self._values.append(np.asarray(values, np.int64))
        self._widths.append(np.asarray(widths, np.int64))

    def put_code(self, code: Code) -> None:
        """Append a code's own description, of up to 16,383 symbols."""
        used = int(np.flatnonzero(code.lengths)[-1]) + 1
        tokens = _runs(code.lengths[:used].tolist())
        counts = np.bincount([symbol for symbol, _, _ in tokens], minlength=len(LENGTH_ORDER))
        inner = make_code(counts, LONGEST_LENGTH_CODE)
        stored = [int(inner.lengths[symbol]) for symbol in LENGTH_ORDER]
        while stored[-1] == 0:
            stored.pop()
        self.put(used, 14)
        self.put(len(stored), 5)
        for length in stored:
            self.put(length, 3)
        for symbol, extra, width in tokens:
            self.put(int(inner.bits[symbol]), int(inner.lengths[symbol]))
            if width:
                self.put(extra, width)

    def to_bytes(self) -> bytes:
        """Pack; the last byte is filled with zeros."""
        widths = np.concatenate([np.zeros(0, np.int64), *self._widths])
        values = np.concatenate([np.zeros(0, np.int64), *self._values])
        return _pack(values, widths).tobytes()


def make_code(counts: NDArray[np.int64], longest: int = LONGEST_CODE) -> Code:
    """Return the shortest prefix code for symbols that occur so often; at least one symbol gets a code.

    Where the tree is too deep, counts are halved until it fits, which is near the best and simple.
    """
    frequencies = np.asarray(counts, np.int64).copy()
    if not frequencies.any():
        frequencies[0] = 1
    lengths = _lengths(frequencies)
    while lengths.max() > longest:
        frequencies = np.where(frequencies > 0, np.maximum(frequencies // 2, 1), 0)
        lengths = _lengths(frequencies)
    return Code(_canonical(lengths), lengths)


def _lengths(frequencies: Integers) -> Integers:
    """Code lengths by Huffman's tree; ties go to the symbol, or the pair, that is older."""
    lengths = np.zeros(len(frequencies), np.int64)
    heap = [(int(frequencies[symbol]), int(symbol)) for symbol in np.flatnonzero(frequencies)]
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
        return lengths
    heapq.heapify(heap)
    parents: dict[int, int] = {}
    node = len(frequencies)
    while len(heap) > 1:
        low, first = heapq.heappop(heap)
        high, second = heapq.heappop(heap)
        parents[first] = parents[second] = node
        heapq.heappush(heap, (low + high, node))
        node += 1
    depth = {node - 1: 0}
    for child in sorted(parents, reverse=True):  # a parent is always younger than its children
        depth[child] = depth[parents[child]] + 1
    for symbol in np.flatnonzero(frequencies).tolist():
        lengths[symbol] = depth[symbol]
    return lengths


def _canonical(lengths: Integers) -> Integers:
    """RFC 1951, 3.2.2, each code turned round."""
    bits = np.zeros(len(lengths), np.int64)
    code = 0
    for length in range(1, LONGEST_CODE + 1):
        code <<= 1
        for symbol in np.flatnonzero(lengths == length).tolist():
            bits[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
    return bits


def _runs(lengths: list[int]) -> list[tuple[int, int, int]]:
    """Code lengths as symbols with extra bits: (symbol, extra, width of extra)."""
    tokens: list[tuple[int, int, int]] = []
    at = 0
    while at < len(lengths):
        length = lengths[at]
        end = at
        while end < len(lengths) and lengths[end] == length:
            end += 1
        run = end - at
        at = end
        if length:
            tokens.append((length, 0, 0))
            run -= 1
        for symbol, shortest, longest, width in (
            (ZEROS_LONG, ZEROS_SHORT) if length == 0 else (REPEAT_LONG, REPEAT_SHORT)
        ):
            while run >= shortest:
                part = min(run, longest)
                tokens.append((symbol, part - shortest, width))
                run -= part
        tokens.extend([(length, 0, 0)] * run)
    return tokens


@kernel
def _pack(values: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.uint8]:
    total = 0
    for i in range(len(widths)):
        total += widths[i]
    packed = np.zeros((total + 7) // 8, np.uint8)
    at = 0
    for i in range(len(values)):
        value = values[i]
        for _ in range(widths[i]):
            packed[at >> 3] |= np.uint8((value & 1) << (at & 7))
            value >>= 1
            at += 1
    return packed
