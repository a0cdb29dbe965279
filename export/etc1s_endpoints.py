"""Endpoints of ETC1S blocks: colours of 5 bits a channel with a table of modifiers.

Source: Khronos Data Format Specification 1.4, chapter ETC1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

Integers = NDArray[np.int64]

# Modifiers of each table: the small and the large one; selectors 0 .. 3 mean -large, -small, +small, +large.
MODIFIERS = np.array(
    [[2, 8], [5, 17], [9, 29], [13, 42], [18, 60], [24, 80], [33, 106], [47, 183]], dtype=np.int64
)
SHIFTS = np.stack([-MODIFIERS[:, 1], -MODIFIERS[:, 0], MODIFIERS[:, 0], MODIFIERS[:, 1]], axis=1)
PREDICTION_BITS = 1.6  # what telling a neighbour's endpoint from a new one costs a block; 1.7 on rock


@kernel
def fives(value: float) -> int:
    """The 5 bits that decode nearest to a value of 8."""
    return int(min(max(np.floor(value * 31 / 255 + 0.5), 0), 31))


@kernel
def _reach(colour: Integers, table: int, reach: Integers) -> None:
    """Set what each selector adds to a colour, (4, 2): summed over channels, and thrice its squares.

    Sums are of clamped channels. Alpha's outlines need that: they go from 0 to 255 within a block.
    """
    for selector in range(4):
        reach[selector] = 0
        for channel in range(3):
            value = min(max(colour[channel] + SHIFTS[table, selector], 0), 255)
            reach[selector, 0] += value - colour[channel]
            reach[selector, 1] += 3 * (value - colour[channel]) ** 2


@kernel
def _spread_error(lumas: Integers, grey: int, reach: Integers) -> int:
    """Change of a block's squared error by modifiers, each texel with its best one.

    Where a modifier adds m to each channel and the texel is off by d, summed over channels, it changes the
    error by 3 m m - 2 m d. Where it is clamped in some channels only, m is their mean.
    """
    total = 0
    for i in range(16):
        twice = 2 * (lumas[i] - grey)
        lower = min(reach[0, 1] - twice * reach[0, 0], reach[1, 1] - twice * reach[1, 0])
        upper = min(reach[2, 1] - twice * reach[2, 0], reach[3, 1] - twice * reach[3, 0])
        total += min(lower, upper)
    return total // 3


@kernel
def _best_selector(away: int, reach: Integers) -> int:
    best = 0
    for selector in range(1, 4):
        change = reach[selector, 1] - reach[best, 1] - 2 * away * (reach[selector, 0] - reach[best, 0])
        if change < 0:
            best = selector
    return best


@kernel
def _flat_error(sums: Integers, squares: int, colour: Integers) -> int:
    """Squared error of a block against one colour."""
    total = squares
    for channel in range(3):
        total += colour[channel] * (16 * colour[channel] - 2 * sums[channel])
    return total


@kernel
def _sums(block: Integers, sums: Integers) -> int:
    sums[:] = 0
    squares = 0
    for i in range(16):
        for channel in range(3):
            sums[channel] += block[i, channel]
            squares += block[i, channel] * block[i, channel]
    return squares


@kernel
def fit_alone(blocks: Integers, lumas: Integers) -> Integers:
    """Return the endpoint of each block that would suit it best if it were alone."""
    fitted = np.empty((len(blocks), 4), np.int64)
    sums, colour, trial = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    reach = np.empty((4, 2), np.int64)
    for index in range(len(blocks)):
        squares = _sums(blocks[index], sums)
        best = 1 << 60
        for table in range(8):
            shift = 0
            for _ in range(2):
                for channel in range(3):
                    trial[channel] = fives((sums[channel] - shift / 3) / 16)
                    colour[channel] = (trial[channel] << 3) | (trial[channel] >> 2)
                grey = colour.sum()
                _reach(colour, table, reach)
                error = _flat_error(sums, squares, colour) + _spread_error(lumas[index], grey, reach)
                if error < best:
                    best = error
                    fitted[index, :3] = trial
                    fitted[index, 3] = table
                shift = 0
                for i in range(16):
                    shift += reach[_best_selector(lumas[index, i] - grey, reach), 0]
    return fitted


@kernel
def improve_endpoints(blocks: Integers, lumas: Integers, endpoints: Integers, labels: Integers) -> None:
    """Set each endpoint to the best table, then colour, for its blocks with selectors of their own."""
    count = len(endpoints)
    colours = _colours(endpoints)
    reaches = np.empty((count, 8, 4, 2), np.int64)
    for label in range(count):
        for table in range(8):
            _reach(colours[label], table, reaches[label, table])
    by_table = np.zeros((count, 8), np.int64)
    for index in range(len(blocks)):
        label = labels[index]
        grey = colours[label].sum()
        for table in range(8):
            by_table[label, table] += _spread_error(lumas[index], grey, reaches[label, table])
    for label in range(count):
        endpoints[label, 3] = np.argmin(by_table[label])
    texels = np.zeros(count, np.int64)
    totals = np.zeros((count, 3), np.int64)
    for index in range(len(blocks)):
        label = labels[index]
        table = endpoints[label, 3]
        colour = colours[label]
        grey = colour.sum()
        texels[label] += 16
        for i in range(16):
            shift = SHIFTS[table, _best_selector(lumas[index, i] - grey, reaches[label, table])]
            for channel in range(3):
                value = min(max(colour[channel] + shift, 0), 255)
                totals[label, channel] += blocks[index, i, channel] - (value - colour[channel])
    for label in range(count):
        if texels[label] > 0:
            for channel in range(3):
                endpoints[label, channel] = fives(totals[label, channel] / texels[label])


@kernel
def _colours(endpoints: Integers) -> Integers:
    colours = endpoints[:, :3].copy()
    for label in range(len(colours)):
        for channel in range(3):
            colours[label, channel] = (colours[label, channel] << 3) | (colours[label, channel] >> 2)
    return colours


@kernel
def _search(
    lumas: Integers,
    sums: Integers,
    squares: int,
    colours: Integers,
    tables: Integers,
    reaches: Integers,
    costs: NDArray[np.float64],
    turn: int,
    label: int,
    best: float,
) -> tuple[int, float]:
    """Return the endpoint of least error and cost, if any is below ``best``.

    Most are left out by a bound: modifiers cannot change what is not grey, nor reach past the large one.
    """
    count = len(colours)
    light = sums.sum()
    light_squares = 0
    for i in range(16):
        light_squares += lumas[i] * lumas[i]
    for other in range(count):
        step = other - turn
        if step < 0:
            step += count
        cost = costs[step]
        colour = colours[other]
        flat = squares
        grey = 0
        for channel in range(3):
            flat += colour[channel] * (16 * colour[channel] - 2 * sums[channel])
            grey += colour[channel]
        large = MODIFIERS[tables[other], 1]
        coloured = flat - (light_squares + grey * (16 * grey - 2 * light)) / 3
        past = max(abs(light - 16 * grey) - 48 * large, 0)
        if coloured + past * past / 48 + cost >= best:
            continue
        total = flat + _spread_error(lumas, grey, reaches[other]) + cost
        if total < best:
            best, label = total, other
    return label, best


@kernel
def place_endpoints(
    blocks: Integers,
    weights: Integers,
    lumas: Integers,
    shapes: Integers,
    endpoints: Integers,
    costs: NDArray[np.float64],
    price: float,
    labels: Integers,
) -> None:
    """Choose endpoints in the order of the stream, where a neighbour's is cheap and a far one dear."""
    colours, tables = _colours(endpoints), endpoints[:, 3].copy()
    reaches = np.empty((len(endpoints), 4, 2), np.int64)
    for label in range(len(endpoints)):
        _reach(colours[label], tables[label], reaches[label])
    sums = np.empty(3, np.int64)
    first = 0
    for shape in range(len(shapes)):
        rows, columns = shapes[shape]
        bit = price / weights[first]  # a plane's blocks all weigh the same
        plane_costs = (costs + PREDICTION_BITS) * bit
        before = 0
        for y in range(rows):
            for x in range(columns):
                index = first + y * columns + x
                squares = _sums(blocks[index], sums)
                chosen, best = -1, 1e30
                for way in range(3):
                    if (way != 1 and x == 0) or (way != 0 and y == 0):
                        continue
                    other = labels[index - (1, columns, columns + 1)[way]]
                    error = (
                        _flat_error(sums, squares, colours[other])
                        + _spread_error(lumas[index], colours[other].sum(), reaches[other])
                        + (0.7, 1.6, 2.5)[way] * bit
                    )
                    if error < best:
                        chosen, best = other, error
                chosen, best = _search(
                    lumas[index], sums, squares, colours, tables, reaches, plane_costs, before, chosen, best
                )
                labels[index] = before = chosen
        first += rows * columns


@kernel
def fit_to_selectors(
    blocks: Integers, selectors: Integers, labels: Integers, endpoints: Integers
) -> Integers:
    """Of each endpoint the colour and table of least error for the selectors that its blocks have."""
    count = len(endpoints)
    texels = np.zeros((count, 4), np.int64)
    totals = np.zeros((count, 4, 3), np.int64)
    for index in range(len(blocks)):
        label = labels[index]
        for i in range(16):
            selector = selectors[index, i]
            texels[label, selector] += 1
            for channel in range(3):
                totals[label, selector, channel] += blocks[index, i, channel]
    fitted = endpoints.copy()
    trial = np.empty(3, np.int64)
    for label in range(count):
        best = 1 << 62
        weight = texels[label].sum()
        for table in range(8):
            for attempt in range(2):  # the colour as it is, then the mean of what its modifiers leave
                error = 0
                for channel in range(3):
                    five = endpoints[label, channel]
                    base = (five << 3) | (five >> 2)
                    if attempt == 1:
                        rest = 0
                        for selector in range(4):
                            shift = min(max(base + SHIFTS[table, selector], 0), 255) - base
                            rest += totals[label, selector, channel] - texels[label, selector] * shift
                        five = fives(rest / weight)
                        base = (five << 3) | (five >> 2)
                    trial[channel] = five
                    for selector in range(4):
                        value = min(max(base + SHIFTS[table, selector], 0), 255)
                        error += value * (
                            texels[label, selector] * value - 2 * totals[label, selector, channel]
                        )
                if error < best:
                    best = error
                    fitted[label, :3] = trial
                    fitted[label, 3] = table
    return fitted
