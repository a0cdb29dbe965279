"""PBR materials as arrays that a net can learn from (files: `worldgen.models.texture_folders`).

Three things happen on the way in, each for a reason seen on real sets:

- Height is integrated from the normals: given heights are mostly 8-bit, and their steps show as terraces as
  soon as a normal is derived from them.
- Brightness and height that vary slower than about three cycles a tile are damped: they are what makes the
  repeats of a tiled plane visible from afar.
- Every channel is divided by its own contrast, so that faint materials (sand, snow) weigh as much in a loss
  as loud ones. The numbers taken out are the material's `statistics`, put back after decoding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_folders import list_materials, read_maps
from worldgen.models.texture_maps import integrate_normals as integrate_normals

Array = NDArray[np.float32]

HEIGHT = 3  # index of height among the channels
CHANNELS = 6  # luma, blue - luma, red - luma, height, roughness, occlusion
STATISTICS = (
    "red",
    "green",
    "blue",
    "contrast",
    "relief",
    "roughness",
    "roughness_std",
    "occlusion",
    "occlusion_std",
)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Material:
    """One material, normalised.

    Attributes
    ----------
    maps : (6, H, W) float16, luma, blue - luma, red - luma, height, roughness, occlusion; zero mean, contrast
        1.
    present : (6,) bool, which channels the source has; absent ones are zero in `maps`.
    statistics : (9,) float32, see `STATISTICS`: mean colour (sRGB, 0 to 1), standard deviation of luma,
        standard
        deviation of height in texels, mean and standard deviation of roughness and of occlusion (NaN:
        absent).
    seamless : the maps wrap on both axes.
    """

    name: str
    kind: str
    maps: NDArray[np.float16]
    present: NDArray[np.bool_]
    statistics: Array
    seamless: bool


def damp_slow(image: Array, *, cycles: float = 3.0, keep: float = 0.3) -> Array:
    """Damp what varies slower than `cycles` per 512 texels to the share `keep`; the mean stays.

    image : (H, W) float32, periodic.
    """
    fy = np.fft.fftfreq(image.shape[0])[:, None] * 512
    fx = np.fft.rfftfreq(image.shape[1])[None, :] * 512
    gain = keep + (1 - keep) * (1 - np.exp(-(fy**2 + fx**2) / cycles**2))
    gain[0, 0] = 1
    return np.fft.irfft2(np.fft.rfft2(image) * gain, s=image.shape).astype(np.float32)


def normalise(
    color: Array,
    height: Array,
    roughness: Array | None,
    occlusion: Array | None,
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Turn maps into the net's channels, their presence and their statistics.

    Parameters
    ----------
    color : (H, W, 3) float32 sRGB, 0 to 1.  height : (H, W) float32, texels.
    roughness, occlusion : (H, W) float32, 0 to 1, or None where unknown.

    Returns
    -------
    maps (6, H, W) float32, present (6,) bool, statistics (9,) float32: see `Material`.
    """
    mean = color.reshape(-1, 3).mean(axis=0)
    luma = color @ LUMA
    opponent = [luma, color[..., 2] - luma, color[..., 0] - luma]
    opponent = [damp_slow(plane - plane.mean()) for plane in opponent]
    contrast = max(float(opponent[0].std()), 0.004)
    height = damp_slow(height - height.mean(), cycles=4)
    relief = max(float(height.std()), 0.01)
    planes = [plane / contrast for plane in opponent] + [height / relief]
    statistics = [*mean, contrast, relief]
    for plane, least in ((roughness, 0.01), (occlusion, 0.01)):
        if plane is None:
            planes.append(np.zeros_like(luma))
            statistics += [np.nan, np.nan]
        else:
            flat = damp_slow(plane - plane.mean())
            spread = max(float(flat.std()), least)
            planes.append(flat / spread)
            statistics += [float(plane.mean()), spread]
    present = np.array([True] * 4 + [roughness is not None, occlusion is not None])
    # Beyond 6 standard deviations are JPEG sparkles and pinholes: they would own the squared terms of a loss.
    maps = np.clip(np.stack(planes), -6, 6).astype(np.float32)
    return maps, present, np.array(statistics, np.float32)


def denormalise(maps: Array, statistics: Array) -> tuple[Array, Array, Array, Array]:
    """Inverse of `normalise`: base color (H, W, 3), height (H, W) in texels, roughness, occlusion (H, W)."""
    mean, contrast, relief = statistics[:3], statistics[3], statistics[4]
    luma, blue, red = maps[0] * contrast, maps[1] * contrast, maps[2] * contrast
    r, b = luma + red, luma + blue
    g = (luma - LUMA[0] * r - LUMA[2] * b) / LUMA[1]
    color = np.clip(np.stack([r, g, b], axis=-1) + mean, 0, 1).astype(np.float32)
    roughness = np.clip(maps[4] * statistics[6] + statistics[5], 0.02, 1).astype(np.float32)
    occlusion = np.clip(maps[5] * statistics[8] + statistics[7], 0, 1).astype(np.float32)
    return color, (maps[3] * relief).astype(np.float32), roughness, occlusion


def read_material(folder: Path, *, kind: str, seamless: bool | None = True, size: int = 512) -> Material:
    """Read one folder.

    seamless : whether it wraps; None: look at the wrap.

    Raises
    ------
    InputError : it has no base color, or neither normals nor height, or sides that can't be.
    """
    maps = read_maps(folder, size)
    if seamless is None:
        seamless = maps.seam <= 1
    seamless = seamless and not maps.cropped
    if maps.normal is not None:
        height = integrate_normals(maps.normal, seamless=seamless)
    else:
        # No unit is given with a height map: a tenth of the tile is a usual depth for ground and rock.
        assert maps.height is not None
        height = maps.height * np.float32(size / 10)
    channels, present, statistics = normalise(maps.color, height, maps.roughness, maps.occlusion)
    return Material(folder.name, kind, channels.astype(np.float16), present, statistics, seamless)


# Held out of training and used for figures only; of folders with none of these, see `held_out_names`.
HELD_OUT = frozenset(
    {
        "ambientcg_Rock015",
        "ambientcg_Rock020",
        "ambientcg_Ground067",
        "ambientcg_Ground054",
        "cc0textures_Gravel05",
        "cgbookcase_Bark_06",
        "ambientcg_Ground003",
        "ambientcg_RoofingTiles010",
        "cc0textures_Wood07",
        "stuntrally_snow2",
    }
)


def held_out_names(kinds: Mapping[str, str], share: float = 0.1) -> set[str]:
    """Which materials to hold out, given the class of each: those of HELD_OUT that are there.

    Where there are none of these, a stable hash of the names picks about `share` of them, at least one, but
    never the last of a class.
    """
    from worldgen.models.terrain_folders import name_share  # imports torch

    known = HELD_OUT & kinds.keys()
    if known:
        return set(known)
    left = Counter(kinds.values())
    chosen: set[str] = set()
    for name in sorted(kinds, key=name_share):
        if (name_share(name) < share or not chosen) and left[kinds[name]] > 1:
            chosen.add(name)
            left[kinds[name]] -= 1
    return chosen


def load_materials(data: Path, *, leave_out: Iterable[str] = ()) -> tuple[list[Material], list[Material]]:
    """Training and held-out materials of a data folder, without the classes of `leave_out`."""
    left_out = set(leave_out)
    listed = [entry for entry in list_materials(data) if entry[1] not in left_out]
    apart = held_out_names({folder.name: kind for folder, kind, _ in listed})
    training: list[Material] = []
    held_out: list[Material] = []
    for folder, kind, seamless in listed:
        material = read_material(folder, kind=kind, seamless=seamless)
        (held_out if folder.name in apart else training).append(material)
    return training, held_out


def linear_code(
    materials: list[Material], count: int, cell: int = 4, noise: float = 0.12, relief: float = 1.4
) -> tuple[Array, Array]:
    """The best linear code of cell × cell patches, and the best linear guess of a patch from 3 × 3 codes.

    Analysis is by principal components, scaled so that codes have unit variance; colour differences and
    height count more than their variance says, roughness and occlusion less; within a cell, height counts
    `relief` times more again, since it is its slopes that are seen. Synthesis is least squares from
    the neighbourhood of noisy codes, which shows far less of the cells' borders than the components do.

    Returns
    -------
    analysis : (count, 6, cell, cell) float32.
    synthesis : (6·cell², count, 3, 3) float32.
    """
    weight = np.array([1, 2, 2, 1.5, 0.6, 0.6], np.float32)
    rng = np.random.default_rng(0)
    tables = []
    for material in materials:
        side = material.maps.shape[1] // cell
        cells = material.maps.astype(np.float32).reshape(CHANNELS, side, cell, side, cell)
        tables.append(cells.transpose(1, 3, 0, 2, 4).reshape(side, side, -1))  # (h, w, 96)
    scale = np.repeat(weight, cell**2)
    view = np.diag(scale)  # (96, 96), symmetric: how a patch is seen
    inside = slice(HEIGHT * cell**2, (HEIGHT + 1) * cell**2)
    view[inside, inside] = weight[HEIGHT] * (relief * np.eye(cell**2) + (1 - relief) / cell**2)
    flat = [table.reshape(-1, table.shape[2]) @ view for table in tables]
    covariance = np.mean([rows.T @ rows / len(rows) for rows in flat], axis=0).astype(np.float64)
    values, vectors = np.linalg.eigh(covariance)
    analysis = view @ vectors[:, ::-1][:, :count] / np.sqrt(np.maximum(values[::-1][:count], 1e-8))
    inner = np.zeros((9 * count, 9 * count))
    cross = np.zeros((9 * count, analysis.shape[0]))
    for table in tables:
        codes = table @ analysis  # (h, w, count)
        around = [np.roll(codes, (1 - i, 1 - j), axis=(0, 1)) for i in range(3) for j in range(3)]
        taken = rng.integers(codes.shape[0], size=(2, 3000))
        known = np.concatenate([near[taken[0], taken[1]] for near in around], axis=1)  # (3000, 9·count)
        inner += known.T @ known + len(known) * noise**2 * np.eye(9 * count)
        cross += known.T @ table[taken[0], taken[1]]
    synthesis = np.linalg.solve(inner, cross).reshape(3, 3, count, -1).transpose(3, 2, 0, 1)
    return (
        np.ascontiguousarray(analysis.T.reshape(count, CHANNELS, cell, cell), np.float32),
        np.ascontiguousarray(synthesis, np.float32),
    )
