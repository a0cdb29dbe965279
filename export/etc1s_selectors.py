"""Selectors of ETC1S blocks: which of four modifiers each texel takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.export.basis_lz import HISTORY
from worldgen.export.etc1s_endpoints import SHIFTS
from worldgen.kernel import kernel

Integers = NDArray[np.int64]


@kernel
def _errors(block: Integers, endpoint: Integers, errors: Integers) -> None:
    """Squared error of each texel with each selector, (16, 4), as it decodes: clamped."""
    for selector in range(4):
        shift = SHIFTS[endpoint[3], selector]
        for i in range(16):
            errors[i, selector] = 0
        for channel in range(3):
            value = min(max(((endpoint[channel] << 3) | (endpoint[channel] >> 2)) + shift, 0), 255)
            for i in range(16):
                d = block[i, channel] - value
                errors[i, selector] += d * d


@kernel
def ideal_selectors(blocks: Integers, endpoints: Integers, labels: Integers) -> Integers:
    ideal = np.empty((len(blocks), 16), np.int64)
    errors = np.empty((16, 4), np.int64)
    for index in range(len(blocks)):
        _errors(blocks[index], endpoints[labels[index]], errors)
        for i in range(16):
            ideal[index, i] = np.argmin(errors[i])
    return ideal


@kernel
def best_selectors(
    blocks: Integers, endpoints: Integers, labels: Integers, chosen: Integers, count: int
) -> Integers:
    """Of each cluster the selectors of least error, texel by texel."""
    totals = np.zeros((count, 16, 4), np.int64)
    errors = np.empty((16, 4), np.int64)
    for index in range(len(blocks)):
        _errors(blocks[index], endpoints[labels[index]], errors)
        totals[chosen[index]] += errors
    best = np.empty((count, 16), np.int64)
    for entry in range(count):
        for i in range(16):
            best[entry, i] = np.argmin(totals[entry, i])
    return best


@kernel
def _row_errors(errors: Integers, rows: NDArray[np.int32]) -> None:
    """Error of each of the 256 possible rows of selectors, for the four rows of a block."""
    for y in range(4):
        for right in range(16):
            high = errors[4 * y + 2, right & 3] + errors[4 * y + 3, right >> 2]
            for left in range(16):
                rows[y, (right << 4) | left] = high + errors[4 * y, left & 3] + errors[4 * y + 1, left >> 2]


@kernel
def _pack_rows(selectors: Integers) -> NDArray[np.uint8]:
    packed = np.zeros((len(selectors), 4), np.uint8)
    for entry in range(len(selectors)):
        for i in range(16):
            packed[entry, i >> 2] |= np.uint8(selectors[entry, i] << (2 * (i & 3)))
    return packed


@kernel
def _search_selectors(
    rows: NDArray[np.int32],
    packed: NDArray[np.uint8],
    costs: NDArray[np.float64],
    chosen: int,
    best: float,
) -> tuple[int, float]:
    for entry in range(len(packed)):
        half = rows[0, packed[entry, 0]] + rows[1, packed[entry, 1]] + costs[entry]
        if half >= best:
            continue
        total = half + rows[2, packed[entry, 2]] + rows[3, packed[entry, 3]]
        if total < best:
            chosen, best = entry, total
    return chosen, best


@kernel
def nearest_selectors(
    blocks: Integers,
    endpoints: Integers,
    labels: Integers,
    selectors: Integers,
    costs: NDArray[np.float64],
    chosen: Integers,
) -> None:
    packed = _pack_rows(selectors)
    errors, rows = np.empty((16, 4), np.int64), np.empty((4, 256), np.int32)
    for index in range(len(blocks)):
        _errors(blocks[index], endpoints[labels[index]], errors)
        _row_errors(errors, rows)
        mine = chosen[index]
        best = costs[mine]
        for y in range(4):
            best += rows[y, packed[mine, y]]
        chosen[index] = _search_selectors(rows, packed, costs, mine, best)[0]


@kernel
def place_selectors(
    blocks: Integers,
    shapes: Integers,
    endpoints: Integers,
    labels: Integers,
    selectors: Integers,
    costs: NDArray[np.float64],
    past_costs: NDArray[np.float64],
    symbols: Integers,
) -> None:
    """Choose selectors in the order of the stream, with its history: an approximate move to front."""
    count = len(selectors)
    packed = _pack_rows(selectors)
    errors, rows = np.empty((16, 4), np.int64), np.empty((4, 256), np.int32)
    first = 0
    for shape in range(len(shapes)):
        past = np.full(HISTORY, -1)
        rover = HISTORY // 2
        for index in range(first, first + shapes[shape, 0] * shapes[shape, 1]):
            _errors(blocks[index], endpoints[labels[index]], errors)
            _row_errors(errors, rows)
            chosen, best = -1, 1e30
            for place in range(HISTORY):
                entry = past[place]
                if entry >= 0:
                    total = past_costs[place]
                    for y in range(4):
                        total += rows[y, packed[entry, y]]
                    if total < best:
                        chosen, best = count + place, total
            chosen, best = _search_selectors(rows, packed, costs, chosen, best)
            symbols[index] = chosen
            if chosen < count:
                past[rover] = chosen
                rover += 1
                if rover == HISTORY:
                    rover = HISTORY // 2
            else:
                place = chosen - count
                past[place // 2], past[place] = past[place], past[place // 2]
        first += shapes[shape, 0] * shapes[shape, 1]


@kernel
def chain(selectors: Integers) -> Integers:
    """An order in which each entry differs little from the one before: nearest neighbour by nearest."""
    count = len(selectors)
    order = np.arange(count)
    for step in range(1, count):
        last = order[step - 1]
        nearest, least = step, 1 << 30
        for other in range(step, count):
            difference = 0
            for y in range(4):
                same = True
                for i in range(4 * y, 4 * y + 4):
                    if selectors[order[other], i] != selectors[last, i]:
                        same = False
                        difference += 1
                if not same:
                    difference += 4
            if difference < least:
                nearest, least = other, difference
        order[step], order[nearest] = order[nearest], order[step]
    return order
