"""Colliders put where objects stand: quaternions, and many small meshes merged to one a cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from worldgen.export.rotations import rotated
from worldgen.mesh import Model
from worldgen.scene import Instances

FloatArray = NDArray[np.float64]


def joined(model: Model) -> tuple[FloatArray, NDArray[np.uint32]]:
    """Return positions and triangles of all primitives."""
    starts = np.cumsum([0, *(len(part.positions) for part in model.primitives)])
    indices = [part.indices + np.uint32(start) for part, start in zip(model.primitives, starts, strict=False)]
    positions = np.concatenate([part.positions for part in model.primitives]).astype(np.float64)
    return positions, np.concatenate(indices)


def merged_cells(
    groups: list[tuple[Instances, FloatArray]], cell_size: float | None
) -> Iterator[tuple[tuple[int, int], FloatArray, NDArray[np.uint32]]]:
    """Yield (row, column), world positions and triangles of all instances, by the cell that they stand in."""
    parts: dict[tuple[int, int], list[tuple[FloatArray, NDArray[np.uint32]]]] = {}
    for instances, place in groups:
        points, indices = joined(instances.model)
        translations = instances.translations.astype(np.float64) + place
        cells = np.floor(translations[:, [2, 0]] / (cell_size or np.inf)).astype(int)
        for cell in np.unique(cells, axis=0):
            chosen = (cells == cell).all(axis=1)
            count = int(chosen.sum())
            scaled = points * instances.scales[chosen].astype(np.float64)[:, None, None]
            turned = rotated(scaled, instances.rotations[chosen].astype(np.float64)[:, None])
            starts = (np.arange(count) * len(points)).astype(np.uint32)
            parts.setdefault((int(cell[0]), int(cell[1])), []).append(
                (
                    (turned + translations[chosen][:, None]).reshape(-1, 3),
                    (indices + starts[:, None, None]).reshape(-1, 3),
                )
            )
    first = np.min([*parts], axis=0) if parts else (0, 0)
    for (row, column), pieces in sorted(parts.items()):
        ends = np.cumsum([0, *(len(positions) for positions, _ in pieces)])
        faces = [indices + np.uint32(end) for (_, indices), end in zip(pieces, ends, strict=False)]
        at = int(row - first[0]), int(column - first[1])
        yield at, np.concatenate([positions for positions, _ in pieces]), np.concatenate(faces)
