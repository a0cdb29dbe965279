"""From a latent to maps: arrange it anew, decode it, give it units and colours.

Torch is imported when something is decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worldgen.models.blocks import Window
from worldgen.models.texture_bank import resynthesise
from worldgen.models.texture_data import Array, damp_slow, denormalise
from worldgen.models.texture_decode import decode as blocks
from worldgen.models.texture_decode import periodic
from worldgen.models.texture_finish import Finish
from worldgen.models.texture_maps import TextureMaps, texture_maps

if TYPE_CHECKING:
    from worldgen.models.texture_net import BankedTextureNet

PATCH = 88.0  # texels, radius of the patches that a new arrangement is made of


def arrange(model: BankedTextureNet, latent: Array, size: int, rng: np.random.Generator) -> Array:
    """A new periodic arrangement (C, size/cell, size/cell) of a latent (C, h, w)."""
    cell = model.net.config.cell
    # How much each channel shows in the maps: what a misfit of it costs.
    weight = model.net.decoder.linear.weight[:, :, 1, 1].norm(dim=0).numpy()[:, None, None]
    arranged = resynthesise(latent * weight, size // cell, rng, radius=PATCH / cell) / weight
    return np.asarray(arranged, np.float32)


def vary_statistics(bank: Array, index: int, members: list[int], rng: np.random.Generator) -> Array:
    """Move an exemplar's colour and contrast part of the way to another member's, and jitter brightness."""
    own: Array = bank[index].copy()
    other: Array = bank[members[int(rng.integers(len(members)))]]
    share = rng.uniform(0, 0.35)
    own[:3] = (1 - share) * own[:3] + share * other[:3]
    own[:3] *= np.exp(rng.normal(0, 0.03)) * np.exp(rng.normal(0, 0.012, size=3))
    own[3] *= np.exp(rng.normal(0, 0.05))
    own[5] = (1 - share) * own[5] + share * other[5]
    return own


def draw(
    model: BankedTextureNet,
    latent: Array,
    style: Array,
    kind: str,
    statistics: Array,
    sharpness: Array,
    rng: np.random.Generator,
) -> TextureMaps:
    """Maps of an arranged latent (C, h, w), a style (16,) and statistics (9,); noise is drawn from `rng`.

    sharpness : (6,) spread of the finest octave of each channel, NaN where unknown; see `texture_finish`.
    """
    maps = decode(model, latent, style, kind, rng)
    for channel in range(4):  # luma, colour, height: a new arrangement has slow variation of its own
        maps[channel] = damp_slow(maps[channel], cycles=4, keep=0.5)
    maps = Finish.of(maps, model.net.config.cell, sharpness)(maps)
    return texture_maps(*denormalise(maps, statistics))


def decode(
    model: BankedTextureNet, latent: Array, style: Array, kind: str, rng: np.random.Generator
) -> Array:
    """Normalised channels (6, H, W) of a periodic latent (C, h, w); the noise's seed comes from `rng`."""
    config = model.net.config
    rows, columns = latent.shape[1:]
    window = Window(0, 0, rows * config.cell, columns * config.cell)
    seed, index = int(rng.integers(2**31)), config.classes.index(kind)
    return blocks(model.net, window, periodic(latent), style, index, seed, period=(rows, columns))
