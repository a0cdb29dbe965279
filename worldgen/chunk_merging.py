"""Several chunks of terrain as one: one mesh at any stride, one material averaged from theirs.

For files that show far land in few pieces: parents in a tree of tiles, or a headset's few draw calls.

>>> mesh, translation = merged_chunk(                                       # doctest: +SKIP
...     world.chunks, world.heightmap, 0, 256, 0, 256, stride=2, texture_size=512
... )
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from worldgen.coarse_normals import reframed_normals, stride_normals
from worldgen.errors import InputError
from worldgen.heightmap import Heightmap
from worldgen.lod import TerrainChunk, chunk_mesh, surface_tangents, vertex_coordinates
from worldgen.materials import PBRMaterial, linear_to_srgb, srgb_to_linear, to_bytes
from worldgen.mesh import Mesh

Float32Array = NDArray[np.float32]
Image = NDArray[np.uint8]
Position = tuple[float, float, float]

_MAPS = ("base_color", "normal", "orm")
_LINEAR = srgb_to_linear(np.arange(256, dtype=np.float32) / np.float32(255))
_SIGNED = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)
_SHARE = np.arange(256, dtype=np.float32) / np.float32(255)


def merged_chunk(
    chunks: Sequence[TerrainChunk],
    heightmap: Heightmap,
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    stride: int,
    texture_size: int,
    *,
    quads: int | None = None,
    tangents: bool = True,
) -> tuple[Mesh, Position]:
    """Return one mesh for a window of whole chunks, and the place of its north-west corner.

    Parameters
    ----------
    chunks : of the whole map, or at least those within the window; their finest level's materials are used.
    heightmap : that they were cut from.
    row0, row1, column0, column1 : vertex window, the last row and column included; its borders are borders of
        chunks.
    stride : 1, 2, 4, …; any power of two that `worldgen.lod.chunk_mesh` allows here, also one that the chunks
        themselves do not have.
    texture_size : texels a side for so many ``quads``; a shorter side gets the same density, rounded up to a
        power of two.
    quads : the window's longer side by default.
    tangents : as in `worldgen.lod.chunk_mesh`.

    Returns
    -------
    The mesh, relative to the corner, and the corner (x, 0, z) in metres.

    Raises
    ------
    InputError : the chunks do not fill the window, or a stride is impossible there.
    """
    rows, columns = row1 - row0, column1 - column0
    longest = quads or max(rows, columns)
    material = merge_materials(
        *_within(chunks, heightmap, row0, row1, column0, column1, stride),
        (texels(rows, longest, texture_size), texels(columns, longest, texture_size)),
        name=f"terrain_{row0}_{column0}_{rows}",
    )
    return window_mesh(heightmap, row0, row1, column0, column1, stride, material, tangents=tangents)


def window_mesh(
    heightmap: Heightmap,
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    stride: int,
    material: PBRMaterial,
    *,
    tangents: bool = True,
) -> tuple[Mesh, Position]:
    """Return the mesh of a window with the normals of its stride, and its corner; as `merged_chunk`."""
    x, z = vertex_coordinates(heightmap.grid)
    level = np.broadcast_to(np.array([0, 1, 0], np.float32), (*heightmap.elevation.shape, 3))
    mesh = chunk_mesh(heightmap, level, row0, row1, column0, column1, stride, material)
    normals = stride_normals(heightmap, row0, row1, column0, column1, stride)
    mesh = replace(mesh, normals=normals, tangents=surface_tangents(normals) if tangents else None)
    return mesh, (float(x[column0]), 0.0, float(z[row0]))


def merge_materials(
    materials: Sequence[Sequence[PBRMaterial]],
    heights: Sequence[int],
    widths: Sequence[int],
    size: tuple[int, int],
    name: str,
) -> PBRMaterial:
    """Lay a grid of materials side by side and average them down (or spread them) to one.

    Each texel is the exact mean over its area, of base color in linear light, of normals as vectors that are
    made unit length again, of occlusion, roughness and metallic as they are.

    Parameters
    ----------
    materials : rows of materials, north to south and west to east. All with the same maps and factors.
    heights, widths : how much of the whole each row and each column takes, in any unit, say quads.
    size : (rows, columns) of the result in texels.
    name : of the result.

    Raises
    ------
    InputError : the grid is not one, or the materials differ in more than their images.
    """
    _check_grid(materials, heights, widths)
    first = materials[0][0]
    spans = [[int(edge) for edge in np.cumsum([0, *lengths])] for lengths in (heights, widths)]
    images: dict[str, Any] = {}
    for role in _MAPS:
        if getattr(first, role) is None:
            continue
        decode = {"base_color": _LINEAR, "normal": _SIGNED, "orm": _SHARE}[role]
        total = np.zeros((*size, 3), np.float32)
        for row, (top, bottom) in zip(materials, pairwise(spans[0]), strict=True):
            for material, (left, right) in zip(row, pairwise(spans[1]), strict=True):
                image = getattr(material, role)
                down = _shares(image.shape[0], top, bottom, spans[0][-1], size[0])
                across = _shares(image.shape[1], left, right, spans[1][-1], size[1])
                _add_mean(total, decode[image], down, across)
        images[role] = _encode(role, total)
    metres = first.metres_per_tile
    if metres is not None:
        metres *= spans[1][-1] / widths[0]
    return replace(first, name=name, height=None, metres_per_tile=metres, **images)


def texels(quads: int, longest: int, texture_size: int) -> int:
    """Return the texels for so many quads where ``longest`` quads get ``texture_size``; a power of two."""
    return 1 << math.ceil(math.log2(max(quads * texture_size / longest, 4)))


def _encode(role: str, mean: Float32Array) -> Image:
    if role == "base_color":
        return to_bytes(linear_to_srgb(mean))
    if role == "normal":
        length = np.linalg.norm(mean, axis=-1, keepdims=True)
        return to_bytes(mean / np.maximum(length, np.float32(1e-6)) * np.float32(0.5) + np.float32(0.5))
    return to_bytes(mean)


@lru_cache(maxsize=256)
def _shares(source: int, start: int, stop: int, whole: int, target: int) -> tuple[slice, Float32Array]:
    """Return which of ``target`` texels a span of the whole touches, and by how much each of its texels.

    The weights are (touched, source); over all spans a target texel's sum is 1.
    """
    edges = (start + (stop - start) * np.arange(source + 1) / source) * (target / whole)
    first, last = math.floor(edges[0] + 1e-9), math.ceil(edges[-1] - 1e-9)
    low = np.arange(first, last)[:, None]
    overlap = np.minimum(low + 1, edges[1:]) - np.maximum(low, edges[:-1])
    weights = np.where(overlap > 1e-9, overlap, 0.0).astype(np.float32)
    return slice(first, last), weights


def _add_mean(
    total: Float32Array,
    image: Float32Array,
    down: tuple[slice, Float32Array],
    across: tuple[slice, Float32Array],
) -> None:
    """Add an image, (H, W, 3), weighted along both axes, to where it lies in the whole."""
    (rows, vertical), (columns, horizontal) = down, across
    total[rows, columns] += _weighted(_weighted(image, vertical).swapaxes(0, 1), horizontal).swapaxes(0, 1)


def _weighted(image: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the weighted sums (N, W, 3) of the rows of (H, W, 3)."""
    count, source = weights.shape
    if (
        source % count == 0
        and (weights == np.repeat(np.eye(count), source // count, 1) * weights[0, 0]).all()
    ):
        # Whole rows fall to each: the common case, and eight times as fast.
        grouped = image.reshape(count, source // count, *image.shape[1:])
        return np.asarray(grouped.sum(axis=1) * weights[0, 0], np.float32)
    flat = csr_array(weights) @ np.ascontiguousarray(image).reshape(source, -1)
    return np.asarray(flat.reshape(count, *image.shape[1:]), np.float32)


def _check_grid(
    materials: Sequence[Sequence[PBRMaterial]], heights: Sequence[int], widths: Sequence[int]
) -> None:
    found = [len(row) for row in materials]
    if len(heights) != len(found) or not heights or found != [len(widths)] * len(found) or not widths:
        raise InputError(
            f"a grid of materials needs {len(heights)} rows of {len(widths)}; found rows of {found}"
        )
    first = materials[0][0]
    for material in (material for row in materials for material in row):
        for name in ("base_color_factor", "roughness", "metallic", "alpha_mode", "repeat"):
            if getattr(material, name) != getattr(first, name):
                raise InputError(
                    f"'{material.name}' and '{first.name}' differ in {name}, and cannot be merged"
                )
        for role in _MAPS:
            image = getattr(material, role)
            if (image is None) != (getattr(first, role) is None):
                raise InputError(f"only one of '{material.name}' and '{first.name}' has a {role} to merge")
            if image is not None and image.shape[2] != 3:
                raise InputError(
                    f"images to merge need 3 channels; {role} of '{material.name}' has {image.shape}"
                )


def _within(
    chunks: Sequence[TerrainChunk],
    heightmap: Heightmap,
    row0: int,
    row1: int,
    column0: int,
    column1: int,
    stride: int,
) -> tuple[list[list[PBRMaterial]], list[int], list[int]]:
    """Return the materials of the chunks within a window as a grid, with heights and widths in quads."""
    inside = {
        (chunk.window.row0, chunk.window.column0): chunk
        for chunk in chunks
        if row0 <= chunk.window.row0 < row1 and column0 <= chunk.window.column0 < column1
    }
    tops, lefts = (sorted({place[axis] for place in inside}) for axis in (0, 1))
    heights = [bottom - top for top, bottom in pairwise([*tops, row1])]
    widths = [right - left for left, right in pairwise([*lefts, column1])]
    for (top, left), chunk in inside.items():
        window = chunk.window
        if (
            window.row1 != top + heights[tops.index(top)]
            or window.column1 != left + widths[lefts.index(left)]
        ):
            inside.clear()
            break
    if not inside or len(inside) != len(tops) * len(lefts) or (tops[0], lefts[0]) != (row0, column0):
        raise InputError(
            f"the window of rows {row0} to {row1} and columns {column0} to {column1} is not made of whole "
            "chunks"
        )
    materials = [[_for_stride(inside[top, left], heightmap, stride) for left in lefts] for top in tops]
    return materials, heights, widths


def _for_stride(chunk: TerrainChunk, heightmap: Heightmap, stride: int) -> PBRMaterial:
    """Return a chunk's material with its normals in the frames of a coarser mesh."""
    material, window = chunk.levels[0].material, chunk.window
    if material.normal is None or stride == 1:
        return material
    bounds = (window.row0, window.row1, window.column0, window.column1)
    return replace(material, normal=reframed_normals(material.normal, heightmap, *bounds, 1, stride))
