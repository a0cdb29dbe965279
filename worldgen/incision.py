"""Rivers of one receiver each cut their beds, by one implicit step.

Cells come after their receivers, so that each equation has one unknown (Braun, Willett 2013). Lakes are never
cut: their surface falls with their sill, and what comes to lie dry is cut for the share of the step in which
it does. Arrays are flat and framed, see `worldgen.flow`; directions are those of `worldgen.single_flow`.
"""

from __future__ import annotations

import numpy as np

from worldgen.depressions import STAYS
from worldgen.flow import DISTANCE, ByteArray, FloatArray, IntArray, neighbour_offsets
from worldgen.kernel import kernel
from worldgen.sediment import SedimentBudget, carry, fill_lakes, sums
from worldgen.single_flow import BEYOND, LEAVES, SingleFlow

_NEWTON = 60  # most iterations; some 6 for a usual step, more where it cuts nearly all of the fall
_ITERATIONS = 50  # most sweeps of erosion and deposition in a step
_SETTLED = 1e-3  # metres that a sweep may still change


class Incision:
    """A step's cutting on the rivers of a map; its arrays are used again for each step.

    Parameters
    ----------
    rivers : the rivers, as routed and accumulated.
    spacing : metres between cells.
    unit : m² of water for 1 of the rivers' accumulation.
    whole : whether accumulations are whole numbers, so that their powers can be looked up.
    area_exponent, slope_exponent : m and n of K * area ** m * slope ** n.
    sediment : G, how readily sediment settles; 0 for never (Yuan et al. 2019).
    """

    def __init__(
        self,
        rivers: SingleFlow,
        spacing: float,
        *,
        unit: float,
        whole: bool,
        area_exponent: float,
        slope_exponent: float,
        sediment: float,
    ) -> None:
        self.rivers, self.spacing, self.unit = rivers, spacing, unit
        self.exponents = area_exponent, slope_exponent
        self.sediment = sediment
        # A power costs 20 ns, and nearly all cells have little upstream.
        self._powers = np.power(np.arange(4096.0 if whole else 0.0) * unit, area_exponent)
        size = rivers.direction.size
        self._surface = np.zeros(size)
        self._result = np.full(size, np.inf)
        self._load = np.zeros(size if sediment > 0 else 1)

    def cut(
        self, height: FloatArray, erodibility: FloatArray, uplift: FloatArray, budget: SedimentBudget
    ) -> None:
        """Move ``height``, (P,) metres, on by a step, and add to the budget.

        ``erodibility`` and ``uplift``, (P,), are those of the whole step: times its years.
        """
        rivers, area = self.rivers, self.spacing**2
        before = height + uplift
        fill = np.zeros(rivers.level.size)
        exported = 0.0
        for sweep in range(_ITERATIONS if self.sediment > 0 else 1):
            change = _solve(
                height,
                before,
                erodibility,
                rivers.level,
                rivers.label,
                rivers.direction,
                rivers.drop,
                rivers.order,
                rivers.accumulation,
                self._powers,
                self.unit,
                *self.exponents,
                rivers.width,
                self.spacing,
                self.sediment,
                self._load,
                self._surface,
                self._result,
            )
            if self.sediment == 0:
                break
            last = change < _SETTLED or sweep == _ITERATIONS - 1
            exported = carry(
                height,
                before,
                self._result,
                self._surface,
                rivers.level,
                rivers.label,
                rivers.direction,
                rivers.order,
                rivers.width,
                self._load,
                fill,
                last,
            )
            if last:
                fill_lakes(
                    height,
                    self._result,
                    self._surface,
                    rivers.level,
                    rivers.label,
                    rivers.order,
                    fill,
                )
                break
        raised, eroded, deposited = sums(height, before, self._result, rivers.order)
        budget.uplift += raised * area
        budget.eroded += eroded * area
        budget.deposited += deposited * area
        budget.exported += (exported if self.sediment > 0 else eroded) * area
        height[:] = self._result


@kernel
def _solve(
    height: FloatArray,
    before: FloatArray,
    erodibility: FloatArray,
    level: FloatArray,
    label: IntArray,
    direction: ByteArray,
    drop: FloatArray,
    order: IntArray,
    accumulation: FloatArray,
    powers: FloatArray,
    unit: float,
    area_exponent: float,
    slope_exponent: float,
    width: int,
    spacing: float,
    sediment: float,
    load: FloatArray,
    surface: FloatArray,
    result: FloatArray,
) -> float:
    """Write the new ground to ``result`` and the water on it to ``surface``; return the largest change.

    ``before`` is the ground after uplift, ``load`` the metres of sediment that come from upstream.
    """
    offsets = neighbour_offsets(width)
    largest = 0.0
    for position in range(order.size - 1, -1, -1):
        cell = order[position]
        side = direction[cell]
        start = before[cell]
        if side == STAYS:
            surface[cell] = result[cell] = start
            continue
        if side == LEAVES:
            # The ground outside falls on for so many cells: a receiver one cell away would hold the edge up.
            length = BEYOND * spacing
            base = height[cell] - BEYOND * drop[cell]
        else:
            length = DISTANCE[side] * spacing
            base = surface[cell + offsets[side]]
        depth = level[label[cell]] - height[cell]
        share = 1.0
        amount = accumulation[cell]
        if depth > 0.0:
            if base >= start:
                surface[cell], result[cell] = base, start
                continue
            share = min(
                (start - base) / (start + depth - base), 1.0
            )  # of the step, in which the bed lies dry
        elif sediment > 0.0 and amount > 0.0:
            settling = sediment / amount
            share = 1.0 / (1.0 + settling)
            start += settling * share * load[cell]
        lowered = start
        if base < start:
            strength = powers[int(amount)] if amount < powers.size else (amount * unit) ** area_exponent
            strength *= erodibility[cell] * share
            if slope_exponent == 1.0:
                pull = strength / length
                lowered = (start + pull * base) / (1.0 + pull)
            else:
                fall = start - base
                pull = strength * (fall / length) ** slope_exponent / fall
                lowered = base + fall * _remaining(pull, slope_exponent)
        if sediment > 0.0:
            largest = max(largest, abs(lowered - result[cell]))
        result[cell] = lowered
        surface[cell] = max(lowered, base)
    return largest


@kernel
def _remaining(pull: float, exponent: float) -> float:
    """Return the x in [0, 1] with x + pull * x ** exponent = 1, by Newton's method.

    In x for exponents above 1, in x ** exponent below: either way the function is convex, so that the way
    from 1 down never passes the root.
    """
    outer = max(1.0, 1.0 / exponent)  # powers of the unknown: x = y ** outer, pull * y ** inner
    inner = exponent * outer
    y = 1.0
    for _ in range(_NEWTON):
        value = y**outer + pull * y**inner - 1.0
        slope = outer * y ** (outer - 1.0) + pull * inner * y ** (inner - 1.0)
        step = value / slope
        y -= step
        if step < 1e-15 * y:
            break
    return float(min(max(y, 0.0), 1.0) ** outer)
