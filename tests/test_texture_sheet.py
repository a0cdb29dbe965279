"""The sheet's small renderer: bumps look like bumps under a lamp at the upper left."""

from __future__ import annotations

import numpy as np

from worldgen.models import texture_sheet as sheet
from worldgen.models.texture_vae import TextureMaps


def bumps(size: int = 64, depth: float = 12.0) -> TextureMaps:
    """One round hill a tile, its top in the middle."""
    row, column = np.mgrid[:size, :size] - size / 2 + 0.5
    height = np.exp(-(row**2 + column**2) / (size / 6) ** 2).astype(np.float32)
    flat = np.full((size, size), 0.8, np.float32)
    return TextureMaps(np.full((size, size, 3), 0.5, np.float32), height, flat, flat, depth)


def test_hills_are_bright_towards_the_lamp() -> None:
    maps = bumps()
    surface = sheet._pyramid(maps)[0].reshape(-1, 8)
    view = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (len(surface), 3))
    light = sheet.shade(surface, surface[:, 3:6], view, sheet.SPHERE_LAMP).mean(axis=1).reshape(64, 64)
    assert light[24, 24] > 1.3 * light[40, 40]  # upper left of the hill over its lower right
    flat = light[0, 0]
    assert light[24, 24] > flat > light[40, 40]


def test_a_sphere_is_lit_from_the_upper_left() -> None:
    picture = sheet.sphere(bumps(depth=0.0), side=48).mean(axis=-1)
    assert picture[14, 14] > picture[24, 24] > picture[34, 34]
    assert picture[0, 0] == picture[-1, -1] < 0.3  # background


def test_a_plane_of_fine_checks_does_not_alias() -> None:
    maps = bumps(depth=0.0)
    checks = np.indices((64, 64)).sum(axis=0) % 2
    color = np.repeat(checks[..., None], 3, axis=-1).astype(np.float32)
    fine = TextureMaps(color, maps.height, maps.roughness, maps.occlusion, 0.0)
    even = TextureMaps(np.full_like(color, 0.735357), maps.height, maps.roughness, maps.occlusion, 0.0)
    far = [sheet.plane(one, width=64, height=42)[16:20, 24:40] for one in (fine, even)]
    assert np.abs(far[0] - far[1]).max() < 0.05  # half of the light, everywhere


def test_a_sheet_has_a_row_a_label() -> None:
    maps = bumps()
    found = sheet.texture_sheet([("rock", [maps, maps]), ("sand", [maps])])
    pixels = np.asarray(found)
    assert found.size[0] > 2 * (sheet.SIDE + sheet.WIDE)
    step = sheet.SIDE + sheet.LABEL + sheet.GAP
    assert found.size[1] == 2 * step + sheet.GAP
    first = np.s_[sheet.LABEL + sheet.GAP : step, : sheet.SIDE]
    assert np.array_equal(pixels[step:][first], pixels[first])  # one material, in both rows
