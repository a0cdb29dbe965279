"""Training: the same seed gives the same weights, resuming is bit-exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from made_land import write_places
from safetensors.torch import load_file

from worldgen.errors import InputError, TrainingError, WeightsError
from worldgen.models.checkpoint import file_hash, read_record
from worldgen.models.run_settings import Optimiser
from worldgen.models.terrain_data import STYLES
from worldgen.models.terrain_net import Amplifier, Discriminator
from worldgen.models.terrain_refinement import FIGURES, evaluate
from worldgen.models.terrain_train import TerrainTraining, train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("dem"), 300)


def settings(data: Path, output: Path, **changes: Any) -> TerrainTraining:
    arguments: dict[str, Any] = {
        "data": data, "output": output, "spacing": 30.0, "held_out": ("place1",), "steps": 3, "batch": 2,
        "channels": 4, "rollout": 0.5, "penalty_every": 2, "log_every": 1,
        "evaluate": False,
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
    covered = json.loads(straight.with_suffix(".coverage.json").read_text())
    assert [row["place"] for row in covered["places"]] == ["place0", "place1"]
    assert len(straight.with_suffix(".curves.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("optimiser", get_args(Optimiser))
def test_resuming_gives_the_same_bits(optimiser: str, data: Path, tmp_path: Path) -> None:
    unbroken = train(settings(data, tmp_path / "unbroken.safetensors", optimiser=optimiser))
    output = tmp_path / "net.safetensors"
    train(settings(data, output, optimiser=optimiser, steps=1))
    seen: list[int] = []
    again = settings(data, output, optimiser=optimiser, resume=True)
    train(again, progress=lambda step, steps, figures: seen.append(step))
    assert seen == [2, 3]
    assert file_hash(output) == file_hash(unbroken)


def test_threads_of_the_caller_are_put_back(data: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    train(settings(data, tmp_path / "net.safetensors", steps=1))
    assert torch.get_num_threads() == before


OPTIONS = [
    {"loss": "non-saturating"},
    {"loss": "hinge"},
    {"optimiser": "sgd"},
    {"schedule": "cosine"},
    {"schedule": "step", "decay_steps": 1},
    {"schedule": "constant"},
]


@pytest.mark.parametrize("changes", OPTIONS, ids=lambda changes: str(next(iter(changes.values()))))
def test_each_option_moves_the_weights_its_own_way(
    changes: dict[str, Any], data: Path, straight: Path, tmp_path: Path
) -> None:
    output = train(settings(data, tmp_path / "net.safetensors", **changes))
    nets = torch.load(output.with_suffix(".checkpoint.pt"), weights_only=True)
    default = torch.load(straight.with_suffix(".checkpoint.pt"), weights_only=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = {"generator": Amplifier(4, tuple(STYLES)), "discriminator": Discriminator(styles=len(STYLES))}
    for part, net in start.items():
        tensors = nets[part]
        assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())
        assert not equal(tensors, net.state_dict())
        assert not equal(tensors, default[part])


def test_weights_alone_start_a_run_with_their_generator(data: Path, straight: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.safetensors"
    for suffix in (".safetensors", ".json"):
        given.with_suffix(suffix).write_bytes(straight.with_suffix(suffix).read_bytes())
    # a learning rate that moves nothing shows what the run began with
    still = {"learning_rate": 1e-30, "learning_rate_final": 1e-30}
    output = train(settings(data, tmp_path / "net.safetensors", steps=1, start=given, **still))
    begun = torch.load(output.with_suffix(".checkpoint.pt"), weights_only=True)
    shipped = load_file(given)
    assert equal(shipped, begun["generator"])
    assert equal(shipped, load_file(output))
    before = torch.load(straight.with_suffix(".checkpoint.pt"), weights_only=True)
    assert not equal(before["discriminator"], begun["discriminator"])
    assert begun["step"] == 1


def test_a_checkpoint_beside_the_weights_gives_all_nets(data: Path, straight: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 1e-30, "learning_rate_final": 1e-30}
    output = train(settings(data, tmp_path / "net.safetensors", steps=1, start=straight, **still))
    nets = [torch.load(file.with_suffix(".checkpoint.pt"), weights_only=True) for file in (straight, output)]
    for part in ("generator", "discriminator"):
        assert equal(nets[0][part], nets[1][part])


def test_another_optimiser_may_start_from_a_checkpoint_but_not_resume_it(
    data: Path, straight: Path, tmp_path: Path
) -> None:
    output = tmp_path / "net.safetensors"
    started = train(settings(data, output, steps=1, start=straight, optimiser="sgd"))
    state = torch.load(started.with_suffix(".checkpoint.pt"), weights_only=True)
    assert "momentum_buffer" in state["generator_optimiser"]["state"][0]
    with pytest.raises(InputError, match="of a run with sgd and cannot be resumed with adam"):
        train(settings(data, output, resume=True))


def test_weights_of_another_net_do_not_start_a_run(data: Path, straight: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.safetensors"
    for suffix in (".safetensors", ".json"):
        given.with_suffix(suffix).write_bytes(straight.with_suffix(suffix).read_bytes())
    with pytest.raises(WeightsError, match=r"'channels': 4.*'channels': 8"):
        train(settings(data, tmp_path / "net.safetensors", channels=8, start=given))
    with pytest.raises(WeightsError, match="not found"):
        train(settings(data, tmp_path / "net.safetensors", start=tmp_path / "absent.safetensors"))


def test_a_run_that_diverges_is_an_error_and_keeps_what_it_had(data: Path, tmp_path: Path) -> None:
    output = train(settings(data, tmp_path / "net.safetensors", steps=1, optimiser="sgd"))
    before = file_hash(output)
    with pytest.raises(TrainingError, match=r"diverged at step [2-9].*learning rate below 1e\+06"):
        train(settings(data, output, steps=9, resume=True, optimiser="sgd", learning_rate=1e6))
    assert file_hash(output) == before


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_evaluation_names_held_out_places(data: Path, straight: Path) -> None:
    report = evaluate(data, weights=straight, levels=1, size=100, spacing=30.0)
    assert report["places"] == ["place1"]
    assert set(report["figures"]) == {"real", "amplifier", "smooth", "fractal", "phase"}
    assert set(report["figures"]["real"]) == set(FIGURES)
