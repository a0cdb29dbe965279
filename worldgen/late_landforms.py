"""Landforms that come last: volcanoes on the macro relief, cinder cones and dunes on the finished land.

The nets never see them, as they would wear them down to bumps. Each is a function of world coordinates and of
the style's weight, which is 0 where there are none: then it costs nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.dune_fields import dune_field, sand_supply, slid
from worldgen.landscapes import LANDSCAPES, Weights
from worldgen.models.blocks import Window
from worldgen.volcanoes import cinder_cones, stratovolcanoes

FloatArray = NDArray[np.float64]

ROOM_FRAME = 20  # cells of the macro relief around a window that `room` reads
# Standard deviations of the blurs in cells, and slopes at which the ground is too steep and flat enough.
_FLAT = ((2.0, 0.065, 0.03), (5.0, 0.045, 0.02))
_EDGE = 1.5  # cells of blur of what is flat


def volcanoes(weights: Weights, x: FloatArray, z: FloatArray, seed: int) -> FloatArray | float:
    """Metres that stratovolcanoes add to the macro relief: x (1, W), z (H, 1) -> (H, W)."""
    total: FloatArray | float = 0.0
    for name, weight in _some(weights).items():
        land = LANDSCAPES[name]
        if land.cones:
            total += weight * stratovolcanoes(x, z, land.cones, land.wavelength, seed)
    return total


def cinders(weights: Weights, x: FloatArray, z: FloatArray, seed: int) -> FloatArray | float:
    """Metres that cinder cones add to the finished land: x (1, W), z (H, 1) -> (H, W)."""
    share = sum(weight for name, weight in _some(weights).items() if LANDSCAPES[name].cones)
    return share * cinder_cones(x, z, seed) if np.any(share) else 0.0


def has_dunes(weights: Weights) -> bool:
    """Whether a mix of styles has dunes anywhere."""
    return any(LANDSCAPES[name].dunes > 0 for name in _some(weights))


def sand(
    weights: Weights, x: FloatArray, z: FloatArray, room: FloatArray, spacing: float, seed: int
) -> FloatArray | float:
    """Metres of dunes: x (1, W), z (H, 1), ``room`` (H, W) from `room` -> (H - 2 F, W - 2 F).

    F is `dune_fields.SLIDE_FRAME`.
    """
    total: FloatArray | float = 0.0
    for name, weight in _some(weights).items():
        if LANDSCAPES[name].dunes:
            share = weight * room * sand_supply(x, z, seed)
            total += slid(dune_field(x, z, share, spacing, LANDSCAPES[name].dunes, seed), spacing)
    return total


def room(
    relief: NDArray[np.floating], spacing: float, window: Window, calm: FloatArray | float
) -> FloatArray:
    """Where the ground is flat enough for dunes, from 0 to 1, of a macro relief.

    Parameters
    ----------
    relief : (H, W) metres of ``window`` and `ROOM_FRAME` cells around it.
    calm : (h, w) of ``window``: 1 where a sketch says what lies there.

    Returns
    -------
    (h, w) of ``window``.
    """
    flat = np.ones(relief.shape)
    for blur, steep, even in _FLAT:
        smooth = gaussian_filter(np.asarray(relief, np.float64), blur, truncate=2.5)
        south, east = np.gradient(smooth, spacing)
        part = np.clip((steep - np.sqrt(south * south + east * east)) / (steep - even), 0.0, 1.0)
        flat *= part * part * (3 - 2 * part)
    flat = gaussian_filter(flat, _EDGE, truncate=2.5)
    inner = flat[ROOM_FRAME : ROOM_FRAME + window.height, ROOM_FRAME : ROOM_FRAME + window.width]
    return np.asarray(inner * (1 - calm))


def refined(coarse: FloatArray, origin: tuple[int, int], window: Window, step: int) -> FloatArray:
    """Sample a map on a grid ``step`` times finer with quadratic B-splines; each cell alone.

    Parameters
    ----------
    coarse : (H, W) map whose first cell is ``origin``; it frames the window by a cell.

    Returns
    -------
    (window.height, window.width).
    """
    rows, down = _taps(window.row, window.height, step, origin[0])
    columns, right = _taps(window.column, window.width, step, origin[1])
    low, middle, high = (down[tap][:, None] * coarse[rows + tap] for tap in range(3))
    tall = low + middle + high
    low, middle, high = (right[tap] * tall[:, columns + tap] for tap in range(3))
    return low + middle + high


def _taps(first: int, count: int, step: int, origin: int) -> tuple[NDArray[np.int64], list[FloatArray]]:
    """Index of the first of three coarse cells around each fine one, and the three weights."""
    place = (np.arange(first, first + count) + 0.5) / step  # in coarse cells
    cell = np.floor(place)
    t = place - cell
    weights = [0.5 * (1 - t) * (1 - t), 0.5 + t * (1 - t), 0.5 * t * t]
    return cell.astype(np.int64) - 1 - origin, weights


def _some(weights: Weights) -> dict[str, FloatArray | float]:
    """The styles whose weight is not 0 everywhere."""
    return {name: weight for name, weight in weights.items() if np.any(weight)}
