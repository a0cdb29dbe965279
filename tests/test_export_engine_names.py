"""Names that Godot's importer would act on are changed, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from export_examples import grid_mesh, read_glb

from worldgen.export import write_glb
from worldgen.export.engine_names import harmless_name
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.scene import Node, Scene


def godot_acts_on(name: str) -> bool:
    """Godot 4's own test in words: cut digits, blanks and "_" off the end, then look at what it ends in."""
    for sign in '.:@/"%':
        name = name.replace(sign, "_")
    name = name.rstrip("0123456789_ ").lower()
    words = ["noimp", "colonly", "convcolonly", "rigid", "col", "convcol", "navmesh", "occ", "occonly"]
    words += ["vehicle", "wheel", "alpha", "vcol"]
    return any(f"${word}" in name or name.endswith((f"-{word}", f"_{word}")) for word in words)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "rock_col",
            "rock_col_3",
            "Rock-COL",
            "tree_wheel_12",
            "a$colonly_b",
            "door.col",
            "x_navmesh",
            "leaf_alpha",
        ),
        *("protocol", "rock_colour", "col", "terrain_0_0", "start_0", "alpha", "occ_lusion", "US$", "a$b"),
    ],
)
def test_no_name_sets_godot_off_by_accident(name: str) -> None:
    assert not godot_acts_on(harmless_name(name))
    assert (harmless_name(name) == name) == (not godot_acts_on(name))


def test_visible_names_are_made_harmless_in_the_file(tmp_path: Path) -> None:
    mesh = grid_mesh(2, 2, PBRMaterial("leaf_alpha"))
    scene = Scene("names", (Node("rock_col", model=Model("stone-col", (mesh,))),))
    write_glb(scene, tmp_path / "names.glb")
    document, _ = read_glb(tmp_path / "names.glb")
    for table in ("nodes", "meshes", "materials"):
        assert not any(godot_acts_on(entry["name"]) for entry in document[table])
