"""Train the texture VAE on folders of PBR materials.

The loop is deterministic for a given `steps`: every step draws its randomness from (seed, step), so a run
that was stopped and resumed gives the same bytes as one that was not. With `minutes` the learning-rate
schedule follows the clock instead, and the run is as long as asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldgen.models.texture_data import load_materials
from worldgen.models.texture_settings import TextureTrainConfig
from worldgen.models.texture_trainer import Trainer

Progress = Callable[[float, dict[str, float]], None]


def train(config: TextureTrainConfig, progress: Progress | None = None) -> dict[str, Any]:
    """Run a training from start (or where it was stopped) to end and write weights with their latent bank.

    Parameters
    ----------
    progress : called about twice a second with the share done (0 to 1) and the last step's loss terms.

    Returns
    -------
    The record that is also written into the weights' JSON: config, figures, materials.

    Raises
    ------
    InputError : no material in `data`, or nothing to resume.
    TrainingError : the run diverged; what was saved last stays as it is.
    """
    from worldgen.models.texture_export import export_weights

    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        training, held_out = load_materials(config.data, leave_out=config.leave_out)
        trainer = Trainer(config, training)
        folder = config.output.with_name(config.output.stem + "_run")
        if config.resume:
            trainer.restore(folder)
        _run(trainer, folder, progress)
        record = {
            key: str(value) if isinstance(value, Path) else value for key, value in asdict(config).items()
        }
        record["steps_done"] = trainer.step
        return export_weights(trainer.average, training, held_out, config.output, record)
    finally:
        torch.set_num_threads(before)


def _run(trainer: Trainer, folder: Path, progress: Progress | None) -> None:
    """Train to the end; append curves to ``curves.jsonl`` and save the state every few minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    last_save = last_call = begun = time.monotonic()
    before = trainer.seconds
    sums: dict[str, list[float]] = {}
    with (folder / "curves.jsonl").open("a", encoding="utf-8") as curves:
        while trainer.share_done() < 1:
            terms = trainer.train_step()
            now = time.monotonic()
            trainer.seconds = before + now - begun
            for name, value in terms.items():
                sums.setdefault(name, []).append(value)
            if trainer.step % 50 == 0:
                row = {name: round(float(np.mean(values)), 5) for name, values in sums.items()}
                row |= {"step": trainer.step, "seconds": round(trainer.seconds, 1)}
                curves.write(json.dumps(row) + "\n")
                curves.flush()
                sums.clear()
            if progress is not None and now - last_call > 0.5:
                progress(trainer.share_done(), terms)
                last_call = now
            if now - last_save > 60 * trainer.config.checkpoint_minutes:
                trainer.save(folder)
                last_save = now
    trainer.save(folder)
