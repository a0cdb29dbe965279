"""Sample tiles of learned terrain, for pictures and for anyone's own measures."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ConfigError
from worldgen.learned_terrain import LearnedTerrain
from worldgen.rng import child_seed, generator

Stage = Literal["raw", "final"]
FAR = 50_000  # cells: tiles lie at random within so many of their world's origin


def sample_tile(
    style: str, spacing: float, size: int, index: int, stage: Stage, seed: int = 0
) -> NDArray[np.float32]:
    """One tile, (size, size) float32 metres; each index is a place in a world of its own.

    Parameters
    ----------
    style : one of `worldgen.landscapes.LANDSCAPES`.
    spacing : metres between cells.
    stage : "raw" is what the nets give, "final" has been through the drainage pass.
    """
    land = LearnedTerrain(child_seed(seed, f"sample/{style}", index), style, spacing)
    random = generator(seed, f"sample/{style}/place", index)
    row, column = (int(random.integers(-FAR, FAR)) for _ in range(2))
    window = land.window if stage == "raw" else land.drained
    return window(row, column, size, size).elevation


def write_samples(
    output: Path, styles: Sequence[str], *, count: int, size: int, spacing: float, stage: Stage, seed: int
) -> Iterator[Path]:
    """Write ``STYLE_NNN.npy`` (float32 metres, row 0 north) for each tile, and ``index.csv`` at the end.

    Yields
    ------
    path of each file when it is written.

    Raises
    ------
    ConfigError : count or size is out of range.
    """
    if count < 1 or not 2 <= size <= 8192:
        raise ConfigError(f"samples: found count {count}, size {size}; allowed: count >= 1, size 2 to 8192")
    output.mkdir(parents=True, exist_ok=True)
    rows = []
    for style in styles:
        for index in range(count):
            elevation = sample_tile(style, spacing, size, index, stage, seed)
            path = output / f"{style}_{index:03d}.npy"
            np.save(path, elevation)
            low, high = float(elevation.min()), float(elevation.max())
            rows.append((path.name, style, spacing, stage, seed, index, f"{low:.2f}", f"{high:.2f}"))
            yield path
    with (output / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "style", "spacing_m", "stage", "seed", "index", "min_m", "max_m"))
        writer.writerows(rows)
