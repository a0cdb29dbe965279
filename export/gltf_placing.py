"""Where a glTF document's nodes put their meshes: how often, and the boxes around them in world metres.

Source: Khronos, glTF 2.0 specification, section 3.5; EXT_mesh_gpu_instancing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from worldgen.errors import InputError
from worldgen.export.gltf_meshes import MeshFigures
from worldgen.export.gltf_reading import Accessor, Document
from worldgen.export.gltf_tree import Tree, box_bounds, outline_bounds, transforms, turns

INSTANCING = "EXT_mesh_gpu_instancing"
INSTANCES_AT_ONCE = 1 << 16
MOST_POINTS = 1 << 16  # of a mesh whose outline is looked at; larger ones are ground, which is not turned


class Placing:
    """Places meshes.

    Attributes
    ----------
    copies : places at which each node draws its mesh; one, but for EXT_mesh_gpu_instancing.
    boxes : ((3,), (3,)) corners of what each node draws; without those that only a decoder could tell.
    """

    def __init__(self, document: Document, tree: Tree, notes: list[str]) -> None:
        self._document, self._tree, self._notes = document, tree, notes
        self._outlines: dict[int, NDArray[np.float64] | None] = {}
        self.copies: dict[int, int] = {}
        self.boxes: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def place(self, meshes: dict[int, MeshFigures]) -> None:
        """Place each node's mesh, all nodes of one mesh at once.

        Raises
        ------
        InputError : the attributes of instances are wrong.
        """
        plain: dict[int, tuple[MeshFigures, list[int]]] = {}
        for number, mesh in meshes.items():
            node = self._tree.nodes[number].values
            if "extensions" in node and INSTANCING in self._tree.nodes[number].table("extensions"):
                self._place_instances(number, mesh)
            else:
                self.copies[number] = 1
                plain.setdefault(id(mesh), (mesh, []))[1].append(number)
        for mesh, numbers in plain.values():
            if (mesh.low <= mesh.high).all():
                lows, highs = self._bounds(self._tree.world[numbers], mesh)
                self.boxes |= dict(zip(numbers, zip(lows, highs, strict=True), strict=True))

    def _bounds(
        self, matrices: NDArray[np.float64], mesh: MeshFigures
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the (N, 3) corners around a mesh at N places: of its box, or its outline if it is turned."""
        outline = self._outline(mesh) if turns(matrices) else None
        if outline is None:
            return box_bounds(matrices, mesh.low, mesh.high)
        return outline_bounds(matrices, outline)

    def _outline(self, mesh: MeshFigures) -> NDArray[np.float64] | None:
        """Return the (P, 3) corners of a mesh's hull; None where it is packed or large."""
        if id(mesh) not in self._outlines:
            count = sum(accessor.count for accessor in mesh.positions)
            points = None
            if count <= MOST_POINTS and not any(accessor.compressed for accessor in mesh.positions):
                points = np.concatenate(
                    [one.scaled(self._document.stored_values(one)) for one in mesh.positions]
                )
                try:
                    points = points[ConvexHull(points).vertices]
                except (QhullError, ValueError):  # flat, or too few: all of them then
                    points = np.unique(points, axis=0)
            self._outlines[id(mesh)] = points
        return self._outlines[id(mesh)]

    def _place_instances(self, number: int, mesh: MeshFigures) -> None:
        node = self._tree.nodes[number]
        attributes = node.table("extensions").table(INSTANCING).table("attributes")
        accessors = {key: self._document.accessor(attributes.integer(key)) for key in attributes.values}
        counts = {accessor.count for accessor in accessors.values()}
        if len(counts) != 1:
            raise InputError(
                f"{attributes.where}: its attributes must have one count; found {sorted(counts)}"
            )
        count = self.copies[number] = counts.pop()
        placing = {key: accessors[key] for key in accessors if key in ("TRANSLATION", "ROTATION", "SCALE")}
        for key, accessor in placing.items():
            if accessor.width != (4 if key == "ROTATION" else 3):
                raise attributes.wrong(key, "VEC4 for ROTATION, VEC3 for TRANSLATION and SCALE")
        if not (mesh.low <= mesh.high).all():
            return
        if any(accessor.compressed for accessor in placing.values()):
            self._place_by_ranges(number, mesh, placing)
            return
        parts = {key: a.scaled(self._document.stored_values(a)) for key, a in placing.items()}
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for start in range(0, count, INSTANCES_AT_ONCE):
            rows = min(INSTANCES_AT_ONCE, count - start)
            cut = slice(start, start + rows)
            local = transforms(
                parts["TRANSLATION"][cut] if "TRANSLATION" in parts else np.zeros((rows, 3)),
                parts["ROTATION"][cut] if "ROTATION" in parts else np.tile([0.0, 0.0, 0.0, 1.0], (rows, 1)),
                parts["SCALE"][cut] if "SCALE" in parts else np.ones((rows, 3)),
            )
            with np.errstate(all="ignore"):
                lows, highs = self._bounds(self._tree.world[number] @ local, mesh)
            low, high = np.minimum(low, lows.min(axis=0)), np.maximum(high, highs.max(axis=0))
        self.boxes[number] = (low, high)

    def _place_by_ranges(self, number: int, mesh: MeshFigures, placing: dict[str, Accessor]) -> None:
        """Bound packed instances by ``min`` and ``max``, turned any way; where they lack, not at all."""
        ranges = {}
        for key in placing.keys() & {"TRANSLATION", "SCALE"}:
            accessor = placing[key]
            if accessor.low is None or accessor.high is None:
                self._notes.append(f"the box leaves out {self._tree.nodes[number].where}: packed instances")
                return
            ranges[key] = np.array([accessor.scaled(accessor.low), accessor.scaled(accessor.high)])
        moved = ranges.get("TRANSLATION", np.zeros((2, 3)))
        radius = np.linalg.norm(np.maximum(np.abs(mesh.low), np.abs(mesh.high)))
        radius *= np.abs(ranges.get("SCALE", np.ones((2, 3)))).max()
        lows, highs = box_bounds(self._tree.world[number][None], moved[0] - radius, moved[1] + radius)
        self.boxes[number] = (lows[0], highs[0])
        self._notes.append("the box is wide: instances are packed, only their ranges are known")
