"""The measured error of coarse land, against its own triangles sampled densely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import chunk_mesh, terrain_normals
from worldgen.materials import PBRMaterial
from worldgen.surface_error import vertical_error
from worldgen.triangulation import coarse_elevation


def height_on(mesh: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height of a mesh's triangles over (N, 2) points, by barycentric coordinates of each triangle."""
    heights = np.full(len(points), np.nan)
    corners = mesh.positions[mesh.indices].astype(np.float64)
    for a, b, c in corners:
        edges = np.array([[b[0] - a[0], c[0] - a[0]], [b[2] - a[2], c[2] - a[2]]])
        share = np.linalg.solve(edges, (points - a[[0, 2]]).T)
        inside = (share >= -1e-9).all(axis=0) & (share.sum(axis=0) <= 1 + 1e-9)
        heights[inside] = a[1] + share[0, inside] * (b[1] - a[1]) + share[1, inside] * (c[1] - a[1])
    return heights


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("stride", "window"), [(2, (0, 8, 0, 8)), (4, (4, 11, 8, 14)), (8, (0, 11, 0, 14))])
def test_the_error_is_that_of_the_triangles(seed: int, stride: int, window: tuple[int, ...]) -> None:
    """12 x 15 vertices, so that the last quads of strides 4 and 8 are 3 and 2, 3 and 6 cells wide."""
    elevation = np.random.default_rng(seed).uniform(0, 20, (12, 15)).astype(np.float32)
    heightmap = Heightmap(elevation, Grid((12, 15), 1.0))
    normals = terrain_normals(elevation, 1.0)
    coarse = chunk_mesh(heightmap, normals, *window, stride, PBRMaterial("ground"))
    fine = chunk_mesh(heightmap, normals, *window, 1, PBRMaterial("ground"))
    steps = np.arange(0, 28) / 28  # middles of cells, and sevenths
    x = np.append(np.arange(window[3] - window[2])[:, None] + steps, window[3] - window[2])
    z = np.append(np.arange(window[1] - window[0])[:, None] + steps, window[1] - window[0])
    points = np.stack(np.meshgrid(x, z), axis=-1).reshape(-1, 2)
    dense = np.abs(height_on(coarse, points) - height_on(fine, points)).max()
    measured = vertical_error(elevation, *window, stride)
    assert dense <= measured + 1e-4
    assert measured <= dense * 1.02


def test_it_is_more_than_the_error_at_vertices() -> None:
    """Cells may be cut across the coarse diagonal: the largest distance is then in the middle of a cell."""
    more = []
    for seed in range(40):
        elevation = np.random.default_rng(seed).uniform(0, 20, (5, 5)).astype(np.float32)
        at_vertices = np.abs(coarse_elevation(elevation, 2) - elevation).max()
        more.append(vertical_error(elevation, 0, 4, 0, 4, 2) - at_vertices)
    assert min(more) > -1e-5
    assert max(more) > 1


def test_a_plane_and_the_finest_level_have_none() -> None:
    plane = (np.arange(11)[:, None] * 3.0 + np.arange(14) * 0.5).astype(np.float32)
    assert vertical_error(plane, 0, 10, 0, 13, 4) < 1e-5
    rough = np.random.default_rng(0).uniform(0, 20, (9, 9)).astype(np.float32)
    assert vertical_error(rough, 0, 8, 0, 8, 1) == 0.0


def test_bands_of_points_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rough = np.random.default_rng(4).uniform(0, 20, (30, 23)).astype(np.float32)
    whole = vertical_error(rough, 0, 29, 0, 22, 4)
    monkeypatch.setattr("worldgen.surface_error._POINTS", 64)
    assert vertical_error(rough, 0, 29, 0, 22, 4) == whole
