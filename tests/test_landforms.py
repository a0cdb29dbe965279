"""Endless landforms: windows alone, valleys that fall, styles that mix."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.landforms import landform
from worldgen.landscapes import LANDSCAPES, Weights
from worldgen.models.blocks import Window
from worldgen.relaxation import CONCAVITY, relax

FloatArray = NDArray[np.float64]


def mountains(x: FloatArray, z: FloatArray) -> Weights:
    return {"mountains": 1.0}


def fading(x: FloatArray, z: FloatArray) -> Weights:
    share = np.clip(0.5 + (x + 0 * z) / 20_000, 0.0, 1.0)
    return {"alpine": share, "plains": 1 - share}


@pytest.mark.parametrize("mix", [mountains, fading])
def test_a_window_equals_the_same_cut_of_a_larger_one(mix) -> None:  # type: ignore[no-untyped-def]
    whole = landform(mix, 120.0, Window(-41, 18, 40, 36), 5)
    cut = landform(mix, 120.0, Window(-30, 25, 11, 17), 5)
    for large, small in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(large[11:22, 7:24], small)


def test_seeds_differ() -> None:
    window = Window(0, 0, 12, 12)
    first, second = (landform(mountains, 120.0, window, seed)[0] for seed in (1, 2))
    assert np.abs(first - second).mean() > 10


def test_drainage_area_grows_downhill_along_a_valley() -> None:
    """Where much water passes, the ground is lower than around it, and most land drains little."""
    elevation, area = landform(mountains, 120.0, Window(0, 0, 96, 96), 3)
    inner = np.s_[2:-2, 2:-2]
    around = np.mean(
        [np.roll(elevation, (down, right), (0, 1)) for down in (-2, 0, 2) for right in (-2, 0, 2)], axis=0
    )
    rivers = area[inner] > np.quantile(area, 0.97)
    assert (elevation[inner] < around[inner])[rivers].mean() > 0.9
    assert area.max() > 50 * np.median(area)


@pytest.mark.parametrize("style", LANDSCAPES)
def test_each_style_is_land(style: str) -> None:
    elevation, area = landform(lambda x, z: {style: 1.0}, 120.0, Window(7, -9, 48, 48), 1)
    assert np.isfinite(elevation).all()
    assert (area > 0).all()
    south, east = np.gradient(elevation, 120.0)
    assert 0.003 < np.hypot(south, east).mean() < 1.0


def free(still: FloatArray) -> tuple[FloatArray, ...]:
    """No creep, and nothing that the ground is drawn to."""
    return still, still, still, still + np.inf


def test_a_step_hands_drainage_area_on_by_one_cell() -> None:
    """On a tilted plane of rock that cannot be cut, land rises freely and area grows by a cell a step."""
    height, width, spacing, steps = 120, 90, 100.0, 20
    down = np.arange(height, dtype=np.float64)[:, None] * -1.0
    elevation = down + np.zeros((height, width))
    area = np.full((height, width), 0.01)
    ones, still = np.ones((height, width)), np.zeros((height, width))
    rise = np.full((height, width), 2.0)
    before = elevation.copy()
    relax(elevation, elevation.copy(), area, rise, 1e12 * ones, ones, *free(still), spacing, steps)
    assert elevation[60, 45] == pytest.approx(before[60, 45] + steps * 2.0, rel=1e-6)
    assert area[60, 45] == pytest.approx(0.01 * (steps + 1), rel=1e-9)


def test_steady_slopes_follow_drainage_area() -> None:
    """Slope · (1 + area / head) ** concavity of rivers settles near what balances uplift."""
    cells, spacing = 260, 100.0
    ones = np.ones((cells, cells))
    elevation = np.random.default_rng(0).normal(size=ones.shape) + 0.5 * np.arange(cells)[:, None]
    area = 0.01 * ones
    relax(elevation, elevation.copy(), area, 2.0 * ones, ones, ones, *free(0 * ones), spacing, 60)
    inner = np.s_[124:136, 124:136]
    lowest = np.min(
        [np.roll(elevation, (d, r), (0, 1)) for d in (-1, 0, 1) for r in (-1, 0, 1) if d or r], axis=0
    )
    fall = (elevation - lowest)[inner] * (1 + area[inner] / 0.25) ** CONCAVITY
    assert 1.5 < np.median(fall[fall > 0]) < 4.0  # metres a cell; 2 on one-way flow, more where it divides
