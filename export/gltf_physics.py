"""Colliders, navigation mesh and player starts in glTF, as each engine wants them named or marked.

``"godot"``: names that end in ``-colonly`` and ``-navmesh``, which its importer turns into static bodies and
a navigation region. Objects are merged to one collision mesh a cell: a body for each of 10,000 trees is what
loads slowly, and bodies should not be scaled. Other clients show these meshes, so only this file has them.

``"unreal"``: ``UCX_NAME_00``, a convex mesh that becomes the collision of the mesh NAME. Ground is not
convex: set the terrain's meshes to use complex collision as simple, or import the heightmap as a landscape.
Unreal makes its own navigation mesh.

``"omi"``: OMI_physics_shape, OMI_physics_body, OMI_spawn_point; unaware clients show nothing of it. There is
no such extension for navigation: the mesh stands in the file, shown by no node, and the scene's extras name
it as ``navigation_mesh``.

Sources: Godot 4, resource_importer_scene.cpp; Unreal 5, InterchangeGenericMeshPipeline; OMI glTF extensions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.collider_shapes import joined, merged_cells
from worldgen.export.engine_names import harmless_name
from worldgen.export.gltf_buffers import BinaryLayout
from worldgen.export.options import ExportOptions
from worldgen.export.rotations import product, rotated, turn_from_up
from worldgen.scene import Instances, Node, Scene

FloatArray = NDArray[np.float64]
Json = dict[str, Any]

# Scales are rounded to 32nds of an octave, 1 % at most, so that shapes can be shared and nodes need no scale.
SCALES_PER_OCTAVE = 32


@dataclass
class Physics:
    """What the writer adds to a document.

    Attributes
    ----------
    roots : indices of nodes for the scene.
    extensions : of the document, by name.
    used : names for ``extensionsUsed``.
    extras : for the scene.
    """

    roots: list[int] = field(default_factory=list)
    extensions: Json = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    extras: Json = field(default_factory=dict)


def add_physics(
    scene: Scene, options: ExportOptions, binary: BinaryLayout, nodes: list[Json], meshes: list[Json]
) -> Physics:
    """Append what is not seen of a scene to a document's nodes and meshes, as ``options.colliders`` says."""
    writer = _Writer(binary, nodes, meshes)
    unseen = [found for node in scene.nodes for found in _unseen(node, (0.0, 0.0, 0.0))]
    if options.colliders == "godot":
        writer.godot(unseen, options.cell_size)
    elif options.colliders == "unreal":
        writer.unreal(unseen)
    elif options.colliders == "omi":
        writer.omi(unseen)
    return writer.physics


def _unseen(node: Node, offset: tuple[float, float, float]) -> Iterator[tuple[Node, FloatArray]]:
    """Yield each node that is not drawn, with the world position of its origin."""
    place = np.add(offset, node.translation)
    if node.purpose != "visible":
        yield node, place
    for child in node.children:
        yield from _unseen(child, (float(place[0]), float(place[1]), float(place[2])))


class _Writer:
    def __init__(self, binary: BinaryLayout, nodes: list[Json], meshes: list[Json]) -> None:
        self.binary, self.nodes, self.meshes = binary, nodes, meshes
        self.physics = Physics()
        self._shapes: list[Json] = []
        self._index_of_shape: dict[str, int] = {}
        self._hulls: dict[tuple[int, int], int] = {}

    def godot(self, unseen: list[tuple[Node, FloatArray]], cell_size: float | None) -> None:
        for node, place in unseen:
            if node.model is not None and node.purpose in ("collider", "navigation"):
                suffix = "-colonly" if node.purpose == "collider" else "-navmesh"
                mesh = self._mesh(node.model.name, *joined(node.model))
                self._root(f"{harmless_name(node.name)}{suffix}", place, mesh=mesh)
            elif _is_start(node):
                self._start(node, place)
        groups = [(node.instances, place) for node, place in unseen if node.instances and _solid(node)]
        for (row, column), positions, indices in merged_cells(groups, cell_size):
            middle = np.round(0.5 * (positions.min(axis=0) + positions.max(axis=0)))
            name = f"objects_{row}_{column}"
            mesh = self._mesh(f"{name}_collision", positions - middle, indices)
            self._root(f"{name}-colonly", middle, mesh=mesh)

    def unreal(self, unseen: list[tuple[Node, FloatArray]]) -> None:
        names = self._names_of_meshes()
        counts: dict[str, int] = {}
        done: set[tuple[str, int]] = set()  # species of one kind share a mesh
        for node, place in unseen:
            if _is_start(node):
                self._start(node, place)
            if node.instances is None or not _solid(node):
                continue
            for target in _levels_of(node.extras.get("of", ""), names):
                if (target, id(node.instances.model)) in done:
                    continue
                done.add((target, id(node.instances.model)))
                counts[target] = counts.get(target, -1) + 1
                self._hull(f"UCX_{target}_{counts[target]:02d}", node.instances, place)

    def _hull(self, name: str, instances: Instances, place: FloatArray) -> None:
        """Add a convex mesh where the first object stands, so that transforms that are baked fit it, too."""
        self._root(
            name,
            place + instances.translations[0],
            mesh=self._mesh(name, *joined(instances.model)),
            rotation=_plain(instances.rotations[0], 7),
            scale=_plain(np.repeat(instances.scales[0], 3), 7),
        )

    def omi(self, unseen: list[tuple[Node, FloatArray]]) -> None:
        starts = 0
        for node, place in unseen:
            if node.purpose == "navigation" and node.model is not None:
                self.physics.extras["navigation_mesh"] = self._mesh(node.model.name, *joined(node.model))
            elif _is_start(node):
                starts += 1
                self._start(node, place, extensions={"OMI_spawn_point": {"title": node.name}})
            elif node.model is not None and node.purpose == "collider":
                mesh = self._mesh(node.model.name, *joined(node.model))
                self._body(node.name, place, self._shape("trimesh", mesh=mesh))
            elif node.instances and _solid(node):
                self._placed_bodies(node, node.instances, place)
        if self._shapes:
            self.physics.extensions["OMI_physics_shape"] = {"shapes": self._shapes}
            self.physics.used += ["OMI_physics_body", "OMI_physics_shape"]
        if starts:
            self.physics.used.append("OMI_spawn_point")

    def _placed_bodies(self, node: Node, instances: Instances, place: FloatArray) -> None:
        """Add a static body for each object; objects of about one size share their shape."""
        octaves = np.rint(np.log2(instances.scales.astype(np.float64)) * SCALES_PER_OCTAVE).astype(int)
        scales = 2.0 ** (octaves / SCALES_PER_OCTAVE)
        translations = instances.translations + place
        rotations = instances.rotations.astype(np.float64)
        capsule = node.extras.get("capsule")
        if capsule is not None:
            start, end = np.array(capsule["start"]), np.array(capsule["end"])
            length = float(np.linalg.norm(end - start))
            middle = np.broadcast_to(0.5 * (start + end), translations.shape) * scales[:, None]
            translations = translations + rotated(middle, rotations)
            rotations = product(rotations, turn_from_up((end - start) / length))
        shapes: dict[int, int] = {}
        points, indices = joined(instances.model)
        for octave in np.unique(octaves).tolist():
            scale = 2.0 ** (octave / SCALES_PER_OCTAVE)
            if capsule is not None:
                radius = round(capsule["radius"] * scale, 4)
                # A capsule's height changed its meaning between drafts, a cylinder's did not; the radius was
                # one and became two. Godot 4 reads the older, where what is missing is half a metre.
                sizes = {"radius": radius, "radiusBottom": radius, "radiusTop": radius}
                shapes[octave] = self._shape("cylinder", **sizes, height=round(length * scale, 4))
            else:
                key = (id(instances.model), octave)
                if key not in self._hulls:
                    name = f"{instances.model.name}_{len(self.meshes)}"
                    self._hulls[key] = self._mesh(name, points * scale, indices)
                shapes[octave] = self._shape("convex", mesh=self._hulls[key])
        for number, octave in enumerate(octaves.tolist()):
            rotation = _plain(rotations[number], 7)
            self._body(f"{node.name}_{number}", translations[number], shapes[octave], rotation)

    def _shape(self, kind: str, **values: Any) -> int:
        """Return the index of a shape, added when it is new."""
        key = json.dumps([kind, values])
        if key not in self._index_of_shape:
            self._index_of_shape[key] = len(self._shapes)
            self._shapes.append({"type": kind, kind: values})
        return self._index_of_shape[key]

    def _body(self, name: str, place: FloatArray, shape: int, rotation: list[float] | None = None) -> None:
        extensions = {"OMI_physics_body": {"collider": {"shape": shape}}}
        self._root(name, place, rotation=rotation, extensions=extensions)

    def _start(self, node: Node, place: FloatArray, **entries: Any) -> None:
        half = np.radians(node.yaw) / 2
        rotation = _plain(np.array([0.0, np.sin(half), 0.0, np.cos(half)]), 7)
        self._root(node.name, place, rotation=rotation, extras={"purpose": "start", **node.extras}, **entries)

    def _root(self, name: str, place: FloatArray, **entries: Any) -> None:
        entry: Json = {"name": name, "translation": _plain(place, 5)}
        entry.update({key: value for key, value in entries.items() if value is not None})
        self.physics.roots.append(len(self.nodes))
        self.nodes.append(entry)

    def _mesh(self, name: str, positions: FloatArray, indices: NDArray[np.uint32]) -> int:
        """Add a mesh of positions alone: what is not drawn needs neither normals nor a material."""
        primitive = {
            "attributes": {
                "POSITION": self.binary.vertices(positions.astype(np.float32), "VEC3", bounds=True)
            },
            "indices": self.binary.indices(indices, len(positions)),
        }
        self.meshes.append({"name": name, "primitives": [primitive]})
        return len(self.meshes) - 1

    def _names_of_meshes(self) -> dict[str, str]:
        """Return what Unreal calls each mesh: by its only node where there is one, else by itself."""
        showing: dict[int, list[Json]] = {}
        for node in self.nodes:
            if "mesh" in node:
                showing.setdefault(node["mesh"], []).append(node)
        names = {}
        for index, mesh in enumerate(self.meshes):
            shown = showing.get(index, [])
            only = shown[0]["name"] if len(shown) == 1 and "children" not in shown[0] else None
            names[mesh["name"]] = only or mesh["name"]
        return names


def _levels_of(mesh: str, names: dict[str, str]) -> list[str]:
    """Return what the mesh of that name is called, or without it what other levels of the same thing are."""
    if harmless_name(mesh) in names:
        return [names[harmless_name(mesh)]]
    stem = re.sub(r"_lod\d+$", "_lod", mesh)
    return [name for own, name in names.items() if stem.endswith("_lod") and own.startswith(stem)]


def _solid(node: Node) -> bool:
    return node.purpose == "collider" and node.instances is not None and len(node.instances) > 0


def _is_start(node: Node) -> bool:
    return node.purpose == "start" and not node.children


def _plain(values: NDArray[np.floating], decimals: int) -> list[float]:
    """Round for JSON; adding 0 turns -0.0 into 0.0."""
    rounded: list[float] = (np.round(np.asarray(values, np.float64), decimals) + 0.0).tolist()
    return rounded
