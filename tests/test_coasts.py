"""Coasts: the beach's profile, its sand, what stays to the bit, deltas by what rivers bring."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_worlds import maps

from worldgen import coasts, deltas
from worldgen.channels import CHANNEL_AREA
from worldgen.coasts import beach_surface, berm_height, closure_depth, shape_coasts, wave_height
from worldgen.config import WorldConfig
from worldgen.delta_channels import open_inlets
from worldgen.drainage import drain
from worldgen.errors import InputError
from worldgen.flow import frame
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import route, sea_mask
from worldgen.noise import fractal, permutation
from worldgen.shore_lines import mean_fetch, shore_distance
from worldgen.surfaces import splat
from worldgen.terrain import make_terrain

Land = NDArray[np.float64]


def planar(land: float, bed: float, shape: tuple[int, int] = (61, 121), spacing: float = 3.0) -> Land:
    """Ground that rises by ``land`` to the east of a straight shore and falls by ``bed`` to its west."""
    x = (np.arange(shape[1]) - shape[1] // 2 - 0.3) * spacing
    return np.tile(np.where(x > 0, land * x, bed * x), (shape[0], 1))


def bumpy(shape: tuple[int, int], seed: int = 1, relief: float = 60.0) -> Land:
    x, z = np.arange(shape[1])[None, :] / 50, np.arange(shape[0])[:, None] / 50
    return relief * fractal(x, z, permutation(seed, "test"), octaves=5)


def valley(width: int = 201, length: int = 260, spacing: float = 5.0) -> Land:
    """A valley with walls of 25 % that comes down to a shallow bay in the south."""
    z, x = np.mgrid[length:0:-1, 0:width] * spacing
    along = z - 80 * spacing
    floor = np.where(along > 0, 0.03 * along, 0.008 * along) - 1.0
    aside = np.abs(x - x.mean())
    return floor + 0.004 * aside + 0.25 * np.maximum(aside - 150, 0)


def test_distances_from_a_straight_shore_are_exact() -> None:
    z, x = np.mgrid[0:60, 0:70] * 4.0
    exact = 0.8 * (x - 141.3) + 0.6 * (z - 101.7)
    for land in (exact, 0.1 * exact):
        distance = shore_distance(land, land < 0, 4.0)
        inside = (slice(15, -15), slice(15, -15))  # whose nearest shore is on the map
        np.testing.assert_allclose(distance[inside], exact[inside], atol=4.0 / 8)
    along = planar(0.1, 0.1)[:, ::-1]
    for land in (along, along.T):
        np.testing.assert_allclose(shore_distance(land, land < 0, 3.0), 10 * land, atol=1e-9)
    assert np.isinf(shore_distance(np.ones((3, 4)), np.zeros((3, 4), bool), 1.0)).all()


def test_distances_around_an_island_are_those_of_a_circle() -> None:
    z, x = np.mgrid[-40:41, -40:41] * 2.0
    exact = 30.7 - np.hypot(x, z)
    assert np.abs(shore_distance(exact, exact < 0, 2.0) - exact).max() < 2.0


def test_fetch_is_the_water_towards_the_wind() -> None:
    sea = np.ones((41, 61), bool)
    sea[:, 50:] = False
    west = mean_fetch(sea, 10.0, 270.0, 1e4)
    mirrored = mean_fetch(sea[:, ::-1], 10.0, 90.0, 1e4)[:, ::-1]
    np.testing.assert_allclose(west, mirrored, rtol=1e-9)
    assert (west[:, 50:] == 0).all()
    assert west[20, 10] > 3 * mean_fetch(sea, 10.0, 90.0, 1e4)[20, 45]
    lake = np.zeros((41, 61), bool)
    lake[10:31, 10:51] = True
    inside = mean_fetch(lake, 10.0, 270.0, 1e4)
    assert inside.max() < 410
    assert inside[20, 48] > 2 * inside[20, 12]


def test_waves_have_the_heights_of_the_handbooks() -> None:
    # JONSWAP after 10 and 40 km at 14 m/s; a berm on a coast of 1.4 m waves.
    np.testing.assert_allclose(wave_height(np.array([1e4, 4e4])), [0.715, 1.430], atol=2e-3)
    assert 1.0 < berm_height(np.array(4e4)) < 3.0
    assert 0.7 <= berm_height(np.array(100.0)) < 1.0


def test_the_profile_is_deans_down_to_the_closure_depth() -> None:
    x = np.linspace(0.0, 90.0, 50)
    five = (np.full(50, value) for value in (0.1, 0.06, 1.5, 2.0))
    scale, face, berm, closure = five
    depth = -beach_surface(-x, scale, face, berm, closure)
    kept = x < (2.0 / 0.1) ** 1.5
    np.testing.assert_allclose(depth[kept], 0.1 * x[kept] ** (2 / 3), rtol=1e-12)
    assert (np.diff(depth) > 0).all()
    top = beach_surface(x, scale, face, berm, closure)
    np.testing.assert_allclose(top[x <= 25], 0.06 * x[x <= 25])
    assert top.max() <= 1.5


def test_a_planar_coast_gets_that_profile() -> None:
    ground = planar(0.05, 0.02)
    shaped = shape_coasts(ground, 3.0, sea_level=0.0)[30]
    fetch = mean_fetch(ground < 0, 3.0, 270.0, coasts.OPEN_SEA)
    waves = wave_height(np.array(fetch[:, 40:60].mean()))  # within `NEAR` metres of the shore
    closure = closure_depth(waves)
    scale = float(np.cbrt(0.02**2 * closure))
    sand = (shaped > ground[30] + 1e-6) & (shaped < 0) & (shaped > -0.95 * closure)
    depth = -shaped[sand]
    x = np.arange(121)[sand] * 3.0
    shore = x + (depth / scale) ** 1.5  # where the formula has its shore, seen from each cell
    assert sand.sum() >= 4
    np.testing.assert_allclose(shore, shore.mean(), atol=1.0)


@pytest.mark.parametrize("bed", [0.02, 0.04, 0.08])
def test_sand_is_what_the_budget_says_on_a_straight_coast(bed: float) -> None:
    # Rising land, and a bed that is bent otherwise than the profile, take or leave a part.
    ground = planar(0.05, bed)
    waves = wave_height(mean_fetch(ground < 0, 3.0, 270.0, coasts.OPEN_SEA)[:, 40:60].mean())
    added = shape_coasts(ground, 3.0, sea_level=0.0) - ground
    assert added.min() >= 0
    volume = added[30].sum() * 3.0
    assert 0.7 < volume / (coasts.SAND * waves) < 1.4
    more = shape_coasts(ground, 3.0, sea_level=0.0, strength=2.0) - ground
    assert 1.5 < more[30].sum() * 3.0 / volume < 3.0


def test_walls_and_what_is_far_from_the_shore_stay_to_the_bit() -> None:
    wall = planar(1.5, 1.2)
    np.testing.assert_array_equal(shape_coasts(wall, 3.0, sea_level=0.0), wall)
    ground = planar(0.1, 0.1, (41, 401)).astype(np.float32)
    shaped = shape_coasts(ground, 3.0, sea_level=0.0)
    assert shaped.dtype == np.float32
    assert (shaped != ground).any()
    np.testing.assert_array_equal(shaped[:, 300:], ground[:, 300:])
    np.testing.assert_array_equal(shaped[:, :100], ground[:, :100])


def test_waves_cut_a_low_cliff_into_a_steep_slope() -> None:
    ground = planar(0.4, 0.7)  # no sand stays on such a bed
    shaped = shape_coasts(ground, 3.0, sea_level=0.0)
    assert (shaped <= ground).all()
    taken = (ground - shaped)[30].sum() * 3.0
    assert 0.3 * coasts.ROCK < taken < 2 * coasts.ROCK
    steps = np.diff(shaped[30]) / 3.0
    assert steps.max() > 1.5 * 0.4  # the cliff
    assert steps[61:63].min() < 0.2  # the platform at its foot


def test_sheltered_shores_have_little_sand() -> None:
    z, x = np.mgrid[-60:61, -60:61] * 3.0
    pond = 0.05 * (np.hypot(x, z) - 90)
    pond[60, :60] = np.minimum(pond[60, :60], -0.5)  # a way in from the west
    added = shape_coasts(pond, 3.0, sea_level=0.0, wind=90.0) - pond
    lee = added[20:101, 70:].max()
    straight = 0.05 * (x - 30)
    assert lee < 0.3
    assert (shape_coasts(straight, 3.0, sea_level=0.0) - straight).max() > 1.0


def test_bays_gather_more_sand_than_headlands() -> None:
    z, x = np.mgrid[0:161, 0:121] * 4.0
    shore = 240 + 45 * np.cos(2 * np.pi * z / 320)
    ground = 0.12 * (x - shore)
    added = np.maximum(shape_coasts(ground, 4.0, sea_level=0.0) - ground, 0)
    assert added[76:85].sum() > 3 * added[36:45].sum()  # where the sea reaches far east, the land west


@pytest.mark.parametrize("level", [None, -1e4, 1e4])
def test_without_a_shore_nothing_changes(level: float | None) -> None:
    if level is None:
        values = {"preset": "alpine", "size": 65, "spacing": 20.0, "terrain": {"source": "noise"}}
        land = [make_terrain(WorldConfig(**values, erosion={"coast": coast})) for coast in (0.0, 1.0)]
        np.testing.assert_array_equal(land[0].elevation, land[1].elevation)
        return
    ground = bumpy((40, 50))
    np.testing.assert_array_equal(shape_coasts(ground, 4.0, sea_level=level), ground)
    np.testing.assert_array_equal(shape_coasts(ground, 4.0, sea_level=0.0, strength=0.0), ground)


@pytest.mark.parametrize("shape", [(1, 90), (90, 1), (1, 1), (2, 3), (57, 86), (101, 64)])
@pytest.mark.parametrize("spacing", [0.5, 5.0, 120.0])
def test_odd_shapes_stay_finite_and_drain(shape: tuple[int, int], spacing: float) -> None:
    ground = bumpy(shape, relief=12 * spacing).astype(np.float32)
    shaped = shape_coasts(ground, spacing, sea_level=0.0, strength=2.0)
    assert np.isfinite(shaped).all()
    assert shaped.shape == shape
    np.testing.assert_array_equal(shaped, shape_coasts(ground, spacing, sea_level=0.0, strength=2.0))
    assert np.ptp(shaped) <= np.ptp(ground) + 5
    drained = drain(shaped, spacing, sea_level=0.0, deepest_breach=1e9)
    assert route(drained, spacing, sea_level=0.0).lake_depth.max() == 0


def test_a_turned_coast_is_the_coast_turned() -> None:
    ground = bumpy((90, 90), relief=25.0)
    turned = shape_coasts(np.rot90(ground), 4.0, sea_level=0.0, wind=180.0)  # counter-clockwise
    there = shape_coasts(ground, 4.0, sea_level=0.0, wind=270.0)
    assert (there != ground).mean() > 0.02
    np.testing.assert_allclose(turned, np.rot90(there), atol=1e-6)


def test_a_delta_holds_what_its_river_brings() -> None:
    ground = valley()
    sea = sea_mask(ground, 0.0)
    _, area, supply = deltas._rivers(ground, 5.0, sea)
    brought = supply[frame(sea, False) & (area >= CHANNEL_AREA)]
    everything = deltas.SUPPLY * ground[~sea].sum() * 25.0
    assert 0.5 * everything < brought.sum() < everything
    volumes = []
    for strength in (1.0, 2.0, 4.0):
        after, channels = deltas.lay_deltas(ground, 5.0, sea, np.zeros(ground.shape), strength, seed=1)
        assert np.isfinite(after).all()
        volumes.append(np.maximum(after - ground, 0).sum() * 25.0)
        expected = strength * brought.sum()
        assert 0.9 * expected < volumes[-1] < 1.1 * expected
        plain = (ground < 0) & (after > 0)
        assert (after >= ground)[~channels].all()
        assert channels.any()
        assert plain.sum() > 30 * strength**0.5
        length = 5.0 * np.ptp(np.argwhere(plain), axis=0).max()
        assert after[plain].max() < deltas.RIM + deltas.PLAIN_BOUNDS[1] * length
    assert volumes[0] < volumes[1] < volumes[2]


def test_waves_and_deep_water_leave_no_delta() -> None:
    ground = valley()
    sea = sea_mask(ground, 0.0)
    for land, waves in ((ground, 2.0), (np.where(sea, ground * 40, ground), 0.0)):
        after, channels = deltas.lay_deltas(land, 5.0, sea, np.full(land.shape, waves), 1.0, seed=1)
        assert not channels.any()
        np.testing.assert_array_equal(after, land)


def test_the_river_crosses_its_delta_to_the_sea() -> None:
    ground = valley().astype(np.float32)
    shaped = shape_coasts(ground, 5.0, sea_level=0.0, wind=0.0)
    water = route(drain(shaped, 5.0, sea_level=0.0), 5.0, sea_level=0.0, method="steepest")
    assert water.lake_depth.max() == 0
    before = route(ground, 5.0, sea_level=0.0, method="steepest")
    assert water.outflow[water.sea].max() > 0.7 * before.outflow[before.sea].max()
    assert water.sea.sum() < before.sea.sum()


def test_a_world_has_its_coast_unless_it_is_turned_off() -> None:
    values = {"preset": "archipelago", "size": 129, "seed": 7, "spacing": 8.0, "terrain": {"source": "noise"}}
    bare = make_terrain(WorldConfig(**values, erosion={"coast": 0})).elevation
    shaped = make_terrain(WorldConfig(**values)).elevation
    assert 0.01 < (bare < 0).mean() < 0.9
    assert 0.001 < (shaped != bare).mean() < 0.3


def test_water_that_sand_cuts_off_keeps_an_inlet() -> None:
    ground = np.full((60, 80), -4.0)
    ground[:, 70:] = 5.0
    before = ground < 0
    ground[10:50, 30:36] = 1.5  # a bar, and spits from its ends to the land
    ground[10:14, 30:70], ground[46:50, 30:70] = 1.5, 1.5
    assert (before & (ground < 0) & ~sea_mask(ground, 0.0)).any()
    open_inlets(ground, before, 4.0)
    assert not (before & (ground < 0) & ~sea_mask(ground, 0.0)).any()
    assert (ground[18:42, 40:70] == -4).all()
    assert (ground[:, 70:] == 5).all()


def test_beaches_are_sand_and_the_walls_above_them_are_not() -> None:
    # A gentle coast in the north, a wall in the south.
    x = (np.arange(121) - 60.3) * 3.0
    ground = np.where(np.arange(160)[:, None] < 80, 0.06 * x, np.where(x > 0, 1.6 * x, x)).astype(np.float32)
    shaped = shape_coasts(ground, 3.0, sea_level=0.0)
    heightmap = Heightmap(shaped, Grid.centred(shaped.shape, 3.0))
    water, biomes = maps(heightmap)
    weights = splat(heightmap, water, biomes, seed=1)
    sand = weights.weights[weights.names.index("sand")]
    beach = (shaped > ground + 0.1) & (shaped > 0)
    assert beach[20:60].sum() > 100
    assert sand[20:60][beach[20:60]].mean() > 0.8
    wall = np.zeros(ground.shape, bool)
    wall[100:, 62:] = True
    np.testing.assert_array_equal(shaped[wall], ground[wall])
    assert sand[wall].max() < 0.15
    assert sand[20:60, 100:].max() < 0.05  # 120 m inland


def test_the_foot_of_a_low_cliff_is_rock() -> None:
    ground = planar(0.4, 0.7).astype(np.float32)
    shaped = shape_coasts(ground, 3.0, sea_level=0.0)
    heightmap = Heightmap(shaped, Grid.centred(shaped.shape, 3.0))
    _, biomes = maps(heightmap)
    assert biomes.weight("beach")[:, 61:64].mean() < 0.3
    assert biomes.weight("bare")[:, 61:64].mean() > 0.6


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="strength -1"):
        shape_coasts(np.zeros((4, 4)), 4.0, sea_level=0.0, strength=-1)
    with pytest.raises(InputError, match="finite"):
        shape_coasts(np.full((4, 4), np.nan), 4.0, sea_level=0.0)


def test_the_deep_of_a_fjord_stays() -> None:
    z, x = np.mgrid[:120, :200] * 4.0
    ground = 0.7 * np.abs(x - 400 - 30 * np.sin(z / 60)) - 200
    shaped = shape_coasts(ground, 4.0, sea_level=0.0)
    deep = ground < -100
    np.testing.assert_array_equal(shaped[deep], ground[deep])


def test_beaches_leave_a_narrow_inlet_open() -> None:
    z, x = np.mgrid[:150, :150] * 2.0
    ground = np.maximum(0.12 * (np.abs(x - 150) - 75), -8.0) + 0.05 * np.maximum(150 - z, 0)
    shaped = shape_coasts(ground, 2.0, sea_level=0.0)
    assert (shaped > ground + 0.5).any()
    assert (shaped < 0).sum() > 0.6 * (ground < 0).sum()
