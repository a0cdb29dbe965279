"""Where files go: each target is a profile of options, and what lies beside its scene file.

>>> TARGETS["unreal"].options.normal_y
'-'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from worldgen.errors import ConfigError, nearest
from worldgen.export.godot import write_godot_terrain
from worldgen.export.options import ExportOptions
from worldgen.export.unity import write_unity_terrain
from worldgen.export.unreal import write_unreal_landscape

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
    folders : what else a folder for it holds: sub-folder to its writer.
    """

    name: str
    purpose: str
    options: ExportOptions
    folders: Mapping[str, Folder] = field(default_factory=dict)


_ALL = (
    Target(
        "portable",
        "opens anywhere: core glTF, few draw calls",
        ExportOptions(objects="auto"),
    ),
    Target(
        "web",
        "three.js, Babylon.js and what is built on them: small to load",
        ExportOptions(
            objects="instancing",
            image_format="webp",
            image_fallback=False,
            quantize=True,
            compression="meshopt",
        ),
    ),
    Target(
        "vr",
        "headsets and WebXR: within a Quest's budget, no decoder needed",
        ExportOptions(objects="merged", maximum_texture=2048, quantize=True),
    ),
    Target(
        "godot",
        "Godot 4: collision and navigation by name",
        ExportOptions(objects="nodes", colliders="godot"),
        folders={"landscape": write_godot_terrain},
    ),
    Target(
        "unity",
        "Unity by glTFast",
        ExportOptions(objects="nodes"),
        folders={"landscape": write_unity_terrain},
    ),
    Target(
        "unreal",
        "Unreal 5: UCX_ collision, normal maps with -Y",
        ExportOptions(objects="nodes", colliders="unreal", normal_y="-"),
        folders={"landscape": write_unreal_landscape},
    ),
    Target(
        "blender",
        "Blender 4 and 5: objects share meshes",
        ExportOptions(objects="nodes", image_format="png"),
    ),
    Target(
        "tiles",
        "3D Tiles 1.1: CesiumJS and others stream it",
        ExportOptions(objects="merged"),
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
