"""Every kind of object, held to what exporters and placement rely on."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from worldgen.assets import KINDS, build_kind
from worldgen.billboards import project
from worldgen.errors import InputError
from worldgen.shapes import Shape, face_normals

SEED = 11
TRIANGLES = {  # at most, per level
    "boulder": (180, 60, 20),
    "broadleaf": (360, 130, 24),
    "cactus": (520, 120, 16),
    "conifer": (420, 180, 24),
    "dead_tree": (380, 200, 16),
    "fern": (200, 100, 16),
    "grass": (24, 12, 8),
    "palm": (420, 140, 24),
    "reed": (24, 12, 8),
    "rock": (180, 60, 20),
    "shrub": (120, 48, 8),
    "snowy_conifer": (420, 180, 24),
}
HEIGHTS = {  # metres, lowest and highest that any variant may have
    "broadleaf": (7, 16),
    "cactus": (2, 6),
    "conifer": (8, 22),
    "palm": (5, 13),
    "shrub": (0.6, 1.8),
    "grass": (0.2, 0.55),
}
_built = {}


def kind_of(name):
    if name not in _built:
        _built[name] = build_kind(name, SEED)
    return _built[name]


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return kind_of(request.param)


def meshes(kind):
    for levels in kind.models:
        for model in levels:
            yield from model.primitives


def silhouette(model, angle, frame):
    """Opaque texels of a model seen from the side, and their mean colour."""
    (mesh,) = model.primitives
    image = mesh.material.base_color
    if image.shape[2] == 3:
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    shape = Shape(
        mesh.positions.astype(float),
        mesh.normals,
        mesh.texcoords.astype(float),
        mesh.indices.astype(np.int64),
    )
    right = np.array([np.cos(angle), 0, -np.sin(angle)])
    seen = project(shape, image, right, np.array([0, 1.0, 0]), frame, 96, 96, 0.4)
    opaque = seen[..., 3] > 102
    return opaque, seen[opaque][:, :3].mean(axis=0)


def test_every_kind_is_complete(kind):
    assert 3 <= len(kind.models) <= 4
    assert {len(levels) for levels in kind.models} == {3}
    names = [model.name for levels in kind.models for model in levels]
    assert len(set(names)) == len(names)
    assert kind.radius > 0
    assert kind.align in ("upright", "normal")


def test_arrays_are_finite_and_normals_have_unit_length(kind):
    for mesh in meshes(kind):
        for array in (mesh.positions, mesh.normals, mesh.texcoords):
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
        assert mesh.indices.dtype == np.uint32
        assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
        assert mesh.indices.max() < len(mesh.positions)
        assert len(np.unique(mesh.indices)) == len(mesh.positions)  # no vertex is left over


def test_no_triangle_is_degenerate(kind):
    for mesh in meshes(kind):
        faces = face_normals(mesh.positions.astype(float), mesh.indices.astype(np.int64))
        assert np.linalg.norm(faces, axis=1).min() > 1e-7


def test_triangles_decrease_and_stay_in_budget(kind):
    for levels in kind.models:
        counts = [model.triangles for model in levels]
        assert counts[0] > counts[1] > counts[2]
        assert all(count <= limit for count, limit in zip(counts, TRIANGLES[kind.name], strict=True))


def test_the_base_stands_in_the_ground(kind):
    for levels in kind.models:
        for model in levels:
            assert -1.2 * kind.sink <= model.bounds[0][1] <= -0.6 * kind.sink
        (mesh,) = levels[0].primitives
        foot = mesh.positions[mesh.positions[:, 1] < 0]
        # What goes into the ground is around the origin; a rock is broad there and need not be even.
        assert (
            np.abs(foot[:, [0, 2]].mean(axis=0)).max() < (0.7 if kind.name == "rock" else 0.35) * kind.radius
        )


@pytest.mark.parametrize("name", sorted(HEIGHTS))
def test_sizes_are_metric(name):
    low, high = HEIGHTS[name]
    for levels in kind_of(name).models:
        assert low <= levels[0].bounds[1][1] <= high


def test_rocks_are_about_a_metre():
    for name in ("rock", "boulder"):
        assert 0.9 <= kind_of(name).radius <= 1.5


def test_levels_keep_silhouette_and_colour(kind):
    for levels in kind.models[:2]:
        bounds = [model.bounds for model in levels]
        reach = 1.05 * max(float(np.abs(corner[[0, 2]]).max()) for pair in bounds for corner in pair)
        top = 1.02 * max(float(pair[1][1]) for pair in bounds)
        frame = np.array([-reach, -kind.sink, reach, top])
        width, height, cover, color = [], [], [], []
        for model in levels:
            views = [
                silhouette(model, angle, frame) for angle in np.linspace(0.1, np.pi + 0.1, 4, endpoint=False)
            ]
            width.append(np.mean([np.ptp(np.flatnonzero(opaque.any(axis=0))) + 1 for opaque, _ in views]))
            height.append(np.mean([96 - np.flatnonzero(opaque.any(axis=1))[0] for opaque, _ in views]))
            cover.append(np.mean([opaque.mean() for opaque, _ in views]))
            color.append(np.mean([mean for _, mean in views], axis=0))
        for level in (1, 2):
            assert abs(width[level] / width[0] - 1) < 0.2
            assert abs(height[level] / height[0] - 1) < 0.13
            assert abs(cover[level] / cover[0] - 1) < 0.3
            assert np.abs(color[level] - color[0]).max() < 14


def test_leaves_are_neither_neon_nor_black():
    for name in ("broadleaf", "conifer", "shrub", "palm", "fern"):
        model = kind_of(name).models[0][0]
        low, high = model.bounds
        reach = float(np.abs([low, high])[:, [0, 2]].max())
        _, color = silhouette(model, 0.3, np.array([-reach, low[1], reach, high[1]]))
        red, green, blue = color
        assert green >= red > blue
        assert 40 <= green <= 105
        assert green - blue < 55


def test_textures_are_small_powers_of_two_and_shared(kind):
    materials = {id(mesh.material): mesh.material for mesh in meshes(kind)}
    assert len(materials) == 1
    (material,) = materials.values()
    height, width = material.base_color.shape[:2]
    assert height == width
    assert 64 <= width <= 512
    assert width & (width - 1) == 0
    assert material.metallic == 0
    assert 0.6 <= material.roughness <= 0.95
    if material.normal is not None:
        assert material.normal.shape == (height, width, 3)
        assert material.normal[..., 2].min() > 128


def test_clear_texels_are_not_black(kind):
    (material,) = {id(mesh.material): mesh.material for mesh in meshes(kind)}.values()
    if material.alpha_mode == "OPAQUE":
        assert material.base_color.shape[2] == 3
        return
    image = material.base_color
    clear = image[..., 3] < 128
    assert clear.any()
    assert image[clear][:, :3].max(axis=1).min() > 10
    # Mips average colour regardless of alpha: it must not drift from that of the opaque texels nearby.
    blocks = image.reshape(image.shape[0] // 8, 8, image.shape[1] // 8, 8, 4).astype(float)
    opaque = (blocks[..., 3] > 250).astype(float)
    mixed = (opaque.sum(axis=(1, 3)) > 12) & (opaque.sum(axis=(1, 3)) < 52)
    plain = blocks[..., :3].mean(axis=(1, 3))[mixed]
    own = (
        (blocks[..., :3] * opaque[..., None]).sum(axis=(1, 3)) / opaque.sum(axis=(1, 3))[..., None].clip(1)
    )[mixed]
    # Needles under snow differ most from one another.
    assert np.abs(plain - own).mean() < (12 if kind.name == "snowy_conifer" else 6)


def test_faces_point_the_way_their_normals_do():
    for name in ("rock", "boulder", "cactus"):
        for mesh in meshes(kind_of(name)):
            faces = face_normals(mesh.positions.astype(float), mesh.indices.astype(np.int64))
            assert (np.einsum("tk,tk->t", faces, mesh.normals[mesh.indices].mean(axis=1)) > 0).mean() > 0.97


def fingerprint(kind):
    digest = hashlib.sha256()
    for mesh in meshes(kind):
        for array in (mesh.positions, mesh.normals, mesh.texcoords, mesh.indices, mesh.material.base_color):
            digest.update(array.tobytes())
    return digest.hexdigest()


def test_seeds_differ_and_repeat():
    assert fingerprint(build_kind("rock", 1)) == fingerprint(build_kind("rock", 1))
    assert fingerprint(build_kind("rock", 1)) != fingerprint(build_kind("rock", 2))
    assert fingerprint(build_kind("grass", 1)) != fingerprint(build_kind("grass", 2))


def test_another_process_gives_the_same_bytes():
    script = (
        "import sys; sys.path.insert(0, 'tests'); from test_assets import fingerprint; "
        "from worldgen.assets import build_kind; print(fingerprint(build_kind('shrub', 11)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == fingerprint(kind_of("shrub"))


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(
        InputError, match=r"unknown kind of object 'conifr'; did you mean 'conifer'\? Allowed: boulder"
    ):
        build_kind("conifr", 1)


def test_importing_the_registry_is_light():
    script = (
        "import sys, worldgen.assets; print([m for m in ('torch', 'trimesh', 'vtk') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
