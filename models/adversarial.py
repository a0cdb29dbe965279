"""What training runs share: nets, averages, steps, checkpoints. Most have a discriminator, which is optional.

A run writes ``NAME.safetensors`` and its JSON record (the averaged generator), ``NAME.curves.csv``, and
``NAME.checkpoint.pt``, the state from which ``resume`` goes on with the same bits as an unbroken run.
"""

from __future__ import annotations

import copy
import csv
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from worldgen.errors import InputError, TrainingError, WeightsError
from worldgen.models.checkpoint import load_weights, read_record, save_weights
from worldgen.models.run_settings import Device, StepSettings, learning_rate, make_optimiser
from worldgen.models.terrain_data import Tile

Progress = Callable[[int, int, dict[str, float]], None]


class Run(ABC):
    """Nets, optimisers and random generators of a run, and how they are stepped, saved and resumed.

    Parameters
    ----------
    settings : what decides the run.
    nets : makes (generator, discriminator or None); called under the run's seed.
    random : random generator of numpy that draws the crops.
    config, record : what the weight file's JSON says of the net and of the training.
    """

    columns: tuple[str, ...] = ()  # figures that go to the curves
    betas = (0.0, 0.99)  # of Adam

    def __init__(
        self,
        settings: StepSettings,
        nets: Callable[[], tuple[nn.Module, nn.Module | None]],
        random: Any,
        config: dict[str, Any],
        record: dict[str, Any],
    ) -> None:
        self.settings, self.random, self.config, self.record = settings, random, config, record
        self.device = torch.device(_device(settings.device))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            generator, discriminator = nets()
        self.generator = generator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        self.generator_optimiser = make_optimiser(self.generator, settings, self.betas)
        if discriminator is not None:
            self.discriminator = discriminator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.discriminator_optimiser = make_optimiser(self.discriminator, settings, self.betas)
        self.noise = torch.Generator(self.device).manual_seed(settings.seed)
        self.step = 0
        self.seconds = 0.0
        if settings.resume and self._checkpoint.is_file():
            self._load(self._checkpoint)
        elif settings.start is not None:
            self._start(settings.start)

    @abstractmethod
    def advance(self) -> dict[str, float]:
        """Update the nets once and return the figures of the step."""

    def run(self, progress: Progress | None = None) -> None:
        """Step until the steps or minutes are over; saves every few minutes and at the end.

        Raises
        ------
        TrainingError : a figure is not finite; what was saved last stays as it is.
        """
        settings = self.settings
        if not self.step and self._curves.is_file():
            self._curves.unlink()
        began, saved = time.monotonic() - self.seconds, time.monotonic()
        limit = None if settings.minutes is None else self.seconds + 60 * settings.minutes
        while self.step < settings.steps:
            for part in self._parts().values():
                for group in getattr(part, "param_groups", ()):
                    group["lr"] = learning_rate(self.step, settings)
            figures = self.advance()
            for name, value in figures.items():
                if not math.isfinite(value):
                    raise TrainingError(
                        f"training diverged at step {self.step + 1}: {name} is {value}; "
                        f"a learning rate below {learning_rate(self.step, settings):.2g} may help"
                    )
            self._average()
            self.step += 1
            self.seconds = time.monotonic() - began
            if self.step % settings.log_every == 0:
                self._log(figures)
            if progress is not None:
                progress(self.step, settings.steps, figures)
            if limit is not None and self.seconds > limit:
                break
            if time.monotonic() - saved > 60 * settings.checkpoint_minutes:
                self._save()
                saved = time.monotonic()
        self._save()

    def draw_noise(self, *shape: int) -> Tensor:
        """Noise of variance 1 in the distribution of `layers.hashed_noise`."""
        uniform = torch.rand((4, *shape), generator=self.noise, device=self.noise.device)
        return ((uniform.sum(dim=0) - 2) * 3**0.5).to(self.device)

    def update(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        """Take one step down the gradient of the loss."""
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def half(self, enabled: bool = True) -> torch.autocast:
        """Context in which convolutions run in bfloat16, where the settings want it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16 and enabled)

    def _average(self) -> None:
        decay = min(self.settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, parameter in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(parameter, 1 - decay)

    @property
    def _checkpoint(self) -> Path:
        return self.settings.output.with_suffix(".checkpoint.pt")

    @property
    def _curves(self) -> Path:
        return self.settings.output.with_suffix(".curves.csv")

    def _log(self, figures: dict[str, float]) -> None:
        self._curves.parent.mkdir(parents=True, exist_ok=True)
        new = not self._curves.is_file()
        with self._curves.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(("step", "seconds", *self.columns))
            values = [f"{figures[name]:.5f}" for name in self.columns]
            writer.writerow([self.step, f"{self.seconds:.0f}", *values])

    def _parts(self) -> dict[str, Any]:
        names = (
            "generator", "discriminator", "averaged", "generator_optimiser", "discriminator_optimiser"
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _save(self) -> None:
        made = {
            "steps": self.step,
            "crops": self.step * self.settings.batch,
            "minutes": round(self.seconds / 60, 1),
        }
        save_weights(
            self.averaged, self.settings.output, config=self.config, training={**self.record, **made}
        )
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts().items()}
        state["noise"] = self.noise.get_state()
        state["sampler"] = self.random.bit_generator.state
        state["step"], state["seconds"] = self.step, self.seconds
        state["optimiser"] = self.settings.optimiser
        temporary = self._checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        os.replace(temporary, self._checkpoint)

    def _start(self, weights: Path) -> None:
        """Take all nets from the checkpoint beside a weight file, or the generator from the file itself."""
        checkpoint = weights.with_suffix(".checkpoint.pt")
        if checkpoint.is_file():
            self._load(checkpoint, nets_only=True)
            return
        found = read_record(weights)["config"]
        if found != self.config:
            raise WeightsError(f"cannot start from {weights}: its net is {found}, this run's {self.config}")
        for net in (self.generator, self.averaged):
            load_weights(net, weights)

    def _load(self, checkpoint: Path, nets_only: bool = False) -> None:
        state = torch.load(checkpoint, weights_only=True, map_location=self.device)
        same = state.get("optimiser", "adam") == self.settings.optimiser
        if not (same or nets_only):
            raise InputError(
                f"{checkpoint} is of a run with {state.get('optimiser', 'adam')} and cannot be resumed with "
                f"{self.settings.optimiser}; start a new run from it instead"
            )
        for name, part in self._parts().items():
            if same or isinstance(part, nn.Module):
                part.load_state_dict(state[name])
        if nets_only:
            return
        self.noise.set_state(state["noise"].cpu())
        self.random.bit_generator.state = state["sampler"]
        self.step, self.seconds = state["step"], state["seconds"]


def training_record(
    settings: StepSettings, tiles: Sequence[Tile], held_out: Sequence[Tile]
) -> dict[str, Any]:
    """What a weight file's JSON keeps of a run: settings, places and licences of the data."""
    elsewhere = {"data", "made", "output", "threads", "resume", "evaluate"}
    return {
        "settings": settings.model_dump(mode="json", exclude=elsewhere),
        "training_tiles": len(tiles),
        "training_places": sorted({tile.place for tile in tiles}),
        "held_out_places": sorted({tile.place for tile in held_out}),
        "licences": sorted({tile.licence for tile in tiles if tile.licence}),
        **({} if settings.start is None else {"start": _inheritance(settings.start)}),
    }


def _inheritance(weights: Path) -> dict[str, Any]:
    """What weights that a run starts from were made of: their hash, places, licences, and their own start."""
    if not weights.is_file():  # a bare checkpoint tells nothing of its data
        return {}
    record = read_record(weights)
    kept = ("training_places", "held_out_places", "licences", "start")
    training = record["training"]
    return {"sha256": record["sha256"], **{name: training[name] for name in kept if name in training}}


def _device(wanted: Device) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda' was asked for, and torch finds no GPU; allowed here: auto, cpu")
    return wanted
