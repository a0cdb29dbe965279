"""What engines need of a world and nobody sees: colliders, the navigation mesh, player starts, as nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.collision import ERROR, collision_chunks
from worldgen.mesh import Model
from worldgen.navigation import NavigationMesh, Walkable, Walker, navigation_mesh, walkable_ground
from worldgen.object_colliders import ObjectCollider, object_colliders
from worldgen.populate import Placement, instances_at
from worldgen.scene import Instances, Node
from worldgen.starts import Start, player_starts

if TYPE_CHECKING:
    from worldgen.heightmap import Heightmap
    from worldgen.world import World

STARTS = 4
# Engines search a navigation mesh triangle by triangle, and Godot 3 holds no more than 65,536. Where there
# would be more, trunks are left out, which agents can step round by themselves, then the squares grow, and
# then the distance from the ground: the least radius of an obstacle, the largest square and that distance, in
# metres.
MOST_TRIANGLES = 64_000
WAYS = ((0.0, 2.5, 0.5), (0.75, 2.5, 0.5), (0.75, 5.0, 0.5), (0.75, 5.0, 1.0), (0.75, 5.0, 2.0))
# Metres: a sapling whose trunk is thinner bends, a stone that is lower lies underfoot.
THINNEST, LOWEST = 0.05, 0.2


class Solid(NamedTuple):
    """All solid objects of one species and variant.

    Attributes
    ----------
    name : of the nodes.
    collider : what is solid of one, at scale 1.
    instances : where they stand, with the model that is seen.
    """

    name: str
    collider: ObjectCollider
    instances: Instances


def physics_nodes(world: World, *, level: int = 0, object_level: int = 1, starts: int = STARTS) -> list[Node]:
    """Return the nodes ``collision``, ``navigation`` and ``starts``, without those that hold nothing.

    Parameters
    ----------
    level : of the terrain that objects stand on; the ground's collider is always near the finest.
    object_level : of the objects that are seen.
    starts : number of player starts.

    Notes
    -----
    Colliders of objects carry in their extras the name of the model that is seen as ``of``, and a trunk its
    ``capsule`` at scale 1, with ``start`` and ``end`` of its line and its ``radius`` in metres. The
    navigation mesh says the m² of its largest ``areas``, the number of ``pieces``, and the ``least_obstacle``
    in metres of radius that it goes round.
    """
    solids = list(solid_objects(world.placements, world.heightmap, 2**level, object_level))
    walkable, ground, least = ways_of(world, solids)
    nodes = [Node("collision", children=tuple(_colliders(world, solids)), purpose="collider")]
    if ground.mesh.triangles:
        areas = [round(float(area), 1) for area in walkable.areas[:16]]
        extras = {"areas": areas, "pieces": len(walkable.areas), "least_obstacle": least}
        model = Model("navigation", (ground.mesh,))
        nodes.append(Node("navigation", model=model, purpose="navigation", extras=extras))
    places = starts_of(world, solids, walkable, starts)
    if places:
        nodes.append(Node("starts", purpose="start", children=tuple(_start_nodes(places))))
    return nodes


def solid_objects(
    placements: Iterable[Placement], heightmap: Heightmap, stride: int = 1, level: int = 1
) -> Iterator[Solid]:
    """Yield what engines collide with, without saplings and stones underfoot; arguments as `instances_at`."""
    known: dict[int, list[ObjectCollider | None]] = {}
    for placement in placements:
        kind = placement.kind
        if kind.collider is None:
            continue
        if id(kind) not in known:
            known[id(kind)] = object_colliders(kind)
        colliders = known[id(kind)]
        for variant, instances in instances_at(placement, heightmap, stride, level):
            collider = colliders[variant]
            if collider is None:
                continue
            solid = instances.scales * collider.height >= LOWEST
            if collider.capsule is not None:
                solid &= instances.scales * collider.capsule.radius >= THINNEST
            if solid.any():
                chosen = Instances(
                    instances.model,
                    instances.translations[solid],
                    instances.rotations[solid],
                    instances.scales[solid],
                )
                yield Solid(f"{placement.name}_{variant}", collider, chosen)


def obstacles(solids: Iterable[Solid], lowest: float) -> NDArray[np.float64]:
    """Return (N, 4) x, z, radius and seen height in metres of the objects that are higher than ``lowest``."""
    rows = [np.zeros((0, 4))]
    for _, collider, instances in solids:
        scales = instances.scales.astype(np.float64)
        places = instances.translations[:, [0, 2]]
        tall = float(instances.model.bounds[1][1])
        table = np.column_stack([places, collider.reach * scales, tall * scales])
        rows.append(table[collider.height * scales > lowest])
    return np.concatenate(rows)


def ways_of(
    world: World, solids: Iterable[Solid], most: int = MOST_TRIANGLES
) -> tuple[Walkable, NavigationMesh, float]:
    """Return where one can walk in a world, its mesh, and the least radius in metres of what it goes round.

    Parameters
    ----------
    most : triangles; the mesh has more only where the last of `WAYS` still has.
    """
    walker = Walker()
    blocked = obstacles(solids, walker.step)[:, :3]
    for least, resolution, error in WAYS:
        walkable = walkable_ground(
            world.heightmap,
            world.rivers.water,
            blocked[blocked[:, 2] >= least],
            walker=walker,
            resolution=resolution,
        )
        mesh = navigation_mesh(walkable, walker=walker, error=error)
        if mesh.mesh.triangles <= most:
            break
    return walkable, mesh, least


def starts_of(world: World, solids: Iterable[Solid], walkable: Walkable, count: int) -> list[Start]:
    """Return a world's player starts."""
    return player_starts(world.heightmap, walkable, world.rivers.water, obstacles(solids, 0.0), count=count)


def _colliders(world: World, solids: Iterable[Solid]) -> Iterator[Node]:
    for chunk in collision_chunks(world.heightmap, error=ERROR, quads=world.config.output.chunk_quads):
        name = f"terrain_{chunk.row}_{chunk.column}_collision"
        yield Node(name, chunk.translation, model=Model(name, (chunk.mesh,)), purpose="collider")
    for name, collider, instances in solids:
        extras: dict[str, Any] = {"of": instances.model.name}
        if collider.capsule is not None:
            start, end, radius = collider.capsule
            extras["capsule"] = {"start": list(start), "end": list(end), "radius": radius}
        placed = Instances(collider.model, instances.translations, instances.rotations, instances.scales)
        yield Node(f"{name}_collision", instances=placed, purpose="collider", extras=extras)


def _start_nodes(places: Iterable[Start]) -> Iterator[Node]:
    for number, place in enumerate(places):
        yield Node(f"start_{number}", (place.x, place.y, place.z), purpose="start", yaw=place.yaw)
