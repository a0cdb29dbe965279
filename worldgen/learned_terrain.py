"""Endless learned terrain: any window, alone, in any order, the same to the bit.

Physics makes the macro relief (`worldgen.landforms`), one net makes it look surveyed, and another refines it
×2 down to the spacing that was asked for (`worldgen.models.terrain_gan`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ConfigError, InputError, nearest
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.landforms import landform
from worldgen.landscapes import LANDSCAPES, Weights
from worldgen.models.blocks import Window
from worldgen.rng import child_seed

if TYPE_CHECKING:
    from worldgen.models.relief_net import ReliefNet
    from worldgen.models.terrain_net import Amplifier

FloatArray = NDArray[np.float64]
Style = str | Mapping[str, float] | Callable[[FloatArray, FloatArray], Weights]

COARSEST_RELIEF = 170.0  # metres: the macro relief has cells of more than half of that, up to it
FINEST_SPACING = 0.5  # metres; finer than 15 m the net only carries on what it learned at 30 m


class LearnedTerrain:
    """An endless land.

    Parameters
    ----------
    seed : decides the land.
    style : name of a style of land (see `worldgen.landscapes.LANDSCAPES`), weights of several, or a function
        of world coordinates x (1, W) and z (H, 1) in metres that gives such weights for each cell.
    spacing : metres between cells. Spacings that differ by a power of two show the same land.
    relief_net, amplifier : nets of your own, from `worldgen.models.terrain_gan`; the shipped ones by default.

    Raises
    ------
    ConfigError : an unknown style, weights that are no weights, or a spacing out of range.

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
        relief_net: ReliefNet | None = None,
        amplifier: Amplifier | None = None,
    ) -> None:
        if not FINEST_SPACING <= spacing <= COARSEST_RELIEF:
            raise ConfigError(
                f"spacing: found {spacing}; allowed: {FINEST_SPACING} to {COARSEST_RELIEF} metres"
            )
        self.seed, self.spacing = seed, float(spacing)
        self._mix = style if callable(style) else _constant(style)
        self._relief_net, self._amplifier = relief_net, amplifier
        self.levels = int(np.floor(np.log2(COARSEST_RELIEF / spacing)))

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
        from worldgen.models.terrain_gan import amplify, load_amplifier, margin

        if min(height, width) < 2:
            raise InputError(f"a window needs at least 2 x 2 cells; found {height} x {width}")
        wanted, step = Window(row, column, height, width), 2**self.levels
        macro = wanted
        for _ in range(self.levels):
            macro = macro.parents(0)
        macro = macro.framed(margin(self.levels))
        relief, weights = self._relief(macro)
        if self._amplifier is None:
            self._amplifier = load_amplifier()
        elevation = amplify(
            relief,
            self.spacing * step,
            levels=self.levels,
            seed=child_seed(self.seed, "terrain"),
            row=row,
            column=column,
            height=height,
            width=width,
            origin=(macro.row, macro.column),
            style=weights,
            net=self._amplifier,
        )
        origin = (column + 0.5) * self.spacing, (row + 0.5) * self.spacing
        return Heightmap(elevation, Grid((height, width), self.spacing, origin))

    def _relief(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Macro relief of a window, (H, W) metres, and the styles' weights, (S, H, W) or (S, 1, 1)."""
        from worldgen.models.relief_net import HALO
        from worldgen.models.terrain_gan import load_relief_net, weather

        if self._relief_net is None:
            self._relief_net = load_relief_net()
        spacing, wide = self.spacing * 2**self.levels, window.framed(HALO)
        seed = child_seed(self.seed, "relief")
        elevation, area = landform(self._mix, spacing, wide, seed)
        weights = self._weights(wide, spacing, self._relief_net.styles)
        relief = weather(
            elevation,
            area,
            spacing,
            seed=seed,
            window=window,
            origin=(wide.row, wide.column),
            style=weights,
            net=self._relief_net,
        )
        inner = weights[:, HALO:-HALO, HALO:-HALO] if weights.shape[-1] > 1 else weights
        return relief, inner

    def _weights(self, window: Window, spacing: float, styles: Sequence[str]) -> NDArray[np.float32]:
        mix = self._mix(*window.centres(spacing))
        fields = [np.asarray(mix.get(name, 0.0), np.float32) for name in styles]
        shape = (1, 1) if all(field.size == 1 for field in fields) else (window.height, window.width)
        return np.stack([np.broadcast_to(field, shape) for field in fields])


def _constant(style: str | Mapping[str, float]) -> Callable[[FloatArray, FloatArray], Weights]:
    weights = {style: 1.0} if isinstance(style, str) else dict(style)
    for name in weights:
        if name not in LANDSCAPES:
            raise ConfigError(f"style: found '{name}'; {nearest(name, LANDSCAPES)}")
    total = sum(weights.values())
    if min(weights.values(), default=-1.0) < 0 or not total > 0:
        raise ConfigError(f"style: found weights {weights}; allowed: weights >= 0, not all 0")
    shares = {name: weight / total for name, weight in weights.items() if weight > 0}
    return lambda x, z: shares
