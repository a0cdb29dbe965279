"""Vectorised gradient noise. `simplex` and `perlin` equal ``noise.snoise2`` and ``noise.pnoise2``.

The package ``noise`` takes one point a call; these loops do the same arithmetic over whole arrays in numba.
Sources: K. Perlin, "Improving noise", SIGGRAPH 2002; S. Gustavson, "Simplex noise demystified", 2005.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.rng import generator

# Perlin's permutation, and the gradients in the order of the package ``noise``, so that they can be compared.
# fmt: off
PERLIN_PERMUTATION = np.array([
    151, 160, 137, 91, 90, 15, 131, 13, 201, 95, 96, 53, 194, 233, 7, 225, 140, 36, 103, 30, 69, 142, 8, 99,
    37, 240, 21, 10, 23, 190, 6, 148, 247, 120, 234, 75, 0, 26, 197, 62, 94, 252, 219, 203, 117, 35, 11, 32,
    57, 177, 33, 88, 237, 149, 56, 87, 174, 20, 125, 136, 171, 168, 68, 175, 74, 165, 71, 134, 139, 48, 27,
    166, 77, 146, 158, 231, 83, 111, 229, 122, 60, 211, 133, 230, 220, 105, 92, 41, 55, 46, 245, 40, 244,
    102, 143, 54, 65, 25, 63, 161, 1, 216, 80, 73, 209, 76, 132, 187, 208, 89, 18, 169, 200, 196, 135, 130,
    116, 188, 159, 86, 164, 100, 109, 198, 173, 186, 3, 64, 52, 217, 226, 250, 124, 123, 5, 202, 38, 147,
    118, 126, 255, 82, 85, 212, 207, 206, 59, 227, 47, 16, 58, 17, 182, 189, 28, 42, 223, 183, 170, 213,
    119, 248, 152, 2, 44, 154, 163, 70, 221, 153, 101, 155, 167, 43, 172, 9, 129, 22, 39, 253, 19, 98, 108,
    110, 79, 113, 224, 232, 178, 185, 112, 104, 218, 246, 97, 228, 251, 34, 242, 193, 238, 210, 144, 12,
    191, 179, 162, 241, 81, 51, 145, 235, 249, 14, 239, 107, 49, 192, 214, 31, 181, 199, 106, 157, 184, 84,
    204, 176, 115, 121, 50, 45, 127, 4, 150, 254, 138, 236, 205, 93, 222, 114, 67, 29, 24, 72, 243, 141,
    128, 195, 78, 66, 215, 61, 156, 180,
], dtype=np.int64)
_GRADIENTS = np.array([
    (1, 1, 0), (-1, 1, 0), (1, -1, 0), (-1, -1, 0), (1, 0, 1), (-1, 0, 1), (1, 0, -1), (-1, 0, -1),
    (0, 1, 1), (0, -1, 1), (0, 1, -1), (0, -1, -1), (1, 0, -1), (-1, 0, -1), (0, -1, 1), (0, 1, 1),
], dtype=np.float64)
# fmt: on
_POINTS = 20_000  # points that are worth a thread of their own
_SKEW = 0.5 * (math.sqrt(3.0) - 1.0)
_UNSKEW = (3.0 - math.sqrt(3.0)) / 6.0


def permutation(seed: int, stage: str) -> NDArray[np.int64]:
    """Return a shuffled table of 0..255 for `simplex`, `perlin` and `fractal`."""
    return generator(seed, f"noise/{stage}").permutation(256).astype(np.int64)


@kernel
def _simplex(x: float, y: float, table: NDArray[np.int64]) -> float:
    skew = (x + y) * _SKEW
    i = math.floor(x + skew)
    j = math.floor(y + skew)
    unskew = (i + j) * _UNSKEW
    x0 = x - (i - unskew)
    y0 = y - (j - unskew)
    i1 = 1 if x0 > y0 else 0
    j1 = 1 - i1
    total = 0.0
    for corner in range(3):
        if corner == 0:
            a, b, dx, dy = 0, 0, x0, y0
        elif corner == 1:
            a, b, dx, dy = i1, j1, x0 - i1 + _UNSKEW, y0 - j1 + _UNSKEW
        else:
            a, b, dx, dy = 1, 1, x0 - 1.0 + 2.0 * _UNSKEW, y0 - 1.0 + 2.0 * _UNSKEW
        falloff = 0.5 - dx * dx - dy * dy
        if falloff > 0.0:
            gradient = table[(i + a + table[(j + b) & 255]) & 255] % 12
            total += falloff**4 * (_GRADIENTS[gradient, 0] * dx + _GRADIENTS[gradient, 1] * dy)
    return 70.0 * total


@kernel
def _perlin(x: float, y: float, table: NDArray[np.int64]) -> float:
    i = math.floor(x)
    j = math.floor(y)
    x -= i
    y -= j
    fade_x = x * x * x * (x * (x * 6.0 - 15.0) + 10.0)
    fade_y = y * y * y * (y * (y * 6.0 - 15.0) + 10.0)
    total = 0.0
    for a in range(2):
        for b in range(2):
            # `noise` takes the 2D value as a slice of the 3D lattice at z = 0, hence the third lookup.
            gradient = table[(table[(table[(i + a) & 255] + j + b) & 255]) & 255] & 15
            value = _GRADIENTS[gradient, 0] * (x - a) + _GRADIENTS[gradient, 1] * (y - b)
            total += (fade_x if a else 1.0 - fade_x) * (fade_y if b else 1.0 - fade_y) * value
    return total


@kernel
def _fill(
    kind: int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    octaves: int,
    gain: float,
    lacunarity: float,
    table: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    # kinds: 0 sum of simplex, 1 sum of Perlin, 2 ridged simplex
    for index in range(out.size):
        amplitude = 1.0
        frequency = 1.0
        total = 0.0
        scale = 0.0
        weight = 1.0
        for octave in range(octaves):
            # An irrational shift per octave keeps the octaves' lattice points from lying on each other.
            px = x[index] * frequency + octave * 37.271
            py = y[index] * frequency + octave * 91.637
            if kind == 1:
                value = _perlin(px, py, table)
            else:
                value = _simplex(px, py, table)
            if kind == 2:
                value = 1.0 - abs(value)
                value *= value * weight
                weight = min(max(value * 2.0, 0.0), 1.0)
            total += amplitude * value
            scale += amplitude
            amplitude *= gain
            frequency *= lacunarity
        out[index] = total / scale


def _evaluate(
    kind: int,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    table: NDArray[np.int64],
    octaves: int = 1,
    gain: float = 0.5,
    lacunarity: float = 2.0,
) -> NDArray[np.float64]:
    wide_x, wide_y = np.broadcast_arrays(x, y)
    out = np.empty(wide_x.shape, np.float64)
    flat_x = np.ascontiguousarray(wide_x, np.float64).ravel()
    flat_y = np.ascontiguousarray(wide_y, np.float64).ravel()
    flat = out.reshape(-1)

    def fill(part: slice) -> None:
        _fill(kind, flat_x[part], flat_y[part], octaves, gain, lacunarity, table, flat[part])

    count = min(os.cpu_count() or 1, 1 + out.size // _POINTS)
    edges = [out.size * index // count for index in range(count + 1)]
    if count == 1:
        fill(slice(None))
    else:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(fill, starmap(slice, pairwise(edges))))
    return out


def simplex(
    x: NDArray[np.floating], y: NDArray[np.floating], table: NDArray[np.int64] = PERLIN_PERMUTATION
) -> NDArray[np.float64]:
    """Simplex noise in about [-1, 1] at points x, y (broadcast together); equals ``noise.snoise2``."""
    return _evaluate(0, x, y, table)


def perlin(
    x: NDArray[np.floating], y: NDArray[np.floating], table: NDArray[np.int64] = PERLIN_PERMUTATION
) -> NDArray[np.float64]:
    """Improved Perlin noise in about [-1, 1] at points x, y; equals ``noise.pnoise2``."""
    return _evaluate(1, x, y, table)


def fractal(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    table: NDArray[np.int64],
    *,
    octaves: int,
    gain: float = 0.5,
    ridged: bool = False,
) -> NDArray[np.float64]:
    """Sum octaves of simplex noise, each of twice the frequency and ``gain`` times the amplitude.

    Parameters
    ----------
    x, y : coordinates in units of the first octave's wavelength, broadcast together.
    table : from `permutation`.
    ridged : fold each octave to sharp crests (Musgrave's ridged multifractal), result in [0, 1]; else in
        about [-1, 1].
    """
    return _evaluate(2 if ridged else 0, x, y, table, octaves, gain)
