"""Elevation files: each format gives the same land, north up and in metres."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from worldgen.dem import fill_nodata, read_dem
from worldgen.errors import InputError

rows, columns = np.mgrid[0:40, 0:50]
LAND = (300 + 5 * rows + 2 * columns).astype(np.float64)  # rises to the south and the east


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", LAND)
    read = read_dem(tmp_path / "a.npy", spacing=30)
    np.testing.assert_allclose(read.elevation, LAND)
    assert read.grid.spacing == 30


def test_png_with_scale_and_offset(tmp_path):
    Image.fromarray(((LAND - 100) / 0.5).astype(np.uint16)).save(tmp_path / "a.png")
    read = read_dem(tmp_path / "a.png", spacing=10, scale=0.5, offset=100)
    np.testing.assert_allclose(read.elevation, LAND)


def test_hgt_is_big_endian_with_voids(tmp_path):
    land = np.broadcast_to(np.arange(1201) // 4, (1201, 1201)).astype(">i2").copy()
    land[600, 600] = -32768
    land.tofile(tmp_path / "N47E011.hgt")
    read = read_dem(tmp_path / "N47E011.hgt")
    assert read.nodata.sum() == 1
    assert abs(read.elevation[600, 600] - 150) < 1
    assert read.grid.spacing == pytest.approx(92.77, abs=0.1)


@pytest.mark.parametrize("north_up", [True, False])
def test_geotiff(tmp_path, north_up):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import Affine

    stored = LAND if north_up else LAND[::-1]
    transform = Affine(25, 0, 4e5, 0, -25 if north_up else 25, 5e6)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=40,
        width=50,
        count=1,
        dtype="float32",
        crs="EPSG:32632",
        transform=transform,
        nodata=-9999,
    ) as file:
        void = stored.astype(np.float32).copy()
        void[20, 25] = -9999
        file.write(void, 1)
    read = read_dem(tmp_path / "a.tif")
    assert read.grid.spacing == 25
    assert read.nodata.sum() == 1
    np.testing.assert_allclose(read.elevation[~read.nodata], LAND[~read.nodata])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", b"1", r"cannot read '\.xyz'"),
        ("a.png", b"no picture", "not a readable PNG"),
        ("a.npy", b"no array", "not a plain numpy array"),
        ("a.hgt", b"12", "1201"),
    ],
)
def test_unreadable_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_dem(tmp_path / name)


def test_eight_bits_are_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="16-bit"):
        read_dem(tmp_path / "a.png", spacing=1)


def test_spacing_must_be_known(tmp_path):
    np.save(tmp_path / "a.npy", LAND)
    with pytest.raises(InputError, match="metres per pixel"):
        read_dem(tmp_path / "a.npy")


def test_holes_are_filled_smoothly():
    void = np.zeros(LAND.shape, bool)
    void[15:25, 20:30] = True
    filled = fill_nodata(np.where(void, -9999, LAND), void)
    np.testing.assert_array_equal(filled[~void], LAND.astype(np.float32)[~void])
    assert np.abs(filled - LAND)[void].max() < 6  # a plane, of which the hole spans 65 m
