"""Training: the same seed gives the same weights, resuming is bit-exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from worldgen.models.checkpoint import file_hash, read_record
from worldgen.models.losses import discriminator_loss, energy_score, generator_loss, gradient_penalty
from worldgen.models.terrain_refinement import FIGURES, evaluate
from worldgen.models.terrain_train import TerrainTraining, train


def hills(size: int, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap")).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dem")
    for index in range(2):
        np.save(folder / f"place{index}.npy", hills(300, seed=index))
    return folder


def settings(data: Path, output: Path, **changes: Any) -> TerrainTraining:
    arguments: dict[str, Any] = {
        "data": data, "output": output, "spacing": 30.0, "held_out": ("place1",), "steps": 3, "batch": 2,
        "channels": 4, "rollout": 0.5, "penalty_every": 2, "log_every": 1,
    }  # fmt: skip
    return TerrainTraining(**{**arguments, **changes})


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(settings(data, tmp_path_factory.mktemp("straight") / "net.safetensors"))


def test_training_writes_weights_record_and_curves(straight: Path) -> None:
    training = read_record(straight)["training"]
    assert training["held_out_places"] == ["place1"]
    assert training["training_places"] == ["place0"]
    assert training["steps"] == 3
    assert len(straight.with_suffix(".curves.csv").read_text().splitlines()) == 4


def test_resuming_gives_the_same_bits(data: Path, straight: Path, tmp_path: Path) -> None:
    output = tmp_path / "net.safetensors"
    train(settings(data, output, steps=1))
    seen: list[int] = []
    train(settings(data, output, resume=True), progress=lambda step, steps, figures: seen.append(step))
    assert seen == [2, 3]
    assert file_hash(output) == file_hash(straight)


def test_threads_of_the_caller_are_put_back(data: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    train(settings(data, tmp_path / "net.safetensors", steps=1))
    assert torch.get_num_threads() == before


def test_unknown_settings_are_errors(data: Path) -> None:
    with pytest.raises(ValidationError, match="learning_speed"):
        TerrainTraining(data=data, output=data / "x.safetensors", learning_speed=1)  # type: ignore[call-arg]


def test_losses_pull_apart_and_penalty_is_the_squared_gradient() -> None:
    high, low = torch.full((2, 1, 3, 3), 2.0), torch.zeros(2, 1, 3, 3)
    assert discriminator_loss(high, low) < discriminator_loss(low, high)
    assert generator_loss(high, low) > generator_loss(low, high)
    view = torch.randn(2, 3, 4, 4, requires_grad=True)
    logits = (3 * view).sum(dim=1, keepdim=True)
    torch.testing.assert_close(gradient_penalty(logits, view), torch.tensor(27.0))


def test_energy_score_is_least_for_the_real_distribution() -> None:
    """Samples that follow the real spread beat both certain and too varied ones."""
    torch.manual_seed(0)
    real, first, second = torch.randn(3, 64, 2, 16, 16)
    scores = [
        float(energy_score(real, spread * first, spread * second, 4)) for spread in (0.0, 0.5, 1.0, 2.0)
    ]
    assert scores[2] == min(scores)


def test_evaluation_names_held_out_places(data: Path, straight: Path) -> None:
    report = evaluate(data, weights=straight, levels=1, size=100, spacing=30.0)
    assert report["places"] == ["place1"]
    assert set(report["figures"]) == {"real", "amplifier", "smooth", "fractal", "phase"}
    assert set(report["figures"]["real"]) == set(FIGURES)
