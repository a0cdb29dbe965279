"""worldgen.export.gltf: read back by the specification's own rules, and by trimesh."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from export_examples import checker, example_scene, grid_mesh, read_accessor, read_glb, tree_model
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

import worldgen.export.gltf
from worldgen.errors import ExportError
from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.gltf_nodes import light_rotation
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import DirectionalLight, Instances, Node, Scene


@pytest.fixture(scope="module")
def glb(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes, Path]:
    path = tmp_path_factory.mktemp("glb") / "example.glb"
    assert write_glb(example_scene(), path) == [path]
    return *read_glb(path), path


def named(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [entry for entry in objects if entry.get("name") == name]
    return found


def only(mesh: Mesh) -> Scene:
    return Scene("s", (Node("n", model=Model("m", (mesh,))),))


def test_trimesh_sees_the_same_world(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    loaded = trimesh.load_scene(glb[2])
    assert sum(len(mesh.faces) for mesh in loaded.dump()) == example_scene().triangles == 30
    points = [
        np.add(grid_mesh(3, 3, PBRMaterial("m"), 1.0 + column).positions, [2 * column, 0, 0])
        for column in (0, 1)
    ]
    points.append(grid_mesh(2, 2, PBRMaterial("m"), 0.0).positions - [0, 0.125, 0])
    trees = example_scene().nodes[1].instances
    assert trees is not None
    corners = np.concatenate([part.positions for part in trees.model.primitives])
    for translation, rotation, scale in zip(trees.translations, trees.rotations, trees.scales, strict=True):
        points.append(Rotation.from_quat(rotation).apply(corners * scale) + translation + [10, 0, 0])
    everything = np.concatenate(points)
    assert np.allclose(loaded.bounds, [everything.min(axis=0), everything.max(axis=0)], atol=1e-5)


def test_document_is_plain_core_gltf(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    document, binary, _ = glb
    assert document["asset"]["version"] == "2.0"
    assert document["asset"]["generator"].startswith("worldgen ")
    assert document["extensionsUsed"] == ["KHR_lights_punctual"]
    assert "extensionsRequired" not in document
    assert document["scenes"] == [{"name": "example world", "nodes": [0, 3, 7, 8], "extras": {"seed": 7}}]
    assert named(document["nodes"], "terrain")["extras"] == {"spacing": 1.0}
    assert document["buffers"] == [{"byteLength": len(binary)}]

    def no_empty(value: Any) -> None:
        assert value not in ([], {}, None)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            no_empty(item)

    no_empty(document)


def test_colors_and_currents_come_back(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 3, PBRMaterial("water", alpha_mode="BLEND"))
    colors = np.linspace(0, 1, 24, dtype=np.float32).reshape(6, 4)
    velocity = np.arange(12, dtype=np.float32).reshape(6, 2) - 4
    write_glb(only(dataclasses.replace(mesh, colors=colors, velocity=velocity)), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    accessor = document["accessors"][attributes["COLOR_0"]]
    assert (accessor["componentType"], accessor["normalized"], accessor["type"]) == (5123, True, "VEC4")
    stored = read_accessor(document, binary, attributes["COLOR_0"])
    np.testing.assert_allclose(stored / 65535, colors, atol=1e-5)
    np.testing.assert_array_equal(read_accessor(document, binary, attributes["TEXCOORD_1"]), velocity)


def test_vertices_and_indices_come_back(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    document, binary, _ = glb
    source = example_scene().nodes[0].children[1].model
    assert source is not None
    (primitive,) = named(document["meshes"], "chunk_0_1")["primitives"]
    attributes = primitive["attributes"]
    positions = read_accessor(document, binary, attributes["POSITION"])
    assert np.array_equal(positions, source.primitives[0].positions)
    assert np.array_equal(read_accessor(document, binary, attributes["NORMAL"]), source.primitives[0].normals)
    assert np.array_equal(
        read_accessor(document, binary, attributes["TEXCOORD_0"]), source.primitives[0].texcoords
    )
    indices = read_accessor(document, binary, primitive["indices"])
    assert indices.dtype == np.uint16
    assert np.array_equal(indices.reshape(-1, 3), source.primitives[0].indices)
    targets = {document["bufferViews"][k]["target"] for k in (attributes["POSITION"], attributes["NORMAL"])}
    assert targets == {34962}
    assert (
        document["bufferViews"][document["accessors"][primitive["indices"]]["bufferView"]]["target"] == 34963
    )


def test_bounds_are_the_stored_float32(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("m"))
    awkward = dataclasses.replace(mesh, positions=mesh.positions * np.float32(0.1) + np.float32(1 / 3))
    write_glb(only(awkward), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    index = document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]
    stored = read_accessor(document, binary, index).astype(np.float64)
    assert document["accessors"][index]["min"] == stored.min(axis=0).tolist()
    assert document["accessors"][index]["max"] == stored.max(axis=0).tolist()


@pytest.mark.parametrize(("count", "component"), [(65535, 5123), (65536, 5125)])
def test_indices_never_reach_the_types_maximum(tmp_path: Path, count: int, component: int) -> None:
    last = count - 1
    mesh = Mesh(
        np.zeros((count, 3), np.float32),
        np.tile(np.float32([0, 1, 0]), (count, 1)),
        np.zeros((count, 2), np.float32),
        np.uint32([[0, 1, last]]),
        PBRMaterial("m"),
    )
    write_glb(only(mesh), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    index = document["meshes"][0]["primitives"][0]["indices"]
    assert document["accessors"][index]["componentType"] == component
    assert read_accessor(document, binary, index).max() == last


def test_equal_things_are_stored_once(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    document = glb[0]
    first, second = (named(document["meshes"], f"chunk_0_{k}")["primitives"][0] for k in (0, 1))
    assert first["indices"] == second["indices"]
    assert first["attributes"]["TEXCOORD_0"] == second["attributes"]["TEXCOORD_0"]
    assert first["attributes"]["POSITION"] != second["attributes"]["POSITION"]
    assert [image["name"] for image in document["images"]] == [
        "ground_0_base_color",
        "ground_0_orm",
        "ground_0_normal",
        "ground_1_base_color",
        "bark_base_color",
        "leaf_base_color",
    ]
    assert {entry["mesh"] for entry in document["nodes"] if entry["name"].startswith("trees_")} == {2}
    assert len(document["meshes"]) == 4


def test_attributes_that_nothing_uses_are_left_out(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    meshes = glb[0]["meshes"]
    assert set(named(meshes, "water")["primitives"][0]["attributes"]) == {"POSITION", "NORMAL"}
    assert set(named(meshes, "tree")["primitives"][0]["attributes"]) == {"POSITION", "NORMAL", "TEXCOORD_0"}
    # A normal map without tangents is a warning of gltf-validator, so they are derived.
    assert "TANGENT" in named(meshes, "chunk_0_0")["primitives"][0]["attributes"]


def test_given_tangents_are_kept(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("m", normal=checker(4, (128, 128, 255))))
    given = np.tile(np.float32([0, 0, 1, -1]), (4, 1))
    write_glb(only(dataclasses.replace(mesh, tangents=given)), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    index = document["meshes"][0]["primitives"][0]["attributes"]["TANGENT"]
    assert np.array_equal(read_accessor(document, binary, index), given)


def test_materials(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    document = glb[0]
    ground = named(document["materials"], "ground_0")
    surface = ground["pbrMetallicRoughness"]
    assert surface["metallicFactor"] == 0.0
    assert surface["roughnessFactor"] == 1.0
    assert ground["occlusionTexture"] == surface["metallicRoughnessTexture"]
    sampler = document["samplers"][document["textures"][ground["normalTexture"]["index"]]["sampler"]]
    assert sampler == {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}
    leaf = named(document["materials"], "leaf")
    assert (leaf["alphaMode"], leaf["alphaCutoff"]) == ("MASK", 0.4)
    texture = document["textures"][leaf["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    assert document["samplers"][texture["sampler"]]["wrapS"] == 10497
    assert document["images"][texture["source"]]["mimeType"] == "image/png"
    water = named(document["materials"], "water")
    assert water["alphaMode"] == "BLEND"
    assert "alphaCutoff" not in water
    assert water["pbrMetallicRoughness"]["baseColorFactor"] == [0.1, 0.2, 0.3, 0.6]


def test_images_are_the_pixels_given(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    document, binary, _ = glb
    for name, expected in (
        ("leaf_base_color", checker(8, (40, 160, 30, 200))),
        ("ground_1_base_color", checker(8, (90, 180, 60))),
    ):
        image = named(document["images"], name)
        view = document["bufferViews"][image["bufferView"]]
        assert set(view) == {"buffer", "byteOffset", "byteLength"}
        data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        for quarter in (np.s_[:4, :4], np.s_[4:, 4:]):  # the edge between them suffers from JPEG
            assert np.abs(pixels[quarter].mean((0, 1)) - expected[quarter].mean((0, 1))).max() <= 8


def test_alpha_of_an_opaque_material_is_dropped(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("m", checker(8, (10, 20, 30, 0))))
    write_glb(only(mesh), tmp_path / "a.glb")
    assert read_glb(tmp_path / "a.glb")[0]["images"][0]["mimeType"] == "image/jpeg"


def test_placed_nodes(glb: tuple[dict[str, Any], bytes, Path]) -> None:
    nodes = glb[0]["nodes"]
    group = named(nodes, "trees")
    assert group["translation"] == [10.0, 0.0, 0.0]
    assert group["children"] == [4, 5, 6]
    assert nodes[4] == {"name": "trees_0", "mesh": 2, "translation": [0.0, 0.0, 0.0]}
    assert nodes[5]["translation"] == [1.0, 0.5, -2.0]
    assert nodes[5]["scale"] == [2.0, 2.0, 2.0]
    assert np.allclose(nodes[5]["rotation"], [0, np.sqrt(0.5), 0, np.sqrt(0.5)], atol=1e-7)
    assert nodes[6]["rotation"] == [0.5, 0.5, 0.5, 0.5]


def test_rotations_are_unit_after_rounding(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rotations = rng.normal(size=(500, 4)) * [[1.3]]
    rotations = rotations[np.linalg.norm(rotations, axis=1) > 0.6].astype(np.float32)
    count = len(rotations)
    places = Instances(tree_model(), np.zeros((count, 3), np.float32), rotations, np.ones(count, np.float32))
    write_glb(Scene("s", (Node("n", instances=places),)), tmp_path / "a.glb")
    document, _ = read_glb(tmp_path / "a.glb")
    written = np.array([entry["rotation"] for entry in document["nodes"] if "rotation" in entry])
    assert len(written) == count
    assert np.abs(np.linalg.norm(written, axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize(
    "direction", [(0, -1, 0), (0, 0, -1), (0, 0, 1), (1, 0, 0), (0.5, -0.8, 0.3), (1e-9, 0, 5)]
)
def test_light_shines_along_its_direction(direction: tuple[float, float, float]) -> None:
    turned = Rotation.from_quat(light_rotation(direction)).apply([0, 0, -1])
    assert np.allclose(turned, np.array(direction) / np.linalg.norm(direction), atol=1e-6)


def test_sun(glb: tuple[dict[str, Any], bytes, Path], tmp_path: Path) -> None:
    document = glb[0]
    (light,) = document["extensions"]["KHR_lights_punctual"]["lights"]
    assert light["type"] == "directional"
    assert light["intensity"] == pytest.approx(3.0)
    assert light["extras"] == {"illuminance_lux": 100000.0}
    sun = named(document["nodes"], "sun")
    assert sun["extensions"] == {"KHR_lights_punctual": {"light": 0}}
    assert np.allclose(Rotation.from_quat(sun["rotation"]).apply([0, 0, -1]), [0.6, -0.8, 0], atol=1e-6)

    # A light's rotation must not turn the model beside it.
    both = Node("n", model=tree_model(), light=DirectionalLight((0, -1, 0)))
    write_glb(Scene("s", (both,)), tmp_path / "a.glb", ExportOptions(light_scale=1.0))
    document, _ = read_glb(tmp_path / "a.glb")
    assert "rotation" not in document["nodes"][0]
    assert document["nodes"][document["nodes"][0]["children"][0]]["name"] == "sun"
    assert document["extensions"]["KHR_lights_punctual"]["lights"][0]["intensity"] == 100000.0


def test_nodes_with_nothing_are_left_out(tmp_path: Path) -> None:
    none = Instances(
        tree_model(), np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    )
    hollow = dataclasses.replace(grid_mesh(2, 2, PBRMaterial("unseen")), indices=np.zeros((0, 3), np.uint32))
    nodes = (
        Node("no trees", instances=none),
        Node("hollow", model=Model("h", (hollow,))),
        Node("spawn", (1, 2, 3)),
    )
    write_glb(Scene("s", (*nodes, Node("nested", children=(nodes[0],)))), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    assert document["nodes"] == [{"name": "spawn", "translation": [1.0, 2.0, 3.0]}]
    assert binary == b""
    assert set(document) == {"asset", "scene", "scenes", "nodes"}


def test_gltf_is_the_glb_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "mein Wäldchen.gltf"
    files = write_gltf(example_scene(), path)
    assert files[-1] == path
    assert sorted(files) == sorted(file for file in path.parent.rglob("*") if file.is_file())
    document = json.loads(path.read_bytes())
    for entry in document["buffers"] + document["images"]:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", entry["uri"])  # nothing that a URI would have to encode
        assert path.parent / entry["uri"] in files
    binary = path.with_name("mein_W_ldchen.bin").read_bytes()
    assert document["buffers"][0]["byteLength"] == len(binary)
    write_glb(example_scene(), tmp_path / "a.glb")
    whole, whole_binary = read_glb(tmp_path / "a.glb")
    assert document["accessors"] == whole["accessors"]
    assert whole_binary.startswith(binary)
    loaded = trimesh.load_scene(path)
    assert sum(len(mesh.faces) for mesh in loaded.dump()) == 30


def test_two_worlds_share_a_folder(tmp_path: Path) -> None:
    first = write_gltf(example_scene(), tmp_path / "alpine.gltf")
    second = write_gltf(example_scene(), tmp_path / "desert.gltf")
    assert not set(first) & set(second)


def test_bytes_do_not_depend_on_process_or_threads(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from export_examples import example_scene\n"
        "from worldgen.export import ExportOptions, write_glb\n"
        "write_glb(example_scene(), pathlib.Path(sys.argv[2]), ExportOptions(threads=int(sys.argv[3])))\n"
    )
    digests = set()
    for seed, threads in (("1", "1"), ("2", "4")):
        path = tmp_path / f"{seed}.glb"
        command = [sys.executable, "-c", code, str(Path(__file__).parent), str(path), threads]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_too_large_a_world_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worldgen.export.gltf, "SIZE_LIMIT", 500)
    for writer, name in ((write_glb, "a.glb"), (write_gltf, "a.gltf")):
        with pytest.raises(ExportError, match=r"would take .* GiB, and glTF ends at 4 GiB"):
            writer(example_scene(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def _with(positions: Any = None, normals: Any = None) -> Callable[[], Scene]:
    def make() -> Scene:
        mesh = grid_mesh(2, 2, PBRMaterial("m"))
        changed: dict[str, NDArray[np.float32]] = {}
        if positions is not None:
            changed["positions"] = np.full((4, 3), positions, np.float32)
        if normals is not None:
            changed["normals"] = np.full((4, 3), normals, np.float32)
        return only(dataclasses.replace(mesh, **changed))

    return make


def _placed(translation: float, rotation: float, scale: float) -> Callable[[], Scene]:
    arrays = (
        np.full((1, 3), translation, np.float32),
        np.full((1, 4), rotation, np.float32),
        np.full(1, scale, np.float32),
    )
    return lambda: Scene("s", (Node("rocks", instances=Instances(tree_model(), *arrays)),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_with(positions=np.nan), "'m' has positions that are not finite"),
        (_with(normals=0.0), "'m' has 4 normals that are not of unit length"),
        (_placed(np.inf, 0.5, 1), "'rocks' has 1 instances"),
        (_placed(0, 0, 1), "'rocks' has 1 instances"),
        (_placed(0, 0.5, 0), "'rocks' has 1 instances"),
        (lambda: Scene("s", (Node("n", extras={"a": float("nan")}),)), "not JSON"),
        (lambda: Scene("s", (Node("n", extras={"a": object()}),)), "not JSON"),
        (lambda: Scene("s", (Node("n", (float("inf"), 0, 0)),)), "not JSON"),
        (lambda: Scene("s", (Node("n", light=DirectionalLight((0, 0, 0))),)), "finite length"),
    ],
)
def test_what_no_client_can_show_is_refused(tmp_path: Path, make: Callable[[], Scene], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        write_glb(make(), tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []
