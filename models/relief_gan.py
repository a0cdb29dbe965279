"""Random access to the relief net: numpy in, numpy out, any window with the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.blocks import Window, fill, pieces, workers
from worldgen.models.checkpoint import WEIGHTS, load_net
from worldgen.models.layers import hashed_noise

if TYPE_CHECKING:
    from worldgen.models.relief_net import ReliefNet

WEIGHT_FILE = WEIGHTS / "terrain_relief.safetensors"
PIECE = 384  # cells per side of what is worked on at once, at most
_LEVEL = -16  # level of hashed noise, apart from those of the amplifier and of landforms


def load_relief_net(path: Path | None = None) -> ReliefNet:
    """Load the shipped net, or the one in ``path`` (``.safetensors`` with its ``.json`` beside it).

    Raises
    ------
    WeightsError : the weights are absent, damaged, or of another net.
    """
    from worldgen.models.relief_net import ReliefNet

    return load_net(ReliefNet, path or WEIGHT_FILE)


def drained_cells(area: NDArray[np.floating[Any]], spacing: float) -> NDArray[np.floating[Any]]:
    """Binary logarithm of the number of cells whose water passes through: km² (H, W) -> (H, W), from 0."""
    return np.asarray(np.log2(np.maximum(area * (1e6 / spacing**2), 1.0)))


def frame() -> int:
    """Cells around a window that `redraw` reads."""
    from worldgen.models.relief_net import HALO

    return HALO


def redraw(
    elevation: NDArray[np.floating[Any]],
    area: NDArray[np.floating[Any]],
    spacing: float,
    window: Window,
    *,
    seed: int,
    style: NDArray[np.float32],
    net: ReliefNet,
    sharp: bool = True,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Redraw one window of an endless macro relief.

    Parameters
    ----------
    elevation : (H, W) metres of the window and `frame` cells around it.
    area : (H, W) km² of drainage area.
    spacing : metres between cells.
    window : cells wanted.
    seed : decides what physics leaves open.
    style : (S, H, W) or (S, 1, 1) weights of the net's ``styles``.
    sharp : as sharp as the amplifier wants it, for maps that are to be refined.

    Returns
    -------
    (window.height, window.width) float32 metres, the same bits for every window and number of threads.
    """
    from worldgen.models.relief_inference import ReliefPass
    from worldgen.models.relief_net import GRID, HALO, NOISE, STEEPNESS, noise_sizes, noise_starts

    origin = window.row - HALO, window.column - HALO
    land = np.ascontiguousarray(elevation, dtype=np.float32)
    flow = drained_cells(area, spacing).astype(np.float32)
    net_pass = ReliefPass(net)

    def compute(part: Window) -> NDArray[np.float32]:
        wide = part.framed(HALO)
        mix = np.broadcast_to(style, (len(style), *land.shape)) if style.shape[-1] == 1 else style
        mix = wide.cut(mix, origin)
        steepness = np.zeros(mix.shape[1:], np.float32)
        for name, weight in zip(net.styles, mix, strict=True):
            steepness += np.float32(STEEPNESS[name]) * weight
        sizes = zip(noise_sizes(wide.height), noise_sizes(wide.width), strict=True)
        noise = [
            hashed_noise(seed, _LEVEL - level, NOISE[level], *start, *size)
            for level, (start, size) in enumerate(
                zip(noise_starts(part.row, part.column), sizes, strict=True)
            )
        ]
        maps = wide.cut(land, origin), wide.cut(flow, origin)
        return net_pass(*maps, spacing, steepness, noise, mix, sharp)

    with workers(threads) as pool:
        return fill(window, pieces(window, PIECE, GRID), compute, pool)
