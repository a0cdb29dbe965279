"""The net that fills voids: a masked autoencoder with the blocks of the texture nets.

It sees the map with its voids filled by the smooth surface of `worldgen.models.void_surface`, and says what
to add to that surface inside them. All it sees is relative to the land around: heights, slopes and
curvatures in units of their own local spread. What it adds is in units of the local curvature and grows with
the distance from the void's border, so the border has no step and a plane stays a plane.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from worldgen.models.texture_net import Block, Convolution

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEATURES = 10
AROUND = 41  # cells, side of the box, laid twice, in which spreads are measured
ARM = 4  # cells, arm of the wider Laplacian
GROWTH = 0.75  # power of the distance from the border, with which the residual may grow
LEAST = 1e-3  # metres, spreads that are told apart from 0
GRAINS = (0.7, 1.4, 2.8, 5.6)  # cells, widths of the Gaussians that make noise into detail
FAINT = 2.0  # detail starts at exp(-FAINT) units
REFERENCE = 30.0  # metres per cell that are told as 0


def laplacian(x: NDArray[np.floating], arm: int = 1) -> FloatArray:
    """Mean of the four neighbours ``arm`` cells away minus the cell: (H, W) -> (H, W).

    The map goes on by odd reflection, so that a plane has none at its border either.
    """
    p = np.pad(np.asarray(x, np.float64), arm, mode="reflect", reflect_type="odd")
    height, width = x.shape
    rows, columns = slice(arm, arm + height), slice(arm, arm + width)
    beside = p[:height, columns] + p[2 * arm :, columns] + p[rows, :width] + p[rows, 2 * arm :]
    return np.asarray(beside / 4 - x)


def describe(filled: FloatArray, void: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the net sees of a map, and the unit of what it adds.

    Parameters
    ----------
    filled : (H, W) metres, voids filled smoothly.
    void : (H, W) bool.

    Returns
    -------
    features (FEATURES, H, W) float32, about 1 in size; unit (H, W) float32, metres, 0 outside of voids.
    """
    from scipy.ndimage import distance_transform_edt, maximum_filter, uniform_filter

    def blurred(x: FloatArray) -> FloatArray:
        return np.asarray(uniform_filter(uniform_filter(x, AROUND, mode="nearest"), AROUND, mode="nearest"))

    def spread(x: FloatArray, reach: int) -> FloatArray:
        """Root mean square around each cell, over cells whose stencil meets no void."""
        apart = np.asarray(~maximum_filter(void, 2 * reach + 1))
        weight = np.asarray(apart if apart.any() else ~void, np.float64)
        whole = float((x * x * weight).sum() / weight.sum())
        # a bit of the whole map's mean, for voids wider than the window
        return np.asarray(np.sqrt((blurred(x * x * weight) + 1e-3 * whole) / (blurred(weight) + 1e-3)))

    heights = filled - blurred(filled)
    down, across = (_slope(filled, axis) for axis in (0, 1))
    fine, wide = laplacian(filled), laplacian(filled, ARM)
    height_spread, fine_spread, wide_spread = spread(heights, 0), spread(fine, 1), spread(wide, ARM)
    slope_spread = np.maximum(spread(np.hypot(down, across), 1), LEAST)
    distance = np.asarray(distance_transform_edt(void))
    curved = np.maximum(wide_spread, LEAST)
    features = np.stack(
        [
            void.astype(np.float64),
            np.log2(1 + distance) / 3,
            heights / np.maximum(height_spread, LEAST),
            fine / np.maximum(fine_spread, LEAST),
            wide / curved,
            down / slope_spread,
            across / slope_spread,
            np.log2(np.maximum(fine_spread, LEAST) / curved) + 2.5,
            np.log2(curved / slope_spread) + 1,
            np.log2(np.maximum(height_spread, LEAST) / curved) / 2 - 1.5,
        ]
    )
    unit = wide_spread * (distance / ARM) ** GROWTH
    return np.clip(features, -5, 5).astype(np.float32), unit.astype(np.float32)


def _slope(x: FloatArray, axis: int) -> FloatArray:
    """Rise per cell along an axis; 0 on maps one cell wide."""
    return np.asarray(np.gradient(x, axis=axis)) if x.shape[axis] > 1 else np.zeros_like(x)


def grains(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Relief of several sizes, the same in all directions: noise (H, W) -> (GRAINS, H, W) of variance 1."""
    from scipy.ndimage import gaussian_filter

    blurred = [
        gaussian_filter(noise, width, mode="wrap") * (2 * np.pi**0.5 * width)  # of white noise, 0.7 and up
        for width in GRAINS
    ]
    return np.asarray(np.stack(blurred), np.float32)


class VoidNet(nn.Module):
    """Encoder and decoder with a bridge at each resolution.

    ``widths`` are the channels at the map's resolution, half of it, a quarter, ...

    Examples
    --------
    >>> net = VoidNet()
    >>> guess, amplitudes = net(torch.zeros(1, FEATURES, 32, 48), torch.tensor([30.0]))
    >>> guess.shape, amplitudes.shape
    (torch.Size([1, 1, 32, 48]), torch.Size([1, 4, 32, 48]))
    """

    def __init__(self, widths: Sequence[int] = (8, 16, 32, 56)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        pairs = list(zip(self.widths, self.widths[1:], strict=False))
        self.enter = Convolution(FEATURES, self.widths[0])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 4, stride=2) for fine, coarse in pairs)
        self.encoder = nn.ModuleList(Block(width, 1) for width in self.widths[1:])
        self.bottom = Block(self.widths[-1], 1)
        self.up = nn.ModuleList(Convolution(coarse, fine) for fine, coarse in pairs)
        self.decoder = nn.ModuleList(Block(width, 1) for width in self.widths[:-1])
        self.leave = Convolution(self.widths[0], 1 + len(GRAINS), gain=0.1)

    @property
    def cell(self) -> int:
        """Sides of maps are multiples of so many cells."""
        return int(2 ** (len(self.widths) - 1))

    def forward(self, features: Tensor, spacing: Tensor) -> tuple[Tensor, Tensor]:
        """What to add, in units of `describe`: the best guess, and how much of each of GRAINS is detail.

        Parameters
        ----------
        features : (B, FEATURES, H, W).
        spacing : (B,) metres per cell.

        Returns
        -------
        (B, 1, H, W) and (B, GRAINS, H, W).
        """
        _, channels, height, width = features.shape
        if channels != FEATURES or height % self.cell or width % self.cell:
            raise ValueError(
                f"features must be (B, {FEATURES}, {self.cell}h, {self.cell}w), found {tuple(features.shape)}"
            )
        style = torch.log2(spacing.float() / REFERENCE)[:, None]
        maps = [self.enter(features, "reflect")]
        for down, block in zip(self.down, self.encoder, strict=True):
            h = F.leaky_relu(down(F.pad(F.leaky_relu(maps[-1], 0.2), (1, 1, 1, 1), mode="reflect")), 0.2)
            maps.append(block(h, style, None, "reflect"))
        h = self.bottom(maps[-1], style, None, "reflect")
        for level in reversed(range(len(self.up))):
            h = F.interpolate(F.leaky_relu(h, 0.2), scale_factor=2, mode="nearest")
            h = self.up[level](h, "reflect") + maps[level]
            h = self.decoder[level](h, style, None, "reflect")
        out = self.leave(F.leaky_relu(h, 0.2), "reflect")
        return out[:, :1], torch.exp((out[:, 1:] - FAINT).clamp(-7, 2))
