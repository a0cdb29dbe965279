"""Currents: Jarrett's speed on a plane, discharge kept through a lake, means that stay in the water."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.currents import FASTEST, SLOWEST, lake_velocity, mixed_currents, river_velocity


def straight(slope: float, depth: float, length: int = 20) -> np.ndarray:
    """Velocity along a river that runs east, one cell a step, of 10 m cells."""
    cells = np.arange(length, dtype=np.int32)
    receivers = np.append(cells[1:], -1).astype(np.int32)
    line = np.stack([np.full(length, 5.0), cells.astype(float)], axis=1)
    level = 100 - slope * 10 * cells
    area = 1e6 + cells.astype(float)
    return river_velocity(line, level, np.full(length, depth), area, receivers, cells, 10.0)


@pytest.mark.parametrize(("slope", "depth"), [(0.01, 0.5), (0.1, 0.3), (0.002, 1.5)])
def test_speed_is_the_law_of_depth_and_slope(slope: float, depth: float) -> None:
    east, south = straight(slope, depth).T
    np.testing.assert_allclose(east, 3.17 * depth**0.83 * slope**0.12, rtol=1e-6)
    np.testing.assert_allclose(south, 0, atol=1e-12)


def test_speed_has_bounds() -> None:
    np.testing.assert_allclose(straight(0.0, 0.5)[:, 0], SLOWEST)
    np.testing.assert_allclose(straight(1.0, 9.0)[:, 0], FASTEST)


def test_the_larger_tributary_is_the_river() -> None:
    """Two rivers meet at cell 4: 0, 1 come from the west and are large, 2, 3 from the north."""
    receivers = np.array([1, 4, 3, 4, 5, 6, 7, -1], np.int32)
    line = np.array([[5, 0], [5, 1], [3, 2], [4, 2], [5, 2], [5, 3], [5, 4], [5, 5]], float)
    level = np.array([9, 8, 9, 8, 7, 6, 5, 4], float)
    area = np.array([5, 6, 1, 2, 9, 10, 11, 12], float)
    velocity = river_velocity(line, level, np.ones(8), area, receivers, np.arange(8, dtype=np.int32), 1.0)
    assert velocity[4, 1] == pytest.approx(0, abs=1e-12)
    assert velocity[4, 0] > 0
    assert velocity[2, 1] > 0


def test_a_lake_passes_on_what_flows_in() -> None:
    lake = np.zeros((30, 50), bool)
    lake[10:21, 5:45] = True
    velocity, discharge = np.zeros((2, 30, 50)), np.zeros((30, 50))
    velocity[0, 15, 5:45], discharge[15, 5:45] = 2.0, 8.0
    flow = lake_velocity(velocity, discharge, np.where(lake, 4.0, 0.0), lake, 3.0)
    assert (flow[1] == 0).all()
    section = flow[0, 10:21, 25].sum() * 3.0 * 4.0
    assert section == pytest.approx(8.0, rel=0.15)
    assert (flow[:, ~lake] == 0).all()


def test_means_stay_in_the_water() -> None:
    wet = np.zeros((9, 9), bool)
    wet[4] = True
    velocity = np.zeros((2, 9, 9))
    velocity[0, 4] = 1.5
    mixed = mixed_currents(velocity, wet)
    np.testing.assert_allclose(mixed[0, 4], 1.5, rtol=1e-6)
    assert (mixed[:, ~wet] == 0).all()
