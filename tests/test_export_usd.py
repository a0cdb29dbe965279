"""worldgen.export.usd: stages opened and asked by OpenUSD itself, which knows nothing of the writer."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import example_scene, grid_mesh, tree_model
from numpy.typing import NDArray

from worldgen.errors import ExportError, MissingExtraError
from worldgen.export import ExportOptions, export_scene, write_usd
from worldgen.export.provenance import Net, Provenance
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Level, Node, Scene

pxr = pytest.importorskip("pxr")

from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux, UsdPhysics, UsdShade, UsdUtils, UsdValidation  # noqa: E402

SUFFIXES = (".usda", ".usdc", ".usdz")
# By the package rules of Apple's ARKit: every core type but point instancers, curves and lights.
ARKIT_TYPES = {"", "Scope", "Xform", "Mesh", "Material", "Shader"}


def opened(tmp_path: Path, scene: Scene, suffix: str = ".usdc", name: str = "world", **options: Any) -> Any:
    """The stage of a new file; USD keeps layers by name, so a second file of a test needs one of its own."""
    path = tmp_path / f"{name}{suffix}"
    assert not path.exists()
    return Usd.Stage.Open(str(write_usd(scene, path, ExportOptions(**options))[-1]))


def drawn(stage: Any) -> list[Any]:
    """All meshes that are drawn for themselves, those of instanceable prims included."""
    inside = Usd.TraverseInstanceProxies()
    found, instancers = [], []
    for prim in Usd.PrimRange.Stage(stage, inside):
        if prim.IsA(UsdGeom.PointInstancer):
            instancers.append(prim.GetPath())
        if prim.IsA(UsdGeom.Mesh) and not any(prim.GetPath().HasPrefix(path) for path in instancers):
            found.append(UsdGeom.Mesh(prim))
    return found


def world_triangles(stage: Any) -> NDArray[np.float64]:
    """(T, 3, 3) corners of all triangles in world axes, instances unrolled."""
    parts = []

    def add(mesh: Any, matrix: Any) -> None:
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get())
        assert (counts == 3).all()
        points = np.array(mesh.GetPointsAttr().Get(), np.float64)
        corners = points[np.array(mesh.GetFaceVertexIndicesAttr().Get())]
        rows = np.array(matrix)  # row vectors
        parts.append((corners @ rows[:3, :3] + rows[3, :3]).reshape(-1, 3, 3))

    cache, inside = UsdGeom.XformCache(), Usd.TraverseInstanceProxies()
    for mesh in drawn(stage):
        add(mesh, cache.GetLocalToWorldTransform(mesh.GetPrim()))
    for prim in stage.Traverse():
        if prim.IsA(UsdGeom.PointInstancer):
            instancer = UsdGeom.PointInstancer(prim)
            places = instancer.ComputeInstanceTransformsAtTime(0, 0)
            (target,) = instancer.GetPrototypesRel().GetTargets()
            for below in Usd.PrimRange(stage.GetPrimAtPath(target), inside):
                if below.IsA(UsdGeom.Mesh):
                    for place in places:
                        add(UsdGeom.Mesh(below), place * cache.GetLocalToWorldTransform(prim))
    return np.concatenate(parts)


def scene_triangles(scene: Scene) -> NDArray[np.float64]:
    """The same from the scene, by the textbook's rotation of a vector by a quaternion."""
    parts = []

    def visit(node: Node, offset: NDArray[np.float64]) -> None:
        offset = offset + np.array(node.translation)
        for mesh in node.model.primitives if node.model else ():
            parts.append(mesh.positions[mesh.indices] + offset)
        if node.instances:
            several = node.instances
            for place, (x, y, z, w), scale in zip(
                several.translations, several.rotations, several.scales, strict=True
            ):
                for mesh in several.model.primitives:
                    v = mesh.positions[mesh.indices].astype(np.float64) * scale
                    axis = np.array([x, y, z], np.float64)
                    turned = v + 2 * np.cross(axis, np.cross(axis, v) + w * v)
                    parts.append(turned + place + offset)
        for child in node.children:
            visit(child, offset)

    for node in scene.nodes:
        visit(node, np.zeros(3))
    return np.concatenate(parts)


def sorted_rows(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.round(triangles, 1).reshape(len(triangles), -1) + 0.0
    return triangles.reshape(len(triangles), -1)[np.lexsort(rows.T)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("objects", ["nodes", "instancing"])
def test_all_triangles_are_where_the_scene_has_them(tmp_path: Path, suffix: str, objects: str) -> None:
    scene = example_scene()
    stage = opened(tmp_path, scene, suffix, objects=objects)
    found, wanted = world_triangles(stage), scene_triangles(scene)
    assert len(found) == scene.triangles == 30
    # Half floats turn a thing of 10 m by less than 0.06 degrees.
    assert np.abs(sorted_rows(found) - sorted_rows(wanted)).max() < 0.011
    box = UsdGeom.BBoxCache(0, [UsdGeom.Tokens.default_]).ComputeWorldBound(stage.GetDefaultPrim())
    limits = box.ComputeAlignedRange()
    np.testing.assert_allclose(limits.GetMin(), wanted.min(axis=(0, 1)), atol=0.011)
    np.testing.assert_allclose(limits.GetMax(), wanted.max(axis=(0, 1)), atol=0.011)


def test_a_stage_says_its_units_axes_names_and_kinds(tmp_path: Path) -> None:
    stage = opened(tmp_path, example_scene())
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    root = stage.GetDefaultPrim()
    assert (root.GetName(), root.GetDisplayName()) == ("example_world", "example world")
    kinds = {
        name: Usd.ModelAPI(stage.GetPrimAtPath(f"/example_world{name}")).GetKind()
        for name in ("", "/terrain", "/terrain/chunk_0_0", "/trees")
    }
    assert list(kinds.values()) == ["assembly", "group", "component", "component"]
    assert stage.GetPrimAtPath("/example_world/terrain").GetCustomDataByKey("spacing") == 1.0
    data = stage.GetRootLayer().customLayerData
    assert data["seed"] == 7
    assert data["generator"].startswith("worldgen ")


def test_provenance_is_the_layers(tmp_path: Path) -> None:
    origin = Provenance("example", 7, "0" * 64, nets=(Net("terrain", "1" * 64, ("CC0",)),))
    stage = opened(tmp_path, replace(example_scene(), provenance=origin))  # a layer lives no longer
    data = stage.GetRootLayer().customLayerData["provenance"]
    assert data["seed"] == 7
    assert data["digital_source_type"].endswith("/trainedAlgorithmicMedia")
    for image in (tmp_path / "textures").iterdir():
        assert b"trainedAlgorithmicMedia" in image.read_bytes()


def test_north_is_minus_z_and_images_stand_upright(tmp_path: Path) -> None:
    rows = columns = 9
    material = PBRMaterial("ground", base_color=np.zeros((8, 8, 3), np.uint8))
    mesh = grid_mesh(rows, columns, material)
    positions = mesh.positions.copy()
    positions[:, 1] = 0
    peak = 1 * columns + 2  # row 1 of 9 from the north, column 2 of 9 from the west
    positions[peak, 1] = 50
    mesh = replace(mesh, positions=positions)
    stage = opened(tmp_path, Scene("land", (Node("land", (-4.0, 0.0, -4.0), Model("land", (mesh,))),)))
    (found,) = drawn(stage)
    points = np.array(found.GetPointsAttr().Get()) + np.array([-4, 0, -4])
    highest = int(points[:, 1].argmax())
    assert points[highest].tolist() == [-2, 50, -3]
    st = np.array(UsdGeom.PrimvarsAPI(found).GetPrimvar("st").Get())
    # Texture row 0 is the north edge, and in USD the top of an image has t = 1.
    assert st[highest].tolist() == [2 / 8, 1 - 1 / 8]
    assert st[points[:, 2] == -4][:, 1].tolist() == [1.0] * columns
    normals = np.array(found.GetNormalsAttr().Get())
    a, b, c = points[np.array(found.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3).T]
    assert (np.cross(b - a, c - a)[:, 1] > 0).all()
    assert (normals[:, 1] > 0).all()
    assert found.GetOrientationAttr().Get() == "rightHanded"
    assert found.GetSubdivisionSchemeAttr().Get() == "none"


def test_instances_of_all_nodes_share_one_prototype(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    quaternions = rng.normal(size=(50, 4)).astype(np.float32)
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    places = rng.uniform(-90, 90, (50, 3)).astype(np.float32)
    trees = Instances(tree_model(), places, quaternions, rng.uniform(0.5, 2, 50).astype(np.float32))
    again = replace(trees, translations=places + 200)
    scene = Scene("w", (Node("a", instances=trees), Node("b", (0.0, 7.0, 0.0), instances=again)))
    stage = opened(tmp_path, scene)
    instancers = [UsdGeom.PointInstancer(p) for p in stage.Traverse() if p.IsA(UsdGeom.PointInstancer)]
    assert len(instancers) == 2
    assert sum(len(each.GetPositionsAttr().Get()) for each in instancers) == 100
    assert len(stage.GetPrototypes()) == 1
    for each in instancers:
        (target,) = each.GetPrototypesRel().GetTargets()
        assert stage.GetPrimAtPath(target).GetPrototype() == stage.GetPrototypes()[0]
        own, whole = each.GetExtentAttr().Get(), each.ComputeExtentAtTime(0, 0)
        np.testing.assert_allclose(own, whole, atol=0.01)  # as exact as half floats turn
    found = world_triangles(stage)
    assert np.abs(sorted_rows(found) - sorted_rows(scene_triangles(scene))).max() < 0.011


def coarse_scene() -> Scene:
    material = PBRMaterial("ground", base_color=np.full((8, 8, 3), 90, np.uint8))
    fine, middle, coarse = (Model("chunk", (grid_mesh(n, n, material),)) for n in (9, 5, 3))
    tree = tree_model()
    trunk = Model("tree", tree.primitives[:1])
    trees = Instances(
        tree,
        np.float32([[0, 0, 0], [5, 0, 0]]),
        np.float32([[0, 0, 0, 1]] * 2),
        np.float32([1, 1]),
        (Level(trunk, 0.1),),
    )
    return Scene(
        "levels",
        (
            Node("chunk", model=fine, levels=(Level(middle, 0.5), Level(coarse, 0.2))),
            Node("trees", instances=trees),
        ),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_levels_are_variants(tmp_path: Path, suffix: str) -> None:
    stage = opened(tmp_path, coarse_scene(), suffix, levels=True)
    chunk = stage.GetPrimAtPath("/levels/chunk")
    variants = chunk.GetVariantSets().GetVariantSet("LOD")
    assert variants.GetVariantNames() == ["level_0", "level_1", "level_2"]
    assert variants.GetVariantSelection() == "level_0"
    np.testing.assert_allclose(chunk.GetCustomDataByKey("levels:coverage"), [1.0, 0.5, 0.2])
    triangles = {}
    for name in variants.GetVariantNames():
        variants.SetVariantSelection(name)
        (mesh,) = [child for child in chunk.GetChildren() if child.IsA(UsdGeom.Mesh)]
        triangles[name] = len(UsdGeom.Mesh(mesh).GetFaceVertexCountsAttr().Get())
    assert list(triangles.values()) == [128, 32, 8]
    variants.SetVariantSelection("level_0")
    assert len(world_triangles(stage)) == 128 + 2 * 4
    # One place chooses for all trees: what refers to the prototype follows it.
    prototype = stage.OverridePrim("/levels/Prototypes/tree")
    prototype.GetVariantSets().GetVariantSet("LOD").SetVariantSelection("level_1")
    assert len(world_triangles(stage)) == 128 + 2 * 2
    trees = stage.GetPrimAtPath("/levels/trees")
    if suffix != ".usdz":  # or each node for itself
        (own,) = trees.GetChildren()[0].GetChildren()
        own.GetVariantSets().GetVariantSet("LOD").SetVariantSelection("level_0")
        assert len(world_triangles(stage)) == 128 + 2 * 4
    plain = opened(tmp_path, coarse_scene(), suffix, "plain")
    assert not plain.GetPrimAtPath("/levels/chunk").HasVariantSets()


def test_the_sun_shines_along_its_direction(tmp_path: Path) -> None:
    stage = opened(tmp_path, example_scene())
    sun = UsdLux.DistantLight(stage.GetPrimAtPath("/example_world/sun"))
    matrix = UsdGeom.Xformable(sun).ComputeLocalToWorldTransform(0)
    np.testing.assert_allclose(matrix.TransformDir(Gf.Vec3d(0, 0, -1)), (0.6, -0.8, 0), atol=1e-6)
    assert sun.GetIntensityAttr().Get() == pytest.approx(3.0)
    assert sun.GetNormalizeAttr().Get()
    assert sun.GetPrim().GetCustomDataByKey("illuminance_lux") == 100_000


def cube(size: float) -> Mesh:
    corners = np.array(list(np.ndindex(2, 2, 2)), np.float32) * size
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [part for a, b, c, d in quads for part in ((a, b, c), (a, c, d))]
    normals = (corners - size / 2) / np.float32(size * np.sqrt(0.75))
    return Mesh(corners, normals, np.zeros((8, 2), np.float32), np.uint32(triangles), PBRMaterial("none"))


def guide_scene() -> Scene:
    ground = grid_mesh(5, 5, PBRMaterial("none"), height=-3.0)
    many = Instances(
        Model("hull", (cube(2.0),)),
        np.float32([[9, 0, 0], [20, 0, 0]]),
        np.float32([[0, 0, 0, 1]] * 2),
        np.float32([1, 2]),
    )
    return Scene(
        "w",
        (
            *example_scene().nodes,
            Node("ground", model=Model("ground", (ground,)), purpose="collider"),
            Node("box", (500.0, 0.0, 0.0), Model("box", (cube(1.0),)), purpose="collider"),
            Node("hulls", instances=many, purpose="collider"),
            Node("walk", model=Model("walk", (ground,)), purpose="navigation"),
            Node("start", (1.0, 2.0, 3.0), purpose="start", yaw=90.0),
        ),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colliders_are_guides_with_physics(tmp_path: Path, suffix: str) -> None:
    stage = opened(tmp_path, guide_scene(), suffix, colliders="omi")
    shapes = {}
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.HasAPI(UsdPhysics.CollisionAPI):
            name = str(prim.GetPath()).split("/")[2]
            shapes[name] = UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get()
            assert UsdGeom.Imageable(prim).ComputePurpose() == "guide"
    assert shapes == {"ground": "none", "box": "convexHull", "hulls": "convexHull"}
    sheet = UsdGeom.Mesh(stage.GetPrimAtPath("/w/ground").GetChildren()[0])
    assert len(sheet.GetPointsAttr().Get()) == 25
    assert not sheet.GetNormalsAttr().IsAuthored()
    walk = stage.GetPrimAtPath("/w/walk")
    assert UsdGeom.Imageable(walk).ComputePurpose() == "guide"
    assert walk.GetCustomDataByKey("purpose") == "navigation"
    start = UsdGeom.Xformable(stage.GetPrimAtPath("/w/start")).ComputeLocalToWorldTransform(0)
    # A quarter turn to the left of north is west.
    np.testing.assert_allclose(start.TransformDir(Gf.Vec3d(0, 0, -1)), (-1, 0, 0), atol=1e-6)
    np.testing.assert_allclose(start.Transform(Gf.Vec3d(0, 0, 0)), (1, 2, 3))
    box = UsdGeom.BBoxCache(0, [UsdGeom.Tokens.default_]).ComputeWorldBound(stage.GetDefaultPrim())
    assert box.ComputeAlignedRange().GetMax()[0] < 20  # guides do not count as what is seen
    without = opened(tmp_path, guide_scene(), suffix, "without")
    assert not [
        name for name in ("ground", "box", "hulls", "walk", "start") if without.GetPrimAtPath(f"/w/{name}")
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_usds_own_validators_find_nothing(tmp_path: Path, suffix: str) -> None:
    scene = replace(guide_scene(), nodes=(*guide_scene().nodes, *coarse_scene().nodes))
    stage = opened(tmp_path, scene, suffix, colliders="godot", levels=True)
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [(each.GetName(), each.GetMessage()) for each in found] == []


def test_a_package_keeps_to_what_arkit_reads(tmp_path: Path) -> None:
    stage = opened(tmp_path, replace(example_scene(), name="w"), ".usdz")
    types = {prim.GetTypeName() for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())}
    assert types <= ARKIT_TYPES
    trees = [prim for prim in stage.GetPrimAtPath("/w/trees").GetChildren()]
    assert [prim.IsInstance() for prim in trees] == [True] * 3
    assert len(stage.GetPrototypes()) == 1
    full = opened(tmp_path, replace(example_scene(), name="w"), ".usdz", "full", objects="instancing")
    assert {"PointInstancer", "DistantLight"} <= {prim.GetTypeName() for prim in full.Traverse()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stage_holds_when_another_refers_to_it(tmp_path: Path, suffix: str) -> None:
    opened(tmp_path, example_scene(), suffix)
    outer = Usd.Stage.CreateNew(str(tmp_path / "outer.usda"))
    outer.DefinePrim("/game/level").GetReferences().AddReference(f"./world{suffix}")
    assert len(world_triangles(outer)) == 30
    for prim in Usd.PrimRange.Stage(outer, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdGeom.Mesh):
            material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
            assert str(material.GetPath()).startswith("/game/level/Materials/")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_that_is_named_is_there(tmp_path: Path, suffix: str) -> None:
    files = write_usd(example_scene(), tmp_path / f"my world{suffix}")
    assert files[-1].name == f"my world{suffix}"
    _, assets, unresolved = UsdUtils.ComputeAllDependencies(Sdf.AssetPath(str(files[-1])))
    assert unresolved == []
    assert len(assets) == 6  # equal images are stored once
    if suffix != ".usdz":
        assert sorted(map(Path, assets)) == sorted(files[:-1])


def test_bytes_do_not_depend_on_process_or_threads(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from export_examples import example_scene\n"
        "from worldgen.export import write_usd\n"
        "for name in ('a.usda', 'a.usdc', 'a.usdz'): write_usd(example_scene(), Path(sys.argv[1]) / name)\n"
    )
    folders = []
    for seed, threads in (("0", "1"), ("77", "2")):
        folder = tmp_path / seed
        folders.append(folder)
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PXR_WORK_THREAD_LIMIT": threads,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run(
            [sys.executable, "-c", code, str(folder)], check=True, env=environment, capture_output=True
        )
    first, second = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in folders
    )
    assert len(first) == 3 + 6
    assert first == second


def test_bad_values_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    mesh = grid_mesh(3, 3, PBRMaterial("m"))
    mesh.positions[2, 1] = np.nan
    with pytest.raises(ExportError, match="positions that are not finite"):
        export_scene(Scene("w", (Node("n", model=Model("n", (mesh,))),)), tmp_path / "w.usdc")
    trees = Instances(
        tree_model(), np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32), np.float32([1, 1])
    )
    for suffix in (".usdc", ".usdz"):
        with pytest.raises(ExportError, match="'/w/n' has 2 instances"):
            export_scene(Scene("w", (Node("n", instances=trees),)), tmp_path / f"w{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_names_are_told_apart(tmp_path: Path, suffix: str) -> None:
    tree = tree_model()
    trees = Instances(
        tree, np.zeros((2, 3), np.float32), np.float32([[0, 0, 0, 1]] * 2), np.ones(2, np.float32)
    )
    same = Node("tree", instances=trees, children=(Node("tree_0", model=tree), Node("tree 0", model=tree)))
    scene = Scene("w", (same, same))
    stage = opened(tmp_path, scene, suffix)
    assert len(world_triangles(stage)) == scene.triangles == 2 * (2 + 2) * 4


def test_without_usd_core_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MissingExtraError, match=r"writing w\.usdz needs .* 'worldgen\[usd\]'"):
        write_usd(example_scene(), tmp_path / "w.usdz")
