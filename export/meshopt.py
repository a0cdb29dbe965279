"""Vertices and triangles as the byte streams of EXT_meshopt_compression, version 0.

Written after the text of the extension, appendix A; filters are in `worldgen.export.meshopt_filters`. Same
arrays, same bytes.

Source: Khronos, EXT_meshopt_compression.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

ATTRIBUTES, TRIANGLES, INDICES = 0xA0, 0xE1, 0xD1  # header bytes
GROUP = 16  # elements whose deltas share one encoding
TAIL = 32

Bytes = NDArray[np.uint8]


def encode_attributes(rows: NDArray[Any]) -> bytes:
    """Encode (V, C) elements of a multiple of 4 bytes, at most 256."""
    rows = np.ascontiguousarray(rows)
    elements = rows.view(np.uint8).reshape(len(rows), -1)
    stride = elements.shape[1]
    assert stride % 4 == 0
    assert stride <= 256
    block = min((8192 // stride) & ~15, 256)
    # Worst case: all deltas stored whole, with 2 bits for each group of 16.
    padded = len(elements) + GROUP * (len(elements) // block + 1)
    output = np.empty(1 + stride * (padded + padded // 64 + len(elements) // block + 2) + TAIL, np.uint8)
    size = _encode_attributes(elements, block, output)
    coded: bytes = output[:size].tobytes()
    tail: bytes = elements[0].tobytes()
    return coded + bytes(max(TAIL - stride, 0)) + tail


def encode_triangles(triangles: NDArray[Any]) -> bytes:
    """Encode (T, 3) triangles; a client may get back the corners of each turned, in the same sense.

    They should be in an order of `worldgen.export.vertex_cache`.
    """
    corners = np.ascontiguousarray(triangles, np.uint32)
    codes = np.empty(len(corners), np.uint8)
    extra = np.empty(16 * len(corners), np.uint8)
    pairs = np.zeros(256, np.int64)
    table = np.zeros(16, np.uint8)
    _encode_triangles(corners, table, codes, extra, pairs)
    # The pairs that occur most are told by the code alone; 0x00 must be among them, for said at length it
    # would start the count of vertices afresh.
    pairs[0] = pairs.max() + 1
    pairs[(np.arange(256) & 15 == 15) | (np.arange(256) >= 240)] = -1
    table[:14] = np.argsort(-pairs, kind="stable")[:14]
    size = _encode_triangles(corners, table, codes, extra, pairs)
    return bytes([TRIANGLES]) + codes.tobytes() + extra[:size].tobytes() + table.tobytes()


def encode_indices(indices: NDArray[Any]) -> bytes:
    """Encode indices that are no triangles, or whose corners must not be turned."""
    values = np.ascontiguousarray(indices, np.uint32).reshape(-1)
    output = np.empty(5 * len(values), np.uint8)
    size = _encode_indices(values, output)
    return bytes([INDICES]) + output[:size].tobytes() + bytes(4)


@kernel
def _encode_attributes(elements: Bytes, block: int, output: Bytes) -> int:
    """Write all but the tail, and return its length."""
    count, stride = elements.shape
    output[0] = ATTRIBUTES
    at = 1
    deltas = np.empty(block + GROUP, np.uint8)
    for start in range(0, count, block):
        size = min(block, count - start)
        groups = (size + GROUP - 1) // GROUP
        deltas[size:] = 0
        for byte in range(stride):
            before = elements[max(start - 1, 0), byte]
            for k in range(size):
                now = elements[start + k, byte]
                delta = np.uint8(now - before)
                before = now
                doubled = np.uint8(delta << 1)
                deltas[k] = np.uint8(~doubled) if delta & 0x80 else doubled
            header = at
            at += (groups + 3) // 4
            output[header:at] = 0
            for group in range(groups):
                first = group * GROUP
                highest = np.uint8(0)
                wide_2 = 0
                wide_4 = 0
                for k in range(first, first + GROUP):
                    highest = max(highest, deltas[k])
                    wide_2 += deltas[k] >= 3
                    wide_4 += deltas[k] >= 15
                if highest == 0:
                    continue
                mode, bits = 3, 8
                if min(4 + wide_2, 8 + wide_4) < 16:
                    mode, bits = (1, 2) if 4 + wide_2 <= 8 + wide_4 else (2, 4)
                output[header + group // 4] |= np.uint8(mode << (2 * (group % 4)))
                if mode == 3:
                    output[at : at + GROUP] = deltas[first : first + GROUP]
                    at += GROUP
                    continue
                sentinel = (1 << bits) - 1
                per_byte = 8 // bits
                for k in range(0, GROUP, per_byte):
                    packed = 0
                    for j in range(per_byte):
                        packed = (packed << bits) | min(int(deltas[first + k + j]), sentinel)
                    output[at] = packed
                    at += 1
                for k in range(first, first + GROUP):
                    if deltas[k] >= sentinel:
                        output[at] = deltas[k]
                        at += 1
    return at


@kernel
def _write_varint(value: int, output: Bytes, at: int) -> int:
    while value >= 128:
        output[at] = (value & 127) | 128
        value >>= 7
        at += 1
    output[at] = value
    return at + 1


@kernel
def _write_index(index: int, last: int, output: Bytes, at: int) -> int:
    delta = (index - last) & 0xFFFFFFFF
    zigzag = ((delta << 1) & 0xFFFFFFFF) ^ (0xFFFFFFFF if delta & 0x80000000 else 0)
    return _write_varint(zigzag, output, at)


@kernel
def _place(value: int, fifo: NDArray[np.int64], newest: int) -> int:
    """How many entries ago a value was pushed, 16 if it is not there."""
    for back in range(16):
        if fifo[(newest - back) & 15] == value:
            return back
    return 16


@kernel
def _encode_triangles(
    triangles: NDArray[np.uint32], table: Bytes, codes: Bytes, extra: Bytes, pairs: NDArray[np.int64]
) -> int:
    """Write a code for each triangle and the extra data; return the length of the latter.

    ``pairs`` counts how often each pair of nibbles occurs beside a new first vertex.
    """
    code_of = np.full(256, 0xFE, np.uint8)
    for k in range(13, -1, -1):
        code_of[table[k]] = 0xF0 | k
    tails = np.full(16, -1, np.int64)  # edges (tail, head), in the direction that a neighbour has them
    heads = np.full(16, -1, np.int64)
    vertices = np.full(16, -1, np.int64)
    edge = vertex = 15  # where the newest stands
    following = last = 0
    at = 0
    for t in range(len(triangles)):
        a, b, c = int(triangles[t, 0]), int(triangles[t, 1]), int(triangles[t, 2])
        found = -1
        for back in range(15):
            k = (edge - back) & 15
            tail, head = tails[k], heads[k]
            if tail == a and head == b:
                found = back
            elif tail == b and head == c:
                a, b, c = b, c, a
                found = back
            elif tail == c and head == a:
                a, b, c = c, a, b
                found = back
            if found >= 0:
                break
        if found >= 0:
            back = _place(c, vertices, vertex)
            pushed = True
            if c == following:
                code = 0
                following += 1
            elif 0 < back < 13:
                code = back
                pushed = False
            elif c == last - 1:
                code = 13
                last = c
            elif c == last + 1:
                code = 14
                last = c
            else:
                code = 15
                at = _write_index(c, last, extra, at)
                last = c
            codes[t] = (found << 4) | code
        else:
            if b == following:
                a, b, c = b, c, a
            elif c == following:
                a, b, c = c, a, b
            new = a == following
            if new:
                following += 1
            second = _nibble(b, following, vertices, vertex)
            if second == 0:
                following += 1
            third = _nibble(c, following, vertices, vertex)
            if third == 0:
                following += 1
            pair = (second << 4) | third
            if new:
                pairs[pair] += 1
            if new and code_of[pair] != 0xFE:
                codes[t] = code_of[pair]
            else:
                codes[t] = 0xFE if new else 0xFF
                extra[at] = pair
                at += 1
                if not new:
                    at = _write_index(a, last, extra, at)
                    last = a
                if second == 15:
                    at = _write_index(b, last, extra, at)
                    last = b
                if third == 15:
                    at = _write_index(c, last, extra, at)
                    last = c
            edge = (edge + 1) & 15
            tails[edge], heads[edge] = b, a
            vertex = (vertex + 1) & 15
            vertices[vertex] = a
            if second == 0 or second == 15:
                vertex = (vertex + 1) & 15
                vertices[vertex] = b
            pushed = third == 0 or third == 15
        edge = (edge + 1) & 15
        tails[edge], heads[edge] = c, b
        edge = (edge + 1) & 15
        tails[edge], heads[edge] = a, c
        if pushed:
            vertex = (vertex + 1) & 15
            vertices[vertex] = c
    return at


@kernel
def _nibble(index: int, following: int, vertices: NDArray[np.int64], newest: int) -> int:
    """0 for the vertex that follows, 1 .. 14 for one of the last 14, 15 for any other."""
    if index == following:
        return 0
    back = _place(index, vertices, newest)
    return back + 1 if back < 14 else 15


@kernel
def _encode_indices(indices: NDArray[np.uint32], output: Bytes) -> int:
    """Write each index as its difference from the nearer of two running ones; return the length."""
    first = second = 0
    at = 0
    for k in range(len(indices)):
        index = int(indices[k])
        which = abs(index - second) < abs(index - first)
        delta = index - (second if which else first)
        zigzag = ((delta << 1) ^ (-1 if delta < 0 else 0)) & 0x7FFFFFFF
        at = _write_varint((zigzag << 1) | int(which), output, at)
        if which:
            second = index
        else:
            first = index
    return at
