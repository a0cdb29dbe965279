"""The texture VAE's nets: encoder and decoder.

Everything is convolutional and wraps (circular padding), so a decoded map tiles exactly and rolling the
latent rolls the result. No normalisation layer looks across the picture (that would tie a texel to the far
side of the tile and to the tile's size); residual branches start at zero instead (Zhang et al. 2019,
"Fixup"). The nets work on normalised channels (see `worldgen.models.texture_data`); they know no files and no
classes' names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldgen.models.texture_codes import LEADING

# Least standard deviations of the latent: leading and other channels, and style. With 0.12, the price of four
# bits a value, the noise showed as a weave along the axes: the patterns that single latents stand for.
FINE, COARSE, STYLE = 0.01, 0.03, 0.12


@dataclass(frozen=True)
class TextureNetConfig:
    """Sizes of the nets; `classes` are the class names in the order of their embedding.

    `widths` and `depths` (residual blocks) are the decoder's, from the latent's resolution to the maps' by
    doublings; the encoder has the same widths but the last.
    """

    classes: tuple[str, ...]
    channels: int = 6
    latent: int = 24
    style: int = 16
    widths: tuple[int, ...] = (96, 64, 32, 16)
    depths: tuple[int, ...] = (2, 2, 2, 1)

    @property
    def cell(self) -> int:
        """Texels per latent cell, along each axis."""
        return int(2 ** (len(self.widths) - 1))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TextureNetConfig:
        """Inverse of `as_dict`."""
        listed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**listed)


class Convolution(nn.Conv2d):
    """3×3 convolution whose border wraps, or mirrors for crops that don't wrap (in training)."""

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, 3)
        nn.init.kaiming_normal_(self.weight, a=0.2)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.weight.mul_(gain)

    def forward(self, x: Tensor, border: str = "circular") -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=border), self.weight, self.bias)


class Block(nn.Module):
    """Residual block: convolution, noise, style (FiLM, Perez et al. 2018), convolution."""

    def __init__(self, width: int, style: int) -> None:
        super().__init__()
        self.first = Convolution(width, width)
        self.second = Convolution(width, width, gain=0.1)
        self.film = nn.Linear(style, 2 * width)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)
        self.noise_gain = nn.Parameter(torch.full((1, width, 1, 1), 0.1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None, border: str) -> Tensor:
        h = self.first(F.leaky_relu(x, 0.2), border)  # (B, C, H, W)
        if noise is not None:
            h = h + self.noise_gain * noise
        scale, shift = self.film(style)[:, :, None, None].chunk(2, dim=1)
        # Bounded: a dozen factors in a row, of a style far from all others, once burst to 10⁶.
        h = F.leaky_relu(h * (1 + 0.5 * torch.tanh(2 * scale)) + shift, 0.2)
        out: Tensor = x + self.second(h, border)
        return out


class Encoder(nn.Module):
    """Maps (B, C, H, W) to the mean and log variance of a spatial latent and of a style vector.

    It is told which channels are given: absent ones are zero.
    """

    floor: Tensor

    def __init__(self, config: TextureNetConfig) -> None:
        super().__init__()
        wide = config.widths[0]
        self.linear = nn.Conv2d(config.channels, config.latent, config.cell, stride=config.cell, bias=False)
        widths = [2 * config.channels, *reversed(config.widths[:-1])]
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 4, stride=2) for inputs, outputs in pairwise(widths)
        )
        self.blocks = nn.ModuleList(Block(width, config.style) for width in widths[1:])
        self.spatial = Convolution(wide, 2 * config.latent, gain=0.05)
        self.style = nn.Linear(2 * wide, 2 * config.style)
        nn.init.normal_(self.style.weight, std=0.02)
        least = [FINE if channel < LEADING else COARSE for channel in range(config.latent)]
        floor = 2 * torch.tensor(least).log()[None, :, None, None]
        self.register_buffer("floor", floor, persistent=False)  # log variance

    def forward(
        self, maps: Tensor, given: Tensor, kind: Tensor, border: str
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps = maps * given
        h = torch.cat([maps, given.expand_as(maps)], dim=1)  # (B, 2C, H, W)
        for down, block in zip(self.down, self.blocks, strict=True):
            h = F.leaky_relu(down(F.pad(h, (1, 1, 1, 1), mode=border)), 0.2)
            h = block(h, kind, None, border)
        h = F.leaky_relu(h, 0.2)  # (B, 96, H/cell, W/cell)
        mean, spread = self.spatial(h, border).chunk(2, dim=1)
        pooled = torch.cat([h.mean(dim=(2, 3)), h.square().mean(dim=(2, 3)).add(1e-6).sqrt()], dim=1)
        style_mean, style_spread = self.style(pooled).chunk(2, dim=1)
        # At least the spread of packed codes (see `texture_codes`), so that the decoder is used to it; the
        # offset starts it there: begun near 1, the latent took minutes to be used. At most the prior's: a run
        # without a bound drifted to spreads of e²³ and never came back.
        spread = self.floor * torch.sigmoid(4 - spread)
        style_spread = 2 * math.log(STYLE) * torch.sigmoid(4 - style_spread)
        with torch.autocast(maps.device.type, enabled=False):  # eight bits of mantissa would show
            mean = mean.float() + self.linear(maps)
        return mean, spread, style_mean, style_spread


class Decoder(nn.Module):
    """Spatial latent, style and noise to maps: a linear guess plus what the blocks add to it.

    The blocks upsample by nearest neighbour and convolution, which leaves no checkerboard; the last one sees
    the linear guess, whose borders of cells it mends.
    """

    def __init__(self, config: TextureNetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.cell = config.cell
        self.linear = Convolution(config.latent, config.channels * config.cell**2)
        self.enter = Convolution(config.latent, widths[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(width, config.style) for _ in range(depth))
            for width, depth in zip(widths, config.depths, strict=True)
        )
        self.up = nn.ModuleList(Convolution(wide, narrow) for wide, narrow in pairwise(widths))
        self.guess = nn.Conv2d(config.channels, widths[-1], 1)
        self.leave = Convolution(widths[-1], config.channels, gain=0.2)

    def context(self) -> list[int]:
        """Cells around a window that each resolution needs, in its own cells, coarsest first."""
        needed = [1]  # the last convolution
        for index in reversed(range(len(self.stages))):
            around = needed[0] + 2 * len(self.stages[index])  # type: ignore[arg-type]
            if index:
                needed = [-(-(around + 1) // 2), around, *needed[1:]]  # `up` sees one more, of twice the size
            else:
                needed = [around + 1, *needed[1:]]  # `enter`
        return needed

    def forward(
        self, latent: Tensor, style: Tensor, noise: Sequence[Tensor], border: str, trim: bool = False
    ) -> Tensor:
        """With `trim`, latent and noise have `context` around what is wanted: it is taken off on the way."""
        context = self.context()
        with torch.autocast(latent.device.type, enabled=False):  # eight bits of mantissa would show
            guess = F.pixel_shuffle(self.linear(latent, border), self.cell)  # (B, 6, H, W)
        h = self.enter(latent, border)  # (B, 96, H/cell, W/cell)
        last = len(self.stages) - 1
        for index, (stage, grain) in enumerate(zip(self.stages, noise, strict=True)):
            if index:
                h = F.interpolate(F.leaky_relu(h, 0.2), scale_factor=2, mode="nearest")
                h = self.up[index - 1](h, border)
                h = _trimmed(h, grain.shape[-1]) if trim else h
            if index == last:
                guess = _trimmed(guess, grain.shape[-1]) if trim else guess
                h = h + self.guess(guess)
            for block in stage:  # type: ignore[attr-defined]
                h = block(h, style, grain, border)
        out: Tensor = guess + self.leave(F.leaky_relu(h, 0.2), border)  # (B, 6, H, W)
        return _trimmed(out, out.shape[-1] - 2 * context[last]) if trim else out


def _trimmed(x: Tensor, side: int) -> Tensor:
    """The middle `side` × `side` of (B, C, H, H)."""
    cut = (x.shape[-1] - side) // 2
    return x[..., cut : cut + side, cut : cut + side]


class TextureNet(nn.Module):
    """Encoder and decoder with their class embedding.

    Examples
    --------
    >>> net = TextureNet(TextureNetConfig(classes=("rock", "sand")))
    >>> latent, style = torch.zeros(1, 24, 8, 8), torch.zeros(1, 16)
    >>> noise = [torch.zeros(1, 1, side, side) for side in (8, 16, 32, 64)]
    >>> net.decode(latent, style, torch.tensor([0]), noise).shape
    torch.Size([1, 6, 64, 64])
    """

    def __init__(self, config: TextureNetConfig) -> None:
        super().__init__()
        self.config = config
        self.kind = nn.Embedding(len(config.classes), config.style)
        nn.init.normal_(self.kind.weight, std=0.5)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    @torch.no_grad()
    def start_from(self, analysis: Tensor, synthesis: Tensor) -> None:
        """Begin as a linear autoencoder: `analysis` (latent, C, cell, cell), `synthesis` (C·cell², latent, 3,
        3).

        These filters stay as they are: trained with the rest, the linear guess of heights got a hundred times
        the fine energy that it began with, and what the blocks could not take out again was a weave.
        """
        self.encoder.linear.weight.copy_(analysis)
        self.decoder.linear.weight.copy_(synthesis)
        self.encoder.linear.requires_grad_(False)
        self.decoder.linear.requires_grad_(False)

    def encode(
        self, maps: Tensor, kind: Tensor, given: Tensor | None = None, border: str = "circular"
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and log variance of the latent (B, 24, H/cell, W/cell), then of the style (B, 16).

        given : (B, 6, 1, 1), 1 for channels that are known and 0 for others; None: all are.
        """
        cell, channels = self.config.cell, self.config.channels
        if maps.ndim != 4 or maps.shape[1] != channels or maps.shape[2] % cell or maps.shape[3] % cell:
            raise ValueError(f"maps must be (B, {channels}, {cell}h, {cell}w), found {tuple(maps.shape)}")
        if given is None:
            given = maps.new_ones(len(maps), channels, 1, 1)
        out: tuple[Tensor, Tensor, Tensor, Tensor] = self.encoder(maps, given, self.kind(kind), border)
        return out

    def decode(
        self,
        latent: Tensor,
        style: Tensor,
        kind: Tensor,
        noise: Sequence[Tensor],
        border: str = "circular",
        trim: bool = False,
    ) -> Tensor:
        """Maps (B, 6, H, W) from a latent (B, 24, h, w), a style (B, 16), class indices (B,) and noise.

        noise : standard normal maps (B, 1, s·h, s·w) for s = 1, 2, 4 … cell.
        trim : the latent has `Decoder.context()[0]` cells more at each side than are wanted, each noise map
            as many of its own texels as `context` says, and square ones only.
        """
        if latent.ndim != 4 or latent.shape[1] != self.config.latent:
            raise ValueError(f"latent must be (B, {self.config.latent}, h, w), found {tuple(latent.shape)}")
        out: Tensor = self.decoder(latent, style + self.kind(kind), noise, border, trim)
        return out


class BankedTextureNet(nn.Module):
    """The net with the quantised latents of the materials it may sample around; what the weight file holds.

    Buffers: `codes` (N, 24, h, w) uint8 and `scales` (N, 24), see `worldgen.models.texture_codes`; `styles`
    (N, 16); `statistics` (N, 9); `sharpness` (N, 6), spread of the finest octave, NaN where unknown.
    """

    codes: Tensor
    scales: Tensor
    styles: Tensor
    statistics: Tensor
    sharpness: Tensor

    def __init__(self, config: TextureNetConfig, entries: int, cells: int, statistics: int = 9) -> None:
        super().__init__()
        self.net = TextureNet(config)
        self.register_buffer("codes", torch.zeros(entries, config.latent, cells, cells, dtype=torch.uint8))
        self.register_buffer("scales", torch.zeros(entries, config.latent))
        self.register_buffer("styles", torch.zeros(entries, config.style))
        self.register_buffer("statistics", torch.zeros(entries, statistics))
        self.register_buffer("sharpness", torch.full((entries, config.channels), torch.nan))
