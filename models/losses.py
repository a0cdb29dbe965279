"""Losses of the terrain GAN: adversarial pairs, gradient penalties on both sides, a score, standing water.

Each logit judges one patch; the real and the generated patch of a pair refine the same coarse cells. Logits
that are paired have the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from worldgen.models.terrain_drainage import spill_cells


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
    maps = elevation.detach()[:, 0].cpu().numpy()
    spill = torch.from_numpy(np.stack([spill_cells(ground) for ground in maps]))
    flat = elevation.flatten(1)
    return (flat.gather(1, spill.to(flat.device)) - flat).mean(dim=1)
