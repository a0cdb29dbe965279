"""The net that redraws the macro relief: windows alone, crops, and a short training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from worldgen.errors import InputError, WeightsError
from worldgen.models.blocks import Window
from worldgen.models.layers import SMOOTH_HALO, sharpen
from worldgen.models.relief_data import Crops, Maps, real_maps, resampled
from worldgen.models.relief_gan import drained_cells, frame, load_relief_net, redraw
from worldgen.models.relief_net import GRID, HALO, STEEPNESS, ReliefNet, bands
from worldgen.models.relief_train import ReliefTraining, train
from worldgen.models.terrain_data import STYLES, Tile
from worldgen.models.terrain_gan import WEIGHT_FILE as AMPLIFIER_WEIGHTS
from worldgen.sampling import write_reliefs

STYLE = "mountains"


def _net() -> ReliefNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = ReliefNet(list(STYLES), (4, 6, 8))
    return net.eval().requires_grad_(False)


def _land(window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elevation, drainage area and faded styles of any window of one made-up endless land."""
    x, z = window.centres(1.0)
    elevation = 300 * np.sin(x / 9) * np.cos(z / 7) + 5 * np.sin(x * z / 50)
    styles = np.zeros((len(STYLES), window.height, window.width), np.float32)
    styles[0] = 0.5 + 0.5 * np.sin(x / 40)
    styles[1] = 1 - styles[0]
    return elevation, np.exp(np.sin(x / 5) + np.cos(z / 3)), styles


def _redrawn(net: ReliefNet, window: Window, threads: int = 1) -> np.ndarray:
    elevation, area, styles = _land(window.framed(frame()))
    return redraw(elevation, area, 120.0, window, seed=5, style=styles, net=net, threads=threads)


def test_windows_equal_cuts_of_one_window() -> None:
    net, whole = _net(), Window(-61, 7, 130, 120)
    expected = _redrawn(net, whole)
    random = np.random.default_rng(1)
    for _ in range(4):
        row, column = (int(random.integers(0, 90)) for _ in range(2))
        height, width = (int(random.integers(1, 30)) for _ in range(2))
        part = _redrawn(net, Window(-61 + row, 7 + column, height, width), threads=2)
        assert np.array_equal(part, expected[row : row + height, column : column + width])


def test_a_net_that_adds_nothing_keeps_the_land_but_for_its_sharpness() -> None:
    net, window = _net(), Window(4, 8, 30, 20)
    net.exit.weight.zero_()
    net.exit.bias.zero_()
    elevation, _, _ = _land(window.framed(SMOOTH_HALO))
    sharp = sharpen(torch.from_numpy(elevation.astype(np.float32))[None, None])[0, 0].numpy()
    assert np.allclose(_redrawn(net, window), sharp, atol=1e-3)


def test_sharpening_keeps_planes_and_lifts_fine_waves() -> None:
    x = torch.arange(40, dtype=torch.float64)
    plane = 2 * x[:, None] - 3 * x[None, :] + 5
    assert torch.allclose(sharpen(plane[None, None])[0, 0], plane[2:-2, 2:-2])
    wave = torch.cos(torch.pi * x)[:, None].expand(40, 40)
    assert torch.allclose(sharpen(wave[None, None])[0, 0], 1.8024 * wave[2:-2, 2:-2])


def test_shipped_net_changes_detail_and_keeps_the_plan() -> None:
    window = Window(0, 0, 96, 96)
    elevation, area, _ = _land(window.framed(HALO))
    net = load_relief_net()
    style = np.array([float(name == STYLE) for name in net.styles], np.float32)[:, None, None]
    made = redraw(elevation, area, 120.0, window, seed=1, style=style, net=net)
    before = elevation[HALO:-HALO, HALO:-HALO]
    assert np.std(made - before) > 0.05 * STEEPNESS[STYLE] * 120
    blocks = (made - before).reshape(6, 16, 6, 16).mean(axis=(1, 3))
    assert np.std(blocks) < 0.5 * np.std(before)
    assert np.corrcoef(made.ravel(), before.ravel())[0, 1] > 0.8


def test_weights_of_another_net_are_one_clear_error() -> None:
    with pytest.raises(WeightsError, match="holds no ReliefNet"):
        load_relief_net(AMPLIFIER_WEIGHTS)


def test_the_frame_puts_coarse_cells_on_the_grid() -> None:
    assert HALO % GRID == 2, "the first cell of a block's input must be odd at each halving"


def test_bands_add_up() -> None:
    elevation = torch.randn(1, 1, 40, 40, dtype=torch.float64)
    parts, rest = bands(elevation)
    assert torch.allclose(sum(parts, rest), elevation[..., 14:-14, 14:-14])


def test_area_in_cells() -> None:
    assert drained_cells(np.array([0.0, 0.01, 0.04]), 100.0).tolist() == [0.0, 0.0, 2.0]


def _tile(seed: int, place: str) -> Tile:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(160, 160)), 6)
    elevation = (noise / noise.std() * 300).astype(np.float32)
    return Tile(place, 100.0, elevation, np.zeros(elevation.shape, np.bool_), landscape=STYLE)


def test_maps_are_kept_to_their_quantum(tmp_path: Path) -> None:
    maps = real_maps([_tile(0, "here"), _tile(1, "there")])
    maps.save(tmp_path / "new" / "maps.npz", quanta=(0.5,))
    again = Maps.load(tmp_path / "new" / "maps.npz")
    assert (again.spacing, again.style, again.place) == (maps.spacing, maps.style, maps.place)
    for one, other in zip(maps.layers, again.layers, strict=True):
        assert np.abs(one - other).max() <= 0.251


def test_resampling_keeps_slopes_in_metres() -> None:
    x = np.arange(200, dtype=np.float32) * 90.0
    maps = Maps()
    maps.add(np.tile(0.25 * x, (1, 200, 1)), np.zeros((200, 200), np.bool_), 90.0, STYLE, "here")
    made = resampled(maps)
    assert min(made.spacing) >= 0.97 * 90
    for layers, spacing in zip(made.layers, made.spacing, strict=True):
        slope = (layers[0, 20:-20, 50:-20] - layers[0, 20:-20, 20:-50]) / (30 * spacing)
        assert np.allclose(slope, 0.25, rtol=0.01)


def test_crops_are_cuts_in_all_symmetries() -> None:
    maps = Maps()
    values = np.arange(64 * 48, dtype=np.float32).reshape(1, 64, 48)
    maps.add(np.concatenate([values, -values]), np.zeros((64, 48), np.bool_), 120.0, STYLE, "here")
    crops = Crops(maps, 10, torch.device("cpu"))
    random = np.random.default_rng(0)
    drawn, spacing = crops.draw(random, np.full(60, list(STYLES).index(STYLE)), 10)
    assert drawn.shape == (60, 2, 10, 10)
    assert torch.all(spacing == 120)
    assert torch.equal(drawn[:, 0], -drawn[:, 1])
    steps = {(int(one[0, 1, 0] - one[0, 0, 0]), int(one[0, 0, 1] - one[0, 0, 0])) for one in drawn}
    assert steps == {(a, b) for a in (48, -48) for b in (1, -1)} | {
        (b, a) for a in (48, -48) for b in (1, -1)
    }


def test_crops_keep_clear_of_the_sea() -> None:
    maps = Maps()
    flat = np.zeros((80, 80), np.bool_)
    flat[:, 40:] = True
    maps.add(flat[None].astype(np.float32), flat, 120.0, STYLE, "here")
    crops = Crops(maps, 20, torch.device("cpu"))
    drawn, _ = crops.draw(np.random.default_rng(0), np.full(30, list(STYLES).index(STYLE)), 20)
    assert drawn.mean(dim=(1, 2, 3)).max() <= 0.1
    with pytest.raises(InputError, match="90 cells"):
        Crops(maps, 90, torch.device("cpu"))


def test_training_resumes_with_the_same_bits(tmp_path: Path) -> None:
    real_maps([_tile(0, "here"), _tile(1, "there")]).save(tmp_path / "real.npz", quanta=(0.2,))
    made = Maps()
    for seed in range(2):
        layers = np.concatenate([_tile(seed + 5, "").elevation[None], np.ones((1, 160, 160), np.float32)])
        made.add(layers, np.zeros((160, 160), np.bool_), 120.0, STYLE, str(seed))
    made.save(tmp_path / "made.npz", quanta=(0.1, 0.05))

    def settings(name: str, steps: int, resume: bool = False) -> ReliefTraining:
        return ReliefTraining(
            data=tmp_path / "real.npz",
            made=tmp_path / "made.npz",
            output=tmp_path / f"{name}.safetensors",
            steps=steps,
            batch=2,
            judged=32,
            widths=(4, 6, 8),
            judge_widths=(4, 6, 8),
            penalty_every=2,
            ponds_every=2,
            log_every=1,
            device="cpu",
            resume=resume,
        )

    train(settings("straight", 4))
    train(settings("broken", 2))
    train(settings("broken", 4, resume=True))
    straight, broken = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("straight", "broken"))
    assert straight == broken
    assert load_relief_net(tmp_path / "straight.safetensors").styles == tuple(STYLES)
    assert len((tmp_path / "straight.curves.csv").read_text().splitlines()) == 5


def test_made_relief_for_training(tmp_path: Path) -> None:
    path = tmp_path / "made.npz"
    steps = list(write_reliefs(path, count=1, size=130))
    assert steps == [(done, len(STYLES)) for done in range(1, len(STYLES) + 1)]
    maps = Maps.load(path)
    assert sorted(maps.style) == list(range(len(STYLES)))
    for layers in maps.layers:
        assert layers.shape == (2, 130, 130)
        assert abs(layers[0].mean()) < 1
        assert layers[1].min() >= 0
