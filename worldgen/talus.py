"""Aprons of debris below cliffs: where falling blocks come to rest.

Blocks run out along an energy line: from the foot of a cliff it sinks by the shadow angle, and a block stops
where the line meets the ground (S. G. Evans and O. Hungr, "The assessment of rockfall hazard at the base of
talus slopes", Canadian Geotechnical Journal 30, 1993). Large blocks run farther than small ones, so an apron
is sorted: fine at the wall, coarse at its foot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.heightmap import ramp, slope_degrees
from worldgen.kernel import kernel

Field = NDArray[np.float32]

CLIFF_SLOPE = 48.0  # degrees; steeper ground is rock that blocks fall from
REST_SLOPE = 40.0  # degrees; no debris rests on steeper ground
SHADOW_ANGLE = 27.5  # degrees below the cliff's foot that blocks reach at the most
FULL_CLIFF = 60.0  # metres of fall that cover an apron with blocks


def talus_aprons(elevation: Field, spacing: float, land: NDArray[np.bool_]) -> tuple[Field, Field]:
    """Return where debris lies and how far down its apron.

    Parameters
    ----------
    elevation : (H, W) metres.
    spacing : metres.
    land : (H, W) bool; blocks that fall into water lie at its bottom and are not counted.

    Returns
    -------
    talus : (H, W) float32 in [0, 1]: 0 where no block comes to rest.
    runout : (H, W) float32 in [0, 1]: 0 at the wall, 1 where the farthest blocks stop.
    """
    slope = slope_degrees(elevation, spacing)
    cliff = slope > CLIFF_SLOPE
    none = np.zeros(elevation.shape, np.float32)
    if not cliff.any():
        return none, none
    energy = np.full(elevation.shape, -np.inf, np.float32)
    run = np.zeros(elevation.shape, np.float32)
    fall = np.zeros(elevation.shape, np.float32)
    highest_first = np.argsort(-elevation, axis=None, kind="stable")
    _fall(elevation, cliff, highest_first, spacing, np.tan(np.radians(SHADOW_ANGLE)), energy, run, fall)
    left = np.where(cliff, 0, np.maximum(energy - elevation, 0))
    rests = ramp(left, 0, 3) * ramp(slope, REST_SLOPE + 6, REST_SLOPE) * land
    talus = np.where(run > 0, rests * ramp(fall, 0, FULL_CLIFF), 0).astype(np.float32)
    # What is left of the fall against what was there: a share that ends at 1 where blocks stop.
    runout = np.where(talus > 0, 1 - left / np.maximum(left + run * 0.25, 1e-3), 0).astype(np.float32)
    runout = np.clip(runout, 0, 1)
    # Most blocks stop early.
    return talus * (1 - 0.7 * runout), runout


@kernel
def _fall(
    elevation: Field,
    cliff: NDArray[np.bool_],
    highest_first: NDArray[np.intp],
    spacing: float,
    shadow: float,
    energy: Field,
    run: Field,
    fall: Field,
) -> None:
    """Let blocks fall from cell to lower cell, from the highest down.

    ``energy`` gets the height of the energy line, ``run`` the metres from the cliff's foot of the path that
    keeps it highest, ``fall`` the metres of cliff above that foot.
    """
    rows, columns = elevation.shape
    for flat in highest_first:
        row = flat // columns
        column = flat - row * columns
        here = elevation[row, column]
        if cliff[row, column]:
            energy[row, column] = here
            run[row, column] = 0.0
        elif energy[row, column] <= here:
            continue
        for down in range(-1, 2):
            for right in range(-1, 2):
                r, c = row + down, column + right
                if r < 0 or c < 0 or r >= rows or c >= columns or elevation[r, c] >= here:
                    continue
                length = spacing * np.sqrt(float(down * down + right * right))
                if cliff[r, c]:
                    fall[r, c] = max(fall[r, c], fall[row, column] + (here - elevation[r, c]))
                    continue
                line = energy[row, column] - shadow * length
                if line > energy[r, c]:
                    energy[r, c] = line
                    run[r, c] = run[row, column] + length
                    fall[r, c] = fall[row, column] + (here - elevation[r, c] if cliff[row, column] else 0)
