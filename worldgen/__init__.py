"""worldgen: virtual environments from a seed.

>>> import worldgen as wg
>>> world = wg.build(wg.WorldConfig(preset="alpine", seed=7))    # doctest: +SKIP
>>> world.export("out/alpine.glb")                               # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worldgen.build import build
    from worldgen.config import WorldConfig, preset_names
    from worldgen.dem import read_dem
    from worldgen.errors import (
        ConfigError,
        ExportError,
        InputError,
        MissingExtraError,
        PreviewError,
        WeightsError,
        WorldgenError,
    )
    from worldgen.export import ExportOptions
    from worldgen.export.inspection import inspect_file
    from worldgen.grid import Grid
    from worldgen.heightmap import Heightmap
    from worldgen.learned_terrain import LearnedTerrain
    from worldgen.materials import PBRMaterial
    from worldgen.mesh import Mesh, Model
    from worldgen.models.texture_controls import TextureControls
    from worldgen.models.texture_field import EndlessTexture
    from worldgen.models.texture_maps import TextureMaps
    from worldgen.models.texture_mixing import interpolate
    from worldgen.models.texture_photo import tile_photo, vary
    from worldgen.models.texture_vae import load_texture_vae, sample_texture
    from worldgen.scene import Instances, Node, Scene
    from worldgen.sketch import Sketch
    from worldgen.world import World

__version__ = "0.1.0"

# Name -> module. Loaded on first use (PEP 562), so that `import worldgen` costs nothing.
_HOMES = {
    "build": "build",
    "WorldConfig": "config",
    "preset_names": "config",
    "read_dem": "dem",
    "ConfigError": "errors",
    "ExportError": "errors",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "PreviewError": "errors",
    "WeightsError": "errors",
    "WorldgenError": "errors",
    "ExportOptions": "export",
    "inspect_file": "export.inspection",
    "Grid": "grid",
    "Heightmap": "heightmap",
    "LearnedTerrain": "learned_terrain",
    "PBRMaterial": "materials",
    "Mesh": "mesh",
    "Model": "mesh",
    "TextureControls": "models.texture_controls",
    "TextureMaps": "models.texture_maps",
    "interpolate": "models.texture_mixing",
    "tile_photo": "models.texture_photo",
    "vary": "models.texture_photo",
    "load_texture_vae": "models.texture_vae",
    "sample_texture": "models.texture_vae",
    "EndlessTexture": "models.texture_field",
    "Instances": "scene",
    "Node": "scene",
    "Scene": "scene",
    "Sketch": "sketch",
    "World": "world",
}

__all__ = [
    "ConfigError",
    "EndlessTexture",
    "ExportError",
    "ExportOptions",
    "Grid",
    "Heightmap",
    "InputError",
    "Instances",
    "LearnedTerrain",
    "Mesh",
    "MissingExtraError",
    "Model",
    "Node",
    "PBRMaterial",
    "PreviewError",
    "Scene",
    "Sketch",
    "TextureControls",
    "TextureMaps",
    "WeightsError",
    "World",
    "WorldConfig",
    "WorldgenError",
    "build",
    "inspect_file",
    "interpolate",
    "load_texture_vae",
    "preset_names",
    "read_dem",
    "sample_texture",
    "tile_photo",
    "vary",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'worldgen' has no attribute '{name}'")
    value = getattr(import_module(f"worldgen.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
