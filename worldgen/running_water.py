"""Rivers and lakes as meshes of their own, which an engine can animate: each vertex knows its current.

One sheet over the wet vertices of the map, so that nothing overlaps where rivers meet, and nothing has to be
sorted. It ends inside the banks: the ground cuts the shoreline, as it does in nature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from worldgen.bake import normal_map
from worldgen.biomes import BiomeMap
from worldgen.channels import RUNOFF
from worldgen.climate import runoff
from worldgen.heightmap import Heightmap, ramp
from worldgen.hydrology import Hydrology
from worldgen.lod import quad_triangles, vertex_coordinates
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.noise import fractal, permutation
from worldgen.rivers import RiverNetwork, river_network
from worldgen.rng import generator
from worldgen.scene import Node
from worldgen.sea import WATER_IOR, water_colors, water_tint
from worldgen.triangulation import coarse_elevation, quad_diagonals

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Color = NDArray[np.float32]  # linear

# Rivers narrower than this part of a cell are not drawn: the ground's triangles are too coarse for them.
NARROWEST = 0.5
# Metres: the least depth that is drawn, and how far below dry ground the sheet's border lies.
LEAST_DEPTH, SUNK = 0.08, 0.05
# Metres of water in which light falls to 1/e on its way: streams carry silt, lakes less, the sea least.
CLARITY_RIVER, CLARITY_LAKE = 1.2, 2.5
# Rise over run of the surface from which water turns white, and where all of it is.
RAPID, FALL = 0.12, 0.6
_TEXELS, _TILE = 256, 6.0  # of the ripples; metres
_TRANSMISSION = 0.5  # of rivers and lakes: the rest is light that comes back from what floats in them


def water_nodes(
    heightmap: Heightmap,
    hydrology: Hydrology,
    rivers: RiverNetwork,
    temperature: float,
    seed: int,
    stride: int = 1,
) -> list[Node]:
    """Return the nodes ``rivers`` and ``lakes``, without those that have nothing to show.

    Vertices carry colour by depth and foam, white where water falls, and the current (`Mesh.velocity`).

    Parameters
    ----------
    heightmap, hydrology, rivers : of the same grid.
    temperature : °C, yearly mean of the land; warm water is turquoise, cold grey-green.
    seed : the world's seed; decides the ripples.
    stride : of the terrain's level of detail that is shown; water lies on its triangles.
    """
    lake = hydrology.lakes() & ~np.isnan(rivers.water)
    wet = lake | (rivers.breadth >= NARROWEST * heightmap.grid.spacing)
    if not wet.any():
        return []
    sheet = _Sheet(heightmap, hydrology, rivers, wet, stride)
    shallow, deep = water_colors(temperature)
    colors = sheet.colors(lake, shallow, deep, seed)
    quads = wet[:-1, :-1] | wet[:-1, 1:] | wet[1:, :-1] | wet[1:, 1:]
    of_lake = lake[:-1, :-1] | lake[:-1, 1:] | lake[1:, :-1] | lake[1:, 1:]
    material = PBRMaterial(
        name="water",
        normal=ripples(seed),
        roughness=0.08,
        alpha_mode="BLEND",
        metres_per_tile=_TILE,
        transmission=_TRANSMISSION,
        ior=WATER_IOR,
        thickness=CLARITY_RIVER,
        attenuation_color=water_tint(shallow),
        attenuation_distance=CLARITY_RIVER,
    )
    return [
        Node(name, model=Model(name, (sheet.mesh(chosen, colors, material),)))
        for name, chosen in (("rivers", quads & ~of_lake), ("lakes", of_lake))
        if chosen.any()
    ]


def flowing_rivers(
    heightmap: Heightmap, hydrology: Hydrology, biomes: BiomeMap, *, strength: float, carved: bool
) -> RiverNetwork:
    """Return the rivers and lakes that a climate feeds: a desert's beds and basins are dry.

    Parameters
    ----------
    heightmap, hydrology, biomes : of the same grid.
    strength, carved : of the beds, as in `worldgen.rivers.river_network`.
    """
    water = float(runoff(biomes.precipitation, biomes.temperature).mean())
    return river_network(
        hydrology,
        heightmap.grid.origin,
        strength=strength,
        carved=carved,
        discharge=water / RUNOFF,
        lakes=hydrology.lakes() & (biomes.weight("water") > 0.5),
    )


class _Sheet:
    """Height, slope and current of the water at the wet vertices and the ring of dry ones around them.

    Attributes
    ----------
    wet : (H, W) bool.
    height, depth : (H, W) metres; where it is dry, below the ground and 0.
    rise : (2, H, W) rise over run of the surface, eastwards and southwards.
    velocity : (2, H, W) m/s, east and south.
    """

    def __init__(
        self, heightmap: Heightmap, hydrology: Hydrology, rivers: RiverNetwork, wet: BoolArray, stride: int
    ) -> None:
        elevation, spacing = heightmap.elevation, heightmap.grid.spacing
        self._heightmap, self.wet = heightmap, wet
        ground = coarse_elevation(elevation, stride) if stride > 1 else elevation
        level = np.where(wet, rivers.water, 0.0)
        level = np.where(wet, np.maximum(level, ground + LEAST_DEPTH), 0.0)
        border = np.minimum(_of_wet_neighbours(level, wet), ground - SUNK)
        border = np.where(hydrology.sea, (hydrology.sea_level or 0.0) - LEAST_DEPTH, border)
        self.height = np.where(wet, level, border)
        self.depth = np.where(wet, level - ground, 0.0)
        self.rise = np.stack([_rise(level, wet, spacing, axis) for axis in (1, 0)])
        self.velocity = np.stack(
            [np.where(wet, part, _of_wet_neighbours(part, wet)) for part in rivers.velocity]
        )

    def colors(self, lake: BoolArray, shallow: Color, deep: Color, seed: int) -> NDArray[np.float32]:
        """Return (H, W, 4) float32, linear RGBA: Beer-Lambert by depth, foam where water falls."""
        clarity = np.where(lake, CLARITY_LAKE, CLARITY_RIVER)
        clear = np.exp(-self.depth / clarity)[..., None]
        color = clear * shallow + (1 - clear) * deep
        alpha = 0.45 + 0.5 * (1 - clear[..., 0])
        grid = self._heightmap.grid
        ragged = fractal(
            grid.x[None, :] / (3 * grid.spacing),
            grid.z[:, None] / (3 * grid.spacing),
            permutation(seed, "water/foam"),
            octaves=2,
        )
        fall = np.hypot(*self.rise)
        foam = ramp(fall * (1 + 0.6 * ragged), RAPID, FALL)
        foam = np.where(self.wet, foam, _of_wet_neighbours(foam, self.wet))[..., None]
        color = color * (1 - 0.85 * foam) + 0.85 * 0.85 * foam
        alpha = np.maximum(alpha, 0.9 * foam[..., 0])
        return np.dstack([color, alpha]).astype(np.float32)

    def mesh(self, quads: BoolArray, colors: NDArray[np.float32], material: PBRMaterial) -> Mesh:
        """Return the triangles of the chosen quads, (H - 1, W - 1) bool, cut as the ground's are."""
        heightmap = self._heightmap
        triangles = quad_triangles(quad_diagonals(heightmap.elevation)).reshape(*quads.shape, 2, 3)
        used, indices = np.unique(triangles[quads], return_inverse=True)
        x, z = vertex_coordinates(heightmap.grid)
        place = np.stack(
            [x[used % len(x)], self.height.ravel()[used], z[used // len(x)]],
            axis=1,
        )
        rise = self.rise.reshape(2, -1)[:, used]
        normals = np.stack([-rise[0], np.ones(len(used)), -rise[1]], axis=1)
        return Mesh(
            positions=place.astype(np.float32),
            normals=(normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
            texcoords=(place[:, [0, 2]] / _TILE).astype(np.float32),
            indices=indices.reshape(-1, 3).astype(np.uint32),
            material=material,
            colors=colors.reshape(-1, 4)[used],
            velocity=self.velocity.reshape(2, -1).T[used].astype(np.float32),
        )


def ripples(seed: int) -> NDArray[np.uint8]:
    """Return (N, N, 3) uint8 normals of small waves on water, a tile of 6 m: waves from all sides."""
    random = generator(seed, "water/ripples")
    place = np.arange(-1, _TEXELS + 1) * (2 * np.pi / _TEXELS)
    relief = np.zeros((_TEXELS + 2, _TEXELS + 2))
    for _ in range(48):
        across, down = random.integers(-14, 15, 2)
        number = float(np.hypot(across, down))
        if number < 2:
            continue
        phase = random.uniform(0, 2 * np.pi)
        relief += number**-1.3 * np.cos(across * place[None, :] + down * place[:, None] + phase)
    texel = _TILE / _TEXELS
    relief *= 0.12 * texel / np.diff(relief, axis=0).std()
    return normal_map(relief.astype(np.float32), texel, texel)


def _of_wet_neighbours(value: NDArray[np.floating], wet: BoolArray) -> FloatArray:
    """Return (H, W): the mean over a cell's wet neighbours; 0 where there are none."""
    around = np.ones((3, 3))
    total = ndimage.convolve(np.where(wet, value, 0.0), around, mode="constant")
    count = ndimage.convolve(wet.astype(np.float64), around, mode="constant")
    return np.asarray(total / np.maximum(count, 1.0))


def _rise(level: FloatArray, wet: BoolArray, spacing: float, axis: int) -> FloatArray:
    """Return (H, W) rise over run along an axis, from the neighbours that are wet, smoothed among them."""
    low, high = [slice(None)] * 2, [slice(None)] * 2
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    first, second = tuple(low), tuple(high)
    both = wet[first] & wet[second]
    step = np.where(both, level[second] - level[first], 0.0) / spacing
    total, count = np.zeros(wet.shape), np.zeros(wet.shape)
    for part in (first, second):
        total[part] += step
        count[part] += both
    return _of_wet_neighbours(total / np.maximum(count, 1.0), wet)
