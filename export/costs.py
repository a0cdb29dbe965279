"""What a file costs, as numbers: the result of `worldgen.inspect_file`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Corner = tuple[float, float, float]


@dataclass(frozen=True)
class TextureCost:
    """One image.

    Attributes
    ----------
    format : "png", "jpeg", "webp", "ktx2 etc1s", "ktx2 uastc" or "ktx2".
    file_bytes : as stored.
    memory_bytes : on the GPU with all mip levels.
    use : "drawn"; "fallback" for clients that cannot read a drawn one; "unused" by any material in use.
    """

    name: str
    format: str
    width: int
    height: int
    file_bytes: int
    memory_bytes: int
    use: str = "drawn"


@dataclass(frozen=True)
class LevelCost:
    """What is drawn where all that can switch (MSFT_lod) shows this level, 0 the finest."""

    level: int
    triangles: int
    draw_calls: int


@dataclass(frozen=True)
class NodeCost:
    """A node, or sibling nodes that show one mesh.

    Attributes
    ----------
    name : the node's; of siblings, the first's.
    nodes : how many siblings.
    instances : places at which the mesh is drawn.
    texture_memory_bytes : of all its textures, also of those that others use too.
    size : metres along x, y, z of what it draws; None where no decoder tells.
    """

    name: str
    nodes: int
    triangles: int
    draw_calls: int
    instances: int
    texture_memory_bytes: int
    size: Corner | None


@dataclass(frozen=True)
class PartCost:
    """What is below the top of the scene: a branch, or all whose names differ by a number at the end."""

    name: str
    triangles: int
    draw_calls: int
    batched_draw_calls: int
    texture_memory_bytes: int


@dataclass(frozen=True)
class Unseen:
    """Nodes whose names make them collision or navigation meshes in an engine; others draw them."""

    nodes: int = 0
    triangles: int = 0
    draw_calls: int = 0
    conventions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """All that was found in a file.

    Attributes
    ----------
    format : "glb", "gltf", "obj", "tileset", "usd", "png16" or "r16".
    file_bytes : of the file itself; ``external_files`` are what it refers to, with their bytes.
    triangles : drawn, instances unrolled, at the finest level of detail.
    vertices : drawn, counted as triangles are; ``stored_vertices`` counts each mesh once.
    draw_calls : primitives times nodes; EXT_mesh_gpu_instancing draws each primitive once a node.
    batched_draw_calls : the same for a client that draws all nodes of one mesh at once.
    double_draw_calls : those of ``draw_calls`` whose material is blended and double-sided, which three.js
        draws twice.
    instances : places of meshes that are drawn at more than one.
    nodes, meshes : that are drawn; ``nodes`` counts the empty ones between them too.
    materials : names of those in use, in the file's order.
    texture_memory_bytes : of the textures in use with mip levels; ``fallback_texture_memory_bytes`` where
        the client takes the fallbacks instead.
    geometry_memory_bytes : vertices, indices and instances after decompression, each stored array once.
    bounds : (minimum, maximum) corner, world metres, y up; somewhat large where compressed meshes are turned
        or instances packed. None where nothing is drawn.
    index_bits : of the widest indices; 0 where there are none.
    levels : what is drawn at each level of detail, where there are more than one.
    parts : branches at the top of the scene. rows : nodes, the most triangles first.
    heightmap : size, spacing and range of a heightmap, else empty.
    provenance : what the file says of its making.
    notes : what should be known about these numbers.
    """

    path: Path
    format: str
    file_bytes: int
    external_files: tuple[tuple[str, int], ...] = ()
    triangles: int = 0
    vertices: int = 0
    stored_vertices: int = 0
    draw_calls: int = 0
    batched_draw_calls: int = 0
    double_draw_calls: int = 0
    instances: int = 0
    nodes: int = 0
    meshes: int = 0
    materials: tuple[str, ...] = ()
    textures: tuple[TextureCost, ...] = ()
    texture_memory_bytes: int = 0
    fallback_texture_memory_bytes: int = 0
    geometry_memory_bytes: int = 0
    index_bits: int = 0
    bounds: tuple[Corner, Corner] | None = None
    levels: tuple[LevelCost, ...] = ()
    parts: tuple[PartCost, ...] = ()
    rows: tuple[NodeCost, ...] = ()
    extensions_used: tuple[str, ...] = ()
    extensions_required: tuple[str, ...] = ()
    lights: int = 0
    cameras: int = 0
    animations: int = 0
    unseen: Unseen = Unseen()
    heightmap: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Bytes of the file and of all that it refers to."""
        return self.file_bytes + sum(size for _, size in self.external_files)

    @property
    def largest_texture(self) -> int:
        """Texels along the longest side of any texture in use; 0 without textures."""
        return max((max(t.width, t.height) for t in self.textures if t.use != "unused"), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON values."""
        values = dataclasses.asdict(self)
        values["path"] = str(self.path)
        values["external_files"] = [{"name": name, "bytes": size} for name, size in self.external_files]
        values["total_bytes"] = self.total_bytes
        values["largest_texture"] = self.largest_texture
        if self.bounds is not None:
            values["bounds"] = {"min": list(self.bounds[0]), "max": list(self.bounds[1])}
        return values
