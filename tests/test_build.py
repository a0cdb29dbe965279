"""A whole world: its parts agree, its files hold it, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import trimesh

import worldgen as wg
from worldgen.biomes import classify
from worldgen.hydrology import route
from worldgen.populate import populate
from worldgen.rivers import river_network
from worldgen.terrain import make_terrain
from worldgen.triangulation import surface_height


def test_parts_share_one_grid(small_world):
    shape = (129, 129)
    assert small_world.heightmap.elevation.shape == shape
    assert small_world.biomes.weights.shape[1:] == shape
    assert small_world.splat.weights.shape[1:] == shape
    assert small_world.hydrology.sea.shape == shape
    assert len(small_world.chunks) == 4


def test_there_is_land_water_and_life(small_world):
    sea = small_world.hydrology.sea.mean()
    assert 0.1 < sea < 0.9
    names = {placement.name for placement in small_world.placements}
    assert "jungle_tree" in names
    assert sum(len(placement) for placement in small_world.placements) > 100


@pytest.mark.parametrize("level", [0, 1, 2])
def test_objects_stand_on_the_exported_triangles(small_world, level):
    # The oracle: the plane of whichever written triangle lies under each foot, found among all of them.
    scene = small_world.scene(level)
    corners = np.concatenate(
        [
            (mesh.positions.astype(np.float64) + node.translation)[mesh.indices]
            for node in scene.walk()
            if node.name.startswith("terrain_")
            for mesh in node.model.primitives
        ]
    )  # (triangle, corner, xyz)
    feet = np.concatenate([node.instances.translations for node in scene.walk() if node.instances])
    for x, y, z in feet[:: max(len(feet) // 80, 1)].astype(np.float64):
        assert np.abs(height_under(corners, x, z) - y) < 0.02


def height_under(corners, x, z):
    """Height at (x, z) of the triangle that holds it, by barycentric coordinates."""
    a, b, c = (corners[:, corner] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 2] - a[:, 2]) - (c[:, 0] - a[:, 0]) * (b[:, 2] - a[:, 2])
    v = ((x - a[:, 0]) * (c[:, 2] - a[:, 2]) - (c[:, 0] - a[:, 0]) * (z - a[:, 2])) / area
    w = ((b[:, 0] - a[:, 0]) * (z - a[:, 2]) - (x - a[:, 0]) * (b[:, 2] - a[:, 2])) / area
    inside = np.flatnonzero((v >= -1e-9) & (w >= -1e-9) & (v + w <= 1 + 1e-9))
    assert len(inside)
    found = inside[0]
    return a[found, 1] + v[found] * (b[found, 1] - a[found, 1]) + w[found] * (c[found, 1] - a[found, 1])


def test_nothing_stands_in_water(small_world):
    land = small_world.heightmap
    for placement in small_world.placements:
        height = surface_height(land.elevation, land.grid, placement.points[:, 0], placement.points[:, 1])
        assert height.min() > 0, placement.name


def test_trees_are_upright_and_rocks_lean(small_world):
    rotations = {
        node.name.rsplit("_", 1)[0]: node.instances.rotations
        for node in small_world.scene().walk()
        if node.instances
    }
    assert np.abs(rotations["jungle_tree"][:, [0, 2]]).max() < 1e-6
    lean = next(rotations[name] for name in ("rock", "grass", "fern", "boulder") if name in rotations)
    assert np.abs(lean[:, [0, 2]]).max() > 0.01


def test_unknown_level_is_refused(small_world):
    with pytest.raises(wg.ExportError, match="levels 0 to 2"):
        small_world.scene(3)


def test_manifest_tells_what_the_files_are(small_world, tmp_path):
    paths = small_world.export(tmp_path / "isles.glb", tmp_path / "isles.r16", tmp_path / "other.png")
    manifest = json.loads((tmp_path / "isles.manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 5
    assert wg.WorldConfig(**manifest["config"]) == small_world.config
    assert {weights["name"] for weights in manifest["weights"]} >= {"terrain_amplifier.safetensors"}
    assert {file["path"] for file in manifest["files"]} == {"isles.glb", "isles.r16", "isles.r16.json"}
    for file in manifest["files"]:
        data = (tmp_path / file["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert (tmp_path / "other.manifest.json") in paths
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}


def test_glb_opens_elsewhere_with_all_its_triangles(small_world, tmp_path):
    small_world.export(tmp_path / "isles.glb", manifest=False)
    scene = trimesh.load(tmp_path / "isles.glb")
    triangles = sum(
        len(scene.geometry[name].faces) for _, name in map(scene.graph.get, scene.graph.nodes_geometry)
    )
    assert triangles == small_world.scene().triangles


def test_wrong_suffix_is_refused_before_any_work(small_world, tmp_path):
    with pytest.raises(wg.ConfigError, match=r"unknown suffix.*\.glb"):
        small_world.export(tmp_path / "isles.fbx")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_give_the_same_bytes(tmp_path):
    code = (
        "import sys, worldgen as wg; from worldgen.export import TARGETS; from pathlib import Path\n"
        "world = wg.build(wg.WorldConfig(preset='alpine', seed=3, size=65, spacing=12.0, "
        "materials={'texture_size': 128}, output={'chunk_quads': 32}))\n"
        "world.export(*sys.argv[1:])\n"
        "for name in TARGETS: world.export(Path(sys.argv[1]).parent / name, target=name)"
    )
    hashes = []
    for run, threads in enumerate(("1", "3")):
        folder = tmp_path / str(run)
        files = [folder / "a.glb", folder / "a.gltf", folder / "a.obj", folder / "a.r16", folder / "a.png"]
        environment = os.environ | {
            "PYTHONHASHSEED": str(run + 1),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "NUMBA_NUM_THREADS": threads,
        }
        subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True, env=environment)
        hashes.append(
            {
                file.relative_to(folder): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            }
        )
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) > 100


def test_another_seed_is_another_world():
    first, second = (
        wg.WorldConfig(preset="alpine", seed=seed, size=65, terrain={"source": "noise"}) for seed in (1, 2)
    )
    from worldgen.terrain import make_terrain

    difference = make_terrain(first).elevation - make_terrain(second).elevation
    assert np.abs(difference).mean() > 20


def test_a_land_without_water_has_objects():
    config = wg.WorldConfig(preset="alpine", seed=7, size=257)
    heightmap = make_terrain(config)
    hydrology = route(heightmap.elevation, heightmap.grid.spacing)
    assert not hydrology.lakes().any()
    biomes = classify(heightmap, hydrology, config.climate, config.seed)
    placements = populate(heightmap, hydrology, river_network(hydrology), biomes, config.objects, config.seed)
    assert {"spruce", "rock"} <= {placement.name for placement in placements}
