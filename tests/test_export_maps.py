"""worldgen.export.maps: what is in the files is the world, whole and the same bytes each time."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import worldgen as wg
from worldgen.errors import ConfigError, ExportError
from worldgen.export.maps import yaw_degrees
from worldgen.rivers import open_sea

NAMES = {
    "height.npy", "flow.npy", "water.npy", "velocity.npy", "biomes.npy", "biomes.json",
    "splat.npy", "splat.json", "instances.csv", "rivers.geojson", "maps.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(small_world: wg.World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "maps"
    small_world.export(folder, format="maps")
    return folder


def test_the_folder_holds_all_files_and_its_manifest_lists_them(small_world, folder):
    assert {file.name for file in folder.iterdir()} == NAMES
    manifest = json.loads((folder.parent / "maps.manifest.json").read_text())
    assert {file["path"] for file in manifest["files"]} == {f"maps/{name}" for name in NAMES}
    assert manifest["seed"] == small_world.config.seed


def test_arrays_are_the_worlds(small_world, folder):
    arrays = {file.stem: np.load(file, allow_pickle=False) for file in folder.glob("*.npy")}
    assert all(array.dtype == np.float32 for array in arrays.values())
    np.testing.assert_array_equal(arrays["height"], small_world.heightmap.elevation)
    np.testing.assert_allclose(arrays["flow"], small_world.hydrology.accumulation, rtol=1e-6)
    np.testing.assert_array_equal(arrays["biomes"], small_world.biomes.weights)
    np.testing.assert_array_equal(arrays["splat"], small_world.splat.weights)
    np.testing.assert_allclose(arrays["biomes"].sum(axis=0), 1, atol=1e-5)
    assert json.loads((folder / "biomes.json").read_text()) == list(small_world.biomes.names)
    assert json.loads((folder / "splat.json").read_text()) == list(small_world.splat.names)
    water, sea = arrays["water"], small_world.hydrology.sea
    assert (water[sea] == small_world.config.sea_level).all()
    wet = ~np.isnan(water)
    assert sea.sum() < wet.sum() < wet.size
    assert (water[wet] >= arrays["height"][wet] - 1e-3).all()
    assert arrays["velocity"].shape == (2, *water.shape)
    moving = arrays["velocity"].any(axis=0)
    assert moving.any()
    assert (moving <= (wet & ~open_sea(sea))).all()


def test_the_contents_say_where_the_cells_lie(small_world, folder):
    contents = json.loads((folder / "maps.json").read_text())
    grid = small_world.heightmap.grid
    assert (contents["grid"]["rows"], contents["grid"]["columns"]) == grid.shape
    assert contents["grid"]["spacing_metres"] == grid.spacing
    assert contents["grid"]["origin_metres"] == list(grid.origin)
    assert contents["sea_level_metres"] == 0.0
    assert contents["files"].keys() == NAMES - {"maps.json", "biomes.json", "splat.json"}
    for name, about in contents["files"].items():
        if name.endswith(".npy"):
            assert list(np.load(folder / name).shape) == about["shape"]


def test_instances_are_the_scenes(small_world, folder):
    with (folder / "instances.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["kind", "x", "y", "z", "yaw", "scale"]
    counts = {placement.name: len(placement) for placement in small_world.placements}
    found = [row["kind"] for row in rows]
    assert {name: found.count(name) for name in set(found)} == counts
    nodes = [node for node in small_world.scene().walk() if node.instances]
    expected = np.concatenate([node.instances.translations for node in nodes])
    places = np.array([[float(row[axis]) for axis in "xyz"] for row in rows])
    np.testing.assert_allclose(places, expected, atol=6e-4)
    scales = np.concatenate([node.instances.scales for node in nodes])
    np.testing.assert_allclose([float(row["scale"]) for row in rows], scales, atol=6e-5)
    rotations = np.concatenate([node.instances.rotations for node in nodes])
    yaw = np.radians([float(row["yaw"]) for row in rows])
    upright = np.hypot(rotations[:, 0], rotations[:, 2]) < 1e-6
    assert upright.any()
    assert not upright.all()
    # About +Y an upright object's own x axis turns to (cos, 0, -sin).
    x, y, z, w = rotations[upright].T
    np.testing.assert_allclose(1 - 2 * (y**2 + z**2), np.cos(yaw[upright]), atol=1e-4)
    np.testing.assert_allclose(2 * (x * z - y * w), -np.sin(yaw[upright]), atol=1e-4)


def test_yaw_is_that_before_leaning():
    turns = np.array([0.0, 30.0, 170.0, 200.0, 359.0])
    half, lean = np.radians(turns) / 2, np.radians(40.0) / 2
    # First yaw about y, then a lean about the horizontal axis (0.6, 0, 0.8): lean times yaw.
    ax, az, aw = 0.6 * np.sin(lean), 0.8 * np.sin(lean), np.cos(lean)
    by, bw = np.sin(half), np.cos(half)
    rotations = np.stack([ax * bw - az * by, aw * by, az * bw + ax * by, aw * bw], axis=1)
    np.testing.assert_allclose(yaw_degrees(rotations), turns, atol=1e-6)
    np.testing.assert_allclose(yaw_degrees(-rotations), turns, atol=1e-6)


def test_rivers_run_downhill_on_the_water_of_the_arrays(small_world, folder):
    rivers = json.loads((folder / "rivers.geojson").read_text())
    assert rivers["type"] == "FeatureCollection"
    water, grid = np.load(folder / "water.npy"), small_world.heightmap.grid
    lines = {feature["id"]: feature for feature in rivers["features"]}
    assert lines
    for feature in lines.values():
        assert feature["geometry"]["type"] == "LineString"
        points = np.array(feature["geometry"]["coordinates"])
        assert (np.diff(points[:, 2]) <= 0).all()
        row, column = (np.rint(cells).astype(int) for cells in grid.to_cells(points[:, 0], points[:, 1]))
        near = np.nanmin(
            [np.abs(water[np.clip(row + r, 0, 128), np.clip(column + c, 0, 128)] - points[:, 2])
             for r in (-1, 0, 1) for c in (-1, 0, 1)], axis=0,
        )  # fmt: skip
        assert near.max() < 0.1  # the line leaves the middle of its cells
        properties = feature["properties"]
        assert properties["order"] >= 1
        assert 0 < properties["depth_m"] < properties["width_m"]
        assert properties["area_m2"] >= 3e4 - 1
        if properties["downstream"] is not None:
            below = lines[properties["downstream"]]["geometry"]["coordinates"]
            assert below[0] == feature["geometry"]["coordinates"][-1]


def test_bytes_are_the_same_each_time(small_world, folder, tmp_path):
    files = small_world.export(tmp_path / "maps", tmp_path / "land.r16", format="maps")
    assert tmp_path / "land.r16" in files
    for name in NAMES:
        assert (tmp_path / "maps" / name).read_bytes() == (folder / name).read_bytes(), name
    manifest = (folder.parent / "maps.manifest.json").read_bytes()
    assert (tmp_path / "maps.manifest.json").read_bytes() == manifest


def test_a_failure_leaves_no_file_behind(small_world, tmp_path, monkeypatch):
    import worldgen.export.maps as maps

    def broken(world):
        raise OSError("disk full")

    monkeypatch.setattr(maps, "instance_table", broken)
    with pytest.raises(OSError, match="disk full"):
        small_world.export(tmp_path / "maps", format="maps")
    assert not list((tmp_path / "maps").iterdir())


def test_wrong_formats_and_places_are_refused(small_world, tmp_path):
    with pytest.raises(ConfigError, match="found format 'map'; did you mean 'maps'"):
        small_world.export(tmp_path / "maps", format="map")
    with pytest.raises(ConfigError, match=r"a folder's, and all paths name files: .*a\.glb"):
        small_world.export(tmp_path / "a.glb", format="maps")
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ConfigError, match="there is a file of that name"):
        small_world.export(tmp_path / "taken", format="maps")
    with pytest.raises(ConfigError, match="unknown suffix"):
        small_world.export(tmp_path / "maps")
    (tmp_path / "maps" / "height.npy").mkdir(parents=True)
    with pytest.raises(ExportError, match="it is a folder"):
        small_world.export(tmp_path / "maps", format="maps")
    assert (tmp_path / "taken").read_text() == "mine"
