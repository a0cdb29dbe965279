"""worldgen.export.targets: profiles of options, and folders for engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from export_examples import read_glb

import worldgen as wg
from worldgen.errors import ConfigError, ExportError
from worldgen.export import TARGETS, check_paths
from worldgen.export.options import ExportOptions
from worldgen.export.targets import target_named, with_options


@pytest.fixture(scope="module")
def folders(small_world: wg.World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of each target."""
    folder = tmp_path_factory.mktemp("targets")
    for name in TARGETS:
        files = small_world.export(folder / name, target=name)
        assert all(file.is_file() for file in files)
    return folder


def document(folders: Path, target: str) -> dict[str, Any]:
    return read_glb(folders / target / "world.glb")[0]


def test_what_opens_anywhere_requires_nothing(folders: Path) -> None:
    for target in ("portable", "vr", "unity", "unreal", "blender", "godot"):
        assert "extensionsRequired" not in document(folders, target), target
    allowed = {"KHR_lights_punctual", "KHR_xmp_json_ld"}
    for target in ("portable", "vr"):
        assert set(document(folders, target)["extensionsUsed"]) <= allowed, target


def test_web_is_small(folders: Path) -> None:
    used = set(document(folders, "web")["extensionsRequired"])
    assert used == {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_webp",
        "KHR_mesh_quantization",
    }
    sizes = {name: (folders / name / "world.glb").stat().st_size for name in ("web", "portable")}
    assert sizes["web"] < sizes["portable"] / 5


def test_few_meshes_are_drawn_by_default_and_nodes_are_for_engines(
    folders: Path, small_world: wg.World
) -> None:
    placements = sum(map(len, small_world.placements))
    drawn = {
        name: sum("mesh" in node for node in document(folders, name)["nodes"])
        for name in ("portable", "unity")
    }
    assert drawn["unity"] > placements > 3 * drawn["portable"]


def test_engines_get_their_ground_and_colliders(folders: Path) -> None:
    for name, file in (("unreal", "landscape.json"), ("unity", "terrain.json"), ("godot", "terrain.json")):
        assert json.loads((folders / name / "landscape" / file).read_text(encoding="utf-8"))["layers"]
    assert any(node["name"].endswith("-colonly") for node in document(folders, "godot")["nodes"])
    assert any(node["name"].startswith("UCX_") for node in document(folders, "unreal")["nodes"])
    assert (folders / "tiles" / "tileset.json").is_file()
    assert not (folders / "tiles" / "world.glb").exists()


def test_headsets_know_where_players_start(folders: Path, small_world: wg.World) -> None:
    extras = document(folders, "vr")["scenes"][0]["extras"]
    starts = [(*place["position"], place["yaw_degrees"]) for place in extras["player_starts"]]
    assert starts == [tuple(start) for start in small_world.player_starts()] != []


def test_each_file_says_where_it_comes_from(folders: Path) -> None:
    for name, target in TARGETS.items():
        if target.format == ".glb":
            asset = document(folders, name)["asset"]
            assert asset["copyright"], name
            assert asset["extensions"]["KHR_xmp_json_ld"]["packet"] == 0
    for name in ("unreal", "unity", "godot"):
        pictures = list((folders / name / "landscape").rglob("*.png"))
        assert len(pictures) > 20
        assert all(b"trainedAlgorithmicMedia" in picture.read_bytes() for picture in pictures)


def test_levels_as_files_of_their_own(small_world: wg.World, tmp_path: Path) -> None:
    options = ExportOptions(objects="merged", level_files=True)
    files = small_world.export(tmp_path / "isles.glb", options=options, manifest=False)
    assert [file.name for file in files] == ["isles.glb", "isles_lod1.glb", "isles_lod2.glb"]
    counts = []
    for file in files:
        found = read_glb(file)[0]
        terrain = [mesh for mesh in found["meshes"] if mesh["name"].startswith("terrain")]
        counts.append(sum(found["accessors"][mesh["primitives"][0]["indices"]]["count"] for mesh in terrain))
    assert counts == [6 * 128 * 128, 6 * 64 * 64, 6 * 32 * 32]


def test_options_are_set_one_by_one() -> None:
    web = TARGETS["web"].options
    changed = with_options(web, {"image_format": "ktx2", "cell_size": 100, "compression": None})
    assert (changed.image_format, changed.cell_size, changed.compression) == ("ktx2", 100.0, None)
    assert changed.quantize
    assert with_options(web, {}) == web
    assert with_options(web, {"georeference": [7, 46, 0]}).georeference == (7.0, 46.0, 0.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objets": 1}, "found option 'objets'; did you mean 'objects'"),
        ({"objects": "heap"}, "option objects: found 'heap'; Input should be 'nodes', 'instancing'"),
        ({"cell_size": "wide"}, "option cell_size: found 'wide'; Input should be a valid number"),
        ({"quality": 200}, r"option quality must be in 1 \.\. 95; found 200"),
        ({"georeference": [200, 0, 0]}, "georeference must be .* found .200"),
        ({"maximum_triangles": 0}, "maximum_triangles must be at least 1; found 0"),
    ],
)
def test_wrong_options_are_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        with_options(ExportOptions(), values)
    assert "\n" not in str(caught.value)


def test_wrong_targets_and_places_are_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found target 'unrael'; did you mean 'unreal'"):
        target_named("unrael")
    with pytest.raises(ConfigError, match="found target 'psp'"):
        check_paths([tmp_path / "x"], target="psp")
    with pytest.raises(ConfigError, match=r"cannot write '.*world\.fbx': unknown suffix"):
        check_paths([tmp_path / "world.fbx"], target="web")
    check_paths([tmp_path / "folder", tmp_path / "world.glb"], target="web")


def test_a_user_s_png_goes_where_jpeg_would() -> None:
    assert TARGETS["unity"].options_for("png").image_format == "png"
    assert TARGETS["web"].options_for("png").image_format == "webp"
    with pytest.raises(ExportError, match="image_format must be one of"):
        ExportOptions(image_format="gif")  # type: ignore[arg-type]
