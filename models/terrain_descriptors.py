"""What one elevation map measures: slopes, spectrum, curvature, geomorphons, drainage.

Marginals of height and slope do not see landform: phase-randomised land keeps its spectrum and loses its
valleys. So curvature (ridges and valleys bend one way, and valleys are sharper than ridges or the other way
round), the ten geomorphons and drainage stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.kernel import kernel
from worldgen.models.terrain_drainage import TOLERANCE, Drainage, drainage, route

FloatArray = NDArray[np.floating[Any]]
SCALES = (1, 2, 4, 8)  # cells, standard deviations of the Gaussian whose derivatives measure curvature
QUANTILES = 256
RINGS = 16
GEOMORPHONS = (
    "flat", "peak", "ridge", "shoulder", "spur", "slope", "hollow", "footslope", "valley", "pit",
)  # fmt: skip
SEARCH = 12  # cells that a geomorphon looks out to
FLATNESS = 1.0  # degrees
# The geomorphon by how many of the 8 directions lie lower (row) and higher (column), as an index into
# GEOMORPHONS: Jasiewicz, Stepinski 2013, figure 4. Both sum to at most 8; the rest is never read.
_FORMS = np.array(
    [
        [int(form) for form in row.ljust(9, "0")]
        for row in ("000778889", "00777888", "0355668", "335556", "33455", "2244", "222", "22", "1")
    ],
    dtype=np.int64,
)


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Measures of one map.

    Attributes
    ----------
    drainage : see `terrain_drainage.Drainage`.
    anisotropy, skewness, kurtosis : (4,) of curvature, one for each of SCALES.
    geomorphons : (10,) share of cells of each of GEOMORPHONS.
    spectrum : (16,) mean log10 power in rings of wave number.
    slopes : (256,) quantiles of slope, rise over run.
    hypsometric_integral : (mean - least) / (greatest - least) elevation.
    """

    drainage: Drainage
    anisotropy: NDArray[np.float64]
    skewness: NDArray[np.float64]
    kurtosis: NDArray[np.float64]
    geomorphons: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    slopes: NDArray[np.float64]
    hypsometric_integral: float

    def scalars(self) -> dict[str, float]:
        """The figures that are one number a map, by name."""
        return {
            **self.drainage._asdict(),
            **{
                f"{name}_{scale}": float(values[index])
                for name, values in (
                    ("curvature_anisotropy", self.anisotropy),
                    ("curvature_skewness", self.skewness),
                    ("curvature_kurtosis", self.kurtosis),
                )
                for index, scale in enumerate(SCALES)
            },
            "hypsometric_integral": self.hypsometric_integral,
        }

    def vector(self) -> NDArray[np.float64]:
        """(N,) all measures on scales on which their spread is even, for distances and classifiers.

        Shares and volumes go by their logarithm, histograms by their root (Hellinger), the spectrum by its
        differences from ring to ring: its level is told by the slopes.
        """
        flow = self.drainage
        return np.concatenate(
            [
                np.log10([flow.depression_volume + 1e-5, flow.depression_area + 1e-3]),
                np.log10([flow.pit_density + 1e-2, flow.drainage_density + 1e-2]),
                [flow.concavity, self.hypsometric_integral],
                self.anisotropy,
                np.arcsinh(self.skewness),
                np.arcsinh(self.kurtosis),
                np.sqrt(self.geomorphons),
                np.diff(self.spectrum),
                np.log10(self.slopes[[25, 76, 127, 178, 229]] + 1e-3),
            ]
        )


def describe(elevation: FloatArray, spacing: float) -> Descriptors:
    """Measure an (H, W) map of elevations in metres, cells of ``spacing`` metres.

    Raises
    ------
    InputError : the map is not 2-D and finite, or less than 64 cells wide.
    """
    elevation = np.asarray(elevation, dtype=np.float32)
    if elevation.ndim != 2 or min(elevation.shape) < 64 or not np.isfinite(elevation).all():
        raise InputError(f"found a map of shape {elevation.shape}; allowed: (H, W) of 64 or more, all finite")
    elevation = elevation - elevation.mean()
    curved = np.array([curvature(elevation, scale) for scale in SCALES])
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return Descriptors(
        drainage=drainage(elevation, spacing),
        anisotropy=curved[:, 0],
        skewness=curved[:, 1],
        kurtosis=curved[:, 2],
        geomorphons=geomorphon_shares(elevation, spacing),
        spectrum=radial_spectrum(elevation, longest=min(128.0, min(elevation.shape) / 2)),
        slopes=np.quantile(slopes(elevation, spacing), at),
        hypsometric_integral=hypsometric_integral(elevation),
    )


def slopes(elevation: FloatArray, spacing: float) -> FloatArray:
    """Slope (rise over run) at each cell: (H, W) -> (H, W)."""
    vertical, horizontal = np.gradient(elevation, spacing)
    return np.asarray(np.hypot(vertical, horizontal))


def hypsometric_integral(elevation: FloatArray) -> float:
    """Elevation-relief ratio (Pike, Wilson 1971); 0.5 for a level map."""
    least, greatest = float(elevation.min()), float(elevation.max())
    return (float(elevation.mean()) - least) / (greatest - least) if greatest > least else 0.5


def radial_spectrum(elevation: FloatArray, *, longest: float = 32.0) -> NDArray[np.float64]:
    """Mean log10 power in 16 rings, evenly spaced in log wave number.

    Parameters
    ----------
    elevation : (H, W) metres; a Hann window is laid over it.
    longest : wavelength in cells where the first ring begins; the last ring ends at two cells.

    Returns
    -------
    (16,) float64, decades.
    """
    height, width = elevation.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.rfft2((elevation - elevation.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    ring = np.digitize(radius, np.geomspace(1 / longest, 1 / 2, RINGS + 1)).ravel()
    weight = np.full(power.shape, 2.0)  # the half plane stands for both, but for its own axis
    weight[:, 0] = 1.0
    total = np.bincount(ring, (power * weight).ravel(), minlength=RINGS + 2)
    counts = np.bincount(ring, weight.ravel(), minlength=RINGS + 2)
    return np.log10(total[1 : RINGS + 1] / np.maximum(counts[1 : RINGS + 1], 1.0) + 1e-12)


def curvature(elevation: FloatArray, scale: float) -> tuple[float, float, float]:
    """Anisotropy, skewness and excess kurtosis of curvature at one scale.

    Anisotropy is the mean of ||k1| - |k2|| / (|k1| + |k2|), k being the principal curvatures of the smoothed
    map: ridges and valleys bend one way and score high, blobs and phase-randomised noise bend both ways.
    Skewness and kurtosis are those of the mean curvature (k1 + k2) / 2, positive where land is hollow: sharp
    valleys between broad ridges skew it to above 0; any Gaussian surface has 0 and 0.

    Parameters
    ----------
    elevation : (H, W) metres.
    scale : standard deviation in cells of the Gaussian; three of it are left out at each side.
    """
    from scipy.ndimage import gaussian_filter1d

    edge = int(3 * scale)
    along = [gaussian_filter1d(elevation, scale, axis=0, order=order)[edge:-edge] for order in range(3)]
    yy, xx, xy = (
        gaussian_filter1d(along[down], scale, axis=1, order=across)[:, edge:-edge]
        for down, across in ((2, 0), (0, 2), (1, 1))
    )
    middle, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    first, second = np.abs(middle + spread), np.abs(middle - spread)
    bent = middle.astype(np.float64) - middle.mean()
    variance = float(np.mean(bent**2)) + 1e-24
    return (
        float(np.mean(np.abs(first - second) / (first + second + 1e-12))),
        float(np.mean(bent**3)) / variance**1.5,
        float(np.mean(bent**4)) / variance**2 - 3.0,
    )


def anisotropy(elevation: FloatArray) -> float:
    """Mean anisotropy of curvature over the scales of 1, 2 and 4 cells, see `curvature`."""
    return float(np.mean([curvature(elevation, scale)[0] for scale in SCALES[:3]]))


def depressions(elevation: FloatArray, spacing: float) -> tuple[float, float]:
    """Share of cells under the fill level of a depression, and mean fill depth over standard deviation."""
    depth = route(elevation, spacing).filled - elevation
    depth = np.where(depth > TOLERANCE * spacing, depth, 0.0)
    return float((depth > 0).mean()), float(depth.mean() / (np.std(elevation) + 1e-12))


@kernel
def _geomorphons(
    elevation: NDArray[np.float64], spacing: float, search: int, flatness: float, forms: NDArray[np.int64]
) -> NDArray[np.int64]:
    height, width = elevation.shape
    found = np.empty((height - 2 * search, width - 2 * search), np.int64)
    for row in range(search, height - search):
        for column in range(search, width - search):
            here = elevation[row, column]
            lower = 0
            higher = 0
            for side in range(9):
                down = side // 3 - 1
                across = side % 3 - 1
                if side == 4:
                    continue
                step = spacing * np.sqrt(down * down + across * across)
                reach = int(search * spacing / step)
                most = -np.inf
                least = np.inf
                for cells in range(1, reach + 1):
                    rise = (elevation[row + cells * down, column + cells * across] - here) / cells
                    most = max(most, rise)
                    least = min(least, rise)
                # nadir angle - zenith angle = elevation angle of the horizon + that of the lowest sight line
                difference = np.arctan(most / step) + np.arctan(least / step)
                if difference > flatness:
                    higher += 1
                elif difference < -flatness:
                    lower += 1
            found[row - search, column - search] = forms[lower, higher]
    return found


def geomorphons(elevation: FloatArray, spacing: float, *, search: int = SEARCH) -> NDArray[np.int64]:
    """The geomorphon of each cell (Jasiewicz, Stepinski 2013), as an index into GEOMORPHONS.

    Parameters
    ----------
    elevation : (H, W) metres.
    spacing : metres between cells.
    search : cells that are looked at in each of the 8 directions, as far along the diagonals.

    Returns
    -------
    (H - 2 search, W - 2 search) int64: cells that see as far on all sides.
    """
    levels = np.ascontiguousarray(elevation, dtype=np.float64)
    return _geomorphons(levels, float(spacing), search, float(np.radians(FLATNESS)), _FORMS)


def geomorphon_shares(elevation: FloatArray, spacing: float) -> NDArray[np.float64]:
    """Share of each of GEOMORPHONS: (H, W) -> (10,)."""
    found = geomorphons(elevation, spacing)
    return np.bincount(found.ravel(), minlength=len(GEOMORPHONS)) / found.size
