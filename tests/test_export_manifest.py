"""worldgen.export.manifest: complete, checkable, and the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worldgen.errors import ExportError
from worldgen.export.manifest import describe_weights, write_manifest


def write(folder: Path, **changes: Any) -> bytes:
    (folder / "textures").mkdir(parents=True, exist_ok=True)
    files = [folder / "world.gltf", folder / "textures" / "rock.png"]
    for number, file in enumerate(files):
        file.write_bytes(b"x" * number)
    weight = folder / "terrain.safetensors"
    weight.write_bytes(b"weights")
    arguments: dict[str, Any] = {
        "config": {"preset": "alpine", "size": 1025},
        "seed": 7,
        "files": files,
        "weights": [describe_weights(weight)],
    }
    path = write_manifest(folder / "manifest.json", **(arguments | changes))
    return path.read_bytes()


def test_content(tmp_path: Path) -> None:
    manifest = json.loads(write(tmp_path, triangles=123))
    assert manifest["config"] == {"preset": "alpine", "size": 1025}
    assert manifest["seed"] == 7
    canonical = b'{"preset":"alpine","size":1025}'
    assert manifest["config_sha256"] == hashlib.sha256(canonical).hexdigest()
    assert manifest["triangles"] == 123
    assert manifest["files"] == [
        {"path": "textures/rock.png", "bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()},
        {"path": "world.gltf", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
    ]
    assert manifest["weights"] == [
        {"name": "terrain.safetensors", "bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}
    ]
    assert manifest["versions"]["numpy"] == np.__version__
    assert set(manifest["versions"]) == {"worldgen", "python", "numpy", "scipy", "numba", "torch", "pillow"}
    assert set(manifest["platform"]) == {"system", "machine", "processor"}


def test_bytes_depend_neither_on_folder_nor_on_order(tmp_path: Path) -> None:
    first = write(tmp_path / "one")
    assert first == write(tmp_path / "two")
    assert first == write(tmp_path / "one", config={"size": 1025, "preset": "alpine"})
    assert str(tmp_path).encode() not in first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": [Path("absent.glb")]}, "absent.glb"),
        ({"config": {"a": float("nan")}}, "not JSON"),
        ({"config": {"a": object()}}, "not JSON"),
        ({"platform": "mine"}, "platform"),
    ],
)
def test_refusals(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        write(tmp_path, **changes)
    assert not (tmp_path / "manifest.json").exists()
