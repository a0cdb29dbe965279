"""Where the nodes of a glTF document stand, and which of them are drawn.

Source: Khronos, glTF 2.0 specification, section 3.5; MSFT_lod; KHR_node_visibility; EXT_mesh_gpu_instancing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.json_fields import Fields

Matrices = NDArray[np.float64]

# Names by which engines' importers take a mesh for collision or navigation and do not draw it.
# Godot takes each of "-", "$" and "_" before the word, in any case.
GODOT_SUFFIXES = tuple(
    mark + word for word in ("colonly", "convcolonly", "navmesh", "noimp") for mark in ("-", "$", "_")
)
UNREAL_PREFIXES = ("UCX_", "UBX_", "USP_", "UCP_")


def unseen_convention(name: str) -> str | None:
    """Return the engine whose importer does not draw a node of this name, or None.

    >>> unseen_convention("ground-colonly")
    'godot'
    """
    if name.lower().endswith(GODOT_SUFFIXES):
        return "godot"
    return "unreal" if name.startswith(UNREAL_PREFIXES) else None


@dataclass(frozen=True, eq=False)
class Tree:
    """The node hierarchy.

    Attributes
    ----------
    nodes : JSON objects.
    children : of each node. parents : of each node, -1 for roots.
    world : (N, 4, 4) float64 matrices that act on columns.
    levels : coarser nodes by the node that they stand in for, finest first.
    drawn : nodes that the scene shows, empty ones too, parents first.
    tops : for each of ``drawn`` the branch it belongs to: a node at the top of the scene, or, where the scene
        has only one that shows nothing itself, below it.
    hidden_levels : coarser nodes that the scene holds too, which clients without MSFT_lod draw as well.
    """

    nodes: list[Fields]
    children: list[list[int]]
    parents: list[int]
    world: Matrices
    levels: dict[int, list[int]]
    drawn: list[int]
    tops: list[int]
    hidden_levels: int

    def below(self, node: int) -> list[int]:
        """Return a node and all below it."""
        found = [node]
        for number in found:
            found += self.children[number]
        return found


def read_tree(json: Fields) -> Tree:
    """Read the nodes of a document and its default scene: ``scene``, else the first; else all roots.

    Raises
    ------
    InputError : a node has two parents or is its own ancestor, an index or a transform is wrong.
    """
    nodes = json.tables("nodes")
    children = [node.indices("children", len(nodes)) if "children" in node.values else [] for node in nodes]
    parents = [-1] * len(nodes)
    for number, below in enumerate(children):
        for child in below:
            if parents[child] != -1:
                raise InputError(f"{nodes[child].where}: it is a child of two nodes")
            parents[child] = number
    world = _world_matrices(nodes, children, parents)
    if world is None:
        raise InputError(f"{json.at('nodes')}: some are their own ancestors")
    levels = {}
    for number, node in enumerate(nodes):
        if "extensions" in node.values and "MSFT_lod" in node.table("extensions"):
            ids = node.table("extensions").table("MSFT_lod").indices("ids", len(nodes))
            levels[number] = [level for level in ids if level != number]
    scenes = json.tables("scenes")
    scene = json.index("scene", len(scenes)) if scenes else None
    if scenes:
        roots = scenes[scene or 0].indices("nodes", len(nodes))
    else:
        roots = [number for number, parent in enumerate(parents) if parent == -1]
    coarser = {level for ids in levels.values() for level in ids}
    roots = list(dict.fromkeys(roots))
    kept = [root for root in roots if root not in coarser and _visible(nodes[root])]
    tops = kept
    while len(tops) == 1 and "mesh" not in nodes[tops[0]] and children[tops[0]]:
        tops = children[tops[0]]
    top_of = {top: top for top in tops}
    drawn = []
    held = sum(root in coarser for root in roots)
    seen: set[int] = set()
    stack = kept[::-1]
    while stack:
        number = stack.pop()
        if number in seen:
            continue
        seen.add(number)
        drawn.append(number)
        top_of.setdefault(number, top_of.get(parents[number], number))
        for child in reversed(children[number]):
            held += child in coarser
            if child not in coarser and _visible(nodes[child]):
                stack.append(child)
    return Tree(nodes, children, parents, world, levels, drawn, [top_of[number] for number in drawn], held)


def _visible(node: Fields) -> bool:
    if "extensions" not in node.values:
        return True
    return node.table("extensions").table("KHR_node_visibility").flag("visible", True)


def _world_matrices(nodes: list[Fields], children: list[list[int]], parents: list[int]) -> Matrices | None:
    """Multiply the matrices down the tree, one generation at a time; None if it goes in circles."""
    count = len(nodes)
    translations, rotations = np.zeros((count, 3)), np.tile([0.0, 0.0, 0.0, 1.0], (count, 1))
    scales, given = np.ones((count, 3)), {}
    for number, node in enumerate(nodes):
        values = node.values
        if "translation" in values:
            translations[number] = node.numbers("translation", 3)
        if "rotation" in values:
            rotations[number] = node.numbers("rotation", 4)
        if "scale" in values:
            scales[number] = node.numbers("scale", 3)
        if "matrix" in values:
            given[number] = node.numbers("matrix", 16)
    matrices = transforms(translations, rotations, scales)
    for number, matrix in given.items():
        matrices[number] = np.reshape(matrix or [], (4, 4)).T  # stored column by column
    reached = 0
    generation = [number for number, parent in enumerate(parents) if parent == -1]
    with np.errstate(all="ignore"):
        while generation:
            reached += len(generation)
            generation = [child for number in generation for child in children[number]]
            above = [parents[child] for child in generation]
            matrices[generation] = matrices[above] @ matrices[generation]
    return matrices if reached == count else None


def transforms(translations: Matrices, rotations: Matrices, scales: Matrices) -> Matrices:
    """Return (N, 4, 4) matrices that scale, turn by quaternions (x, y, z, w) of any length, then move.

    Parameters
    ----------
    translations, scales : (N, 3). rotations : (N, 4); one of no length does not turn.
    """
    with np.errstate(all="ignore"):
        length = np.linalg.norm(rotations, axis=1, keepdims=True)
        turns = np.where(length > 0, rotations / length, [0.0, 0.0, 0.0, 1.0])
        vector, real = turns[:, :3], turns[:, 3, None, None]
        x, y, z = vector.T
        zero = np.zeros_like(x)
        cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
        # Rodrigues: R = (w^2 - v.v) I + 2 v v^T + 2 w [v]x
        square = (real[:, :, 0] ** 2 - (vector**2).sum(1, keepdims=True))[:, :, None]
        turned = square * np.eye(3) + 2 * vector[:, :, None] * vector[:, None] + 2 * real * cross
        matrices = np.zeros((len(translations), 4, 4))
        matrices[:, :3, :3] = turned * scales[:, None, :]
        matrices[:, :3, 3] = translations
        matrices[:, 3, 3] = 1
    return matrices


POINTS_AT_ONCE = 1 << 20


def box_bounds(matrices: Matrices, low: Matrices, high: Matrices) -> tuple[Matrices, Matrices]:
    """Return ((N, 3), (N, 3)): the axis-aligned boxes around one box after each of (N, 4, 4) matrices."""
    centre, half = (low + high) / 2, (high - low) / 2
    with np.errstate(all="ignore"):
        middle = matrices[:, :3, :3] @ centre + matrices[:, :3, 3]
        reach = np.abs(matrices[:, :3, :3]) @ half
        return middle - reach, middle + reach


def outline_bounds(matrices: Matrices, points: Matrices) -> tuple[Matrices, Matrices]:
    """Return ((N, 3), (N, 3)): the boxes around (P, 3) points after each of (N, 4, 4) matrices."""
    lows, highs = np.empty((2, len(matrices), 3))
    step = max(1, POINTS_AT_ONCE // len(points))
    with np.errstate(all="ignore"):
        for start in range(0, len(matrices), step):
            part = slice(start, start + step)
            placed = points @ matrices[part, :3, :3].transpose(0, 2, 1) + matrices[part, None, :3, 3]
            lows[part], highs[part] = placed.min(axis=1), placed.max(axis=1)
    return lows, highs


def turns(matrices: Matrices) -> bool:
    """Whether any of (N, 4, 4) matrices turns an axis off the axes: boxes of boxes are too large then."""
    return bool((np.count_nonzero(matrices[:, :3, :3], axis=2) > 1).any())
