"""Time the placing of half a million plants and stones on 4 km²: ``python benchmarks/bench_ecosystem.py``.

The land is 1025² vertices at 2 m of the temperate preset's climate, made of plain noise since only what comes
after it is timed. Wall and processor seconds by part, best of three after a first run that compiles:
habitat (what the ground offers), grow (niches, darts, competition, shade) and seat (heights, headings,
scales). Models are not made: they take the same time for one plant as for a million. ``--threads`` are the
threads of grow; the bytes are the same for any number, which a hash shows.
"""

from __future__ import annotations

import argparse
import hashlib
import time
import warnings
from dataclasses import replace

from worldgen.biomes import classify
from worldgen.config import WorldConfig
from worldgen.ecosystem import grow
from worldgen.habitat import habitat
from worldgen.hydrology import route
from worldgen.populate import wanted_species
from worldgen.rivers import river_network
from worldgen.scatter import place
from worldgen.terrain import make_terrain

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--size", type=int, default=1025)
parser.add_argument("--density", type=float, default=20.0)
parser.add_argument("--maximum", type=int, default=500_000)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

config = WorldConfig(
    preset="temperate",
    seed=7,
    size=arguments.size,
    spacing=2.0,
    terrain={"source": "noise"},
    objects={
        "density": arguments.density,
        "maximum": arguments.maximum,
        "kinds": {"grass": 40.0, "fern": 20.0},
    },
)
heightmap = make_terrain(config)
hydrology = route(heightmap.elevation, config.spacing, sea_level=config.sea_level, connected_sea=False)
biomes = classify(heightmap, hydrology, config.climate, config.seed)
rivers = river_network(hydrology, heightmap.grid.origin, carved=True)
# Grass as a meadow has it, not as a file can hold it.
species = [
    replace(one, minimum_distance=0.4) if one.name in ("grass", "fern") else one
    for one in wanted_species(config.objects)
]
best: dict[str, tuple[float, float]] = {}
print(f"{'part':9} {'wall s':>7} {'cpu s':>7}   best of 3")
for attempt in range(4):
    marks = [(time.perf_counter(), time.process_time())]
    ground = habitat(heightmap, hydrology, rivers, biomes, config.seed)
    marks.append((time.perf_counter(), time.process_time()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grown = grow(
            species,
            ground,
            seed=config.seed,
            density=config.objects.density,
            maximum=config.objects.maximum,
            threads=arguments.threads,
        )
    marks.append((time.perf_counter(), time.process_time()))
    digest = hashlib.sha256()
    for one in species:
        plants = grown[one.name]
        seats = place(plants.points, heightmap, scale=one.scale, sizes=plants.sizes, seed=7, stage=one.name)
        for array in seats:
            digest.update(array.tobytes())
    marks.append((time.perf_counter(), time.process_time()))
    for part, before, after in zip(("habitat", "grow", "seat"), marks, marks[1:], strict=False):
        spent = (after[0] - before[0], after[1] - before[1])
        if attempt:
            best[part] = min(best.get(part, spent), spent)
for part, (wall, processor) in best.items():
    print(f"{part:9} {wall:7.2f} {processor:7.2f}")
total = sum(len(plants.points) for plants in grown.values())
wall, processor = (sum(times) for times in zip(*best.values(), strict=True))
print(f"{'in all':9} {wall:7.2f} {processor:7.2f}   {total} objects, sha256 {digest.hexdigest()[:12]}")
print({name: len(plants.points) for name, plants in grown.items() if len(plants.points)})
