"""Terrain chunks: no gaps, exact heights, measured errors."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import (
    chunk_mesh,
    chunk_windows,
    terrain_chunks,
    terrain_normals,
    vertex_coordinates,
)
from worldgen.materials import PBRMaterial
from worldgen.triangulation import coarse_elevation, surface_normal

MATERIAL = PBRMaterial("ground")


def rough(shape: tuple[int, int], spacing: float = 2.0, seed: int = 0) -> Heightmap:
    elevation = np.random.default_rng(seed).uniform(0, 20, shape).astype(np.float32)
    return Heightmap(elevation, Grid.centred(shape, spacing))


def test_windows_cover_every_quad_once() -> None:
    shape = (10, 14)
    covered = np.zeros((9, 13), int)
    for window in chunk_windows(shape, 4):
        covered[window.row0 : window.row1, window.column0 : window.column1] += 1
    assert (covered == 1).all()
    assert len(chunk_windows(shape, 4)) == 3 * 4
    assert chunk_windows((2, 2), 128)[0].row1 == 1


@pytest.mark.parametrize("spacing", [2.0, 30.87, 0.1])
def test_world_positions_are_the_same_to_the_bit_in_all_chunks(spacing: float) -> None:
    """Each vertex of the map has one position, normal and height, whichever chunk and level shows it."""
    heightmap = rough((22, 27), spacing)
    x, z = vertex_coordinates(heightmap.grid)
    normals = terrain_normals(heightmap.elevation, spacing)
    for chunk in terrain_chunks(heightmap, MATERIAL, quads=8, levels=3):
        for mesh in chunk.levels:
            # In float32, as a client would add them.
            world = mesh.positions + np.array(chunk.translation, np.float32)
            columns = np.searchsorted(x, world[:, 0].astype(np.float64))
            rows = np.searchsorted(z, world[:, 2].astype(np.float64))
            assert (x[columns] == world[:, 0]).all()
            assert (z[rows] == world[:, 2]).all()
            assert (heightmap.elevation[rows, columns] == world[:, 1]).all()
            assert (normals[rows, columns] == mesh.normals).all()
    assert np.abs(x - heightmap.grid.x).max() < 5e-4


def test_levels_keep_their_borders() -> None:
    heightmap = rough((22, 27))
    chunks = {(c.window.row, c.window.column): c for c in terrain_chunks(heightmap, MATERIAL, quads=8)}
    for level in range(3):
        west, east = chunks[0, 0], chunks[0, 1]
        here = west.levels[level].positions + np.array(west.translation, np.float32)
        there = east.levels[level].positions + np.array(east.translation, np.float32)
        border = east.translation[0]
        np.testing.assert_array_equal(here[here[:, 0] == border], there[there[:, 0] == border])
    # The narrow south-east chunk: rows 16 .. 21, columns 24 .. 26; stride 4 keeps 16, 20, 21 and 24, 26.
    assert len(chunks[2, 3].levels[2].positions) == 3 * 2


def test_triangles_face_up_and_cover_the_window() -> None:
    heightmap = rough((9, 12), 3.0)
    for chunk in terrain_chunks(heightmap, MATERIAL, quads=8, levels=3):
        for mesh in chunk.levels:
            a, b, c = (mesh.positions[mesh.indices[:, k]].astype(np.float64) for k in range(3))
            upward = np.cross(b - a, c - a)[:, 1] / 2
            assert (upward > 0).all()
            window = chunk.window
            quads = (window.row1 - window.row0) * (window.column1 - window.column0)
            assert upward.sum() == pytest.approx(quads * 9.0)
            assert mesh.texcoords.min() == 0
            assert mesh.texcoords.max() == 1
            # u grows to the east, v to the south.
            np.testing.assert_allclose(
                mesh.texcoords[:, 0], mesh.positions[:, 0] / mesh.positions[:, 0].max(), atol=1e-6
            )
            np.testing.assert_allclose(
                mesh.texcoords[:, 1], mesh.positions[:, 2] / mesh.positions[:, 2].max(), atol=1e-6
            )


def test_normals_of_a_plane() -> None:
    rows, columns = np.mgrid[0:5, 0:6]
    elevation = (0.5 * columns * 2.0 - 0.25 * rows * 2.0).astype(np.float32)
    expected = np.array([-0.5, 1.0, 0.25]) / np.linalg.norm([-0.5, 1.0, 0.25])
    normals = terrain_normals(elevation, 2.0)
    np.testing.assert_allclose(normals, np.broadcast_to(expected, (5, 6, 3)), atol=1e-6)
    grid = Grid((5, 6), 2.0)
    np.testing.assert_allclose(
        surface_normal(elevation, grid, np.array([3.3]), np.array([1.7])), [expected], atol=1e-6
    )


def test_tangents_are_east_and_right_angled() -> None:
    mesh = terrain_chunks(rough((9, 9)), MATERIAL, quads=8, levels=1, tangents=True)[0].levels[0]
    assert mesh.tangents is not None
    tangent = mesh.tangents[:, :3]
    np.testing.assert_allclose((tangent * mesh.normals).sum(1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(tangent, axis=1), 1, atol=1e-6)
    assert (tangent[:, 0] > 0).all()
    assert (np.cross(mesh.normals, tangent)[:, 2] < 0).all()  # north, the image's up


def test_geometric_error_is_the_largest_deviation() -> None:
    elevation = np.zeros((9, 17), np.float32)
    elevation[3, 5] = 7.0  # only level 0 keeps it
    elevation[2, 12] = 4.0  # levels 0 and 1 keep it
    chunks = terrain_chunks(Heightmap(elevation, Grid((9, 17), 1.0)), MATERIAL, quads=8, levels=3)
    assert chunks[0].geometric_errors == (0.0, 7.0, 7.0)
    assert chunks[1].geometric_errors[0] == 0.0
    assert chunks[1].geometric_errors[1] == pytest.approx(2.0)  # half way from 4 to 0
    assert chunks[1].geometric_errors[2] == pytest.approx(4.0)
    assert (coarse_elevation(elevation, 1) == elevation).all()


def test_each_window_may_have_its_own_material() -> None:
    chunks = terrain_chunks(
        rough((9, 9)), lambda w: PBRMaterial(f"ground_{w.row}_{w.column}"), quads=4, levels=1
    )
    assert [c.levels[0].material.name for c in chunks] == [
        "ground_0_0", "ground_0_1", "ground_1_0", "ground_1_1",
    ]  # fmt: skip


def test_windows_must_lie_on_kept_lines() -> None:
    heightmap = rough((12, 12))
    normals = terrain_normals(heightmap.elevation, 2.0)
    assert len(chunk_mesh(heightmap, normals, 4, 11, 0, 4, 4, MATERIAL).positions) == 3 * 2
    with pytest.raises(InputError, match="multiples of its stride 4, or the last line 11; found 2 to 8"):
        chunk_mesh(heightmap, normals, 2, 8, 0, 4, 4, MATERIAL)


def test_quads_must_fit_the_levels() -> None:
    with pytest.raises(InputError, match="multiple of 4; found 6 quads"):
        terrain_chunks(rough((9, 9)), MATERIAL, quads=6, levels=3)
