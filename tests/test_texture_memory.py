"""A copy of a training material is found wherever it was cut, another material is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_materials import material

from worldgen.models.texture_memory import Shelf, likenesses, memory_table
from worldgen.models.texture_vae import TextureMaps


def rolled(maps: TextureMaps) -> TextureMaps:
    """Shifted by multiples of four texels, and darker."""
    moved = {name: np.roll(getattr(maps, name), (44, 100), axis=(0, 1)) for name in ("base_color", "height")}
    return replace(maps, base_color=moved["base_color"] * np.float32(0.8), height=moved["height"])


def test_copies_are_flagged_and_others_are_not() -> None:
    training = [material(seed) for seed in (0, 1)]
    table = memory_table({"copies": [rolled(training[1])], "others": [material(5)]}, training)
    assert table["copies"]["copies_64"] == table["copies"]["copies_128"] == 1
    assert table["others"]["copies_64"] == table["others"]["copies_128"] == 0
    assert table["others"]["likeness_128"] < 0.6


def test_a_flat_patch_is_not_like_anything() -> None:
    flat = replace(material(), height=np.full((256, 256), 0.5, np.float32))
    flat = replace(flat, base_color=np.full((256, 256, 3), 0.5, np.float32))
    assert likenesses([flat], Shelf([material()], 64)).max() < 0.1
