"""worldgen.export.godot: control bits by Terrain3D's documentation, regions, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from probe_land import GRID, NAMES, land, materials, weights

from worldgen.errors import ExportError, InputError
from worldgen.export.godot import (
    control_map,
    control_weights,
    read_terrain,
    region_layout,
    write_terrain,
)
from worldgen.grid import Grid


def test_reads_back_to_the_bit(tmp_path: Path) -> None:
    files = write_terrain(land(), NAMES, weights(), tmp_path, surfaces=materials())
    assert files[-1] == tmp_path / "terrain.json"
    back, names, control = read_terrain(tmp_path)
    assert np.array_equal(back.elevation, land().elevation)
    assert back.grid == GRID
    assert names == NAMES
    assert np.array_equal(control, control_map(weights()))


def test_bits_are_as_documented() -> None:
    shares = np.float32([0.1, 0.5, 0.0, 0.4]).reshape(4, 1, 1)
    (bits,) = control_map(shares).ravel().tolist()
    assert bits >> 27 & 0x1F == 1  # base
    assert bits >> 22 & 0x1F == 3  # overlay
    assert bits >> 14 & 0xFF == round(255 * 0.4 / 0.9)
    assert bits & 0x3FFF == 0


def test_two_materials_a_vertex_come_back() -> None:
    shares = np.zeros((5, 2, 2), np.float32)
    shares[4] = [[1, 0.75], [0.5, 0]]
    shares[2] = 1 - shares[4]
    assert np.abs(control_weights(control_map(shares), 5) - shares).max() <= 0.5 / 255 + 1e-6
    assert control_map(shares)[1, 0] >> 27 == 2  # of equally strong ones the first is the base


def test_one_material_and_too_many() -> None:
    assert control_map(np.ones((1, 2, 2), np.float32)).tolist() == [[0, 0], [0, 0]]
    most = np.zeros((32, 1, 1), np.float32)
    most[15], most[31] = 1, 0.5  # bits that are no number as a float
    (bits,) = control_map(most).ravel().tolist()
    assert (bits >> 27, bits >> 22 & 31) == (15, 31)
    with pytest.raises(ExportError, match="32 textures; found 33"):
        control_map(np.ones((33, 1, 1), np.float32))


@pytest.mark.parametrize(
    ("size", "region"), [(257, 128), (513, 256), (1025, 256), (2049, 256), (4097, 256), (8193, 512)]
)
def test_centred_worlds_begin_at_a_region(size: int, region: int) -> None:
    layout = region_layout(Grid.centred((size, size), 0.75))
    assert layout["region_size"] == region
    assert layout["position"] == [-(size - 1) / 2 * 0.75, 0.0, -(size - 1) / 2 * 0.75]
    assert (layout["first_row"], layout["first_column"]) == (0, 0)
    assert layout["shift_metres"] == [0.0, 0.0, 0.0]
    assert layout["padded_rows"] % region == 0
    assert 0 <= layout["padded_rows"] - size < region
    assert layout["padded_rows"] <= 32 * region


def test_a_map_anywhere_is_padded_to_whole_regions() -> None:
    layout = region_layout(Grid((100, 300), 2.0, (-51.0, 700.0)))
    size = layout["region_size"]
    assert layout["shift_metres"] == [-1.0, 0.0, 0.0]  # vertices lie on even metres
    assert layout["position"][0] / 2 % size == 0
    assert layout["position"][2] / 2 % size == 0
    assert layout["position"][0] / 2 + layout["first_column"] == -26
    assert layout["position"][2] / 2 + layout["first_row"] == 350
    assert layout["first_column"] + 300 <= layout["padded_columns"]
    assert layout["first_row"] + 100 <= layout["padded_rows"]


@pytest.mark.parametrize("grid", [Grid((9, 9), 0.2), Grid((9, 9), 101.0), Grid((9, 9), 1.0, (33_000.0, 0.0))])
def test_what_terrain3d_cannot_hold_is_refused(grid: Grid) -> None:
    with pytest.raises(ExportError, match="Terrain3D"):
        region_layout(grid)


def test_sidecar_names_files_that_are_there(tmp_path: Path) -> None:
    write_terrain(land(), NAMES, weights(), tmp_path, surfaces=materials())
    side = json.loads((tmp_path / "terrain.json").read_text())
    for name in (side["height_exr"], side["control_exr"], side["height_r16"], "import_terrain.gd"):
        assert (tmp_path / name).is_file()
    for material in side["materials"]:
        assert (tmp_path / material["albedo_height"]).is_file()
        assert (tmp_path / material["normal_roughness"]).is_file()
    script = (tmp_path / "import_terrain.gd").read_text()
    used = {part.partition('"')[0] for part in script.split('sidecar["')[1:]}
    assert used <= side.keys()


def test_the_script_is_gdscript(tmp_path: Path) -> None:
    parser = pytest.importorskip("gdtoolkit.parser")
    write_terrain(land(), NAMES, weights(), tmp_path)
    parser.parser.parse((tmp_path / "import_terrain.gd").read_text())


def test_reader_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"terrain\.json"):
        read_terrain(tmp_path)
