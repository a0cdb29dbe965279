"""How far apart two sets of materials are, by fixed measures that no net was trained for.

Each half of a material is measured by itself, so that a material's top can be compared with its own bottom:
the least distance that two pieces of one real surface have. Measured are

- wavelets: local energy of undecimated Haar details of luma, two colour differences and height, at places
  drawn at random; compared by sliced Wasserstein distance, octave by octave (Rabin et al. 2011);
- the covariance (centred Gram matrix) of features of three layers of random convolutions, seeded and never
  trained (Ustyuzhaninov et al. 2016, "Texture synthesis using shallow convolutional networks with random
  filters");
- texels' colours in CIELAB, by sliced Wasserstein distance;
- the mutual information of luma and height: maps that were made each for itself have none.

Chosen on training materials, for telling a half from the noise of its other half. The details themselves and
their magnitudes put noise at 0.8 to 2.6 times as far as the real half, raw Gram matrices at 0.5 to 3 times;
local energies at 0.9 to 5 and covariances at 0.9 to 6 times. Leaves and grass are near to Gaussian by all of
them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.models.terrain_distances import sliced_wasserstein, wasserstein
from worldgen.models.texture_data import LUMA, Array

if TYPE_CHECKING:
    from worldgen.models.texture_vae import TextureMaps

OCTAVES = 5  # details of 1, 2, 4, 8 and 16 texels
PLACES = 512  # of a half, at which wavelets and colours are compared
SIDE = 128  # texels per side of a described crop
LAYERS = ((16, 7), (32, 5), (64, 5))  # filters and their width; each layer sees half the resolution
DISTANCES = ("wavelets", "gram", "color", "coherence")


@dataclass(frozen=True, eq=False)
class Measured:
    """What one half of a material measures.

    Attributes
    ----------
    wavelets : (OCTAVES, PLACES, 8) log local energy of four planes' details, down and across.
    gram : the layers' centred Gram matrices.
    colors : (PLACES, 3) CIELAB.
    coherence : mutual information of luma and height, bits.
    descriptors : (N, F) of N crops of SIDE texels.
    """

    wavelets: Array
    gram: list[Array]
    colors: Array
    coherence: float
    descriptors: Array


def planes(maps: TextureMaps) -> Array:
    """Luma, blue - luma, red - luma (sRGB, 0 to 1) and height in texels: (4, H, W)."""
    luma = maps.base_color @ LUMA
    blue, red = maps.base_color[..., 2] - luma, maps.base_color[..., 0] - luma
    return np.asarray(np.stack([luma, blue, red, maps.height * np.float32(maps.normal_strength)]), np.float32)


def contrasts(materials: Sequence[TextureMaps]) -> Array:
    """Standard deviation (4, 1, 1) of the planes, mean over materials: units to measure a class in.

    Faint colour differences have at least a quarter of luma's: below that they are mostly JPEG noise.
    """
    spread = np.mean([planes(maps).std(axis=(1, 2)) for maps in materials], axis=0)
    spread = np.maximum(spread, (0.004, 0.004, 0.004, 0.01))
    spread[1:3] = np.maximum(spread[1:3], spread[0] / 4)
    return np.asarray(spread[:, None, None], np.float32)


def haar_details(planes: Array) -> Array:
    """Undecimated Haar details of periodic planes (C, H, W): (OCTAVES, C, 3, H, W), by direction."""
    low = planes
    found = []
    for octave in range(OCTAVES):
        right = np.roll(low, -(2**octave), axis=-1)
        below, corner = (np.roll(plane, -(2**octave), axis=-2) for plane in (low, right))
        down, across = low + right - below - corner, low - right + below - corner
        found.append(np.stack([down, across, low - right - below + corner], axis=1) / 2)
        low = np.asarray((low + right + below + corner) / 4, np.float32)
    return np.asarray(np.stack(found), np.float32)


def linear(color: Array) -> Array:
    """sRGB in 0 to 1 to linear light."""
    return np.asarray(np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4), np.float32)


def lab(color: Array) -> Array:
    """CIELAB (..., 3) of sRGB in 0 to 1, white D65: a step of about 2 is just seen."""
    light = linear(color)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = light @ (matrix / matrix.sum(axis=1, keepdims=True)).T  # of X, Y, Z to white's
    bent = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(bent, -1, 0)
    return np.asarray(np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1), np.float32)


def mutual_information(first: Array, second: Array, bins: int = 16) -> float:
    """Mutual information in bits of two planes of one shape, from bins of equal share (so it knows no units).

    The bias of a finite count is taken off (Miller 1955); it is about 0 for independent planes.
    """
    ranks = [plane.ravel().argsort(kind="stable").argsort() * bins // plane.size for plane in (first, second)]
    joint = np.bincount(ranks[0] * bins + ranks[1], minlength=bins**2).reshape(bins, bins) / first.size
    apart = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None, :]
    held = joint > 0
    bits = float(np.sum(joint[held] * np.log2(joint[held] / apart[held])))
    return bits - float((bins - 1) ** 2 / (2 * first.size * np.log(2)))


@functools.lru_cache(maxsize=1)
def _filters() -> list[NDArray[np.float32]]:
    """Random filters of zero mean and unit length, the same always."""
    random = np.random.default_rng(2016)
    made, inputs = [], 4
    for count, width in LAYERS:
        filters = random.normal(size=(count, inputs, width, width))
        filters -= filters.mean(axis=(2, 3), keepdims=True)
        filters /= np.sqrt((filters**2).sum(axis=(1, 2, 3), keepdims=True))
        made.append(filters.astype(np.float32))
        inputs = count
    return made


def gram_features(planes: Array) -> tuple[list[Array], list[Array]]:
    """Covariances (C, C) of the layers' features over each half of periodic planes (4, H, W), upper first."""
    import torch
    import torch.nn.functional as F

    halves: tuple[list[Array], list[Array]] = ([], [])
    with torch.inference_mode():
        h = torch.from_numpy(np.ascontiguousarray(planes))[None]  # (1, C, H, W)
        for number, filters in enumerate(_filters()):
            if number:
                h = F.avg_pool2d(h, 2)
            border = filters.shape[-1] // 2
            h = F.relu(F.conv2d(F.pad(h, (border,) * 4, mode="circular"), torch.from_numpy(filters)))
            for half, rows in zip(halves, h[0].chunk(2, dim=1), strict=True):
                half.append(torch.cov(rows.flatten(1)).numpy())
    return halves


def local_energies(details: Array) -> Array:
    """Log root mean square of details (OCTAVES, C, D, H, W) in a window of three of their octave's steps."""
    from scipy.ndimage import uniform_filter

    found = np.empty_like(details)
    for octave, plane, direction in np.ndindex(details.shape[:3]):
        square = details[octave, plane, direction] ** 2
        uniform_filter(square, 3 * 2**octave, mode="wrap", output=found[octave, plane, direction])
    return np.asarray(np.log(np.maximum(found, 0) + 1e-6) / 2, np.float32)


def measure_halves(maps: TextureMaps, units: Array, seed: int = 0) -> tuple[Measured, Measured]:
    """Measure the upper and the lower half of a material that tiles.

    Parameters
    ----------
    maps : sides of a multiple of 2 · SIDE.
    units : what the planes are divided by, see `contrasts`.
    """
    scaled = planes(maps)
    scaled = (scaled - scaled.mean(axis=(1, 2), keepdims=True)) / units
    details, colors = haar_details(scaled), lab(maps.base_color)
    energies = local_energies(details[:, :, :2])
    grams = gram_features(scaled)
    height, width = maps.height.shape
    found = []
    for number in (0, 1):
        random = np.random.default_rng([seed, number])
        rows = random.integers(height // 2, size=PLACES) + number * (height // 2)
        columns = random.integers(width, size=PLACES)
        picked = energies[..., rows, columns].reshape(OCTAVES, -1, PLACES).transpose(0, 2, 1)
        half = slice(number * (height // 2), (number + 1) * (height // 2))
        windows = [
            np.s_[row : row + SIDE, column : column + SIDE]
            for row in range(half.start, half.stop, SIDE)
            for column in range(0, width, SIDE)
        ]
        crops = [
            _describe(details[..., row, column], energies[..., row, column], colors[row, column])
            for row, column in windows
        ]
        found.append(
            Measured(
                picked,
                grams[number],
                colors[rows, columns],
                mutual_information(scaled[0, half], scaled[3, half]),
                np.stack(crops),
            )
        )
    return found[0], found[1]


def _describe(details: Array, energies: Array, colors: Array) -> Array:
    """36 numbers of a crop: colour; detail of luma, colour and height; how it varies; how luma's follows
    height's."""
    energy = np.log(np.mean(details**2, axis=(2, 3, 4)) + 1e-6) / 2  # (OCTAVES, 4)
    uneven = energies[:, ::3].std(axis=(3, 4)).mean(axis=2)  # (OCTAVES, 2): luma, height
    luma, height = details[:, 0], details[:, 3]
    together = (luma * height).mean(axis=(1, 2, 3))
    both = np.sqrt((luma**2).mean(axis=(1, 2, 3)) * (height**2).mean(axis=(1, 2, 3))) + 1e-6
    flat = colors.reshape(-1, 3)
    spread = np.log(flat.std(axis=0) + 0.1)
    chroma = energy[:, 1:3].mean(axis=1)
    shown = [flat.mean(axis=0), spread, energy[:, 0], chroma, energy[:, 3], uneven.ravel(), together / both]
    return np.concatenate(shown)


def distances(real: Sequence[Measured], made: Sequence[Measured], *, seed: int = 0) -> dict[str, float]:
    """Distances of two sets of measured halves, 0 for equal sets.

    Returns
    -------
    dict : ``wavelets``, in standard deviations of the real energies, mean over octaves; ``gram``, over the
    length of the real mean matrix, mean over layers; ``color``, CIELAB; ``coherence``, bits (Wasserstein-1
    distance of the halves' mutual information).
    """
    bands = []
    for octave in range(OCTAVES):
        sides = [np.concatenate([one.wavelets[octave] for one in side]) for side in (real, made)]
        spread = sides[0].std(axis=0) + 1e-6
        bands.append(sliced_wasserstein(*(side / spread for side in sides), projections=32, seed=seed))
    layers = []
    for layer in range(len(LAYERS)):
        first, second = (np.mean([one.gram[layer] for one in side], axis=0) for side in (real, made))
        layers.append(np.linalg.norm(first - second) / (np.linalg.norm(first) + 1e-12))
    colors = [np.concatenate([one.colors for one in side]) for side in (real, made)]
    bits = [np.array([one.coherence for one in side]) for side in (real, made)]
    return {
        "wavelets": float(np.mean(bands)),
        "gram": float(np.mean(layers)),
        "color": sliced_wasserstein(*colors, projections=32, seed=seed),
        "coherence": float(wasserstein(bits[0], bits[1])),
    }
