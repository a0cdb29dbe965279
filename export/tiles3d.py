"""3D Tiles 1.1: a world of any size as a tree of ``.glb`` files that clients stream and refine.

======================  ===========================================================================
``tileset.json``        the tree: an empty root whose children are the ground and the sea
``tiles/L_R_C.glb``     ground of level L (0 the finest), row R from the north, column C from the west,
                        with the rivers, lakes and objects on it
``tiles/sea.glb``       the sea, one level surface
======================  ===========================================================================

The ground is a quadtree that refines by REPLACE: a tile of level L has the vertices and the texture size of
one chunk and covers 2^L x 2^L of them. Skirts close the gaps between levels. Vertices are relative to their
tile's corner; the tileset's axes are metres, x east, y north, z up, with the world's middle at 0.

A tile's ``geometricError`` is the largest true vertical distance of its triangles from the finest land
(also in ``extras.vertical_error``), or, where that is more, its texels' size in metres times
``texel_weight``: on plains the texture is what a coarse tile lacks.

Source: OGC 22-025r4, 3D Tiles Specification 1.1.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen import __version__
from worldgen.errors import ExportError
from worldgen.export.files import write_atomic
from worldgen.export.gltf import write_glb
from worldgen.export.options import ExportOptions
from worldgen.export.quantization import scene_step
from worldgen.export.tile_tree import (
    Bounds,
    TerrainTile,
    TileTree,
    bounding_volume,
    east_north_up,
    joined,
    scene_bounds,
)
from worldgen.scene import Scene

if TYPE_CHECKING:
    from worldgen.export.tile_content import TileContents
    from worldgen.materials import PBRMaterial
    from worldgen.world import World


def write_tiles(
    world: World,
    folder: Path,
    options: ExportOptions | None = None,
    *,
    texel_weight: float = 8.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write a world as 3D Tiles to a folder, which is made if absent; return the files, the tileset last.

    Tiles are made and written one after another, children before parents. They get their names when all are
    complete.

    Parameters
    ----------
    options : of the tiles' files. ``objects`` is "instancing", which takes the fewest bytes and which
        CesiumJS and 3DTilesRendererJS read, or else "merged"; ``cell_size`` says nothing, for a tile is a
        cell. Without ``georeference`` the tileset lies around 0, as three.js wants it; CesiumJS, for which 0
        is the middle of the Earth, needs a ``modelMatrix`` or it.
    texel_weight : metres of geometric error for a metre of texel; see the module. With 8, a client that
        refines at 16 pixels shows no texel larger than 2. With 0 the ground's shape alone decides.
    progress : called with (done, all).

    Raises
    ------
    ExportError : the place is not on the globe, the weight is below 0, or a file cannot be written.
    """
    from worldgen.export.tile_content import TileContents
    from worldgen.sea import sea_node

    if not 0 <= texel_weight < float("inf"):
        raise ExportError(f"texel_weight must be a number of at least 0; found {texel_weight}")
    options = options or ExportOptions()
    transform = None if options.georeference is None else east_north_up(*options.georeference)
    tree = TileTree(world.heightmap.grid.shape, world.config.output.chunk_quads)
    staging = folder / f"tiles.worldgen-{secrets.token_hex(4)}.part"
    sea = sea_node(world.heightmap, world.hydrology, world.config.climate.temperature, world.config.seed)
    # A node for each tree of a forest is what tiles are not for.
    if (
        options.quantize and options.grid_step is None
    ):  # tiles meet only on one grid; coarse ones stay float32
        leaves = Scene("leaves", tuple(chunk.node() for chunk in world.chunks))
        options = replace(options, grid_step=scene_step(leaves))
    options = replace(
        options, cell_size=None, objects="merged" if options.objects == "nodes" else options.objects
    )
    files = _TileFiles(staging, options, tree.count + (sea is not None), progress)
    try:
        tiles = _TileWriter(world, tree, TileContents(world, tree), texel_weight, files)
        ground, bounds, _ = tiles.write(tree.root)
        children = [{**ground, "refine": "REPLACE"}]
        if sea is not None:
            sea_bounds = files.write(Scene("sea", (sea,)), "sea.glb")
            entry = {
                "boundingVolume": bounding_volume(sea_bounds),
                "geometricError": 0.0,
                "content": {"uri": "tiles/sea.glb"},
            }
            children.append(entry)
            bounds = joined([bounds, sea_bounds])
        return _publish(folder, staging, files.names, _tileset(world, transform, bounds, children))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _TileFiles:
    """Writes tiles beside their final place, and counts them.

    Attributes
    ----------
    names : of the files written, in order.
    """

    def __init__(
        self,
        folder: Path,
        options: ExportOptions,
        total: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.names: list[str] = []
        self._folder, self._options, self._total, self._progress = folder, options, total, progress

    def write(self, scene: Scene, name: str) -> Bounds:
        """Write one tile and return its bounds."""
        write_glb(scene, self._folder / name, self._options)
        self.names.append(name)
        if self._progress:
            self._progress(len(self.names), self._total)
        return scene_bounds(scene)


@dataclass(frozen=True)
class _TileWriter:
    """Writes the tiles of the ground."""

    world: World
    tree: TileTree
    contents: TileContents
    texel_weight: float
    files: _TileFiles

    def write(self, tile: TerrainTile) -> tuple[dict[str, Any], Bounds, PBRMaterial]:
        """Write a tile and all below it; return its entry, its bounds with its children's, its material."""
        from worldgen.surface_error import vertical_error

        children = self.tree.children(tile)
        below = [[self.write(child) for child in row] for row in children]
        found = [result for row in below for result in row]
        if found:
            materials = [[material for _, _, material in row] for row in below]
            material = self.contents.parent_material(tile, children, materials)
        else:
            material = self.contents.leaf_material(tile)
        vertical = round(vertical_error(self.world.heightmap.elevation, *tile.bounds, tile.stride), 4)
        error = max(
            vertical, self._texture_error(tile), *(entry["geometricError"] for entry, _, _ in found), 0.0
        )
        bounds = self.files.write(self.contents.scene(tile, material, error), f"{tile.name}.glb")
        bounds = joined([bounds, *(bounds for _, bounds, _ in found)])
        entry: dict[str, Any] = {
            "boundingVolume": bounding_volume(bounds),
            "geometricError": error,
            "content": {"uri": f"tiles/{tile.name}.glb"},
            "extras": {"vertical_error": vertical},
        }
        if found:
            entry["children"] = [entry for entry, _, _ in found]
        return entry, bounds, material

    def _texture_error(self, tile: TerrainTile) -> float:
        """Return what the texture's coarseness counts for, metres; 0 for leaves, which lack nothing."""
        if tile.level == 0:
            return 0.0
        side = self.tree.quads * tile.stride * self.world.heightmap.grid.spacing
        return round(self.texel_weight * side / self.world.config.materials.texture_size, 4)


def _tileset(
    world: World, transform: list[float] | None, bounds: Bounds, children: list[dict[str, Any]]
) -> bytes:
    low, high = bounds
    # Whoever does not show the root's children shows nothing: the error is as large as the world.
    size = round(float(((high - low) ** 2).sum()) ** 0.5, 2)
    root: dict[str, Any] = {} if transform is None else {"transform": transform}
    root |= {
        "boundingVolume": bounding_volume(bounds),
        "geometricError": size,
        "refine": "ADD",
        "children": children,
    }
    tileset = {
        "asset": {
            "version": "1.1",
            "extras": {
                "generator": f"worldgen {__version__}",
                "preset": world.config.preset,
                "seed": world.config.seed,
            },
        },
        "geometricError": size,
        "root": root,
    }
    text = json.dumps(tileset, allow_nan=False, indent=1)
    # Lists of numbers on one line each: a tenth of the lines, and still readable.
    return (re.sub(r"\[[^\[\]{}]*\]", _on_one_line, text) + "\n").encode()


def _on_one_line(match: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", match.group()).replace("[ ", "[").replace(" ]", "]")


def _publish(folder: Path, staging: Path, names: list[str], tileset: bytes) -> list[Path]:
    """Give the finished tiles their names, then write the tileset."""
    tiles = folder / "tiles"
    try:
        tiles.mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(staging / name, tiles / name)
    except OSError as error:
        raise ExportError(f"cannot write {tiles}: {error.strerror or error}") from error
    write_atomic(folder / "tileset.json", tileset)
    return [*(tiles / name for name in names), folder / "tileset.json"]
