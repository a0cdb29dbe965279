"""The amplifier: windows of one endless map, thread counts, kept coarse content, errors, shipped weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.errors import InputError
from worldgen.models import terrain_gan
from worldgen.models.layers import DOWN, UP, crop, downsample, hashed_noise, smooth, upsample
from worldgen.models.terrain_gan import WEIGHT_FILE, amplify, coarsen, load_amplifier, margin
from worldgen.models.terrain_net import HALO, NOISE, Amplifier, Discriminator, judged_view


@pytest.fixture(scope="module")
def net() -> Amplifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = Amplifier(channels=8)
    return made.eval().requires_grad_(False)


@pytest.fixture
def coarse() -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(size=(110, 110))
    return (1000 + 400 * gaussian_filter(noise, 2)).astype(np.float32)


def test_resampling_pair_is_biorthogonal() -> None:
    x = torch.randn(1, 1, 20, 24, dtype=torch.float64)
    torch.testing.assert_close(downsample(upsample(x)), crop(x, 3), rtol=0, atol=1e-14)
    assert sum(DOWN) == pytest.approx(1)
    assert sum(UP) == pytest.approx(2)


@pytest.mark.parametrize("slope", [(0.0, 1.0), (1.0, 0.0)])
def test_resampling_keeps_a_plane_in_place(slope: tuple[float, float]) -> None:
    """Cell-centred: coarse cell i stands at the middle of fine cells 2 i and 2 i + 1."""
    y, x = torch.meshgrid(*[torch.arange(24, dtype=torch.float64)] * 2, indexing="ij")
    plane = (slope[0] * (y + 0.5) + slope[1] * (x + 0.5))[None, None]
    halved = downsample(plane)[0, 0]
    expected = slope[0] * (2 * y + 1) + slope[1] * (2 * x + 1)
    torch.testing.assert_close(halved, expected[2:10, 2:10])
    refined = upsample(plane)[0, 0]
    torch.testing.assert_close(refined[:22, :22], _children(slope, 22))
    torch.testing.assert_close(smooth(plane), crop(plane, 2))


def _children(slope: tuple[float, float], size: int) -> torch.Tensor:
    y, x = torch.meshgrid(*[torch.arange(2, 2 + size, dtype=torch.float64)] * 2, indexing="ij")
    return slope[0] * (y + 0.5) / 2 + slope[1] * (x + 0.5) / 2


def test_hashed_noise_is_cut_from_an_endless_field() -> None:
    whole = hashed_noise(7, 2, 3, -50, -40, 90, 80)
    cut = hashed_noise(7, 2, 3, -20, -10, 30, 25)
    np.testing.assert_array_equal(whole[:, 30:60, 30:55], cut)
    assert not np.array_equal(whole, hashed_noise(8, 2, 3, -50, -40, 90, 80))
    assert not np.array_equal(whole, hashed_noise(7, 3, 3, -50, -40, 90, 80))


def test_hashed_noise_is_white_and_of_unit_variance() -> None:
    noise = hashed_noise(1, 0, 2, 0, 0, 256, 256)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    neighbours = np.corrcoef(noise[0, :, 1:].ravel(), noise[0, :, :-1].ravel())[0, 1]
    channels = np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]
    assert abs(neighbours) < 0.02
    assert abs(channels) < 0.02


def test_hashed_noise_has_the_same_bits_everywhere() -> None:
    values = hashed_noise(7, 1, 1, -1, 2, 1, 3)[0, 0]
    assert (values * np.sqrt((65536.0**2 - 1) / 3)).round().astype(int).tolist() == FIXED_BITS


FIXED_BITS = [-9250, -19910, 72277]


def test_net_keeps_the_coarse_map(net: Amplifier) -> None:
    height = torch.randn(2, 1, 52, 56) * 30
    spacing = torch.full((2, 1, 1, 1), 30.0)
    fine = net(height, spacing, torch.randn(2, NOISE, 52, 56))
    assert fine.shape == (2, 1, 2 * (52 - 2 * HALO), 2 * (56 - 2 * HALO))
    torch.testing.assert_close(downsample(fine), crop(height, HALO + 2), rtol=0, atol=1e-3)
    assert (fine - upsample(crop(height, HALO - 1))).std() > 0.1
    view = judged_view(fine, height, spacing)
    assert Discriminator((4, 4, 4))(view).shape[:2] == (2, 1)


def test_net_works_in_units_of_relief(net: Amplifier) -> None:
    """Heights and spacing scaled alike, and lifted, give the same land scaled and lifted."""
    height = torch.randn(1, 1, 50, 50) * 30
    spacing, noise = torch.full((1, 1, 1, 1), 2.0), torch.randn(1, NOISE, 50, 50)  # finer than the scale map
    fine = net(height, spacing, noise)
    torch.testing.assert_close(net(4 * height + 64, 4 * spacing, noise), 4 * fine + 64, rtol=1e-4, atol=1e-2)


def test_net_says_which_shape_it_wants(net: Amplifier) -> None:
    with pytest.raises(ValueError, match="want"):
        net(torch.zeros(1, 2, 50, 50), torch.ones(1, 1, 1, 1), torch.zeros(1, NOISE, 50, 50))


def test_any_window_is_a_cut_of_a_larger_one(
    net: Amplifier, coarse: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terrain_gan, "PIECE", 32)  # many pieces in a small window
    common = {"levels": 2, "seed": 5, "origin": (-60, -55), "net": net}
    whole = amplify(coarse, 120.0, row=-70, column=-60, height=150, width=130, threads=2, **common)
    for row, column, height, width in [(-70, -60, 1, 1), (-9, -31, 40, 33), (3, 7, 71, 20), (-64, 0, 64, 64)]:
        cut = amplify(coarse, 120.0, row=row, column=column, height=height, width=width, threads=1, **common)
        np.testing.assert_array_equal(
            cut, whole[row + 70 : row + 70 + height, column + 60 : column + 60 + width]
        )


def test_a_smaller_coarse_map_gives_the_same_window(net: Amplifier, coarse: NDArray[np.float32]) -> None:
    halo, window = margin(2), {"row": 160, "column": 164, "height": 20, "width": 24}
    whole = amplify(coarse, 120.0, levels=2, seed=5, net=net, **window)
    first_row, first_column = 40 - halo, 41 - halo
    cut = coarse[first_row : 45 + halo, first_column : 47 + halo]
    part = amplify(cut, 120.0, levels=2, seed=5, origin=(first_row, first_column), net=net, **window)
    np.testing.assert_array_equal(part, whole)


def test_seed_changes_detail_but_not_the_coarse_map(net: Amplifier, coarse: NDArray[np.float32]) -> None:
    window = {"row": 80, "column": 80, "height": 64, "width": 60}
    first, second = (amplify(coarse, 120.0, levels=1, seed=seed, net=net, **window) for seed in (1, 2))
    assert np.abs(first - second).max() > 0.01
    halved = [downsample(torch.from_numpy(part)[None, None])[0, 0].numpy() for part in (first, second)]
    np.testing.assert_allclose(halved[0], coarse[42:70, 42:68], atol=2e-3)
    np.testing.assert_allclose(halved[0], halved[1], atol=4e-3)


@pytest.mark.parametrize("origin", [(0, 0), (-7, 5), (12, -3)])
def test_coarsening_undoes_amplifying(
    net: Amplifier, coarse: NDArray[np.float32], origin: tuple[int, int]
) -> None:
    window = {"row": 80 + origin[0], "column": 80 + origin[1], "height": 41, "width": 40}
    fine = amplify(coarse, 120.0, levels=1, seed=1, net=net, **window)
    again, (row, column) = coarsen(fine, (window["row"], window["column"]))
    np.testing.assert_allclose(
        again, coarse[row : row + again.shape[0], column : column + again.shape[1]], atol=2e-3
    )


def test_coarsening_needs_some_cells() -> None:
    with pytest.raises(InputError, match="at least 11 cells"):
        coarsen(np.zeros((8, 20), np.float32))


def test_no_levels_cut_the_coarse_map(coarse: NDArray[np.float32]) -> None:
    window = amplify(coarse, 120.0, levels=0, seed=1, row=3, column=4, height=5, width=6)
    np.testing.assert_array_equal(window, coarse[3:8, 4:10])


def test_the_callers_thread_setting_is_put_back(net: Amplifier, coarse: NDArray[np.float32]) -> None:
    before = torch.get_num_threads()
    amplify(coarse, 120.0, levels=1, seed=1, row=80, column=80, height=8, width=8, net=net, threads=3)
    assert torch.get_num_threads() == before


def test_too_small_a_halo_is_a_clear_error(net: Amplifier, coarse: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match=r"has rows 0\.\.109; this window needs -19\.\."):
        amplify(coarse, 120.0, levels=1, seed=1, row=0, column=80, height=8, width=8, net=net)


def test_roughness_scales_the_detail(net: Amplifier, coarse: NDArray[np.float32]) -> None:
    common = {"levels": 1, "seed": 1, "row": 80, "column": 80, "height": 40, "width": 40, "net": net}
    smooth, plain, rough = (amplify(coarse, 120.0, roughness=r, **common) for r in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(rough - smooth, 2 * (plain - smooth), atol=1e-3)


@pytest.mark.parametrize("change", [{"spacing": 0.0}, {"levels": -1}, {"height": 0}])
def test_arguments_out_of_range(coarse: NDArray[np.float32], change: dict[str, float]) -> None:
    arguments = {"spacing": 30.0, "levels": 0, "seed": 1, "row": 0, "column": 0, "height": 4, "width": 4}
    with pytest.raises(InputError, match="must be"):
        amplify(coarse, **{**arguments, **change})  # type: ignore[arg-type]


def test_elevation_must_be_finite(coarse: NDArray[np.float32]) -> None:
    coarse[3, 3] = np.nan
    with pytest.raises(InputError, match="finite"):
        amplify(coarse, 30.0, levels=0, seed=1, row=0, column=0, height=4, width=4)


@pytest.mark.skipif(not WEIGHT_FILE.is_file(), reason="no weights are shipped yet")
def test_shipped_weights_add_detail_and_do_not_blow_up() -> None:
    halo = margin(4)
    noise = np.random.default_rng(2).normal(size=(8 + 2 * halo, 8 + 2 * halo))
    coarse = (1500 + 900 * gaussian_filter(noise, 3)).astype(np.float32)
    size = 8 * 16
    window = amplify(
        coarse, 240.0, levels=4, seed=1, row=halo * 16, column=halo * 16, height=size, width=size,
        net=load_amplifier(),
    )  # fmt: skip
    own = coarse[halo:-halo, halo:-halo]
    assert np.abs(window.reshape(8, 16, 8, 16).mean(axis=(1, 3)) - own).max() < 0.2 * np.ptp(own)
    slope = np.hypot(*np.gradient(window, 15.0)).mean()
    coarse_slope = np.hypot(*np.gradient(own, 240.0)).mean()
    assert 0.8 * coarse_slope < slope < 4 * coarse_slope
