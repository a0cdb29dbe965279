"""Vectors and floats in forms that EXT_meshopt_compression unpacks after its codec, its filters.

Source: Khronos, EXT_meshopt_compression, appendix B.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

TEXCOORD_EXPONENT = -12  # 1/4096: a quarter of a texel where an image of 1024 texels repeats


def octahedral(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return (V, 4) int8 that the octahedral filter unpacks to (V, 3) normals or (V, 4) tangents.

    Of the four nearest points of the octahedron's grid, that is taken which unpacks nearest to the vector: at
    most 0.9 degrees off, where rounding x and y alone would reach 1.3.
    """
    fourth = np.rint(vectors[:, 3] * 127) if vectors.shape[1] == 4 else np.zeros(len(vectors))
    stored = np.empty((len(vectors), 4), np.int8)
    _octahedral(np.ascontiguousarray(vectors[:, :3], np.float32), stored)
    stored[:, 2] = 127
    stored[:, 3] = fourth
    return stored


def exponential(array: NDArray[np.float32]) -> NDArray[np.int32] | None:
    """Return (V, C) int32 that the exponential filter unpacks to within 1/8192; None if out of reach."""
    whole = np.rint(array.astype(np.float64) * 2.0**-TEXCOORD_EXPONENT)
    if len(whole) and np.abs(whole).max() >= 2**23:
        return None
    return (whole.astype(np.int32) & 0xFFFFFF) | np.int32(TEXCOORD_EXPONENT << 24)


@kernel
def _octahedral(vectors: NDArray[np.float32], stored: NDArray[np.int8]) -> None:
    """Find x and y of the octahedron for each unit vector, as multiples of 1/127."""
    for row in range(len(vectors)):
        x, y, z = float(vectors[row, 0]), float(vectors[row, 1]), float(vectors[row, 2])
        size = abs(x) + abs(y) + abs(z)
        u, v = x / size, y / size
        if z < 0:
            u, v = (1 - abs(v)) * (1 if u >= 0 else -1), (1 - abs(u)) * (1 if v >= 0 else -1)
        best = -2.0
        base_u, base_v = int(np.floor(u * 127)), int(np.floor(v * 127))
        for i in range(max(base_u, -127), min(base_u + 1, 127) + 1):
            for j in range(max(base_v, -127), min(base_v + 1, 127) + 1):
                p, q = i / 127, j / 127
                r = 1 - abs(p) - abs(q)
                under = min(r, 0.0)
                p += under if p >= 0 else -under
                q += under if q >= 0 else -under
                length = np.sqrt(p * p + q * q + r * r)
                # as a client gets it: rounded to bytes once more
                p, q, r = np.rint(p / length * 127), np.rint(q / length * 127), np.rint(r / length * 127)
                near = (p * x + q * y + r * z) / np.sqrt(p * p + q * q + r * r)
                if near > best:
                    best = near
                    stored[row, 0] = i
                    stored[row, 1] = j
