"""A blind picture: real and generated land as hillshades in random order, and the key in a file beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError

FloatArray = NDArray[np.floating[Any]]
GAP = 8  # pixels
SUN = 45.0  # degrees above the horizon
# Azimuth in degrees from north, and the light's share: mostly north-west, so that valleys read as hollow, and
# some from its sides, so that ridges along the light show too.
LIGHTS = ((315.0, 0.7), (255.0, 0.15), (15.0, 0.15))


def hillshade(elevation: FloatArray, spacing: float) -> NDArray[np.uint8]:
    """Light a map of elevations without exaggeration: (H, W) metres, row 0 north -> (H, W) uint8."""
    down, east = np.gradient(np.asarray(elevation, dtype=np.float64), spacing)
    upright = 1 / np.sqrt(1 + down**2 + east**2)
    height = np.radians(SUN)
    light = np.zeros(elevation.shape)
    for azimuth, share in LIGHTS:
        turn = np.radians(azimuth)
        towards = np.sin(turn) * -east + np.cos(turn) * down
        light += share * np.maximum(0.0, (np.sin(height) + np.cos(height) * towards) * upright)
    return np.asarray(np.round(255 * np.clip(light, 0, 1)), dtype=np.uint8)


def blind_sheet(
    real: Sequence[tuple[FloatArray, float, str]],
    generated: Sequence[tuple[FloatArray, float, str]],
    path: Path,
    seed: int,
) -> Path:
    """Write hillshades of real and generated maps in random order, unlabelled, in a square grid.

    Parameters
    ----------
    real, generated : maps as (elevation (H, W) metres, spacing metres, name), all of one size.
    path : PNG to write; the key goes beside it as ``<name>.key.json``, a list of rows of
        ``{"generated": bool, "name": str, "spacing": float}``, left to right, top to bottom.
    seed : decides the order.

    Returns
    -------
    Path : the key.

    Raises
    ------
    InputError : there is no map, or sizes differ.
    """
    from PIL import Image

    maps = [(*one[:3], made) for made, side in ((False, real), (True, generated)) for one in side]
    shapes = {one[0].shape for one in maps}
    if len(shapes) != 1:
        raise InputError(f"a sheet shows maps of one size; found {sorted(shapes) or 'none'}")
    height, width = shapes.pop()
    order = np.random.default_rng(seed).permutation(len(maps))
    across = int(np.ceil(np.sqrt(len(maps))))
    rows = -(-len(maps) // across)
    sheet = np.full((rows * (height + GAP) + GAP, across * (width + GAP) + GAP), 255, dtype=np.uint8)
    key: list[list[dict[str, Any]]] = [[] for _ in range(rows)]
    for position, which in enumerate(order):
        row, column = divmod(position, across)
        elevation, spacing, name, made = maps[which]
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        sheet[top : top + height, left : left + width] = hillshade(elevation, spacing)
        key[row].append({"generated": made, "name": name, "spacing": spacing})
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)
    beside = path.with_suffix(".key.json")
    beside.write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")
    return beside
