"""The drainage pass: all water falls to sea, lake or edge; what is far from it is not touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen.config import WorldConfig
from worldgen.drainage import CHANNEL_AREA, drain
from worldgen.drainage_tree import donors_first
from worldgen.errors import InputError
from worldgen.hydrology import route, sea_mask
from worldgen.noise import fractal, permutation
from worldgen.terrain import make_terrain
from worldgen.valleys import isotonic, smoothed

Land = NDArray[np.float32]


def hills(shape: tuple[int, int], relief: float = 300.0, seed: int = 1) -> Land:
    x, z = np.arange(shape[1])[None, :] / 40, np.arange(shape[0])[:, None] / 40
    return (relief * fractal(x, z, permutation(seed, "test"), octaves=6)).astype(np.float32)


def rough(shape: tuple[int, int]) -> Land:
    noise = np.random.default_rng(3).normal(0, 4, shape)
    return (hills(shape) + noise + 1000).astype(np.float32)


def bowl(shape: tuple[int, int]) -> Land:
    z, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return (200 * np.minimum(x**2 + z**2, 1) + hills(shape, 2.0)).astype(np.float32)


def plateau(shape: tuple[int, int]) -> Land:
    land = np.full(shape, 50.0, np.float32)
    land[:, : shape[1] // 3] = -20.0
    return land


def pan(shape: tuple[int, int]) -> Land:
    """Ground below the sea that the sea does not reach, behind a wall."""
    land = np.full(shape, -5.0, np.float32)
    land[4:-4, 4:-4] = 8.0
    land[8:-8, 8:-8] = -3.0
    return land


def walk_down(land: Land, sea: NDArray[np.bool_], lake: NDArray[np.bool_]) -> None:
    """Follow the steepest way from each cell in plain Python; fail where it ends on dry land."""
    rows, columns = land.shape
    arrives = np.zeros(land.shape, bool)
    for start in np.ndindex(land.shape):
        way = [start]
        while True:
            row, column = way[-1]
            at_edge = row in (0, rows - 1) or column in (0, columns - 1)
            if at_edge or sea[row, column] or lake[row, column] or arrives[row, column]:
                break
            drops = [
                ((land[row, column] - land[row + r, column + c]) / np.hypot(r, c), row + r, column + c)
                for r in (-1, 0, 1)
                for c in (-1, 0, 1)
                if (r, c) != (0, 0)
            ]
            drop, row, column = max(drops)
            assert drop > 0, f"water from {start} stands at {way[-1]}"
            way.append((row, column))
        for cell in way:
            arrives[cell] = True


@pytest.mark.parametrize(
    ("land", "spacing", "sea_level"),
    [
        (hills((97, 131)), 4.0, None),
        (hills((97, 131)), 30.0, -20.0),
        (rough((64, 50)), 2.0, None),
        (rough((70, 41)), 30.0, 990.0),
        (np.zeros((40, 40), np.float32), 4.0, None),
        (np.full((23, 57), 3000.0, np.float32), 0.5, None),
        (plateau((48, 60)), 4.0, 0.0),
        (pan((40, 50)), 4.0, 0.0),
        (rough((2, 33)), 4.0, None),
        (rough((33, 2)), 4.0, 1000.0),
        (rough((3, 3)), 4.0, None),
        (np.full((9, 9), -5.0, np.float32), 4.0, 0.0),
    ],
)
def test_all_water_falls_to_the_sea_or_the_edge(land: Land, spacing: float, sea_level: float | None) -> None:
    before = np.zeros(land.shape, bool) if sea_level is None else sea_mask(land, sea_level)
    drained = drain(land, spacing, sea_level=sea_level, channel_area=30 * spacing**2, deepest_breach=1e9)
    assert drained.dtype == land.dtype
    water = route(drained, spacing, sea_level=sea_level)
    np.testing.assert_array_equal(water.sea, before)
    np.testing.assert_array_equal(drained[before], land[before])
    assert water.lake_depth.max() == 0.0
    walk_down(drained, before, np.zeros(land.shape, bool))


def test_a_deep_wide_basin_stays_a_lake_with_an_outlet() -> None:
    land = bowl((81, 81))
    drained = drain(land, 10.0, channel_area=2e4)
    water = route(drained, 10.0)
    lake = water.lake_depth > 0
    assert lake.sum() > 2000
    np.testing.assert_array_equal(drained[lake], land[lake])
    walk_down(drained, water.sea, lake)
    breached = drain(land, 10.0, deepest_breach=1000.0)
    assert route(breached, 10.0).lake_depth.max() == 0.0
    assert route(drain(land, 10.0, smallest_lake=1e6), 10.0).lake_depth.max() == 0.0


def test_ground_far_from_water_keeps_every_bit() -> None:
    land = hills((200, 200), 20.0) + 2.0 * np.arange(200)[:, None]
    drained = drain(land, 4.0)
    changed = drained != land
    assert 0.005 < changed.mean() < 0.3
    # A gable without pits and without enough water for a bed.
    gable = -np.abs(np.arange(60.0) - 30)[None, :] + np.zeros((50, 1))
    np.testing.assert_array_equal(drain(gable, 4.0), gable)


def test_an_even_slope_gets_no_beds_along_the_grid() -> None:
    z = np.arange(300.0)[:, None]
    slope = (200 - 0.05 * 30 * z + hills((300, 100), 0.2)).astype(np.float32)
    water = route(slope, 30.0)
    assert water.lake_depth.max() == 0
    assert water.accumulation.max() > 8 * CHANNEL_AREA
    np.testing.assert_array_equal(drain(slope, 30.0), slope)


def test_a_breach_is_a_valley_and_no_slot() -> None:
    # A plane that falls south, with a dam 5 m high across it: the cheapest is to cut the dam.
    z, x = np.mgrid[:80, :81].astype(float)
    land = 200 - 0.4 * z + 0.15 * np.abs(x - 40) + 5.0 * (np.abs(z - 40) < 3)
    drained = drain(land, 4.0, channel_area=1e3)
    lowered = (land - drained)[40]
    assert lowered.max() > 2.5
    deepest = int(lowered.argmax())
    beside = lowered[deepest - 3 : deepest + 4]
    assert (beside > 0.1 * lowered.max()).all()
    assert np.abs(np.diff(drained[40])).max() < 4.0  # a slope of 1 at most
    assert (lowered[:15] == 0).all()


def test_beds_grow_with_the_land_that_they_drain() -> None:
    z, x = np.mgrid[:300, :101].astype(float)
    land = 500 - 0.3 * z + 1.0 * np.abs(x - 50)
    drained = drain(land, 4.0, channel_area=1e4)
    depth = (land - drained)[:, 50]
    assert depth[3] == 0
    assert (np.diff(depth[20:300:30]) > 0).all()
    assert depth[280] > 0.3
    wide = ((land - drained) > 0.02).sum(axis=1)
    assert wide[280] > wide[60]
    assert (np.diff(drained[20:, 50]) < 0).all()
    deeper = land - drain(land, 4.0, channel_area=1e4, strength=3.0)
    assert deeper[280, 50] > 2 * depth[280]
    np.testing.assert_array_equal(drain(land, 4.0, strength=0.0), land)


def test_a_bed_begins_with_nothing_also_over_steps() -> None:
    """Where its bed is smoothed, too: by half of what it has grown since the spring, not half its width."""
    z, x = np.mgrid[:300, :101].astype(float)
    steps = 3.0 * np.sin(z / 3) * np.exp(-(((x - 50) / 8) ** 2))
    land = 900 - 1.5 * z + 1.0 * np.abs(x - 50) + steps
    lowered = (land - drain(land, 4.0))[:, 50]
    spring = int(np.flatnonzero(lowered > 0)[0])
    assert 50 < spring < 60
    assert lowered[spring : spring + 12].max() < 0.2
    assert lowered[-30:].max() > 1.0


def test_a_river_leaves_through_the_edge_without_wall_or_ditch() -> None:
    z, x = np.mgrid[:120, :61].astype(float)
    land = 100 - 0.3 * z + 0.5 * np.abs(x - 30)
    drained = drain(land, 4.0, channel_area=2e3)
    lowered = land - drained
    assert lowered[-1, 30] >= lowered[-10, 30] > 0  # as deep at the edge as before it
    np.testing.assert_allclose(lowered[-1], lowered[-4], atol=0.1)
    assert (lowered[:, [0, -1]] == 0).all()  # nothing happens along the sides
    assert (lowered[0] == 0).all()


def test_isotonic_heights_are_the_nearest_that_fall() -> None:
    """Against projected alternation (Dykstra 1983), which needs no tree order and no pooling."""
    random = np.random.default_rng(5)
    count = 40
    receivers = np.array([-1] + [random.integers(0, n) for n in range(1, count)], np.int32)
    heights, weights = random.normal(0, 1, count), random.uniform(0.5, 4, count)
    order = donors_first(receivers, np.ones(count, bool))
    fitted, pooled = isotonic(heights, weights, receivers, order)
    expected = heights.copy()
    corrections = np.zeros((count, 2))
    for _ in range(3000):
        for cell in range(1, count):
            pair = np.array([cell, receivers[cell]])
            trial = expected[pair] + corrections[cell]
            part = weights[pair] / weights[pair].sum()
            projected = trial if trial[0] >= trial[1] else np.full(2, part @ trial)
            corrections[cell] = trial - projected
            expected[pair] = projected
    np.testing.assert_allclose(fitted, expected, atol=1e-6)
    np.testing.assert_array_equal(fitted[pooled == 0], heights[pooled == 0])


def test_smoothing_solves_its_equations() -> None:
    random = np.random.default_rng(6)
    count = 30
    receivers = np.array([-1] + [random.integers(0, n) for n in range(1, count)], np.int32)
    order = donors_first(receivers, np.ones(count, bool))
    values, stiffness = random.normal(0, 1, count), random.uniform(0, 5, count)
    area = random.uniform(1, 2, count)
    matrix = np.eye(count)
    for cell in range(1, count):
        receiver = receivers[cell]
        pull = stiffness[cell] * area[cell] / area[receiver]
        matrix[cell, cell] += pull
        matrix[receiver, receiver] += pull
        matrix[cell, receiver] -= pull
        matrix[receiver, cell] -= pull
    found = smoothed(values, area, stiffness, receivers, order, 0.0)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, values), rtol=1e-9)


def test_the_same_bytes_in_any_thread() -> None:
    land = rough((90, 77))
    once = drain(land, 4.0).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert {drained.tobytes() for drained in pool.map(lambda _: drain(land, 4.0), range(4))} == {once}


def test_a_world_has_no_pits_unless_its_rivers_are_turned_off() -> None:
    values = {"preset": "temperate", "size": 129, "seed": 7, "spacing": 8.0}
    dry = make_terrain(WorldConfig(**values, erosion={"rivers": 0}))
    wet = make_terrain(WorldConfig(**values))
    assert route(dry.elevation, 8.0, sea_level=0.0).lake_depth.max() > 0
    assert route(wet.elevation, 8.0, sea_level=0.0).lake_depth.max() == 0


def test_dunes_leave_the_rivers_open() -> None:
    config = WorldConfig(preset="desert", size=257, seed=7, spacing=6.0)
    bare = config.model_copy(update={"terrain": config.terrain.model_copy(update={"dunes": 0.0})})
    rivers = route(make_terrain(bare).elevation, 6.0).rivers(CHANNEL_AREA)
    sandy = route(make_terrain(config).elevation, 6.0)
    assert sandy.lake_depth.max() > 0.5  # between dunes
    assert (sandy.lake_depth[rivers] > 0.05).mean() < 0.02


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="finite"):
        drain(np.full((4, 4), np.nan), 4.0)
    with pytest.raises(InputError, match="strength -1"):
        drain(np.zeros((4, 4)), 4.0, strength=-1)
