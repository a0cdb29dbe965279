"""Training of the net that fills voids: voids are punched into real land, which tells what stood there.

The best guess is trained by its error in heights and slopes; the amplitudes of the detail so that both
together are as rough as the truth. A net that drew the detail itself, trained by the energy score, drew
ripples of one direction in the time at hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from worldgen.models.adversarial import Progress, Run, training_record
from worldgen.models.run_settings import StepSettings
from worldgen.models.terrain_data import CropSampler, Tile
from worldgen.models.terrain_folders import read_folder, split_by_place
from worldgen.models.void_data import CONTEXT, draw_batch
from worldgen.models.void_net import VoidNet, grains

STEPS = (1, 2, 4, 8)  # cells over which the roughness of a fill is compared
MIDDLE = 96  # cells per side of a crop that are judged to be land


class VoidTraining(StepSettings):
    """What decides a training run of the net that fills voids."""

    batch: int = Field(2, ge=1, description="crops of 128 cells in a step, or as many more smaller ones")
    widths: tuple[int, ...] = Field((8, 16, 32, 56), min_length=2, description="channels at each resolution")
    learning_rate: float = Field(2e-3, gt=0)
    decay_steps: int = Field(2000, ge=1, description="steps in which the learning rate halves")
    average: float = Field(0.995, ge=0, lt=1, description="decay of the averaged weights, which are shipped")
    slopes: float = Field(0.5, ge=0, description="weight of the slopes of the best guess beside its heights")
    roughness: float = Field(0.3, ge=0, description="weight of how far curvatures are from the truth's")


def train(config: VoidTraining, progress: Progress | None = None) -> Path:
    """Train and write ``NAME.safetensors``, ``.json``, ``.curves.csv`` and ``.checkpoint.pt``.

    On one thread of one machine the same config gives the same weights, whether or not it was resumed.

    Parameters
    ----------
    config : what decides the run; ``config.data`` is a folder of elevation tiles.
    progress : called with (step, steps, figures) after each step.

    Raises
    ------
    InputError : the data cannot be used.
    TrainingError : the run diverged.
    """
    tiles, held_out = split_by_place(read_folder(config.data, config.spacing), config.held_out)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        _VoidRun(config, tiles, held_out).run(progress)
    finally:
        torch.set_num_threads(threads)
    return config.output


class _VoidRun(Run):
    columns = ("heights", "slopes", "smooth", "roughness")
    betas = (0.9, 0.99)

    def __init__(self, options: VoidTraining, tiles: list[Tile], held_out: list[Tile]) -> None:
        self.options = options
        sampler = CropSampler(tiles, context=CONTEXT, middle=MIDDLE, seed=options.seed)
        super().__init__(
            options,
            lambda: (VoidNet(options.widths), None),
            sampler.random,  # draws crops and voids, so that its state is all there is to resume
            {"widths": list(options.widths)},
            training_record(options, tiles, held_out),
        )
        self.sampler = sampler
        self.means = dict.fromkeys(self.columns, 0.0)  # over some 50 steps: voids differ too much to read one

    def advance(self) -> dict[str, float]:
        config = self.options
        batch = draw_batch(self.sampler, self.random, config.batch)
        void, unit, smooth, true = (
            torch.from_numpy(part.astype(np.float32))[:, None].to(self.device)
            for part in (batch.void, batch.unit, batch.smooth, batch.true)
        )  # (B, 1, H, W)
        features = torch.from_numpy(batch.features).to(self.device, memory_format=torch.channels_last)
        spacing = torch.from_numpy(batch.spacing).to(self.device)
        wanted = (true - smooth) * void
        # Errors of a crop in units of what they may be there: on average, and at the rim for slopes.
        cells = void.sum(dim=(1, 2, 3), keepdim=True)
        typical = (unit.sum(dim=(1, 2, 3), keepdim=True) / cells).clamp_min(1e-3)
        rim = 2 * torch.where(void > 0, unit, torch.inf).amin(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)
        with self.half():
            guess, amplitudes = (part.float() * unit for part in self.generator(features, spacing))
        noise = self.random.standard_normal(void.shape, dtype=np.float32)[:, 0]
        drawn = torch.from_numpy(np.stack([grains(one) for one in noise])).to(self.device)
        detail = (amplitudes * drawn).sum(dim=1, keepdim=True)
        share = void.mean()
        heights = _size(guess - wanted, typical, share)
        slopes = _size(_differences(guess - wanted), rim, share)
        roughness = _roughness(smooth + guess.detach() + detail, void) / _roughness(true, void)
        roughness = roughness.log().abs().mean()
        self.update(self.generator_optimiser, heights + config.slopes * slopes + config.roughness * roughness)
        found = {
            "heights": heights.item(),
            "slopes": slopes.item(),
            "smooth": _size(wanted, typical, share).item(),
            "roughness": roughness.item(),
        }
        for name, value in found.items():
            self.means[name] += (value - self.means[name]) * max(0.02, 1 / (self.step + 1))
        return dict(self.means)


def _size(error: Tensor, scale: Tensor, share: Tensor) -> Tensor:
    """Mean of the error in voids, in units of ``scale``: squared where small, plain where large."""
    error = error / scale
    return F.smooth_l1_loss(error, torch.zeros_like(error)) / share


def _differences(x: Tensor) -> Tensor:
    """Steps to the next cell south and east: (B, 1, H, W) -> (B, 2, H, W); 0 over the edge."""
    south = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    east = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
    return torch.cat([south, east], dim=1)


def _roughness(x: Tensor, void: Tensor) -> Tensor:
    """Root mean square Laplacian of each crop's voids, with arms of each of STEPS.

    (B, 1, H, W) -> (B, STEPS). The map wraps, which is the same for all that is compared.
    """
    beside = [
        torch.stack([x.roll(sign * step, axis) for axis in (2, 3) for sign in (1, -1)]).sum(dim=0)
        for step in STEPS
    ]
    square = (torch.cat([part - 4 * x for part in beside], dim=1).square() * void).sum(dim=(2, 3))
    return (square / void.sum(dim=(2, 3)) + 1e-4).sqrt()
