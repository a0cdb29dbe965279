"""Voids: what is known stays, planes go on as planes, edges and strips, the shipped net, wrong input."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.config import WorldConfig
from worldgen.errors import InputError
from worldgen.models import fill_voids, void_fill, void_judgement, void_surface
from worldgen.models.terrain_data import Tile
from worldgen.models.void_fill import load_void_net
from worldgen.models.void_judgement import Hole, figures, holes, judge, table
from worldgen.models.void_net import FEATURES, VoidNet, describe
from worldgen.models.void_surface import smooth_fill
from worldgen.terrain_sources import from_file

FloatArray = NDArray[np.float32]


def hills(size: int = 96, seed: int = 0) -> FloatArray:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 1500 * gaussian_filter(noise, 5) + 10 * gaussian_filter(noise, 1)).astype(np.float32)


def ridges(size: int = 96) -> FloatArray:
    """Ridges and valleys along the diagonal that rise to the north-west, 180 m high, 24 cells apart."""
    y, x = np.mgrid[:size, :size]
    across = (x - y) / 24
    return (800 - 2.0 * (x + y) + 180 * np.abs(across % 1 - 0.5)).astype(np.float32)


def holed(land: FloatArray, *boxes: tuple[int, int, int, int]) -> FloatArray:
    marked = land.copy()
    for top, bottom, left, right in boxes:
        marked[top:bottom, left:right] = np.nan
    return marked


@pytest.fixture(scope="module")
def wild() -> VoidNet:
    """A net that was not trained, and adds a lot."""
    torch.manual_seed(0)
    net = VoidNet((4, 6, 8)).eval().requires_grad_(False)
    net.leave.weight.mul_(30)
    return net


def test_known_cells_keep_their_bits_and_nothing_stays_open(wild: VoidNet) -> None:
    land = hills()
    marked = holed(land, (20, 50, 30, 45), (60, 63, 60, 90), (0, 9, 0, 12))
    filled = fill_voids(marked, 30.0, net=wild)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    known = ~np.isnan(marked)
    assert (filled[known].view(np.uint32) == land[known].view(np.uint32)).all()


def test_a_plane_with_holes_is_filled_to_a_centimetre() -> None:
    y, x = np.mgrid[:80, :70]
    plane = (100 + 3.0 * x - 5.0 * y).astype(np.float32)
    marked = holed(plane, (20, 60, 20, 50), (70, 80, 60, 70))  # the second one is in the corner
    assert np.abs(fill_voids(marked, 30.0) - plane).max() < 0.01


def test_the_smooth_surface_is_the_least_bent_one() -> None:
    land = hills(40)
    void = np.zeros(land.shape, bool)
    void[12:25, 10:30] = True
    smooth = smooth_fill(land, void)

    def bending(z: NDArray[np.float64]) -> float:
        parts = [np.diff(z, 2, axis=0), np.diff(z, 2, axis=1), 2**0.5 * np.diff(np.diff(z, axis=0), axis=1)]
        parts += [void_surface.TENSION * np.diff(z, axis=axis) for axis in (0, 1)]
        return sum(float((part**2).sum()) for part in parts)

    least = bending(smooth)
    change = np.where(void, np.random.default_rng(0).normal(size=land.shape), 0)
    for size in (1e-3, 1e-2, 1.0):
        assert bending(smooth + size * change) > least
        assert bending(smooth - size * change) > least


def test_wide_voids_are_filled_coarsely_first(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:131, :150] / 150
    land = 400 * np.sin(2 * x) * np.cos(3 * y)
    void = np.zeros(land.shape, bool)
    void[20:110, 25:120] = True
    whole = smooth_fill(land, void)
    monkeypatch.setattr(void_surface, "DIRECT", 2000)
    in_steps = smooth_fill(land, void)
    assert (in_steps[~void] == land[~void]).all()
    assert np.abs(in_steps - whole).max() < 0.02 * np.ptp(land)


def test_the_same_input_gives_the_same_bits_and_the_seed_changes_the_detail(
    wild: VoidNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = holed(hills(), (20, 60, 20, 60))
    first = fill_voids(marked, 30.0, net=wild)
    assert (fill_voids(marked, 30.0, net=wild) == first).all()
    assert (fill_voids(marked, 30.0, seed=1, net=wild) != first).any()
    guess = fill_voids(marked, 30.0, detail=False, net=wild)
    assert (fill_voids(marked, 30.0, detail=False, seed=1, net=wild) == guess).all()


def test_tiles_of_a_large_map_meet_without_a_seam(wild: VoidNet, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = holed(hills(160), (30, 130, 70, 110))
    whole = fill_voids(marked, 30.0, detail=False, net=wild)
    monkeypatch.setattr(void_fill, "TILE", 96)
    monkeypatch.setattr(void_fill, "OVERLAP", 48)
    tiled = fill_voids(marked, 30.0, detail=False, net=wild)
    smooth = smooth_fill(marked, np.isnan(marked))
    assert np.abs(tiled - whole).max() < 0.02 * np.abs(whole - smooth).max()


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3, 7), (33, 257)])
def test_any_size_is_filled(shape: tuple[int, int], wild: VoidNet) -> None:
    land = hills(260)[: shape[0], : shape[1]]
    marked = land.copy()
    marked.ravel()[1 : 1 + max(1, land.size // 4)] = np.nan
    filled = fill_voids(marked, 30.0, net=wild)
    assert filled.shape == shape
    assert np.isfinite(filled).all()


def test_a_map_without_voids_comes_back_as_it_is() -> None:
    land = hills(20)
    filled = fill_voids(land, 30.0)
    assert (filled == land).all()
    assert filled is not land


@pytest.mark.parametrize(
    ("elevation", "spacing", "part"),
    [
        (np.full((4, 4), np.nan), 30.0, "no known cell"),
        (np.array([[0.0, np.inf], [1.0, np.nan]]), 30.0, "infinite"),
        (np.zeros(5), 30.0, "2-D"),
        (np.zeros((0, 3)), 30.0, "2-D"),
        (np.zeros((2, 2), complex), 30.0, "2-D"),
        (np.zeros((2, 2)), 0.0, "spacing"),
        (np.zeros((2, 2)), np.nan, "spacing"),
    ],
)
def test_wrong_input_is_one_clear_error(elevation: Any, spacing: float, part: str) -> None:
    with pytest.raises(InputError, match=part):
        fill_voids(elevation, spacing)


def test_the_shipped_net_beats_linear_interpolation_on_ridges() -> None:
    from scipy.interpolate import griddata

    land = ridges()
    marked = holed(land, (35, 61, 35, 61))
    void = np.isnan(marked)
    linear = griddata(np.argwhere(~void), land[~void], np.argwhere(void), method="linear")
    filled = fill_voids(marked, 30.0, detail=False)
    assert np.sqrt(np.mean((filled - land)[void] ** 2)) < 0.9 * np.sqrt(np.mean((linear - land[void]) ** 2))


def test_the_border_of_a_void_has_no_step() -> None:
    land = hills(128, seed=3)
    marked = holed(land, (40, 90, 40, 90))
    hole = Hole(land.astype(np.float64), np.isnan(marked), 30.0, "made", "rectangle", 50)
    assert 0.75 < figures(fill_voids(marked, 30.0), hole)["step"] < 1.25
    raised = np.where(hole.void, land + 20, land)
    assert figures(raised, hole)["step"] > 1.5


def test_features_are_relative_and_the_unit_is_0_on_what_is_known() -> None:
    land = hills().astype(np.float64)
    void = np.zeros(land.shape, bool)
    void[30:50, 30:60] = True
    smooth = smooth_fill(land, void)
    features, unit = describe(smooth, void)
    doubled, unit_doubled = describe(2 * smooth - 300, void)
    assert features.shape == (FEATURES, *land.shape)
    np.testing.assert_allclose(doubled, features, atol=1e-3)
    np.testing.assert_allclose(unit_doubled, 2 * unit, rtol=1e-4)
    assert (unit[~void] == 0).all()
    assert (unit[void] > 0).all()
    with pytest.raises(ValueError, match="must be"):
        VoidNet()(torch.zeros(1, FEATURES, 30, 32), torch.tensor([30.0]))


def tiles() -> list[Tile]:
    return [
        Tile(f"place{seed}", spacing, hills(150, seed), np.zeros((150, 150), bool))
        for seed, spacing in ((1, 30.0), (2, 90.0))
    ]


def test_figures_of_the_truth_are_perfect_and_of_a_raised_fill_are_not() -> None:
    _, _, hole = next(holes(tiles(), 1, seed=0))
    best = figures(hole.land, hole)
    assert best == {
        "rmse": 0, "worst": 0, "slope_rmse": 0, "roughness": 1, "roughness_error": 0, "step": 1
    }  # fmt: skip
    raised = figures(np.where(hole.void, hole.land + 50, hole.land), hole)
    assert raised["rmse"] == pytest.approx(50)
    assert raised["worst"] == pytest.approx(50)
    assert raised["step"] > 3
    assert raised["slope_rmse"] > 0.1


def test_the_judgement_covers_spacings_sizes_and_ways(wild: VoidNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(void_judgement, "SIZES", ((5, 8), (9, 12)))
    report = judge(tiles(), wild, count=1)
    assert report["holes"] == 12
    assert list(report["figures"]) == ["30 m", "90 m"]
    for sizes in report["figures"].values():
        assert list(sizes) == ["5-8", "9-12"]
        for fills in sizes.values():
            assert fills["cubic"]["rmse"] < fills["nearest"]["rmse"]
            assert fills["smooth base"]["rmse"] == pytest.approx(fills["thin plate, scipy"]["rmse"], rel=0.25)
    assert len(table(report).splitlines()) == 2 + 4 * 9
    with pytest.raises(InputError, match="no tile"):
        judge([], wild)


def test_a_world_on_a_file_with_voids(tmp_path: Any) -> None:
    file = tmp_path / "valley.npy"
    np.save(file, holed(hills(), (30, 60, 30, 60)))
    worlds = [
        from_file(
            WorldConfig(
                size=33,
                sea_level=False,
                terrain={"source": "dem", "dem": str(file), "dem_spacing": 30.0, "dem_voids": voids},
            )
        )
        for voids in ("smooth", "learned")
    ]
    assert worlds[0].nodata.any()
    assert (worlds[0].nodata == worlds[1].nodata).all()
    assert (worlds[0].elevation != worlds[1].elevation).any()


def test_the_shells_door(tmp_path: Any) -> None:
    file, output = tmp_path / "valley.npy", tmp_path / "filled.npy"
    np.save(file, holed(hills(), (30, 60, 30, 60)))
    result = CliRunner().invoke(app, ["fill-voids", str(file), "-o", str(output), "--spacing", "30"])
    assert result.exit_code == 0, result.output
    assert "900 of 9216 cells filled" in result.output
    assert (np.load(output) == fill_voids(np.load(file), 30.0)).all()


def test_the_models_door_loads_no_torch() -> None:
    code = "import sys, worldgen.models; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_shipped_weights_are_small() -> None:
    assert void_fill.WEIGHT_FILE.stat().st_size < 1_000_000
    assert sum(part.numel() for part in load_void_net().parameters()) < 300_000
