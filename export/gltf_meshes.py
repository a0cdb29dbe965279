"""The meshes of a glTF document: triangles, vertices, draw calls, memory and box of each.

Source: Khronos, glTF 2.0 specification, section 3.7.2; KHR_draco_mesh_compression; KHR_mesh_quantization.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.gltf_reading import Accessor, Document
from worldgen.export.json_fields import Fields

DRACO = "KHR_draco_mesh_compression"
TRIANGLES, STRIP, FAN = 4, 5, 6


@dataclass
class MeshFigures:
    """One mesh: counts of all its primitives, and the box around them."""

    name: str
    triangles: int = 0
    vertices: int = 0
    draw_calls: int = 0
    double_draw_calls: int = 0
    materials: list[int] = field(default_factory=list)
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    stored: dict[tuple[Any, ...], int] = field(default_factory=dict)  # bytes on the GPU by accessor
    index_bits: int = 0
    positions: list[Accessor] = field(default_factory=list)


class MeshReader:
    """Reads meshes; what should be known about them is added to ``notes``."""

    def __init__(self, document: Document, notes: list[str]) -> None:
        self._document = document
        self._materials = document.json.tables("materials")
        self._notes = notes
        self._checked: set[tuple[Any, ...]] = set()

    def read(self, entry: Fields) -> MeshFigures:
        """Return the figures of one mesh.

        Raises
        ------
        InputError : a value is wrong, an index is past the last vertex, or data are absent.
        """
        mesh = MeshFigures(entry.text("name"))
        for primitive in entry.tables("primitives"):
            self._read_primitive(mesh, primitive)
        return mesh

    def _read_primitive(self, mesh: MeshFigures, primitive: Fields) -> None:
        document = self._document
        mode = primitive.integer("mode", TRIANGLES, below=7)
        attributes = primitive.table("attributes")
        tables = [attributes, *primitive.tables("targets")]
        accessors = [document.accessor(table.integer(key)) for table in tables for key in table.values]
        vertices = 0
        if "POSITION" in attributes:
            position = document.accessor(attributes.integer("POSITION"))
            if position.width != 3:
                raise attributes.wrong("POSITION", "an accessor of type VEC3")
            vertices = position.count
            mesh.positions.append(position)
            low, high = self._box(position)
            mesh.low, mesh.high = np.minimum(mesh.low, low), np.maximum(mesh.high, high)
        for accessor in accessors:
            if accessor.count != vertices:
                raise InputError(
                    f"{primitive.where}: its attributes have {vertices} and {accessor.count} vertices"
                )
            # GPUs want attributes of a multiple of 4 bytes.
            mesh.stored[accessor.key] = accessor.count * -(-accessor.element_bytes // 4) * 4
        corners = vertices
        if "indices" in primitive:
            indices = document.accessor(primitive.integer("indices"))
            if indices.dtype not in ("<u1", "<u2", "<u4") or indices.width != 1:
                raise primitive.wrong("indices", "an accessor of unsigned integers, type SCALAR")
            corners = indices.count
            mesh.stored[("indices", *indices.key)] = corners * indices.component_bytes
            mesh.index_bits = max(mesh.index_bits, 8 * indices.component_bytes)
            if DRACO in primitive.table("extensions"):
                packed = primitive.table("extensions").table(DRACO)
                document.view_bytes(packed.integer("bufferView"))  # is there
            elif not indices.compressed:
                self._check_indices(indices, vertices)
        count = {TRIANGLES: corners // 3, STRIP: corners - 2, FAN: corners - 2}.get(mode, 0)
        mesh.triangles += max(0, count)
        mesh.vertices += vertices
        mesh.draw_calls += 1
        material = primitive.index("material", len(self._materials))
        if material is not None:
            mesh.materials.append(material)
            entry = self._materials[material]
            mesh.double_draw_calls += entry.text("alphaMode") == "BLEND" and entry.flag("doubleSided")

    def _box(self, position: Accessor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if position.low is not None and position.high is not None:
            low, high = position.scaled(position.low), position.scaled(position.high)
        else:
            values = position.scaled(self._document.stored_values(position))
            low, high = values.min(axis=0), values.max(axis=0)
            self._notes.append(f"{position.where} has no min and max, which the specification wants")
        if not (low <= high).all():  # false for NaN too
            raise InputError(f"{position.where}: its min and max are not in order")
        return low, high

    def _check_indices(self, indices: Accessor, vertices: int) -> None:
        """Refuse indices past the last vertex: GPUs draw garbage or nothing, and say nothing."""
        if (*indices.key, vertices) in self._checked:
            return
        self._checked.add((*indices.key, vertices))
        largest = int(self._document.stored_values(indices).max())
        allowed = min(vertices, 256**indices.component_bytes - 1)  # a type's largest value restarts strips
        if largest >= allowed:
            raise InputError(f"{indices.where}: found index {largest}; allowed: 0 .. {allowed - 1}")
