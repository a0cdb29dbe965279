"""Quantised glTF: what comes out lies where the scene says, and neighbours meet to the bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import example_scene, grid_mesh, read_accessor, read_glb, tree_model
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from small_worlds import island

from worldgen.errors import ExportError
from worldgen.export.gltf import write_glb
from worldgen.export.options import ExportOptions
from worldgen.export.quantization import SceneGrid, fold, quantized_vectors, scene_step
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Level, Node, Scene


def world_positions(path: Path) -> dict[str, NDArray[np.float64]]:
    """World positions of each node's vertices, by the node's name, worked out as the specification says."""
    document, binary = read_glb(path)
    found: dict[str, NDArray[np.float64]] = {}

    def visit(index: int, parent: NDArray[np.float64]) -> None:
        node = document["nodes"][index]
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_quat(node.get("rotation", [0, 0, 0, 1])).as_matrix()
        matrix[:3, :3] *= node.get("scale", [1, 1, 1])
        matrix[:3, 3] = node.get("translation", [0, 0, 0])
        matrix = parent @ matrix
        if "mesh" in node:
            parts = [
                read_accessor(document, binary, part["attributes"]["POSITION"]).astype(np.float64)
                for part in document["meshes"][node["mesh"]]["primitives"]
            ]
            found[node["name"]] = np.concatenate(parts)[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
        for child in node.get("children", []):
            visit(child, matrix)

    for root in document["scenes"][0]["nodes"]:
        visit(root, np.eye(4))
    return found


def terrain(size: int = 33, spacing: float = 1.7) -> Scene:
    """Four chunks whose spacing is no multiple of any step."""
    chunks = terrain_chunks(island(size, spacing), PBRMaterial("ground"), quads=16, levels=1)
    return Scene(
        "s",
        tuple(
            Node(
                f"{chunk.window.row}_{chunk.window.column}", chunk.translation, Model("m", (chunk.levels[0],))
            )
            for chunk in chunks
        ),
    )


def test_chunks_meet_to_the_bit_and_lie_within_half_a_step(tmp_path: Path) -> None:
    scene = terrain()
    write_glb(scene, tmp_path / "a.glb", ExportOptions(quantize=True))
    document, binary = read_glb(tmp_path / "a.glb")
    found = world_positions(tmp_path / "a.glb")
    step = scene_step(scene)
    assert step == 2.0**-8  # 180 m of height in 65535 steps
    for node in scene.nodes:
        assert node.model is not None
        expected = node.model.primitives[0].positions.astype(np.float64) + node.translation
        assert np.abs(found[node.name] - expected).max() <= step / 2
        assert np.array_equal(found[node.name], np.rint(found[node.name] / step) * step)
    grid = {name: points.reshape(17, 17, 3) for name, points in found.items()}
    assert np.array_equal(grid["0_0"][:, -1], grid["0_1"][:, 0])
    assert np.array_equal(grid["0_0"][-1], grid["1_0"][0])
    # The same in a client's float32.
    for entry in document["nodes"]:
        translation = np.float32(entry["translation"])
        assert translation.astype(np.float64).tolist() == entry["translation"]
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    assert (accessor["componentType"], accessor.get("normalized", False)) == (5123, False)
    stored = read_accessor(document, binary, 0)
    assert accessor["min"] == stored[:, :3].min(axis=0).tolist()
    assert accessor["max"] == stored[:, :3].max(axis=0).tolist()
    assert document["extensionsRequired"] == ["KHR_mesh_quantization"]
    assert "KHR_mesh_quantization" in document["extensionsUsed"]


def test_tiles_written_apart_meet_with_one_step(tmp_path: Path) -> None:
    scene = terrain()
    step = scene_step(scene)
    for number, node in enumerate(scene.nodes[:2]):
        tile = dataclasses.replace(scene, nodes=(node,))
        write_glb(tile, tmp_path / f"{number}.glb", ExportOptions(quantize=True, grid_step=step))
    left, right = (world_positions(tmp_path / f"{n}.glb")[f"0_{n}"].reshape(17, 17, 3) for n in (0, 1))
    assert np.array_equal(left[:, -1], right[:, 0])


def test_everything_stays_where_it_was(tmp_path: Path) -> None:
    scene = example_scene()
    write_glb(scene, tmp_path / "plain.glb")
    write_glb(scene, tmp_path / "small.glb", ExportOptions(quantize=True))
    plain, small = world_positions(tmp_path / "plain.glb"), world_positions(tmp_path / "small.glb")
    assert plain.keys() == small.keys()
    for name in plain:
        assert np.abs(plain[name] - small[name]).max() < 5e-4, name


def test_children_of_a_node_with_a_model_are_not_moved(tmp_path: Path) -> None:
    mesh = grid_mesh(3, 3, PBRMaterial("m"))
    child = Node("child", (1, 2, 3), Model("c", (mesh,)))
    scene = Scene("s", (Node("parent", (100.0, 7.0, 0.0), Model("p", (mesh,)), children=(child,)),))
    write_glb(scene, tmp_path / "a.glb", ExportOptions(quantize=True))
    found = world_positions(tmp_path / "a.glb")
    assert np.abs(found["parent_mesh"] - np.add(mesh.positions, [100, 7, 0])).max() < 1e-3
    assert np.abs(found["child"] - np.add(mesh.positions, [101, 9, 3])).max() < 1e-3


def test_placements_fold_translation_rotation_and_scale() -> None:
    rng = np.random.default_rng(2)
    quaternions = rng.normal(size=(20, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    places = Instances(
        tree_model(),
        rng.uniform(-50, 50, (20, 3)).astype(np.float32),
        quaternions.astype(np.float32),
        rng.uniform(0.5, 2, 20).astype(np.float32),
    )
    grid = SceneGrid(Scene("s", (Node("n", instances=places),)))
    dequantization = grid.of(places.model)
    folded = fold(places, dequantization)
    point = np.array([3.0, 100.0, 7.0])
    own = dequantization.offset + dequantization.scale * point
    for k in range(20):
        before = (
            Rotation.from_quat(places.rotations[k]).apply(own * places.scales[k]) + places.translations[k]
        )
        after = Rotation.from_quat(folded.rotations[k]).apply(point * folded.scales[k])
        assert np.abs(after + folded.translations[k] - before).max() < 2e-5


def test_a_model_at_two_places_or_a_level_has_a_grid(tmp_path: Path) -> None:
    mesh = grid_mesh(3, 3, PBRMaterial("m"))
    shared, coarse = Model("shared", (mesh,)), Model("coarse", (mesh,))
    nodes = (
        Node("a", (0.1, 0, 0), shared),
        Node("b", (5.3, 0, 0), shared, levels=(Level(coarse, 0.1),)),
    )
    grid = SceneGrid(Scene("s", nodes))
    assert grid.of(shared).offset.tolist() == [0, 0, 0]
    place = (grid.of(coarse).offset[0] + 5.3) / grid.step
    assert place == pytest.approx(round(place), abs=1e-9)


def test_one_wide_sea_does_not_make_chunks_coarse(tmp_path: Path) -> None:
    scene = terrain()
    wide = grid_mesh(2, 2, PBRMaterial("sea"))
    wide = dataclasses.replace(wide, positions=wide.positions * np.float32(5000.3))
    both = dataclasses.replace(scene, nodes=(*scene.nodes, Node("sea", (0.3, 0, 0), Model("sea", (wide,)))))
    assert scene_step(both) == scene_step(scene)
    write_glb(both, tmp_path / "a.glb", ExportOptions(quantize=True))
    found = world_positions(tmp_path / "a.glb")["sea"]
    assert np.abs(found - np.add(wide.positions, [0.3, 0, 0])).max() <= scene_step(scene) / 2


def test_fine_shapes_in_a_wide_mesh_are_not_bent(tmp_path: Path) -> None:
    scene = terrain()
    blades = np.float32([[0, 0, 0], [0.011, 0, 0], [0.005, 0.3, 0.003]])
    places = np.random.default_rng(1).uniform(0, 25, (40, 1, 3)).astype(np.float32)
    mesh = Mesh(
        (blades + places).reshape(-1, 3),
        np.tile(np.float32([0, 0, 1]), (120, 1)),
        np.zeros((120, 2), np.float32),
        np.arange(120, dtype=np.uint32).reshape(-1, 3),
        PBRMaterial("grass"),
    )
    both = dataclasses.replace(scene, nodes=(*scene.nodes, Node("grass", model=Model("grass", (mesh,)))))
    write_glb(both, tmp_path / "a.glb", ExportOptions(quantize=True))
    found = world_positions(tmp_path / "a.glb")["grass"]
    assert np.abs(found - mesh.positions).max() < 1e-5


def test_normals_are_within_a_degree() -> None:
    vectors = np.random.default_rng(3).normal(size=(5000, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = quantized_vectors(vectors.astype(np.float32))[:, :3].astype(np.float64)
    cosines = (stored * vectors).sum(axis=1) / np.linalg.norm(stored, axis=1)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.4


def test_attributes_have_the_types_that_the_extension_allows(tmp_path: Path) -> None:
    normal = np.full((4, 4, 3), (128, 128, 255), np.uint8)
    mesh = grid_mesh(3, 3, PBRMaterial("m", normal=normal))
    repeated = dataclasses.replace(mesh, texcoords=mesh.texcoords * np.float32(7))
    scene = Scene("s", (Node("a", model=Model("a", (mesh, repeated))),))
    write_glb(scene, tmp_path / "a.glb", ExportOptions(quantize=True))
    document, binary = read_glb(tmp_path / "a.glb")

    def stored(part: int, name: str) -> tuple[int, bool, NDArray[Any]]:
        index = document["meshes"][0]["primitives"][part]["attributes"][name]
        accessor = document["accessors"][index]
        return (
            accessor["componentType"],
            accessor.get("normalized", False),
            read_accessor(document, binary, index),
        )

    assert stored(0, "NORMAL")[:2] == (5120, True)
    assert stored(0, "NORMAL")[2].tolist() == [[0, 127, 0, 0]] * 9
    assert stored(0, "TANGENT")[:2] == (5120, True)
    assert stored(0, "TANGENT")[2].tolist() == [[127, 0, 0, 127]] * 9
    assert stored(0, "TEXCOORD_0")[:2] == (5123, True)
    np.testing.assert_allclose(stored(0, "TEXCOORD_0")[2] / 65535, mesh.texcoords, atol=1 / 131070)
    assert stored(1, "TEXCOORD_0")[:2] == (5126, False)
    np.testing.assert_array_equal(stored(1, "TEXCOORD_0")[2], repeated.texcoords)


def test_a_step_must_be_a_power_of_two() -> None:
    with pytest.raises(ExportError, match=r"grid_step must be a power of two; found 0\.3"):
        ExportOptions(grid_step=0.3)
