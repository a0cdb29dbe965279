"""Fill the voids of an elevation model: the smooth surface plus what the net knows of land."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.blocks import torch_workers
from worldgen.models.checkpoint import WEIGHTS, load_net
from worldgen.models.layers import hashed_noise
from worldgen.models.void_surface import smooth_fill

if TYPE_CHECKING:
    from worldgen.models.void_net import VoidNet

FloatArray = NDArray[np.float32]

WEIGHT_FILE = WEIGHTS / "terrain_voids.safetensors"
TILE = 256  # cells per side that the net sees at once
OVERLAP = 64  # cells that tiles share, over which they are blended
LEAST = 32  # cells per side that smaller maps are extended to


def load_void_net(path: Path | None = None) -> VoidNet:
    """Load the net that fills voids; the shipped one by default.

    Raises
    ------
    WeightsError : the weights are absent, damaged, or of another net.
    """
    from worldgen.models.void_net import VoidNet

    return load_net(VoidNet, WEIGHT_FILE if path is None else path)


def fill_voids(
    elevation: NDArray[np.floating],
    spacing: float,
    *,
    detail: bool = True,
    seed: int = 0,
    net: VoidNet | None = None,
) -> FloatArray:
    """Fill the cells that are NaN, such as the voids of radar elevation models.

    Parameters
    ----------
    elevation : (H, W) metres, row 0 north, NaN in voids. Any size.
    spacing : metres between cells; the net was trained from 25 m to 400 m.
    detail : draw voids as rough as the land around; False gives the best guess, which is closer in height on
        average and smoother than land.
    seed : decides the detail.
    net : from `load_void_net`; the shipped one by default.

    Returns
    -------
    (H, W) float32 without NaN; known cells keep their bits. The same input gives the same bits, whatever the
    number of threads; a map without voids comes back as it is.

    Raises
    ------
    InputError : not 2-D numbers, infinite cells, no known cell, or a spacing that is not positive.

    Examples
    --------
    >>> slope = np.tile(np.arange(40, dtype=np.float32), (40, 1))
    >>> slope[10:20, 10:25] = np.nan
    >>> bool(abs(fill_voids(slope, 30.0)[15, 20] - 20) < 0.01)
    True
    """
    known = np.asarray(elevation)
    if known.ndim != 2 or not known.size or known.dtype.kind not in "fiu":
        raise InputError(
            f"elevation must be a 2-D array of metres; found {known.dtype} of shape {known.shape}"
        )
    if not (np.isfinite(spacing) and spacing > 0):
        raise InputError(f"spacing: found {spacing}; allowed: metres > 0")
    filled = known.astype(np.float32)
    void = np.isnan(filled)
    if np.isinf(filled).any():
        raise InputError(f"elevation has {int(np.isinf(filled).sum())} infinite cells; mark voids as NaN")
    if void.all():
        raise InputError(f"elevation has no known cell: all {void.size} are NaN")
    if void.any():
        smooth = smooth_fill(filled, void)
        added = _added(smooth, void, spacing, seed if detail else None, net or load_void_net())
        filled[void] = (smooth + added)[void]
    return filled


def _added(
    smooth: NDArray[np.float64], void: NDArray[np.bool_], spacing: float, seed: int | None, net: VoidNet
) -> NDArray[np.float64]:
    """What the net adds to the smooth surface, (H, W) metres; without a seed, the best guess."""
    import torch

    from worldgen.models.void_net import describe, grains

    features, unit = describe(smooth, void)
    height, width = void.shape
    padding = [(0, max(-(-size // net.cell) * net.cell, LEAST) - size) for size in (height, width)]
    features = np.pad(features, [(0, 0), *padding], mode="symmetric")
    marked = np.pad(void, padding)
    starts = [_starts(size) for size in marked.shape]
    tiles = [(row, column) for row in starts[0] for column in starts[1]]
    tiles = [(row, column) for row, column in tiles if marked[row : row + TILE, column : column + TILE].any()]
    told = torch.tensor([spacing], dtype=torch.float32)
    drawn = np.zeros((1, height, width), np.float32)
    if seed is not None:
        drawn = grains(hashed_noise(seed, 0, 1, 0, 0, height, width)[0])
    drawn = np.pad(drawn, [(0, 0), *padding])

    def residual(tile: tuple[int, int]) -> FloatArray:
        window = np.s_[:, tile[0] : tile[0] + TILE, tile[1] : tile[1] + TILE]
        with torch.inference_mode():
            guess, amplitudes = net(torch.from_numpy(np.ascontiguousarray(features[window]))[None], told)
        return np.asarray(guess[0, 0].numpy() + (amplitudes[0].numpy() * drawn[window]).sum(axis=0))

    total, weights = (np.zeros(marked.shape) for _ in range(2))
    with torch_workers() as pool:
        for (row, column), values in zip(tiles, pool.map(residual, tiles), strict=True):
            window = np.s_[row : row + values.shape[0], column : column + values.shape[1]]
            weight = np.outer(*(_blend(size) for size in values.shape))
            total[window] += weight * values
            weights[window] += weight
    mean: NDArray[np.float64] = total / np.maximum(weights, 1e-9)
    return mean[:height, :width] * unit


def _starts(size: int) -> list[int]:
    """First cells of tiles that cover ``size`` cells and overlap; all multiples of 8, as ``size`` is."""
    return [0] if size <= TILE else [*range(0, size - TILE, TILE - OVERLAP), size - TILE]


def _blend(size: int) -> NDArray[np.float64]:
    """Weights of a tile's rows or columns: rising over half of OVERLAP from a little to 1."""
    rising = np.minimum(np.arange(size) + 1.0, OVERLAP // 2)
    weights: NDArray[np.float64] = np.minimum(rising, rising[::-1])
    return weights
