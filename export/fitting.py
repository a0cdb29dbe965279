"""The scene of a world that keeps to a device's budget: triangles, draw calls, texture memory.

Nothing is switched while it is shown, so all must fit at once. The terrain takes the smallest error, by
adaptive triangles, that leaves room for every object at its coarsest; then what looks largest from where
players start gets finer models. Chunks of terrain are put together until the draw calls fit, and their
textures halved until the memory does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.adaptive_mesh import Piece, adaptive_triangles
from worldgen.chunk_merging import merged_chunk
from worldgen.errors import ExportError
from worldgen.export.image_preparation import Role, prepared
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Node, Scene
from worldgen.starts import EYE, Start
from worldgen.triangulation import quad_diagonals

if TYPE_CHECKING:
    from worldgen.world import World

UNLIMITED = 2**62
SMALLEST_ERROR = 0.01  # of the spacing: the terrain's error where there is room for all
LARGEST_ERROR = 64.0
TERRAIN_SHARE = 0.3, 0.7  # of the triangles: at least, even if objects must be left out; and at most
# Of the triangles that are to spare then: for second models; what is left is for the finest.
MIDDLE_SHARE = 0.6
TERRAIN_CALLS = 0.5  # of the draw calls that are left to terrain and objects
SMALLEST_TEXTURE = 64
IMAGES: tuple[Role, ...] = ("base_color", "normal", "orm")


def fitted_scene(world: World, options: ExportOptions, level: int = 0) -> Scene:
    """Return the world's scene at a level of the terrain, or coarser where the options' budget asks for it.

    Raises
    ------
    ExportError : the world has no such level, or cannot be brought within the budget.
    """
    limits = options.maximum_triangles, options.maximum_draw_calls, options.maximum_texture_bytes
    if limits == (None, None, None):
        return world.scene(level, physics=options.colliders is not None)
    world.check_level(level)
    triangles, draw_calls, texture_bytes = (limit or UNLIMITED for limit in limits)
    scene = world.scene(0, object_level=0, ground=Node("terrain"), physics=options.colliders is not None)
    rest = replace(
        scene, nodes=tuple(node for node in scene.nodes if node.name not in ("terrain", "objects"))
    )
    objects = [child for node in scene.nodes if node.name == "objects" for child in node.children]
    least = rest.triangles + sum(
        len(node.instances) * coarsest(node.instances).triangles for node in objects if node.instances
    )
    low, high = (share * triangles for share in TERRAIN_SHARE)
    error, pieces = _relief(world, min(high, max(low, triangles - least)), level)
    left = triangles - rest.triangles - sum(len(piece.triangles) for piece in pieces)
    starts = world.player_starts()
    shown = Node("objects", children=tuple(within_triangles(objects, left, _eyes(world, starts))))
    calls = draw_calls - sum(len(node.model.primitives) for node in rest.walk() if node.model)
    of_objects = {id(mesh.material): mesh.material for mesh in _meshes(shown.children)}
    of_water = {id(mesh.material): mesh.material for mesh in _meshes(rest.walk())}
    calls -= len(of_objects)
    used = sum(map(material_bytes, (of_water | of_objects).values()))
    if calls < 1 or used >= texture_bytes:
        raise ExportError(
            f"water and objects alone need {draw_calls - calls} draw calls and {used / 1e6:.0f} MB of "
            f"textures, and the budget is {draw_calls} and {texture_bytes / 1e6:.0f} MB: use fewer kinds"
        )
    ground = _ground(world, options, pieces, max(1, int(calls * TERRAIN_CALLS)), texture_bytes - used)
    extras = {
        **rest.extras,
        "terrain_error_metres": error,
        "player_starts": [{"position": [x, y, z], "yaw_degrees": yaw} for x, y, z, yaw in starts],
    }
    return replace(rest, nodes=(ground, *rest.nodes, shown), extras=extras)


def texture_sizes(size: int, count: int, budget: int) -> dict[Role, int]:
    """Return the texels a side of each image of ground materials that together keep to a number of bytes.

    Occlusion and roughness are halved first, then normals, then colour, which the eye misses most.

    Parameters
    ----------
    size : texels a side that there could be.
    count : of materials.
    """
    sizes: dict[Role, int] = {role: size for role in IMAGES}
    order: tuple[Role, ...] = ("orm", "normal", "base_color")
    step = 0
    while count * sum(side * side for side in sizes.values()) * 16 // 3 > budget and size > SMALLEST_TEXTURE:
        sizes[order[step % len(order)]] //= 2
        step += 1
        size = min(sizes.values())
    return sizes


def coarsest(instances: Instances) -> Model:
    """Return the last of the levels that instances have."""
    return instances.levels[-1].model if instances.levels else instances.model


def material_bytes(material: PBRMaterial) -> int:
    """Return the bytes that a material's images take on a GPU, uncompressed RGBA with mipmaps."""
    images = (getattr(material, name) for name in IMAGES)
    return sum(image.shape[0] * image.shape[1] * 4 * 4 // 3 for image in images if image is not None)


def within_triangles(nodes: Sequence[Node], budget: int, eyes: NDArray[np.float64]) -> Iterator[Node]:
    """Yield the nodes with their instances split by level, so that together they keep to so many triangles.

    What looks largest from the nearest eye gets the finest model.

    Parameters
    ----------
    nodes : with instances, at their finest level, which knows the coarser ones.
    eyes : (E, 3) metres.
    """
    chains, apparent, costs = [], [], []
    for node in nodes:
        placed = node.instances
        if placed is None or not len(placed):
            continue
        models = [placed.model, *(level.model for level in placed.levels)]
        chain = (models[0], models[min(1, len(models) - 1)], models[-1])
        low, high = placed.model.bounds
        places = placed.translations + np.asarray(node.translation)
        distance = np.linalg.norm(places[:, None] - eyes, axis=2).min(axis=1)
        chains.append((node, placed, chain))
        apparent.append(float(np.max(high - low)) * placed.scales / np.maximum(distance, 1.0))
        costs.append(np.tile([model.triangles for model in chain], (len(placed), 1)))
    if not chains:
        return
    order = np.argsort(-np.concatenate(apparent), kind="stable")
    levels = np.empty(len(order), np.intp)
    levels[order] = levels_within(np.concatenate(costs)[order], budget)
    ends = np.cumsum([len(placed) for _, placed, _ in chains])[:-1]
    for (node, placed, chain), chosen in zip(chains, np.split(levels, ends), strict=True):
        for number, model in enumerate(chain):
            here = chosen == number
            if here.any():
                part = replace(
                    placed,
                    model=model,
                    translations=placed.translations[here],
                    rotations=placed.rotations[here],
                    scales=placed.scales[here],
                    levels=(),
                )
                yield replace(node, name=f"{node.name}_lod{number}", instances=part)


def levels_within(costs: NDArray[np.int64], budget: int) -> NDArray[np.intp]:
    """Return (N,) the level of each object, 0 to 2, or 3 for one that is left out.

    Parameters
    ----------
    costs : (N, 3) triangles of the finest, the second and the coarsest model; the first object matters most.
    budget : triangles of all together.
    """
    fine, middle, coarse = costs.T
    levels = np.full(len(costs), 3)
    kept = np.cumsum(coarse) <= budget
    levels[kept] = 2
    spare = budget - int(coarse[kept].sum())
    second = kept & (np.cumsum(np.where(kept, middle - coarse, 0)) <= spare * MIDDLE_SHARE)
    levels[second] = 1
    spare -= int((middle - coarse)[second].sum())
    levels[second & (np.cumsum(np.where(second, fine - middle, 0)) <= spare)] = 0
    return levels


def _relief(world: World, budget: float, level: int) -> tuple[float, list[Piece]]:
    """Return the smallest error, in doublings, at which the terrain keeps to a budget, and its triangles.

    Raises
    ------
    ExportError : even a terrain of the largest error has more triangles.
    """
    heightmap = world.heightmap
    cut = quad_diagonals(heightmap.elevation)
    coarse = max(chunk.geometric_errors[level] for chunk in world.chunks)
    error = max(SMALLEST_ERROR * heightmap.grid.spacing, coarse)
    while True:
        pieces = list(
            adaptive_triangles(heightmap.elevation, cut, error=error, quads=world.config.output.chunk_quads)
        )
        count = sum(len(piece.triangles) for piece in pieces)
        if count <= budget:
            return error, pieces
        if error > LARGEST_ERROR * heightmap.grid.spacing:
            raise ExportError(
                f"the terrain takes {count} triangles at an error of {error:.0f} m, and its share of the "
                f"budget is {budget:.0f}: build a smaller world, or export it in tiles"
            )
        error *= 2


def _eyes(world: World, starts: Sequence[Start]) -> NDArray[np.float64]:
    """Return the (E, 3) points from which the world is seen first."""
    if starts:
        return np.array([(start.x, start.y + EYE, start.z) for start in starts])
    heightmap = world.heightmap
    row, column = (count // 2 for count in heightmap.grid.shape)
    middle = heightmap.elevation[row, column] + EYE
    return np.array([[heightmap.grid.x[column], middle, heightmap.grid.z[row]]])


def _meshes(nodes: Iterable[Node]) -> Iterator[Mesh]:
    for node in nodes:
        for model in (node.model, node.instances.model if node.instances else None):
            yield from model.primitives if model else ()


def _ground(
    world: World, options: ExportOptions, relief: list[Piece], calls: int, texture_bytes: int
) -> Node:
    """Return the terrain in at most so many meshes with so many bytes of textures."""
    quads, columns = world.config.output.chunk_quads, world.heightmap.grid.shape[1]
    count = [
        1 + max(place) for place in zip(*((c.window.row, c.window.column) for c in world.chunks), strict=True)
    ]
    side = 1  # chunks a side of a mesh
    while -(-count[0] // side) * -(-count[1] // side) > calls:
        side *= 2
    members: dict[tuple[int, int], list[int]] = {}
    for index, chunk in enumerate(world.chunks):
        members.setdefault((chunk.window.row // side, chunk.window.column // side), []).append(index)
    size = min(world.config.materials.texture_size * side, options.maximum_texture or UNLIMITED)
    sizes = texture_sizes(size, len(members), texture_bytes)
    triangles = {(piece.row // quads, piece.column // quads): piece.triangles for piece in relief}
    nodes = []
    for (row, column), indices in members.items():
        windows = [world.chunks[index].window for index in indices]
        top, left = min(window.row0 for window in windows), min(window.column0 for window in windows)
        bottom, right = max(window.row1 for window in windows), max(window.column1 for window in windows)
        whole, translation = merged_chunk(
            world.chunks,
            world.heightmap,
            top,
            bottom,
            left,
            right,
            1,
            sizes["base_color"],
            quads=side * quads,
        )
        corners = np.concatenate([triangles[window.row, window.column] for window in windows])
        local = (corners // columns - top) * (right - left + 1) + corners % columns - left
        name = f"terrain_{row}_{column}"
        material = whole.material
        smaller: dict[str, Any] = {
            role: prepared(image, role, maximum=sizes[role] * max(image.shape[:2]) // sizes["base_color"])
            for role in IMAGES
            if (image := getattr(material, role)) is not None
        }
        mesh = replace(_part(whole, local), material=replace(material, **smaller))
        nodes.append(Node(name, translation=translation, model=Model(name, (mesh,))))
    return Node("terrain", children=tuple(nodes))


def _part(mesh: Mesh, triangles: NDArray[np.int64]) -> Mesh:
    """Return a mesh of some of another's vertices, which triangles (T, 3) name."""
    used, compact = np.unique(triangles, return_inverse=True)
    return replace(
        mesh,
        positions=mesh.positions[used],
        normals=mesh.normals[used],
        texcoords=mesh.texcoords[used],
        tangents=None if mesh.tangents is None else mesh.tangents[used],
        indices=compact.reshape(-1, 3).astype(np.uint32),
    )
