"""Let water through dams where the cut is short and shallow. `worldgen.hydrology` is the public door."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen import drainage_tree, flow
from worldgen.flow import DISTANCE, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel


def breached(
    level: FloatArray, sea: NDArray[np.bool_], step: float, deepest: float, longest: float
) -> FloatArray:
    """Return the level cut along the lowest ways out of its pits.

    Parameters
    ----------
    level : (H, W) float64, metres, of the ground and the sea.
    sea : (H, W) bool.
    step : metres by which a cut falls in a cell.
    deepest, longest : what a cut may be at most, in metres and in cells.
    """
    surface, width = flow.frame(level, np.inf), level.shape[1] + 2
    visited, outlets = flow.outlets(sea)
    parents = drainage_tree.spill_tree(surface, visited, outlets, width)
    _, pits = drainage_tree.steepest(surface, parents, width)
    pits = pits[np.argsort(surface[pits], kind="stable")]
    _breach(surface, parents, pits, width, step, deepest, longest)
    return flow.unframe(surface, level.shape)


@kernel
def _breach(
    surface: FloatArray,
    parents: IntArray,
    pits: IntArray,
    width: int,
    step: float,
    deepest: float,
    longest: float,
) -> None:
    """Cut the surface, in place, along the way from each pit to the first ground below it.

    A way is cut whole or not at all (Lindsay 2016): not where it would be deeper than ``deepest`` metres,
    longer than ``longest`` cells, or meets no lower ground. The pits come lowest first, so that a higher
    one's way may end in the cut of a lower one.
    """
    offsets = neighbour_offsets(width)
    for pit in pits:
        for cutting in (False, True):
            cell, level, length = pit, surface[pit], 0.0
            through = False
            while parents[cell] >= 0:
                distance = 1.0
                for side in range(8):
                    if offsets[side] == parents[cell] - cell:
                        distance = DISTANCE[side]
                cell = parents[cell]
                level -= step * distance
                length += distance
                through = surface[cell] < level
                if through or length > longest or surface[cell] - level > deepest:
                    break
                if cutting:
                    surface[cell] = level
            if not through:
                break
