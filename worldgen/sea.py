"""The sea: a level surface over the flooded ground, coloured by its depth, with swell in the normals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from worldgen.bake import normal_map
from worldgen.heightmap import Heightmap, ramp
from worldgen.hydrology import Hydrology
from worldgen.materials import PBRMaterial, linear_color, linear_to_srgb, to_bytes
from worldgen.mesh import Mesh, Model
from worldgen.noise import fractal, permutation
from worldgen.scene import Node

_QUADS = 64  # per side; only those that touch water are kept
_TEXELS = 1024
_OPEN = 12.0  # metres over which the share of water tells the sea from a channel
_WARM = ("#4fb5ad", "#0e4a66")  # shallow and deep, clear tropical water
WATER_IOR = 1.333
_CLEAREST = 30.0  # metres of water through which nothing shines any more
_COLD = ("#56797a", "#173442")  # silty or plankton-rich water


def sea_node(heightmap: Heightmap, hydrology: Hydrology, temperature: float, seed: int) -> Node | None:
    """Return the sea's node at its level, or None where there is no sea.

    Parameters
    ----------
    heightmap, hydrology : of the same grid.
    temperature : °C at sea level; warm seas are turquoise, cold ones grey-green.
    seed : the world's seed; decides the swell.
    """
    if hydrology.sea_level is None or not hydrology.sea.any():
        return None
    material = _material(heightmap, hydrology.sea, hydrology.sea_level, temperature, seed)
    mesh = _surface(heightmap, hydrology.sea, material)
    return Node("sea", translation=(0.0, hydrology.sea_level, 0.0), model=Model("sea", (mesh,)))


def water_colors(temperature: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the (3,) linear colors of shallow and of deep water at so many °C."""
    warmth = _warmth(temperature)
    shallow, deep = (
        (1 - warmth) * linear_color(cold) + warmth * linear_color(warm)
        for cold, warm in zip(_COLD, _WARM, strict=True)
    )
    return shallow, deep


def water_tint(shallow: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return the linear color of light that has gone through water whose shallows are of so (3,) a color."""
    red, green, blue = (shallow / shallow.max()).tolist()
    return red, green, blue


def _warmth(temperature: float) -> float:
    return float(ramp(np.array(temperature), 8, 22))


def _surface(heightmap: Heightmap, sea: NDArray[np.bool_], material: PBRMaterial) -> Mesh:
    grid = heightmap.grid
    rows = np.rint(np.linspace(0, grid.shape[0] - 1, _QUADS + 1)).astype(int)
    columns = np.rint(np.linspace(0, grid.shape[1] - 1, _QUADS + 1)).astype(int)
    rows, columns = np.unique(rows), np.unique(columns)
    x, z = np.meshgrid(grid.x[columns], grid.z[rows])
    width, depth = grid.extent
    u, v = (x - grid.origin[0]) / width, (z - grid.origin[1]) / depth
    # A quad is kept where any of its cells, border included, lies under water.
    wet = np.array(
        [[sea[r0 : r1 + 1, c0 : c1 + 1].any() for c0, c1 in pairwise(columns)] for r0, r1 in pairwise(rows)]
    )
    i, j = np.nonzero(wet)
    corner = i * len(columns) + j
    below = corner + len(columns)
    triangles = np.stack([[corner, below, corner + 1], [corner + 1, below, below + 1]])  # (2, 3, Q)
    indices = triangles.transpose(2, 0, 1).reshape(-1, 3)
    used, compact = np.unique(indices, return_inverse=True)
    positions = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)[used].astype(np.float32)
    return Mesh(
        positions=positions,
        normals=np.tile(np.array([0, 1, 0], np.float32), (len(used), 1)),
        texcoords=np.stack([u.ravel(), v.ravel()], axis=1)[used].astype(np.float32),
        indices=compact.reshape(-1, 3).astype(np.uint32),
        material=material,
    )


def _material(
    heightmap: Heightmap, sea: NDArray[np.bool_], sea_level: float, temperature: float, seed: int
) -> PBRMaterial:
    grid = heightmap.grid
    rows = (np.arange(_TEXELS) + 0.5) / _TEXELS * (grid.shape[0] - 1)
    columns = (np.arange(_TEXELS) + 0.5) / _TEXELS * (grid.shape[1] - 1)
    places = np.meshgrid(rows, columns, indexing="ij")
    ground = map_coordinates(heightmap.elevation, places, order=1)
    depth = np.maximum(sea_level - ground, 0)
    x = (grid.origin[0] + columns * grid.spacing)[None, :]
    z = (grid.origin[1] + rows * grid.spacing)[:, None]
    warmth = _warmth(temperature)
    shallow, deep = water_colors(temperature)
    # Beer-Lambert: light is lost exponentially on its way to the ground and back.
    clarity = 5.0 + 4.0 * warmth
    clear = np.exp(-depth / clarity)[..., None]
    drift = fractal(x / 400, z / 400, permutation(seed, "sea/drift"), octaves=4)[..., None]
    color = (clear * shallow + (1 - clear) * deep) * (1 + 0.12 * drift)
    alpha = 0.35 + 0.6 * (1 - np.exp(-depth / 3.5))
    ragged = fractal(x / 14, z / 14, permutation(seed, "sea/foam"), octaves=3)
    # Waves break on the shores of open water, not in the channels of a delta.
    near = gaussian_filter(sea.astype(np.float32), _OPEN / grid.spacing, mode="nearest")
    open_water = ramp(map_coordinates(near, places, order=1), 0.2, 0.4)
    foam = (ramp(depth + 0.35 * ragged, 0.55, 0.1) * open_water)[..., None] * 0.55
    color = color * (1 - foam) + 0.85 * foam
    alpha = np.maximum(alpha, foam[..., 0])
    # Only what is clear lets light through: a sea of pure transmission has no colour of its own, and where it
    # is deep it was nearly black in three.js and Babylon.js.
    through = (clear * (1 - foam))[..., 0].astype(np.float32)
    column = (depth / _CLEAREST).astype(np.float32)
    texel = grid.extent[1] / _TEXELS, grid.extent[0] / _TEXELS
    step = max(texel)
    swell = fractal(x / (9 * step), z / (6 * step), permutation(seed, "sea/swell"), octaves=3)
    relief = np.pad(swell * step * 0.10, 1, mode="edge").astype(np.float32)
    return PBRMaterial(
        name="sea",
        base_color=np.dstack([to_bytes(linear_to_srgb(color.astype(np.float32))), to_bytes(alpha)]),
        normal=normal_map(relief, *texel),
        roughness=0.12,
        alpha_mode="BLEND",
        repeat=False,
        metres_per_tile=grid.extent[0],
        transmission=1.0,
        ior=WATER_IOR,
        thickness=_CLEAREST,
        attenuation_color=water_tint(shallow),
        attenuation_distance=clarity,
        volume=to_bytes(np.dstack([through, column, np.zeros_like(column)])),
    )
