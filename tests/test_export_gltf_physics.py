"""Colliders, navigation and starts in the file, read back by the rules of each engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import example_scene, read_accessor, read_glb, tree_model
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from worldgen.collision import unseen_mesh
from worldgen.export import ExportOptions, write_glb
from worldgen.mesh import Model
from worldgen.scene import Instances, Node, Scene

CAPSULE = {"start": [0.0, -0.5, 0.0], "end": [0.3, 3.5, -0.4], "radius": 0.25}
BOX = np.float32([[x, y, z] for x in (-1, 1) for y in (0, 2) for z in (-1, 1)])
BOX_FACES = np.uint32(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


def placed(name: str, count: int, **extras: Any) -> Node:
    random = np.random.default_rng(count)
    rotations = Rotation.random(count, random_state=3).as_quat().astype(np.float32)
    translations = random.uniform(-300, 300, (count, 3)).astype(np.float32)
    scales = random.uniform(0.5, 1.5, count).astype(np.float32)
    model = Model(f"{name}_0_lod0_collision", (unseen_mesh(BOX, BOX_FACES),))
    instances = Instances(model, translations, rotations, scales)
    return Node(
        f"{name}_0_collision", instances=instances, purpose="collider", extras={"of": "tree", **extras}
    )


def unseen_scene() -> Scene:
    """The example scene, a chunk of ground, trunks and rocks to collide with, a way and two starts."""
    ground = unseen_mesh(np.float32([[0, 1, 0], [0, 2, 4], [4, 3, 0]]), np.uint32([[0, 1, 2]]))
    way = unseen_mesh(np.float32([[0, 1, 0], [0, 2, 8], [8, 3, 0]]), np.uint32([[0, 1, 2]]))
    nodes = (
        Node(
            "collision",
            (100.0, 0.0, 0.0),
            purpose="collider",
            children=(
                Node("terrain_0_0_collision", (0, 0, 7), Model("ground", (ground,)), purpose="collider"),
                placed("trunk", 40, capsule=CAPSULE),
                placed("stone", 25),
            ),
        ),
        Node("navigation", model=Model("navigation", (way,)), purpose="navigation"),
        Node(
            "starts",
            purpose="start",
            children=(
                Node("start_0", (3.0, 4.0, 5.0), purpose="start", yaw=90.0),
                Node("start_1", (-3.0, 4.0, 5.0), purpose="start", yaw=0.0),
            ),
        ),
    )
    seen = example_scene()
    return dataclasses.replace(seen, nodes=(*seen.nodes, *nodes))


def written(
    tmp_path: Path, colliders: str | None, scene: Scene | None = None
) -> tuple[dict[str, Any], bytes]:
    options = ExportOptions(colliders=colliders)  # type: ignore[arg-type]
    write_glb(scene or unseen_scene(), tmp_path / "world.glb", options)
    return read_glb(tmp_path / "world.glb")


def mesh_points(document: dict[str, Any], binary: bytes, mesh: int) -> tuple[NDArray[Any], NDArray[Any]]:
    (primitive,) = document["meshes"][mesh]["primitives"]
    assert set(primitive["attributes"]) == {"POSITION"}
    points = read_accessor(document, binary, primitive["attributes"]["POSITION"])
    return points, read_accessor(document, binary, primitive["indices"]).reshape(-1, 3)


def world_boxes(node: Node, offset: tuple[float, float, float] = (100.0, 0.0, 0.0)) -> NDArray[np.float64]:
    """Return (N, 8, 3): where each placed box's corners lie, by scipy."""
    instances = node.instances
    assert instances is not None
    return np.stack(
        [
            Rotation.from_quat(quaternion).apply(BOX * scale) + translation + offset
            for quaternion, scale, translation in zip(
                instances.rotations, instances.scales, instances.translations.astype(float), strict=True
            )
        ]
    )


def test_nothing_unseen_is_written_by_default(tmp_path: Path) -> None:
    assert written(tmp_path, None) == written(tmp_path, None, example_scene())


def test_godot_finds_bodies_a_region_and_starts_by_name(tmp_path: Path) -> None:
    document, binary = written(tmp_path, "godot")
    nodes = {node["name"]: node for node in document["nodes"]}
    roots = {document["nodes"][index]["name"] for index in document["scenes"][0]["nodes"]}
    bodies = [name for name in nodes if name.endswith("-colonly")]
    regions = [name for name in nodes if name.endswith("-navmesh")]
    assert regions == ["navigation-navmesh"]
    assert {*bodies, *regions, "start_0", "start_1"} <= roots
    ground = nodes["terrain_0_0_collision-colonly"]
    assert ground["translation"] == [100, 0, 7]
    points, indices = mesh_points(document, binary, ground["mesh"])
    np.testing.assert_array_equal(points[indices][0], [[0, 1, 0], [0, 2, 4], [4, 3, 0]])
    points, _ = mesh_points(document, binary, nodes["navigation-navmesh"]["mesh"])
    assert points.max() == 8


def test_godot_gets_all_objects_merged_by_cells(tmp_path: Path) -> None:
    document, binary = written(tmp_path, "godot")
    corners, triangles = [], 0
    for node in document["nodes"]:
        if node["name"].startswith("objects_"):
            assert "scale" not in node
            assert "rotation" not in node
            points, indices = mesh_points(document, binary, node["mesh"])
            corners.append(points + node["translation"])
            triangles += len(indices)
            assert np.ptp(corners[-1][:, [0, 2]], axis=0).max() < 512 + 8
    assert len(corners) == 4
    assert triangles == 65 * 12
    collision = unseen_scene().nodes[-3]
    expected = np.concatenate([world_boxes(node) for node in collision.children[1:]]).reshape(-1, 3)
    found = np.concatenate(corners)
    assert len(found) == len(expected)
    from scipy.spatial import cKDTree

    assert cKDTree(found).query(expected)[0].max() < 1e-3


def test_without_cells_all_objects_are_one_body(tmp_path: Path) -> None:
    options = ExportOptions(colliders="godot", cell_size=None)
    write_glb(unseen_scene(), tmp_path / "world.glb", options)
    names = [node["name"] for node in read_glb(tmp_path / "world.glb")[0]["nodes"]]
    assert [name for name in names if name.startswith("objects_")] == ["objects_0_0-colonly"]


@pytest.mark.parametrize("colliders", ["godot", "unreal", "omi"])
def test_starts_look_along_their_minus_z(tmp_path: Path, colliders: str) -> None:
    document, _ = written(tmp_path, colliders)
    nodes = {node["name"]: node for node in document["nodes"]}
    assert nodes["start_0"]["translation"] == [3, 4, 5]
    look = Rotation.from_quat(nodes["start_0"]["rotation"]).apply([0, 0, -1])
    np.testing.assert_allclose(look, [-1, 0, 0], atol=1e-6)  # a quarter turn to the left of north is west
    np.testing.assert_allclose(Rotation.from_quat(nodes["start_1"]["rotation"]).apply([0, 0, -1]), [0, 0, -1])


def test_unreal_finds_one_convex_mesh_for_each_mesh_that_is_seen(tmp_path: Path) -> None:
    """By Interchange's rule: what lies between the first and the last underscore is the name of a mesh."""
    document, binary = written(tmp_path, "unreal")
    hulls = [node for node in document["nodes"] if node["name"].startswith("UCX_")]
    assert len(hulls) == 2  # the trunk and the stone are both of the tree here
    for node in hulls:
        assert document["meshes"][node["mesh"]]["name"] == node["name"]
        assert node["name"].split("_", 1)[1].rsplit("_", 1)[0] == "tree"
        mesh_points(document, binary, node["mesh"])
    assert len({node["name"] for node in hulls}) == 2
    assert "tree" in [mesh["name"] for mesh in document["meshes"]]
    assert not {"ground", "navigation"} & {mesh["name"] for mesh in document["meshes"]}


def test_unreal_calls_a_mesh_that_stands_once_by_its_node(tmp_path: Path) -> None:
    seen = example_scene()
    trees = Instances(
        tree_model(), np.zeros((1, 3), np.float32), np.float32([[0, 0, 0, 1]]), np.ones(1, np.float32)
    )
    scene = Scene("one", (seen.nodes[0], Node("oaks", instances=trees), placed("trunk", 3)))
    document, _ = written(tmp_path, "unreal", scene)
    assert [node["name"] for node in document["nodes"] if node["name"].startswith("UCX")] == ["UCX_oaks_0_00"]


def test_unreal_finds_another_level_of_what_is_seen(tmp_path: Path) -> None:
    trees = Instances(
        dataclasses.replace(tree_model(), name="oak_0_lod0"),
        np.zeros((2, 3), np.float32),
        np.float32([[0, 0, 0, 1], [0, 0, 0, 1]]),
        np.ones(2, np.float32),
    )
    trunk = placed("trunk", 3)
    trunk.extras["of"] = "oak_0_lod1"
    document, _ = written(tmp_path, "unreal", Scene("one", (Node("oaks", instances=trees), trunk)))
    assert [node["name"] for node in document["nodes"] if node["name"].startswith("UCX")] == [
        "UCX_oak_0_lod0_00"
    ]


def test_omi_bodies_are_static_unscaled_and_where_the_objects_are(tmp_path: Path) -> None:
    document, binary = written(tmp_path, "omi")
    shapes = document["extensions"]["OMI_physics_shape"]["shapes"]
    used = {"OMI_physics_body", "OMI_physics_shape", "OMI_spawn_point"}
    assert used <= set(document["extensionsUsed"])
    assert "extensionsRequired" not in document
    bodies = [node for node in document["nodes"] if "OMI_physics_body" in node.get("extensions", {})]
    assert len(bodies) == 1 + 40 + 25
    kinds = []
    scene = unseen_scene().nodes[-3]
    trunks, stones = (node.instances for node in scene.children[1:])
    assert trunks is not None
    assert stones is not None
    for node in bodies:
        assert "mesh" not in node  # unaware clients draw nothing
        assert "scale" not in node
        body = node["extensions"]["OMI_physics_body"]
        assert set(body) == {"collider"}  # no motion: it stands
        shape = shapes[body["collider"]["shape"]]
        kinds.append(shape["type"])
        turn = Rotation.from_quat(node.get("rotation", [0, 0, 0, 1]))
        number = int(node["name"].rsplit("_", 1)[1]) if shape["type"] != "trimesh" else 0
        if shape["type"] == "cylinder":
            own = Rotation.from_quat(trunks.rotations[number])
            scale, place = trunks.scales[number], trunks.translations[number] + [100, 0, 0]
            sizes = shape["cylinder"]
            half = sizes["height"] / 2
            for sign, end in ((-1, "start"), (1, "end")):
                found = turn.apply([0, sign * half, 0]) + node["translation"]
                expected = own.apply(np.array(CAPSULE[end]) * scale) + place
                assert np.linalg.norm(found - expected) < 0.012 * 4 * scale
            assert sizes["radiusTop"] == sizes["radiusBottom"] == sizes["radius"]  # both drafts' words
            assert sizes["radius"] == pytest.approx(0.25 * scale, rel=0.012)
        elif shape["type"] == "convex":
            points, _ = mesh_points(document, binary, shape["convex"]["mesh"])
            found = turn.apply(points) + node["translation"]
            assert np.abs(found - world_boxes(scene.children[2])[number]).max() < 0.012 * 3 * 1.5
        else:
            points, _ = mesh_points(document, binary, shape["trimesh"]["mesh"])
            assert points.max() == 4
    assert (kinds.count("trimesh"), kinds.count("cylinder"), kinds.count("convex")) == (1, 40, 25)
    shared = [shape for shape in shapes if shape["type"] == "cylinder"]
    assert len(shared) < 40
    starts = [node for node in document["nodes"] if "OMI_spawn_point" in node.get("extensions", {})]
    assert [node["extensions"]["OMI_spawn_point"]["title"] for node in starts] == ["start_0", "start_1"]
    mesh = document["scenes"][0]["extras"]["navigation_mesh"]
    assert document["meshes"][mesh]["name"] == "navigation"
    assert not [node for node in document["nodes"] if node.get("mesh") == mesh]
