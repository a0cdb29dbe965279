"""What `worldgen.models.relief_net.ReliefNet` computes, over numpy maps of any shape with the same bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worldgen.models.correlation import Planes, Rectified, Taps, add_middle, correlate, shuffled
from worldgen.models.filters import compress, crop, filtered, smooth
from worldgen.models.layers import SHARP, SMOOTH_HALO
from worldgen.models.relief_net import (
    _QUARTER_START,
    BAND_HALO,
    BANDS,
    GRID,
    HALO,
    ReliefNet,
)
from worldgen.models.terrain_inference import BlockPass, scale_number

Map = NDArray[np.float32]


class ReliefPass:
    """`relief_net.ReliefNet` over numpy maps."""

    def __init__(self, net: ReliefNet) -> None:
        self.entry = Taps.of(net.entry, net.style.weight)
        self.to_half, self.to_quarter = Taps.of(net.to_half), Taps.of(net.to_quarter)
        self.style_quarter = net.style_quarter.weight.detach().numpy()[:, :, 0, 0]
        self.half_down, self.half_up = BlockPass(net.half_down, False), BlockPass(net.half_up, False)
        self.quarter = [BlockPass(block, False) for block in net.quarter]  # type: ignore[arg-type]
        self.from_quarter, self.from_half = Taps.of(net.from_quarter), Taps.of(net.from_half)
        self.last, self.exit = Taps.of(net.last), Taps.of(net.exit)

    def __call__(
        self,
        elevation: Map,
        area: Map,
        spacing: float,
        steepness: Map,
        noise: Sequence[Map],
        style: Map,
        sharp: bool = False,
    ) -> Map:
        """Redraw.

        Parameters
        ----------
        elevation : (H, W) metres; first cell at a multiple of `GRID` less `HALO`, H and W multiples of 4.
        area : (H, W) binary logarithm of the drainage area in cells.
        spacing : metres between cells.
        steepness : (H, W) slope to expect.
        noise : for each resolution, finest first: (NOISE[i], h, w), see `relief_net.noise_sizes`.
        style : (S, H, W) weights.
        sharp : as in `ReliefNet.forward`.

        Returns
        -------
        (H - 2 HALO, W - 2 HALO) metres.
        """
        unit = np.float32(spacing) * steepness
        seen = Planes.of(
            self._features(elevation, area, spacing, unit),
            *(crop(part, BAND_HALO) for part in (noise[0], style)),
        )
        rectified = Rectified()
        fine = correlate(seen, self.entry)
        half = self.half_down(correlate(fine, self.to_half, rectified), noise[1][0])
        x = correlate(half, self.to_quarter, rectified)
        x.cells[:] += self._quarter_style(style)
        for index, block in enumerate(self.quarter):
            x = block(x, crop(noise[2][index], 2 * index))
        x = add_middle(shuffled(correlate(x, self.from_quarter, rectified)), half)
        around = (noise[1].shape[-1] - x.width) // 2
        x = self.half_up(x, crop(noise[1][1], around))
        x = shuffled(correlate(x, self.from_half, rectified))
        np.maximum(fine.cells, np.float32(0.2) * fine.cells, out=fine.cells)
        x = correlate(add_middle(x, fine), self.last, rectified)
        change = correlate(x, self.exit, rectified).cells[0]
        kept, edge = crop(elevation, HALO - SMOOTH_HALO), HALO - SMOOTH_HALO
        redrawn = kept + crop(unit, edge) * crop(change, (change.shape[-1] - kept.shape[-1]) // 2)
        return filtered(redrawn, SHARP) if sharp else crop(redrawn, SMOOTH_HALO)

    def _features(self, elevation: Map, area: Map, spacing: float, unit: Map) -> Map:
        rest, parts = elevation, []
        for level in range(BANDS):
            low = smooth(rest, 2**level)
            parts.append(crop(rest, 2 * 2**level) - low)
            rest = low
        parts = [crop(part, (part.shape[-1] - rest.shape[-1]) // 2) for part in parts]
        inner = crop(elevation, BAND_HALO - 1)
        up, down, left, right = inner[:-2, 1:-1], inner[2:, 1:-1], inner[1:-1, :-2], inner[1:-1, 2:]
        parts += [(down - up) / 2, (right - left) / 2, down + up + right + left - 4 * inner[1:-1, 1:-1]]
        made = np.empty((len(parts) + 2, *rest.shape), np.float32)
        for part, feature in zip(parts, made, strict=False):
            compress(part, crop(unit, BAND_HALO), feature)
        made[-2] = np.clip(crop(area, BAND_HALO), 0.0, 12.0) / 6 - 1
        made[-1] = scale_number(spacing)
        return made

    def _quarter_style(self, style: Map) -> Map:
        """What the mix of styles adds to the coarsest level: (S, H, W) -> (C, h, w)."""
        inner = crop(style, _QUARTER_START)
        height, width = (size // GRID for size in inner.shape[1:])
        tiles = inner[:, : height * GRID, : width * GRID].reshape(-1, height, GRID, width, GRID)
        mean = np.zeros((len(style), height, width), np.float32)
        for cell in range(GRID * GRID):
            mean += tiles[:, :, cell // GRID, :, cell % GRID]
        total = np.zeros((len(self.style_quarter), height, width), np.float32)
        for weights, part in zip(self.style_quarter.T, mean / GRID**2, strict=True):
            total += weights[:, None, None] * part
        return total
