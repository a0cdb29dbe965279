"""PBR materials by glTF's names, and the surfaces that the learned decoder gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_color import linear_to_srgb as linear_to_srgb
from worldgen.models.texture_color import srgb_to_linear as srgb_to_linear
from worldgen.models.texture_maps import TextureMaps
from worldgen.rng import child_seed

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
    metres_per_tile : width of what the image shows, metres; None where nothing says.
    texture_scale, texture_offset : all texture coordinates are multiplied by the first, then the second is
        added, both (u, v): a mesh whose coordinates are metres wants a scale of 1 / ``metres_per_tile``.
    transmission : share of the light that enters and goes through, in [0, 1]; of clear water, glass.
    ior : index of refraction.
    thickness : metres that light goes through the volume below the surface; 0 is a thin sheet.
    attenuation_color, attenuation_distance : linear RGB that white light has after so many metres; None loses
        nothing.
    volume : (H, W, 3) uint8, linear: R multiplies ``transmission``, G ``thickness``.
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
    metres_per_tile: float | None = None
    texture_scale: tuple[float, float] = (1.0, 1.0)
    texture_offset: tuple[float, float] = (0.0, 0.0)
    transmission: float = 0.0
    ior: float = 1.5
    thickness: float = 0.0
    attenuation_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    attenuation_distance: float | None = None
    volume: Image | None = None


def pbr_material(
    maps: TextureMaps, name: str, *, metallic: float = 0.0, metres_per_tile: float = 1.0
) -> PBRMaterial:
    """A material for meshes from sampled maps (`worldgen.sample_texture`).

    Examples
    --------
    >>> import worldgen as wg
    >>> brick = pbr_material(wg.sample_texture("brick", seed=3), "brick")               # doctest: +SKIP
    """
    metal = np.full_like(maps.roughness, metallic)
    return PBRMaterial(
        name,
        base_color=to_bytes(maps.base_color),
        normal=to_bytes(maps.normal * 0.5 + 0.5),
        orm=to_bytes(np.stack([maps.occlusion, maps.roughness, metal], axis=-1)),
        height=np.rint(maps.height * 65535).astype(np.uint16),
        metallic=1.0,
        metres_per_tile=metres_per_tile,
    )


@dataclass(frozen=True, eq=False)
class Surface:
    """A tileable ground material before it is blended and baked.

    Attributes
    ----------
    name : one of `worldgen.surfaces.SURFACES`.
    base_color : (N, N, 3) float32, sRGB, in [0, 1].
    height, roughness, occlusion : (N, N) float32 in [0, 1].
    size : size of a tile relative to the other surfaces'.
    depth : relief from lowest to highest, as a fraction of the tile's size.
    steep : True for rock: sampled from the side on walls, so that it is not smeared.
    """

    name: str
    base_color: NDArray[np.float32]
    height: NDArray[np.float32]
    roughness: NDArray[np.float32]
    occlusion: NDArray[np.float32]
    size: float = 1.0
    depth: float = 0.05
    steep: bool = False


# Size of a tile relative to the other surfaces', and whether it is rock; see `Surface`.
_TRAITS: dict[str, tuple[float, bool]] = {
    "rock": (1.3, True),
    "cliff": (1.6, True),
    "gravel": (0.7, False),
    "soil": (0.9, False),
    "sand": (0.9, False),
    "grass": (0.7, False),
    "forest_floor": (0.7, False),
    "snow": (1.6, False),
}


def learned_surfaces(
    names: Sequence[str],
    seed: int,
    *,
    tint: Mapping[str, str],
    size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> list[Surface]:
    """Decode one surface per name with the texture net.

    Parameters
    ----------
    names : surfaces, which are classes of the texture net.
    seed : the world's seed.
    tint : surface name to its mean colour, ``#rrggbb`` sRGB; one that is absent keeps the decoded colour.
    size : pixels per side.
    progress : called with (done, all).
    """
    from worldgen.models.texture_vae import load_texture_vae, sample_texture

    net = load_texture_vae()

    def decode(name: str) -> Surface:
        maps = sample_texture(name, seed=child_seed(seed, f"materials/{name}"), size=size, net=net)
        color = tinted(maps.base_color, tint[name]) if name in tint else maps.base_color
        tile_size, steep = _TRAITS[name]
        depth = maps.normal_strength / size
        return Surface(name, color, maps.height, maps.roughness, maps.occlusion, tile_size, depth, steep)

    surfaces = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for surface in pool.map(decode, names):
            surfaces.append(surface)
            if progress:
                progress(len(surfaces), len(names))
    return surfaces


def tinted(base_color: NDArray[np.float32], mean: str, *, variety: float = 0.35) -> NDArray[np.float32]:
    """Give an sRGB image another mean colour, in linear light; its contrast is kept.

    Parameters
    ----------
    base_color : (H, W, 3) in [0, 1].
    mean : ``#rrggbb``, sRGB.
    variety : how much of the image's own changes of hue stays. Lichen or a brown leaf that is charming in one
        tile draws the eye to every repeat of it on a mountain side.
    """
    linear = srgb_to_linear(base_color)
    relative = linear / np.maximum(linear.mean(axis=(0, 1)), 1e-4)
    gray = relative.mean(axis=-1, keepdims=True)
    return linear_to_srgb(linear_color(mean) * (gray + variety * (relative - gray)))


def linear_color(color: str) -> NDArray[np.float32]:
    """Return (3,) linear light of an sRGB colour written ``#rrggbb``."""
    return srgb_to_linear(np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32))


def to_bytes(value: NDArray[np.float32]) -> Image:
    """Round [0, 1] to 0..255; values outside are clipped."""
    return np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8)
