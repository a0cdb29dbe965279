"""Folders of elevation data: reading their tiles, naming places, splitting by place.

A folder either holds an ``index.csv`` (columns ``file``, ``place``, ``spacing_m``, ``scale``, ``offset``,
where known also ``landscape``, ``licence``, ``source``; metres = value · scale + offset) or plain elevation
files. Of those, a sub-folder is a place; files at the top are a place each. Tiles are split by *place*:
neighbouring tiles share ridges, so a split by tile would measure memory.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from worldgen.dem import SUFFIXES, read_dem
from worldgen.errors import InputError, MissingExtraError, nearest
from worldgen.models.terrain_data import STYLES, Tile, flat_cells


def read_folder(folder: Path, spacing: float | None = None, style: str | None = None) -> list[Tile]:
    """Read each elevation tile of a folder and its sub-folders, in the order of the file names.

    Parameters
    ----------
    folder : folder with ``index.csv``, or with elevation files (.npy, .tif, .hgt, 16-bit .png).
    spacing : metres between cells, for plain files that do not say it.
    style : one of `STYLES`, for tiles whose landscape no index names.

    Raises
    ------
    InputError : the folder, its index or a file in it is not usable; one message for all files.
    """
    if style is not None and style not in STYLES:
        raise InputError(f"style: found '{style}'; {nearest(style, STYLES)}")
    if not folder.is_dir():
        raise InputError(f"no such folder of elevation data: {folder}")
    index = folder / "index.csv"
    tiles = _indexed(folder, index) if index.is_file() else _plain(folder, spacing)
    return [tile if tile.landscape or style is None else replace(tile, landscape=style) for tile in tiles]


def _indexed(folder: Path, index: Path) -> list[Tile]:
    with index.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    missing = {"file", "place", "spacing_m", "scale", "offset"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(f"{index} lacks rows or the columns {sorted(missing)}")
    tiles = []
    for row in sorted(rows, key=lambda row: row["file"]):
        try:
            tiles.append(_indexed_tile(folder, row))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{index}: the row of '{row['file']}' cannot be used: {error}") from None
    return tiles


def _indexed_tile(folder: Path, row: dict[str, str]) -> Tile:
    from PIL import Image

    path, spacing = folder / row["file"], float(row["spacing_m"])
    place, source, licence = row["place"], row.get("source", ""), row.get("licence", "")
    if path.suffix.lower() != ".png":
        tile = _plain_tile(path, place, spacing, float(row["scale"]), float(row["offset"]))
        return replace(tile, source=source, licence=licence, landscape=row.get("landscape", ""))
    with Image.open(path) as image:
        values = np.asarray(image).astype(np.float32)
    elevation = values * np.float32(row["scale"]) + np.float32(row["offset"])
    return Tile(
        place=place,
        spacing=spacing,
        elevation=elevation,
        flat=flat_cells(elevation),
        source=source,
        licence=licence,
        landscape=row.get("landscape", ""),
    )


def _plain(folder: Path, spacing: float | None) -> list[Tile]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    elevation = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not elevation:
        kinds = Counter(path.suffix.lower() or "without suffix" for path in files)
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
        raise InputError(
            f"{folder} holds no elevation: found {found}; allowed: index.csv, or files ending in "
            f"{', '.join(SUFFIXES)}, in it or in sub-folders"
        )
    tiles, faults = [], []
    for path in elevation:
        inside = path.parent.relative_to(folder).as_posix()
        try:
            tiles.append(_plain_tile(path, path.stem if inside == "." else inside, spacing))
        except MissingExtraError:
            raise
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError(
            f"{len(faults)} of {len(elevation)} files in {folder} cannot be used, so mend them or take them "
            f"out; the first: {faults[0]}"
        )
    return tiles


def _plain_tile(
    path: Path, place: str, spacing: float | None, scale: float = 1.0, offset: float = 0.0
) -> Tile:
    heightmap = read_dem(path, spacing=spacing, scale=scale, offset=offset)
    elevation = np.asarray(heightmap.elevation, dtype=np.float32)
    flat, void = flat_cells(elevation), heightmap.nodata
    if void is not None:
        flat |= void
    return Tile(place, float(heightmap.grid.spacing), elevation, flat, void=void)


def split_by_place(
    tiles: Iterable[Tile], held_out: Iterable[str] = (), share: float = 0.1
) -> tuple[list[Tile], list[Tile]]:
    """Split tiles into (training, held out) by place.

    Parameters
    ----------
    held_out : names of places to hold out; when empty, a stable hash of the names picks
        about ``share`` of them.

    Raises
    ------
    InputError : a named place is not there, or no tile is left to train on.
    """
    tiles = list(tiles)
    places = {tile.place for tile in tiles}
    chosen = set(held_out)
    if chosen - places:
        raise InputError(
            f"places to hold out are not in the data: {sorted(chosen - places)}; there are {sorted(places)}"
        )
    if not chosen:
        chosen = {place for place in places if name_share(place) < share}
        if chosen == places:
            chosen = set()
    training = [tile for tile in tiles if tile.place not in chosen]
    if not training:
        raise InputError("every place is held out: nothing is left to train on")
    return training, [tile for tile in tiles if tile.place in chosen]


def name_share(name: str) -> float:
    """A stable hash of a name between 0 and 1: what is below a share is held out."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
