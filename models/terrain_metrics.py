"""Learned terrain on trial: each style of land at each spacing, beside held-out real land and baselines.

`terrain_judgement` compares sets of maps; here the sets are made. Real tiles are cut into maps and grouped by
style and spacing, the floor is drawn from the training places, and baselines take the floor's maps as models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.terrain_baselines import Erosion, eroded_fractal, fractal, phase_randomised
from worldgen.models.terrain_data import STRIPES, Tile, striping
from worldgen.models.terrain_folders import read_folder
from worldgen.models.terrain_judgement import Land, judge

FloatArray = NDArray[np.floating[Any]]
Sampler = Callable[[str, float, int, int, str], NDArray[np.float32]]
SPACINGS = (30.0, 90.0)  # metres; maps are judged among maps of about the same spacing
REFERENCES = 64  # most held-out maps of one style


def styled_tiles(tiles: Sequence[Tile]) -> dict[tuple[str, float], list[Tile]]:
    """Group tiles by (style, one of SPACINGS).

    Left out are tiles without a style, with lines along the axes, or with a spacing that is not within a
    factor of 1.4 of one of SPACINGS.
    """
    groups: dict[tuple[str, float], list[Tile]] = {}
    for tile in tiles:
        near = [spacing for spacing in SPACINGS if spacing / 1.4 < tile.spacing < spacing * 1.4]
        if tile.style is not None and near and striping(tile.elevation) < STRIPES:
            groups.setdefault((tile.style, near[0]), []).append(tile)
    return groups


def land_maps(tiles: Sequence[Tile], size: int) -> list[Land]:
    """Cut tiles into maps of (size, size) cells; not those that are by more than a tenth level or sea.

    Level are sea, lakes and voids; sea that resampling has ruffled is told by lying at most a metre high.
    """
    maps = []
    for tile in tiles:
        water = tile.flat | (tile.elevation <= 1.0)
        height, width = tile.elevation.shape
        for top in range(0, height - size + 1, size):
            for left in range(0, width - size + 1, size):
                cut = np.s_[top : top + size, left : left + size]
                if water[cut].mean() <= 0.1:
                    maps.append(Land(tile.elevation[cut], tile.spacing, tile.place))
    return maps


def spread_over_places(maps: Sequence[Land], count: int, random: np.random.Generator) -> list[Land]:
    """Pick at most `count` maps, as evenly from all places as they have them, in random order."""
    taken: dict[str, int] = {}
    ranked: list[tuple[int, int, Land]] = []
    for index in random.permutation(len(maps)):
        turn = taken.get(maps[index].place, 0)
        taken[maps[index].place] = turn + 1
        ranked.append((turn, len(ranked), maps[index]))
    return [land for _, _, land in sorted(ranked, key=lambda entry: entry[:2])[:count]]


def evaluate_generation(
    data: Path,
    sampler: Sampler,
    *,
    places: Sequence[str],
    erosion: Erosion | None = None,
    size: int = 256,
    count: int = 16,
    seed: int = 0,
    stages: Sequence[str] = ("raw", "final"),
    sheet: Path | None = None,
    spacing: float | None = None,
) -> dict[str, Any]:
    """Judge a generator on each style of land that has held-out maps.

    Parameters
    ----------
    data : folder of elevation tiles with styles, as for training.
    sampler : called as ``sampler(style, spacing, size, index, stage)`` for (size, size) float32 metres.
    places : places that were not trained on.
    erosion : makes the eroded baseline, see `terrain_baselines.eroded_fractal`; without it there is none.
    count : maps of each candidate and of the floor.
    stages : stages of the generator to judge, each under ``learned_<stage>``.
    sheet : PNG to write: four real and four generated maps of the last stage for each style, shuffled.

    Returns
    -------
    dict : from ``<style>@<spacing>m`` to what `judge` gives. Styles with fewer than 5 held-out or training
    maps have the number of maps only.

    Raises
    ------
    InputError : no style has held-out maps.
    """
    from worldgen.models.terrain_sheet import blind_sheet

    report: dict[str, Any] = {}
    shown: tuple[list[Land], list[Land]] = ([], [])
    for (style, about), tiles in sorted(styled_tiles(read_folder(data, spacing)).items()):
        maps = land_maps(tiles, size)
        held_out = [land for land in maps if land.place in places]
        training = [land for land in maps if land.place not in places]
        name = f"{style}@{about:.0f}m"
        if not held_out:
            continue
        if min(len(held_out), len(training)) < 5:
            report[name] = {"maps": {"reference": len(held_out), "floor": len(training)}}
            continue
        random = np.random.default_rng([seed, int(about), *style.encode()])
        reference = spread_over_places(held_out, REFERENCES, random)
        floor = spread_over_places(training, count, random)
        step = float(np.median([land.spacing for land in reference]))
        candidates = {
            f"learned_{stage}": [
                Land(sampler(style, step, size, index, stage), step, f"learned {index}")
                for index in range(count)
            ]
            for stage in stages
        }
        judged = candidates | _baselines(floor, erosion, random)
        whole = [Land(tile.elevation, tile.spacing, tile.place) for tile in tiles if tile.place not in places]
        report[name] = {"spacing": step, **judge(reference, floor, judged, whole, seed=seed)}
        if candidates:
            shown[0].extend(reference[:4])
            shown[1].extend(candidates[f"learned_{stages[-1]}"][:4])
    if not report:
        raise InputError(f"{data} holds no land of a named style from the places {sorted(places)}")
    if sheet is not None and shown[0]:
        blind_sheet(*shown, sheet, seed)
    return report


def _baselines(
    real: Sequence[Land], erosion: Erosion | None, random: np.random.Generator
) -> dict[str, list[Land]]:
    def made(kind: str, make: Callable[[Land], FloatArray]) -> list[Land]:
        return [Land(make(land), land.spacing, f"{kind} {index}") for index, land in enumerate(real)]

    sets = {
        "fractal": made("fractal", lambda land: fractal(land.elevation, random)),
        "phase": made("phase", lambda land: phase_randomised(land.elevation, random)),
    }
    if erosion is not None:
        eroded = made("eroded", lambda land: eroded_fractal(land.elevation, land.spacing, erosion, random))
        sets["fractal_eroded"] = eroded
    return sets
