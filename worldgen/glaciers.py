"""Valleys with round floors, cirques and hollows, cut by ice that slid over the land.

Where more snow falls than melts, ice grows until it flows off (`worldgen.ice_flow`), and what slides wears
the bed down (Herman et al. 2015). The ice moves on a grid that may be coarser than the land's.

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
from worldgen.ice_flow import SLIDING, MovingIce
from worldgen.kernel import kernel
from worldgen.slopes import Elevation, diffuse, like

_BALANCE_GRADIENT = 0.006  # metres of ice a year that a metre of altitude adds
_MOST_SNOW = 1.0  # metres of ice a year
_FINEST = 24.0  # metres between the cells on which ice moves, at least
_STEP = 2.0  # years
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
    factor = max(min(int(np.ceil(_FINEST / spacing - 1e-9)), min(ground.shape) // 2), 1)
    bed = _coarsened(ground, factor)
    worn = _worn(
        bed, spacing * factor, equilibrium, years, abrasion, IceBudget() if budget is None else budget
    )
    lowered = ground - _refined(worn, factor, ground.shape)
    share = _refined(1.0 - np.exp(-worn / _WORN), factor, ground.shape)
    rounded = _rounded(_rounded(lowered, spacing).T.copy(), spacing).T.copy()
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
    glacier = MovingIce(np.pad(ground, 1, mode="edge"), spacing)
    inside = (slice(1, -1), slice(1, -1))
    bed, ice = glacier.bed[inside], glacier.ice[inside]
    area = spacing**2
    for turn in range(_ROUNDS + 1):
        for _ in range(_SPIN_UP if turn == 0 else _STEPS_A_ROUND):
            budget.left += glacier.flow(_STEP) * area
            balance = np.minimum(_BALANCE_GRADIENT * (bed + ice - equilibrium), _MOST_SNOW)
            change = np.maximum(_STEP * balance, -ice)
            ice += change
            budget.snow += float(np.maximum(change, 0.0).sum()) * area
            budget.melt -= float(np.minimum(change, 0.0).sum()) * area
        if turn < _ROUNDS:
            wear = abrasion * years / _ROUNDS * _sliding(bed, ice, spacing)
            bed -= np.minimum(wear, _DEEPEST_CUT)
    budget.remaining += float(ice.sum()) * area
    return ground - bed


def _sliding(bed: FloatArray, ice: FloatArray, spacing: float) -> FloatArray:
    """Return by how much ice wears the bed down, in metres of sliding a year.

    Ice drags along what lies beside, over some thicknesses: the deepest ice slides no faster than its
    neighbours let it. Without that the valley's deepest line alone would be cut, to a slot.
    """
    south, east = np.gradient(bed + ice, spacing)
    steepness = np.minimum(south**2 + east**2, 1.0)
    speed = np.minimum(SLIDING * ice**3 * steepness**1.5, _FASTEST) * np.minimum(ice / _FROZEN, 1.0) ** 2
    thick = ice > _FROZEN
    reach = max(float(ice[thick].mean()) if thick.any() else 0.0, 2 * spacing)
    return diffuse(speed, spacing, amount=reach**2 / 2) * np.minimum(ice / _FROZEN, 1.0)
