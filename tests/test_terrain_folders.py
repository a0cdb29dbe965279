"""Folders of elevation: each kind of file, indices, places from sub-folders, the split by place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import InputError
from worldgen.models.terrain_data import Tile
from worldgen.models.terrain_folders import read_folder, split_by_place


def tile(place: str) -> Tile:
    return Tile(place, 30.0, np.zeros((1, 1), np.float32), np.ones((1, 1), bool))


def write_index(folder: Path, text: str) -> None:
    folder.joinpath("index.csv").write_text(text, encoding="utf-8")


def test_index_gives_metres_places_and_licences(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4)
    Image.fromarray(values).save(tmp_path / "a.png")
    write_index(tmp_path, "file,place,spacing_m,scale,offset,licence\na.png,alps,30,0.5,-2,CC0\n")
    (read,) = read_folder(tmp_path)
    np.testing.assert_array_equal(read.elevation, values * np.float32(0.5) - 2)
    assert (read.place, read.spacing, read.licence) == ("alps", 30.0, "CC0")


def test_index_without_a_column_is_an_error(tmp_path: Path) -> None:
    write_index(tmp_path, "file,place\na.png,alps\n")
    with pytest.raises(InputError, match="spacing_m"):
        read_folder(tmp_path)


def test_plain_files_are_their_own_places(tmp_path: Path) -> None:
    np.save(tmp_path / "ridge.npy", np.ones((16, 16)))
    (read,) = read_folder(tmp_path, spacing=10.0)
    assert (read.place, read.spacing, read.elevation.shape) == ("ridge", 10.0, (16, 16))


def test_each_kind_of_file_is_read_and_sub_folders_are_places(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    slope = np.add.outer(np.arange(20), np.arange(20)).astype(np.float32)
    for place in ("alps", "alps/east", "coast"):
        (tmp_path / place).mkdir()
    np.save(tmp_path / "alone.npy", slope)
    np.save(tmp_path / "alps/a.npy", slope)
    Image.fromarray(slope.astype(np.uint16)).save(tmp_path / "alps/b.png")
    (tmp_path / "alps/notes.txt").write_text("not elevation")
    srtm = np.broadcast_to(np.arange(1201), (1201, 1201)).astype(">i2").copy()
    srtm[:, :30] = -32768
    srtm.tofile(tmp_path / "coast/N47E011.hgt")
    transform = rasterio.transform.from_origin(4e5, 5e6, 25, 25)
    with rasterio.open(
        tmp_path / "alps/east/c.tif", "w", driver="GTiff", height=20, width=20, count=1, dtype="float32",
        crs="EPSG:32632", transform=transform,
    ) as file:  # fmt: skip
        file.write(slope, 1)

    tiles = read_folder(tmp_path, spacing=10.0)

    assert [tile.place for tile in tiles] == ["alone", "alps", "alps", "alps/east", "coast"]
    for tile in tiles[:4]:
        np.testing.assert_array_equal(tile.elevation, slope)
    (east,) = read_folder(tmp_path / "alps/east")
    assert (east.place, east.spacing) == ("c", 25.0)
    void = tiles[4].void
    assert void is not None
    assert void.sum() == 1201 * 30
    assert tiles[4].flat[void].all()


def test_a_style_is_given_where_no_landscape_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 4)))
    np.save(tmp_path / "b.npy", np.ones((4, 4)))
    assert [t.style for t in read_folder(tmp_path, 30.0, "desert")] == ["desert", "desert"]
    assert [t.style for t in read_folder(tmp_path, 30.0)] == [None, None]
    columns = "file,place,spacing_m,scale,offset,landscape\n"
    write_index(tmp_path, columns + "a.npy,here,30,1,0,alps\nb.npy,there,30,1,0,\n")
    assert [t.style for t in read_folder(tmp_path, style="desert")] == ["alpine", "desert"]
    with pytest.raises(InputError, match="did you mean 'desert'"):
        read_folder(tmp_path, style="dessert")


def test_unusable_folders_are_one_error_that_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_folder(tmp_path / "absent")
    with pytest.raises(InputError, match=r"found nothing; allowed: index\.csv"):
        read_folder(tmp_path)
    (tmp_path / "README").write_text("")
    (tmp_path / "a.asc").write_text("")
    with pytest.raises(InputError, match=r"found 1 \.asc, 1 without suffix; allowed: .*\.hgt"):
        read_folder(tmp_path)
    np.save(tmp_path / "b.npy", np.ones((4, 4)))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "c.png")
    (tmp_path / "d.hgt").write_bytes(b"12")
    with pytest.raises(InputError, match=r"2 of 3 files .* the first: .*c\.png must be 16-bit"):
        read_folder(tmp_path, spacing=30.0)


@pytest.mark.parametrize("row", ["a.png,alps,30,1,0", "b.npy,alps,thirty,1,0", "b.npy,alps"])
def test_a_wrong_row_of_an_index_is_an_error_that_names_it(row: str, tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.ones((4, 4)))
    write_index(tmp_path, f"file,place,spacing_m,scale,offset\n{row}\n")
    with pytest.raises(InputError, match=rf"the row of '{row.split(',')[0]}'"):
        read_folder(tmp_path)


def test_split_holds_out_whole_places() -> None:
    tiles = [tile(place) for place in ("a", "a", "b", "c")]
    training, held_out = split_by_place(tiles, ["a"])
    assert [t.place for t in training] == ["b", "c"]
    assert [t.place for t in held_out] == ["a", "a"]


def test_split_by_hash_is_stable_and_about_a_tenth() -> None:
    tiles = [
        Tile(f"place {i}", 30.0, np.zeros((1, 1), np.float32), np.ones((1, 1), bool)) for i in range(200)
    ]
    _, held_out = split_by_place(tiles)
    assert 8 <= len(held_out) <= 35
    assert held_out == split_by_place(reversed(tiles))[1][::-1]


def test_split_errors() -> None:
    with pytest.raises(InputError, match="not in the data"):
        split_by_place([tile("a")], ["b"])
    with pytest.raises(InputError, match="every place is held out"):
        split_by_place([tile("a")], ["a"])
