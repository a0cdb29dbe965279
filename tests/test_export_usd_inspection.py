"""Figures of OpenUSD stages written as text by hand."""

from __future__ import annotations

import sys
import zipfile

import numpy as np
import pytest
from gltf_by_hand import png_header, write

from worldgen.errors import InputError, MissingExtraError
from worldgen.export.inspection import inspect_file

STAGE = """#usda 1.0
(
    customLayerData = {
        string generator = "by hand"
    }
    metersPerUnit = 0.5
    upAxis = "Z"
)
def Xform "World" {
    def Material "Earth" {
        token outputs:surface.connect = </World/Earth/s.outputs:surface>
        def Shader "s" {
            uniform token info:id = "UsdPreviewSurface"
            token outputs:surface
        }
        def Shader "t" {
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./earth.png@
        }
    }
    def Mesh "Ground" (prepend apiSchemas = ["MaterialBindingAPI"]) {
        rel material:binding = </World/Earth>
        point3f[] points = [(0, 0, 0), (4, 0, 0), (4, 2, 0), (0, 2, 6)]
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
    }
    def Mesh "Hidden" {
        token visibility = "invisible"
        point3f[] points = [(0, 0, 0), (99, 0, 0), (0, 99, 0)]
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
    }
    def Mesh "Collider" {
        uniform token purpose = "guide"
        point3f[] points = [(0, 0, 0), (99, 0, 0), (0, 99, 0)]
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
    }
    def PointInstancer "Rocks" {
        rel prototypes = [</World/Rocks/A>, </World/Rocks/B>]
        int[] protoIndices = [0, 0, 1]
        point3f[] positions = [(10, 0, 0), (20, 0, 0), (30, 0, 0)]
        def Mesh "A" {
            point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
            int[] faceVertexCounts = [3, 3]
            int[] faceVertexIndices = [0, 1, 2, 0, 2, 1]
        }
        def Mesh "B" {
            point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
            int[] faceVertexCounts = [3]
            int[] faceVertexIndices = [0, 1, 2]
        }
    }
    def DistantLight "Sun" {}
}
"""


@pytest.fixture
def stage(tmp_path):
    pytest.importorskip("pxr")
    write(tmp_path / "earth.png", png_header(8, 8))
    path = tmp_path / "a.usda"
    path.write_text(STAGE)
    return path


def test_figures(stage):
    found = inspect_file(stage)
    assert (found.format, found.triangles, found.draw_calls) == ("usd", 2 + 2 * 2 + 1, 3)
    assert (found.vertices, found.stored_vertices, found.meshes) == (4 + 2 * 3 + 3, 10, 3)
    assert (found.instances, found.lights, found.materials) == (2, 1, ("Earth",))
    # Z up in half metres: z is height, y is north, which glTF has at -z
    np.testing.assert_allclose(found.bounds, [(0, 0, -1), (15.5, 3, 0)])
    assert found.texture_memory_bytes == 4 * (64 + 16 + 4 + 1)
    assert dict(found.external_files) == {"earth.png": 33}
    assert found.provenance == {"generator": "by hand"}
    assert [part.name for part in found.parts] == ["Rocks", "Ground"]


def test_package(stage):
    path = stage.with_suffix(".usdz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        package.write(stage, "a.usda")
        package.write(stage.with_name("earth.png"), "earth.png")
    stage.with_name("earth.png").unlink()
    stage.unlink()
    found = inspect_file(path)
    assert (found.triangles, found.external_files) == (7, ())
    assert found.texture_memory_bytes == 340


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("#usda", "#usdx", "cannot be opened"),
        ("[0, 1, 2, 3]", "[0, 1, 2]", "4 corners, it lists 3"),
        ("[0, 1, 2, 3]", "[0, 1, 2, 4]", "found index 4; allowed: 0 .. 3"),
        ("[0, 0, 1]", "[0, 0, 2]", "a prototype that there is not"),
        ("earth.png", "absent.png", "absent.png not found"),
    ],
)
def test_damaged_stages_are_one_clear_line(stage, old, new, part):
    stage.write_text(STAGE.replace(old, new))
    with pytest.raises(InputError) as error:
        inspect_file(stage)
    assert part in str(error.value)
    assert str(error.value).startswith("a.usda: ")
    assert str(error.value).isprintable()


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MissingExtraError, match=r"worldgen\[usd\]"):
        inspect_file(write(tmp_path / "a.usdz", b""))
