"""Convolutions that round alike for every shape of array, on the processor.

A library's convolution rounds differently for different shapes, so an endless land would have to be made in
blocks of one shape, each with its halo: half of the work was on cells that nobody wanted. Here each output is
one chain of fused multiply-adds in one order, whatever the window: a window has the same bits as the same cut
of a larger one by construction. All sums are taken by `worldgen.models.microkernel`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.models.microkernel import CELLS, GROUP, accumulate

Maps = NDArray[np.float32]

_NONE, _NO_STRENGTH = np.zeros((0, 0), np.float32), np.zeros(0, np.float32)


@dataclass(frozen=True)
class Planes:
    """Channels of one map whose rows are padded to a multiple of `CELLS`; what stands there is of no meaning.

    Attributes
    ----------
    values : (C, H, S) float32, C-contiguous, with some room after its end.
    width : cells of each row that count.
    """

    values: Maps
    width: int

    @classmethod
    def empty(cls, channels: int, height: int, width: int) -> Planes:
        """Planes to be filled."""
        stride = -(-width // CELLS) * CELLS
        size = channels * height * stride
        room = np.empty(size + 2 * CELLS, np.float32)  # the last taps of the last row read on behind it
        return cls(room[:size].reshape(channels, height, stride), width)

    @classmethod
    def of(cls, *maps: Maps) -> Planes:
        """Copy maps (H, W) or (C, H, W), in this order."""
        parts = [part if part.ndim == 3 else part[None] for part in maps]
        made = cls.empty(sum(len(part) for part in parts), *parts[0].shape[1:])
        np.concatenate(parts, out=made.cells)
        return made

    @property
    def cells(self) -> Maps:
        """(C, H, W), a view."""
        return self.values[:, :, : self.width]

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Taps:
    """What a convolution sums up for its output channels, in its order.

    Attributes
    ----------
    where : (K, 3) input channel, row and column of each tap.
    weights : (G, K, 4) float32 for 4 G output channels, of which ``channels`` count.
    bias : (4 G,) float32.
    step : input cells, both ways, for one output cell: 1 or 2.
    """

    where: NDArray[np.int64]
    weights: Maps
    bias: Maps
    channels: int
    step: int = 1

    @classmethod
    def of(cls, layer: Any, centred: Any = None) -> Taps:
        """Take them from a torch ``Conv2d`` without padding.

        ``centred`` is a (O, S, 1, 1) weight of S more channels, of which the middle cell is read.
        """
        weight = layer.weight.detach().numpy()
        _, inputs, tall, wide = weight.shape
        where = np.indices((inputs, tall, wide)).reshape(3, -1).T
        flat = weight.reshape(len(weight), -1)
        if centred is not None:
            more = centred.detach().numpy()[:, :, 0, 0]
            middle = [(inputs + extra, tall // 2, wide // 2) for extra in range(more.shape[1])]
            where, flat = np.concatenate([where, np.array(middle)]), np.concatenate([flat, more], axis=1)
        weights, bias = _grouped(flat, layer.bias.detach().numpy())
        return cls(where.astype(np.int64), weights, bias, len(weight), int(layer.stride[0]))

    @classmethod
    def paired(cls, layer: Any) -> Taps:
        """Take those of a 3 x 3 ``Conv2d`` for `correlate_pairs`: two rows by four sums of three taps each.

        Winograd's F(2, 3) along columns: 12 products instead of 18.
        """
        weight = layer.weight.detach().numpy()  # (O, I, 3, 3)
        top, middle, low = (weight[:, :, row] for row in range(3))
        rows = (top, 0.5 * (top + middle + low), 0.5 * (top - middle + low), low)
        bias = layer.bias.detach().numpy()
        grouped = [
            _grouped(part.reshape(len(weight), -1), bias if sums == 1 else 0 * bias)
            for sums, part in enumerate(rows)
        ]
        where = np.indices((weight.shape[1], 1, 3)).reshape(3, -1).T.astype(np.int64)
        weights, start = (np.concatenate(parts) for parts in zip(*grouped, strict=True))
        return cls(where, weights, start, len(weight))


def _grouped(weights: Maps, bias: Maps) -> tuple[Maps, Maps]:
    """Channels by fours, the last ones filled up with zeros: (O, K) and (O,) -> (G, K, 4) and (4 G,)."""
    padding = -len(weights) % GROUP
    wide = np.pad(weights, ((0, padding), (0, 0))).reshape(-1, GROUP, weights.shape[1])
    return np.ascontiguousarray(wide.transpose(0, 2, 1)), np.pad(bias, (0, padding))


@dataclass(frozen=True)
class Rectified:
    """A leaky rectifier before a convolution, after noise of a strength of its own was added to each channel.

    Attributes
    ----------
    noise : (H, W), or None.
    strength : (C,), or None.
    """

    noise: Maps | None = None
    strength: Maps | None = None


def correlate(x: Planes, taps: Taps, rectified: Rectified | None = None, shift: Maps | None = None) -> Planes:
    """Convolve without padding: (C, H, W) -> (O, H', W').

    ``shift`` (O,) is added to the bias.
    """
    tall, wide = int(taps.where[:, 1].max()) + 1, int(taps.where[:, 2].max()) + 1
    height, width = (x.height - tall) // taps.step + 1, (x.width - wide) // taps.step + 1
    channel, down, right = taps.where.T
    if taps.step == 2:  # even and odd columns apart, so that neighbours lie side by side
        even, odd = x.cells[:, :, :-1:2], x.cells[:, :, 1::2]
        x = Planes.of(np.stack([even, odd], axis=1).reshape(-1, x.height, x.width // 2))
        channel, right = 2 * channel + right % 2, right // 2
    bias = taps.bias
    if shift is not None:
        bias = bias + np.pad(shift, (0, bias.size - shift.size))
    where = np.stack([channel, down, right], axis=1)
    out = Planes.empty(bias.size, height, width)
    given = _given(rectified)
    _correlate(x.values, *given, taps.step, tall, where, taps.weights, bias, out.values)
    return Planes(out.values[: taps.channels], width)


def correlate_pairs(x: Planes, taps: Taps, rectified: Rectified, added: Planes | None = None) -> Planes:
    """Convolve rows by pairs, with `Taps.paired`: (C, H, W) -> (O, H - 2, W - 2), H even.

    What one row rounds to depends on the other: pairs must lie on the same world rows in every window.
    ``added`` is a larger map whose middle is added.
    """
    if x.height % 2:
        raise ValueError(f"want an even number of rows, not {x.height}")
    out = Planes.empty(taps.bias.size // 4, x.height - 2, x.width - 2)
    more = _NONE[None] if added is None else added.values
    edge = 0 if added is None else (added.height - out.height) // 2
    given = _given(rectified)
    _correlate_pairs(x.values, *given, taps.where, taps.weights, taps.bias, more, edge, out.values)
    return Planes(out.values[: taps.channels], out.width)


def _given(rectified: Rectified | None) -> tuple[np.float32, Maps, Maps]:
    """Slope of what is negative, noise, and its strength in each channel."""
    if rectified is None:
        return np.float32(1.0), _NONE, _NO_STRENGTH
    if rectified.noise is None or rectified.strength is None:
        return np.float32(0.2), _NONE, _NO_STRENGTH
    return np.float32(0.2), Planes.of(rectified.noise).values[0], rectified.strength


@kernel
def _correlate(
    x: Maps,
    slope: np.float32,
    noise: Maps,
    strength: Maps,
    step: int,
    tall: int,
    where: NDArray[np.int64],
    weights: Maps,
    bias: Maps,
    out: Maps,
) -> None:
    channels, height, stride = x.shape[0], out.shape[1], out.shape[2]
    near = np.empty((tall * channels, _stride(x.shape[2])), np.float32)  # rows in use, in the near cache
    offsets = np.empty(len(where), np.int64)
    done = 0
    for row in range(height):
        while done < row * step + tall:
            for channel in range(channels):
                target = near[done % tall * channels + channel]
                _rectify(x[channel, done], slope, noise, strength, channel, done, target)
            done += 1
        for tap in range(len(where)):
            there = (row * step + where[tap, 1]) % tall
            offsets[tap] = (there * channels + where[tap, 0]) * near.shape[1] + where[tap, 2]
        for column in range(0, stride, CELLS):
            for group in range(weights.shape[0]):
                at = (GROUP * group * height + row) * stride + column
                accumulate(near, column, offsets, weights, group, bias, out, at, height * stride)


@kernel
def _correlate_pairs(
    x: Maps,
    slope: np.float32,
    noise: Maps,
    strength: Maps,
    where: NDArray[np.int64],
    weights: Maps,
    bias: Maps,
    added: Maps,
    edge: int,
    out: Maps,
) -> None:
    channels, groups, stride = x.shape[0], weights.shape[0] // 4, out.shape[2]
    rows = np.empty((4, x.shape[2]), np.float32)
    near = np.empty((4, channels, _stride(x.shape[2])), np.float32)
    sums = np.empty((4, GROUP * groups, stride), np.float32)
    offsets = where[:, 0] * near.shape[2] + where[:, 2]
    for row in range(0, out.shape[1], 2):
        for channel in range(channels):
            for down in range(4):
                there = row + down
                _rectify(x[channel, there], slope, noise, strength, channel, there, rows[down])
            _differences(rows[0], rows[2], near[0, channel])
            _sums(rows[1], rows[2], near[1, channel])
            _differences(rows[2], rows[1], near[2, channel])
            _differences(rows[1], rows[3], near[3, channel])
        for column in range(0, stride, CELLS):
            for group in range(groups):
                for part in range(4):
                    first = part * channels * near.shape[2] + column
                    at = (part * groups + group) * GROUP * stride + column
                    accumulate(near, first, offsets, weights, part * groups + group, bias, sums, at, stride)
        for channel in range(out.shape[0]):
            parts, pair = sums[:, channel], out[channel, row : row + 2]
            _combine(parts[0], parts[1], parts[2], parts[3], pair[0], pair[1])
            if edge and channel < added.shape[0]:
                for down in range(2):
                    _add(added[channel, row + down + edge, edge:], pair[down])


@kernel
def _stride(cells: int) -> int:
    """Room for a row, so that equal cells of different rows do not share the same lines of the cache."""
    return (cells // 32) * 32 + 32 + 16


@kernel
def _rectify(
    x: Maps, slope: np.float32, noise: Maps, strength: Maps, channel: int, row: int, out: Maps
) -> None:
    if noise.size:
        bumps, factor = noise[row], strength[channel]
        for i in range(x.size):
            value = x[i] + factor * bumps[i]
            out[i] = max(value, slope * value)
    else:
        for i in range(x.size):
            out[i] = max(x[i], slope * x[i])


@kernel
def _sums(x: Maps, y: Maps, out: Maps) -> None:
    for i in range(x.size):
        out[i] = x[i] + y[i]


@kernel
def _differences(x: Maps, y: Maps, out: Maps) -> None:
    for i in range(x.size):
        out[i] = x[i] - y[i]


@kernel
def _combine(first: Maps, second: Maps, third: Maps, fourth: Maps, upper: Maps, lower: Maps) -> None:
    for i in range(upper.size):
        upper[i] = first[i] + second[i] + third[i]
    for i in range(upper.size):
        lower[i] = second[i] - third[i] - fourth[i]


@kernel
def _add(x: Maps, out: Maps) -> None:
    for i in range(min(x.size, out.size)):
        out[i] += x[i]


def add_middle(x: Planes, other: Planes) -> Planes:
    """Add the middle of a larger map, in place."""
    down, right = (other.height - x.height) // 2, (other.width - x.width) // 2
    x.cells[:] += other.cells[:, down : down + x.height, right : right + x.width]
    return x


def shuffled(x: Planes) -> Planes:
    """Spread channels over finer cells, as ``torch.pixel_shuffle`` does: (4 C, H, W) -> (C, 2 H, 2 W)."""
    cells = x.cells
    made = Planes.empty(len(cells) // 4, 2 * x.height, 2 * x.width)
    for part in range(4):
        made.cells[:, part // 2 :: 2, part % 2 :: 2] = cells[part::4]
    return made
