"""Reading materials: integration against a known surface, exact round trips, names and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import InputError
from worldgen.models import texture_data as data
from worldgen.models.texture_vae import normal_from_height


def waves(size: int = 64) -> data.Array:
    """A smooth periodic surface, in texels."""
    row, column = np.mgrid[:size, :size] * (2 * np.pi / size)
    return np.asarray(3 * np.sin(4 * column) + 2 * np.cos(5 * row + 3 * column), np.float32)


def write(path: Path, values: data.Array) -> None:
    Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)).save(path)


def make_material(
    folder: Path, *, normal: str = "normal.png", roughness: bool = True, seed: int = 0
) -> data.Array:
    """A folder of maps of `waves`; returns its color."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    height = waves()
    color = 0.4 + 0.03 * height[..., None] + rng.normal(0, 0.02, size=(64, 64, 3))
    color = np.clip(color, 0, 1).astype(np.float32)
    write(folder / "albedo.png", color)
    maps = normal_from_height(height, 1.0)
    if "dx" in normal:
        maps = maps * np.array([1, -1, 1], np.float32)
    write(folder / normal, maps / 2 + 0.5)
    if roughness:
        write(folder / "roughness.png", 0.7 + 0.02 * height)
    return color


def test_integration_recovers_the_surface_that_normals_were_derived_from() -> None:
    height = waves()
    found = data.integrate_normals(normal_from_height(height, 1.0))
    np.testing.assert_allclose(found, height - height.mean(), atol=1e-4)


def test_integration_of_a_surface_that_does_not_wrap() -> None:
    ramp = np.asarray(np.mgrid[:64, :64][1] * 0.3, np.float32)
    normal = np.empty((64, 64, 3), np.float32)
    normal[:] = np.array([-0.3, 0, 1]) / np.hypot(0.3, 1)
    normal[:, ::2, 0] *= 1.1  # the mean slope is taken out: what is left is the ripple
    found = data.integrate_normals(normal, seamless=False)
    assert found.shape == ramp.shape
    assert np.abs(found).max() < 0.2


def test_normalise_and_back() -> None:
    rng = np.random.default_rng(0)
    color = rng.uniform(0.2, 0.8, size=(64, 64, 3)).astype(np.float32)
    rough, occlusion = (rng.uniform(0.4, 0.9, size=(64, 64)).astype(np.float32) for _ in range(2))
    maps, present, statistics = data.normalise(color, waves(), rough, occlusion)
    assert maps.shape == (6, 64, 64)
    assert present.all()
    np.testing.assert_allclose(maps[[0, 3, 4, 5]].std(axis=(1, 2)), 1, atol=0.05)
    found = data.denormalise(maps, statistics)
    # White noise loses only what `damp_slow` takes from the lowest frequencies.
    for one, other in zip(found, (color, waves() - waves().mean(), rough, occlusion), strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.93
    np.testing.assert_allclose(found[0].mean(axis=(0, 1)), color.mean(axis=(0, 1)), atol=2e-3)


def test_damp_slow_keeps_mean_and_fine_detail() -> None:
    row, column = np.mgrid[:512, :512] * (2 * np.pi / 512)
    slow, fine = np.cos(row).astype(np.float32), np.cos(40 * column).astype(np.float32)
    found = data.damp_slow(5 + slow + fine)
    assert found.mean() == pytest.approx(5, abs=1e-4)
    np.testing.assert_allclose(found - 5, fine + slow * (1 - 0.7 * np.exp(-1 / 9)), atol=1e-3)


def test_absent_maps_are_marked_absent(tmp_path: Path) -> None:
    make_material(tmp_path / "rock_1", roughness=False)
    material = data.read_material(tmp_path / "rock_1", kind="rock", size=64)
    assert material.present.tolist() == [True] * 4 + [False] * 2
    assert np.isnan(material.statistics[5:]).all()
    assert not material.maps[4:].any()


def test_directx_normals_give_the_same_height(tmp_path: Path) -> None:
    make_material(tmp_path / "a" / "rock_1")
    make_material(tmp_path / "b" / "rock_1", normal="rock_normaldx.png")
    one, other = (data.read_material(tmp_path / name / "rock_1", kind="rock", size=64) for name in "ab")
    np.testing.assert_allclose(one.maps, other.maps, atol=0.05)  # 8-bit rounding differs


def test_classes_from_folder_names_and_from_an_index(tmp_path: Path) -> None:
    for name in ("Rock_02", "forest_floor_1", "sand"):
        make_material(tmp_path / name)
    assert [kind for _, kind, _ in data.list_materials(tmp_path)] == ["rock", "forest_floor", "sand"]
    (tmp_path / "index.csv").write_text(
        "name,class,seamless\nsand,dune,no\nRock_02,rock,yes\n", encoding="utf-8"
    )
    listed = [(folder.name, kind, seamless) for folder, kind, seamless in data.list_materials(tmp_path)]
    assert listed == [("Rock_02", "rock", True), ("sand", "dune", False)]


def test_a_folder_without_relief_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rock").mkdir()
    write(tmp_path / "rock" / "albedo.png", np.full((8, 8), 0.5, np.float32))
    with pytest.raises(InputError, match="normal or height"):
        data.read_material(tmp_path / "rock", kind="rock")
    with pytest.raises(InputError, match="not a folder"):
        list(data.list_materials(tmp_path / "nowhere"))


def test_linear_code_of_flat_cells_is_exact() -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(6, 16, 16)).astype(np.float32)
    maps = np.repeat(np.repeat(cells, 4, axis=1), 4, axis=2).astype(np.float16)
    material = data.Material("a", "rock", maps, np.ones(6, bool), np.zeros(9, np.float32), True)
    analysis, synthesis = data.linear_code([material], 6, noise=1e-3)
    patches = maps.astype(np.float32).reshape(6, 16, 4, 16, 4).transpose(1, 3, 0, 2, 4).reshape(256, -1)
    codes = patches @ analysis.reshape(6, -1).T
    np.testing.assert_allclose(codes.std(axis=0), 1, atol=0.05)
    found = codes @ synthesis[:, :, 1, 1].T  # the neighbours tell nothing here, the middle everything
    np.testing.assert_allclose(found, patches, atol=0.02)
