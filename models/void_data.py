"""Voids as elevation models have them, punched into real land: blobs, radar shadow, rectangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.models.terrain_data import CropSampler
from worldgen.models.void_net import describe
from worldgen.models.void_surface import smooth_fill

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Kind = Literal["blob", "shadow", "rectangle"]
KINDS: tuple[Kind, ...] = ("blob", "shadow", "rectangle")
# Sides of crops, least and most cells across of their voids, and voids in each.
SCALES = ((64, 4, 14, 5), (96, 10, 28, 3), (128, 25, 62, 2))
CONTEXT = max(scale[0] for scale in SCALES)


def punched(elevation: NDArray[np.floating], across: int, kind: Kind, random: np.random.Generator) -> Mask:
    """One void in a map.

    Parameters
    ----------
    elevation : (H, W) metres, at least ``across`` + 4 cells at each side.
    across : cells of the longer side of the void's box.
    kind : a blob or shadow lies on ground that is steep for the map.

    Returns
    -------
    (H, W) bool, at least two cells from the edge.
    """
    height, width = elevation.shape
    row, column = _centre(elevation, across, random, steep=kind != "rectangle")
    top, left = row - across // 2, column - across // 2
    box = np.s_[top : top + across, left : left + across]
    if kind == "rectangle":
        shorter = int(random.integers(max(2, across // 3), across + 1))
        sides = (across, shorter) if random.random() < 0.5 else (shorter, across)
        shape = np.zeros((across, across), bool)
        top, left = ((across - side) // 2 for side in sides)
        shape[top : top + sides[0], left : left + sides[1]] = True
    else:
        shape = _blob(elevation[box], random, shadow=kind == "shadow")
    void = np.zeros((height, width), bool)
    void[box] = shape
    return void


def _centre(
    elevation: NDArray[np.floating], across: int, random: np.random.Generator, *, steep: bool
) -> tuple[int, int]:
    height, width = elevation.shape
    before, after = across // 2 + 2, across - across // 2 + 2
    choice = np.ones((height - before - after + 1, width - before - after + 1))
    if steep:
        down, right = np.gradient(elevation)
        inner = np.s_[before : before + choice.shape[0], before : before + choice.shape[1]]
        choice = (down**2 + right**2)[inner] + 1e-9
    at = int(random.choice(choice.size, p=choice.ravel() / choice.sum()))
    row, column = divmod(at, choice.shape[1])
    return row + before, column + before


def _blob(land: NDArray[np.floating], random: np.random.Generator, *, shadow: bool) -> Mask:
    """A ragged patch that spans its square box: of slopes that face away from a radar, or of any."""
    from scipy.ndimage import gaussian_filter, label, zoom

    across = len(land)
    y, x = np.mgrid[-1 : 1 : complex(across), -1 : 1 : complex(across)]
    turn = random.uniform(0, 2 * np.pi)
    ragged = gaussian_filter(random.standard_normal((across, across)), max(1.0, across / 8))
    field = ragged / (ragged.std() + 1e-9)
    if shadow:
        down, right = np.gradient(gaussian_filter(np.asarray(land, np.float64), max(0.7, across / 25)))
        facing = np.cos(turn) * right + np.sin(turn) * down
        field = 0.4 * field + 1.5 * (facing - facing.mean()) / (facing.std() + 1e-9)
    stretch = random.uniform(1.0, 2.0)
    along, aside = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    field = field - 3 * (along**2 + (stretch * aside) ** 2)
    share = random.uniform(0.2, 0.45) if shadow else random.uniform(0.3, 0.6)
    patches, _ = label(field > np.quantile(field, 1 - share))
    shape = patches == np.bincount(patches.ravel())[1:].argmax() + 1
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    shape = shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    factor = across / max(shape.shape)
    shape = zoom(shape.astype(np.float64), factor, order=1, grid_mode=True, mode="nearest") > 0.5
    whole = np.zeros((across, across), bool)
    top, left = (across - shape.shape[0]) // 2, (across - shape.shape[1]) // 2
    whole[top : top + shape.shape[0], left : left + shape.shape[1]] = shape[:across, :across]
    return whole


@dataclass(frozen=True)
class Batch:
    """Crops with voids: all float32 but ``void``, (B, ...) of one size."""

    true: NDArray[np.float32]  # (B, H, W) metres above the smooth surface's mean
    smooth: NDArray[np.float32]  # (B, H, W) the smooth surface, likewise
    void: Mask  # (B, H, W)
    features: NDArray[np.float32]  # (B, FEATURES, H, W)
    unit: NDArray[np.float32]  # (B, H, W) metres
    spacing: NDArray[np.float32]  # (B,) metres per cell


def draw_batch(sampler: CropSampler, random: np.random.Generator, count: int) -> Batch:
    """Draw crops of one of the SCALES, punch voids into them and fill them smoothly.

    Crops of small voids are small, so a batch of them has as many more.
    """
    side, least, most, voids = SCALES[int(random.integers(len(SCALES)))]
    elevation, spacing, _ = sampler.batch(count * CONTEXT**2 // side**2, CONTEXT)
    margin = (CONTEXT - side) // 2
    crops = elevation[:, margin : margin + side, margin : margin + side].astype(np.float64)
    parts = []
    for land in crops:
        void = np.zeros(land.shape, bool)
        for _ in range(voids):
            across = round(float(np.exp(random.uniform(np.log(least), np.log(most)))))
            void |= punched(land, across, KINDS[int(random.integers(len(KINDS)))], random)
        smooth = smooth_fill(land, void)
        level = smooth.mean()
        parts.append((land - level, smooth - level, void, *describe(smooth, void)))
    true, smooth, void, features, unit = (np.stack(part) for part in zip(*parts, strict=True))
    return Batch(true.astype(np.float32), smooth.astype(np.float32), void, features, unit, spacing)
