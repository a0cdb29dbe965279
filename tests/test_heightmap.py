"""Grids and heightmaps: places in metres, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap


def test_centred_grid():
    grid = Grid.centred((3, 5), 2.0)
    np.testing.assert_array_equal(grid.x, [-4, -2, 0, 2, 4])
    np.testing.assert_array_equal(grid.z, [-2, 0, 2])
    assert grid.extent == (8.0, 4.0)
    assert grid.area == 32.0


def test_to_cells_inverts_the_coordinates():
    grid = Grid((4, 6), 0.5, (10.0, -3.0))
    rows, columns = grid.to_cells(grid.x[[1, 5]], grid.z[[0, 3]])
    np.testing.assert_allclose(rows, [0, 3])
    np.testing.assert_allclose(columns, [1, 5])


@pytest.mark.parametrize(("shape", "spacing"), [((1, 5), 1.0), ((3, 3), 0.0), ((3, 3), float("nan"))])
def test_impossible_grids_are_refused(shape, spacing):
    with pytest.raises(InputError):
        Grid(shape, spacing)


def test_heightmap_checks_shape_and_values():
    grid = Grid.centred((3, 3), 1.0)
    with pytest.raises(InputError, match="shape"):
        Heightmap(np.zeros((3, 4), np.float32), grid)
    with pytest.raises(InputError, match="1 cells"):
        Heightmap(np.array([[0, 0, 0], [0, np.nan, 0], [0, 0, 0]], np.float32), grid)
    assert not Heightmap(np.zeros((3, 3)), grid).nodata.any()
