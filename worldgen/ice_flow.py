"""How ice flows over a bed: creep by Glen's law and sliding, in the shallow ice approximation.

(Greve, Blatter, "Dynamics of Ice Sheets and Glaciers", 2009.) A step is implicit along one axis after the
other, so steps of years are stable; what leaves one cell enters the next. Maps have a frame of one cell,
through which ice leaves.
"""

from __future__ import annotations

import numpy as np

from worldgen.flow import FloatArray
from worldgen.kernel import kernel

_WEIGHT = 917.0 * 9.81  # Pa a metre of ice
CREEP = 2.4e-24 * 3.156e7 * _WEIGHT**3 * 2 / 5  # of Glen's law, m⁻³ a⁻¹: for flux over height⁵ slope³
SLIDING = 5e-15 * _WEIGHT**3  # m⁻² a⁻¹: for speed over height³ slope³; as much flux as creep at 165 m
_EXIT_CELLS = 4  # cells from the edge inwards that tell the slope on which ice leaves the map
_EASED = 0.3  # share by which the ice's conductance follows its shape in a step, lest both swing


class MovingIce:
    """Ice on a map with a frame of one cell.

    Parameters
    ----------
    bed : (H, W) float64, metres, its frame included; a caller may wear it down between steps.
    spacing : metres between cells.

    Attributes
    ----------
    ice : (H, W) float64, metres; a caller may add snow and take away melt between steps.
    """

    def __init__(self, bed: FloatArray, spacing: float) -> None:
        self.bed, self.spacing = bed, spacing
        self.ice = np.zeros(bed.shape)
        self._south = np.zeros((bed.shape[0] - 1, bed.shape[1]))
        self._east = np.zeros((bed.shape[1] - 1, bed.shape[0]))

    def flow(self, years: float) -> float:
        """Let the ice flow for a step; return the metres, of a cell, that left through the frame."""
        bed, ice, spacing = self.bed, self.ice, self.spacing
        _run_on(bed, ice)
        self._south += _EASED * (_conductance(bed + ice, ice, spacing) - self._south)
        self._east += _EASED * (_conductance(_turned(bed + ice), _turned(ice), spacing) - self._east)
        before = float(ice[1:-1, 1:-1].sum())
        ice += _flowed(bed + ice, ice, years / spacing**2 * self._south)
        ice += _turned(_flowed(_turned(bed + ice), _turned(ice), years / spacing**2 * self._east))
        np.maximum(ice, 0.0, out=ice)  # what rounding left below
        return before - float(ice[1:-1, 1:-1].sum())


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
            result[row, column] = (CREEP * height + SLIDING) * fourth * steepness
    return result


@kernel
def _flowed(surface: FloatArray, ice: FloatArray, conductance: FloatArray) -> FloatArray:
    """Return the metres that each cell gains in a backward Euler step along axis 0, by Thomas' algorithm.

    The first and last rows hold their level, whatever flows in or out.
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
