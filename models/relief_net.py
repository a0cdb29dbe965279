"""The net of the macro relief: it turns a land made by physics into one that looks surveyed.

Stream power gives valleys that join, but flanks as even as a roof and basins as flat as a table. The net adds
to it, cell by cell, what real land of that style has at the same spacing and stream power would wear away.
Convolutions never pad, as in the amplifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from worldgen.models.layers import crop, smooth
from worldgen.models.terrain_net import FEATURE_HALO, FEATURES, StyleBias, coarse_features, compress

DILATIONS = (1, 2, 1)
HALO = FEATURE_HALO + 1 + 2 * sum(DILATIONS)  # 16 cells
NOISE = 2 + len(DILATIONS)
# Detail where the land is level, as a share of the spacing: plains are not tables.
_LEAST = 0.01


class ReliefNet(nn.Module):
    """Weather a macro relief: same grid in and out.

    Parameters
    ----------
    channels : width of the trunk.
    styles : names of the styles of land that it is told.
    """

    def __init__(self, channels: int = 32, styles: Sequence[str] = ()) -> None:
        super().__init__()
        self.styles = tuple(styles)
        self.bfloat16_trunk = False  # set in training only: half-width convolutions
        self.entry = nn.Conv2d(FEATURES + 3 + 2, channels, 3)
        self.style = StyleBias(len(styles), channels)
        self.blocks = nn.ModuleList(_DilatedBlock(channels, dilation) for dilation in DILATIONS)
        self.exit = nn.Conv2d(channels, 1, 1)
        with torch.no_grad():
            self.exit.weight.mul_(0.3)

    def forward(
        self, elevation: Tensor, area: Tensor, spacing: Tensor, noise: Tensor, style: Tensor | None = None
    ) -> Tensor:
        """Weather.

        Parameters
        ----------
        elevation : (B, 1, H, W) metres.
        area : (B, 1, H, W) km² of drainage area.
        spacing : (B, 1, 1, 1) metres between cells.
        noise : (B, NOISE, H, W) of variance 1.
        style : (B, S, 1, 1) or (B, S, H, W) weights of the S ``styles`` of land; None leaves it open.

        Returns
        -------
        (B, 1, H - 2 HALO, W - 2 HALO) metres.
        """
        features, amplitude, _ = coarse_features(elevation, spacing)  # (B, FEATURES, H-14, W-14)
        inner = crop(elevation, FEATURE_HALO - 1)
        vertical = (inner[..., 2:, 1:-1] - inner[..., :-2, 1:-1]) / 2
        horizontal = (inner[..., 1:-1, 2:] - inner[..., 1:-1, :-2]) / 2
        river = torch.log10(crop(area, FEATURE_HALO)) / 2
        slopes = compress(torch.cat([vertical, horizontal], dim=1) / (0.25 * spacing))
        x = torch.cat([features, slopes, river, crop(noise, FEATURE_HALO)[:, :2]], dim=1)
        noise = crop(noise, FEATURE_HALO + 1)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bfloat16_trunk):
            x = self.style(self.entry(x), style, FEATURE_HALO + 1)
            for index, (block, dilation) in enumerate(zip(self.blocks, DILATIONS, strict=True)):
                x = block(x, noise[:, 2 + index : 3 + index])
                noise = crop(noise, 2 * dilation)
            detail = self.exit(functional.leaky_relu(x, 0.2))
        size = crop(amplitude, HALO - FEATURE_HALO) + _LEAST * spacing
        return crop(elevation, HALO) + detail.float() * size  # type: ignore[no-any-return]


class _DilatedBlock(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.noise = nn.Parameter(torch.full((1, channels, 1, 1), 0.1))
        self.first = nn.Conv2d(channels, channels, 3, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, dilation=dilation)
        with torch.no_grad():
            self.second.weight.mul_(0.5)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        y = self.first(functional.leaky_relu(x + self.noise * noise, 0.2))
        return crop(x, 2 * self.dilation) + self.second(functional.leaky_relu(y, 0.2))  # type: ignore[no-any-return]


VIEW_HALO = 8
VIEWS = 8


def relief_view(elevation: Tensor, worn: Tensor, spacing: Tensor) -> Tensor:
    """What the discriminator of macro reliefs sees, in true slopes: a style has its own.

    Height over two surroundings, gradients, curvature, what was added to the worn land, how steep the place
    is, and the scale.

    Parameters
    ----------
    elevation : (B, 1, H, W) metres, the real map or a made one.
    worn : (B, 1, H + 2 HALO, W + 2 HALO) metres, the map it was made from.
    spacing : (B, 1, 1, 1) metres between cells.

    Returns
    -------
    (B, VIEWS, H - 2 VIEW_HALO, W - 2 VIEW_HALO).
    """
    z = elevation / spacing
    wide = functional.avg_pool2d(z, 2 * VIEW_HALO + 1, stride=1)
    near = crop(smooth(smooth(z)), VIEW_HALO - 4)
    middle = crop(z, VIEW_HALO)
    ring = crop(z, VIEW_HALO - 1)
    vertical = (ring[..., 2:, 1:-1] - ring[..., :-2, 1:-1]) / 2
    horizontal = (ring[..., 1:-1, 2:] - ring[..., 1:-1, :-2]) / 2
    laplacian = smooth(crop(z, VIEW_HALO - 2)) - middle
    worn = crop(worn, HALO + VIEW_HALO - 1) / spacing
    steep = (worn[..., 2:, 1:-1] - worn[..., :-2, 1:-1]).square()
    steep = functional.avg_pool2d(steep + (worn[..., 1:-1, 2:] - worn[..., 1:-1, :-2]).square(), 9, 1, 4) / 4
    unit = (steep + 0.02**2).sqrt()  # root mean square slope around
    views = [(middle - wide) / 3, 2 * (middle - near), vertical, horizontal, 4 * laplacian]
    views.append(3 * (middle - worn[..., 1:-1, 1:-1]))
    scale = torch.log2(spacing / 120).expand_as(middle)
    return torch.cat([compress(1.5 * torch.cat(views, dim=1) / unit), torch.log10(unit) + 1, scale], dim=1)
