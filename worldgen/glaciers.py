"""Valleys with round floors, cirques and hollows, cut by ice that slid over the land.

Where more snow falls than melts, ice grows until it flows off (`worldgen.ice_flow`), and what slides wears
the bed down (Humphrey, Raymond 1994; Herman et al. 2015). The ice moves on a grid that may be coarser than
the land's; what the land holds between its cells is worn off with the bed.

A V-shaped valley becomes a U by the drag of its walls alone: ice at the bottom of a notch is held from both
sides and slides less than the ice beside it (`nye_factor`), so the floor widens. Without, cross-sections stay
near y = a x ** 1.1; with it they come to exponents of 1.4 to 1.8, as glacial valleys have (Svensson 1959).
Hollows form where a steep valley gets flat, and small tributaries of a gentle valley are left hanging. Where
both are as steep as 10 %, they are not: shallow ice is as fast on the tributary's slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.flow import FloatArray
from worldgen.hydrology import checked_elevation
from worldgen.ice_flow import SLIDING, MovingIce
from worldgen.slopes import Elevation, diffuse, like

_BALANCE_GRADIENT = 0.006  # metres of ice a year that a metre of altitude adds
_MOST_SNOW = 1.0  # metres of ice a year
_DRIER = 2200.0  # metres up, in which air grows so much colder that it holds less snow by 1 / e
_CELL = 24.0  # metres between the cells on which ice moves, about
_MOST_CELLS = 192  # along a side of the map: wider maps have wider cells
_STEP = 1.0 / 32.0  # years a metre of cell: the error in thickness, 7 to 9 %, goes with the step
_SPIN_UP, _ROUNDS, _STEPS_A_ROUND = 150, 30, 15
_FASTEST = 100.0  # metres that ice slides in a year
_DEEPEST_CUT = 10.0  # metres that a round cuts at most
_WALLS = 1.5  # how readily ice hangs on the walls of its valley, see `nye_factor`
_FELT, _FELT_CELLS = 0.2, 1.25  # of the ice's thickness, or cells: narrower bends slow down no sliding
_PARTS = 5  # of a round's wear
_COUPLED, _REACH = 0.3, 2.5  # of its thickness, or cells if more: so far ice drags along what lies beside
_ADVERSE = 1.5  # times as steep as the ice falls, its bed rises at most: then meltwater freezes on
_PLUCKING = 0.3  # times more is worn where the bed falls more steeply than the ice, by 1
_FROZEN = 60.0  # metres of ice below which the bed is ever more frozen
_BLUR = 0.7  # cells, standard deviation of what the ice's grid does not hold
_WORN = 25.0  # metres of wear after which what is finer than the ice's grid is gone, but for 1 / e
_AFLOAT = 1028.0 / 917.0  # metres of ice that a metre of sea carries
_CALVING = -1e3  # metres a year


@dataclass
class IceBudget:
    """Ice in m³ over all steps: snow - melt - left is what remains.

    Attributes
    ----------
    snow : fallen where more falls than melts in a year.
    melt : melted elsewhere on the map, or calved into the sea.
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
    swing: float = 0.0,
    years: float = 1e5,
    abrasion: float = 1e-4,
    sea_level: float | None = None,
    budget: IceBudget | None = None,
) -> NDArray[Any]:
    """Let glaciers grow and cut the land.

    Parameters
    ----------
    elevation : (H, W) float, metres, row 0 is north.
    spacing : metres between cells.
    equilibrium : metres, altitude above which more snow falls than melts in a year when it is coldest.
    swing : metres by which it lies higher at the ice age's begin and end: cirques are cut then.
    years : time that the ice cuts; one ice age takes some 1e5.
    abrasion : metres of bed that a metre of sliding wears off (Humphrey, Raymond 1994).
    sea_level : metres; ice that floats calves and cuts nothing. None for land without sea.
    budget : the ice's budget is added to it.

    Returns
    -------
    (H, W) of the elevation's floating type, metres; nowhere higher than before.

    Raises
    ------
    InputError : a shape or number is out of range.
    """
    from scipy.ndimage import gaussian_filter

    ground = checked_elevation(elevation, spacing)
    if np.isnan(equilibrium) or not (years >= 0 and abrasion >= 0 and swing >= 0):
        raise InputError(
            "glaciers need an equilibrium altitude, swing >= 0, years >= 0 and abrasion >= 0; found "
            f"{equilibrium}, {swing}, {years} and {abrasion}"
        )
    if ground.max() <= equilibrium or years == 0:
        return like(ground.copy(), elevation)
    factor = max(round(_CELL / spacing), -(-max(ground.shape) // _MOST_CELLS), 1)
    factor = max(min(factor, min(ground.shape) // 2), 1)
    # Sampled as it is, a narrow valley across the grid's axes would be a row of hollows.
    broad = gaussian_filter(ground, _BLUR * factor, mode="nearest") if factor > 1 else ground
    bed = _coarsened(broad, factor)
    worn = _worn(
        bed,
        spacing * factor,
        (equilibrium, swing),
        abrasion * years,
        -np.inf if sea_level is None else sea_level,
        IceBudget() if budget is None else budget,
    )
    worn = np.maximum(_refined(worn, factor, ground.shape), 0.0)
    after = ground - worn - (1.0 - np.exp(-worn / _WORN)) * (ground - broad)
    return like(np.minimum(ground, after), elevation)


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
    return np.asarray(map_coordinates(field, points, order=3, mode="nearest"), np.float64)


def _worn(
    ground: FloatArray,
    spacing: float,
    altitudes: tuple[float, float],
    abrasion: float,
    sea_level: float,
    budget: IceBudget,
) -> FloatArray:
    """Return by how many metres ice has worn the ground down.

    ``altitudes`` are the equilibrium when it is coldest and how far it swings, ``abrasion`` is that of all
    the time: metres for a metre a year.
    """
    from scipy.ndimage import binary_dilation

    bed = np.pad(ground, 1, mode="edge")
    glacier = MovingIce(bed, spacing)
    ice, inside = glacier.ice, (slice(1, -1), slice(1, -1))
    for turn in range(_ROUNDS + 1):
        warmth = 0.5 + 0.5 * np.cos(2.0 * np.pi * turn / _ROUNDS)
        equilibrium = altitudes[0] + altitudes[1] * warmth
        for _ in range(_SPIN_UP if turn == 0 else _STEPS_A_ROUND):
            afloat = ice < _AFLOAT * np.maximum(sea_level - bed, 0.0)
            glacier.bed = np.where(afloat, sea_level, bed)
            balance = _balance(glacier.bed + ice - equilibrium)
            snow, melt, left = glacier.step(_STEP * spacing, np.where(afloat, _CALVING, balance))
            budget.snow += snow * spacing**2
            budget.melt += melt * spacing**2
            budget.left += left * spacing**2
        ice[:] = np.pad(ice[inside], 1, mode="edge")
        sunk = _AFLOAT * np.maximum(sea_level - bed, 0.0)
        afloat = ice < sunk
        # A cliff that calves is not as fast as it is steep.
        pressing = np.where(binary_dilation(afloat, np.ones((3, 3))), 0.0, ice - sunk)
        surface = np.where(afloat, sea_level, bed) + ice
        whole, speed = _sliding(bed, surface, ice, pressing, spacing)
        surface = diffuse(surface, spacing, amount=_thickness(ice, spacing) ** 2 / 2)
        glacier.drag = np.pad(whole[inside] ** 3, 1, mode="edge")
        if turn == _ROUNDS:
            break
        wear = np.minimum(abrasion / _ROUNDS * speed, _DEEPEST_CUT) / _PARTS
        for _ in range(_PARTS):
            part = wear * _held(bed, surface, ice, whole, spacing)
            bed -= _without_edge(_evened(part))
    budget.remaining += float(ice[inside].sum()) * spacing**2
    return ground - bed[inside]


def _evened(wear: FloatArray) -> FloatArray:
    """Return means over neighbours that leave nothing of what turns from cell to cell.

    Ice that is guided by the bed that it cuts would let that grow to a chequered floor; diffusion leaves a
    ninth of it.
    """
    from scipy.ndimage import convolve1d

    weights = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return np.asarray(convolve1d(convolve1d(wear, weights, 0, mode="nearest"), weights, 1, mode="nearest"))


def _without_edge(wear: FloatArray) -> FloatArray:
    """Return the wear with that of the next cells inside on the frame and the two cells within it."""
    edge = min(3, (min(wear.shape) - 1) // 2)
    return np.pad(wear[edge:-edge, edge:-edge], edge, mode="edge")


def _balance(altitude: FloatArray) -> FloatArray:
    """Return metres of ice that a year adds or melts, so many metres above the equilibrium."""
    return np.minimum(_BALANCE_GRADIENT * altitude, _MOST_SNOW * np.exp(-np.maximum(altitude, 0.0) / _DRIER))


def nye_factor(ice: FloatArray, curvature: FloatArray) -> FloatArray:
    """Return the share of the ice's weight that its bed bears where the valley is so curved.

    The rest hangs on the walls. It fits what Nye (1965) found on the axis of valleys whose cross-section is a
    parabola: 0.65, 0.75, 0.81 where half of the width is 2, 3, 4 times the depth. (Braun, Zwartz, Tomkin 1999
    hold sliding back by the curvature in the same way.)

    Parameters
    ----------
    ice : metres.
    curvature : 1/m, of the bed across the flow, positive in valleys.
    """
    return 1.0 / (1.0 + _WALLS * np.maximum(ice * curvature, 0.0))


def _sliding(
    bed: FloatArray, surface: FloatArray, ice: FloatArray, pressing: FloatArray, spacing: float
) -> tuple[FloatArray, FloatArray]:
    """Return what share of its weight the ice above has to flow by, and by how much it wears the bed down.

    The latter in metres of sliding a year, before `_held`. ``pressing`` is the ice whose weight no sea
    carries, in metres.
    """
    thickness = _thickness(ice, spacing)
    south, east, slope = _way(surface, spacing)
    felt = diffuse(bed, spacing, amount=thickness**2 / 2)
    down, right = np.gradient(felt, spacing)
    fall = -(down * south + right * east)
    even = diffuse(surface, spacing, amount=thickness**2 / 2)
    whole = nye_factor(ice, _curvature(felt, even, spacing))
    speed = np.minimum(SLIDING * (whole * ice * np.minimum(slope, 1.0)) ** 3, _FASTEST)
    speed *= np.clip(1.0 + fall / (_ADVERSE * slope), 0.0, 1.0)
    speed *= 1.0 + _PLUCKING * np.clip(fall - slope, 0.0, 1.0)
    speed *= np.clip(pressing / _FROZEN, 0.0, 1.0) ** 2
    # Thick ice would dig itself in, cell by cell.
    speed = diffuse(speed, spacing, amount=max(_COUPLED * thickness, _REACH * spacing) ** 2 / 2)
    return whole, speed * np.minimum(ice / _FROZEN, 1.0)


def _held(
    bed: FloatArray, surface: FloatArray, ice: FloatArray, whole: FloatArray, spacing: float
) -> FloatArray:
    """Return what share of the sliding the walls next to the bed leave, of what those of the ice above do.

    Fast ice in a notch is held back until the notch is a floor. That evens the bed out as diffusion does, and
    needs parts of a round, as diffusion by explicit steps would.
    """
    reach = max(_FELT * _thickness(ice, spacing), _FELT_CELLS * spacing)
    felt = diffuse(bed, spacing, amount=reach**2 / 2)
    return np.minimum(nye_factor(ice, _curvature(felt, surface, spacing)) / whole, 1.0) ** 3


def _thickness(ice: FloatArray, spacing: float) -> float:
    """Return the mean thickness of what is no snow field, metres, at least two cells."""
    thick = ice > _FROZEN
    return max(float(ice[thick].mean()) if thick.any() else 0.0, 2 * spacing)


def _way(surface: FloatArray, spacing: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the direction in which ice flows, as parts southwards and eastwards, and its slope."""
    south, east = np.gradient(surface, spacing)
    slope = np.hypot(south, east) + 1e-9
    return -south / slope, -east / slope, slope


def _curvature(bed: FloatArray, surface: FloatArray, spacing: float) -> FloatArray:
    """Return 1/m by which a bed curves upwards across the ice's way."""
    south, east, _ = _way(surface, spacing)
    down, right = np.gradient(bed, spacing)
    (down_down, down_right), (_, right_right) = np.gradient(down, spacing), np.gradient(right, spacing)
    return np.asarray(east**2 * down_down - 2.0 * east * south * down_right + south**2 * right_right)
