"""PBR materials by glTF's names, and the surfaces that the learned decoder gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AlphaMode = Literal["OPAQUE", "MASK", "BLEND"]
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PBRMaterial:
    """A metallic-roughness material. Every image is optional; the factor stands alone where one is absent.

    Attributes
    ----------
    name : letters, digits and ``_``.
    base_color : (H, W, 3) or (H, W, 4) uint8, sRGB, alpha last; row 0 is the top (v = 0).
    normal : (H, W, 3) uint8, tangent space, linear, +Y up (OpenGL).
    orm : (H, W, 3) uint8, linear: R occlusion, G roughness, B metallic.
    height : (H, W) uint16, linear, 0 low .. 65535 high; for engines that displace, glTF has no slot for it.
    base_color_factor : (4,) linear RGBA multiplier.
    roughness, metallic : factors in [0, 1]; they multiply ``orm`` where it is given.
    alpha_mode, alpha_cutoff, double_sided : as in glTF.
    repeat : True tiles the images (REPEAT), False clamps them (CLAMP_TO_EDGE), as a baked chunk needs.
    metres_per_tile : size of one tile on the ground, metres.
    """

    name: str
    base_color: Image | None = None
    normal: Image | None = None
    orm: Image | None = None
    height: NDArray[np.uint16] | None = None
    base_color_factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    roughness: float = 1.0
    metallic: float = 0.0
    alpha_mode: AlphaMode = "OPAQUE"
    alpha_cutoff: float = 0.5
    double_sided: bool = False
    repeat: bool = True
    metres_per_tile: float = 1.0
