"""The model card of a run: what it says, which tiles it judges, a command that gives the same settings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.models import terrain_card, terrain_train
from worldgen.models.checkpoint import file_hash
from worldgen.models.terrain_card import card_text, command_line, figures_text, held_out_figures
from worldgen.models.terrain_data import Tile, flat_cells
from worldgen.models.terrain_gan import WEIGHT_FILE
from worldgen.models.terrain_train import TerrainTraining, train


def hills(size: int, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap") + noise).astype(np.float32)


def tile(place: str, size: int) -> Tile:
    return Tile(place, 30.0, hills(size), flat_cells(hills(size)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[TerrainTraining, list[str]]:
    folder = tmp_path_factory.mktemp("run")
    for place in ("north", "south"):
        (folder / "dems" / place).mkdir(parents=True)
        np.save(folder / "dems" / place / "a.npy", hills(256))
    config = TerrainTraining(
        data=folder / "dems", output=folder / "net.safetensors", spacing=30.0, held_out=("south",), steps=2,
        batch=1, channels=4, log_every=1,
    )  # fmt: skip
    told: list[str] = []
    train(config, tell=told.append)
    return config, told


def test_a_run_leaves_a_card_with_data_settings_curves_and_held_out_figures(
    run: tuple[TerrainTraining, list[str]],
) -> None:
    config, told = run
    card = config.output.with_suffix(".md").read_text(encoding="utf-8")
    for part in (
        file_hash(config.output),
        "| north | training | 1 | 30 |",
        "| south | held out | 1 | 30 |",
        "The data name no licences",
        "Not trained on: styles alpine",
        "| learning_rate | 0.001 |",
        "net.curves.csv`, steps 1 to 2",
        "1 tiles of south, coarsened 8-fold",
        "| amplifier | ",
        f"TerrainTraining(data='{config.data}'",  # the command line has no option for channels
    ):
        assert part in card
    assert "north" in told[0]
    assert told[1].startswith("1 held-out tiles: spectrum distance amplifier ")


def test_what_the_start_was_trained_on_is_passed_on(
    run: tuple[TerrainTraining, list[str]], tmp_path: Path
) -> None:
    first = run[0]
    again = first.model_copy(
        update={
            "start": first.output, "output": tmp_path / "net.safetensors", "held_out": ("north",), "steps": 1,
            "evaluate": False,
        }
    )  # fmt: skip
    train(again)
    card = again.output.with_suffix(".md").read_text(encoding="utf-8")
    assert f"started from weights with the SHA-256 `{file_hash(first.output)}`" in card
    assert "trained on 1 places. Licences of those data:\n\nNone are named." in card
    assert "Held out here, but trained on there: north." in card
    assert "Not evaluated, as was asked for." in card


def test_the_wants_of_the_held_out_land_are_told(run: tuple[TerrainTraining, list[str]]) -> None:
    weights = run[0].output
    assert held_out_figures(weights, []) == "No place was held out."
    small = held_out_figures(weights, [tile("a", 100)])
    assert small == "No held-out tile is land without stripes and at least 128 cells wide."
    assert figures_text(small) == small


def test_at_most_a_dozen_tiles_of_as_many_places_are_judged(
    run: tuple[TerrainTraining, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terrain_card, "judge", lambda tiles, net, size: {"judged": tiles, "size": size})
    tiles = [tile("crowded", 256) for _ in range(20)] + [tile("lonely", 256), tile("small", 128)]
    found = held_out_figures(run[0].output, tiles)
    assert isinstance(found, dict)
    assert [t.place for t in found["judged"]] == ["crowded", "lonely"] + ["crowded"] * 10
    assert found["size"] == 128


def test_the_command_gives_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my dems").mkdir()
    config = TerrainTraining(
        data=tmp_path / "my dems", output=tmp_path / "net.safetensors", start=tmp_path / "first.safetensors",
        held_out=("a", "north b"), spacing=10.0, style="hills", seed=3, steps=7, batch=2, loss="hinge",
        optimiser="sgd", schedule="cosine", learning_rate=1e-2, learning_rate_final=1e-2 / 5, device="cpu",
    )  # fmt: skip
    seen: list[Any] = []
    monkeypatch.setattr(terrain_train, "train", lambda config, *rest: seen.append(config))
    words = shlex.split(command_line(config))
    assert words[0] == "worldgen"
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    assert seen == [config]
    shipped = config.model_copy(update={"start": WEIGHT_FILE})
    assert "--start shipped" in command_line(shipped)
    CliRunner().invoke(app, shlex.split(command_line(shipped))[1:])
    assert seen == [config, shipped]


def test_a_cosine_that_was_stopped_is_told_with_its_length(run: tuple[TerrainTraining, list[str]]) -> None:
    config = run[0].model_copy(update={"schedule": "cosine", "steps": 50, "channels": 32})
    record = {
        "sha256": "0",
        "training": {"steps": 2, "minutes": 0.1, "settings": {}, "licences": ["CC0"]},
    }
    covered = {"places": [], "styles_missing": [], "octaves_missing": []}
    card = card_text(config, record, covered, "No.")
    assert "--steps 50" in card
    assert "stopped after 2 steps" in card
    assert "- CC0" in card
