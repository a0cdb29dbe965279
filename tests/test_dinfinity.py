"""D-infinity against Tarboton's own formula, planes of all directions, and cones whose area is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from worldgen import flow
from worldgen.dinfinity import steepest_facet
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
    straight, diagonal, share = steepest_facet(
        flow.frame(ground, np.inf), (row + 1) * width + column + 1, width
    )
    assert straight >= 0
    angles = [
        math.degrees(math.atan2(row + 1 - cell // width, cell % width - column - 1))
        for cell in (straight, diagonal)
    ]
    turn = (angles[1] - angles[0] + 180) % 360 - 180
    assert abs(turn) == pytest.approx(45)
    return (angles[0] + share * turn) % 360


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
