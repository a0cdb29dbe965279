"""Heights of a sketch on windows of the land, and what a finished macro relief lacks to agree with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from worldgen.dem import fill_nodata
from worldgen.kernel import kernel
from worldgen.models.blocks import Window
from worldgen.noise import fractal, permutation
from worldgen.sketch_lines import everywhere

FloatArray = NDArray[np.float64]

_JOIN, _JOIN_CELLS = 6000.0, 4.0  # metres, and cells, around given heights where the land turns to its own
_LEFT = 0.03  # of the sketch's relief: what the land may differ by at the sketch's cells
_AROUND = 7  # cells of the sketch around a window that the correction reads
_LOWLAND = 0.12  # of the relief: so much above its lowest ground the sketch's land is as rough as its style


@dataclass(frozen=True, eq=False)
class _Layer:
    """Heights (R, C) with a rim of free cells that is filled smoothly, and nearness: 1 where given."""

    elevation: FloatArray
    near: FloatArray
    spacing: float
    origin: tuple[float, float]

    def halved(self) -> _Layer:
        x, z = self.origin[0] + self.spacing / 2, self.origin[1] + self.spacing / 2
        return _Layer(_halved(self.elevation), _halved(self.near), 2 * self.spacing, (x, z))


class Heights:
    """Given heights, (H, W) metres with NaN where free, for a land whose finest cells are ``finest`` metres.

    Attributes
    ----------
    relief, lowest : metres.
    rim : (x, z) metres of the lowest given cell that has a free neighbour.
    """

    def __init__(
        self,
        elevation: FloatArray,
        spacing: float,
        origin: tuple[float, float],
        finest: float,
        levels: int,
        seed: int,
    ) -> None:
        self.lowest = float(np.nanmin(elevation))
        self.relief = float(np.nanmax(elevation)) - self.lowest
        self.spacing = spacing
        void = np.isnan(elevation)
        inner = binary_erosion(~void, np.ones((3, 3)))
        row, column = np.unravel_index(np.argmin(np.where(void | inner, np.inf, elevation)), void.shape)
        self.rim = origin[0] + float(column) * spacing, origin[1] + float(row) * spacing
        self.rim_level = float(elevation[row, column])

        join = max(_JOIN, _JOIN_CELLS * spacing)
        pad = int(np.ceil(3 * join / spacing)) + 2
        wide = np.pad(elevation, pad, constant_values=np.nan)
        void = np.isnan(wide)
        corner = origin[0] - pad * spacing, origin[1] - pad * spacing
        x = corner[0] + np.arange(void.shape[1])[None, :] * spacing
        z = corner[1] + np.arange(void.shape[0])[:, None] * spacing
        ragged = 1.3 + fractal(x / join, z / join, permutation(seed, "sketch/join"), octaves=2)
        near = smooth_step(1 - distance_transform_edt(void) * spacing * ragged / join)
        filled = fill_nodata(np.where(void, 0.0, wide), void).astype(np.float64)
        self._layers = [_Layer(filled, near, spacing, corner)]
        while self._layers[-1].spacing < 2 ** (levels - 1) * finest:
            self._layers.append(self._layers[-1].halved())

    def at(self, x: FloatArray, z: FloatArray, cell: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Elevation and nearness, smooth over ``cell`` metres, at points x, z (H, W)."""
        fit = (layer for layer in self._layers if layer.spacing >= 0.99 * cell)
        layer = next(fit, self._layers[-1])
        rows, columns = (z - layer.origin[1]) / layer.spacing, (x - layer.origin[0]) / layer.spacing
        fields = np.zeros(rows.shape), np.zeros(rows.shape)
        for field, out in zip((layer.elevation, layer.near), fields, strict=True):
            _spline(field, (0, 0), rows, columns, out)
        return fields

    def given(self, points: FloatArray, least: float = 0.99) -> FloatArray:
        """Elevation at points (N, 2), NaN where nearness is not above ``least``."""
        elevation, near = self.at(points[:, :1].copy(), points[:, 1:].copy())
        return np.where(near > least, elevation, np.nan)[:, 0]

    def lowland(self, elevation: FloatArray) -> FloatArray:
        """0 at the sketch's lowest ground, which is a plain or a sea, 1 from `_LOWLAND` of its relief on."""
        return smooth_step((elevation - self.lowest) / max(_LOWLAND * self.relief, 1e-3))

    def frame(self, spacing: float) -> int:
        """Cells around a window that `lacking` reads."""
        return int(np.ceil(_AROUND * self.spacing / spacing)) + 2

    def lacking(
        self,
        elevation: FloatArray,
        window: Window,
        spacing: float,
        lowered: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
    ) -> FloatArray:
        """What to add to a relief so that its means over the sketch's cells agree with the sketch.

        Of what is finer than some four cells, up to `_LEFT` of the relief stays as it is. What is coarser is
        taken out wholly. Quadratic B-splines carry it to the land's cells, sharpened by two steps of the
        inverse of their blur, so that no grid and no crease shows.

        Parameters
        ----------
        elevation : (H, W) metres of ``window``.
        lowered : takes x, z and heights of the sketch, and gives the heights that are wanted there.

        Returns
        -------
        (H - 2 F, W - 2 F) metres, F being `frame` (spacing).
        """
        layer, cell, frame = self._layers[0], self.spacing, self.frame(spacing)
        inner = window.framed(-frame)
        x, z = everywhere(*inner.centres(spacing))
        rows, columns = (z - layer.origin[1]) / cell, (x - layer.origin[0]) / cell
        top, left = int(np.floor(rows[0, 0] + 0.5)) - 6, int(np.floor(columns[0, 0] + 0.5)) - 6
        height = int(np.floor(rows[-1, 0] + 0.5)) + 7 - top
        width = int(np.floor(columns[0, -1] + 0.5)) + 7 - left
        cells = Window(top, left, height, width)
        near = np.where(_within(cells, layer.near.shape), cells.cut(layer.near, (0, 0)), 0.0)
        out = np.zeros(x.shape)
        if not near.any():
            return out
        means = np.zeros(near.shape)
        place = (window.row, window.column), (top, left)
        _means(np.ascontiguousarray(elevation), *place, spacing, cell, layer.origin, means)
        at_x = layer.origin[0] + np.arange(left, left + width, dtype=np.float64)[None, :] * cell
        at_z = layer.origin[1] + np.arange(top, top + height, dtype=np.float64)[:, None] * cell
        wanted = lowered(*everywhere(at_x, at_z), cells.cut(layer.elevation, (0, 0)))
        rest = (wanted - means) * near * near * near
        fine = rest - _blurred(_blurred(_blurred(rest)))
        left_over = _LEFT * self.relief * (0.2 + 0.8 * self.lowland(wanted)) + 1e-3
        part = fine / left_over
        rest -= fine / np.sqrt(1 + part * part)
        once = _blurred(rest)
        _spline(3 * rest - 3 * once + _blurred(once), (top, left), rows, columns, out)
        return out


def smooth_step(value: FloatArray) -> FloatArray:
    """Smooth step from 0 at 0 to 1 at 1."""
    part = np.clip(value, 0.0, 1.0)
    return part * part * (3 - 2 * part)


def _within(cells: Window, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows = np.arange(cells.row, cells.row + cells.height)[:, None]
    columns = np.arange(cells.column, cells.column + cells.width)[None, :]
    return (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])


def _halved(field: FloatArray) -> FloatArray:
    even = np.pad(field, ((0, field.shape[0] % 2), (0, field.shape[1] % 2)), mode="edge")
    return 0.25 * (even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2])


def _blurred(field: FloatArray) -> FloatArray:
    """[1 4 1] / 6 both ways, what cell means see of a quadratic B-spline; edges as they are."""
    wide, tall = field.copy(), field.copy()
    wide[:, 1:-1] = (field[:, :-2] + 4 * field[:, 1:-1] + field[:, 2:]) / 6
    tall[:] = wide
    tall[1:-1] = (wide[:-2] + 4 * wide[1:-1] + wide[2:]) / 6
    return tall


@kernel
def _spline(
    field: FloatArray, first: tuple[int, int], rows: FloatArray, columns: FloatArray, out: FloatArray
) -> None:
    """Write the quadratic B-spline surface of ``field``, whose first cell is ``first``; 0 beyond it."""
    height, width = field.shape
    down, right = np.zeros(3), np.zeros(3)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row, column = int(np.floor(rows[i, j] + 0.5)), int(np.floor(columns[i, j] + 0.5))
            t, s = rows[i, j] - row, columns[i, j] - column
            row, column = row - first[0], column - first[1]
            if row < 1 or row >= height - 1 or column < 1 or column >= width - 1:
                continue
            down[0], down[1], down[2] = 0.5 * (0.5 - t) * (0.5 - t), 0.75 - t * t, 0.5 * (0.5 + t) * (0.5 + t)
            right[0], right[1], right[2] = (
                0.5 * (0.5 - s) * (0.5 - s),
                0.75 - s * s,
                0.5 * (0.5 + s) * (0.5 + s),
            )
            total = 0.0
            for a in range(3):
                line = 0.0
                for b in range(3):
                    line += right[b] * field[row - 1 + a, column - 1 + b]
                total += down[a] * line
            out[i, j] = total


@kernel
def _means(
    elevation: FloatArray,
    origin: tuple[int, int],
    first: tuple[int, int],
    spacing: float,
    cell: float,
    centre: tuple[float, float],
    out: FloatArray,
) -> None:
    """Write means by area over the cells from ``first`` on; ``centre`` is x, z of cell (0, 0) in metres."""
    for i in range(out.shape[0]):
        z = centre[1] + (first[0] + i) * cell
        top, bottom = (z - 0.5 * cell) / spacing, (z + 0.5 * cell) / spacing
        for j in range(out.shape[1]):
            x = centre[0] + (first[1] + j) * cell
            left, right = (x - 0.5 * cell) / spacing, (x + 0.5 * cell) / spacing
            total = 0.0
            area = 0.0
            for row in range(int(np.floor(top)), int(np.ceil(bottom))):
                tall = min(bottom, row + 1.0) - max(top, row * 1.0)
                for column in range(int(np.floor(left)), int(np.ceil(right))):
                    part = tall * (min(right, column + 1.0) - max(left, column * 1.0))
                    total += part * elevation[row - origin[0], column - origin[1]]
                    area += part
            out[i, j] = total / area
