"""Export for three engines: one .glb for all, and the ground in the form that each terrain system takes.

- Godot and most others open the .glb as it is; the add-on Terrain3D takes heights and a control map.
- Unreal's landscape takes 16-bit heights of its own sizes, and a weight map for each ground material.
- Unity's terrain takes raw heights and alphamaps; a script in the folder puts them together.

Each folder has a README.txt with what to type where; docs/engines.md says how the numbers come about.
"""

import json
from pathlib import Path

import worldgen as wg

out = Path("out/engines")
world = wg.build(wg.WorldConfig(preset="archipelago", seed=7, size=257))
for name in ("godot", "unity", "unreal"):
    files = world.export(out / name, target=name)
    print(f"{name}: {len(files)} files in {out / name}")

landscape = json.loads((out / "unreal" / "landscape" / "landscape.json").read_text(encoding="utf-8"))
print("Unreal: scale", ", ".join(f"{value:.4f}" for value in landscape["scale"]))
terrain = json.loads((out / "unity" / "landscape" / "terrain.json").read_text(encoding="utf-8"))
print("Unity: terrain size", ", ".join(f"{terrain['size'][axis]:.2f}" for axis in "xyz"))

# Heights alone, in metres, for GIS (extra: pip install 'worldgen[geo]') and for tools that read OpenEXR.
world.export(out / "islands.exr", manifest=False)
try:
    world.export(out / "islands.tif", manifest=False)
except wg.MissingExtraError as error:
    print(error)
