"""What `worldgen.models.terrain_net.Amplifier` computes, over numpy maps of any shape with the same bits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.models.correlation import (
    Planes,
    Rectified,
    Taps,
    add_middle,
    correlate,
    correlate_pairs,
    shuffled,
)
from worldgen.models.filters import compress, crop, downsample, filtered, smooth, upsample
from worldgen.models.layers import UP_POSITIVE
from worldgen.models.terrain_net import (
    _ENERGY,
    BLOCKS,
    FEATURE_HALO,
    FEATURES,
    FLOOR,
    HALO,
    PROJECTION_HALO,
    Amplifier,
    Block,
)

Map = NDArray[np.float32]


class BlockPass:
    """`terrain_net.Block` over planes; ``paired`` if rows may be worked on by pairs (`correlate_pairs`)."""

    def __init__(self, block: Block, paired: bool) -> None:
        self.strength = np.ascontiguousarray(block.noise.detach().numpy()[0, :, 0, 0])
        self.paired, make = paired, Taps.paired if paired else Taps.of
        self.first, self.second = make(block.first), make(block.second)

    def __call__(self, x: Planes, noise: Map) -> Planes:
        """(C, H, W) and noise (H, W) -> (C, H - 4, W - 4)."""
        noisy = Rectified(noise, self.strength)
        if self.paired:
            return correlate_pairs(correlate_pairs(x, self.first, noisy), self.second, Rectified(), x)
        return add_middle(correlate(correlate(x, self.first, noisy), self.second, Rectified()), x)


class AmplifierPass:
    """`terrain_net.Amplifier` over numpy maps."""

    def __init__(self, net: Amplifier) -> None:
        style = net.style.weight if net.styles else None
        self.styles = None if style is None else style.detach().numpy()[:, :, 0, 0]
        self.entry, self.entry_styled = Taps.of(net.entry), Taps.of(net.entry, style)
        self.blocks = [BlockPass(block, True) for block in net.blocks]  # type: ignore[arg-type]
        self.exit = Taps.of(net.exit)

    def __call__(
        self, coarse: Map, spacing: float, noise: Map, roughness: float = 1.0, style: Map | None = None
    ) -> Map:
        """Refine ×2.

        Parameters
        ----------
        coarse : (H, W) metres.
        spacing : metres between coarse cells.
        noise : (NOISE, H, W).
        roughness : factor on the detail that is added.
        style : (S, 1, 1) or (S, H, W) weights, or None.

        Returns
        -------
        (2 (H - 2 HALO), 2 (W - 2 HALO)) metres.
        """
        features, amplitude = coarse_features(coarse, spacing)
        noise = crop(noise, FEATURE_HALO)
        seen = [features, noise[:2]]
        if style is None or self.styles is None:
            x = correlate(Planes.of(*seen), self.entry)
        elif style.shape[-1] > 1:
            x = correlate(Planes.of(*seen, crop(style, FEATURE_HALO)), self.entry_styled)
        else:
            x = correlate(Planes.of(*seen), self.entry, shift=(self.styles * style[:, 0, 0]).sum(axis=1))
        noise = crop(noise, 1)
        for index, block in enumerate(self.blocks):
            x = block(x, crop(noise[2 + index], 2 * index))
        detail = shuffled(correlate(x, self.exit, Rectified())).cells[0]
        detail = detail * upsample(crop(amplitude, 2 * BLOCKS), UP_POSITIVE) * np.float32(roughness)
        base = crop(coarse, HALO - 1) - downsample(detail)
        return upsample(base) + crop(detail, 2 * PROJECTION_HALO)


def coarse_features(coarse: Map, spacing: float) -> tuple[Map, Map]:
    """`terrain_net.coarse_features` of (H, W) metres: (FEATURES, H - 14, W - 14) and the amplitude."""
    once = smooth(coarse)
    background = smooth(once)
    finest = crop(coarse, 4) - crop(once, 2)
    second = crop(once, 2) - background
    energies = [filtered(band * band, _ENERGY) for band in (finest, second)]
    floor = np.float32((FLOOR * spacing) ** 2)
    amplitude = np.sqrt(energies[0] + energies[1] + floor)

    inner = crop(coarse, FEATURE_HALO - 1)
    centre = inner[1:-1, 1:-1]
    made = np.empty((FEATURES, *amplitude.shape), np.float32)
    seen = (
        centre - crop(background, 3),
        crop(finest, 3),
        (inner[2:, 1:-1] - inner[:-2, 1:-1]) / 2,
        (inner[1:-1, 2:] - inner[1:-1, :-2]) / 2,
        smooth(crop(coarse, FEATURE_HALO - 2)) - centre,
    )
    for index, part in enumerate(seen):
        compress(np.asarray(part, np.float32), amplitude, made[index])
    _logarithms(amplitude, energies[0], energies[1], spacing, float(floor), made[5], made[6])
    made[7] = scale_number(spacing)
    return made, amplitude


def scale_number(spacing: float) -> float:
    """`terrain_net.scale_map`, one number."""
    return min(max(math.log2(spacing / 100) / 2, -1.2), 1.5)


@kernel
def _logarithms(
    amplitude: Map, finest: Map, second: Map, spacing: float, floor: float, size: Map, ratio: Map
) -> None:
    for row in range(size.shape[0]):
        for column in range(size.shape[1]):
            size[row, column] = math.log(amplitude[row, column] / spacing) / 2 + 1
            ratio[row, column] = 0.5 * math.log((finest[row, column] + floor) / (second[row, column] + floor))
