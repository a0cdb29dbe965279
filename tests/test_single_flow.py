"""Single flow: against a plain second implementation, and the floods of `worldgen.flow`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from plain_flood import plain_flood

from worldgen import flow
from worldgen.depressions import STAYS
from worldgen.hydrology import route, water_surface
from worldgen.single_flow import LEAVES, SingleFlow

FloatArray = NDArray[np.float64]


def routed(land: FloatArray, *, free: bool = False, floor: float = -1e9) -> SingleFlow:
    ends = np.zeros(land.shape, np.uint8)
    if not free:
        ends[[0, -1]] = 1
        ends[:, [0, -1]] = 1
    rivers = SingleFlow((land.shape[0], land.shape[1]))
    rivers.route(flow.frame(land, np.inf), flow.frame(ends, 2), free=free, floor=floor)
    rivers.accumulate(flow.frame(np.ones(land.shape), 0.0))
    return rivers


LANDS = {
    "noise": np.random.default_rng(0).random((47, 61)),
    "plateaus": np.random.default_rng(1).integers(0, 4, (40, 33)).astype(float),
    "flat": np.zeros((20, 25)),
    "nested hollows": 10 * np.sin(np.arange(50) / 3)[:, None] * np.cos(np.arange(44) / 4)
    + np.random.default_rng(2).random((50, 44)),
    "small": np.random.default_rng(3).random((2, 3)),
}


@pytest.mark.parametrize("name", LANDS)
def test_lakes_stand_as_high_as_in_a_priority_flood(name: str) -> None:
    land = LANDS[name]
    rivers = routed(land)
    level = np.maximum(flow.frame(land, 0.0), rivers.level[rivers.label])
    np.testing.assert_array_equal(flow.unframe(level, land.shape), plain_flood(land))


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("name", LANDS)
def test_all_water_leaves_and_never_climbs_over_its_lake(name: str, free: bool) -> None:
    land = LANDS[name]
    rivers = routed(land, free=free)
    level = np.maximum(flow.frame(land, np.inf), rivers.level[rivers.label])
    offsets = flow.neighbour_offsets(rivers.width)
    assert sorted(rivers.order) == sorted(np.flatnonzero(np.isfinite(level)))
    area = np.where(np.isfinite(level), 1.0, 0.0)
    ended = 0.0
    for cell in rivers.order:  # donors first, so that a plain sum gives the accumulation
        side = rivers.direction[cell]
        if side >= STAYS:
            row, column = divmod(int(cell), rivers.width)
            assert row in (1, land.shape[0]) or column in (1, land.shape[1])
            ended += area[cell]
        else:
            receiver = cell + offsets[side]
            assert level[receiver] <= level[cell]
            area[receiver] += area[cell]
    np.testing.assert_array_equal(area, rivers.accumulation)
    assert ended == land.size


def test_without_hollows_the_area_is_that_of_steepest_routing() -> None:
    land = plain_flood(np.add.outer(np.arange(40.0), np.arange(30.0)) + LANDS["noise"][:40, :30])
    framed = water_surface(land, 1.0, np.zeros(land.shape, bool), None)
    filled = flow.unframe(framed, (40, 30))
    rivers = routed(filled, free=True)
    area = flow.unframe(rivers.accumulation, (40, 30))
    np.testing.assert_allclose(area, route(filled, 1.0, method="steepest").accumulation, rtol=1e-12)


def test_rivers_run_out_over_the_edge_that_the_slope_falls_to() -> None:
    land = np.repeat(np.arange(12.0)[:, None], 9, axis=1)
    direction = routed(land, free=True).direction.reshape(14, 11)[1:-1, 1:-1]
    assert (direction[1:] == 1).all()  # north
    assert (direction[0] == LEAVES).all()
    # The ground outside does not fall below the floor: water ends there.
    direction = routed(land, free=True, floor=0.0).direction.reshape(14, 11)[1:-1, 1:-1]
    assert (direction[0] == STAYS).all()
