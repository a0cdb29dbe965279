"""Random access to the relief net: numpy in, numpy out, in canonical blocks (`worldgen.models.blocks`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.blocks import Window, fill_blocks, pinned_threads
from worldgen.models.checkpoint import WEIGHTS, load_net
from worldgen.models.layers import hashed_noise

if TYPE_CHECKING:
    from worldgen.models.relief_net import ReliefNet

WEIGHT_FILE = WEIGHTS / "terrain_relief.safetensors"
BLOCK = 96  # cells per side of a canonical block, a multiple of `relief_net.GRID`
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
    import torch

    from worldgen.models.relief_net import HALO, NOISE, STEEPNESS, noise_sizes, noise_starts

    origin = window.row - HALO, window.column - HALO
    land = np.ascontiguousarray(elevation, dtype=np.float32)
    flow = drained_cells(area, spacing).astype(np.float32)
    table = torch.tensor([STEEPNESS[name] for name in net.styles]).reshape(1, -1, 1, 1)
    metres = torch.full((1, 1, 1, 1), spacing)

    def compute(block: Window) -> NDArray[np.float32]:
        wide = block.framed(HALO)
        mix = torch.from_numpy(style if style.shape[-1] == 1 else wide.cut(style, origin))[None]
        noise = []
        sizes = zip(noise_starts(block.row, block.column), noise_sizes(wide.height), NOISE, strict=True)
        for level, ((row, column), size, count) in enumerate(sizes):
            noise.append(hashed_noise(seed, _LEVEL - level, count, row, column, size, size))
        with torch.inference_mode():
            redrawn = net(
                torch.from_numpy(wide.cut(land, origin))[None, None],
                torch.from_numpy(wide.cut(flow, origin))[None, None],
                metres,
                (mix * table).sum(dim=1, keepdim=True),
                [torch.from_numpy(part)[None] for part in noise],
                mix,
                sharp=sharp,
            )
        return np.asarray(redrawn[0, 0].numpy(), dtype=np.float32)

    with pinned_threads(threads) as pool:
        return fill_blocks(window, BLOCK, compute, pool)
