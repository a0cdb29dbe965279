"""Held-out judgement of the terrain amplifier: refine coarsened real tiles and compare with the real ones.

Slope and spectrum distances are taken between the generated left half and the *real right half* of a tile
and the other way round, so that the floor, real left against real right, is what a perfect generator would
get. Marginals do not see drainage, so curvature anisotropy (ridges and valleys are bent one way) and
depressions stand beside them. Three baselines refine the same coarse map: a smooth surface, the same with
fractal noise of the real slope variance, and the same with the *real* detail in random phase.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.terrain_data import STRIPES, Tile, coarsened, read_folder, striping

if TYPE_CHECKING:
    from worldgen.models.terrain_net import Amplifier

FloatArray = NDArray[np.floating[Any]]
FIGURES = ("slope_distance", "spectrum_distance", "anisotropy", "depression_area", "depression_depth")


def slopes(elevation: FloatArray, spacing: float) -> FloatArray:
    """Slope (rise over run) at each cell: (H, W) -> (H, W)."""
    vertical, horizontal = np.gradient(elevation, spacing)
    return np.asarray(np.hypot(vertical, horizontal))


def slope_distance(first: FloatArray, second: FloatArray, spacing: float) -> float:
    """Wasserstein-1 distance between the slope distributions of two maps of equal spacing."""
    at = (np.arange(256) + 0.5) / 256
    quantiles = [np.quantile(slopes(part, spacing), at) for part in (first, second)]
    return float(np.abs(quantiles[0] - quantiles[1]).mean())


def radial_spectrum(elevation: FloatArray, bins: int = 16) -> FloatArray:
    """Mean log10 power in rings of wave number from 1/32 to 1/2 cycles per cell: (H, W) -> (bins,)."""
    height, width = elevation.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((elevation - elevation.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    edges = np.geomspace(1 / 32, 1 / 2, bins + 1)
    ring = np.digitize(radius, edges) - 1
    return np.array([np.log10(power[ring == index].mean() + 1e-12) for index in range(bins)])


def spectrum_distance(first: FloatArray, second: FloatArray) -> float:
    """Root mean square difference of two radial spectra in decades, after taking out their overall level."""
    difference = radial_spectrum(first) - radial_spectrum(second)
    return float(np.std(difference))


def anisotropy(elevation: FloatArray) -> float:
    """Mean of ||k1| - |k2|| / (|k1| + |k2|) over cells and three scales, k being the principal curvatures.

    Ridges and valleys bend one way and score high; blobs and phase-randomised noise bend both ways.
    """
    from scipy.ndimage import gaussian_filter

    scores = []
    for scale in (1.0, 2.0, 4.0):
        parts = [gaussian_filter(elevation, scale, order=order) for order in ((2, 0), (0, 2), (1, 1))]
        edge = int(3 * scale)
        yy, xx, xy = (part[edge:-edge, edge:-edge] for part in parts)
        middle, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
        first, second = np.abs(middle + spread), np.abs(middle - spread)
        scores.append(float(np.mean(np.abs(first - second) / (first + second + 1e-12))))
    return float(np.mean(scores))


def depressions(elevation: FloatArray, tolerance: float) -> tuple[float, float]:
    """Share of cells under the fill level of a depression, and mean fill depth over the standard deviation.

    Depressions shallower than ``tolerance`` metres count as level: elevation models are rounded.
    """
    depth = _fill(np.ascontiguousarray(elevation, dtype=np.float64)) - elevation
    depth = np.where(depth > tolerance, depth, 0.0)
    return float((depth > 0).mean()), float(depth.mean() / (np.std(elevation) + 1e-12))


def _fill(elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill depressions by priority flood (Barnes, Lehman and Mulla 2014) from the border, 8 neighbours."""
    import heapq

    height, width = elevation.shape
    filled = np.full(elevation.shape, np.inf)
    heap: list[tuple[float, int, int]] = []
    for row in range(height):
        for column in range(width):
            if row in (0, height - 1) or column in (0, width - 1):
                filled[row, column] = elevation[row, column]
                heap.append((float(elevation[row, column]), row, column))
    heapq.heapify(heap)
    levels = elevation.tolist()
    while heap:
        level, row, column = heapq.heappop(heap)
        for next_row in range(max(row - 1, 0), min(row + 2, height)):
            for next_column in range(max(column - 1, 0), min(column + 2, width)):
                if filled[next_row, next_column] == np.inf:
                    filled[next_row, next_column] = max(level, levels[next_row][next_column])
                    heapq.heappush(heap, (filled[next_row, next_column], next_row, next_column))
    return filled


def evaluate(
    data: Path,
    *,
    weights: Path | None = None,
    places: tuple[str, ...] | None = None,
    levels: int = 3,
    size: int = 256,
    seed: int = 0,
    limit: int | None = None,
    spacing: float | None = None,
) -> dict[str, Any]:
    """Judge an amplifier on places that it was not trained on.

    Parameters
    ----------
    data : folder of elevation tiles, as for training.
    weights : weight file; the shipped one by default.
    places : places to judge on; those that the weight file's record holds out by default, or all there are
        when none of those is in the folder.
    levels : refinements between the coarsened and the judged map.
    size : cells per side of the judged middle of each tile.
    limit : at most so many tiles.

    Returns
    -------
    dict: ``figures`` maps real, amplifier, smooth, fractal and phase to the mean of each of FIGURES over the
    tiles; ``tiles`` counts them, ``places`` names their places, ``levels`` repeats the argument.

    Raises
    ------
    InputError : no tile can be judged.
    """
    from worldgen.models.checkpoint import read_record
    from worldgen.models.terrain_gan import WEIGHT_FILE, load_amplifier

    path = WEIGHT_FILE if weights is None else weights
    net = load_amplifier(path)
    if places is None:
        places = tuple(read_record(path)["training"].get("held_out_places", ()))
    tiles = [tile for tile in read_folder(data, spacing) if min(tile.elevation.shape) >= 2 * size]
    chosen = [tile for tile in tiles if tile.place in places] or tiles
    chosen = [tile for tile in chosen if _middle(tile.flat, size).mean() < 0.1]
    chosen = [tile for tile in chosen if striping(tile.elevation) < STRIPES][:limit]
    if not chosen:
        raise InputError(f"{data} holds no land tile of at least {2 * size} cells a side to judge on")
    random = np.random.default_rng(seed)
    rows = [_judge(tile, refinements(tile, net, levels, seed, random), size) for tile in chosen]
    figures = {
        kind: {name: float(np.mean([row[kind][name] for row in rows])) for name in FIGURES}
        for kind in rows[0]
    }
    return {
        "figures": figures,
        "tiles": len(chosen),
        "places": sorted({tile.place for tile in chosen}),
        "levels": levels,
    }


def refinements(
    tile: Tile, net: Amplifier, levels: int, seed: int, random: np.random.Generator
) -> dict[str, FloatArray]:
    """Coarsen a tile and refine it again in each way; (H, W) maps in metres, the real one among them."""
    from worldgen.models.terrain_gan import amplify, margin

    step = 2**levels
    real = tile.elevation[: tile.elevation.shape[0] // step * step, : tile.elevation.shape[1] // step * step]
    coarse = Tile(tile.place, tile.spacing, real, np.zeros(real.shape, dtype=np.bool_))
    for _ in range(levels):
        coarse = coarsened(coarse)
    halo = margin(levels)
    padded = np.pad(coarse.elevation, halo, mode="reflect", reflect_type="odd")
    window = {"row": 0, "column": 0, "height": real.shape[0], "width": real.shape[1]}
    made = amplify(padded, coarse.spacing, levels=levels, seed=seed, origin=(-halo, -halo), net=net, **window)
    smooth = _smooth_refinement(padded, halo, levels)
    detail = real - smooth
    return {
        "real": real,
        "amplifier": made,
        "smooth": smooth,
        "fractal": smooth + _fractal(smooth, real, step, random),
        "phase": smooth + _phase_randomised(detail, random),
    }


def _smooth_refinement(padded: FloatArray, halo: int, levels: int) -> FloatArray:
    import torch

    from worldgen.models.layers import crop, upsample

    fine = torch.from_numpy(np.asarray(padded, dtype=np.float32))[None, None]
    for _ in range(levels):
        fine = upsample(fine)
        halo = 2 * (halo - 1)
    return np.asarray(crop(fine, halo)[0, 0].numpy())


def _fractal(smooth: FloatArray, real: FloatArray, step: int, random: np.random.Generator) -> FloatArray:
    """Fractal noise finer than the coarse cells (power ~ k^-4), scaled to give the real slope variance."""
    height, width = smooth.shape
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    shape = np.where(radius > 0.5 / step, np.maximum(radius, 1e-9) ** -2.0, 0.0)
    noise = np.real(np.fft.ifft2(np.fft.fft2(random.normal(size=smooth.shape)) * shape))
    wanted = np.mean(slopes(real, 1.0) ** 2) - np.mean(slopes(smooth, 1.0) ** 2)
    return np.asarray(noise * np.sqrt(max(float(wanted), 0.0) / np.mean(slopes(noise, 1.0) ** 2)))


def _phase_randomised(detail: FloatArray, random: np.random.Generator) -> FloatArray:
    phases = np.angle(np.fft.fft2(random.normal(size=detail.shape)))
    return np.asarray(np.real(np.fft.ifft2(np.abs(np.fft.fft2(detail)) * np.exp(1j * phases))))


def _middle(array: NDArray[Any], size: int) -> NDArray[Any]:
    top, left = (array.shape[0] - size) // 2, (array.shape[1] - size) // 2
    return array[top : top + size, left : left + size]


def _judge(tile: Tile, maps: dict[str, FloatArray], size: int) -> dict[str, dict[str, float]]:
    middles = {kind: _middle(made, size) for kind, made in maps.items()}
    real = np.hsplit(middles["real"], 2)
    figures = {}
    for kind, middle in middles.items():
        left, right = np.hsplit(middle, 2)
        crossed = ((left, real[1]), (right, real[0]))
        area, depth = depressions(middle, tolerance=0.01 * tile.spacing)
        figures[kind] = {
            "slope_distance": float(np.mean([slope_distance(a, b, tile.spacing) for a, b in crossed])),
            "spectrum_distance": float(np.mean([spectrum_distance(a, b) for a, b in crossed])),
            "anisotropy": anisotropy(middle),
            "depression_area": area,
            "depression_depth": depth,
        }
    return figures
