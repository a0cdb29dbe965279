"""Endless learned terrain: any window, alone, in any order, the same to the bit.

Physics lays out the macro relief (`worldgen.landforms`), a net redraws it as real land
(`worldgen.models.relief_gan`), and another refines it ×2, level by level, down to the spacing that was asked
for (`worldgen.models.terrain_gan`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.dune_fields import SLIDE_FRAME
from worldgen.errors import ConfigError, InputError, nearest
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.landforms import landform
from worldgen.landscapes import LANDSCAPES, Weights, nominal
from worldgen.late_landforms import ROOM_FRAME, cinders, has_dunes, refined, room, sand, volcanoes
from worldgen.models.blocks import Window
from worldgen.noise import fractal, permutation
from worldgen.rng import child_seed
from worldgen.sketch import Sketch

if TYPE_CHECKING:
    from worldgen.guidance import Guide
    from worldgen.models.relief_net import ReliefNet
    from worldgen.models.terrain_net import Amplifier

FloatArray = NDArray[np.float64]
Style = str | Mapping[str, float] | Callable[[FloatArray, FloatArray], Weights]

COARSEST_RELIEF = 170.0  # metres: the macro relief has cells of more than half of that, up to it
_RIM = 150  # cells of the macro relief around a sketch's lowest rim whose valleys shall meet it
DRAINAGE_FRAME = 64  # cells around a window that its rivers come from
_REGION = 60_000.0  # metres, first wave of the noise by which other styles are mixed in
_ADMIXED = 1.0  # the most of each of them, beside the style's own 1
FINEST_SPACING = 0.5  # metres; finer than 15 m the net only carries on what it learned at 30 m


class LearnedTerrain:
    """An endless land.

    Parameters
    ----------
    seed : decides the land.
    style : name of a style of land (see `worldgen.landscapes.LANDSCAPES`), weights of several, or a function
        of world coordinates x (1, W) and z (H, 1) in metres that gives such weights for each cell.
    spacing : metres between cells. Spacings that differ by a power of two show the same land.
    sketch : heights, ridges and rivers that the land follows; it goes on around them by itself. The land
        around given heights is raised or lowered so that its valleys meet the lowest of their rim.
    mean_elevation : metres that the land's elevation averages over tens of kilometres; None leaves it open.
    relief : metres, the standard deviation of elevation within 20 km on average: scales all heights but those
        of a sketch. None leaves it to the style: 23 for plains, 310 for alpine land.
    amplifier : a net of your own, from `worldgen.models.terrain_gan.load_amplifier`; else the shipped one.
    relief_net : the same, from `worldgen.models.relief_gan.load_relief_net`.

    Raises
    ------
    ConfigError : an unknown style, weights that are no weights, or a number out of range.
    InputError : the sketch's heights are fewer than 2 x 2 of the land's coarsest cells.

    Examples
    --------
    >>> land = LearnedTerrain(seed=7, style="alpine", spacing=30.0)
    >>> land.window(-100, 2000, 64, 48).elevation.shape
    (64, 48)
    """

    def __init__(
        self,
        seed: int = 0,
        style: Style = "alpine",
        spacing: float = 30.0,
        *,
        sketch: Sketch | None = None,
        mean_elevation: float | None = None,
        relief: float | None = None,
        amplifier: Amplifier | None = None,
        relief_net: ReliefNet | None = None,
    ) -> None:
        if not FINEST_SPACING <= spacing <= COARSEST_RELIEF:
            raise ConfigError(
                f"spacing: found {spacing}; allowed: {FINEST_SPACING} to {COARSEST_RELIEF} metres"
            )
        if mean_elevation is not None and not np.isfinite(mean_elevation):
            raise ConfigError(f"mean_elevation: found {mean_elevation}; allowed: finite metres")
        if relief is not None and not 0 < relief < np.inf:
            raise ConfigError(f"relief: found {relief}; allowed: metres > 0")
        self.seed, self.spacing = seed, float(spacing)
        self._mix = style if callable(style) else constant_mix(style)
        self._amplifier, self._relief_net = amplifier, relief_net
        self.levels = int(np.floor(np.log2(COARSEST_RELIEF / spacing)))
        self._coarse = self.spacing * 2**self.levels
        self._sketch = None if sketch is None else sketch.coarsened(self._coarse)
        self._mean, self._deviation = mean_elevation, relief
        self._base = 0.0  # metres by which the land is raised to meet a sketch's rim
        self._guide: Guide | None = None

    def window(self, row: int, column: int, height: int, width: int) -> Heightmap:
        """Make one window; memory and time depend on its size alone.

        Parameters
        ----------
        row, column : first cell, any integers; rows grow to the south, columns to the east.
        height, width : cells, 2 or more.

        Raises
        ------
        InputError : the window has fewer than 2 cells at a side.
        """
        window = Window(row, column, height, width)
        macro, relief = self._macro(window)
        elevation = self._bare(window, macro, relief) + self._sand(window, macro, relief)
        return self._heightmap(elevation, row, column)

    def bare(self, row: int, column: int, height: int, width: int) -> Heightmap:
        """Make one window as `window` does, without its dunes."""
        window = Window(row, column, height, width)
        return self._heightmap(self._bare(window, *self._macro(window)), row, column)

    def sand(self, row: int, column: int, height: int, width: int) -> NDArray[np.float32]:
        """Metres by which the dunes of `window` stand above what is `bare`, (height, width)."""
        window = Window(row, column, height, width)
        if not has_dunes(self._mix(*window.centres(self.spacing))):
            return np.zeros((height, width), np.float32)
        return self._sand(window, *self._macro(window))

    def drained(self, row: int, column: int, height: int, width: int) -> Heightmap:
        """Make one window as `window` does, then lead its rivers downhill (`worldgen.drainage.drain`).

        Rivers know of the land up to `DRAINAGE_FRAME` cells around the window and no more, so windows side by
        side agree on the land and not on each river's bed.
        """
        from worldgen.drainage import drain

        frame, window = DRAINAGE_FRAME, Window(row, column, height, width)
        wide = window.framed(frame)
        macro, relief = self._macro(wide)
        elevation = drain(self._bare(wide, macro, relief), self.spacing)[frame:-frame, frame:-frame]
        return self._heightmap(elevation + self._sand(window, macro, relief), row, column)

    def _macro(self, window: Window) -> tuple[Window, NDArray[np.float32]]:
        """Cells of the macro relief that a window needs, and their elevation, (H, W) metres."""
        from worldgen.models.terrain_gan import margin

        if min(window.height, window.width) < 2:
            raise InputError(f"a window needs at least 2 x 2 cells; found {window.height} x {window.width}")
        macro = self._parents(window).framed(max(margin(self.levels), ROOM_FRAME + 1 + SLIDE_FRAME))
        return macro, self._relief(macro)

    def _parents(self, window: Window) -> Window:
        """The cells of the macro relief that a window lies in."""
        for _ in range(self.levels):
            window = window.parents(0)
        return window

    def _bare(self, window: Window, macro: Window, relief: NDArray[np.float32]) -> NDArray[np.float32]:
        """The macro relief refined to a window, and cinder cones, (H, W) metres."""
        from worldgen.models.terrain_gan import amplify, load_amplifier

        if self._amplifier is None:
            self._amplifier = load_amplifier()
        elevation = amplify(
            relief,
            self._coarse,
            levels=self.levels,
            seed=child_seed(self.seed, "terrain"),
            row=window.row,
            column=window.column,
            height=window.height,
            width=window.width,
            origin=(macro.row, macro.column),
            style=self._weights(macro, self._amplifier.styles),
            net=self._amplifier,
        )
        x, z = window.centres(self.spacing)
        late = cinders(self._mix(x, z), x, z, child_seed(self.seed, "relief"))
        if np.any(late):
            around = self._parents(window).framed(1)
            late *= 1 - refined(self._calm(around), (around.row, around.column), window, 2**self.levels)
        return np.asarray(elevation + late, np.float32)

    def _sand(self, window: Window, macro: Window, relief: NDArray[np.float32]) -> NDArray[np.float32]:
        """Metres of dunes on a window, (H, W)."""
        if not has_dunes(self._mix(*window.centres(self.spacing))):
            return np.zeros((window.height, window.width), np.float32)
        window = window.framed(SLIDE_FRAME)
        x, z = window.centres(self.spacing)
        around = self._parents(window).framed(1)
        wide = around.framed(ROOM_FRAME).cut(relief, (macro.row, macro.column))
        flat = room(wide, self._coarse, around, self._calm(around))
        free = refined(flat, (around.row, around.column), window, 2**self.levels)
        dunes = sand(self._mix(x, z), x, z, free, self.spacing, child_seed(self.seed, "relief"))
        return np.asarray(dunes, np.float32)

    def _calm(self, window: Window) -> FloatArray:
        """1 where a sketch says what lies there, 0 where the land is free, (H, W) on the macro relief."""
        guide = self._guided()
        if guide is None:
            return np.zeros((window.height, window.width))
        return guide.on(window, self._coarse).calm

    def _heightmap(self, elevation: NDArray[np.float32], row: int, column: int) -> Heightmap:
        origin = (column + 0.5) * self.spacing, (row + 0.5) * self.spacing
        return Heightmap(elevation, Grid((elevation.shape[0], elevation.shape[1]), self.spacing, origin))

    def _relief(self, window: Window) -> NDArray[np.float32]:
        """Macro relief of a window, (H, W) metres."""
        guide = self._guided()
        wide = window if guide is None else window.framed(guide.frame)
        elevation = self._land(wide, guide)
        if guide is not None:
            elevation = guide.corrected(elevation, wide)
        return elevation.astype(np.float32)

    def _weights(self, window: Window, styles: Sequence[str]) -> NDArray[np.float32]:
        """Weights of styles that the nets are told on the macro relief, (S, H, W).

        Real land of one style is no one thing: from region to region others are mixed in.
        """
        mix = self._mix(*window.centres(self._coarse))
        shape = window.height, window.width
        own = np.stack([np.broadcast_to(np.asarray(mix.get(name, 0.0)), shape) for name in styles])
        wide = window.parents(0).parents(0).parents(0)  # regions are large: a cell in eight is enough
        x, z = (along / _REGION for along in wide.centres(8 * self._coarse))
        tables = [permutation(self.seed, f"regions/{name}") for name in styles]
        others = np.clip([1.5 * fractal(x, z, table, octaves=2) for table in tables], 0, 1)
        weights = own + _ADMIXED * window.cut(others, (wide.row, wide.column), step=8)
        return np.asarray(weights / weights.sum(axis=0), np.float32)

    def _land(self, window: Window, guide: Guide | None) -> FloatArray:
        """What erosion makes and the net redraws, at the asked mean and relief, (H, W) metres."""
        from worldgen.models.relief_gan import frame, load_relief_net, redraw

        if self._relief_net is None:
            self._relief_net = load_relief_net()
        wide = window.framed(frame())
        elevation, area = landform(self._mix, self._coarse, wide, child_seed(self.seed, "relief"), guide)
        redrawn = redraw(
            elevation,
            area,
            self._coarse,
            window,
            seed=child_seed(self.seed, "redrawn"),
            style=self._weights(wide, self._relief_net.styles),
            net=self._relief_net,
            sharp=self.levels > 0,
        )
        x, z = window.centres(self._coarse)
        weights = self._mix(x, z)
        late = volcanoes(weights, x, z, child_seed(self.seed, "relief"))
        if guide is not None and np.any(late):
            late = late * (1 - guide.on(window, self._coarse).calm)
        factor, shift = self._vertical(weights)
        return (redrawn.astype(np.float64) + late) * factor + shift

    def _vertical(self, weights: Weights) -> tuple[FloatArray | float, FloatArray | float]:
        """Factor and shift that give a mix of styles its mean elevation and relief."""
        mean, deviation = nominal(weights)
        factor = 1.0 if self._deviation is None else self._deviation / deviation
        return factor, self._base if self._mean is None else self._mean - factor * mean

    def _guided(self) -> Guide | None:
        """The sketch, made ready once: that takes some seconds."""
        if self._sketch is None or self._guide is not None:
            return self._guide
        from worldgen.guidance import Guide, heights_of

        seed = child_seed(self.seed, "relief")
        heights = heights_of(self._sketch, self._coarse, seed)
        if heights is not None and self._mean is None:
            x, z = heights.rim
            row, column = int(z // self._coarse), int(x // self._coarse)
            around = self._land(Window(row, column, 1, 1).framed(_RIM), None)
            below = 0.04 * heights.relief + 0.1 * float(np.std(around))  # lest rivers find no way out
            self._base = heights.rim_level - below - float(np.quantile(around, 0.03))
        given = (self._sketch, self._coarse, self._mix, self._vertical, lambda part: self._land(part, None))
        found = Guide(*given, seed)
        if found.short > 0 and self._mean is None:
            self._base -= found.short + 10.0  # metres: lower land, which rivers can reach
            found = Guide(*given, seed)
        self._guide = found
        return found


def constant_mix(style: str | Mapping[str, float]) -> Callable[[FloatArray, FloatArray], Weights]:
    """A mix that is the same everywhere: one style's name, or weights of several, brought to a sum of 1."""
    weights = {style: 1.0} if isinstance(style, str) else dict(style)
    for name in weights:
        if name not in LANDSCAPES:
            raise ConfigError(f"style: found '{name}'; {nearest(name, LANDSCAPES)}")
    total = sum(weights.values())
    if min(weights.values(), default=-1.0) < 0 or not total > 0:
        raise ConfigError(f"style: found weights {weights}; allowed: weights >= 0, not all 0")
    shares = {name: weight / total for name, weight in weights.items() if weight > 0}
    return lambda x, z: shares
