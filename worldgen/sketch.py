"""The author's sketch of a land: rough heights, ridge lines and river lines, each of which may be absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sketch:
    """What an endless land shall follow (`worldgen.LearnedTerrain`).

    Heights hold where they are given, rivers win over heights, and heights over ridges.

    Attributes
    ----------
    elevation : (H, W) metres, row 0 is north; NaN where the land is free. None for a sketch of lines alone.
    spacing : metres between cells of ``elevation``; 100 to 2000 is what it is meant for. The land averages
        what is finer than its macro relief, which has cells of 85 to 170 m.
    origin : (x, z) metres of the centre of cell (0, 0).
    ridges : lines of (N, 2) x, z metres from which the land falls to both sides.
    rivers : lines of (N, 2) x, z metres that water follows, from source to mouth, or from high to low where
        heights are given. One that ends within 600 m of another flows into it.

    Raises
    ------
    InputError : a shape or a number is wrong, or nothing is drawn.

    Examples
    --------
    >>> Sketch(rivers=[[(0, -8000), (1500, 0), (0, 9000)]]).rivers[0].shape
    (3, 2)
    """

    elevation: NDArray[np.floating[Any]] | None = None
    spacing: float = 500.0
    origin: tuple[float, float] = (0.0, 0.0)
    ridges: Sequence[Any] = ()
    rivers: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.spacing) and self.spacing > 0):
            raise InputError(f"sketch.spacing: found {self.spacing}; allowed: metres > 0")
        if len(self.origin) != 2 or not np.isfinite(self.origin).all():
            raise InputError(f"sketch.origin: found {self.origin}; allowed: x, z in metres")
        if self.elevation is not None:
            object.__setattr__(self, "elevation", _checked_heights(self.elevation))
        for name in ("ridges", "rivers"):
            lines = enumerate(getattr(self, name))
            checked = tuple(_checked_line(line, f"sketch.{name}[{index}]") for index, line in lines)
            object.__setattr__(self, name, checked)
        if self.elevation is None and not self.ridges and not self.rivers:
            raise InputError("sketch: found nothing drawn; give elevation, ridges or rivers")

    def coarsened(self, least: float) -> Sketch:
        """The sketch with cells of at least so many metres, each the mean of what is given in it."""
        step = int(np.ceil(least / self.spacing - 1e-9))
        if self.elevation is None or step <= 1:
            return self
        rows, columns = (-(-size // step) for size in self.elevation.shape)
        whole = np.full((rows * step, columns * step), np.nan)
        whole[: self.elevation.shape[0], : self.elevation.shape[1]] = self.elevation
        blocks = whole.reshape(rows, step, columns, step)
        given = np.isfinite(blocks)
        count = given.sum(axis=(1, 3))
        total = np.where(given, blocks, 0.0).sum(axis=(1, 3))
        means = np.where(2 * count >= step * step, total / np.maximum(count, 1), np.nan)
        if min(means.shape) < 2 or np.isnan(means).all():
            raise InputError(
                f"sketch.elevation: found {self.elevation.shape} cells of {self.spacing} m; allowed: two "
                f"cells or more of {step * self.spacing} m, the land's own"
            )
        shift = (step - 1) / 2 * self.spacing
        origin = self.origin[0] + shift, self.origin[1] + shift
        return replace(self, elevation=means, spacing=step * self.spacing, origin=origin)


def _checked_heights(elevation: NDArray[np.floating[Any]]) -> FloatArray:
    heights = np.array(elevation, dtype=np.float64)
    if heights.ndim != 2 or min(heights.shape) < 2:
        raise InputError(f"sketch.elevation: found shape {heights.shape}; allowed: (H, W), 2 x 2 or more")
    if np.isinf(heights).any() or np.isnan(heights).all():
        raise InputError("sketch.elevation: allowed are finite metres, and NaN where the land is free")
    return heights


def _checked_line(line: Any, name: str) -> FloatArray:
    points = np.array(line, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise InputError(
            f"{name}: found shape {points.shape}; allowed: (N, 2) finite x, z, two points or more"
        )
    moved = np.concatenate([[True], (np.diff(points, axis=0) != 0).any(axis=1)])
    if moved.sum() < 2:
        raise InputError(f"{name}: found one point only, repeated; allowed: a line")
    distinct: FloatArray = points[moved]
    return distinct
