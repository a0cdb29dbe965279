"""worldgen.export.draco: read back by Draco itself, as KHR_draco_mesh_compression says."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import example_scene, grid_mesh, read_glb
from numpy.typing import NDArray
from small_worlds import island

from worldgen.errors import ExportError
from worldgen.export.gltf import write_glb
from worldgen.export.options import ExportOptions
from worldgen.export.quantization import scene_step
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Node, Scene

DracoPy = pytest.importorskip("DracoPy")
OPTIONS = ExportOptions(compression="draco")


def written(scene: Scene, path: Path) -> dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any]]]:
    """Write a scene; return ({attribute: values, "indices": triangles}, node) of each node with a mesh."""
    write_glb(scene, path, OPTIONS)
    document, binary = read_glb(path)
    assert document["extensionsRequired"] == ["KHR_draco_mesh_compression"]
    found = {}
    for node in document["nodes"]:
        if "mesh" not in node:
            continue
        primitive = document["meshes"][node["mesh"]]["primitives"][0]
        extension = primitive["extensions"]["KHR_draco_mesh_compression"]
        view = document["bufferViews"][extension["bufferView"]]
        decoded = DracoPy.decode(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
        by_id = {entry["unique_id"]: entry["data"] for entry in decoded.attributes}
        values = {name: by_id[number] for name, number in extension["attributes"].items()}
        assert set(extension["attributes"]) == set(primitive["attributes"])
        for name, index in primitive["attributes"].items():
            accessor = document["accessors"][index]
            assert "bufferView" not in accessor
            assert accessor["count"] == len(values[name])
        position = document["accessors"][primitive["attributes"]["POSITION"]]
        assert position["min"] == values["POSITION"].min(axis=0).tolist()
        assert position["max"] == values["POSITION"].max(axis=0).tolist()
        values["indices"] = decoded.faces
        assert document["accessors"][primitive["indices"]]["count"] == decoded.faces.size
        found[node["name"]] = (values, node)
    return found


def corners(positions: NDArray[Any], *others: NDArray[Any], faces: NDArray[Any]) -> NDArray[np.float64]:
    """(T, 3, …) values at the corners, triangles turned and sorted by position."""
    table = np.concatenate([positions, *others], axis=1).astype(np.float64)[faces]
    keys = [[tuple(corner) for corner in triangle] for triangle in table[..., :3].round(3).tolist()]
    turns = [keys_of.index(min(keys_of)) for keys_of in keys]
    table = np.stack([np.roll(triangle, -turn, axis=0) for triangle, turn in zip(table, turns, strict=True)])
    return table[sorted(range(len(keys)), key=lambda k: (*keys[k][turns[k]], *sorted(keys[k])))]


def test_a_mesh_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    plain = grid_mesh(9, 7, PBRMaterial("m", base_color=np.zeros((4, 4, 3), np.uint8)))
    normals = plain.normals + rng.normal(size=plain.normals.shape) * 0.3
    mesh = dataclasses.replace(
        plain,
        normals=(normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
        texcoords=plain.texcoords * np.float32(5),
        colors=rng.random((63, 4)).astype(np.float32),
        velocity=rng.normal(size=(63, 2)).astype(np.float32),
    )
    scene = Scene("s", (Node("a", (3.0, 0.0, 0.0), Model("a", (mesh,))),))
    values, node = written(scene, tmp_path / "a.glb")["a"]
    assert "scale" not in node
    back = corners(
        values["POSITION"] + np.array(node["translation"]) - [3, 0, 0],
        *(values[name] for name in ("TEXCOORD_0", "NORMAL", "COLOR_0", "TEXCOORD_1")),
        faces=values["indices"],
    )
    assert mesh.colors is not None
    assert mesh.velocity is not None
    sent = corners(
        mesh.positions,
        *(mesh.texcoords, mesh.normals, np.rint(mesh.colors * 65535), mesh.velocity),
        faces=mesh.indices,
    )
    assert np.abs(back[..., :3] - sent[..., :3]).max() <= scene_step(scene) / 2
    assert np.abs(back[..., 3:5] - sent[..., 3:5]).max() < 1 / 4096
    cosines = (back[..., 5:8] * sent[..., 5:8]).sum(axis=-1)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 1
    assert np.array_equal(back[..., 8:12], sent[..., 8:12])
    assert np.array_equal(back[..., 12:], sent[..., 12:])


def test_neighbouring_chunks_meet_to_the_bit(tmp_path: Path) -> None:
    chunks = terrain_chunks(island(33, 1.7), PBRMaterial("ground"), quads=16, levels=1)
    scene = Scene(
        "s",
        tuple(
            Node(str(number), chunk.translation, Model("m", (chunk.levels[0],)))
            for number, chunk in enumerate(chunks)
        ),
    )
    found = written(scene, tmp_path / "a.glb")
    borders = []
    for name in ("0", "1"):
        values, node = found[name]
        world = values["POSITION"].astype(np.float32) + np.float32(node["translation"])
        borders.append({tuple(point) for point in world.tolist() if abs(point[0]) < 0.01})
    assert len(borders[0]) == 17
    assert borders[0] == borders[1]


def test_fine_shapes_in_a_wide_mesh_are_not_bent(tmp_path: Path) -> None:
    blades = np.float32([[0, 0, 0], [0.011, 0, 0], [0.005, 0.3, 0.003]])
    places = np.random.default_rng(1).uniform(0, 500, (40, 1, 3)).astype(np.float32)
    mesh = Mesh(
        (blades + places).reshape(-1, 3),
        np.tile(np.float32([0, 0, 1]), (120, 1)),
        np.zeros((120, 2), np.float32),
        np.arange(120, dtype=np.uint32).reshape(-1, 3),
        PBRMaterial("grass"),
    )
    values, node = written(Scene("s", (Node("a", model=Model("a", (mesh,))),)), tmp_path / "a.glb")["a"]
    back = corners(values["POSITION"] + np.array(node["translation"]), faces=values["indices"])
    sent = corners(mesh.positions, faces=mesh.indices)
    assert np.abs(back - sent).max() < 0.0005


def test_same_scene_same_bytes(tmp_path: Path) -> None:
    for name in ("a.glb", "b.glb"):
        write_glb(example_scene(), tmp_path / name, OPTIONS)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_a_missing_library_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(ExportError, match=r"needs DracoPy: pip install 'worldgen\[draco\]'"):
        write_glb(example_scene(), tmp_path / "a.glb", OPTIONS)
    assert list(tmp_path.iterdir()) == []
