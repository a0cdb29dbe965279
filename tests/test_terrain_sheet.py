"""The blind sheet: light from the north-west, and a key that names each place in the grid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import InputError
from worldgen.models.terrain_sheet import GAP, blind_sheet, hillshade


def slope_facing(north: float, east: float) -> np.ndarray:
    """Ground that falls towards the given direction."""
    rows, columns = np.mgrid[:16, :16].astype(float)
    return 30 * (north * rows - east * columns)


def test_slopes_that_face_north_west_are_light() -> None:
    level = hillshade(np.zeros((16, 16)), 30.0)[8, 8]
    assert hillshade(slope_facing(0.3, -0.3), 30.0)[8, 8] > level
    assert hillshade(slope_facing(-0.3, 0.3), 30.0)[8, 8] < level
    assert level == round(255 * 0.5**0.5)
    np.testing.assert_array_equal(
        hillshade(slope_facing(0.3, 0), 30.0), hillshade(2 * slope_facing(0.3, 0), 60.0)
    )


def test_the_key_says_which_is_which(tmp_path: Path) -> None:
    level, lit = np.zeros((16, 16)), slope_facing(0.5, -0.5)
    real = [(level, 30.0, f"real{index}") for index in range(3)]
    made = [(lit, 30.0, f"made{index}") for index in range(4)]
    key = json.loads(blind_sheet(real, made, tmp_path / "out" / "sheet.png", seed=1).read_text())
    pixels = np.asarray(Image.open(tmp_path / "out" / "sheet.png"))
    assert [len(row) for row in key] == [3, 3, 1]
    names = [cell["name"] for row in key for cell in row]
    assert sorted(names) == sorted(name for _, _, name in real + made)
    assert names != sorted(names)
    for row, cells in enumerate(key):
        for column, cell in enumerate(cells):
            middle = pixels[GAP + row * (16 + GAP) + 8, GAP + column * (16 + GAP) + 8]
            assert (middle > 200) == cell["generated"] == cell["name"].startswith("made")


def test_maps_of_several_sizes_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one size"):
        blind_sheet([(np.zeros((8, 8)), 1.0, "a")], [(np.zeros((9, 9)), 1.0, "b")], tmp_path / "x.png", 0)
