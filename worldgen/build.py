"""The pipeline on one page: config -> heightmap -> hydrology -> biomes -> objects -> materials -> world."""

from __future__ import annotations

from collections.abc import Callable

from worldgen.bake import bake_chunks
from worldgen.biomes import classify
from worldgen.config import WorldConfig
from worldgen.hydrology import route
from worldgen.lod import chunk_windows, terrain_chunks
from worldgen.materials import learned_surfaces
from worldgen.populate import light_through, populate, wanted_species
from worldgen.running_water import flowing_rivers
from worldgen.surfaces import SURFACES, splat
from worldgen.terrain import make_terrain
from worldgen.world import World


def build(config: WorldConfig, *, progress: Callable[[str, int, int], None] | None = None) -> World:
    """Make a world. The same config gives the same world, to the byte, on one machine.

    Parameters
    ----------
    config : decides everything.
    progress : called with (stage, done, all).

    Raises
    ------
    ConfigError : the species file is wrong.
    InputError : an elevation file or asset of the user's cannot be read.
    WeightsError : shipped weights are damaged.

    Examples
    --------
    >>> world = build(WorldConfig(preset="alpine", seed=7))      # doctest: +SKIP
    >>> world.export("out/alpine.glb")                           # doctest: +SKIP
    """
    report = progress or (lambda stage, done, total: None)
    seed, output = config.seed, config.output

    wanted_species(config.objects)  # a wrong species file is known before the work
    report("terrain", 0, 1)
    heightmap = make_terrain(config)
    report("terrain", 1, 1)
    report("land", 0, 2)
    hydrology = route(
        heightmap.elevation,
        heightmap.grid.spacing,
        sea_level=config.sea_level,
        connected_sea=False,
        # Land that was made drains already; a file has bridges and dams in its valleys.
        depressions="breach" if config.terrain.source == "dem" else "fill",
    )
    report("land", 1, 2)
    biomes = classify(heightmap, hydrology, config.climate, seed)
    carved = config.terrain.source != "dem" and config.erosion.rivers > 0
    strength = config.erosion.rivers if carved else 1.0
    rivers = flowing_rivers(heightmap, hydrology, biomes, strength=strength, carved=carved)
    report("land", 2, 2)
    report("objects", 0, 1)
    placements = populate(heightmap, hydrology, rivers, biomes, config.objects, seed)
    report("objects", 1, 1)
    ground = splat(heightmap, hydrology, biomes, seed, light_through(placements, heightmap.grid))
    surfaces = learned_surfaces(
        SURFACES, seed, tint=config.materials.tint, progress=lambda *count: report("materials", *count)
    )
    windows = chunk_windows(heightmap.grid.shape, output.chunk_quads)
    baked = bake_chunks(
        windows,
        heightmap,
        ground,
        surfaces,
        sea_level=config.sea_level,
        strata=config.materials.strata,
        texture_size=config.materials.texture_size,
        quads=output.chunk_quads,
        seed=seed,
        progress=lambda *count: report("bake", *count),
    )
    by_window = dict(zip(windows, baked, strict=True))
    chunks = terrain_chunks(
        heightmap,
        by_window.__getitem__,
        quads=output.chunk_quads,
        levels=output.terrain_levels,
        tangents=True,
    )
    return World(
        config, heightmap, hydrology, biomes, rivers, ground, tuple(surfaces), tuple(chunks), placements
    )
