"""Controls of materials: nothing at their defaults, more of it with more, and still a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from texture_examples import SIZE, made_maps, planes, rolled, same, smooth_noise, tiny_vae, wrap_ratio  # noqa: E402

from worldgen.errors import ConfigError  # noqa: E402
from worldgen.models import texture_weather as weather  # noqa: E402
from worldgen.models.texture_color import LUMINANCE, match_colors, srgb_to_linear  # noqa: E402
from worldgen.models.texture_controls import TextureControls, apply_controls  # noqa: E402
from worldgen.models.texture_maps import TextureMaps, resampled, texture_maps  # noqa: E402
from worldgen.models.texture_vae import drawn_size, sample_texture  # noqa: E402

MAPS = made_maps(0)
COVERS = {"moss": made_maps(7, (0.2, 0.4, 0.1)), "snow": made_maps(8, (0.92, 0.93, 0.95))}
PICTURE = np.random.default_rng(5).uniform(0.2, 0.6, size=(20, 30, 3)).astype(np.float32)


def changed(maps: TextureMaps = MAPS, **values: Any) -> TextureMaps:
    return apply_controls(maps, TextureControls(**values), seed=3, cover=COVERS.__getitem__)


def luminance(maps: TextureMaps) -> float:
    return float((srgb_to_linear(maps.base_color) @ LUMINANCE).mean())


def test_defaults_change_nothing_to_the_bit() -> None:
    assert same(changed(), MAPS)
    net = tiny_vae()
    plain = sample_texture("rock", seed=1, size=SIZE, net=net)
    assert same(sample_texture("rock", seed=1, size=SIZE, net=net, controls=TextureControls()), plain)


@pytest.mark.parametrize(
    "values",
    [
        {"palette": ("#506070",)},
        {"palette": ("#201510", "#806040", "#d0c0a0")},
        {"palette": PICTURE},
        {"roughness": 0.3},
        {"wetness": 0.2},
        {"wetness": 1.0},
        {"moss": 0.4},
        {"snow": 0.6},
        {"stone_size": 0.5},
        {"stone_size": 1.6},
        {"contrast": 1.8},
        {"palette": ("#506070",), "wetness": 0.7, "moss": 0.3, "snow": 0.3, "stone_size": 0.7},
    ],
)
def test_each_control_gives_a_material_that_wraps_and_repeats(values: dict[str, Any]) -> None:
    net = tiny_vae()
    controls = TextureControls(**values)
    found = sample_texture("rock", seed=1, size=SIZE, net=net, controls=controls)
    assert same(found, sample_texture("rock", seed=1, size=SIZE, net=net, controls=controls))
    assert not same(found, sample_texture("rock", seed=1, size=SIZE, net=net))
    for name, plane in planes(found).items():
        assert plane.dtype == np.float32
        assert plane.shape[:2] == (SIZE, SIZE)
        assert np.isfinite(plane).all()
        if name != "normal":
            assert 0 <= plane.min() <= plane.max() <= 1
        assert wrap_ratio(plane) < 2.0


@pytest.mark.parametrize(
    "values", [{"palette": ("#201510", "#d0c0a0")}, {"wetness": 1.0}, {"contrast": 2.0}, {"roughness": 0.2}]
)
def test_controls_do_not_know_where_a_tile_begins(values: dict[str, Any]) -> None:
    one, other = rolled(changed(**values), 40, 9), changed(rolled(MAPS, 40, 9), **values)
    for name, plane in planes(one).items():
        np.testing.assert_allclose(plane, planes(other)[name], atol=2e-4)


def test_one_colour_becomes_the_mean() -> None:
    mean = srgb_to_linear(changed(palette=("#506070",)).base_color).mean(axis=(0, 1))
    wanted = srgb_to_linear(np.array([0x50, 0x60, 0x70], np.float32) / 255)
    np.testing.assert_allclose(mean, wanted, rtol=0.02)


def test_a_picture_gives_its_mean_and_covariance() -> None:
    color = np.random.default_rng(6).uniform(0.3, 0.5, size=(32, 32, 3)).astype(np.float32)
    found = srgb_to_linear(match_colors(color, PICTURE)).reshape(-1, 3)
    wanted = srgb_to_linear(PICTURE).reshape(-1, 3)
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), rtol=0.02)
    np.testing.assert_allclose(np.cov(found.T), np.cov(wanted.T), atol=0.05 * np.cov(wanted.T).max())


def test_several_colours_go_from_dark_to_light_texels() -> None:
    found = match_colors(MAPS.base_color, ("#ff0000", "#000080"))  # the blue is darker
    luma = MAPS.base_color @ LUMINANCE
    dark, light = luma < np.quantile(luma, 0.2), luma > np.quantile(luma, 0.8)
    assert (found[dark][:, 2] > found[dark][:, 0]).mean() > 0.9
    assert (found[light][:, 0] > found[light][:, 2]).mean() > 0.9


def test_roughness_is_the_mean_and_keeps_its_variation() -> None:
    for mean in (0.3, 0.6, 0.95):
        found = changed(roughness=mean).roughness
        assert found.mean() == pytest.approx(mean, abs=1e-3)
    assert changed(roughness=0.5).roughness.std() == pytest.approx(MAPS.roughness.std(), rel=0.01)


def test_wetness_darkens_smooths_and_fills() -> None:
    found = [changed(wetness=amount) for amount in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert (np.diff([luminance(maps) for maps in found]) < 0).all()
    assert (np.diff([maps.roughness.mean() for maps in found]) < 0).all()
    flat = [float((maps.normal[..., 2] > 0.99999).mean()) for maps in found]
    assert flat[1] == pytest.approx(flat[0], abs=0.01)  # no puddles yet
    assert (np.diff(flat[1:]) > 0.02).all()
    pond = found[-1].normal[..., 2] > 0.99999
    assert found[-1].roughness[pond].mean() < 0.12
    texels = MAPS.height * MAPS.normal_strength
    assert texels[pond].max() < texels[~pond].mean() + texels.std()


@pytest.mark.parametrize(("name", "channel"), [("moss", 1), ("snow", 2)])
def test_a_cover_takes_its_share(name: str, channel: int) -> None:
    own, cover = MAPS.base_color.mean(axis=(0, 1)), COVERS[name].base_color.mean(axis=(0, 1))
    shares = []
    for amount in (0.25, 0.5, 0.75, 1.0):
        linear = srgb_to_linear(changed(**{name: amount}).base_color).mean(axis=(0, 1))
        low, high = srgb_to_linear(own)[channel], srgb_to_linear(cover)[channel]
        shares.append((linear[channel] - low) / (high - low))
    if name == "snow":
        np.testing.assert_allclose(shares, (0.25, 0.5, 0.75, 1.0), atol=0.1)
    full = changed(**{name: 1.0})
    np.testing.assert_allclose(full.base_color, COVERS[name].base_color, atol=1e-3)
    np.testing.assert_allclose(full.roughness, COVERS[name].roughness, atol=1e-3)


def test_snow_lies_on_broad_tops_and_moss_in_hollows() -> None:
    broad = texture_maps(MAPS.base_color, 3 * smooth_noise(9, cycles=3), MAPS.roughness, MAPS.occlusion)
    texels = broad.height
    snow = changed(broad, snow=0.4).base_color[..., 2] > 0.7
    assert texels[snow].mean() > texels[~snow].mean()
    moss = changed(broad, moss=0.4).base_color
    green = moss[..., 1] > 1.3 * moss[..., 0]
    assert texels[green].mean() < texels[~green].mean()


def test_stones_stick_out_of_thin_snow() -> None:
    stones = np.zeros((SIZE, SIZE), np.float32)
    stones[::16, ::16] = 40  # single high texels on flat ground
    ground = texture_maps(MAPS.base_color, stones, MAPS.roughness, MAPS.occlusion)
    found = changed(ground, snow=0.9).base_color
    assert (found[::16, ::16, 2] < 0.7).mean() > 0.9
    assert (found[..., 2] > 0.7).mean() > 0.8


def test_contrast_scales_deviations() -> None:
    wanted = 0.5 * MAPS.base_color.std(axis=(0, 1))
    np.testing.assert_allclose(changed(contrast=0.5).base_color.std(axis=(0, 1)), wanted, rtol=1e-3)
    assert changed(contrast=0.0).base_color.std(axis=(0, 1)).max() < 1e-3


def test_stones_shrink_with_a_larger_drawing_and_keep_their_slopes() -> None:
    net = tiny_vae()
    drawn = [drawn_size(net, SIZE, TextureControls(stone_size=s)) for s in (0.5, 1.0, 2.0)]
    assert drawn == [256, 128, 64]
    large = made_maps(4)
    small = large.resized(SIZE // 2)
    assert small.normal_strength == large.normal_strength / 2
    np.testing.assert_allclose(small.normal[..., 2].mean(), large.normal[..., 2].mean(), atol=0.05)


def test_resampling_a_tile_wraps() -> None:
    plane = made_maps(2).height
    half = resampled(plane, SIZE // 2)
    moved = resampled(np.roll(plane, (20, 40), axis=(0, 1)), SIZE // 2)
    np.testing.assert_allclose(np.roll(half, (10, 20), axis=(0, 1)), moved, atol=1e-5)
    assert resampled(plane, SIZE) is plane


def test_noise_is_periodic_and_has_unit_deviation() -> None:
    noise = weather.slow_noise((64, 96), np.random.default_rng(0), 20)
    assert noise.shape == (64, 96)
    assert noise.std() == pytest.approx(1, abs=1e-4)
    assert wrap_ratio(noise) < 1.5


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"wetness": 1.2}, "wetness: found 1.2; allowed: 0 to 1"),
        ({"stone_size": 3.0}, "stone_size"),
        ({"roughness": -0.1}, "roughness"),
        ({"palette": ("red",)}, "'red'"),
        ({"palette": "#ffffff"}, "tuple"),
        ({"palette": ()}, "tuple"),
        ({"palette": np.zeros((4, 4))}, "picture"),
        ({"moss": float("nan")}, "moss"),
    ],
)
def test_wrong_values_are_named(values: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        TextureControls(**values)
