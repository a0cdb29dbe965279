"""Coasts: what waves make of the shore, and rivers at their mouths.

Waves grow with the wind and with the open water that it blows over, and from their height follows the rest:
how high a beach is thrown up, how deep its sand reaches, how far a slope of rock has been cut back. Sand lies
on the ground as a wedge: a berm, a beach face, and below the water the profile of Bruun (1954) and Dean
("Equilibrium beach profiles: U.S. Atlantic and Gulf coasts", 1977), on which breaking waves lose as much
energy in each m³. It smooths the shore, so bays gather it and headlands stay bare.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

from worldgen.delta_channels import open_inlets
from worldgen.deltas import lay_deltas
from worldgen.errors import InputError
from worldgen.heightmap import ramp
from worldgen.hydrology import checked_elevation, sea_mask
from worldgen.shore_lines import mean_fetch, shore_distance

FloatArray = NDArray[np.float64]

# The wind of a dozen hours a year, m/s, and the open sea beyond the map, m.
STORM, OPEN_SEA = 14.0, 4e4
GRAVITY = 9.81

# Metres of tide and swash that a berm has on top of what breakers throw up.
TIDE = 0.7
# m³ for each metre of a straight coast and of the waves' height: sand that they bring, rock that they cut.
SAND, ROCK = 65.0, 30.0
# Dean's A, m^(1/3): 0.08 of fine sand, 0.2 of coarse, 0.5 of boulders. Slope of the beach face for them.
PROFILE_BOUNDS, FACE_BOUNDS = (0.08, 0.5), (0.05, 0.125)
BACK_SLOPE = 0.03  # by which a berm falls landwards
FRONT_SLOPE, FRONT_BEND = 0.6, 12.0  # of the sand's end, deeper than waves reach; metres over which it bends
PLATFORM, PLATFORM_SLOPE, CLIFF_SLOPE = 0.4, 0.03, 1.7

# Metres: standard deviation over which waves straighten a shore of sand, and along which a shore's slopes and
# waves are averaged; what is farther from the shore does not count, and what is still farther stays.
STRAIGHTENED, ALONG, NEAR, REACH = 30.0, 45.0, 60.0, 400.0
FEWEST = 1e-3  # share of the window along a shore that must be shore
# Metres of a beach that a channel keeps open, and by which a straight shore lies seaward for twice the sand.
KEPT_FREE, GATHERED = 12.0, 5.0
THICK = 12.0  # metres of sand from which on less is laid, up to twice as much
WINDOW, NARROWED = 300.0, 0.25  # metres around a place that tell how wide its water is; the part
BARE = 50.0  # metres by which sand would begin behind the shore where it has none


def shape_coasts(
    elevation: NDArray[np.floating[Any]],
    spacing: float,
    *,
    sea_level: float,
    wind: float = 270.0,
    strength: float = 1.0,
    seed: int = 0,
) -> NDArray[Any]:
    """Return the land with deltas, beaches, and low cliffs with platforms; all else stays, to the bit.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north; any size.
    spacing : metres between cells.
    sea_level : metres.
    wind : degrees it mostly comes from, 0 north, 90 east.
    strength : multiplies what rivers bring, the beaches' sand and the rock that waves have cut.
    seed : decides lobes and channels of deltas.

    Returns
    -------
    (H, W) of the elevation's floating type, metres.

    Raises
    ------
    InputError : the elevation is not a finite (H, W) array, or a number is out of range.
    """
    ground = checked_elevation(elevation, spacing)
    if not (strength >= 0 and np.isfinite([sea_level, wind, strength]).all()):
        raise InputError(
            "coasts need finite numbers and strength >= 0; found "
            f"sea_level {sea_level}, wind {wind}, strength {strength}"
        )
    sea = sea_mask(ground, sea_level)
    if strength == 0 or sea.all() or not sea.any():
        return elevation
    fetch = mean_fetch(sea, spacing, wind, OPEN_SEA)
    above, channels = lay_deltas(ground - sea_level, spacing, sea, wave_height(fetch), strength, seed)
    above = lay_beaches(above, spacing, fetch, strength, keep=channels)
    open_inlets(above, sea, spacing)
    new = sea_level + above
    kind = np.asarray(elevation).dtype
    changed = np.where(np.abs(new - ground) < 1e-4, ground, new)
    return changed.astype(kind) if np.issubdtype(kind, np.floating) else changed


def wave_height(fetch: FloatArray) -> FloatArray:
    """Return the significant height, metres, of a storm's waves after so many metres (JONSWAP, 1973)."""
    return np.asarray(0.0016 * STORM * np.sqrt(fetch / GRAVITY))


def berm_height(fetch: FloatArray) -> FloatArray:
    """Return the metres above the sea to which waves throw up sand (Takeda and Sunamura, 1982)."""
    period = 0.286 * (STORM * fetch / GRAVITY**2) ** (1 / 3)  # JONSWAP
    return np.asarray(TIDE + 0.125 * wave_height(fetch) ** 0.625 * (GRAVITY * period**2) ** 0.375)


def closure_depth(waves: FloatArray) -> FloatArray:
    """Return the metres to which storm waves of a height move sand (Hallermeier, 1981; simplified)."""
    return np.asarray(1.57 * waves)


def beach_surface(
    landward: FloatArray, scale: FloatArray, face: FloatArray, berm: FloatArray, closure: FloatArray
) -> FloatArray:
    """Return the height of a beach's sand above the sea, metres.

    Parameters
    ----------
    landward : metres from the beach's shore line, negative at sea.
    scale : Dean's A, m^(1/3): the depth is A x^(2/3) after x metres, down to the closure depth.
    face : slope from the shore up to the berm.
    berm, closure : metres above and below the sea.
    """
    seaward = np.maximum(-landward, 0.0)
    end = (closure / scale) ** 1.5
    beyond = np.maximum(seaward - end, 0.0)
    below = scale * np.cbrt(np.minimum(seaward, end)) ** 2 + FRONT_SLOPE * beyond**2 / (beyond + FRONT_BEND)
    inland = np.maximum(landward, 0.0)
    top = np.maximum(berm - BACK_SLOPE * np.maximum(inland - berm / face, 0.0), 0.0)
    return np.where(landward < 0, -below, np.minimum(face * inland, top))


def lay_beaches(
    above: FloatArray, spacing: float, fetch: FloatArray, strength: float, keep: NDArray[np.bool_]
) -> FloatArray:
    """Return the ground, metres above the sea, with its low shores sanded and its steeper ones cut.

    Parameters
    ----------
    above : (H, W) metres above the sea.
    fetch : (H, W) metres of open water, at sea.
    keep : (H, W) bool, channels that are left open, and what is next to them.
    """
    sea = sea_mask(above, 0.0)
    distance = np.clip(shore_distance(above, sea, spacing), -REACH, REACH)
    straight = _smooth(distance, STRAIGHTENED, spacing)
    free = 1.0 - 4.0 * _smooth(keep.astype(np.float64), KEPT_FREE, spacing)
    # All that follows is reckoned for the cells along the shore only, in one row.
    cells = (np.abs(straight) < REACH / 2) & (np.abs(distance) < REACH / 2) & (free > 0) & ~keep
    land_slope, bed_slope, fetch, bay = _along_shore(
        above, sea, distance, (fetch, straight - distance), spacing, cells
    )
    free, ground, inland, waves = free[cells], above[cells], distance[cells], wave_height(fetch)

    # Rock: of a wedge below a slope, waves take a given area; nothing from walls, nor from gentle ground.
    rock = strength * ROCK * waves * ramp(land_slope, 0.9, 0.6) * ramp(land_slope, 0.12, 0.25) * free
    rock *= ramp(waves, 0.2, 0.5) * np.clip(1.0 - bay / GATHERED, 0.0, 2.0)
    width = np.sqrt(2.0 * rock / np.maximum(land_slope, 0.1))
    cut = PLATFORM + PLATFORM_SLOPE * inland + CLIFF_SLOPE * np.maximum(inland - width, 0.0)
    # The cliff's top is where it meets the mean slope; walls farther inland are none of the waves'.
    top = CLIFF_SLOPE * width / (CLIFF_SLOPE - np.minimum(land_slope, 1.0))
    reached = (inland > 0) & (width > 0) & (inland < 2.0 * top)
    taken = np.zeros(above.shape)
    taken[cells] = np.where(reached, np.clip(ground - cut, 0.0, 2.0 * top - inland), 0.0)
    ground = ground - gaussian_filter(taken, 0.7, truncate=3)[cells]  # a sharper brink would show the grid

    # Sand: coarser where the bed is steep, so that its profile meets the bed at the closure depth.
    closure = np.maximum(closure_depth(waves), 0.3)
    scale = np.clip(np.cbrt(bed_slope**2 * closure), *PROFILE_BOUNDS)
    face = np.interp(scale, PROFILE_BOUNDS, FACE_BOUNDS)
    # Waves turn towards headlands, and sand away from them.
    gathered = np.clip(1.0 + bay / GATHERED, 0.0, 3.0)
    there = ramp(waves, 0.1, 0.4) * ramp(land_slope, 0.5, 0.25) * ramp(bed_slope, 0.6, 0.25)
    there *= ramp(gathered, 0.0, 0.5) * free
    berm = berm_height(fetch) * there
    advance = SAND * strength * waves * gathered / (berm + closure)  # Bruun's rule: the whole profile moves
    # Two shores of a narrow inlet share its sand: neither grows by more than a part of its half width.
    half = maximum_filter(-distance, 2 * int(WINDOW / spacing) + 1)[cells]
    landward = np.minimum(straight[cells] + advance * there, inland + NARROWED * half) - BARE * (1.0 - there)
    sand = beach_surface(landward, scale, face, berm, closure)
    lift = np.where(there > 0.02, np.maximum(sand - ground, 0.0), 0.0)
    # Over the deep next to a coarse grid's shore it would be a mountain of sand.
    thick = np.maximum(lift - THICK, 0.0)
    lift = np.minimum(lift, THICK) + THICK * thick / (THICK + thick)
    shaped = above.copy()
    shaped[cells] = ground + lift
    return shaped


def _along_shore(
    above: FloatArray,
    sea: NDArray[np.bool_],
    distance: FloatArray,
    fields: tuple[FloatArray, ...],
    spacing: float,
    cells: NDArray[np.bool_],
) -> tuple[FloatArray, ...]:
    """Return for some cells the mean slopes of land and bed next to the shore, and means of fields at sea."""
    near = np.abs(distance) < NEAR
    slope = np.abs(above) / np.maximum(np.abs(distance), 0.5 * spacing)
    means = []
    for side, values in ((near & ~sea, (slope,)), (near & sea, (slope, *fields))):
        count = _smooth(side.astype(np.float64), ALONG, spacing)[cells]
        # Out of reach of all shores, running sums leave noise: no slope, no waves.
        seen = count > FEWEST
        for value in values:
            mean = _smooth(np.where(side, value, 0.0), ALONG, spacing)[cells]
            means.append(np.where(seen, mean / np.maximum(count, FEWEST), 0.0))
    means[2] = np.maximum(means[2], 0.0)  # running sums end a little off
    return tuple(means)


def _smooth(field: FloatArray, deviation: float, spacing: float) -> FloatArray:
    """Blur by a box, twice; ``deviation`` in metres."""
    size = 2 * round(0.5 * (np.sqrt(6 * (deviation / spacing) ** 2 + 1) - 1)) + 1
    for _ in range(2):
        field = uniform_filter(field, size, mode="nearest")
    return field
