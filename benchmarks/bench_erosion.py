"""Time a step of stream power beside fastscapelib's: ``python benchmarks/bench_erosion.py [size]``.

A step finds where water flows, out of hollows too (both by the basin graph), sums the drainage area and
cuts. Both run on one core, in turns; the figures are medians of processor time. Without fastscapelib
installed, only this package's are printed. ``taskset -c 0`` keeps the scheduler from moving the process.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen import flow
from worldgen.grid import Grid
from worldgen.hydrology import water_surface
from worldgen.incision import Incision
from worldgen.noise import fractal, permutation
from worldgen.sediment import SedimentBudget
from worldgen.single_flow import SingleFlow

try:
    import fastscapelib
except ImportError:
    fastscapelib = None

FloatArray = NDArray[np.float64]
Step = Callable[[], tuple[float, ...]]
SPACING, ERODIBILITY, TIME_STEP, AREA_EXPONENT = 4.0, 1.4e-5, 2e4, 0.45


class Ours:
    """Single flow of this package, the border held."""

    def __init__(self, land: FloatArray, sediment: float = 0.0) -> None:
        self.shape = land.shape[0], land.shape[1]
        self.height = flow.frame(land, np.inf)
        inside = np.zeros(land.shape, np.uint8)
        inside[[0, -1]] = 1
        inside[:, [0, -1]] = 1
        self.ends = flow.frame(inside, 2)
        self.water = flow.frame(np.ones(land.shape), 0.0)
        self.erodibility = flow.frame(np.full(land.shape, ERODIBILITY * TIME_STEP), 0.0)
        self.uplift = np.zeros(self.height.size)
        self.rivers = SingleFlow(self.shape)
        self.incision = Incision(
            self.rivers,
            SPACING,
            unit=SPACING**2,
            whole=True,
            area_exponent=AREA_EXPONENT,
            slope_exponent=1.0,
            sediment=sediment,
        )

    def step(self) -> tuple[float, ...]:
        """Do a step; return the times before and after each of its parts."""
        times = [time.process_time()]
        self.rivers.route(self.height, self.ends, free=False, floor=0.0)
        times.append(time.process_time())
        self.rivers.accumulate(self.water)
        times.append(time.process_time())
        self.incision.cut(self.height, self.erodibility, self.uplift, SedimentBudget())
        return *times, time.process_time()

    def ground(self) -> FloatArray:
        """Return the land."""
        return flow.unframe(self.height, self.shape)


class Theirs:
    """The same by fastscapelib."""

    def __init__(self, land: FloatArray, resolver: Any) -> None:
        fixed = fastscapelib.NodeStatus.FIXED_VALUE
        # The graph reads the grid and the operators without keeping them.
        self.grid = fastscapelib.RasterGrid(list(land.shape), [SPACING] * 2, fixed)
        self.operators = [fastscapelib.SingleFlowRouter(), resolver]
        self.graph = fastscapelib.FlowGraph(self.grid, self.operators)
        self.eroder = fastscapelib.SPLEroder(self.graph, ERODIBILITY, AREA_EXPONENT, 1.0, 1e-5)
        self.land, self.area = land.copy(), np.empty(land.shape)

    def step(self) -> tuple[float, ...]:
        """Do a step; return the times before and after each of its parts."""
        times = [time.process_time()]
        self.graph.update_routes(self.land)
        times.append(time.process_time())
        self.graph.accumulate(self.area, 1.0)
        times.append(time.process_time())
        self.land = self.land - self.eroder.erode(self.land, self.area, TIME_STEP)
        return *times, time.process_time()


def compare(name: str, land: FloatArray, steps: int = 9) -> None:
    """Print the medians of all parts in ms, and of the whole steps' ratio."""
    runs: dict[str, Step] = {"worldgen, single flow": Ours(land).step}
    if fastscapelib is not None:
        runs["fastscapelib, basin graph"] = Theirs(land, fastscapelib.MSTSinkResolver()).step
    runs["worldgen, G = 1"] = Ours(land, sediment=1.0).step
    Ours(land, sediment=1.0).step()  # compiles
    taken: dict[str, list[list[float]]] = {run: [] for run in runs}
    for _ in range(steps):
        for run, step in runs.items():
            times = step()
            taken[run].append([1e3 * (after - before) for before, after in pairwise(times)])
    print(f"{name:28s}    route  accumulate     cut   whole step, ms")
    for run, rows in taken.items():
        parts = [statistics.median(row[part] for row in rows) for part in range(3)]
        whole = statistics.median(sum(row) for row in rows)
        print(f"{run:28s} {parts[0]:8.1f} {parts[1]:11.1f} {parts[2]:7.1f} {whole:12.1f}")
    if fastscapelib is not None:
        ours, theirs = (taken[run] for run in list(runs)[:2])
        ratio = statistics.median(sum(b) / sum(a) for a, b in zip(ours, theirs, strict=True))
        print(f"{'':28s} {ratio:.1f} times as fast")


def main(size: int = 1024) -> None:
    """Time steps from a fractal land, from white noise, and on ground that is drained."""
    grid = Grid.centred((size, size), SPACING)
    land = 400 * fractal(grid.x[None] / 1500, grid.z[:, None] / 1500, permutation(1, "bench"), octaves=9)
    compare(f"fractal land, {size}²", land)
    compare("white noise of 1 m", np.random.default_rng(0).random((size, size)))
    ours = Ours(land)
    for _ in range(30):
        ours.step()
    drained = ours.ground()
    compare("land after 30 steps", drained)
    if fastscapelib is not None:
        # They cut the beds of lakes, which this package does not: compare where there are none.
        filled = flow.unframe(
            water_surface(drained, 100 * SPACING, np.zeros(drained.shape, bool), None), land.shape
        )
        theirs, ours = Theirs(filled, fastscapelib.MSTSinkResolver()), Ours(filled)
        theirs.step()
        ours.step()
        difference = np.abs(theirs.land - ours.ground()).max()
        print(f"land without lakes: largest difference after a step {difference:.2g} m")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
