"""Volcanoes of an endless land: cones that stand where dice say, each of its own size, shape and ravines.

Pure functions of world coordinates, cell by cell, so that windows stay exact cuts. A stratovolcano is steep
at its top and flattens to a long foot, has a crater or a caldera and is cut by ravines that radiate from it.
A cinder cone is small, as steep as loose slag lies, often breached on one side, and one of a field.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worldgen.models.layers import hashed_noise
from worldgen.noise import fractal, permutation

FloatArray = NDArray[np.float64]

_SPREAD = 5.0  # radius of a stratovolcano over its height
_CINDER_SPREAD = 3.3  # of a cinder cone: some 30 degrees between rim and foot
_CINDER_CELL = 1400.0  # metres between places of cinder cones
_CINDERS = 95.0  # metres of height of a middling cinder cone
_FIELD = 16_000.0  # metres, wave of the noise that says where cinder cones stand
_LEVEL = -40  # of hashed noise


def stratovolcanoes(x: FloatArray, z: FloatArray, largest: float, cell: float, seed: int) -> FloatArray:
    """Metres that stratovolcanoes add: x (1, W), z (H, 1) metres -> (H, W).

    Parameters
    ----------
    largest : metres, height of the largest.
    cell : metres between the places where one may stand, at least eight times ``largest``; one stands on
        about two of five.
    """
    table = permutation(seed, "volcanoes/ravines")

    def one(centre_x: float, centre_z: float, dice: FloatArray) -> tuple[float, Shape] | None:
        there, size, shape, turn = dice
        if there < 0.25:
            return None
        peak = largest * float(np.clip(0.55 + 0.25 * size, 0.2, 1.0))
        return _SPREAD * peak, lambda dx, dz: peak * _stratovolcano(dx, dz, table, shape, turn)

    return _scattered(x, z, cell, one, seed, _LEVEL)


def cinder_cones(x: FloatArray, z: FloatArray, seed: int) -> FloatArray:
    """Metres that fields of cinder cones add: x (1, W), z (H, 1) metres -> (H, W)."""
    table, field = permutation(seed, "volcanoes/cinders"), permutation(seed, "volcanoes/fields")

    def one(centre_x: float, centre_z: float, dice: FloatArray) -> tuple[float, Shape] | None:
        there, size, shape, turn = dice
        at_x, at_z = np.array([centre_x / _FIELD]), np.array([centre_z / _FIELD])
        if there < 1.9 - 4.6 * fractal(at_x, at_z, field, octaves=2)[0]:
            return None
        peak = _CINDERS * float(np.clip(1 + 0.6 * size, 0.3, 2.6))
        return _CINDER_SPREAD * peak, lambda dx, dz: peak * _cinder_cone(dx, dz, table, shape, turn)

    return _scattered(x, z, _CINDER_CELL, one, seed, _LEVEL - 1)


Shape = Callable[[FloatArray, FloatArray], FloatArray]  # height at offsets in radii
Volcano = Callable[[float, float, FloatArray], tuple[float, Shape] | None]


def _scattered(x: FloatArray, z: FloatArray, cell: float, one: Volcano, seed: int, level: int) -> FloatArray:
    """Sum of what stands at one place, moved by dice, in each square of a coarse grid -> (H, W).

    ``one`` says of a centre and four dice how far a volcano reaches, at most 0.65 squares, and its shape.
    """
    left, top = (int(np.floor(along.min() / cell)) - 1 for along in (x, z))
    right, low = (int(np.floor(along.max() / cell)) + 2 for along in (x, z))
    places = hashed_noise(seed, level, 6, top, left, low - top, right - left).astype(np.float64)
    height = np.zeros(np.broadcast_shapes(x.shape, z.shape))
    for row in range(low - top):
        for column in range(right - left):
            east, south, *dice = places[:, row, column]
            centre_x = (left + column + 0.5 + 0.24 * east) * cell
            centre_z = (top + row + 0.5 + 0.24 * south) * cell
            found = one(centre_x, centre_z, np.array(dice))
            if found is None:
                continue
            radius, shape = found
            rows = np.flatnonzero(np.abs(z[:, 0] - centre_z) < radius)
            columns = np.flatnonzero(np.abs(x[0] - centre_x) < radius)
            if rows.size and columns.size:
                dx, dz = x[:, columns] - centre_x, z[rows] - centre_z
                height[np.ix_(rows, columns)] += shape(dx / radius, dz / radius)
    return height


def _stratovolcano(
    dx: FloatArray, dz: FloatArray, table: NDArray[np.int64], shape: float, turn: float
) -> FloatArray:
    """Height over that of the summit at offsets dx (1, W), dz (H, 1) in radii -> (H, W)."""
    distance = np.sqrt(dx * dx + dz * dz) + 1e-9
    sway = fractal(1.3 * dx + 17.0 * turn, 1.3 * dz - 9.0 * turn, table, octaves=3)  # no cone is round
    part = np.clip(1 - distance * (1 + 0.16 + 0.16 * sway), 0.0, 1.0)
    flank = part * part * (0.5 + 0.5 * part)
    # Ravines: folded noise along the direction from the summit, which spreads slowly on the way down.
    spread = 1.7 + 2.6 * np.sqrt(distance)
    along_x, along_z = dx / distance * spread + 31.0 * turn, dz / distance * spread + 23.0 * shape
    folds = np.abs(fractal(along_x, along_z, table, octaves=2, gain=0.35))
    depth = 0.21 + 0.08 * np.clip(shape, -1.5, 1.5)
    gorge = np.clip((distance - 0.05) / 0.2, 0.0, 1.0)
    flank *= 1 - depth * gorge * (1 - np.minimum(folds / 0.5, 1.0)) * (1 - 0.5 * part)
    rim = 0.045 + 0.11 * np.clip(turn - 0.5, 0.0, 1.2)  # one in four has a caldera
    bowl = np.clip(1 - (distance / rim) ** 2, 0.0, 1.0)
    level = 1 - 2.6 * rim + 0.25 * rim * sway - 0.9 * rim * bowl
    return np.asarray(np.minimum(flank, level))


def _cinder_cone(
    dx: FloatArray, dz: FloatArray, table: NDArray[np.int64], shape: float, turn: float
) -> FloatArray:
    """Height over that of the rim at offsets dx (1, W), dz (H, 1) in radii -> (H, W)."""
    distance = np.sqrt(dx * dx + dz * dz) + 1e-9
    sway = fractal(dx + 17.0 * turn, dz - 9.0 * turn, table, octaves=2)
    out = distance * (1.12 + 0.2 * sway)
    rim = 0.34 + 0.07 * np.clip(shape, -1.0, 1.0)
    part = np.clip((1 - out) / (1 - rim), 0.0, 1.0)
    flank = part * part * 1.15 / (part + 0.15)
    bowl = np.clip(1 - (out / rim) ** 2, 0.0, 1.0)
    if shape > 0.1:  # lava has carried a piece of the rim away
        towards = np.array([np.cos(7 * turn), np.sin(7 * turn)])
        facing = (dx * towards[0] + dz * towards[1]) / distance
        flank = flank * (1 - 0.55 * np.clip((facing - 0.4) / 0.5, 0.0, 1.0) * np.clip(3 * out, 0.0, 1.0))
    return np.asarray(flank - (0.3 + 0.1 * shape) * bowl * (flank > 0))
