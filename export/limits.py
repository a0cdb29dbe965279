"""What a glTF file cannot hold, told by the shapes of arrays alone: before any memory is taken.

Source: glTF 2.0 specification, sections 3.7.2.1 (indices) and 4.4 (GLB).
"""

from __future__ import annotations

from collections.abc import Iterator

from worldgen.errors import ExportError
from worldgen.export.options import ExportOptions
from worldgen.mesh import Mesh, Model
from worldgen.scene import Scene

SIZE_LIMIT = 2**32 - 1  # a GLB's length fields are uint32
MOST_VERTICES = 2**32 - 1  # the last has index 2**32 - 2; one more would mean "restart the strip"


def check_length(length: int, limit: int = SIZE_LIMIT) -> None:
    """Refuse a file of so many bytes.

    Raises
    ------
    ExportError : it is above the limit.
    """
    if length > limit:
        raise ExportError(
            f"the world would take {length / 2**30:.2f} GiB, and glTF ends at 4 GiB: "
            "use fewer vertices or objects, or export the world in tiles"
        )


def check_scene(scene: Scene, options: ExportOptions, limit: int = SIZE_LIMIT) -> None:
    """Refuse a scene that no glTF file can hold.

    Raises
    ------
    ExportError : a mesh has more vertices than indices can tell apart, or the vertices and triangles alone
        would pass the limit. What is compressed is not counted: its size shows when it is done.
    """
    for model in _models(scene):
        for mesh in model.primitives:
            if len(mesh.positions) > MOST_VERTICES:
                raise ExportError(
                    f"'{model.name}' has a mesh of {len(mesh.positions):,} vertices, and glTF's indices end "
                    f"at {MOST_VERTICES:,}: cut it into several"
                )
    if options.compression is None:
        check_length(least_bytes(scene, options), limit)


def least_bytes(scene: Scene, options: ExportOptions) -> int:
    """Return a number of bytes below which the file cannot stay without compression.

    Arrays that several meshes share are counted once, and of triangles and texture coordinates, which equal
    chunks have in common, only one array of each shape.
    """
    position, vector, tangent, pair = (8, 4, 4, 4) if options.quantize else (12, 12, 16, 8)
    seen: set[int | tuple[str, int]] = set()
    total = 0
    for model in _models(scene):
        for mesh in model.primitives:
            wanted = [
                (mesh.positions, position),
                (mesh.normals, vector),
                (mesh.velocity, 8),
                (mesh.colors, 8),
            ]
            if mesh.material.normal is not None:
                wanted.append((mesh.tangents, tangent))
            for array, size in wanted:
                if array is not None and id(array) not in seen:
                    seen.add(id(array))
                    total += len(array) * size
            index = 6 if len(mesh.positions) <= 65535 else 12
            for key, size in (
                (("triangles", len(mesh.indices)), index),
                (("texcoords", len(mesh.positions)), pair if is_textured(mesh) else 0),
            ):
                if key not in seen:
                    seen.add(key)
                    total += key[1] * size
    return total


def is_textured(mesh: Mesh) -> bool:
    """Whether texture coordinates are of use."""
    material = mesh.material
    return any(image is not None for image in (material.base_color, material.normal, material.orm))


def _models(scene: Scene) -> Iterator[Model]:
    for node in scene.walk():
        if node.model is not None:
            yield node.model
        if node.instances is not None and len(node.instances):
            yield node.instances.model
