"""Bake the blended surfaces into one set of PBR maps per terrain chunk, since glTF has no splatting.

What keeps the ground from looking tiled or painted on:

- each surface is sampled at two hashed offsets that a slow noise cross-fades (I. Quilez, "Texture repetition"),
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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from worldgen.biomes import ramp
from worldgen.heightmap import Heightmap
from worldgen.kernel import kernel
from worldgen.materials import PBRMaterial, Surface, linear_to_srgb, srgb_to_linear, to_bytes
from worldgen.noise import fractal, permutation, simplex
from worldgen.surfaces import Splat

# A tile of a surface is so many texels of the bake wide: fine enough to read as ground, coarse enough that the
# texels can show it. Times the surface's own `Surface.size`.
TEXELS_PER_TILE = 112
_MEMBERS = 6  # red, green, blue (linear light), height, roughness, occlusion

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """The part of a grid that one chunk covers: vertices row0..row1 and column0..column1, both inclusive."""

    row0: int
    row1: int
    column0: int
    column1: int


def stack_surfaces(surfaces: Sequence[Surface], tile: int) -> FloatArray:
    """Return (S, tile, tile, 6) float32: each surface's maps, box-filtered to the size that the bake resolves.

    Members: base color (linear light), height, roughness, occlusion.
    """
    stack = np.empty((len(surfaces), tile, tile, _MEMBERS), np.float32)
    for index, surface in enumerate(surfaces):
        maps = np.dstack(
            [srgb_to_linear(surface.base_color), surface.height, surface.roughness, surface.occlusion]
        )
        factor = maps.shape[0] // tile
        stack[index] = maps.reshape(tile, factor, tile, factor, _MEMBERS).mean(axis=(1, 3))
    return stack


@kernel
def _bilinear(image: FloatArray, u: float, v: float, out: NDArray[np.float32], share: float) -> None:
    """Add ``share`` times the wrapped sample at (u, v), in tiles, to ``out`` (6,)."""
    side = image.shape[0]
    px = (u - math.floor(u)) * side - 0.5
    py = (v - math.floor(v)) * side - 0.5
    x0 = math.floor(px)
    y0 = math.floor(py)
    fx = px - x0
    fy = py - y0
    left, right = int(x0) % side, (int(x0) + 1) % side
    top, bottom = int(y0) % side, (int(y0) + 1) % side
    a = np.float32((1 - fx) * (1 - fy) * share)
    b = np.float32(fx * (1 - fy) * share)
    c = np.float32((1 - fx) * fy * share)
    d = np.float32(fx * fy * share)
    for member in range(6):
        out[member] += (
            a * image[top, left, member]
            + b * image[top, right, member]
            + c * image[bottom, left, member]
            + d * image[bottom, right, member]
        )


@kernel
def _unrepeated(
    image: FloatArray, u: float, v: float, index: float, out: NDArray[np.float32], share: float
) -> None:
    """Sample at two offsets hashed from the slow noise ``index`` and cross-fade between them."""
    whole = math.floor(index)
    fade = min(max((index - whole - 0.2) / 0.6, 0.0), 1.0)
    fade = fade * fade * (3 - 2 * fade)
    for step in range(2):
        part = fade if step else 1.0 - fade
        if part > 0.0:
            turn = whole + step
            # Offsets along the golden and plastic ratios never line up.
            shift_u = turn * 0.6180339887 + math.sin(turn * 3.1) * 0.5
            shift_v = turn * 0.7548776662 + math.sin(turn * 5.7 + 1.3) * 0.5
            _bilinear(image, u + shift_u, v + shift_v, out, share * part)


@kernel
def _grid_sample(field: NDArray[np.float32], row: float, column: float) -> float:
    """Bilinear sample of an (H, W) field, clamped to its edge."""
    row = min(max(row, 0.0), field.shape[0] - 1.0)
    column = min(max(column, 0.0), field.shape[1] - 1.0)
    r = min(int(row), field.shape[0] - 2)
    c = min(int(column), field.shape[1] - 2)
    fr = row - r
    fc = column - c
    top = field[r, c] * (1 - fc) + field[r, c + 1] * fc
    bottom = field[r + 1, c] * (1 - fc) + field[r + 1, c + 1] * fc
    return top * (1 - fr) + bottom * fr


@kernel
def _blend(
    stack: FloatArray,
    sizes: NDArray[np.float64],
    depths: NDArray[np.float64],
    steep: NDArray[np.bool_],
    elevation: NDArray[np.float32],
    weights: NDArray[np.float32],
    index_noise: NDArray[np.float32],
    first_row: float,
    first_column: float,
    row_step: float,
    column_step: float,
    spacing: float,
    origin_x: float,
    origin_z: float,
    out: NDArray[np.float32],
    relief: NDArray[np.float32],
    rock: NDArray[np.float32],
) -> None:
    """Fill ``out`` (T, U, 6), ``relief`` (T, U; metres) and ``rock`` (T, U; share of rock) of one chunk.

    ``elevation`` and ``weights`` (S, H, W) are the chunk's part of the world with an apron; texel (i, j) lies at
    fractional (row, column) = (first_row + i·row_step, first_column + j·column_step) in them.
    """
    count = stack.shape[0]
    share = np.empty(count, np.float64)
    samples = np.empty((count, 6), np.float32)
    for i in range(out.shape[0]):
        row = first_row + i * row_step
        for j in range(out.shape[1]):
            column = first_column + j * column_step
            x = origin_x + column * spacing
            z = origin_z + row * spacing
            y = _grid_sample(elevation, row, column)
            east = _grid_sample(elevation, row, column + 0.5) - _grid_sample(elevation, row, column - 0.5)
            south = _grid_sample(elevation, row + 0.5, column) - _grid_sample(elevation, row - 0.5, column)
            east /= spacing
            south /= spacing
            noise = _grid_sample(index_noise, row, column)
            best = 0.0
            for surface in range(count):
                weight = _grid_sample(weights[surface], row, column)
                share[surface] = 0.0
                if weight < 0.02:
                    continue
                samples[surface] = 0.0
                scale = 1.0 / sizes[surface]
                if steep[surface]:
                    # Side projections share what the slope takes from the one from above.
                    side = min(max((math.hypot(east, south) - 0.6) / 0.6, 0.0), 1.0)
                    flank = abs(east) ** 4 / max(abs(east) ** 4 + abs(south) ** 4, 1e-12)
                    if side < 1.0:
                        _unrepeated(stack[surface], x * scale, z * scale, noise, samples[surface], 1 - side)
                    if side * flank > 0.02:
                        _unrepeated(
                            stack[surface], z * scale, y * scale, noise, samples[surface], side * flank
                        )
                    if side * (1 - flank) > 0.02:
                        _unrepeated(
                            stack[surface], x * scale, y * scale, noise, samples[surface], side * (1 - flank)
                        )
                else:
                    _unrepeated(stack[surface], x * scale, z * scale, noise, samples[surface], 1.0)
                share[surface] = weight + 0.45 * (samples[surface, 3] - 0.5)
                best = max(best, share[surface])
            total = 0.0
            for surface in range(count):
                if share[surface] > 0.0:
                    share[surface] = max(share[surface] - best + 0.16, 0.0)
                    total += share[surface]
            lift = 0.0
            for surface in range(count):
                if share[surface] > 0.0:
                    part = np.float32(share[surface] / total)
                    lift += part * depths[surface] * samples[surface, 3]
                    if steep[surface]:
                        rock[i, j] += part
                    for member in range(6):
                        out[i, j, member] += part * samples[surface, member]
            relief[i, j] = lift


def bake_chunks(
    windows: Sequence[Window],
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
    baker = _Baker(heightmap, splat, surfaces, sea_level, strata, quads, texture_size, seed)
    materials = []
    # Threads share the arrays; each chunk is a pure function of its window, so their order does not matter.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for material in pool.map(baker.bake, windows):
            materials.append(material)
            if progress:
                progress(len(materials), len(windows))
    return materials


def sky_visibility(elevation: FloatArray, spacing: float) -> FloatArray:
    """Return (H, W) in (0, 1]: 1 on ridges and plains, less in hollows and below walls.

    The depth below the surroundings' mean, relative to their radius, at three radii: a cheap stand-in for the
    horizon integral that tells valleys from ridges well enough for an occlusion map.
    """
    depth = np.zeros_like(elevation)
    for radius in (2.0, 6.0, 18.0):
        mean = gaussian_filter(elevation, radius, mode="nearest")
        depth += np.maximum(mean - elevation, 0) / np.float32(radius * spacing)
    return 1 / (1 + 1.1 * depth)


class _Baker:
    """What all chunks of one world share."""

    def __init__(
        self,
        heightmap: Heightmap,
        splat: Splat,
        surfaces: Sequence[Surface],
        sea_level: float | None,
        strata: float,
        quads: int,
        texture_size: int,
        seed: int,
    ) -> None:
        self.heightmap, self.splat = heightmap, splat
        self.sea_level, self.strata = sea_level, strata
        self.density = texture_size / quads
        tile = min(128, surfaces[0].height.shape[0])
        self.stack = stack_surfaces(surfaces, tile)
        texel = heightmap.grid.spacing / self.density
        self.sizes = np.array([surface.size * texel * TEXELS_PER_TILE for surface in surfaces])
        # Relief in metres that the normals show: a small fraction of the tile, as the scans have it.
        self.depths = np.array([surface.depth for surface in surfaces]) * self.sizes
        self.steep = np.array([surface.steep for surface in surfaces])
        self.visibility = sky_visibility(heightmap.elevation, heightmap.grid.spacing)
        self.seed = seed

    def bake(self, window: Window) -> PBRMaterial:
        """Bake the maps of one window."""
        grid = self.heightmap.grid
        # An apron of two vertices, so that slopes and normals at the border equal the neighbour's.
        row0, column0 = max(window.row0 - 2, 0), max(window.column0 - 2, 0)
        part = slice(row0, window.row1 + 3), slice(column0, window.column1 + 3)
        x, z = grid.x[part[1]][None, :], grid.z[part[0]][:, None]
        wave = 1.7 * self.sizes.mean()
        index_noise = 4 + 5 * simplex(x / wave, z / wave, permutation(self.seed, "bake/index"))
        height, width = self._texels(window.row1 - window.row0), self._texels(window.column1 - window.column0)
        row_step = (window.row1 - window.row0) / height
        column_step = (window.column1 - window.column0) / width
        # One texel more on each side, for the normals' central differences.
        out = np.zeros((height + 2, width + 2, _MEMBERS), np.float32)
        relief = np.zeros(out.shape[:2], np.float32)
        rock = np.zeros(out.shape[:2], np.float32)
        first_row, first_column = (
            window.row0 - row0 - row_step / 2,
            window.column0 - column0 - column_step / 2,
        )
        _blend(
            self.stack,
            self.sizes,
            self.depths,
            self.steep,
            np.ascontiguousarray(self.heightmap.elevation[part]),
            np.ascontiguousarray(self.splat.weights[:, part[0], part[1]]),
            index_noise.astype(np.float32),
            first_row,
            first_column,
            row_step,
            column_step,
            grid.spacing,
            float(grid.x[column0]),
            float(grid.z[row0]),
            out,
            relief,
            rock,
        )
        rows = first_row + row_step * np.arange(1, height + 1)
        columns = first_column + column_step * np.arange(1, width + 1)
        above, visibility = (
            map_coordinates(field[part], np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest")
            for field in (self.heightmap.elevation, self.visibility)
        )
        inner = out[1:-1, 1:-1]
        x, z = float(grid.x[column0]) + columns * grid.spacing, float(grid.z[row0]) + rows * grid.spacing
        color = inner[..., :3] * self._tone(x[None, :], z[:, None], above, rock[1:-1, 1:-1])
        roughness = inner[..., 4]
        if self.sea_level is not None:
            wet = ramp(above - np.float32(self.sea_level), 1.4, 0.2)
            color = color * (1 - 0.5 * wet[..., None])
            roughness = roughness * (1 - 0.45 * wet)
        orm = np.dstack([inner[..., 5] * visibility, roughness, np.zeros_like(roughness)])
        steps = row_step * grid.spacing, column_step * grid.spacing
        return PBRMaterial(
            name=f"terrain_{window.row0}_{window.column0}",
            base_color=to_bytes(linear_to_srgb(color)),
            normal=to_bytes(normals_of(relief, *steps) * 0.5 + 0.5),
            orm=to_bytes(orm),
            repeat=False,
            metres_per_tile=(window.column1 - window.column0) * grid.spacing,
        )

    def _texels(self, quads: int) -> int:
        return 1 << math.ceil(math.log2(max(quads * self.density, 4)))

    def _tone(
        self, x: NDArray[np.float64], z: NDArray[np.float64], elevation: FloatArray, rock: FloatArray
    ) -> FloatArray:
        """Return (T, U, 3) factors: slow changes of brightness and warmth, and the strata of rock."""
        slow = fractal(x / 310, z / 310, permutation(self.seed, "bake/tone"), octaves=4)
        warm = fractal(x / 170, z / 170, permutation(self.seed, "bake/warmth"), octaves=3)
        tone = 1 + 0.16 * slow[..., None] + 0.05 * warm[..., None] * np.array([1.0, 0.2, -1.0])
        if self.strata > 0:
            warp = 9 * fractal(x / 240, z / 240, permutation(self.seed, "bake/warp"), octaves=2)
            level = (elevation + warp) / 26
            bands = fractal(level, 0 * level, permutation(self.seed, "bake/strata"), octaves=4, gain=0.7)
            tint = np.array([0.75, 1.0, 1.15])  # pale layers lose their red
            tone *= 1 + self.strata * rock[..., None] * bands[..., None] * tint
        return np.maximum(tone, 0.2).astype(np.float32)


def normals_of(relief: FloatArray, row_step: float, column_step: float) -> FloatArray:
    """Return (H-2, W-2, 3) unit normals of an (H, W) relief in metres: x east, y up in the image (north)."""
    east = (relief[1:-1, 2:] - relief[1:-1, :-2]) / np.float32(2 * column_step)
    south = (relief[2:, 1:-1] - relief[:-2, 1:-1]) / np.float32(2 * row_step)
    normal = np.dstack([-east, south, np.ones_like(east)])
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)
