"""Your own objects: a .glb or .obj of yours is scattered beside the package's trees and rocks.

Run it with a model of yours, ``python examples/03_your_own_objects.py hut.glb``, or without one: then it
makes a simple hut first.
"""

import sys
from pathlib import Path

import trimesh

import worldgen as wg


def made_hut(path: Path) -> Path:
    """Write a box with a pyramid on it."""
    walls = trimesh.creation.box(extents=(4, 3, 4))
    walls.apply_translation((0, 1.5, 0))
    roof = trimesh.creation.cone(radius=3.4, height=2.2, sections=4)
    roof.apply_transform(trimesh.transformations.rotation_matrix(-1.5708, (1, 0, 0)))
    roof.apply_translation((0, 3, 0))
    walls.visual = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(baseColorFactor=(150, 120, 90, 255))
    )
    roof.visual = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(baseColorFactor=(90, 50, 40, 255))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.Scene([walls, roof]).export(path)
    return path


model = Path(sys.argv[1]) if len(sys.argv) > 1 else made_hut(Path("out/hut.glb"))
config = wg.WorldConfig(
    preset="temperate",
    seed=7,
    size=257,
    objects={
        "kinds": {"oak": 0.5},  # fewer oaks, to leave room
        "assets": [
            {"path": model, "name": "hut", "height": 5.2, "density": 2.0, "minimum_distance": 25.0,
             "maximum_slope": 15.0},
        ],
    },
)  # fmt: skip
world = wg.build(config)
print({placement.name: len(placement) for placement in world.placements})
print(*world.export("out/huts.glb"), sep="\n")
