"""The tree that exporters write: nodes with models, placed instances, lights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.mesh import Model

if TYPE_CHECKING:
    from worldgen.export.provenance import Provenance

Purpose = Literal["visible", "collider", "navigation", "start"]


class Level(NamedTuple):
    """A coarser model of what a node shows.

    Attributes
    ----------
    model : it, in the same local axes.
    coverage : share of the screen's height from which down it is shown, in (0, 1): MSFT_lod's
        ``MSFT_screencoverage``.
    """

    model: Model
    coverage: float


@dataclass(frozen=True, eq=False)
class Instances:
    """One model at N places.

    Attributes
    ----------
    model : the shared model.
    translations : (N, 3) float32, metres, relative to the parent node.
    rotations : (N, 4) float32, unit quaternions in glTF's order x, y, z, w.
    scales : (N,) float32, uniform scale.
    levels : coarser models of the same thing, finest first, for files that switch.
    """

    model: Model
    translations: NDArray[np.float32]
    rotations: NDArray[np.float32]
    scales: NDArray[np.float32]
    levels: tuple[Level, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.translations)
        if self.translations.shape != (count, 3) or self.rotations.shape != (count, 4):
            raise InputError(
                f"instances need translations (N, 3) and rotations (N, 4); "
                f"found {self.translations.shape} and {self.rotations.shape}"
            )
        if self.scales.shape != (count,):
            raise InputError(f"instances need scales ({count},); found {self.scales.shape}")

    def __len__(self) -> int:
        return len(self.translations)


@dataclass(frozen=True)
class DirectionalLight:
    """The sun.

    Attributes
    ----------
    direction : (3,) unit vector along which light travels, world axes.
    color : (3,) linear RGB in [0, 1].
    illuminance : lux.
    """

    direction: tuple[float, float, float]
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    illuminance: float = 100_000.0
    name: str = "sun"


@dataclass(frozen=True, eq=False)
class Node:
    """A named place in the tree; may show one model, many instances, a light, and have children.

    Attributes
    ----------
    translation : (3,) metres, relative to the parent, double precision.
    extras : JSON values that are carried into the file.
    levels : coarser models of ``model``, finest first, for files that switch.
    purpose : all but "visible" is for engines and never drawn: the model is a collision mesh or a mesh to
        walk on; a start is a place to stand that looks along its -z, turned by ``yaw``.
    yaw : degrees about +Y, counter-clockwise seen from above; of starts.
    """

    name: str
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    model: Model | None = None
    instances: Instances | None = None
    light: DirectionalLight | None = None
    children: tuple[Node, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    purpose: Purpose = "visible"
    yaw: float = 0.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A whole world at one level of detail, ready to be written.

    Attributes
    ----------
    extras : JSON values that are carried into the file.
    provenance : where the world comes from, for formats that can say it; None says nothing.
    """

    name: str
    nodes: tuple[Node, ...]
    extras: dict[str, Any] = field(default_factory=dict)
    provenance: Provenance | None = None

    def walk(self) -> Iterator[Node]:
        """Yield each node that is drawn, parents first; colliders and the like are left out."""
        stack = list(reversed(self.nodes))
        while stack:
            node = stack.pop()
            if node.purpose == "visible":
                yield node
                stack.extend(reversed(node.children))

    @property
    def triangles(self) -> int:
        """Number of triangles that are drawn, instances unrolled."""
        total = 0
        for node in self.walk():
            total += node.model.triangles if node.model else 0
            total += node.instances.model.triangles * len(node.instances) if node.instances else 0
        return total

    @property
    def placements(self) -> int:
        """Number of placed instances."""
        return sum(len(node.instances) for node in self.walk() if node.instances)
