"""What elevation data hold to learn from: place by place, what is left out and why, what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from worldgen.models.terrain_data import PAD, STRIPES, STYLES, Tile, fault
from worldgen.models.terrain_descriptors import slopes

FAULTS = ("level", "void", "flat", "lines", "small")
# Octaves of metres per cell that the net tells apart: `terrain_net.scale_map` is clamped a bit beyond them.
OCTAVES = (10, 20, 40, 80, 160, 320)

Shares = dict[str, float]


def coverage(
    training: Sequence[Tile],
    held_out: Sequence[Tile],
    *,
    context: int,
    middle: int,
    shares: Sequence[float],
) -> dict[str, Any]:
    """Describe what a `CropSampler` of the same context, middle and shares finds in the tiles.

    Returns
    -------
    dict that JSON can hold:

    ``places`` : for each place its name, whether it is held out, tiles, least and most metres per cell,
        styles, range of elevation in metres, slope (rise over run) that 5, 50 and 95 % of the land stay
        below, the share of crops ``kept``, and the shares ``dropped`` for each of FAULTS: level is sea, lakes
        and rounded heights, lines are stripes of resampling, small are tiles narrower than a crop. Crops are
        counted side by side, at the data's resolution and coarsened, by ``shares``.
    ``styles``, ``octaves`` : training places of each style, and with crops in each octave of spacing, "10-20"
        metres and so on; ``styles_missing``, ``octaves_missing`` : those with none.
    ``tiles``, ``training_tiles``, ``held_out_places``, ``kept`` : the mean over the training tiles.
    """
    octaves: dict[str, set[str]] = {_octave(least): set() for least in OCTAVES}
    styles: dict[str, set[str]] = {style: set() for style in STYLES}
    rows: dict[str, list[tuple[Tile, Shares]]] = defaultdict(list)
    for tile in (*training, *held_out):
        rows[tile.place].append((tile, _faults(tile, context, middle, shares)))
    for tile in training:
        if tile.style is not None:
            styles[tile.style].add(tile.place)
        for level in _levels(tile, middle, len(shares)):
            if level.stripes < STRIPES and (name := _octave(level.spacing)) in octaves:
                octaves[name].add(tile.place)
    outside = {tile.place for tile in held_out}
    kept = [found["kept"] for place in rows.keys() - outside for _, found in rows[place]]
    return {
        "tiles": len(training) + len(held_out),
        "training_tiles": len(training),
        "held_out_places": sorted(outside),
        "kept": round(float(np.mean(kept)), 3) if kept else 0.0,
        "styles": {style: len(places) for style, places in styles.items()},
        "styles_missing": [style for style, places in styles.items() if not places],
        "octaves": {name: len(places) for name, places in octaves.items()},
        "octaves_missing": [name for name, places in octaves.items() if not places],
        "places": [{**_row(rows[place]), "held_out": place in outside} for place in sorted(rows)],
    }


def _octave(spacing: float) -> str:
    least = OCTAVES[0] * 2.0 ** np.floor(np.log2(spacing / OCTAVES[0]) + 1e-6)
    return f"{least:g}-{2 * least:g}"


def _levels(tile: Tile, middle: int, count: int) -> list[Tile]:
    """The tile and its coarsened selves, as long as a crop's middle fits in."""
    levels: list[Tile] = []
    while len(levels) < count and min(tile.elevation.shape) >= middle:
        levels.append(tile)
        if len(levels) < count:
            tile = tile.coarser
    return levels


def _faults(tile: Tile, context: int, middle: int, shares: Sequence[float]) -> Shares:
    """Share of a tile's crops for each of FAULTS, and of those ``kept``; they sum to 1."""
    found = dict.fromkeys(("kept", *FAULTS), 0.0)
    levels = _levels(tile, middle, len(shares))
    if not levels or min(tile.elevation.shape) + 2 * PAD < context:
        return {**found, "small": 1.0}
    total = sum(shares[: len(levels)])
    for share, level in zip(shares, levels, strict=False):
        rows, columns = (size // middle for size in level.elevation.shape)
        for row, column in np.ndindex(rows, columns):
            window = np.s_[row * middle : (row + 1) * middle, column * middle : (column + 1) * middle]
            found[_reason(level, window)] += share / total / (rows * columns)
    return found


def _reason(tile: Tile, window: tuple[slice, slice]) -> str:
    if tile.stripes >= STRIPES:
        return "lines"
    void = None if tile.void is None else tile.void[window]
    return fault(tile.elevation[window], tile.flat[window], tile.spacing, void) or "kept"


def _row(tiles: Sequence[tuple[Tile, Shares]]) -> dict[str, Any]:
    slope = np.concatenate([slopes(tile.elevation, tile.spacing)[~tile.flat][::7] for tile, _ in tiles])
    heights = [tile.elevation if tile.void is None else tile.elevation[~tile.void] for tile, _ in tiles]
    spacings = [tile.spacing for tile, _ in tiles]
    shares = {name: round(float(np.mean([found[name] for _, found in tiles])), 3) for name in tiles[0][1]}
    return {
        "place": tiles[0][0].place,
        "tiles": len(tiles),
        "spacing": [min(spacings), max(spacings)],
        "styles": sorted({tile.style for tile, _ in tiles if tile.style is not None}),
        "elevation": [
            round(float(min(part.min() for part in heights)), 1),
            round(float(max(part.max() for part in heights)), 1),
        ],
        "slope": [round(float(at), 3) for at in np.quantile(slope, (0.05, 0.5, 0.95))] if slope.size else [],
        "kept": shares.pop("kept"),
        "dropped": shares,
    }


def coverage_text(report: dict[str, Any]) -> str:
    """The report as a table to read; places with a star are held out."""
    places = report["places"]
    held_out = report["held_out_places"]
    width = max(12, *(len(row["place"]) + 2 for row in places))
    lines = [
        f"{report['tiles']} tiles of {len(places)} places; to train on: {report['training_tiles']} tiles of "
        f"{len(places) - len(held_out)} places, where {report['kept']:.0%} of the crops teach",
        f"{'place':{width}} tiles   metres/cell  style             elevation, m  median slope   crops kept",
    ]
    for row in places:
        name = row["place"] + (" *" if row["held_out"] else "")
        spacing = "-".join(f"{value:.4g}" for value in dict.fromkeys(row["spacing"]))
        elevation = " to ".join(f"{value:.0f}" for value in row["elevation"])
        slope = f"{row['slope'][1]:.2f}" if row["slope"] else "level"
        dropped = ", ".join(f"{name} {share:.0%}" for name, share in row["dropped"].items() if share >= 0.005)
        style = "+".join(row["styles"]) or "-"
        line = f"{name:{width}} {row['tiles']:5d} {spacing:>13}  {style:16} {elevation:>13} {slope:>13} "
        lines.append(f"{line} {row['kept']:11.0%}" + (f"  left out: {dropped}" if dropped else ""))
    lines.append(
        "left out: level is sea, lakes and rounded heights; lines are stripes of resampling; small tiles are "
        "narrower than a crop"
    )
    lines.append(f"* held out: {', '.join(held_out)}" if held_out else "No place is held out.")
    if report["styles_missing"]:
        lines.append(f"Styles without a place to train on: {', '.join(report['styles_missing'])}")
    if report["octaves_missing"]:
        lines.append(f"Metres per cell without land to train on: {', '.join(report['octaves_missing'])}")
    return "\n".join(lines)
