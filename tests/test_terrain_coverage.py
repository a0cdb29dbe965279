"""Coverage: which share of each place's crops is left out and why, and what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.models import terrain_coverage
from worldgen.models.terrain_coverage import FAULTS, coverage, coverage_text
from worldgen.models.terrain_data import Tile, flat_cells

CROPS: dict[str, Any] = {"context": 64, "middle": 16, "shares": (1.0,)}


def hills(size: int = 128) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap") + noise).astype(np.float32)


def tile(place: str, elevation: NDArray[np.float32] | None = None, landscape: str = "") -> Tile:
    elevation = hills() if elevation is None else elevation
    return Tile(place, 30.0, elevation, flat_cells(elevation), landscape=landscape)


def row(*tiles: Tile, **changes: Any) -> dict[str, Any]:
    (only,) = coverage(tiles, [], **{**CROPS, **changes})["places"]
    return dict(only)


@pytest.fixture
def stripes_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terrain_coverage, "STRIPES", np.inf)  # small and made tiles measure badly


def test_good_land_is_kept_and_described() -> None:
    found = row(tile("here", landscape="desert"))
    assert found["kept"] == 1.0
    assert not any(found["dropped"].values())
    assert found["elevation"] == [round(float(hills().min()), 1), round(float(hills().max()), 1)]
    low, median, high = found["slope"]
    assert 0 < low < median < high
    assert (found["tiles"], found["spacing"], found["styles"]) == (1, [30.0, 30.0], ["desert"])


@pytest.mark.usefixtures("stripes_pass")
def test_half_a_sea_is_left_out_as_level_or_as_void() -> None:
    elevation = hills()
    elevation[:64] = 0
    coast = tile("coast", elevation)
    assert row(coast)["dropped"] == {**dict.fromkeys(FAULTS, 0.0), "level": 0.5}
    hole = replace(coast, void=coast.elevation == 0)
    assert row(hole)["dropped"]["void"] == 0.5
    assert row(hole)["elevation"][0] > 0  # what fills a void is no elevation


def test_gentle_land_stripes_and_small_tiles_are_left_out() -> None:
    assert row(tile("plain", hills() / 1000))["dropped"]["flat"] == 1.0
    striped = hills() + 20 * np.random.default_rng(1).normal(size=(128, 1)).astype(np.float32)
    assert row(tile("resampled", striped))["dropped"]["lines"] == 1.0
    assert row(tile("narrow"), context=300)["dropped"]["small"] == 1.0


@pytest.mark.usefixtures("stripes_pass")
def test_coarsened_crops_count_by_their_shares() -> None:
    """White noise of 0.07 m is steep (0.07) at 1 m per cell, and at 2 m (0.028) no longer."""
    noise = (0.07 * np.random.default_rng(0).normal(size=(128, 128))).astype(np.float32)
    found = row(Tile("dunes", 1.0, noise, flat_cells(noise)), shares=(0.25, 0.75))
    assert found["kept"] == pytest.approx(0.25)
    assert found["dropped"]["flat"] == pytest.approx(0.75)


def test_what_is_missing_and_what_is_held_out() -> None:
    report = coverage(
        [tile("a", landscape="alps"), tile("a"), tile("b")],
        [tile("c", landscape="desert")],
        **{**CROPS, "shares": (0.5, 0.5)},
    )
    assert report["held_out_places"] == ["c"]
    assert report["styles"]["alpine"] == 1
    assert report["styles_missing"] == ["mountains", "hills", "plains", "canyons", "desert", "volcanic"]
    assert report["octaves"] == {
        "10-20": 0, "20-40": 2, "40-80": 2, "80-160": 0, "160-320": 0, "320-640": 0,
    }  # fmt: skip
    assert (report["tiles"], report["training_tiles"]) == (4, 3)
    assert json.loads(json.dumps(report)) == report
    text = coverage_text(report)
    assert "c *" in text
    assert "Styles without a place to train on: mountains, hills" in text
    assert "Metres per cell without land to train on: 10-20, 80-160" in text


def test_the_command_only_reports(tmp_path: Path) -> None:
    (tmp_path / "north").mkdir()
    np.save(tmp_path / "north" / "a.npy", hills())
    output = tmp_path / "net.safetensors"
    words = ["train", "terrain", "--data", str(tmp_path), "-o", str(output), "--spacing", "30", "--coverage"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0
    assert "1 tiles of 1 places" in told.output
    assert "left out: small 100%" in told.output
    assert CliRunner().invoke(app, [*words, "--quiet"]).output == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["north"]
