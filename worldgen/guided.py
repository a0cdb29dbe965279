"""What a sketch asks of each cell of a window while the land erodes.

Erosion carves valleys into any heights that it is given, and forgets them. So while the land erodes it is
drawn to the sketch's heights, the more gently the higher ranges stand in its style, and uplift goes with the
sketch's slope: rivers cut as deep as the sketch lets them, and the land keeps its shape. (Uplift painted or
steered by an author: Schott et al., "Large-scale terrain authoring through interactive erosion simulation",
ACM ToG 2023.) Rivers are held to beds that fall all the way. Ridges rise faster and are of harder rock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.sketch_heights import smooth_step

FloatArray = NDArray[np.float64]

CALM = 5000.0  # metres around lines within which the style's own trunk valleys and ranges end
# Uplift that balances the erosion of an even slope, in units of slope times spacing, and the steepest such.
_BALANCE, _STEEPEST = 1.3, 0.4
_CREST = 2.0  # uplift that a ridge adds
_VALLEY = 2000.0  # metres from a river to where land rises fully
_FLOOR = 0.3  # share of that by which it rises at the river
_ROOF, _BANK = 20.0, 2.0  # metres of water that may stand over given heights, and over a river's bed


@dataclass(frozen=True, eq=False)
class Guided:
    """What a sketch asks of each cell of a window, (H, W) each, metres in units of the land before scaling.

    Attributes
    ----------
    cell : metres between cells; ``coarse`` where lakes may still find their outlets.
    target : metres that the land is drawn to, as strongly as ``near``, 1 where heights are given, says.
    slope : of the given heights.
    depth : metres by which uplift may stand above the target.
    share : of the style's uplift that remains where heights are given.
    river, bed : metres to the nearest river, and its elevation there.
    calm : where the style's own uplift gives way to an even one, to which ``crest`` adds on ridges.
    rock : factor on hardness.
    """

    cell: float
    coarse: bool
    target: FloatArray
    near: FloatArray
    slope: FloatArray
    depth: FloatArray
    share: FloatArray
    river: FloatArray
    bed: FloatArray
    calm: FloatArray
    crest: FloatArray
    rock: FloatArray

    def uplift(self, own: FloatArray) -> FloatArray:
        """What takes the place of a style's own uplift, (H, W)."""
        return own + self.calm * (1 + _CREST * self.crest - own)

    def initial(self, elevation: FloatArray, bumps: FloatArray) -> FloatArray:
        """What takes the place of the land before rivers cut it, (H, W) metres."""
        elevation = elevation + self.near * (self.target + bumps - elevation)
        beside = (1 - self.near) * (1 - smooth_step(self.river / CALM))
        elevation += beside * np.maximum(self.bed + 0.02 * self.river - elevation, 0)
        return self.bed + (elevation - self.bed) * smooth_step(self.river / (2.5 * self.cell))

    def drive(
        self, rise: FloatArray, hardness: FloatArray, layers: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Rise, hardness, target, hold and roof of `relaxation.relax`, from the style's rise and hardness."""
        line = 1 - smooth_step(self.river / self.cell - 0.5)
        own = self.share * rise
        hold = self.near * own / self.depth
        balanced = own + _BALANCE * np.minimum(self.slope, _STEEPEST) * self.cell / hardness / (
            1 + 0.4 * (layers - 1)
        )
        given = self.near * self.near * self.near
        valley = _FLOOR + (1 - _FLOOR) * smooth_step(self.river / max(_VALLEY, 2 * self.cell))
        rise = (rise + given * (balanced - rise)) * valley
        target = (hold * self.target + line * self.bed) / np.maximum(hold + line, 1e-9)
        roof = np.full(rise.shape, np.inf)
        if not self.coarse:
            near, on_line = np.maximum(self.near, 1e-3), np.maximum(line, 1e-3)
            over_heights = self.target + _ROOF / (near * near * near * near)
            roof = np.minimum(over_heights, self.bed + _BANK / (on_line * on_line))
        return rise, hardness * self.rock, target, hold + line, roof
