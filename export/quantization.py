"""Positions, normals and texture coordinates as integers, by KHR_mesh_quantization.

Whatever stands once in the world (terrain chunks, water, merged objects) is rounded to one grid for the whole
scene: a power of two of a metre, counted from the world's origin. So a vertex that two chunks share stays at
one place to the bit, and so do tiles of one world that are written with one step. Models that stand at many
places have a grid of their own, for their places lie on none.

Errors, at most: positions half a step along each axis; a step is 7.8 mm for chunks of up to 511 m, 15.6 mm
up to 1023 m, and for objects the power of two below 1/16384 of their extent: 1 mm for a tree of 16 to 32 m.
Normals and tangents 0.4 degrees. Texture coordinates 1/131070 of the image, where they lie in 0 .. 1;
others stay float32.

Source: Khronos, KHR_mesh_quantization.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.rotations import rotated
from worldgen.mesh import Mesh, Model
from worldgen.scene import Instances, Node, Scene

MOST_STEPS = 65535
OBJECT_BITS = 15
# Where edges are shorter than this many steps, rounding would bend the shape: blades of grass that are merged
# to a mesh of half a kilometre.
SHORTEST_EDGE = 16
# Share of the placed vertices that must fit the integers. One sea across the whole world must not make all
# chunks coarse: what is wider stays float32, on the same grid.
FITTING = 0.9

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Dequantization:
    """How stored positions become a model's: ``offset + scale * stored``.

    Attributes
    ----------
    offset : (3,) metres.
    scale : metres a step, the same along all axes.
    """

    offset: FloatArray
    scale: float

    def node(self, translation: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> dict[str, Any]:
        """Return ``translation`` and ``scale`` of a glTF node that shows the model at a place."""
        place = [float(value) for value in self.offset + np.asarray(translation, np.float64)]
        result: dict[str, Any] = {"translation": place} if place != [0.0, 0.0, 0.0] else {}
        return result | ({"scale": [self.scale] * 3} if self.scale != 1.0 else {})


def fold(instances: Instances, dequantization: Dequantization) -> Instances:
    """Return placements that place the stored positions: T + R (S offset), R, S scale."""
    rotations = instances.rotations.astype(np.float64)
    lengths = np.linalg.norm(rotations, axis=1, keepdims=True)
    scales = instances.scales.astype(np.float64)
    moved = rotated(scales[:, None] * dequantization.offset, rotations / np.where(lengths > 0, lengths, 1.0))
    return dataclasses.replace(
        instances,
        translations=(instances.translations + moved).astype(np.float32),
        scales=(scales * dequantization.scale).astype(np.float32),
    )


def scene_step(scene: Scene) -> float:
    """Return the scene's step in metres: the finest power of two whose integers hold the placed models.

    Models with a tenth of the vertices may be wider; they stay float32. The step is never so fine that
    float32 could not tell two places apart at the far end of the world.
    """
    return _step_of(_placed(scene))


class SceneGrid:
    """Says for each model of a scene how its positions are stored.

    Parameters
    ----------
    scene : what is written.
    step : metres, a power of two; None chooses by the scene.
    """

    def __init__(self, scene: Scene, step: float | None = None) -> None:
        placed = _placed(scene)
        self.step = step or _step_of(placed)
        self._places = placed
        self._known: dict[int, tuple[Dequantization, Model]] = {}

    def of(self, model: Model) -> Dequantization:
        """Return how a model's stored positions become its own."""
        if id(model) not in self._known:
            place = self._places.get(id(model))
            made = self._local(model) if place is None else self._global(model, place[1])
            self._known[id(model)] = (made, model)
        return self._known[id(model)][0]

    def positions(self, mesh: Mesh, model: Model) -> NDArray[Any]:
        """Return stored positions of a model's part: (V, 4) uint16, the last column 0, or (V, 3) float32."""
        found = self.of(model)
        place = self._places.get(id(model))
        steps = (mesh.positions.astype(np.float64) - found.offset) / found.scale
        if place is not None and found.scale == self.step and _median_edge(mesh) < SHORTEST_EDGE * self.step:
            return steps.astype(np.float32)
        if place is not None and found.scale != self.step:
            return (np.rint(steps / self.step) * self.step).astype(np.float32)
        stored = np.zeros((len(steps), 4), np.uint16)
        stored[:, :3] = np.rint(steps)
        return stored

    def steps(self, mesh: Mesh, model: Model) -> tuple[NDArray[np.uint32], float]:
        """Return positions for a codec that quantises by itself.

        Returns
        -------
        steps : (V, 3) uint32, whole steps from the offset of `of`.
        step : metres, a power of two: the grid's, or finer for fine meshes.
        """
        found = self.of(model)
        step = found.scale
        if id(model) in self._places:
            step = self.step
            while _median_edge(mesh) < SHORTEST_EDGE * step and step > 2.0**-20:
                step /= 2
        steps = np.rint((mesh.positions.astype(np.float64) - found.offset) / step)
        return steps.astype(np.uint32), step

    def _global(self, model: Model, world: FloatArray) -> Dequantization:
        low, high = _bounds(model)
        first = np.floor((low + world) / self.step)
        fits = (np.rint((high + world) / self.step) - first).max() <= MOST_STEPS
        return Dequantization(first * self.step - world, self.step if fits else 1.0)

    def _local(self, model: Model) -> Dequantization:
        low, high = _bounds(model)
        extent = max(float((high - low).max()), 1e-6)
        step = float(2.0 ** (np.ceil(np.log2(extent)) - OBJECT_BITS))
        return Dequantization(np.floor(low / step) * step, step)


def quantized_vectors(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return (V, 4) int8 of (V, 3) normals, whose last column is 0, or of (V, 4) tangents."""
    stored = np.zeros((len(vectors), 4), np.int8)
    stored[:, : vectors.shape[1]] = np.rint(vectors * np.float32(127))
    return stored


def quantized_texcoords(texcoords: NDArray[np.float32]) -> NDArray[Any]:
    """Return (V, 2) uint16 that are 65535 at 1, or the array as it is where it leaves 0 .. 1."""
    if len(texcoords) and (texcoords.min() < 0 or texcoords.max() > 1):
        return texcoords
    stored: NDArray[np.uint16] = np.rint(texcoords * np.float32(65535)).astype(np.uint16)
    return stored


def _nodes(nodes: tuple[Node, ...], parent: FloatArray) -> Iterator[tuple[Node, FloatArray]]:
    for node in nodes:
        world = parent + np.asarray(node.translation, np.float64)
        yield node, world
        yield from _nodes(node.children, world)


def _placed(scene: Scene) -> dict[int, tuple[Model, FloatArray]]:
    """Return models that stand at one place of the world, by identity, with that place."""
    places: dict[int, tuple[Model, FloatArray]] = {}
    shared = set()
    for node, world in _nodes(scene.nodes, np.zeros(3)):
        models = [node.model] if node.model is not None else []
        for model in models + [level.model for level in node.levels]:
            if id(model) in places and not np.array_equal(places[id(model)][1], world):
                shared.add(id(model))
            places.setdefault(id(model), (model, world))
        if node.instances is not None:
            shared.add(id(node.instances.model))
            shared.update(id(level.model) for level in node.instances.levels)
    return {key: place for key, place in places.items() if key not in shared and place[0].primitives}


def _step_of(placed: dict[int, tuple[Model, FloatArray]]) -> float:
    rows = []
    reach = 0.0
    for model, world in placed.values():
        low, high = _bounds(model)
        reach = max(reach, float(np.abs(low + world).max()), float(np.abs(high + world).max()))
        count = sum(len(part.positions) for part in model.primitives)
        rows.append((float((high - low).max()), count))
    if not rows or not np.isfinite(reach):
        return 2.0**-10
    rows.sort()
    extents, counts = np.array(rows).T
    wanted = extents[np.searchsorted(np.cumsum(counts), FITTING * counts.sum())]
    finest = max(wanted / (MOST_STEPS - 1), reach * 2.0**-23, 2.0**-20)
    return float(2.0 ** np.ceil(np.log2(finest)))


def _bounds(model: Model) -> tuple[FloatArray, FloatArray]:
    low, high = model.bounds
    return low.astype(np.float64), high.astype(np.float64)


def _median_edge(mesh: Mesh) -> float:
    """Metres, of the first edges of about a thousand triangles."""
    some = mesh.indices[:: max(1, len(mesh.indices) // 1000)]
    edges = mesh.positions[some[:, 0]] - mesh.positions[some[:, 1]]
    return float(np.median(np.linalg.norm(edges.astype(np.float64), axis=1))) if len(some) else np.inf
