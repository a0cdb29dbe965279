"""Landforms by running water (stream power), by landslide (talus) and by creep (diffusion).

Each function takes an elevation and gives back a new one of the same floating type; inside, all is float64.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from worldgen import flow
from worldgen.errors import InputError
from worldgen.flow import FloatArray, IntArray
from worldgen.hydrology import FLOW_EXPONENT, checked_elevation, exit_drop, sea_mask, water_surface
from worldgen.kernel import kernel

Elevation = NDArray[np.floating[Any]]
Edges = Literal["free", "fixed"]


# How many cells the land is taken to slope on beyond a free edge, which bounds what a step can cut there.
BEYOND = 8.0


@kernel
def _incise(
    surface: FloatArray,
    drop: FloatArray,
    order: IntArray,
    width: int,
    exponent: float,
    speed: FloatArray,
    rise: FloatArray,
) -> FloatArray:
    """Return the surface after one implicit step; all arrays are framed and flat, see `worldgen.flow`.

    Cells come after their receivers, so each equation has one unknown (Braun, Willett 2013, here for several
    receivers): the new height is a weighted mean of the raised old one and the receivers' new ones. A mean
    cannot overshoot, whatever the step, so no cell ends below all of its receivers: no pit, no spike.

    ``speed`` is the cells' celerity times the time step in metres, ``rise`` the uplift in metres.
    """
    offsets = flow.neighbour_offsets(width)
    shares = np.empty(9)
    lowered = np.full(surface.size, np.inf)
    for cell in order:
        height = surface[cell] + rise[cell]
        if speed[cell] > 0.0 and flow.flow_shares(surface, drop, cell, offsets, exponent, shares) > 0.0:
            weight = 1.0
            for side in range(8):
                if shares[side] > 0.0:
                    pull = speed[cell] * shares[side] / flow.DISTANCE[side]
                    height += pull * lowered[cell + offsets[side]]
                    weight += pull
            # The ground outside falls on for so many cells: a receiver one cell away would hold the edge up.
            pull = speed[cell] * shares[8] / BEYOND
            height += pull * (surface[cell] - BEYOND * drop[cell])
            height /= weight + pull
        lowered[cell] = height
    return lowered


def stream_power(
    elevation: Elevation,
    spacing: float,
    *,
    erodibility: float | NDArray[np.floating[Any]],
    time_step: float,
    steps: int,
    uplift: float | NDArray[np.floating[Any]] = 0.0,
    area_exponent: float = 0.45,
    diffusivity: float = 0.0,
    rainfall: float | NDArray[np.floating[Any]] = 1.0,
    deposition: float = 0.0,
    sea_level: float | None = None,
    base_level: float | None = None,
    edges: Edges = "free",
) -> NDArray[Any]:
    """Let rivers cut: dh/dt = uplift - erodibility * area ** area_exponent * slope + diffusivity * laplacian.

    Implicit in time and stable at any step; a longer step only lets knickpoints run further at once.

    Two recipes that were tuned by eye on hillshades:

    * To grow ranges 1 to 2 km high on a coarse grid (193² at 62.5 m takes about a second): start from noise
      of a few metres, uplift 0 to 1.6e-3 from smooth noise (plains where it is about 0), erodibility 1.4e-5,
      diffusivity 0.03, time_step 2e4, 120 steps, edges "fixed". Then cut off a margin of a sixth, so that the
      border crosses the land. Relief goes with uplift / erodibility. Erodibility that varies by 40 % from
      place to place (exp(0.4 * noise)) takes away what is left of the grid in the valleys: the 4-fold
      harmonic of their aspect falls from 0.065 to 0.01.
    * To carve gullies into a finished map at 2 to 8 m: add roughness of a few metres (2 octaves below 200 m;
      water needs something to gather in), erodibility 1.4e-5, diffusivity 0.002, time_step 2e4, 3 or 4 steps,
      edges "free"; then `thermal` with a talus slope of 0.75. Steps of 5e3 give soft, 5e4 deep gullies.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north.
    spacing : metres between cells.
    erodibility : K, m ** (1 - 2 * area_exponent) per year; number or (H, W).
    time_step : years.
    steps : number of time steps. Water finds its way anew in each.
    uplift : metres per year; number or (H, W).
    area_exponent : m; slopes in balance go with area ** -m. The slope's exponent is 1.
    diffusivity : m² per year, creep that rounds ridges, see `diffuse`.
    rainfall : weight of each cell's area, number or (H, W).
    deposition : in [0, 1], how much of each lake's depth a step fills with sediment.
    sea_level : metres; the sea's bed is neither cut nor filled, rivers end at this level.
    base_level : metres; rivers that leave the map cut no deeper, nor below the sea. None for the lowest given
        elevation.
    edges : "free" lets the slope inside go on beyond the edge, for a window cut out of a landscape; "fixed"
        holds the edge's elevation, for land that rises out of a plain or sea.

    Returns
    -------
    (H, W) of the elevation's floating type, metres.

    Raises
    ------
    InputError : a shape or number is out of range.
    """
    ground = checked_elevation(elevation, spacing)
    shape = ground.shape
    if steps < 0 or not time_step > 0 or not 0 <= deposition <= 1 or diffusivity < 0:
        raise InputError(
            "stream power needs steps >= 0, time_step > 0, deposition in [0, 1] and diffusivity >= 0; found "
            f"steps {steps}, time_step {time_step}, deposition {deposition}, diffusivity {diffusivity}"
        )
    speed_factor = _field(erodibility, shape, "erodibility") * (time_step / spacing)
    rise = _field(uplift, shape, "uplift", signed=True) * time_step
    water = _field(rainfall, shape, "rainfall") * spacing**2
    border = np.zeros(shape, bool)
    border[[0, -1]] = True
    border[:, [0, -1]] = True
    if edges == "fixed":
        speed_factor[border] = 0.0
        rise[border] = 0.0
    floor = float(ground.min()) if base_level is None else base_level
    floor = floor if sea_level is None else max(floor, sea_level)
    width = shape[1] + 2
    for _ in range(steps):
        sea = np.zeros(shape, bool) if sea_level is None else sea_mask(ground, sea_level)
        surface = water_surface(ground, spacing, sea, sea_level)
        drop = np.minimum(exit_drop(surface, sea), np.maximum(surface - floor, 0.0) / BEYOND)
        order = flow.receivers_first(surface, width)
        discharge = flow.frame(water, 0.0)
        flow.accumulate(surface, drop, order, width, FLOW_EXPONENT, discharge)
        speed = flow.frame(np.where(sea, 0.0, speed_factor), 0.0) * discharge**area_exponent
        raised = flow.frame(np.where(sea, 0.0, rise), 0.0)
        cut = flow.unframe(_incise(surface, drop, order, width, FLOW_EXPONENT, speed, raised), shape)
        # In a lake it is the water's surface that falls with its sill; the bed is cut only once it lies dry.
        ground = ground + rise
        bed = np.minimum(ground, cut)
        ground = np.where(sea, ground, bed + deposition * (cut - bed))
        if diffusivity > 0:
            smooth = diffuse(ground, spacing, amount=diffusivity * time_step)
            ground = np.where(border, ground, smooth) if edges == "fixed" else smooth
    return _like(ground, elevation)


@kernel
def _slide(height: FloatArray, talus: FloatArray, width: int, rate: float) -> FloatArray:
    """Return the heights after one sweep; framed and flat. The frame is NaN, which exceeds nothing."""
    offsets = flow.neighbour_offsets(width)
    rows = height.size // width
    moved = height.copy()
    for row in range(1, rows - 1):
        first = row * width + 1
        count = width - 2
        for side in range(8):  # outside the loop over cells, so that the compiler can vectorise that one
            distance = flow.DISTANCE[side]
            share = rate / 6.0 if distance == 1.0 else rate / 12.0
            half = 0.5 * distance
            beside = first + offsets[side]
            here, there = height[first : first + count], height[beside : beside + count]
            rest, other_rest = talus[first : first + count], talus[beside : beside + count]
            result = moved[first : first + count]
            for column in range(count):
                difference = there[column] - here[column]
                stable = half * (rest[column] + other_rest[column])
                gain = difference - stable
                loss = difference + stable
                result[column] += share * ((gain if gain > 0.0 else 0.0) + (loss if loss < 0.0 else 0.0))
    return moved


def thermal(
    elevation: Elevation,
    spacing: float,
    *,
    talus_slope: float | NDArray[np.floating[Any]] = 0.7,
    iterations: int = 30,
    rate: float = 1.0,
) -> NDArray[Any]:
    """Let ground that is steeper than its talus slope slide down; no mass is made or lost.

    Each pair of neighbours moves a share of its excess height, the shares of a cell sum to at most 1, so the
    new height grows with each old one: no sweep can overshoot (Musgrave et al. 1989, made symmetric).

    Parameters
    ----------
    elevation : (H, W) float, metres.
    spacing : metres between cells.
    talus_slope : rise over run at which ground rests; 0.7 (35 degrees) for scree; number or (H, W).
    iterations : number of sweeps; a slide runs at most one cell a sweep.
    rate : in [0, 1], speed; values outside are clamped to it.
    """
    ground = checked_elevation(elevation, spacing)
    shape = ground.shape
    talus = flow.frame(_field(talus_slope, shape, "talus slope") * spacing, 0.0)
    height = flow.frame(ground, np.nan)
    for _ in range(iterations):
        height = _slide(height, talus, shape[1] + 2, min(max(rate, 0.0), 1.0))
    return _like(flow.unframe(height, shape), elevation)


@kernel
def _diffuse_columns(height: FloatArray, amount: float) -> FloatArray:
    """Return (H, W) after one backward Euler step along axis 0, by Thomas' algorithm; the edge is closed."""
    rows, columns = height.shape
    result = np.empty((rows, columns))
    factor = np.empty(rows)
    pivot = 1.0 + amount
    for column in range(columns):
        result[0, column] = height[0, column] / pivot
    for row in range(1, rows):
        factor[row] = amount / pivot
        pivot = 1.0 + (2.0 if row < rows - 1 else 1.0) * amount - amount * factor[row]
        for column in range(columns):
            result[row, column] = (height[row, column] + amount * result[row - 1, column]) / pivot
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            result[row, column] += factor[row + 1] * result[row + 1, column]
    return result


def diffuse(elevation: Elevation, spacing: float, *, amount: float) -> NDArray[Any]:
    """Round the land by creep: dh/dt = D * laplacian(h), for D * t = `amount`.

    Implicit along one axis after the other: stable and mass-conserving at any amount, and no new extremes.

    Parameters
    ----------
    elevation : (H, W) float, metres.
    spacing : metres between cells.
    amount : m², diffusivity times time; features below about its root are smoothed.
    """
    ground = checked_elevation(elevation, spacing)
    if amount < 0:
        raise InputError(f"diffusion needs an amount >= 0 m²; found {amount}")
    # One step's blur is pointed along the axes, four steps' is round enough.
    relative = amount / spacing**2
    parts = min(max(int(np.ceil(relative)), 1), 4)
    for _ in range(parts):
        ground = _diffuse_columns(ground, relative / parts)
        ground = np.ascontiguousarray(_diffuse_columns(np.ascontiguousarray(ground.T), relative / parts).T)
    return _like(ground, elevation)


def _field(
    value: float | NDArray[np.floating[Any]], shape: tuple[int, ...], name: str, signed: bool = False
) -> FloatArray:
    """Return a number or array as a new (H, W) float64 array."""
    array = np.asarray(value, np.float64)
    if array.shape not in ((), shape):
        raise InputError(
            f"{name} must be a number or have the elevation's shape {shape}; found {array.shape}"
        )
    if not np.isfinite(array).all() or (not signed and (array < 0).any()):
        raise InputError(f"{name} must be finite{'' if signed else ' and not negative'}")
    return np.array(np.broadcast_to(array, shape))


def _like(ground: FloatArray, elevation: Elevation) -> NDArray[Any]:
    """Return the elevation in its caller's floating type."""
    kind = np.asarray(elevation).dtype
    return ground.astype(kind) if np.issubdtype(kind, np.floating) else ground
