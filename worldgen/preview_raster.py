"""Scene to picture layers with VTK: color, normal and depth per pixel, drawn without a display.

VTK only rasterises here. Light, shadow, water, haze and sky are computed afterwards from these layers
(`preview_shading`): in that way one small shader serves terrain, objects and water, the software renderer of
a machine without a graphics card stays affordable, and the look is plain numpy that tests can reach.

VTK aborts the process where it finds no OpenGL; `window_class` therefore tries in a child process first.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import PreviewError
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh
from worldgen.preview_camera import Camera
from worldgen.scene import Instances, Scene

Array = NDArray[np.float64]

# Seconds for one attempt in the child process; importing VTK from a cold disk takes a few.
PROBE_SECONDS = 60

PROBE = """
import sys
import vtkmodules.vtkRenderingOpenGL2 as backend
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
name = sys.argv[1]
window = vtkRenderWindow() if name == "vtkRenderWindow" else getattr(backend, name)()
window.SetOffScreenRendering(1)
window.SetSize(8, 8)
renderer = vtkRenderer()
renderer.SetBackground(1.0, 0.0, 0.0)
window.AddRenderer(renderer)
window.Render()
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
pixels = vtkUnsignedCharArray()
window.GetRGBACharPixelData(0, 0, 7, 7, 0, pixels)
print("drawn" if pixels.GetValue(0) == 255 and pixels.GetValue(1) == 0 else "blank")
sys.stdout.flush()
"""


@functools.lru_cache(maxsize=1)
def window_class() -> str:
    """Return the name of the VTK window class that draws here without a display; tried once per process.

    Raises
    ------
    PreviewError : none of them can draw; the message says what to install.
    """
    if sys.platform.startswith("linux"):
        # EGL first: it uses the graphics card where there is one, and never asks for an X server.
        candidates = ("vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow", "vtkRenderWindow")
    else:
        candidates = ("vtkRenderWindow",)
    return first_that_draws(candidates)


def first_that_draws(candidates: Sequence[str], program: str = PROBE, seconds: float = PROBE_SECONDS) -> str:
    """Return the first window class that draws a red square in a child process.

    Parameters
    ----------
    candidates : names of classes of ``vtkmodules.vtkRenderingOpenGL2``.
    program : Python source that prints ``drawn`` when it worked; its argument is the name.
    seconds : an attempt that takes longer counts as failed.
    """
    reasons = []
    for name in candidates:
        try:
            done = subprocess.run(
                [sys.executable, "-c", program, name],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            reasons.append(f"{name} gave no picture within {seconds:g} s")
            continue
        except OSError as error:
            reasons.append(f"no child process could be started ({error})")
            continue
        if done.returncode == 0 and done.stdout.strip().endswith("drawn"):
            return name
        ending = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        reasons.append(f"{name} failed ({_complaint(done.stderr) or ending})")
    raise PreviewError(
        f"VTK cannot draw on this machine: {'; '.join(reasons)}. Without a display it needs OpenGL through "
        "EGL or OSMesa: on Debian or Ubuntu install libegl1 and libgl1-mesa-dri (or libosmesa6), on Fedora "
        "mesa-libEGL and mesa-dri-drivers"
    )


def _complaint(log: str) -> str:
    """Return the last line of a log without terminal colors and VTK's time stamps."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in log.splitlines()]
    lines = [line for line in lines if line]
    return lines[-1].rsplit("| ", 1)[-1].strip()[:160] if lines else ""


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive at one place, or at many.

    Attributes
    ----------
    offset : (3,) float64, metres, of its node in the world.
    placements : where it is repeated, relative to ``offset``, or None for once at ``offset``.
    """

    mesh: Mesh
    offset: Array
    placements: Instances | None = None

    @property
    def water(self) -> bool:
        """Whether it is seen through, which the preview draws as water."""
        return self.mesh.material.alpha_mode == "BLEND"

    def positions(self) -> Array:
        """Return (V, 3) float64 vertices in world metres; for placements, (N, 3) their places."""
        if self.placements is not None:
            return self.placements.translations.astype(np.float64) + self.offset
        return self.mesh.positions.astype(np.float64) + self.offset

    @property
    def radius(self) -> float:
        """How far, in metres, the surface reaches from `positions`."""
        if self.placements is None or not len(self.placements) or not len(self.mesh.positions):
            return 0.0
        reach = float(np.sqrt((self.mesh.positions.astype(np.float64) ** 2).sum(axis=1).max()))
        return reach * float(self.placements.scales.max())


def flatten(scene: Scene) -> list[Part]:
    """Return the primitives of a scene with their places in the world, parents first, without empty ones."""

    def visit(nodes: Sequence[Any], origin: Array) -> Iterator[Part]:
        for node in nodes:
            if node.purpose != "visible":
                continue
            place = origin + np.asarray(node.translation, np.float64)
            if node.model is not None:
                for mesh in node.model.primitives:
                    if len(mesh.indices):
                        yield Part(mesh, place)
            if node.instances is not None and len(node.instances):
                for mesh in node.instances.model.primitives:
                    if len(mesh.indices):
                        yield Part(mesh, place, node.instances)
            yield from visit(node.children, place)

    return list(visit(scene.nodes, np.zeros(3)))


@dataclass(frozen=True, eq=False)
class Layers:
    """What one camera sees, row 0 at the top.

    Attributes
    ----------
    color : (H, W, 3) uint8, sRGB base color.
    surface : (H, W, 3) uint8: octahedral view-space normal in two channels; occlusion * 191, 255 for foliage.
    depth : (H, W) float32, metres along the view axis, inf where nothing was hit.
    """

    color: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    depth: NDArray[np.float32]


# GLSL that replaces VTK's lighting. Each layer is a program of its own, and only masked materials have a
# `discard`: the software renderer runs both sides of a branch, and tests depth early only where nothing is
# discarded.
SHADER_NORMAL = "  vec3 smoothNormal = normalize(normalVCVSOutput);\n"
SHADER_COLOR = """
  vec4 texel = texture(albedoTex, tcoordVCVSOutput) * baseFactor * VERTEX_COLOR;
  // VTK hands over texels decoded to linear light; 8 bits need the curve again.
  fragOutput0 = vec4(pow(texel.rgb, vec3(1.0 / 2.2)), 1.0);
"""
SHADER_MASK = """
  vec2 maskX = dFdx(tcoordVCVSOutput) * vec2(textureSize(albedoTex, 0));
  vec2 maskY = dFdy(tcoordVCVSOutput) * vec2(textureSize(albedoTex, 0));
  // Smaller mip levels average alpha away, so far leaves would vanish: raise alpha with the level.
  float level = max(0.0, 0.5 * log2(max(max(dot(maskX, maskX), dot(maskY, maskY)), 1e-8)));
  if (texture(albedoTex, tcoordVCVSOutput).a * baseFactor.a * (1.0 + 0.25 * level) < alphaCutoff) discard;
"""
SHADER_BUMP = """
  vec3 bumped = smoothNormal;
  {
    // Tangent frame from screen derivatives (C. Schueler, "Normal Mapping without Precomputed Tangents").
    vec3 alongX = dFdx(vertexVC.xyz), alongY = dFdy(vertexVC.xyz);
    vec2 uvX = dFdx(tcoordVCVSOutput), uvY = dFdy(tcoordVCVSOutput);
    vec3 besideX = cross(smoothNormal, alongX), besideY = cross(alongY, smoothNormal);
    vec3 tangent = besideY * uvX.x + besideX * uvY.x;
    vec3 bitangent = -(besideY * uvX.y + besideX * uvY.y);
    float longest = max(max(dot(tangent, tangent), dot(bitangent, bitangent)), 1e-30);
    vec3 bump = texture(normalTex, tcoordVCVSOutput).rgb * 2.0 - 1.0;
    vec3 aside = (tangent * bump.x + bitangent * bump.y) * inversesqrt(longest);
    bumped = normalize(aside + smoothNormal * bump.z);
  }
"""
SHADER_PLAIN = "  vec3 bumped = smoothNormal;\n"
SHADER_SURFACE = """
  vec2 oct = bumped.xy / (abs(bumped.x) + abs(bumped.y) + abs(bumped.z));
  if (bumped.z < 0.0)
    oct = (1.0 - abs(oct.yx)) * vec2(oct.x < 0.0 ? -1.0 : 1.0, oct.y < 0.0 ? -1.0 : 1.0);
  // Dither hides the steps of 8 bits once pixels are averaged.
  float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
  vec3 orm = texture(materialTex, tcoordVCVSOutput).rgb;
  fragOutput0 = vec4(oct * 0.5 + 0.5 + noise / 255.0, surface > 0.5 ? 1.0 : orm.r * 0.749, 1.0);
"""
SHADER_DEPTH = "  fragOutput0 = vec4(0.0, 0.0, 0.0, 1.0);\n"
# A simply lit picture for the interactive window, where the passes of `preview_shading` would be too slow.
SHADER_LIT = """
  vec4 texel = texture(albedoTex, tcoordVCVSOutput) * baseFactor * VERTEX_COLOR;
  float facing = dot(bumped, sunDirection);
  float direct = surface > 0.5 ? 0.35 + 0.4 * abs(facing) : max(facing, 0.0);
  vec3 fill = mix(vec3(0.20, 0.18, 0.15), vec3(0.45, 0.58, 0.80), 0.5 + 0.5 * dot(bumped, upDirection));
  float cavity = texture(materialTex, tcoordVCVSOutput).r;
  vec3 lit = texel.rgb * cavity * (vec3(2.5, 2.3, 2.0) * direct + fill) * 0.75;
  fragOutput0 = vec4(pow(lit / (1.0 + lit * 0.35), vec3(1.0 / 2.2)), seeThrough > 0.5 ? texel.a : 1.0);
"""
LAYER_SHADERS = {"color": SHADER_COLOR, "surface": SHADER_SURFACE, "depth": SHADER_DEPTH, "lit": SHADER_LIT}
# VTK ends each program with this; it would turn early depth tests off.
VTK_DISCARD = "if (fragOutput0.a <= 0.0)\n    {\n    discard;\n    }"


def set_layer(actor: Any, mesh: Mesh, layer: str) -> None:
    """Give a mesh's actor the program that writes one layer: ``color``, ``surface``, ``depth`` or ``lit``."""
    material = mesh.material
    masked = material.alpha_mode == "MASK"
    code = SHADER_MASK if masked else ""
    if layer in ("surface", "lit"):
        code += SHADER_PLAIN if material.normal is None else SHADER_BUMP
    shader = actor.GetShaderProperty()
    shader.ClearAllFragmentShaderReplacements()
    shader.AddFragmentShaderReplacement("//VTK::Normal::Impl", True, SHADER_NORMAL, False)
    code += LAYER_SHADERS[layer].replace(
        "VERTEX_COLOR", "vec4(1.0)" if mesh.colors is None else "vertexColorVSOutput"
    )
    shader.AddFragmentShaderReplacement("//VTK::Light::Impl", True, code, False)
    if not masked:
        shader.AddFragmentShaderReplacement(VTK_DISCARD, False, "", False)


ANISO = 2


class Rasterizer:
    """Draws the layers of a scene's parts; a context manager that frees the window.

    The geometry goes to the renderer once; each call to `layers` or `depth` draws it again from a camera.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        name = window_class()
        import vtkmodules.vtkRenderingOpenGL2 as backend
        from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow

        self.parts = list(parts)
        self.window = vtkRenderWindow() if name == "vtkRenderWindow" else getattr(backend, name)()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.renderer = vtkRenderer()
        self.renderer.SetBackground(0.0, 0.0, 0.0)
        # A light makes VTK pass normals to the shader; its color is never used.
        self.renderer.AutomaticLightCreationOff()
        self.renderer.AddLight(vtkLight())
        self.window.AddRenderer(self.renderer)
        self.actors = build_actors(self.parts)
        for actor in self.actors:
            self.renderer.AddActor(actor)

    def __enter__(self) -> Rasterizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.renderer.RemoveAllViewProps()
        self.window.Finalize()

    def land(self, camera: Camera, size: tuple[int, int]) -> Layers:
        """Draw the opaque parts; size is (width, height) in pixels."""
        clip = self._aim(camera, size, water=False)
        color, surface = self._draw(size, "color"), self._draw(size, "surface")
        return Layers(color, surface, self._depth(camera, size, clip))

    def water(self, camera: Camera, size: tuple[int, int]) -> Layers:
        """Draw the water alone; its normals are left to the shading, so ``surface`` is empty."""
        clip = self._aim(camera, size, water=True)
        color = self._draw(size, "color")
        return Layers(color, np.zeros((0, 0, 3), np.uint8), self._depth(camera, size, clip))

    def depth(self, camera: Camera, size: tuple[int, int]) -> NDArray[np.float32]:
        """Draw only the depth of the opaque parts: (H, W) float32 metres along the view axis."""
        clip = self._aim(camera, size, water=False)
        self._render("depth")
        return self._depth(camera, size, clip)

    def _aim(self, camera: Camera, size: tuple[int, int], water: bool) -> tuple[float, float]:
        for part, actor in zip(self.parts, self.actors, strict=True):
            actor.SetVisibility(part.water == water)
        near, far = clip_range(self.parts, camera)
        place_camera(self.renderer.GetActiveCamera(), camera)
        self.renderer.GetActiveCamera().SetClippingRange(near, far)
        self.window.SetSize(*size)
        return near, far

    def _render(self, layer: str) -> None:
        for part, actor in zip(self.parts, self.actors, strict=True):
            set_layer(actor, part.mesh, layer)
        self.window.Render()

    def _draw(self, size: tuple[int, int], layer: str) -> NDArray[np.uint8]:
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        self._render(layer)
        width, height = size
        pixels = vtkUnsignedCharArray()
        self.window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        image: NDArray[np.uint8] = _from_vtk(pixels).reshape(height, width, 3)[::-1].copy()
        return image

    def _depth(self, camera: Camera, size: tuple[int, int], clip: tuple[float, float]) -> NDArray[np.float32]:
        from vtkmodules.vtkCommonCore import vtkFloatArray

        width, height = size
        values = vtkFloatArray()
        self.window.GetZbufferData(0, 0, width - 1, height - 1, values)
        buffer = _from_vtk(values).reshape(height, width)[::-1]
        near, far = clip
        if camera.parallel_height is not None:
            metres = np.float32(near) + buffer * np.float32(far - near)
        else:
            # 1 - buffer is exact in float32 where it matters, far away; the plain formula would cancel there.
            metres = np.float32(near * far) / (np.float32(near) + (1 - buffer) * np.float32(far - near))
        metres[buffer >= 1.0] = np.inf
        result: NDArray[np.float32] = metres.astype(np.float32, copy=False)
        return result


def clip_range(parts: Sequence[Part], camera: Camera) -> tuple[float, float]:
    """Return the nearest and farthest depth in metres that may hold a surface.

    A near plane as far out as the scene allows keeps the depth buffer fine in the distance.
    """
    eye, forward = np.asarray(camera.eye), camera.axes()[2]
    nearest, farthest = np.inf, 1.0
    for part in parts:
        offset = part.positions() - eye
        along = offset @ forward
        farthest = max(farthest, float(along.max()) + part.radius)
        if camera.parallel_height is not None:
            nearest = min(nearest, float(along.min()) - part.radius)
        elif not part.water:
            # Triangles reach between their vertices: half the distance is the margin.
            nearest = min(nearest, 0.5 * (float(np.sqrt((offset**2).sum(axis=1).min())) - part.radius))
    if camera.parallel_height is not None:
        return nearest - 1.0, farthest + 1.0
    # cos of the widest corner of the picture is over 0.5, so depth is at least half the distance.
    return float(np.clip(nearest * 0.5, 0.05, farthest * 0.01)), farthest * 1.01 + 1.0


def _to_vtk(values: NDArray[Any], deep: bool = False) -> Any:
    from vtkmodules.util import numpy_support

    support: Any = numpy_support  # it has no type hints
    return support.numpy_to_vtk(values, deep=deep)


def _from_vtk(values: Any) -> NDArray[Any]:
    from vtkmodules.util import numpy_support

    support: Any = numpy_support
    array: NDArray[Any] = support.vtk_to_numpy(values)
    return array


def place_camera(target: Any, camera: Camera) -> None:
    """Set a vtkCamera."""
    target.SetPosition(*camera.eye)
    target.SetFocalPoint(*camera.target)
    target.SetViewUp(*(float(v) for v in camera.axes()[1]))
    if camera.parallel_height is not None:
        target.ParallelProjectionOn()
        target.SetParallelScale(camera.parallel_height / 2)
    else:
        target.ParallelProjectionOff()
        target.SetViewAngle(camera.field_of_view)


def build_actors(parts: Sequence[Part]) -> list[Any]:
    """Return one vtkActor for each part; meshes and images that are shared are uploaded once."""
    meshes: dict[int, Any] = {}
    textures: dict[tuple[int, bool, bool], Any] = {}
    actors = []
    for part in parts:
        key = id(part.mesh)
        if key not in meshes:
            meshes[key] = build_polydata(part.mesh)
        actors.append(_build_actor(part, meshes[key], textures))
    return actors


def build_polydata(mesh: Mesh) -> Any:
    """Return a vtkPolyData over the mesh's own arrays, which must outlive it."""
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    points = vtkPoints()
    points.SetData(_to_vtk(np.ascontiguousarray(mesh.positions, np.float32)))
    cells = vtkCellArray()
    cells.SetData(3, _to_vtk(np.ascontiguousarray(mesh.indices, np.uint32).view(np.int32).ravel()))
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    data.GetPointData().SetNormals(_to_vtk(np.ascontiguousarray(mesh.normals, np.float32)))
    # VTK's first image row is v = 0; glTF's too, once the rows are handed over as they are.
    data.GetPointData().SetTCoords(_to_vtk(np.ascontiguousarray(mesh.texcoords, np.float32)))
    if mesh.colors is not None:
        data.GetPointData().SetScalars(_to_vtk(np.ascontiguousarray(mesh.colors, np.float32)))
    return data


def build_placements(placements: Instances) -> Any:
    """Return a vtkPolyData of points with arrays ``rotation`` (w, x, y, z) and ``scale`` for glyphs."""
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkPolyData

    points = vtkPoints()
    points.SetData(_to_vtk(np.ascontiguousarray(placements.translations, np.float32), deep=True))
    data = vtkPolyData()
    data.SetPoints(points)
    rotations = np.ascontiguousarray(placements.rotations[:, [3, 0, 1, 2]], np.float32)
    for name, values in (("rotation", rotations), ("scale", np.asarray(placements.scales, np.float32))):
        array = _to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        data.GetPointData().AddArray(array)
    return data


def _build_actor(part: Part, polydata: Any, textures: dict[tuple[int, bool, bool], Any]) -> Any:
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
    from vtkmodules.vtkRenderingCore import vtkActor, vtkGlyph3DMapper, vtkPolyDataMapper

    mapper: Any
    if part.placements is None:
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(polydata)
    else:
        mapper = vtkGlyph3DMapper()
        mapper.SetInputData(build_placements(part.placements))
        mapper.SetSourceData(polydata)
        mapper.SetOrientationArray("rotation")
        mapper.SetOrientationModeToQuaternion()
        mapper.SetScaleArray("scale")
        mapper.SetScaleModeToScaleByMagnitude()
    if part.mesh.colors is None:
        mapper.ScalarVisibilityOff()
    else:
        mapper.SetColorModeToDirectScalars()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.SetPosition(*part.offset)
    actor.ForceOpaqueOn()
    material = part.mesh.material
    _apply_material(actor, material, textures)
    return actor


def _apply_material(actor: Any, material: PBRMaterial, textures: dict[tuple[int, bool, bool], Any]) -> None:
    def texture(image: NDArray[np.uint8] | None, colors: bool) -> Any:
        pixels = _WHITE if image is None else image
        key = (id(pixels), material.repeat, colors)
        if key not in textures:
            textures[key] = build_texture(
                pixels, material.repeat, colors, masked=material.alpha_mode == "MASK"
            )
        return textures[key]

    # These names are VTK's own for physically based shading: it declares the samplers and mixes none of them.
    shown = actor.GetProperty()
    shown.SetTexture("albedoTex", texture(material.base_color, True))
    shown.SetTexture("materialTex", texture(material.orm, False))
    shown.SetTexture("normalTex", texture(material.normal, False))
    shader = actor.GetShaderProperty()
    uniforms = shader.GetFragmentCustomUniforms()
    factor = material.base_color_factor
    uniforms.SetUniform4f("baseFactor", list(factor))
    uniforms.SetUniformf("alphaCutoff", material.alpha_cutoff if material.alpha_mode == "MASK" else -1.0)
    uniforms.SetUniformf("surface", float(material.alpha_mode == "MASK"))
    uniforms.SetUniformf("seeThrough", float(material.alpha_mode == "BLEND"))
    uniforms.SetUniform3f("sunDirection", [0.0, 1.0, 0.0])
    uniforms.SetUniform3f("upDirection", [0.0, 1.0, 0.0])


_WHITE = np.full((1, 1, 3), 255, np.uint8)


def build_texture(image: NDArray[np.uint8], repeat: bool, colors: bool, masked: bool = False) -> Any:
    """Return a mipmapped vtkTexture; colors of a masked image are spread into its transparent parts."""
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkRenderingCore import vtkTexture

    pixels = spread_color(image) if masked and image.shape[-1] == 4 else np.ascontiguousarray(image)
    height, width, channels = pixels.shape
    data = vtkImageData()
    data.SetDimensions(width, height, 1)
    data.GetPointData().SetScalars(_to_vtk(pixels.reshape(-1, channels), deep=True))
    texture = vtkTexture()
    texture.SetInputData(data)
    texture.SetWrap(texture.Repeat if repeat else texture.ClampToEdge)
    texture.SetColorModeToDirectScalars()
    if colors:
        texture.UseSRGBColorSpaceOn()
    texture.InterpolateOn()
    texture.MipmapOn()
    texture.SetMaximumAnisotropicFiltering(2)
    return texture


def spread_color(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a (H, W, 4) uint8 image whose transparent pixels carry the color of the nearest opaque one.

    Filtering and mip levels mix neighbours: what lies under transparent pixels, often black, would show as
    fringes.
    """
    from scipy.ndimage import distance_transform_edt

    solid = image[..., 3] >= 128
    if solid.all() or not solid.any():
        return np.ascontiguousarray(image)
    row, column = distance_transform_edt(~solid, return_distances=False, return_indices=True)
    result = image.copy()
    result[..., :3] = image[row, column, :3]
    return result
