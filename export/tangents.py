"""Tangents from texture coordinates, for meshes that have a normal map and no tangents of their own.

Without them every client derives its own, and gltf-validator warns that the result is not portable.

Source: E. Lengyel, "Computing Tangent Space Basis Vectors for an Arbitrary Mesh" (2001): the gradient of the
texture's u over each triangle, summed at its corners and made orthogonal to the normal. Summed vectors are
weighted by triangle area; MikkTSpace, which splits vertices at seams, would change the vertex count.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from worldgen.mesh import Mesh


def with_tangents(mesh: Mesh) -> Mesh:
    """Return the mesh with tangents."""
    tangents = derive_tangents(mesh.positions, mesh.normals, mesh.texcoords, mesh.indices)
    return dataclasses.replace(mesh, tangents=tangents)


def derive_tangents(
    positions: NDArray[np.float32],
    normals: NDArray[np.float32],
    texcoords: NDArray[np.float32],
    indices: NDArray[np.uint32],
) -> NDArray[np.float32]:
    """Return (V, 4) float32 tangents in glTF's sense.

    xyz is the direction in which u grows, of unit length and orthogonal to the normal. w is the sign that
    makes ``cross(normal, tangent) * w`` point along falling v, up in the image, as normal maps with +Y up
    want. A vertex without a usable gradient gets any tangent that is orthogonal to its normal, with w = 1.

    Parameters
    ----------
    positions : (V, 3), metres.
    normals : (V, 3), unit length.
    texcoords : (V, 2), (0, 0) is the image's upper left.
    indices : (T, 3).
    """
    a, b, c = (positions[indices[:, k]].astype(np.float64) for k in range(3))
    edge_1, edge_2 = b - a, c - a
    a, b, c = (texcoords[indices[:, k]].astype(np.float64) for k in range(3))
    (u1, v1), (u2, v2) = (b - a).T, (c - a).T
    sign = np.sign(u1 * v2 - u2 * v1)[
        :, None
    ]  # the determinant's size is left out: it would undo the weighting
    gradient_u = (edge_1 * v2[:, None] - edge_2 * v1[:, None]) * sign
    gradient_v = (edge_2 * u1[:, None] - edge_1 * u2[:, None]) * sign

    along_u = _sum_at_vertices(gradient_u, indices, len(positions))
    along_v = _sum_at_vertices(gradient_v, indices, len(positions))
    normal = normals.astype(np.float64)
    tangent = along_u - normal * np.einsum("ij,ij->i", normal, along_u)[:, None]
    length = np.linalg.norm(tangent, axis=1)
    usable = length > 1e-12 * (1.0 + np.linalg.norm(along_u, axis=1))
    tangent[~usable] = _any_orthogonal(normal[~usable])
    tangent /= np.where(usable, length, 1.0)[:, None]

    result = np.empty((len(positions), 4), np.float32)
    result[:, :3] = tangent
    upward = -np.einsum("ij,ij->i", np.cross(normal, tangent), along_v)
    result[:, 3] = np.where(usable & (upward < 0), -1.0, 1.0)
    return result


def _sum_at_vertices(
    vectors: NDArray[np.float64], indices: NDArray[np.uint32], count: int
) -> NDArray[np.float64]:
    """Sum one (T, 3) vector for each triangle at its corners, (V, 3)."""
    total = np.zeros((count, 3))
    for axis in range(3):
        for corner in range(3):
            total[:, axis] += np.bincount(indices[:, corner], vectors[:, axis], minlength=count)
    return total


def _any_orthogonal(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors orthogonal to (N, 3) unit normals: across the axis that each is farthest from."""
    helper = np.zeros_like(normals)
    helper[np.arange(len(normals)), np.abs(normals).argmin(axis=1)] = 1.0
    vectors: NDArray[np.float64] = np.cross(normals, helper)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
