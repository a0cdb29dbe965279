"""Training of the terrain amplifier: real crops, their coarse versions, a relativistic pair of nets.

Part of each batch refines a coarse map that the generator itself made one level above. Without it, errors
grow when the net is applied level after level, because it never sees its own output as input.
"""

from __future__ import annotations

import copy
import csv
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from torch import Tensor

    from worldgen.models.terrain_data import CropSampler, Tile

OUTPUT_CELLS = 34  # coarse cells that the generator refines in a training crop: 68 fine cells, 64 are judged
COLUMNS = ("step", "seconds", "discriminator", "generator", "score", "penalty", "energy", "margin")
PATCHES = (1, 4, 16)  # cells per side of the patches of the energy score


class TerrainTraining(BaseModel):
    """What decides a training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(description="folder of elevation tiles")
    output: Path = Field(description="weight file to write, ending in .safetensors")
    spacing: float | None = Field(None, gt=0, description="metres per cell, for files that do not say it")
    held_out: tuple[str, ...] = Field((), description="places kept for evaluation; none: a tenth, by hash")
    seed: int = 0
    steps: int = Field(20000, ge=1)
    minutes: float | None = Field(
        None, gt=0, description="stop after this time, however many steps were done"
    )
    batch: int = Field(4, ge=1, description="crops in a step; each is refined with two draws of noise")
    channels: int = Field(32, ge=4)
    learning_rate: float = Field(1e-3, gt=0)
    learning_rate_final: float = Field(2e-4, gt=0)
    decay_steps: int = Field(
        3000, ge=1, description="the learning rate halves each so many steps, down to final"
    )
    score: float = Field(5.0, ge=0, description="weight of the energy score beside the adversarial loss")
    gamma: float = Field(0.02, ge=0, description="weight of the gradient penalties")
    penalty_every: int = Field(8, ge=1, description="penalties are computed each so many steps, weighted up")
    rollout: float = Field(
        0.25, ge=0, le=1, description="share of a batch that refines generated coarse maps"
    )
    shares: tuple[float, float, float] = Field(
        (0.3, 0.4, 0.3),
        description="shares of crops at the data's resolution, coarsened twofold and fourfold",
    )
    average: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, which are shipped")
    bfloat16: bool = Field(
        False, description="half-width convolutions: about 1.6 times as fast where the CPU has them"
    )
    threads: int = Field(1, ge=1)
    log_every: int = Field(50, ge=1)
    checkpoint_minutes: float = Field(4.0, gt=0)
    resume: bool = False


Progress = Callable[[int, int, dict[str, float]], None]


def train(config: TerrainTraining, progress: Progress | None = None) -> Path:
    """Train and write weights; beside them ``NAME.curves.csv`` and ``NAME.checkpoint.pt`` (the state).

    Parameters
    ----------
    config : what decides the run. On one thread of one machine the same config gives the same weights.
    progress : called with (step, steps, figures) after each step.

    Returns
    -------
    path of the weight file.

    Raises
    ------
    InputError : the data folder cannot be used.
    """
    import torch

    from worldgen.models.terrain_data import CropSampler, read_folder, split_by_place

    tiles, held_out = split_by_place(read_folder(config.data, config.spacing), config.held_out)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        sampler = CropSampler(
            tiles,
            context=context_cells(2),
            middle=2 * OUTPUT_CELLS,
            seed=config.seed,
            shares=config.shares,
        )
        state = _State(config, sampler)
        state.run(_record(config, tiles, held_out), progress)
    finally:
        torch.set_num_threads(threads)
    return config.output


def context_cells(levels: int) -> int:
    """Fine cells per side of a training crop: enough to coarsen and refine it ``levels`` times."""
    from worldgen.models.layers import DOWN_HALO
    from worldgen.models.terrain_net import HALO

    cells = OUTPUT_CELLS + 2 * HALO
    for _ in range(levels - 1):
        cells = cells // 2 + 2 * HALO
    for _ in range(levels):
        cells = 2 * (cells + 2 * DOWN_HALO)
    return cells


def _record(config: TerrainTraining, tiles: list[Tile], held_out: list[Tile]) -> dict[str, Any]:
    return {
        "settings": config.model_dump(mode="json", exclude={"data", "output", "threads", "resume"}),
        "training_tiles": len(tiles),
        "training_places": sorted({tile.place for tile in tiles}),
        "held_out_places": sorted({tile.place for tile in held_out}),
        "licences": sorted({tile.licence for tile in tiles if tile.licence}),
    }


class _State:
    """Nets, optimisers and random generators of a run, and how they step."""

    def __init__(self, config: TerrainTraining, sampler: CropSampler) -> None:
        import torch

        from worldgen.models.terrain_net import Amplifier, Discriminator

        self.config, self.sampler = config, sampler
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.generator = Amplifier(config.channels)
            self.discriminator = Discriminator()
        self.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        self.generator_optimiser = torch.optim.Adam(self.generator.parameters(), betas=(0.0, 0.99), eps=1e-8)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), betas=(0.0, 0.99), eps=1e-8
        )
        self.noise = torch.Generator().manual_seed(config.seed)
        self.step = 0
        self.seconds = 0.0

    def run(self, record: dict[str, Any], progress: Progress | None) -> None:
        config = self.config
        if config.resume and self._checkpoint.is_file():
            self._load()
        elif self._curves.is_file():
            self._curves.unlink()
        began, saved = time.monotonic() - self.seconds, time.monotonic()
        limit = None if config.minutes is None else self.seconds + 60 * config.minutes
        while self.step < config.steps:
            figures = self._advance()
            self.step += 1
            self.seconds = time.monotonic() - began
            if self.step % config.log_every == 0:
                self._log(figures)
            if progress is not None:
                progress(self.step, config.steps, figures)
            if limit is not None and self.seconds > limit:
                break
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                self._save(record)
                saved = time.monotonic()
        self._save(record)

    def _advance(self) -> dict[str, float]:
        import torch

        from worldgen.models.losses import discriminator_loss, energy_score, generator_loss, gradient_penalty
        from worldgen.models.terrain_net import judged_view

        config = self.config
        half = partial(torch.autocast, "cpu", torch.bfloat16)
        rate = config.learning_rate * 0.5 ** (self.step / config.decay_steps)
        for optimiser in (self.generator_optimiser, self.discriminator_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = max(rate, config.learning_rate_final)
        fine, coarse, condition, spacing, made = self._examples()
        real_view = judged_view(fine, coarse, spacing)[..., 1:-1, 1:-1]  # (B, VIEWS, 64, 64)
        condition, spacing = condition.repeat(2, 1, 1, 1), spacing.repeat(2, 1, 1, 1)
        fake = self._refine(condition, spacing)  # (2 B, 1, 68, 68)
        fake_view = judged_view(fake, condition, spacing)[..., 1:-1, 1:-1]  # (2 B, VIEWS, 64, 64)

        penalise = self.step % config.penalty_every == 0
        real_input = real_view.detach().requires_grad_(penalise)
        fake_input = fake_view.detach().requires_grad_(penalise)
        with half(enabled=config.bfloat16 and not penalise):
            real, judged = self.discriminator(real_input).float(), self.discriminator(fake_input).float()
        twins = real.repeat(2, 1, 1, 1)
        loss = discriminator = discriminator_loss(twins, judged)
        penalty = torch.zeros(())
        if penalise:
            penalty = gradient_penalty(real, real_input) + gradient_penalty(judged, fake_input)
            loss = loss + config.gamma / 2 * config.penalty_every * penalty
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator_optimiser.step()

        self.discriminator.requires_grad_(False)
        with half(enabled=config.bfloat16):
            real, judged = self.discriminator(real_view).float(), self.discriminator(fake_view).float()
        generator = generator_loss(real.repeat(2, 1, 1, 1), judged)
        # crops whose condition is generated have no real outcome to score against
        first, second = fake_view.chunk(2)
        pairs = real_view[made:], first[made:], second[made:]
        score = torch.stack([energy_score(*pairs, patch) for patch in PATCHES]).mean()
        self.generator_optimiser.zero_grad(set_to_none=True)
        (generator + config.score * score).backward()  # type: ignore[no-untyped-call]
        self.generator_optimiser.step()
        self.discriminator.requires_grad_(True)

        decay = min(config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, parameter in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(parameter, 1 - decay)
        return {
            "discriminator": discriminator.item(),
            "generator": generator.item(),
            "score": score.item(),
            "penalty": penalty.item(),
            "energy": (fake_view[:, 4].std() / real_view[:, 4].std()).item(),
            "margin": (real.mean() - judged.mean()).item(),
        }

    def _examples(self) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
        """Draw fine (B, 1, 68, 68), coarse and condition (B, 1, 72, 72), coarse spacing (B, 1, 1, 1).

        ``condition`` is ``coarse``, the first so many (the last value) replaced by what the generator made of
        the next coarser map.
        """
        import torch

        from worldgen.models.layers import crop, downsample
        from worldgen.models.terrain_net import HALO

        made = int(self.config.rollout * self.config.batch)
        groups = []
        for count, levels in ((made, 2), (self.config.batch - made, 1)):
            if not count:
                continue
            crops, spacings = self.sampler.batch(count, context_cells(levels))
            whole = torch.from_numpy(crops)[:, None]  # (b, 1, S, S)
            whole = whole - whole.mean(dim=(2, 3), keepdim=True)  # numbers near 0 lose less to float32
            spacing = torch.from_numpy(spacings).reshape(-1, 1, 1, 1) * 2
            halved = downsample(whole)
            fine = crop(whole, (whole.shape[-1] - 2 * OUTPUT_CELLS) // 2)
            coarse = condition = crop(halved, (halved.shape[-1] - OUTPUT_CELLS - 2 * HALO) // 2)
            if levels == 2:
                with torch.no_grad():
                    condition = self._refine(downsample(halved), 2 * spacing)
            groups.append((fine, coarse, condition, spacing))
        fine, coarse, condition, spacing = (torch.cat(parts) for parts in zip(*groups, strict=True))
        return fine, coarse, condition, spacing, made

    def _refine(self, coarse: Tensor, spacing: Tensor) -> Tensor:
        import torch

        from worldgen.models.terrain_net import NOISE

        batch, _, height, width = coarse.shape
        uniform = torch.rand((4, batch, NOISE, height, width), generator=self.noise)
        noise = (uniform.sum(dim=0) - 2) * 3**0.5  # the distribution of layers.hashed_noise
        self.generator.bfloat16_trunk = self.config.bfloat16
        return self.generator(coarse, spacing, noise)  # type: ignore[no-any-return]

    @property
    def _checkpoint(self) -> Path:
        return self.config.output.with_suffix(".checkpoint.pt")

    @property
    def _curves(self) -> Path:
        return self.config.output.with_suffix(".curves.csv")

    def _log(self, figures: dict[str, float]) -> None:
        self._curves.parent.mkdir(parents=True, exist_ok=True)
        new = not self._curves.is_file()
        with self._curves.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(COLUMNS)
            values = [f"{figures[name]:.5f}" for name in COLUMNS[2:]]
            writer.writerow([self.step, f"{self.seconds:.0f}", *values])

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "averaged": self.averaged,
            "generator_optimiser": self.generator_optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
        }

    def _save(self, record: dict[str, Any]) -> None:
        import torch

        from worldgen.models.checkpoint import save_weights

        made = {
            "steps": self.step,
            "crops": self.step * self.config.batch,
            "minutes": round(self.seconds / 60, 1),
        }
        save_weights(
            self.averaged,
            self.config.output,
            config={"channels": self.config.channels},
            training={**record, **made},
        )
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts().items()}
        state["noise"] = self.noise.get_state()
        state["sampler"] = self.sampler.random.bit_generator.state
        state["step"], state["seconds"] = self.step, self.seconds
        temporary = self._checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        os.replace(temporary, self._checkpoint)

    def _load(self) -> None:
        import torch

        state = torch.load(self._checkpoint, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.noise.set_state(state["noise"])
        self.sampler.random.bit_generator.state = state["sampler"]
        self.step, self.seconds = state["step"], state["seconds"]
