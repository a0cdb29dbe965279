"""Materials, textures, samplers and images of a glTF document.

Source: glTF 2.0 specification, sections 3.8 (textures) and 3.9 (materials).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.images import ImageSource, Role, fingerprint, safe_name
from worldgen.materials import PBRMaterial

LINEAR = 9729
LINEAR_MIPMAP_LINEAR = 9987
REPEAT = 10497
CLAMP_TO_EDGE = 33071


class MaterialTable:
    """Collects the materials of a scene; equal images are stored once.

    Attributes
    ----------
    materials, textures, samplers : JSON objects for the document.
    images : pixels that the document's ``images`` refer to, in order; not yet encoded.
    """

    def __init__(self) -> None:
        self.materials: list[dict[str, Any]] = []
        self.textures: list[dict[str, Any]] = []
        self.samplers: list[dict[str, Any]] = []
        self.images: list[ImageSource] = []
        self._materials: dict[int, tuple[int, PBRMaterial]] = {}
        self._images: dict[tuple[Role, bytes], int] = {}
        self._names: set[str] = set()

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
        texture = {"sampler": self._sampler(material.repeat), "source": self._image(material, role, pixels)}
        return {"index": _index_of(self.textures, texture)}

    def _sampler(self, repeat: bool) -> int:
        wrap = REPEAT if repeat else CLAMP_TO_EDGE
        return _index_of(
            self.samplers,
            {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": wrap, "wrapT": wrap},
        )

    def _image(self, material: PBRMaterial, role: Role, pixels: NDArray[np.uint8]) -> int:
        key = (role, fingerprint(pixels))
        if key not in self._images:
            name = stem = safe_name(f"{material.name}_{role}")
            number = 2
            while name.lower() in self._names:  # two materials may share a name, and some disks ignore case
                name, number = f"{stem}_{number}", number + 1
            self._names.add(name.lower())
            self.images.append(ImageSource(name, role, pixels))
            self._images[key] = len(self.images) - 1
        return self._images[key]


def _index_of(objects: list[dict[str, Any]], wanted: dict[str, Any]) -> int:
    """Index of an equal JSON object, appended when there is none."""
    if wanted not in objects:
        objects.append(wanted)
    return objects.index(wanted)
