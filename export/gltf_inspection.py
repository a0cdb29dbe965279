"""The figures of a glTF file: what a client draws and holds in memory when it shows the default scene.

Counts come from accessors, boxes from ``min`` and ``max`` of POSITION: compressed geometry needs no decoder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.costs import Corner, Inspection, LevelCost, NodeCost, PartCost, Unseen
from worldgen.export.gltf_reading import Accessor, Document, read_document
from worldgen.export.gltf_textures import ImageTable
from worldgen.export.gltf_tree import box_bounds, read_tree, transforms, unseen_convention
from worldgen.export.json_fields import Fields

INSTANCING = "EXT_mesh_gpu_instancing"
DRACO = "KHR_draco_mesh_compression"
INSTANCE_BYTES = 64  # one 4 x 4 float matrix
INSTANCES_AT_ONCE = 1 << 16
TRIANGLES, STRIP, FAN = 4, 5, 6


@dataclass
class _Mesh:
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


def inspect_gltf(path: Path) -> Inspection:
    """Inspect a ``.glb`` or ``.gltf``.

    Raises
    ------
    InputError : the file, or one that it refers to, is absent or not as the specification says.
    """
    document = read_document(path)
    return _Figures(document).inspection(path)


class _Figures:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.json = document.json
        self.material_fields = self.json.tables("materials")
        self.tree = read_tree(self.json)
        self.notes: list[str] = []
        self._checked: set[tuple[Any, ...]] = set()
        mesh_fields = self.json.tables("meshes")
        nodes = self.tree.nodes
        self.mesh_of = {
            number: nodes[number].integer("mesh", below=len(mesh_fields))
            for number in self._loaded()
            if "mesh" in nodes[number].values
        }
        self.meshes = {
            number: self._read_mesh(mesh_fields[number]) for number in sorted(set(self.mesh_of.values()))
        }
        self.unseen = {
            number: convention
            for number in self.mesh_of
            if (convention := unseen_convention(nodes[number].text("name"))) is not None
        }
        self.copies: dict[int, int] = {}
        self.boxes: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._place()

    def _loaded(self) -> list[int]:
        """Nodes that the scene draws, and below the coarser levels of those."""
        loaded = dict.fromkeys(self.tree.drawn)
        for number in self.tree.drawn:
            for level in self.tree.levels.get(number, []):
                loaded |= dict.fromkeys(self.tree.below(level))
        return list(loaded)

    def _read_mesh(self, entry: Fields) -> _Mesh:
        mesh = _Mesh(entry.text("name"))
        for primitive in entry.tables("primitives"):
            self._read_primitive(mesh, primitive)
        return mesh

    def _read_primitive(self, mesh: _Mesh, primitive: Fields) -> None:
        document = self.document
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
            packed = DRACO in primitive.table("extensions")
            if not packed and not indices.compressed:
                self._check_indices(indices, vertices)
        count = {TRIANGLES: corners // 3, STRIP: corners - 2, FAN: corners - 2}.get(mode, 0)
        mesh.triangles += max(0, count)
        mesh.vertices += vertices
        mesh.draw_calls += 1
        material = primitive.index("material", len(self.material_fields))
        if material is not None:
            mesh.materials.append(material)
            entry = self.material_fields[material]
            mesh.double_draw_calls += entry.text("alphaMode") == "BLEND" and entry.flag("doubleSided")

    def _box(self, position: Accessor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if position.low is not None and position.high is not None:
            low, high = position.scaled(position.low), position.scaled(position.high)
        else:
            values = position.scaled(self.document.stored_values(position))
            low, high = values.min(axis=0), values.max(axis=0)
            self.notes.append(f"{position.where} has no min and max, which the specification wants")
        if not (low <= high).all():  # false for NaN too
            raise InputError(f"{position.where}: its min and max are not in order")
        return low, high

    def _check_indices(self, indices: Accessor, vertices: int) -> None:
        """Refuse indices past the last vertex: GPUs draw garbage or nothing, and say nothing."""
        if (*indices.key, vertices) in self._checked:
            return
        self._checked.add((*indices.key, vertices))
        largest = int(self.document.stored_values(indices).max())
        if largest >= vertices:
            raise InputError(f"{indices.where}: found index {largest}; allowed: 0 .. {vertices - 1}")

    def _place(self) -> None:
        """Count the copies of each node's mesh and find its box, all nodes of a mesh at once."""
        plain: dict[int, list[int]] = {}
        for number, mesh in self.mesh_of.items():
            node = self.tree.nodes[number].values
            if "extensions" in node and INSTANCING in self.tree.nodes[number].table("extensions"):
                self._place_instances(number, self.meshes[mesh])
            else:
                self.copies[number] = 1
                plain.setdefault(mesh, []).append(number)
        for mesh, numbers in plain.items():
            low, high = self.meshes[mesh].low, self.meshes[mesh].high
            if (low <= high).all():
                lows, highs = box_bounds(self.tree.world[numbers], low, high)
                self.boxes |= dict(zip(numbers, zip(lows, highs, strict=True), strict=True))

    def _place_instances(self, number: int, mesh: _Mesh) -> None:
        node = self.tree.nodes[number]
        attributes = node.table("extensions").table(INSTANCING).table("attributes")
        accessors = {key: self.document.accessor(attributes.integer(key)) for key in attributes.values}
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
        parts = {key: a.scaled(self.document.stored_values(a)) for key, a in placing.items()}
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
                lows, highs = box_bounds(self.tree.world[number] @ local, mesh.low, mesh.high)
            low, high = np.minimum(low, lows.min(axis=0)), np.maximum(high, highs.max(axis=0))
        self.boxes[number] = (low, high)

    def _place_by_ranges(self, number: int, mesh: _Mesh, placing: dict[str, Accessor]) -> None:
        """Bound packed instances by ``min`` and ``max``, turned any way; where they lack, not at all."""
        ranges = {}
        for key in placing.keys() & {"TRANSLATION", "SCALE"}:
            accessor = placing[key]
            if accessor.low is None or accessor.high is None:
                self.notes.append(f"the box leaves out {self.tree.nodes[number].where}: packed instances")
                return
            ranges[key] = np.array([accessor.scaled(accessor.low), accessor.scaled(accessor.high)])
        moved = ranges.get("TRANSLATION", np.zeros((2, 3)))
        radius = np.linalg.norm(np.maximum(np.abs(mesh.low), np.abs(mesh.high)))
        radius *= np.abs(ranges.get("SCALE", np.ones((2, 3)))).max()
        lows, highs = box_bounds(self.tree.world[number][None], moved[0] - radius, moved[1] + radius)
        self.boxes[number] = (lows[0], highs[0])
        self.notes.append("the box is wide: instances are packed, only their ranges are known")

    # Sums

    def _triangles(self, numbers: Iterable[int]) -> int:
        return sum(self.meshes[self.mesh_of[n]].triangles * self.copies[n] for n in numbers)

    def _draw_calls(self, numbers: Iterable[int]) -> int:
        return sum(self.meshes[self.mesh_of[n]].draw_calls for n in numbers)

    def _batched(self, numbers: Iterable[int]) -> int:
        return sum(self.meshes[mesh].draw_calls for mesh in {self.mesh_of[n] for n in numbers})

    def _materials(self, numbers: Iterable[int]) -> set[int]:
        meshes = {self.mesh_of[number] for number in numbers}
        return {material for mesh in meshes for material in self.meshes[mesh].materials}

    def _union(self, numbers: Iterable[int]) -> tuple[Corner, Corner] | None:
        boxes = [self.boxes[number] for number in numbers if number in self.boxes]
        if not boxes:
            return None
        low = np.min([box[0] for box in boxes], axis=0)
        high = np.max([box[1] for box in boxes], axis=0)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError(f"{self.json.at('nodes')}: their transforms are not finite")
        return _corner(low), _corner(high)

    def _levels(self, shown: list[int]) -> tuple[LevelCost, ...]:
        """Return what is drawn at each level; a node with fewer levels keeps its coarsest."""
        switching = [number for number in self.tree.drawn if self.tree.levels.get(number)]
        if not switching:
            return ()
        visible = set(shown)
        under = {n: [m for m in self.tree.below(n) if m in visible] for n in switching}
        steady = visible - {number for below in under.values() for number in below}
        costs = []
        for level in range(1 + max(len(self.tree.levels[number]) for number in switching)):
            numbers = list(steady)
            for number in switching:
                ids = self.tree.levels[number]
                if level == 0:
                    numbers += under[number]
                else:
                    below = self.tree.below(ids[min(level, len(ids)) - 1])
                    numbers += [n for n in below if n in self.mesh_of]
            costs.append(LevelCost(level, self._triangles(numbers), self._draw_calls(numbers)))
        return tuple(costs)

    def _rows(self, shown: list[int], images: ImageTable) -> tuple[NodeCost, ...]:
        groups: dict[tuple[int, int], list[int]] = {}
        for number in shown:
            groups.setdefault((self.tree.parents[number], self.mesh_of[number]), []).append(number)
        rows = []
        for (_, mesh), numbers in groups.items():
            box = self._union(numbers)
            name = self.tree.nodes[numbers[0]].text("name") or self.meshes[mesh].name or f"node {numbers[0]}"
            rows.append(
                NodeCost(
                    name=name,
                    nodes=len(numbers),
                    triangles=self._triangles(numbers),
                    draw_calls=self._draw_calls(numbers),
                    instances=sum(self.copies[number] for number in numbers),
                    texture_memory_bytes=images.memory(self.meshes[mesh].materials),
                    size=_corner(np.subtract(box[1], box[0])) if box else None,
                )
            )
        return tuple(sorted(rows, key=lambda row: (-row.triangles, -row.draw_calls, row.name)))

    def _parts(self, shown: list[int], images: ImageTable) -> tuple[PartCost, ...]:
        visible = set(shown)
        branches: dict[str, list[int]] = {}
        for number, top in zip(self.tree.drawn, self.tree.tops, strict=True):
            if number in visible:
                name = self.tree.nodes[top].text("name") or f"node {top}"
                branches.setdefault(family(name), []).append(number)
        parts = []
        for name, numbers in branches.items():
            memory = images.memory(self._materials(numbers))
            parts.append(
                PartCost(
                    name,
                    self._triangles(numbers),
                    self._draw_calls(numbers),
                    self._batched(numbers),
                    memory,
                )
            )
        return tuple(sorted(parts, key=lambda part: (-part.triangles, part.name)))

    def inspection(self, path: Path) -> Inspection:
        tree, json = self.tree, self.json
        shown = [number for number in tree.drawn if number in self.mesh_of and number not in self.unseen]
        unseen = [number for number in tree.drawn if number in self.unseen]
        loaded = [number for number in self.mesh_of if number not in self.unseen]
        meshes = [self.meshes[mesh] for mesh in sorted({self.mesh_of[number] for number in loaded})]
        used = sorted(self._materials(loaded))
        images = ImageTable(self.document, used)
        copies = Counter[int]()
        for number in shown:
            copies[self.mesh_of[number]] += self.copies[number]
        stored: dict[tuple[Any, ...], int] = {}
        for mesh in meshes:
            stored |= mesh.stored
        gpu_instances = sum(self.copies[n] for n in loaded if INSTANCING in tree.nodes[n].table("extensions"))
        doubles = sum(self.meshes[self.mesh_of[number]].double_draw_calls for number in shown)
        if doubles:
            self.notes.append(f"{doubles} draw calls are blended and double-sided: three.js draws them twice")
        if tree.hidden_levels:
            self.notes.append(
                f"the scene holds {tree.hidden_levels} coarser levels: clients without MSFT_lod draw all"
            )
        if unseen:
            self.notes.append(
                f"{len(unseen)} nodes are named as collision or navigation meshes and not counted: "
                "only the engine that knows the names leaves them undrawn"
            )
        shown_meshes = {self.mesh_of[number] for number in shown}
        extensions = [tree.nodes[number].table("extensions") for number in tree.drawn]
        return Inspection(
            path=path,
            format=self.document.form,
            file_bytes=path.stat().st_size,
            external_files=tuple(self.document.resources.sizes.items()),
            triangles=self._triangles(shown),
            vertices=sum(self.meshes[self.mesh_of[n]].vertices * self.copies[n] for n in shown),
            stored_vertices=sum(self.meshes[mesh].vertices for mesh in shown_meshes),
            draw_calls=self._draw_calls(shown),
            batched_draw_calls=self._batched(shown),
            double_draw_calls=doubles,
            instances=sum(count for count in copies.values() if count > 1),
            nodes=len(tree.drawn),
            meshes=len(shown_meshes),
            materials=tuple(self.material_fields[m].text("name") or f"material {m}" for m in used),
            textures=tuple(images.costs),
            texture_memory_bytes=images.total_memory,
            fallback_texture_memory_bytes=images.fallback_memory,
            geometry_memory_bytes=sum(stored.values()) + INSTANCE_BYTES * gpu_instances,
            index_bits=max((mesh.index_bits for mesh in meshes), default=0),
            bounds=self._union(shown),
            levels=self._levels(shown),
            parts=self._parts(shown, images),
            rows=self._rows(shown, images),
            extensions_used=json.texts("extensionsUsed"),
            extensions_required=json.texts("extensionsRequired"),
            lights=sum("KHR_lights_punctual" in extension for extension in extensions),
            cameras=sum("camera" in tree.nodes[number] for number in tree.drawn),
            animations=len(json.tables("animations")),
            unseen=Unseen(
                len(unseen),
                self._triangles(unseen),
                self._draw_calls(unseen),
                tuple(sorted({self.unseen[number] for number in unseen})),
            ),
            provenance=_provenance(json),
            notes=tuple(dict.fromkeys(self.notes)),
        )


def family(name: str) -> str:
    """Return a name without the numbers at its end: ``rock_17`` and ``rock_18`` are one part of a scene."""
    return re.sub(r"([\s._-]*\d+)+$", "", name) or name


def _corner(values: NDArray[np.float64]) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _provenance(json: Fields) -> dict[str, Any]:
    """Return what the file says of its making: asset, XMP packet, extras of the scene."""
    asset = json.table("asset")
    found: dict[str, Any] = {key: asset.text(key) for key in ("generator", "copyright") if key in asset}
    packets = json.table("extensions").table("KHR_xmp_json_ld").tables("packets")
    reference = asset.table("extensions").table("KHR_xmp_json_ld")
    if packets and "packet" in reference:
        found["xmp"] = packets[reference.integer("packet", below=len(packets))].values
    scenes = json.tables("scenes")
    number = json.index("scene", len(scenes)) or 0 if scenes else 0
    extras = scenes[number].values.get("extras") if scenes else None
    if isinstance(extras, dict) and extras:
        found["scene"] = extras
    return found
