"""Crops for training the relief net: real land and made land, on cells as wide as the macro relief's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from worldgen.errors import InputError
from worldgen.models.terrain_data import LEVEL, STRIPES, STYLES, Tile

SPACINGS = (88.0, 96.0, 104.0, 112.0, 120.0, 128.0, 140.0, 156.0)  # metres per cell of training crops
FINEST = 55.0  # metres: real tiles of finer cells are coarsened until their cells are wider
SMALLEST = 128  # cells per side of a usable map
TRIES = 200  # draws of a crop before one that is partly sea or void is taken


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of one kind, as lists with one entry a map.

    Attributes
    ----------
    layers : (L, H, W) float32: elevation in metres, and for made land log2 of the drainage area in cells.
    flat : (H, W) bool, sea and voids.
    spacing : metres per cell.
    style : index into `terrain_data.STYLES`.
    place : name.
    """

    layers: list[NDArray[np.float32]] = field(default_factory=list)
    flat: list[NDArray[np.bool_]] = field(default_factory=list)
    spacing: list[float] = field(default_factory=list)
    style: list[int] = field(default_factory=list)
    place: list[str] = field(default_factory=list)

    def add(
        self, layers: NDArray[np.float32], flat: NDArray[np.bool_], spacing: float, style: str, place: str
    ) -> None:
        """Add one map."""
        self.layers.append(layers)
        self.flat.append(flat)
        self.spacing.append(spacing)
        self.style.append(list(STYLES).index(style))
        self.place.append(place)

    def save(self, path: Path, quanta: tuple[float, ...]) -> None:
        """Write as compressed .npz; each layer is rounded to its quantum or a 65,535th of a map's range."""
        arrays: dict[str, NDArray[np.generic]] = {
            name: np.array(getattr(self, name)) for name in ("spacing", "style", "place")
        }
        for index, (layers, flat) in enumerate(zip(self.layers, self.flat, strict=True)):
            low, high = layers.min(axis=(1, 2)), layers.max(axis=(1, 2))
            scale = np.maximum((high - low) / 65535, quanta)
            whole = np.rint((layers - low[:, None, None]) / scale[:, None, None]).astype(np.uint16)
            arrays[f"whole_{index}"] = np.diff(whole, axis=2, prepend=np.uint16(0))  # compresses better
            arrays[f"scale_{index}"] = np.stack([scale, low])
            arrays[f"flat_{index}"] = np.packbits(flat)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.stem}.part.npz")
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> Maps:
        """Read what `save` wrote."""
        with np.load(path) as data:
            maps = cls(
                spacing=data["spacing"].tolist(), style=data["style"].tolist(), place=data["place"].tolist()
            )
            for index in range(len(maps.spacing)):
                whole = np.cumsum(data[f"whole_{index}"], axis=2, dtype=np.uint16)
                scale, low = data[f"scale_{index}"]
                layers = whole * scale[:, None, None] + low[:, None, None]
                maps.layers.append(layers.astype(np.float32))
                bits = np.unpackbits(data[f"flat_{index}"], count=whole[0].size)
                maps.flat.append(bits.reshape(whole.shape[1:]).astype(np.bool_))
        return maps


def real_maps(tiles: Iterable[Tile]) -> Maps:
    """Real tiles of a known style, coarsened to cells of `FINEST`; not those with lines along the axes."""
    maps = Maps()
    for tile in tiles:
        if tile.style is None:
            continue
        while tile.spacing < FINEST:
            tile = tile.coarser
        if min(tile.elevation.shape) >= SMALLEST and tile.stripes < STRIPES:
            maps.add(tile.elevation[None], tile.flat, tile.spacing, tile.style or "", tile.place)
    return maps


def resampled(maps: Maps) -> Maps:
    """Bring each map to all `SPACINGS` that are no finer than its own, smoothly."""
    made = Maps()
    for layers, flat, spacing, style, place in zip(
        maps.layers, maps.flat, maps.spacing, maps.style, maps.place, strict=True
    ):
        for target in SPACINGS:
            size = [int(side * spacing / target) for side in flat.shape]
            if target < 0.97 * spacing or min(size) < SMALLEST // 2:
                continue
            whole, mask = torch.from_numpy(layers[None]), torch.from_numpy(flat[None, None]).float()
            part = functional.interpolate(whole, size, mode="bicubic", antialias=True)[0].numpy()
            bad = functional.interpolate(mask, size, mode="nearest")[0, 0].numpy() > 0
            made.add(part, bad, target, list(STYLES)[style], place)
    return made


class Crops:
    """Random square crops of maps, with one of the 8 symmetries each, cut on a device in one gather.

    Places are drawn in proportion to the root of their number of maps.

    Parameters
    ----------
    maps : what to cut from.
    cells : most cells per side that will be asked for; smaller maps are left out.
    """

    def __init__(self, maps: Maps, cells: int, device: torch.device) -> None:
        usable = [index for index, flat in enumerate(maps.flat) if min(flat.shape) >= cells]
        if not usable:
            raise InputError(f"no map of a known style is {cells} cells wide")
        shapes = np.array([maps.flat[index].shape for index in usable])
        self.starts = np.concatenate([[0], shapes.prod(axis=1).cumsum()[:-1]])  # first cell of each map
        self.shapes = shapes
        self.spacing = np.array([maps.spacing[index] for index in usable], np.float32)
        self.style = np.array([maps.style[index] for index in usable])
        self.cells = torch.from_numpy(
            np.concatenate([maps.layers[index].reshape(len(maps.layers[index]), -1) for index in usable], 1)
        ).to(device)  # (L, all cells)
        # flat cells above and left of each corner, so that a crop's are counted in four look-ups
        self.flats = [
            np.pad(maps.flat[index], ((1, 0), (1, 0))).astype(np.int64).cumsum(0).cumsum(1)
            for index in usable
        ]
        _, place, count = np.unique(
            [maps.place[index] for index in usable], return_inverse=True, return_counts=True
        )
        self.weight = count[place] ** -0.5

    def draw(
        self, random: np.random.Generator, styles: NDArray[np.int64], cells: int, most_flat: float = LEVEL
    ) -> tuple[Tensor, Tensor]:
        """Draw a crop of each style: (B, L, cells, cells) and spacing (B, 1, 1, 1)."""
        drawn = [self._place(random, int(style), cells, most_flat) for style in styles]
        first, down, over = (
            torch.tensor(steps, device=self.cells.device)[:, None, None]
            for steps in zip(*(steps for _, steps in drawn), strict=True)
        )
        along = torch.arange(cells, device=self.cells.device)
        index = first + down * along[:, None] + over * along  # (B, cells, cells)
        spacing = torch.from_numpy(self.spacing[[chosen for chosen, _ in drawn]]).to(self.cells.device)
        return self.cells[:, index].transpose(0, 1), spacing.reshape(-1, 1, 1, 1)

    def _place(
        self, random: np.random.Generator, style: int, cells: int, most_flat: float
    ) -> tuple[int, tuple[int, int, int]]:
        """A map, and in it the first cell and the steps down and over of a crop in one of 8 symmetries."""
        of_style = np.flatnonzero(self.style == style)
        share = self.weight[of_style] / self.weight[of_style].sum()
        for _ in range(TRIES):
            chosen = int(of_style[random.choice(len(of_style), p=share)])
            row, column = (int(random.integers(side - cells + 1)) for side in self.shapes[chosen])
            flat, below, right = self.flats[chosen], row + cells, column + cells
            count = flat[below, right] - flat[row, right] - flat[below, column] + flat[row, column]
            if count <= most_flat * cells * cells:
                break
        down, over = int(self.shapes[chosen][1]), 1
        first = int(self.starts[chosen]) + row * down + column
        turn = int(random.integers(8))
        if turn & 1:
            first, down = first + (cells - 1) * down, -down
        if turn & 2:
            first, over = first + (cells - 1) * over, -over
        return chosen, (first, over, down) if turn & 4 else (first, down, over)
