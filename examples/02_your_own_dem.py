"""Your own elevation: any GeoTIFF, SRTM .hgt, 16-bit PNG or .npy becomes a world in its own metres.

Run it with a file of yours, ``python examples/02_your_own_dem.py valley.tif``, or without one: then it makes
a small valley first.
"""

import sys
from pathlib import Path

import numpy as np

import worldgen as wg


def made_valley(path: Path) -> Path:
    """Write a valley of 3.2 km, 25 m a pixel, as a .npy file."""
    z, x = np.mgrid[-64:65, -64:65] * 25.0
    bend = 300 * np.sin(z / 700)
    elevation = 600 + 0.35 * np.abs(x - bend) + 40 * np.sin(x / 260) * np.cos(z / 310) - 0.04 * z
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, elevation.astype(np.float32))
    return path


dem = Path(sys.argv[1]) if len(sys.argv) > 1 else made_valley(Path("out/valley.npy"))
heightmap = wg.read_dem(dem, spacing=25.0 if dem.suffix in (".npy", ".png") else None)
print(f"{dem}: {heightmap.elevation.shape}, {heightmap.minimum:.0f} to {heightmap.maximum:.0f} m")

terrain = {"source": "dem", "dem": dem}
if dem.suffix in (".npy", ".png"):
    terrain["dem_spacing"] = 25.0
world = wg.build(wg.WorldConfig(preset="alpine", seed=7, size=257, terrain=terrain))
print(*world.export("out/valley.glb", "out/valley.png"), sep="\n")
