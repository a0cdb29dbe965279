"""How far the triangles of a coarse level lie from the finest land: the true maximum, not only at vertices.

The distance of two surfaces of triangles is linear on each piece of their overlay, so its maximum lies where
edges cross. Lines of the map cross at vertices. Besides them only the diagonals of coarse quads cross edges
of fine ones: the lines of the map and the diagonals of its quads.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from worldgen.grid import Grid
from worldgen.triangulation import kept_lines, surface_height

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

_POINTS = 1 << 20  # held at a time


def vertical_error(
    elevation: Float32Array, row0: int, row1: int, column0: int, column1: int, stride: int
) -> float:
    """Return the largest vertical distance in metres of a level's triangles from the finest land in a window.

    Parameters
    ----------
    elevation : (H, W) float32, metres, the whole map.
    row0, row1, column0, column1 : vertex window, the last row and column included; its first lines are
        multiples of the stride, its last ones too or the map's last.
    """
    if stride == 1:
        return 0.0
    rows, columns = kept_lines(row0, row1, stride), kept_lines(column0, column1, stride)
    worst = 0.0
    across = np.arange(column0, column1 + 1, dtype=np.float64)
    band = max(1, _POINTS // len(across))
    for top in range(row0, row1 + 1, band):
        down = np.arange(top, min(top + band, row1 + 1), dtype=np.float64)
        worst = max(worst, _distance(elevation, down[:, None], across[None, :], stride))
    for height in np.unique(np.diff(rows)):
        for width in np.unique(np.diff(columns)):
            tops, lefts = rows[:-1][np.diff(rows) == height], columns[:-1][np.diff(columns) == width]
            along = _crossings(int(height), int(width))
            band = max(1, _POINTS // (2 * len(along) * len(lefts)))
            for first in range(0, len(tops), band):
                down = tops[first : first + band, None, None] + height * along
                for share in (along, 1 - along):  # both diagonals: one is the quad's, the other does no harm
                    points = lefts[None, :, None] + width * share
                    worst = max(worst, _distance(elevation, down, points, stride))
    return worst


def _distance(elevation: Float32Array, rows: FloatArray, columns: FloatArray, stride: int) -> float:
    """Return the largest distance at points given in rows and columns of the map, broadcast together."""
    cells = Grid((elevation.shape[0], elevation.shape[1]), 1.0)
    coarse = surface_height(elevation, cells, columns, rows, stride=stride)
    return float(np.abs(coarse - surface_height(elevation, cells, columns, rows)).max())


@lru_cache(maxsize=64)
def _crossings(height: int, width: int) -> FloatArray:
    """Return where the diagonal of a quad of so many cells may cross edges of cells, as shares of its length.

    A superset: whichever way the quad and its cells are cut.
    """
    lines = np.unique(np.concatenate([np.arange(height + 1) / height, np.arange(width + 1) / width]))
    middles = (lines[1:] + lines[:-1]) / 2  # one for each cell on the way
    row, column = np.floor(middles * height), np.floor(middles * width)
    shares = [middles, lines, (1 + row + column) / (height + width)]
    if height != width:
        shares.append((row - column) / (height - width))
    found = np.unique(np.concatenate(shares))
    return np.asarray(found[(found >= 0) & (found <= 1)])
