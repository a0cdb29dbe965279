"""worldgen.export.landscape_grids: sampling, whole shares and tiles, on exact inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_land import NAMES, land, materials, weights
from scipy.ndimage import map_coordinates

from worldgen.errors import ExportError
from worldgen.export.landscape_grids import (
    check_layers,
    height_range,
    nearest_size,
    quad_places,
    resample_heightmap,
    sample_cubic,
    sample_linear,
    tile_windows,
    vertex_places,
    whole_shares,
)
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap


def rough(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)


def test_linear_sampling_is_scipys() -> None:
    values, rows, columns = rough(9, 12), vertex_places(14, 9), quad_places(7, 12)
    grid = np.meshgrid(rows, columns, indexing="ij")
    assert sample_linear(values, rows, columns) == pytest.approx(
        map_coordinates(values, grid, order=1), abs=1e-5
    )


def test_cubic_sampling_keeps_slopes_and_never_overshoots() -> None:
    row, column = np.mgrid[0:9, 0:12].astype(np.float32)
    rows, columns = vertex_places(23, 9), vertex_places(30, 12)
    inner = slice(3, -3)  # beyond the edge the map is held, not carried on
    sloped = sample_cubic(3 * row - 2 * column, rows, columns)
    assert sloped[inner, inner] == pytest.approx((3 * rows[:, None] - 2 * columns)[inner, inner], abs=1e-4)
    cliff = np.where(column > 5, 100, 0).astype(np.float32)
    assert sample_cubic(cliff, rows, columns).min() == 0
    assert sample_cubic(cliff, rows, columns).max() == 100


def test_resampling_keeps_corners_and_tells_its_error() -> None:
    land = Heightmap(rough(9, 9), Grid((9, 9), 4.0))
    same, *nothing = resample_heightmap(land, (9, 9))
    assert same is land.elevation
    assert nothing == [0.0, 0.0]
    brought, largest, mean = resample_heightmap(land, (13, 11))
    corners = np.ix_([0, -1], [0, -1])
    assert np.array_equal(brought[corners], land.elevation[corners])
    assert 0 < mean < largest < 4


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_shares_are_whole_sum_exactly_and_are_near(seed: int, layers: int) -> None:
    weights = np.random.default_rng(seed).random((layers, 4, 3)).astype(np.float32) ** 3 + np.float32(1e-6)
    shares = whole_shares(weights)
    exact = weights.astype(np.float64) / weights.sum(axis=0, dtype=np.float64) * 255
    assert (shares.astype(int).sum(axis=0) == 255).all()
    assert np.abs(shares - exact).max() < 1


def test_equal_remainders_go_to_the_first_layers() -> None:
    assert whole_shares(np.ones((4, 1, 1), np.float32)).ravel().tolist() == [64, 64, 64, 63]
    assert whole_shares(np.float32([[[0]], [[2]], [[0]]])).ravel().tolist() == [0, 255, 0]


@pytest.mark.parametrize("shares", [[0.0, 0.0], [-0.1, 1.1], [np.nan, 1.0]])
def test_weights_that_are_no_shares_are_refused(shares: list[float]) -> None:
    with pytest.raises(ExportError, match="weights"):
        whole_shares(np.float32(shares).reshape(2, 1, 1))


@pytest.mark.parametrize(("overlap", "size"), [(1, 13), (0, 15)])
def test_tiles_cover_the_map_and_share_their_edges(overlap: int, size: int) -> None:
    seen = np.zeros((size, size), int)
    for window in tile_windows((size, size), 5, overlap):
        seen[window.rows, window.columns] += 1
    assert seen.min() == 1
    assert np.unique(seen).tolist() == ([1, 2, 4] if overlap else [1])
    assert seen[4, 4] == (4 if overlap else 1)
    with pytest.raises(ExportError, match="do not fill"):
        tile_windows((size + 1, size), 5, overlap)


def test_layers_that_do_not_fit_are_refused() -> None:
    check_layers(land(), NAMES, weights(), materials())
    with pytest.raises(ExportError, match=r"must be \(6, 65, 65\); found \(6, 64, 65\)"):
        check_layers(land(), NAMES, weights()[:, 1:], materials())
    with pytest.raises(ExportError, match="in the order of the weights"):
        check_layers(land(), NAMES, weights(), materials()[::-1])


def test_nearest_size_is_nearest_in_ratio() -> None:
    sizes = (127, 253, 505, 1009, 2017)
    assert [nearest_size(size, sizes) for size in (33, 257, 513, 700, 720, 5000)] == [
        127,
        253,
        505,
        505,
        1009,
        2017,
    ]


def test_flat_land_gets_a_range_that_holds_it() -> None:
    low, high = height_range(np.full((2, 2), 7, np.float32))
    assert (low, high) == (6.5, 7.5)
    assert height_range(np.float32([[0, 90]])) == (0, 90)
