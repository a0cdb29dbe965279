"""What the texture VAE is trained on: reconstruction at all scales, detail, slopes, and a critic's terms.

Functions of tensors only. `maps` are normalised channels (B, 6, H, W); `present` (B, 6, 1, 1) is 1 where the
source material has the channel and 0 where it doesn't, so that absent maps are never a target.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from worldgen.models.texture_data import HEIGHT

# Colour differences are a quarter as strong as luma: at equal weight reds and greens turned brown.
WEIGHTS = torch.tensor([1.0, 2.0, 2.0, 1.0, 0.8, 0.8])[None, :, None, None]


def slopes(plane: Tensor) -> Tensor:
    """Differences (B, 2, H-1, W-1) of a plane (B, 1, H, W) along columns and rows."""
    across = plane[:, :, :-1, 1:] - plane[:, :, :-1, :-1]
    down = plane[:, :, 1:, :-1] - plane[:, :, :-1, :-1]
    return torch.cat([across, down], dim=1)


def masked_l1(found: Tensor, wanted: Tensor, present: Tensor) -> Tensor:
    """Weighted mean absolute difference over the channels that are present."""
    weight = present * WEIGHTS
    return ((found - wanted).abs() * weight).mean() / present.mean().clamp_min(1e-6)


def slope_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """L1 of slopes of luma, blue, red and height, each in units of the wanted slopes' contrast.

    Height varies slowly, so its plain L1 hardly sees the fine relief that light shows: this term does.
    """
    total = found.new_zeros(())
    for channel in (0, HEIGHT):
        pair = slopes(found[:, channel : channel + 1]), slopes(wanted[:, channel : channel + 1])
        spread = pair[1].std(dim=(1, 2, 3), keepdim=True).clamp_min(0.02)
        total = total + ((pair[0] - pair[1]) / spread).abs().mean()
    return total / 2


def pyramid_loss(found: Tensor, wanted: Tensor, present: Tensor) -> Tensor:
    """L1 at 1/2, 1/4 and 1/8 size: the composition that the eye sees first."""
    total = found.new_zeros(())
    for _ in range(3):
        found, wanted = F.avg_pool2d(found, 2), F.avg_pool2d(wanted, 2)
        total = total + masked_l1(found, wanted, present)
    return total


def detail_loss(found: Tensor, wanted: Tensor, present: Tensor) -> Tensor:
    """L1 of the log magnitude of fine detail (Haar bands of two octaves) in each 8 × 8 neighbourhood.

    L1 of texels settles on the mean of what could be there, which is blur; this term asks for as much detail
    as there is, wherever its grains are. (The same on the Fourier plane of a whole crop was met by a few
    white sparkles: they have energy at all frequencies.)
    """
    share = present.mean().clamp_min(1e-6)
    total = found.new_zeros(())
    pair = torch.cat([found, wanted])  # (2B, C, H, W)
    for _ in range(2):
        a, b = pair[..., ::2, ::2], pair[..., ::2, 1::2]
        c, d = pair[..., 1::2, ::2], pair[..., 1::2, 1::2]
        for band in (a + b - c - d, a - b + c - d, a - b - c + d):
            level = torch.log(F.avg_pool2d(band.abs() / 4, 8, stride=4) + 0.01)
            one, other = level.chunk(2)
            total = total + ((one - other).abs() * present).mean() / share
        pair = (a + b + c + d) / 4
    return total / 6


def divergence(mean: Tensor, log_variance: Tensor, free: float) -> Tensor:
    """KL to the unit normal, in nats per value of the latent's channels, with `free` nats for nothing.

    Free bits (Kingma et al. 2016) per channel keep every channel in use.
    """
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
    per_channel = kl.transpose(0, 1).flatten(1).mean(dim=1)  # (C,)
    return per_channel.clamp_min(free).sum()


def critic_view(maps: Tensor) -> Tensor:
    """Channels (B, 8, H-1, W-1) that the critic sees: the maps and the slopes of height, in like units."""
    slope = slopes(maps[:, HEIGHT : HEIGHT + 1])
    return torch.cat([maps[:, :, :-1, :-1], 2 * slope], dim=1)


def feature_loss(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Mean L1 between the critic's features of two pictures (Larsen et al. 2016)."""
    total = found[0].new_zeros(())
    for one, other in zip(found, wanted, strict=True):
        total = total + (one - other.detach()).abs().mean()
    return total / len(found)
