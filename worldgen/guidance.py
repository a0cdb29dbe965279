"""A sketch made ready to guide a land: fields for each level of its erosion, and a last correction.

What the finished macro relief still lacks of the sketch's heights is added smoothly (`sketch_heights`). All
is computed cell by cell from the sketch and world coordinates, so that windows stay exact cuts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worldgen.guided import CALM, Guided
from worldgen.landforms import STEPS, bend
from worldgen.landscapes import LANDSCAPES, Weights
from worldgen.models.blocks import Window
from worldgen.noise import fractal, permutation
from worldgen.sketch import Sketch
from worldgen.sketch_heights import Heights, smooth_step
from worldgen.sketch_lines import (
    beds,
    downhill,
    everywhere,
    joined,
    led_on,
    lengths,
    nearest,
    segments,
    wandering,
)

FloatArray = NDArray[np.float64]
Mix = Callable[[FloatArray, FloatArray], Weights]
Land = Callable[[Window], FloatArray]  # elevation in metres of a window without a sketch
Vertical = Callable[[Weights], tuple[FloatArray | float, FloatArray | float]]

_SHARE, _LOW_SHARE = 0.7, 0.2  # of the style's uplift that remains where heights are given, and on low ground
_DEPTH = 0.4  # of the sketch's relief: how far ranges may stand from its heights, before the correction
_ABOVE = 0.45  # of that, by which the land stands above what it is drawn to on average
_SWELL, _SWELL_WAVE = 0.1, 4000.0  # of the relief, and metres: swells that gather water on even flanks
_SPUR, _SPUR_WIDTH = 0.2, 1500.0  # of the relief, and metres: what a ridge adds to given heights
_RANGE = 3000.0  # metres from a ridge to the foot of its range
_ROCK = 0.8  # hardness that a ridge adds; less where heights are given, which would show as a wall
_GORGE = 0.6  # slope up from a river that given heights give way to
_LEVEE = 1000.0  # metres from a river within which no ground lies lower than its bed
# Least slope up from a river there. The nets roughen valley floors: at 0.02, 24 of 28 rivers drawn alone had
# water all along their lines and 26 fell along 98 % of them; at 0.04, 27 and 28.
_SHELVING = 0.04
_SILL = 200.0  # metres in units of steepness by which a river ends above the one that it is led on to
_AHEAD = 200  # cells around a mouth in which a river is looked for
_AROUND = np.array([(x, z) for x in (-1.0, 0.0, 1.0) for z in (-1.0, 0.0, 1.0)])


class Guide:
    """A sketch, made ready for windows of one land.

    Parameters
    ----------
    sketch : with cells no finer than ``spacing``.
    spacing : metres between cells of the macro relief.
    mix : weights of styles at x (1, W), z (H, 1).
    vertical : factor and shift from what erosion makes to metres, for weights of styles.
    land : the land without a sketch, metres.
    seed : of the macro relief.

    Attributes
    ----------
    short : metres by which the land around lies too high for the sketch's rivers to leave it.
    """

    def __init__(
        self, sketch: Sketch, spacing: float, mix: Mix, vertical: Vertical, land: Land, seed: int
    ) -> None:
        self._spacing, self._mix, self._vertical, self._seed = spacing, mix, vertical, seed
        self._heights = heights_of(sketch, spacing, seed)
        self._relief = 0.0 if self._heights is None else self._heights.relief
        self.short = 0.0
        lines, drawn, mouths = [], [], []
        oriented = [downhill(line, self._given(line)) for line in sketch.rivers]
        for index, line in enumerate(oriented):
            drawn.append(lengths(line)[-1])
            mouth, around = float("nan"), line[-1] + 2 * sketch.spacing * _AROUND
            joint = joined(oriented, index)
            if joint is not None:
                line = np.concatenate([line, joint[1][None]])
            elif np.isnan(self._given(around)).any():
                line, mouth, short = self._led_on(line, land)
                self.short = max(self.short, short)
            lines.append(wandering(line, seed))
            mouths.append(mouth)
        levels = beds(lines, mouths, self._given_bed, self._steepness)
        shares = [
            np.clip(1 - (lengths(line) - length) / CALM, 0, 1)
            for line, length in zip(lines, drawn, strict=True)
        ]
        values = [np.stack(pair, axis=1) for pair in zip(levels, shares, strict=True)]
        self._rivers = segments(lines, values)
        ridges = [wandering(line, seed) for line in sketch.ridges]
        self._ridges = segments(ridges, [np.zeros(line.shape) for line in ridges])

    def on(self, window: Window, cell: float) -> Guided:
        """What the sketch asks of a window with cells of so many metres."""
        x, z = self._unbent(*everywhere(*window.framed(1).centres(cell)))
        inner = np.s_[1:-1, 1:-1]
        zeros = np.zeros((window.height, window.width))
        target = near = slope = swell = zeros
        share = np.full(zeros.shape, _SHARE)
        if self._heights is not None:
            wide, near = self._heights.at(x, z, cell)
            south = (wide[2:, 1:-1] - wide[:-2, 1:-1]) / (2 * cell)
            east = (wide[1:-1, 2:] - wide[1:-1, :-2]) / (2 * cell)
            target, near, slope = wide[inner], near[inner], np.sqrt(south * south + east * east)
            high = self._heights.lowland(target)
            share = _LOW_SHARE + (_SHARE - _LOW_SHARE) * high
            table = permutation(self._seed, "sketch/swell")
            swell = _SWELL * high * fractal(x[inner] / _SWELL_WAVE, z[inner] / _SWELL_WAVE, table, octaves=4)
        x, z = np.ascontiguousarray(x[inner]), np.ascontiguousarray(z[inner])
        reach = max(CALM, 3 * cell)
        river, bed, drawn = nearest(self._rivers, x, z, reach)
        ridge, _, _ = nearest(self._ridges, x, z, reach)
        cell_of_sketch = 0.0 if self._heights is None else self._heights.spacing
        spur = 1 - np.minimum(ridge / max(_SPUR_WIDTH, 1.5 * cell_of_sketch, 2 * cell), 1.0)
        swell = swell * (1 - spur) * smooth_step(river / _SPUR_WIDTH)
        target = target + self._relief * (swell + _SPUR * spur * spur)
        crest = 1 - np.minimum(ridge / _RANGE, 1.0)
        weights = self._mix(*window.centres(cell))
        factor, shift = self._vertical(weights)
        target, bed = (self._lowered(target, river, bed, reach) - shift) / factor, (bed - shift) / factor
        calm = np.maximum(1 - smooth_step(ridge / CALM), drawn * (1 - smooth_step(river / CALM)))
        own = cell_of_sketch * self._steepness_of(weights) * share
        deep = _DEPTH * self._relief / factor
        depth = np.sqrt(deep * deep + own * own) + 1.0
        return Guided(
            cell=cell,
            coarse=cell > 3 * self._spacing,
            target=target - _ABOVE * depth,
            near=near,
            slope=slope / factor,
            depth=depth,
            share=share,
            river=river,
            bed=bed,
            calm=np.maximum(near, calm),
            crest=crest * crest,
            rock=1 + _ROCK * (1 - 0.7 * near) * (1 - smooth_step(ridge / cell - 0.5)),
        )

    @property
    def frame(self) -> int:
        """Cells around a window of the macro relief that `corrected` reads."""
        return 0 if self._heights is None else self._heights.frame(self._spacing)

    def corrected(self, elevation: FloatArray, window: Window) -> FloatArray:
        """Correct a macro relief so that the sketch holds.

        Parameters
        ----------
        elevation : (H, W) metres of ``window``.

        Returns
        -------
        (H - 2 F, W - 2 F) metres, F being `frame`.
        """
        inner = window.framed(-self.frame)
        x, z = everywhere(*inner.centres(self._spacing))
        frame = self.frame
        result = elevation[frame : frame + inner.height, frame : frame + inner.width].astype(np.float64)
        if self._heights is not None:

            def lowered(x: FloatArray, z: FloatArray, heights: FloatArray) -> FloatArray:
                river, bed, _ = nearest(self._rivers, x, z, CALM)
                return self._lowered(heights, river, bed, CALM)

            result += self._heights.lacking(elevation, window, self._spacing, lowered)
        river, bed, _ = nearest(self._rivers, x, z, _LEVEE)
        result += (1 - smooth_step(river / _LEVEE)) * np.maximum(bed + _SHELVING * river - result, 0)
        line = 1 - smooth_step(river / (2 * self._spacing) - 0.25)
        return result + line * (bed - result)

    @staticmethod
    def _lowered(heights: FloatArray, river: FloatArray, bed: FloatArray, reach: float) -> FloatArray:
        """Heights that give way to the valleys of rivers."""
        return np.where(river < reach, np.minimum(heights, bed + _GORGE * river), heights)

    def _unbent(self, x: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where the land at x, z comes to lie when `landforms` has bent it, metres."""
        column, row = x / self._spacing - 0.5, z / self._spacing - 0.5
        east, south = bend(column, row, self._seed)
        east, south = bend(column - east, row - south, self._seed)
        return x - east * self._spacing, z - south * self._spacing

    def _led_on(self, line: FloatArray, land: Land) -> tuple[FloatArray, float, float]:
        row, column = int(line[-1, 1] // self._spacing), int(line[-1, 0] // self._spacing)
        window = Window(row - _AHEAD, column - _AHEAD, 2 * _AHEAD, 2 * _AHEAD)
        x, z = window.centres(self._spacing)
        points = np.stack(np.broadcast_arrays(x, z), axis=-1).reshape(-1, 2)
        free = np.isnan(self._given(points, 0.1)).reshape(window.height, window.width)
        above = _SILL * float(self._steepness(line[-1:])[0])
        return led_on(line, float(self._given_bed(line[-1:])[0]), x, z, land(window) + above, free)

    def _given(self, points: FloatArray, least: float = 0.99) -> FloatArray:
        return np.full(len(points), np.nan) if self._heights is None else self._heights.given(points, least)

    def _given_bed(self, points: FloatArray) -> FloatArray:
        """Given heights, less a little, so that a river lies lower than the land beside it."""
        return self._given(points) - 0.035 * self._relief

    def _steepness(self, points: FloatArray) -> FloatArray:
        """Slope of rivers of 1 km² at points (N, 2), (N,)."""
        found = np.empty(len(points))
        for index, (x, z) in enumerate(points):
            weights = self._mix(np.array([[x]]), np.array([[z]]))
            found[index] = np.mean(self._steepness_of(weights) * self._vertical(weights)[0])
        return found

    @staticmethod
    def _steepness_of(weights: Weights) -> FloatArray | float:
        return sum(weight * LANDSCAPES[name].steepness for name, weight in weights.items())


def heights_of(sketch: Sketch, spacing: float, seed: int) -> Heights | None:
    """The sketch's heights, if any, for a land with cells of so many metres."""
    if sketch.elevation is None:
        return None
    heights = np.asarray(sketch.elevation, np.float64)
    return Heights(heights, sketch.spacing, sketch.origin, spacing, len(STEPS), seed)
