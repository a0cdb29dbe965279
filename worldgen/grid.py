"""Where the vertices of a map lie: shape, spacing and origin in world metres.

World axes: +X east, +Y up, -Z north. Row 0 is the north edge, so z grows with the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A regular grid of vertices.

    Attributes
    ----------
    shape : (rows, columns), at least 2 × 2.
    spacing : metres between neighbouring vertices, the same on both axes.
    origin : (x, z) of vertex (0, 0) in metres, double precision.
    """

    shape: tuple[int, int]
    spacing: float
    origin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 2:
            raise InputError(f"a grid needs at least 2 x 2 vertices; found shape {self.shape}")
        if not (np.isfinite(self.spacing) and self.spacing > 0):
            raise InputError(f"a grid's spacing must be a positive number of metres; found {self.spacing}")

    @classmethod
    def centred(cls, shape: tuple[int, int], spacing: float) -> Grid:
        """Return a grid whose middle lies at (0, 0)."""
        rows, columns = shape
        return cls(shape, spacing, (-(columns - 1) * spacing / 2, -(rows - 1) * spacing / 2))

    @property
    def extent(self) -> tuple[float, float]:
        """(width along x, depth along z) in metres, from first to last vertex."""
        rows, columns = self.shape
        return (columns - 1) * self.spacing, (rows - 1) * self.spacing

    @property
    def area(self) -> float:
        """Covered area in square metres."""
        width, depth = self.extent
        return width * depth

    @property
    def x(self) -> NDArray[np.float64]:
        """(columns,) x of each column in metres."""
        return self.origin[0] + np.arange(self.shape[1], dtype=np.float64) * self.spacing

    @property
    def z(self) -> NDArray[np.float64]:
        """(rows,) z of each row in metres; row 0 is north, the smallest z."""
        return self.origin[1] + np.arange(self.shape[0], dtype=np.float64) * self.spacing

    def to_cells(
        self, x: NDArray[np.float64], z: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return fractional (row, column) of world points in metres."""
        return (z - self.origin[1]) / self.spacing, (x - self.origin[0]) / self.spacing
