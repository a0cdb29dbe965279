"""Dune fields: exact cuts, slopes of loose sand, bare ground where no sand lies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.dune_fields import REPOSE, SLIDE_FRAME, dune_field, sand_supply, slid

FloatArray = NDArray[np.float64]


def centres(first: int, count: int, spacing: float) -> FloatArray:
    return (np.arange(first, first + count) + 0.5) * spacing


def field(
    row: int, column: int, shape: tuple[int, int], spacing: float = 30.0, share: float = 1.0
) -> FloatArray:
    x, z = centres(column, shape[1], spacing)[None, :], centres(row, shape[0], spacing)[:, None]
    return dune_field(x, z, np.full(shape, share), spacing, 60.0, seed=4)


@pytest.mark.parametrize("spacing", [30.0, 5.0])
def test_a_window_equals_the_same_cut_of_a_larger_one(spacing: float) -> None:
    whole = field(-130, -70, (260, 150), spacing)
    for row, column, height, width in ((0, 0, 7, 150), (63, 21, 101, 77), (129, 69, 131, 3)):
        part = field(row - 130, column - 70, (height, width), spacing)
        np.testing.assert_array_equal(part, whole[row : row + height, column : column + width])


@pytest.mark.parametrize("spacing", [30.0, 6.0])
def test_sand_lies_no_steeper_than_loose_sand_does(spacing: float) -> None:
    raw = field(1000, -4000, (400, 400), spacing)
    sand = slid(raw, spacing)
    assert (raw[SLIDE_FRAME:-SLIDE_FRAME, SLIDE_FRAME:-SLIDE_FRAME] - sand).min() >= 0
    slope = np.hypot(*np.gradient(sand, spacing))
    assert slope.max() < REPOSE
    assert np.quantile(slope, 0.985) > 0.4  # but there are slip faces
    assert np.median(slope) < 0.12


def test_dunes_are_steep_on_one_side_only() -> None:
    """Slip faces all look the same way, within the crests' bends."""
    south, east = np.gradient(field(0, 0, (300, 300)), 30.0)
    steep = np.hypot(south, east) > 0.35
    towards = np.array([east[steep].mean(), south[steep].mean()]) / np.hypot(south, east)[steep].mean()
    assert np.hypot(*towards) > 0.8
    gentle = (np.hypot(south, east) > 0.04) & (np.hypot(south, east) < 0.2)
    assert gentle.sum() > 4 * steep.sum()
    assert np.dot([east[gentle].mean(), south[gentle].mean()], towards) < 0


def test_no_sand_no_dunes_and_little_sand_only_the_high_ones() -> None:
    assert not field(0, 0, (80, 80), share=0.0).any()
    full, half = field(0, 0, (200, 200)), field(0, 0, (200, 200), share=0.5)
    assert 30 < full.max() < 90
    assert 0 < (half > 1).mean() < 0.5 * (full > 1).mean()
    assert half.min() == 0


def test_dunes_that_the_cells_are_too_wide_for_are_left_out() -> None:
    assert field(0, 0, (100, 100), 120.0).max() > 0
    assert not field(0, 0, (100, 100), 250.0).any()


def test_supply_leaves_most_ground_bare() -> None:
    along = np.linspace(-4e5, 4e5, 300)
    supply = sand_supply(along[None, :], along[:, None], 3)
    assert 0.25 < (supply < 0.3).mean() < 0.75
    assert supply.max() == 1
