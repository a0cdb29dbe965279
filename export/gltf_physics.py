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

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.gltf_buffers import BinaryLayout
from worldgen.export.options import ExportOptions
from worldgen.mesh import Model
from worldgen.scene import Instances, Node, Scene

FloatArray = NDArray[np.float64]
Json = dict[str, Any]

# Scales are rounded to 32nds of an octave, 1 % at most, so that shapes can be shared and nodes need no scale.
SCALES_PER_OCTAVE = 32

# What Godot looks for at the end of names, after digits and "_", whatever the case; or anywhere after a "$".
# Of the signs that stand before it, those after the first two become "_" in Godot.
_OF_NODES = "noimp|colonly|convcolonly|rigid|col|convcol|navmesh|occ|occonly|vehicle|wheel"
_OF_MATERIALS = "alpha|vcol"
_ACTS = re.compile(rf"""[-_.:@/"%$]({_OF_NODES}|{_OF_MATERIALS})[\d\s_.:@/"%]*$""", re.IGNORECASE)


def harmless_name(name: str) -> str:
    """Return a name on which Godot's importer does not act: ``rock_col`` would be a collider.

    >>> harmless_name("rock_col"), harmless_name("rock_colour")
    ('rock_col-part', 'rock_colour')
    """
    name = name.replace("$", "-")
    return f"{name}-part" if _ACTS.search(name) else name


def make_names_harmless(*tables: list[Json]) -> None:
    """Rename what Godot's importer would act on by accident in lists of nodes, meshes or materials."""
    for table in tables:
        for entry in table:
            if "name" in entry:
                entry["name"] = harmless_name(entry["name"])


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

    def godot(self, unseen: list[tuple[Node, FloatArray]], cell_size: float | None) -> None:
        for node, place in unseen:
            if node.model is not None and node.purpose in ("collider", "navigation"):
                suffix = "-colonly" if node.purpose == "collider" else "-navmesh"
                mesh = self._mesh(node.model.name, *_joined(node.model))
                self._root(f"{harmless_name(node.name)}{suffix}", place, mesh=mesh)
            elif _is_start(node):
                self._start(node, place)
        groups = [(node.instances, place) for node, place in unseen if node.instances and _solid(node)]
        for (row, column), positions, indices in _merged_cells(groups, cell_size):
            middle = np.round(0.5 * (positions.min(axis=0) + positions.max(axis=0)))
            name = f"objects_{row}_{column}"
            mesh = self._mesh(f"{name}_collision", positions - middle, indices)
            self._root(f"{name}-colonly", middle, mesh=mesh)

    def unreal(self, unseen: list[tuple[Node, FloatArray]]) -> None:
        names = self._names_of_meshes()
        counts: dict[str, int] = {}
        done: set[tuple[str, int]] = set()
        for node, place in unseen:
            if _is_start(node):
                self._start(node, place)
            target = names.get(harmless_name(node.extras.get("of", "")))
            if target is None or not node.instances or not _solid(node):
                continue
            if (target, id(node.instances.model)) in done:  # another species of the same kind
                continue
            done.add((target, id(node.instances.model)))
            number = counts[target] = counts.get(target, -1) + 1
            name = f"UCX_{target}_{number:02d}"
            first = node.instances
            mesh = self._mesh(name, *_joined(first.model))
            # Where the first object stands: importers that bake transforms into meshes bake the same in both.
            self._root(
                name,
                place + first.translations[0],
                mesh=mesh,
                rotation=_plain(first.rotations[0], 7),
                scale=_plain(np.repeat(first.scales[0], 3), 7),
            )

    def omi(self, unseen: list[tuple[Node, FloatArray]]) -> None:
        self._shapes: list[Json] = []
        starts = 0
        for node, place in unseen:
            if node.purpose == "navigation" and node.model is not None:
                self.physics.extras["navigation_mesh"] = self._mesh(node.model.name, *_joined(node.model))
            elif _is_start(node):
                starts += 1
                self._start(node, place, extensions={"OMI_spawn_point": {"title": node.name}})
            elif node.model is not None and node.purpose == "collider":
                mesh = self._mesh(node.model.name, *_joined(node.model))
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
            rotations = _product(rotations, _from_up((end - start) / length))
        shapes: dict[int, int] = {}
        points, indices = _joined(instances.model)
        for octave in np.unique(octaves).tolist():
            scale = 2.0 ** (octave / SCALES_PER_OCTAVE)
            if capsule is not None:
                radius = round(capsule["radius"] * scale, 4)
                sizes = {"radiusBottom": radius, "radiusTop": radius, "height": round(length * scale, 4)}
                shapes[octave] = self._shape("capsule", **sizes)
            else:
                mesh = self._mesh(f"{instances.model.name}_{len(self.meshes)}", points * scale, indices)
                shapes[octave] = self._shape("convex", mesh=mesh)
        for number, octave in enumerate(octaves.tolist()):
            rotation = _plain(rotations[number], 7)
            self._body(f"{node.name}_{number}", translations[number], shapes[octave], rotation)

    def _shape(self, kind: str, **values: Any) -> int:
        self._shapes.append({"type": kind, kind: values})
        return len(self._shapes) - 1

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


def _solid(node: Node) -> bool:
    return node.purpose == "collider" and node.instances is not None and len(node.instances) > 0


def _is_start(node: Node) -> bool:
    return node.purpose == "start" and not node.children


def _joined(model: Model) -> tuple[FloatArray, NDArray[np.uint32]]:
    """Return positions and triangles of all primitives."""
    starts = np.cumsum([0, *(len(part.positions) for part in model.primitives)])
    indices = [part.indices + np.uint32(start) for part, start in zip(model.primitives, starts, strict=False)]
    positions = np.concatenate([part.positions for part in model.primitives]).astype(np.float64)
    return positions, np.concatenate(indices)


def _merged_cells(
    groups: list[tuple[Instances, FloatArray]], cell_size: float | None
) -> Iterator[tuple[tuple[int, int], FloatArray, NDArray[np.uint32]]]:
    """Yield (row, column), world positions and triangles of all instances, by the cell that they stand in."""
    parts: dict[tuple[int, int], list[tuple[FloatArray, NDArray[np.uint32]]]] = {}
    for instances, place in groups:
        points, indices = _joined(instances.model)
        translations = instances.translations.astype(np.float64) + place
        cells = np.floor(translations[:, [2, 0]] / (cell_size or np.inf)).astype(int)
        for cell in np.unique(cells, axis=0):
            chosen = (cells == cell).all(axis=1)
            count = int(chosen.sum())
            scaled = points * instances.scales[chosen].astype(np.float64)[:, None, None]
            turned = rotated(scaled, instances.rotations[chosen].astype(np.float64)[:, None])
            starts = (np.arange(count) * len(points)).astype(np.uint32)
            parts.setdefault((int(cell[0]), int(cell[1])), []).append(
                (
                    (turned + translations[chosen][:, None]).reshape(-1, 3),
                    (indices + starts[:, None, None]).reshape(-1, 3),
                )
            )
    first = np.min([*parts], axis=0) if parts else (0, 0)
    for (row, column), pieces in sorted(parts.items()):
        ends = np.cumsum([0, *(len(positions) for positions, _ in pieces)])
        faces = [indices + np.uint32(end) for (_, indices), end in zip(pieces, ends, strict=False)]
        at = int(row - first[0]), int(column - first[1])
        yield at, np.concatenate([positions for positions, _ in pieces]), np.concatenate(faces)


def rotated(points: FloatArray, rotations: FloatArray) -> FloatArray:
    """Return points turned by quaternions x, y, z, w; both (..., 3) and (..., 4), broadcast together."""
    axis, w = rotations[..., :3], rotations[..., 3:]
    twice = 2 * np.cross(axis, points)
    return np.asarray(points + w * twice + np.cross(axis, twice))


def _product(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the quaternions that turn as ``second`` does and then as ``first``."""
    a, b = first[..., :3], second[..., :3]
    s, t = first[..., 3:], second[..., 3:]
    axis = s * b + t * a + np.cross(a, b)
    return np.concatenate([axis, s * t - (a * b).sum(axis=-1, keepdims=True)], axis=-1)


def _from_up(direction: FloatArray) -> FloatArray:
    """Return the quaternion of the shortest turn from +Y to a direction that does not point down."""
    x, y, z = direction
    quaternion = np.array([z, 0.0, -x, 1 + y])
    return np.asarray(quaternion / np.linalg.norm(quaternion))


def _plain(values: NDArray[np.floating], decimals: int) -> list[float]:
    """Round for JSON; adding 0 turns -0.0 into 0.0."""
    rounded: list[float] = (np.round(np.asarray(values, np.float64), decimals) + 0.0).tolist()
    return rounded
