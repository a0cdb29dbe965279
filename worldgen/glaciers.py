"""Valleys with round floors, cirques and hollows, cut by ice that slid over the land.

Ice is thick enough where more snow falls than melts that it flows: it creeps by Glen's law and slides on its
bed (the shallow ice approximation; Greve, Blatter, "Dynamics of Ice Sheets and Glaciers", 2009), and what
slides wears the bed down (Herman et al. 2015). The ice moves on a grid that may be coarser than the land's,
implicitly along one axis after the other, so that steps of years are stable. What leaves one cell enters the
next: no ice is made or lost but by snow and melt.

The shallow ice says where and how much is cut. It knows no drag of a valley's walls, and alone would leave
the valley nearly as V-shaped as it was: so where the bed was worn, a parabola is laid under it
(cross-sections of glacial valleys are near y = a x ** 2; Svensson 1959, Harbor 1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.flow import FloatArray
from worldgen.hydrology import checked_elevation
from worldgen.kernel import kernel
from worldgen.slopes import Elevation, diffuse, like

_WEIGHT = 917.0 * 9.81  # Pa a metre of ice
_CREEP = 2.4e-24 * 3.156e7 * _WEIGHT**3 * 2 / 5  # of Glen's law, m⁻³ a⁻¹: for flux over height⁵ slope³
_SLIDING = 5e-15 * _WEIGHT**3  # m⁻² a⁻¹: for speed over height³ slope³; as much as creep at 130 m
_BALANCE_GRADIENT = 0.006  # metres of ice a year that a metre of altitude adds
_MOST_SNOW = 1.0  # metres of ice a year
_FINEST = 24.0  # metres between the cells on which ice moves, at least
_EXIT_CELLS = 4  # cells from the edge inwards that tell the slope on which ice leaves the map
_STEP = 2.0  # years
_EASED = 0.3  # share by which the ice's conductance follows its shape in a step, lest both swing
_SPIN_UP, _ROUNDS, _STEPS_A_ROUND = 200, 30, 12
_FASTEST = 100.0  # metres that ice slides in a year
_DEEPEST_CUT = 10.0  # metres that a round cuts at most
_RADIUS = 130.0  # metres, of curvature of a valley's floor
_CREASE = 16.0  # metres, width over which creases are smoothed
_STEEPEST = 1.5  # slope of walls up to which floors are rounded
_WORN = 15.0  # metres of wear after which they are, but for 1 / e
_FROZEN = 60.0  # metres of ice below which the bed is ever more frozen


@dataclass
class IceBudget:
    """Ice in m³ over all steps: snow - melt - left is what remains.

    Attributes
    ----------
    snow : fallen where more falls than melts in a year.
    melt : melted elsewhere on the map.
    left : flowed over the map's edge.
    remaining : lies at the end.
    """

    snow: float = 0.0
    melt: float = 0.0
    left: float = 0.0
    remaining: float = 0.0


def equilibrium_altitude(temperature: float, lapse_rate: float, cooling: float = 7.0) -> float:
    """Return the altitude, in metres, above which more snow falls than melts in an ice age.

    Snow outlasts the summer where the yearly mean is below about -2 °C (Ohmura, Kasser, Funk 1992).

    Parameters
    ----------
    temperature : yearly mean at sea level today, °C.
    lapse_rate : °C per km; at 0 the altitude is plus or minus infinity.
    cooling : °C by which the ice age was colder.
    """
    surplus = temperature - cooling + 2.0
    if lapse_rate <= 0:
        return float(np.copysign(np.inf, surplus))
    return 1000.0 * surplus / lapse_rate


def glaciate(
    elevation: Elevation,
    spacing: float,
    *,
    equilibrium: float,
    years: float = 2e4,
    abrasion: float = 1e-4,
    budget: IceBudget | None = None,
) -> NDArray[Any]:
    """Let glaciers grow and cut the land.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north.
    spacing : metres between cells.
    equilibrium : metres, altitude above which more snow falls than melts in a year.
    years : time that the ice cuts.
    abrasion : metres of bed that a metre of sliding wears off (Humphrey, Raymond 1994).
    budget : the ice's budget is added to it.

    Returns
    -------
    (H, W) of the elevation's floating type, metres; nowhere higher than before.

    Raises
    ------
    InputError : a shape or number is out of range.
    """
    ground = checked_elevation(elevation, spacing)
    if np.isnan(equilibrium) or not years >= 0 or not abrasion >= 0:
        raise InputError(
            "glaciers need an equilibrium altitude, years >= 0 and abrasion >= 0; found "
            f"{equilibrium}, {years} and {abrasion}"
        )
    if ground.max() <= equilibrium or years == 0:
        return like(ground.copy(), elevation)
    factor = max(int(np.ceil(_FINEST / spacing - 1e-9)), 1)
    bed = _coarsened(ground, factor)
    worn = _worn(
        bed, spacing * factor, equilibrium, years, abrasion, IceBudget() if budget is None else budget
    )
    lowered = ground - _refined(worn, factor, ground.shape)
    share = _refined(1.0 - np.exp(-worn / _WORN), factor, ground.shape)
    rounded = _turned(_rounded(_turned(_rounded(lowered, spacing)), spacing))
    # Parabolas meet in creases, which ice wears off, and leaves till in notches.
    rounded = diffuse(rounded, spacing, amount=_CREASE**2 / 2)
    return like(np.minimum(ground, lowered - share * (lowered - rounded)), elevation)


def _coarsened(ground: FloatArray, factor: int) -> FloatArray:
    """Return the means of blocks of cells; those at the far edges are filled up with the edge's cells."""
    rows, columns = (-size % factor for size in ground.shape)
    whole = np.pad(ground, ((0, rows), (0, columns)), mode="edge")
    blocks = whole.reshape(whole.shape[0] // factor, factor, whole.shape[1] // factor, factor)
    return np.ascontiguousarray(blocks.mean(axis=(1, 3)))


def _refined(field: FloatArray, factor: int, shape: tuple[int, ...]) -> FloatArray:
    """Return blocks' values at their cells, with smooth slopes between the blocks' centres."""
    from scipy.ndimage import map_coordinates

    if factor == 1:
        return field
    rows, columns = ((np.arange(size) + 0.5) / factor - 0.5 for size in shape)
    points = np.meshgrid(rows, columns, indexing="ij")
    fine = map_coordinates(field, points, order=3, mode="nearest", prefilter=False)
    return np.maximum(np.asarray(fine, np.float64), 0.0)


@kernel
def _rounded(ground: FloatArray, spacing: float) -> FloatArray:
    """Return the ground without what a parabola of `_RADIUS`, open upwards, cannot roll over, along axis 0.

    The least of ground(y) + (x - y)² / 2 R over all y: V-shaped floors become parabolas, ridges are planed.
    """
    rows, columns = ground.shape
    result = ground.copy()
    for step in range(1, rows):
        rise = (step * spacing) ** 2 / (2.0 * _RADIUS)
        if rise > _STEEPEST * step * spacing:
            break
        for row in range(rows - step):
            for column in range(columns):
                result[row, column] = min(result[row, column], ground[row + step, column] + rise)
                result[row + step, column] = min(result[row + step, column], ground[row, column] + rise)
    return result


def _worn(
    ground: FloatArray, spacing: float, equilibrium: float, years: float, abrasion: float, budget: IceBudget
) -> FloatArray:
    """Return by how many metres ice has worn the ground down."""
    bed = np.pad(ground, 1, mode="edge")
    ice = np.zeros(bed.shape)
    south, east = np.zeros((bed.shape[0] - 1, bed.shape[1])), np.zeros((bed.shape[1] - 1, bed.shape[0]))
    inside = (slice(1, -1), slice(1, -1))
    area = spacing**2
    for turn in range(_ROUNDS + 1):
        for _ in range(_SPIN_UP if turn == 0 else _STEPS_A_ROUND):
            _run_on(bed, ice)
            south += _EASED * (_conductance(bed + ice, ice, spacing) - south)
            east += _EASED * (_conductance(_turned(bed + ice), _turned(ice), spacing) - east)
            total = ice[inside].sum()
            ice += _flowed(bed + ice, ice, _STEP / area * south)
            ice += _turned(_flowed(_turned(bed + ice), _turned(ice), _STEP / area * east))
            ice = np.maximum(ice, 0.0)  # what rounding left below
            budget.left += float(total - ice[inside].sum()) * area
            balance = np.minimum(_BALANCE_GRADIENT * (bed + ice - equilibrium), _MOST_SNOW)
            change = np.maximum(_STEP * balance, -ice)
            ice += change
            budget.snow += float(np.maximum(change, 0)[inside].sum()) * area
            budget.melt -= float(np.minimum(change, 0)[inside].sum()) * area
        if turn < _ROUNDS:
            wear = abrasion * years / _ROUNDS * _sliding(bed[inside], ice[inside], spacing)
            bed[inside] -= np.minimum(wear, _DEEPEST_CUT)
    budget.remaining += float(ice[inside].sum()) * area
    return ground - bed[inside]


def _turned(field: FloatArray) -> FloatArray:
    return np.ascontiguousarray(field.T)


def _run_on(bed: FloatArray, ice: FloatArray) -> None:
    """Let the frame of one cell go on as land and ice inside do, in place: what falls outwards flows out."""
    for axis in (0, 1):
        size = bed.shape[axis]
        lag = min(_EXIT_CELLS, size - 3)
        for edge, inner, deep in ((0, 1, 1 + lag), (size - 1, size - 2, size - 2 - lag)):
            to, near, far = (
                (where, slice(None)) if axis == 0 else (slice(None), where) for where in (edge, inner, deep)
            )
            fall = np.maximum(bed[far] - bed[near], bed[far] + ice[far] - bed[near] - ice[near]) / max(lag, 1)
            bed[to] = bed[near] - np.maximum(fall, 0.0)
            ice[to] = ice[near]


@kernel
def _conductance(surface: FloatArray, ice: FloatArray, spacing: float) -> FloatArray:
    """Return (H - 1, W) m²/a: flux over slope between each cell and the next along axis 0."""
    rows, columns = surface.shape
    result = np.empty((rows - 1, columns))
    for row in range(rows - 1):
        for column in range(columns):
            left, right = max(column - 1, 0), min(column + 1, columns - 1)
            across = (
                surface[row, right] + surface[row + 1, right] - surface[row, left] - surface[row + 1, left]
            )
            across /= 4.0 * spacing
            along = (surface[row + 1, column] - surface[row, column]) / spacing
            steepness = min(along * along + across * across, 1.0)
            # That of the upper cell: what holds no ice gives none.
            height = ice[row, column] if along < 0.0 else ice[row + 1, column]
            fourth = height * height * height * height
            result[row, column] = (_CREEP * height + _SLIDING) * fourth * steepness
    return result


@kernel
def _flowed(surface: FloatArray, ice: FloatArray, conductance: FloatArray) -> FloatArray:
    """Return the metres that each cell gains in a backward Euler step along axis 0, by Thomas' algorithm.

    The first and last rows hold their level, whatever flows in or out.
    """
    rows, columns = surface.shape
    solved = surface.copy()
    factor, gain = np.zeros((rows, columns)), np.zeros((rows, columns))
    flux = np.empty(rows - 1)
    for row in range(1, rows - 1):
        for column in range(columns):
            above, below = conductance[row - 1, column], conductance[row, column]
            pivot = 1.0 + above + below - above * factor[row - 1, column]
            solved[row, column] = (surface[row, column] + above * solved[row - 1, column]) / pivot
            factor[row, column] = below / pivot
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            solved[row, column] += factor[row, column] * solved[row + 1, column]
    for column in range(columns):
        for row in range(rows - 1):
            flux[row] = conductance[row, column] * (solved[row, column] - solved[row + 1, column])
        _held_back(flux, ice[:, column])
        for row in range(rows - 1):
            gain[row, column] -= flux[row]
            gain[row + 1, column] += flux[row]
    return gain


@kernel
def _held_back(flux: FloatArray, ice: FloatArray) -> None:
    """Lower fluxes along a line, in place, until no cell gives more than its ice and what flows in."""
    rows = ice.size
    for row in range(rows - 1):
        if flux[row] > 0.0:
            before = flux[row - 1] if row > 0 else 0.0
            if before < 0.0:  # a divide gives both ways
                share = min(ice[row] / (flux[row] - before), 1.0)
                flux[row - 1] *= share
                flux[row] *= share
            else:
                flux[row] = min(flux[row], ice[row] + before)
    for row in range(rows - 2, -1, -1):
        if flux[row] < 0.0 and (row == rows - 2 or flux[row + 1] <= 0.0):
            beyond = -flux[row + 1] if row < rows - 2 else 0.0
            flux[row] = -min(-flux[row], ice[row + 1] + beyond)


def _sliding(bed: FloatArray, ice: FloatArray, spacing: float) -> FloatArray:
    """Return by how much ice wears the bed down, in metres of sliding a year.

    Ice drags along what lies beside, over some thicknesses: the deepest ice slides no faster than its
    neighbours let it. Without that the valley's deepest line alone would be cut, to a slot.
    """
    south, east = np.gradient(bed + ice, spacing)
    steepness = np.minimum(south**2 + east**2, 1.0)
    speed = np.minimum(_SLIDING * ice**3 * steepness**1.5, _FASTEST) * np.minimum(ice / _FROZEN, 1.0) ** 2
    thick = ice > _FROZEN
    reach = max(float(ice[thick].mean()) if thick.any() else 0.0, 2 * spacing)
    return diffuse(speed, spacing, amount=reach**2 / 2) * np.minimum(ice / _FROZEN, 1.0)
