"""The loop that blends surfaces texel by texel; `worldgen.bake` says what it does and why.

A world of 1025² has about 16 million texels, so everything that varies slowly (weights, tone, visibility)
comes as fields on the terrain's vertices and is interpolated here, and bytes are written straight.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

MEMBERS = 6  # of a surface's stack: red, green, blue (linear light), height, roughness, occlusion
HEIGHT = 3
# Fields on vertices, in this order.
ELEVATION, VISIBILITY, TONE, WARMTH, WARP = range(5)
FIELDS = 5
PATCH = 0.75  # distance of patches' centres, in tiles
LIFT, SOFT = 0.4, 0.12  # what relief counts where patches meet, in their weights; width of the blend

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]


@kernel
def _corners(side: int, at: float) -> tuple[int, int, np.float32]:
    """Texels left and right of `at` tiles on a wrapped axis of `side`, and the share of the right one."""
    place = (at - math.floor(at)) * side - 0.5
    left = math.floor(place)
    right = left + 1 if left + 1 < side else 0
    return (left if left >= 0 else side - 1), right, np.float32(place - left)


@kernel
def _height_at(image: FloatArray, u: float, v: float) -> float:
    """Bilinear sample of the height of a wrapped (N, N, 6) image at (u, v) tiles."""
    left, right, fx = _corners(image.shape[0], u)
    top, bottom, fy = _corners(image.shape[0], v)
    above = image[top, left, HEIGHT] + fx * (image[top, right, HEIGHT] - image[top, left, HEIGHT])
    below = image[bottom, left, HEIGHT] + fx * (image[bottom, right, HEIGHT] - image[bottom, left, HEIGHT])
    height: float = above + fy * (below - above)
    return height


@kernel
def _add_sample(image: FloatArray, u: float, v: float, share: float, out: FloatArray) -> None:
    """Add ``share`` times the bilinear sample of a wrapped (N, N, 6) image at (u, v) tiles to ``out``."""
    left, right, fx = _corners(image.shape[0], u)
    top, bottom, fy = _corners(image.shape[0], v)
    one = np.float32(1.0)
    part = np.float32(share)
    a = (one - fx) * (one - fy) * part
    b = fx * (one - fy) * part
    c = (one - fx) * fy * part
    d = fx * fy * part
    for member in range(MEMBERS):
        out[member] += (
            a * image[top, left, member]
            + b * image[top, right, member]
            + c * image[bottom, left, member]
            + d * image[bottom, right, member]
        )


@kernel
def _offset(i: int, j: int) -> tuple[float, float]:
    """Where in its tile patch (i, j) is taken from: two numbers in [0, 1)."""
    x = ((i * 0x9E3779B1) ^ (j * 0x85EBCA77)) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x ^= x >> 16
    return (x & 0xFFFF) / 65536.0, (x >> 16) / 65536.0


@kernel
def _claim(
    image: FloatArray, u: float, v: float, weight: float, most: float, i: int, j: int
) -> tuple[float, float, float]:
    """How strongly patch (i, j) claims a place, and where its tile is sampled; -1 where it can't win."""
    hold = min(4.0 * weight, 1.0)  # a patch whose weight is nought must have no say
    if weight + 0.5 * LIFT * hold < most - 0.5 * LIFT - SOFT:
        return -1.0, 0.0, 0.0
    shift = _offset(i, j)
    u, v = u + shift[0], v + shift[1]
    return weight + LIFT * hold * (_height_at(image, u, v) - 0.5), u, v


@kernel
def _add_unrepeated(image: FloatArray, u: float, v: float, share: float, out: FloatArray) -> None:
    """Add a sample of ground that never repeats: patches of the tile from hashed places.

    Each is a hexagon around a vertex of a triangular lattice (Heitz and Neyret 2018; Mikkelsen 2022); where
    three meet, the one whose relief stands higher wins, so that borders follow stones and cracks.
    """
    q = (u - v * 0.57735026919) / PATCH
    r = v * 1.15470053838 / PATCH
    i, j = math.floor(q), math.floor(r)
    w1, w2 = q - i, r - j
    w0 = 1.0 - w1 - w2
    if w0 >= 0.0:
        most = max(w0, w1, w2)
        a, ua, va = _claim(image, u, v, w0, most, i, j)
    else:  # the upper triangle of the lattice's rhomb
        w0, w1, w2 = -w0, 1.0 - w2, 1.0 - w1
        most = max(w0, w1, w2)
        a, ua, va = _claim(image, u, v, w0, most, i + 1, j + 1)
    b, ub, vb = _claim(image, u, v, w1, most, i + 1, j)
    c, uc, vc = _claim(image, u, v, w2, most, i, j + 1)
    least = max(a, b, c) - SOFT
    a, b, c = max(a - least, 0.0), max(b - least, 0.0), max(c - least, 0.0)
    share /= a + b + c
    if a > 0.0:
        _add_sample(image, ua, va, share * a, out)
    if b > 0.0:
        _add_sample(image, ub, vb, share * b, out)
    if c > 0.0:
        _add_sample(image, uc, vc, share * c, out)


@kernel
def _at(fields: FloatArray, index: int, row: float, column: float) -> float:
    """Bilinear sample of member ``index`` of (H, W, F) fields, clamped to the edge."""
    row = min(max(row, 0.0), fields.shape[0] - 1.0)
    column = min(max(column, 0.0), fields.shape[1] - 1.0)
    r = min(int(row), fields.shape[0] - 2)
    c = min(int(column), fields.shape[1] - 2)
    fr = row - r
    fc = column - c
    top = fields[r, c, index] * (1 - fc) + fields[r, c + 1, index] * fc
    bottom = fields[r + 1, c, index] * (1 - fc) + fields[r + 1, c + 1, index] * fc
    value: float = top * (1 - fr) + bottom * fr
    return value


@kernel
def blend(
    stack: FloatArray,
    sizes: NDArray[np.float64],
    depths: NDArray[np.float64],
    steep: NDArray[np.bool_],
    fields: FloatArray,
    weights: FloatArray,
    strata: FloatArray,
    encode: ByteArray,
    sea_level: float,
    first: tuple[float, float],
    step: tuple[float, float],
    spacing: float,
    origin: tuple[float, float],
    color: ByteArray,
    orm: ByteArray,
    relief: FloatArray,
    ground: FloatArray,
) -> None:
    """Fill the maps of one chunk.

    Parameters
    ----------
    stack : (S, N, N, 6) surfaces.
    sizes, depths, steep : (S,) metres of a tile, metres of relief, whether it is rock.
    fields, weights : (H, W, FIELDS) and (H, W, S) on vertices of the chunk and an apron around it.
    strata : (L,) factors of rock's brightness by elevation, one a metre, wrapped; empty for none.
    encode : (4096,) sRGB bytes of linear light 0 .. 1.
    sea_level : metres; ground near it is wet. -inf for none.
    first, step : (row, column) of texel (0, 0) in ``fields``, and from texel to texel.
    spacing, origin : metres between vertices; (x, z) of vertex (0, 0) of ``fields``.
    color, orm : (T, U, 3) to fill.
    relief, ground : (T + 2, U + 2) to fill, metres, with a frame of one texel for the normals: what the
        surfaces add, and the elevation that they lie on.
    """
    count = stack.shape[0]
    share = np.empty(count, np.float64)
    samples = np.empty((count, MEMBERS), np.float32)
    mixed = np.empty(MEMBERS, np.float32)
    height, width = relief.shape
    for i in range(height):
        row = first[0] + (i - 1) * step[0]
        z = origin[1] + row * spacing
        r = min(max(int(row), 0), fields.shape[0] - 2)
        fr = np.float32(min(max(row - r, 0.0), 1.0))
        for j in range(width):
            column = first[1] + (j - 1) * step[1]
            x = origin[0] + column * spacing
            c = min(max(int(column), 0), fields.shape[1] - 2)
            fc = np.float32(min(max(column - c, 0.0), 1.0))
            one = np.float32(1.0)
            w00, w01 = (one - fr) * (one - fc), (one - fr) * fc
            w10, w11 = fr * (one - fc), fr * fc
            y = _at(fields, ELEVATION, row, column)
            east = _at(fields, ELEVATION, row, column + 0.5) - _at(fields, ELEVATION, row, column - 0.5)
            south = _at(fields, ELEVATION, row + 0.5, column) - _at(fields, ELEVATION, row - 0.5, column)
            east /= spacing
            south /= spacing
            # Side projections share what the slope takes from the one from above.
            side = min(max((math.sqrt(east * east + south * south) - 0.6) / 0.6, 0.0), 1.0)
            flank = (east * east) ** 2 / max((east * east) ** 2 + (south * south) ** 2, 1e-12)
            best = 0.0
            for surface in range(count):
                weight = (
                    w00 * weights[r, c, surface]
                    + w01 * weights[r, c + 1, surface]
                    + w10 * weights[r + 1, c, surface]
                    + w11 * weights[r + 1, c + 1, surface]
                )
                share[surface] = 0.0
                if weight < 0.03:
                    continue
                out = samples[surface]
                out[:] = 0.0
                image = stack[surface]
                scale = 1.0 / sizes[surface]
                above = 1.0 - side if steep[surface] else 1.0
                if above > 0.02:
                    _add_unrepeated(image, x * scale, z * scale, above, out)
                if above < 0.98:
                    if flank > 0.03:
                        _add_unrepeated(image, z * scale, y * scale, (1 - above) * flank, out)
                    if flank < 0.97:
                        part = (1 - above) * (1 - flank)
                        _add_unrepeated(image, x * scale, y * scale, part, out)
                share[surface] = weight + 0.45 * (out[HEIGHT] - 0.5)
                best = max(best, share[surface])
            total = 0.0
            for surface in range(count):
                if share[surface] != 0.0:
                    share[surface] = max(share[surface] - best + 0.16, 0.0)
                    total += share[surface]
            lift = 0.0
            rock = 0.0
            mixed[:] = 0.0
            for surface in range(count):
                if share[surface] > 0.0:
                    part = share[surface] / total
                    lift += part * depths[surface] * samples[surface, HEIGHT]
                    if steep[surface]:
                        rock += part
                    for member in range(MEMBERS):
                        mixed[member] += np.float32(part) * samples[surface, member]
            relief[i, j] = lift
            ground[i, j] = y
            if i == 0 or j == 0 or i == height - 1 or j == width - 1:
                continue
            tone = _at(fields, TONE, row, column)
            warmth = _at(fields, WARMTH, row, column)
            wet = 0.0
            if sea_level > -1e30:
                wet = min(max((1.4 - (y - sea_level)) / 1.2, 0.0), 1.0)
            tone *= 1.0 - 0.5 * wet
            red, green, blue = 1.0 + warmth, 1.0 + 0.2 * warmth, 1.0 - warmth
            if strata.size and rock > 0.0:
                level = y + _at(fields, WARP, row, column)
                low = math.floor(level)
                band = strata[int(low) % strata.size] * (1 - level + low)
                band += strata[(int(low) + 1) % strata.size] * (level - low)
                # Pale layers lose their red.
                red *= 1.0 + 0.75 * band * rock
                green *= 1.0 + band * rock
                blue *= 1.0 + 1.15 * band * rock
            color[i - 1, j - 1, 0] = encode[int(min(max(mixed[0] * tone * red, 0.0), 1.0) * 4095)]
            color[i - 1, j - 1, 1] = encode[int(min(max(mixed[1] * tone * green, 0.0), 1.0) * 4095)]
            color[i - 1, j - 1, 2] = encode[int(min(max(mixed[2] * tone * blue, 0.0), 1.0) * 4095)]
            occlusion = mixed[5] * _at(fields, VISIBILITY, row, column)
            orm[i - 1, j - 1, 0] = int(min(max(occlusion, 0.0), 1.0) * 255 + 0.5)
            orm[i - 1, j - 1, 1] = int(min(max(mixed[4] * (1.0 - 0.45 * wet), 0.0), 1.0) * 255 + 0.5)
            orm[i - 1, j - 1, 2] = 0


@kernel
def encode_normals(
    relief: FloatArray, ground: FloatArray, row_step: float, column_step: float, normal: ByteArray
) -> None:
    """Fill (T, U, 3) bytes with the normals of a (T + 2, U + 2) relief in metres that lies on a ground.

    x east, y up in the image (north), as OpenGL and glTF have it; 0..255 for -1..1. Down a slope the ground
    is longer than the map shows, and the relief's rise along it as much gentler: without that, walls had
    ripples in rows.
    """
    for i in range(normal.shape[0]):
        for j in range(normal.shape[1]):
            east = (relief[i + 1, j + 2] - relief[i + 1, j]) / (2 * column_step)
            south = (relief[i + 2, j + 1] - relief[i, j + 1]) / (2 * row_step)
            fall_east = (ground[i + 1, j + 2] - ground[i + 1, j]) / (2 * column_step)
            fall_south = (ground[i + 2, j + 1] - ground[i, j + 1]) / (2 * row_step)
            steep = fall_east * fall_east + fall_south * fall_south
            along = (east * fall_east + south * fall_south) / max(steep, 1e-12)
            along *= 1.0 - 1.0 / math.sqrt(1.0 + steep)
            east -= along * fall_east
            south -= along * fall_south
            scale = 127.5 / math.sqrt(1.0 + east * east + south * south)
            normal[i, j, 0] = int(127.5 - east * scale + 0.5)
            normal[i, j, 1] = int(127.5 + south * scale + 0.5)
            normal[i, j, 2] = int(min(127.5 + scale + 0.5, 255.0))
