"""A finished world: all that was made of a config, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen.biomes import BiomeMap
from worldgen.config import WorldConfig
from worldgen.errors import ExportError
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology
from worldgen.lod import TerrainChunk
from worldgen.materials import Surface
from worldgen.mesh import Model
from worldgen.populate import Placement, instances_at
from worldgen.scene import DirectionalLight, Node, Scene
from worldgen.sea import sea_node
from worldgen.surfaces import Splat

if TYPE_CHECKING:
    from worldgen.export import ExportOptions

# From the north-west and 35 degrees above the horizon: relief reads well in plan and in perspective.
SUN = DirectionalLight(direction=(0.58, -0.57, 0.58), color=(1.0, 0.95, 0.88))


@dataclass(frozen=True, eq=False)
class World:
    """What `worldgen.build` gives.

    Attributes
    ----------
    config : what decided it.
    heightmap : (size, size) metres.
    hydrology, biomes, splat : maps on the same grid.
    surfaces : the tileable ground materials before blending, in the order of ``splat.names``.
    chunks : the terrain's meshes with their baked materials, each at all levels of detail.
    placements : objects by kind.
    """

    config: WorldConfig
    heightmap: Heightmap
    hydrology: Hydrology
    biomes: BiomeMap
    splat: Splat
    surfaces: tuple[Surface, ...]
    chunks: tuple[TerrainChunk, ...]
    placements: tuple[Placement, ...]

    def scene(self, level: int = 0, *, object_level: int | None = None) -> Scene:
        """Assemble the tree that is written or shown.

        Parameters
        ----------
        level : terrain level of detail, 0 the finest. Objects are seated on that level's triangles.
        object_level : level of the objects' meshes; ``level + 1`` by default, since a file without switching
            of levels shows every tree of a square kilometre at once.

        Raises
        ------
        ExportError : the world has no such level.
        """
        levels = self.config.output.terrain_levels
        if not 0 <= level < levels:
            raise ExportError(f"no terrain level {level}; this world has levels 0 to {levels - 1}")
        ground = Node(
            "terrain",
            children=tuple(
                Node(
                    f"terrain_{chunk.window.row}_{chunk.window.column}",
                    translation=chunk.translation,
                    model=Model(f"terrain_{chunk.window.row}_{chunk.window.column}", (chunk.levels[level],)),
                )
                for chunk in self.chunks
            ),
        )
        finest = level + 1 if object_level is None else object_level
        objects = Node(
            "objects",
            children=tuple(
                Node(f"{placement.name}_{variant}", instances=instances)
                for placement in self.placements
                for variant, instances in instances_at(placement, self.heightmap, 2**level, finest)
            ),
        )
        sea = sea_node(self.heightmap, self.hydrology, self.config.climate.temperature, self.config.seed)
        nodes = [
            ground,
            *([sea] if sea else []),
            *([objects] if objects.children else []),
            Node("sun", light=SUN),
        ]
        extras = {
            "generator": "worldgen",
            "preset": self.config.preset,
            "seed": self.config.seed,
            "units": "m",
        }
        return Scene(self.config.name, tuple(nodes), extras)

    def export(
        self,
        path: Path | str,
        *,
        level: int = 0,
        manifest: bool = True,
        options: ExportOptions | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[Path]:
        """Write the world; the suffix says how.

        Parameters
        ----------
        path : ``.glb``, ``.gltf``, ``.obj`` for the scene; ``.png``, ``.r16`` for the heightmap with a sidecar
            JSON. Missing folders are made.
        level : terrain level of detail of a scene file.
        manifest : also write ``NAME.manifest.json`` with config, seed, versions and hashes.
        options : see `worldgen.export.ExportOptions`.

        Returns
        -------
        Paths of all files written, the manifest last.
        """
        from worldgen.export import export_world

        return export_world(self, Path(path), level=level, manifest=manifest, options=options)

    def preview(self, **options: Any) -> None:
        """Open a window on the world (PyVista)."""
        from worldgen.preview import show

        show(self.scene(), **options)

    def screenshot(self, path: Path | str, **options: Any) -> Path:
        """Draw a picture of the world without a display; see `worldgen.preview.screenshot`."""
        from worldgen.preview import screenshot

        return screenshot(self.scene(), Path(path), **options)
