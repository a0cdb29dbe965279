"""worldgen.export.grouping: the same triangles, however objects are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from export_examples import example_scene, read_accessor, read_glb, tree_model
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldgen.export.gltf import write_glb
from worldgen.export.grouping import arranged, merged_bytes
from worldgen.export.inspection import inspect_file
from worldgen.export.options import ExportOptions
from worldgen.mesh import Model
from worldgen.scene import Instances, Level, Node, Scene


def corners(path: Path) -> NDArray[np.float64]:
    """(T, 3, 3) world corners of all triangles as trimesh reads them, sorted."""
    scene = trimesh.load_scene(path)
    triangles = np.concatenate([mesh.triangles for mesh in scene.dump()])
    return triangles[np.lexsort(np.round(triangles.reshape(-1, 9), 4).T)]


def forest(count: int = 40, seed: int = 1) -> Scene:
    """Trees of two models, turned and scaled, over 400 m, below a node that is itself moved."""
    generator = np.random.default_rng(seed)
    models = (tree_model(), replace(tree_model(), name="other"))
    nodes = []
    for number, model in enumerate(models):
        translations = generator.uniform(-200, 200, (count, 3)).astype(np.float32)
        rotations = Rotation.random(count, random_state=number).as_quat().astype(np.float32)
        scales = generator.uniform(0.5, 2, count).astype(np.float32)
        nodes.append(Node(f"kind_{number}", instances=Instances(model, translations, rotations, scales)))
    return Scene("forest", (Node("trees", (5.0, 1.0, -3.0), children=tuple(nodes)),))


@pytest.mark.parametrize("size", [None, 100.0, 64.0])
def test_merged_objects_are_where_nodes_were(tmp_path: Path, size: float | None) -> None:
    write_glb(forest(), tmp_path / "nodes.glb")
    write_glb(forest(), tmp_path / "merged.glb", ExportOptions(objects="merged", cell_size=size))
    np.testing.assert_allclose(corners(tmp_path / "merged.glb"), corners(tmp_path / "nodes.glb"), atol=2e-4)


def test_merged_squares_hold_what_stands_in_them(tmp_path: Path) -> None:
    scene = arranged(forest(), ExportOptions(objects="merged", cell_size=100.0))
    cells = scene.nodes[-1].children
    assert len({cell.name for cell in cells}) == len(cells) > 9
    for cell in cells:
        middle = np.array(cell.translation)
        np.testing.assert_array_equal((middle[[0, 2]] - 50) % 100, 0)
        assert all(child.name.startswith(f"{cell.name}_") for child in cell.children)
        materials = [child.name.removeprefix(f"{cell.name}_") for child in cell.children]
        assert materials in (["bark", "leaf"], ["bark", "leaf"] * 2)  # each of the two models has its own
    assert scene.triangles == forest().triangles


def test_instancing_by_the_extension_s_own_words(tmp_path: Path) -> None:
    path = tmp_path / "forest.glb"
    write_glb(forest(), path, ExportOptions(objects="instancing", cell_size=100.0))
    document, binary = read_glb(path)
    assert document["extensionsRequired"] == ["EXT_mesh_gpu_instancing"]
    parents = {child: node for node in document["nodes"] for child in node.get("children", [])}
    found = []
    for index, node in enumerate(document["nodes"]):
        if "EXT_mesh_gpu_instancing" not in node.get("extensions", {}):
            continue
        attributes = node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
        place, turn, scale = (
            read_accessor(document, binary, attributes[name]) for name in ("TRANSLATION", "ROTATION", "SCALE")
        )
        assert len(place) == len(turn) == len(scale)
        cell = parents[index]["translation"]
        assert (np.abs(place[:, [0, 2]]) <= 50.001).all()
        for t, r, s in zip(place, turn, scale, strict=True):
            matrix = np.eye(4)
            matrix[:3, :3] = Rotation.from_quat(r).as_matrix() * s
            matrix[:3, 3] = t + cell
            found.append(matrix)
    expected = []
    for node in forest().nodes[0].children:
        placed = node.instances
        assert placed is not None
        for t, r, s in zip(placed.translations, placed.rotations, placed.scales, strict=True):
            matrix = np.eye(4)
            matrix[:3, :3] = Rotation.from_quat(r).as_matrix() * s
            matrix[:3, 3] = t + np.float32([5, 1, -3])
            expected.append(matrix)
    key = [np.array(sorted(map(np.ravel, np.round(which, 3)), key=tuple)) for which in (found, expected)]
    np.testing.assert_allclose(*key, atol=2e-3)


def test_squares_grow_until_the_draw_calls_fit() -> None:
    for way, least in (("merged", 4), ("instancing", 4)):
        for limit in (4, 16, 40):
            options = ExportOptions(objects=way, cell_size=25.0, maximum_draw_calls=limit)
            scene = arranged(forest(), options)
            models = [node.model or (node.instances and node.instances.model) for node in scene.walk()]
            calls = sum(len(model.primitives) for model in models if model)
            assert least <= calls <= limit
            assert scene.triangles == forest().triangles


def test_auto_merges_only_what_stays_small() -> None:
    exact = merged_bytes(forest())
    assert exact == 80 * (8 * 32 + 4 * 12)  # 80 trees of 8 vertices and 4 triangles
    fits = ExportOptions(objects="auto", maximum_merged_bytes=exact)
    assert all(node.instances is None for node in arranged(forest(), fits).walk())
    over = replace(fits, maximum_merged_bytes=exact - 1)
    assert sum(len(node.instances) for node in arranged(forest(), over).walk() if node.instances) == 80


def with_levels(scene: Scene) -> Scene:
    """The forest with a coarser level, one primitive less, below a fifth of the screen."""

    def add(node: Node) -> Node:
        placed = node.instances
        assert placed is not None
        coarse = Model("coarse", placed.model.primitives[1:])
        return replace(node, instances=replace(placed, levels=(Level(coarse, 0.2),)))

    return replace(scene, nodes=tuple(replace(n, children=tuple(map(add, n.children))) for n in scene.nodes))


@pytest.mark.parametrize("way", ["merged", "instancing"])
def test_levels_are_tied_by_msft_lod(tmp_path: Path, way: str) -> None:
    path = tmp_path / "levels.glb"
    options = ExportOptions(objects=way, cell_size=100.0, levels=True)  # type: ignore[arg-type]
    write_glb(with_levels(forest()), path, options)
    document, _ = read_glb(path)
    assert "MSFT_lod" in document["extensionsUsed"]
    assert "MSFT_lod" not in document.get("extensionsRequired", [])
    in_tree = set(document["scenes"][0]["nodes"]) | {
        child for node in document["nodes"] for child in node.get("children", [])
    }
    tied = [node for node in document["nodes"] if "MSFT_lod" in node.get("extensions", {})]
    assert tied
    for node in tied:
        ids = node["extensions"]["MSFT_lod"]["ids"]
        assert len(ids) + 1 == len(node["extras"]["MSFT_screencoverage"])
        assert node["extras"]["MSFT_screencoverage"] == sorted(
            node["extras"]["MSFT_screencoverage"], reverse=True
        )
        for index in ids:
            assert index not in in_tree  # clients that know nothing of levels show the finest alone
            assert "mesh" in document["nodes"][index]
            assert document["nodes"][index].get("translation") == node.get("translation")


def test_what_is_no_object_stays(tmp_path: Path) -> None:
    scene = arranged(example_scene(), ExportOptions(objects="merged"))
    assert [node.name for node in scene.nodes] == ["terrain", "water", "sun", "objects"]
    assert scene.triangles == example_scene().triangles
    bare = Scene("bare", example_scene().nodes[:1])
    assert arranged(bare, ExportOptions(objects="merged")) is bare


@pytest.mark.parametrize("way", ["nodes", "instancing", "merged"])
def test_inspection_tells_the_exact_box_of_turned_objects(tmp_path: Path, way: str) -> None:
    write_glb(forest(), tmp_path / "nodes.glb")
    low, high = trimesh.load_scene(tmp_path / "nodes.glb").bounds
    write_glb(forest(), tmp_path / "other.glb", ExportOptions(objects=way))  # type: ignore[arg-type]
    found = inspect_file(tmp_path / "other.glb")
    assert found.triangles == forest().triangles
    assert found.bounds is not None
    np.testing.assert_allclose(found.bounds, [low, high], atol=1e-3)
