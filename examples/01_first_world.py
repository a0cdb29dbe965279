"""The first world: a preset, a seed, a file that every engine opens, and a picture."""

import worldgen as wg

world = wg.build(wg.WorldConfig(preset="temperate", seed=7, size=257))
for path in world.export("out/first_world.glb"):
    print(path)
print(f"{len(world.placements)} kinds of objects, {world.heightmap.maximum:.0f} m at the highest")
print(world.screenshot("out/first_world.png", size=(960, 540)))
