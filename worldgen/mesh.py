"""Triangle meshes: one `Mesh` is one primitive with one material, a `Model` is what a node shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.materials import PBRMaterial


@dataclass(frozen=True, eq=False)
class Mesh:
    """One glTF primitive. Counter-clockwise triangles face outwards.

    Attributes
    ----------
    positions : (V, 3) float32, metres, relative to the node.
    normals : (V, 3) float32, unit length.
    texcoords : (V, 2) float32; (0, 0) is the image's upper left.
    indices : (T, 3) uint32.
    material : the surface.
    tangents : (V, 4) float32, w = ±1, or None to let the client derive them.
    colors : (V, 4) float32, linear RGBA in [0, 1] that multiplies the material's base color, or None.
    velocity : (V, 2) float32, m/s east and south, of water that flows, or None. Files carry it as a second
        set of texture coordinates, which is what engines' importers keep.
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.float32]
    texcoords: NDArray[np.float32]
    indices: NDArray[np.uint32]
    material: PBRMaterial
    tangents: NDArray[np.float32] | None = None
    colors: NDArray[np.float32] | None = None
    velocity: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        count = len(self.positions)
        widths = {"positions": 3, "normals": 3, "texcoords": 2, "indices": 3, "colors": 4, "velocity": 2}
        for name, width in widths.items():
            array = getattr(self, name)
            if array is None:
                continue
            if array.ndim != 2 or array.shape[1] != width:
                raise InputError(f"mesh {name} must have shape (N, {width}); found {array.shape}")
            if name != "indices" and len(array) != count:
                raise InputError(f"mesh {name} has {len(array)} rows, positions have {count}")
        if len(self.indices) and int(self.indices.max()) >= count:
            raise InputError(f"mesh index {int(self.indices.max())} is past the last vertex, {count - 1}")

    @property
    def triangles(self) -> int:
        """Number of triangles."""
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class Model:
    """What a node shows: a name and one or more primitives."""

    name: str
    primitives: tuple[Mesh, ...]

    @property
    def triangles(self) -> int:
        """Number of triangles of all primitives."""
        return sum(primitive.triangles for primitive in self.primitives)

    @property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(minimum, maximum) corner, each (3,) float32, metres."""
        low = np.min([primitive.positions.min(axis=0) for primitive in self.primitives], axis=0)
        high = np.max([primitive.positions.max(axis=0) for primitive in self.primitives], axis=0)
        return low.astype(np.float32), high.astype(np.float32)
