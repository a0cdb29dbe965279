"""Rivers: orders by hand and by recursion, reaches that fall and join, and areas by a second library."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from worldgen import drainage, flow
from worldgen.channels import FULLNESS, channel_depth, channel_width
from worldgen.drainage import drain
from worldgen.drainage_tree import donors_first, gather
from worldgen.errors import InputError
from worldgen.hydrology import Hydrology, route
from worldgen.noise import fractal, permutation
from worldgen.river_lines import strahler_order
from worldgen.rivers import RiverNetwork, open_sea, river_network

AREA = 4e3


def hills(shape: tuple[int, int], seed: int = 1) -> NDArray[np.float64]:
    """Rough hills on ground that falls to the south."""
    x, z = np.arange(shape[1])[None, :] / 40, np.arange(shape[0])[:, None] / 40
    return 60 * fractal(x, z, permutation(seed, "test"), octaves=6) - 40 * z


def carved(
    shape: tuple[int, int] = (150, 131), sea_level: float | None = None
) -> tuple[NDArray[np.float64], Hydrology, RiverNetwork]:
    ground = drain(hills(shape), 5.0, sea_level=sea_level, channel_area=AREA)
    water = route(ground, 5.0, sea_level=sea_level)
    return ground, water, river_network(water, (-100.0, 30.0), channel_area=AREA, carved=True)


def recursive_order(receivers: NDArray[np.int32], river: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Strahler's rule as he states it, from the outlets up."""

    @cache
    def rank(cell: int) -> int:
        above = sorted((rank(int(d)) for d in np.flatnonzero((receivers == cell) & river)), reverse=True)
        if not above:
            return 1
        return above[0] + (len(above) > 1 and above[1] == above[0])

    return np.array([rank(cell) if river[cell] else 0 for cell in range(receivers.size)], np.uint8)


def test_order_of_a_tree_drawn_by_hand() -> None:
    """Two first-order rivers make a second, a third changes nothing; two seconds make a third.

    ::

        0  1       6  7
         \\/         \\/
          2  3       8
           \\ |      /
             4     9
              \\   /
               5
    """
    receivers = np.array([2, 2, 4, 4, 5, -1, 8, 8, 9, 5], np.int32)
    river = np.ones(10, bool)
    order = donors_first(receivers, river)
    expected = [1, 1, 2, 1, 2, 3, 1, 1, 2, 2]
    assert strahler_order(river, receivers, order).tolist() == expected
    dry = river.copy()
    dry[[1, 6]] = False  # without two of the sources nothing above 4 joins its like
    expected = [1, 0, 1, 1, 2, 2, 0, 1, 1, 1]
    assert strahler_order(dry, receivers, order[dry[order]]).tolist() == expected


@pytest.mark.parametrize("seed", range(4))
def test_order_equals_the_recursion_on_random_trees(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 200
    receivers = np.array([-1] + [random.integers(max(0, n - 9), n) for n in range(1, count)], np.int32)
    order = donors_first(receivers, np.ones(count, bool))
    river = random.uniform(size=count) < 0.3
    for cell in order:  # a river has no end on dry land
        if river[cell] and receivers[cell] >= 0:
            river[receivers[cell]] = True
    found = strahler_order(river, receivers, order[river[order]])
    np.testing.assert_array_equal(found, recursive_order(receivers, river))
    assert found.max() >= 3


@pytest.mark.parametrize("sea_level", [None, -70.0])
def test_reaches_fall_join_and_cover_every_river_cell_once(sea_level: float | None) -> None:
    ground, water, network = carved(sea_level=sea_level)
    assert len(network.reaches) > 15
    assert network.order.max() >= 3
    cells = 0
    for number, reach in enumerate(network.reaches):
        count = len(reach.points)
        assert count >= 2
        assert reach.area.shape == reach.width.shape == reach.depth.shape == (count,)
        assert (np.diff(reach.points[:, 1]) <= 0).all()
        assert (np.diff(reach.area) >= 0).all()
        steps = np.hypot(*np.diff(reach.points[:, [0, 2]], axis=0).T)
        assert reach.length == pytest.approx(steps.sum())
        assert steps.max() < 3 * 5.0
        cells += count - 1
        if reach.downstream is not None:
            below = network.reaches[reach.downstream]
            assert reach.downstream > number
            np.testing.assert_array_equal(reach.points[-1], below.points[0])
            assert below.order >= reach.order
            assert below.area[0] > reach.area[-1]
    ends = np.array([reach.points[-1, [0, 2]] for reach in network.reaches if reach.downstream is None])
    column, row = np.rint((ends - (-100.0, 30.0)) / 5.0).astype(int).T
    at_edge = (row < 1) | (column < 1) | (row > ground.shape[0] - 2) | (column > ground.shape[1] - 2)
    assert (at_edge | water.sea[row, column]).all()
    assert cells == (network.order[1:-1, 1:-1] > 0).sum()  # at the edge rivers only end
    assert network.water[water.sea] == pytest.approx(-70.0)


def test_orders_of_reaches_follow_from_those_that_flow_in() -> None:
    _, _, network = carved()
    above: dict[int, list[int]] = {}
    for reach in network.reaches:
        if reach.downstream is not None:
            above.setdefault(reach.downstream, []).append(reach.order)
    for number, reach in enumerate(network.reaches):
        joined = sorted(above.get(number, []), reverse=True)
        assert len(joined) != 1  # a reach goes on until two meet
        expected = joined[0] + (joined[1] == joined[0]) if joined else 1
        assert reach.order == expected


def test_rivers_keep_to_the_beds_that_were_carved(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = []
    carve = drainage._beds

    def seen(fitted: NDArray[np.float64], area: NDArray[np.float64], *others: Any) -> Any:
        areas.append(area)
        return carve(fitted, area, *others)

    monkeypatch.setattr(drainage, "_beds", seen)
    ground, water, network = carved()
    river = network.order > 0
    bed = flow.unframe(areas[0], ground.shape) > 0
    assert bed.sum() > 300
    near = np.ones((3, 3), bool)
    assert (bed & binary_dilation(river, near)).sum() > 0.93 * bed.sum()
    assert (river & binary_dilation(bed, near)).sum() > 0.93 * river.sum()
    depth = (network.water - ground)[river]
    assert depth.min() > -1e-3
    assert depth.max() > 0.1
    flat = river_network(water, channel_area=AREA)
    np.testing.assert_allclose(flat.water[river], water.filled[river], atol=1e-3)
    assert (network.water[river] >= flat.water[river] - 1e-3).all()


def test_no_point_of_a_reach_floats_over_steep_ground() -> None:
    """Its line is smooth: it leaves the middle of its cells, and on a slope the ground is lower there."""
    ground = drain(3.0 * hills((150, 131)), 5.0, channel_area=AREA)
    network = river_network(route(ground, 5.0), channel_area=AREA, carved=True)
    floating = 0
    for reach in network.reaches:
        column, row = reach.points[:, [0, 2]].T / 5.0
        r, c = np.minimum(row.astype(int), 148), np.minimum(column.astype(int), 129)
        down, across = row - r, column - c
        north = (1 - across) * ground[r, c] + across * ground[r, c + 1]
        south = (1 - across) * ground[r + 1, c] + across * ground[r + 1, c + 1]
        below = (1 - down) * north + down * south
        assert (reach.points[:, 1] <= below + FULLNESS * reach.depth + 1e-6).all()
        cell = np.rint([row, column]).astype(int)
        floating += (network.water[tuple(cell)] > below + reach.depth + 0.1).sum()
    assert floating > 10  # where its cell's water would hang in the air


def test_width_and_depth_are_the_law_of_the_area() -> None:
    _, water, _ = carved()
    network = river_network(water, channel_area=AREA, strength=2.0)
    for reach in network.reaches:
        np.testing.assert_allclose(reach.width, channel_width(reach.area, 2.0))
        np.testing.assert_allclose(reach.depth, channel_depth(reach.area, 2.0))
        assert reach.area[0] >= AREA


def test_a_river_through_a_lake_lies_on_its_level() -> None:
    ground = 100.0 - 0.3 * np.arange(120.0)[:, None] + 0.4 * np.abs(np.arange(81.0) - 40)
    ground[50:70, 30:51] = 70.0
    water = route(ground, 5.0)
    network = river_network(water, channel_area=AREA)
    lake = water.lakes()
    assert lake.sum() > 300
    level = network.water[lake]
    assert np.ptp(level) == 0
    assert level[0] == pytest.approx(water.filled[lake].min(), abs=1e-4)
    points = np.concatenate([reach.points for reach in network.reaches])
    column, row = np.rint(points[:, [0, 2]] / 5.0).astype(int).T
    through = (row > 52) & (row < 68) & (column > 32) & (column < 48)
    assert through.sum() > 10
    np.testing.assert_allclose(points[through, 1], level[0], atol=0.01)


def test_wide_rivers_are_wet_from_bank_to_bank() -> None:
    z, x = np.mgrid[:200, :121].astype(float)
    land = 500 - 0.15 * z + 1.0 * np.abs(x - 60)
    ground = drain(land, 3.0, channel_area=2e3, strength=4.0)
    network = river_network(route(ground, 3.0), channel_area=2e3, strength=4.0, carved=True)
    wide = (~np.isnan(network.water)).sum(axis=1) * 3.0
    trunk = max(network.reaches, key=lambda reach: reach.area[-1])
    assert wide[190] == pytest.approx(trunk.width[-10], rel=0.6)
    assert wide[190] > wide[100] > 3.0
    wet = ~np.isnan(network.water)
    assert (network.water[wet] >= ground[wet] - 1e-3).all()


@pytest.mark.parametrize("seed", range(6))
def test_small_lands_of_any_shape_have_rivers_that_fall(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(side) for side in random.integers(1, 60, 2))
    ground = np.round(random.normal(0, 10, shape), int(random.integers(0, 3)))
    sea_level = None if seed % 2 else -8.0
    water = route(ground, 7.0, sea_level=sea_level)
    network = river_network(water, channel_area=500.0, carved=bool(seed % 3))
    for reach in network.reaches:
        assert (np.diff(reach.points[:, 1]) <= 0).all()
    assert network.water.shape == network.order.shape == shape
    wet = ~np.isnan(network.water)
    assert wet[water.sea | water.lakes() | (network.order > 0)].all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (33, 20)])
def test_lands_without_land_or_with_nothing_but_edge(shape: tuple[int, int]) -> None:
    sea = river_network(route(np.full(shape, -5.0), 10.0, sea_level=0.0))
    assert not sea.reaches
    assert (sea.water == 0.0).all()
    if min(shape) < 3:
        dry = river_network(route(np.zeros(shape), 10.0), channel_area=1.0)
        assert not dry.reaches
        assert not dry.order.any()
        assert np.isnan(dry.water).all()


def test_bad_numbers_are_refused() -> None:
    water = route(hills((9, 9)), 5.0)
    for wrong in ({"channel_area": 0.0}, {"strength": -1.0}, {"origin": (np.nan, 0.0)}):
        with pytest.raises(InputError, match="found channel_area"):
            river_network(water, **wrong)  # type: ignore[arg-type]


def test_rivers_are_repeatable_to_the_bit() -> None:
    (_, _, first), (_, _, second) = carved(), carved()
    assert first.water.tobytes() == second.water.tobytes()
    pairs = zip(first.reaches, second.reaches, strict=True)
    assert all(a.points.tobytes() == b.points.tobytes() for a, b in pairs)


def test_steepest_ways_and_their_areas_equal_those_of_fastscapelib() -> None:
    """A second implementation, in C++: all of the map's border are outlets there as well."""
    fastscapelib = pytest.importorskip("fastscapelib")
    shape = (193, 230)
    water = route(hills(shape), 5.0)
    # Where a fill has levelled the ground, equal slopes may be taken in any order: make them differ.
    surface = water.filled + np.random.default_rng(2).uniform(0, 1e-7, shape)
    grid = fastscapelib.RasterGrid(shape, (5.0, 5.0), fastscapelib.NodeStatus.FIXED_VALUE)
    graph = fastscapelib.FlowGraph(grid, [fastscapelib.SingleFlowRouter()])
    graph.update_routes(surface)
    leaving = np.full(shape, np.inf)
    leaving[1:-1, 1:-1] = 0.0
    width = shape[1] + 2
    framed = flow.steepest_receivers(flow.frame(surface, np.inf), flow.frame(leaving, 0.0), width)
    area = flow.frame(np.full(shape, 25.0), 0.0)
    gather(area, framed, donors_first(framed, flow.frame(np.ones(shape, bool), False)))
    np.testing.assert_allclose(flow.unframe(area, shape), 25.0 * graph.accumulate(1.0) / 25.0, rtol=1e-12)
    receivers = flow.unframe(framed, shape)
    row, column = receivers // width - 1, receivers % width - 1
    own = np.arange(surface.size).reshape(shape)
    theirs = graph.impl().receivers[:, 0].reshape(shape)
    np.testing.assert_array_equal(np.where(receivers < 0, own, row * shape[1] + column), theirs)


def test_a_river_goes_on_through_a_channel_to_the_open_sea() -> None:
    ground = 6.0 - 0.06 * np.arange(120.0)[:, None] + 0.3 * np.abs(np.arange(61.0) - 30)
    ground[30:90, 30] = -0.5  # cut below the sea's level, one cell wide, where the land beside is dry
    ground[90:] = -5.0
    water = route(ground, 5.0, sea_level=0.0)
    assert water.sea[40, 30]
    wide = open_sea(water.sea)
    assert wide[95:].all()
    assert not wide[:85].any()
    network = river_network(water, channel_area=AREA)
    assert (network.order[30:85, 30] > 0).all()
    assert not network.order[95:].any()
    assert (network.water[water.sea] >= 0).all()
    trunk = max(network.reaches, key=lambda reach: reach.area[-1])
    assert trunk.points[-1, 2] >= 85 * 5.0
    assert network.velocity[1, 40:80, 30].min() > 0


@pytest.mark.parametrize("seed", range(4))
def test_no_river_runs_below_the_sea_on_a_noisy_shore(seed: int) -> None:
    random = np.random.default_rng(seed)
    ground = np.round(random.normal(0.02 * (np.arange(90.0)[:, None] - 45), 0.7, (90, 90)), 1)
    network = river_network(route(ground, 30.0, sea_level=0.0), channel_area=2e4)
    assert min(reach.points[:, 1].min() for reach in network.reaches) >= 0
    assert all((np.diff(reach.points[:, 1]) <= 0).all() for reach in network.reaches)
