"""The fixed filters of `worldgen.models.layers` over numpy maps, rounding alike for every shape of array."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.models.layers import DOWN, SMOOTH, UP

Map = NDArray[np.float32]


def filtered(x: Map, taps: Sequence[float], *, step: int = 1, dilation: int = 1) -> Map:
    """Convolve rows and columns with taps, without padding: (H, W) -> (H', W')."""
    weights = np.array(taps, np.float32)
    reach = (len(weights) - 1) * dilation
    height, width = ((size - reach - 1) // step + 1 for size in x.shape)
    half, made = np.empty((height, x.shape[1]), np.float32), np.empty((height, width), np.float32)
    _down(np.ascontiguousarray(x), weights, step, dilation, half)
    _across(half, weights, step, dilation, made)
    return made


def smooth(x: Map, dilation: int = 1) -> Map:
    """`layers.smooth` with its taps ``dilation`` cells apart: (H, W) -> (H - 4 dilation, W - 4 dilation)."""
    return filtered(x, SMOOTH, dilation=dilation)


def downsample(x: Map) -> Map:
    """`layers.downsample`: (2 H, 2 W) -> (H - 4, W - 4)."""
    return filtered(x, DOWN, step=2)


def upsample(x: Map, taps: Sequence[float] = UP) -> Map:
    """`layers.upsample`: (H, W) -> (2 (H - 2), 2 (W - 2))."""
    height, width = x.shape
    tall, made = (
        np.empty((2 * height - 4, width), np.float32),
        np.empty((2 * height - 4, 2 * width - 4), np.float32),
    )
    for phase in range(2):
        weights = np.array(taps[4 + phase :: -2], np.float32)
        _down(np.ascontiguousarray(x), weights, 1, 1, tall[phase::2])
    for phase in range(2):
        weights = np.array(taps[4 + phase :: -2], np.float32)
        _across(tall, weights, 1, 1, made[:, phase::2])
    return made


def crop(x: Map, cells: int) -> Map:
    """Cut ``cells`` cells off each side of the last two axes, or none of a field that is one number."""
    return x[..., cells : x.shape[-2] - cells, cells : x.shape[-1] - cells] if x.shape[-1] > 1 else x


@kernel
def compress(x: Map, unit: Map, out: Map) -> None:
    """`terrain_net.compress` of x / unit, (H, W) each, one cell after another: vectors would round anew."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = 2.0 * math.asinh(x[row, column] / unit[row, column] * 0.5)


@kernel
def _down(x: Map, taps: Map, step: int, dilation: int, out: Map) -> None:
    for row in range(out.shape[0]):
        target = out[row]
        target[:] = np.float32(0.0)
        for tap in range(taps.size):
            weight, source = taps[tap], x[row * step + tap * dilation]
            for i in range(target.size):
                target[i] += weight * source[i]


@kernel
def _across(x: Map, taps: Map, step: int, dilation: int, out: Map) -> None:
    for row in range(out.shape[0]):
        source, target = x[row], out[row]
        for i in range(target.size):
            total = np.float32(0.0)
            for tap in range(taps.size):
                total += taps[tap] * source[i * step + tap * dilation]
            target[i] = total
