"""Training of the relief net: lands of physics against real ones of the same style, without pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from worldgen.errors import InputError
from worldgen.models.adversarial import Progress, Run, RunSettings, training_record
from worldgen.models.layers import crop
from worldgen.models.losses import discriminator_loss, generator_loss, gradient_penalty, ponding
from worldgen.models.relief_net import HALO, NOISE, VIEW_HALO, ReliefNet, relief_view
from worldgen.models.terrain_data import (
    STRIPES,
    STYLES,
    Tile,
    coarsened,
    read_folder,
    split_by_place,
    striping,
)
from worldgen.models.terrain_net import Discriminator

FloatArray = NDArray[np.float32]
CROP = 64  # cells that the discriminator judges
FINEST, COARSEST = 75.0, 190.0  # metres between cells that the net learns
# Makes a land of physics: (style, spacing, cells, index) -> elevation and drainage area, (cells, cells).
Landforms = Callable[[str, float, int, int], tuple[NDArray[np.float64], NDArray[np.float64]]]


class ReliefTraining(RunSettings):
    """What decides a training run of the relief net."""

    batch: int = Field(4, ge=1, description="real crops, and as many lands of physics, in a step")
    channels: int = Field(32, ge=4)
    lands: int = Field(24, ge=1, description="lands of physics for each style, cut into crops")
    land_cells: int = Field(224, ge=144, description="cells per side of each of them")
    drainage: float = Field(3.0, ge=0, description="weight of the depth of pits beyond those of real land")
    keep: float = Field(0.02, ge=0, description="weight of the squared change of elevation")


def train(settings: ReliefTraining, landforms: Landforms, progress: Progress | None = None) -> Path:
    """Train and write weights, curves and a checkpoint.

    Parameters
    ----------
    settings : what decides the run.
    landforms : makes lands of physics.
    progress : called with (step, steps, figures) after each step.

    Raises
    ------
    InputError : the data folder cannot be used, or it names no style of land.
    """
    tiles, held_out = split_by_place(read_folder(settings.data, settings.spacing), settings.held_out)
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        _ReliefRun(settings, landforms, tiles, held_out).run(progress)
    finally:
        torch.set_num_threads(threads)
    return settings.output


class _RealCrops:
    """Real crops by style, places weighted alike, coarsened to the spacings that the net learns."""

    def __init__(self, tiles: list[Tile]) -> None:
        self.cells = CROP + 2 * VIEW_HALO
        self.tiles: dict[str, list[Tile]] = {}
        for tile in tiles:
            if tile.style is None:
                continue
            while tile.spacing <= COARSEST and min(tile.elevation.shape) >= CROP:
                if tile.spacing >= FINEST and striping(tile.elevation) < STRIPES:
                    padded = np.pad(tile.elevation, VIEW_HALO, mode="reflect", reflect_type="odd")
                    flat = np.pad(tile.flat, VIEW_HALO, mode="reflect")
                    self.tiles.setdefault(tile.style, []).append(replace(tile, elevation=padded, flat=flat))
                tile = coarsened(tile)
        if not self.tiles:
            raise InputError("no tile names a landscape of a known style and is fine and wide enough")

    def draw(self, random: np.random.Generator, style: str) -> tuple[FloatArray, float]:
        """One crop (cells, cells) in metres and its spacing; mostly land, of any slope."""
        tiles = self.tiles[style]
        counts = Counter(tile.place for tile in tiles)
        weights = np.array([1 / counts[tile.place] for tile in tiles])
        for _ in range(1000):
            tile = tiles[random.choice(len(tiles), p=weights / weights.sum())]
            row, column = (int(random.integers(0, n - self.cells + 1)) for n in tile.elevation.shape)
            window = np.s_[row : row + self.cells, column : column + self.cells]
            if tile.flat[window].mean() < 0.1:
                return tile.elevation[window], tile.spacing
        raise InputError(f"hardly any land without sea or voids shows the style '{style}'")


class _ReliefRun(Run):
    columns = ("discriminator", "generator", "ponding", "real_ponding", "change", "penalty", "margin")

    def __init__(
        self, settings: ReliefTraining, landforms: Landforms, tiles: list[Tile], held_out: list[Tile]
    ) -> None:
        self.options = settings
        self.crops = crops = _RealCrops(tiles)
        self.styles = [style for style in STYLES if style in crops.tiles]
        # A style with few places is seen less often, or the discriminator would learn it by heart.
        places = [len({tile.place for tile in crops.tiles[style]}) for style in self.styles]
        self.shares = np.sqrt(places) / np.sqrt(places).sum()
        self.lands = {style: self._lands(style, landforms) for style in self.styles}
        config = {"channels": settings.channels, "styles": list(STYLES)}
        super().__init__(
            settings,
            lambda: (ReliefNet(settings.channels, tuple(STYLES)), Discriminator(styles=len(STYLES))),
            np.random.default_rng(settings.seed),
            config,
            training_record(settings, tiles, held_out),
        )

    def _lands(self, style: str, landforms: Landforms) -> list[tuple[float, FloatArray]]:
        lands = []
        for index in range(self.options.lands):
            spacing = FINEST * (COARSEST / FINEST) ** ((index + 0.5) / self.options.lands)
            parts = landforms(style, spacing, self.options.land_cells, index)
            lands.append((spacing, np.stack(parts).astype(np.float32)))
        return lands

    def advance(self) -> dict[str, float]:
        settings = self.options
        style, real, real_spacing, land, area, spacing = self._examples()
        noise = self.draw_noise(len(land), NOISE, *land.shape[-2:])
        self.generator.bfloat16_trunk = settings.bfloat16
        fake = self.generator(land, area, spacing, noise, style)
        real_view, fake_view = relief_view(real, real_spacing), relief_view(fake, spacing)

        penalise = self.step % settings.penalty_every == 0
        real_input = real_view.detach().requires_grad_(penalise)
        fake_input = fake_view.detach().requires_grad_(penalise)
        with self.half(not penalise):
            judged_real = self.discriminator(real_input, style).float()
            judged_fake = self.discriminator(fake_input, style).float()
        loss = discriminator = discriminator_loss(judged_real, judged_fake)
        penalty = torch.zeros(())
        if penalise:
            penalty = gradient_penalty(judged_real, real_input) + gradient_penalty(judged_fake, fake_input)
            loss = loss + settings.gamma / 2 * settings.penalty_every * penalty
        self.update(self.discriminator_optimiser, loss)

        self.discriminator.requires_grad_(False)
        with self.half():
            judged_real = self.discriminator(real_view, style).float()
            judged_fake = self.discriminator(fake_view, style).float()
        generator = generator_loss(judged_real, judged_fake)
        ponds, real_ponds = (
            (ponding(z) / s.flatten()).mean() for z, s in ((fake, spacing), (real, real_spacing))
        )
        change = ((fake - crop(land, HALO)) / spacing).square().mean()
        excess = functional.relu(ponds - real_ponds) / (real_ponds + 1e-3)
        loss = generator + settings.drainage * 0.1 * excess + settings.keep * change
        self.update(self.generator_optimiser, loss)
        self.discriminator.requires_grad_(True)
        return {
            "discriminator": discriminator.item(),
            "generator": generator.item(),
            "ponding": ponds.item(),
            "real_ponding": real_ponds.item(),
            "change": change.item(),
            "penalty": penalty.item(),
            "margin": (judged_real.mean() - judged_fake.mean()).item(),
        }

    def _examples(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Style (B, S, 1, 1), real crops (B, 1, 80, 80) and their spacing, lands and areas (B, 1, 112, 112)
        and theirs.
        """
        random, cells = self.random, self.crops.cells + 2 * HALO
        style = np.zeros((self.options.batch, len(STYLES), 1, 1), np.float32)
        reals, lands, spacings = [], [], []
        for row in range(self.options.batch):
            name = self.styles[random.choice(len(self.styles), p=self.shares)]
            if random.random() < 0.85:
                style[row, list(STYLES).index(name)] = 1
            real, real_spacing = self.crops.draw(random, name)
            scale = np.float32(np.exp(random.uniform(np.log(0.8), np.log(1.25))))
            reals.append(_turned(random, real * scale))
            spacing, land = self.lands[name][random.integers(len(self.lands[name]))]
            top, left = (int(random.integers(0, n - cells + 1)) for n in land.shape[1:])
            lands.append(_turned(random, land[:, top : top + cells, left : left + cells]))
            spacings.append((real_spacing, spacing))
        both = torch.tensor(spacings, dtype=torch.float32, device=self.device)[:, :, None, None, None]
        crops = torch.from_numpy(np.stack(reals)).to(self.device)[:, None]
        made = torch.from_numpy(np.stack(lands)).to(self.device)
        crops, elevation = (z - z.mean(dim=(2, 3), keepdim=True) for z in (crops, made[:, :1]))
        return torch.from_numpy(style).to(self.device), crops, both[:, 0], elevation, made[:, 1:], both[:, 1]


def _turned(random: np.random.Generator, maps: FloatArray) -> FloatArray:
    """One of the 8 symmetries of (..., N, N)."""
    maps = np.rot90(maps, int(random.integers(4)), axes=(-2, -1))
    return np.ascontiguousarray(np.swapaxes(maps, -2, -1) if random.random() < 0.5 else maps)
