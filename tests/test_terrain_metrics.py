"""A generator on trial: real tiles sorted and cut, baselines made, the sampler asked for what is needed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import InputError
from worldgen.models.terrain_data import Tile, flat_cells
from worldgen.models.terrain_judgement import Land
from worldgen.models.terrain_metrics import (
    evaluate_generation,
    land_maps,
    spread_over_places,
    styled_tiles,
)


def ground(size: int, seed: int) -> np.ndarray:
    radius = np.hypot(np.fft.fftfreq(2 * size)[:, None], np.fft.fftfreq(2 * size)[None, :])
    radius[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(2 * size, 2 * size)))
    made = np.real(np.fft.ifft2(noise * radius**-2.0))[:size, :size]
    return np.asarray(1500 + 200 * made / made.std(), dtype=np.float32)


def tile(place: str, elevation: np.ndarray, spacing: float = 30.0, landscape: str = "canyons") -> Tile:
    return Tile(place, spacing, elevation, flat_cells(elevation), landscape=landscape)


def test_tiles_are_grouped_by_style_and_spacing() -> None:
    tiles = [
        tile("a", ground(64, 0)),
        tile("b", ground(64, 1), spacing=92.5),
        tile("c", ground(64, 2), landscape="plains"),
        tile("too fine", ground(64, 3), spacing=5.0),
        tile("unknown", ground(64, 4), landscape="moon"),
    ]
    groups = styled_tiles(tiles)
    assert {key: [each.place for each in group] for key, group in groups.items()} == {
        ("canyons", 30.0): ["a"],
        ("canyons", 90.0): ["b"],
        ("plains", 30.0): ["c"],
    }


def test_maps_are_cut_and_sea_is_left_out() -> None:
    elevation = ground(150, 0)
    elevation[:64, :64] = 0.3 * np.random.default_rng(0).random((64, 64))  # ruffled sea
    elevation[64:128, :32] = 1500  # a lake
    maps = land_maps([tile("a", elevation)], 64)
    assert len(maps) == 2
    np.testing.assert_array_equal(maps[1].elevation, elevation[64:128, 64:128])


def test_maps_are_picked_from_all_places() -> None:
    maps = [Land(np.zeros((1, 1)), 30.0, place) for place in "aaaaaaaabbc"]
    picked = [land.place for land in spread_over_places(maps, 6, np.random.default_rng(0))]
    assert sorted(picked) == ["a", "a", "a", "b", "b", "c"]
    assert len(spread_over_places(maps, 99, np.random.default_rng(0))) == 11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dem")
    columns = ("file", "place", "spacing_m", "scale", "offset", "landscape")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(columns)
        for index, (place, landscape) in enumerate(
            [("held", "canyons"), ("taught", "canyons"), ("also", "canyons"), ("held", "plains")]
        ):
            size = 192 if landscape == "plains" else 288
            values = np.round(ground(size, index) / 0.1).astype(np.uint16)
            Image.fromarray(values).save(folder / f"{index}.png")
            rows.writerow((f"{index}.png", place, 30, 0.1, 0, landscape))
    return folder


def test_a_generator_is_judged_beside_its_baselines(folder: Path, tmp_path: Path) -> None:
    asked = []

    def sampler(style: str, spacing: float, size: int, index: int, stage: str) -> np.ndarray:
        asked.append((style, spacing, size, index, stage))
        return ground(size, 100 + index)

    report = evaluate_generation(
        folder, sampler, places=["held"], erosion=lambda elevation, spacing: elevation, size=96, count=5,
        stages=("raw", "final"), sheet=tmp_path / "sheet.png",
    )  # fmt: skip
    assert report["plains@30m"] == {"maps": {"reference": 4, "floor": 0}}  # too few to judge
    judged = report["canyons@30m"]
    assert set(judged["ratios"]) == {"learned_raw", "learned_final", "fractal", "phase", "fractal_eroded"}
    assert judged["maps"]["reference"] == 9
    assert judged["places"]["floor"] == 2
    assert set(asked) == {
        ("canyons", 30.0, 96, index, stage) for index in range(5) for stage in ("raw", "final")
    }
    assert judged["figures"]["learned_raw"] == judged["figures"]["learned_final"]
    json.dumps(report, allow_nan=False)
    key = json.loads((tmp_path / "sheet.key.json").read_text())
    assert sum(cell["generated"] for row in key for cell in row) == 4


def test_without_held_out_land_there_is_nothing_to_judge(folder: Path) -> None:
    with pytest.raises(InputError, match="elsewhere"):
        evaluate_generation(folder, lambda *_: ground(64, 0), places=["elsewhere"], size=96)
