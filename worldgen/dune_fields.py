"""Fields of sand dunes: transverse ridges that wander, join, break up and end in barchans.

The phase of a sum of short waves, each with a place, a direction and a phase of its own (phasor noise:
Tricard et al., "Procedural phasor noise", ACM ToG 2019), runs from crest to crest. Unlike bent stripes it has
dislocations, where crests fork or end; there the sum is weak, and so is the dune. Weak stretches of a crest
are drawn downwind, as low dunes wander faster than high ones: that bends crests to crescents. The gradient of
the phase is known, so the slip face gets the slope of loose sand whatever the crests' distance.

Everything is a function of world coordinates, cell by cell, so that windows stay exact cuts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.models.layers import hashed_noise
from worldgen.noise import fractal, permutation

FloatArray = NDArray[np.float64]

REPOSE = 0.649  # tan 33°, the slope of loose sand that no lee side exceeds
_SLIP = 0.55  # slope of slip faces by themselves
_LOOSE = 0.6  # slope between neighbouring cells from which sand slides: 0.65 for what lies oblique to them
SLIDE_FRAME = 4  # cells around a window that `slid` reads
_STEEPNESS = 1 / 15  # height of the largest dunes over their wave
# Waves over the main one, heights over the main steepness, slope of slip faces. The lesser dunes ride on the
# windward sides of the greater.
_SCALES = ((1.0, 1.0, _SLIP), (0.27, 0.55, 0.22), (0.07, 0.6, 0.2))
_REACH = 1.45  # waves from the middle of a short wave to its end
_EACH = 2  # short waves in a square of that side
_UNLIKE = 0.24  # radians between neighbouring short waves' directions
_DRAWN = 0.55  # waves by which the weakest crests lie downwind of the strong
_UNSEEN, _SEEN = (
    5.0,
    8.0,
)  # cells a wave: dunes are left out below, and whole above
_REGION = 30_000.0  # metres, wave of the noise that says where sand lies


def sand_supply(x: FloatArray, z: FloatArray, seed: int) -> FloatArray:
    """Sand that lies ready, from 0 (none) to 1 (no bare ground): x (1, W), z (H, 1) metres -> (H, W)."""
    noise = fractal(x / _REGION, z / _REGION, permutation(seed, "dunes/supply"), octaves=4)
    return np.clip(0.4 + 2.4 * noise, 0.0, 1.0)


def dune_field(
    x: FloatArray, z: FloatArray, share: FloatArray, spacing: float, height: float, seed: int
) -> FloatArray:
    """Sand above the ground.

    Parameters
    ----------
    x, z : (1, W) and (H, 1), world coordinates of the cells in metres.
    share : (H, W) from 0 to 1, sand that lies ready: between 0 and 1 only the higher dunes rise from bare
        ground. Where it changes over less than a dune's width, so does the sand.
    spacing : metres between cells: dunes that they are too wide for are left out.
    height : metres of the largest dunes; their waves are some fifteen times as long.
    seed : decides the field.

    Returns
    -------
    (H, W) float64 metres, 0 where ``share`` is.
    """
    share = np.ascontiguousarray(np.broadcast_to(share, np.broadcast_shapes(x.shape, z.shape)), np.float64)
    sand, windward = np.zeros(share.shape), np.ones(share.shape)
    if height <= 0 or not share.any():
        return sand
    wave = height / _STEEPNESS
    for index, (scale, swell, slip) in enumerate(_SCALES):
        cells = scale * wave / spacing
        seen = min(max((cells - _UNSEEN) / (_SEEN - _UNSEEN), 0.0), 1.0)
        if not seen:
            break
        short = _short_waves(x, z, wave, scale, index, seed)
        _lay(x[0], z[:, 0], share, *short, seen * swell * _STEEPNESS, slip, 2.5 * spacing, sand, windward)
    return sand


def slid(sand: FloatArray, spacing: float) -> FloatArray:
    """Let sand slide off where crests meet and it lies steeper than `REPOSE`.

    (H, W) metres -> (H - 8, W - 8). It reaches `SLIDE_FRAME` cells, which is enough unless they are small: at
    cells of 5 metres, one in some thousand stays steeper.
    """
    for _ in range(SLIDE_FRAME):
        height, width = sand.shape[0] - 2, sand.shape[1] - 2
        lower = sand[1:-1, 1:-1].copy()
        for down in range(3):
            for right in range(3):
                fall = _LOOSE * spacing * math.hypot(down - 1, right - 1)
                np.minimum(lower, sand[down : down + height, right : right + width] + fall, out=lower)
        sand = lower
    return sand


def _short_waves(
    x: FloatArray, z: FloatArray, wave: float, scale: float, index: int, seed: int
) -> tuple[FloatArray, float, int, int]:
    """Short waves around a window: (rows, columns, `_EACH`, 5) of x, z, wave vector and phase.

    And the side of their squares in metres, and the row and the column of the first square.
    """
    side = _REACH * wave * scale * 1.35  # the longest waves reach so far
    left, top = (int(np.floor(along.min() / side)) - 1 for along in (x, z))
    right, low = (int(np.floor(along.max() / side)) + 2 for along in (x, z))
    dice = hashed_noise(seed, -48 - index, 5 * _EACH, top, left, low - top, right - left).astype(np.float64)
    dice = dice.reshape(_EACH, 5, *dice.shape[1:]).transpose(2, 3, 0, 1)  # (rows, columns, each, 5)
    spread = 0.5 + dice[..., :2] / (4 * math.sqrt(3.0))  # the noise spans 4 √3
    at_x = (np.arange(left, right)[None, :, None] + spread[..., 0]) * side
    at_z = (np.arange(top, low)[:, None, None] + spread[..., 1]) * side
    wind = permutation(seed, "dunes/wind")
    turned = 0.55 * fractal(at_x / 40_000, at_z / 40_000, wind, octaves=2)
    turned += 2 * math.pi * wind[0] / 256 + _UNLIKE * dice[..., 3]
    longer = np.clip(1 + 0.5 * fractal(at_x / 15_000 + 5.5, at_z / 15_000, wind, octaves=2), 0.65, 1.35)
    longer *= 1 + 0.4 * _UNLIKE * dice[..., 4]
    turns = 2 * math.pi / (wave * scale * longer)
    phase = 8.0 * dice[..., 2]
    # math, as the vector units' sines may depend on where in an array an angle stands
    across = np.array([math.cos(angle) for angle in turned.flat]).reshape(turned.shape)
    along = np.array([math.sin(angle) for angle in turned.flat]).reshape(turned.shape)
    short = np.stack([at_x, at_z, turns * across, turns * along, phase], axis=-1)
    return np.ascontiguousarray(short), side, top, left


@kernel
def _lay(
    x: FloatArray,
    z: FloatArray,
    share: FloatArray,
    short: FloatArray,
    side: float,
    top: int,
    left: int,
    steepness: float,
    slip: float,
    widest: float,
    sand: FloatArray,
    windward: FloatArray,
) -> None:
    """Add dunes of one size to ``sand``; ``windward`` says where smaller ones may ride, and is renewed."""
    for row in range(sand.shape[0]):
        for column in range(sand.shape[1]):
            if share[row, column] <= 0.0 or windward[row, column] <= 0.0:
                windward[row, column] = 0.0
                continue
            at_row, at_column = math.floor(z[row] / side) - top, math.floor(x[column] / side) - left
            real = imaginary = power = total = number = 0.0
            real_x = real_z = imaginary_x = imaginary_z = power_x = power_z = 0.0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    for each in range(short.shape[2]):
                        one = short[at_row + down, at_column + right, each]
                        dx, dz = x[column] - one[0], z[row] - one[1]
                        reach = 1.0 - (dx * dx + dz * dz) / (side * side)
                        if reach <= 0.0:
                            continue
                        weight = reach * reach
                        slope = -4.0 * reach / (side * side)
                        angle = one[2] * dx + one[3] * dz + one[4]
                        cosine, sine = math.cos(angle), math.sin(angle)
                        real += weight * cosine
                        imaginary += weight * sine
                        real_x += slope * dx * cosine - weight * sine * one[2]
                        real_z += slope * dz * cosine - weight * sine * one[3]
                        imaginary_x += slope * dx * sine + weight * cosine * one[2]
                        imaginary_z += slope * dz * sine + weight * cosine * one[3]
                        power += weight * weight
                        power_x += weight * slope * dx
                        power_z += weight * slope * dz
                        total += weight
                        number += weight * math.sqrt(one[2] * one[2] + one[3] * one[3])
            length = real * real + imaginary * imaginary
            if length < 1e-12:
                windward[row, column] = 0.0
                continue
            # Strength of the sum, from 0 at dislocations to nearly 1, and its gradient.
            ratio = math.sqrt(2.2 * length / power)
            strength = ratio / math.sqrt(1.0 + ratio * ratio)
            steep = strength / (1.0 + ratio * ratio)
            strength_x = steep * ((real * real_x + imaginary * imaginary_x) / length - power_x / power)
            strength_z = steep * ((real * real_z + imaginary * imaginary_z) / length - power_z / power)
            # Waves a metre, with the crests' draught downwind.
            across = (real * imaginary_x - imaginary * real_x) / length / (2 * math.pi) + _DRAWN * strength_x
            along = (real * imaginary_z - imaginary * real_z) / length / (2 * math.pi) + _DRAWN * strength_z
            waves = math.sqrt(across * across + along * along) + 1e-12
            phase = math.atan2(imaginary, real) / (2 * math.pi) - _DRAWN * (1.0 - strength)
            phase -= math.floor(phase)
            full = steepness * 2 * math.pi * total / number
            crest = min(full * strength * strength, 0.45 * slip / waves)
            lee = max(crest * waves / slip, min(widest * waves, 0.45))
            if phase < lee:
                level = 1.0 - phase / lee
                riders = 0.0
            else:
                part = (phase - lee) / (1.0 - lee)
                riders = 4.0 * part * (1.0 - part)
                part = max(part - 0.25, 0.0) / 0.75
                level = part * part * (3.0 - 2.0 * part)
            lacking = full * (1.0 - share[row, column])
            height = crest * level - lacking
            if height > 0.0:
                sand[row, column] += windward[row, column] * height
                windward[row, column] *= riders * min(height / (0.2 * full), 1.0)
            else:
                windward[row, column] = 0.0
