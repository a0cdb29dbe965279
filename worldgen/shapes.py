"""Shapes that objects are put together from: tubes, ribbons and cards, as plain arrays.

A `Shape` is a piece of geometry without a material. All functions are vectorised over many pieces, because a
forest's kinds must be ready in well under two seconds.

Leaves carry *bent* normals: those of the crown that they belong to, not of the card that they are painted on.
A crown then shades like one soft body, where true card normals make it glitter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Shape(NamedTuple):
    """Geometry without a material; arrays as in `worldgen.mesh.Mesh`, in double precision."""

    positions: Floats  # (V, 3) metres
    normals: Floats  # (V, 3) unit length
    texcoords: Floats  # (V, 2)
    indices: Integers  # (T, 3)


def normalized(vectors: ArrayLike) -> Floats:
    """Return (..., 3) vectors at unit length; zero vectors become +Y."""
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), (0.0, 1.0, 0.0))


def face_normals(positions: Floats, indices: Integers) -> Floats:
    """Return (T, 3) normals whose length is twice the triangle's area."""
    a, b, c = (positions[indices[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def smooth_normals(positions: Floats, indices: Integers) -> Floats:
    """Return (V, 3) vertex normals, each triangle weighted by its angle (Thürmer & Wüthrich 1998).

    Weights by area were tried: they twist a tube's normals towards the diagonals of its quads, by 18° at four
    sides.
    """
    faces = normalized(face_normals(positions, indices))
    corners = positions[indices]  # (T, 3, 3)
    ahead = normalized(np.roll(corners, -1, axis=1) - corners)
    angles = np.arccos(np.clip(-np.einsum("tck,tck->tc", ahead, np.roll(ahead, 1, axis=1)), -1.0, 1.0))
    weighted = (faces[:, None] * angles[..., None]).reshape(-1, 3)
    owners = indices.reshape(-1)
    sums = [np.bincount(owners, weighted[:, axis], minlength=len(positions)) for axis in range(3)]
    return normalized(np.stack(sums, axis=-1))


def merge(shapes: Sequence[Shape]) -> Shape:
    """Return the shapes as one."""
    starts = np.cumsum([0, *(len(shape.positions) for shape in shapes)])
    return Shape(
        np.concatenate([shape.positions for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.texcoords for shape in shapes]),
        np.concatenate([shape.indices + start for shape, start in zip(shapes, starts, strict=False)]),
    )


def to_mesh(shape: Shape, material: PBRMaterial) -> Mesh:
    """Return the shape as a primitive."""
    return Mesh(
        positions=shape.positions.astype(np.float32),
        normals=normalized(shape.normals.astype(np.float32)).astype(np.float32),
        texcoords=shape.texcoords.astype(np.float32),
        indices=shape.indices.astype(np.uint32),
        material=material,
    )


def triangle_wave(steps: Floats) -> Floats:
    """Return 0, 1, 0, 1 … at 0, 1, 2, 3 …: a texture that is laid to and fro has no seam."""
    return 1.0 - np.abs(np.mod(steps, 2.0) - 1.0)


def tube(
    centres: ArrayLike,
    radii: ArrayLike,
    sides: int,
    region: ArrayLike,
    along: ArrayLike,
    *,
    pointed: bool = True,
    waves: int = 1,
    profile: ArrayLike = (1.0,),
) -> Shape:
    """Return a tapered tube along a curve, open at its start.

    Parameters
    ----------
    centres : (N, 3) metres, the curve.
    radii : (N,) metres; the last is ignored when the tube is pointed.
    sides : number of sides, a multiple of ``2 * waves`` unless a seam does not matter.
    region : (4,) texcoords left, top, right, bottom; only left and right are used.
    along : (N,) texcoord v of each ring.
    pointed : end in one vertex; otherwise stay open.
    waves : how often the texture goes to and fro around the tube.
    profile : factors of the radius, repeated around the tube (ribs of a cactus).
    """
    centres, radii, region = (np.asarray(values, np.float64) for values in (centres, radii, region))
    along = np.asarray(along, np.float64)
    tangents = normalized(np.gradient(centres, axis=0))
    least = np.eye(3)[np.argmin(np.abs(tangents.sum(axis=0)))]
    right = normalized(np.cross(least, tangents))
    ahead = np.cross(tangents, right)
    angle = 2 * np.pi * np.arange(sides) / sides
    factor = np.resize(np.asarray(profile, np.float64), sides)
    # Angles run from `right` to `ahead`: counter-clockwise around the tangent, so that quads face outwards.
    spokes = np.cos(angle)[:, None] * right[:, None] + np.sin(angle)[:, None] * ahead[:, None]  # (N, S, 3)
    rings = centres[:, None] + spokes * (radii[:, None] * factor)[..., None]
    u = region[0] + (region[2] - region[0]) * triangle_wave(2.0 * waves * np.arange(sides) / sides)
    texcoords = np.stack(np.broadcast_arrays(u[None, :], along[:, None]), axis=-1)

    full = len(centres) - 1 if pointed else len(centres)
    positions = rings[:full].reshape(-1, 3)
    coordinates = texcoords[:full].reshape(-1, 2)
    here = np.arange(sides)
    beyond = (here + 1) % sides
    rows = sides * np.arange(full - 1)[:, None]
    faces = [_quads((rows + here).reshape(-1), (rows + beyond).reshape(-1), sides)]
    if pointed:
        positions = np.concatenate([positions, centres[-1:]])
        coordinates = np.concatenate([coordinates, [[0.5 * (region[0] + region[2]), along[-1]]]])
        last = sides * (full - 1)
        faces.append(np.stack([last + here, last + beyond, np.full(sides, len(positions) - 1)], -1))
    indices = np.concatenate(faces)
    return Shape(positions, smooth_normals(positions, indices), coordinates, indices)


def ribbons(
    spines: ArrayLike,
    sides: ArrayLike,
    regions: ArrayLike,
    *,
    drop: ArrayLike | None = None,
    closed: bool = True,
) -> Shape:
    """Return many ribbons that carry a picture whose stem is at the bottom.

    Parameters
    ----------
    spines : (B, N, 3) metres, from the stem to the tip.
    sides : (B, N, 3) or (B, 1, 3) metres, from the spine to the picture's right edge.
    regions : (B, 4) texcoords left, top, right, bottom.
    drop : (B, N, 3) or (B, 1, 3) metres by which both edges hang below the spine. This ribbon is folded like
        a roof, so that it can be seen from the side too, and closed below by a flat one: six triangles a
        step where two folded sides would take eight. None leaves it flat and one-sided, two triangles a step.
    closed : False leaves out the flat side of a folded ribbon.
    """
    spines, sides, regions = (np.asarray(values, np.float64) for values in (spines, sides, regions))
    count, length = spines.shape[:2]
    across = np.array([-1.0, 1.0] if drop is None else [-1.0, 0.0, 1.0])
    columns = len(across)
    positions = spines[:, :, None] + across[:, None] * sides[:, :, None]  # (B, N, C, 3)
    if drop is not None:
        positions = positions + np.abs(across)[:, None] * np.asarray(drop, np.float64)[:, :, None]
    middle = 0.5 * (regions[:, 0] + regions[:, 2])
    half = 0.5 * (regions[:, 2] - regions[:, 0])
    u = middle[:, None, None] + half[:, None, None] * across
    t = np.linspace(0.0, 1.0, length)
    v = regions[:, 3, None] + (regions[:, 1] - regions[:, 3])[:, None] * t
    texcoords = np.stack(np.broadcast_arrays(u, v[:, :, None]), axis=-1)

    rows = columns * np.arange(length - 1)[:, None]
    a = (rows + np.arange(columns - 1)).reshape(-1)
    quads = _quads(a, a + 1, columns)
    stride = (length * columns * np.arange(count))[:, None, None]
    positions = positions.reshape(-1, 3)
    indices = (quads + stride).reshape(-1, 3)
    normals = smooth_normals(positions, indices)
    if drop is not None and closed:
        below = _quads(rows[:, 0] + 2, rows[:, 0], columns)
        indices = np.concatenate([indices, (below + stride).reshape(-1, 3)])
    return Shape(positions, normals, texcoords.reshape(-1, 2), indices)


def _quads(left: Integers, right: Integers, stride: int) -> Integers:
    """Return (2Q, 3) triangles of Q quads whose upper vertices come `stride` after the lower ones."""
    lower = np.stack([left, right, right + stride], axis=-1)
    upper = np.stack([left, right + stride, left + stride], axis=-1)
    return np.stack([lower, upper], axis=1).reshape(-1, 3)


def cards(
    centres: ArrayLike,
    facing: ArrayLike,
    up: ArrayLike,
    size: ArrayLike,
    regions: ArrayLike,
    fold: float = 0.0,
) -> Shape:
    """Return many square cards.

    Parameters
    ----------
    centres : (B, 3) metres.
    facing : (B, 3) direction that each card looks to.
    up : (B, 3) direction of the picture's top, as far as `facing` leaves it free.
    size : (B,) or scalar, half the edge in metres.
    regions : (B, 4) texcoords left, top, right, bottom.
    fold : how far the left and right edges lie behind the middle, as a share of `size`; 0 is flat, two
        triangles a card, else four.
    """
    facing = normalized(facing)
    right = normalized(np.cross(np.asarray(up, np.float64), facing))
    top = np.cross(facing, right)
    half = np.broadcast_to(np.asarray(size, np.float64), (len(facing),))[:, None]
    centres = np.asarray(centres, np.float64)
    spines = np.stack([centres - top * half, centres + top * half], axis=1)
    if not fold:
        return ribbons(spines, (right * half)[:, None], regions)
    return ribbons(
        spines, (right * half)[:, None], regions, drop=(-fold * facing * half)[:, None], closed=False
    )


def bend_normals(shape: Shape, normals: ArrayLike, amount: float = 1.0) -> Shape:
    """Return the shape with its normals turned towards others.

    Parameters
    ----------
    normals : (V, 3) directions.
    amount : 0 keeps the old normals, 1 takes the new ones.
    """
    wanted = normalized(normals)
    own = normalized(shape.normals)
    own = own * np.where(np.einsum("vk,vk->v", own, wanted) < 0, -1.0, 1.0)[:, None]
    return shape._replace(normals=normalized((1 - amount) * own + amount * wanted))


def face_outward(shape: Shape) -> Shape:
    """Return the shape with each triangle wound so that it faces the way its vertex normals point."""
    faces = face_normals(shape.positions, shape.indices)
    outward = np.einsum("tk,tk->t", faces, shape.normals[shape.indices].sum(axis=1)) >= 0
    return shape._replace(indices=np.where(outward[:, None], shape.indices, shape.indices[:, ::-1]))


def both_sides(shape: Shape, gap: float = 0.004) -> Shape:
    """Return the shape and its back, which has the *same* normals, for a single-sided material.

    A double-sided material would mirror the normal on the back and show the underside of a branch black: that
    was tried first. The two sides lie `gap` metres apart, so that they do not fight in a client that draws
    back faces all the same.
    """
    own = smooth_normals(shape.positions, shape.indices) * (gap / 2)
    front = shape._replace(positions=shape.positions + own)
    back = shape._replace(positions=shape.positions - own, indices=shape.indices[:, ::-1])
    return merge([front, back])


def fibonacci_directions(count: int) -> Floats:
    """Return (count, 3) unit vectors that are spread evenly over the sphere."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], axis=-1)
