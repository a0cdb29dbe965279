"""Whether a material tiles without a seam, and how much of its repeats a tiled plane shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_data import Array

if TYPE_CHECKING:
    from worldgen.models.texture_vae import TextureMaps

MAPS = ("base_color", "height", "roughness", "occlusion", "normal")
SLOW = 4  # cycles a tile
LEAST_LAG = 1 / 8  # of a tile: nearer than this, a texture is like itself anyway


def steps(plane: Array, axis: int) -> NDArray[np.float64]:
    """Mean absolute step (n,) to each row (or column) from the one before it; entry 0 is the wrap.

    plane : (H, W) or (H, W, C).
    """
    step = np.abs(plane - np.roll(plane, 1, axis=axis))
    others = tuple(i for i in range(plane.ndim) if i != axis)
    return np.asarray(step.mean(axis=others), np.float64)


def cell_ratio(plane: Array, cell: int = 8) -> float:
    """Mean step at the borders of latent cells over the mean step inside them: 1 where no cells show."""
    ratios = []
    for axis in (0, 1):
        step = steps(plane, axis)
        at_border = np.arange(len(step)) % cell == 0
        ratios.append(step[at_border].mean() / max(step[~at_border].mean(), 1e-9))
    return float(max(ratios))


def wrap_ratios(maps: TextureMaps) -> dict[str, NDArray[np.float64]]:
    """Of each map, the ratio of each line's mean absolute step to the mean of the steps inside the tile.

    Returns
    -------
    (2, n) for each of MAPS: rows and columns; entry 0 is the step across the wrap. Any line of a random
    texture that is periodic, the wrap's too, has a ratio of 1 on average; a single one scatters, so look at
    the mean over axes and samples.
    """
    found = {}
    for name in MAPS:
        both = [steps(getattr(maps, name), axis) for axis in (0, 1)]
        found[name] = np.stack([step / max(float(step[1:].mean()), 1e-9) for step in both])
    return found


def wrap_table(samples: Sequence[TextureMaps], cell: int = 8) -> dict[str, dict[str, float]]:
    """Wrap ratios of samples of one size: for each of MAPS ``mean``, ``worst``, ``chance`` and ``borders``.

    ``worst`` is that sample whose mean over both axes is greatest; ``chance`` is what the worst of as many
    samples is expected to be if the wrap is a line like any other: the mean of it over the inner lines.
    ``borders`` is the mean at the other borders of latent cells (every `cell` texels): a wrap ratio that is
    no more than that shows the cells, not a seam.
    """
    ratios = [wrap_ratios(maps) for maps in samples]
    table = {}
    for name in MAPS:
        lines = np.stack([one[name].mean(axis=0) for one in ratios])  # (N, n), mean over both axes
        table[name] = {
            "mean": float(lines[:, 0].mean()),
            "worst": float(lines[:, 0].max()),
            "chance": float(lines[:, 1:].max(axis=0).mean()),
            "borders": float(lines[:, cell::cell].mean()),
        }
    return table


def slow_share(plane: Array, cycles: float = SLOW) -> float:
    """Share of the variance of a periodic plane (H, W) slower than `cycles` a tile.

    The spectrum of a tiling is the tile's own, at whole cycles a tile, so it says what 4 × 4 tiles show from
    afar.
    """
    spectrum = np.abs(np.fft.fft2(plane - plane.mean())) ** 2
    fy, fx = (np.abs(np.fft.fftfreq(n)) * n for n in plane.shape)
    return float(spectrum[np.hypot(fy[:, None], fx[None, :]) < cycles].sum() / max(spectrum.sum(), 1e-12))


def repeat_peak(plane: Array) -> float:
    """Greatest circular autocorrelation of a plane (H, W) at lags of more than LEAST_LAG of the tile.

    1 where a tile holds the same thing twice, 0 for noise without end.
    """
    power = np.abs(np.fft.rfft2(plane - plane.mean())) ** 2
    correlation = np.fft.irfft2(power, s=plane.shape)
    lags = [np.abs(np.fft.fftfreq(n)) for n in plane.shape]
    far = np.hypot(lags[0][:, None], lags[1][None, :]) > LEAST_LAG
    return float(correlation[far].max() / max(float(correlation[0, 0]), 1e-12))


def repetition(maps: TextureMaps) -> dict[str, float]:
    """``slow_share`` and ``repeat_peak`` of luma and height, the greater of both."""
    both = (maps.base_color.mean(axis=-1), maps.height)
    return {"slow_share": max(map(slow_share, both)), "repeat_peak": max(map(repeat_peak, both))}
