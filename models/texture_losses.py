"""What the texture VAE is trained on: reconstruction of bands, statistics of detail, and a critic's terms.

Functions of tensors only. `maps` are normalised channels (B, 6, H, W). `weight` (B, 6, H, W) is 1 where the
source material has the channel and the latent is its own, and 0 elsewhere, so that absent maps and the seams
of grafts are never a target.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from worldgen.models.texture_data import CHANNELS, HEIGHT

# Colour differences are a quarter as strong as luma: at equal weight reds and greens turned brown.
WEIGHTS = torch.tensor([1.0, 2.0, 2.0, 1.0, 0.8, 0.8])[None, :, None, None]
DIRECTIONS = 20  # of the sliced Wasserstein distance
PLACES = 512  # of each crop that it compares


def slopes(plane: Tensor) -> Tensor:
    """Differences (B, 2, H-1, W-1) of a plane (B, 1, H, W) along columns and rows."""
    across = plane[:, :, :-1, 1:] - plane[:, :, :-1, :-1]
    down = plane[:, :, 1:, :-1] - plane[:, :, :-1, :-1]
    return torch.cat([across, down], dim=1)


def weighted_l1(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean absolute difference over what is present."""
    return ((found - wanted).abs() * weight * WEIGHTS).sum() / weight.sum().clamp_min(1.0)


def slope_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """L1 of slopes of luma and height, each in units of the wanted slopes' contrast.

    Height varies slowly, so its plain L1 hardly sees the fine relief that light shows: this term does.
    """
    total = found.new_zeros(())
    for channel in (0, HEIGHT):
        pair = slopes(found[:, channel : channel + 1]), slopes(wanted[:, channel : channel + 1])
        spread = pair[1].std(dim=(1, 2, 3), keepdim=True).clamp_min(0.02)
        near = weight[:, channel : channel + 1, :-1, :-1]
        total = total + (((pair[0] - pair[1]) / spread).abs() * near).sum() / (2 * near.sum()).clamp_min(1.0)
    return total / 2


def pyramid_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """L1 at 1/2, 1/4 and 1/8 size: the composition that the eye sees first."""
    total = found.new_zeros(())
    for _ in range(3):
        found, wanted, weight = (F.avg_pool2d(planes, 2) for planes in (found, wanted, weight))
        total = total + weighted_l1(found, wanted, weight)
    return total


def haar(planes: Tensor) -> tuple[list[Tensor], Tensor]:
    """Haar bands, three of (B, C, H/2, W/2), and the mean of 2 × 2, of planes (B, C, H, W)."""
    a, b = planes[..., ::2, ::2], planes[..., ::2, 1::2]
    c, d = planes[..., 1::2, ::2], planes[..., 1::2, 1::2]
    return [(a + b - c - d) / 4, (a - b + c - d) / 4, (a - b - c + d) / 4], (a + b + c + d) / 4


def detail_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """How much fine detail (Haar bands of two octaves) there is: around each place, and in the whole crop.

    The first is L1 of the log magnitude in each 8 × 8 neighbourhood; the second the squared difference of the
    log energy of each band and channel. L1 of texels settles on the mean of what could be there, which is
    blur; these ask for as much detail as there is, wherever its grains are. (The same on the Fourier plane of
    a whole crop was met by a few white sparkles: they have energy at all frequencies.)
    """
    near, whole = found.new_zeros(()), found.new_zeros(())
    for _ in range(2):
        ours, found = haar(found)
        theirs, wanted = haar(wanted)
        weight = F.avg_pool2d(weight, 2)
        around = F.avg_pool2d(weight, 8, stride=4)
        share = around.sum().clamp_min(1.0)
        total = weight.sum(dim=(2, 3))  # (B, 6)
        for one, other in zip(ours, theirs, strict=True):
            level = [torch.log(F.avg_pool2d(band.abs(), 8, stride=4) + 0.01) for band in (one, other)]
            near = near + ((level[0] - level[1]).abs() * around).sum() / share
            energy = [
                torch.log((band.square() * weight).sum(dim=(2, 3)) / total.clamp_min(1.0) + 1e-4)
                for band in (one, other)
            ]
            there = (total > 0).float()
            whole = whole + ((energy[0] - energy[1]).square() * there).sum() / there.sum().clamp_min(1.0)
    return near / 6, whole / 6


def lattice_loss(found: Tensor, wanted: Tensor, weight: Tensor, cell: int) -> Tensor:
    """How much the latent's cells show.

    L1 of the mean map at each texel of a cell, over all cells of a crop, and of how steps vary with their
    place in a cell (log of the mean step, less its mean, over the batch), against those of the wanted maps.
    Without it normals stepped a quarter more at the cells' borders than inside them. Steps are compared by
    their ratios: their differences are small beside those of texels, and base color kept a tenth.
    """

    def folded(planes: Tensor) -> Tensor:
        batch, channels, rows, columns = planes.shape
        return planes.reshape(batch, channels, rows // cell, cell, columns // cell, cell).mean(dim=(2, 4))

    def profile(planes: Tensor) -> Tensor:
        """(B, C, cell) of steps along columns; the first is across a border of cells."""
        near = weight[..., 1:] * weight[..., :-1]
        steps = (planes[..., 1:] - planes[..., :-1]).abs() * near
        whole = slice(cell - 1, planes.shape[-1] - 1)
        rows = [part[..., whole].sum(dim=2) for part in (steps, near)]
        sums = [row.reshape(*row.shape[:2], -1, cell).sum(dim=2) for row in rows]
        level = torch.log(sums[0] / sums[1].clamp_min(1.0) + 0.003)
        return level - level.mean(dim=-1, keepdim=True)

    present = (weight.amax(dim=(2, 3), keepdim=True) > 0).float()
    pair = [folded(planes * weight) for planes in (found, wanted)]
    count = present.sum().clamp_min(1.0)
    total = ((pair[0] - pair[1]).abs() * present * WEIGHTS).sum() / (count * cell**2)
    for _ in range(2):
        uneven = (profile(found) - profile(wanted)) * present[..., 0]
        total = total + (uneven.sum(dim=0) / present.sum(dim=0)[..., 0].clamp_min(1.0)).abs().mean()
        found, wanted, weight = (planes.transpose(2, 3) for planes in (found, wanted, weight))
    return total / 3


def sliced_wasserstein(found: Tensor, wanted: Tensor, present: Tensor, generator: torch.Generator) -> Tensor:
    """Distance of the distributions of fine features, of each crop to its own, whatever their places.

    Features are what random zero-mean 5 × 5 filters over all channels see at full and half size (Rabin et al.
    2012). present : (B, 6, 1, 1).
    """
    filters = torch.randn(DIRECTIONS, CHANNELS, 5, 5, generator=generator)
    filters = filters - filters.mean(dim=(2, 3), keepdim=True)
    filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
    both = torch.cat([found * present, wanted * present])
    total = found.new_zeros(())
    for _ in range(2):
        features = F.conv2d(both, filters).flatten(2)  # (2B, DIRECTIONS, P)
        picked = torch.randperm(features.shape[-1], generator=generator)[:PLACES]
        ours, theirs = features[:, :, picked].sort(dim=-1).values.chunk(2)
        spread = theirs.std(dim=-1, keepdim=True).clamp_min(0.02)
        total = total + ((ours - theirs) / spread).abs().mean()
        both = F.avg_pool2d(both, 2)
    return total / 2


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
