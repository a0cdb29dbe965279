"""worldgen.export.fitting: what is written keeps to the budget, counted in the file itself."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import read_glb
from PIL import Image

import worldgen as wg
from worldgen.errors import ExportError
from worldgen.export.fitting import fitted_scene, levels_within, texture_sizes
from worldgen.export.options import ExportOptions


def counted(path: Path) -> tuple[int, int, int]:
    """Triangles, draw calls and bytes of textures with mipmaps of a .glb without instancing."""
    document, binary = read_glb(path)
    triangles = calls = 0
    for node in document["nodes"]:
        if "mesh" in node:
            for primitive in document["meshes"][node["mesh"]]["primitives"]:
                triangles += document["accessors"][primitive["indices"]]["count"] // 3
                calls += 1
    texels = 0
    for image in document["images"]:
        view = document["bufferViews"][image["bufferView"]]
        data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        width, height = Image.open(io.BytesIO(data)).size
        texels += width * height
    return triangles, calls, texels * 16 // 3


@pytest.mark.parametrize(
    "limits",
    [
        {"maximum_triangles": 40_000},
        {"maximum_triangles": 12_000, "maximum_draw_calls": 20},
        {"maximum_draw_calls": 12, "maximum_texture_bytes": -400_000},
        {"maximum_triangles": 20_000, "maximum_draw_calls": 30, "maximum_texture_bytes": -700_000},
    ],
)
def test_files_keep_to_the_budget(small_world: wg.World, tmp_path: Path, limits: dict[str, Any]) -> None:
    names = ("triangles", "draw_calls", "texture_bytes")
    small_world.export(tmp_path / "whole.glb", options=ExportOptions(objects="merged"), manifest=False)
    whole = dict(zip(names, counted(tmp_path / "whole.glb"), strict=True))
    if (
        "maximum_texture_bytes" in limits
    ):  # given as less than the whole: most of it is the sea's and the trees'
        limits = {**limits, "maximum_texture_bytes": whole["texture_bytes"] + limits["maximum_texture_bytes"]}
    path = tmp_path / "world.glb"
    options = ExportOptions(objects="merged", cell_size=100.0, **limits)
    small_world.export(path, options=options, manifest=False)
    found = dict(zip(names, counted(path), strict=True))
    for name, value in limits.items():
        key = name.removeprefix("maximum_")
        assert whole[key] > value or key == "draw_calls", "the limit must bind for the test to say something"
        assert found[key] <= value
    if "maximum_triangles" in limits:  # and uses most of it
        assert found["triangles"] > 0.8 * limits["maximum_triangles"]


def test_without_a_budget_it_is_the_world_s_scene(small_world: wg.World) -> None:
    names = [node.name for node in small_world.scene(1).walk()]
    assert [node.name for node in fitted_scene(small_world, ExportOptions(), 1).walk()] == names


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"maximum_triangles": 10}, "its share of the budget is 3: build a smaller world"),
        ({"maximum_draw_calls": 2}, "draw calls"),
        ({"maximum_texture_bytes": 1000}, "MB of textures"),
    ],
)
def test_what_cannot_fit_is_refused(small_world: wg.World, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        fitted_scene(small_world, ExportOptions(objects="merged", **limits))


def test_a_level_that_the_world_lacks_is_refused_with_a_budget_too(small_world: wg.World) -> None:
    with pytest.raises(ExportError, match="no terrain level 3; this world has levels 0 to 2"):
        fitted_scene(small_world, ExportOptions(maximum_triangles=10**6), 3)


def test_levels_of_the_first_are_the_finest() -> None:
    generator = np.random.default_rng(3)
    for _ in range(50):
        coarse = generator.integers(1, 20, 200)
        middle = coarse + generator.integers(0, 50, 200)
        costs = np.stack([middle + generator.integers(0, 500, 200), middle, coarse], axis=1)
        budget = int(generator.integers(100, 40_000))
        levels = levels_within(costs, budget)
        assert (np.diff(levels) >= 0).all()
        spent = np.take_along_axis(np.hstack([costs, np.zeros((200, 1), int)]), levels[:, None], 1).sum()
        assert spent <= budget
        if (levels == 3).any():  # nothing is finer while something is left out
            assert not (levels < 2).any() or budget - spent < costs.max()
        if (levels > 0).any():
            assert budget - spent < 2 * costs.max() + 0.6 * budget


def test_colour_is_the_last_to_lose_texels() -> None:
    whole = 16 * 3 * 1024**2 * 16 // 3
    assert set(texture_sizes(1024, 16, whole).values()) == {1024}
    assert texture_sizes(1024, 16, whole - 1) == {"base_color": 1024, "normal": 1024, "orm": 512}
    assert texture_sizes(1024, 16, whole * 2 // 3) == {"base_color": 1024, "normal": 512, "orm": 512}
    assert set(texture_sizes(1024, 16, whole // 4).values()) == {512}


def test_a_limit_of_draw_calls_needs_objects_that_are_put_together() -> None:
    with pytest.raises(ExportError, match="needs objects = 'merged' or 'instancing'; found 'nodes'"):
        ExportOptions(maximum_draw_calls=50)
    assert replace(ExportOptions(objects="auto"), maximum_draw_calls=50).maximum_draw_calls == 50
