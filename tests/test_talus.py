"""Aprons lie below cliffs, end where the energy line does, and are coarse at their foot."""

from __future__ import annotations

import numpy as np

from worldgen.talus import SHADOW_ANGLE, talus_aprons

SPACING = 2.0


def cliff_and_apron() -> np.ndarray:
    """Plateau, a wall of 80 m, a slope of 32 degrees, a plain; falls to the east."""
    x = np.arange(160) * SPACING
    height = np.interp(x, [0, 80, 100, 160, 320], [180, 180, 100, 100 - 60 * np.tan(np.radians(32)), 62.5])
    return np.tile(height, (20, 1)).astype(np.float32)


def test_debris_lies_below_the_wall_only():
    land = cliff_and_apron()
    talus, runout = talus_aprons(land, SPACING, np.ones(land.shape, bool))
    x = np.arange(160) * SPACING
    assert talus[:, x < 96].max() == 0  # neither on the plateau nor on the wall
    assert talus[:, (x > 108) & (x < 150)].min() > 0.1
    foot = land[0, 50]  # the wall's foot, x = 100
    beyond = foot - np.tan(np.radians(SHADOW_ANGLE)) * (x - 100) < land[0] - 3
    assert talus[:, beyond & (x > 104)].max() == 0
    on_apron = talus[10] > 0
    assert (np.diff(runout[10][on_apron][:20]) >= -1e-6).all()
    assert runout[10][on_apron][-1] > 0.9
    assert talus.dtype == runout.dtype == np.float32


def test_gentle_land_has_none():
    land = np.tile(np.arange(40, dtype=np.float32) * 0.9, (30, 1))  # 42 degrees at 1 m
    talus, runout = talus_aprons(land, 1.0, np.ones(land.shape, bool))
    assert talus.max() == runout.max() == 0


def test_none_lies_in_water():
    land = cliff_and_apron()
    dry = np.ones(land.shape, bool)
    dry[:, 60:] = False
    talus, _ = talus_aprons(land, SPACING, dry)
    assert talus[:, 60:].max() == 0
    assert talus[:, 50:60].max() > 0
