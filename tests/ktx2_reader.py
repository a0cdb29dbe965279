"""A plain reader of KTX 2.0 textures, written from the specifications and sharing nothing with the writer.

It reads what it must: ETC1S with BasisLZ whole but for video, and UASTC's modes of one partition.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

LENGTH_ORDER = [17, 18, 19, 20, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15, 16]
ETC1_TABLES = [(2, 8), (5, 17), (9, 29), (13, 42), (18, 60), (24, 80), (33, 106), (47, 183)]


class Bits:
    """Reads numbers from bytes, lowest bit first."""

    def __init__(self, data):
        self.data, self.at = int.from_bytes(data, "little"), 0

    def read(self, count):
        value = self.data >> self.at & ((1 << count) - 1)
        self.at += count
        return value

    def chunks(self, width):
        value = shift = 0
        while True:
            chunk = self.read(width + 1)
            value |= (chunk & ((1 << width) - 1)) << shift
            shift += width
            if not chunk >> width:
                return value

    def symbol(self, table):
        code, length = 0, 0
        while (length, code) not in table:
            code, length = code << 1 | self.read(1), length + 1
            assert length <= 16, "no such code"
        return table[length, code]

    def table(self):
        """A compressed Huffman table: {(length, code): symbol}."""
        total, stored = self.read(14), self.read(5)
        inner = [0] * 21
        for place in LENGTH_ORDER[:stored]:
            inner[place] = self.read(3)
        inner = canonical(inner)
        lengths = []
        while len(lengths) < total:
            symbol = self.symbol(inner)
            if symbol <= 16:
                lengths.append(symbol)
            elif symbol == 17:
                lengths += [0] * (self.read(3) + 3)
            elif symbol == 18:
                lengths += [0] * (self.read(7) + 11)
            else:
                assert lengths[-1] > 0
                lengths += [lengths[-1]] * (self.read(2) + 3 if symbol == 19 else self.read(7) + 7)
        assert len(lengths) == total
        return canonical(lengths)


def canonical(lengths):
    """RFC 1951, 3.2.2; a code that is not whole is an error unless it has one symbol."""
    used = [length for length in lengths if length]
    assert len(used) == 1 or sum(2.0**-length for length in used) == 1
    table, code = {}, 0
    for length in range(1, 17):
        code <<= 1
        for symbol, mine in enumerate(lengths):
            if mine == length:
                table[length, code] = symbol
                code += 1
    return table


@dataclass
class Texture:
    """A file's parts; ``levels``: bytes as stored and the size before supercompression, largest first."""

    width: int
    height: int
    scheme: int
    descriptor: bytes
    keys: dict = field(default_factory=dict)
    global_data: bytes = b""
    levels: list = field(default_factory=list)
    places: list = field(default_factory=list)

    def size(self, level):
        return max(self.width >> level, 1), max(self.height >> level, 1)


def read(data):
    """Take a file apart, with what the specification demands of every file asserted."""
    assert data[:12] == bytes([0xAB, 0x4B, 0x54, 0x58, 0x20, 0x32, 0x30, 0xBB, 0x0D, 0x0A, 0x1A, 0x0A])
    form, type_size, width, height, depth, layers, faces, count, scheme = struct.unpack_from("<9I", data, 12)
    assert (form, type_size, depth, layers, faces) == (0, 1, 0, 0, 1)
    dfd_at, dfd_size, kvd_at, kvd_size, sgd_at, sgd_size = struct.unpack_from("<4I2Q", data, 48)
    assert dfd_at == 80 + 24 * count
    assert kvd_at == dfd_at + dfd_size
    texture = Texture(width, height, scheme, data[dfd_at:kvd_at], {}, data[sgd_at : sgd_at + sgd_size])
    if sgd_size:
        assert sgd_at % 8 == 0
        assert sgd_at >= kvd_at + kvd_size
    else:
        assert sgd_at == 0
    at = kvd_at
    while at < kvd_at + kvd_size:
        (size,) = struct.unpack_from("<I", data, at)
        key, value = data[at + 4 : at + 4 + size].split(b"\0", 1)
        texture.keys[key.decode()] = value.rstrip(b"\0").decode()
        assert value.endswith(b"\0")
        at += 4 + size + -size % 4
    assert list(texture.keys) == sorted(texture.keys)
    for level in range(count):
        place, size, whole = struct.unpack_from("<3Q", data, 80 + 24 * level)
        texture.levels.append((data[place : place + size], whole))
        texture.places.append((place, size))
    return texture


def pixels(texture):
    """All mip levels, largest first, as (H, W, 3 or 4) uint8."""
    return etc1s(texture) if texture.scheme == 1 else uastc(texture)


def _assemble(blocks, columns, width, height):
    rows = [np.concatenate(blocks[i : i + columns], axis=1) for i in range(0, len(blocks), columns)]
    return np.concatenate(rows)[:height, :width]


# ETC1S


def etc1s(texture):
    data = texture.global_data
    endpoint_count, selector_count, *sizes = struct.unpack_from("<HHIIII", data)
    images = len(texture.levels)
    assert len(data) == 20 + 20 * images + sum(sizes)
    starts = np.cumsum([20 + 20 * images, *sizes])
    parts = [data[start:end] for start, end in pairwise(starts)]
    endpoints = _endpoints(Bits(parts[0]), endpoint_count)
    selectors = _selectors(Bits(parts[1]), selector_count)
    bits = Bits(parts[2])
    tables = [bits.table() for _ in range(4)]
    history = bits.read(13)
    levels = []
    for level in range(images):
        flags, *places = struct.unpack_from("<5I", data, 20 + 20 * level)
        assert flags == 0
        stored, whole = texture.levels[level]
        assert whole == 0
        width, height = texture.size(level)
        columns, rows = -(-width // 4), -(-height // 4)
        planes = []
        for start, size in (places[:2], places[2:]):
            if size:
                indices = slice_indices(
                    stored[start : start + size],
                    columns,
                    rows,
                    endpoint_count,
                    selector_count,
                    tables,
                    history,
                )
                blocks = [_etc1s_block(endpoints[e], selectors[s]) for e, s in indices]
                planes.append(_assemble(blocks, columns, width, height))
        assert places[0] == 0
        assert places[1] + places[3] == len(stored)
        levels.append(planes[0] if len(planes) == 1 else np.dstack([planes[0], planes[1][..., 1]]))
    return levels


def _endpoints(bits, count):
    models = [bits.table() for _ in range(3)]
    intensity = bits.table()
    grey = bits.read(1)
    assert grey == 0
    colour, table, found = [16, 16, 16], 0, []
    for _ in range(count):
        table = (table + bits.symbol(intensity)) & 7
        for channel in range(3):
            model = models[0 if colour[channel] < 10 else 1 if colour[channel] < 22 else 2]
            colour[channel] = (colour[channel] + bits.symbol(model)) & 31
        found.append((*colour, table))
    return found


def _selectors(bits, count):
    assert bits.read(2) == 0
    plain = bits.read(1)
    model = None if plain else bits.table()
    found, rows = [], [0, 0, 0, 0]
    for index in range(count):
        for y in range(4):
            rows[y] = bits.read(8) if plain or index == 0 else rows[y] ^ bits.symbol(model)
        found.append([[rows[y] >> 2 * x & 3 for x in range(4)] for y in range(4)])
    return found


def _etc1s_block(endpoint, selectors):
    small, large = ETC1_TABLES[endpoint[3]]
    shift = np.array([-large, -small, small, large])[np.array(selectors)]
    base = np.array([five << 3 | five >> 2 for five in endpoint[:3]])
    return np.clip(base + shift[..., None], 0, 255).astype(np.uint8)


def slice_indices(data, columns, rows, endpoint_count, selector_count, tables, history):
    """Endpoint and selector of each block, row by row."""
    predictions, deltas, selector_model, run_model = tables
    bits = Bits(data)
    past, rover = [0] * history, history // 2
    group, last_group, group_run, selector_run, endpoint = 0, 0, 0, 0, 0
    lower = {}
    grid, found = {}, []
    for y in range(rows):
        for x in range(columns):
            if x % 2 == 0 and y % 2 == 0:
                if group_run:
                    group_run -= 1
                    group = last_group
                else:
                    group = bits.symbol(predictions)
                    if group == 256:
                        group_run, group = bits.chunks(4) + 2, last_group
                    last_group = group
                lower[x // 2] = group >> 4
            elif x % 2 == 0:
                group = lower[x // 2]
            way, group = group & 3, group >> 2
            if way == 0:
                assert x > 0
            elif way == 1:
                endpoint = grid[x, y - 1]
            elif way == 2:
                endpoint = grid[x - 1, y - 1]
            else:
                endpoint = (endpoint + bits.symbol(deltas)) % endpoint_count
            grid[x, y] = endpoint

            if selector_run:
                selector_run -= 1
                symbol = selector_count
            else:
                symbol = bits.symbol(selector_model)
                if symbol == selector_count + history:
                    run = bits.symbol(run_model)
                    selector_run = (bits.chunks(7) if run == 63 else run) + 3 - 1
                    symbol = selector_count
            if symbol >= selector_count:
                place = symbol - selector_count
                selector = past[place]
                past[place // 2], past[place] = past[place], past[place // 2]
            else:
                selector = symbol
                past[rover] = selector
                rover = rover + 1 if rover + 1 < history else history // 2
            found.append((endpoint, selector))
    assert selector_run == group_run == 0
    assert -(-bits.at // 8) == len(data)
    return found


# UASTC: mode -> channels, planes, bits of a weight, plain bits of an endpoint, its base, hint bits.
UASTC_CODES = {(4, 0x1): 0, (5, 0xB): 5, (4, 0x9): 18, (5, 0x1B): 6, (3, 0x2): 10, (3, 0x6): 12, (2, 0x0): 11}
UASTC_MODES = {
    0: (3, 1, 4, 6, 3, 15),
    5: (3, 1, 3, 8, 1, 15),
    18: (3, 1, 5, 5, 1, 15),
    6: (3, 2, 2, 5, 5, 15),
    10: (4, 1, 4, 4, 3, 17),
    12: (4, 1, 3, 6, 3, 17),
    11: (4, 2, 2, 4, 3, 17),
}


def uastc(texture):
    import zstandard

    levels = []
    for level, (stored, whole) in enumerate(texture.levels):
        data = zstandard.ZstdDecompressor().decompress(stored)
        width, height = texture.size(level)
        columns = -(-width // 4)
        assert len(data) == whole == 16 * columns * -(-height // 4)
        blocks = [uastc_block(data[at : at + 16]) for at in range(0, len(data), 16)]
        levels.append(_assemble(blocks, columns, width, height))
    return levels


def uastc_mode(data):
    return next(
        (mode for (size, code), mode in UASTC_CODES.items() if data[0] & ((1 << size) - 1) == code), 8
    )


def uastc_block(data):
    """One block as (4, 4, 4) uint8."""
    mode, bits = uastc_mode(data), Bits(data)
    if mode == 8:
        assert bits.read(5) == 0x17
        return np.tile(np.array([bits.read(8) for _ in range(4)], np.uint8), (4, 4, 1))
    channels, planes, weight_bits, plain, base, hints = UASTC_MODES[mode]
    bits.at = next(size for (size, _), other in UASTC_CODES.items() if other == mode) + hints
    alone = bits.read(2) if planes == 2 else -1
    count, high = 2 * channels, []
    group, sizes = {3: (5, [0, 2, 4, 5, 7, 8]), 5: (3, [0, 3, 5, 7]), 1: (count, [0] * 9)}[base]
    for start in range(0, count, group):
        members = min(group, count - start)
        packed = bits.read(sizes[members])
        for _ in range(members):
            packed, digit = divmod(packed, base)
            high.append(digit)
    ends = [_unquantised(bits.read(plain), digit, plain, base) for digit in high]
    ends += [255] * (8 - count)
    weights = [[bits.read(weight_bits - (texel == 0)) for _ in range(planes)] for texel in range(16)]
    assert bits.at <= 128
    block = np.zeros((16, 4), np.uint8)
    for texel in range(16):
        for channel in range(4):
            weight = _weight(weights[texel][-1 if channel == alone else 0], weight_bits)
            low, top = (end << 8 | end for end in ends[2 * channel : 2 * channel + 2])
            block[texel, channel] = (low * (64 - weight) + top * weight + 32 >> 6) >> 8
    return block.reshape(4, 4, 4)


def _unquantised(low, digit, plain, base):
    """Khronos Data Format Specification, "Endpoint Unquantization", by the bits a (lowest), b, c, .."""
    if base == 1:
        return low if plain == 8 else low << 3 | low >> 2
    a, b, c, d, e, f = (low >> bit & 1 for bit in range(6))
    factor, spread = {
        (6, 3): (5, [f, e, d, c, b, 0, 0, 0, f]),
        (5, 5): (6, [e, d, c, b, 0, 0, 0, 0, e]),
        (4, 3): (22, [d, c, b, 0, 0, 0, d, c, b]),
    }[plain, base]
    value = digit * factor + int("".join(map(str, spread)), 2)
    mask = 511 * a
    return mask & 0x80 | (value ^ mask) >> 2


def _weight(weight, bits):
    """Bits repeated to six, and one more from the middle on."""
    whole = int((f"{weight:0{bits}b}" * 6)[:6], 2)
    return whole + (whole > 32)
