"""Endless learned terrain: windows alone, in any order and place; styles; errors; samples; worlds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from worldgen import LearnedTerrain, WorldConfig
from worldgen.cli import app
from worldgen.config import TerrainConfig
from worldgen.errors import ConfigError, InputError
from worldgen.hydrology import route
from worldgen.landscapes import LANDSCAPES
from worldgen.sampling import evaluate_samples, sample_tile
from worldgen.terrain import make_terrain


@pytest.fixture(scope="module")
def land() -> LearnedTerrain:
    return LearnedTerrain(seed=7, style="alpine", spacing=30.0)


def test_random_windows_equal_cuts_of_one_large_window(land: LearnedTerrain) -> None:
    """In any order, over block borders and the origin, at negative places too: to the bit."""
    top, left, size = -250, -130, 420
    whole = land.window(top, left, size, size).elevation
    random = np.random.default_rng(1)
    for _ in range(8):
        height, width = (int(random.integers(2, 90)) for _ in range(2))
        row, column = (int(random.integers(0, size - n + 1)) for n in (height, width))
        part = land.window(top + row, left + column, height, width)
        np.testing.assert_array_equal(part.elevation, whole[row : row + height, column : column + width])


def test_threads_do_not_matter(land: LearnedTerrain, monkeypatch: pytest.MonkeyPatch) -> None:
    many = land.window(1000, -2000, 64, 200).elevation
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(land.window(1000, -2000, 64, 200).elevation, many)


def test_far_places_work_and_differ(land: LearnedTerrain) -> None:
    near = land.window(0, 0, 32, 32)
    far = land.window(10**9, -(10**9), 32, 32)
    assert np.isfinite(far.elevation).all()
    assert np.abs(near.elevation - far.elevation).mean() > 1
    assert far.grid.origin == ((-(10**9) + 0.5) * 30, (10**9 + 0.5) * 30)


def test_half_the_spacing_shows_the_same_land(land: LearnedTerrain) -> None:
    coarse = land.window(10, 20, 60, 60).elevation
    fine = LearnedTerrain(7, "alpine", 15.0).window(20, 40, 120, 120).elevation
    halved = fine.reshape(60, 2, 60, 2).mean(axis=(1, 3))
    assert np.abs(halved - coarse).mean() < 0.05 * coarse.std()


def test_styles_mix_and_fade() -> None:
    ends = {"alpine": 1.0}, {"plains": 1.0}
    half = LearnedTerrain(3, {"alpine": 1, "plains": 1}).window(0, 0, 64, 64).elevation.std()
    alpine, plains = (LearnedTerrain(3, end).window(0, 0, 64, 64).elevation.std() for end in ends)
    assert plains < half < alpine

    def fading(x, z):  # type: ignore[no-untyped-def]
        share = np.clip(0.5 + (x + 0 * z) / 10_000, 0, 1)
        return {"alpine": share, "plains": 1 - share}

    faded = LearnedTerrain(3, fading)
    whole = faded.window(-40, -600, 80, 1200).elevation
    assert whole[:, :200].std() < whole[:, -200:].std() / 2
    np.testing.assert_array_equal(faded.window(-20, -50, 30, 100).elevation, whole[20:50, 550:650])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"style": "alpin"}, "did you mean 'alpine'"),
        ({"style": {"alpine": -1.0}}, "weights"),
        ({"style": {}}, "weights"),
        ({"spacing": 500.0}, "0.5 to 170"),
    ],
)
def test_bad_arguments_are_one_clear_error(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LearnedTerrain(**arguments)  # type: ignore[arg-type]


def test_too_small_a_window(land: LearnedTerrain) -> None:
    with pytest.raises(InputError, match="2 x 2"):
        land.window(0, 0, 1, 9)


def test_drained_land_has_no_pits(land: LearnedTerrain) -> None:
    drained = land.drained(-77, 400, 128, 128)
    assert route(drained.elevation, 30.0).lake_depth.max() < 0.01
    raw = land.window(-77, 400, 128, 128)
    assert drained.grid == raw.grid
    assert np.median(np.abs(drained.elevation - raw.elevation)) < 1


def test_samples_on_the_shell(tmp_path: Path) -> None:
    arguments = ["sample", "terrain", "--count", "2", "--size", "40", "--style", "hills", "-o", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--stage", "final", "--seed", "4", "-q"])
    assert result.exit_code == 0, result.output
    with (tmp_path / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["hills_000.npy", "hills_001.npy"]
    tile = np.load(tmp_path / "hills_001.npy")
    assert tile.dtype == np.float32
    np.testing.assert_array_equal(tile, sample_tile("hills", 30.0, 40, 1, "final", 4))
    assert float(rows[1]["max_m"]) == pytest.approx(float(tile.max()), abs=0.01)


def test_unknown_style_on_the_shell(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sample", "terrain", "--style", "dune", "-o", str(tmp_path)])
    assert result.exit_code != 0
    assert "desert" in result.output + str(result.exception)


def test_a_world_of_a_style() -> None:
    config = WorldConfig(seed=2, size=65, spacing=10.0, terrain={"style": "hills", "base": 500.0})
    heightmap = make_terrain(config)
    assert heightmap.elevation.shape == (65, 65)
    assert make_terrain(config).elevation.tobytes() == heightmap.elevation.tobytes()
    assert np.ptp(heightmap.elevation) > 5


def test_config_and_landscapes_name_the_same_styles() -> None:
    for style in LANDSCAPES:
        assert TerrainConfig(style=style).style == style  # type: ignore[arg-type]
    schema = TerrainConfig.model_json_schema()["properties"]["style"]["anyOf"][0]["enum"]
    assert set(schema) == set(LANDSCAPES)


def test_evaluation_judges_samples_of_styles_that_are_held_out(tmp_path: Path) -> None:
    names = ["file,place,landscape,spacing_m,scale,offset"]
    for index in range(24):
        held_out = index < 8
        noise = np.random.default_rng(index).normal(size=(256, 256))
        elevation = gaussian_filter(noise, 9) * 900 + gaussian_filter(noise, 2) * 15
        values = (elevation - elevation.min()) * 100
        Image.fromarray(values.astype(np.uint16)).save(tmp_path / f"{index:02d}.png")
        place = "miyazaki_kyushu" if held_out else f"place{index % 4}"
        names.append(f"{index:02d}.png,{place},fold_mountains,30,0.01,0")
    (tmp_path / "index.csv").write_text("\n".join(names) + "\n")
    report = evaluate_samples(tmp_path, count=5)
    assert list(report) == ["mountains@30m"]
    assert {"learned_raw", "learned_final", "fractal", "phase", "fractal_eroded"} <= set(
        report["mountains@30m"]["ratios"]
    )
    area = {name: means["depression_area"] for name, means in report["mountains@30m"]["means"].items()}
    assert area["learned_final"] < area["learned_raw"]
