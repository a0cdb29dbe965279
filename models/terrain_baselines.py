"""Land that no net made, for the learned land to beat: fractal, eroded fractal, real land in random phase.

Each function takes one real map and gives another of its relief, so that a baseline loses by its landforms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.terrain_descriptors import slopes

FloatArray = NDArray[np.floating[Any]]
Erosion = Callable[[NDArray[np.float32], float], FloatArray]
MARGIN = 32  # cells cut off each side after erosion, where the map's border shaped the land


def fractal(
    elevation: FloatArray, random: np.random.Generator, *, beta: float | None = None, margin: int = 0
) -> NDArray[np.float32]:
    """Fractional Brownian motion with a real map's relief (standard deviation) and slope.

    Power goes with wave number ** -beta; 4 is a Hurst exponent of 1. The surface is cut from one twice as
    wide, so that it is not periodic.

    Parameters
    ----------
    elevation : (H, W) metres, real land.
    beta : by default it is sought by halving until the root mean square slope is the real map's too.
    margin : cells added at each side.

    Returns
    -------
    (H + 2 margin, W + 2 margin) float32 metres with the real map's mean.
    """
    height, width = (size + 2 * margin for size in elevation.shape)
    spectrum = np.fft.rfft2(random.normal(size=(2 * height, 2 * width)))
    radius = np.hypot(np.fft.fftfreq(2 * height)[:, None], np.fft.rfftfreq(2 * width)[None, :])
    radius[0, 0] = np.inf
    inner = np.s_[margin : height - margin, margin : width - margin]

    def surface(beta: float) -> FloatArray:
        return np.fft.irfft2(spectrum * radius ** (-beta / 2), s=(2 * height, 2 * width))[:height, :width]

    low, high = (0.0, 8.0) if beta is None else (beta, beta)
    while high - low > 0.002:
        middle = (low + high) / 2
        rough = _steepness(surface(middle)[inner]) > _steepness(elevation)
        low, high = (middle, high) if rough else (low, middle)
    made = surface((low + high) / 2)
    made = (made - made[inner].mean()) * (np.std(elevation) / np.std(made[inner]))
    return np.asarray(made + elevation.mean(), dtype=np.float32)


def eroded_fractal(
    elevation: FloatArray, spacing: float, erosion: Erosion, random: np.random.Generator
) -> NDArray[np.float32]:
    """`fractal` with a Hurst exponent of 1, eroded with a margin around it: (H, W) -> (H, W) float32 metres.

    The exponent is fixed, as water makes valleys of smooth ground and little of noise as steep as real land.

    Parameters
    ----------
    erosion : function of (elevation (H, W) float32 metres, spacing metres) that gives an eroded (H, W).
    """
    made = erosion(fractal(elevation, random, beta=4.0, margin=MARGIN), spacing)
    return np.asarray(made[MARGIN:-MARGIN, MARGIN:-MARGIN], dtype=np.float32)


def phase_randomised(elevation: FloatArray, random: np.random.Generator) -> NDArray[np.float32]:
    """A real map's own spectrum in random phase: (H, W) -> (H, W) float32 metres.

    The best plane stays as it is. Of the rest the periodic component is taken (Moisan 2011), or the jump from
    border to border would be strewn over the map as lines along the axes.
    """
    plane = _plane(elevation)
    rest = elevation - plane
    spectrum = np.abs(np.fft.fft2(_periodic(rest)))
    phases = np.angle(np.fft.fft2(random.normal(size=rest.shape)))
    made = np.real(np.fft.ifft2(spectrum * np.exp(1j * phases)))
    return np.asarray(plane + made * (np.std(rest) / (np.std(made) + 1e-12)), dtype=np.float32)


def _steepness(elevation: FloatArray) -> float:
    """Root mean square slope over the standard deviation of elevation, per cell."""
    return float(np.sqrt(np.mean(slopes(elevation, 1.0) ** 2)) / (np.std(elevation) + 1e-12))


def _plane(elevation: FloatArray) -> NDArray[np.float64]:
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in elevation.shape)
    down = (elevation.mean(axis=1) @ rows) / (rows @ rows)
    across = (elevation.mean(axis=0) @ columns) / (columns @ columns)
    return np.asarray(elevation.mean() + down * rows[:, None] + across * columns[None, :])


def _periodic(image: FloatArray) -> NDArray[np.float64]:
    jump = np.zeros(image.shape)
    jump[0] += image[-1] - image[0]
    jump[-1] -= image[-1] - image[0]
    jump[:, 0] += image[:, -1] - image[:, 0]
    jump[:, -1] -= image[:, -1] - image[:, 0]
    rows, columns = (2 * np.cos(2 * np.pi * np.fft.fftfreq(size)) for size in image.shape)
    laplacian = rows[:, None] + columns[None, :] - 4
    laplacian[0, 0] = 1.0
    smooth = np.fft.fft2(jump) / laplacian
    smooth[0, 0] = 0.0
    return np.asarray(image - np.real(np.fft.ifft2(smooth)))
