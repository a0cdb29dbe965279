"""worldgen.export.geotiff: read by rasterio, by our reader of elevation files, and back to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worldgen.dem import read_dem
from worldgen.errors import ExportError, InputError
from worldgen.export.geotiff import NODATA, read_geotiff, utm, write_geotiff
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

rasterio = pytest.importorskip("rasterio")
transform = pytest.importorskip("rasterio.warp").transform


def land(spacing: float = 30.0) -> Heightmap:
    elevation = np.random.default_rng(1).normal(500, 90, (7, 5)).astype(np.float32)
    void = np.zeros((7, 5), bool)
    void[2, 3] = True
    return Heightmap(elevation, Grid((7, 5), spacing, (-60.0, 12.0)), void)


def test_a_point_of_the_world_is_its_easting_and_northing(tmp_path: Path) -> None:
    write_geotiff(
        land(), tmp_path / "a.tif", crs="EPSG:32632", origin=(500_000.0, 5_200_000.0), sea_level=-1.5
    )
    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.crs.to_epsg() == 32632
        assert source.dtypes == ("float32",)
        assert source.nodata == NODATA
        assert source.xy(0, 0) == pytest.approx((500_000 - 60, 5_200_000 - 12))
        assert source.xy(6, 4) == pytest.approx((500_000 + 60, 5_200_000 - 192))
        assert np.array_equal(source.read(1), land().elevation)
        assert source.tags()["SEA_LEVEL_METRES"] == "-1.5"
        assert source.units == ("metre",)


@pytest.mark.parametrize("spacing", [30.0, 1.0, 0.3])
def test_without_a_system_it_is_local_metres(spacing: float, tmp_path: Path) -> None:
    write_geotiff(land(spacing), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as source:
        assert not source.crs.is_geographic
        assert not source.crs.is_projected
    dem = read_dem(tmp_path / "a.tif")
    assert dem.grid.spacing == spacing
    assert np.array_equal(dem.elevation, land().elevation)
    back = read_geotiff(tmp_path / "a.tif")
    assert np.array_equal(back.elevation, land().elevation)
    assert back.grid.origin == pytest.approx((-60.0, 12.0))


def test_voids_are_written_on_request(tmp_path: Path) -> None:
    write_geotiff(land(), tmp_path / "a.tif", voids=True)
    with rasterio.open(tmp_path / "a.tif") as source:
        assert np.array_equal(source.read_masks(1) == 0, land().nodata)
    assert np.array_equal(read_geotiff(tmp_path / "a.tif").nodata, land().nodata)


def test_same_bytes_each_time(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.tif", "b.tif")]
    for file in files:
        write_geotiff(land(), file)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "nonsense"])
def test_systems_that_are_not_in_metres_are_refused(crs: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=crs):
        write_geotiff(land(), tmp_path / "a.tif", crs=crs)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_geotiff_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.tif"):
        read_geotiff(tmp_path / "a.tif")


def test_a_place_on_the_globe_is_in_its_zone(tmp_path: Path) -> None:
    path = tmp_path / "land.tif"
    made = land(spacing=10.0)
    write_geotiff(made, path, georeference=(7.66, 45.98, 120.0))
    with rasterio.open(path) as source:
        assert source.crs.to_epsg() == 32632  # 7.66 degrees east lie in zone 32
        easting, northing = source.xy(0, 0)  # the north-western vertex is at x = -60, z = 12
        place = transform(source.crs, "EPSG:4326", [easting + 60], [northing + 12])
        assert np.ravel(place) == pytest.approx([7.66, 45.98], abs=1e-7)
        np.testing.assert_allclose(source.read(1), made.elevation + 120, atol=1e-3)
    assert utm(-70.0, -33.0)[0] == "EPSG:32719"
    assert utm(180.0, 0.0)[0] == "EPSG:32660"
