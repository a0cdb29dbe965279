"""Bake the blended surfaces into one set of PBR maps per terrain chunk, since glTF has no splatting.

What keeps the ground from looking tiled or painted on:

- each surface is a mosaic of patches of its tile from hashed places, which never repeats (Heitz and Neyret
  2018, Mikkelsen 2022),
- steep rock is sampled from the side, so that walls are not smeared down the slope,
- where surfaces meet, the one whose relief stands higher wins (A. Mishkinis, "Advanced terrain texture
  splatting"), so that grass grows between stones and no border is a soft fog,
- slow noise varies brightness over tens to hundreds of metres, and rock may show strata.

All is a function of world coordinates, so neighbouring chunks meet without a seam.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen import splatting
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import ChunkWindow
from worldgen.materials import PBRMaterial, Surface, linear_to_srgb, srgb_to_linear, to_bytes
from worldgen.noise import fractal, permutation
from worldgen.splatting import FloatArray
from worldgen.surfaces import Splat

# A tile of a surface is so many texels of the bake wide: fine enough to read as ground, coarse enough that
# the texels can show it. Times the surface's own `Surface.size`.
TEXELS_PER_TILE = 112
_TILE = 128  # pixels that a surface's maps are reduced to


def bake_chunks(
    windows: Sequence[ChunkWindow],
    heightmap: Heightmap,
    splat: Splat,
    surfaces: Sequence[Surface],
    *,
    sea_level: float | None,
    strata: float,
    texture_size: int,
    quads: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[PBRMaterial]:
    """Bake one material per window.

    Parameters
    ----------
    windows : parts of the grid, at most ``quads`` quads a side.
    heightmap, splat : of the same grid.
    surfaces : in the order of ``splat.names``.
    sea_level : metres; ground near it is wet. None leaves that out.
    strata : 0 none .. 1 strong colour bands in rock.
    texture_size : texels per side for ``quads`` quads; a narrower side gets the same density, rounded up to a
        power of two.
    seed : the world's seed.
    progress : called with (done, all).
    """
    baker = _Baker(heightmap, splat, surfaces, sea_level, strata, texture_size / quads, seed)
    materials = []
    # Threads share the arrays; each chunk is a pure function of its window, so their order does not matter.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for material in pool.map(baker.bake, windows):
            materials.append(material)
            if progress:
                progress(len(materials), len(windows))
    match_borders(windows, materials)
    return materials


def match_borders(windows: Sequence[ChunkWindow], materials: Sequence[PBRMaterial]) -> None:
    """Give the last texels of neighbouring chunks their mean, in place.

    The border runs between these texels, and each chunk shows its own up to it: close by, where a texel is
    wider than a step, the step between them is seen as a line.
    """
    chunks = {
        (window.row, window.column): material for window, material in zip(windows, materials, strict=True)
    }
    for down, right in ((0, 1), (1, 0)):  # corners are the mean of four after both
        for (row, column), material in chunks.items():
            neighbour = chunks.get((row + down, column + right))
            if neighbour is None:
                continue
            for role in ("base_color", "normal", "orm"):
                ours, theirs = getattr(material, role), getattr(neighbour, role)
                last, first = (ours[-1], theirs[0]) if down else (ours[:, -1], theirs[:, 0])
                mean = (last.astype(np.float32) + first) / 2
                if role == "normal":
                    vector = mean / np.float32(127.5) - 1
                    vector /= np.linalg.norm(vector, axis=-1, keepdims=True)
                    mean = (vector + 1) * np.float32(127.5)
                last[:] = first[:] = np.rint(mean).astype(np.uint8)


def sky_visibility(elevation: FloatArray, spacing: float) -> FloatArray:
    """Return (H, W) in (0, 1]: 1 on ridges and plains, less in hollows and below walls.

    The depth below the surroundings' mean, relative to their radius, at three radii: a cheap stand-in for the
    horizon integral that tells valleys from ridges well enough for an occlusion map.
    """
    depth = np.zeros_like(elevation)
    for radius in (2.0, 6.0, 18.0):
        mean = gaussian_filter(elevation, radius, mode="nearest")
        depth += np.maximum(mean - elevation, 0) / np.float32(radius * spacing)
    visibility: FloatArray = (1 / (1 + 1.1 * depth)).astype(np.float32)
    return visibility


def normal_map(
    relief: FloatArray, row_step: float, column_step: float, ground: FloatArray | None = None
) -> NDArray[np.uint8]:
    """Return (H-2, W-2, 3) uint8 normals (+Y up) of an (H, W) relief in metres, steps in metres.

    ground : (H, W) elevation that the relief lies on, metres; None for level ground.
    """
    normal = np.empty((relief.shape[0] - 2, relief.shape[1] - 2, 3), np.uint8)
    level = np.zeros_like(relief) if ground is None else ground
    splatting.encode_normals(relief, level, row_step, column_step, normal)
    return normal


def stack_surfaces(surfaces: Sequence[Surface], tile: int) -> FloatArray:
    """Return (S, tile, tile, 6) float32: each surface's maps, box-filtered to what the bake resolves.

    Members: base color (linear light), height, roughness, occlusion.
    """
    stack = np.empty((len(surfaces), tile, tile, splatting.MEMBERS), np.float32)
    for index, surface in enumerate(surfaces):
        color = srgb_to_linear(surface.base_color)
        maps = np.dstack([color, surface.height, surface.roughness, surface.occlusion])
        factor = maps.shape[0] // tile
        stack[index] = maps.reshape(tile, factor, tile, factor, splatting.MEMBERS).mean(axis=(1, 3))
    return stack


class _Baker:
    """What all chunks of one world share."""

    def __init__(
        self,
        heightmap: Heightmap,
        splat: Splat,
        surfaces: Sequence[Surface],
        sea_level: float | None,
        strata: float,
        density: float,
        seed: int,
    ) -> None:
        self.grid, self.density = heightmap.grid, density
        self.sea_level = -math.inf if sea_level is None else sea_level
        texel = heightmap.grid.spacing / density
        self.stack = stack_surfaces(surfaces, min(_TILE, surfaces[0].height.shape[0]))
        self.sizes = np.array([surface.size * texel * TEXELS_PER_TILE for surface in surfaces])
        # Relief in metres that the normals show: the fraction of the tile that the scans have.
        self.depths = np.array([surface.depth for surface in surfaces]) * self.sizes
        self.steep = np.array([surface.steep for surface in surfaces])
        self.weights = np.ascontiguousarray(splat.weights.transpose(1, 2, 0))  # (H, W, S)
        self.fields = _slow_fields(heightmap, seed)
        self.strata = _strata(strata, seed)
        self.encode = to_bytes(linear_to_srgb(np.linspace(0, 1, 4096, dtype=np.float32)))

    def bake(self, window: ChunkWindow) -> PBRMaterial:
        """Bake the maps of one window."""
        spacing = self.grid.spacing
        # An apron of two vertices, so that slopes and normals at the border equal the neighbour's.
        row0, column0 = max(window.row0 - 2, 0), max(window.column0 - 2, 0)
        part = slice(row0, window.row1 + 3), slice(column0, window.column1 + 3)
        rows, columns = window.row1 - window.row0, window.column1 - window.column0
        height, width = self._texels(rows), self._texels(columns)
        step = rows / height, columns / width
        color = np.empty((height, width, 3), np.uint8)
        orm = np.empty((height, width, 3), np.uint8)
        relief, ground = np.empty((2, height + 2, width + 2), np.float32)
        splatting.blend(
            self.stack,
            self.sizes,
            self.depths,
            self.steep,
            self.fields[part],
            self.weights[part],
            self.strata,
            self.encode,
            self.sea_level,
            (window.row0 - row0 + step[0] / 2, window.column0 - column0 + step[1] / 2),
            step,
            spacing,
            (float(self.grid.x[column0]), float(self.grid.z[row0])),
            color,
            orm,
            relief,
            ground,
        )
        return PBRMaterial(
            name=f"terrain_{window.row0}_{window.column0}",
            base_color=color,
            normal=normal_map(relief, step[0] * spacing, step[1] * spacing, ground),
            orm=orm,
            repeat=False,
            metres_per_tile=columns * spacing,
        )

    def _texels(self, quads: int) -> int:
        return 1 << math.ceil(math.log2(max(quads * self.density, 4)))


def _slow_fields(heightmap: Heightmap, seed: int) -> FloatArray:
    """Return (H, W, FIELDS) of what varies slowly, in the order of `worldgen.splatting`."""
    grid: Grid = heightmap.grid
    x, z = grid.x[None, :], grid.z[:, None]

    def noise(stage: str, wavelength: float, octaves: int) -> NDArray[np.float64]:
        return fractal(x / wavelength, z / wavelength, permutation(seed, f"bake/{stage}"), octaves=octaves)

    fields = np.empty((*grid.shape, splatting.FIELDS), np.float32)
    fields[..., splatting.ELEVATION] = heightmap.elevation
    fields[..., splatting.VISIBILITY] = sky_visibility(heightmap.elevation, grid.spacing)
    fields[..., splatting.TONE] = 1 + 0.16 * noise("tone", 310, 4)
    fields[..., splatting.WARMTH] = 0.05 * noise("warmth", 170, 3)
    fields[..., splatting.WARP] = 9 * noise("warp", 240, 2)
    return fields


def _strata(strength: float, seed: int) -> FloatArray:
    """Return (4096,) brightness changes of rock layers, one a metre of elevation; empty for none."""
    if strength <= 0:
        return np.zeros(0, np.float32)
    level = np.arange(4096) / 26
    bands = fractal(level, 0 * level, permutation(seed, "bake/strata"), octaves=4, gain=0.7)
    return (strength * bands).astype(np.float32)
