"""The scene of a world that keeps to a device's budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worldgen.export.options import ExportOptions
from worldgen.scene import Scene

if TYPE_CHECKING:
    from worldgen.world import World


def fitted_scene(world: World, options: ExportOptions, level: int = 0) -> Scene:
    """Return the world's scene at a level of the terrain."""
    return world.scene(level)
