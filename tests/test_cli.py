"""The command line as a shell sees it: output, one-line errors and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from worldgen.config import WorldConfig


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from worldgen.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["build", "--preset", "alpin"], ["preset", "'alpin'", "did you mean 'alpine'"]),
        (["build", "--set", "terrain.relif=3"], ["terrain.relif", "did you mean 'relief'"]),
        (["build", "--set", "terrain"], ["--set", "'terrain'", "KEY=VALUE"]),
        (["build", "--size", "12"], ["size", "12", "33"]),
        (["build", "--size", "big"], ["--size"]),
        (["build", "-o", "world.fbx"], ["world.fbx", ".glb"]),
        (["build", "-o", "maps"], ["'maps'", "unknown suffix", ".glb"]),
        (["build", "--format", "map", "-o", "maps"], ["'map'", "did you mean 'maps'"]),
        (["build", "--format", "maps", "-o", "a.glb"], ["a.glb", "folder"]),
        (["build", "absent.toml"], ["absent.toml", "not found"]),
        (["build", "--dem", "absent.tif"], ["absent.tif", "not found"]),
        (["build", "--dem-scale", "2"], ["--dem-scale", "--dem"]),
        (["build", "--sed", "1"], ["--sed"]),
        (["train", "terrain", "--data", "absent"], ["absent", "folder"]),
        (["train", "terrain", "--data", ".", "--loss", "hing"], ["--loss", "'hing'", "'hinge'"]),
        (["inspect", "absent.glb"], ["absent.glb", "not found"]),
        (["inspect", "absent.glb", "--target", "quest9"], ["'quest9'", "quest3"]),
        (["nothing"], ["nothing"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    for part in parts:
        assert part in lines[0]
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X can be absent")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [([], "no display"), (["--screenshot", "picture.jpg"], ".png"), (["--view", "sideways"], "sideways")],
)
def test_a_preview_that_cannot_be_shown_fails_before_the_world_is_built(arguments, part, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    result = run("preview", "--size", "8193", *arguments)  # minutes, were it built
    assert result.returncode == 1
    assert part in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_help_and_version():
    assert "build" in run("--help").stdout
    assert run("--version").stdout.strip()


def test_presets_as_json_are_configs():
    presets = json.loads(run("presets", "--json").stdout)
    for name, values in presets.items():
        assert WorldConfig(**values) == WorldConfig(preset=name)


def test_schema_is_json_schema():
    schema = json.loads(run("schema").stdout)
    assert "seed" in schema["properties"]


@pytest.mark.slow
def test_build_prints_json_for_pipelines(tmp_path):
    target = tmp_path / "deep" / "er" / "land.png"
    result = run(
        "build", "--preset", "arctic", "--size", "65", "--seed", "2", "--json", "-o", str(target),
        "--set", "objects.density=0", "--set", "materials.texture_size=128",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["config"]["seed"] == 2
    assert target.is_file()
    assert {file["path"] for file in report["files"]} >= {str(target)}


def test_help_loads_nothing_heavy():
    code = (
        "import sys, worldgen.cli; "
        "print([name for name in ('numpy', 'numba', 'torch', 'pydantic', 'vtk') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
