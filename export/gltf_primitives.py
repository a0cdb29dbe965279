"""Triangles of a glTF document: what of a mesh is stored, in which types, by which codec.

Source: glTF 2.0 specification, section 3.7.2; KHR_mesh_quantization; EXT_meshopt_compression;
KHR_draco_mesh_compression.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.gltf_buffers import FLOAT, UNSIGNED_INT, UNSIGNED_SHORT, BinaryLayout, check_vertices
from worldgen.export.gltf_materials import MaterialTable
from worldgen.export.limits import is_textured
from worldgen.export.options import ExportOptions
from worldgen.export.quantization import (
    Dequantization,
    SceneGrid,
    fold,
    quantized_texcoords,
    quantized_vectors,
)
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Scene


class PrimitiveTable:
    """Turns meshes into the ``primitives`` of a document, as its options say.

    Parameters
    ----------
    scene : what is written; it decides the grid that positions are rounded to.
    options : ``quantize`` and ``compression`` are read.
    binary, materials : tables of the document that the primitives refer to.

    Attributes
    ----------
    extensions : names of the extensions that what was added requires.
    """

    def __init__(
        self, scene: Scene, options: ExportOptions, binary: BinaryLayout, materials: MaterialTable
    ) -> None:
        self.extensions: set[str] = set()
        self._compression = options.compression
        self._quantize = options.quantize and options.compression != "draco"
        rounded = options.quantize or options.compression == "draco"
        self._grid = SceneGrid(scene, options.grid_step) if rounded else None
        self._binary = binary
        self._materials = materials
        # Of arrays that many meshes share, so that they stay shared: (array made, array it was made of).
        self._texcoords: dict[int, tuple[NDArray[Any], NDArray[np.float32]]] = {}
        if self._compression == "draco":
            from worldgen.export.draco import check_installed

            check_installed()

    def transform(
        self, model: Model, translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> dict[str, Any]:
        """Return ``translation`` and ``scale`` of a node that shows a model, and nothing else, at a place."""
        place = (0.0, 0.0, 0.0)
        if self._grid is None:
            return {"translation": [float(v) for v in translation]} if tuple(translation) != place else {}
        return self._dequantization(model).node(translation)

    def placements(self, instances: Instances, model: Model) -> Instances:
        """Return placements under which a model's stored vertices lie where its own should.

        Parameters
        ----------
        model : the model of the instances, or a coarser level of it.
        """
        return instances if self._grid is None else fold(instances, self._dequantization(model))

    def add(self, mesh: Mesh, model: Model) -> dict[str, Any]:
        """Return the JSON object of a model's part.

        Raises
        ------
        ExportError : positions are not finite, or normals or tangents not of unit length.
        """
        known = mesh.positions
        bounds = check_vertices(mesh.positions, mesh.normals, mesh.tangents, model.name)
        if self._compression == "draco":
            return self._draco(mesh, model)
        # Attributes that no texture uses would only cost memory, and the validator reports them.
        if mesh.material.normal is None and mesh.tangents is not None:
            mesh = dataclasses.replace(mesh, tangents=None)
        if mesh.material.normal is not None and mesh.tangents is None:
            from worldgen.export.tangents import with_tangents

            mesh = with_tangents(mesh)
        if self._compression == "meshopt":
            from worldgen.export.vertex_cache import reordered

            mesh = reordered(mesh)
            self.extensions.add("EXT_meshopt_compression")
        if self._quantize:
            self.extensions.add("KHR_mesh_quantization")
        return {
            "attributes": self._attributes(mesh, model, known, bounds),
            "indices": self._binary.indices(mesh.indices, len(mesh.positions)),
            "material": self._materials.add(mesh.material),
        }

    def _dequantization(self, model: Model) -> Dequantization:
        assert self._grid is not None
        found = self._grid.of(model)
        return dataclasses.replace(found, scale=1.0) if self._compression == "draco" else found

    def _draco(self, mesh: Mesh, model: Model) -> dict[str, Any]:
        from worldgen.export.draco import encode

        assert self._grid is not None
        self.extensions.add("KHR_draco_mesh_compression")
        steps, step = self._grid.steps(mesh, model)
        coded = encode(mesh, steps, step)
        types: dict[str, tuple[int, str, dict[str, Any]]] = {
            "POSITION": (FLOAT, "VEC3", {"min": coded.minimum, "max": coded.maximum}),
            "NORMAL": (FLOAT, "VEC3", {}),
            "TEXCOORD_0": (FLOAT, "VEC2", {}),
            "TEXCOORD_1": (FLOAT, "VEC2", {}),
            "COLOR_0": (UNSIGNED_SHORT, "VEC4", {"normalized": True}),
        }
        index = UNSIGNED_SHORT if coded.vertices <= 65535 else UNSIGNED_INT
        extension = {"bufferView": self._binary.data(coded.data), "attributes": coded.attributes}
        return {
            "attributes": {
                name: self._binary.virtual(types[name][0], coded.vertices, types[name][1], **types[name][2])
                for name in coded.attributes
            },
            "indices": self._binary.virtual(index, 3 * coded.triangles, "SCALAR"),
            "material": self._materials.add(mesh.material),
            "extensions": {"KHR_draco_mesh_compression": extension},
        }

    def _attributes(
        self, mesh: Mesh, model: Model, known: NDArray[np.float32], bounds: tuple[NDArray[Any], NDArray[Any]]
    ) -> dict[str, int]:
        binary = self._binary
        quantize = self._quantize and self._grid is not None
        positions = self._grid.positions(mesh, model) if quantize and self._grid else mesh.positions
        attributes = {
            "POSITION": binary.vertices(positions, "VEC3", bounds=bounds if positions is known else True)
        }
        stored = quantized_vectors if quantize else np.asarray
        filtered = None
        if quantize and self._compression == "meshopt":
            from worldgen.export.meshopt_filters import octahedral

            filtered = ("OCTAHEDRAL", octahedral(mesh.normals))
        attributes["NORMAL"] = binary.vertices(
            stored(mesh.normals), "VEC3", normalized=quantize, filtered=filtered
        )
        if mesh.tangents is not None:
            if filtered:
                filtered = ("OCTAHEDRAL", octahedral(mesh.tangents))
            attributes["TANGENT"] = binary.vertices(
                stored(mesh.tangents), "VEC4", normalized=quantize, filtered=filtered
            )
        if is_textured(mesh):
            texcoords = self._shared_texcoords(mesh.texcoords) if quantize else mesh.texcoords
            attributes["TEXCOORD_0"] = self._plain(texcoords, "VEC2")
        if mesh.velocity is not None:
            attributes["TEXCOORD_1"] = self._plain(mesh.velocity, "VEC2")
        if mesh.colors is not None:
            attributes["COLOR_0"] = binary.colors(mesh.colors)
        return attributes

    def _shared_texcoords(self, texcoords: NDArray[np.float32]) -> NDArray[Any]:
        if id(texcoords) not in self._texcoords:
            self._texcoords[id(texcoords)] = (quantized_texcoords(texcoords), texcoords)
        return self._texcoords[id(texcoords)][0]

    def _plain(self, array: NDArray[Any], kind: Any) -> int:
        """Plan texture coordinates or velocities; compressed floats are rounded to 1/4096."""
        filtered = None
        if self._quantize and self._compression == "meshopt" and array.dtype == np.float32:
            from worldgen.export.meshopt_filters import exponential

            filtered = exponential(array)
        return self._binary.vertices(
            array,
            kind,
            normalized=array.dtype != np.float32,
            filtered=None if filtered is None else ("EXPONENTIAL", filtered),
        )
