"""Fixed features of elevation maps: wavelet scattering and patches of a Laplacian pyramid.

Nothing here is trained, so no net decides what counts: the features are those of Bruna and Mallat 2013
(scattering) and of Karras et al. 2018 (patches). Heights go in over the spacing, so slopes are what is seen.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
OCTAVES = 4  # J: wavelets of 2, 4, 8 and 16 cells
ANGLES = 8  # L: directions over half a turn
PADDING = 32  # cells of odd reflection at each side, so that the Fourier transform's wrap stays outside
LEVELS = 4  # bands of the pyramid
PATCH = 7  # cells
COARSENING = 4  # cells per cell of a view of landforms


def _morlet(size: int, octave: int, angle: float) -> NDArray[np.float32]:
    """Fourier transform of one Morlet wavelet on a periodic square, (size, size), zero at wave number 0.

    Centre wave number 3/4 pi, spread 0.8 cells and slant 4 / ANGLES at octave 0, as Bruna and Mallat have it.
    """
    wave = 2 * np.pi * np.fft.fftfreq(size) * 2**octave
    # wrapped copies of the wave number, so that what reaches over the grid's own limit comes back in
    total: NDArray[np.float64] = np.zeros((size, size))
    low: NDArray[np.float64] = np.zeros((size, size))
    spread, slant, centre = 0.8, 4 / ANGLES, 0.75 * np.pi
    turn = 2 * np.pi * 2**octave
    for down in (-turn, 0.0, turn):
        for across in (-turn, 0.0, turn):
            y, x = wave[:, None] + down, wave[None, :] + across
            along = np.cos(angle) * x + np.sin(angle) * y
            beside = (np.cos(angle) * y - np.sin(angle) * x) / slant
            total += np.exp(-0.5 * spread**2 * ((along - centre) ** 2 + beside**2))
            low += np.exp(-0.5 * spread**2 * (along**2 + beside**2))
    return np.asarray(total - low * total[0, 0] / low[0, 0], dtype=np.float32)


@lru_cache(maxsize=4)
def _bank(size: int) -> NDArray[np.float32]:
    """All wavelets for maps of one size: (OCTAVES, ANGLES, size, size)."""
    turns = np.pi * np.arange(ANGLES) / ANGLES
    return np.stack([[_morlet(size, octave, turn) for turn in turns] for octave in range(OCTAVES)])


def _symmetric_orbits() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which directions, and which pairs of them, the 8 symmetries of the grid carry into each other.

    Returns (ANGLES,) and (ANGLES, ANGLES) labels counting from 0.
    """
    direction = np.arange(ANGLES)
    quarter = ANGLES // 2
    moves = [(sign * direction + turn) % ANGLES for sign in (1, -1) for turn in (0, quarter)]
    single = np.min(moves, axis=0)
    pair = np.min([move[:, None] * ANGLES + move[None, :] for move in moves], axis=0)
    return np.unique(single, return_inverse=True)[1], np.unique(pair, return_inverse=True)[1].reshape(
        pair.shape
    )


def _folded(product: NDArray[np.complex64], times: int) -> NDArray[np.complex64]:
    """Take every `times`-th cell, on the Fourier transform: (..., N, N) -> (..., N / times, N / times)."""
    *lead, height, width = product.shape
    if times == 1:
        return product
    shape = (*lead, times, height // times, times, width // times)
    return np.asarray(product.reshape(shape).mean(axis=(-4, -2)), dtype=np.complex64)


def scattering(elevation: FloatArray, spacing: float) -> NDArray[np.float64]:
    """Log scattering coefficients of orders 1 and 2, averaged over the map and the grid's 8 symmetries.

    Order 1 is the mean of |x * psi1|; order 2 is the mean of ||x * psi1| * psi2| over that of |x * psi1|
    (Anden, Mallat 2014), for psi2 coarser than psi1. Direction is kept as far as the grid tells it: across,
    diagonal and between are told apart, north and east are not.

    Parameters
    ----------
    elevation : (N, N) metres, N a multiple of 8.
    spacing : metres between cells.

    Returns
    -------
    (F,) float64, natural logarithms.
    """
    from scipy.fft import fft2, ifft2

    ground = np.asarray(elevation, dtype=np.float32) / np.float32(spacing)
    padded = np.pad(ground - ground.mean(), PADDING, mode="reflect", reflect_type="odd")
    bank = _bank(padded.shape[0])
    spectrum = fft2(padded)
    single, pair = _symmetric_orbits()
    features = []
    for first in range(OCTAVES):
        # a wavelet's band is as wide as every 2^octave-th cell can carry
        small = np.abs(ifft2(_folded(spectrum * bank[first], 2**first)))  # (angle, n, n)
        inner = PADDING // 2**first
        mean = small[:, inner:-inner, inner:-inner].mean(axis=(1, 2), dtype=np.float64) + 1e-9
        features.append(np.log(_orbit_means(mean, single)))
        modulus = fft2(small)
        for second in range(first + 1, OCTAVES):
            wavelets = _bank(small.shape[-1])[second - first]
            inner = PADDING // 2**second
            deeper = np.stack(
                [
                    np.abs(ifft2(_folded(one * wavelets, 2 ** (second - first))))[
                        :, inner:-inner, inner:-inner
                    ]
                    for one in modulus
                ]
            )  # (angle 1, angle 2, n, n)
            share = deeper.mean(axis=(2, 3), dtype=np.float64) / mean[:, None]
            features.append(np.log(_orbit_means(share, pair) + 1e-9))
    return np.concatenate(features)


def _orbit_means(values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(labels.ravel(), values.ravel()) / np.bincount(labels.ravel()))


def pyramid(elevation: FloatArray, spacing: float) -> list[NDArray[np.float32]]:
    """Bands of an (H, W) map, finest first, each half as wide as the one before (Burt, Adelson 1983)."""
    from scipy.ndimage import convolve1d

    level = np.asarray(elevation, dtype=np.float32) / np.float32(spacing)
    level = level - level.mean()
    bands = []
    for _ in range(LEVELS):
        smooth = level
        for axis in (0, 1):
            smooth = convolve1d(smooth, np.array([1, 4, 6, 4, 1]) / 16, axis=axis, mode="mirror")
        bands.append(level - smooth)
        level = smooth[::2, ::2]
    return bands


def patches(
    elevation: FloatArray, spacing: float, count: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Patches from each band of the pyramid, turned and mirrored at random.

    Returns
    -------
    (LEVELS, count, 49) float32, heights over the spacing.
    """
    found = []
    for band in pyramid(elevation, spacing):
        windows = np.lib.stride_tricks.sliding_window_view(band[2:-2, 2:-2], (PATCH, PATCH))
        rows, columns = (random.integers(0, size, count) for size in windows.shape[:2])
        chosen = windows[rows, columns]  # (count, 7, 7)
        which = random.integers(0, 8, count)
        found.append(symmetries(chosen)[which, np.arange(count)].reshape(count, -1))
    return np.stack(found)


def symmetries(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """All 8 turned and mirrored copies: (N, S, S) -> (8, N, S, S)."""
    turned = [np.rot90(squares, quarter, axes=(1, 2)) for quarter in range(4)]
    return np.stack([*turned, *(view.swapaxes(1, 2) for view in turned)])


def landform_views(elevation: FloatArray, stride: int, side: int = 32) -> NDArray[np.float32]:
    """Square views of a map's landforms, for finding maps that were learned by heart.

    The map is coarsened fourfold and its Laplacian of Gaussian taken, of two coarse cells, over what it is
    around (root mean square, a Gaussian of six). Without the first, the few longest waves decide what is
    alike, and smooth noise comes nearer to real maps than other real maps do; without the second, one cliff
    in a plain does, and the Andes have a copy in the Lake District. A shift of a coarse cell is forgiven, so
    a view at every third finds copies wherever they were cut.

    Parameters
    ----------
    elevation : (H, W) metres.
    stride : coarse cells between views.
    side : coarse cells per side of a view.

    Returns
    -------
    (N, side, side) float32 of zero mean and unit length: the inner product of two is their correlation.
    """
    from scipy.ndimage import gaussian_filter, gaussian_laplace

    height, width = (size // COARSENING for size in elevation.shape)
    blocks = elevation[: height * COARSENING, : width * COARSENING].astype(np.float64)
    coarse = blocks.reshape(height, COARSENING, width, COARSENING).mean(axis=(1, 3))
    forms = gaussian_laplace(coarse, 2.0)
    forms /= np.sqrt(gaussian_filter(forms**2, 6.0) + 1e-12)
    windows = np.lib.stride_tricks.sliding_window_view(forms, (side, side))[::stride, ::stride]
    views = windows.reshape(-1, side, side)
    views = views - views.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt((views**2).sum(axis=(1, 2), keepdims=True))
    return np.asarray(views / (length + 1e-6), dtype=np.float32)
