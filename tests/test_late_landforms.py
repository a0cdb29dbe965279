"""Volcanoes, cinder cones and dunes on finished land: exact cuts, in their styles and places only."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, minimum_filter

from worldgen import LearnedTerrain, Sketch
from worldgen.dune_fields import sand_supply
from worldgen.late_landforms import ROOM_FRAME, cinders, has_dunes, refined, room, sand, volcanoes
from worldgen.models.blocks import Window
from worldgen.rng import child_seed
from worldgen.volcanoes import cinder_cones, stratovolcanoes

FloatArray = NDArray[np.float64]
Desert = tuple[LearnedTerrain, Window, NDArray[np.float32], NDArray[np.float32]]


@pytest.mark.parametrize("field", [cinder_cones, lambda x, z, seed: stratovolcanoes(x, z, 1500, 12e3, seed)])
def test_cones_of_a_window_equal_those_of_a_larger_one(field) -> None:  # type: ignore[no-untyped-def]
    whole = Window(-180, -150, 340, 330)
    part = Window(-31, -140, 90, 201)
    large, small = (field(*window.centres(60.0), 5) for window in (whole, part))
    assert large.max() > 50
    np.testing.assert_array_equal(small, part.cut(large, (whole.row, whole.column)))


def test_a_stratovolcano_is_steep_above_and_gentle_below() -> None:
    x, z = Window(-300, -300, 600, 600).centres(100.0)
    height = stratovolcanoes(x, z, 1500.0, 12_000.0, 2)
    slope = np.hypot(*np.gradient(height, 100.0))
    high, low = height > 800, (height > 20) & (height < 150)
    assert height.max() > 900
    assert 0.35 < np.median(slope[high]) < 0.7
    assert np.median(slope[low]) < 0.5 * np.median(slope[high])


def test_cinder_cones_have_craters() -> None:
    x, z = Window(0, 0, 700, 700).centres(20.0)
    height = cinder_cones(x, z, 7)
    inner = height[1:-1, 1:-1]
    around = [height[1 + a : 699 + a, 1 + b : 699 + b] for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    pits = (inner > 10) & (inner <= np.min(around, axis=0))
    assert pits.sum() >= 3
    assert np.quantile(np.hypot(*np.gradient(height, 20.0))[height > 5], 0.9) < 0.75


def test_styles_without_them_cost_nothing() -> None:
    x, z = Window(0, 0, 9, 9).centres(30.0)
    weights = {"alpine": 1.0, "volcanic": 0.0, "desert": np.zeros((9, 9))}
    assert volcanoes(weights, x, z, 1) == 0.0
    assert cinders(weights, x, z, 1) == 0.0
    assert sand(weights, x, z, np.ones((9, 9)), 30.0, 1) == 0.0
    assert not has_dunes(weights)


def test_room_is_flat_ground() -> None:
    window = Window(0, 0, 30, 30).framed(ROOM_FRAME)
    x, z = window.centres(120.0)
    slope = np.where(x < 1800, 0.0, 0.1) + 0 * z
    flat = room(np.cumsum(slope, axis=1) * 120, 120.0, Window(0, 0, 30, 30), 0.0)
    assert flat[:, :5].min() > 0.95
    assert flat[:, -12:].max() == 0
    assert not room(0 * slope, 120.0, Window(0, 0, 30, 30), 1.0).any()


def test_refining_keeps_planes_and_cuts() -> None:
    rows, columns = np.mgrid[-6:14, -5:15]
    plane = 3.0 * rows - 2.0 * columns
    whole = refined(plane, (-6, -5), Window(-16, -12, 60, 60), 4)
    fine_rows, fine_columns = (np.mgrid[-16:44, -12:48] + 0.5) / 4 - 0.5
    np.testing.assert_allclose(whole, 3 * fine_rows - 2 * fine_columns, atol=1e-9)
    np.testing.assert_array_equal(refined(plane, (-6, -5), Window(-3, 5, 9, 30), 4), whole[13:22, 17:47])


@pytest.fixture(scope="module")
def desert() -> Desert:
    """A land with dunes in it, a window, the land in it and the dunes alone."""
    land = LearnedTerrain(3, "desert", 60.0)
    window = Window(-40, -60, 110, 110)
    place = window.row, window.column, window.height, window.width
    return land, window, land.window(*place).elevation, land.sand(*place)


def test_desert_windows_are_exact_cuts(desert: Desert) -> None:
    land, window, whole, dunes = desert
    assert dunes.max() > 10
    part = Window(-11, -13, 40, 50)
    cut = land.window(part.row, part.column, part.height, part.width).elevation
    np.testing.assert_array_equal(cut, part.cut(whole, (window.row, window.column)))


def test_dunes_keep_to_flat_ground(desert: Desert) -> None:
    _, _, whole, dunes = desert
    slope = np.hypot(*np.gradient(gaussian_filter((whole - dunes).astype(np.float64), 4), 60.0))
    assert (dunes > 0)[slope > 0.12].mean() < 0.02
    assert slope[dunes > 5].mean() < 0.5 * slope[dunes == 0].mean()


def test_dunes_come_after_draining(desert: Desert) -> None:
    land, window, whole, dunes = desert
    part = Window(0, -40, 48, 48)
    drained = land.drained(part.row, part.column, 48, 48).elevation
    bare = land.bare(part.row, part.column, 48, 48).elevation
    here = part.cut(dunes, (window.row, window.column))
    np.testing.assert_array_equal(bare + here, part.cut(whole, (window.row, window.column)))
    assert np.median(np.abs(drained - here - bare)) < 0.5


def test_a_drawn_plain_stays_as_it_was_drawn() -> None:
    flat = Sketch(elevation=np.full((12, 12), 100.0), spacing=600.0)
    land = LearnedTerrain(6, "desert", 120.0, sketch=flat)
    x, z = Window(18, 18, 24, 24).centres(120.0)
    assert sand_supply(x, z, child_seed(6, "relief")).min() > 0.5  # there would be dunes
    assert not land.sand(18, 18, 24, 24).any()


def test_volcanoes_stand_out_of_the_finished_land() -> None:
    """A cone of several hundred metres over what lies around it, and the same in any cut."""
    land = LearnedTerrain(5, "volcanic", 120.0)
    window = Window(-110, -110, 220, 220)
    x, z = window.centres(120.0)
    whole = land.window(window.row, window.column, window.height, window.width).elevation
    cones = volcanoes({"volcanic": 1.0}, x, z, child_seed(5, "relief"))
    summit = np.unravel_index(np.argmax(cones), cones.shape)
    prominence = whole - minimum_filter(whole, 81)
    assert prominence[summit] > 0.7 * cones[summit] > 300
    part = Window(-15, -71, 40, 50)
    cut = land.window(part.row, part.column, part.height, part.width).elevation
    np.testing.assert_array_equal(cut, part.cut(whole, (window.row, window.column)))
