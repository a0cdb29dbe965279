"""Skirts: no gap beside any other level, walls that face outwards."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import chunk_mesh, terrain_normals
from worldgen.materials import PBRMaterial
from worldgen.skirts import border_depths, with_skirts
from worldgen.triangulation import kept_lines


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize(("first", "last"), [(0, 16), (16, 27)])
def test_a_skirt_reaches_below_every_other_level(stride: int, first: int, last: int) -> None:
    """At the map's own vertices and between them, for every pair; 28 vertices, so that the last are short."""
    profile = np.random.default_rng(2).uniform(0, 30, 28).astype(np.float32)
    strides = (1, 2, 4, 8)
    own = kept_lines(first, last, stride)
    depths = border_depths(profile, first, last, stride, strides)
    places = np.linspace(first, last, 40 * (last - first) + 1)
    bottom = np.interp(places, own, profile[own] - depths)
    for other in strides:
        kept = kept_lines(0, 27, other)
        assert (bottom <= np.interp(places, kept, profile[kept]) + 1e-5).all()
    assert (depths >= 0).all()


def test_a_skirt_is_no_deeper_than_its_gap() -> None:
    """One pit of 6 m at a vertex that the coarse level lacks: only its segment hangs, only so far."""
    profile = np.zeros(9, np.float32)
    profile[3] = -6
    assert border_depths(profile, 0, 8, 2, (1, 2)).tolist() == [0, 6, 6, 0, 0]
    assert border_depths(profile, 0, 8, 1, (1, 2)).tolist() == [0] * 9
    profile[3] = 6  # a peak: the fine border stands above the coarse one
    assert border_depths(profile, 0, 8, 1, (1, 2)).tolist() == [0, 0, 6, 6, 6, 0, 0, 0, 0]
    assert border_depths(profile, 0, 8, 2, (1, 2)).tolist() == [0] * 5


def test_walls_face_outwards_and_look_like_the_edge() -> None:
    elevation = np.random.default_rng(1).uniform(0, 5, (5, 7)).astype(np.float32)
    heightmap = Heightmap(elevation, Grid((5, 7), 2.0))
    ground = chunk_mesh(
        heightmap, terrain_normals(elevation, 2.0), 0, 4, 0, 6, 1, PBRMaterial("ground"), tangents=True
    )
    depths = (np.full(7, 1.0), np.full(7, 2.0), np.full(5, 3.0), np.full(5, 4.0))
    mesh = with_skirts(ground, 5, 7, depths, 0.5)
    assert mesh.triangles == ground.triangles + 2 * (6 + 6 + 4 + 4)
    assert (mesh.positions[:35] == ground.positions).all()
    corners = mesh.positions[mesh.indices[ground.triangles :]].astype(np.float64)
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.abs(faces[:, 1]).max() < 1e-9
    outward = corners.mean(axis=1) - np.array([6.0, 0.0, 4.0])
    walls = {(0, -1): 12, (0, 1): 12, (-1, 0): 8, (1, 0): 8}
    found = [tuple(np.sign(np.round(face[[0, 2]], 9)).astype(int)) for face in faces]
    assert {side: found.count(side) for side in walls} == walls
    assert ((faces * outward)[:, [0, 2]].sum(axis=1) > 0).all()
    # Whatever hangs is below a vertex of the border, and has its looks.
    for index in range(35, len(mesh.positions)):
        above = np.flatnonzero((ground.positions[:, [0, 2]] == mesh.positions[index, [0, 2]]).all(axis=1))
        assert len(above) == 1
        drop = ground.positions[above[0], 1] - mesh.positions[index, 1]
        assert np.isclose(drop, [1.5, 2.5, 3.5, 4.5]).any()
        assert (mesh.normals[index] == ground.normals[above[0]]).all()
        assert (mesh.texcoords[index] == ground.texcoords[above[0]]).all()
        assert mesh.tangents is not None
        assert ground.tangents is not None
        assert (mesh.tangents[index] == ground.tangents[above[0]]).all()


def test_borders_without_a_neighbour_stay_bare() -> None:
    elevation = np.zeros((3, 3), np.float32)
    heightmap = Heightmap(elevation, Grid((3, 3), 1.0))
    ground = chunk_mesh(heightmap, terrain_normals(elevation, 1.0), 0, 2, 0, 2, 1, PBRMaterial("ground"))
    assert with_skirts(ground, 3, 3, (None, None, None, None), 0.1) is ground
    mesh = with_skirts(ground, 3, 3, (None, None, None, np.zeros(3)), 0.1)
    assert (mesh.positions[9:, 0] == 2).all()
    assert mesh.tangents is None
    with pytest.raises(InputError, match="3 vertices"):
        with_skirts(ground, 3, 3, (np.zeros(2), None, None, None), 0.1)
    with pytest.raises(InputError, match="found 9"):
        with_skirts(ground, 3, 4, (None, None, None, None), 0.1)
