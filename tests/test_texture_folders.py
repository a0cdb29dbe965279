"""Folders of materials: names of the usual libraries, packed and 16-bit maps, shapes, coverage."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from worldgen.cli import app
from worldgen.errors import InputError
from worldgen.models import texture_folders as folders
from worldgen.models.texture_coverage import coverage, coverage_text
from worldgen.models.texture_data import read_material
from worldgen.models.texture_maps import normal_from_height, seam

SIDE = 16


def surface(side: int = SIDE) -> np.ndarray:
    """A periodic height that is its own mirror image in no axis, 0 to 1."""
    row, column = np.mgrid[:side, :side] * (2 * np.pi / side)
    height = np.sin(column) + np.cos(2 * row + column) + 0.5 * np.sin(3 * row)
    return ((height - height.min()) / np.ptp(height)).astype(np.float32)


def normals(side: int = SIDE, *, directx: bool = False) -> np.ndarray:
    return normal_from_height(surface(side), 3.0) * np.array([1, -1 if directx else 1, 1], np.float32)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)).save(path)
    return path


def write_set(folder: Path, *, side: int = SIDE, color: str = "albedo.png", **maps: np.ndarray) -> Path:
    """A set of base color and normals (unless given); keyword names are file stems."""
    rng = np.random.default_rng(0)
    write(folder / color, 0.4 + 0.2 * surface(side)[..., None] + rng.uniform(0, 0.05, size=(side, side, 3)))
    for name, values in (maps or {"normal": normals(side) / 2 + 0.5}).items():
        write(folder / f"{name}.png", values)
    return folder


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (
            "Rock035_1K_Color.jpg Rock035_1K_NormalGL.jpg Rock035_1K_NormalDX.jpg Rock035_1K_Roughness.jpg "
            "Rock035_1K_AmbientOcclusion.jpg Rock035_1K_Displacement.jpg Rock035_1K_Metalness.jpg X.png",
            "albedo normal_opengl normal_directx roughness occlusion height metalness",
        ),
        (
            "Rock035_2K-JPG_Color.jpg Rock035_2K-JPG_NormalGL.jpg Rock035_2K-JPG_Roughness.jpg",
            "albedo normal_opengl roughness",
        ),
        (
            "rock_face_03_diff_1k.jpg rock_face_03_nor_gl_1k.png rock_face_03_nor_dx_1k.png "
            "rock_face_03_rough_1k.jpg rock_face_03_ao_1k.jpg rock_03_disp_1k.png rock_face_03_arm_1k.png",
            "albedo normal_opengl normal_directx roughness occlusion height packed",
        ),
        (
            "xyzab_2K_Albedo.jpg xyzab_2K_Normal.jpg xyzab_2K_Roughness.jpg xyzab_2K_AO.jpg "
            "xyzab_2K_Displacement.jpg xyzab_2K_Cavity.jpg xyzab_2K_Gloss.jpg",
            "albedo normal roughness occlusion height cavity gloss",
        ),
        ("xyzab_4K_BaseColor.tif xyzab_4K_Height.tif", "albedo height"),
        ("Stone Wall-base_color.png Stone Wall-Ambient_Occlusion.png", "albedo occlusion"),
        ("albedo.jpg normal.jpg ao.jpg height.png", "albedo normal occlusion height"),
        ("preview.png notes.txt metalness.txt", ""),
    ],
)
def test_maps_are_known_by_the_names_of_libraries(tmp_path: Path, names: str, wanted: str) -> None:
    for name in names.replace("Stone Wall", "Stone~Wall").split():
        (tmp_path / name.replace("~", " ")).touch()
    assert set(folders.find_maps(tmp_path)) == set(wanted.split())


def test_the_largest_of_several_resolutions_is_taken(tmp_path: Path) -> None:
    for name in ("Rock_1K_Color.jpg", "Rock_4K_Color.jpg", "Rock_2K_Color.jpg"):
        (tmp_path / name).touch()
    assert folders.find_maps(tmp_path)["albedo"].name == "Rock_4K_Color.jpg"


def test_directx_normals_give_the_height_that_opengl_ones_give(tmp_path: Path) -> None:
    relief = normals() / 2 + 0.5
    down = normals(directx=True) / 2 + 0.5
    one = write_set(tmp_path / "one", rock_nor_gl_1k=relief)
    two = write_set(tmp_path / "two", rock_nor_dx_1k=down)
    three = write_set(tmp_path / "three", Rock_1K_Normal=down, Rock_1K_Displacement=surface())
    read = [read_material(folder, kind="rock", size=SIDE) for folder in (one, two, three)]
    for other in read[1:]:
        np.testing.assert_allclose(read[0].maps[3], other.maps[3], atol=0.05)  # 8-bit rounding differs
    assert folders.read_maps(three, SIDE).turned
    assert not folders.read_maps(one, SIDE).turned


def test_packed_maps_are_unpacked_and_single_ones_go_first(tmp_path: Path) -> None:
    packed = np.stack([surface(), 1 - surface(), np.zeros((SIDE, SIDE))], axis=-1)
    maps = folders.read_maps(write_set(tmp_path / "a", x_nor_gl=normals() / 2 + 0.5, x_arm_1k=packed), SIDE)
    np.testing.assert_allclose(maps.occlusion, surface(), atol=0.003)
    np.testing.assert_allclose(maps.roughness, 1 - surface(), atol=0.003)
    other = folders.read_maps(
        write_set(tmp_path / "b", x_nor_gl=normals() / 2 + 0.5, x_ORM=packed, x_ao=0 * surface()), SIDE
    )
    assert other.occlusion is not None
    assert not other.occlusion.any()


def test_gloss_is_roughness_upside_down(tmp_path: Path) -> None:
    maps = folders.read_maps(write_set(tmp_path, x_Normal=normals() / 2 + 0.5, x_Gloss=surface()), SIDE)
    np.testing.assert_allclose(maps.roughness, 1 - surface(), atol=0.003)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_heights_keep_their_steps(tmp_path: Path, suffix: str) -> None:
    write_set(tmp_path, x_metal=surface())  # no normals
    values = np.rint(surface() * 1000 + 30000).astype(np.uint16)  # four steps of 8 bits
    Image.fromarray(values).save(tmp_path / f"x_height{suffix}")
    maps = folders.read_maps(tmp_path, SIDE)
    assert maps.normal is None
    assert maps.height is not None
    np.testing.assert_allclose(maps.height * 65535, values, atol=0.51)


def test_float_heights_of_any_range(tmp_path: Path) -> None:
    Image.fromarray(surface() * 7).save(tmp_path / "height.tif")
    np.testing.assert_allclose(folders.read_image(tmp_path / "height.tif"), surface(), atol=1e-6)


def test_sides_that_are_unequal() -> None:
    wide = np.arange(16 * 32, dtype=np.float32).reshape(16, 32) / 512
    np.testing.assert_array_equal(folders.squared(wide, 32), np.tile(wide, (2, 1)))  # still a tile
    tall = np.arange(20 * 16, dtype=np.float32).reshape(20, 16) / 320
    np.testing.assert_array_equal(folders.squared(tall, 16), tall[2:18])
    assert folders.squared(np.zeros((24, 24, 3), np.float32), 16).shape == (16, 16, 3)
    with pytest.raises(InputError, match="found 7x9 texels; allowed: at least 8"):
        folders.squared(np.zeros((9, 7)), 16)
    with pytest.raises(InputError, match="at most 4 times"):
        folders.squared(np.zeros((16, 80)), 16)


def test_a_cropped_set_does_not_wrap(tmp_path: Path) -> None:
    write(tmp_path / "color.png", np.full((20, 16, 3), 0.5))
    write(tmp_path / "normal.png", np.full((20, 16, 3), 0.5))
    assert not read_material(tmp_path, kind="rock", size=SIDE).seamless
    write(tmp_path / "normal.png", np.full((16, 20, 3), 0.5))
    with pytest.raises(InputError, match="sides are 20x16, not 16x20"):
        read_material(tmp_path, kind="rock", size=SIDE)


def test_broken_files_are_named(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "normal.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"cannot read .*normal\.png"):
        folders.read_maps(tmp_path, SIDE)


def test_wrap_is_looked_at() -> None:
    tile = np.repeat(surface(64)[..., None], 3, axis=-1)
    assert seam(tile) < 1
    assert seam(tile[:40]) > 1.5
    joint = tile.copy()
    joint[[0, 16, 32, 48]] = 0  # joints between bricks, one on the edge
    assert seam(joint) < 1.2


def test_classes_are_folders_or_names(tmp_path: Path) -> None:
    for name in ("rock/Stone01_2K-PNG", "rock/b", "ambientcg_Ground035_1K", "forest_floor_1"):
        write_set(tmp_path / name)
    found = [(folder.name, kind) for folder, kind, _ in folders.list_materials(tmp_path)]
    assert sorted(found) == [
        ("Stone01_2K-PNG", "rock"),
        ("ambientcg_Ground035_1K", "ground"),
        ("b", "rock"),
        ("forest_floor_1", "forest_floor"),
    ]


def test_coverage_says_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    relief = normals(256) / 2 + 0.5
    first = write_set(tmp_path / "rock_1", side=256, normal=relief, roughness=surface(256))
    for i in range(2, 5):
        shutil.copytree(first, tmp_path / f"rock_{i}")
    down = normals(256, directx=True) / 2 + 0.5
    write_set(tmp_path / "sand_1", side=256, x_normal=down, x_disp=surface(256))
    ramp = np.repeat(np.linspace(0, 1, 256)[:, None, None], 256, axis=1) * np.ones(3)
    write(tmp_path / "sand_2" / "albedo.png", ramp)
    write(tmp_path / "sand_2" / "normal.png", relief)
    write(tmp_path / "mud" / "albedo.png", ramp)
    report = coverage(tmp_path)
    assert report["sets"] == 6
    assert report["classes"]["rock"] == {
        "sets": 4, "held_out": 0, "normal": 4, "height": 0, "roughness": 4, "occlusion": 0, "seamless": 4
    }  # fmt: skip
    assert report["classes"]["sand"]["seamless"] == 1
    assert report["few"] == ["sand"]
    assert report["turned"] == ["sand_1"]
    assert list(report["faults"]) == ["mud"]
    text = coverage_text(report)
    assert "can't teach diversity: sand" in text
    assert "mud: needs a base color and a normal or height map" in text
    (tmp_path / "index.csv").write_text("name,class,seamless\nsand_2,sand,yes\n", encoding="utf-8")
    assert coverage(tmp_path)["seams"] == ["sand_2"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "Nothing to train on" in coverage_text(coverage(empty))


def test_coverage_on_the_shell(tmp_path: Path) -> None:
    write_set(tmp_path / "Rock035_1K", side=256, normal=normals(256) / 2 + 0.5)
    result = CliRunner().invoke(app, ["train", "texture", "--data", str(tmp_path), "--coverage"])
    assert result.exit_code == 0, result.output
    assert "1 usable sets of 1 classes" in result.output
