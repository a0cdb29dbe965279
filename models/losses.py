"""Losses of the terrain GAN: relativistic pairing with gradient penalties on both sides.

Source: Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long live the GAN! A modern GAN baseline",
NeurIPS 2024 (written from the paper). Here each logit judges one patch, and the real and the generated
patch of a pair refine the same coarse cells.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of softplus(fake - real): the real patch should score above its generated twin. Same shapes."""
    return functional.softplus(fake - real).mean()


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of softplus(real - fake)."""
    return functional.softplus(real - fake).mean()


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
