"""glTF 2.0: one ``.glb``, or ``.gltf`` with one ``.bin`` and a ``textures`` folder.

By default plain core glTF that opens anywhere: PNG and JPEG, instances as nodes that share a mesh, no
extension that a client must have. Only the sun uses one, KHR_lights_punctual, and clients may ignore it.
Geometry is made small by `worldgen.export.gltf_primitives`, where the options say so.

Our own writer instead of pygltflib: arrays go to the file as they are, and nodes are plain dictionaries, so
64 chunks of 129² vertices and 25,000 instances take 0.35 s of processor time beside the images (0.8 s where
tangents have to be derived) and no copy of the vertices.

Source: Khronos, glTF 2.0 specification; KHR_lights_punctual.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from worldgen import __version__
from worldgen.errors import ExportError
from worldgen.export.files import FileSet
from worldgen.export.gltf_buffers import BinaryLayout, padding
from worldgen.export.gltf_materials import MaterialTable
from worldgen.export.gltf_nodes import light_rotation, placement_nodes
from worldgen.export.gltf_primitives import PrimitiveTable
from worldgen.export.images import EncodedImage, encode_images, safe_name
from worldgen.export.limits import SIZE_LIMIT, check_length, check_scene
from worldgen.export.options import ExportOptions
from worldgen.mesh import Mesh, Model
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
    with FileSet() as files:
        for image, encoded in zip(document.image_objects, document.encode_images(), strict=True):
            file = f"textures/{stem}_{encoded.name}{encoded.suffix}"
            files.write(path.parent / file, encoded.data)
            image["uri"] = file
        if document.binary.length:
            with files.open(binary_path) as stream:
                document.binary.write(stream)
        files.write(path, document.json(uri=binary_path.name))
    return files.paths


class _Document:
    """The JSON half of a file: nodes, meshes, lights, and the tables that they refer to."""

    def __init__(self, scene: Scene, options: ExportOptions) -> None:
        check_scene(scene, options, SIZE_LIMIT)
        self.options = options
        self.binary = BinaryLayout(compress=options.compression == "meshopt")
        self.materials = MaterialTable()
        self.primitives = PrimitiveTable(scene, options, self.binary, self.materials)
        self._nodes: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._lights: list[dict[str, Any]] = []
        self._mesh_of_model: dict[int, int | None] = {}
        self._scene = _compact(
            name=scene.name,
            nodes=[
                index for node in scene.nodes if node.purpose == "visible" for index in self._add_node(node)
            ],
            extras=scene.extras,
        )
        self.image_objects: list[dict[str, Any]] = [
            {"name": image.name} for image in self.materials.images.sources
        ]

    def encode_images(self) -> list[EncodedImage]:
        """Encode the images of all materials, in the order of ``image_objects``."""
        return encode_images(self.materials.images.sources, self.options)

    def check_size(self, length: int = 0) -> None:
        """Refuse a file that the format cannot hold."""
        check_length(max(length, self.binary.length), SIZE_LIMIT)

    def json(self, uri: str | None) -> bytes:
        """Return the document as UTF-8 JSON.

        Raises
        ------
        ExportError : extras or a transform hold a value that JSON lacks.
        """
        required = self.primitives.extensions
        document = _compact(
            asset={"version": "2.0", "generator": f"worldgen {__version__}"},
            extensionsUsed=sorted({*required, *(["KHR_lights_punctual"] if self._lights else [])}),
            extensionsRequired=sorted(required),
            extensions={"KHR_lights_punctual": {"lights": self._lights}} if self._lights else None,
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
        if node.instances is not None:
            children += self._add_instances(node.name, node.instances)
        for child in node.children:
            if child.purpose == "visible":
                children += self._add_node(child)
        mesh = self._add_model(node.model) if node.model is not None else None
        light: dict[str, Any] = {}
        if node.light is not None:
            light = self._add_light(node.light)
            if children or mesh is not None:  # the light's rotation must not turn what else the node holds
                children.append(len(self._nodes))
                self._nodes.append({"name": node.light.name, **light})
                light = {}
        x, y, z = (float(value) for value in node.translation)
        place = {"translation": [x, y, z]} if (x, y, z) != (0.0, 0.0, 0.0) else {}
        if mesh is not None and node.model is not None:
            moved = self.primitives.transform(node.model, (x, y, z))
            if children and moved != place:  # its transform must not move the node's children
                children.append(len(self._nodes))
                inner = self.primitives.transform(node.model)
                self._nodes.append({"name": f"{node.name}_mesh", "mesh": mesh, **inner})
                mesh = None
            else:
                place = moved
        entry.update(
            **place,
            **_compact(
                mesh=mesh,
                children=children,
                extras=node.extras,
            ),
            **light,
        )
        if len(entry) == 1:  # clients warn about a node that holds nothing
            self._nodes.pop()
            return []
        return [index]

    def _add_model(self, model: Model) -> int | None:
        """Return the mesh of a model, added when it is new; None when it has no triangle."""
        if id(model) not in self._mesh_of_model:
            primitives = [self._primitive(part, model) for part in model.primitives if part.triangles]
            if primitives:
                self._meshes.append({"name": model.name, "primitives": primitives})
            self._mesh_of_model[id(model)] = len(self._meshes) - 1 if primitives else None
        return self._mesh_of_model[id(model)]

    def _primitive(self, mesh: Mesh, model: Model) -> dict[str, Any]:
        return self.primitives.add(mesh, model)

    def _add_instances(self, name: str, instances: Instances) -> list[int]:
        mesh = self._add_model(instances.model) if len(instances) else None
        if mesh is None:
            return []
        instances = self.primitives.placements(instances, instances.model)
        first = len(self._nodes)
        self._nodes += placement_nodes(name, mesh, instances)
        return list(range(first, len(self._nodes)))

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


def _compact(**entries: Any) -> dict[str, Any]:
    """Return the entries whose value says something: glTF forbids empty lists and objects."""
    return {key: value for key, value in entries.items() if value not in (None, [], {}, "")}
