"""Depressions of known volume, channels of known length, a profile of known concavity."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from worldgen.models.terrain_drainage import (
    accumulated,
    channel_area,
    concavity,
    drainage,
    route,
    spill_cells,
    valley_cells,
)


def tilted(size: int = 64, slope: float = 0.1) -> np.ndarray:
    """A plane that falls to the south, with a little to the east, so that no cell is level."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    return 1000 - slope * 30 * rows - 0.01 * columns


def test_a_bowl_is_filled_to_its_outlet() -> None:
    bowl = np.full((9, 9), 10.0)
    bowl[3:6, 3:6] = 4.0
    bowl[4, 6:] = 8.0  # the outlet
    found = drainage(bowl, 10.0)
    assert found.depression_area == pytest.approx(9 / 81)
    assert found.depression_volume == pytest.approx(9 * 4 / 81 / bowl.std())
    assert found.pit_density == pytest.approx(1 / (81 * 100 / 1e6))


def test_filling_agrees_with_the_definition() -> None:
    """Each cell's fill level is the least, over all ways to the border, of the way's highest cell."""
    ground = np.random.default_rng(0).normal(size=(12, 15))
    level = np.full(ground.shape, np.inf)
    border = np.ones(ground.shape, bool)
    border[1:-1, 1:-1] = False
    level[border] = ground[border]
    for _ in range(ground.size):  # relaxation, until nothing changes
        around = np.pad(level, 1, constant_values=np.inf)
        lowest = np.min([around[r : r + 12, c : c + 15] for r in range(3) for c in range(3)], axis=0)
        level = np.where(border, ground, np.maximum(ground, lowest))
    np.testing.assert_array_equal(route(ground, 1.0).filled, level)


@pytest.mark.parametrize("step", [0.0, 0.5, 2.0], ids=["no ties", "some ties", "mostly ties"])
def test_spills_agree_with_a_flood_that_carries_them(step: float) -> None:
    """A flood of the losses' own, lowest spill first, gave the same depth of water everywhere."""
    for seed in range(5):
        ground = np.random.default_rng(seed).normal(size=(17, 23))
        ground = np.round(ground / step) * step if step else ground
        spill = spill_cells(ground).reshape(ground.shape)
        known: dict[tuple[int, int], float] = {}
        rows, columns = ground.shape
        border = [
            (r, c) for r in range(rows) for c in range(columns) if r in (0, rows - 1) or c in (0, columns - 1)
        ]
        queue = [(ground[cell], cell) for cell in border]
        known.update({cell: level for level, cell in queue})
        heapq.heapify(queue)
        while queue:
            level, (r, c) = heapq.heappop(queue)
            around = [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            for cell in around:
                if cell in known or not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
                    continue
                known[cell] = max(level, ground[cell])
                heapq.heappush(queue, (known[cell], cell))
        levels = np.array([[known[r, c] for c in range(columns)] for r in range(rows)])
        np.testing.assert_array_equal(ground.ravel()[spill], levels)
        dry = levels == ground
        np.testing.assert_array_equal(spill[dry], np.flatnonzero(dry))


def test_a_plane_has_no_depression_and_rounding_is_none() -> None:
    rounded = tilted()
    rounded[20, 20] -= 0.2 + (rounded[20, 20] - rounded[21, 20])  # 0.2 m deep: under a hundredth of the cell
    for ground in (tilted(), rounded):
        found = drainage(ground, 30.0)
        assert (found.depression_area, found.depression_volume, found.pit_density) == (0, 0, 0)


def test_all_water_leaves_the_map() -> None:
    ground = np.random.default_rng(1).normal(size=(20, 30)).cumsum(axis=0)
    flow = route(ground, 10.0)
    area = accumulated(flow, np.ones(ground.shape))
    assert area.ravel()[flow.receiver < 0].sum() == pytest.approx(ground.size)
    assert area.min() == 1
    into = np.where(flow.receiver >= 0, flow.receiver, 0)
    below = flow.filled.ravel()[into]
    assert (below <= flow.filled.ravel())[flow.receiver >= 0].all()
    place = np.empty(ground.size, int)
    place[flow.order] = np.arange(ground.size)
    assert (place[into] < place)[flow.receiver >= 0].all()


def test_concavity_of_an_analytic_profile() -> None:
    area = np.random.default_rng(2).uniform(4.8, 8, 20_000)
    slope = 0.3 * (10**area) ** -0.45
    assert concavity(slope, 10**area, 1e5) == pytest.approx(0.45, abs=0.01)
    assert np.isnan(concavity(slope[:10], 10 ** area[:10], 1e5))


def test_valleys_bend_upwards() -> None:
    ridge_and_valley = np.cos(np.arange(40) * 2 * np.pi / 20)[None, :] * np.ones((40, 1))
    found = valley_cells(10 * ridge_and_valley)
    assert found[1:-1, 10].all()
    assert not found[:, 20].any()


def test_channels_begin_where_enough_valley_drains() -> None:
    """Four V-shaped valleys that run south, with a valley cell in each row but the first."""
    rows, columns = np.mgrid[:256, :128].astype(float)
    found = drainage(1000 - 0.6 * rows + 3.0 * np.abs(columns % 32 - 16), 30.0)
    length = 4 * (256 - 112) * 30 / 1e3
    assert found.drainage_density == pytest.approx(length / (256 * 128 * 0.03**2))
    assert drainage(tilted(128), 30.0).drainage_density == 0


def test_the_least_channel_fits_the_map() -> None:
    assert channel_area((256, 256), 30.0) == pytest.approx(1e5)
    assert channel_area((256, 256), 90.0) == pytest.approx(16 * 90**2)
    assert channel_area((256, 256), 1.0) == pytest.approx(256**2 / 64)
