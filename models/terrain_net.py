"""The nets of the terrain amplifier: a ×2 generator and its discriminator.

The generator refines a coarse height map ×2. It sees everything in units of a *local amplitude*, measured
on the finest band of the coarse map itself, so one net serves every scale and every relief. Convolutions
never pad: a window loses ``HALO`` coarse cells at each side, and any window equals the same cut of a larger
one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from worldgen.models.layers import UP_POSITIVE, crop, crop_field, downsample, smooth, upsample

BLOCKS = 4
FEATURE_HALO = 7  # two smoothings and the blur of the energy
PROJECTION_HALO = 3  # one downsample and one upsample
HALO = FEATURE_HALO + 1 + 2 * BLOCKS + PROJECTION_HALO  # 19 coarse cells
FEATURES = 8
NOISE = 2 + BLOCKS  # noise maps for one level: two at the door, one in each block
# Amplitude never falls under this share of the spacing: below it, elevation models hold rounding and canopy.
FLOOR = 0.005
_ENERGY = (1 / 64, 6 / 64, 15 / 64, 20 / 64, 15 / 64, 6 / 64, 1 / 64)


def coarse_features(coarse: Tensor, spacing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Describe a coarse map in units of its local amplitude.

    Parameters
    ----------
    coarse : (B, 1, H, W) elevation in metres.
    spacing : (B, 1, 1, 1) metres between coarse cells.

    Returns
    -------
    features : (B, FEATURES, H - 14, W - 14): detrended height, finest band, two gradients, Laplacian (all
        divided by the amplitude and compressed), log amplitude / spacing, log ratio of the two finest bands,
        scale.
    amplitude : (B, 1, H - 14, W - 14) metres.
    background : (B, 1, H - 8, W - 8) twice smoothed map, metres.
    """
    once = smooth(coarse)  # (B, 1, H-4, W-4)
    background = smooth(once)  # (B, 1, H-8, W-8)
    finest = crop(coarse, 4) - crop(once, 2)
    second = crop(once, 2) - background
    kernel = torch.tensor(_ENERGY, dtype=coarse.dtype, device=coarse.device)
    energy = torch.cat([finest, second], dim=1) ** 2  # (B, 2, H-8, W-8)
    energy = functional.conv2d(energy, kernel.reshape(1, 1, -1, 1).expand(2, 1, -1, 1), groups=2)
    energy = functional.conv2d(energy, kernel.reshape(1, 1, 1, -1).expand(2, 1, 1, -1), groups=2)
    floor = (FLOOR * spacing) ** 2
    amplitude = (energy.sum(dim=1, keepdim=True) + floor).sqrt()  # (B, 1, H-14, W-14)

    inner = crop(coarse, FEATURE_HALO - 1)  # one more cell for the differences
    vertical = (inner[..., 2:, 1:-1] - inner[..., :-2, 1:-1]) / 2
    horizontal = (inner[..., 1:-1, 2:] - inner[..., 1:-1, :-2]) / 2
    centre = inner[..., 1:-1, 1:-1]
    laplacian = smooth(crop(coarse, FEATURE_HALO - 2)) - centre
    detrended = centre - crop(background, 3)
    scaled = torch.cat([detrended, crop(finest, 3), vertical, horizontal, laplacian], dim=1) / amplitude
    ratio = 0.5 * torch.log((energy[:, :1] + floor) / (energy[:, 1:] + floor))
    features = [compress(scaled), torch.log(amplitude / spacing) / 2 + 1, ratio]
    return torch.cat([*features, scale_map(amplitude, spacing)], dim=1), amplitude, background


def scale_map(like: Tensor, spacing: Tensor) -> Tensor:
    """Say how coarse the map is: land is rougher at 300 m than at 30 m. Clamped to what was learned."""
    return (torch.log2(spacing / 100) / 2).clamp(-1.2, 1.5).expand_as(like)


def compress(x: Tensor) -> Tensor:
    """Grow like x near 0 and like log x far away, so that a cliff beside a plain does not swamp the net."""
    return 2 * torch.asinh(x / 2)


class Block(nn.Module):
    """Residual block without padding: noise, two 3×3 convolutions, the input cropped and added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.noise = nn.Parameter(torch.full((1, channels, 1, 1), 0.1))
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, C, H, W) and noise (B, 1, H, W) -> (B, C, H - 4, W - 4)."""
        # in place where nothing else reads the values: a fifth of the time goes on moving them
        y = self.first(functional.leaky_relu_((self.noise * noise).add_(x), 0.2))
        y = self.second(functional.leaky_relu_(y, 0.2))
        return y.add_(crop(x, 2))  # type: ignore[no-any-return]


class StyleBias(nn.Module):
    """Add what a mix of styles of land means to each channel; nothing where the style is left open."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        if styles:
            self.weight = nn.Parameter(torch.zeros(channels, styles, 1, 1))

    def forward(self, x: Tensor, style: Tensor | None, halo: int = 0) -> Tensor:
        """(B, C, h, w) and style (B, S, 1, 1) or (B, S, h + 2 halo, w + 2 halo) -> (B, C, h, w)."""
        if style is None:
            return x
        return x + functional.conv2d(crop_field(style, halo), self.weight)


class Amplifier(nn.Module):
    """Refine a height map ×2, keeping what it says at its own resolution.

    ``downsample(output)`` equals the coarse map up to rounding, by construction: the residual is projected on
    the maps that downsample to nothing.

    Parameters
    ----------
    channels : width of the trunk.
    styles : names of the styles of land that it can be told.
    """

    def __init__(self, channels: int = 40, styles: Sequence[str] = ()) -> None:
        super().__init__()
        self.styles = tuple(styles)
        self.bfloat16_trunk = False  # set in training only: half-width convolutions
        self.entry = nn.Conv2d(FEATURES + 2, channels, 3)
        self.style = StyleBias(len(styles), channels)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(BLOCKS))
        self.exit = nn.Conv2d(channels, 4, 1)
        with torch.no_grad():
            for block in self.blocks:
                block.second.weight.mul_(0.5)  # type: ignore[operator, union-attr]
            self.exit.weight.mul_(0.5)

    def forward(
        self,
        coarse: Tensor,
        spacing: Tensor,
        noise: Tensor,
        roughness: float = 1.0,
        style: Tensor | None = None,
    ) -> Tensor:
        """Refine.

        Parameters
        ----------
        coarse : (B, 1, H, W) elevation in metres.
        spacing : (B, 1, 1, 1) metres between coarse cells.
        noise : (B, NOISE, H, W) of variance 1.
        roughness : factor on the detail that is added.
        style : (B, S, 1, 1) or (B, S, H, W) weights of the S ``styles`` of land; None leaves it open.

        Returns
        -------
        (B, 1, 2 (H - 2 HALO), 2 (W - 2 HALO)) elevation in metres.
        """
        if coarse.ndim != 4 or coarse.shape[1] != 1 or noise.shape[1] != NOISE:
            raise ValueError(
                f"want (B, 1, H, W) and (B, {NOISE}, H, W), not {coarse.shape} and {noise.shape}"
            )
        features, amplitude, _ = coarse_features(coarse, spacing)
        noise = crop(noise, FEATURE_HALO)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16_trunk):
            x = self.entry(torch.cat([features, noise[:, :2]], dim=1))  # (B, C, H-16, W-16)
            x = self.style(x, style, FEATURE_HALO + 1)
            noise = crop(noise, 1)
            for index, block in enumerate(self.blocks):
                x = block(x, crop(noise, 2 * index)[:, 2 + index : 3 + index])
            x = self.exit(functional.leaky_relu(x, 0.2))
        detail = functional.pixel_shuffle(x.float(), 2)  # (B, 1, 2h, 2w)
        detail = detail * upsample(crop(amplitude, 2 * BLOCKS), UP_POSITIVE) * roughness
        # upsample(coarse) + detail - upsample(downsample(detail)), which downsamples to the coarse map
        base = crop(coarse, HALO - 1) - downsample(detail)
        return upsample(base) + crop(detail, 2 * PROJECTION_HALO)


class Discriminator(nn.Module):
    """Judge patches of a refined map: one logit for each 8×8 cells, each seeing about 60 cells across."""

    def __init__(
        self, channels: tuple[int, int, int] = (32, 48, 64), styles: int = 0, views: int | None = None
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.entry = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * (views or VIEWS), first, 3, padding=1))
        self.style = StyleBias(styles, first)
        self.net = nn.Sequential(
            _Residual(first),
            nn.LeakyReLU(0.2),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            _Residual(second),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, third, 4, stride=2, padding=1),
            _Residual(third),
            nn.LeakyReLU(0.2),
            nn.Conv2d(third, 1, 3, padding=1),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
        for module in self.modules():
            if isinstance(module, _Residual):
                module.second.weight.data.mul_(0.1)

    def forward(self, view: Tensor, style: Tensor | None = None) -> Tensor:
        """(B, VIEWS, H, W) from `judged_view` and style (B, S, 1, 1) -> (B, 1, H / 8, W / 8) logits."""
        return self.net(self.style(self.entry(view), style))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(functional.leaky_relu(x, 0.2))
        return x + self.second(functional.leaky_relu(y, 0.2))  # type: ignore[no-any-return]


VIEWS = 7


def judged_view(fine: Tensor, coarse: Tensor, spacing: Tensor) -> Tensor:
    """What the discriminator sees: height, gradients, Laplacian and residual in units of the local amplitude.

    Height alone hides missing valleys: a net can match slope and curvature histograms without drainage.

    Parameters
    ----------
    fine : (B, 1, 2 (H - 2 HALO), 2 (W - 2 HALO)) elevation, the real one or the generator's.
    coarse : (B, 1, H, W) the coarse map it belongs to.
    spacing : (B, 1, 1, 1) metres between coarse cells.

    Returns
    -------
    (B, VIEWS, h - 2, w - 2) where (h, w) is the size of ``fine``.
    """
    _, amplitude, background = coarse_features(coarse, spacing)
    amplitude = upsample(crop(amplitude, HALO - FEATURE_HALO - 1), UP_POSITIVE)  # (B, 1, h, w)
    detrended = fine - upsample(crop(background, HALO - 4 - 1), UP_POSITIVE)
    residual = fine - upsample(crop(coarse, HALO - 1))
    vertical = (fine[..., 2:, 1:-1] - fine[..., :-2, 1:-1]) / 2
    horizontal = (fine[..., 1:-1, 2:] - fine[..., 1:-1, :-2]) / 2
    centre = fine[..., 1:-1, 1:-1]
    sides = fine[..., 2:, 1:-1] + fine[..., :-2, 1:-1] + fine[..., 1:-1, 2:] + fine[..., 1:-1, :-2]
    views = [crop(detrended, 1) / 2, vertical, horizontal, sides - 4 * centre, 2 * crop(residual, 1)]
    inner = crop(amplitude, 1)
    scaled = compress(torch.cat(views, dim=1) / inner)
    return torch.cat([scaled, torch.log(inner / spacing) / 2 + 1, scale_map(inner, spacing)], dim=1)
