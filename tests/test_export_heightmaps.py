"""worldgen.export.heightmaps: an asymmetric map read by Pillow and numpy, and round trips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import ExportError, InputError
from worldgen.export.heightmaps import (
    quantize,
    read_heightmap_png,
    read_r16,
    sidecar_path,
    write_heightmap_png,
    write_r16,
)
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

# North-west 100 m, north-east 400 m, south-west 200 m, south-east 300 m: no flip or turn maps it onto itself.
PROBE = Heightmap(
    np.float32([[100, 250, 400], [150, 250, 350], [175, 250, 325], [200, 250, 300]]),
    Grid((4, 3), 30.0, (-30.0, 12.5)),
)
PROBE_VALUES = np.round((PROBE.elevation - 100.0) / 300.0 * 65535)


def rough(height: int = 33, width: int = 65) -> Heightmap:
    elevation = np.random.default_rng(8).normal(900, 700, (height, width)).astype(np.float32)
    return Heightmap(elevation, Grid.centred((height, width), 10.0))


def test_png_is_north_first_16_bit_gray(tmp_path: Path) -> None:
    path = tmp_path / "probe.png"
    assert write_heightmap_png(PROBE, path, sea_level=120.0) == [path, tmp_path / "probe.png.json"]
    data = path.read_bytes()
    assert data[24:26] == bytes([16, 0])  # IHDR: bit depth 16, color type gray without alpha
    with Image.open(path) as image:
        assert image.size == (3, 4)
        assert np.array_equal(np.asarray(image), PROBE_VALUES)
        assert image.getpixel((2, 0)) == 65535  # north-east
        assert image.getpixel((0, 0)) == 0  # north-west


def test_r16_is_north_first_little_endian(tmp_path: Path) -> None:
    path = tmp_path / "probe.r16"
    write_r16(PROBE, path)
    data = path.read_bytes()
    assert len(data) == 4 * 3 * 2
    assert data[0:6] == bytes([0, 0, 0, 128, 255, 255])  # 0, 32768 = 0x8000, 65535
    assert np.array_equal(np.frombuffer(data, "<u2").reshape(4, 3), PROBE_VALUES)


def test_sidecar_says_what_the_values_mean(tmp_path: Path) -> None:
    write_r16(PROBE, tmp_path / "probe.r16", sea_level=120.0)
    sidecar = json.loads(sidecar_path(tmp_path / "probe.r16").read_text())
    assert (sidecar["format"], sidecar["byte_order"], sidecar["row_order"]) == (
        "r16",
        "little",
        "north-first",
    )
    assert (sidecar["width"], sidecar["height"], sidecar["spacing_metres"]) == (3, 4, 30.0)
    assert (sidecar["minimum_metres"], sidecar["maximum_metres"]) == (100.0, 400.0)
    assert sidecar["sea_level_metres"] == 120.0
    assert sidecar["origin_metres"] == [-30.0, 12.5]
    metres = sidecar["offset_metres"] + sidecar["scale_metres"] * PROBE_VALUES
    assert np.abs(metres - PROBE.elevation).max() <= 300 / 65535 / 2


@pytest.mark.parametrize(
    ("write", "read", "name"),
    [(write_heightmap_png, read_heightmap_png, "a.png"), (write_r16, read_r16, "a.r16")],
)
def test_round_trip_within_half_a_step(write, read, name, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    heightmap = rough()
    write(heightmap, tmp_path / name)
    back = read(tmp_path / name)
    step = (heightmap.maximum - heightmap.minimum) / 65535
    rounding = np.spacing(np.float32(heightmap.maximum))
    assert np.abs(back.elevation.astype(np.float64) - heightmap.elevation).max() <= step / 2 + rounding
    assert back.grid == heightmap.grid


def test_png_and_r16_of_one_name_keep_both_sidecars(tmp_path: Path) -> None:
    write_heightmap_png(PROBE, tmp_path / "a.png")
    write_r16(rough(), tmp_path / "a.r16")
    assert read_heightmap_png(tmp_path / "a.png").grid.shape == (4, 3)
    assert read_r16(tmp_path / "a.r16").grid.shape == (33, 65)


def test_flat_map(tmp_path: Path) -> None:
    flat = Heightmap(np.full((2, 2), 12.5, np.float32), Grid((2, 2), 1.0))
    write_heightmap_png(flat, tmp_path / "flat.png")
    assert np.array_equal(read_heightmap_png(tmp_path / "flat.png").elevation, flat.elevation)


def test_tiles_with_a_common_range_agree_on_their_edge() -> None:
    whole = rough(33, 65).elevation
    left, right = whole[:, :33], whole[:, 32:]
    assert not np.array_equal(quantize(left)[0][:, -1], quantize(right)[0][:, 0])
    both = [quantize(part, (-5000.0, 9000.0))[0] for part in (left, right)]
    assert np.array_equal(both[0][:, -1], both[1][:, 0])


@pytest.mark.parametrize("value_range", [(0.0, 300.0), (150.0, 500.0), (5.0, 5.0), (500.0, 0.0)])
def test_range_that_does_not_hold_the_map_is_refused(
    value_range: tuple[float, float], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="range"):
        write_r16(PROBE, tmp_path / "a.r16", value_range=value_range)
    assert list(tmp_path.iterdir()) == []


def test_readers_name_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.r16"
    with pytest.raises(InputError, match="sidecar"):
        read_r16(path)
    write_r16(PROBE, path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"holds \(11,\) values, its sidecar says \(4, 3\)"):
        read_r16(path)
    png = tmp_path / "a.png"
    write_heightmap_png(PROBE, png)
    Image.new("L", (3, 4)).save(png)
    with pytest.raises(InputError, match="not a 16-bit gray PNG"):
        read_heightmap_png(png)
    sidecar_path(png).write_text('{"format": "r16"}')
    with pytest.raises(InputError, match="'r16'; expected 'png16'"):
        read_heightmap_png(png)
