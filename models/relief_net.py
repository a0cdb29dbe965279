"""The net that turns the macro relief of physics into one that looks like real land, on the same cells.

Stream power gives an endless land its rivers and ranges, and leaves flanks too planar and floors too level.
The net keeps the plan and redraws the relief: it sees the land and its drainage area in bands, at three
resolutions, and adds a residual. Convolutions never pad: a window loses ``HALO`` cells at each side. Cells of
its coarser levels lie on multiples of `GRID`, so windows must start at such a multiple less ``HALO``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from worldgen.models.layers import SMOOTH, SMOOTH_HALO, crop, crop_field, sharpen
from worldgen.models.terrain_net import Block, StyleBias, compress, scale_map

GRID = 4  # cells that the coarsest level's cells span
HALO = 50
BANDS = 3
BAND_HALO = 14  # cells that the widest band needs at each side
_QUARTER_START = 22  # cells from a window's first to the first that the coarsest level works on
_FEATURES = BANDS + 5
VIEWS = 7
# Root mean square slope of real land at about 120 m a cell, by which heights are divided; training places.
STEEPNESS = {
    "alpine": 0.42,
    "mountains": 0.32,
    "hills": 0.15,
    "plains": 0.055,
    "canyons": 0.25,
    "desert": 0.19,
    "volcanic": 0.17,
}


def bands(elevation: Tensor) -> tuple[list[Tensor], Tensor]:
    """Split a map into bands: what binomials of 1, 2 and 4 cells take away, finest first, and what is left.

    (B, 1, H, W) -> three and one of (B, 1, H - 28, W - 28).
    """
    parts, rest = [], elevation
    for level in range(BANDS):
        smooth = _smooth(rest, 2**level)
        parts.append(crop(rest, 2 * 2**level) - smooth)
        rest = smooth
    size = rest.shape[-1]
    return [crop(part, (part.shape[-1] - size) // 2) for part in parts], rest


def _smooth(x: Tensor, dilation: int) -> Tensor:
    taps = torch.tensor(SMOOTH, dtype=x.dtype, device=x.device)
    x = functional.conv2d(x, taps.reshape(1, 1, -1, 1), dilation=(dilation, 1))
    return functional.conv2d(x, taps.reshape(1, 1, 1, -1), dilation=(1, dilation))


def _gradient(x: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences down and to the right, a cell cut off each side."""
    return (x[..., 2:, 1:-1] - x[..., :-2, 1:-1]) / 2, (x[..., 1:-1, 2:] - x[..., 1:-1, :-2]) / 2


def _laplacian(x: Tensor) -> Tensor:
    sides = x[..., 2:, 1:-1] + x[..., :-2, 1:-1] + x[..., 1:-1, 2:] + x[..., 1:-1, :-2]
    return sides - 4 * x[..., 1:-1, 1:-1]


class ReliefNet(nn.Module):
    """Redraw a macro relief on its own cells.

    Parameters
    ----------
    styles : names of the styles of land that it is told.
    channels : widths at the three resolutions, finest first.
    """

    def __init__(self, styles: Sequence[str], channels: Sequence[int] = (24, 48, 64)) -> None:
        super().__init__()
        fine, half, quarter = channels
        self.styles = tuple(styles)
        self.entry = nn.Conv2d(_FEATURES + NOISE[0], fine, 3)
        self.style = StyleBias(len(styles), fine)
        self.to_half = nn.Conv2d(fine, half, 4, stride=2)
        self.half_down = Block(half)
        self.to_quarter = nn.Conv2d(half, quarter, 4, stride=2)
        self.style_quarter = StyleBias(len(styles), quarter)
        self.quarter = nn.ModuleList(Block(quarter) for _ in range(NOISE[2]))
        self.from_quarter = nn.Conv2d(quarter, 4 * half, 3)
        self.half_up = Block(half)
        self.from_half = nn.Conv2d(half, 4 * fine, 1)
        self.last = nn.Conv2d(fine, fine, 3)
        self.exit = nn.Conv2d(fine, 1, 3)
        with torch.no_grad():
            for block in (self.half_down, self.half_up, *self.quarter):
                block.second.weight.mul_(0.5)
            self.exit.weight.mul_(0.1)
            self.exit.bias.zero_()  # type: ignore[union-attr]

    def forward(
        self,
        elevation: Tensor,
        area: Tensor,
        spacing: Tensor,
        steepness: Tensor,
        noise: Sequence[Tensor],
        style: Tensor,
        sharp: bool = False,
    ) -> Tensor:
        """Redraw.

        Parameters
        ----------
        elevation : (B, 1, H, W) metres; first cell at a multiple of `GRID` less `HALO`, H and W multiples of
            4.
        area : (B, 1, H, W) binary logarithm of the drainage area in cells.
        spacing : (B, 1, 1, 1) metres between cells.
        steepness : (B, 1, 1, 1) or (B, 1, H, W) slope to expect, see `STEEPNESS`.
        noise : of variance 1 for each resolution, finest first: (B, NOISE[i], h, w), see `noise_sizes`.
        style : (B, S, 1, 1) or (B, S, H, W) weights of the ``styles``.
        sharp : make up for the softness of the resampled land that the net learned from. The amplifier was
            taught on sharper maps, and would add too little.

        Returns
        -------
        (B, 1, H - 2 HALO, W - 2 HALO) metres.
        """
        unit = spacing * steepness
        parts, _ = bands(elevation)
        inner = crop(elevation, BAND_HALO - 1)
        seen = torch.cat([*parts, *_gradient(inner), _laplacian(inner)], dim=1)
        scaled = compress(seen / crop_field(unit, BAND_HALO))
        flow = crop(area, BAND_HALO).clamp(0.0, 12.0) / 6 - 1
        features = torch.cat([scaled, flow, scale_map(flow, spacing)], dim=1)
        x = self.entry(torch.cat([features, crop(noise[0], BAND_HALO)], dim=1))
        fine = functional.leaky_relu(self.style(x, style, BAND_HALO + 1), 0.2)
        half = self.half_down(self.to_half(fine), noise[1][:, :1])
        x = self.to_quarter(functional.leaky_relu(half, 0.2))
        coarse = style if style.shape[-1] == 1 else functional.avg_pool2d(crop(style, _QUARTER_START), GRID)
        x = self.style_quarter(x, coarse)
        deep = noise[2]
        for index, block in enumerate(self.quarter):
            x = block(x, deep[:, index : index + 1])
            deep = crop(deep, 2)
        x = functional.pixel_shuffle(self.from_quarter(functional.leaky_relu(x, 0.2)), 2)
        x = x + _middle(half, x)
        x = self.half_up(x, _middle(noise[1][:, 1:], x))
        x = functional.pixel_shuffle(self.from_half(functional.leaky_relu(x, 0.2)), 2)
        x = x + _middle(fine, x)
        x = self.exit(functional.leaky_relu(self.last(functional.leaky_relu(x, 0.2)), 0.2))
        kept = crop(elevation, HALO - SMOOTH_HALO)
        redrawn = kept + crop_field(unit, HALO - SMOOTH_HALO) * _middle(x, kept).float()
        return sharpen(redrawn) if sharp else crop(redrawn, SMOOTH_HALO)


NOISE = (2, 2, 2)  # noise maps at each resolution, finest first


def noise_sizes(cells: int) -> tuple[int, int, int]:
    """Cells per side of the noise maps at each resolution, for a map of ``cells`` per side."""
    half = (cells - 2 * (BAND_HALO + 1)) // 2 - 1
    return cells, half, (half - 4) // 2 - 1


def noise_starts(row: int, column: int) -> tuple[tuple[int, int], ...]:
    """First cell of the noise at each resolution, for the output cell (row, column), multiples of `GRID`."""
    full = (row - HALO, column - HALO)
    half = (row // 2 - 17, column // 2 - 17)
    return full, half, (row // 4 - 7, column // 4 - 7)


def _middle(x: Tensor, like: Tensor) -> Tensor:
    """The middle of ``x`` of the size of ``like``."""
    down, right = (x.shape[axis] - like.shape[axis] for axis in (-2, -1))
    return x[..., down // 2 : x.shape[-2] - down // 2, right // 2 : x.shape[-1] - right // 2]


def judged_relief(elevation: Tensor, spacing: Tensor, steepness: Tensor) -> Tensor:
    """What the discriminator sees: two bands, height, gradients, Laplacian, in units of the style's slope.

    (B, 1, H, W) metres, spacing and steepness (B, 1, 1, 1) -> (B, VIEWS, H - 28, W - 28).
    """
    parts, _ = bands(elevation)
    inner = crop(elevation, BAND_HALO - 1)
    height = parts[0] + parts[1] + parts[2]
    views = [height / 2, parts[1] + parts[0], *_gradient(inner), _laplacian(inner), parts[0] * 2]
    scaled = compress(torch.cat(views, dim=1) / (spacing * steepness))
    return torch.cat([scaled, scale_map(height, spacing)], dim=1)
