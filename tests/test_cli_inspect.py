"""`worldgen inspect` as a shell sees it."""

from __future__ import annotations

import json
import sys

import pytest
from gltf_by_hand import glb, triangle_document, write

from worldgen.cli import main


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["worldgen", *arguments])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def many(tmp_path):
    """A file of 100 nodes of one triangle."""
    nodes = [{"name": f"[red]tree_{number}", "mesh": 0} for number in range(100)]
    return str(
        write(
            tmp_path / "many.glb", glb(triangle_document(nodes=nodes, scenes=[{"nodes": list(range(100))}]))
        )
    )


def test_figures_for_people(many, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "inspect", many, "--nodes")
    assert code == 0
    assert "100 (300 vertices; 3 stored)" in out
    assert "100 (1 if nodes of one mesh are batched)" in out
    assert "[red]tree_0 and 99 like it" in out  # a name is never markup


def test_json_has_the_fields_that_pipelines_read(many, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "inspect", many, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["triangles"] == found["draw_calls"] == found["instances"] == found["nodes"] == 100
    assert found["bounds"] == {"min": [0, 0, 0], "max": [1, 2, 0]}
    fields = "vertices materials textures texture_memory_bytes geometry_memory_bytes file_bytes"
    for name in [*fields.split(), "extensions_used", "extensions_required"]:
        assert name in found
    assert "rows" not in found
    _, out, _ = run(monkeypatch, capsys, "inspect", many, "--json", "--nodes")
    assert json.loads(out)["rows"][0]["nodes"] == 100


def test_exit_code_says_whether_it_fits(many, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "inspect", many, "--target", "quest3")
    assert code == 0
    assert "fits" in out
    code, out, _ = run(monkeypatch, capsys, "inspect", many, "--target", "quest2")
    assert code == 1
    assert "does not fit" in out
    assert "OVER  draw calls" in out
    code, out, _ = run(monkeypatch, capsys, "inspect", many, "--target", "quest2", "--json")
    assert code == 1
    result = json.loads(out)
    assert result["passed"] is False
    assert [row["metric"] for row in result["checks"] if row["verdict"] == "over"] == ["draw calls"]


def test_damaged_files_are_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "cut.glb", glb(triangle_document())[:-4])
    code, out, err = run(monkeypatch, capsys, "inspect", str(path))
    assert (code, out) == (2, "")
    assert err.startswith("worldgen: cut.glb: ")
    assert len(err.splitlines()) == 1
