"""What a caller may choose about the files of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worldgen.errors import ExportError


@dataclass(frozen=True)
class ExportOptions:
    """Options of all scene writers; each writer reads the fields that concern it.

    Attributes
    ----------
    image_format : ``"jpeg"`` for all images without alpha (images with alpha are always PNG), or ``"png"``
        for all, which loses nothing and takes two to five times the bytes.
    quality : JPEG quality of base color, occlusion, roughness and metallic, 1 .. 95.
    normal_quality : JPEG quality of normal maps, which are never subsampled, 1 .. 95.
    light_scale : the sun's lux are multiplied by this in glTF. 1 is the specification's unit, and daylight of
        100,000 lux draws a white picture in whatever has no exposure control (three.js, Babylon.js, PyVista,
        even Blender); the default turns it into 3, which they show as noon. The true value stays in the
        light's extras as ``illuminance_lux``.
    maximum_obj_bytes : `.obj` files estimated above this are refused.
    threads : threads that encode images; None means one for each core. Bytes do not depend on it.
    """

    image_format: Literal["jpeg", "png"] = "jpeg"
    quality: int = 90
    normal_quality: int = 92
    light_scale: float = 3e-5
    maximum_obj_bytes: int = 2_000_000_000
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.image_format not in ("jpeg", "png"):
            raise ExportError(f"image_format must be 'jpeg' or 'png'; found {self.image_format!r}")
        for name in ("quality", "normal_quality"):
            if not 1 <= getattr(self, name) <= 95:
                raise ExportError(f"{name} must be in 1 .. 95; found {getattr(self, name)}")
        if not 0 <= self.light_scale < float("inf"):
            raise ExportError(f"light_scale must be a number of at least 0; found {self.light_scale}")
        if self.threads is not None and self.threads < 1:
            raise ExportError(f"threads must be at least 1; found {self.threads}")
