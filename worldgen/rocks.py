"""Rocks from a seed: angular ones with bevelled edges, and rounded boulders.

An angular rock is the space that a handful of random planes leave; each of its edges is then cut by a narrow
face. Every vertex keeps the normal of the large face that it borders, so that faces shade flat and the cuts
shade round: a bevel's look at a low count of triangles.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import ConvexHull, HalfspaceIntersection

from worldgen.asset_kind import AssetKind
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.painting import Floats, periodic_noise
from worldgen.rng import generator
from worldgen.shapes import Shape, face_normals, fibonacci_directions, normalized, smooth_normals, to_mesh

BURIED = 0.3  # share of the height below the ground: a rock that stands on its lowest tip looks dropped there
METRES_PER_TILE = 1.6
TEXTURE = 256
PLANES = 17  # 12 n - 28 triangles with bevels, 4 n - 12 without


def rock(seed: int) -> AssetKind:
    """Return angular rocks of about 1 m radius."""
    return _kind("rock", seed, (118, 113, 105), _angular)


def boulder(seed: int) -> AssetKind:
    """Return rounded boulders of about 1 m radius."""
    return _kind("boulder", seed, (124, 117, 106), _rounded)


def _kind(
    name: str, seed: int, color: tuple[int, int, int], levels: Callable[[np.random.Generator], list[Shape]]
) -> AssetKind:
    random = generator(seed, f"assets/{name}")
    material = stone(random, name, color)
    models = []
    radius, sink = 0.0, 0.0
    for number in range(4):
        shapes = levels(random)
        low, high = shapes[0].positions.min(axis=0), shapes[0].positions.max(axis=0)
        middle = 0.5 * (low + high)
        depth = BURIED * float(high[1] - low[1])
        lift = np.array([middle[0], low[1] + depth, middle[2]])
        shapes = [_fit(shape, low, high) for shape in shapes]
        shapes = [shape._replace(positions=shape.positions - lift) for shape in shapes]
        sink = max(sink, depth)
        radius = max(radius, 0.5 * float(np.max((high - low)[[0, 2]])))
        models.append(
            tuple(
                Model(f"{name}_{number}_lod{level}", (to_mesh(cube_project(shape), material),))
                for level, shape in enumerate(shapes)
            )
        )
    return AssetKind(name, tuple(models), radius=radius, sink=sink, align="normal", collider="hull")


def stone(random: np.random.Generator, name: str, color: tuple[int, int, int]) -> PBRMaterial:
    """Return a tileable stone: mottled colour, cracks, and a normal map from the same relief."""
    shape = (TEXTURE, TEXTURE)
    relief = sum(periodic_noise(random, shape, (size, size)) * size**0.7 for size in (1.0, 2.5, 6.0, 16.0))
    relief = np.asarray(relief) / 8.0
    crack = np.clip(1 - np.abs(periodic_noise(random, shape, (9.0, 9.0)) + 0.35 * relief) * 9, 0, 1)
    height = relief - 0.8 * crack
    mottle = periodic_noise(random, shape, (22.0, 22.0))
    grain = periodic_noise(random, shape, (0.6, 0.6))
    value = 1 + 0.13 * np.tanh(relief) + 0.05 * mottle + 0.05 * grain - 0.22 * crack
    warmth = 1 + 0.03 * mottle[..., None] * np.array([1.0, 0.2, -1.0])
    picture = np.clip(np.asarray(color) * value[..., None] * warmth, 8, 235)
    slope_x = 0.5 * (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1))
    slope_y = 0.5 * (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0))
    # Rows run down, +Y of a tangent-space normal runs up.
    normal = normalized(np.dstack([-slope_x * 2.2, slope_y * 2.2, np.ones(shape)]))
    return PBRMaterial(
        name=name,
        base_color=np.rint(picture).astype(np.uint8),
        normal=np.rint((normal * 0.5 + 0.5) * 255).astype(np.uint8),
        roughness=0.9,
        metres_per_tile=METRES_PER_TILE,
    )


def hull(points: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return (T, 3) triangles of the convex hull of (V, 3) points, counter-clockwise from outside."""
    indices = np.asarray(ConvexHull(points).simplices, np.int64)
    middle = points.mean(axis=0)
    faces = face_normals(points, indices)
    outward = np.einsum("tk,tk->t", faces, points[indices].mean(axis=1) - middle) > 0
    ordered = np.where(outward[:, None], indices, indices[:, ::-1])
    return ordered[np.lexsort(ordered.T[::-1])]


def cube_project(shape: Shape) -> Shape:
    """Return the shape with texcoords from the cube face that each triangle looks to; charts share none."""
    faces = face_normals(shape.positions, shape.indices)
    axis = np.abs(faces).argmax(axis=1)
    sign = np.take_along_axis(faces, axis[:, None], axis=1)[:, 0] > 0
    chart = axis * 2 + sign
    keys = np.stack([shape.indices.reshape(-1), np.repeat(chart, 3)], axis=1)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    vertex, chart_of = unique[:, 0], unique[:, 1]
    points = shape.positions[vertex]
    axis_of, flip = chart_of // 2, np.where(chart_of % 2 == 1, 1.0, -1.0)
    # Picture's right and down for each axis, mirrored with the side so that no picture is shown reversed.
    right = np.choose(axis_of, [-flip * points[:, 2], points[:, 0], flip * points[:, 0]])
    down = np.choose(axis_of, [-points[:, 1], flip * points[:, 2], -points[:, 1]])
    offset = chart_of * 0.37
    texcoords = np.stack([right / METRES_PER_TILE + offset, down / METRES_PER_TILE + offset * 0.61], axis=-1)
    return Shape(points, shape.normals[vertex], texcoords, inverse.reshape(-1, 3).astype(np.int64))


def _fit(shape: Shape, low: Floats, high: Floats) -> Shape:
    """Return the shape stretched to a box, so that levels of detail do not jump in size."""
    own_low, own_high = shape.positions.min(axis=0), shape.positions.max(axis=0)
    factor = (high - low) / (own_high - own_low)
    return shape._replace(
        positions=low + (shape.positions - own_low) * factor, normals=normalized(shape.normals / factor)
    )


def _swell(points: Floats, waves: Floats, phases: Floats, amount: float) -> Floats:
    """Return points moved along their own direction by a few waves: breaks up what planes leave too clean."""
    swell: Floats = np.sin(points @ waves.T + phases).mean(axis=1)
    moved: Floats = points * (1 + amount * swell[:, None])
    return moved


def _angular(random: np.random.Generator) -> list[Shape]:
    """Return three levels of detail of one angular rock."""
    stretch = np.array([random.uniform(0.95, 1.25), random.uniform(0.62, 0.9), random.uniform(0.85, 1.05)])
    normals = normalized(fibonacci_directions(PLANES) + random.normal(0, 0.28, (PLANES, 3)))
    turn = normalized(random.normal(0, 1, 3))
    normals = normalized(normals - 2 * np.outer(normals @ turn, turn))  # a mirror in a random plane
    distance = random.uniform(0.68, 1.0, PLANES)
    space = HalfspaceIntersection(np.column_stack([normals, -distance]), np.zeros(3))
    corners = np.asarray(space.intersections)
    planes = [list(facet) for facet in space.dual_facets]
    order = np.lexsort(np.round(corners, 9).T)
    corners, planes = corners[order], [planes[number] for number in order]
    waves, phases = random.normal(0, 1.6, (5, 3)), random.uniform(0, 6.28, 5)

    owners = [(corner, plane) for corner, around in enumerate(planes) for plane in around]
    middles = np.zeros((PLANES, 3))
    for plane in {plane for _, plane in owners}:
        middles[plane] = corners[[corner for corner, around in enumerate(planes) if plane in around]].mean(
            axis=0
        )
    corner_of = np.array([corner for corner, _ in owners])
    plane_of = np.array([plane for _, plane in owners])
    # A bevel of even width: towards the face's middle by a length, not by a share.
    inward = middles[plane_of] - corners[corner_of]
    reach = np.linalg.norm(inward, axis=1, keepdims=True)
    width = np.minimum(random.uniform(0.05, 0.1), 0.4 * reach)
    cut = corners[corner_of] + inward / np.maximum(reach, 1e-9) * width

    indices = hull(cut)
    points = _swell(cut, waves, phases, 0.16) * stretch
    soft = smooth_normals(points, indices)
    flat = normalized(normals[plane_of] / stretch)
    near = Shape(points, normalized(flat + 0.35 * soft), np.zeros((len(points), 2)), indices)

    plain = _swell(corners, waves, phases, 0.16) * stretch
    middle = split_flat(plain, hull(corners))
    directions = fibonacci_directions(12)
    ray = np.where(directions @ normals.T > 1e-6, distance / np.maximum(directions @ normals.T, 1e-6), np.inf)
    few = directions * ray.min(axis=1)[:, None]
    far_indices = hull(directions)
    few = _swell(few, waves, phases, 0.16) * stretch
    return [near, middle, split_flat(few, far_indices, 0.5)]


def split_flat(
    points: Floats, indices: np.ndarray[tuple[int, int], np.dtype[np.int64]], soften: float = 0.25
) -> Shape:
    """Return a shape whose triangles own their vertices, with normals mostly flat.

    Parameters
    ----------
    soften : share of the smooth normal.
    """
    soft = smooth_normals(points, indices)
    flat = normalized(face_normals(points, indices))
    normals = normalized((1 - soften) * flat.repeat(3, axis=0) + soften * soft[indices.reshape(-1)])
    corners = points[indices.reshape(-1)]
    return Shape(corners, normals, np.zeros((len(corners), 2)), np.arange(len(corners)).reshape(-1, 3))


def _rounded(random: np.random.Generator) -> list[Shape]:
    """Return three levels of detail of one boulder: one swollen ball, sampled at 92, 32 and 12 points."""
    stretch = np.array([random.uniform(0.95, 1.2), random.uniform(0.65, 0.85), random.uniform(0.85, 1.05)])
    slow, slow_phases = random.normal(0, 1.5, (5, 3)), random.uniform(0, 6.28, 5)
    quick, quick_phases = random.normal(0, 4.0, (6, 3)), random.uniform(0, 6.28, 6)
    normals = normalized(random.normal(0, 1, (5, 3)))
    distance = random.uniform(0.72, 0.9, 5)
    shapes = []
    for count in (92, 32, 12):
        directions = fibonacci_directions(count)
        indices = hull(directions)
        points = _swell(directions, slow, slow_phases, 0.3)
        # Worn flats: what lies beyond a plane is pressed most of the way back to it.
        for normal, limit in zip(normals, distance, strict=True):
            beyond = np.maximum(points @ normal - limit, 0.0)
            points = points - 0.75 * beyond[:, None] * normal
        points = _swell(points, quick, quick_phases, 0.12) * stretch
        shapes.append(Shape(points, smooth_normals(points, indices), np.zeros((count, 2)), indices))
    return shapes
