"""Placed objects by squares of ground: split for instancing and culling, or merged to a few meshes.

A client draws a wood slowly if each tree is a node of its own; one mesh for a square of ground and a material
it draws at once. Both ways take a scene and give another; `arranged` picks one by the options.

Squares lie on a grid over the world's axes, so that what stands together is drawn, or left out of the view,
together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.export.limits import check_length
from worldgen.export.options import ExportOptions
from worldgen.export.rotations import rotation_matrices
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Level, Node, Scene

VERTEX_BYTES = 32  # position, normal, texture coordinates
TRIANGLE_BYTES = 12

Cell = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Placed:
    """Instances out of the tree: their translations are in world axes.

    Attributes
    ----------
    name : of the node that held them.
    translations : (N, 3) float64, metres.
    """

    name: str
    instances: Instances
    translations: NDArray[np.float64]


def arranged(scene: Scene, options: ExportOptions) -> Scene:
    """Return the scene with its objects grouped as the options ask.

    Squares grow from ``options.cell_size`` until the scene needs at most ``options.maximum_draw_calls``; one
    square is the most that can be done.
    """
    way, unrolled = options.objects, merged_bytes(scene)
    if way == "auto":
        fits = options.maximum_draw_calls is not None or unrolled <= options.maximum_merged_bytes
        way = "merged" if fits else "nodes"
    if way == "nodes":
        return scene
    if way == "merged":
        check_length(unrolled)  # before it takes memory
    bare, placed = without_instances(scene)
    if not placed:
        return scene
    size = _cell_size(bare, placed, way == "merged", options)
    cells = []
    for (row, column), middle, parts in in_cells(placed, size):
        name = f"objects_{row}_{column}"
        if way == "merged":
            children = tuple(_merged_nodes(name, parts, options.levels))
        else:
            children = tuple(Node(part.name, instances=part.instances) for part in parts)
        cells.append(Node(name, translation=middle, children=children))
    return replace(bare, nodes=(*bare.nodes, Node("objects", children=tuple(cells))))


def merged_bytes(scene: Scene) -> int:
    """Return the bytes of all placed objects when each has vertices of its own."""
    return sum(
        len(node.instances) * (VERTEX_BYTES * len(mesh.positions) + TRIANGLE_BYTES * mesh.triangles)
        for node in scene.walk()
        if node.instances
        for mesh in node.instances.model.primitives
    )


def without_instances(scene: Scene) -> tuple[Scene, list[Placed]]:
    """Take the instances out of a scene's visible nodes; return what is left, and them.

    Nodes that held nothing else are left out.
    """
    placed: list[Placed] = []

    def strip(node: Node, origin: NDArray[np.float64]) -> Node | None:
        if node.purpose != "visible":
            return node
        place = origin + np.asarray(node.translation, np.float64)
        if node.instances is not None and len(node.instances):
            placed.append(Placed(node.name, node.instances, node.instances.translations + place))
        children = tuple(kept for child in node.children if (kept := strip(child, place)))
        if not children and node.model is None and node.light is None:
            return None
        return replace(node, instances=None, children=children)

    nodes = tuple(kept for node in scene.nodes if (kept := strip(node, np.zeros(3))))
    return replace(scene, nodes=nodes), placed


def in_cells(
    placed: Sequence[Placed], size: float | None
) -> Iterator[tuple[Cell, tuple[float, float, float], list[Placed]]]:
    """Yield ((row, column), its middle in metres, what stands in it) for each square, row by row.

    The parts' instances are relative to the middle; their order is that of ``placed``. Row and column count
    from the north-western square that holds anything.

    Parameters
    ----------
    size : metres a side; None means one square round the world's origin.
    """
    places = [_cells(part, size) for part in placed]
    side = size or 2 * max(float(np.abs(part.translations).max()) for part in placed)
    north, west = np.concatenate(places).min(axis=0).tolist()
    for row, column in np.unique(np.concatenate(places), axis=0).tolist():
        middle = np.array([0.0, 0.0, 0.0] if size is None else [(column + 0.5) * size, 0, (row + 0.5) * size])
        parts = []
        for part, place in zip(placed, places, strict=True):
            here = (place == (row, column)).all(axis=1)
            if here.any():
                instances = replace(
                    part.instances,
                    translations=(part.translations[here] - middle).astype(np.float32),
                    rotations=part.instances.rotations[here],
                    scales=part.instances.scales[here],
                    levels=_levels_of_square(part.instances, side),
                )
                parts.append(Placed(part.name, instances, part.translations[here]))
        yield (row - north, column - west), (float(middle[0]), 0.0, float(middle[2])), parts


def merged_mesh(parts: Sequence[tuple[Mesh, Instances]]) -> Mesh:
    """Return one mesh of all instances of several meshes, which share a material.

    Tangents, colors and velocity are kept where every mesh has them.
    """
    corners = np.cumsum([0, *(len(mesh.positions) * len(placed) for mesh, placed in parts)])
    arrays = {
        "positions": [_turned(mesh.positions, placed, place=True) for mesh, placed in parts],
        "normals": [_turned(mesh.normals, placed) for mesh, placed in parts],
        "texcoords": [np.tile(mesh.texcoords, (len(placed), 1)) for mesh, placed in parts],
        "indices": [
            (
                mesh.indices[None]
                + (first + len(mesh.positions) * np.arange(len(placed)))[:, None, None].astype(np.uint32)
            ).reshape(-1, 3)
            for first, (mesh, placed) in zip(corners[:-1], parts, strict=True)
        ],
    }
    for name in ("colors", "velocity"):
        if all(getattr(mesh, name) is not None for mesh, _ in parts):
            arrays[name] = [np.tile(getattr(mesh, name), (len(placed), 1)) for mesh, placed in parts]
    tangents = [(mesh.tangents, placed) for mesh, placed in parts if mesh.tangents is not None]
    if len(tangents) == len(parts):
        arrays["tangents"] = [
            np.hstack([_turned(vectors[:, :3], placed), np.tile(vectors[:, 3:], (len(placed), 1))])
            for vectors, placed in tangents
        ]
    return Mesh(
        material=parts[0][0].material, **{name: np.concatenate(pieces) for name, pieces in arrays.items()}
    )


def _turned(vectors: NDArray[np.float32], placed: Instances, *, place: bool = False) -> NDArray[np.float32]:
    """Return (N * V, 3) vectors turned as N instances are; with ``place`` also scaled and moved."""
    matrices = rotation_matrices(placed.rotations).astype(np.float32)
    turned: NDArray[np.float32] = vectors[None] @ matrices.transpose(0, 2, 1)  # (N, V, 3)
    if place:
        turned *= placed.scales[:, None, None]
        turned += placed.translations[:, None, :]
    return turned.reshape(-1, 3)


def _cells(part: Placed, size: float | None) -> NDArray[np.int64]:
    """Return (N, 2) row and column of the square that each instance stands in."""
    if size is None:
        return np.zeros((len(part.translations), 2), np.int64)
    return np.floor(part.translations[:, [2, 0]] / size).astype(np.int64)


def _levels_of_square(instances: Instances, side: float) -> tuple[Level, ...]:
    """Return the levels, each shown below the share of the screen that the whole square has then."""
    low, high = instances.model.bounds
    ratio = max(1.0, side / max(float(np.max(high - low)), 1e-6))
    return tuple(level._replace(coverage=min(1.0, level.coverage * ratio)) for level in instances.levels)


def _cell_size(bare: Scene, placed: Sequence[Placed], merge: bool, options: ExportOptions) -> float | None:
    """Return the side of the squares, doubled until the draw calls are few enough; None means one square."""
    size, limit = options.cell_size, options.maximum_draw_calls
    if size is None or limit is None:
        return size
    others = sum(len(node.model.primitives) for node in bare.walk() if node.model)
    reach = max(float(np.abs(part.translations[:, [0, 2]]).max()) for part in placed)
    while size <= reach:
        calls: set[tuple[int, int, object]] = set()
        for number, part in enumerate(placed):
            primitives = part.instances.model.primitives
            keys = [id(mesh.material) if merge else (number, index) for index, mesh in enumerate(primitives)]
            for row, column in np.unique(_cells(part, size), axis=0).tolist():
                calls.update((row, column, key) for key in keys)
        if others + len(calls) <= limit:
            return size
        size *= 2
    return None


def _merged_nodes(cell: str, parts: Sequence[Placed], levels: bool) -> Iterator[Node]:
    """Yield a node for each material, in the order of first use, with coarser levels if they are wanted."""
    materials = {}
    for part in parts:
        for mesh in part.instances.model.primitives:
            materials[id(mesh.material)] = mesh.material
    depth = min(len(part.instances.levels) for part in parts) if levels else 0
    coverages = [level.coverage for level in parts[0].instances.levels]
    for key, material in materials.items():
        name = f"{cell}_{material.name}"
        models = []
        for level in range(depth + 1):
            chosen = []
            for part in parts:
                model = part.instances.levels[level - 1].model if level else part.instances.model
                chosen += [
                    (mesh, part.instances)
                    for mesh in model.primitives
                    if id(mesh.material) == key and mesh.triangles
                ]
            if not chosen:
                break
            models.append(Model(f"{name}_lod{level}" if level else name, (merged_mesh(chosen),)))
        if models:
            yield Node(name, model=models[0], levels=tuple(map(Level, models[1:], coverages)))
