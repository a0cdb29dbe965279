"""The quadtree of tiles, volumes around turned objects, places on the globe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.export_examples import example_scene, tree_model
from worldgen.errors import ExportError
from worldgen.export.tile_tree import (
    TileTree,
    bounding_volume,
    east_north_up,
    instances_bounds,
    scene_bounds,
)
from worldgen.scene import Instances


@pytest.mark.parametrize(
    ("shape", "quads", "levels"), [((300, 300), 128, 3), ((33, 33), 32, 1), ((34, 97), 32, 3)]
)
def test_each_level_covers_every_quad_once_and_children_their_parent(shape, quads, levels):
    tree = TileTree(shape, quads)
    assert tree.levels == levels
    covered = np.zeros((levels, shape[0] - 1, shape[1] - 1), int)
    tiles = [tree.root]
    for tile in tiles:
        covered[tile.level, tile.row0 : tile.row1, tile.column0 : tile.column1] += 1
        assert tile.row0 % tile.stride == tile.column0 % tile.stride == 0
        assert max(tile.row1 - tile.row0, tile.column1 - tile.column0) <= quads * tile.stride
        below = [child for row in tree.children(tile) for child in row]
        if below:
            assert min(child.row0 for child in below) == tile.row0
            assert max(child.row1 for child in below) == tile.row1
            assert min(child.column0 for child in below) == tile.column0
            assert max(child.column1 for child in below) == tile.column1
        tiles += below
    assert (covered == 1).all()
    assert len({tile.name for tile in tiles}) == len(tiles) == tree.count


def test_strides_beside_a_line_are_those_of_tiles_that_end_there():
    tree = TileTree((300, 300), 64)
    ends: dict[int, set[int]] = {}
    tiles = [tree.root]
    for tile in tiles:
        for line in (tile.row0, tile.row1):
            ends.setdefault(line, set()).add(tile.stride)
        tiles += [child for row in tree.children(tile) for child in row]
    for line, strides in ends.items():
        expected = [] if line in (0, 299) else sorted(strides)
        assert tree.strides_beside(line, 300) == expected


def test_bounds_hold_every_vertex_of_turned_objects():
    random = np.random.default_rng(0)
    rotations = random.normal(size=(9, 4))
    rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
    trees = Instances(
        tree_model(),
        random.uniform(-5, 5, (9, 3)).astype(np.float32),
        rotations.astype(np.float32),
        random.uniform(0.5, 2, 9).astype(np.float32),
    )
    points = []
    for place, (x, y, z, w), scale in zip(trees.translations, rotations, trees.scales, strict=True):
        for mesh in trees.model.primitives:
            for vertex in mesh.positions * scale:
                axis = np.array([x, y, z])  # rotation of a vector by a quaternion, after Hamilton
                points.append(vertex + 2 * np.cross(axis, np.cross(axis, vertex) + w * vertex) + place)
    low, high = instances_bounds(trees)
    # The model is flat, so the box of its vertices is the box of its corners.
    assert np.allclose(low, np.min(points, axis=0), atol=1e-5)
    assert np.allclose(high, np.max(points, axis=0), atol=1e-5)


def test_bounds_of_a_scene_and_their_volume_with_z_up():
    """Ground from 0 to 4 and 0 to 2; the second tree twice as large and turned, the third laid along z."""
    low, high = scene_bounds(example_scene())
    # y: half the width of the third tree, 0.5 m, below its place at 0.25. z: twice 1 m north of -2.
    assert low == pytest.approx([0.0, -0.25, -4.0], abs=1e-5)
    # x: 10 + 3, for the model is flat; y: 0.5 + twice 5 m; z: 1 + half of 5 m.
    assert high == pytest.approx([13.0, 10.5, 3.5], abs=1e-5)
    box = bounding_volume((np.array([0.0, -0.125, -4.0]), np.array([4.0, 10.5, 2.0])))["box"]
    assert box[:3] == pytest.approx([2.0, 1.0, 5.185], abs=0.01)
    assert box[3:] == pytest.approx([2.01, 0, 0, 0, 3.01, 0, 0, 0, 5.33], abs=0.011)


def test_the_world_stands_upright_on_the_ellipsoid():
    a, b = 6378137.0, 6356752.314245
    origin = np.array(east_north_up(0, 0, 0)).reshape(4, 4)
    assert origin[3].tolist() == [a, 0, 0, 1]
    assert np.abs(origin[:3, :3] - [[0, 1, 0], [0, 0, 1], [1, 0, 0]]).max() == 0
    assert east_north_up(12, 90, 5)[14] == pytest.approx(b + 5, abs=1e-4)
    for longitude, latitude, height in ((10, 50, 100), (-77.5, -12.25, 3400), (179, 71, -20)):
        matrix = np.array(east_north_up(longitude, latitude, height)).reshape(4, 4)
        east, north, up, place = matrix[:, :3]
        assert matrix[:, 3].tolist() == [0, 0, 0, 1]
        foot = place - height * up
        assert (foot / [a, a, b] @ (foot / [a, a, b])) == pytest.approx(1, abs=1e-12)
        gradient = foot / [a * a, a * a, b * b]
        assert np.allclose(up, gradient / np.linalg.norm(gradient), atol=1e-12)
        assert math.degrees(math.atan2(place[1], place[0])) == pytest.approx(longitude)
        assert math.degrees(math.asin(up[2])) == pytest.approx(latitude)
        assert np.allclose(np.cross(east, north), up)
        assert east[2] == 0
        assert north[2] > 0
    for wrong in ((181, 0, 0), (0, 91, 0), (0, 0, math.nan)):
        with pytest.raises(ExportError, match="georeference"):
            east_north_up(*wrong)
