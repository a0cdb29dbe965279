"""Random access to the learned terrain amplifier: numpy in, numpy out.

``amplify`` refines a coarse map ×2 again and again with one small net. A window of the result depends on
the coarse cells around it, the seed and its world coordinates, and on nothing else: the same window cut
from a larger one has the same bits, in any order and on any number of threads. Convolution kernels round
differently for different shapes, so each level is computed in blocks of one fixed shape, aligned to world
coordinates, each on one thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.checkpoint import WEIGHTS, load_weights, read_record
from worldgen.models.layers import DOWN_HALO, downsample, hashed_noise

if TYPE_CHECKING:
    from worldgen.models.terrain_net import Amplifier

WEIGHT_FILE = WEIGHTS / "terrain_amplifier.safetensors"
BLOCK = (
    96  # coarse cells per side of a canonical block; 64 has 25 % more halo, 128 wastes more at window edges
)


def load_amplifier(path: Path | None = None) -> Amplifier:
    """Load the shipped amplifier, or the one in ``path`` (``.safetensors`` with its ``.json`` beside it).

    Raises
    ------
    WeightsError : the weights are absent, damaged, or of another net.
    """
    from worldgen.models import terrain_net

    path = WEIGHT_FILE if path is None else path
    net = terrain_net.Amplifier(**read_record(path)["config"])
    load_weights(net, path)
    return net.eval().requires_grad_(False)


def margin(levels: int) -> int:
    """Coarse cells that must surround a window's own at each side, for ``levels`` refinements."""
    from worldgen.models.terrain_net import HALO

    cells = 0
    for _ in range(levels):
        cells = HALO + (cells + 1) // 2
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
    windows = _windows((row, column, height, width), levels)
    _check_halo(elevation.shape, origin, windows[0], levels)
    if levels and net is None:
        net = load_amplifier()
    first_row, first_column = origin
    if levels and net is not None:
        with _pinned_threads(threads) as pool:
            for level in range(levels):
                elevation = _refine(
                    net,
                    elevation,
                    (first_row, first_column),
                    spacing / 2**level,
                    windows[level + 1],
                    (seed, level),
                    1.0 if level else roughness,
                    pool,
                )
                first_row, first_column = windows[level + 1][:2]
    top, left = row - first_row, column - first_column
    return elevation[top : top + height, left : left + width].copy()


Window = tuple[int, int, int, int]  # row, column, height, width


def _windows(window: Window, levels: int) -> list[Window]:
    """Windows needed at each level, coarsest first; the last one is the wanted window."""
    from worldgen.models.terrain_net import HALO

    windows = [window]
    for _ in range(levels):
        row, column, height, width = windows[0]
        top, left = row // 2 - HALO, column // 2 - HALO
        bottom, right = (row + height - 1) // 2 + HALO + 1, (column + width - 1) // 2 + HALO + 1
        windows.insert(0, (top, left, bottom - top, right - left))
    return windows


def _check_halo(shape: tuple[int, ...], origin: tuple[int, int], needed: Window, levels: int) -> None:
    for axis, name in enumerate(("rows", "columns")):
        first, last = needed[axis], needed[axis] + needed[axis + 2]
        given_first, given_last = origin[axis], origin[axis] + shape[axis]
        if first < given_first or last > given_last:
            raise InputError(
                f"the coarse map has {name} {given_first}..{given_last - 1}; this window needs "
                f"{first}..{last - 1}: its own cells and up to {margin(levels)} around them"
            )


@contextmanager
def _pinned_threads(threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """Workers that each compute on one thread; the caller's torch setting is put back afterwards."""
    import torch

    before = torch.get_num_threads()
    workers = threads or os.cpu_count() or 1
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def _refine(
    net: Amplifier,
    elevation: NDArray[np.float32],
    origin: tuple[int, int],
    spacing: float,
    window: Window,
    key: tuple[int, int],
    roughness: float,
    pool: ThreadPoolExecutor,
) -> NDArray[np.float32]:
    """Refine one level: fill ``window`` of the fine grid from its canonical blocks."""
    row, column, height, width = window
    fine = np.empty((height, width), dtype=np.float32)

    def fill(block: tuple[int, int]) -> None:
        top, left = block[0] * 2 * BLOCK - row, block[1] * 2 * BLOCK - column  # in the window
        whole = _refine_block(net, elevation, origin, spacing, block, key, roughness)
        rows = slice(max(top, 0), min(top + 2 * BLOCK, height))
        columns = slice(max(left, 0), min(left + 2 * BLOCK, width))
        fine[rows, columns] = whole[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]

    side = 2 * BLOCK
    blocks = [
        (block_row, block_column)
        for block_row in range(row // side, (row + height - 1) // side + 1)
        for block_column in range(column // side, (column + width - 1) // side + 1)
    ]
    for _ in pool.map(fill, blocks):
        pass
    return fine


def _refine_block(
    net: Amplifier,
    elevation: NDArray[np.float32],
    origin: tuple[int, int],
    spacing: float,
    block: tuple[int, int],
    key: tuple[int, int],
    roughness: float,
) -> NDArray[np.float32]:
    """Compute canonical block (row, column): (2 BLOCK, 2 BLOCK) fine cells.

    Cells beyond the given map are clamped to its edge: they only feed parts of the block that lie outside the
    wanted window.
    """
    import torch

    from worldgen.models.terrain_net import HALO, NOISE

    side = BLOCK + 2 * HALO
    row, column = block[0] * BLOCK - HALO, block[1] * BLOCK - HALO
    rows = np.clip(np.arange(row, row + side) - origin[0], 0, elevation.shape[0] - 1)
    columns = np.clip(np.arange(column, column + side) - origin[1], 0, elevation.shape[1] - 1)
    noise = hashed_noise(key[0], key[1], NOISE, row, column, side, side)
    with torch.inference_mode():
        coarse = torch.from_numpy(elevation[rows[:, None], columns[None, :]])[
            None, None
        ]  # (1, 1, side, side)
        fine = net(coarse, torch.full((1, 1, 1, 1), spacing), torch.from_numpy(noise)[None], roughness)
    return np.asarray(fine[0, 0].numpy(), dtype=np.float32)  # (2 BLOCK, 2 BLOCK)
