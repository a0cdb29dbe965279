"""worldgen.export.unreal: numbers of the import dialog, tiles, names, and the way back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from probe_land import NAMES, land, materials, weights

from worldgen.errors import ExportError, InputError
from worldgen.export.unreal import landscape_shape, read_landscape, untiled_name, write_landscape
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

TILED = re.compile(r"[uvxy]-?[0-9]", re.IGNORECASE)  # what the importer takes for a tile's place


def plain(size: int, low: float, high: float) -> Heightmap:
    ramp = np.linspace(low, high, size, dtype=np.float32)
    return Heightmap(np.tile(ramp, (size, 1)), Grid.centred((size, size), 1000 / (size - 1)))


def one_layer(size: int) -> np.ndarray:
    return np.ones((1, size, size), np.float32)


def test_scale_is_as_epics_table_has_it(tmp_path: Path) -> None:
    write_landscape(plain(505, -100, 500), ["soil"], one_layer(505), tmp_path)
    side = json.loads((tmp_path / "landscape.json").read_text())
    # 1000 m over 504 quads; 600 m of relief is z scale 600 * 100 / 512 = 117.1875, of 65536 values.
    assert side["scale"] == pytest.approx([198.4127, 198.4127, 117.1875 * 65536 / 65535], rel=1e-6)
    assert side["location_centimetres"] == pytest.approx([-50_000, -50_000, 20_000], abs=1)
    readme = (tmp_path / "README.txt").read_text()
    assert "198.413, 198.413, 117.189" in readme
    assert "505 x 505" in readme


def test_reads_back_within_half_a_step(tmp_path: Path) -> None:
    heightmap = Heightmap(
        np.random.default_rng(2).normal(0, 100, (127, 127)).astype(np.float32),
        Grid((127, 127), 2.0, (5.0, -9.0)),
    )
    files = write_landscape(heightmap, ["soil"], one_layer(127), tmp_path)
    assert files[-1] == tmp_path / "landscape.json"
    back, names, shares = read_landscape(tmp_path)
    step = (heightmap.maximum - heightmap.minimum) / 65535
    assert np.abs(back.elevation - heightmap.elevation).max() <= step / 2 + 3e-5
    assert back.grid.shape == (127, 127)
    assert (back.grid.spacing, *back.grid.origin) == pytest.approx((2.0, 5.0, -9.0))
    assert names == ("soil",)
    assert (shares == 255).all()


@pytest.mark.parametrize("overlap", [1, 0])
def test_tiles_have_one_range_and_meet(overlap: int, tmp_path: Path) -> None:
    whole = 2 * (127 - overlap) + overlap
    rng = np.random.default_rng(4)
    heightmap = Heightmap(
        rng.normal(0, 100, (whole, whole)).astype(np.float32), Grid((whole, whole), 2.0, (0.0, 0.0))
    )
    parts = rng.random((3, whole, whole)).astype(np.float32)
    write_landscape(heightmap, ["rock", "soil", "clay2"], parts, tmp_path, tile=127, overlap=overlap)
    names = ("height", "weight_rock", "weight_soil", "weight_clay_2")
    for name in names:
        tiles = [
            [np.asarray(Image.open(tmp_path / f"{name}_x{column}_y{row}.png")) for column in range(2)]
            for row in range(2)
        ]
        assert all(tile.shape == (127, 127) for line in tiles for tile in line)
        if overlap:
            for line in tiles:
                assert np.array_equal(line[0][:, -1], line[1][:, 0])
            for top, bottom in zip(*tiles, strict=True):
                assert np.array_equal(top[-1], bottom[0])
        else:
            assert np.block(tiles).shape == (254, 254)
    side = json.loads((tmp_path / "landscape.json").read_text())
    last = side["tiles"][-1]
    assert (last["row"], last["column"]) == (1, 1)
    assert last["location_centimetres"][:2] == pytest.approx([(127 - overlap) * 200] * 2)
    back, _, shares = read_landscape(tmp_path)
    assert np.abs(back.elevation - heightmap.elevation).max() < 0.01
    assert (shares.astype(int).sum(axis=0) == 255).all()


def test_no_name_is_taken_for_a_tile(tmp_path: Path) -> None:
    files = write_landscape(
        plain(127, 0, 9), ["clay2", "v1 u2", "max-1"], np.ones((3, 127, 127), np.float32), tmp_path
    )
    assert not [file.name for file in files if TILED.search(file.stem)]
    assert len({file.name.lower() for file in files}) == len(files)
    assert untiled_name("x-3") == "x_-3"


def test_materials_lie_beside(tmp_path: Path) -> None:
    files = write_landscape(land(), NAMES, weights(), tmp_path, surfaces=materials())
    assert tmp_path / "materials" / "rock_normal.png" in files
    assert not [file.name for file in files if TILED.search(file.stem)]


def test_sizes() -> None:
    assert landscape_shape((513, 1025)) == (505, 1009)
    assert landscape_shape((8193, 8193)) == (8129, 8129)
    assert landscape_shape((8193, 8193), 2017) == (8065, 8065)
    with pytest.raises(ExportError, match=r"127, 253, .*found 128"):
        landscape_shape((513, 513), 128)
    with pytest.raises(ExportError, match="found 2"):
        landscape_shape((513, 513), 127, 2)


def test_flat_land_stays_where_it_is(tmp_path: Path) -> None:
    write_landscape(plain(127, 12.5, 12.5), ["soil"], one_layer(127), tmp_path)
    assert np.abs(read_landscape(tmp_path)[0].elevation - 12.5).max() < 1e-4


def test_reader_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"landscape\.json"):
        read_landscape(tmp_path)
