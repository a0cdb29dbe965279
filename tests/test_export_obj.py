"""worldgen.export.obj and mtl: read back line by line, and by trimesh."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import trimesh
from export_examples import checker, example_scene, grid_mesh
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from worldgen.errors import ExportError
from worldgen.export.obj import write_obj
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.scene import Node, Scene


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_obj(example_scene(), tmp_path_factory.mktemp("obj") / "my world.obj")


def rows(path: Path, keyword: str) -> list[list[str]]:
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    return [line[1:] for line in lines if line and line[0] == keyword]


def numbers(path: Path, keyword: str) -> NDArray[np.float64]:
    return np.array(rows(path, keyword), np.float64)


def test_trimesh_sees_the_same_world(files: list[Path]) -> None:
    loaded = trimesh.load_scene(files[-1])
    assert sum(len(mesh.faces) for mesh in loaded.geometry.values()) == 30
    points = numbers(files[-1], "v")
    assert np.allclose(loaded.bounds, [points.min(axis=0), points.max(axis=0)])
    materials = {mesh.visual.material.name: mesh.visual.material for mesh in loaded.geometry.values()}
    assert set(materials) == {"ground_0", "ground_1", "bark", "leaf", "water"}
    assert materials["ground_1"].image.size == (8, 8)


def test_vertices_stand_in_world_space(files: list[Path]) -> None:
    trees = example_scene().nodes[1].instances
    assert trees is not None
    expected = [
        Rotation.from_quat(rotation).apply(part.positions * scale) + translation + [10, 0, 0]
        for part in trees.model.primitives
        for translation, rotation, scale in zip(
            trees.translations, trees.rotations, trees.scales, strict=True
        )
    ]
    points = numbers(files[-1], "v")
    assert points.shape == (9 + 9 + 12 + 12 + 4, 3)
    assert np.allclose(points[18:42], np.concatenate(expected), atol=6e-5)
    assert np.allclose(points[9:18].min(axis=0), [2, 0, 0])
    normals = numbers(files[-1], "vn")
    turned = [Rotation.from_quat(rotation).apply([[0, 0, 1]] * 4) for rotation in trees.rotations]
    assert np.allclose(normals[18:30], np.concatenate(turned), atol=6e-5)


def test_faces_point_at_their_vertices(files: list[Path]) -> None:
    faces = np.array([[corner.split("/") for corner in row] for row in rows(files[-1], "f")], int)
    assert faces.shape == (30, 3, 3)
    assert np.array_equal(faces[..., 0], faces[..., 2])
    assert faces[..., 0].min() == 1
    assert faces[..., 0].max() == len(rows(files[-1], "v")) == len(rows(files[-1], "vn"))
    assert faces[..., 1].max() == len(rows(files[-1], "vt")) == 9 + 9 + 4 + 4 + 4  # once for all trees
    source = example_scene().nodes[0].children[1].model
    assert source is not None
    assert np.array_equal(faces[8:16, :, 0] - 10, source.primitives[0].indices)
    # Geometric normal and stored normal agree: the winding survived.
    points, normals = numbers(files[-1], "v"), numbers(files[-1], "vn")
    corners = points[faces[..., 0] - 1]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(np.einsum("ij,ij->i", across, normals[faces[:, 0, 0] - 1]) > 0)


def test_texture_origin_is_the_lower_left(files: list[Path]) -> None:
    texcoords = numbers(files[-1], "vt")
    assert np.allclose(texcoords[0], [0, 1])  # north-west corner of the first chunk: the image's upper left
    assert np.allclose(texcoords[8], [1, 0])


def test_many_blocks_of_rows_join_without_a_gap(tmp_path: Path) -> None:
    mesh = grid_mesh(150, 140, PBRMaterial("m"))  # more than 2 ** 14 vertices and faces
    path = write_obj(Scene("s", (Node("n", model=Model("m", (mesh,))),)), tmp_path / "a.obj")[-1]
    assert np.allclose(numbers(path, "v"), mesh.positions)
    first = np.array([[int(corner.split("/")[0]) for corner in row] for row in rows(path, "f")])
    assert np.array_equal(first - 1, mesh.indices)


def test_names_are_plain_and_paths_relative(files: list[Path]) -> None:
    folder = files[-1].parent
    assert [file.name for file in files[-2:]] == ["my_world.mtl", "my world.obj"]
    assert rows(files[-1], "mtllib") == [["my_world.mtl"]]
    assert rows(files[-1], "o") == [["chunk_0_0"], ["chunk_0_1"], ["trees"], ["water"]]
    assert [row[0] for row in rows(files[-1], "usemtl")] == ["ground_0", "ground_1", "bark", "leaf", "water"]
    for keyword in ("map_Kd", "map_d", "map_Pr", "map_Bump", "norm"):
        images = rows(files[-2], keyword)
        assert images
        for (name,) in images:
            assert folder / name in files
    head = files[-1].read_text(encoding="ascii").splitlines()[1]
    assert "+y up" in head
    assert "metre" in head


def test_equal_names_stay_apart(tmp_path: Path) -> None:
    nodes = tuple(
        Node("rock, big", model=Model("m", (grid_mesh(2, 2, PBRMaterial("stone", roughness=rough)),)))
        for rough in (0.25, 0.75)
    )
    written = write_obj(Scene("s", nodes), tmp_path / "a.obj")
    assert rows(written[-1], "o") == [["rock_big"], ["rock_big_2"]]
    assert rows(written[-1], "usemtl") == [["stone"], ["stone_2"]]
    assert rows(written[0], "Pr") == [["0.25000"], ["0.75000"]]


def test_material_statements(files: list[Path]) -> None:
    text = files[-2].read_text(encoding="ascii")
    water = text.split("newmtl water\n")[1].split()
    assert water[water.index("Kd") + 1 : water.index("Kd") + 4] == ["0.10000", "0.20000", "0.30000"]
    assert water[water.index("d") + 1] == "0.60000"
    assert water[water.index("Pr") + 1] == "0.10000"
    leaf = text.split("newmtl leaf\n")[1].split("newmtl")[0].split()
    alpha = Image.open(files[-1].parent / leaf[leaf.index("map_d") + 1])
    assert alpha.mode == "LA"
    assert np.array_equal(np.asarray(alpha)[..., 0], checker(8, (40, 160, 30, 200))[..., 3])
    assert np.array_equal(np.asarray(alpha)[..., 0], np.asarray(alpha)[..., 1])


def test_vertex_colors_become_their_mean(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("water", alpha_mode="BLEND"))
    colors = np.float32([[0.1, 0.2, 0.3, 0.4], [0.3, 0.2, 0.3, 0.8]] * 2)
    scene = Scene("s", (Node("n", model=Model("m", (dataclasses.replace(mesh, colors=colors),))),))
    written = write_obj(scene, tmp_path / "a.obj", ExportOptions())
    assert rows(written[-2], "Kd") == [["0.20000", "0.20000", "0.30000"]]
    assert rows(written[-2], "d") == [["0.60000"]]


def test_maps_hold_the_product_with_their_factor(tmp_path: Path) -> None:
    orm = np.full((8, 8, 3), (255, 200, 100), np.uint8)
    mesh = grid_mesh(2, 2, PBRMaterial("m", orm=orm, roughness=0.5, metallic=1.0))
    written = write_obj(
        Scene("s", (Node("n", model=Model("m", (mesh,))),)),
        tmp_path / "a.obj",
        ExportOptions(image_format="png"),
    )
    for keyword, value in (("map_Pr", 100), ("map_Pm", 100)):
        ((name,),) = rows(written[-2], keyword)
        assert np.all(np.asarray(Image.open(tmp_path / name)) == value)


def test_too_large_a_world_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"about 0.00 GB \(30 triangles\), and the cap .* Export .glb"):
        write_obj(example_scene(), tmp_path / "a.obj", ExportOptions(maximum_obj_bytes=2000))
    assert list(tmp_path.iterdir()) == []


def test_estimate_is_near_the_size(tmp_path: Path) -> None:
    scene = Scene("s", (Node("n", model=Model("m", (grid_mesh(100, 100, PBRMaterial("m")),))),))
    size = write_obj(scene, tmp_path / "a.obj")[-1].stat().st_size
    write_obj(scene, tmp_path / "b.obj", ExportOptions(maximum_obj_bytes=int(size * 1.5)))
    with pytest.raises(ExportError, match="the cap"):
        write_obj(scene, tmp_path / "c.obj", ExportOptions(maximum_obj_bytes=size))


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("m"))
    broken = dataclasses.replace(mesh, positions=mesh.positions * np.float32("nan"))
    with pytest.raises(ExportError, match="'n' has coordinates"):
        write_obj(Scene("s", (Node("n", model=Model("m", (broken,))),)), tmp_path / "a.obj")
    assert list(tmp_path.iterdir()) == []


def test_texture_transform_is_in_the_coordinates(tmp_path: Path) -> None:
    mesh = grid_mesh(
        2, 2, PBRMaterial("m", checker(8, (90, 90, 90)), texture_scale=(4, 2), texture_offset=(0, 0.25))
    )
    other = dataclasses.replace(mesh, material=PBRMaterial("n"))  # the same coordinates, as they are
    files = write_obj(Scene("s", (Node("n", model=Model("m", (mesh, other))),)), tmp_path / "a.obj")
    texcoords = numbers(files[-1], "vt")
    expected = mesh.texcoords * (4, 2) + (0, 0.25)
    assert np.allclose(texcoords[:4] * (1, -1) + (0, 1), expected)
    assert np.allclose(texcoords[4:] * (1, -1) + (0, 1), mesh.texcoords)


def test_water_has_its_index_of_refraction(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("w", transmission=1.0, ior=1.333))
    files = write_obj(Scene("s", (Node("n", model=Model("m", (mesh,))),)), tmp_path / "a.obj")
    assert rows(files[-2], "Ni") == [["1.33300"]]
