"""Sample tiles of learned terrain, for pictures and for anyone's own measures, and ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ConfigError
from worldgen.landforms import landform
from worldgen.landscapes import LANDSCAPES
from worldgen.learned_terrain import LearnedTerrain, constant_mix
from worldgen.models.blocks import Window
from worldgen.models.relief_gan import drained_cells, load_relief_net
from worldgen.rng import child_seed, generator

if TYPE_CHECKING:
    from worldgen.models.relief_net import ReliefNet
    from worldgen.models.terrain_net import Amplifier

Stage = Literal["raw", "final"]
FAR = 50_000  # cells: tiles lie at random within so many of their world's origin


def sample_tile(
    style: str,
    spacing: float,
    size: int,
    index: int,
    stage: Stage,
    seed: int = 0,
    amplifier: Amplifier | None = None,
    relief_net: ReliefNet | None = None,
) -> NDArray[np.float32]:
    """One tile, (size, size) float32 metres; each index is a place in a world of its own.

    Parameters
    ----------
    style : one of `worldgen.landscapes.LANDSCAPES`.
    spacing : metres between cells.
    stage : "raw" is what the nets give, "final" has been through the drainage pass.
    amplifier, relief_net : nets of your own; else the shipped ones.
    """
    world = child_seed(seed, f"sample/{style}", index)
    land = LearnedTerrain(world, style, spacing, amplifier=amplifier, relief_net=relief_net)
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


def write_reliefs(output: Path, *, count: int, size: int = 256, seed: int = 0) -> Iterator[tuple[int, int]]:
    """Write made macro relief to train the relief net on (`worldgen.models.relief_train`).

    Parameters
    ----------
    output : .npz to write.
    count : windows of each style.
    size : cells per side, at one of the spacings of `relief_data.SPACINGS`.

    Yields
    ------
    how many windows are made, and how many there will be.
    """
    from worldgen.models.relief_data import SPACINGS, Maps

    maps, random = Maps(), generator(seed, "reliefs")
    for index in range(count):
        for style in LANDSCAPES:
            spacing = float(random.choice(SPACINGS))
            row, column = (int(random.integers(-FAR, FAR)) for _ in range(2))
            world = child_seed(seed, f"reliefs/{style}", index)
            elevation, area = landform(constant_mix(style), spacing, Window(row, column, size, size), world)
            layers = np.stack([elevation - elevation.mean(), drained_cells(area, spacing)])
            maps.add(layers.astype(np.float32), np.zeros((size, size), np.bool_), spacing, style, str(index))
            yield len(maps.layers), count * len(LANDSCAPES)
    maps.save(output, quanta=(0.1, 0.05))


def evaluate_samples(
    data: Path,
    *,
    weights: Path | None = None,
    relief_weights: Path | None = None,
    count: int = 16,
    seed: int = 0,
    spacing: float | None = None,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Judge samples, raw and final, against held-out places; see `terrain_metrics.evaluate_generation`.

    Parameters
    ----------
    data : folder of elevation tiles whose index names landscapes.
    weights : weight file of an amplifier, whose record names the held-out places; the shipped one by default.
    relief_weights : weight file of a relief net; the shipped one by default.
    count : samples of each style and spacing.
    """
    from worldgen.erosion import stream_power, thermal
    from worldgen.models.checkpoint import read_record
    from worldgen.models.terrain_gan import WEIGHT_FILE, load_amplifier
    from worldgen.models.terrain_metrics import evaluate_generation

    net, relief_net = load_amplifier(weights), load_relief_net(relief_weights)
    places = read_record(weights or WEIGHT_FILE)["training"]["held_out_places"]

    def eroded(elevation: NDArray[np.float32], step: float) -> NDArray[np.floating[Any]]:
        cut = stream_power(elevation, step, erodibility=1.4e-5, time_step=2e4, steps=30, diffusivity=3e-4)
        return thermal(cut, step, talus_slope=0.75, iterations=12)

    return evaluate_generation(
        data,
        lambda style, step, size, index, stage: sample_tile(
            style, step, size, index, "raw" if stage == "raw" else "final", seed, net, relief_net
        ),
        places=places,
        erosion=eroded,
        count=count,
        seed=seed,
        sheet=sheet,
        spacing=spacing,
    )
