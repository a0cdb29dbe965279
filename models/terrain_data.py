"""Real elevation to train on: tiles, their styles of land, augmented crops without sea, voids and stripes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.layers import downsample

FloatArray = NDArray[np.float32]
# Tiles with more `striping` than this do not teach. Real land scores 0.9-1.7, resampled SRTM 2-50.
STRIPES = 2.0
LEVEL = 0.1  # most of a crop's middle that may be sea, lake or void
LEAST_SLOPE = (
    0.04  # root mean square slope of a crop's middle; the noise of satellite models has nearly as much
)
TRIES = 1000  # crops that may be drawn in vain
STYLE_TOLD = 0.75  # share of crops whose style the nets are told, so that they also do without
PAD = 40  # cells added at each side by odd reflection, so that small tiles give whole contexts


# Styles of land that the nets are told, and the landscapes (column ``landscape`` of an index) that show them.
STYLES: dict[str, tuple[str, ...]] = {
    "alpine": (
        "high_alpine_glacial",
        "high_fold_mountains",
        "glacial_mountains",
        "glacial_valleys",
        "glacial_fjords",
        "fjord_coast_mountains",
        "alps",
        "sierra_nevada",
    ),
    "mountains": (
        "fold_mountains",
        "fold_mountains_coast",
        "mountain_coast",
        "karst_mountains",
        "badlands_mountains",
        "river_canyon_mountains",
        "rocky_mountains",
        "tropical_mountains_coast",
    ),
    "hills": (
        "rolling_hills",
        "tropical_hills",
        "tropical_karst",
        "coast_hills",
        "karst_hills",
        "hills_coast",
        "hills_plains",
        "plains_hills",
        "coast_islands",
        "drowned_valley_coast",
    ),
    "plains": (
        "savanna_plains",
        "glacial_plains",
        "plains",
        "coast_plain",
        "chalk_hills_lowland",
        "dissected_lowland",
        "plateau",
    ),
    "canyons": (
        "canyon_mesa",
        "plateau_escarpment",
        "rift_escarpment",
        "hogback_badlands",
        "lidar_loess_canyons",
    ),
    "desert": ("basin_range", "alluvial_fans_basin_range", "sand_dunes"),
    "volcanic": (
        "volcanic",
        "volcanic_mountains",
        "volcanic_hills",
        "volcanic_hills_plains",
        "volcanic_coast",
        "volcanic_caldera",
        "rift_volcanic",
    ),
}
_STYLE_OF = {landscape: style for style, landscapes in STYLES.items() for landscape in landscapes}


@dataclass(frozen=True)
class Tile:
    """One elevation map.

    ``elevation`` (H, W) float32 metres, ``flat`` (H, W) bool (sea, lake or void), ``void`` those of them that
    the file marks as without data, where it does.
    """

    place: str
    spacing: float
    elevation: FloatArray
    flat: NDArray[np.bool_]
    source: str = ""
    licence: str = ""
    landscape: str = ""
    void: NDArray[np.bool_] | None = None

    @property
    def style(self) -> str | None:
        """The style of land, one of `STYLES`, or None where the index names none of its landscapes."""
        return self.landscape if self.landscape in STYLES else _STYLE_OF.get(self.landscape)

    @cached_property
    def coarser(self) -> Tile:
        """The tile at half its resolution, see `coarsened`."""
        return coarsened(self)

    @cached_property
    def stripes(self) -> float:
        """How striped the tile is, see `striping`."""
        return striping(self.elevation)


def flat_cells(elevation: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells whose 3×3 neighbourhood is exactly level: sea, lakes and filled voids. (H, W) -> (H, W)."""
    from scipy.ndimage import maximum_filter, minimum_filter

    level = maximum_filter(elevation, 3) == minimum_filter(elevation, 3)
    return np.asarray(level, dtype=np.bool_)


def coarsened(tile: Tile) -> Tile:
    """Halve a tile's resolution with the smooth filter that the amplifier inverts."""
    import torch

    height, width = (size // 2 * 2 for size in tile.elevation.shape)
    padded = np.pad(tile.elevation[:height, :width], 4, mode="reflect", reflect_type="odd")
    with torch.inference_mode():
        elevation = downsample(torch.from_numpy(padded)[None, None])[0, 0].numpy()

    def halved(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        blocks = mask[:height, :width].reshape(height // 2, 2, width // 2, 2)
        return np.asarray(blocks.any(axis=(1, 3)))

    void = None if tile.void is None else halved(tile.void)
    return replace(tile, spacing=2 * tile.spacing, elevation=elevation, flat=halved(tile.flat), void=void)


def striping(elevation: NDArray[np.float32]) -> float:
    """Measure lines along the axes, which resampled models have and land has not: (H, W) -> about 1.

    The Laplacian's power at wave numbers of nearly 0 along one axis, over its power just beside them.
    """
    z = elevation
    laplacian = 4 * z[1:-1, 1:-1] - z[2:, 1:-1] - z[:-2, 1:-1] - z[1:-1, 2:] - z[1:-1, :-2]
    bound = 4 * float(np.sqrt(np.mean(laplacian**2)))
    window = np.outer(*(np.hanning(size) for size in laplacian.shape))
    power = np.abs(np.fft.fft2(np.clip(laplacian, -bound, bound) * window)) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(size)) for size in laplacian.shape)
    scores = []
    for along, across, spectrum in ((columns, rows, power), (rows, columns, power.T)):
        fine = spectrum[across > 0.1]
        beside = float(fine[:, (along > 0.03) & (along < 0.1)].mean())
        # the share of the mean power keeps maps without fine detail from being called striped
        scores.append(float(fine[:, along < 0.006].mean()) / (beside + 0.1 * float(power.mean()) + 1e-12))
    return max(scores)


class CropSampler:
    """Endless augmented crops of square context, cut so that the middle is real, sloping land.

    Places are drawn in proportion to the root of their number of tiles, so that one well-covered country does
    not rule. Each crop gets one of the 8 symmetries and a vertical scale of 0.8-1.25.

    Parameters
    ----------
    tiles : tiles to cut from.
    context : most cells per side of a crop that will be asked for.
    middle : cells per side of the centred window that is judged for sea, voids and slope.
    shares : how often a tile is taken as it is, coarsened ×2 and coarsened ×4. Coarsening averages out the
        rounding and the canopy speckle of satellite models, and shows land at coarser scales.
    """

    def __init__(
        self,
        tiles: list[Tile],
        *,
        context: int,
        middle: int,
        seed: int,
        shares: tuple[float, float, float] = (0.3, 0.4, 0.3),
    ) -> None:
        usable = [tile for tile in tiles if min(tile.elevation.shape) + 2 * PAD >= context]
        if not usable:
            widest = max((min(tile.elevation.shape) for tile in tiles), default=0)
            raise InputError(
                f"no tile is at least {context - 2 * PAD} cells wide; the widest of {len(tiles)} has {widest}"
            )
        self.middle, self.shares = middle, shares
        self.random = np.random.default_rng(seed)
        levels = [self._levels(tile) for tile in usable]
        usable = [tile for tile, kept in zip(usable, levels, strict=True) if kept]
        if not usable:
            raise InputError("every tile has lines along its axes, so it was resampled: nothing to train on")
        self.levels = [kept for kept in levels if kept]  # each: (times coarsened, padded tile), finest first
        counts = Counter(tile.place for tile in usable)
        weights = np.array([counts[tile.place] ** -0.5 for tile in usable])
        self.probability = weights / weights.sum()

    def _levels(self, tile: Tile) -> list[tuple[int, Tile]]:
        """The tile and its coarsened selves, padded; without what is too small or striped."""
        levels = []
        for times in range(len(self.shares)):
            tile = tile.coarser if times else tile
            if min(tile.elevation.shape) < self.middle:
                break
            if tile.stripes < STRIPES:
                elevation = np.pad(tile.elevation, PAD, mode="reflect", reflect_type="odd")
                flat = np.pad(tile.flat, PAD, mode="reflect")
                levels.append((times, replace(tile, elevation=elevation, flat=flat, void=None)))
        return levels

    def batch(self, count: int, context: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Draw crops.

        Returns
        -------
        elevation (count, context, context) metres, spacing (count,) metres per cell, style (count, styles): 1
        at the crop's style, all 0 where it has none or is not told.
        """
        crops = [self._crop(context) for _ in range(count)]
        style = np.zeros((count, len(STYLES)), np.float32)
        for row, (_, tile) in enumerate(crops):
            told = self.random.random() < STYLE_TOLD
            if tile.style is not None and told:
                style[row, list(STYLES).index(tile.style)] = 1
        spacing = np.array([tile.spacing for _, tile in crops], dtype=np.float32)
        return np.stack([crop for crop, _ in crops]), spacing, style

    def _crop(self, context: int) -> tuple[FloatArray, Tile]:
        margin = (context - self.middle) // 2
        inner = np.s_[margin : margin + self.middle, margin : margin + self.middle]
        tried: Counter[str] = Counter()
        for _ in range(TRIES):
            levels = self.levels[self.random.choice(len(self.levels), p=self.probability)]
            wide = [level for level in levels if min(level[1].elevation.shape) >= context]
            if not wide:
                tried["narrow"] += 1
                continue
            weights = np.array([self.shares[times] for times, _ in wide])
            tile = wide[self.random.choice(len(wide), p=weights / weights.sum())][1]
            row, column = (int(self.random.integers(0, size - context + 1)) for size in tile.elevation.shape)
            window = np.s_[row : row + context, column : column + context]
            elevation = tile.elevation[window]
            reason = fault(elevation[inner], tile.flat[window][inner], tile.spacing)
            if reason is None:
                break
            tried[reason] += 1
        else:
            found = ", ".join(f"{count} {name}" for name, count in tried.most_common())
            raise InputError(f"hardly any land teaches: of {TRIES} crops of {context} cells {found}")
        if self.random.random() < 0.5:
            elevation = elevation.T
        elevation = np.rot90(elevation, int(self.random.integers(4)))
        scale = np.float32(np.exp(self.random.uniform(np.log(0.8), np.log(1.25))))
        return np.ascontiguousarray(elevation * scale), tile


def fault(
    elevation: NDArray[np.float32],
    flat: NDArray[np.bool_],
    spacing: float,
    void: NDArray[np.bool_] | None = None,
) -> Literal["void", "level", "flat"] | None:
    """Why the middle of a crop does not teach: too much of it is void or level, or all is too flat."""
    if flat.mean() > LEVEL:
        return "void" if void is not None and void.mean() > LEVEL else "level"
    vertical, horizontal = np.gradient(elevation, spacing)
    return None if np.mean(vertical**2 + horizontal**2) > LEAST_SLOPE**2 else "flat"
