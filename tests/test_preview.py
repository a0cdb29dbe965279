"""The preview: camera maths, scene flattening, shading against hand-computed values, and real pictures."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from worldgen import preview, preview_camera, preview_raster, preview_shading
from worldgen.errors import PreviewError
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.preview_camera import Camera
from worldgen.preview_shading import Atmosphere, Light, ShadowMap
from worldgen.scene import DirectionalLight, Instances, Node, Scene

SUN = (0.6, -0.6, math.sqrt(1 - 0.72))
STILL = Atmosphere(haze=0.0, clouds=0.0)


def quad(material: PBRMaterial, side: float = 2.0, height: float = 0.0) -> Mesh:
    """A level square around the origin, seen from above; u grows with x, v with z."""
    half = side / 2
    corners = np.array(
        [[-half, height, -half], [-half, height, half], [half, height, half], [half, height, -half]]
    )
    return Mesh(
        corners.astype(np.float32),
        np.tile(np.float32([0, 1, 0]), (4, 1)),
        np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.uint32),
        material,
    )


def hills(count: int = 65, spacing: float = 10.0) -> np.ndarray:
    """(count * count, 3) vertices: one peak of 200 m at the north east, low ground elsewhere."""
    axis = (np.arange(count) - (count - 1) / 2) * spacing
    x, z = np.meshgrid(axis, axis)
    y = 200 * np.exp(-((x - 150) ** 2 + (z + 150) ** 2) / 8000) + 5 * np.sin(x / 40) * np.cos(z / 30)
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def plain(name: str, color: tuple[float, float, float]) -> PBRMaterial:
    return PBRMaterial(name, base_color_factor=(*color, 1.0))


def lit(*models: Mesh) -> Scene:
    nodes = [Node(f"n{i}", model=Model(f"m{i}", (mesh,))) for i, mesh in enumerate(models)]
    return Scene("s", (*nodes, Node("sun", light=DirectionalLight((0.0, -1.0, 0.0)))))


@pytest.fixture(scope="session")
def can_draw() -> None:
    """Skip only where VTK truly finds no OpenGL; what the probe does then is tested below."""
    try:
        preview_raster.window_class()
    except PreviewError as error:
        pytest.skip(str(error))


# Cameras


def test_axes_are_right_up_forward() -> None:
    axes = Camera((0, 0, 0), (0, 0, -5)).axes()
    np.testing.assert_allclose(axes, [[1, 0, 0], [0, 1, 0], [0, 0, -1]], atol=1e-12)


def test_straight_down_has_north_up() -> None:
    axes = Camera((0, 9, 0), (0, 0, 0)).axes()
    np.testing.assert_allclose(axes, [[1, 0, 0], [0, 0, -1], [0, -1, 0]], atol=1e-12)


def test_eye_on_target_is_an_error() -> None:
    with pytest.raises(PreviewError, match="must differ"):
        Camera((1, 2, 3), (1, 2, 3)).axes()


def test_relief_keeps_the_highest_vertex_and_its_place() -> None:
    relief = preview_camera.relief_of(hills())
    row, column = np.unravel_index(relief.heights.argmax(), relief.heights.shape)
    assert relief.heights.max() == hills()[:, 1].max()
    assert row < relief.heights.shape[0] / 2 < column  # north is row 0, east the last column


@pytest.mark.parametrize("turn", range(4))
def test_hero_stands_above_ground_and_has_the_peak_in_its_frame(turn: int) -> None:
    angle = turn * math.pi / 2
    points = hills()
    x = points[:, 0] * math.cos(angle) - points[:, 2] * math.sin(angle)
    z = points[:, 0] * math.sin(angle) + points[:, 2] * math.cos(angle)
    points = np.stack([x, points[:, 1], z], axis=1)
    relief = preview_camera.relief_of(points)
    camera = preview_camera.hero(relief, SUN)
    near = np.hypot(points[:, 0] - camera.eye[0], points[:, 2] - camera.eye[2]) < 30
    assert camera.eye[1] > points[near, 1].max() + 5
    peak = points[points[:, 1].argmax()] - camera.eye
    right, up, forward = camera.axes() @ peak
    half = math.tan(math.radians(camera.field_of_view) / 2)
    assert forward > 0
    assert abs(up) < half * forward
    assert abs(right) < half * forward * 16 / 9
    pitch = math.degrees(math.asin(-camera.axes()[2][1]))
    assert 3 <= pitch <= 20
    assert camera == preview_camera.hero(relief, SUN)


def test_lift_raises_a_buried_eye_only() -> None:
    relief = preview_camera.relief_of(hills())
    buried = preview_camera.lift_above(Camera((150, 0, -150), (0, 0, 0)), relief, 3.0)
    assert buried.eye[1] == pytest.approx(hills()[:, 1].max() + 3.0)
    free = Camera((150, 900, -150), (0, 0, 0))
    assert preview_camera.lift_above(free, relief, 3.0) == free


def test_height_at_is_exact_inside_a_triangle() -> None:
    triangle = np.array([[[0, 0, 0], [4, 8, 0], [0, 4, 4]]], float)
    assert preview_camera.height_at(triangle, 1.0, 1.0) == pytest.approx(3.0)
    assert preview_camera.height_at(triangle, 3.0, 3.0) is None


def test_ground_view_stands_on_the_triangle_dry_and_faces_the_peak() -> None:
    points = hills()
    count = 65
    i = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    triangles = points[
        np.concatenate([np.stack([i, i + count, i + 1], 1), np.stack([i + 1, i + count, i + count + 1], 1)])
    ]
    relief = preview_camera.relief_of(points, sea=-2.0)
    camera = preview_camera.ground(relief, triangles, np.zeros((0, 3)), SUN)
    level = preview_camera.height_at(triangles, camera.eye[0], camera.eye[2])
    assert level is not None
    assert level > -2.0
    assert camera.eye[1] - level == pytest.approx(1.75)
    toward = np.array([150.0 - camera.eye[0], -150.0 - camera.eye[2]])
    forward = camera.axes()[2][[0, 2]]
    assert forward @ toward / np.linalg.norm(toward) / np.linalg.norm(forward) > 0.9


def test_ground_view_keeps_out_of_trees() -> None:
    eyes, azimuths = np.zeros((1, 3)), np.radians([[0.0, 90.0, 180.0, 270.0]])
    hidden = preview_camera.hidden_by(np.array([[10.0, 0.0, 12.0]]), eyes, azimuths)
    assert hidden[0, 0] > 0
    assert (hidden[0, 1:] == 0).all()
    assert not preview_camera.hidden_by(np.zeros((0, 3)), eyes, azimuths).any()


def test_frame_holds_all_points_and_touches_two_sides() -> None:
    points = hills()
    camera = preview_camera.isometric(preview_camera.relief_of(points), SUN)
    right, up, forward = camera.axes() @ (points - camera.eye).T
    half = math.tan(math.radians(camera.field_of_view) / 2)
    vertical, horizontal = np.abs(up / forward).max() / half, np.abs(right / forward).max() / half / (16 / 9)
    assert max(vertical, horizontal) == pytest.approx(0.94, abs=0.02)
    assert math.degrees(math.asin(-camera.axes()[2][1])) == pytest.approx(45)


def test_plan_shows_the_whole_width_from_above() -> None:
    camera = preview_camera.plan(preview_camera.relief_of(hills()), aspect=0.5)
    assert camera.parallel_height == pytest.approx(640 / 0.5 * 1.04)
    np.testing.assert_allclose(camera.axes()[2], [0, -1, 0], atol=1e-12)


# Scene to parts


def test_flatten_adds_up_parents_and_counts_primitives() -> None:
    mesh = quad(plain("m", (1, 1, 1)))
    empty = Mesh(mesh.positions, mesh.normals, mesh.texcoords, mesh.indices[:0], mesh.material)
    inner = Node("inner", (0.0, 5.0, 0.0), model=Model("two", (mesh, mesh, empty)))
    parts = preview_raster.flatten(Scene("s", (Node("outer", (100.0, 0.0, 1.0), children=(inner,)),)))
    assert len(parts) == 2
    np.testing.assert_allclose(parts[0].positions()[0], [99.0, 5.0, 0.0])


def test_placements_turn_scale_and_move_as_gltf_says(can_draw: None) -> None:
    """A red square, turned a quarter about +Y, shrunk and moved, must cover exactly these pixels."""
    mesh = quad(plain("red", (1, 0, 0)))
    mesh = Mesh(
        mesh.positions * [2, 1, 1] + np.float32([2, 0, 0]),
        mesh.normals,
        mesh.texcoords,
        mesh.indices,
        mesh.material,
    )
    half = math.sqrt(0.5)
    # Corners x 0..4, z -1..1. A quarter turn about +Y takes +x to -z: x -1..1, z -4..0.
    instances = Instances(
        Model("bar", (mesh,)),
        np.float32([[3, 0, 2]]),
        np.float32([[0, half, 0, half]]),
        np.float32([0.5]),
    )
    parts = preview_raster.flatten(Scene("s", (Node("n", (1.0, 0.0, 0.0), instances=instances),)))
    camera = Camera((0, 10, 0), (0, 0, 0), parallel_height=16.0)
    with preview_raster.Rasterizer(parts) as rasterizer:
        layers = rasterizer.land(camera, (160, 160))
    row, column = np.nonzero(np.isfinite(layers.depth))
    # World x 3.5..4.5 and z 0..2, at ten pixels a metre, north up.
    assert (column.min(), column.max(), row.min(), row.max()) == (115, 124, 80, 99)
    np.testing.assert_allclose(layers.depth[row, column], 10.0, atol=1e-3)


def test_spread_color_fills_what_is_transparent() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 0] = (10, 200, 30, 255)
    spread = preview_raster.spread_color(image)
    assert (spread[0, :, :3] == (10, 200, 30)).all()
    assert (spread[..., 3] == image[..., 3]).all()


# Shading


@pytest.mark.parametrize("parallel", [None, 8.0])
def test_pixel_rays_meet_what_the_camera_sees(parallel: float | None) -> None:
    camera = Camera((1, 2, 3), (1, 2, -7), 60.0, parallel)
    offset, ray = preview_shading.pixel_rays(camera, (4, 8), slice(0, 1))
    corner = np.array(camera.eye) + offset[0, 7] + ray[0, 7] * 10
    half = 4.0 if parallel else 10 * math.tan(math.radians(30))
    np.testing.assert_allclose(corner, [1 + half * 2 * 7 / 8, 2 + half * 3 / 4, -7], rtol=1e-5)


def test_normals_survive_their_packing() -> None:
    """A reference encoder, written from the paper, for all octants."""
    generator = np.random.Generator(np.random.PCG64(1))
    normals = generator.normal(size=(500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    flat = normals[:, :2] / np.abs(normals).sum(axis=1, keepdims=True)
    folded = (1 - np.abs(flat[:, ::-1])) * np.where(flat >= 0, 1, -1)
    flat = np.where(normals[:, 2:] < 0, folded, flat)
    coded = np.zeros((500, 3), np.uint8)
    coded[:, :2] = np.rint((flat * 0.5 + 0.5) * 255)
    camera = Camera((0, 0, 0), (0, 0, -1))  # its view space is the world's
    found = preview_shading.unpack_normals(coded, camera)
    assert np.degrees(np.arccos(np.clip((found * normals).sum(axis=1), -1, 1))).max() < 1.0


def test_shadow_map_darkens_what_lies_behind_only() -> None:
    depth = np.full((8, 8), np.inf, np.float32)
    depth[:, :4] = 5.0
    shadow = ShadowMap(depth, Camera((0, 10, 0), (0, 0, 0), parallel_height=8.0))
    points = np.float32([[-2.5, 0, 0], [2.5, 0, 0], [-2.5, 7, 0]])
    up = np.tile(np.float32([0, 1, 0]), (3, 1))
    share = preview_shading.shadow_share(points, up, shadow, np.float32([0, 1, 0]))
    np.testing.assert_allclose(share, [0, 1, 1], atol=1e-6)


def test_sun_camera_holds_the_points() -> None:
    points = np.array([[0, 0, 0], [100, 20, 0], [0, 50, 80]], float)
    camera = preview_shading.sun_camera(points, SUN)
    local = (points - camera.eye) @ camera.axes().T
    assert camera.parallel_height is not None
    assert (np.abs(local[:, :2]) <= camera.parallel_height / 2).all()
    assert (local[:, 2] > 0).all()


def test_occlusion_is_none_on_a_plane_and_some_in_a_groove() -> None:
    camera = Camera((0, 0, 0), (0, 0, -1), parallel_height=64.0)
    slope = np.broadcast_to(np.linspace(100, 130, 64, dtype=np.float32)[:, None], (64, 64))
    assert preview_shading.ambient_occlusion(slope, camera)[30:34, 30:34].min() == pytest.approx(
        1.0, abs=1e-4
    )
    groove = slope.copy()
    groove[:, 31:33] += 4
    assert preview_shading.ambient_occlusion(groove, camera)[32, 32] < 0.85


def test_film_curve_is_monotonic_and_black_stays_black() -> None:
    ramp = preview_shading.encode(np.linspace(0, 8, 200, dtype=np.float32))
    assert ramp[0] == 0
    assert (np.diff(ramp.astype(int)) >= 0).all()
    assert ramp[-1] > 240


def test_haze_grows_with_distance_toward_the_horizon() -> None:
    low, high = np.array([-500.0, 0, -500]), np.array([500.0, 0, 500])
    light = Light(np.float32([0, 1, 0]), np.float32([1, 1, 1]), Atmosphere(haze=0.5), low, high)
    black = np.zeros((3, 3), np.float32)
    direction = np.tile(np.float32([1, 0, 0]), (3, 1))
    distance = np.float32([[0], [500], [5000]])
    color = preview_shading.haze(black, direction, distance, light, light.horizon())
    assert (color[0] == 0).all()
    assert (np.diff(color[:, 2]) > 0).all()
    assert light.clear_distance((0.0, 0.0, 0.0)) == 0
    assert light.clear_distance((800.0, 400.0, 0.0)) == pytest.approx(500)


# Pictures


def test_red_quad_in_front_is_red_and_hides_the_blue_one(can_draw: None, tmp_path: Path) -> None:
    scene = lit(
        quad(plain("red", (0.8, 0.02, 0.02)), 2, height=1.0), quad(plain("blue", (0.02, 0.02, 0.8)), 8)
    )
    camera = Camera((0, 20, 0), (0, 0, 0), parallel_height=8.0)
    path = preview.screenshot(
        scene, tmp_path / "deep" / "x.png", size=(64, 64), view=camera, atmosphere=STILL
    )
    from PIL import Image

    pixels = np.asarray(Image.open(path)).astype(int)
    assert pixels.shape == (64, 64, 3)
    middle, corner = pixels[32, 32], pixels[4, 4]
    assert middle[0] > 2 * max(middle[1], middle[2])
    assert corner[2] > 2 * max(corner[0], corner[1])
    assert not [p for p in path.parent.iterdir() if p != path]  # no half file is left


def test_texture_lies_as_gltf_says_and_masks_are_cut_out(can_draw: None) -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    image[:4, :4] = (220, 60, 60, 255)  # upper left: small u and v, which `quad` puts at the north west
    image[:4, 4:] = (60, 220, 60, 255)
    material = PBRMaterial("card", image, alpha_mode="MASK", repeat=False, double_sided=True)
    parts = preview_raster.flatten(lit(quad(material)))
    with preview_raster.Rasterizer(parts) as rasterizer:
        layers = rasterizer.land(Camera((0, 10, 0), (0, 0, 0), parallel_height=2.0), (32, 32))
    assert np.isfinite(layers.depth[2:14]).all()
    assert np.isinf(layers.depth[18:]).all()
    np.testing.assert_allclose(layers.color[6, 6], (220, 60, 60), atol=4)
    np.testing.assert_allclose(layers.color[6, 26], (60, 220, 60), atol=4)
    assert (layers.surface[6, 6, 2]) == 255  # marked as foliage


def test_vertex_colors_tint_and_still_water_alone_is_sea(can_draw: None) -> None:
    water = quad(PBRMaterial("w", alpha_mode="BLEND"))
    colors = np.tile(np.float32([0.2, 0.5, 0.1, 0.5]), (4, 1))
    parts = preview_raster.flatten(lit(dataclasses.replace(water, colors=colors)))
    with preview_raster.Rasterizer(parts) as rasterizer:
        layers = rasterizer.water(Camera((0, 10, 0), (0, 0, 0), parallel_height=2.0), (16, 16))
    expected = 255 * np.array([0.2, 0.5, 0.1]) ** (1 / 2.2)
    np.testing.assert_allclose(layers.color[8, 8], expected, atol=2)
    ground = quad(plain("ground", (0.5, 0.5, 0.5)), 50)
    flowing = dataclasses.replace(water, velocity=np.zeros((4, 2), np.float32))
    assert preview.relief_of(preview_raster.flatten(lit(ground, water))).sea == 0.0
    assert preview.relief_of(preview_raster.flatten(lit(ground, flowing))).sea is None


def test_normal_map_tilts_toward_its_green_axis(can_draw: None) -> None:
    """+Y of a normal map points up in the image: for `quad`, to the north."""
    normal = np.full((4, 4, 3), (128, 218, 218), np.uint8)
    parts = preview_raster.flatten(lit(quad(PBRMaterial("n", normal=normal))))
    camera = Camera((0, 10, 0), (0, 0, 0), parallel_height=2.0)
    with preview_raster.Rasterizer(parts) as rasterizer:
        layers = rasterizer.land(camera, (16, 16))
    found = preview_shading.unpack_normals(layers.surface[8, 8], camera)
    np.testing.assert_allclose(found, [0, math.sqrt(0.5), -math.sqrt(0.5)], atol=0.03)


def test_water_is_drawn_over_its_bed_and_shadow_falls_on_ground(can_draw: None) -> None:
    water = PBRMaterial("sea", base_color_factor=(0.02, 0.1, 0.14, 0.7), alpha_mode="BLEND")
    bed = plain("sand", (0.8, 0.6, 0.3))
    camera = Camera((0, 50, 0), (0, 0, 0), parallel_height=8.0)

    def slanted(*meshes: Mesh) -> Scene:
        sun = Node("sun", light=DirectionalLight((math.sqrt(0.5), -math.sqrt(0.5), 0.0)))
        return Scene("s", (*lit(*meshes).nodes[:-1], sun))

    dry = preview.render(slanted(quad(bed, 8)), size=(32, 32), view=camera, atmosphere=STILL)
    wet = preview.render(
        slanted(quad(bed, 8), quad(water, 4, 6.0)), size=(32, 32), view=camera, atmosphere=STILL
    )
    assert wet[16, 16, 0] < 0.6 * dry[16, 16, 0]  # six metres of water take the red
    np.testing.assert_array_equal(wet[2, 2], dry[2, 2])
    roof = quad(plain("roof", (0.5, 0.5, 0.5)), 2, 3.0)
    shaded = preview.render(slanted(quad(bed, 8), roof), size=(32, 32), view=camera, atmosphere=STILL)
    # The roof's shadow falls three metres to the east: x 2..4.
    assert shaded[16, 28].sum() < 0.75 * shaded[2, 2].sum()


@pytest.mark.parametrize("view", preview_camera.VIEWS)
def test_each_view_draws_the_same_bytes_twice(can_draw: None, view: str) -> None:
    points = hills(33, 20.0).astype(np.float32)
    i = (np.arange(32)[:, None] * 33 + np.arange(32)).ravel()
    indices = np.concatenate([np.stack([i, i + 33, i + 1], 1), np.stack([i + 1, i + 33, i + 34], 1)])
    mesh = Mesh(
        points,
        np.tile(np.float32([0, 1, 0]), (len(points), 1)),
        np.zeros((len(points), 2), np.float32),
        indices.astype(np.uint32),
        plain("ground", (0.3, 0.3, 0.2)),
    )
    first = preview.render(lit(mesh), size=(48, 32), view=view)
    assert first.shape == (32, 48, 3)
    assert first.std() > 1
    np.testing.assert_array_equal(first, preview.render(lit(mesh), size=(48, 32), view=view))


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "hiro"}, "did you mean 'hero'"),
        ({"view": 3}, "unknown view"),
        ({"size": (1600, 4)}, "found \\(1600, 4\\)"),
        ({"samples": 9}, "found 9"),
        ({"atmosphere": "alpin"}, "did you mean 'alpine'"),
    ],
)
def test_wrong_arguments_say_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(PreviewError, match=message):
        preview.render(lit(quad(plain("m", (1, 1, 1)))), **options)  # type: ignore[arg-type]


def test_empty_scene_and_wrong_suffix_are_errors(tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match="nothing to draw"):
        preview.render(Scene("s", ()))
    with pytest.raises(PreviewError, match=r"\.png"):
        preview.screenshot(lit(quad(plain("m", (1, 1, 1)))), tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "signal 6"),
        ("import sys; print('no EGL here', file=sys.stderr); sys.exit(3)", "no EGL here"),
        ("print('blank')", "exit code 0"),
        ("import time; time.sleep(30)", "within 0.5 s"),
    ],
)
def test_probe_turns_each_failure_into_one_clear_error(program: str, reason: str) -> None:
    with pytest.raises(PreviewError, match=reason) as caught:
        preview_raster.first_that_draws(("vtkSome",), program, seconds=0.5 if "sleep" in program else 20)
    assert "libegl1" in str(caught.value)


def test_probe_takes_the_first_that_works() -> None:
    program = "import sys; print('drawn' if sys.argv[1] == 'second' else 'blank')"
    assert preview_raster.first_that_draws(("first", "second", "third"), program) == "second"


def test_failed_probe_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise PreviewError("VTK cannot draw on this machine")

    monkeypatch.setattr(preview_raster, "window_class", fail)
    with pytest.raises(PreviewError, match="cannot draw"):
        preview.render(lit(quad(plain("m", (1, 1, 1)))), size=(32, 32))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X11 aborts")
def test_show_without_a_display_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = lit(quad(plain("m", (1, 1, 1))))
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(PreviewError, match="--screenshot"):
        preview.show(scene)
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(PreviewError, match="':987'"):
        preview.show(scene)


def test_import_loads_neither_vtk_nor_pyvista() -> None:
    heavy = "('vtk', 'pyvista', 'scipy')"
    code = f"import sys, worldgen.preview; print([m for m in sys.modules if m.startswith({heavy})])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
