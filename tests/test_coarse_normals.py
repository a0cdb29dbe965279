"""Normals of coarse land, and what they lose, in the normal map."""

from __future__ import annotations

import numpy as np

from worldgen.coarse_normals import reframed_normals, stride_normals
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import surface_tangents, terrain_normals


def land(shape: tuple[int, int]) -> Heightmap:
    elevation = np.random.default_rng(3).uniform(0, 20, shape).astype(np.float32)
    return Heightmap(elevation, Grid.centred(shape, 2.0))


def test_normals_are_those_of_slopes_over_the_stride() -> None:
    heightmap = land((27, 22))
    finest = terrain_normals(heightmap.elevation, 2.0)
    assert np.abs(stride_normals(heightmap, 8, 26, 8, 21, 1) - finest[8:, 8:].reshape(-1, 3)).max() < 1e-6
    # Of every fourth line alone, which 0, 4, ... 20 of both axes are.
    coarse = terrain_normals(heightmap.elevation[:25:4, :21:4], 8.0)
    inner = stride_normals(heightmap, 4, 20, 4, 16, 4).reshape(5, 4, 3)
    assert np.abs(inner - coarse[1:6, 1:5]).max() < 1e-6


def test_light_on_coarse_land_is_that_on_fine_land() -> None:
    """A normal in the map, in the frame of the mesh it is for, points the same way in the world."""
    random = np.random.default_rng(5)
    z, x = np.mgrid[0:17, 0:22] * 4.0
    elevation = 9 * np.sin(x / 17) + 7 * np.cos(z / 13 + x / 31) + random.uniform(0, 0.7, x.shape)
    heightmap = Heightmap(elevation.astype(np.float32), Grid.centred(x.shape, 4.0))
    window = (0, 16, 8, 21)
    # One texel a vertex of stride 4 but the last, shifted by half a texel: so middles of texels of 8 quads.
    tilt = random.uniform(-0.4, 0.4, (16, 13, 2))
    fine = np.dstack([tilt, np.sqrt(1 - (tilt**2).sum(axis=-1))])
    image = np.rint(127.5 + 127.5 * fine).astype(np.uint8)
    turned = reframed_normals(image, heightmap, *window, 1, 4)

    def in_world(pixels: np.ndarray, stride: int) -> np.ndarray:
        rows, columns = ([*range(a, b, stride), b] for a, b in ((0, 16), (8, 21)))
        vertices = stride_normals(heightmap, *window, stride).astype(np.float64)
        vertices = vertices.reshape(len(rows), len(columns), 3)
        result = np.empty(pixels.shape)
        for row, column in np.ndindex(*pixels.shape[:2]):
            at = [
                np.interp(row + 0.5, rows, vertices[:, k, :].T[i])
                for k in range(len(columns))
                for i in range(3)
            ]
            line = np.reshape(at, (len(columns), 3))
            normal = np.array([np.interp(column + 8.5, columns, line[:, i]) for i in range(3)])
            normal /= np.linalg.norm(normal)
            tangent = surface_tangents(normal[None])[0, :3]
            frame = np.stack([tangent, np.cross(normal, tangent), normal])
            value = pixels[row, column] / 127.5 - 1
            result[row, column] = value @ frame / np.linalg.norm(value)
        return result

    cosine = np.einsum("ijk,ijk->ij", in_world(image, 1), in_world(turned, 4))
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 1.0
    assert np.abs(turned.astype(int) - image).max() > 8
    assert (reframed_normals(image, heightmap, *window, 4, 4).astype(int) - image).max() <= 1
