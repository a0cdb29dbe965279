"""Simplified surfaces: the bound holds everywhere, nothing cracks, nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.adaptive_mesh import adaptive_triangles
from worldgen.errors import InputError
from worldgen.grid import Grid
from worldgen.triangulation import quad_diagonals, surface_height


def rough_land(rows: int, columns: int, seed: int = 0, height: float = 20.0) -> NDArray[np.float32]:
    """Random land whose hills are about six cells wide."""
    land = gaussian_filter(np.random.default_rng(seed).normal(0, 1, (rows, columns)), 2)
    return np.asarray(height * land, np.float32)


def all_triangles(elevation: NDArray[np.float32], **options: object) -> NDArray[np.int64]:
    pieces = adaptive_triangles(elevation, quad_diagonals(elevation), **options)  # type: ignore[arg-type]
    return np.concatenate([piece.triangles for piece in pieces])


def largest_distance(elevation: NDArray[np.float32], triangles: NDArray[np.int64], steps: int = 4) -> float:
    """Compare with the finest triangles at all points of a lattice `steps` times finer than the map.

    Both surfaces bend only along edges that cross at vertices and middles of quads, which the lattice holds.
    """
    columns = elevation.shape[1]
    grid = Grid(elevation.shape, 1.0)
    worst = 0.0
    for triangle in triangles:
        row, column = np.divmod(triangle, columns)
        z, x = np.meshgrid(
            np.arange(row.min() * steps, row.max() * steps + 1) / steps,
            np.arange(column.min() * steps, column.max() * steps + 1) / steps,
            indexing="ij",
        )
        points = np.stack([np.ones(z.size), z.ravel(), x.ravel()])
        weights = np.linalg.inv(np.stack([np.ones(3), row, column])) @ points
        inside = (weights > -1e-9).all(axis=0)
        height = elevation.ravel()[triangle].astype(np.float64) @ weights[:, inside]
        ground = surface_height(elevation, grid, points[2, inside], points[1, inside])
        worst = max(worst, float(np.abs(height - ground).max()))
    return worst


def areas(triangles: NDArray[np.int64], columns: int) -> NDArray[np.float64]:
    """Return the signed area of each triangle in quads, above 0 when counter-clockwise from above."""
    row, column = np.divmod(triangles, columns)
    first = (row[:, 1] - row[:, 0]) * (column[:, 2] - column[:, 0])
    return np.asarray(0.5 * (first - (row[:, 2] - row[:, 0]) * (column[:, 1] - column[:, 0])))


@pytest.mark.parametrize("shape", [(33, 33), (37, 52), (2, 9), (12, 5)])
@pytest.mark.parametrize("error", [0.02, 0.5, 3.0])
def test_no_point_is_farther_than_the_bound(shape: tuple[int, int], error: float) -> None:
    land = rough_land(*shape)
    triangles = all_triangles(land, error=error, quads=16)
    assert largest_distance(land, triangles) <= error + 1e-4  # heights are float32
    assert areas(triangles, shape[1]).sum() == (shape[0] - 1) * (shape[1] - 1)
    assert (areas(triangles, shape[1]) > 0).all()


def test_a_larger_bound_takes_fewer_triangles() -> None:
    land = rough_land(65, 65)
    counts = [len(all_triangles(land, error=error)) for error in (1e-6, 0.2, 1.0, 4.0)]
    assert counts[0] == 2 * 64 * 64
    assert counts == sorted(counts, reverse=True)
    assert counts[2] < counts[0] / 2


def test_a_plane_is_two_triangles_a_square() -> None:
    z, x = np.mgrid[0:33, 0:33]
    land = (0.5 * x + 0.25 * z).astype(np.float32)
    assert len(all_triangles(land, error=0.01, quads=32)) == 2
    assert len(all_triangles(land, error=0.01, quads=16)) == 8


def test_the_finest_quads_are_cut_as_the_ground_is() -> None:
    """A bound that nothing coarse can hold gives the finest surface itself, diagonals included."""
    land = rough_land(20, 20)
    assert largest_distance(land, all_triangles(land, error=1e-7)) < 1e-5


def test_every_inner_edge_has_two_triangles_that_run_opposite_ways() -> None:
    """So there is neither a crack nor a T-junction, between squares too; the map's border has one."""
    land = rough_land(50, 37, height=40.0)
    triangles = all_triangles(land, error=1.0, quads=8)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    seen = {tuple(edge) for edge in edges.tolist()}
    assert len(seen) == len(edges)
    for first, second in seen:
        if (second, first) not in seen:
            (r0, c0), (r1, c1) = divmod(first, 37), divmod(second, 37)
            assert r0 == r1 in (0, 49) or c0 == c1 in (0, 36)


def test_triangles_keep_to_the_quads_that_are_kept() -> None:
    land = rough_land(33, 33)
    keep = gaussian_filter(np.random.default_rng(5).normal(0, 1, (32, 32)), 3) > 0
    triangles = all_triangles(land, error=5.0, keep=keep)
    covered = np.zeros((32, 32))
    for triangle in triangles:
        row, column = np.divmod(triangle, 33)
        weights_of = np.linalg.inv(np.stack([np.ones(3), row, column]))
        z, x = np.mgrid[0:32, 0:32]
        # A point a little off the middle of each half of each quad.
        for down, across in ((0.3, 0.45), (0.45, 0.3), (0.55, 0.7), (0.7, 0.55)):
            weights = np.einsum("ij,jrc->irc", weights_of, np.stack([np.ones(z.shape), z + down, x + across]))
            covered += (weights > 0).all(axis=0)
    assert (covered[keep] == 4).all()
    assert (covered[~keep] == 0).all()


def test_no_triangle_is_steeper_than_is_asked() -> None:
    land = rough_land(33, 33, height=8.0)
    keep = np.zeros((32, 32), bool)
    east, south = np.abs(np.diff(land, axis=1)), np.abs(np.diff(land, axis=0))
    steepest = 0.5
    keep[:] = np.hypot(np.maximum(east[:-1], east[1:]), np.maximum(south[:, :-1], south[:, 1:])) <= steepest
    triangles = all_triangles(land, error=100.0, keep=keep, steepest=steepest)
    row, column = np.divmod(triangles, 33)
    points = np.stack([column, land[row, column], row], axis=-1).astype(np.float64)
    normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    rise = np.hypot(normal[:, 0], normal[:, 2]) / normal[:, 1]
    assert len(triangles) > 100
    assert rise.max() <= steepest + 1e-6


def test_wrong_numbers_are_refused_in_one_line() -> None:
    land = rough_land(9, 9)
    with pytest.raises(InputError, match=r"power of 2.*found 12"):
        all_triangles(land, error=1.0, quads=12)
    with pytest.raises(InputError, match="above 0 metres; found 0"):
        all_triangles(land, error=0.0)
    with pytest.raises(InputError, match=r"keep must have shape \(8, 8\).*found \(9, 9\)"):
        all_triangles(land, error=1.0, keep=np.ones((9, 9), bool))
