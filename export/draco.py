"""Meshes by Draco, for KHR_draco_mesh_compression: the smallest files, and the slowest to open.

Positions are whole steps of the scene's grid, see `worldgen.export.quantization`, for left to itself Draco
rounds each mesh to a grid of its own, and neighbouring chunks would come apart.

Tangents are left out: Draco could only carry them as floats, larger than all the rest, and a client derives
its own. Colours and velocities are carried without loss.

Source: Khronos, KHR_draco_mesh_compression. Needs DracoPy, the extra ``worldgen[draco]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError
from worldgen.export.limits import is_textured
from worldgen.mesh import Mesh

LEVEL = 7  # of 10: 10 takes a third longer and saves 1 %
TEXCOORD_BITS = 12  # for each whole image; more where it repeats
NORMAL_BITS = 8
GENERIC = {"COLOR_0": 0, "TEXCOORD_1": 1}  # our numbers for what Draco has no kind of its own for
KINDS = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 3}  # Draco's GeometryAttribute::Type


@dataclass(frozen=True, eq=False)
class DracoMesh:
    """A coded mesh and what a client finds in it.

    Attributes
    ----------
    data : the bytes.
    attributes : Draco's number of each attribute, by glTF's name.
    vertices, triangles : how many come out, after Draco has merged equal vertices.
    minimum, maximum : (3,) of the positions that come out.
    """

    data: bytes
    attributes: dict[str, int]
    vertices: int
    triangles: int
    minimum: list[float]
    maximum: list[float]


def check_installed() -> None:
    """Refuse what only DracoPy can do.

    Raises
    ------
    ExportError : it is not installed; the message names the extra.
    """
    try:
        import DracoPy  # noqa: F401
    except ImportError as error:
        raise ExportError("compression 'draco' needs DracoPy: pip install 'worldgen[draco]'") from error


def encode(mesh: Mesh, steps: NDArray[np.uint32], step: float) -> DracoMesh:
    """Encode a mesh.

    Parameters
    ----------
    mesh : the mesh; its positions are not read.
    steps : (V, 3) positions as whole steps, below 2**30.
    step : metres, a power of two.

    Raises
    ------
    ExportError : Draco refuses the mesh, as one without area.
    """
    import DracoPy

    bits = max(1, int(steps.max()).bit_length())
    more: dict[str, Any] = {}
    if is_textured(mesh):
        span = float(np.ptp(mesh.texcoords, axis=0).max())
        more["tex_coord"] = mesh.texcoords.astype(np.float64)
        more["tex_coord_quantization_bits"] = min(
            24, TEXCOORD_BITS + max(0, int(np.ceil(np.log2(span or 1))))
        )
    generic: dict[int, NDArray[Any]] = {}
    if mesh.colors is not None:
        generic[GENERIC["COLOR_0"]] = np.rint(np.clip(mesh.colors, 0, 1) * 65535).astype(np.uint16)
    if mesh.velocity is not None:
        generic[GENERIC["TEXCOORD_1"]] = np.ascontiguousarray(mesh.velocity, np.float32)
    try:
        data: bytes = DracoPy.encode(
            (steps * step).astype(np.float32),
            np.ascontiguousarray(mesh.indices, np.uint32),
            quantization_bits=bits,
            quantization_range=step * (2**bits - 1),
            quantization_origin=[0.0, 0.0, 0.0],
            compression_level=LEVEL,
            normals=mesh.normals.astype(np.float64),
            normal_quantization_bits=NORMAL_BITS,
            generic_attributes=generic or None,
            **more,
        )
        decoded = DracoPy.decode(data)
    except (DracoPy.EncodingFailedException, DracoPy.FileTypeException) as error:
        raise ExportError(
            f"Draco cannot encode the mesh of material '{mesh.material.name}': {error}"
        ) from error
    by_kind = {entry["attribute_type"]: entry["unique_id"] for entry in decoded.attributes}
    attributes = {name: by_kind[kind] for name, kind in KINDS.items() if kind in by_kind}
    attributes |= {name: number for name, number in GENERIC.items() if number in generic}
    return DracoMesh(
        data,
        attributes,
        len(decoded.points),
        len(decoded.faces),
        decoded.points.min(axis=0).tolist(),
        decoded.points.max(axis=0).tolist(),
    )
