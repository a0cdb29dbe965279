"""The figures of a glTF file: what a client draws and holds in memory when it shows the default scene.

Counts come from accessors, boxes from ``min`` and ``max`` of POSITION: compressed geometry needs no decoder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.costs import Corner, Inspection, LevelCost, NodeCost, PartCost, Unseen
from worldgen.export.gltf_meshes import MeshReader
from worldgen.export.gltf_placing import INSTANCING, Placing
from worldgen.export.gltf_reading import Document, read_document
from worldgen.export.gltf_textures import ImageTable
from worldgen.export.gltf_tree import read_tree, unseen_convention
from worldgen.export.json_fields import Fields

INSTANCE_BYTES = 64  # one 4 x 4 float matrix


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
        mesh_fields = self.json.tables("meshes")
        nodes = self.tree.nodes
        self.mesh_of = {
            number: nodes[number].integer("mesh", below=len(mesh_fields))
            for number in self._loaded()
            if "mesh" in nodes[number].values
        }
        reader = MeshReader(document, self.notes)
        self.meshes = {
            number: reader.read(mesh_fields[number]) for number in sorted(set(self.mesh_of.values()))
        }
        self.unseen = {
            number: convention
            for number in self.mesh_of
            if (convention := unseen_convention(nodes[number].text("name"))) is not None
        }
        placing = Placing(document, self.tree, self.notes)
        placing.place({number: self.meshes[mesh] for number, mesh in self.mesh_of.items()})
        self.copies, self.boxes = placing.copies, placing.boxes

    def _loaded(self) -> list[int]:
        """Nodes that the scene draws, and below the coarser levels of those."""
        loaded = dict.fromkeys(self.tree.drawn)
        for number in self.tree.drawn:
            for level in self.tree.levels.get(number, []):
                loaded |= dict.fromkeys(self.tree.below(level))
        return list(loaded)

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
            self.notes.append(
                f"draw calls that are blended and double-sided, which three.js draws twice: {doubles}"
            )
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
