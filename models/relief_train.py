"""Training of the relief net: made land against real land of the same style, without pairs.

The discriminator judges crops of real land and of made land as the net redraws it. Nothing pairs them, so
what the net may change is bounded band by band: much at a few cells, little at many. So valleys and ranges
stay where physics laid them. Stepping takes a GPU to be of use: 17 steps of 48 crops a second on an H200 that
three runs shared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from worldgen.models.adversarial import Progress, Run, training_record
from worldgen.models.layers import crop
from worldgen.models.losses import LOSSES, gradient_penalty, ponding
from worldgen.models.relief_data import Crops, Maps, real_maps, resampled
from worldgen.models.relief_net import (
    BAND_HALO,
    GRID,
    HALO,
    NOISE,
    STEEPNESS,
    VIEWS,
    ReliefNet,
    judged_relief,
    noise_sizes,
)
from worldgen.models.run_settings import RunSettings
from worldgen.models.terrain_data import STYLES, Tile
from worldgen.models.terrain_folders import read_folder, split_by_place
from worldgen.models.terrain_net import Discriminator

PONDS = 12  # crops of a batch whose standing water is computed
KEPT_CELLS = (4, 8, 16)


class ReliefTraining(RunSettings):
    """What decides a training run of the relief net."""

    made: Path = Field(description=".npz of made macro relief, from `worldgen.sampling.write_reliefs`")
    batch: int = Field(48, ge=1, description="real crops in a step, and as many made ones")
    gamma: float = Field(0.15, ge=0, description="weight of the gradient penalties")
    decay_steps: int = Field(4000, ge=1, description="steps in which the learning rate halves")
    learning_rate_final: float = Field(1e-4, gt=0)
    judged: int = Field(64, ge=32, multiple_of=8, description="cells per side of what is judged")
    widths: tuple[int, int, int] = Field((24, 48, 64), description="channels at the three resolutions")
    judge_widths: tuple[int, int, int] = Field((48, 96, 128), description="channels of the discriminator")
    keep: tuple[float, float, float] = Field(
        (0.05, 0.3, 1.5), description=f"weight of the change in means over {KEPT_CELLS} cells, in slopes"
    )
    drainage: float = Field(
        4.0, ge=0, description="weight of the water that stands beyond that on real crops"
    )
    ponds_every: int = Field(4, ge=1, description="that water is computed each so many steps, weighted up")
    told: float = Field(0.8, ge=0, le=1, description="share of crops whose style the discriminator is told")


def train(config: ReliefTraining, progress: Progress | None = None) -> Path:
    """Train and write weights, curves and checkpoint, like `terrain_train.train`.

    ``config.data`` is a folder of elevation tiles, or maps of them packed by `relief_data.Maps.save`.

    Raises
    ------
    InputError : the data cannot be used.
    """
    tiles: list[Tile] = []
    held_out: list[Tile] = []
    if config.data.suffix == ".npz":
        real = Maps.load(config.data)
    else:
        tiles, held_out = split_by_place(read_folder(config.data, config.spacing), config.held_out)
        real = real_maps(tiles)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        _ReliefRun(config, real, Maps.load(config.made), tiles, held_out).run(progress)
    finally:
        torch.set_num_threads(threads)
    return config.output


class _ReliefRun(Run):
    columns = (
        "discriminator",
        "generator",
        "kept",
        "ponding",
        "real_ponding",
        "penalty",
        "margin",
        "change",
        "fine",
    )

    def __init__(
        self, options: ReliefTraining, real: Maps, made: Maps, tiles: list[Tile], held_out: list[Tile]
    ) -> None:
        self.options = options
        styles = list(STYLES)
        places = {"training_places": sorted(set(real.place))}
        super().__init__(
            options,
            lambda: (
                ReliefNet(styles, options.widths),
                Discriminator(options.judge_widths, styles=len(styles), views=VIEWS),
            ),
            np.random.default_rng(options.seed),
            {"styles": styles, "channels": list(options.widths)},
            training_record(options, tiles, held_out) | places,
        )
        self.real_cells = options.judged + 2 * BAND_HALO
        self.made_cells = -(-self.real_cells // GRID) * GRID + 2 * HALO
        self.real = Crops(resampled(real), self.real_cells, self.device)
        self.made = Crops(made, self.made_cells, self.device)
        both = np.isin(self.real.style, self.made.style)
        counts = np.bincount(self.real.style[both], minlength=len(styles))
        self.shares = np.sqrt(counts) / np.sqrt(counts).sum()
        self.steepness = torch.tensor([STEEPNESS[name] for name in styles], device=self.device)
        self.ponds = self.real_ponds = self.penalty = torch.zeros((), device=self.device)

    def advance(self) -> dict[str, float]:
        config = self.options
        kinds = self.random.choice(len(self.shares), size=config.batch, p=self.shares)
        style = functional.one_hot(torch.from_numpy(kinds), len(self.shares)).float().to(self.device)
        steepness = (style @ self.steepness).reshape(-1, 1, 1, 1)
        style = style[:, :, None, None]
        told = style * self._uniform(0.0, 1.0).less(config.told)
        real, spacing = self.real.draw(self.random, kinds, self.real_cells)
        real_unit = spacing * steepness
        real = (real - real.mean(dim=(2, 3), keepdim=True)) * self._uniform(0.85, 1.18)
        real_view = judged_relief(real, spacing, steepness)
        redrawn, change, spacing = self._redrawn(kinds, style, steepness)
        view = judged_relief(redrawn, spacing, steepness)
        discriminator = self._judge_learns(real_view, view.detach(), told)

        self.discriminator.requires_grad_(False)
        with self.half():
            true = self.discriminator(real_view, told).float()
            false = self.discriminator(view, told).float()
        generator = LOSSES[config.loss].generator(true, false)
        kept = torch.stack(
            [
                weight * functional.avg_pool2d(change, cells).square().mean()
                for weight, cells in zip(config.keep, KEPT_CELLS, strict=True)
            ]
        ).sum()
        loss = generator + kept
        if config.drainage and (self.step + 1) % config.ponds_every == 0:
            unit = (spacing * steepness).flatten()[:PONDS]
            self.ponds = (ponding(redrawn[:PONDS]) / unit).mean()
            self.real_ponds = (ponding(real[:PONDS]) / real_unit.flatten()[:PONDS]).mean()
            excess = functional.relu(self.ponds - self.real_ponds)
            loss = loss + config.drainage * config.ponds_every * excess
        self.update(self.generator_optimiser, loss)
        self.discriminator.requires_grad_(True)
        if (self.step + 1) % config.log_every and self.device.type != "cpu":
            return {}  # reading figures would wait for the device
        return {
            "discriminator": discriminator.item(),
            "generator": generator.item(),
            "kept": kept.item(),
            "ponding": self.ponds.item(),
            "real_ponding": self.real_ponds.item(),
            "penalty": self.penalty.item(),
            "margin": (true.mean() - false.mean()).item(),
            "change": change.std().item(),
            "fine": (view[:, 4].std() / real_view[:, 4].std()).item(),
        }

    def _uniform(self, low: float, high: float) -> Tensor:
        """(B, 1, 1, 1) numbers, one for each crop."""
        values = self.random.uniform(low, high, (self.options.batch, 1, 1, 1)).astype(np.float32)
        return torch.from_numpy(values).to(self.device)

    def _redrawn(self, kinds: np.ndarray, style: Tensor, steepness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Made land redrawn, what was changed in units of the style's slope, and spacing."""
        made, spacing = self.made.draw(self.random, kinds, self.made_cells, most_flat=1.0)
        land, area = made[:, :1], made[:, 1:]
        land = land - land.mean(dim=(2, 3), keepdim=True)
        noise = [
            self.draw_noise(len(made), count, size, size)
            for count, size in zip(NOISE, noise_sizes(self.made_cells), strict=True)
        ]
        with self.half():
            redrawn = self.generator(land, area, spacing, steepness, noise, style)
        redrawn, before = (
            part[..., : self.real_cells, : self.real_cells] for part in (redrawn, crop(land, HALO))
        )
        return redrawn, (redrawn - before) / (spacing * steepness), spacing

    def _judge_learns(self, real_view: Tensor, view: Tensor, told: Tensor) -> Tensor:
        config = self.options
        penalise = self.step % config.penalty_every == 0
        real_view, view = real_view.detach().requires_grad_(penalise), view.requires_grad_(penalise)
        with self.half(not penalise):
            true = self.discriminator(real_view, told).float()
            false = self.discriminator(view, told).float()
        loss = discriminator = LOSSES[config.loss].discriminator(true, false)
        if penalise:
            self.penalty = gradient_penalty(true, real_view) + gradient_penalty(false, view)
            loss = loss + config.gamma / 2 * config.penalty_every * self.penalty
        self.update(self.discriminator_optimiser, loss)
        return discriminator
