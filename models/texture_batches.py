"""Random parts of a training step of the texture VAE: crops, noise, grafts; all from (seed, step) alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldgen.models.texture_data import CHANNELS, Array, Material


def draw_batch(
    materials: Sequence[Material], kinds: Sequence[int], *, seed: int, step: int, pairs: int, crop: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops (2·pairs, 6, crop, crop), presence (2·pairs, 6, 1, 1) and material indices of one step.

    Classes are drawn by the root of their number of materials, so that one with two sets is neither lost nor
    learned by heart. Crops 2k and 2k+1 are from one material with one augmentation.
    """
    rng = np.random.default_rng([seed, step])
    counts = np.bincount(kinds)[list(kinds)]
    odds = 1 / np.sqrt(counts)
    maps, present, labels = [], [], []
    for index in rng.choice(len(materials), size=pairs, p=odds / odds.sum()):
        material = materials[index]
        scale = rng.choice([1.0, 1.0, 1.0, 1.5, 2.0])
        side = round(crop * float(scale))
        side = min(side, material.maps.shape[1])
        turn, flip = int(rng.integers(4)), bool(rng.integers(2))
        gain = np.exp(rng.normal(0, 0.1, size=(CHANNELS, 1, 1))).astype(np.float32)
        for _ in range(2):
            window = np.rot90(_crop(material, side, rng), turn, axes=(1, 2))
            window = window[:, :, ::-1] if flip else window
            tensor = torch.from_numpy(np.ascontiguousarray(window * gain))[None]
            if side != crop:
                tensor = F.interpolate(tensor, size=(crop, crop), mode="area")
            maps.append(tensor)
            present.append(material.present)
            labels.append(int(index))
    mask = torch.from_numpy(np.stack(present)).float()[:, :, None, None]
    return torch.cat(maps).contiguous(memory_format=torch.channels_last), mask, torch.tensor(labels)


def _crop(material: Material, side: int, rng: np.random.Generator) -> Array:
    """A (6, side, side) window; anywhere on a seamless material, inside the borders of another."""
    size = material.maps.shape[1]
    if material.seamless:
        rows, columns = (np.arange(side) + rng.integers(size) for _ in range(2))
    else:
        rows, columns = (np.arange(side) + rng.integers(size - side + 1) for _ in range(2))
    window = material.maps[:, rows[:, None] % size, columns[None, :] % size]
    return window.astype(np.float32)


def noise_maps(batch: int, side: int, stages: int, generator: torch.Generator) -> list[Tensor]:
    """Noise for a decoder: standard normal (B, 1, s·side, s·side), s = 1, 2, 4 … for each of its stages."""
    sides = [side * 2**stage for stage in range(stages)]
    return [torch.randn(batch, 1, length, length, generator=generator) for length in sides]


def graft_mask(side: int, rng: np.random.Generator) -> Tensor:
    """(1, 1, side, side): 1 inside a random disc or half-plane, 0 outside, with a soft border."""
    row, column = np.mgrid[:side, :side]
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        distance = (
            (row - side / 2) * np.sin(angle) + (column - side / 2) * np.cos(angle) + rng.normal(0, side / 8)
        )
    else:
        centre = rng.uniform(side * 0.25, side * 0.75, size=2)
        distance = np.hypot(row - centre[0], column - centre[1]) - rng.uniform(0.2, 0.45) * side
    softness = rng.uniform(0.1, 3)
    return torch.from_numpy(1 / (1 + np.exp(-2 * distance / softness))).float()[None, None]


def grafted(latent: Tensor, maps: Tensor, weight: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Graft a patch of every second crop's partner onto it, as sampling does.

    Parameters
    ----------
    latent : (B, C, h, w).  maps, weight : (B, 6, H, W); crops 2k and 2k+1 are of one material.
    mask : (1, 1, h, w), 1 where the first crop of a pair keeps its own.

    Returns
    -------
    Latents, the maps they should give, and weights that leave out what lies within a cell of a seam.
    """
    cell = maps.shape[-1] // mask.shape[-1]
    own, other = latent[::2], latent[1::2]
    mixed = mask * own + (1 - mask) * other
    unsure = F.max_pool2d((mask * (1 - mask) > 0.02).float(), 3, stride=1, padding=1)
    known = F.interpolate(1 - unsure, scale_factor=cell, mode="nearest")
    inside = F.interpolate((mask > 0.5).float(), scale_factor=cell, mode="nearest")
    target = inside * maps[::2] + (1 - inside) * maps[1::2]
    return (
        torch.stack([mixed, other], dim=1).flatten(0, 1),
        torch.stack([target, maps[1::2]], dim=1).flatten(0, 1),
        torch.stack([weight[::2] * known, weight[1::2]], dim=1).flatten(0, 1),
    )
