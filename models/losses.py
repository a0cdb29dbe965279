"""Losses of the terrain GAN: adversarial pairs, gradient penalties on both sides, a score, standing water.

Each logit judges one patch; the real and the generated patch of a pair refine the same coarse cells. Logits
that are paired have the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from worldgen.kernel import kernel


class AdversarialLoss(NamedTuple):
    """What the discriminator and what the generator minimise: each (real logits, fake logits) -> scalar."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of softplus(fake - real): the real patch should score above its generated twin.

    Source: Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A modern GAN
    baseline", NeurIPS 2024 (written from the paper).
    """
    return functional.softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of softplus(real - fake)."""
    return functional.softplus(real - fake).mean()


def non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Cross entropy of telling real from fake: mean of softplus(-real) + softplus(fake)."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of softplus(-fake), whose gradient stays where the fake is found out (Goodfellow et al. 2014)."""
    return functional.softplus(-fake).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of max(0, 1 - real) + max(0, 1 + fake) (Lim and Ye 2017; Miyato et al. 2018)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of -fake."""
    return -fake.mean()


LOSSES: dict[str, AdversarialLoss] = {
    "relativistic": AdversarialLoss(relativistic_discriminator, relativistic_generator),
    "non-saturating": AdversarialLoss(non_saturating_discriminator, non_saturating_generator),
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
}


def energy_score(real: Tensor, first: Tensor, second: Tensor, patch: int) -> Tensor:
    """Score two samples for each condition against the one real outcome, patch by patch; less is better.

    It is |real - sample| - |first - second| / 2 in the root mean square of a patch: a proper scoring rule
    (Gneiting and Raftery 2007). Its mean is least when the samples follow the real conditional distribution,
    so, unlike a squared error, it teaches what the condition foretells without wearing down the variety.

    Parameters
    ----------
    real, first, second : (B, C, H, W).
    patch : cells per side of a patch.
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        square = functional.avg_pool2d((a - b).square().mean(dim=1, keepdim=True), patch)
        return (square + 1e-6).sqrt().mean()

    return (distance(real, first) + distance(real, second) - distance(first, second)) / 2


def gradient_penalty(logits: Tensor, view: Tensor) -> Tensor:
    """Squared gradient of the logits by what the discriminator saw, for each logit (R1 on real, R2 on fake).

    Parameters
    ----------
    logits : (B, 1, h, w), computed from ``view``.
    view : (B, C, H, W) with ``requires_grad``.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), view, create_graph=True)
    return gradient.square().sum() / logits.numel()


def ponding(elevation: Tensor) -> Tensor:
    """Mean depth of the water that rain would leave standing on each map: (B, 1, H, W) metres -> (B,) metres.

    The depth is differentiable: a gradient step raises the floor of a pit and lowers the cell over which it
    spills, as a river would. Water leaves freely over the border.
    """
    spill = torch.from_numpy(_spills(elevation.detach()[:, 0].cpu().double().numpy()))
    flat = elevation.flatten(1)
    return (flat.gather(1, spill.to(flat.device)) - flat).mean(dim=1)


def _spills(elevation: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each cell the flat index of the cell over which water on it runs off: (B, H, W) -> (B, H W)."""
    batch, height, width = elevation.shape
    spill = np.empty((batch, height * width), np.int64)
    for index in range(batch):
        _spill(np.ascontiguousarray(elevation[index]).reshape(-1), width, spill[index])
    return spill


@kernel
def _spill(elevation: NDArray[np.float64], width: int, spill: NDArray[np.int64]) -> None:
    """Flood from the border inwards, lowest first (priority-flood; Barnes, Lehman and Mulla 2014)."""
    cells = elevation.size
    height = cells // width
    heap = np.empty(cells + 1, np.int64)  # 1-based binary heap of cells, ordered by the level of their spill
    size = 0
    spill[:] = -1
    for cell in range(cells):
        row, column = cell // width, cell % width
        if 0 < row < height - 1 and 0 < column < width - 1:
            continue
        spill[cell] = cell
        size += 1
        child = size
        while child > 1 and elevation[heap[child // 2]] > elevation[cell]:
            heap[child] = heap[child // 2]
            child //= 2
        heap[child] = cell
    while size:
        cell = heap[1]
        last = heap[size]
        size -= 1
        level = elevation[spill[last]]
        parent = 1
        while 2 * parent <= size:
            child = 2 * parent
            if child < size and elevation[spill[heap[child + 1]]] < elevation[spill[heap[child]]]:
                child += 1
            if elevation[spill[heap[child]]] >= level:
                break
            heap[parent] = heap[child]
            parent = child
        heap[parent] = last
        row, column = cell // width, cell % width
        for next_row in range(max(row - 1, 0), min(row + 2, height)):
            for next_column in range(max(column - 1, 0), min(column + 2, width)):
                neighbour = next_row * width + next_column
                if spill[neighbour] >= 0:
                    continue
                above = elevation[neighbour] >= elevation[spill[cell]]
                spill[neighbour] = neighbour if above else spill[cell]
                level = elevation[spill[neighbour]]
                size += 1
                child = size
                while child > 1 and elevation[spill[heap[child // 2]]] > level:
                    heap[child] = heap[child // 2]
                    child //= 2
                heap[child] = neighbour
