"""Settings of a run: the learning rate from first to last step, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from worldgen.models.run_settings import RunSettings, learning_rate, make_optimiser


def settings(**changes: Any) -> RunSettings:
    values: dict[str, Any] = {
        "data": Path("dems"), "output": Path("net.safetensors"), "steps": 101, "decay_steps": 20,
        "learning_rate": 1e-2, "learning_rate_final": 1e-3,
    }  # fmt: skip
    return RunSettings(**{**values, **changes})


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", {0: 1e-2, 50: 1e-2, 100: 1e-2}),
        ("halving", {0: 1e-2, 10: 1e-2 * 0.5**0.5, 20: 5e-3, 100: 1e-3}),
        ("step", {0: 1e-2, 19: 1e-2, 20: 5e-3, 39: 5e-3, 40: 2.5e-3, 100: 1e-3}),
        ("cosine", {0: 1e-2, 50: 5.5e-3, 100: 1e-3, 200: 1e-3}),
    ],
)
def test_learning_rates(schedule: str, rates: dict[int, float]) -> None:
    config = settings(schedule=schedule)
    assert {step: learning_rate(step, config) for step in rates} == pytest.approx(rates)


def test_the_default_schedule_is_the_halving_one() -> None:
    config = RunSettings(data=Path("dems"), output=Path("net.safetensors"))
    assert [learning_rate(step, config) for step in (0, 3000, 20000)] == [1e-3, 5e-4, 2e-4]


def test_optimisers() -> None:
    net = torch.nn.Linear(1, 1)
    adam, sgd = (make_optimiser(net, settings(optimiser=name)) for name in ("adam", "sgd"))
    assert isinstance(adam, torch.optim.Adam)
    assert adam.param_groups[0]["betas"] == (0.0, 0.99)
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"learning_speed": 1}, "learning_speed"),
        ({"loss": "wasserstein"}, "'hinge'"),
        ({"learning_rate": 1e-4}, "at most learning_rate"),
    ],
)
def test_wrong_settings_are_errors(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        settings(**changes)
