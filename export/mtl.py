"""Wavefront MTL: materials with the de-facto PBR statements (``Pr``, ``Pm``, ``map_Pr``, ``norm``).

Readers differ, so what one of them needs is written where it does no harm to the others:

- the normal map is named twice: Blender reads ``map_Bump`` as a normal map, assimp wants ``norm``;
- ``map_d`` is a gray image whose alpha equals its gray: Blender reads its alpha, three.js its green;
- ``Ks`` and ``Ns`` follow the roughness, for readers that know no ``Pr``: without them Babylon.js draws white
  highlights on soil;
- ``Kd`` is linear, as Blender reads and writes it; three.js takes it for sRGB and draws it darker.

MTL has no occlusion, no alpha cutoff and no double-sided surfaces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.export.image_preparation import Role
from worldgen.export.images import EncodedImage, ImageTable, UniqueNames
from worldgen.materials import PBRMaterial


class MtlTable:
    """Collects the materials of a scene.

    Attributes
    ----------
    images : pixels that the materials refer to.
    """

    def __init__(self) -> None:
        self.images = ImageTable()
        self._known: dict[int, tuple[str, PBRMaterial]] = {}
        self._names = UniqueNames()
        self._statements: dict[str, list[str | tuple[str, int]]] = {}

    def add(self, material: PBRMaterial) -> str:
        """Return the name of a material, adding it when it is new (by identity)."""
        if id(material) not in self._known:
            name = self._names.make(material.name)
            self._known[id(material)] = (name, material)
            self._statements[name] = self._describe(name, material)
        return self._known[id(material)][0]

    def text(self, images: list[EncodedImage], prefix: str) -> str:
        """Return the file's text; ``prefix`` stands before each image's name, without spaces."""
        lines = ["# worldgen: PBR statements Pr, Pm, map_Pr, map_Pm, norm; images are relative to this file"]
        for name, statements in self._statements.items():
            lines += ["", f"newmtl {name}"]
            for statement in statements:
                if isinstance(statement, tuple):
                    keyword, image = statement
                    statement = f"{keyword} {prefix}{images[image].name}{images[image].suffix}"
                lines.append(statement)
        return "\n".join(lines) + "\n"

    def _describe(self, name: str, material: PBRMaterial) -> list[str | tuple[str, int]]:
        """Statements of one material; a tuple waits for the file name of its image."""
        red, green, blue, alpha = material.base_color_factor
        roughness, metallic = material.roughness, material.metallic
        statements: list[str | tuple[str, int]] = ["illum 2", f"Kd {red:.5f} {green:.5f} {blue:.5f}"]
        if material.alpha_mode != "OPAQUE" and alpha < 1:
            statements.append(f"d {alpha:.5f}")
        gloss = 1 - roughness * (material.orm[..., 1].mean() / 255 if material.orm is not None else 1)
        statements += [f"Ks {gloss / 2:.5f} {gloss / 2:.5f} {gloss / 2:.5f}", f"Ns {1000 * gloss**2:.3f}"]
        statements += [f"Pr {roughness:.5f}", f"Pm {metallic:.5f}"]

        def refer(role: Role, pixels: NDArray[np.uint8], *keywords: str) -> None:
            image = self.images.add(name, role, pixels)
            statements.extend((keyword, image) for keyword in keywords)

        if material.base_color is not None:
            transparent = material.alpha_mode != "OPAQUE" and material.base_color.shape[-1] == 4
            pixels = material.base_color if transparent else material.base_color[..., :3]
            refer("base_color", pixels, "map_Kd")
            if transparent:
                refer("alpha", np.repeat(pixels[..., 3:], 2, axis=-1), "map_d")
        if material.orm is not None:
            # MTL has no rule for a factor beside a map: here the map holds the product.
            refer("roughness", _scaled(material.orm[..., 1], roughness), "map_Pr")
            if metallic > 0 and material.orm[..., 2].any():
                refer("metallic", _scaled(material.orm[..., 2], metallic), "map_Pm")
        if material.normal is not None:
            refer("normal", material.normal, "map_Bump", "norm")
        return statements


def _scaled(pixels: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    return np.round(pixels * np.float32(factor)).astype(np.uint8)
