"""Chunks merged to one mesh and one material, against plain repetition and averaging."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.chunk_merging import merge_materials, merged_chunk
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import ChunkWindow, terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.triangulation import coarse_elevation


def noise_material(shape: tuple[int, int], seed: int) -> PBRMaterial:
    random = np.random.default_rng(seed)
    color, orm = random.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    normal = np.dstack([random.integers(90, 166, (*shape, 2)), np.full(shape, 240)]).astype(np.uint8)
    return PBRMaterial(f"ground_{seed}", color, normal, orm, repeat=False, metres_per_tile=64.0)


def linear(srgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    value = srgb / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return 255 * np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)


def repeated_mean(parts: list[list[NDArray[np.float64]]], fine: int, size: int) -> NDArray[np.float64]:
    """Each texel repeated to a common fine raster, then plain means of squares."""
    whole = np.concatenate([np.concatenate(row, axis=1) for row in parts], axis=0)
    step = fine // size
    return whole.reshape(size, step, size, step, 3).mean(axis=(1, 3))


def test_unequal_chunks_are_averaged_by_their_area() -> None:
    """128 and 64 quads a side, with 16 and 8 texels, to 8 texels: 12 fine texels make up one."""
    lengths, sizes = (128, 64), (16, 8)
    grid = [[noise_material((sizes[i], sizes[j]), 2 * i + j) for j in range(2)] for i in range(2)]
    merged = merge_materials(grid, lengths, lengths, (16, 16), "whole")
    assert merged.name == "whole"
    assert merged.metres_per_tile == 96.0
    for role in ("base_color", "normal", "orm"):
        decode = {"base_color": linear, "normal": lambda v: v / 127.5 - 1, "orm": lambda v: v / 255}[role]
        parts = [
            [np.repeat(np.repeat(decode(getattr(one, role)), 4, axis=0), 4, axis=1) for one in row]
            for row in grid
        ]
        # 192 quads on 96 fine texels: 4 for each of the 16 + 8.
        mean = repeated_mean(parts, 96, 16)
        if role == "normal":
            mean = 127.5 + 127.5 * mean / np.linalg.norm(mean, axis=-1, keepdims=True)
        else:
            mean = srgb(mean) if role == "base_color" else 255 * mean
        assert np.abs(getattr(merged, role) - mean).max() <= 0.51, role


def test_halving_four_chunks_keeps_where_they_lie() -> None:
    grid = [
        [PBRMaterial("one", np.full((8, 8, 3), 50 * (2 * i + j), np.uint8), repeat=False) for j in range(2)]
        for i in range(2)
    ]
    merged = merge_materials(grid, (1, 1), (1, 1), (8, 8), "four")
    assert merged.base_color is not None
    assert merged.base_color[::7, ::7, 0].tolist() == [[0, 50], [100, 150]]
    assert merged.normal is None
    assert merged.orm is None


def test_light_is_averaged_not_bytes() -> None:
    black_and_white = np.zeros((4, 4, 3), np.uint8)
    black_and_white[::2] = 255
    merged = merge_materials([[PBRMaterial("stripes", black_and_white)]], (1,), (1,), (2, 2), "gray")
    assert merged.base_color is not None
    assert (merged.base_color == 188).all()  # half the light


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (PBRMaterial("a", np.zeros((4, 4, 3), np.uint8)), PBRMaterial("b"), "base_color"),
        (PBRMaterial("a"), PBRMaterial("b", roughness=0.5), "roughness"),
        (PBRMaterial("a", np.zeros((4, 4, 4), np.uint8)), PBRMaterial("b"), "3 channels"),
    ],
)
def test_what_cannot_be_merged_is_refused(first: PBRMaterial, second: PBRMaterial, message: str) -> None:
    with pytest.raises(InputError, match=message):
        merge_materials([[first, second]], (1,), (1, 1), (4, 4), "both")
    with pytest.raises(InputError, match="rows of"):
        merge_materials([[first]], (1,), (1, 1), (4, 4), "both")


def land(shape: tuple[int, int]) -> Heightmap:
    elevation = np.random.default_rng(3).uniform(0, 20, shape).astype(np.float32)
    return Heightmap(elevation, Grid.centred(shape, 2.0))


def test_a_merged_chunk_is_the_land_at_its_stride() -> None:
    """27 x 22 vertices in chunks of 8 quads: the window in the south-east has chunks of 8 and 2, 8 and 5."""
    heightmap = land((27, 22))

    def baked(window: ChunkWindow) -> PBRMaterial:
        color = np.full((8, 8, 3), 10 * window.row + 60 * window.column, np.uint8)
        return PBRMaterial(f"t_{window.row}_{window.column}", color, repeat=False)

    chunks = terrain_chunks(heightmap, baked, quads=8, levels=1)
    mesh, corner = merged_chunk(chunks, heightmap, 16, 26, 8, 21, 4, 16)
    assert corner == (-21.0 + 16.0, 0.0, -26.0 + 32.0)
    world = mesh.positions + np.array(corner)
    columns, rows = (world[:, 0] + 21) / 2, (world[:, 2] + 26) / 2
    assert sorted(set(rows)) == [16, 20, 24, 26]
    assert sorted(set(columns)) == [8, 12, 16, 20, 21]
    coarse = coarse_elevation(heightmap.elevation, 4)
    assert (coarse[rows.astype(int), columns.astype(int)] == mesh.positions[:, 1]).all()
    # 13 quads get 16 texels, 10 quads 12.3, which is rounded up.
    assert mesh.material.base_color is not None
    assert mesh.material.base_color.shape == (16, 16, 3)
    assert mesh.material.base_color[[0, 0, -1, -1], [0, -1, 0, -1], 0].tolist() == [80, 140, 90, 150]
    assert mesh.tangents is not None
    assert np.abs(np.einsum("ij,ij->i", mesh.tangents[:, :3], mesh.normals)).max() < 1e-6


def test_windows_of_broken_chunks_are_refused() -> None:
    heightmap = land((17, 17))
    chunks = terrain_chunks(heightmap, PBRMaterial("ground"), quads=8, levels=1)
    for window in ((0, 16, 0, 12), (4, 16, 0, 16), (0, 8, 8, 12)):
        with pytest.raises(InputError, match="whole"):
            merged_chunk(chunks, heightmap, *window, 1, 16)
    with pytest.raises(InputError, match="whole"):
        merged_chunk(chunks[1:], heightmap, 0, 16, 0, 16, 1, 16)
