"""What is declared is what there is; the public door is whole; imports point one way and stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import worldgen

ROOT = Path(__file__).parent.parent
tomllib = pytest.importorskip("tomllib")


def test_declared_packages_are_the_folders_on_disk():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {settings["package-dir"][package] for package in settings["packages"]}
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == on_disk


def test_all_that_is_listed_imports_and_all_that_is_imported_is_listed():
    for name in worldgen.__all__:
        assert getattr(worldgen, name) is not None
    assert set(worldgen.__all__) == set(worldgen._HOMES)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = worldgen.nothing


def test_importing_the_pipeline_loads_no_heavy_library():
    code = (
        "import sys, worldgen; worldgen.build; "
        "print([name for name in ('torch', 'vtk', 'pyvista', 'trimesh') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def _imports(folder: str) -> dict[str, set[str]]:
    found = {}
    for file in (ROOT / folder).glob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        found[file.stem] = names
    return found


def test_exporters_know_no_net():
    for names in _imports("export").values():
        assert not {name for name in names if name.startswith(("torch", "worldgen.models"))}


def test_nets_know_nothing_of_worlds():
    allowed = ("worldgen.models", "worldgen.errors", "worldgen.dem", "worldgen.kernel")
    for module, names in _imports("models").items():
        foreign = {name for name in names if name.startswith("worldgen") and not name.startswith(allowed)}
        assert foreign <= {"worldgen"}, f"{module} imports {foreign}"


def test_the_pipeline_points_one_way():
    order = [
        "config",
        "terrain",
        "hydrology",
        "biomes",
        "surfaces",
        "materials",
        "bake",
        "populate",
        "world",
        "build",
    ]
    imports = _imports("worldgen")
    for position, stage in enumerate(order):
        for later in order[position + 1 :]:
            assert f"worldgen.{later}" not in imports[stage], f"{stage} imports {later}"


def test_the_readme_tree_is_the_tree_on_disk():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The code")[2]
    named = {word for word in tree.partition("```\n")[2].partition("```")[0].split() if word.endswith(".py")}
    on_disk = {
        file.name for folder in ("worldgen", "models", "export") for file in (ROOT / folder).glob("*.py")
    }
    assert named == on_disk
