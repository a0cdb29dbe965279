"""Budgets: verdicts at the edges, and advice that follows what has the most."""

from __future__ import annotations

from pathlib import Path

import pytest

from worldgen.errors import ConfigError
from worldgen.export.budgets import BUDGETS, budget_named, check, shown
from worldgen.export.costs import Inspection, NodeCost, PartCost, TextureCost, Unseen


def world(**figures):
    """An inspection of a file of the package's own."""
    return Inspection(Path("a.glb"), "glb", 1000, provenance={"generator": "worldgen 9"}, **figures)


def row(inspection, target, metric):
    (found,) = [entry for entry in check(inspection, budget_named(target)) if entry.metric == metric]
    return found


@pytest.mark.parametrize(("calls", "verdict"), [(50, "ok"), (51, "tight"), (80, "tight"), (81, "over")])
def test_verdicts_change_just_above_a_limit(calls, verdict):
    assert row(world(draw_calls=calls), "quest2", "draw calls").verdict == verdict


def test_every_budget_measures_an_empty_file():
    for name in BUDGETS:
        assert all(entry.verdict == "ok" for entry in check(world(), budget_named(name)))


def test_unknown_targets_are_config_errors():
    with pytest.raises(ConfigError, match="quest3"):
        budget_named("quest4")


def test_draw_calls_of_objects_ask_for_merging():
    parts = (PartCost("objects", 900, 300, 35, 0), PartCost("terrain", 900, 4, 4, 0))
    advice = row(world(draw_calls=304, batched_draw_calls=39, parts=parts), "quest2", "draw calls").advice
    assert "98 % are objects" in advice
    assert "--target vr" in advice
    assert "at least 39" in advice
    assert "chunk_quads" not in advice


def test_draw_calls_of_terrain_ask_for_larger_chunks():
    parts = (PartCost("terrain", 64 * 8192, 64, 64, 0), PartCost("objects", 900, 30, 30, 0))
    rows = tuple(NodeCost(f"terrain_{n}_0", 1, 8192, 1, 1, 0, None) for n in range(64))  # 64 quads a side
    advice = row(world(draw_calls=94, parts=parts, rows=rows), "quest2", "draw calls").advice
    assert "68 % are terrain" in advice
    assert "output.chunk_quads=256 cuts terrain from 64 to about 4" in advice


def test_triangles_of_terrain_ask_for_a_coarser_level():
    parts = (PartCost("terrain", 3_000_000, 9, 9, 0), PartCost("objects", 500_000, 9, 9, 0))
    advice = row(world(triangles=3_500_000, parts=parts), "quest2", "triangles").advice
    # a level down leaves 500,000 + 750,000, which is still too much; two leave 500,000 + 187,500
    assert "--level 2 leaves about 687,500" in advice
    assert "density" not in advice


def test_triangles_of_objects_ask_for_fewer():
    parts = (PartCost("terrain", 500_000, 9, 9, 0), PartCost("objects", 2_000_000, 9, 9, 0))
    advice = row(world(triangles=2_500_000, parts=parts), "quest2", "triangles").advice
    assert "80 % are objects" in advice
    assert "objects.density to 0.25 of" in advice


def test_texture_memory_of_terrain_asks_for_smaller_maps():
    # 64 chunks of three maps of 1024: 64 * 3 * 5.6 MB
    one = 4 * (4**11 - 1) // 3
    textures = tuple(TextureCost(f"terrain_{n}", "jpeg", 1024, 1024, 1000, one) for n in range(192))
    total = 192 * one
    parts = (PartCost("terrain", 1, 1, 1, total),)
    found = world(textures=textures, texture_memory_bytes=total, parts=parts)
    advice = row(found, "quest3", "texture memory").advice
    assert "100 % are terrain" in advice
    assert "materials.texture_size=256 leaves about 67 MB" in advice  # 512 would leave 268, above 256
    assert "ktx2" in advice


def test_files_of_others_get_no_options_of_ours():
    found = Inspection(Path("a.glb"), "glb", 10**9, draw_calls=999, triangles=10**8)
    for entry in check(found, budget_named("web")):
        assert "--" not in entry.advice


def test_required_extensions_of_engines():
    found = world(extensions_required=("KHR_mesh_quantization",))
    assert row(found, "godot", "required extensions").verdict == "over"
    assert "KHR_mesh_quantization" in row(found, "unreal", "required extensions").advice
    assert row(found, "unity", "required extensions").verdict == "ok"
    found = world(extensions_required=("EXT_meshopt_compression",))
    assert row(found, "quest2", "required extensions").verdict == "tight"
    assert row(found, "godot", "required extensions").verdict == "over"


def test_collision_names_count_as_drawn_where_they_are_not_known():
    found = world(triangles=600_000, unseen=Unseen(3, 600_000, 3, ("unreal",)))
    assert row(found, "quest2", "triangles").found == "1,200,000"
    assert row(found, "unreal", "collision names").verdict == "ok"
    assert row(found, "godot", "collision names").verdict == "tight"


def test_heightmap_sizes():
    found = Inspection(Path("a.r16"), "r16", 10, heightmap={"width": 513, "height": 513})
    assert row(found, "unity", "heightmap size").verdict == "ok"
    unreal = row(found, "unreal", "heightmap size")
    assert unreal.verdict == "over"
    assert "--size 505" in unreal.advice


def test_the_table_in_the_docs_is_the_one_in_the_code():
    text = (Path(__file__).parent.parent / "docs" / "budgets.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| target"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows[name] = [cell for cell in cells if cell]
    limited = {name for name, budget in BUDGETS.items() if budget.limits and name == budget.name}
    assert {name for name in rows if set(name) != {"-"}} == limited
    for name in limited:
        assert len(rows[name]) == len(BUDGETS[name].limits)
        for limit, cell in zip(BUDGETS[name].limits, rows[name], strict=True):
            most = shown(limit.metric, limit.most).replace(".0 MB", " MB")
            assert f"{most} ({limit.source})" in cell
