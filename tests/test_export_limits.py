"""worldgen.export.limits: what glTF cannot hold is refused by shapes alone, in no time and no memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from export_examples import example_scene, grid_mesh

from worldgen.errors import ExportError
from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.limits import MOST_VERTICES, check_scene, least_bytes
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Node, Scene


def huge(count: int) -> Scene:
    """One triangle among so many vertices, all of them one place in memory."""
    mesh = Mesh(
        np.broadcast_to(np.float32([1, 2, 3]), (count, 3)),
        np.broadcast_to(np.float32([0, 1, 0]), (count, 3)),
        np.broadcast_to(np.float32([0, 0]), (count, 2)),
        np.uint32([[0, 1, 2]]),
        PBRMaterial("m", normal=np.zeros((4, 4, 3), np.uint8)),
    )
    return Scene("s", (Node("a", model=Model("cliff", (mesh,))),))


@pytest.mark.parametrize("quantize", [False, True])
def test_too_many_bytes_are_refused_before_memory_is_taken(tmp_path: Path, quantize: bool) -> None:
    scene = huge(300_000_000)
    options = ExportOptions(quantize=quantize)
    size = 300_000_000 * (16 if quantize else 32)  # tangents are not known to be needed for all
    tracemalloc.start()
    try:
        for writer in (write_glb, write_gltf):
            with pytest.raises(ExportError, match=rf"would take {size / 2**30:.2f} GiB, .* in tiles"):
                writer(scene, tmp_path / "a.glb", options)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", [None, "meshopt", "draco"])
def test_more_vertices_than_indices_can_tell_apart_are_refused(tmp_path: Path, compression: str) -> None:
    scene = huge(MOST_VERTICES + 1)
    message = r"'cliff' has a mesh of 4,294,967,296 vertices, and glTF's indices end at 4,294,967,295"
    with pytest.raises(ExportError, match=message):
        check_scene(scene, ExportOptions(compression=compression))  # type: ignore[arg-type]


@pytest.mark.parametrize("quantize", [False, True])
def test_the_least_is_no_more_than_what_is_written(tmp_path: Path, quantize: bool) -> None:
    options = ExportOptions(quantize=quantize)
    scene = example_scene()
    mesh = grid_mesh(20, 20, PBRMaterial("m"))
    shared = dataclasses.replace(mesh, positions=mesh.positions + np.float32(1))
    scene = dataclasses.replace(scene, nodes=(*scene.nodes, Node("a", model=Model("a", (mesh, shared)))))
    (path,) = write_glb(scene, tmp_path / "a.glb", options)
    assert 0.5 * path.stat().st_size < least_bytes(scene, options) < path.stat().st_size
