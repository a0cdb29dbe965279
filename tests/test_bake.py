"""Baked maps: colours of what they show, no seam between chunks, normals that rise where the relief does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from small_worlds import island, maps, plane, surfaces

from worldgen import splatting
from worldgen.bake import bake_chunks, normal_map, sky_visibility
from worldgen.heightmap import Heightmap
from worldgen.lod import chunk_windows
from worldgen.materials import PBRMaterial, linear_to_srgb, srgb_to_linear, tinted, to_bytes
from worldgen.surfaces import SURFACES, Splat, splat


def baked(land: Heightmap, quads: int = 32, **options: object) -> list[PBRMaterial]:
    water, biomes = maps(land)
    settings = {"sea_level": 0.0, "strata": 0.3, "texture_size": 64, "quads": quads, "seed": 1} | options
    windows = chunk_windows(land.grid.shape, quads)
    return bake_chunks(windows, land, splat(land, water, biomes, 1), surfaces(), **settings)


def only(name: str, land: Heightmap) -> Splat:
    weights = np.zeros((len(SURFACES), *land.grid.shape), np.float32)
    weights[SURFACES.index(name)] = 1
    return Splat(SURFACES, weights)


def test_maps_have_their_sizes_and_types():
    materials = baked(island(65))
    assert len(materials) == 4
    for material in materials:
        for image in (material.base_color, material.normal, material.orm):
            assert image.shape == (64, 64, 3)
            assert image.dtype == np.uint8
        assert not material.repeat
        assert not material.orm[..., 2].any()  # no metal


def test_narrow_chunks_get_powers_of_two():
    sizes = {material.base_color.shape[:2] for material in baked(island(48))}
    assert sizes == {(64, 64), (64, 32), (32, 64), (32, 32)}


def test_one_surface_keeps_its_colour():
    land = plane(0.0)
    for name in ("grass", "rock"):
        material = bake_chunks(
            chunk_windows(land.grid.shape, 32), land, only(name, land), surfaces(),
            sea_level=None, strata=0, texture_size=64, quads=32, seed=1,
        )[0]  # fmt: skip
        expected = srgb_to_linear(surfaces()[SURFACES.index(name)].base_color).mean(axis=(0, 1))
        found = srgb_to_linear(material.base_color.astype(np.float32) / 255).mean(axis=(0, 1))
        np.testing.assert_allclose(found, expected, rtol=0.2)  # slow noise of brightness


def test_ground_never_repeats_and_has_no_steps():
    tile = gaussian_filter(np.random.default_rng(0).random((64, 64, 6), np.float32), (3, 3, 0), mode="wrap")
    tile = (tile - tile.min()) / np.ptp(tile)

    def sampled(u: float, v: float) -> np.ndarray:
        out = np.zeros(6, np.float32)
        splatting._add_unrepeated(tile, u, v, 1.0, out)
        return out

    places = np.random.default_rng(1).uniform(-40, 40, size=(400, 2))
    here = np.array([sampled(u, v) for u, v in places])
    for step in ((1, 0), (0, 1), (3, -2)):
        there = np.array([sampled(u + step[0], v + step[1]) for u, v in places])
        assert abs(np.corrcoef(here[:, 0], there[:, 0])[0, 1]) < 0.2
    shown = [0, 1, 2, 4, 5]  # higher relief wins where patches meet
    np.testing.assert_allclose(here.mean(axis=0)[shown], tile.mean(axis=(0, 1))[shown], atol=0.03)
    line = np.array([sampled(5 + 2e-4 * i, -3 + 1e-4 * i) for i in range(20_000)])  # across several patches
    assert np.abs(np.diff(line, axis=0)).max() < 0.02


@pytest.mark.parametrize("size", [65, 48])
def test_chunks_meet_without_a_seam(size, monkeypatch):
    north_west, north_east, south_west, south_east = baked(island(size))
    monkeypatch.setattr("worldgen.bake.match_borders", lambda windows, materials: None)
    before = baked(island(size))
    for kind in ("base_color", "normal", "orm"):
        a, b, c, d = (getattr(each, kind) for each in (north_west, north_east, south_west, south_east))
        np.testing.assert_array_equal(a[:, -1], b[:, 0])
        np.testing.assert_array_equal(c[:, -1], d[:, 0])
        np.testing.assert_array_equal(a[-1], c[0])
        np.testing.assert_array_equal(b[-1], d[0])
        # No texel moves farther than to where its neighbour across the border was, and few move at all.
        left, right = (getattr(each, kind).astype(int) for each in before[:2])
        np.testing.assert_array_equal(a[:-1, :-1], left[:-1, :-1])
        assert (np.abs(a[:-1, -1] - left[:-1, -1]) <= np.abs(left[:-1, -1] - right[:-1, 0]) + 2).all()


def test_threads_and_order_do_not_matter(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = baked(island(65))
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    for first, second in zip(one, baked(island(65)), strict=True):
        np.testing.assert_array_equal(first.base_color, second.base_color)
        np.testing.assert_array_equal(first.normal, second.normal)


def test_ground_at_the_water_is_darker():
    land = plane(0.02, base=1.0)  # rises to the north from -0.3 to 2.3 m
    dry = bake_chunks(
        chunk_windows(land.grid.shape, 32), land, only("sand", land), surfaces(),
        sea_level=None, strata=0, texture_size=64, quads=32, seed=1,
    )[0].base_color  # fmt: skip
    wet = bake_chunks(
        chunk_windows(land.grid.shape, 32), land, only("sand", land), surfaces(),
        sea_level=0.0, strata=0, texture_size=64, quads=32, seed=1,
    )[0].base_color  # fmt: skip
    np.testing.assert_array_equal(dry[0], wet[0])
    assert wet[-1].mean() < 0.85 * dry[-1].mean()


@pytest.mark.parametrize(("axis", "channel", "sign"), [(1, 0, -1), (0, 1, 1)])
def test_normals_point_away_from_the_rise(axis, channel, sign):
    # A relief that rises to the east leans its normal west; one that rises to the south leans it north, up.
    relief = np.moveaxis(np.tile(np.arange(12, dtype=np.float32), (12, 1)), 1, axis)
    normal = normal_map(relief, 1.0, 1.0)
    expected = [127.5, 127.5, 127.5 + 127.5 * 0.5**0.5]
    expected[channel] += sign * 127.5 * 0.5**0.5
    np.testing.assert_allclose(normal[4, 4], expected, atol=1)


def test_relief_is_gentler_down_a_slope():
    rise = np.tile(np.arange(12, dtype=np.float32), (12, 1))  # 1 metre a metre, to the east
    down = normal_map(rise, 1.0, 1.0, ground=3**0.5 * rise)  # 60 degrees: twice as long
    across = normal_map(rise, 1.0, 1.0, ground=3**0.5 * rise.T)
    np.testing.assert_allclose(down, normal_map(0.5 * rise, 1.0, 1.0), atol=1)
    np.testing.assert_array_equal(across, normal_map(rise, 1.0, 1.0))


def test_hollows_see_less_sky():
    land = island()
    visibility = sky_visibility(land.elevation, land.grid.spacing)
    assert visibility[32, 32] == 1
    pit = sky_visibility(-land.elevation, land.grid.spacing)
    assert pit[32, 32] < 0.8


def test_tint_sets_the_mean_in_linear_light():
    color = np.random.default_rng(0).uniform(0.2, 0.6, (16, 16, 3)).astype(np.float32)
    mean = linear_to_srgb(srgb_to_linear(tinted(color, "#60503a")).mean(axis=(0, 1)))
    np.testing.assert_array_equal(to_bytes(mean), [0x60, 0x50, 0x3A])
