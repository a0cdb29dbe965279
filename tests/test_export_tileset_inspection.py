"""Figures of 3D Tiles sets written by hand, with a triangle a tile."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gltf_by_hand import glb, triangle_document, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worldgen.errors import InputError
from worldgen.export.inspection import inspect_file

BOX = {"box": [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]}
EAST = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 100, 20, 3, 1]  # 100 m along x, 20 along y, 3 up (z)


def tile(uri, *children, **more):
    return {
        "boundingVolume": BOX,
        "geometricError": 0,
        "content": {"uri": uri},
        "children": list(children),
        **more,
    }


def tileset(tmp_path, root, **more):
    write(tmp_path / "a.glb", glb(triangle_document()))
    nodes = [{"mesh": 0}, {"mesh": 0}]
    write(tmp_path / "two.glb", glb(triangle_document(nodes=nodes, scenes=[{"nodes": [0, 1]}])))
    document = {"asset": {"version": "1.1"}, "geometricError": 9, "root": root, **more}
    return write(tmp_path / "tileset.json", document)


def test_leaves_replace_what_is_above_them(tmp_path):
    path = tileset(tmp_path, tile("two.glb", tile("a.glb"), tile("a.glb", transform=EAST), refine="REPLACE"))
    found = inspect_file(path)
    assert (found.format, found.triangles, found.draw_calls, found.stored_vertices) == ("tileset", 2, 2, 3)
    # z up: 20 m along the tiles' y are -20 along glTF's z, 3 m along z are 3 along y
    np.testing.assert_allclose(found.bounds, [(0, 0, -20), (101, 5, 0)], atol=1e-12)
    assert [(level.triangles, level.draw_calls) for level in found.levels] == [(2, 2), (2, 2)]
    sizes = {name: (tmp_path / name).stat().st_size for name in ("two.glb", "a.glb")}
    assert dict(found.external_files) == sizes
    assert "all 2 finest of 3" in found.notes[0]


def test_what_is_added_to_is_shown_too(tmp_path):
    found = inspect_file(tileset(tmp_path, tile("two.glb", tile("a.glb"), refine="ADD")))
    assert (found.triangles, found.draw_calls) == (3, 3)
    assert [level.triangles for level in found.levels] == [3, 2]


def test_leaves_of_unequal_depth_are_all_at_the_finest_level(tmp_path):
    path = tileset(tmp_path, tile("a.glb", tile("a.glb"), tile("two.glb", tile("two.glb")), refine="REPLACE"))
    found = inspect_file(path)
    assert found.triangles == 1 + 2
    assert [level.triangles for level in found.levels] == [1 + 2, 1 + 2, 1]
    assert [(part.triangles, part.draw_calls) for part in found.parts] == [(2, 2), (1, 1)]


def test_the_place_on_the_globe_is_left_out(tmp_path):
    found = inspect_file(tileset(tmp_path, tile("a.glb", refine="REPLACE", transform=EAST)))
    assert found.bounds == ((0, 0, 0), (1, 2, 0))


def test_tilesets_within_tilesets(tmp_path):
    inner = {"asset": {"version": "1.1"}, "geometricError": 1, "root": tile("../a.glb", refine="REPLACE")}
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner" / "b.json", inner)
    found = inspect_file(tileset(tmp_path, tile("inner/b.json", refine="REPLACE")))
    assert found.triangles == 1
    assert any(name.endswith("b.json") for name, _ in found.external_files)


@pytest.mark.parametrize(
    ("root", "part"),
    [
        (tile("absent.glb"), "absent.glb: not found"),
        (tile("a.b3dm"), "found 'a.b3dm'; allowed"),
        (tile("tileset.json"), "holds itself"),
        (tile("https://example.org/a.glb"), "remote"),
        (tile("a.glb", refine="SWAP"), "'REPLACE', 'ADD'"),
        (tile("a.glb", implicitTiling={}), "implicit tiling"),
        (tile("a.glb", tile("a.glb", transform=[1])), "16 numbers"),
        ({"content": {}}, "content.url: found nothing"),
        ([], "root: found []"),
    ],
)
def test_damaged_sets_are_one_clear_line(tmp_path, root, part):
    with pytest.raises(InputError) as error:
        inspect_file(tileset(tmp_path, root))
    assert part in str(error.value)
    assert str(error.value).startswith("tileset.json: ")
    assert str(error.value).isprintable()


def test_other_json_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no 3D Tiles set"):
        inspect_file(write(tmp_path / "a.json", {"name": "package"}))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["a.glb", "two.glb", "x", "ADD", "tileset.json", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "contents", "uri", "url", "children", "transform"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
def test_any_tiles_are_read_or_refused(tmp_path, root):
    path = tileset(tmp_path, tile("a.glb"))
    document = {"asset": {"version": "1.1"}, "root": {"refine": "ADD", "children": [root], "content": root}}
    path.write_bytes(json.dumps(document).encode())
    try:
        found = inspect_file(path)
    except InputError:
        return
    assert found.format == "tileset"
