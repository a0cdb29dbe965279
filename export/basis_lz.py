"""BasisLZ: the lossless part of an ETC1S texture, from codebooks and indices to bytes.

Source: KTX 2.0 specification, appendices "BasisLZ Global Data" and "BasisLZ/ETC1S Bitstream". All that the
bitstream has for still pictures is used: endpoints of the neighbours at left, above and at upper left, runs,
and the history of selectors.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.export.huffman import BitWriter, Code, make_code
from worldgen.kernel import kernel

Integers = NDArray[np.int64]

HISTORY = 64  # selectors that are remembered; the most that transcoders have room for
REPEAT_PREDICTION, SHORTEST_RUN, LONG_RUN = 256, 3, 63
# Kinds of tokens: the four Huffman models of a slice, then bits as they are.
PREDICTION, DELTA, SELECTOR, RUN, RAW = range(5)


@dataclass(frozen=True, eq=False)
class Slice:
    """One plane of one mip level, as (rows, columns) of blocks.

    Attributes
    ----------
    endpoints : indices into the endpoints.
    selectors : below the number of selectors an index of one, else that number + a place in the history.
    """

    endpoints: Integers
    selectors: Integers


@dataclass(frozen=True, eq=False)
class Stream:
    """``endpoints``, ``selectors`` and ``tables``: parts of the global data; ``slices``: their bytes."""

    endpoints: bytes
    selectors: bytes
    tables: bytes
    slices: list[bytes]


def encode(endpoints: Integers, selectors: Integers, slices: Sequence[Slice]) -> Stream:
    """Code everything.

    Parameters
    ----------
    endpoints : (E, 4) red, green, blue of 5 bits and the intensity table.
    selectors : (S, 16) of 0 .. 3, row by row.
    """
    tokens = [tokenise(part.endpoints, part.selectors, len(endpoints), len(selectors)) for part in slices]
    together = np.concatenate(tokens)
    models = [make_code(np.bincount(together[together[:, 0] == kind, 1], minlength=1)) for kind in range(RAW)]
    tables = BitWriter()
    for model in models:
        tables.put_code(model)
    tables.put(HISTORY, 13)
    return Stream(
        _endpoint_bytes(endpoints),
        _selector_bytes(selectors),
        tables.to_bytes(),
        [_slice_bytes(part, models) for part in tokens],
    )


def global_data(
    stream: Stream, counts: tuple[int, int], places: Sequence[tuple[int, int, int, int]]
) -> bytes:
    """The supercompression global data.

    Parameters
    ----------
    counts : numbers of endpoints and of selectors.
    places : of each image: offset and length of its colour slice and of its alpha slice in its level.
    """
    parts = (stream.endpoints, stream.selectors, stream.tables)
    header = struct.pack("<HHIIII", *counts, *map(len, parts), 0)
    images = b"".join(struct.pack("<IIIII", 0, *place) for place in places)
    return header + images + b"".join(parts)


def _slice_bytes(tokens: Integers, models: Sequence[Code]) -> bytes:
    values, widths = tokens[:, 1].copy(), tokens[:, 2].copy()
    for kind, model in enumerate(models):
        mine = tokens[:, 0] == kind
        values[mine], widths[mine] = model.bits[tokens[mine, 1]], model.lengths[tokens[mine, 1]]
    writer = BitWriter()
    writer.put_all(values, widths)
    return writer.to_bytes()


def _endpoint_bytes(endpoints: Integers) -> bytes:
    """Differences from one endpoint to the next; the model of a colour's depends on the value before it."""
    before = np.vstack([[16, 16, 16, 0], endpoints[:-1]])
    steps = (endpoints - before) & np.array([31, 31, 31, 7])
    model = np.digitize(before[:, :3], (10, 22))
    codes = [make_code(np.bincount(steps[:, :3][model == index], minlength=1)) for index in range(3)]
    intensity = make_code(np.bincount(steps[:, 3], minlength=1))
    writer = BitWriter()
    for code in (*codes, intensity):
        writer.put_code(code)
    writer.put(0, 1)  # three colours, not grey
    size = max(len(code.bits) for code in codes)
    bits = np.stack([np.pad(code.bits, (0, size - len(code.bits))) for code in codes])
    lengths = np.stack([np.pad(code.lengths, (0, size - len(code.lengths))) for code in codes])
    values = np.column_stack([intensity.bits[steps[:, 3]], bits[model, steps[:, :3]]])
    widths = np.column_stack([intensity.lengths[steps[:, 3]], lengths[model, steps[:, :3]]])
    writer.put_all(values.ravel(), widths.ravel())
    return writer.to_bytes()


def _selector_bytes(selectors: Integers) -> bytes:
    """Rows of 8 bits: as they are, or as differences, whatever is shorter."""
    rows = (selectors.reshape(-1, 4, 4) << np.array([0, 2, 4, 6])).sum(axis=-1)
    plain = BitWriter()
    plain.put(0b100, 3)
    plain.put_all(rows.ravel(), np.full(rows.size, 8))
    steps = (rows[1:] ^ rows[:-1]).ravel()
    code = make_code(np.bincount(steps, minlength=1))
    coded = BitWriter()
    coded.put(0, 3)
    coded.put_code(code)
    coded.put_all(rows[0], np.full(4, 8))
    coded.put_all(code.bits[steps], code.lengths[steps])
    return min((plain.to_bytes(), coded.to_bytes()), key=len)


@kernel
def tokenise(endpoints: Integers, selectors: Integers, endpoint_count: int, selector_count: int) -> Integers:
    """One slice as tokens in the order of the stream: (n, 3) kind, symbol, bits (of raw ones only)."""
    rows, columns = endpoints.shape
    tokens = np.empty((rows * columns * 8 + 64, 3), np.int64)
    size = 0

    group_rows, group_columns = (rows + 1) // 2, (columns + 1) // 2
    groups = np.zeros(group_rows * group_columns, np.int64)
    predictions = np.empty((rows, columns), np.int64)
    for y in range(rows):
        for x in range(columns):
            here = endpoints[y, x]
            # Above before left, so that even areas are one run: at column 0 nothing is left.
            if y > 0 and here == endpoints[y - 1, x]:
                prediction = 1
            elif x > 0 and here == endpoints[y, x - 1]:
                prediction = 0
            elif x > 0 and y > 0 and here == endpoints[y - 1, x - 1]:
                prediction = 2
            else:
                prediction = 3
            predictions[y, x] = prediction
            groups[(y // 2) * group_columns + x // 2] |= prediction << (4 * (y & 1) + 2 * (x & 1))

    flat = selectors.ravel()
    previous_group, repeats, run, before = 0, 0, 0, 0
    for y in range(rows):
        for x in range(columns):
            if (x & 1) == 0 and (y & 1) == 0:
                group = (y // 2) * group_columns + x // 2
                if repeats > 0:
                    repeats -= 1
                else:
                    while group + repeats < len(groups) and groups[group + repeats] == previous_group:
                        repeats += 1
                    if repeats >= SHORTEST_RUN:
                        tokens[size] = PREDICTION, REPEAT_PREDICTION, 0
                        size = _put_chunks(tokens, size + 1, repeats - SHORTEST_RUN, 4)
                        repeats -= 1
                    else:
                        tokens[size] = PREDICTION, groups[group], 0
                        size += 1
                        repeats = 0
                        previous_group = groups[group]
            if predictions[y, x] == 3:
                tokens[size] = DELTA, (endpoints[y, x] - before) % endpoint_count, 0
                size += 1
            before = endpoints[y, x]

            if run > 0:
                run -= 1
                continue
            at = y * columns + x
            while at + run < len(flat) and flat[at + run] == selector_count:
                run += 1
            if run >= SHORTEST_RUN:
                tokens[size] = SELECTOR, selector_count + HISTORY, 0
                tokens[size + 1] = RUN, min(run - SHORTEST_RUN, LONG_RUN), 0
                size += 2
                if run - SHORTEST_RUN >= LONG_RUN:
                    size = _put_chunks(tokens, size, run - SHORTEST_RUN, 7)
                run -= 1
            else:
                tokens[size] = SELECTOR, flat[at], 0
                size += 1
                run = 0
    return tokens[:size].copy()


@kernel
def _put_chunks(tokens: Integers, size: int, value: int, width: int) -> int:
    """A number in chunks, lowest first; the top bit of a chunk says that another follows."""
    while True:
        rest = value >> width
        low = value & ((1 << width) - 1)
        tokens[size] = RAW, low | (1 << width if rest > 0 else 0), width + 1
        size += 1
        value = rest
        if value == 0:
            return size
