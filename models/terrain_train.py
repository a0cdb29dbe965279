"""Training of the terrain amplifier: real crops, their coarse versions, a generator against a discriminator.

Part of each batch refines a coarse map that the generator itself made one level above. Without it, errors
grow when the net is applied level after level, because it never sees its own output as input.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from worldgen.models.adversarial import Progress, Run, training_record
from worldgen.models.layers import DOWN_HALO, crop, downsample
from worldgen.models.losses import LOSSES, energy_score, gradient_penalty, ponding
from worldgen.models.run_settings import RunSettings
from worldgen.models.terrain_card import figures_text, held_out_figures, write_card
from worldgen.models.terrain_coverage import coverage, coverage_text
from worldgen.models.terrain_data import STYLES, CropSampler, Tile
from worldgen.models.terrain_folders import read_folder, split_by_place
from worldgen.models.terrain_net import (
    HALO,
    NOISE,
    Amplifier,
    Discriminator,
    coarse_features,
    judged_view,
)

OUTPUT_CELLS = 34  # coarse cells that the generator refines in a training crop: 68 fine cells, 64 are judged
PATCHES = (1, 4, 16)  # cells per side of the patches of the energy score


class TerrainTraining(RunSettings):
    """What decides a training run of the amplifier; each crop is refined with two draws of noise."""

    evaluate: bool = Field(True, description="judge the finished net on held-out tiles, for its model card")
    style: str | None = Field(None, description="style of land of tiles whose landscape no index names")
    score: float = Field(5.0, ge=0, description="weight of the energy score beside the adversarial loss")
    drainage: float = Field(
        30.0,
        ge=0,
        description="weight of the depth of pits beyond those of the real crop, in local amplitudes",
    )
    rollout: float = Field(
        0.25, ge=0, le=1, description="share of a batch that refines generated coarse maps"
    )
    shares: tuple[float, float, float] = Field(
        (0.3, 0.4, 0.3),
        description="shares of crops at the data's resolution, coarsened twofold and fourfold",
    )


def train(
    config: TerrainTraining, progress: Progress | None = None, tell: Callable[[str], None] | None = None
) -> Path:
    """Train and write weights; beside them curves, a checkpoint, what the data cover and a model card.

    The files are ``NAME.safetensors``, ``.json``, ``.curves.csv``, ``.checkpoint.pt``, ``.coverage.json``
    and ``.md``. The card has the figures of at most a dozen held-out tiles, if any, which take half a minute.

    Parameters
    ----------
    config : what decides the run. On one thread of one machine the same config gives the same weights.
    progress : called with (step, steps, figures) after each step.
    tell : called with what the data cover, as text, before the first step, and with the held-out figures.

    Returns
    -------
    path of the weight file.

    Raises
    ------
    InputError : the data folder cannot be used.
    TrainingError : the run diverged.
    """
    tiles, held_out = _land(config)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        sampler = CropSampler(tiles, **_crops(config), seed=config.seed)
        covered = coverage(tiles, held_out, **_crops(config))
        if tell is not None:
            tell(coverage_text(covered))
        run = _AmplifierRun(config, sampler, tiles, held_out)
        config.output.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(covered, indent=2, sort_keys=True)
        config.output.with_suffix(".coverage.json").write_text(text + "\n", encoding="utf-8")
        run.run(progress)
        judged: dict[str, Any] | str = "Not evaluated, as was asked for."
        if config.evaluate:
            judged = held_out_figures(config.output, held_out)
        write_card(config, covered, judged)
        if tell is not None:
            tell(figures_text(judged))
    finally:
        torch.set_num_threads(threads)
    return config.output


def survey(config: TerrainTraining) -> dict[str, Any]:
    """What the data of a run cover, see `terrain_coverage.coverage`; nothing is trained or written."""
    return coverage(*_land(config), **_crops(config))


def _land(config: TerrainTraining) -> tuple[list[Tile], list[Tile]]:
    return split_by_place(read_folder(config.data, config.spacing, config.style), config.held_out)


def _crops(config: TerrainTraining) -> dict[str, Any]:
    return {"context": context_cells(2), "middle": 2 * OUTPUT_CELLS, "shares": config.shares}


def context_cells(levels: int) -> int:
    """Fine cells per side of a training crop: enough to coarsen and refine it ``levels`` times."""
    cells = OUTPUT_CELLS + 2 * HALO
    for _ in range(levels - 1):
        cells = cells // 2 + 2 * HALO
    for _ in range(levels):
        cells = 2 * (cells + 2 * DOWN_HALO)
    return cells


class _AmplifierRun(Run):
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
        self, options: TerrainTraining, sampler: CropSampler, tiles: list[Tile], held_out: list[Tile]
    ) -> None:
        self.options, self.sampler = options, sampler
        super().__init__(
            options,
            lambda: (Amplifier(options.channels, tuple(STYLES)), Discriminator(styles=len(STYLES))),
            sampler.random,
            {"channels": options.channels, "styles": list(STYLES)},
            training_record(options, tiles, held_out),
        )

    def advance(self) -> dict[str, float]:
        config, adversarial = self.options, LOSSES[self.options.loss]
        fine, coarse, condition, spacing, style, made = self._examples()
        real_view = judged_view(fine, coarse, spacing)[..., 1:-1, 1:-1]  # (B, VIEWS, 64, 64)
        condition, spacing = condition.repeat(2, 1, 1, 1), spacing.repeat(2, 1, 1, 1)
        both = style.repeat(2, 1, 1, 1)
        fake = self._refine(condition, spacing, both)  # (2 B, 1, 68, 68)
        fake_view = judged_view(fake, condition, spacing)[..., 1:-1, 1:-1]  # (2 B, VIEWS, 64, 64)

        penalise = self.step % config.penalty_every == 0
        real_input = real_view.detach().requires_grad_(penalise)
        fake_input = fake_view.detach().requires_grad_(penalise)
        with self.half(not penalise):
            real = self.discriminator(real_input, style).float()
            judged = self.discriminator(fake_input, both).float()
        twins = real.repeat(2, 1, 1, 1)
        loss = discriminator = adversarial.discriminator(twins, judged)
        penalty = torch.zeros(())
        if penalise:
            penalty = gradient_penalty(real, real_input) + gradient_penalty(judged, fake_input)
            loss = loss + config.gamma / 2 * config.penalty_every * penalty
        self.update(self.discriminator_optimiser, loss)

        self.discriminator.requires_grad_(False)
        with self.half():
            real = self.discriminator(real_view, style).float()
            judged = self.discriminator(fake_view, both).float()
        generator = adversarial.generator(real.repeat(2, 1, 1, 1), judged)
        # crops whose condition is generated have no real outcome to score against
        first, second = fake_view.chunk(2)
        pairs = real_view[made:], first[made:], second[made:]
        score = torch.stack([energy_score(*pairs, patch) for patch in PATCHES]).mean()
        amplitude = coarse_features(condition, spacing)[1].mean(dim=(1, 2, 3))  # (2 B,) metres
        real_ponds = (ponding(fine) / amplitude[: config.batch]).repeat(2)
        ponds = ponding(fake) / amplitude
        excess = functional.relu(ponds - real_ponds).mean()
        loss = generator + config.score * score + config.drainage * excess
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
            "margin": (real.mean() - judged.mean()).item(),
        }

    def _examples(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, int]:
        """Draw fine (B, 1, 68, 68), coarse and condition (B, 1, 72, 72), coarse spacing (B, 1, 1, 1) and
        style (B, S, 1, 1).

        ``condition`` is ``coarse``, the first so many (the last value) replaced by what the generator made of
        the next coarser map.
        """
        made = int(self.options.rollout * self.options.batch)
        groups = []
        for count, levels in ((made, 2), (self.options.batch - made, 1)):
            if not count:
                continue
            crops, spacings, styles = self.sampler.batch(count, context_cells(levels))
            whole = torch.from_numpy(crops)[:, None].to(self.device)  # (b, 1, S, S)
            whole = whole - whole.mean(dim=(2, 3), keepdim=True)  # numbers near 0 lose less to float32
            spacing = torch.from_numpy(spacings).reshape(-1, 1, 1, 1).to(self.device) * 2
            style = torch.from_numpy(styles)[:, :, None, None].to(self.device)
            halved = downsample(whole)
            fine = crop(whole, (whole.shape[-1] - 2 * OUTPUT_CELLS) // 2)
            coarse = condition = crop(halved, (halved.shape[-1] - OUTPUT_CELLS - 2 * HALO) // 2)
            if levels == 2:
                with torch.no_grad():
                    condition = self._refine(downsample(halved), 2 * spacing, style)
            groups.append((fine, coarse, condition, spacing, style))
        fine, coarse, condition, spacing, style = (torch.cat(parts) for parts in zip(*groups, strict=True))
        return fine, coarse, condition, spacing, style, made

    def _refine(self, coarse: Tensor, spacing: Tensor, style: Tensor) -> Tensor:
        noise = self.draw_noise(len(coarse), NOISE, *coarse.shape[-2:])
        self.generator.bfloat16_trunk = self.options.bfloat16
        return self.generator(coarse, spacing, noise, style=style)  # type: ignore[no-any-return]
