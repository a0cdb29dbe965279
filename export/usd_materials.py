"""Materials as UsdPreviewSurface, the one that every USD client draws.

What differs from glTF and how it is met:

- factors multiply textures: ``inputs:scale`` of the texture does so, in linear light as in glTF;
- vertex colors multiply too, and UsdPreviewSurface has no node that multiplies: meshes with colors carry the
  product of color and factor as ``displayColor`` and ``displayOpacity``, which is exact, and their material
  reads both. Where it has a base color texture as well, the texture is drawn and the vertex colors are not;
- ``opacityThreshold`` cuts masks out; without, alpha blends;
- a scale and offset of texture coordinates is a UsdTransform2d, in USD's v that runs upwards;
- light does not go through volumes: of glTF's only the index of refraction is kept.

Source: OpenUSD, UsdPreviewSurface specification 2.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pxr import Gf, Sdf, UsdShade

from worldgen.export.image_preparation import Role
from worldgen.export.images import ImageTable
from worldgen.export.usd_values import PathTable
from worldgen.materials import PBRMaterial

WATER = ("water", "sea")  # names of the materials of `worldgen.running_water` and `worldgen.sea`
REFRACTION, WATER_REFRACTION = 1.5, 1.333  # the first is what UsdPreviewSurface has by itself


class MaterialTable:
    """Collects the materials of a scene below one scope; equal images are stored once.

    Attributes
    ----------
    images : the pixels that the textures show; not yet encoded.
    """

    def __init__(self, stage: Any, scope: str, paths: PathTable) -> None:
        self.images = ImageTable()
        self._stage, self._scope, self._paths = stage, scope, paths
        self._known: dict[tuple[int, bool], tuple[Any, PBRMaterial]] = {}
        self._files: list[tuple[Any, int]] = []

    def add(self, material: PBRMaterial, *, colored: bool) -> Any:
        """Return the UsdShade.Material of a material, added when it is new (by identity).

        Parameters
        ----------
        colored : the mesh has vertex colors, which take the place of the factor.
        """
        key = (id(material), colored)
        if key not in self._known:
            self._known[key] = (self._describe(material, colored), material)
        return self._known[key][0]

    def name_files(self, files: list[str]) -> None:
        """Set where the images are, in the order of ``images.sources``, relative to the stage."""
        for attribute, image in self._files:
            attribute.Set(Sdf.AssetPath(files[image]))

    def _describe(self, material: PBRMaterial, colored: bool) -> Any:
        path = self._paths.make(self._scope, material.name)
        result = UsdShade.Material.Define(self._stage, path)
        surface = self._shader(f"{path}/surface", "UsdPreviewSurface")
        result.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
        textured = any(image is not None for image in (material.base_color, material.normal, material.orm))
        reader = self._coordinates(path, material) if textured else None

        def texture(role: Role, pixels: NDArray[np.uint8], space: str) -> Any:
            return self._texture(path, material, role, pixels, space, reader)

        self._color(path, surface, material, colored, texture)
        self._roughness(surface, material, texture)
        if material.normal is not None:
            shader = texture("normal", material.normal, "raw")
            shader.CreateInput("scale", Sdf.ValueTypeNames.Float4).Set(Gf.Vec4f(2, 2, 2, 1))
            shader.CreateInput("bias", Sdf.ValueTypeNames.Float4).Set(Gf.Vec4f(-1, -1, -1, 0))
            self._connect(surface, "normal", Sdf.ValueTypeNames.Normal3f, shader, "rgb")
        refraction = _refraction(material)
        if refraction != REFRACTION:
            surface.CreateInput("ior", Sdf.ValueTypeNames.Float).Set(refraction)
        return result

    def _color(self, path: str, surface: Any, material: PBRMaterial, colored: bool, texture: Any) -> None:
        """Connect or set diffuse color and opacity."""
        red, green, blue, alpha = (float(value) for value in material.base_color_factor)
        opaque = material.alpha_mode == "OPAQUE"
        color, opacity = Sdf.ValueTypeNames.Color3f, Sdf.ValueTypeNames.Float
        if material.base_color is not None:
            # An opaque material's alpha says nothing, and without it the image can be a JPEG.
            pixels = material.base_color[..., :3] if opaque else material.base_color
            shader = texture("base_color", pixels, "sRGB")
            if (red, green, blue, alpha) != (1.0, 1.0, 1.0, 1.0):
                scale = shader.CreateInput("scale", Sdf.ValueTypeNames.Float4)
                scale.Set(Gf.Vec4f(red, green, blue, alpha))
            self._connect(surface, "diffuseColor", color, shader, "rgb")
            if not opaque and pixels.shape[2] == 4:
                self._connect(surface, "opacity", opacity, shader, "a")
            elif not opaque:
                surface.CreateInput("opacity", opacity).Set(alpha)
        elif colored:
            self._connect(surface, "diffuseColor", color, self._reader(path, "displayColor", "float3"))
            if not opaque:
                self._connect(surface, "opacity", opacity, self._reader(path, "displayOpacity", "float"))
        else:
            surface.CreateInput("diffuseColor", color).Set(Gf.Vec3f(red, green, blue))
            if not opaque:
                surface.CreateInput("opacity", opacity).Set(alpha)
        if material.alpha_mode == "MASK":
            surface.CreateInput("opacityThreshold", opacity).Set(float(material.alpha_cutoff))

    def _roughness(self, surface: Any, material: PBRMaterial, texture: Any) -> None:
        """Connect or set roughness, metallic and occlusion."""
        number = Sdf.ValueTypeNames.Float
        if material.orm is None:
            surface.CreateInput("roughness", number).Set(float(material.roughness))
            surface.CreateInput("metallic", number).Set(float(material.metallic))
            return
        shader = texture("orm", material.orm, "raw")
        scale = (1.0, float(material.roughness), float(material.metallic) or 1.0, 1.0)
        if scale != (1.0, 1.0, 1.0, 1.0):
            shader.CreateInput("scale", Sdf.ValueTypeNames.Float4).Set(Gf.Vec4f(*scale))
        self._connect(surface, "occlusion", number, shader, "r")
        self._connect(surface, "roughness", number, shader, "g")
        if material.metallic > 0:
            self._connect(surface, "metallic", number, shader, "b")
        else:
            surface.CreateInput("metallic", number).Set(0.0)

    def _texture(
        self,
        path: str,
        material: PBRMaterial,
        role: Role,
        pixels: NDArray[np.uint8],
        space: str,
        reader: Any,
    ) -> Any:
        shader = self._shader(f"{path}/{role}", "UsdUVTexture")
        file = shader.CreateInput("file", Sdf.ValueTypeNames.Asset)
        self._files.append((file, self.images.add(material.name, role, pixels)))
        self._connect(shader, "st", Sdf.ValueTypeNames.Float2, reader)
        wrap = "repeat" if material.repeat else "clamp"
        shader.CreateInput("wrapS", Sdf.ValueTypeNames.Token).Set(wrap)
        shader.CreateInput("wrapT", Sdf.ValueTypeNames.Token).Set(wrap)
        shader.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set(space)
        return shader

    def _coordinates(self, path: str, material: PBRMaterial) -> Any:
        """Return the shader that gives texture coordinates."""
        reader = self._reader(path, "st", "float2")
        (u, v), (right, down) = _texture_transform(material)
        if (u, v, right, down) == (1.0, 1.0, 0.0, 0.0):
            return reader
        shader = self._shader(f"{path}/transform", "UsdTransform2d")
        self._connect(shader, "in", Sdf.ValueTypeNames.Float2, reader)
        shader.CreateInput("scale", Sdf.ValueTypeNames.Float2).Set(Gf.Vec2f(u, v))
        # 1 - t is glTF's v: t' = 1 - ((1 - t) v + down).
        shader.CreateInput("translation", Sdf.ValueTypeNames.Float2).Set(Gf.Vec2f(right, 1 - v - down))
        return shader

    def _reader(self, path: str, primvar: str, kind: str) -> Any:
        """Return a shader that reads a primvar of the mesh."""
        shader = self._shader(f"{path}/{primvar}", f"UsdPrimvarReader_{kind}")
        shader.CreateInput("varname", Sdf.ValueTypeNames.String).Set(primvar)
        return shader

    def _shader(self, path: str, kind: str) -> Any:
        shader = UsdShade.Shader.Define(self._stage, path)
        shader.CreateIdAttr(kind)
        return shader

    def _connect(self, shader: Any, name: str, kind: Any, source: Any, output: str = "result") -> None:
        """Connect an input to an output of another shader, which is made with the type that it has."""
        kinds = {
            "rgb": Sdf.ValueTypeNames.Float3,
            "result": {
                "UsdPrimvarReader_float": Sdf.ValueTypeNames.Float,
                "UsdPrimvarReader_float2": Sdf.ValueTypeNames.Float2,
                "UsdPrimvarReader_float3": Sdf.ValueTypeNames.Float3,
                "UsdTransform2d": Sdf.ValueTypeNames.Float2,
            }.get(source.GetIdAttr().Get()),
        }
        port = source.GetOutput(output) or source.CreateOutput(
            output, kinds.get(output, Sdf.ValueTypeNames.Float)
        )
        shader.CreateInput(name, kind).ConnectToSource(port)


def _refraction(material: PBRMaterial) -> float:
    plain = WATER_REFRACTION if material.name in WATER and material.alpha_mode == "BLEND" else REFRACTION
    return float(getattr(material, "ior", plain))


def _texture_transform(material: PBRMaterial) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return scale and offset (u, v) of a material's texture coordinates."""
    scale = getattr(material, "texture_scale", (1.0, 1.0))
    offset = getattr(material, "texture_offset", (0.0, 0.0))
    return (float(scale[0]), float(scale[1])), (float(offset[0]), float(offset[1]))
