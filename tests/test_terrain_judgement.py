"""Sets of maps compared: land of one kind passes, noise of the same spectrum does not, copies are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from worldgen.errors import InputError
from worldgen.models.terrain_baselines import phase_randomised
from worldgen.models.terrain_judgement import GROUPS, Land, judge

SIZE = 128


def valleys(seed: int) -> np.ndarray:
    """Sharp winding valleys that fall to one side: land that drains."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(float)
    bend = random.uniform(5, 12) * np.sin(rows / random.uniform(12, 20) + random.uniform(0, 6))
    sides = np.abs(np.sin(np.pi * (columns + bend + random.uniform(0, 40)) / 40))
    ground = 150 * sides + 4 * rows + random.normal(size=rows.shape)
    return np.asarray(np.rot90(ground, int(random.integers(4))), dtype=np.float32)


def lands(start: int, name: str, count: int = 10) -> list[Land]:
    return [Land(valleys(start + index), 30.0, f"{name}{index // 2}") for index in range(count)]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    reference, floor = lands(0, "held out "), lands(100, "training ")
    random = np.random.default_rng(0)
    noise = [Land(phase_randomised(land.elevation, random), 30.0, land.place + "*") for land in floor]
    copies = [Land(np.rot90(land.elevation) * 1.1, 30.0, land.place + "+") for land in floor]
    return judge(reference, floor, {"more": lands(200, "more "), "noise": noise, "copies": copies}, floor)


def test_every_figure_is_there(report: dict[str, Any]) -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert set(report["figures"]) == {"floor", "more", "noise", "copies"}
    for figures in report["figures"].values():
        assert sorted(figures) == sorted(names)
    assert set(report["ratios"]) == {"more", "noise", "copies"}
    assert report["maps"] == dict.fromkeys(("reference", "floor", "more", "noise", "copies"), 10)
    assert report["places"]["reference"] == 5


def test_noise_loses_to_land_of_the_same_kind(report: dict[str, Any]) -> None:
    more, noise = report["figures"]["more"], report["figures"]["noise"]
    for name in (
        "depression_area", "curvature_anisotropy_2", "curvature_skewness_2", "geomorphon_divergence",
        "scattering_mmd2", "sliced_wasserstein",
    ):  # fmt: skip
        assert noise[name] > 2 * more[name], name
    assert noise["classifier_auc"] > 0.95
    assert more["classifier_auc"] < 0.8
    assert noise["coverage"] == 0 < more["coverage"]
    assert noise["spectrum_shape"] < 0.3


def test_copies_of_training_maps_are_found(report: dict[str, Any]) -> None:
    copies, more = report["figures"]["copies"], report["figures"]["more"]
    assert copies["training_distance_ratio"] < 0.5 < more["training_distance_ratio"] < 1.5
    assert copies["training_copies"] == 1
    assert more["training_copies"] < 0.5


def test_ratios_are_to_the_floor(report: dict[str, Any]) -> None:
    floor, noise = report["figures"]["floor"], report["figures"]["noise"]
    assert report["ratios"]["noise"]["slope"] == pytest.approx(noise["slope"] / floor["slope"])
    assert all(
        ratio is None or ratio >= 0 for ratio in report["ratios"]["more"].values() if ratio is not None
    )


def test_means_are_of_the_maps(report: dict[str, Any]) -> None:
    means = report["means"]["reference"]
    assert sum(share for name, share in means.items() if name.startswith("geomorphon_")) == pytest.approx(1)
    assert means["curvature_skewness_1"] > 0.5  # valleys are sharper than the noise is rough


def test_the_same_seed_gives_the_same_figures() -> None:
    reference, floor = lands(0, "a", 5), lands(100, "b", 5)
    assert judge(reference, floor, {}, seed=3) == judge(reference, floor, {}, seed=3)
    assert judge(reference, floor, {})["figures"]["floor"]["training_copies"] is None


def test_sets_that_cannot_be_judged_are_errors() -> None:
    with pytest.raises(InputError, match="'few': 2"):
        judge(lands(0, "a", 5), lands(9, "b", 5), {"few": lands(0, "c", 2)})
    odd = [Land(land.elevation[:100, :100], 30.0, land.place) for land in lands(0, "c", 5)]
    with pytest.raises(InputError, match=r"\(100, 100\)"):
        judge(lands(0, "a", 5), lands(9, "b", 5), {"odd": odd})
