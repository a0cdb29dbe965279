"""Figures of OBJ files written by hand; damaged ones are refused."""

from __future__ import annotations

import pytest
from gltf_by_hand import png_header, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worldgen.errors import InputError
from worldgen.export.inspection import inspect_file

TEXT = """# by hand
mtllib a b.mtl
o ground
v -1 0 0
v 2.5 0 0 0.1 0.2 0.3
v 2.5 3e0 0
v -1 3 -4
vt 0 0
vt 1 0
vn 0 0 1
usemtl earth
f 1/1/1 2/2/1 3/1/1 4/2/1
f 1 2 3
usemtl earth
f -4//1 -3//1 -2//1
usemtl bare
f 1/1 2/2 3/1
g rock_1
usemtl earth
f 1 2 \\
 3 4 1
o empty
"""
LIBRARY = """newmtl earth
Kd 1 1 1
map_Kd -s 2 2 1 -bm 0.5 earth color.png
map_Bump -bm 1.0 bump.png
norm bump.png
newmtl bare
newmtl other
map_Kd other.png
"""


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "a b.mtl").write_text(LIBRARY)
    write(tmp_path / "earth color.png", png_header(8, 8))
    write(tmp_path / "bump.png", png_header(4, 4))
    write(tmp_path / "other.png", png_header(64, 64))
    path = tmp_path / "a.obj"
    path.write_text(TEXT)
    return path


def test_figures(scene):
    found = inspect_file(scene)
    assert (found.format, found.triangles, found.draw_calls) == ("obj", 2 + 1 + 1 + 1 + 3, 3)
    assert (found.nodes, found.stored_vertices, found.materials) == (2, 4, ("bare", "earth"))
    assert found.bounds == ((-1, 0, -4), (2.5, 3, 0))
    assert [(t.name, t.use, t.width) for t in found.textures] == [
        ("earth color.png", "drawn", 8),
        ("bump.png", "drawn", 4),
        ("other.png", "unused", 64),
    ]
    assert found.texture_memory_bytes == 4 * (64 + 16 + 4 + 1) + 4 * (16 + 4 + 1)
    assert found.total_bytes == sum(file.stat().st_size for file in scene.parent.iterdir())
    assert [(row.name, row.triangles, row.draw_calls) for row in found.rows] == [
        ("ground", 5, 2),
        ("rock_1", 3, 1),
    ]
    assert [part.name for part in found.parts] == ["ground", "rock"]
    # 3 + 3 + 2 floats a vertex, uint16 indices
    assert found.geometry_memory_bytes == 4 * 32 + 8 * 6


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_cut_anywhere_give_the_same(scene, size, monkeypatch):
    whole = inspect_file(scene)
    monkeypatch.setattr("worldgen.export.obj_reading.BLOCK", size)
    assert inspect_file(scene) == whole


def test_windows_line_ends_tabs_and_indents(scene):
    whole = inspect_file(scene)
    changed = TEXT.replace("\nv ", "\n  v\t").replace("\nf ", "\n\tf  ").replace("\n", "\r\n")
    scene.write_bytes(changed.encode())
    found = inspect_file(scene)
    assert (found.triangles, found.draw_calls, found.bounds) == (
        whole.triangles,
        whole.draw_calls,
        whole.bounds,
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no vertices"),
        ("binary \0\1\2", "no vertices"),
        ("v 1 2 x\n", "not a number"),
        ("v 1 2\n", "fewer than three coordinates"),
        ("v 1 2 nan\n", "cannot hold"),
        ("v 1 2 3\nf 1 1 2\n", "names vertex 2; allowed: 1 .. 1"),
        ("v 1 2 3\nf 0 1 1\n", "names vertex 0"),
        ("v 1 2 3\nf 1 -2 1\n", "names vertex -2"),
        ("v 1 2 3\nf 1 1\n", "fewer than three corners"),
        ("v 1 2 3\nf a b c\n", "not made of numbers"),
        ("mtllib absent.mtl\nv 1 2 3\n", "mtllib: "),
    ],
)
def test_damaged_files_are_one_clear_line(tmp_path, text, part):
    path = tmp_path / "a.obj"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        inspect_file(path)
    message = str(error.value)
    assert message.startswith("a.obj: ")
    assert part in message
    assert message.isprintable()


def test_missing_images_are_input_errors(scene):
    (scene.parent / "bump.png").unlink()
    with pytest.raises(InputError, match=r"image: .*bump.png"):
        inspect_file(scene)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["v 1 2 3", "v 1 2 3 4", "v 1", "f 1 1 1", "f 1/ 2//", "f -", "o", "usemtl a", "vt 1", "\\"]
        )
        | st.text(alphabet="vfog 1/-.e\r\t\\x\0\u2028", max_size=8),
        max_size=8,
    )
)
def test_any_text_is_read_or_refused(tmp_path, lines):
    path = tmp_path / "a.obj"
    path.write_bytes("\n".join(lines).encode())
    try:
        found = inspect_file(path)
    except InputError:
        return
    assert found.stored_vertices > 0
