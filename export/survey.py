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
    """Fill lowest and highest of each column of (V, C) numbers, V above 0; whether all are finite."""
    low[:] = array[0]
    high[:] = array[0]
    total = np.float32(0)
    for row in range(len(array)):
        for column in range(array.shape[1]):
            value = array[row, column]
            total += value * np.float32(0)  # stays 0 unless a value is infinite or none at all
            low[column] = min(low[column], value)
            high[column] = max(high[column], value)
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
