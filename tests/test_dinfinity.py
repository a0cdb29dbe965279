"""D-infinity against Tarboton's own formula, planes of all directions, and cones whose area is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen import flow
from worldgen.dinfinity import single_receivers, steepest_facet
from worldgen.hydrology import ground_beyond, route

# Table 1 of Tarboton 1997, facet by facet: the (row, column) of e1 and e2, and the factors ac and af.
FACETS = [
    ((0, 1), (-1, 1), 0, 1),
    ((-1, 0), (-1, 1), 1, -1),
    ((-1, 0), (-1, -1), 1, 1),
    ((0, -1), (-1, -1), 2, -1),
    ((0, -1), (1, -1), 2, 1),
    ((1, 0), (1, -1), 3, -1),
    ((1, 0), (1, 1), 3, 1),
    ((0, 1), (1, 1), 4, -1),
]


def tarboton(ground: NDArray[np.float64], row: int, column: int) -> tuple[float, float]:
    """Return (slope, angle in radians from the east, counter-clockwise) as the paper computes them."""
    best = (0.0, math.nan)
    for one, two, ac, af in FACETS:
        e0, e1, e2 = (ground[row + r, column + c] for r, c in ((0, 0), one, two))
        s1, s2 = e0 - e1, e1 - e2
        angle, slope = math.atan2(s2, s1), math.hypot(s1, s2)
        if angle < 0:
            angle, slope = 0.0, s1
        elif angle > math.pi / 4:
            angle, slope = math.pi / 4, (e0 - e2) / math.sqrt(2)
        if slope > best[0]:
            best = (slope, af * angle + ac * math.pi / 2)
    return best


def angle_of(ground: NDArray[np.float64], row: int, column: int) -> float:
    """The direction of `steepest_facet` in degrees from the east, counter-clockwise."""
    width = ground.shape[1] + 2
    facet, tangent = steepest_facet(
        flow.frame(ground, np.inf), (row + 1) * width + column + 1, flow.neighbour_offsets(width)
    )
    assert facet >= 0
    one, two = FACETS[facet][:2]
    angles = [math.degrees(math.atan2(-row, column)) for row, column in (one, two)]
    turn = (angles[1] - angles[0] + 180) % 360 - 180
    assert abs(turn) == pytest.approx(45)
    return angles[0] + math.copysign(math.degrees(math.atan(tangent)), turn)


def test_the_direction_on_a_plane_is_the_planes() -> None:
    rows, columns = np.mgrid[:3, :3]
    for degrees in np.arange(0.0, 360.0, 1.25):
        east, north = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        found = angle_of(0.3 * (north * rows - east * columns), 1, 1)
        assert (found - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_directions_on_rough_ground_are_tarbotons(seed: int) -> None:
    ground = np.random.default_rng(seed).uniform(0, 5, (14, 17))
    compared = 0
    for row in range(1, 13):
        for column in range(1, 16):
            slope, angle = tarboton(ground, row, column)
            if slope > 0:
                difference = angle_of(ground, row, column) - math.degrees(angle)
                assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
                compared += 1
    assert compared > 100


def test_accumulation_equals_a_linear_solve() -> None:
    shape = (11, 8)
    ground = np.random.default_rng(4).uniform(0, 5, shape)
    result = route(ground, 2.0, method="dinf")
    surface = flow.frame(result.filled, np.inf)
    beyond = ground_beyond(surface, np.zeros(shape, bool)).reshape(13, 10)
    matrix = np.eye(ground.size)
    for row in range(shape[0]):
        for column in range(shape[1]):
            slope, angle = tarboton(beyond, row + 1, column + 1)
            if slope <= 0:
                continue
            eighth, part = divmod(angle % (2 * math.pi) / (math.pi / 4), 1)
            for turn, share in ((eighth, 1 - part), (eighth + 1, part)):
                r = row - round(math.sin(turn * math.pi / 4))
                c = column + round(math.cos(turn * math.pi / 4))
                if 0 <= r < shape[0] and 0 <= c < shape[1]:
                    matrix[r * shape[1] + c, row * shape[1] + column] -= share
    expected = np.linalg.solve(matrix, np.full(ground.size, 4.0)).reshape(shape)
    np.testing.assert_allclose(result.accumulation, expected, rtol=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 3.0, 20.0, 45.0, 70.0, 100.0, 215.0, 301.0])
def test_a_plane_gathers_the_distance_to_its_upper_edge(degrees: float) -> None:
    """A cell passes on what a strip as wide as the cell, across the flow, has gathered from the edge on."""
    size = 101
    rows, columns = np.mgrid[:size, :size] + 0.5
    east, south = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    area = route(-(east * columns + south * rows), 1.0, method="dinf").accumulation
    with np.errstate(divide="ignore"):
        across = (columns if east > 0 else size - columns) / np.abs(np.float64(east))
        down = (rows if south > 0 else size - rows) / np.abs(np.float64(south))
    exact = np.minimum(across, down) * max(abs(east), abs(south))
    inner = (slice(25, -25),) * 2
    error = area[inner] / exact[inner] - 1
    assert np.sqrt((error**2).mean()) < 0.06
    assert abs(error.mean()) < 0.04


@pytest.mark.parametrize(("inward", "most"), [(False, 0.13), (True, 0.07)])
def test_cones_gather_alike_in_all_directions(inward: bool, most: float) -> None:
    """Outward, half the radius per width; inward, the ring outside. D8 is off by more than half of it."""
    size = 60
    rows, columns = np.mgrid[-size - 3 : size + 4, -size - 3 : size + 4]
    radius = np.hypot(rows, columns)
    ground = size - np.abs(radius - size) if inward else -radius
    ring = (radius > 0.5 * size) & (radius < 0.8 * size)
    width = np.maximum(abs(rows), abs(columns))[ring] / radius[ring]
    exact = (size**2 - radius[ring] ** 2) / (2 * radius[ring]) if inward else radius[ring] / 2
    spread = {}
    for method in ("dinf", "steepest"):
        result = route(
            ground,
            1.0,
            method=method,  # type: ignore[arg-type]
            sea_level=0.5 if inward else None,
            connected_sea=False,
        )
        error = result.accumulation[ring] / (exact * width) - 1
        spread[method] = float(np.sqrt((error**2).mean()))
        if method == "dinf":
            assert abs(error.mean()) < 0.02
    assert spread["dinf"] < most
    assert spread["steepest"] > 0.5


def path_from(ground: NDArray[np.float64], row: int, column: int) -> NDArray[np.float64]:
    """Return (N, 2) rows and columns of the way of `single_receivers` from a cell."""
    width = ground.shape[1] + 2
    inside = np.zeros(ground.shape, bool)
    inside[1:-1, 1:-1] = True
    receivers = single_receivers(flow.frame(ground, np.inf), flow.frame(inside, False), width)
    way = [(row + 1) * width + column + 1]
    while receivers[way[-1]] >= 0:
        way.append(int(receivers[way[-1]]))
    return np.stack(np.divmod(way, width), axis=1) - 1.0


@pytest.mark.parametrize("degrees", [3.0, 11.0, 22.5, 38.0, 52.0, 71.0, 100.0, 160.0, 200.0, 250.0, 290.0])
def test_a_path_down_a_plane_keeps_within_a_cell_of_its_line(degrees: float) -> None:
    """The steepest of eight would leave it by up to 22.5 degrees: a cell after three, 15 after forty."""
    rows, columns = np.mgrid[:81, :81] - 40.0
    east, north = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    way = path_from(0.3 * (north * rows - east * columns), 40, 40) - 40
    assert len(way) > 35
    beside = np.abs(way[:, 0] * east + way[:, 1] * north)
    assert beside.max() < 1.0


def test_paths_down_a_cone_keep_to_its_radii() -> None:
    rows, columns = np.mgrid[:121, :121] - 60.0
    ground = -np.hypot(rows, columns)
    for degrees in np.arange(4.0, 360.0, 8.0):
        angle = math.radians(degrees)
        start = np.rint([60 - 15 * math.sin(angle), 60 + 15 * math.cos(angle)])
        way = path_from(ground, int(start[0]), int(start[1])) - 60
        turned = np.unwrap(np.arctan2(-way[:, 0], way[:, 1]))
        assert len(way) > 30
        # One cell at the start of the way and one at its end.
        assert (np.abs(turned - turned[0]) * np.hypot(*way.T)).max() < 60 / 15 + 1


@pytest.mark.parametrize("seed", range(3))
def test_single_receivers_are_those_of_the_highest_first(seed: int) -> None:
    """Orlandini's rule in plain Python, from the highest cell down, with angles for the loop's tangents."""
    random = np.random.default_rng(seed)
    shape = (17, 23)
    ground = random.normal(0, 1, shape) + 0.7 * np.arange(17)[:, None]
    inside = random.uniform(size=shape) < 0.95
    width = shape[1] + 2
    found = single_receivers(flow.frame(ground, np.inf), flow.frame(inside, False), width)
    framed = np.pad(ground, 1, constant_values=1e9)
    expected = np.full(framed.shape, -1)
    area, largest, strayed = np.ones(framed.shape), np.zeros(framed.shape), np.zeros(framed.shape)
    cells = [(r + 1, c + 1) for r, c in np.ndindex(shape)]
    for row, column in sorted(cells, key=lambda cell: -framed[cell]):
        slope, angle = tarboton(framed, row, column)
        if not inside[row - 1, column - 1] or not slope > 0:
            continue
        ways = []
        for side in range(8):
            turn = (side * math.pi / 4 - angle + math.pi) % (2 * math.pi) - math.pi
            if abs(turn) < math.pi / 4 - 1e-9:
                length = math.sqrt(2) if side % 2 else 1.0
                error = strayed[row, column] + length * math.sin(turn)
                step = -round(math.sin(side * math.pi / 4)), round(math.cos(side * math.pi / 4))
                ways.append((abs(error), error, row + step[0], column + step[1]))
        _, error, r, c = min(ways)
        expected[row, column] = r * width + c
        area[r, c] += area[row, column]
        if (area[row, column], -abs(error)) > (largest[r, c], -abs(strayed[r, c])):
            largest[r, c], strayed[r, c] = area[row, column], error
    assert (expected >= 0).sum() > 200
    np.testing.assert_array_equal(found, expected.ravel())
