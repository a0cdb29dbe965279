"""What decides a training run: its settings, the learning rate at each step, the optimisers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

Loss = Literal["relativistic", "non-saturating", "hinge"]
Optimiser = Literal["adam", "sgd"]
Schedule = Literal["halving", "cosine", "step", "constant"]
Device = Literal["auto", "cpu", "cuda"]


class StepSettings(BaseModel):
    """What decides any run that steps through crops of land."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(description="folder of elevation tiles")
    output: Path = Field(description="weight file to write, ending in .safetensors")
    spacing: float | None = Field(None, gt=0, description="metres per cell, for files that do not say it")
    held_out: tuple[str, ...] = Field((), description="places kept for evaluation; none: a tenth, by hash")
    start: Path | None = Field(
        None,
        description="weight file to go on from: with the nets of the checkpoint beside it or, without one, "
        "with its generator and a fresh discriminator",
    )
    seed: int = 0
    steps: int = Field(20000, ge=1)
    minutes: float | None = Field(
        None, gt=0, description="stop after this time, however many steps were done"
    )
    batch: int = Field(4, ge=1, description="real crops in a step")
    optimiser: Optimiser = "adam"
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    schedule: Schedule = Field("halving", description="how the learning rate falls, see `learning_rate`")
    learning_rate: float = Field(1e-3, gt=0)
    learning_rate_final: float = Field(2e-4, gt=0)
    decay_steps: int = Field(
        3000, ge=1, description="the learning rate halves each so many steps, down to final"
    )
    average: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, which are shipped")
    bfloat16: bool = Field(
        False, description="half-width convolutions: about 1.6 times as fast where the CPU has them"
    )
    device: Device = Field("auto", description="auto: a GPU where there is one")
    threads: int = Field(1, ge=1)
    log_every: int = Field(50, ge=1)
    checkpoint_minutes: float = Field(4.0, gt=0)
    resume: bool = False

    @model_validator(mode="after")
    def _rates_fall(self) -> StepSettings:
        if self.learning_rate_final > self.learning_rate:
            raise ValueError(
                f"learning_rate_final is {self.learning_rate_final:g}; "
                f"allowed: at most learning_rate, {self.learning_rate:g}"
            )
        return self


class RunSettings(StepSettings):
    """What decides any adversarial run."""

    channels: int = Field(32, ge=4)
    loss: Loss = Field("relativistic", description="adversarial loss, a pair of `losses.LOSSES`")
    gamma: float = Field(0.02, ge=0, description="weight of the gradient penalties")
    penalty_every: int = Field(8, ge=1, description="penalties are computed each so many steps, weighted up")


def learning_rate(step: int, settings: StepSettings) -> float:
    """Learning rate of a step, counted from 0.

    halving falls smoothly, by half each ``decay_steps``, and step at once at their end; both stop at
    ``learning_rate_final``. cosine falls to it over all ``steps`` (Loshchilov and Hutter 2017), so a run that
    its minutes end first does not get there. constant stays.
    """
    first, last = settings.learning_rate, settings.learning_rate_final
    if settings.schedule == "constant":
        return first
    if settings.schedule == "cosine":
        share = min(step / max(settings.steps - 1, 1), 1.0)
        return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
    halvings = step / settings.decay_steps
    if settings.schedule == "step":
        halvings = math.floor(halvings)
    return max(first * float(0.5**halvings), last)


def make_optimiser(
    net: nn.Module, settings: StepSettings, betas: tuple[float, float] = (0.0, 0.99)
) -> torch.optim.Optimizer:
    """Optimiser of a net's parameters. Adam has no momentum, which a moving opponent would make stale."""
    if settings.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
    return torch.optim.Adam(net.parameters(), lr=settings.learning_rate, betas=betas)
