"""A height field in metres with its place in the world, and what is read off one: slope, smooth steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.grid import Grid

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Heightmap:
    """Elevation on a grid.

    Attributes
    ----------
    elevation : (H, W) float32, metres, row 0 is north.
    grid : the grid of its vertices; ``grid.shape == elevation.shape``.
    nodata : (H, W) bool, True where the source had no value and elevation was filled in.
    """

    elevation: NDArray[np.float32]
    grid: Grid
    nodata: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))

    def __post_init__(self) -> None:
        elevation = np.ascontiguousarray(self.elevation, dtype=np.float32)
        if elevation.shape != self.grid.shape:
            raise InputError(f"elevation has shape {elevation.shape}, its grid says {self.grid.shape}")
        if not np.isfinite(elevation).all():
            raise InputError(
                f"elevation must be finite; found {int((~np.isfinite(elevation)).sum())} cells that are not. "
                "Mark them as nodata and fill them first"
            )
        nodata = np.asarray(self.nodata, bool) if self.nodata.size else np.zeros(elevation.shape, bool)
        if nodata.shape != elevation.shape:
            raise InputError(f"nodata has shape {nodata.shape}, elevation has {elevation.shape}")
        object.__setattr__(self, "elevation", elevation)
        object.__setattr__(self, "nodata", nodata)

    @property
    def minimum(self) -> float:
        """Lowest elevation in metres."""
        return float(self.elevation.min())

    @property
    def maximum(self) -> float:
        """Highest elevation in metres."""
        return float(self.elevation.max())

    def with_elevation(self, elevation: NDArray[np.float32]) -> Heightmap:
        """Return the same map with other elevations."""
        return Heightmap(elevation, self.grid, self.nodata)


def slope_degrees(elevation: NDArray[np.float32], spacing: float) -> Field:
    """Slope of an (H, W) height field by central differences, degrees."""
    down, across = np.gradient(elevation, np.float32(spacing))
    degrees: Field = np.degrees(np.arctan(np.hypot(down, across))).astype(np.float32)
    return degrees


def ramp(value: NDArray[np.floating], low: float, high: float) -> Field:
    """Smooth step from 0 at ``low`` to 1 at ``high``; falls where ``low > high``."""
    t = np.clip((value.astype(np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    step: Field = t * t * (3 - 2 * t)
    return step
