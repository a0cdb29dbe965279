"""The kinds of objects that the package makes from a seed, by name, and the door for user meshes."""

from __future__ import annotations

from collections.abc import Callable

from worldgen.asset_kind import AssetKind
from worldgen.broadleaves import broadleaf, shrub
from worldgen.cacti import cactus
from worldgen.conifers import conifer
from worldgen.dead_trees import dead_tree
from worldgen.errors import InputError, nearest
from worldgen.ground_plants import grass, reed
from worldgen.palms import fern, palm
from worldgen.rocks import boulder, rock
from worldgen.user_meshes import load_user_kind

__all__ = ["KINDS", "AssetKind", "build_kind", "load_user_kind"]


def _snowy_conifer(seed: int) -> AssetKind:
    return conifer(seed, "snowy_conifer", snow=0.55)


KINDS: dict[str, Callable[[int], AssetKind]] = {
    "boulder": boulder,
    "broadleaf": broadleaf,
    "cactus": cactus,
    "conifer": conifer,
    "dead_tree": dead_tree,
    "fern": fern,
    "grass": grass,
    "palm": palm,
    "reed": reed,
    "rock": rock,
    "shrub": shrub,
    "snowy_conifer": _snowy_conifer,
}


def build_kind(name: str, seed: int) -> AssetKind:
    """Return one kind of object with its variants and levels of detail, made from the world's seed.

    Raises
    ------
    InputError
        If no kind has that name.
    """
    builder = KINDS.get(name)
    if builder is None:
        raise InputError(f"unknown kind of object '{name}'; {nearest(name, KINDS)}")
    return builder(seed)
