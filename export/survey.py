"""One look at each vertex before it is written: bounds, and what no client can show.

Loops, for numpy takes some eight passes and as much time as writing the file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

Float32Array = NDArray[np.float32]
TOLERANCE = 0.01  # of the squared length: 0.5 % of the length


@kernel
def column_bounds(array: Float32Array, low: Float32Array, high: Float32Array) -> bool:
    """Fill lowest and highest of each column of (V, 3) numbers, V above 0; whether all are finite."""
    low_x, low_y, low_z = array[0, 0], array[0, 1], array[0, 2]
    high_x, high_y, high_z = low_x, low_y, low_z
    total = np.float32(0)  # stays 0 unless a value is infinite or none at all
    for row in range(len(array)):
        x, y, z = array[row, 0], array[row, 1], array[row, 2]
        total += x * np.float32(0) + y * np.float32(0) + z * np.float32(0)
        low_x, low_y, low_z = min(low_x, x), min(low_y, y), min(low_z, z)
        high_x, high_y, high_z = max(high_x, x), max(high_y, y), max(high_z, z)
    low[0], low[1], low[2] = low_x, low_y, low_z
    high[0], high[1], high[2] = high_x, high_y, high_z
    return bool(total == 0)


@kernel
def count_not_unit(vectors: Float32Array) -> int:
    """Rows of (V, 3 or more) whose first three are not of unit length, within 0.5 %."""
    wrong = 0
    for row in range(len(vectors)):
        x, y, z = vectors[row, 0], vectors[row, 1], vectors[row, 2]
        if not abs(x * x + y * y + z * z - 1) <= TOLERANCE:
            wrong += 1
    return wrong
