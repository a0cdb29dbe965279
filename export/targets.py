"""Where files go: each target is a profile of options, and what lies beside its scene file.

>>> TARGETS["unreal"].options.normal_y
'-'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from worldgen.errors import ConfigError, ExportError, nearest
from worldgen.export import godot, unity, unreal
from worldgen.export.options import ExportOptions

if TYPE_CHECKING:
    from worldgen.world import World

Folder = Callable[["World", Path], list[Path]]


@dataclass(frozen=True)
class Target:
    """An engine, viewer or device, and what is known to open there without a touch.

    Attributes
    ----------
    name : as on the shell.
    purpose : one line for people.
    options : of its scene file.
    format : of its folder's scene: the suffix of a file in it, or a format that fills the folder itself.
    folders : what else its folder holds: sub-folder to writer.
    """

    name: str
    purpose: str
    options: ExportOptions
    format: str = ".glb"
    folders: Mapping[str, Folder] = field(default_factory=dict)

    def options_for(self, image_format: Literal["jpeg", "png"]) -> ExportOptions:
        """Return its options, with the images that a config wants where the target needs no special ones."""
        if self.options.image_format != "jpeg":
            return self.options
        return replace(self.options, image_format=image_format)


def _ground_of(write: Callable[..., list[Path]]) -> Folder:
    """Return what writes a world's ground by an engine's writer of heights, weights and materials."""

    def of_world(world: World, folder: Path) -> list[Path]:
        ground, splat = world.heightmap, world.splat
        return write(
            ground,
            splat.names,
            splat.weights,
            folder,
            surfaces=world.surfaces,
            provenance=world.provenance(),
        )

    return of_world


_ALL = (
    Target(
        "portable",
        "opens anywhere: core glTF, few draw calls",
        ExportOptions(objects="auto", cell_size=1024.0),
    ),
    Target(
        "web",
        "three.js, Babylon.js and what is built on them: small to load",
        ExportOptions(
            objects="instancing",
            cell_size=1024.0,
            maximum_draw_calls=280,
            maximum_triangles=1_900_000,
            maximum_texture_bytes=400_000_000,
            image_format="webp",
            image_fallback=False,
            quality=75,
            normal_quality=75,
            quantize=True,
            compression="meshopt",
        ),
    ),
    Target(
        "vr",
        "headsets and WebXR: within a Quest's budget, no decoder needed",
        # What a Quest 2 draws at 72 Hz in its browser, with some to spare for the app. Core glTF alone:
        # integers would make it a third smaller, but assimp, Panda3D and VTK misread them.
        ExportOptions(
            objects="merged",
            maximum_texture=2048,
            maximum_triangles=750_000,
            maximum_draw_calls=72,
            maximum_texture_bytes=224_000_000,
        ),
    ),
    Target(
        "godot",
        "Godot 4: collision and navigation by name",
        ExportOptions(objects="nodes", colliders="godot"),
        folders={"landscape": _ground_of(godot.write_terrain)},
    ),
    Target(
        "unity",
        "Unity by glTFast",
        ExportOptions(objects="nodes"),
        folders={"landscape": _ground_of(unity.write_terrain)},
    ),
    Target(
        "unreal",
        "Unreal 5: UCX_ collision, normal maps with -Y",
        ExportOptions(objects="nodes", colliders="unreal", normal_y="-"),
        folders={"landscape": _ground_of(unreal.write_landscape)},
    ),
    Target(
        "blender",
        "Blender 4 and 5: objects share meshes",
        ExportOptions(objects="nodes", image_format="png"),
    ),
    Target(
        "tiles",
        "3D Tiles 1.1: CesiumJS and others stream it",
        ExportOptions(objects="merged", cell_size=None, quantize=True),
        format="tiles",
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in _ALL}


def target_named(name: str) -> Target:
    """Return a target.

    Raises
    ------
    ConfigError : there is none of that name; the message lists those that there are.
    """
    if name not in TARGETS:
        raise ConfigError(f"found target '{name}'; {nearest(name, TARGETS)}")
    return TARGETS[name]


def with_options(options: ExportOptions, values: Mapping[str, object]) -> ExportOptions:
    """Return options with some of them set, by name.

    Raises
    ------
    ConfigError : an option is unknown, or a value is none that it takes.
    """
    names = [field.name for field in fields(ExportOptions)]
    for name in values:
        if name not in names:
            raise ConfigError(f"found option '{name}'; {nearest(name, names)}")
    try:
        return TypeAdapter(ExportOptions).validate_python({**asdict(options), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"option {first['loc'][0]}: found {first['input']!r}; {first['msg']}") from None
    except ExportError as error:
        raise ConfigError(f"option {error}") from None
