"""A finished world: all that was made of a config, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen.biomes import BiomeMap
from worldgen.config import WorldConfig
from worldgen.errors import ExportError
from worldgen.heightmap import Heightmap
from worldgen.hydrology import Hydrology
from worldgen.lod import TerrainChunk
from worldgen.materials import Surface
from worldgen.populate import Placement, instances_at
from worldgen.rivers import RiverNetwork
from worldgen.running_water import water_nodes
from worldgen.scene import DirectionalLight, Node, Scene
from worldgen.sea import sea_node
from worldgen.surfaces import Splat

if TYPE_CHECKING:
    from worldgen.export import ExportOptions
    from worldgen.export.provenance import Provenance
    from worldgen.starts import Start

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
    rivers : the water that flows on the finished ground, and its surface.
    surfaces : the tileable ground materials before blending, in the order of ``splat.names``.
    chunks : the terrain's meshes with their baked materials, each at all levels of detail.
    placements : objects by kind.
    """

    config: WorldConfig
    heightmap: Heightmap
    hydrology: Hydrology
    biomes: BiomeMap
    rivers: RiverNetwork
    splat: Splat
    surfaces: tuple[Surface, ...]
    chunks: tuple[TerrainChunk, ...]
    placements: tuple[Placement, ...]

    def scene(
        self,
        level: int = 0,
        *,
        object_level: int | None = None,
        ground: Node | None = None,
        physics: bool = False,
    ) -> Scene:
        """Assemble the tree that is written or shown.

        Parameters
        ----------
        level : terrain level of detail, 0 the finest. Objects are seated on that level's triangles.
        object_level : level of the objects' meshes; ``level + 1`` by default, since a file without switching
            of levels shows every tree of a square kilometre at once.
        ground : another terrain at that level, in place of the world's chunks.
        physics : add what engines need and nobody sees: ``collision``, ``navigation`` and ``starts``.

        Raises
        ------
        ExportError : the world has no such level, and no other ground is given.
        """
        if ground is None:
            self.check_level(level)
            ground = Node("terrain", children=tuple(chunk.node(level) for chunk in self.chunks))
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
        water = water_nodes(
            self.heightmap,
            self.hydrology,
            self.rivers,
            float(self.biomes.temperature.mean()),
            self.config.seed,
            stride=2**level,
        )
        nodes = [
            ground,
            *([sea] if sea else []),
            *water,
            *([objects] if objects.children else []),
            Node("sun", light=SUN),
        ]
        if physics:
            from worldgen.physics import physics_nodes

            nodes += physics_nodes(self, level=level, object_level=finest)
        extras = {
            "generator": "worldgen",
            "preset": self.config.preset,
            "seed": self.config.seed,
            "units": "m",
        }
        return Scene(self.config.name, tuple(nodes), extras, self.provenance())

    def check_level(self, level: int) -> None:
        """Raise an ExportError if the terrain has no such level of detail."""
        levels = self.config.output.terrain_levels
        if not 0 <= level < levels:
            raise ExportError(f"no terrain level {level}; this world has levels 0 to {levels - 1}")

    def provenance(self, *, terrain: bool = False) -> Provenance:
        """Return where the world comes from: seed, config, nets and their data, files of the user.

        Parameters
        ----------
        terrain : of the heightmap alone, which no texture net and no object went into.
        """
        from worldgen.credits import terrain_provenance, world_provenance

        return terrain_provenance(self.config) if terrain else world_provenance(self.config)

    def export(
        self,
        *paths: Path | str,
        target: str | None = None,
        format: str | None = None,
        level: int = 0,
        manifest: bool = True,
        options: ExportOptions | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[Path]:
        """Write the world to one or more files, whose suffix says how, or to folders.

        Parameters
        ----------
        paths : ``.glb``, ``.gltf``, ``.obj``, ``.usdc``, ``.usda``, ``.usdz`` (extra ``usd``) for the scene;
            ``.png``, ``.r16``, ``.exr`` for the heightmap with a sidecar JSON, ``.tif`` (extra ``geo``); any
            other is a folder, of the target or the format named. Missing folders are made.
        target : an engine or device, see `worldgen.export.TARGETS`; scene files are written as it reads them,
            and a folder gets all that it takes. Without one, files open anywhere.
        format : "maps" for a folder of arrays and tables, see `worldgen.export.maps`.
        level : terrain level of detail of scene files.
        manifest : also write ``NAME.manifest.json`` with config, seed, versions and hashes of the files of
            that name.
        options : see `worldgen.export.ExportOptions`; by default the target's, with the config's images.
        progress : called with (stage, done, all).

        Returns
        -------
        Paths of all files written, manifests last.

        Raises
        ------
        ConfigError : a suffix is unknown, or a target or format.
        ExportError : the level does not exist, or a file would be too large.
        """
        from worldgen.export import (
            FOLDER_WRITERS,
            HEIGHTMAP_WRITERS,
            check_extras,
            check_paths,
            is_file,
            write_heightmap,
            write_target,
            write_world,
        )
        from worldgen.export.targets import target_named

        places = [Path(path) for path in paths]
        check_paths(places, format, target)
        profile = target_named(target or "portable")
        options = options or profile.options_for(self.config.output.image_format)
        check_extras(places, options)

        @cache  # one scene for all files
        def scene() -> Scene:
            from worldgen.export.fitting import fitted_scene  # loads numba

            return fitted_scene(self, options, level)

        written: dict[Path, list[Path]] = {}  # by the name that a manifest gets
        for index, path in enumerate(places):
            if progress:
                progress("write", index, len(places))
            name = path.with_suffix("")
            if not is_file(path):
                name = path if path.name else path.resolve()
                if format is not None:
                    files = FOLDER_WRITERS[format](self, name, options)
                else:
                    files = write_target(self, name, profile, options, scene, level)
            elif path.suffix.lower() in HEIGHTMAP_WRITERS:
                files = write_heightmap(self, path, options)
            else:
                files = write_world(self, path, options, scene(), level)
            written.setdefault(name, []).extend(files)
        if progress:
            progress("write", len(places), len(places))
        files = [file for group in written.values() for file in group]
        return files + [self._manifest(name, group) for name, group in written.items() if manifest]

    def _manifest(self, name: Path, files: list[Path]) -> Path:
        from worldgen.export import describe_weights, write_manifest
        from worldgen.models.checkpoint import WEIGHTS

        return write_manifest(
            name.with_name(name.name + ".manifest.json"),
            config=self.config.values(),
            seed=self.config.seed,
            files=files,
            weights=[describe_weights(file) for file in sorted(WEIGHTS.glob("*.safetensors"))],
        )

    def player_starts(self, count: int = 4) -> list[Start]:
        """Return places to start, the best first: dry and level, with a view; fewer if there are no more.

        Raises
        ------
        InputError : the count is below 0.
        """
        from worldgen.physics import solid_objects, starts_of, ways_of

        solids = list(solid_objects(self.placements, self.heightmap))
        return starts_of(self, solids, ways_of(self, solids)[0], count)

    def preview(self, *, view: str = "hero", **options: Any) -> None:
        """Open a window on the world; arguments as of `worldgen.preview.show`."""
        from worldgen.preview import show

        show(self._shown(view), view=view, **options)

    def screenshot(self, path: Path | str, *, view: str = "hero", **options: Any) -> Path:
        """Draw a picture of the world without a display; arguments as of `worldgen.preview.screenshot`."""
        from worldgen.preview import screenshot

        return screenshot(self._shown(view), Path(path), view=view, **options)

    def _shown(self, view: str) -> Scene:
        # Only from the ground does the finest level of the objects show.
        return self.scene(object_level=0 if view == "ground" else None)
