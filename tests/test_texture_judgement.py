"""The whole judgement on a tiny net: paired sets, a floor ratio of 1 for copies, goals, tables, hold-out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from made_materials import material as stones  # noqa: E402

from worldgen.cli_evaluate import evaluate as evaluate_commands  # noqa: E402
from worldgen.errors import InputError  # noqa: E402
from worldgen.models import texture_judgement as judgement  # noqa: E402
from worldgen.models.texture_card import tables_text  # noqa: E402
from worldgen.models.texture_data import Material, held_out_names, normalise  # noqa: E402
from worldgen.models.texture_export import export_weights  # noqa: E402
from worldgen.models.texture_sets import draw_sets  # noqa: E402
from worldgen.models.texture_settings import TextureTrainConfig  # noqa: E402
from worldgen.models.texture_trainer import Trainer  # noqa: E402
from worldgen.models.texture_vae import TextureVAE, load_texture_vae  # noqa: E402


def material(name: str, kind: str, seed: int) -> Material:
    maps = stones(seed)
    channels, present, statistics = normalise(
        maps.base_color, maps.height * np.float32(8), maps.roughness, maps.occlusion
    )
    return Material(name, kind, channels.astype(np.float16), present, statistics, True)


TRAINING = [material("rock_a", "rock", 0), material("rock_b", "rock", 1), material("sand_a", "sand", 2)]
HELD_OUT = [material("rock_c", "rock", 3)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained net, which starts as the best linear code of the materials."""
    output = tmp_path_factory.mktemp("net") / "tiny.safetensors"
    trainer = Trainer(TextureTrainConfig(Path("x"), output, steps=1), TRAINING)
    export_weights(trainer.net, TRAINING, HELD_OUT, output, {})
    return output


@pytest.fixture(scope="module")
def net(weights: Path) -> TextureVAE:
    return load_texture_vae(weights)


@pytest.fixture(scope="module")
def report(net: TextureVAE) -> dict[str, Any]:
    sets = draw_sets(net, TRAINING, HELD_OUT, net, count=3, size=256)
    assert [one.kind for one in sets] == ["rock"]  # nothing of sand is held out
    one = sets[0]
    assert set(one.paired) == set(one.floor) == {"rock_a", "rock_b"}
    one.made["copies"] = list(one.floor.values())
    one.paired = list(one.floor)
    one.made = {name: made[:2] for name, made in one.made.items()}
    return judgement.judge(sets, TRAINING, net, net, held_out=HELD_OUT)


def test_copies_of_the_exemplars_are_at_the_floor(report: dict[str, Any]) -> None:
    held_out = report["overall"]["with_held_out"]
    for name, ratio in held_out["ratios"]["copies"].items():
        assert ratio == pytest.approx(1, abs=0.35), name
    own = report["classes"]["rock"]["with_exemplars"]
    assert own["copies"]["high_band_luma"] == pytest.approx(1)
    assert own["copies"]["gram"] < own["noise"]["gram"]
    assert held_out["copies"]["wavelets"] < held_out["noise"]["wavelets"]


def test_the_same_net_as_its_own_baseline_is_not_ahead(report: dict[str, Any]) -> None:
    goals = report["goals"]
    for comparison in ("with_held_out", "with_exemplars"):
        assert goals[f"ahead_of_autoencoder_{comparison}"] == {
            "value": [],
            "goal": "all of wavelets, gram, color, coherence",
            "met": False,
        }
    assert goals["wrap_ratio"]["value"] < 1.2
    assert set(report["wrap"]) == {"base_color", "height", "roughness", "occlusion", "normal"}
    assert "seconds" not in goals  # only said of samples of 512 texels
    assert report["reconstruction"]["vae"] == report["reconstruction"]["autoencoder"]


def test_the_report_is_json_and_becomes_tables(report: dict[str, Any]) -> None:
    text = tables_text(json.loads(json.dumps(report)))
    assert "| figure | found | goal | met |" in text
    assert "| rock | noise |" in text


def test_a_held_out_material_that_the_net_was_trained_on_is_not_judged(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "load_materials", lambda data: (TRAINING[:2], [TRAINING[2]]))
    with pytest.raises(InputError, match="no held-out material"):
        judgement.evaluate(Path("x"), weights=weights, count=1, size=256)


def test_the_command_writes_figures_tables_and_pictures(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "load_materials", lambda data: (TRAINING, HELD_OUT))
    files = [tmp_path / name for name in ("figures.json", "figures.md", "sheet.png")]
    options = [str(part) for pair in zip(("-o", "--card", "--sheet"), files, strict=True) for part in pair]
    arguments = ["texture", "--data", str(tmp_path), "--weights", str(weights), "--count", "1"]
    found = CliRunner().invoke(evaluate_commands, [*arguments, "--size", "256", "-q", *options])
    assert found.exit_code == 0, found.output
    assert json.loads(files[0].read_text()) == json.loads(found.output)
    assert files[1].read_text().startswith("### Goals")
    assert Image.open(files[2]).size[0] > 1000


def test_users_own_materials_are_held_out_by_hash_but_never_the_last_of_a_class() -> None:
    kinds = {f"stone_{i:02d}": "stone" for i in range(40)} | {"moss_1": "moss"}
    chosen = held_out_names(kinds)
    assert 1 <= len(chosen) < 10
    assert "moss_1" not in chosen
    assert chosen <= held_out_names(kinds | {"stone_99": "stone"})  # stable when data are added
    assert len(held_out_names({"stone_1": "stone", "stone_2": "stone"})) == 1
    assert held_out_names({"stone_1": "stone", "moss_1": "moss"}) == set()
    assert held_out_names({**kinds, "ambientcg_Rock015": "rock"}) == {"ambientcg_Rock015"}
