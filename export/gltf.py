"""glTF 2.0: one ``.glb``, or ``.gltf`` with one ``.bin`` and a ``textures`` folder.

By default plain core glTF that opens anywhere: PNG and JPEG, no extension that a client must have. Only the
sun uses one, KHR_lights_punctual, and clients may ignore it. Each further extension is an option; geometry is
made small by `worldgen.export.gltf_primitives`.

Our own writer instead of pygltflib: arrays go to the file as they are, and nodes are plain dictionaries, so
64 chunks of 129² vertices and 25,000 instances take 0.35 s of processor time beside the images (0.8 s where
tangents have to be derived) and no copy of the vertices.

Source: Khronos, glTF 2.0 specification; KHR_lights_punctual; EXT_mesh_gpu_instancing; MSFT_lod.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from worldgen import __version__
from worldgen.errors import ExportError
from worldgen.export.engine_names import make_names_harmless
from worldgen.export.files import FileSet
from worldgen.export.gltf_buffers import BinaryLayout, padding
from worldgen.export.gltf_materials import MaterialTable
from worldgen.export.gltf_nodes import light_rotation, placement_nodes
from worldgen.export.gltf_physics import add_physics
from worldgen.export.gltf_primitives import PrimitiveTable
from worldgen.export.grouping import arranged
from worldgen.export.images import EncodedImage, encode_images, safe_name
from worldgen.export.limits import SIZE_LIMIT, check_length, check_scene
from worldgen.export.options import ExportOptions
from worldgen.export.rotations import unit_rotations
from worldgen.mesh import Model
from worldgen.scene import DirectionalLight, Instances, Node, Scene


def write_glb(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write a scene as one binary file and return its path in a list.

    Raises
    ------
    ExportError : the file would pass 4 GiB, a value is not finite, or the file cannot be written.
    """
    document = _Document(scene, options or ExportOptions())
    document.check_size()
    for image, encoded in zip(document.image_objects, document.encode_images(), strict=True):
        image.update(bufferView=document.binary.image(encoded.data), mimeType=encoded.mime_type)
    text = document.json(uri=None)
    text += b" " * padding(len(text))
    length = 12 + 8 + len(text) + (8 + document.binary.length if document.binary.length else 0)
    document.check_size(length)
    with FileSet() as files, files.open(path) as stream:
        stream.write(struct.pack("<4sII", b"glTF", 2, length))
        stream.write(struct.pack("<I4s", len(text), b"JSON"))
        stream.write(text)
        if document.binary.length:
            stream.write(struct.pack("<I4s", document.binary.length, b"BIN\0"))
            document.binary.write(stream)
    return files.paths


def write_gltf(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write a scene as ``NAME.gltf``, ``NAME.bin`` and ``textures/NAME_*``; return all paths, ``.gltf`` last.

    Texture names begin with the document's name, so that two worlds can share a folder. Spaces and other
    unusual characters of NAME become ``_`` in the names of the other files: percent-encoded URIs would be
    right too, but trimesh does not decode them.

    Raises
    ------
    ExportError : as for `write_glb`.
    """
    document = _Document(scene, options or ExportOptions())
    document.check_size()
    stem = safe_name(path.stem)
    binary_path = path.with_name(f"{stem}.bin")
    # Images that stand alone say where they come from; inside of a .glb the document does.
    xmp = scene.provenance.xmp() if scene.provenance else b""
    with FileSet() as files:
        for image, encoded in zip(document.image_objects, document.encode_images(xmp), strict=True):
            file = f"textures/{stem}_{encoded.name}{encoded.suffix}"
            files.write(path.parent / file, encoded.data)
            image["uri"] = file
        if document.binary.length:
            with files.open(binary_path) as stream:
                document.binary.write(stream)
        files.write(path, document.json(uri=binary_path.name))
    return files.paths


class _Document:
    """The JSON half of a file: nodes, meshes, lights, and the tables that they refer to.

    Attributes
    ----------
    used, required : names of extensions, beside those of materials, primitives and physics.
    """

    def __init__(self, scene: Scene, options: ExportOptions) -> None:
        check_scene(scene, options, SIZE_LIMIT)
        self.options = options
        self.provenance = scene.provenance
        self.binary = BinaryLayout(compress=options.compression == "meshopt")
        self.materials = MaterialTable(options)
        scene = arranged(scene, options)
        self.primitives = PrimitiveTable(scene, options, self.binary, self.materials)
        self.used: set[str] = set()
        self.required: set[str] = set()
        self._nodes: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._lights: list[dict[str, Any]] = []
        self._mesh_of_model: dict[int, int | None] = {}
        roots = [index for node in scene.nodes if node.purpose == "visible" for index in self._add_node(node)]
        make_names_harmless(self._nodes, self._meshes, self.materials.materials)
        self._physics = add_physics(scene, options, self.binary, self._nodes, self._meshes)
        self._scene = _compact(
            name=scene.name,
            nodes=roots + self._physics.roots,
            extras={**scene.extras, **self._physics.extras},
        )
        self.image_objects: list[dict[str, Any]] = [
            {"name": image.name} for image in self.materials.images.sources
        ]

    def encode_images(self, xmp: bytes = b"") -> list[EncodedImage]:
        """Encode the images of all materials, in the order of ``image_objects``."""
        return encode_images(self.materials.images.sources, self.options, xmp)

    def check_size(self, length: int = 0) -> None:
        """Refuse a file that the format cannot hold."""
        check_length(max(length, self.binary.length), SIZE_LIMIT)

    def json(self, uri: str | None) -> bytes:
        """Return the document as UTF-8 JSON.

        Raises
        ------
        ExportError : extras or a transform hold a value that JSON lacks.
        """
        asset: dict[str, Any] = {"version": "2.0", "generator": f"worldgen {__version__}"}
        extensions = dict(self._physics.extensions)
        if self._lights:
            extensions["KHR_lights_punctual"] = {"lights": self._lights}
        if self.provenance is not None:
            asset |= {"generator": self.provenance.generator, "copyright": self.provenance.copyright}
            asset["extensions"] = {"KHR_xmp_json_ld": {"packet": 0}}
            extensions["KHR_xmp_json_ld"] = {"packets": [self.provenance.json_ld()]}
        required = self.required | self.materials.required | self.primitives.extensions
        document = _compact(
            asset=asset,
            extensionsUsed=sorted(
                required | self.used | self.materials.used | {*self._physics.used} | extensions.keys()
            ),
            extensionsRequired=sorted(required),
            extensions=extensions,
            scene=0,
            scenes=[self._scene],
            nodes=self._nodes,
            meshes=self._meshes,
            materials=self.materials.materials,
            textures=self.materials.textures,
            samplers=self.materials.samplers,
            images=self.image_objects,
            accessors=self.binary.accessors,
            bufferViews=self.binary.views,
            buffers=self.binary.buffers(uri),
        )
        try:
            text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise ExportError(f"a name, extra or transform of the scene is not JSON: {error}") from error
        return text.encode("utf-8")

    def _add_node(self, node: Node) -> list[int]:
        """Add a node and what is below it; return its index, in a list that is empty for an empty node."""
        entry: dict[str, Any] = {"name": node.name}
        index = len(self._nodes)
        self._nodes.append(entry)
        children: list[int] = []
        for child in node.children:
            if child.purpose == "visible":
                children += self._add_node(child)
        place = _place(node)
        # What a node shows stands on it, or below it where it must not move what else the node holds.
        if node.model is not None and (mesh := self._add_model(node.model)) is not None:
            moved = self.primitives.transform(node.model, node.translation)
            if moved != place and (children or node.instances is not None):
                children.append(len(self._nodes))
                inner = self.primitives.transform(node.model)
                self._nodes.append({"name": f"{node.name}_mesh", **inner, "mesh": mesh})
            else:
                place = {**moved, "mesh": mesh}
        entry.update(place)
        if node.instances is not None and len(node.instances):
            if self.options.objects != "instancing":
                children += self._add_placements(node.name, node.instances)
            elif shown := self._instancing(node.instances.model, node.instances):
                if "mesh" in entry:
                    children.append(len(self._nodes))
                    self._nodes.append({"name": f"{node.name}_instances", **shown})
                else:
                    entry.update(shown)
        if node.light is not None:
            light = self._add_light(node.light)
            if children or "mesh" in entry:
                children.append(len(self._nodes))
                self._nodes.append({"name": node.light.name, **light})
            else:
                entry.update(light)
        entry.update(_compact(children=children, extras=node.extras))
        if "mesh" in entry and self.options.levels:
            self._add_levels(node, entry)
        if len(entry) == 1:  # clients warn about a node that holds nothing
            self._nodes.pop()
            return []
        return [index]

    def _add_levels(self, node: Node, entry: dict[str, Any]) -> None:
        """Tie the coarser levels of what a node shows to it; they are nodes outside of the scene's tree."""
        instances = node.instances if node.model is None else None
        levels = instances.levels if instances is not None else node.levels
        ids, coverages = [], []
        for number, level in enumerate(levels, start=1):
            if instances is not None:
                shown = self._instancing(level.model, instances)
                place = _place(node)
            else:
                shown = _compact(mesh=self._add_model(level.model))
                place = self.primitives.transform(level.model, node.translation)
            if shown:
                ids.append(len(self._nodes))
                coverages.append(level.coverage)
                self._nodes.append({"name": f"{node.name}_lod{number}", **place, **shown})
        if ids:
            self.used.add("MSFT_lod")
            entry.setdefault("extensions", {})["MSFT_lod"] = {"ids": ids}
            # The last value is where the coarsest goes, too: 0 keeps it.
            entry["extras"] = {**entry.get("extras", {}), "MSFT_screencoverage": [*coverages, 0.0]}

    def _add_model(self, model: Model) -> int | None:
        """Return the mesh of a model, added when it is new; None when it has no triangle."""
        if id(model) not in self._mesh_of_model:
            primitives = [self.primitives.add(part, model) for part in model.primitives if part.triangles]
            if primitives:
                self._meshes.append({"name": model.name, "primitives": primitives})
            self._mesh_of_model[id(model)] = len(self._meshes) - 1 if primitives else None
        return self._mesh_of_model[id(model)]

    def _add_placements(self, name: str, instances: Instances) -> list[int]:
        """Add a node for each instance, which share a mesh."""
        mesh = self._add_model(instances.model)
        if mesh is None:
            return []
        instances = self.primitives.placements(instances, instances.model)
        first = len(self._nodes)
        self._nodes += placement_nodes(name, mesh, instances)
        return list(range(first, len(self._nodes)))

    def _instancing(self, model: Model, instances: Instances) -> dict[str, Any]:
        """Return mesh and extension of one node that shows a model many times; nothing for an empty model."""
        mesh = self._add_model(model)
        if mesh is None:
            return {}
        rotations = unit_rotations(model.name, instances)
        instances = self.primitives.placements(instances, model)
        attributes = {
            # Bounds let readers that do not unpack tell where the instances are.
            "TRANSLATION": self.binary.vertices(instances.translations, "VEC3", bounds=True),
            "ROTATION": self.binary.vertices(rotations, "VEC4"),
            "SCALE": self.binary.vertices(
                np.repeat(instances.scales[:, None], 3, axis=1), "VEC3", bounds=True
            ),
        }
        self.used.add("EXT_mesh_gpu_instancing")
        self.required.add("EXT_mesh_gpu_instancing")
        return {"mesh": mesh, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}}}

    def _add_light(self, light: DirectionalLight) -> dict[str, Any]:
        """Add a light and return what its node needs: the rotation and the extension."""
        color = [float(value) for value in light.color]
        self._lights.append(
            _compact(
                name=light.name,
                type="directional",
                color=color if color != [1.0, 1.0, 1.0] else None,
                intensity=float(light.illuminance) * self.options.light_scale,
                extras={"illuminance_lux": float(light.illuminance)},
            )
        )
        rotation = light_rotation(light.direction)
        return _compact(
            rotation=rotation if rotation != [0.0, 0.0, 0.0, 1.0] else None,
            extensions={"KHR_lights_punctual": {"light": len(self._lights) - 1}},
        )


def _place(node: Node) -> dict[str, Any]:
    """Return the JSON of where a node stands; nothing at its parent's place."""
    x, y, z = (float(value) for value in node.translation)
    return {"translation": [x, y, z]} if (x, y, z) != (0.0, 0.0, 0.0) else {}


def _compact(**entries: Any) -> dict[str, Any]:
    """Return the entries whose value says something: glTF forbids empty lists and objects."""
    return {key: value for key, value in entries.items() if value not in (None, [], {}, "")}
