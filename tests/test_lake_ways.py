"""Ways through lakes: cheapest by a second algorithm, from everywhere to the outlet, along the middle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from worldgen import flow
from worldgen.hydrology import route
from worldgen.lake_ways import lead_through
from worldgen.rivers import river_network

SHAPE = (30, 41)
OUTLET = (15, 40)


def lake() -> tuple[np.ndarray, np.ndarray]:
    """A lake of odd shape whose water leaves through a gap in the east; its surface and where it is level."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    level = (np.hypot((rows - 15) / 11, (columns - 18) / 15) < 1) | ((rows == 15) & (columns > 20))
    level[8:22, 12] = False  # an island in the way
    level[OUTLET] = False
    surface = np.where(level, 10.0, 20.0)
    surface[OUTLET] = 9.0
    return surface, level


def ways(cost: np.ndarray) -> np.ndarray:
    """(H * W,) receivers as flat indices of the map; -1 off the lake."""
    surface, _ = lake()
    width = SHAPE[1] + 2
    receivers = flow.frame(np.full(SHAPE, -1, np.int32), -1)
    lowest = np.where(np.isfinite(cost), 10.0, np.nan)
    lead_through(
        flow.frame(surface, np.inf), flow.frame(lowest, np.nan), flow.frame(cost, np.inf), receivers, width
    )
    inner = flow.unframe(receivers, SHAPE).ravel()
    return np.where(inner < 0, -1, (inner // width - 1) * SHAPE[1] + inner % width - 1)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_ways_cost_as_little_as_dijkstras(power: float) -> None:
    _, level = lake()
    cost = np.where(level, np.maximum(distance_transform_edt(level), 1) ** -power, np.inf)
    receivers = ways(cost)
    end = OUTLET[0] * SHAPE[1] + OUTLET[1]
    own, beside, lengths = [], [], []
    for row, column in np.argwhere(level):
        for r in range(row - 1, row + 2):
            for c in range(column - 1, min(column + 2, SHAPE[1])):
                if (r, c) != (row, column) and (level[r, c] or (r, c) == OUTLET):
                    own.append(row * SHAPE[1] + column)
                    beside.append(r * SHAPE[1] + c)
                    lengths.append(cost[row, column] * np.hypot(r - row, c - column))
    graph = coo_matrix((lengths, (beside, own)), shape=(level.size, level.size)).tocsr()
    least = dijkstra(graph, indices=end)
    for start in np.flatnonzero(level):
        cell, total, steps = start, 0.0, 0
        while cell != end:
            step = np.hypot(*np.subtract(divmod(cell, SHAPE[1]), divmod(receivers[cell], SHAPE[1])))
            total += cost.ravel()[cell] * step
            cell, steps = receivers[cell], steps + 1
            assert steps < level.size
        assert least[start] - 1e-9 <= total <= 1.1 * least[start] + 1e-9
    assert (receivers[~level.ravel()] == -1).all()


def test_a_river_crosses_a_lake_in_its_middle() -> None:
    z, x = np.mgrid[:140, :101].astype(float)
    ground = 100 - 0.3 * z + 0.4 * np.abs(x - 20)
    round_lake = np.hypot((z - 70) / 35, (x - 45) / 30) < 1
    ground[round_lake] = 60.0
    water = route(ground, 5.0)
    network = river_network(water, channel_area=1e4)
    shore = distance_transform_edt(water.lakes())
    trunk = max(network.reaches, key=lambda reach: reach.length)
    column, row = np.rint(trunk.points[:, [0, 2]] / 5.0).astype(int).T
    assert shore[row, column].max() > 0.6 * shore.max()
    assert (np.diff(trunk.points[:, 1]) <= 0).all()


def test_no_river_begins_in_a_lake() -> None:
    ground = np.full((120, 120), 50.0)
    ground[10:110, 10:110] = 20.0
    ground[60, 110:] = 45.0
    water = route(ground, 10.0)
    network = river_network(water, channel_area=1e4)
    assert water.lakes().mean() > 0.5
    for reach in network.reaches:
        column, row = np.rint(reach.points[0, [0, 2]] / 10.0).astype(int)
        assert reach.order > 1 or not water.lakes()[row, column]
    assert network.order[60, 115] > 0


def test_all_water_leaves_lands_full_of_hollows_and_islets() -> None:
    """An islet that is lower than the slope of the fill is no way out: water led there would go round."""
    for seed in range(300):
        random = np.random.default_rng(seed)
        shape = tuple(int(side) for side in random.integers(3, 30, 2))
        ground = np.round(random.normal(0, 2, shape), 1)
        fill = route(ground, 10.0).filled
        # Islets within the millimetres by which the fill rises from the outlet.
        ground = np.where(
            random.uniform(size=shape) < 0.2, fill + random.uniform(-1, 1, shape) * 3e-4, ground
        )
        water = route(ground, 10.0, sea_level=-3.0 if seed % 3 == 0 else None)
        network = river_network(water, channel_area=500.0)
        leaves = water.sea.copy()
        leaves[[0, -1]] = leaves[:, [0, -1]] = True
        assert network.area[leaves].sum() == pytest.approx(100.0 * ground.size, rel=1e-9)
