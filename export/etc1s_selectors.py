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
    blocks: Integers,
    weights: Integers,
    endpoints: Integers,
    labels: Integers,
    chosen: Integers,
    count: int,
) -> Integers:
    """Of each cluster the selectors of least error, texel by texel."""
    totals = np.zeros((count, 16, 4), np.int64)
    errors = np.empty((16, 4), np.int64)
    for index in range(len(blocks)):
        _errors(blocks[index], endpoints[labels[index]], errors)
        totals[chosen[index]] += errors * weights[index]
    best = np.empty((count, 16), np.int64)
    for entry in range(count):
        for i in range(16):
            best[entry, i] = np.argmin(totals[entry, i])
    return best


@kernel
def _row_losses(
    block: Integers, endpoint: Integers, weight: int, errors: Integers, rows: NDArray[np.int32]
) -> None:
    """What each of the 256 possible rows of selectors loses against the best, for the rows of a block."""
    _errors(block, endpoint, errors)
    for i in range(16):
        errors[i] = (errors[i] - errors[i].min()) * weight
    for y in range(4):
        for right in range(16):
            high = errors[4 * y + 2, right & 3] + errors[4 * y + 3, right >> 2]
            for left in range(16):
                rows[y, (right << 4) | left] = high + errors[4 * y, left & 3] + errors[4 * y + 1, left >> 2]


@kernel
def _sorted_rows(selectors: Integers) -> tuple[Integers, NDArray[np.uint8], Integers]:
    """Entries as four rows of 8 bits, sorted by the first: their numbers, rows, and where the next run is."""
    count = len(selectors)
    packed = np.zeros((count, 4), np.uint8)
    for entry in range(count):
        for i in range(16):
            packed[entry, i >> 2] |= np.uint8(selectors[entry, i] << (2 * (i & 3)))
    order = np.argsort(packed[:, 0], kind="mergesort")
    packed = packed[order]
    following = np.full(count, count)
    for place in range(count - 2, -1, -1):
        alike = packed[place, 0] == packed[place + 1, 0]
        following[place] = following[place + 1] if alike else place + 1
    return order, packed, following


@kernel
def _search(
    rows: NDArray[np.int32],
    packed: NDArray[np.uint8],
    following: Integers,
    costs: NDArray[np.float64],
    least: float,
    best: float,
) -> tuple[int, float]:
    """Return the place of the entry of least loss and cost, -1 if none is below ``best``.

    Parameters
    ----------
    least : the lowest cost.
    """
    place, found = 0, -1
    while place < len(packed):
        first = rows[0, packed[place, 0]] + least
        if first >= best:
            place = following[place]
            continue
        half = first + (costs[place] - least) + rows[1, packed[place, 1]]
        if half < best:
            total = half + rows[2, packed[place, 2]] + rows[3, packed[place, 3]]
            if total < best:
                found, best = place, total
        place += 1
    return found, best


@kernel
def nearest_selectors(
    blocks: Integers,
    weights: Integers,
    endpoints: Integers,
    labels: Integers,
    selectors: Integers,
    costs: NDArray[np.float64],
    chosen: Integers,
) -> None:
    """Give each block the entry of least error and cost."""
    order, packed, following = _sorted_rows(selectors)
    place_of = np.argsort(order)
    sorted_costs = costs[order]
    least = costs.min()
    errors, rows = np.empty((16, 4), np.int64), np.empty((4, 256), np.int32)
    for index in range(len(blocks)):
        _row_losses(blocks[index], endpoints[labels[index]], weights[index], errors, rows)
        mine = place_of[chosen[index]]
        best = sorted_costs[mine]
        for y in range(4):
            best += rows[y, packed[mine, y]]
        place, best = _search(rows, packed, following, sorted_costs, least, best)
        if place >= 0:
            chosen[index] = order[place]


@kernel
def place_selectors(
    blocks: Integers,
    weights: Integers,
    shapes: Integers,
    endpoints: Integers,
    labels: Integers,
    selectors: Integers,
    costs: NDArray[np.float64],
    past_costs: NDArray[np.float64],
    symbols: Integers,
) -> None:
    """Choose selectors in the order of the stream, with its history: an approximate move to front.

    Parameters
    ----------
    symbols : in, an entry for each block, where the search begins; out, symbols of the stream.
    """
    count = len(selectors)
    order, packed, following = _sorted_rows(selectors)
    place_of = np.argsort(order)
    sorted_costs = costs[order]
    least = costs.min()
    errors, rows = np.empty((16, 4), np.int64), np.empty((4, 256), np.int32)
    first = 0
    for shape in range(len(shapes)):
        past = np.full(HISTORY, -1)  # places in the sorted rows
        rover = HISTORY // 2
        for index in range(first, first + shapes[shape, 0] * shapes[shape, 1]):
            _row_losses(blocks[index], endpoints[labels[index]], weights[index], errors, rows)
            remembered, entry = -1, place_of[symbols[index]]
            best = sorted_costs[entry]
            for y in range(4):
                best += rows[y, packed[entry, y]]
            for place in range(HISTORY):
                other = past[place]
                if other >= 0:
                    total = past_costs[place]
                    for y in range(4):
                        total += rows[y, packed[other, y]]
                    if total < best:
                        remembered, best = place, total
            better, best = _search(rows, packed, following, sorted_costs, least, best)
            if better >= 0:
                remembered, entry = -1, better
            if remembered < 0:
                symbols[index] = order[entry]
                past[rover] = entry
                rover += 1
                if rover == HISTORY:
                    rover = HISTORY // 2
            else:
                symbols[index] = count + remembered
                past[remembered // 2], past[remembered] = past[remembered], past[remembered // 2]
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
