"""Endless learned terrain: megapixels a second, latency of a cold tile, peak memory. Prints one JSON object.

    python benchmarks/bench_terrain.py [--style alpine] [--spacing 30]

Each figure is from a process of its own: the speed from the best of three windows of 1024 x 1024 after one
small window, the latency from the first 256 x 256 window after import, machine code and weights included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

LARGE, TILE = 1024, 256


def measure(task: str, style: str, spacing: float) -> dict[str, float]:
    """Run one task in this process."""
    from worldgen import LearnedTerrain

    land = LearnedTerrain(seed=7, style=style, spacing=spacing)
    if task == "tile":
        began = time.perf_counter()
        land.window(1000, -3000, TILE, TILE)
        return {"cold_tile_seconds": time.perf_counter() - began}
    land.window(0, 0, 16, 16)
    seconds, cpu = [], []
    for index in range(3):
        began, used = time.perf_counter(), time.process_time()
        land.window(5000 * index, -9000, LARGE, LARGE)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "megapixels_per_second": LARGE**2 / 1e6 / min(seconds),
        "cpu_seconds_per_megapixel": min(cpu) / (LARGE**2 / 1e6),
        "peak_memory_mib": peak,
    }


def main() -> None:
    """Measure all tasks, each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="alpine")
    parser.add_argument("--spacing", type=float, default=30.0)
    parser.add_argument("--task", choices=("speed", "tile"), help="one task, in this process")
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(options.task, options.style, options.spacing)))
        return
    report: dict[str, float] = {}
    for task in ("speed", "tile"):
        command = [sys.executable, __file__, "--task", task, "--style", options.style]
        output = subprocess.run(
            [*command, "--spacing", str(options.spacing)], capture_output=True, check=True
        )
        report.update(json.loads(output.stdout))
    print(json.dumps({name: round(value, 3) for name, value in report.items()}))


if __name__ == "__main__":
    main()
