"""What a tile of 3D Tiles shows: ground with skirts, the water on it, objects large enough to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.chunk_merging import merge_materials, texels, window_mesh
from worldgen.coarse_normals import reframed_normals
from worldgen.export.tile_tree import TerrainTile, TileTree
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.populate import Placement, instances_at
from worldgen.running_water import NARROWEST, water_nodes
from worldgen.scene import Instances, Node, Scene
from worldgen.skirts import border_depths, with_skirts
from worldgen.triangulation import kept_lines

if TYPE_CHECKING:
    from worldgen.world import World

# An object whose longest side is smaller than this share of a tile's geometric error is left out of it. Both
# clients refine a tile before its error is 16 pixels: what is left out was smaller than 4.
SMALLEST = 0.25
# A skirt is deeper than its gap by this share of a cell: coordinates that are quantised, or added in float32,
# move by less.
_LEAST_SKIRT = 1 / 64


class TileContents:
    """Makes the scenes of a world's tiles, one at a time.

    Parameters
    ----------
    world : whose tiles.
    tree : of its map and chunks.
    """

    def __init__(self, world: World, tree: TileTree) -> None:
        self._world, self._tree = world, tree
        self._places = [self._chunks_of(placement.points) for placement in world.placements]
        self._materials = {
            (chunk.window.row0, chunk.window.column0): chunk.levels[0].material for chunk in world.chunks
        }
        self._water: dict[int, list[tuple[str, Mesh, NDArray[np.intp]]]] = {}

    def leaf_material(self, tile: TerrainTile) -> PBRMaterial:
        """Return the baked material of a tile of level 0."""
        return self._materials[tile.row0, tile.column0]

    def parent_material(
        self,
        tile: TerrainTile,
        children: Sequence[Sequence[TerrainTile]],
        materials: Sequence[Sequence[PBRMaterial]],
    ) -> PBRMaterial:
        """Return the children's materials side by side at half their density."""
        grid = [
            [self._for_parent(child, material) for child, material in zip(*pair, strict=True)]
            for pair in zip(children, materials, strict=True)
        ]
        heights = [row[0].row1 - row[0].row0 for row in children]
        widths = [child.column1 - child.column0 for child in children[0]]
        side, size = self._tree.quads * tile.stride, self._world.config.materials.texture_size
        shape = texels(sum(heights), side, size), texels(sum(widths), side, size)
        return merge_materials(grid, heights, widths, shape, f"terrain_{tile.name}")

    def scene(self, tile: TerrainTile, material: PBRMaterial, geometric_error: float) -> Scene:
        """Return all that a tile shows; each node stands at the tile's north-west corner."""
        mesh, corner = self._ground(tile, material)
        nodes = [Node("terrain", corner, Model(f"terrain_{tile.name}", (mesh,)))]
        nodes += [
            Node(name, corner, Model(name, (part,))) for name, part in self._water_of(tile, np.array(corner))
        ]
        nodes += [
            Node(name, corner, instances=instances)
            for name, instances in self._objects(tile, SMALLEST * geometric_error, np.array(corner))
        ]
        return Scene(f"tile_{tile.name}", tuple(nodes))

    def _for_parent(self, tile: TerrainTile, material: PBRMaterial) -> PBRMaterial:
        if material.normal is None:
            return material
        normal = reframed_normals(
            material.normal, self._world.heightmap, *tile.bounds, tile.stride, 2 * tile.stride
        )
        return replace(material, normal=normal)

    def _ground(self, tile: TerrainTile, material: PBRMaterial) -> tuple[Mesh, tuple[float, float, float]]:
        heightmap, stride = self._world.heightmap, tile.stride
        mesh, corner = window_mesh(heightmap, *tile.bounds, stride, material)
        elevation = heightmap.elevation
        height, width = elevation.shape
        depths = []
        for line, size, profile, first, last in (
            (tile.row0, height, elevation[tile.row0], tile.column0, tile.column1),
            (tile.row1, height, elevation[tile.row1], tile.column0, tile.column1),
            (tile.column0, width, elevation[:, tile.column0], tile.row0, tile.row1),
            (tile.column1, width, elevation[:, tile.column1], tile.row0, tile.row1),
        ):
            beside = self._tree.strides_beside(line, size)
            depths.append(border_depths(profile, first, last, stride, beside) if beside else None)
        rows, columns = (
            len(kept_lines(*lines, stride))
            for lines in ((tile.row0, tile.row1), (tile.column0, tile.column1))
        )
        least = _LEAST_SKIRT * stride * heightmap.grid.spacing
        return with_skirts(mesh, rows, columns, tuple(depths), least), corner

    def _objects(
        self, tile: TerrainTile, smallest: float, corner: NDArray[np.float64]
    ) -> Iterator[tuple[str, Instances]]:
        """Yield the objects on a tile that are at least so many metres long, on its own triangles."""
        for placement, places in zip(self._world.placements, self._places, strict=True):
            inside = (places >> tile.level == (tile.row, tile.column)).all(axis=1)
            if not inside.any():
                continue
            part = replace(
                placement,
                points=placement.points[inside],
                sizes=placement.sizes[inside],
                variants=placement.variants[inside],
            )
            # Leaves show the middle level, as scene files do: a tile of 500 m holds thousands of trees.
            heightmap = self._world.heightmap
            for variant, instances in instances_at(part, heightmap, tile.stride, tile.level + 1):
                large = instances.scales * _longest_side(placement, variant) >= smallest
                if large.any():
                    local = instances.translations[large].astype(np.float64) - corner
                    yield (
                        f"{placement.name}_{variant}",
                        Instances(
                            instances.model,
                            local.astype(np.float32),
                            instances.rotations[large],
                            instances.scales[large],
                        ),
                    )

    def _water_of(self, tile: TerrainTile, corner: NDArray[np.float64]) -> Iterator[tuple[str, Mesh]]:
        """Yield the rivers and lakes on a tile, which lie on its triangles."""
        if tile.level not in self._water:
            self._water[tile.level] = list(self._sheets(tile.stride))
        for name, mesh, places in self._water[tile.level]:
            triangles = mesh.indices[(places >> tile.level == (tile.row, tile.column)).all(axis=1)]
            if not len(triangles):
                continue
            used, indices = np.unique(triangles, return_inverse=True)
            local = mesh.positions[used].astype(np.float64) - corner
            yield (
                name,
                replace(
                    mesh,
                    positions=local.astype(np.float32),
                    normals=mesh.normals[used],
                    texcoords=mesh.texcoords[used],
                    indices=indices.reshape(-1, 3).astype(np.uint32),
                    tangents=None if mesh.tangents is None else mesh.tangents[used],
                    colors=None if mesh.colors is None else mesh.colors[used],
                    velocity=None if mesh.velocity is None else mesh.velocity[used],
                ),
            )

    def _sheets(self, stride: int) -> Iterator[tuple[str, Mesh, NDArray[np.intp]]]:
        """Yield the whole map's water at one stride: name, mesh, and the chunk that each triangle lies in."""
        world = self._world
        # As on the finest level, rivers much narrower than the triangles' cells are not drawn.
        wide = world.rivers.breadth >= NARROWEST * stride * world.heightmap.grid.spacing
        rivers = replace(world.rivers, breadth=np.where(wide, world.rivers.breadth, np.float32(0)))
        temperature = float(world.biomes.temperature.mean())
        for node in water_nodes(
            world.heightmap, world.hydrology, rivers, temperature, world.config.seed, stride=stride
        ):
            if node.model is not None:
                for mesh in node.model.primitives:
                    middles = mesh.positions[mesh.indices].mean(axis=1, dtype=np.float64)
                    yield node.name, mesh, self._chunks_of(middles[:, [0, 2]])

    def _chunks_of(self, points: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return (N, 2) rows and columns of the chunks that points, (N, 2) x and z in metres, lie in."""
        cells = self._world.heightmap.grid.to_cells(points[:, 0], points[:, 1])
        most = [(size - 2) // self._tree.quads for size in self._tree.shape]
        places = np.floor(np.stack(cells, axis=1) / self._tree.quads).astype(np.intp)
        return np.clip(places, 0, most)


def _longest_side(placement: Placement, variant: int) -> float:
    low, high = placement.kind.models[variant][0].bounds
    return float((high - low).max())
