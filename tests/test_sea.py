"""The sea's mesh covers all water, lies level, and is clear where it is shallow."""

from __future__ import annotations

import numpy as np
from small_worlds import island, maps, plane

from worldgen.sea import sea_node


def test_no_sea_no_node():
    land = plane(0.1)
    water, _ = maps(land, sea_level=None)
    assert sea_node(land, water, 10.0, 1) is None
    water, _ = maps(land, sea_level=0.0)
    assert sea_node(land, water, 10.0, 1) is None  # all of it is high and dry


def test_level_surface_over_all_water():
    land = island()
    water, _ = maps(land)
    node = sea_node(land, water, 20.0, 1)
    mesh = node.model.primitives[0]
    assert node.translation == (0.0, 0.0, 0.0)
    assert not mesh.positions[:, 1].any()
    np.testing.assert_array_equal(mesh.normals, np.tile([0, 1, 0], (len(mesh.positions), 1)))
    a, b, c = (mesh.positions[mesh.indices[:, corner]].astype(float) for corner in range(3))
    up = np.cross(b - a, c - a)[:, 1]
    assert (up > 0).all()  # counter-clockwise seen from above
    share = 0.5 * up.sum() / land.grid.area
    assert water.sea.mean() <= share < 1.0  # the island's heart is left out


def test_deep_water_hides_the_ground():
    land = island()
    water, _ = maps(land)
    image = sea_node(land, water, 20.0, 1).model.primitives[0].material.base_color
    alpha = image[..., 3].astype(float)
    assert alpha[10, 10] > 230
    rows, columns = np.indices(alpha.shape)
    radius = np.hypot(rows - 512, columns - 512)
    shore = alpha[(radius > 335) & (radius < 345)].mean()
    assert shore < alpha[10, 10]
