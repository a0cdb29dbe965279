"""Random access to the learned terrain amplifier: numpy in, numpy out.

``amplify`` refines a coarse map ×2 again and again with one small net. A window of the result depends on the
cells around it, the seed and its world coordinates, and on nothing else: the same window cut from a larger
one has the same bits, in any order and on any number of threads (see `worldgen.models.blocks`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.blocks import Window, fill, pieces, workers
from worldgen.models.checkpoint import WEIGHTS, load_net
from worldgen.models.layers import DOWN_HALO, downsample, hashed_noise

if TYPE_CHECKING:
    from worldgen.models.terrain_inference import AmplifierPass
    from worldgen.models.terrain_net import Amplifier

WEIGHT_FILE = WEIGHTS / "terrain_amplifier.safetensors"
PIECE = 512  # fine cells per side of what is worked on at once, at most
_GRID = 4  # fine cells that pieces start and end at multiples of: `correlation.correlate_pairs`


def load_amplifier(path: Path | None = None) -> Amplifier:
    """Load the shipped amplifier, or the one in ``path`` (``.safetensors`` with its ``.json`` beside it).

    Raises
    ------
    WeightsError : the weights are absent, damaged, or of another net.
    """
    from worldgen.models.terrain_net import Amplifier

    return load_net(Amplifier, path or WEIGHT_FILE)


def margin(levels: int) -> int:
    """Coarse cells that must surround a window's own at each side, for ``levels`` refinements."""
    from worldgen.models.terrain_net import HALO

    cells = 0
    for _ in range(levels):
        cells = HALO + 1 + (cells + 1) // 2  # one more: rows go by pairs
    return cells


def coarsen(
    elevation: NDArray[np.float32], origin: tuple[int, int] = (0, 0)
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Halve the resolution of a map with the filter that `amplify` inverts.

    A macro relief that is smooth at its own spacing stays smooth: the net adds only what lies below its
    cells. Coarsen such a map until its cells are as wide as its narrowest valleys, then refine it more often.

    Parameters
    ----------
    elevation : (H, W) metres.
    origin : world coordinates of ``elevation[0, 0]``.

    Returns
    -------
    coarse map of float32 metres without the two cells at each side that the filter needs, and the world
    coordinates of its first cell on the coarse grid.
    """
    import torch

    # Start at an even coordinate and end before one, so that each coarse cell has both its children.
    top, left = (coordinate % 2 for coordinate in origin)
    height, width = ((size - skip) // 2 * 2 for size, skip in zip(elevation.shape, (top, left), strict=True))
    if min(height, width) < 10:
        raise InputError(f"a map to coarsen must be at least 11 cells wide, not {elevation.shape}")
    even = np.ascontiguousarray(elevation[top : top + height, left : left + width], dtype=np.float32)
    with torch.inference_mode():
        coarse = downsample(torch.from_numpy(even)[None, None])[0, 0].numpy()
    first_row, first_column = ((origin[0] + top) // 2 + DOWN_HALO, (origin[1] + left) // 2 + DOWN_HALO)
    return np.asarray(coarse, dtype=np.float32), (first_row, first_column)


def amplify(
    elevation: NDArray[np.float32],
    spacing: float,
    *,
    levels: int,
    seed: int,
    row: int,
    column: int,
    height: int,
    width: int,
    origin: tuple[int, int] = (0, 0),
    roughness: float = 1.0,
    style: NDArray[np.float32] | None = None,
    net: Amplifier | None = None,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Refine a coarse map and return one window of the fine one.

    Parameters
    ----------
    elevation : (H, W) float32 metres, without NaN: a cut of an endless coarse map.
    spacing : metres between coarse cells.
    levels : number of ×2 refinements; 0 cuts the window from the coarse map.
    seed : decides the detail.
    row, column : first cell of the window on the grid ``2**levels`` finer; fine cell r lies in coarse cell
        ``r // 2**levels``, and a coarse value stands at the centre of its fine cells. Any integers.
    height, width : size of the window in fine cells.
    origin : world coordinates (row, column) of ``elevation[0, 0]`` on the coarse grid.
    roughness : factor on the detail that the first refinement adds; finer levels follow by themselves. More
        than 1 makes up for a coarse map that is smoother than land at its own spacing.
    style : (S, H, W) or (S, 1, 1) weights of the net's ``styles`` of land on the coarse map; None leaves it
        open.
    net : from `load_amplifier`; the shipped one by default.
    threads : workers; the result does not depend on them. All processors by default.

    Returns
    -------
    (height, width) float32 metres. Averaged down with `layers.downsample` it is the coarse map again, to
    rounding.

    Raises
    ------
    InputError : an argument is out of range, or too few coarse cells surround the window.
    """
    elevation = np.ascontiguousarray(elevation, dtype=np.float32)
    if elevation.ndim != 2 or not np.isfinite(elevation).all():
        raise InputError(
            f"elevation must be a (H, W) array of finite metres, not {elevation.shape} or not finite"
        )
    if not spacing > 0 or levels < 0 or height < 1 or width < 1:
        raise InputError(
            f"spacing must be > 0, levels >= 0, height and width >= 1; found "
            f"{(spacing, levels, height, width)}"
        )
    window = Window(row, column, height, width)
    windows = [window]  # needed at each level, coarsest first
    for _ in range(levels):
        windows.insert(0, _grown(windows[0]).parents(_halo()))
    _check_halo(elevation.shape, origin, windows[0], margin(levels))
    if not levels:
        return window.cut(elevation, origin)
    from worldgen.models.terrain_inference import AmplifierPass

    refine = AmplifierPass(load_amplifier() if net is None else net)
    here = origin
    with workers(threads) as pool:
        for level, wanted in enumerate(windows[1:]):
            key, rough = (seed, level), 1.0 if level else roughness
            mix = None if style is None else _Mix(style, origin, 2**level)
            elevation = _refined(refine, elevation, here, spacing / 2**level, wanted, key, rough, mix, pool)
            here = wanted.row, wanted.column
    return elevation


@dataclass(frozen=True)
class _Mix:
    """Weights of styles (S, H, W) or (S, 1, 1) on a grid ``step`` times coarser than that of the windows."""

    weights: NDArray[np.float32]
    origin: tuple[int, int]
    step: int

    def on(self, window: Window) -> NDArray[np.float32]:
        """(S, h, w), or (S, 1, 1) where the mix is the same everywhere."""
        flat = self.weights.shape[-1] == 1
        return self.weights if flat else window.cut(self.weights, self.origin, self.step)


def _grown(window: Window) -> Window:
    """The window with rows up to multiples of `_GRID`."""
    row = window.row // _GRID * _GRID
    return Window(row, window.column, -((row - window.row - window.height) // _GRID) * _GRID, window.width)


def _halo() -> int:
    from worldgen.models.terrain_net import HALO

    return HALO


def _check_halo(shape: tuple[int, ...], origin: tuple[int, int], needed: Window, around: int) -> None:
    for axis, name in enumerate(("rows", "columns")):
        first = (needed.row, needed.column)[axis]
        last = first + (needed.height, needed.width)[axis]
        given_first, given_last = origin[axis], origin[axis] + shape[axis]
        if first < given_first or last > given_last:
            raise InputError(
                f"the coarse map has {name} {given_first}..{given_last - 1}; this window needs "
                f"{first}..{last - 1}: its own cells and up to {around} around them"
            )


def _refined(
    refine: AmplifierPass,
    elevation: NDArray[np.float32],
    origin: tuple[int, int],
    spacing: float,
    window: Window,
    key: tuple[int, int],
    roughness: float,
    mix: _Mix | None,
    pool: ThreadPoolExecutor,
) -> NDArray[np.float32]:
    """Refine one level: fill ``window`` of the fine grid.

    Cells beyond the given map are clamped to its edge: they only feed columns outside the wanted window.
    """
    from worldgen.models.terrain_net import NOISE

    def compute(part: Window) -> NDArray[np.float32]:
        wide = part.parents(_halo())
        noise = hashed_noise(key[0], key[1], NOISE, wide.row, wide.column, wide.height, wide.width)
        style = None if mix is None else mix.on(wide)
        return refine(wide.cut(elevation, origin), spacing, noise, roughness, style)

    return fill(window, pieces(window, PIECE, _GRID), compute, pool)
