"""Decode latents to maps block by block: one fixed shape, so that a window of any size has the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.models.blocks import Window, fill, torch_workers
from worldgen.models.layers import hashed_noise

if TYPE_CHECKING:
    from worldgen.models.texture_net import TextureNet

Array = NDArray[np.float32]

BLOCK = (
    32  # latent cells along a block's side: with 64, two cores have too few blocks to share a tile of 512²
)
LEVEL = 100  # of the hashed noise of the coarsest resolution; finer ones follow


def decode(
    net: TextureNet,
    window: Window,
    latent: Callable[[Window], Array],
    style: Array,
    kind: int,
    seed: int,
    *,
    period: tuple[int, int] | None = None,
    threads: int | None = None,
) -> Array:
    """Decode a window of an endless or periodic latent.

    Parameters
    ----------
    window : texels, any integers.
    latent : gives (C, h, w) of a window of latent cells.
    style : (S,).  kind : index of the class.
    seed : decides the noise.
    period : cells (rows, columns) after which latent and noise repeat; None: never.
    threads : workers, one thread of torch each; None: one a core. The result does not depend on it.

    Returns
    -------
    maps : (6, H, W) normalised channels.
    """
    import torch

    context = net.decoder.context()
    tiles = [
        hashed_noise(seed, LEVEL + stage, 1, 0, 0, period[0] * 2**stage, period[1] * 2**stage)
        if period
        else None
        for stage in range(len(context))
    ]
    channels, cell = net.config.channels, net.config.cell
    styles, kinds = torch.from_numpy(style)[None], torch.tensor([kind])

    def compute(block: Window) -> Array:
        cells = Window(block.row // cell, block.column // cell, BLOCK, BLOCK)
        noise = [
            torch.from_numpy(_noise(seed, stage, cells, around, tiles[stage])[None])
            for stage, around in enumerate(context)
        ]
        near = torch.from_numpy(np.ascontiguousarray(latent(cells.framed(context[0]))))[None]
        near = near.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            maps: Array = net.decode(near, styles, kinds, noise, trim=True)[0].numpy()
        return maps

    # Convolutions of torch round differently for other shapes and threads: blocks of one shape, aligned to
    # the world, each on one thread, make a window the same to the bit as a cut of a larger one.
    side = BLOCK * cell
    blocks = [
        Window(row * side, column * side, side, side)
        for row in range(window.row // side, (window.row + window.height - 1) // side + 1)
        for column in range(window.column // side, (window.column + window.width - 1) // side + 1)
    ]
    with torch_workers(threads) as pool:
        return fill(window, blocks, compute, pool, (channels,))


def _noise(seed: int, stage: int, cells: Window, around: int, tile: Array | None) -> Array:
    """Noise (1, H, W) of one resolution for a block and so many of its texels around it.

    tile : (1, rows, columns), what it repeats; None: it never does.
    """
    step = 2**stage
    row, column = cells.row * step - around, cells.column * step - around
    height, width = cells.height * step + 2 * around, cells.width * step + 2 * around
    if tile is None:
        return hashed_noise(seed, LEVEL + stage, 1, row, column, height, width)
    return periodic(tile)(Window(row, column, height, width))


def periodic(latent: Array) -> Callable[[Window], Array]:
    """Windows of a latent (C, h, w) that repeats."""

    def cut(window: Window) -> Array:
        rows = np.arange(window.row, window.row + window.height) % latent.shape[1]
        columns = np.arange(window.column, window.column + window.width) % latent.shape[2]
        return latent[:, rows[:, None], columns[None, :]]

    return cut
