"""Rivers that cut the land (stream power), with water that spreads or with water that keeps to one way."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen import flow
from worldgen.errors import InputError
from worldgen.flow import FloatArray, IntArray
from worldgen.hydrology import FLOW_EXPONENT, checked_elevation, exit_drop, sea_mask, water_surface
from worldgen.incision import Incision
from worldgen.kernel import kernel
from worldgen.sediment import SedimentBudget
from worldgen.single_flow import BEYOND, SingleFlow
from worldgen.slopes import Elevation, diffuse, field, like

CREEP_FRAME = 8  # cells beyond a free edge in which creep goes on
Edges = Literal["free", "fixed"]
Flow = Literal["multiple", "single"]


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
    flow_directions: Flow = "multiple",
    slope_exponent: float = 1.0,
    sediment: float = 0.0,
    budget: SedimentBudget | None = None,
) -> NDArray[Any]:
    """Let rivers cut: dh/dt = uplift - K * area ** m * slope ** n + diffusivity * laplacian + deposition.

    Implicit in time and stable at any step; a longer step only lets knickpoints run further at once.

    Water that spreads over all lower neighbours ("multiple") draws rounder land; water that keeps to the
    steepest ("single", Braun, Willett 2013) takes a fifth of the time, follows the slope's power exactly, and
    can carry sediment. There, deposition is G / area * (rate of erosion summed over all that lies upstream)
    (Yuan et al. 2019), and lakes hold back all that comes until they are full. A river lays down no more than
    its lowest tributary can flow over, so no step leaves a pit but in lakes. Single flow draws furrows along
    the grid's eight directions on even slopes: grow land by it, but carve finished maps by multiple flow.

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
    area_exponent : m; slopes in balance go with area ** -(m / n).
    diffusivity : m² per year, creep that rounds ridges, see `diffuse`.
    rainfall : weight of each cell's area, number or (H, W).
    deposition : in [0, 1], how much of each lake's depth a step fills with sediment.
    sea_level : metres; the sea's bed is neither cut nor filled, rivers end at this level.
    base_level : metres; rivers that leave the map cut no deeper, nor below the sea. None for the lowest given
        elevation.
    edges : "free" lets the slope inside go on beyond the edge, for a window cut out of a landscape; "fixed"
        holds the edge's elevation, for land that rises out of a plain or sea.
    flow_directions : "multiple" or "single"; the next three are for "single" alone.
    slope_exponent : n > 0; 1 if flow_directions is "multiple".
    sediment : G >= 0; 0 carries all out of the map, about 1 builds fans and plains.
    budget : where the ground went is added to it.

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
    if flow_directions not in get_args(Flow):
        raise InputError(f"flow_directions must be 'multiple' or 'single'; found {flow_directions!r}")
    if not slope_exponent > 0 or sediment < 0:
        raise InputError(
            f"stream power needs slope_exponent > 0 and sediment >= 0; found {slope_exponent} and {sediment}"
        )
    rates = (
        field(erodibility, shape, "erodibility"),
        field(uplift, shape, "uplift", signed=True),
        field(rainfall, shape, "rainfall"),
    )
    floor = float(ground.min()) if base_level is None else base_level
    floor = floor if sea_level is None else max(floor, sea_level)
    if flow_directions == "single":
        if deposition:
            raise InputError(
                f"deposition is for multiple flow; found {deposition}, allowed: 0 and the key sediment"
            )
        ground = _single(
            ground,
            spacing,
            rates,
            (time_step, steps, diffusivity),
            (area_exponent, slope_exponent, sediment),
            floor,
            sea_level,
            edges,
            SedimentBudget() if budget is None else budget,
        )
    elif slope_exponent != 1 or sediment or budget is not None:
        raise InputError(
            "slope_exponent, sediment and budget need flow_directions 'single'; found 'multiple'"
        )
    else:
        ground = _multiple(
            ground,
            spacing,
            rates,
            (time_step, steps, diffusivity),
            (area_exponent, deposition),
            floor,
            sea_level,
            edges,
        )
    return like(ground, elevation)


def _border(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    border = np.zeros(shape, bool)
    border[[0, -1]] = True
    border[:, [0, -1]] = True
    return border


def _multiple(
    ground: FloatArray,
    spacing: float,
    rates: tuple[FloatArray, FloatArray, FloatArray],
    time: tuple[float, int, float],
    laws: tuple[float, float],
    floor: float,
    sea_level: float | None,
    edges: Edges,
) -> FloatArray:
    """Return the ground after ``time``: step in years, number of steps, diffusivity. Water spreads.

    ``rates`` are the (H, W) erodibility, uplift and rainfall, ``laws`` the area's exponent and deposition.
    """
    shape = ground.shape
    time_step, steps, diffusivity = time
    area_exponent, deposition = laws
    speed_factor = rates[0] * (time_step / spacing)
    rise, water = rates[1] * time_step, rates[2] * spacing**2
    border = _border(shape)
    if edges == "fixed":
        speed_factor[border] = 0.0
        rise[border] = 0.0
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
            ground = crept(ground, spacing, diffusivity * time_step, edges)
    return ground


def crept(ground: FloatArray, spacing: float, amount: float, edges: Edges) -> FloatArray:
    """Return the ground rounded by creep; beyond a free edge the slope inside goes on.

    With nothing beyond, creep would flatten a rim around the map.
    """
    if edges == "fixed":
        return np.where(_border(ground.shape), ground, diffuse(ground, spacing, amount=amount))
    frame = [(min(CREEP_FRAME, size - 1),) * 2 for size in ground.shape]
    wide = diffuse(np.pad(ground, frame, mode="reflect", reflect_type="odd"), spacing, amount=amount)
    inside = tuple(
        slice(before, before + size) for (before, _), size in zip(frame, ground.shape, strict=True)
    )
    return np.ascontiguousarray(wide[inside])


def _single(
    ground: FloatArray,
    spacing: float,
    rates: tuple[FloatArray, FloatArray, FloatArray],
    time: tuple[float, int, float],
    laws: tuple[float, float, float],
    floor: float,
    sea_level: float | None,
    edges: Edges,
    budget: SedimentBudget,
) -> FloatArray:
    """Return the ground as `_multiple` does, with water that keeps to one way.

    ``laws`` are the exponents of area and slope, and G.
    """
    shape = (ground.shape[0], ground.shape[1])
    time_step, steps, diffusivity = time
    erodibility = flow.frame(rates[0] * time_step, 0.0)
    uplift = flow.frame(rates[1] * time_step, 0.0)
    border = _border(shape)
    fixed = border & (edges == "fixed")
    rain = rates[2]
    same = bool((rain == rain[0, 0]).all())
    water = flow.frame(np.ones(shape) if same else rain, 0.0)
    unit = spacing**2 * (float(rain[0, 0]) if same else 1.0)
    rivers = SingleFlow(shape)
    area_exponent, slope_exponent, sediment = laws
    incision = Incision(
        rivers,
        spacing,
        unit=unit,
        whole=same,
        area_exponent=area_exponent,
        slope_exponent=slope_exponent,
        sediment=sediment,
    )
    height = flow.frame(ground, np.inf)
    ends = flow.frame(fixed.astype(np.uint8), 2)
    uplift[ends == 1] = 0.0
    raised = uplift
    sea = np.zeros(shape, bool)
    bed = ground
    for _ in range(steps):
        if sea_level is not None:
            land = flow.unframe(height, shape)
            bed = np.where(sea, bed, land)
            sea = sea_mask(bed, sea_level)
            height = flow.frame(np.where(sea, sea_level, bed), np.inf)
            ends = flow.frame((fixed | sea).astype(np.uint8), 2)
            raised = np.where(ends == 1, 0.0, uplift)
        rivers.route(height, ends, free=edges == "free", floor=floor)
        rivers.accumulate(water)
        incision.cut(height, erodibility, raised, budget)
        if diffusivity > 0:
            land = np.where(sea, bed, flow.unframe(height, shape))
            smooth = crept(land, spacing, diffusivity * time_step, edges)
            budget.creep += float((land - smooth).sum()) * spacing**2
            sea, bed = np.zeros(shape, bool), smooth
            height = flow.frame(smooth, np.inf)
    return np.where(sea, bed, flow.unframe(height, shape))
