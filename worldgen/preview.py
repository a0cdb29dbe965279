"""Look at a scene: an interactive window, or a picture that needs no display.

::

    scene -> parts -> camera -> layers (VTK) -> light, water, haze, sky (numpy) -> PNG

`screenshot` draws at twice the size and averages, so edges are smooth; it runs on machines without a graphics
card or an X server. `show` opens a PyVista window with the same surfaces and a simpler light.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen import preview_camera, preview_raster, preview_shading
from worldgen.errors import PreviewError, nearest
from worldgen.preview_camera import Camera, Relief
from worldgen.preview_raster import Part
from worldgen.preview_shading import ATMOSPHERES, Atmosphere, Light, ShadowMap
from worldgen.scene import DirectionalLight, Scene

Array = NDArray[np.float64]

__all__ = ["ATMOSPHERES", "Atmosphere", "Camera", "screenshot", "show"]

# Side of the square shadow map in pixels: over a 2 km world one texel is about 0.8 m.
SHADOW_SIZE = 3072
MAXIMUM_SIZE = 8192
# Metres from which an object counts as in the way of a person.
TALL = 1.5
DEFAULT_SUN = DirectionalLight((0.74, -0.52, 0.42), (1.0, 0.94, 0.84))


def screenshot(
    scene: Scene,
    path: str | Path,
    *,
    size: tuple[int, int] = (1600, 900),
    view: str | Camera = "hero",
    atmosphere: str | Atmosphere | None = None,
    samples: int = 2,
) -> Path:
    """Draw a scene to a PNG file without a display.

    Parameters
    ----------
    path : where to write; folders are made as needed.
    size : (width, height) in pixels, 16 to 8192 each.
    view : ``hero`` (low and oblique, toward the relief), ``iso`` (overview from 45 degrees), ``top`` (plan,
        north up), ``ground`` (a standing person), or a `Camera`.
    atmosphere : sky, haze and light, or a preset's name; None takes that of ``scene.extras["preset"]``.
    samples : each pixel is the mean of samples x samples drawn ones, 1 to 4.

    Returns
    -------
    The path as written.

    Raises
    ------
    PreviewError : an argument is wrong, the scene is empty, or VTK finds no OpenGL here.
    """
    target = Path(path)
    check_offscreen(target)
    image = render(scene, size=size, view=view, atmosphere=atmosphere, samples=samples)
    from PIL import Image

    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(temporary, format="PNG")
        os.replace(temporary, target)
    except OSError as error:
        raise PreviewError(f"the screenshot cannot be written to '{target}': {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def render(
    scene: Scene,
    *,
    size: tuple[int, int] = (1600, 900),
    view: str | Camera = "hero",
    atmosphere: str | Atmosphere | None = None,
    samples: int = 2,
) -> NDArray[np.uint8]:
    """Return the picture of `screenshot` as (height, width, 3) uint8 sRGB; arguments as there."""
    preview_camera.check_view(view)
    width, height = _checked_size(size, samples)
    air = choose_atmosphere(scene, atmosphere)
    parts = preview_raster.flatten(scene)
    if not parts:
        raise PreviewError(f"scene '{scene.name}' has nothing to draw: no model with triangles")
    sun = sun_of(scene)
    relief = relief_of(parts)
    camera = choose_camera(view, parts, relief, sun, width / height)
    direction = -np.asarray(sun.direction, np.float64)
    light = Light(
        (direction / np.linalg.norm(direction)).astype(np.float32),
        np.asarray(sun.color, np.float32) * np.float32(air.sun),
        air,
        relief.low,
        relief.high,
        relief.sea if is_endless_sea(relief) else None,
    )
    drawn = (width * samples, height * samples)
    with preview_raster.Rasterizer(parts) as rasterizer:
        land = rasterizer.land(camera, drawn)
        water = rasterizer.water(camera, drawn) if any(part.water for part in parts) else None
        shadow = None
        if np.isfinite(land.depth).any() and light.sun[1] > 0.02:
            from_sun = preview_shading.sun_camera(_seen_points(land.depth, camera), sun.direction)
            shadow = ShadowMap(rasterizer.depth(from_sun, (SHADOW_SIZE, SHADOW_SIZE)), from_sun)
    image = preview_shading.shade(land, water, camera, light, shadow)
    if samples == 1:
        return image
    blocks = image.reshape(height, samples, width, samples, 3).astype(np.uint16).sum(axis=(1, 3))
    mean: NDArray[np.uint8] = ((blocks + samples * samples // 2) // (samples * samples)).astype(np.uint8)
    return mean


def choose_camera(
    view: str | Camera, parts: Sequence[Part], relief: Relief, sun: DirectionalLight, aspect: float
) -> Camera:
    """Return the camera of a named view, or the given one."""
    if isinstance(view, Camera):
        view.axes()
        return view
    if view == "hero":
        return preview_camera.hero(relief, sun.direction, aspect, endless=is_endless_sea(relief))
    if view == "iso":
        return preview_camera.isometric(relief, sun.direction, aspect)
    if view == "top":
        return preview_camera.plan(relief, aspect)
    triangles = [
        part.positions()[part.mesh.indices] for part in ground_parts(parts) if part.placements is None
    ]
    # Grass and pebbles hide nothing; what is taller than a person does.
    objects = [
        np.column_stack([part.positions()[:, [0, 2]], np.full(len(part.placements), part.radius)])
        for part in parts
        if part.placements is not None and part.radius > TALL
    ]
    return preview_camera.ground(
        relief,
        np.concatenate(triangles) if triangles else np.zeros((0, 3, 3)),
        np.concatenate(objects) if objects else np.zeros((0, 3)),
        sun.direction,
    )


def choose_atmosphere(scene: Scene, atmosphere: str | Atmosphere | None) -> Atmosphere:
    """Return the atmosphere that was asked for, the one of the scene's preset, or the default."""
    if isinstance(atmosphere, Atmosphere):
        return atmosphere
    if atmosphere is None:
        return ATMOSPHERES.get(str(scene.extras.get("preset", "")), Atmosphere())
    if atmosphere not in ATMOSPHERES:
        raise PreviewError(f"unknown atmosphere {atmosphere!r}; {nearest(str(atmosphere), ATMOSPHERES)}")
    return ATMOSPHERES[atmosphere]


def sun_of(scene: Scene) -> DirectionalLight:
    """Return the scene's first light, or a late morning's sun where it has none."""
    return next((node.light for node in scene.walk() if node.light is not None), DEFAULT_SUN)


def ground_parts(parts: Sequence[Part]) -> list[Part]:
    """Return the parts that stand for the ground: opaque and placed once; all parts where there are none."""
    ground = [part for part in parts if part.placements is None and not part.water]
    return ground or list(parts)


def relief_of(parts: Sequence[Part]) -> Relief:
    """Return the coarse relief of the ground, with the level of the largest water surface: a sea.

    Water with a current is a river or a lake, which does not go on beyond the world.
    """
    waters = [part for part in parts if part.water and part.placements is None]
    waters = [part for part in waters if part.mesh.velocity is None]
    sea = None
    if waters:
        spans = [float(np.prod(np.ptp(part.positions()[:, [0, 2]], axis=0))) for part in waters]
        sea = float(np.median(waters[int(np.argmax(spans))].positions()[:, 1]))
    ground = ground_parts(parts)
    return preview_camera.relief_of(np.concatenate([part.positions() for part in ground]), sea)


def is_endless_sea(relief: Relief) -> bool:
    """Whether water meets the world's border, so that it may go on to the horizon."""
    if relief.sea is None:
        return False
    heights = relief.heights
    border = np.concatenate([heights[0], heights[-1], heights[:, 0], heights[:, -1]])
    return bool((border < relief.sea).mean() > 0.02)


def _seen_points(depth: NDArray[np.float32], camera: Camera) -> Array:
    """World points of every 16th pixel that shows ground: what shadows must cover."""
    height, width = depth.shape
    chosen = []
    for row in range(0, height, 16):
        offset, ray = preview_shading.pixel_rays(camera, (height, width), slice(row, row + 1))
        line = depth[row]
        hit = np.flatnonzero(np.isfinite(line))[::16]
        chosen.append(
            np.asarray(camera.eye) + offset[0, hit] + ray[0, hit] * line[hit, None].astype(np.float64)
        )
    points: Array = np.concatenate(chosen)
    if not len(points):
        points = np.asarray([camera.target], np.float64)
    return points


def _checked_size(size: tuple[int, int], samples: int) -> tuple[int, int]:
    if samples not in (1, 2, 3, 4):
        raise PreviewError(f"samples must be 1, 2, 3 or 4; found {samples}")
    if len(size) != 2 or not all(16 <= int(side) <= MAXIMUM_SIZE for side in size):
        raise PreviewError(
            f"a picture's size is (width, height), each 16 to {MAXIMUM_SIZE} pixels; found {size}"
        )
    return int(size[0]), int(size[1])


def show(
    scene: Scene,
    *,
    view: str | Camera = "hero",
    atmosphere: str | Atmosphere | None = None,
    size: tuple[int, int] = (1600, 900),
) -> None:
    """Open a window on a scene and return when it is closed; arguments as in `screenshot`.

    Raises
    ------
    PreviewError : there is no display, an argument is wrong, or the scene is empty.
    """
    preview_camera.check_view(view)
    _checked_size(size, 1)
    check_display()
    plotter = build_plotter(scene, view=view, atmosphere=atmosphere, size=size)
    try:
        plotter.show(title=f"worldgen: {scene.name}")
    finally:
        plotter.close()


def check_offscreen(target: Path) -> None:
    """Raise PreviewError where no picture can be drawn, or for a file that is not a ``.png``."""
    if target.suffix.lower() != ".png":
        raise PreviewError(f"a screenshot is a .png file; found '{target.name}'")
    preview_raster.window_class()


def check_display() -> None:
    """Raise PreviewError where no window can be opened; VTK itself would abort the process."""
    if not sys.platform.startswith("linux"):
        return
    instead = "Draw a picture instead: worldgen preview --screenshot world.png"
    name = os.environ.get("DISPLAY")
    if not name:
        raise PreviewError(f"no window can be opened: there is no display (DISPLAY is not set). {instead}")
    # The variable may name a server that is gone: try it in a child process first.
    try:
        preview_raster.first_that_draws(("vtkXOpenGLRenderWindow",))
    except PreviewError as error:
        raise PreviewError(f"no window can be opened on display '{name}': {error}. {instead}") from error


def build_plotter(
    scene: Scene,
    *,
    view: str | Camera = "hero",
    atmosphere: str | Atmosphere | None = None,
    size: tuple[int, int] = (1600, 900),
    off_screen: bool = False,
) -> Any:
    """Return a PyVista plotter that holds the scene, lit simply; arguments as in `screenshot`."""
    import pyvista

    air = choose_atmosphere(scene, atmosphere)
    parts = preview_raster.flatten(scene)
    if not parts:
        raise PreviewError(f"scene '{scene.name}' has nothing to draw: no model with triangles")
    sun, relief = sun_of(scene), relief_of(parts)
    camera = choose_camera(view, parts, relief, sun, size[0] / size[1])
    plotter: Any = pyvista.Plotter(off_screen=off_screen, window_size=list(size), lighting="none")
    plotter.add_light(pyvista.Light(light_type="headlight"))  # makes VTK pass normals to the shaders
    low, high = (
        tuple(preview_shading.encode(np.asarray(color, np.float32) * np.float32(air.exposure)) / 255.0)
        for color in (air.horizon, air.zenith)
    )
    plotter.set_background(low, top=high)
    actors = preview_raster.build_actors(parts)
    for part, actor in sorted(zip(parts, actors, strict=True), key=lambda pair: pair[0].water):
        preview_raster.set_layer(actor, part.mesh, "lit")
        if part.water:
            actor.ForceOpaqueOff()
            actor.ForceTranslucentOn()
        plotter.add_actor(actor, reset_camera=False, render=False)
    # The shaders work in view space, which turns with the camera: hand them the axes at each frame.
    toward = -np.asarray(sun.direction, np.float64)

    def follow(*_: object) -> None:
        matrix = plotter.camera.GetViewTransformMatrix()
        turn = np.array([[matrix.GetElement(row, column) for column in range(3)] for row in range(3)])
        for actor in actors:
            uniforms = actor.GetShaderProperty().GetFragmentCustomUniforms()
            uniforms.SetUniform3f("sunDirection", [float(v) for v in turn @ toward])
            uniforms.SetUniform3f("upDirection", [float(v) for v in turn[:, 1]])

    preview_raster.place_camera(plotter.camera, camera)
    follow()
    plotter.renderer.AddObserver("StartEvent", follow)
    plotter.renderer.ResetCameraClippingRange()
    plotter.camera.is_set = True
    return plotter
