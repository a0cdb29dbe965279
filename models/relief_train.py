"""Training of the relief net: it learns to undo what physics does to real land.

Real maps are worn by the very process that makes our macro reliefs: rivers find their grade, flanks even out.
The net learns to give back what was lost, so that it can give it to a land made by that process alone.
Trained without such pairs, on made and on real land side by side, it replaced valleys by blobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from worldgen.errors import InputError
from worldgen.models.adversarial import Progress, Run, RunSettings, training_record
from worldgen.models.losses import (
    discriminator_loss,
    energy_score,
    generator_loss,
    gradient_penalty,
    ponding,
)
from worldgen.models.relief_net import HALO, NOISE, VIEW_HALO, VIEWS, ReliefNet, relief_view
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
CONTEXT = CROP + 2 * VIEW_HALO + 2 * HALO
FINEST, COARSEST = 75.0, 190.0  # metres between cells that the net learns
PATCHES = (1, 4, 16)  # cells per side of the patches of the energy score
# Wears a real map: elevation (H, W) metres and spacing -> worn elevation and drainage area in km².
Wear = Callable[[FloatArray, float], tuple[NDArray[np.float64], NDArray[np.float64]]]


class ReliefTraining(RunSettings):
    """What decides a training run of the relief net; each crop is restored with two draws of noise."""

    score: float = Field(5.0, ge=0, description="weight of the energy score beside the adversarial loss")
    drainage: float = Field(
        30.0, ge=0, description="weight of the depth of pits beyond the real crop's, in units of spacing"
    )


def train(settings: ReliefTraining, wear: Wear, progress: Progress | None = None) -> Path:
    """Train and write weights, curves and a checkpoint.

    Parameters
    ----------
    settings : what decides the run.
    wear : wears a real map by the process that makes macro reliefs.
    progress : called with (step, steps, figures) after each step.

    Raises
    ------
    InputError : the data folder cannot be used.
    """
    tiles, held_out = split_by_place(read_folder(settings.data, settings.spacing), settings.held_out)
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        _ReliefRun(settings, _WornCrops(tiles, wear, settings.seed), tiles, held_out).run(progress)
    finally:
        torch.set_num_threads(threads)
    return settings.output


class _WornCrops:
    """Crops of real maps and of the same worn, places weighted by the root of what they have."""

    def __init__(self, tiles: list[Tile], wear: Wear, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tiles: list[tuple[Tile, FloatArray]] = []  # maps: real, worn, area (3, H, W)
        frame = VIEW_HALO + HALO
        for tile in tiles:
            while tile.spacing <= COARSEST and min(tile.elevation.shape) >= CROP:
                if tile.spacing >= FINEST and striping(tile.elevation) < STRIPES:
                    real = np.pad(tile.elevation, frame, mode="reflect", reflect_type="odd")
                    maps = np.stack([real, *wear(real, tile.spacing)]).astype(np.float32)
                    self.tiles.append((tile, maps))
                tile = coarsened(tile)
        if not self.tiles:
            raise InputError(
                f"no tile without lines along its axes has {CROP} cells a side "
                f"at {FINEST:.0f} to {COARSEST:.0f} m"
            )
        counts = Counter(tile.place for tile, _ in self.tiles)
        weights = np.array([counts[tile.place] ** -0.5 for tile, _ in self.tiles])
        self.probability = weights / weights.sum()

    def draw(self) -> tuple[FloatArray, Tile]:
        """Maps (3, CONTEXT, CONTEXT) of real and worn elevation and drainage area, and their tile."""
        random = self.random
        for _ in range(1000):
            tile, maps = self.tiles[random.choice(len(self.tiles), p=self.probability)]
            row, column = (int(random.integers(0, n - CROP + 1)) for n in tile.elevation.shape)
            if tile.flat[row : row + CROP, column : column + CROP].mean() < 0.1:
                break
        else:
            raise InputError("hardly any land without sea or voids in the data")
        crop = np.rot90(
            maps[:, row : row + CONTEXT, column : column + CONTEXT], int(random.integers(4)), axes=(1, 2)
        )
        if random.random() < 0.5:
            crop = np.swapaxes(crop, 1, 2)
        scale = np.exp(random.uniform(np.log(0.8), np.log(1.25)))
        return crop * np.array([scale, scale, 1.0], np.float32)[:, None, None], tile


class _ReliefRun(Run):
    columns = (
        "discriminator",
        "generator",
        "score",
        "ponding",
        "real_ponding",
        "penalty",
        "energy",
        "margin",
    )

    def __init__(
        self, settings: ReliefTraining, crops: _WornCrops, tiles: list[Tile], held_out: list[Tile]
    ) -> None:
        self.options, self.crops = settings, crops
        styles = tuple(STYLES)
        super().__init__(
            settings,
            lambda: (
                ReliefNet(settings.channels, styles),
                Discriminator(styles=len(styles), views=VIEWS),
            ),
            crops.random,
            {"channels": settings.channels, "styles": list(styles)},
            training_record(settings, tiles, held_out),
        )

    def advance(self) -> dict[str, float]:
        settings = self.options
        real, worn, area, spacing, style = self._examples()
        real_view = relief_view(real, worn, spacing)
        worn, spacing, both = (part.repeat(2, 1, 1, 1) for part in (worn, spacing, style))
        noise = self.draw_noise(len(worn), NOISE, *worn.shape[-2:])
        self.generator.bfloat16_trunk = settings.bfloat16
        fake = self.generator(worn, area.repeat(2, 1, 1, 1), spacing, noise, both)
        fake_view = relief_view(fake, worn, spacing)

        penalise = self.step % settings.penalty_every == 0
        real_input = real_view.detach().requires_grad_(penalise)
        fake_input = fake_view.detach().requires_grad_(penalise)
        with self.half(not penalise):
            judged_real = self.discriminator(real_input, style).float()
            judged_fake = self.discriminator(fake_input, both).float()
        loss = discriminator = discriminator_loss(judged_real.repeat(2, 1, 1, 1), judged_fake)
        penalty = torch.zeros(())
        if penalise:
            penalty = gradient_penalty(judged_real, real_input) + gradient_penalty(judged_fake, fake_input)
            loss = loss + settings.gamma / 2 * settings.penalty_every * penalty
        self.update(self.discriminator_optimiser, loss)

        self.discriminator.requires_grad_(False)
        with self.half():
            judged_real = self.discriminator(real_view, style).float()
            judged_fake = self.discriminator(fake_view, both).float()
        generator = generator_loss(judged_real.repeat(2, 1, 1, 1), judged_fake)
        first, second = fake_view.chunk(2)
        score = torch.stack([energy_score(real_view, first, second, patch) for patch in PATCHES]).mean()
        real_ponds = ponding(real) / spacing.flatten()[: len(real)]
        ponds = ponding(fake) / spacing.flatten()
        excess = functional.relu(ponds - real_ponds.repeat(2)).mean()
        loss = generator + settings.score * score + settings.drainage * excess
        self.update(self.generator_optimiser, loss)
        self.discriminator.requires_grad_(True)
        return {
            "discriminator": discriminator.item(),
            "generator": generator.item(),
            "score": score.item(),
            "ponding": ponds.mean().item(),
            "real_ponding": real_ponds.mean().item(),
            "penalty": penalty.item(),
            "energy": (fake_view[:, 4].std() / real_view[:, 4].std()).item(),
            "margin": (judged_real.mean() - judged_fake.mean()).item(),
        }

    def _examples(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Real crops (B, 1, 80, 80), worn ones and areas (B, 1, 112, 112), spacing (B, 1, 1, 1), style
        (B, S, 1, 1).
        """
        crops, tiles = zip(*[self.crops.draw() for _ in range(self.options.batch)], strict=True)
        style = np.zeros((len(tiles), len(STYLES), 1, 1), np.float32)
        for row, tile in enumerate(tiles):
            if tile.style is not None and self.random.random() < 0.75:
                style[row, list(STYLES).index(tile.style)] = 1
        maps = torch.from_numpy(np.stack(crops)).to(self.device)  # (B, 3, CONTEXT, CONTEXT)
        level = maps[:, 1:2].mean(dim=(2, 3), keepdim=True)  # numbers near 0 lose less to float32
        real = (maps[:, :1] - level)[..., HALO:-HALO, HALO:-HALO]
        spacing = torch.tensor([tile.spacing for tile in tiles], dtype=torch.float32, device=self.device)
        spacing = spacing.reshape(-1, 1, 1, 1)
        return real, maps[:, 1:2] - level, maps[:, 2:], spacing, torch.from_numpy(style).to(self.device)
