"""Speed of the uncompressed .glb writer: against the disk itself, and against trimesh's exporter.

``python benchmarks/bench_export.py [--chunks 16] [--instances 2000] [--folder DIR] [--runs 3]``

The scene is a square of terrain chunks of 129 x 129 vertices and instances of two tree models. Its images are
of 4 x 4 texels, so that their encoding, which takes a world of real textures most of its time, stays apart:
what is counted is planning, JSON and writing. All ways write the same bytes to the same folder, or in
trimesh's case a file of its own with the same nodes, vertices and triangles; building trimesh's scene is not
counted. "synced" waits until the disk has the bytes, "cached" until the system has taken them. Processor time
is given too, for on a busy machine the clock says little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from worldgen.export import write_glb
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Node, Scene

CHUNK = 1 << 20

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--chunks", type=int, default=16, help="a side")
parser.add_argument("--instances", type=int, default=2000)
parser.add_argument("--folder", type=Path, default=None)
parser.add_argument("--runs", type=int, default=3)
arguments = parser.parse_args()


def tree(name: str, sides: int) -> Model:
    """A cone of triangles that share no vertex."""
    turn = np.arange(sides + 1) * 2 * np.pi / sides
    ring = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
    corners = np.stack([np.broadcast_to([0.0, 5.0, 0.0], (sides, 3)), ring[1:], ring[:-1]], axis=1)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    material = PBRMaterial(name, np.full((4, 4, 3), 90, np.uint8))
    positions = corners.reshape(-1, 3).astype(np.float32)
    indices = np.arange(3 * sides, dtype=np.uint32).reshape(-1, 3)
    texcoords = (positions[:, :2] / 10 + 0.5).astype(np.float32)
    return Model(
        name, (Mesh(positions, np.repeat(normals, 3, 0).astype(np.float32), texcoords, indices, material),)
    )


def make_scene() -> Scene:
    size = arguments.chunks * 128 + 1
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(size) / 40)
    elevation = (60 * wave[:, None] * wave + rng.normal(size=(size, size))).astype(np.float32)
    ground = PBRMaterial("ground", np.full((4, 4, 3), 120, np.uint8))
    chunks = terrain_chunks(Heightmap(elevation, Grid.centred((size, size), 2.0)), ground, levels=1)
    nodes = [
        Node(
            f"{chunk.window.row}_{chunk.window.column}", chunk.translation, Model("chunk", (chunk.levels[0],))
        )
        for chunk in chunks
    ]
    for name, sides in (("conifer", 60), ("broadleaf", 90)):
        count = arguments.instances // 2
        turns = Rotation.from_rotvec(rng.random((count, 1)) * [[0, 6.28, 0]]).as_quat()
        places = rng.uniform(-size, size, (count, 3)).astype(np.float32)
        scales = rng.uniform(0.5, 2, count).astype(np.float32)
        nodes.append(
            Node(name, instances=Instances(tree(name, sides), places, turns.astype(np.float32), scales))
        )
    return Scene("bench", tuple(nodes))


def for_trimesh(scene: Scene) -> trimesh.Scene:
    result = trimesh.Scene()

    def part(mesh: Mesh) -> trimesh.Trimesh:
        return trimesh.Trimesh(
            mesh.positions,
            mesh.indices,
            vertex_normals=mesh.normals,
            visual=trimesh.visual.TextureVisuals(uv=mesh.texcoords),
            process=False,
        )

    for node in scene.nodes:
        if node.model is not None:
            matrix = np.eye(4)
            matrix[:3, 3] = node.translation
            result.add_geometry(part(node.model.primitives[0]), node.name, transform=matrix)
        if node.instances is not None:
            places = node.instances
            matrices = np.tile(np.eye(4), (len(places), 1, 1))
            matrices[:, :3, :3] = (
                Rotation.from_quat(places.rotations).as_matrix() * places.scales[:, None, None]
            )
            matrices[:, :3, 3] = places.translations
            result.add_geometry(part(places.model.primitives[0]), geom_name=node.name, transform=matrices[0])
            for number, matrix in enumerate(matrices[1:]):
                result.graph.update(f"{node.name}_{number}", geometry=node.name, matrix=matrix)
    return result


def best(action: Callable[[], object], path: Path, *, synced: bool) -> tuple[float, float]:
    """Least seconds of all runs, on the clock and of processor time; each writes a new file."""
    times, processor = [], []
    for _ in range(arguments.runs):
        path.unlink(missing_ok=True)
        os.sync()
        start, busy = time.perf_counter(), time.process_time()
        action()
        if synced:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    return min(times), min(processor)


scene = make_scene()
other = for_trimesh(scene)
with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
    path = Path(folder) / "world.glb"
    write_glb(scene, path)
    data = path.read_bytes()

    def plainly() -> None:
        with path.open("wb", buffering=0) as stream:
            for start in range(0, len(data), CHUNK):
                stream.write(memoryview(data)[start : start + CHUNK])

    def by_trimesh() -> None:
        path.write_bytes(trimesh.exchange.gltf.export_glb(other, include_normals=True))

    print(f"{len(data) / 1e6:.0f} MB, {scene.triangles / 1e6:.1f} M triangles, {scene.placements} instances")
    for synced in (False, True):
        plain, ours, theirs = (
            best(action, path, synced=synced)
            for action in (plainly, lambda: write_glb(scene, path), by_trimesh)
        )
        print(f"{'synced' if synced else 'cached'}: plain write at {len(data) / plain[0] / 1e6:.0f} MB/s")
        for what, which in (("on the clock", 0), ("of processor time", 1)):
            print(
                f"  {what}: plain {plain[which]:.2f} s, "
                f"worldgen {ours[which]:.2f} s ({plain[which] / ours[which]:.0%} of that speed), "
                f"trimesh {theirs[which]:.2f} s ({theirs[which] / ours[which]:.1f} times as long)",
                flush=True,
            )
