"""How coarse land is lit like fine land: smooth vertex normals, and what they lose in the normal map.

A mesh that keeps each 16th vertex has lost the bumps between. Its texture has texels for them: the baked
normals are turned from the frames of the finer mesh into those of the coarser one, so that light falls on a
far hill as it does when the hill is near.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.heightmap import Heightmap
from worldgen.materials import to_bytes
from worldgen.triangulation import kept_lines

Float32Array = NDArray[np.float32]
Image = NDArray[np.uint8]

_SIGNED = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)


def stride_normals(
    heightmap: Heightmap, row0: int, row1: int, column0: int, column1: int, stride: int
) -> Float32Array:
    """Return (V, 3) float32 unit normals of a window's vertices at one stride, row by row.

    Central differences over one stride to either side, which at stride 1 is `worldgen.lod.terrain_normals`.
    Normals of the finest land would be samples of its bumps: on far hills they glitter.

    Parameters
    ----------
    row0, row1, column0, column1 : vertex window, the last row and column included.
    """
    elevation, spacing = heightmap.elevation, np.float32(heightmap.grid.spacing)
    rows, columns = kept_lines(row0, row1, stride), kept_lines(column0, column1, stride)
    north, south = np.maximum(rows - stride, 0), np.minimum(rows + stride, elevation.shape[0] - 1)
    west, east = np.maximum(columns - stride, 0), np.minimum(columns + stride, elevation.shape[1] - 1)
    fall = elevation[np.ix_(north, columns)] - elevation[np.ix_(south, columns)]
    rise = elevation[np.ix_(rows, west)] - elevation[np.ix_(rows, east)]
    normals = np.ones((len(rows), len(columns), 3), np.float32)
    normals[..., 0] = rise / ((east - west).astype(np.float32) * spacing)
    normals[..., 2] = fall / ((south - north).astype(np.float32) * spacing)[:, None]
    return _unit(normals).reshape(-1, 3)


def reframed_normals(
    image: Image,
    heightmap: Heightmap,
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    stride: int,
    coarser: int,
) -> Image:
    """Return a window's normal map for its mesh at a coarser stride.

    Parameters
    ----------
    image : (T, U, 3) uint8, normals in the tangent frames of the mesh with ``stride``.
    row0, row1, column0, column1 : vertex window that the image covers.
    stride, coarser : of the mesh that the image is for, and of the one that it shall be for.
    """
    window = (row0, row1, column0, column1)
    x, y, z = np.moveaxis(_SIGNED[image], -1, 0)
    a, b, c = _between_vertices(heightmap, window, stride, image.shape[:2])
    # Tangent (b, -a, 0) / h and bitangent, north, (ac, bc, -h²) / h of the normal (a, b, c).
    h = np.hypot(a, b)
    world = (
        (x * b + y * a * c) / h + z * a,
        (y * b * c - x * a) / h + z * b,
        z * c - y * h,
    )
    a, b, c = _between_vertices(heightmap, window, coarser, image.shape[:2])
    h = np.hypot(a, b)
    turned = np.stack(
        [
            (world[0] * b - world[1] * a) / h,
            (world[0] * a + world[1] * b) * c / h - world[2] * h,
            # What faces away from the coarser mesh cannot be told in a normal map.
            np.maximum(world[0] * a + world[1] * b + world[2] * c, np.float32(0.05)),
        ],
        axis=-1,
    )
    return to_bytes(_unit(turned) * np.float32(0.5) + np.float32(0.5))


def _between_vertices(
    heightmap: Heightmap, window: tuple[int, int, int, int], stride: int, size: tuple[int, ...]
) -> Any:
    """Return the (3, T, U) unit normals of a mesh at the middles of texels."""
    row0, row1, column0, column1 = window
    rows, columns = kept_lines(row0, row1, stride), kept_lines(column0, column1, stride)
    normals = stride_normals(heightmap, *window, stride).reshape(len(rows), len(columns), 3)
    for axis, (lines, count) in enumerate(((rows, size[0]), (columns, size[1]))):
        place = lines[0] + (np.arange(count) + 0.5) * ((lines[-1] - lines[0]) / count)
        before = np.minimum(np.searchsorted(lines, place, side="right") - 1, len(lines) - 2)
        share = ((place - lines[before]) / (lines[before + 1] - lines[before])).astype(np.float32)
        share = share[:, None, None] if axis == 0 else share[None, :, None]
        first, second = np.take(normals, before, axis), np.take(normals, before + 1, axis)
        normals = first + share * (second - first)
    return np.moveaxis(_unit(normals), -1, 0)


def _unit(vectors: Float32Array) -> Float32Array:
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    return np.asarray(vectors / length[..., None], np.float32)
