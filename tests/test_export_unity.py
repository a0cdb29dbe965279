"""worldgen.export.unity: tiles, alphamaps, and the import script itself, run against a stand-in for Unity."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from probe_land import GRID, NAMES, land, materials, weights

from worldgen.errors import ExportError, InputError
from worldgen.export.unity import pack_layers, read_terrain, terrain_size, write_terrain
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

QUADS = (weights()[:, 1:, 1:] + weights()[:, :-1, 1:] + weights()[:, 1:, :-1] + weights()[:, :-1, :-1]) / 4


def test_reads_back_within_half_a_step(tmp_path: Path) -> None:
    files = write_terrain(land(), NAMES, weights(), tmp_path, surfaces=materials())
    assert files[-1] == tmp_path / "terrain.json"
    assert (tmp_path / "terrain.raw").stat().st_size == 65 * 65 * 2
    back, names, shares = read_terrain(tmp_path)
    assert np.abs(back.elevation - land().elevation).max() <= 300 / 65535 / 2 + 3e-5
    assert back.grid.shape == (65, 65)
    assert (back.grid.spacing, *back.grid.origin) == pytest.approx((8.0, *GRID.origin))
    assert names == NAMES
    assert np.abs(shares / 255 - QUADS).max() < 1 / 255


def test_tiles_count_from_the_south_west_and_share_edges(tmp_path: Path) -> None:
    write_terrain(land(), NAMES, weights(), tmp_path, maximum=33)
    raw = {
        (x, z): np.fromfile(tmp_path / f"terrain_{x}_{z}.raw", "<u2").reshape(33, 33)
        for x in range(2)
        for z in range(2)
    }
    for other in range(2):
        assert np.array_equal(raw[0, other][:, -1], raw[1, other][:, 0])
        assert np.array_equal(raw[other, 0][-1], raw[other, 1][0])  # the first row is the south edge
    assert max(raw, key=lambda place: raw[place].max()) == (0, 1)  # the peak's tile: west and north
    back, _, shares = read_terrain(tmp_path)
    assert np.abs(back.elevation - land().elevation).max() < 0.003
    assert np.abs(shares / 255 - QUADS).max() < 1 / 255
    assert (shares.astype(int).sum(axis=0) == 255).all()


def test_other_sizes_are_brought_to_the_nearest(tmp_path: Path) -> None:
    assert [terrain_size((size, size))[0] for size in (33, 50, 90, 513, 1009, 4097)] == [
        33,
        65,
        65,
        513,
        1025,
        4097,
    ]
    assert terrain_size((8193, 8193)) == (8193, 4097)
    heightmap = Heightmap(np.full((50, 50), 3, np.float32), Grid.centred((50, 50), 2.0))
    write_terrain(heightmap, ["soil"], np.ones((1, 50, 50), np.float32), tmp_path)
    back, _, _ = read_terrain(tmp_path)
    assert back.grid.shape == (65, 65)
    assert back.grid.extent == pytest.approx((98.0, 98.0))
    assert np.abs(back.elevation - 3).max() < 1e-4


def test_four_layers_a_picture() -> None:
    shares = np.arange(5, dtype=np.uint8)[:, None, None] + np.zeros((5, 2, 3), np.uint8)
    first, second = pack_layers(shares)
    assert first[0, 0].tolist() == [0, 1, 2, 3]
    assert second[0, 0].tolist() == [4, 0, 0, 0]


def test_what_unity_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="found 9 x 10"):
        terrain_size((9, 10))
    with pytest.raises(ExportError, match="found 100"):
        terrain_size((65, 65), 100)
    with pytest.raises(InputError, match=r"terrain\.json"):
        read_terrain(tmp_path)


@pytest.mark.skipif(not (shutil.which("mcs") and shutil.which("mono")), reason="no C# compiler (mono-mcs)")
def test_the_script_sets_heights_and_weights_where_they_belong(tmp_path: Path) -> None:
    assets = tmp_path / "Assets"
    folder = assets / "land"
    write_terrain(land(), NAMES, weights(), folder, surfaces=materials(), maximum=33)
    for file in folder.glob("*alphamap*.png"):  # the stand-in has no PNG decoder
        picture = np.asarray(Image.open(file))
        file.write_bytes(struct.pack("<ii", *picture.shape[1::-1]) + picture.tobytes())
    program = tmp_path / "run.exe"
    sources = [Path(__file__).with_name("unity_stubs.cs"), folder / "Editor" / "ImportWorldgenTerrain.cs"]
    compiled = subprocess.run(
        ["mcs", f"-out:{program}", "-r:System.Runtime.Serialization", *map(str, sources)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "System.Runtime.Serialization' could not be found" in compiled.stderr + compiled.stdout:
        pytest.skip("mono lacks System.Runtime.Serialization")
    assert compiled.returncode == 0, compiled.stderr
    run = subprocess.run(
        ["mono", str(program), str(assets), str(folder / "terrain.json"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "terrain_0_0 left - top terrain_0_1 right terrain_1_0 bottom -" in run.stdout
    assert "asset Assets/land/materials/grass.terrainlayer" in run.stdout
    dumps = sorted(tmp_path.glob("terrain_*.bin"))
    assert len(dumps) == 4
    for dump in dumps:
        data = dump.read_bytes()
        side, texels, layers = struct.unpack_from("<3i", data)
        assert (side, texels, layers) == (33, 32, len(NAMES))
        values = np.frombuffer(data, "<f4", offset=12)
        position, size, rest = values[:3], values[3:6], values[6:]
        heights, rest = rest[: side**2].reshape(side, side), rest[side**2 :]
        alphas = rest[: texels**2 * layers].reshape(texels, texels, layers)
        column = round((position[0] - GRID.origin[0]) / 8)
        south = round((-position[2] - GRID.origin[1]) / 8)  # Unity's z is north
        rows, columns = slice(south - 32, south + 1), slice(column, column + 33)
        metres = position[1] + heights[::-1] * size[1]
        assert np.abs(metres - land().elevation[rows, columns]).max() < 0.005
        quads = QUADS[:, rows.start : rows.stop - 1, column : column + 32]
        assert np.abs(alphas[::-1].transpose(2, 0, 1) - quads).max() < 1 / 255
