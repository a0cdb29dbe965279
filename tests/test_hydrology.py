"""Water: fills drain, nothing is lost, and no direction is preferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plain_flood import neighbours, plain_flood

from worldgen import flow
from worldgen.drainage import drain
from worldgen.errors import InputError
from worldgen.hydrology import FILL_SLOPE, FLOW_EXPONENT, METHODS, Method, exit_drop, route, sea_mask


def rough(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, 50, shape)


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (9, 2), (7, 12), (31, 40)])
def test_fill_equals_the_reference_and_drains(shape: tuple[int, int]) -> None:
    ground = rough(shape)
    filled = route(ground, 10.0).filled
    slack = FILL_SLOPE * 10.0 * ground.size
    assert (filled >= ground).all()
    np.testing.assert_allclose(filled, plain_flood(ground), atol=slack)
    for row in range(1, shape[0] - 1):
        for column in range(1, shape[1] - 1):
            assert min(filled[n] for n in neighbours(shape, row, column)) < filled[row, column]


@pytest.mark.parametrize("method", ["multiple", "steepest"])
def test_accumulation_equals_a_linear_solve(method: str) -> None:
    """Accumulation solves a = area + sharesᵀ a; built here from the published formula, cell by cell."""
    shape = (8, 9)
    ground = rough(shape, 3)
    result = route(ground, 5.0, method=method)  # type: ignore[arg-type]
    surface = result.filled
    drop = flow.unframe(exit_drop(flow.frame(surface, np.inf), np.zeros(shape, bool)), shape)
    matrix = np.eye(surface.size)
    for row in range(shape[0]):
        for column in range(shape[1]):
            cell = row * shape[1] + column
            weights = {-1: drop[row, column] ** FLOW_EXPONENT * 0.5} if drop[row, column] > 0 else {}
            slopes = {-1: drop[row, column]} if drop[row, column] > 0 else {}
            for r, c in neighbours(shape, row, column):
                diagonal = r != row and c != column
                slope = (surface[row, column] - surface[r, c]) / (2**0.5 if diagonal else 1)
                if slope > 0:
                    slopes[r * shape[1] + c] = slope
                    weights[r * shape[1] + c] = slope**FLOW_EXPONENT * (0.125**0.5 if diagonal else 0.5)
            if method == "steepest" and slopes:
                weights = {max(slopes, key=lambda key: slopes[key]): 1.0}
            for receiver, weight in weights.items():
                if receiver >= 0:
                    matrix[receiver, cell] -= weight / sum(weights.values())
    expected = np.linalg.solve(matrix, np.full(surface.size, 25.0)).reshape(shape)
    np.testing.assert_allclose(result.accumulation, expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 3), (25, 31)])
def test_steepest_accumulation_equals_a_walk_from_every_cell(shape: tuple[int, int]) -> None:
    """Follow each cell's water in plain Python, and count how often each cell is passed.

    Of equally steep ways the first is taken, from the north-west on row by row.
    """
    result = route(rough(shape, 6), 2.0, method="steepest")
    surface = result.filled

    def outside(row: int, column: int) -> float:
        """How steeply the ground goes on falling beyond the edge, from the slope of the last cells within."""
        inner = [row, column]
        for axis, place in enumerate((row, column)):
            reach = min(4, shape[axis] - 1)
            inner[axis] += reach if place == 0 else -reach if place == shape[axis] - 1 else 0
        down, across = abs(inner[0] - row), abs(inner[1] - column)
        if down and across:
            steps = min(down, across)
            inner = [row + steps * (1 if row == 0 else -1), column + steps * (1 if column == 0 else -1)]
            return float(surface[tuple(inner)] - surface[row, column]) / (steps * 2**0.5)
        return float(surface[tuple(inner)] - surface[row, column]) / max(down, across, 1)

    passed = np.zeros(shape)
    for start in np.ndindex(shape):
        row, column = start
        while True:
            passed[row, column] += 1
            drops = [
                ((surface[row, column] - surface[r, c]) / np.hypot(r - row, c - column), r, c)
                for r, c in neighbours(shape, row, column)
            ]
            drop, r, c = max(drops, default=(0.0, 0, 0), key=lambda way: way[0])
            if drop <= 0 or outside(row, column) > drop:
                break
            row, column = r, c
    np.testing.assert_array_equal(result.accumulation, 4.0 * passed)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sea_level", [None, 10.0, 1000.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (19, 1), (2, 2), (2, 30), (33, 20)])
def test_all_water_ends_somewhere(shape: tuple[int, int], sea_level: float | None, method: Method) -> None:
    result = route(rough(shape), 3.0, sea_level=sea_level, method=method)
    assert result.outflow.sum() == pytest.approx(9.0 * shape[0] * shape[1], rel=1e-12)
    assert result.accumulation.min() >= 9.0
    assert result.outflow.min() >= 0.0
    assert 0 <= result.wetness.min() <= result.wetness.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_strip_gathers_along_its_length(method: Method) -> None:
    area = route(np.arange(12.0)[None, ::-1], 5.0, method=method).accumulation
    np.testing.assert_allclose(area, np.arange(1, 13)[None] * 25.0)
    np.testing.assert_array_equal(route(np.arange(12.0)[::-1, None], 5.0, method=method).accumulation, area.T)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(8))
def test_small_lands_of_any_shape_lose_no_water_and_keep_no_pit(seed: int, method: Method) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(side) for side in random.integers(1, 40, 2))
    ground = np.round(random.normal(0, 10, shape), int(random.integers(0, 3)))  # coarse ones have flats
    sea_level = None if seed % 2 else float(random.normal(0, 8))
    result = route(ground, 7.0, sea_level=sea_level, connected_sea=bool(seed % 3), method=method)
    assert result.outflow.sum() == pytest.approx(49.0 * ground.size, rel=1e-12)
    for row in range(1, shape[0] - 1):
        for column in range(1, shape[1] - 1):
            if not result.sea[row, column]:
                assert (
                    min(result.filled[n] for n in neighbours(shape, row, column)) < result.filled[row, column]
                )


def test_flat_ground_drains_without_lakes() -> None:
    result = route(np.zeros((20, 30)), 10.0)
    assert result.lake_depth.max() < 0.01
    assert not result.lakes().any()
    assert result.outflow.sum() == pytest.approx(20 * 30 * 100.0)


def test_a_plane_sends_its_water_straight_down() -> None:
    """On a tilted plane each column is a strip of its own, so the area grows by one cell a row."""
    ground = np.repeat(np.arange(10.0)[::-1, None], 8, axis=1)
    area = route(ground, 2.0, method="steepest").accumulation
    np.testing.assert_allclose(area, np.repeat(np.arange(1, 11)[:, None] * 4.0, 8, axis=1))


def test_a_lake_is_as_deep_as_its_outlet() -> None:
    ground = np.full((9, 9), 10.0)
    ground[3:6, 3:6] = 2.0
    ground[4, 6:] = 7.0  # the outlet, east
    result = route(ground, 10.0)
    np.testing.assert_allclose(result.lake_depth[3:6, 3:6], 5.0, atol=0.01)
    assert result.lakes().sum() == 9
    assert result.outflow[4, 8] > 0.3 * result.outflow.sum()


def dammed() -> NDArray[np.float64]:
    """A valley that falls to the south, with a dam of 8 m across it."""
    rows, columns = np.mgrid[0:60, 0:41].astype(float)
    ground = 100 - 0.5 * rows + 2.0 * np.abs(columns - 20)
    ground[30:33] = np.maximum(ground[30:33], ground[30, 20] + 8)
    return ground


def drains(filled: NDArray[np.float64]) -> bool:
    return all(
        min(filled[n] for n in neighbours(filled.shape, row, column)) < filled[row, column]
        for row in range(1, filled.shape[0] - 1)
        for column in range(1, filled.shape[1] - 1)
    )


def test_a_dam_across_a_valley_is_breached() -> None:
    ground = dammed()
    before, after = (route(ground, 10.0, depressions=kind) for kind in ("fill", "breach"))
    assert before.lake_depth.max() == pytest.approx(7.5, abs=0.01)
    assert after.lake_depth.max() < 0.01
    assert drains(after.filled)
    cut = after.filled < ground - 0.01
    assert 3 <= cut.sum() <= 8  # along the lowest way, which need not be straight on the dam's level top
    assert cut[30:33].any(axis=1).all()
    assert not cut[[*range(28), *range(33, 60)]].any()
    assert after.outflow.sum() == pytest.approx(ground.size * 100.0)
    # The water goes on where the valley does.
    assert after.accumulation[31].max() > 0.9 * 31 * 41 * 100
    for limit in ({"deepest_breach": 5.0}, {"longest_breach": 25.0}):
        held = route(ground, 10.0, depressions="breach", **limit)
        assert held.lake_depth.max() == pytest.approx(7.5, abs=0.01)


def test_a_deep_or_wide_basin_stays_a_lake() -> None:
    rows, columns = np.mgrid[0:61, 0:61] - 30.0
    for depth, reach in ((40.0, 10.0), (8.0, 40.0)):  # deep, and with a sill far away from the pit
        bowl = depth * np.minimum((rows**2 + columns**2) / 24**2, 1.0) - 0.2 * np.hypot(rows, columns)
        filled, breached = (route(bowl, reach, depressions=kind) for kind in ("fill", "breach"))
        assert filled.lakes().sum() > 500
        assert breached.lakes().sum() > 0.9 * filled.lakes().sum()


@pytest.mark.parametrize("sea_level", [None, 10.0])
def test_all_water_drains_after_breaching(sea_level: float | None) -> None:
    ground = rough((40, 33), 4)
    options = {"sea_level": sea_level, "deepest_breach": 40.0}
    found = [route(ground, 10.0, depressions=kind, **options) for kind in ("fill", "breach")]
    if sea_level is None:
        assert drains(found[1].filled)
    assert (found[1].filled[found[1].sea] == 10.0).all()
    assert found[1].outflow.sum() == pytest.approx(ground.size * 100.0)
    assert found[1].lake_depth.sum() < 0.75 * found[0].lake_depth.sum()
    assert (found[1].filled <= found[0].filled + FILL_SLOPE * 10.0 * ground.size).all()


def test_the_sea_comes_in_over_the_edge_only() -> None:
    ground = np.full((7, 7), 5.0)
    ground[0:3, 3] = -1.0  # an inlet in the north
    ground[5, 1] = -1.0  # lowland that the sea cannot reach
    sea = sea_mask(ground, 0.0)
    assert sea.sum() == 3
    assert sea[0:3, 3].all()
    assert sea_mask(ground, 0.0, connected=False).sum() == 4
    result = route(ground, 1.0, sea_level=0.0)
    assert (result.filled[sea] == 0.0).all()
    assert result.lake_depth[5, 1] == pytest.approx(6.0, abs=0.01)
    assert (result.lake_depth[sea] == 0).all()
    assert not (result.rivers(0.0) & sea).any()


def test_flow_follows_a_turn_of_the_map() -> None:
    rows, columns = np.mgrid[0:24, 0:24] / 23.0
    ground = 40 * columns + 9 * np.sin(5 * rows) + 7 * np.cos(4 * columns * rows)
    turned = route(np.rot90(ground), 5.0).accumulation
    np.testing.assert_allclose(np.rot90(turned, -1), route(ground, 5.0).accumulation, rtol=1e-9)


def test_multiple_directions_do_not_favour_the_axes() -> None:
    """On a cone, area per width is half the radius in every direction; D8 draws eight rays."""
    rows, columns = np.mgrid[-60:61, -60:61]
    radius = np.hypot(rows, columns)
    ring = (radius > 38) & (radius < 42)
    spread = {}
    for method in ("multiple", "steepest"):
        area = route(-radius, 1.0, method=method).accumulation  # type: ignore[arg-type]
        spread[method] = float(np.std(area[ring]) / np.mean(area[ring]))
    assert spread["multiple"] < 0.35
    assert spread["steepest"] > 3 * spread["multiple"]


def test_wetness_is_higher_in_valleys() -> None:
    ground = np.abs(np.arange(-20.0, 21.0))[None] * 2 + np.arange(60.0)[:, None] * 0.5
    wetness = route(ground, 5.0).wetness
    assert wetness.min() >= 0
    assert wetness.max() <= 1
    assert wetness[5, 20] > wetness[5, 5] + 0.2


def test_routing_is_repeatable_to_the_bit() -> None:
    first, second = (route(rough((65, 50), 9), 4.0, sea_level=2.0) for _ in range(2))
    assert first.accumulation.tobytes() == second.accumulation.tobytes()
    assert first.filled.tobytes() == second.filled.tobytes()


HOLED = np.where(np.eye(4) > 0, np.nan, 1.0)


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.zeros(5), r"found shape \(5,\)"),
        (np.zeros((0, 5)), r"found shape \(0, 5\)"),
        (np.full((4, 4), np.nan), "found 16 of 16 cells without data"),
        (HOLED, "found 4 of 16 cells without data"),
        (np.ma.masked_greater(np.arange(6.0).reshape(2, 3), 4), "found 1 of 6 cells without data"),
        (np.full((3, 3), np.inf), "found 9 of 9"),
        (np.array([["high", "low"]]), "numbers"),
    ],
)
def test_bad_elevation_is_refused(bad: NDArray[Any], found: str) -> None:
    for use in (route, drain):
        with pytest.raises(InputError, match=f"elevation must be.*{found}"):
            use(bad, 1.0)


def test_other_bad_input_is_refused() -> None:
    for spacing in (-1.0, 0.0, np.nan, np.inf):
        with pytest.raises(InputError, match="spacing"):
            route(np.zeros((4, 4)), spacing)
    with pytest.raises(InputError, match=r"found method 'd8'; .*Allowed: dinf, multiple, steepest"):
        route(np.zeros((4, 4)), 1.0, method="d8")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^found depressions 'brech'; .*breach.*$"):
        route(np.zeros((4, 4)), 1.0, depressions="brech")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="found -1 deep"):
        route(np.zeros((4, 4)), 1.0, deepest_breach=-1)
    with pytest.raises(InputError, match="sea_level must be"):
        route(np.zeros((4, 4)), 1.0, sea_level=np.nan)
