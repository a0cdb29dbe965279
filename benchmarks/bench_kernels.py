"""Time the numerical kernels on one map: ``python benchmarks/bench_kernels.py [size]``.

Seconds of processor time, as all of them run on one core. The first column is the first call, compilation
included unless numba's cache is warm (set NUMBA_CACHE_DIR to an empty folder to see it cold); the second is
the best of three more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from worldgen import flow
from worldgen.blue_noise import poisson_disk
from worldgen.coasts import shape_coasts
from worldgen.drainage import drain
from worldgen.droplets import droplets
from worldgen.erosion import diffuse, stream_power, thermal
from worldgen.glaciers import glaciate
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.hydrology import METHODS, route, run_down, sea_mask, water_surface
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.noise import fractal, permutation
from worldgen.rivers import river_network
from worldgen.scatter import place
from worldgen.triangulation import surface_height


def measure(name: str, call: Callable[[], object]) -> None:
    """Print the seconds of the first call and the best of three more."""
    seconds = []
    for _ in range(4):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    print(f"{name:48s} {seconds[0]:8.3f} {min(seconds[1:]):8.3f}")


def main(size: int = 1025) -> None:
    """Run all measurements on a fractal land of size² vertices, 4 m apart."""
    grid = Grid.centred((size, size), 4.0)
    shape = permutation(1, "bench")
    land = 400 * fractal(grid.x[None] / 1500, grid.z[:, None] / 1500, shape, octaves=9)
    heightmap = Heightmap(land.astype(np.float32), grid)
    elevation = heightmap.elevation
    suits = np.clip(land / 400 + 0.5, 0, 1).astype(np.float32)
    points = np.random.default_rng(1).uniform(grid.x[0], grid.x[-1], (100_000, 2))
    coarse = land[:: max(size // 192, 1), :: max(size // 192, 1)]
    print(f"{size} x {size}{'':38s} first, s   best, s")
    for method in METHODS:
        measure(
            f"route, {method}",
            lambda method=method: route(elevation, 4.0, sea_level=-200.0, method=method),  # type: ignore[misc]
        )
    sea = sea_mask(elevation, -200.0)
    surface = water_surface(elevation.astype(np.float64), 4.0, sea, -200.0)
    measure("  of which water_surface", lambda: water_surface(elevation.astype(np.float64), 4.0, sea, -200.0))
    for method in METHODS:
        measure(
            f"  of which accumulation, {method}",
            lambda method=method: run_down(  # type: ignore[misc]
                surface, sea, method, flow.frame(np.full(sea.shape, 16.0), 0.0)
            ),
        )
    water = route(elevation, 4.0, sea_level=-200.0)
    measure("river_network", lambda: river_network(water))
    measure(
        "stream_power, 1 step with creep",
        lambda: stream_power(
            elevation, 4.0, erodibility=1.4e-5, time_step=2e4, steps=1, diffusivity=0.002, sea_level=-200.0
        ),
    )
    measure(
        f"stream_power, {coarse.shape[0]}² and 120 steps",
        lambda: stream_power(
            coarse, 62.5, erodibility=1.4e-5, uplift=1e-3, time_step=2e4, steps=120, diffusivity=0.03
        ),
    )
    measure("shape_coasts", lambda: shape_coasts(elevation, 4.0, sea_level=-50.0))
    measure("drain", lambda: drain(elevation, 4.0, sea_level=-200.0))
    measure(
        "stream_power, single flow, 1 step",
        lambda: stream_power(
            elevation, 4.0, erodibility=1.4e-5, time_step=2e4, steps=1, flow_directions="single"
        ),
    )
    measure("droplets, 1,000,000", lambda: droplets(elevation, 4.0, count=1_000_000, seed=1))
    measure("glaciate", lambda: glaciate(elevation, 4.0, equilibrium=0.0))
    measure("thermal, 30 sweeps", lambda: thermal(elevation, 4.0, iterations=30))
    measure("diffuse", lambda: diffuse(elevation, 4.0, amount=10.0))
    measure("terrain_chunks, 1 level", lambda: terrain_chunks(heightmap, PBRMaterial("ground"), levels=1))
    measure("terrain_chunks, 3 levels", lambda: terrain_chunks(heightmap, PBRMaterial("ground"), levels=3))
    measure(
        "surface_height, 100,000 points",
        lambda: surface_height(elevation, grid, points[:, 0], points[:, 1]),
    )
    for distance in (6.0, 3.0):
        count = len(poisson_disk(suits, grid, minimum_distance=distance, seed=1, stage="bench"))
        measure(
            f"poisson_disk, {count} points",
            lambda distance=distance: poisson_disk(  # type: ignore[misc]
                suits, grid, minimum_distance=distance, seed=1, stage="bench"
            ),
        )
    measure("place, 100,000 points", lambda: place(points, heightmap, align="normal", seed=1, stage="bench"))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
