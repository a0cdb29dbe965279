"""Time and peak memory of whole builds, each in a process of its own, as a build pipeline meets them.

``python benchmarks/bench_build.py [--size 1025] [--presets alpine,desert] [--cold]``

``--cold`` gives numba an empty cache, as on the first run after an installation.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--size", type=int, default=1025)
parser.add_argument("--presets", default="alpine")
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--cold", action="store_true")
arguments = parser.parse_args()

print(f"{'preset':12} {'wall s':>7} {'cpu s':>7} {'peak MB':>8} {'file MB':>8}")
for preset in arguments.presets.split(","):
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{preset}.glb"
            environment = dict(os.environ)
            if arguments.cold:
                environment["NUMBA_CACHE_DIR"] = str(Path(folder) / "numba")
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            command = [sys.executable, "-c", "from worldgen.cli import main; main()", "build", "-q"]
            command += ["--preset", preset, "--seed", "7", "--size", str(arguments.size), "-o", str(target)]
            subprocess.run(command, check=True, env=environment)
            wall = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            # ru_maxrss of children is the largest so far; kilobytes on Linux.
            print(
                f"{preset:12} {wall:7.1f} {cpu:7.1f} {after.ru_maxrss / 1024:8.0f} "
                f"{target.stat().st_size / 1e6:8.1f}",
                flush=True,
            )
