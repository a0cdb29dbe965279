"""The texture VAE: exact wrapping, known normals, determinism, errors, and the shipped weights."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from texture_examples import wrap_ratio  # noqa: E402

from worldgen.errors import InputError, WeightsError  # noqa: E402
from worldgen.models import texture_vae as vae  # noqa: E402
from worldgen.models.checkpoint import save_weights  # noqa: E402
from worldgen.models.texture_bank import closed_path, fit_costs, resynthesise  # noqa: E402
from worldgen.models.texture_codes import pack, unpack  # noqa: E402
from worldgen.models.texture_net import BankedTextureNet, TextureNet, TextureNetConfig  # noqa: E402
from worldgen.models.texture_tiling import steps  # noqa: E402


def small_net() -> TextureNet:
    torch.manual_seed(0)
    return TextureNet(TextureNetConfig(classes=("rock", "sand"))).eval()


def test_rolling_latent_and_noise_rolls_the_maps() -> None:
    net = small_net()
    generator = torch.Generator().manual_seed(1)
    latent, style = torch.randn(1, 24, 16, 16, generator=generator), torch.randn(1, 16, generator=generator)
    noise = [torch.randn(1, 1, 16 * s, 16 * s, generator=generator) for s in (1, 2, 4, 8)]
    kind = torch.tensor([1])
    with torch.inference_mode():
        plain = net.decode(latent, style, kind, noise)
        rolled = net.decode(
            latent.roll((3, 5), (2, 3)),
            style,
            kind,
            [grain.roll((3 * s, 5 * s), (2, 3)) for grain, s in zip(noise, (1, 2, 4, 8), strict=True)],
        )
    torch.testing.assert_close(rolled, plain.roll((24, 40), (2, 3)), atol=1e-5, rtol=0)


def test_normals_of_a_known_bump() -> None:
    height = np.zeros((8, 8), np.float32)
    height[4, 4] = 1
    normal = vae.normal_from_height(height, 2.0)  # slopes of 1 beside the bump
    half = np.sqrt(0.5)
    np.testing.assert_allclose(normal[4, 5], [half, 0, half], atol=1e-6)  # right of it: leans right
    np.testing.assert_allclose(normal[4, 3], [-half, 0, half], atol=1e-6)
    np.testing.assert_allclose(normal[3, 4], [0, half, half], atol=1e-6)  # above it: leans up
    np.testing.assert_allclose(normal[5, 4], [0, -half, half], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=-1), 1, atol=1e-6)


def test_fit_costs_are_squared_differences() -> None:
    rng = np.random.default_rng(0)
    canvas, source = rng.normal(size=(2, 3, 12, 10)).astype(np.float32)
    weight = rng.uniform(size=(12, 10)).astype(np.float32)
    costs = fit_costs(canvas, source, weight)
    for shift in ((0, 0), (3, 7)):
        moved = np.roll(source, (-shift[0], -shift[1]), axis=(1, 2))
        assert costs[shift] == pytest.approx(float((weight * (canvas - moved) ** 2).sum()), rel=1e-4)


def test_packed_latents_are_even_in_the_lead_and_fine_near_zero() -> None:
    latent = np.random.default_rng(0).normal(size=(8, 32, 32)).astype(np.float32)
    codes, scale = pack(latent)
    assert codes.shape == (8, 32, 32)
    error = np.abs(unpack(codes, scale) - latent)
    assert error[:4].max() < 0.02
    assert error[4:].std() < 0.03
    assert error[4:][np.abs(latent[4:]) < 0.1].max() < 0.012


def test_a_closed_path_follows_the_cheap_ring() -> None:
    row, column = np.mgrid[:48, :48] - 24
    error = np.abs(np.hypot(row, column) - 13).astype(np.float32)
    mask = closed_path(error, (8, 18))
    assert mask.sum() == pytest.approx(np.pi * 13**2, rel=0.03)


@pytest.mark.parametrize("cells", [32, 48, 64])
def test_a_resynthesised_latent_wraps_and_differs_from_its_source(cells: int) -> None:
    row, column = np.mgrid[:64, :64] * (2 * np.pi / 64)
    rng = np.random.default_rng(0)
    source = np.stack(
        [np.sin(k * row + rng.integers(1, 9) * column + rng.uniform(0, 6)) for k in range(1, 7)]
    ).astype(np.float32)
    found = resynthesise(source, cells, np.random.default_rng(3))
    assert found.shape == (6, cells, cells)
    assert wrap_ratio(found.transpose(1, 2, 0)) < 1.5
    if cells == 64:
        shifts = fit_costs(found, source, np.ones((64, 64), np.float32)) / (found**2).sum()
        assert shifts.min() > 0.05


def test_import_is_light() -> None:
    code = "import sys, worldgen.models.texture_vae as v; v.classes(); sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_shipped_classes() -> None:
    wanted = {"rock", "cliff", "soil", "grass", "forest_floor", "sand", "snow", "gravel"}
    assert wanted <= set(vae.classes())
    assert vae.classes() == vae.load_texture_vae().classes()


@pytest.mark.parametrize("name", vae.classes())
def test_each_shipped_class_decodes(name: str) -> None:
    maps = vae.sample_texture(name, seed=3, size=256)
    assert maps.base_color.shape == (256, 256, 3)
    for plane in (maps.base_color, maps.height, maps.roughness, maps.occlusion):
        assert plane.dtype == np.float32
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1
        for axis in (0, 1):  # no seam: the wrap is no greater a step than those between other cells
            step = steps(plane, axis)
            assert step[0] <= 1.3 * step[8::8].max()
    assert maps.base_color.std(axis=(0, 1)).max() > 0.003
    assert maps.height.std() > 0.02
    assert maps.normal[..., 2].min() > 0
    assert maps.normal.std(axis=(0, 1))[0] > 0.004


def test_seeds_decide_and_threads_do_not() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = vae.sample_texture("gravel", seed=5, size=128)
        torch.set_num_threads(2)
        two = vae.sample_texture("gravel", seed=5, size=128)
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(3) as pool:
            many = list(pool.map(lambda seed: vae.sample_texture("gravel", seed=seed, size=128), (5, 6, 5)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    for other in (two, many[0], many[2]):
        for name in ("base_color", "height", "roughness", "occlusion"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.base_color.tobytes() != many[1].base_color.tobytes()


def test_reconstruction_resembles_its_source() -> None:
    maps = vae.sample_texture("rock", seed=1, size=256)
    found = vae.reconstruct(maps, "rock")
    assert np.corrcoef(found.base_color.ravel(), maps.base_color.ravel())[0, 1] > 0.8
    assert np.corrcoef(found.height.ravel(), maps.height.ravel())[0, 1] > 0.7


def test_weights_of_another_net_are_refused(tmp_path: Path) -> None:
    net = BankedTextureNet(TextureNetConfig(("rock",), widths=(8, 8, 8, 8), depths=(1, 1, 1, 1)), 1, 16)
    bank = [{"name": "a", "kind": "rock", "classes": ["rock"]}]
    config = {"net": net.net.config.as_dict() | {"depths": [1, 1]}, "bank": bank, "cells": 16}
    save_weights(net, tmp_path / "net.safetensors", config=config, training={})
    with pytest.raises(WeightsError, match="not a texture VAE"):
        vae.load_texture_vae(tmp_path / "net.safetensors")


def test_errors() -> None:
    with pytest.raises(InputError, match="did you mean 'gravel'"):
        vae.sample_texture("gravle", seed=0)
    with pytest.raises(InputError, match="multiple of 8"):
        vae.sample_texture("rock", seed=0, size=132)
    with pytest.raises(InputError, match="no exemplar"):
        vae.sample_texture("rock", seed=0, exemplar="nothing")
    with pytest.raises(InputError, match="knows no class"):
        vae.reconstruct(vae.sample_texture("rock", seed=1, size=128), "cheese")
