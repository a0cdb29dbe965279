"""What is solid of an object: closed, convex, where the trunk or the rock is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from worldgen.asset_kind import AssetKind
from worldgen.assets import build_kind, load_user_kind
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.object_colliders import capsule_prism, object_colliders, trunk_capsule
from worldgen.shapes import tube


def model_of(shape: trimesh.Trimesh, alpha: str = "OPAQUE", name: str = "thing") -> Mesh:
    material = PBRMaterial(name, alpha_mode=alpha)  # type: ignore[arg-type]
    return Mesh(
        np.float32(shape.vertices),
        np.float32(shape.vertex_normals),
        np.zeros((len(shape.vertices), 2), np.float32),
        np.uint32(shape.faces),
        material,
    )


def kind_of(*parts: Mesh, collider: str | None = "hull") -> AssetKind:
    return AssetKind("thing", ((Model("thing_0_lod0", parts),),), 1.0, collider=collider)  # type: ignore[arg-type]


def solid_of(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.positions, mesh.indices, process=False)


def test_a_hull_holds_its_mesh_and_is_closed_and_convex() -> None:
    box = trimesh.creation.box((2.0, 1.0, 3.0))
    (collider,) = object_colliders(kind_of(model_of(box)))
    assert collider is not None
    solid = solid_of(collider.model.primitives[0])
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume == pytest.approx(6.0)  # above 0: its faces look outwards
    assert (collider.height, collider.reach) == (0.5, pytest.approx(np.hypot(1.0, 1.5)))
    assert collider.capsule is None


@pytest.mark.parametrize("name", ["rock", "boulder"])
def test_rocks_become_hulls_of_few_faces_near_their_size(name: str) -> None:
    kind = build_kind(name, 3)
    for levels, collider in zip(kind.models, object_colliders(kind), strict=True):
        assert collider is not None
        solid = solid_of(collider.model.primitives[0])
        own = trimesh.Trimesh(levels[0].primitives[0].positions).convex_hull
        assert len(solid.faces) <= 60
        assert solid.is_watertight
        assert solid.is_convex
        assert solid.volume == pytest.approx(own.volume, rel=1e-4)
        for one, other in ((own, solid), (solid, own)):  # how far points lie beyond the other's faces
            beyond = np.einsum("fd,vfd->vf", one.face_normals, other.vertices[:, None] - one.triangles[:, 0])
            assert beyond.max() < 0.2  # of about a metre's radius


def test_a_flat_thing_becomes_a_thin_box() -> None:
    sheet = trimesh.Trimesh([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    (collider,) = object_colliders(kind_of(model_of(sheet)))
    assert collider is not None
    assert solid_of(collider.model.primitives[0]).volume == pytest.approx(2.02 * 1.02 * 0.02, rel=1e-4)


def test_a_leaning_trunk_becomes_a_capsule_along_it() -> None:
    foot, top = np.array([0.1, -0.5, 0.0]), np.array([0.9, 7.5, 0.4])
    trunk = tube([foot, 0.5 * (foot + top), top], [0.3, 0.3, 0.3], 16, (0, 0, 1, 1), [0, 1, 2], pointed=False)
    capsule = trunk_capsule(trunk.positions, trunk.indices)
    assert capsule is not None
    assert capsule.radius == pytest.approx(0.3, rel=0.03)
    ahead = (top - foot) / np.linalg.norm(top - foot)
    for point in (capsule.start, capsule.end):
        off = np.array(point) - foot
        assert np.linalg.norm(off - ahead * (off @ ahead)) < 0.02
    assert capsule.end[1] == pytest.approx(4.0, abs=0.01)
    assert capsule.start[1] == pytest.approx(-0.3, abs=0.02)


def test_the_prism_of_a_capsule_is_closed_and_about_as_thick() -> None:
    (collider,) = object_colliders(
        kind_of(model_of(trimesh.creation.cylinder(0.5, 6.0).apply_transform(UPRIGHT)), collider="trunk")
    )
    assert collider is not None
    assert collider.capsule is not None
    points, faces = capsule_prism(collider.capsule)
    solid = trimesh.Trimesh(points, faces, process=False)
    assert solid.is_watertight
    assert solid.volume / np.ptp(points[:, 1]) == pytest.approx(np.pi * 0.25, rel=0.1)


UPRIGHT = trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0])


@pytest.mark.parametrize("name", ["broadleaf", "palm", "dead_tree", "cactus"])
def test_trees_are_solid_at_the_trunk_alone(name: str) -> None:
    kind = build_kind(name, 3)
    for levels, collider in zip(kind.models, object_colliders(kind), strict=True):
        assert collider is not None
        assert collider.capsule is not None
        assert 0.08 < collider.capsule.radius < 0.6
        # Below the ground a model is nothing but its trunk.
        positions = levels[0].primitives[0].positions
        buried = positions[positions[:, 1] < -0.05]
        assert np.hypot(buried[:, 0], buried[:, 2]).max() < 2.2 * collider.capsule.radius
        assert collider.reach < 0.25 * collider.height


@pytest.mark.parametrize("name", ["fern", "grass", "reed", "shrub"])
def test_what_bends_is_not_solid(name: str) -> None:
    assert set(object_colliders(build_kind(name, 3))) == {None}


def test_a_users_model_is_solid_by_its_materials(tmp_path: Path) -> None:
    def saved(name: str, **parts: str) -> Path:
        scene = trimesh.Scene()
        for number, (part, mode) in enumerate(parts.items()):
            box = trimesh.creation.box((1.0, 2.0, 1.0))
            box.apply_translation([0, 2.0 * number, 0])
            material = trimesh.visual.material.PBRMaterial(name=part, alphaMode=mode)
            box.visual = trimesh.visual.TextureVisuals(np.zeros((len(box.vertices), 2)), material=material)
            scene.add_geometry(box, geom_name=part)
        path = tmp_path / f"{name}.glb"
        scene.export(path)
        return path

    house = load_user_kind(saved("house", wall="OPAQUE", roof="OPAQUE"))
    tree = load_user_kind(saved("tree", bark="OPAQUE", leaf="MASK"))
    weed = load_user_kind(saved("weed", leaf="MASK"))
    assert (house.collider, tree.collider, weed.collider) == ("hull", "trunk", None)
    (walls,) = object_colliders(house)
    assert walls is not None
    assert walls.height == pytest.approx(4.0, abs=0.01)
