"""The contact sheet shows what the world's maps hold, where they hold it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

FILE = Path(__file__).parent.parent / "examples" / "contact_sheet.py"


@pytest.fixture(scope="module")
def sheet():
    spec = importlib.util.spec_from_file_location("contact_sheet", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def panels(sheet, small_world):
    return {
        name.split(",")[0]: (np.asarray(picture), legend) for name, picture, legend in sheet.maps(small_world)
    }


def _colors(picture, sheet, land, points):
    """(N, 3) colours at (N, 2) world x and z."""
    x, y = sheet.pixels(land, points).astype(int).T
    return picture[y, x].astype(int)


def test_a_sheet_has_six_panels_under_a_title(sheet, small_world):
    view = Image.new("RGB", (sheet.PANEL, sheet.PANEL), "#123456")
    image = sheet.contact_sheet(small_world, view)
    assert image.width >= 3 * sheet.PANEL
    assert image.height >= 2 * sheet.PANEL
    assert image.getpixel((image.width - 100, image.height - 200)) == ImageColor.getrgb("#123456")


def test_north_is_up_and_water_is_where_it_is(sheet, small_world, panels):
    grid, sea = small_world.heightmap.grid, small_world.hydrology.sea
    rows, columns = np.nonzero(sea)
    points = np.stack([grid.x[columns], grid.z[rows]], axis=1)
    picture, legend = panels["Relief and water"]
    assert (_colors(picture, sheet, small_world.heightmap, points) == ImageColor.getrgb(sheet.SEA)).all()
    assert legend[0] == (sheet.SEA, f"sea {sea.mean():.0%}")


def test_each_object_is_a_dot_of_its_kinds_colour(sheet, small_world, panels):
    kinds = {one.species.kind or one.name: one for one in small_world.placements}
    top = max(kinds, key=list(sheet.KINDS).index)  # drawn over all others
    picture, legend = panels["Objects"]
    found = _colors(picture, sheet, small_world.heightmap, kinds[top].points)
    assert (found == ImageColor.getrgb(sheet.KINDS[top])).all()
    assert {color for color, _ in legend} == {sheet.KINDS[kind] for kind in kinds}


def test_every_biome_surface_and_kind_has_a_colour_of_its_own(sheet):
    from worldgen.assets import KINDS
    from worldgen.biomes import BIOMES
    from worldgen.surfaces import SURFACES

    for known, colors in ((BIOMES, sheet.BIOMES), (SURFACES, sheet.SURFACES), (KINDS, sheet.KINDS)):
        assert set(colors) == set(known)
        assert len(set(colors.values())) == len(colors)
