"""worldgen.export: the table of formats, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from export_examples import example_scene

from worldgen.errors import ConfigError, ExportError, MissingExtraError
from worldgen.export import (
    EXPORTERS,
    HEIGHTMAP_WRITERS,
    ExportOptions,
    check_extras,
    check_paths,
    export_scene,
    writer_for,
)


@pytest.mark.parametrize("suffix", sorted(EXPORTERS))
def test_each_suffix_writes_a_file_of_that_name(tmp_path: Path, suffix: str) -> None:
    if suffix.startswith(".usd"):
        pytest.importorskip("pxr")
    path = tmp_path / f"world{suffix}"
    files = export_scene(example_scene(), path)
    assert files[-1] == path
    assert all(file.stat().st_size for file in files)
    assert writer_for(Path("WORLD" + suffix.upper())) is EXPORTERS[suffix]


@pytest.mark.parametrize(
    ("name", "found"), [("world.fbx", "'.fbx'"), ("world", "''"), ("a.glbb", "mean '.glb'")]
)
def test_unknown_suffix_lists_what_there_is(name: str, found: str) -> None:
    with pytest.raises(ExportError, match=r"Allowed: \.glb, \.gltf, \.obj") as caught:
        writer_for(Path(name))
    assert found in str(caught.value)


def test_paths_are_checked_before_the_work() -> None:
    check_paths([Path("a.glb"), Path("a.PNG"), Path("a.r16")])
    with pytest.raises(ConfigError, match=r"'b\.r8': unknown suffix; did you mean '\.r16'\? Allowed: \.exr"):
        check_paths([Path("a.glb"), Path("b.r8")])
    assert not EXPORTERS.keys() & HEIGHTMAP_WRITERS.keys()


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("a.tif", {}, r"a\.tif needs the package 'rasterio'.*worldgen\[geo\]"),
        ("a.USDZ", {}, r"a\.USDZ needs the package 'usd-core'.*worldgen\[usd\]"),
        ("a.glb", {"compression": "draco"}, r"compression = 'draco' needs .*worldgen\[draco\]"),
        ("a.glb", {"image_format": "ktx2"}, r"image_format = 'ktx2' needs .*worldgen\[ktx\]"),
    ],
)
def test_what_is_not_installed_is_said_before_the_work(
    monkeypatch: pytest.MonkeyPatch, path: str, options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("worldgen.export.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=message):
        check_extras([Path("b.glb"), Path(path)], ExportOptions(**options))
    check_extras([Path("b.glb"), Path("b.png")], ExportOptions())


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, worldgen.export\n"
        "heavy = {'pxr', 'torch', 'vtk', 'pyvista', 'trimesh', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
