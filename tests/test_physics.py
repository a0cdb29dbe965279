"""A whole world's colliders, ways and starts: they agree with what is seen, and are not seen themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_examples import read_glb

import worldgen as wg
from worldgen.export import ExportOptions
from worldgen.navigation import Walker
from worldgen.physics import obstacles, solid_objects
from worldgen.scene import Node, Scene
from worldgen.triangulation import surface_height


@pytest.fixture(scope="module")
def scene(small_world: wg.World) -> Scene:
    return small_world.scene(physics=True)


@pytest.fixture(scope="module")
def unseen(scene: Scene) -> dict[str, Node]:
    return {node.name: node for node in scene.nodes if node.purpose != "visible"}


def test_what_is_not_seen_changes_nothing_that_is(small_world: wg.World, scene: Scene) -> None:
    plain = small_world.scene()
    assert [node.name for node in plain.walk()] == [node.name for node in scene.walk()]
    assert (scene.triangles, scene.placements) == (plain.triangles, plain.placements)


def test_colliders_stand_where_the_objects_do(scene: Scene, unseen: dict[str, Node]) -> None:
    seen = {node.name: node.instances for node in scene.walk() if node.instances}
    solid = [node for node in unseen["collision"].children if node.instances]
    assert 0 < len(solid) < len(seen)
    for node in solid:
        assert node.purpose == "collider"
        assert node.instances is not None
        own = seen[node.name.removesuffix("_collision")]
        assert node.extras["of"] == own.model.name
        known = {
            (*place, scale)
            for place, scale in zip(own.translations.tolist(), own.scales.tolist(), strict=True)
        }
        for place, scale in zip(
            node.instances.translations.tolist(), node.instances.scales.tolist(), strict=True
        ):
            assert (*place, scale) in known
    names = {node.name for node in solid}
    assert any(name.startswith("jungle_tree") for name in names)
    assert not any(name.startswith(("grass", "fern", "shrub")) for name in names)


def test_the_ground_has_a_collider_a_chunk(small_world: wg.World, unseen: dict[str, Node]) -> None:
    chunks = [node for node in unseen["collision"].children if node.model]
    assert [node.translation for node in chunks] == [chunk.translation for chunk in small_world.chunks]
    triangles = sum(node.model.triangles for node in chunks if node.model)
    assert 0 < triangles < 2 * 128 * 128


def test_ways_keep_off_water_and_trees(small_world: wg.World, unseen: dict[str, Node]) -> None:
    model = unseen["navigation"].model
    assert model is not None
    (mesh,) = model.primitives
    middles = mesh.positions.astype(np.float64)[mesh.indices].mean(axis=1)
    assert middles[:, 1].min() > -0.5 - 0.5  # as deep as one wades, and the mesh's error
    walker = Walker()
    solids = list(solid_objects(small_world.placements, small_world.heightmap))
    for x, z, radius, _ in obstacles(solids, walker.step)[::7]:
        assert np.hypot(middles[:, 0] - x, middles[:, 2] - z).min() >= radius + walker.radius
    assert unseen["navigation"].extras["areas"][0] > 10_000


def test_starts_are_on_dry_ground_and_of_the_world(small_world: wg.World, unseen: dict[str, Node]) -> None:
    starts = small_world.player_starts(4)
    assert len(starts) == 4
    nodes = unseen["starts"].children
    assert [(node.translation, node.yaw) for node in nodes] == [
        (tuple(start[:3]), start.yaw) for start in starts
    ]
    x, y, z, _ = np.array(starts).T
    heightmap = small_world.heightmap
    np.testing.assert_allclose(y, surface_height(heightmap.elevation, heightmap.grid, x, z))
    assert y.min() > 0  # the sea's level


def test_export_adds_them_when_options_ask(small_world: wg.World, tmp_path: Path) -> None:
    path = tmp_path / "island.glb"
    small_world.export(path, manifest=False, options=ExportOptions(colliders="godot", maximum_texture=8))
    names = [node["name"] for node in read_glb(path)[0]["nodes"]]
    assert sum(name.startswith("terrain_") and name.endswith("-colonly") for name in names) == 4
    assert "navigation-navmesh" in names
    assert "start_3" in names
