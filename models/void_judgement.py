"""How well voids are filled: holes punched into held-out land, the net beside scipy's interpolation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.dem import fill_nodata
from worldgen.errors import InputError
from worldgen.models.terrain_data import LEVEL, TRIES, Tile
from worldgen.models.terrain_folders import read_folder
from worldgen.models.void_data import KINDS, Kind, punched
from worldgen.models.void_fill import fill_voids, load_void_net
from worldgen.models.void_net import VoidNet, laplacian
from worldgen.models.void_surface import smooth_fill

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Fill = Callable[[Array, Mask, float], Array]  # (land, void, spacing) -> filled

SIZES = ((5, 10), (11, 25), (26, 60))  # least and most cells across
SPACINGS = {"30 m": (20.0, 60.0), "90 m": (60.0, 130.0)}
SIDE = 128  # cells per side of the land around a hole
RING = 12  # cells around a hole that scipy's methods are given
NEIGHBOURS = 64  # of a cell, for the radial basis functions
FIGURES = ("rmse", "worst", "slope_rmse", "roughness", "roughness_error", "step")


@dataclass(frozen=True)
class Hole:
    """A void in known land: ``land`` (SIDE, SIDE) metres, ``void`` likewise bool."""

    land: Array
    void: Mask
    spacing: float
    place: str
    kind: Kind
    across: int


def holes(tiles: Sequence[Tile], count: int, seed: int) -> Iterator[tuple[str, str, Hole]]:
    """Punch ``count`` holes of each kind, size and spacing, on all tiles in turn.

    Yields
    ------
    name of the spacing, of the size, and the hole; spacings that no tile has are left out.
    """
    for spacing, (least, most) in SPACINGS.items():
        group = [tile for tile in tiles if least <= tile.spacing < most and min(tile.elevation.shape) >= SIDE]
        for smallest, largest in SIZES if group else ():
            random = np.random.default_rng([seed, largest])
            order = [group[int(position)] for position in random.permutation(len(group))]
            for number in range(count * len(KINDS)):
                across = int(random.integers(smallest, largest + 1))
                kind = KINDS[number % len(KINDS)]
                yield (
                    spacing,
                    f"{smallest}-{largest}",
                    _hole(order[number % len(order)], across, kind, random),
                )


def _hole(tile: Tile, across: int, kind: Kind, random: np.random.Generator) -> Hole:
    for _ in range(TRIES):
        row, column = (int(random.integers(0, size - SIDE + 1)) for size in tile.elevation.shape)
        window = np.s_[row : row + SIDE, column : column + SIDE]
        if tile.flat[window].mean() <= LEVEL:
            land = tile.elevation[window].astype(np.float64)
            return Hole(land, punched(land, across, kind, random), tile.spacing, tile.place, kind, across)
    raise InputError(f"a tile of {tile.place} has no {SIDE} x {SIDE} cells of land without sea or voids")


def methods(net: VoidNet) -> dict[str, Fill]:
    """Ways to fill, by name."""
    return {
        "nearest": lambda land, void, _: _scattered(land, void, "nearest"),
        "linear": lambda land, void, _: _scattered(land, void, "linear"),
        "cubic": lambda land, void, _: _scattered(land, void, "cubic"),
        "thin plate, scipy": lambda land, void, _: _scattered(land, void, "thin_plate_spline"),
        "harmonic": lambda land, void, _: fill_nodata(land, void),
        "smooth base": lambda land, void, _: smooth_fill(land, void),
        "net, best guess": lambda land, void, spacing: fill_voids(
            np.where(void, np.nan, land), spacing, detail=False, net=net
        ),
        "net": lambda land, void, spacing: fill_voids(np.where(void, np.nan, land), spacing, net=net),
    }


def _scattered(land: Array, void: Mask, method: str) -> Array:
    """Fill by an interpolation of scipy from the known cells within RING cells."""
    from scipy.interpolate import RBFInterpolator, griddata
    from scipy.ndimage import binary_dilation

    around = binary_dilation(void, np.ones((3, 3), bool), iterations=RING) & ~void
    known, wanted = np.argwhere(around), np.argwhere(void)
    if method == "thin_plate_spline":
        values = RBFInterpolator(known, land[around], kernel=method, neighbors=NEIGHBOURS)(wanted)
    else:
        values = griddata(known, land[around], wanted, method=method)
    filled = np.array(land, np.float64)
    filled[void] = values
    return filled


def figures(filled: Array, hole: Hole) -> dict[str, float]:
    """Compare a fill with what stood there.

    Returns
    -------
    ``rmse`` and ``worst`` error, metres; ``slope_rmse``, rise over run; ``roughness``: standard deviation of
    the fill's Laplacian over the truth's, and ``roughness_error`` its logarithm's size; ``step``: mean square
    root step over the border, over the truth's.
    """
    error, void = (filled - hole.land)[hole.void], hole.void
    down, across = (np.gradient(filled - hole.land, hole.spacing, axis=axis)[void] for axis in (0, 1))
    roughness = _rough(filled, void) / _rough(hole.land, void)
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "worst": float(np.abs(error).max()),
        "slope_rmse": float(np.sqrt(np.mean(down**2 + across**2))),
        "roughness": roughness,
        "roughness_error": float(abs(np.log(roughness))),
        "step": _step(filled, void) / _step(hole.land, void),
    }


def _rough(land: Array, where: Mask) -> float:
    return float(laplacian(land)[where].std()) + 1e-3


def _step(land: Array, void: Mask) -> float:
    steps = [np.diff(land, axis=axis)[np.diff(void, axis=axis)] for axis in (0, 1)]
    return float(np.sqrt(np.mean(np.concatenate(steps) ** 2))) + 1e-3


def judge(tiles: Sequence[Tile], net: VoidNet, *, count: int = 8, seed: int = 0) -> dict[str, Any]:
    """Fill ``count`` holes of each kind, size and spacing by each of the `methods`.

    Returns
    -------
    dict that JSON can hold: ``holes``, ``places``, and ``figures`` by spacing, size, method and name: means
    over holes, ``roughness`` the median. The method "land around" is the land within a void's size of it,
    whose roughness is as close as a fill can know.
    """
    rows: dict[tuple[str, str, str], list[Mapping[str, float]]] = defaultdict(list)
    places = set()
    total = 0
    for spacing, size, hole in holes(tiles, count, seed):
        places.add(hole.place)
        total += 1
        for name, fill in methods(net).items():
            rows[spacing, size, name].append(figures(fill(hole.land, hole.void, hole.spacing), hole))
        rows[spacing, size, "land around"].append(_around(hole))
    if not total:
        raise InputError(
            f"no tile is {SIDE} cells wide with {' or '.join(SPACINGS)} cells; found {len(tiles)} tiles"
        )
    result: dict[str, Any] = {}
    for (spacing, size, name), found in rows.items():
        means = {
            figure: round(
                float((np.median if figure == "roughness" else np.mean)([row[figure] for row in found])), 4
            )
            for figure in FIGURES
            if figure in found[0]
        }
        result.setdefault(spacing, {}).setdefault(size, {})[name] = means
    return {"holes": total, "places": sorted(places), "count": count, "seed": seed, "figures": result}


def _around(hole: Hole) -> dict[str, float]:
    from scipy.ndimage import binary_dilation

    ring = binary_dilation(hole.void, np.ones((3, 3), bool), iterations=max(3, hole.across // 3)) & ~hole.void
    ratio = _rough(hole.land, ring) / _rough(hole.land, hole.void)
    return {"roughness": ratio, "roughness_error": float(abs(np.log(ratio)))}


def evaluate(
    data: Path, *, weights: Path | None = None, count: int = 8, seed: int = 0, spacing: float | None = None
) -> dict[str, Any]:
    """Judge weights, the shipped ones by default, on a folder of places that they were not trained on.

    Raises
    ------
    InputError : the folder cannot be used or holds no land that is wide enough.
    WeightsError : the weights are absent or damaged.
    """
    return judge(read_folder(data, spacing), load_void_net(weights), count=count, seed=seed)


def table(report: Mapping[str, Any]) -> str:
    """The figures of `judge` as a table in Markdown."""
    lines = [f"| cells | across | fill | {' | '.join(name.replace('_', ' ') for name in FIGURES)} |"]
    lines.append("| " + " | ".join(["---"] * (3 + len(FIGURES))) + " |")
    for spacing, sizes in report["figures"].items():
        for size, fills in sizes.items():
            for name, values in fills.items():
                cells = [f"{values[figure]:.3g}" if figure in values else "" for figure in FIGURES]
                lines.append(f"| {spacing} | {size} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
