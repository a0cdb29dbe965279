"""Export for three engines: one .glb for all, and the heightmap in the form that each terrain system takes.

- Godot and most others open the .glb as it is.
- Unreal's landscape takes a 16-bit PNG; sizes such as 505 or 1009 fit its components.
- Unity's terrain takes raw 16-bit values of 2^n + 1 vertices a side; the sidecar tells its height in metres.
"""

import json
from pathlib import Path

import worldgen as wg

out = Path("out/engines")

godot = wg.build(wg.WorldConfig(preset="archipelago", seed=7, size=257))
godot.export(out / "godot" / "islands.glb")

unreal = wg.build(wg.WorldConfig(preset="archipelago", seed=7, size=253))
unreal.export(out / "unreal" / "islands.png")
sidecar = json.loads((out / "unreal" / "islands.png.json").read_text(encoding="utf-8"))
height = sidecar["maximum_metres"] - sidecar["minimum_metres"]
print(f"Unreal: landscape scale x = y = {sidecar['spacing_metres'] * 100:.2f}, z = {height * 100 / 512:.4f}")

unity = godot  # 257 = 2^8 + 1
unity.export(out / "unity" / "islands.r16")
print(f"Unity: terrain height {unity.heightmap.maximum - unity.heightmap.minimum:.2f} m, little-endian, "
      f"width {unity.heightmap.grid.extent[0]:.0f} m")  # fmt: skip
for file in sorted(out.rglob("*.*")):
    print(file)
