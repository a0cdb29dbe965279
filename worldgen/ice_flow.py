"""How ice flows over a bed: creep by Glen's law and sliding, in the shallow ice approximation.

(Greve, Blatter, "Dynamics of Ice Sheets and Glaciers", 2009.) A step is implicit along one axis after the
other, so steps of years are stable; what leaves one cell enters the next. Maps have a frame of one cell,
through which ice leaves.

Both axes at once, linearised by Newton's method, would not depend on the step where ice has come to rest; on
steep ground it ran away at steps of a quarter of a year, as its fifth power of height overshoots.
"""

from __future__ import annotations

import numpy as np

from worldgen.flow import FloatArray
from worldgen.kernel import kernel

_WEIGHT = 917.0 * 9.81  # Pa a metre of ice
CREEP = 2.4e-24 * 3.156e7 * _WEIGHT**3 * 2 / 5  # of Glen's law, m⁻³ a⁻¹: for flux over height⁵ slope³
SLIDING = 5e-15 * _WEIGHT**3  # m⁻² a⁻¹: for speed over height³ slope³; as much flux as creep at 165 m
_EXIT_CELLS = 8  # cells from the edge inwards that tell the slope on which ice leaves the map
_EXIT_SLOPE = 0.05  # on which ice leaves it at most where the land does not fall outwards more
_EASED = 0.3  # share by which the ice's conductance follows its shape in a step, lest both swing


class MovingIce:
    """Ice on a map with a frame of one cell.

    Parameters
    ----------
    bed : (H, W) float64, metres, its frame included; a caller may wear it down between steps.
    spacing : metres between cells.
    sliding : speed over height³ slope³.

    Attributes
    ----------
    ice : (H, W) float64, metres.
    drag : (H, W) float64, what share of its flow walls leave to the ice; 1 until a caller sets it.
    """

    def __init__(self, bed: FloatArray, spacing: float, sliding: float = SLIDING) -> None:
        self.bed, self.spacing, self.sliding = bed, spacing, sliding
        self.ice = np.zeros(bed.shape)
        self._falls = _outward_falls(bed)
        self.drag = np.ones(bed.shape)
        self._south = np.zeros((bed.shape[0] - 1, bed.shape[1]))
        self._east = np.zeros((bed.shape[1] - 1, bed.shape[0]))

    def step(self, years: float, balance: FloatArray) -> tuple[float, float, float]:
        """Let it snow, flow and melt for a step.

        Parameters
        ----------
        years : length of the step.
        balance : (H, W) float64, metres of ice that a year adds or melts; the frame's says nothing.

        Returns
        -------
        Metres, of a cell, that fell, that melted and that left through the frame.
        """
        bed, ice = self.bed, self.ice
        inside = (slice(1, -1), slice(1, -1))
        change = years * balance[inside]
        snow = np.maximum(change, 0.0)
        ice[inside] += snow
        before = float(ice[inside].sum())
        _run_on(bed, ice, self._falls, _EXIT_SLOPE * self.spacing)
        pace = years / self.spacing**2
        surface = bed + ice
        self._south += _EASED * (
            _conductance(surface, ice, self.drag, self.spacing, self.sliding) - self._south
        )
        turned = _turned(surface), _turned(ice), _turned(self.drag)
        self._east += _EASED * (_conductance(*turned, self.spacing, self.sliding) - self._east)
        ice += _flowed(surface, ice, pace * self._south)
        ice += _turned(_flowed(_turned(bed + ice), _turned(ice), pace * self._east))
        np.maximum(ice, 0.0, out=ice)  # what rounding left below
        left = before - float(ice[inside].sum())
        melt = np.minimum(np.maximum(-change, 0.0), ice[inside])
        ice[inside] -= melt
        return float(snow.sum()), float(melt.sum()), left


def _turned(field: FloatArray) -> FloatArray:
    return np.ascontiguousarray(field.T)


def _outward_falls(bed: FloatArray) -> list[FloatArray]:
    """Return by how many metres a cell the land inside the frame falls to each of the four edges."""
    falls = []
    for land in (bed[1:-1], bed[-2:0:-1], bed.T[1:-1], bed.T[-2:0:-1]):
        lag = min(_EXIT_CELLS, len(land) - 1)
        falls.append(np.maximum(land[lag] - land[0], 0.0) / max(lag, 1))
    return falls


def _run_on(bed: FloatArray, ice: FloatArray, falls: list[FloatArray], least: float) -> None:
    """Let the frame of one cell go on as land and ice inside do, in place: what falls outwards flows out.

    ``falls`` are those that the land had before it was worn, or ice would cut down the edge ever faster; ice
    makes its way with up to ``least`` metres a cell.
    """
    for edge, (ground, cover) in enumerate(
        ((bed, ice), (bed[::-1], ice[::-1]), (bed.T, ice.T), (bed.T[::-1], ice.T[::-1]))
    ):
        lag = min(_EXIT_CELLS, len(ground) - 3)
        fall = (ground[1 + lag] + cover[1 + lag] - ground[1] - cover[1]) / max(lag, 1)
        ground[0] = ground[1] - np.maximum(falls[edge], np.clip(fall, 0.0, least))
        cover[0] = cover[1]


@kernel
def _conductance(
    surface: FloatArray, ice: FloatArray, drag: FloatArray, spacing: float, sliding: float
) -> FloatArray:
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
            # At most that of the upper cell: what holds no ice gives none.
            height = ice[row, column] if along < 0.0 else ice[row + 1, column]
            height = min(height, 0.5 * (ice[row, column] + ice[row + 1, column]))
            fourth = height * height * height * height
            result[row, column] = (CREEP * height + sliding) * fourth * steepness
            result[row, column] *= 0.5 * (drag[row, column] + drag[row + 1, column])
    return result


@kernel
def _flowed(surface: FloatArray, ice: FloatArray, conductance: FloatArray) -> FloatArray:
    """Return the metres that each cell gains in a backward Euler step along axis 0, by Thomas' algorithm.

    The first and last rows hold their level, whatever flows out.
    """
    rows, columns = surface.shape
    solved = surface.copy()
    factor, gain = np.zeros((rows, columns)), np.zeros((rows, columns))
    flux = np.empty((rows - 1, columns))
    for row in range(1, rows - 1):
        for column in range(columns):
            above, below = conductance[row - 1, column], conductance[row, column]
            pivot = 1.0 + above + below - above * factor[row - 1, column]
            solved[row, column] = (surface[row, column] + above * solved[row - 1, column]) / pivot
            factor[row, column] = below / pivot
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            solved[row, column] += factor[row, column] * solved[row + 1, column]
    for row in range(rows - 1):
        for column in range(columns):
            flux[row, column] = conductance[row, column] * (solved[row, column] - solved[row + 1, column])
    for column in range(columns):  # nothing comes in from beyond
        flux[0, column] = min(flux[0, column], 0.0)
        flux[rows - 2, column] = max(flux[rows - 2, column], 0.0)
    _held_back(flux, ice)
    for row in range(rows - 1):
        for column in range(columns):
            gain[row, column] -= flux[row, column]
            gain[row + 1, column] += flux[row, column]
    return gain


@kernel
def _held_back(flux: FloatArray, ice: FloatArray) -> None:
    """Lower fluxes along axis 0, in place, until no cell gives more than its ice and what flows in."""
    rows, columns = ice.shape
    for row in range(rows - 1):
        for column in range(columns):
            given = flux[row, column]
            if given > 0.0:
                before = flux[row - 1, column] if row > 0 else 0.0
                if before < 0.0:  # a divide gives both ways
                    share = min(ice[row, column] / (given - before), 1.0)
                    flux[row - 1, column] *= share
                    flux[row, column] *= share
                else:
                    flux[row, column] = min(given, ice[row, column] + before)
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            given = -flux[row, column]
            beyond = flux[row + 1, column] if row < rows - 2 else 0.0
            if given > 0.0 and beyond <= 0.0:
                flux[row, column] = -min(given, ice[row + 1, column] - beyond)
