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
PREDICTION_BITS = 1.6  # what telling a neighbour's endpoint from a new one costs a block, measured


@kernel
def fives(value: float) -> int:
    """The 5 bits that decode nearest to a value of 8."""
    return int(min(max(np.floor(value * 31 / 255 + 0.5), 0), 31))


@kernel
def _spread_error(lumas: Integers, grey: int, small: int, large: int) -> int:
    """Change of a block's squared error by modifiers, each texel with its best one; values are not clamped.

    A modifier m changes the error of three channels, summed to the difference d, by 3 m m - 2 m d.
    """
    total = 0
    near, far = 3 * small * small, 3 * large * large
    for i in range(16):
        distance = abs(lumas[i] - grey)
        total += min(near - 2 * small * distance, far - 2 * large * distance)
    return total


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
    fitted = np.empty((len(blocks), 4), np.int64)
    sums, colour, trial = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    for index in range(len(blocks)):
        squares = _sums(blocks[index], sums)
        best = 1 << 60
        for table in range(8):
            small, large = MODIFIERS[table]
            shift = 0
            for _ in range(2):
                for channel in range(3):
                    trial[channel] = fives((sums[channel] - shift) / 16)
                    colour[channel] = (trial[channel] << 3) | (trial[channel] >> 2)
                grey = colour.sum()
                error = _flat_error(sums, squares, colour) + _spread_error(lumas[index], grey, small, large)
                if error < best:
                    best = error
                    fitted[index, :3] = trial
                    fitted[index, 3] = table
                shift = 0
                for i in range(16):
                    d = lumas[index, i] - grey
                    size = large if 2 * abs(d) > 3 * (small + large) else small
                    shift += size if d >= 0 else -size
    return fitted


@kernel
def improve_endpoints(blocks: Integers, lumas: Integers, endpoints: Integers, labels: Integers) -> None:
    """Set each endpoint to the best table, then colour, for its blocks with selectors of their own."""
    count = len(endpoints)
    by_table = np.zeros((count, 8), np.int64)
    for index in range(len(blocks)):
        label = labels[index]
        grey = 0
        for channel in range(3):
            grey += (endpoints[label, channel] << 3) | (endpoints[label, channel] >> 2)
        for table in range(8):
            by_table[label, table] += _spread_error(
                lumas[index], grey, MODIFIERS[table, 0], MODIFIERS[table, 1]
            )
    for label in range(count):
        endpoints[label, 3] = np.argmin(by_table[label])
    texels = np.zeros(count, np.int64)
    totals = np.zeros((count, 3), np.int64)
    for index in range(len(blocks)):
        label = labels[index]
        small, large = MODIFIERS[endpoints[label, 3]]
        grey = 0
        for channel in range(3):
            grey += (endpoints[label, channel] << 3) | (endpoints[label, channel] >> 2)
        texels[label] += 16
        for i in range(16):
            d = lumas[index, i] - grey
            size = large if 2 * abs(d) > 3 * (small + large) else small
            shift = size if d >= 0 else -size
            for channel in range(3):
                totals[label, channel] += blocks[index, i, channel] - shift
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
        total = flat + _spread_error(lumas, grey, MODIFIERS[tables[other], 0], large) + cost
        if total < best:
            best, label = total, other
    return label, best


@kernel
def place_endpoints(
    blocks: Integers,
    lumas: Integers,
    shapes: Integers,
    endpoints: Integers,
    costs: NDArray[np.float64],
    price: float,
    labels: Integers,
) -> None:
    """Choose endpoints in the order of the stream, where a neighbour's is cheap and a far one dear."""
    colours, tables = _colours(endpoints), endpoints[:, 3].copy()
    costs = costs + PREDICTION_BITS * price
    sums = np.empty(3, np.int64)
    first = 0
    for shape in range(len(shapes)):
        rows, columns = shapes[shape]
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
                    small, large = MODIFIERS[tables[other]]
                    error = (
                        _flat_error(sums, squares, colours[other])
                        + _spread_error(lumas[index], colours[other].sum(), small, large)
                        + (0.7, 1.6, 2.5)[way] * price
                    )
                    if error < best:
                        chosen, best = other, error
                chosen, best = _search(
                    lumas[index], sums, squares, colours, tables, costs, before, chosen, best
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
    for label in range(count):
        best = 1 << 62
        weight = texels[label].sum()
        for table in range(8):
            shifts = SHIFTS[table]
            shift = (texels[label] * shifts).sum()
            error = 0
            trial = (0, 0, 0)
            red = fives((totals[label, :, 0].sum() - shift) / weight)
            green = fives((totals[label, :, 1].sum() - shift) / weight)
            blue = fives((totals[label, :, 2].sum() - shift) / weight)
            trial = (red, green, blue)
            for channel in range(3):
                base = (trial[channel] << 3) | (trial[channel] >> 2)
                for selector in range(4):
                    value = min(max(base + shifts[selector], 0), 255)
                    error += value * (texels[label, selector] * value - 2 * totals[label, selector, channel])
            if error < best:
                best = error
                fitted[label, 0], fitted[label, 1], fitted[label, 2] = trial
                fitted[label, 3] = table
    return fitted
