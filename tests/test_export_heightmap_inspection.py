"""Figures of heightmaps: sidecar and file must agree."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from gltf_by_hand import png_header, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worldgen.errors import InputError
from worldgen.export import write_heightmap_png, write_r16
from worldgen.export.inspection import inspect_file
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

SIDECAR = {
    "format": "r16",
    "width": 3,
    "height": 2,
    "spacing_metres": 10,
    "origin_metres": [-5, 40],
    "minimum_metres": -1,
    "maximum_metres": 99,
    "scale_metres": 0.5,
    "offset_metres": -1,
}


def test_size_spacing_and_range(tmp_path):
    path = write(tmp_path / "a.r16", bytes(12))
    write(tmp_path / "a.r16.json", SIDECAR)
    found = inspect_file(path)
    assert found.format == "r16"
    assert found.bounds == ((-5, -1, 40), (15, 99, 50))
    assert (found.heightmap["width"], found.heightmap["spacing_metres"]) == (3, 10)
    assert found.total_bytes == 12 + (tmp_path / "a.r16.json").stat().st_size
    assert "4 triangles" in found.notes[0]


@pytest.mark.parametrize(("writer", "suffix"), [(write_heightmap_png, ".png"), (write_r16, ".r16")])
def test_the_packages_own_files(tmp_path, writer, suffix):
    grid = Grid.centred((5, 4), 2.5)
    elevation = np.linspace(-7, 12, 20, dtype=np.float32).reshape(5, 4)
    writer(Heightmap(elevation, grid), tmp_path / f"a{suffix}")
    found = inspect_file(tmp_path / f"a{suffix}")
    assert (found.heightmap["width"], found.heightmap["height"]) == (4, 5)
    low, high = found.bounds
    assert (low[1], high[1]) == (-7, 12)
    assert (high[0] - low[0], high[2] - low[2]) == (7.5, 10)


@pytest.mark.parametrize(
    ("name", "data", "sidecar", "part"),
    [
        ("a.r16", bytes(12), None, "no sidecar a.r16.json"),
        ("a.r16", bytes(11), {}, "12 bytes; found 11"),
        ("a.r16", bytes(12), {"width": "3"}, "width: found '3'"),
        ("a.r16", bytes(12), {"format": "png16"}, "format: found 'png16'"),
        ("a.r16", bytes(12), {"spacing_metres": 0}, "above 0"),
        ("a.png", b"no", {"format": "png16"}, "begins with b'no'"),
        ("a.png", png_header(3, 2), {"format": "png16"}, "no PNG of 16 bits"),
        ("a.png", png_header(3, 3, 16, 0), {"format": "png16"}, "3 x 3 samples, its sidecar says 3 x 2"),
    ],
)
def test_damaged_files_are_one_clear_line(tmp_path, name, data, sidecar, part):
    path = write(tmp_path / name, data)
    if sidecar is not None:
        write(tmp_path / f"{name}.json", json.dumps({**SIDECAR, **sidecar}).encode())
    with pytest.raises(InputError) as error:
        inspect_file(path)
    assert part in str(error.value)
    assert str(error.value).startswith(name)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(sorted(SIDECAR)),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.lists(st.floats()),
)
def test_any_value_in_a_sidecar_is_read_or_refused(tmp_path, key, value):
    path = write(tmp_path / "a.r16", bytes(12))
    write(tmp_path / "a.r16.json", {**SIDECAR, key: value})
    with contextlib.suppress(InputError):
        assert inspect_file(path).heightmap["width"] == 3
