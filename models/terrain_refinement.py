"""Held-out judgement of the terrain amplifier: refine coarsened real tiles and compare with the real ones.

Slope and spectrum distances are taken between the generated left half and the *real right half* of a tile
and the other way round, so that the floor, real left against real right, is what a perfect generator would
get. Marginals do not see drainage, so curvature anisotropy (ridges and valleys are bent one way) and
depressions stand beside them. Three baselines refine the same coarse map: a smooth surface, the same with
fractal noise of the real slope variance, and the same with the *real* detail in random phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.terrain_data import STRIPES, Tile, coarsened
from worldgen.models.terrain_descriptors import anisotropy, depressions, radial_spectrum, slopes
from worldgen.models.terrain_folders import read_folder

if TYPE_CHECKING:
    from worldgen.models.terrain_net import Amplifier

FloatArray = NDArray[np.floating[Any]]
FIGURES = ("slope_distance", "spectrum_distance", "anisotropy", "depression_area", "depression_depth")
SHOWN = 18  # most tiles on a sheet


def slope_distance(first: FloatArray, second: FloatArray, spacing: float) -> float:
    """Wasserstein-1 distance between the slope distributions of two maps of equal spacing."""
    at = (np.arange(256) + 0.5) / 256
    quantiles = [np.quantile(slopes(part, spacing), at) for part in (first, second)]
    return float(np.abs(quantiles[0] - quantiles[1]).mean())


def spectrum_distance(first: FloatArray, second: FloatArray) -> float:
    """Root mean square difference of two radial spectra in decades, after taking out their overall level."""
    return float(np.std(radial_spectrum(first) - radial_spectrum(second)))


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
    sheet: Path | None = None,
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
    sheet : PNG to write: the real and the refined middles of at most SHOWN tiles, see `terrain_sheet`.

    Returns
    -------
    dict: ``figures`` maps real, amplifier, smooth, fractal and phase to the mean of each of FIGURES over the
    tiles; ``tiles`` counts them, ``places`` names their places, ``levels`` repeats the argument; ``styles``
    has ``figures`` and ``tiles`` for each style of land that the data name.

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
    chosen = judgeable([tile for tile in tiles if tile.place in places] or tiles, size)[:limit]
    if not chosen:
        raise InputError(f"{data} holds no land tile of at least {2 * size} cells a side to judge on")
    return judge(chosen, net, levels=levels, size=size, seed=seed, sheet=sheet)


def judgeable(tiles: Sequence[Tile], size: int) -> list[Tile]:
    """Tiles of at least twice ``size`` whose middle is land and that have no stripes."""
    wide = [tile for tile in tiles if min(tile.elevation.shape) >= 2 * size]
    land = [tile for tile in wide if _middle(tile.flat, size).mean() < 0.1]
    return [tile for tile in land if tile.stripes < STRIPES]


def judge(
    tiles: Sequence[Tile],
    net: Amplifier,
    *,
    levels: int = 3,
    size: int = 256,
    seed: int = 0,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Judge an amplifier on tiles from `judgeable`, see `evaluate`; of wide ones only the middle is used."""
    from worldgen.models.terrain_sheet import blind_sheet

    random = np.random.default_rng(seed)
    rows: list[dict[str, dict[str, float]]] = []
    real: list[tuple[FloatArray, float, str]] = []
    made: list[tuple[FloatArray, float, str]] = []
    for whole in tiles:
        # twice the judged size is context enough: whole degrees of SRTM would take minutes each
        tile = replace(whole, elevation=_middle(whole.elevation, min(2 * size, *whole.elevation.shape)))
        refined = refinements(tile, net, levels, seed, random)
        middles = {kind: _middle(land, size) for kind, land in refined.items()}
        rows.append(_judge(middles, tile.spacing))
        if len(real) < SHOWN:
            real.append((middles["real"], tile.spacing, tile.place))
            made.append((middles["amplifier"], tile.spacing, tile.place))
    if sheet is not None:
        blind_sheet(real, made, sheet, seed)
    by_style = {
        style: [row for row, tile in zip(rows, tiles, strict=True) if tile.style == style]
        for style in sorted({tile.style for tile in tiles if tile.style is not None})
    }
    return {
        **_averaged(rows),
        "places": sorted({tile.place for tile in tiles}),
        "levels": levels,
        "styles": {style: _averaged(those) for style, those in by_style.items()},
    }


def _averaged(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, Any]:
    figures = {
        kind: {name: float(np.mean([row[kind][name] for row in rows])) for name in FIGURES}
        for kind in rows[0]
    }
    return {"figures": figures, "tiles": len(rows)}


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


def _judge(middles: dict[str, FloatArray], spacing: float) -> dict[str, dict[str, float]]:
    real = np.hsplit(middles["real"], 2)
    figures = {}
    for kind, middle in middles.items():
        left, right = np.hsplit(middle, 2)
        crossed = ((left, real[1]), (right, real[0]))
        area, depth = depressions(middle, spacing)
        figures[kind] = {
            "slope_distance": float(np.mean([slope_distance(a, b, spacing) for a, b in crossed])),
            "spectrum_distance": float(np.mean([spectrum_distance(a, b) for a, b in crossed])),
            "anisotropy": anisotropy(middle),
            "depression_area": area,
            "depression_depth": depth,
        }
    return figures
