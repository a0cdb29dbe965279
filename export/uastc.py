"""UASTC LDR 4x4: blocks of 16 bytes that turn into ASTC and BC7 with hardly a loss, for normals and data.

Each block is a line between two colours with a weight for each texel, or two lines: one for a channel by
itself. Modes with several partitions are not written; every decoder takes their absence.
Source: Khronos Data Format Specification 1.4, chapters "UASTC" and "ASTC" (endpoint unquantisation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.export.uastc_hints import alpha_hints, etc1_hints, solid_hints
from worldgen.kernel import kernel

Integers = NDArray[np.int64]

# A row for each mode: code and its bits, channels, bits of a weight, range of endpoints, planes.
MODES = np.array(
    [
        [0x1, 4, 3, 4, 0, 1],  # 0
        [0xB, 5, 3, 3, 1, 1],  # 5
        [0x9, 4, 3, 5, 2, 1],  # 18
        [0x1B, 5, 3, 2, 3, 2],  # 6
        [0x2, 3, 4, 4, 4, 1],  # 10
        [0x6, 3, 4, 3, 0, 1],  # 12
        [0x0, 2, 4, 2, 4, 2],  # 11
    ],
    dtype=np.int64,
)
FIRST_WITH_ALPHA = 4
SOLID_CODE, SOLID_BITS = 0x17, 5
NO_BIAS = 13  # of ETC1's base colours: 0 for each channel, in base three from -1

# A row for each range of endpoints: plain bits, and whether a trit (3) or a quint (5) is above them.
RANGES = ((6, 3), (8, 1), (5, 1), (5, 5), (4, 3))
# ASTC's factors of a trit or quint, and where the plain bits a, b, c .. go, highest first.
SPREADS = {
    (6, 3): (5, "fedcb000f"),
    (5, 5): (6, "edcb0000e"),
    (4, 3): (22, "dcb000dcb"),
}
RANGE_BITS = np.array([bits for bits, _ in RANGES])
RANGE_BASES = np.array([base for _, base in RANGES])
# Bits that a last, unfull group of 1, 2, .. trits (groups of 5) or quints (groups of 3) takes.
TRIT_BITS = np.array([0, 2, 4, 5, 7, 8])
QUINT_BITS = np.array([0, 3, 5, 7])


def _unquantised(bits: int, base: int) -> Integers:
    """Endpoints of 8 bits that stored values mean."""
    count = base << bits
    stored = np.arange(count)
    if base == 1:
        return stored if bits == 8 else (stored << (8 - bits)) | (stored >> (2 * bits - 8))
    factor, places = SPREADS[bits, base]
    low, high = stored & ((1 << bits) - 1), stored >> bits
    spread = np.zeros(count, np.int64)
    for letter in places:
        spread <<= 1
        if letter != "0":
            spread |= (low >> (ord(letter) - ord("a"))) & 1
    inverted = np.where(low & 1, 511, 0)
    value = (high * factor + spread) ^ inverted
    return (inverted & 0x80) | (value >> 2)


def _tables() -> tuple[Integers, Integers]:
    meant, nearest = np.zeros((len(RANGES), 256), np.int64), np.zeros((len(RANGES), 256), np.int64)
    for index, (bits, base) in enumerate(RANGES):
        values = _unquantised(bits, base)
        meant[index, : len(values)] = values
        nearest[index] = np.abs(values[None, :] - np.arange(256)[:, None]).argmin(axis=1)
    return meant, nearest


MEANT, NEAREST = _tables()
# Weights in 64ths by their bits: ASTC repeats the bits to 6 and leaves out the middle.
WEIGHTS = np.zeros((6, 32), np.int64)
WEIGHTS[2, :4] = 0, 21, 43, 64
WEIGHTS[3, :8] = 0, 9, 18, 27, 37, 46, 55, 64
WEIGHTS[4, :16] = 0, 4, 8, 12, 17, 21, 25, 29, 35, 39, 43, 47, 52, 56, 60, 64
WEIGHTS[5] = [2 * step + 2 * (step > 15) for step in range(32)]


def encode_blocks(blocks: NDArray[np.uint8], tries: int = 3) -> bytes:
    """Encode (rows, columns, 16, 3 or 4) uint8 blocks, 16 bytes each, row by row.

    Parameters
    ----------
    tries : rounds of least squares of each line.
    """
    channels = blocks.shape[3]
    texels = blocks.reshape(-1, 16, channels).astype(np.int64)
    if channels == 3:
        texels = np.concatenate([texels, np.full((*texels.shape[:2], 1), 255)], axis=2)
    return _encode(np.ascontiguousarray(texels), tries).tobytes()


@kernel
def _encode(blocks: Integers, tries: int) -> NDArray[np.uint8]:
    packed = np.zeros((len(blocks), 16), np.uint8)
    ends, best_ends = np.zeros((4, 2), np.int64), np.zeros((4, 2), np.int64)
    weights, best_weights = np.zeros((2, 16), np.int64), np.zeros((2, 16), np.int64)
    for index in range(len(blocks)):
        block = blocks[index]
        lowest, highest = np.full(4, 255), np.zeros(4, np.int64)
        for i in range(16):
            for channel in range(4):
                lowest[channel] = min(lowest[channel], block[i, channel])
                highest[channel] = max(highest[channel], block[i, channel])
        if (lowest == highest).all():
            _write_solid(packed[index], block[0])
            continue
        opaque = lowest[3] == 255
        first, last = (0, FIRST_WITH_ALPHA) if opaque else (FIRST_WITH_ALPHA, len(MODES))
        best, best_mode, best_alone = 1 << 60, first, -1
        for mode in range(first, last):
            _, _, channels, bits, bounds, planes = MODES[mode]
            for alone in range(channels if planes == 2 else 1):
                if planes == 1:
                    alone = -1
                elif lowest[alone] == highest[alone]:
                    continue
                error = _fit_line(block, channels, alone, False, bits, bounds, tries, best, ends, weights[0])
                if planes == 2 and error < best:
                    error += _fit_line(block, channels, alone, True, bits, bounds, 1, best, ends, weights[1])
                if error < best:
                    best, best_mode, best_alone = error, mode, alone
                    best_ends[:], best_weights[:] = ends, weights
        _write(packed[index], block, best_mode, best_alone, best_ends, best_weights)
    return packed


@kernel
def _fit_line(
    block: Integers,
    channels: int,
    alone: int,
    only: bool,
    bits: int,
    bounds: int,
    tries: int,
    enough: int,
    ends: Integers,
    weights: Integers,
) -> int:
    """Fit a line to all channels but ``alone``, or to it only; return the squared error.

    Starts with the principal axis; then endpoints by least squares for the weights, and weights again.
    """
    used = np.zeros(4, np.bool_)
    for channel in range(channels):
        used[channel] = (channel == alone) == only
    low, high = np.zeros(4), np.zeros(4)
    _principal_line(block, used, low, high)
    levels = 1 << bits
    best = 1 << 60
    trial, low_value, high_value = np.zeros((4, 2), np.int64), np.zeros(4, np.int64), np.zeros(4, np.int64)
    chosen = np.zeros(16, np.int64)
    for _ in range(tries):
        length = 0
        for channel in range(channels):
            if used[channel]:
                trial[channel, 0] = NEAREST[bounds, int(min(max(low[channel], 0.0), 255.0) + 0.5)]
                trial[channel, 1] = NEAREST[bounds, int(min(max(high[channel], 0.0), 255.0) + 0.5)]
                low_value[channel] = MEANT[bounds, trial[channel, 0]]
                high_value[channel] = MEANT[bounds, trial[channel, 1]]
                length += (high_value[channel] - low_value[channel]) ** 2
        error = 0
        for i in range(16):
            along = 0
            for channel in range(channels):
                if used[channel]:
                    along += (block[i, channel] - low_value[channel]) * (
                        high_value[channel] - low_value[channel]
                    )
            middle = int(along * (levels - 1) / max(length, 1) + 0.5) if along > 0 else 0
            least = 1 << 60
            for level in range(max(min(middle, levels - 1) - 1, 0), min(middle + 2, levels)):
                weight = WEIGHTS[bits, level]
                total = 0
                for channel in range(channels):
                    if used[channel]:
                        value = 257 * (low_value[channel] * (64 - weight) + high_value[channel] * weight)
                        away = block[i, channel] - ((value + 32) >> 14)
                        total += away * away
                if total < least:
                    least, chosen[i] = total, level
            error += least
        if error < best:
            best = error
            weights[:] = chosen
            for channel in range(channels):
                if used[channel]:
                    ends[channel] = trial[channel]
        if error == 0 or not _least_squares(block, used, WEIGHTS[bits], chosen, low, high):
            break
    if weights[0] >= levels // 2:  # the first weight is stored without its highest bit
        for i in range(16):
            weights[i] = levels - 1 - weights[i]
        for channel in range(channels):
            if used[channel]:
                ends[channel, 0], ends[channel, 1] = ends[channel, 1], ends[channel, 0]
    return best


@kernel
def _principal_line(
    block: Integers, used: NDArray[np.bool_], low: NDArray[np.float64], high: NDArray[np.float64]
) -> None:
    mean, axis, turned = np.zeros(4), np.zeros(4), np.zeros(4)
    spread = np.zeros((4, 4))
    for i in range(16):
        for channel in range(4):
            mean[channel] += block[i, channel] / 16
    for i in range(16):
        for channel in range(4):
            for other in range(4):
                if used[channel] and used[other]:
                    spread[channel, other] += (block[i, channel] - mean[channel]) * (
                        block[i, other] - mean[other]
                    )
    widest = 0
    for channel in range(4):
        if spread[channel, channel] > spread[widest, widest]:
            widest = channel
    axis[:] = spread[widest]
    for _ in range(6):
        longest = np.abs(axis).max()
        if longest == 0:
            break
        for channel in range(4):
            turned[channel] = axis[channel] / longest
        for channel in range(4):
            axis[channel] = 0
            for other in range(4):
                axis[channel] += spread[channel, other] * turned[other]
    length = 0.0
    for channel in range(4):
        length += axis[channel] ** 2
    near, far = 1e30, -1e30
    for i in range(16):
        along = 0.0
        for channel in range(4):
            along += (block[i, channel] - mean[channel]) * axis[channel]
        near, far = min(near, along), max(far, along)
    for channel in range(4):
        scale = axis[channel] / length if length > 0 else 0.0
        low[channel], high[channel] = mean[channel] + near * scale, mean[channel] + far * scale


@kernel
def _least_squares(
    block: Integers,
    used: NDArray[np.bool_],
    steps: Integers,
    weights: Integers,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> bool:
    """Best endpoints for weights; False if all weights are alike, so that there is no best."""
    left, both, right = 0.0, 0.0, 0.0
    for i in range(16):
        share = steps[weights[i]] / 64
        left += (1 - share) * (1 - share)
        both += (1 - share) * share
        right += share * share
    determinant = left * right - both * both
    if determinant < 1e-6:
        return False
    for channel in range(4):
        if used[channel]:
            at_low, at_high = 0.0, 0.0
            for i in range(16):
                share = steps[weights[i]] / 64
                at_low += (1 - share) * block[i, channel]
                at_high += share * block[i, channel]
            low[channel] = (at_low * right - at_high * both) / determinant
            high[channel] = (at_high * left - at_low * both) / determinant
    return True


@kernel
def _put(packed: NDArray[np.uint8], at: int, value: int, width: int) -> int:
    for bit in range(width):
        if (value >> bit) & 1:
            packed[(at + bit) >> 3] |= np.uint8(1 << ((at + bit) & 7))
    return at + width


@kernel
def _write_solid(packed: NDArray[np.uint8], colour: Integers) -> None:
    at = _put(packed, 0, SOLID_CODE, SOLID_BITS)
    for channel in range(4):
        at = _put(packed, at, colour[channel], 8)
    table, selector, red, green, blue = solid_hints(colour)
    at = _put(packed, at, 1, 1)  # ETC1's base colour has 5 bits a channel
    at = _put(packed, at, table, 3)
    at = _put(packed, at, selector, 2)
    for part in (red, green, blue):
        at = _put(packed, at, part, 5)


@kernel
def _write(
    packed: NDArray[np.uint8], block: Integers, mode: int, alone: int, ends: Integers, weights: Integers
) -> None:
    code, code_bits, channels, bits, bounds, planes = MODES[mode]
    at = _put(packed, 0, code, code_bits)
    flip, difference, first_table, second_table = etc1_hints(block)
    # BC1's hints say how weights may be kept; none: the transcoder fits anew, which is slower, not worse.
    at += 1 if channels == 4 else 2
    at = _put(packed, at, flip, 1)
    at = _put(packed, at, difference, 1)
    at = _put(packed, at, first_table, 3)
    at = _put(packed, at, second_table, 3)
    if channels == 4:
        at = _put(packed, at, alpha_hints(block), 8)
    else:
        at = _put(packed, at, NO_BIAS, 5)
    if planes == 2:
        at = _put(packed, at, alone, 2)

    base, plain = RANGE_BASES[bounds], RANGE_BITS[bounds]
    count = 2 * channels
    if base > 1:
        group = 5 if base == 3 else 3
        for start in range(0, count, group):
            size = min(group, count - start)
            value = 0
            for item in range(start + size - 1, start - 1, -1):
                value = value * base + (ends[item // 2, item % 2] >> plain)
            at = _put(packed, at, value, TRIT_BITS[size] if base == 3 else QUINT_BITS[size])
    for item in range(count):
        at = _put(packed, at, ends[item // 2, item % 2] & ((1 << plain) - 1), plain)
    for i in range(16):
        for plane in range(planes):
            at = _put(packed, at, weights[plane, i], bits - 1 if i == 0 else bits)
