"""Vertex clustering on shapes that are known."""

import numpy as np

from worldgen.shapes import Shape, fibonacci_directions, smooth_normals
from worldgen.simplify import area, cluster, simplify


def sheet(size):
    """A flat square of 1 m with size × size cells, facing up."""
    x, z = np.meshgrid(np.linspace(0, 1, size + 1), np.linspace(0, 1, size + 1))
    positions = np.stack([x.ravel(), 0 * x.ravel(), z.ravel()], axis=-1)
    corner = (np.arange(size)[:, None] * (size + 1) + np.arange(size)).ravel()
    faces = [[corner, corner + size + 1, corner + 1], [corner + 1, corner + size + 1, corner + size + 2]]
    indices = np.concatenate([np.stack(face, axis=-1) for face in faces])
    normals = np.tile([0.0, 1.0, 0.0], (len(positions), 1))
    return Shape(positions, normals, positions[:, [0, 2]], indices)


def ball(count):
    from worldgen.rocks import hull

    points = fibonacci_directions(count)
    indices = hull(points)
    return Shape(points, smooth_normals(points, indices), np.zeros((count, 2)), indices)


def test_a_cell_smaller_than_all_edges_changes_nothing():
    shape = sheet(8)
    result = cluster(shape, 0.02)
    assert len(result.indices) == len(shape.indices)
    assert np.isclose(area(result), 1.0)


def test_a_flat_sheet_stays_flat_and_keeps_its_area():
    (result,) = simplify([sheet(32)], 0.1)
    assert 0 < len(result.indices) <= 0.1 * 2 * 32 * 32
    assert np.allclose(result.positions[:, 1], 0)
    assert np.isclose(area(result), 1.0, atol=0.02)
    assert np.allclose(result.normals, [0, 1, 0])
    # Texcoords still say where on the sheet a vertex lies, to the width of a cluster.
    assert np.abs(result.texcoords - result.positions[:, [0, 2]]).max() < 0.2


def test_a_closed_ball_stays_closed_and_keeps_its_box():
    shape = ball(600)
    (result,) = simplify([shape], 0.2)
    assert len(result.indices) <= 0.2 * len(shape.indices)
    assert np.allclose(result.positions.max(axis=0), shape.positions.max(axis=0))
    assert np.allclose(result.positions.min(axis=0), shape.positions.min(axis=0))
    # Closed: each edge of the welded mesh is used once in each direction.
    _, weld = np.unique(np.round(result.positions, 9), axis=0, return_inverse=True)
    faces = weld.reshape(-1)[result.indices]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forth = {tuple(edge) for edge in edges.tolist()}
    assert all((b, a) in forth for a, b in forth)


def test_both_sides_of_a_thin_sheet_stay():
    front = sheet(8)
    back = front._replace(indices=front.indices[:, ::-1], normals=-front.normals)
    both = Shape(*(np.concatenate(pair) for pair in zip(front[:3], back[:3], strict=True)), None)
    both = both._replace(indices=np.concatenate([front.indices, back.indices + len(front.positions)]))
    result = cluster(both, 0.3)
    assert np.isclose(area(result), 2 * area(cluster(front, 0.3)))
    assert set(np.sign(result.normals[:, 1])) == {-1, 1}
