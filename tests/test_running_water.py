"""Sheets of water: they lie in their beds, face up, end in the banks, and say where they flow."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.biomes import classify
from worldgen.config import ClimateConfig
from worldgen.drainage import drain
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology, route
from worldgen.mesh import Mesh
from worldgen.rivers import RiverNetwork, river_network
from worldgen.running_water import LEAST_DEPTH, flowing_rivers, ripples, water_nodes
from worldgen.triangulation import coarse_elevation, surface_height

SPACING = 3.0


def valley(*, lake: bool = False) -> tuple[Heightmap, Hydrology, RiverNetwork]:
    """A valley that falls to the south by 10 %, with a river in its middle, and a lake half way."""
    z, x = np.mgrid[:160, :81].astype(float)
    land = 300 - 0.1 * SPACING * z + 1.0 * np.abs(x - 40)
    ground = drain(land, SPACING, channel_area=2e3, strength=3.0)
    if lake:
        ground[60:90, 25:56] = 262.0
    heightmap = Heightmap(ground.astype(np.float32), Grid.centred(land.shape, SPACING))
    water = route(heightmap.elevation, SPACING)
    return (
        heightmap,
        water,
        river_network(water, heightmap.grid.origin, channel_area=2e3, strength=3.0, carved=True),
    )


def sheets(stride: int = 1, *, lake: bool = False) -> dict[str, Mesh]:
    heightmap, water, rivers = valley(lake=lake)
    nodes = water_nodes(heightmap, water, rivers, 10.0, 1, stride)
    return {node.name: node.model.primitives[0] for node in nodes if node.model}


def upward(mesh: Mesh) -> NDArray[np.float64]:
    a, b, c = (mesh.positions[mesh.indices[:, corner]].astype(float) for corner in range(3))
    return np.asarray(np.cross(b - a, c - a)[:, 1])


@pytest.mark.parametrize("stride", [1, 4])
def test_water_covers_its_bed_and_ends_below_the_banks(stride: int) -> None:
    heightmap, _, rivers = valley()
    mesh = sheets(stride)["rivers"]
    assert (upward(mesh) > 0).all()
    assert mesh.colors is not None
    x, y, z = mesh.positions.T.astype(float)
    ground = coarse_elevation(heightmap.elevation, stride)
    rows, columns = (np.rint(value).astype(int) for value in heightmap.grid.to_cells(x, z))
    wet = rivers.breadth[rows, columns] > 0.5 * SPACING
    above = y - ground[rows, columns]
    assert wet.sum() > 150
    assert (above[wet] >= LEAST_DEPTH - 1e-4).all()
    assert (above[~wet] < 0).all()
    np.testing.assert_allclose(
        surface_height(heightmap.elevation, heightmap.grid, x, z, stride=stride),
        ground[rows, columns],
        atol=1e-3,
    )


def test_each_vertex_knows_its_current() -> None:
    mesh = sheets()["rivers"]
    assert mesh.velocity is not None
    inner = np.abs(mesh.positions[:, 2]) < 150  # away from the map's edge
    east, south = mesh.velocity[inner].T
    assert (south > 0.3).all()
    assert np.abs(east).mean() < 0.1 * south.mean()
    assert np.hypot(east, south).max() < 6.0


def test_normals_lean_down_the_stream() -> None:
    mesh = sheets()["rivers"]
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    slope = mesh.normals[:, 2] / mesh.normals[:, 1]
    assert np.median(slope) == pytest.approx(0.1, abs=0.02)


def test_a_lake_is_a_level_sheet_of_its_own() -> None:
    _, water, rivers = valley(lake=True)
    mesh = sheets(lake=True)["lakes"]
    _, y, _ = mesh.positions.T
    level = float(np.nanmax(np.where(water.lakes(), rivers.water, np.nan)))
    assert np.isclose(y, level, atol=1e-3).mean() > 0.7
    assert upward(mesh).sum() / 2 >= water.lakes().sum() * SPACING**2
    assert mesh.velocity is not None
    inside = np.isclose(y, level, atol=1e-3)
    speed = np.hypot(*mesh.velocity.T)
    assert 0 < np.median(speed[inside]) < 0.2  # what flows in crosses a wide section


def test_steep_water_is_white() -> None:
    heightmap, _, _ = valley()
    steep = Heightmap(heightmap.elevation * np.float32(8), heightmap.grid)
    falls = route(steep.elevation, SPACING)
    network = river_network(falls, heightmap.grid.origin, channel_area=2e3, strength=3.0)
    model = water_nodes(steep, falls, network, 10.0, 1)[0].model
    assert model is not None
    calm, white = sheets()["rivers"].colors, model.primitives[0].colors
    assert calm is not None
    assert white is not None
    assert white[:, :3].mean() > calm[:, :3].mean() + 0.3


def test_a_desert_is_dry() -> None:
    heightmap, water, _ = valley(lake=True)
    wet, dry = (
        classify(heightmap, water, ClimateConfig(temperature=25, moisture=moisture), 1)
        for moisture in (0.6, 0.03)
    )
    assert np.isnan(flowing_rivers(heightmap, water, dry, strength=3.0, carved=True).water).all()
    network = flowing_rivers(heightmap, water, wet, strength=3.0, carved=True)
    assert not np.isnan(network.water[water.lakes()]).any()
    empty = flowing_rivers(heightmap, water, dry, strength=3.0, carved=True)
    assert water_nodes(heightmap, water, empty, 25.0, 1) == []
    assert not empty.velocity.any()


def test_ripples_tile() -> None:
    normals = ripples(1).astype(float)
    inner = np.abs(np.diff(normals, axis=0)).mean()
    assert np.abs(normals[0] - normals[-1]).mean() < 1.3 * inner
    assert np.abs(normals[:, 0] - normals[:, -1]).mean() < 1.3 * inner
