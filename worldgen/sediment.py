"""What rivers carry: laid down in lakes, on fans and plains, or carried out of the map; and its budget.

Arrays are flat and framed, see `worldgen.flow`; directions are those of `worldgen.single_flow`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worldgen.depressions import STAYS
from worldgen.flow import ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel


@dataclass
class SedimentBudget:
    """Where the ground went, m³ over all steps: uplift + deposited - eroded is what the land has gained.

    Attributes
    ----------
    uplift : raised by uplift, in balance with subsidence.
    eroded : lost where the ground fell.
    deposited : gained where sediment raised it, on land and in lakes.
    exported : carried into the sea and over the map's edge, as summed along the rivers.
    creep : lost over the edge by diffusion.
    """

    uplift: float = 0.0
    eroded: float = 0.0
    deposited: float = 0.0
    exported: float = 0.0
    creep: float = 0.0


@kernel
def carry(
    height: FloatArray,
    before: FloatArray,
    result: FloatArray,
    surface: FloatArray,
    level: FloatArray,
    label: IntArray,
    direction: ByteArray,
    order: IntArray,
    width: int,
    load: FloatArray,
    fill: FloatArray,
    last: bool,
) -> float:
    """Carry what is cut downstream and let lakes hold it back; return what leaves the map, in metres.

    ``load`` becomes what comes in from upstream, ``fill`` the share of each lake's depth that is filled. In
    the ``last`` call the result is adjusted: no river lays down more than it carries, nor above what flows
    into it, or it would dam that. The rest goes on downstream.
    """
    offsets = neighbour_offsets(width)
    load[:] = 0.0
    room = np.zeros(fill.size)
    lowest = np.full(result.size if last else 0, np.inf)  # of what flows into a cell
    exported = 0.0
    for cell in order:
        side = direction[cell]
        basin = label[cell]
        drowned = level[basin] > height[cell]
        if last and result[cell] > before[cell]:
            most = before[cell] + load[cell]
            if not drowned:
                most = min(most, max(lowest[cell], before[cell]))
            if result[cell] > most:
                result[cell] = most
                surface[cell] = max(surface[cell], most)
        out = max(load[cell] + before[cell] - result[cell], 0.0)
        if drowned:
            room[basin] += max(surface[cell] - result[cell], 0.0)
        if side >= STAYS:
            exported += out
            continue
        receiver = cell + offsets[side]
        if basin > 0 and label[receiver] != basin and room[basin] > 0.0:
            fill[basin] = min(out / room[basin], 1.0)
            out -= fill[basin] * room[basin]
            out = max(out, 0.0)
        load[receiver] += out
        if last:
            lowest[receiver] = min(lowest[receiver], level[basin] if drowned else result[cell])
    return exported


@kernel
def fill_lakes(
    height: FloatArray,
    result: FloatArray,
    surface: FloatArray,
    level: FloatArray,
    label: IntArray,
    order: IntArray,
    fill: FloatArray,
) -> None:
    """Raise the beds of lakes in ``result``, in place, by their share of the depth."""
    for cell in order:
        basin = label[cell]
        if level[basin] > height[cell] and surface[cell] > result[cell]:
            result[cell] += fill[basin] * (surface[cell] - result[cell])


@kernel
def sums(
    height: FloatArray, before: FloatArray, after: FloatArray, order: IntArray
) -> tuple[float, float, float]:
    """Return the metres that all cells were raised, cut and filled, in sum."""
    raised = eroded = deposited = 0.0
    for cell in order:
        raised += before[cell] - height[cell]
        change = after[cell] - before[cell]
        eroded += max(-change, 0.0)
        deposited += max(change, 0.0)
    return raised, eroded, deposited
