"""Refined land beside the real land: its distances, figures by style, the command that writes them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.errors import ConfigError
from worldgen.models import terrain_refinement
from worldgen.models.terrain_refinement import FIGURES, evaluate, slope_distance, spectrum_distance


def hills(size: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return np.asarray(500 + 2000 * gaussian_filter(noise, 4, mode="wrap"))


def test_slope_distance_of_planes() -> None:
    plane = np.add.outer(np.arange(8) * 3.0, np.arange(8) * 4.0)
    assert slope_distance(plane, 2 * plane, 10.0) == pytest.approx(0.5)


def test_spectrum_distance_ignores_scale_and_sees_roughness() -> None:
    land = hills(128)
    assert spectrum_distance(land, 3 * land) == pytest.approx(0, abs=1e-3)
    assert spectrum_distance(land, land + np.random.default_rng(1).normal(size=land.shape)) > 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dem")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file", "place", "spacing_m", "scale", "offset", "landscape"))
        for index, landscape in enumerate(("canyons", "plains", "plains", "moon")):
            values = np.round((hills(160, index + 14) + 500) / 0.05).astype(np.uint16)
            Image.fromarray(values).save(folder / f"{index}.png")
            rows.writerow((f"{index}.png", f"place{index}", 30, 0.05, 0, landscape))
    return folder


def test_figures_are_given_for_each_style_and_shown(folder: Path, tmp_path: Path) -> None:
    report = evaluate(folder, places=(), levels=1, size=80, sheet=tmp_path / "sheet.png")
    assert report["tiles"] == 4
    assert {style: part["tiles"] for style, part in report["styles"].items()} == {"canyons": 1, "plains": 2}
    assert set(report["styles"]["plains"]["figures"]["amplifier"]) == set(FIGURES)
    key = json.loads((tmp_path / "sheet.key.json").read_text())
    assert sum(cell["generated"] for row in key for cell in row) == 4


def test_the_command_writes_what_it_prints(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def stand_in(data: Path, **options: object) -> dict[str, object]:
        seen.update(options)
        return {"tiles": 3}

    monkeypatch.setattr(terrain_refinement, "evaluate", stand_in)
    output, sheet = tmp_path / "new" / "figures.json", tmp_path / "sheet.png"
    arguments = [
        "evaluate",
        "terrain",
        "--mode",
        "refine",
        "--data",
        str(folder),
        "-o",
        str(output),
        "--sheet",
        str(sheet),
    ]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0
    assert output.read_text() == run.output == '{\n  "tiles": 3\n}\n'
    assert seen["sheet"] == sheet


@pytest.mark.parametrize(("option", "name"), [("--output", "figures.txt"), ("--sheet", "sheet.jpg")])
def test_the_command_refuses_other_files(folder: Path, option: str, name: str) -> None:
    run = CliRunner().invoke(
        app, ["evaluate", "terrain", "--mode", "refine", "--data", str(folder), option, name]
    )
    assert isinstance(run.exception, ConfigError)
    assert name in str(run.exception)
