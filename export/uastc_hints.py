"""What a UASTC block tells transcoders to ETC1 and ETC2, so that they need not search.

Source: Khronos Data Format Specification 1.4, chapters "UASTC", "ETC1" and "ETC2" (EAC modifiers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.export.etc1s_endpoints import MODIFIERS, SHIFTS, fives
from worldgen.kernel import kernel

Integers = NDArray[np.int64]

# EAC: eight modifiers a table, as their four low ones; a high one is -1 - low.
_LOW = [
    [3, 6, 9, 15], [3, 7, 10, 13], [2, 5, 8, 13], [2, 4, 6, 13], [3, 6, 8, 12], [3, 7, 9, 11],
    [4, 7, 8, 11], [3, 5, 8, 11], [2, 6, 8, 10], [2, 5, 8, 10], [2, 4, 8, 10], [2, 5, 7, 10],
    [3, 4, 7, 10], [1, 2, 3, 10], [4, 6, 8, 9], [3, 5, 7, 9],
]  # fmt: skip
EAC = np.concatenate([-np.array(_LOW), np.array(_LOW) - 1], axis=1)
NO_ALPHA_HINTS = 13 | 1 << 4


@kernel
def solid_hints(colour: Integers) -> tuple[int, int, int, int, int]:
    """Table, selector and base colour of 5 bits a channel that come nearest to one colour in ETC1."""
    best = 1 << 60
    found = (0, 0, 0, 0, 0)
    for table in range(8):
        for selector in range(4):
            shift = SHIFTS[table, selector]
            red, green, blue = fives(colour[0] - shift), fives(colour[1] - shift), fives(colour[2] - shift)
            error = 0
            for channel, five in enumerate((red, green, blue)):
                away = min(max(((five << 3) | (five >> 2)) + shift, 0), 255) - colour[channel]
                error += away * away
            if error < best:
                best, found = error, (table, selector, red, green, blue)
    return found


@kernel
def etc1_hints(block: Integers) -> tuple[int, int, int, int]:
    """Whether halves lie above one another, whether they differ little, and the table of each half."""
    best = 1 << 60
    found = (0, 1, 0, 0)
    tables = np.zeros(2, np.int64)
    sums, bases = np.zeros((2, 3), np.int64), np.zeros((2, 3), np.int64)
    for flip in range(2):
        sums[:] = 0
        for i in range(16):
            half = (i >> 3) & 1 if flip else (i >> 1) & 1
            for channel in range(3):
                sums[half, channel] += block[i, channel]
        difference = 1
        for channel in range(3):
            first, second = (sums[0, channel] * 31 + 1020) // 2040, (sums[1, channel] * 31 + 1020) // 2040
            if not -4 <= second - first <= 3:
                difference = 0
        for half in range(2):
            for channel in range(3):
                if difference:
                    five = (sums[half, channel] * 31 + 1020) // 2040
                    bases[half, channel] = (five << 3) | (five >> 2)
                else:
                    bases[half, channel] = 17 * ((sums[half, channel] * 15 + 1020) // 2040)
        error = 0
        for half in range(2):
            least = 1 << 60
            grey = bases[half].sum()
            for table in range(8):
                small, large = MODIFIERS[table]
                total = 0
                for i in range(16):
                    if half == ((i >> 3) & 1 if flip else (i >> 1) & 1):
                        away = abs(block[i, 0] + block[i, 1] + block[i, 2] - grey)
                        total += min(
                            3 * small * small - 2 * small * away, 3 * large * large - 2 * large * away
                        )
                if total < least:
                    least, tables[half] = total, table
            error += least
            for i in range(16):
                if half == ((i >> 3) & 1 if flip else (i >> 1) & 1):
                    for channel in range(3):
                        error += (block[i, channel] - bases[half, channel]) ** 2
        if error < best:
            best, found = error, (flip, difference, tables[0], tables[1])
    return found


@kernel
def alpha_hints(block: Integers) -> int:
    """EAC's table and, above it, multiplier for alpha; its base follows from least and greatest alpha."""
    lowest, highest = 255, 0
    for i in range(16):
        lowest, highest = min(lowest, block[i, 3]), max(highest, block[i, 3])
    if lowest == highest:
        return NO_ALPHA_HINTS
    best, found = 1 << 60, NO_ALPHA_HINTS
    for table in range(16):
        spread = EAC[table, 7] - EAC[table, 3]
        multiplier = min(max((highest - lowest + spread // 2) // spread, 1), 15)
        centre = int(lowest + (highest - lowest) * -EAC[table, 3] / spread + 0.5)
        error = 0
        for i in range(16):
            least = 1 << 60
            for step in range(8):
                value = min(max(centre + EAC[table, step] * multiplier, 0), 255)
                least = min(least, (value - block[i, 3]) ** 2)
            error += least
        if error < best:
            best, found = error, table | multiplier << 4
    return found
