"""Holes as radars leave them; the net that fills them: training repeats, resumes, tells of divergence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_land import hills, write_places
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.errors import InputError, TrainingError
from worldgen.models import void_judgement
from worldgen.models.checkpoint import file_hash, read_record
from worldgen.models.terrain_data import CropSampler, Tile
from worldgen.models.void_data import KINDS, Kind, draw_batch, punched
from worldgen.models.void_fill import fill_voids, load_void_net
from worldgen.models.void_train import VoidTraining, train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("dem"), 200)


def settings(data: Path, output: Path, **changes: Any) -> VoidTraining:
    values: dict[str, Any] = {
        "data": data, "output": output, "spacing": 30.0, "held_out": ("place1",), "steps": 3, "batch": 1,
        "widths": (4, 4), "log_every": 1,
    }  # fmt: skip
    return VoidTraining(**{**values, **changes})


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(settings(data, tmp_path_factory.mktemp("straight") / "net.safetensors"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("across", [5, 16, 40])
def test_holes_span_what_was_asked_and_leave_the_edge(kind: Kind, across: int) -> None:
    land = hills(64)
    for seed in range(5):
        void = punched(land, across, kind, np.random.default_rng(seed))
        rows, columns = np.flatnonzero(void.any(axis=1)), np.flatnonzero(void.any(axis=0))
        sides = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert across - 2 <= max(sides) <= across
        assert not void[[0, 1, -1, -2]].any()
        assert not void[:, [0, 1, -1, -2]].any()


def test_blobs_and_shadows_seek_steep_ground() -> None:
    land = np.zeros((64, 64), np.float32)
    land[:, 40:] = 50 * np.arange(24)  # level in the west, steep in the east
    for kind in ("blob", "shadow"):
        hits = [punched(land, 9, kind, np.random.default_rng(seed))[:, 36:].any() for seed in range(10)]
        assert all(hits)


def test_batches_hold_what_they_say() -> None:
    tile = Tile("place", 30.0, hills(200), np.zeros((200, 200), bool))
    sampler = CropSampler([tile], context=128, middle=96, seed=0)
    sides = set()
    for _ in range(6):
        batch = draw_batch(sampler, sampler.random, 1)
        sides.add(batch.void.shape[1])
        assert batch.void.any(axis=(1, 2)).all()
        assert (batch.true == batch.smooth)[~batch.void].all()
        assert (batch.unit > 0).tolist() == batch.void.tolist()
    assert len(sides) > 1


def test_training_writes_weights_record_and_curves(straight: Path) -> None:
    record = read_record(straight)
    assert record["config"] == {"widths": [4, 4]}
    assert record["training"]["training_places"] == ["place0"]
    assert record["training"]["held_out_places"] == ["place1"]
    assert len(straight.with_suffix(".curves.csv").read_text().splitlines()) == 4
    marked = hills(40)
    marked[10:20, 10:20] = np.nan
    assert np.isfinite(fill_voids(marked, 30.0, net=load_void_net(straight))).all()


def test_the_same_seed_gives_the_same_weights_also_when_resumed(
    data: Path, straight: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "net.safetensors"
    train(settings(data, broken, steps=1))
    train(settings(data, broken, resume=True))
    assert file_hash(broken) == file_hash(straight)
    other = train(settings(data, tmp_path / "other.safetensors", seed=1))
    assert file_hash(other) != file_hash(straight)


def test_a_run_that_diverges_says_so(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "net.safetensors"
    with pytest.raises(TrainingError, match="diverged at step"):
        train(settings(data, output, steps=50, learning_rate=1e30, learning_rate_final=1e30))
    assert not output.exists()


def test_the_shell_trains_judges_and_tells_wrong_input(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "net.safetensors"
    arguments = ["train", "voids", "--data", str(data), "-o", str(output), "--spacing", "30", "--steps", "1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert json.loads(output.with_suffix(".json").read_text())["training"]["settings"]["seed"] == 0
    monkeypatch.setattr(void_judgement, "SIZES", ((5, 8),))
    figures = tmp_path / "figures.json"
    arguments = ["evaluate", "voids", "--data", str(data), "--weights", str(output), "-o", str(figures)]
    result = CliRunner().invoke(app, [*arguments, "--spacing", "30", "--count", "1"])
    assert result.exit_code == 0, result.output
    assert json.loads(figures.read_text()) == json.loads(result.output)
    assert json.loads(result.output)["holes"] == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no elevation"):
        train(settings(empty, output))
