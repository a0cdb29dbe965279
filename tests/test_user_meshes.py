"""User models that the tests write themselves."""

import numpy as np
import pytest

from worldgen.assets import load_user_kind
from worldgen.errors import InputError

trimesh = pytest.importorskip("trimesh")
Image = pytest.importorskip("PIL.Image")


def box(color=None, image=None, extents=(1.0, 2.0, 1.0)):
    mesh = trimesh.creation.box(extents=extents)
    if image is not None:
        uv = np.column_stack([mesh.vertices[:, 0] + 0.5, mesh.vertices[:, 1] / 2 + 0.5])
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=image, roughnessFactor=0.4, metallicFactor=0.0, name="painted"
        )
        mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    elif color is not None:
        material = trimesh.visual.material.PBRMaterial(
            baseColorFactor=color, roughnessFactor=0.7, metallicFactor=0.1, doubleSided=True, name="plain"
        )
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
    return mesh


def save(scene, path):
    scene.export(path)
    return path


def test_node_transforms_are_applied(tmp_path):
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(np.pi / 2, [0, 0, 1])  # the long side comes to lie along X
    move = trimesh.transformations.translation_matrix([5, 7, -3])
    scene.add_geometry(box((255, 0, 0, 255)), transform=move @ turn)
    kind = load_user_kind(save(scene, tmp_path / "box.glb"))
    low, high = kind.models[0][0].bounds
    assert np.allclose(low, [-1, 0, -0.5], atol=1e-5)
    assert np.allclose(high, [1, 1, 0.5], atol=1e-5)
    assert kind.name == "box"
    assert np.isclose(kind.radius, 1.0)


def test_a_mirrored_node_still_faces_outwards(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(box((255, 0, 0, 255)), transform=np.diag([-1.0, 1, 1, 1]))
    (mesh,) = load_user_kind(save(scene, tmp_path / "box.glb")).models[0][0].primitives
    points, indices = mesh.positions - (0, 1, 0), mesh.indices
    faces = np.cross(
        points[indices[:, 1]] - points[indices[:, 0]], points[indices[:, 2]] - points[indices[:, 0]]
    )
    assert (np.einsum("tk,tk->t", faces, points[indices].mean(axis=1)) > 0).all()


def test_height_rescales_and_sink_lowers(tmp_path):
    path = save(trimesh.Scene(box((255, 0, 0, 255))), tmp_path / "My rock-1.glb")
    kind = load_user_kind(path, height=6.0, sink=0.5, align="normal")
    low, high = kind.models[0][0].bounds
    assert np.allclose(low, [-1.5, -0.5, -1.5], atol=1e-5)
    assert np.allclose(high, [1.5, 5.5, 1.5], atol=1e-5)
    assert (kind.name, kind.sink, kind.align) == ("My_rock_1", 0.5, "normal")


def test_the_foot_is_centred_and_not_the_crown(tmp_path):
    trunk = trimesh.creation.box(
        extents=(0.2, 2, 0.2), transform=trimesh.transformations.translation_matrix([3, 1, 0])
    )
    crown = trimesh.creation.box(
        extents=(2, 1, 1), transform=trimesh.transformations.translation_matrix([4, 2, 0])
    )
    kind = load_user_kind(save(trimesh.Scene([trunk, crown]), tmp_path / "tree.glb"))
    low, high = kind.models[0][0].bounds
    assert np.allclose([low[0], high[0]], [-0.1, 2.0], atol=1e-5)


def test_materials_become_primitives(tmp_path):
    scene = trimesh.Scene([box((255, 128, 0, 255)), box((0, 0, 255, 255), extents=(0.5, 0.5, 3))])
    model = load_user_kind(save(scene, tmp_path / "two.glb")).models[0][0]
    assert len(model.primitives) == 2
    factors = sorted(primitive.material.base_color_factor for primitive in model.primitives)
    assert np.allclose(factors, [(0, 0, 1, 1), (1, 128 / 255, 0, 1)], atol=0.01)
    assert all(primitive.material.double_sided for primitive in model.primitives)
    assert np.isclose(model.primitives[0].material.roughness, 0.7)
    assert np.isclose(model.primitives[0].material.metallic, 0.1)


def test_textures_stay_the_right_way_up(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4], picture[4:] = (255, 0, 0), (0, 0, 255)  # red above, blue below
    path = save(trimesh.Scene(box(image=Image.fromarray(picture))), tmp_path / "painted.glb")
    (mesh,) = load_user_kind(path).models[0][0].primitives
    assert np.array_equal(mesh.material.base_color, picture)
    top = mesh.positions[:, 1] > 1.9
    assert np.allclose(mesh.texcoords[top, 1], 0, atol=1e-5)  # v = 0 is the picture's upper edge
    assert np.allclose(mesh.texcoords[~top, 1], 1, atol=1e-5)


def test_vertex_colours_become_a_palette(tmp_path):
    mesh = box()
    mesh.visual = trimesh.visual.ColorVisuals(mesh, face_colors=np.tile([[200, 10, 10, 255]], (12, 1)))
    (primitive,) = load_user_kind(save(trimesh.Scene(mesh), tmp_path / "painted.glb")).models[0][0].primitives
    image = primitive.material.base_color
    u, v = (primitive.texcoords[0] * image.shape[0]).astype(int)
    assert np.abs(image[v, u].astype(int) - (200, 10, 10)).max() <= 1


def test_obj_with_a_material(tmp_path):
    (tmp_path / "tri.mtl").write_text("newmtl moss\nKd 0.5 0.5 0.5\n")
    (tmp_path / "tri.obj").write_text(
        "mtllib tri.mtl\nv 0 0 0\nv 2 0 0\nv 0 2 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl moss\nf 1/1 2/2 3/3\n"
    )
    kind = load_user_kind(tmp_path / "tri.obj", name="moss")
    (mesh,) = kind.models[0][0].primitives
    assert mesh.triangles == 1
    # sRGB 0.5 is 0.214 in linear light.
    assert np.allclose(mesh.material.base_color_factor[:3], 0.214, atol=0.005)


def test_coarser_levels_of_a_large_model(tmp_path):
    ball = trimesh.creation.icosphere(subdivisions=4)
    kind = load_user_kind(save(trimesh.Scene(ball), tmp_path / "ball.glb"))
    counts = [model.triangles for model in kind.models[0]]
    assert counts[0] == 5120
    assert counts[1] <= 0.4 * counts[0]
    assert counts[2] <= 0.2 * counts[0]
    for model in kind.models[0][1:]:
        assert np.allclose(model.bounds, kind.models[0][0].bounds, atol=1e-4)


def test_a_small_model_is_its_own_coarse_level(tmp_path):
    kind = load_user_kind(save(trimesh.Scene(box((9, 9, 9, 255))), tmp_path / "box.glb"))
    assert [model.triangles for model in kind.models[0]] == [12, 12, 12]


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(
        InputError, match=r"'a\.fbx' is no model that can be read; allowed: \.glb, \.gltf, \.obj"
    ):
        load_user_kind(tmp_path / "a.fbx")
    with pytest.raises(InputError, match="there is no model file"):
        load_user_kind(tmp_path / "a.glb")
    (tmp_path / "broken.glb").write_bytes(b"glTF but not really")
    with pytest.raises(InputError, match=r"'broken\.glb' cannot be read as glb"):
        load_user_kind(tmp_path / "broken.glb")
    (tmp_path / "empty.obj").write_text("# nothing\n")
    with pytest.raises(InputError, match=r"empty\.obj"):
        load_user_kind(tmp_path / "empty.obj")


def test_models_without_area_or_with_nan_are_refused(tmp_path):
    (tmp_path / "line.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="no triangle with an area"):
        load_user_kind(tmp_path / "line.obj")
    (tmp_path / "nan.obj").write_text("v 0 0 0\nv 1 nan 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="not finite"):
        load_user_kind(tmp_path / "nan.obj")


def test_wrong_options_are_refused(tmp_path):
    path = save(trimesh.Scene(box((9, 9, 9, 255))), tmp_path / "box.glb")
    with pytest.raises(InputError, match=r"positive number of metres; found -1"):
        load_user_kind(path, height=-1)
    with pytest.raises(InputError, match="'upright' or 'normal'; found 'sideways'"):
        load_user_kind(path, align="sideways")
