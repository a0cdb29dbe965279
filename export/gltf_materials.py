"""Materials, textures, samplers and images of a glTF document.

Source: glTF 2.0 specification, sections 3.8 (textures) and 3.9 (materials); EXT_texture_webp,
KHR_texture_basisu, KHR_texture_transform, KHR_materials_ior, KHR_materials_transmission and
KHR_materials_volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.image_preparation import Role
from worldgen.export.images import ImageTable, modern_form
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial

LINEAR = 9729
LINEAR_MIPMAP_LINEAR = 9987
REPEAT = 10497
CLAMP_TO_EDGE = 33071
TEXTURE_EXTENSIONS = {"webp": "EXT_texture_webp", "ktx2": "KHR_texture_basisu"}


class MaterialTable:
    """Collects the materials of a scene; equal images are stored once.

    Attributes
    ----------
    materials, textures, samplers : JSON objects for the document.
    images : the pixels of the document's ``images``, in order; not yet encoded.
    used, required : names of the extensions that materials and textures need.
    """

    def __init__(self, options: ExportOptions) -> None:
        self.options = options
        self.used: set[str] = set()
        self.required: set[str] = set()
        self.materials: list[dict[str, Any]] = []
        self.textures: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []
        self.images = ImageTable()
        self._materials: dict[int, tuple[int, PBRMaterial]] = {}

    def add(self, material: PBRMaterial) -> int:
        """Return the index of a material, adding it when it is new (by identity)."""
        if id(material) not in self._materials:
            self.materials.append(self._describe(material))
            self._materials[id(material)] = (len(self.materials) - 1, material)
        return self._materials[id(material)][0]

    def _describe(self, material: PBRMaterial) -> dict[str, Any]:
        surface: dict[str, Any] = {}
        result: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": surface}
        if tuple(material.base_color_factor) != (1.0, 1.0, 1.0, 1.0):
            surface["baseColorFactor"] = [float(value) for value in material.base_color_factor]
        if material.base_color is not None:
            # glTF ignores the alpha of an opaque material, and without it the image can be a JPEG.
            pixels = material.base_color[..., :3] if material.alpha_mode == "OPAQUE" else material.base_color
            surface["baseColorTexture"] = self._texture(material, "base_color", pixels)
        surface["metallicFactor"] = float(material.metallic)
        surface["roughnessFactor"] = float(material.roughness)
        if material.orm is not None:
            surface["metallicRoughnessTexture"] = self._texture(material, "orm", material.orm)
            result["occlusionTexture"] = surface["metallicRoughnessTexture"]
        if material.normal is not None:
            result["normalTexture"] = self._texture(material, "normal", material.normal)
        if material.alpha_mode != "OPAQUE":
            result["alphaMode"] = material.alpha_mode
        if material.alpha_mode == "MASK":
            result["alphaCutoff"] = float(material.alpha_cutoff)
        if material.double_sided:
            result["doubleSided"] = True
        return result

    def _texture(self, material: PBRMaterial, role: Role, pixels: NDArray[np.uint8]) -> dict[str, Any]:
        """Return the textureInfo of an image, in one form or two."""
        texture: dict[str, Any] = {"sampler": self._sampler(material.repeat)}
        cutoff = material.alpha_cutoff if material.alpha_mode == "MASK" and role == "base_color" else None
        form = modern_form(role, self.options)
        if form is None or self.options.image_fallback:
            texture["source"] = self.images.add(
                material.name, role, pixels, cutoff=cutoff, repeat=material.repeat
            )
        if form is not None:
            image = self.images.add(
                material.name, role, pixels, form=form, cutoff=cutoff, repeat=material.repeat
            )
            extension = TEXTURE_EXTENSIONS[form]
            texture["extensions"] = {extension: {"source": image}}
            self.used.add(extension)
            if not self.options.image_fallback:
                self.required.add(extension)
        return {"index": _index_of(self.textures, texture)}

    def _sampler(self, repeat: bool) -> int:
        wrap = REPEAT if repeat else CLAMP_TO_EDGE
        return _index_of(
            self.samplers,
            {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": wrap, "wrapT": wrap},
        )


def _index_of(objects: list[dict[str, Any]], wanted: dict[str, Any]) -> int:
    """Index of an equal JSON object, appended when there is none."""
    if wanted not in objects:
        objects.append(wanted)
    return objects.index(wanted)
