"""Figures of glTF files put together by hand, whose truth is counted by hand; damaged files are refused."""

from __future__ import annotations

import base64
import contextlib
import json
import struct

import numpy as np
import pytest
from gltf_by_hand import BINARY, TRIANGLE, glb, ktx2, png_header, triangle_document, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worldgen.errors import InputError
from worldgen.export.gltf_reading import read_document
from worldgen.export.inspection import inspect_file


def test_one_triangle(tmp_path):
    path = write(tmp_path / "a.glb", glb(triangle_document()))
    found = inspect_file(path)
    assert (found.format, found.triangles, found.vertices, found.draw_calls) == ("glb", 1, 3, 1)
    assert (found.nodes, found.meshes, found.instances, found.index_bits) == (1, 1, 0, 16)
    assert found.bounds == ((0, 0, 0), (1, 2, 0))
    assert found.geometry_memory_bytes == 36 + 6
    assert found.file_bytes == found.total_bytes == path.stat().st_size
    assert found.provenance == {"generator": "by hand"}


def test_gltf_with_external_file_and_with_data_uri(tmp_path):
    document = triangle_document(buffers=[{"byteLength": 44, "uri": "a%20b.bin"}])
    write(tmp_path / "a b.bin", BINARY)
    found = inspect_file(write(tmp_path / "a.gltf", document))
    assert (found.format, found.triangles, found.external_files) == ("gltf", 1, (("a b.bin", 44),))
    assert found.total_bytes == found.file_bytes + 44
    uri = "data:application/octet-stream;base64," + base64.b64encode(BINARY).decode()
    found = inspect_file(
        write(tmp_path / "b.gltf", triangle_document(buffers=[{"byteLength": 44, "uri": uri}]))
    )
    assert (found.triangles, found.external_files) == (1, ())


def test_nodes_that_share_a_mesh_are_unrolled_and_placed(tmp_path):
    nodes = [
        {"name": "group", "translation": [10, 0, 0], "children": [1, 2]},
        {"mesh": 0, "scale": [3, 3, 3]},
        # a quarter turn about +z: x goes to y, y to -x
        {"mesh": 0, "rotation": [0, 0, 0.5**0.5, 0.5**0.5], "translation": [0, 0, 5]},
        {"name": "not in the scene", "mesh": 0},
    ]
    found = inspect_file(write(tmp_path / "a.glb", glb(triangle_document(nodes=nodes))))
    assert (found.triangles, found.vertices, found.stored_vertices) == (2, 6, 3)
    assert (found.draw_calls, found.batched_draw_calls, found.instances, found.nodes) == (2, 1, 2, 3)
    np.testing.assert_allclose(found.bounds, [(8, 0, 0), (13, 6, 5)], atol=1e-12)
    assert found.geometry_memory_bytes == 42  # stored once
    (row,) = found.rows
    assert (row.nodes, row.triangles, row.draw_calls, row.instances) == (2, 2, 2, 2)


def test_a_matrix_is_stored_column_by_column(tmp_path):
    node = {"mesh": 0, "matrix": [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 7, 8, 9, 1]}
    found = inspect_file(write(tmp_path / "a.glb", glb(triangle_document(nodes=[node]))))
    assert found.bounds == ((7, 8, 9), (9, 10, 9))


def instanced(translations, scales, **accessor):
    count = len(translations)
    data = np.float32(translations).tobytes() + np.float32(scales).tobytes()
    document = triangle_document(buffers=[{"byteLength": 44 + len(data)}])
    document["bufferViews"] += [
        {"buffer": 0, "byteOffset": 44, "byteLength": 12 * count},
        {"buffer": 0, "byteOffset": 44 + 12 * count, "byteLength": 12 * count},
    ]
    entry = {"componentType": 5126, "count": count, "type": "VEC3"}
    document["accessors"] += [{**entry, "bufferView": 2, **accessor}, {**entry, "bufferView": 3}]
    attributes = {"TRANSLATION": 2, "SCALE": 3}
    document["nodes"] = [
        {
            "mesh": 0,
            "translation": [0, 100, 0],
            "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
        }
    ]
    document["extensionsUsed"] = document["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    return document, BINARY + data


def test_instancing_draws_once_a_node_and_places_each(tmp_path):
    document, data = instanced([[0, 0, 0], [50, 0, -7], [0, 1, 0]], [[1, 1, 1], [2, 2, 2], [1, 1, 1]])
    found = inspect_file(write(tmp_path / "a.glb", glb(document, data)))
    assert (found.triangles, found.vertices, found.draw_calls, found.instances) == (3, 9, 1, 3)
    assert found.bounds == ((0, 100, -7), (52, 104, 0))
    assert found.geometry_memory_bytes == 42 + 3 * 64  # a 4 x 4 matrix for each
    assert found.extensions_required == ("EXT_mesh_gpu_instancing",)


@pytest.mark.parametrize("extension", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_packed_instances_are_bounded_by_their_ranges(tmp_path, extension):
    document, data = instanced(
        [[0, 0, 0], [50, 0, -7]], [[1, 1, 1], [1, 1, 1]], min=[0, 0, -7], max=[50, 0, 0]
    )
    del document["nodes"][0]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]["SCALE"]
    packed = {"buffer": 0, "byteOffset": 44, "byteLength": 20, "byteStride": 12, "count": 2}
    document["bufferViews"][2] = {"buffer": 1, "byteLength": 24, "extensions": {extension: packed}}
    document["buffers"].append({"byteLength": 24, "extensions": {extension: {"fallback": True}}})
    path = write(tmp_path / "a.glb", glb(document, data))
    found = inspect_file(path)
    # A triangle reaches 5 ** 0.5 from its origin whichever way it is turned.
    reach = 5**0.5
    np.testing.assert_allclose(
        found.bounds, [(-reach, 100 - reach, -7 - reach), (50 + reach, 100 + reach, reach)]
    )
    assert (found.triangles, found.draw_calls) == (2, 1)
    assert "packed" in found.notes[0]
    del document["accessors"][2]["min"]
    found = inspect_file(write(path, glb(document, data)))
    assert found.bounds is None
    assert "leaves out" in found.notes[0]


def test_quantised_positions_are_scaled_and_moved(tmp_path):
    document = triangle_document()
    # 16 bits signed, normalized: 32767 is 1, -32768 is -1 too; min and max are stored as the integers.
    document["accessors"][0].update(
        componentType=5122, normalized=True, min=[-32768, 0, 0], max=[32767, 16384, 0]
    )
    document["bufferViews"][0].update(byteStride=8)
    document["nodes"] = [{"mesh": 0, "scale": [10, 10, 10], "translation": [0, 1, 0]}]
    document["extensionsRequired"] = ["KHR_mesh_quantization"]
    found = inspect_file(write(tmp_path / "a.glb", glb(document)))
    np.testing.assert_allclose(found.bounds, [(-10, 1, 0), (10, 1 + 163840 / 32767, 0)])
    assert found.geometry_memory_bytes == 3 * 8 + 6  # 6 bytes of a vertex are padded to 8


def test_strips_fans_lines_and_points(tmp_path):
    primitives = [{"attributes": {"POSITION": 0}, "mode": mode} for mode in range(7)]
    meshes = [{"primitives": primitives}]
    found = inspect_file(write(tmp_path / "a.glb", glb(triangle_document(meshes=meshes))))
    assert (found.draw_calls, found.triangles) == (7, 3)  # modes 4, 5 and 6


def test_levels_of_detail_are_counted_once(tmp_path):
    document = triangle_document()
    twice = {"attributes": {"POSITION": 0}, "indices": 1}
    document["meshes"].append({"name": "fine", "primitives": [twice, twice]})
    document["nodes"] = [
        {"name": "switching", "mesh": 1, "extensions": {"MSFT_lod": {"ids": [1, 2]}}},
        {"name": "coarse", "mesh": 0},
        {"name": "gone"},
        {"name": "steady", "mesh": 0},
    ]
    document["scenes"] = [{"nodes": [0, 3]}]
    path = write(tmp_path / "a.glb", glb(document))
    found = inspect_file(path)
    assert (found.triangles, found.draw_calls, found.notes) == (3, 3, ())
    assert [(level.triangles, level.draw_calls) for level in found.levels] == [(3, 3), (2, 2), (1, 1)]
    document["scenes"] = [{"nodes": [0, 1, 3]}]
    found = inspect_file(write(path, glb(document)))
    assert found.triangles == 3
    assert "1 coarser" in found.notes[0]


def test_hidden_nodes_and_collision_names_are_not_drawn(tmp_path):
    hidden = {"KHR_node_visibility": {"visible": False}}
    document = triangle_document(
        nodes=[
            {"mesh": 0},
            {"mesh": 0, "name": "ground_ColOnly"},
            {"mesh": 0, "name": "UCX_rock_01"},
            {"extensions": hidden, "children": [4]},
            {"mesh": 0},
        ],
        scenes=[{"nodes": [0, 1, 2, 3]}],
    )
    found = inspect_file(write(tmp_path / "a.glb", glb(document)))
    assert (found.triangles, found.unseen.triangles, found.unseen.nodes) == (1, 2, 2)
    assert found.unseen.conventions == ("godot", "unreal")


def textured(images, textures, **more):
    materials = [
        {"name": f"m{number}", "pbrMetallicRoughness": {"baseColorTexture": {"index": number}}}
        for number in range(len(textures))
    ]
    primitives = [{"attributes": {"POSITION": 0}, "material": number} for number in range(len(textures))]
    entries = [
        {"uri": "data:image/x;base64," + base64.b64encode(data).decode(), "name": f"i{number}"}
        for number, data in enumerate(images)
    ]
    return triangle_document(
        images=entries, textures=textures, materials=materials, meshes=[{"primitives": primitives}], **more
    )


def test_textures_by_use_and_memory(tmp_path):
    images = [png_header(8, 8), png_header(2, 2), ktx2(4, 4, 1, 163, 1), png_header(4096, 1)]
    basis = {"source": 1, "extensions": {"KHR_texture_basisu": {"source": 2}}}
    document = textured(images, [{"source": 0}, basis, {"source": 0}])
    document["materials"][2]["extensions"] = {"KHR_materials_x": {"deepTexture": {"index": 1}}}
    found = inspect_file(write(tmp_path / "a.glb", glb(document)))
    assert [t.use for t in found.textures] == ["drawn", "fallback", "drawn", "unused"]
    first = 4 * (64 + 16 + 4 + 1)
    assert found.texture_memory_bytes == first + 8
    assert found.fallback_texture_memory_bytes == first + 4 * (4 + 1)
    assert found.materials == ("m0", "m1", "m2")
    assert found.largest_texture == 8


def test_blended_double_sided_surfaces_are_named(tmp_path):
    document = triangle_document(materials=[{"alphaMode": "BLEND", "doubleSided": True}])
    document["meshes"][0]["primitives"][0]["material"] = 0
    found = inspect_file(write(tmp_path / "a.glb", glb(document)))
    assert (found.draw_calls, found.double_draw_calls) == (1, 1)


def test_parts_are_branches_below_a_lone_root(tmp_path):
    nodes = [
        {"name": "world", "children": [1, 2, 4]},
        {"name": "terrain", "children": [3]},
        {"name": "rock_1", "mesh": 0},
        {"name": "terrain_0", "mesh": 0},
        {"name": "rock_2", "mesh": 0},
    ]
    found = inspect_file(write(tmp_path / "a.glb", glb(triangle_document(nodes=nodes))))
    assert [(part.name, part.draw_calls, part.batched_draw_calls) for part in found.parts] == [
        ("rock", 2, 1),
        ("terrain", 1, 1),
    ]


def test_strided_normalized_and_sparse_values_are_read(tmp_path):
    # two elements of 2 unsigned bytes, 4 bytes apart; the second replaced by a sparse value
    data = bytes([51, 102, 0, 0, 255, 0]) + b"\0\0" + struct.pack("<H", 1) + bytes([0, 204])
    views = [
        {"buffer": 0, "byteLength": 6, "byteStride": 4},
        {"buffer": 0, "byteOffset": 8, "byteLength": 2},
        {"buffer": 0, "byteOffset": 10, "byteLength": 2},
    ]
    sparse = {
        "count": 1,
        "indices": {"bufferView": 1, "componentType": 5123},
        "values": {"bufferView": 2},
    }
    accessor = {"bufferView": 0, "componentType": 5121, "normalized": True, "count": 2, "type": "VEC2"}
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": 12}],
        "bufferViews": views,
        "accessors": [accessor, {**accessor, "sparse": sparse}],
    }
    read = read_document(write(tmp_path / "a.glb", glb(document, data)))
    plain, changed = read.accessor(0), read.accessor(1)
    np.testing.assert_allclose(plain.scaled(read.stored_values(plain)), [[0.2, 0.4], [1, 0]])
    np.testing.assert_allclose(changed.scaled(read.stored_values(changed)), [[0.2, 0.4], [0, 0.8]])


def test_xmp_packet_and_extras_are_provenance(tmp_path):
    packet = {"@context": {}, "dc:creator": "someone"}
    document = triangle_document(
        asset={"version": "2.0", "copyright": "CC0", "extensions": {"KHR_xmp_json_ld": {"packet": 0}}},
        extensions={"KHR_xmp_json_ld": {"packets": [packet]}},
        scenes=[{"nodes": [0], "extras": {"seed": 7}}],
    )
    found = inspect_file(write(tmp_path / "a.glb", glb(document)))
    assert found.provenance == {"copyright": "CC0", "xmp": packet, "scene": {"seed": 7}}


def changed(**accessor):
    document = triangle_document()
    document["accessors"][0].update(accessor)
    return document


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"", ["20 bytes", "found 0"]),
        (b"FFFF" + bytes(30), ["begins with b'glTF'", "b'FFFF'"]),
        (glb(triangle_document())[:-5], ["truncated", "says 632", "has 627"]),
        (glb(triangle_document()) + b"more", ["follow its end"]),
        (struct.pack("<4sII", b"glTF", 1, 20) + bytes(8), ["version 1", "allowed: 2"]),
        (struct.pack("<4sIII4s", b"glTF", 2, 20, 99, b"JSON"), ["99 bytes", "past the file's end"]),
        (struct.pack("<4sIII4s", b"glTF", 2, 20, 0, b"BIN\0"), ["first chunk", "BIN"]),
        (glb(b"{"), ["not JSON"]),
        (glb(b'{"asset":{"version":"2.0"},"a":NaN}'), ["not JSON", "NaN"]),
        (glb(b'"\xff"'), ["not JSON", "utf-8"]),
        (glb(b"[" * 100_000), ["nested too deeply"]),
        (glb(b"[]"), ["no object"]),
        (glb({"asset": {"version": "1.0"}}), ["version '1.0'"]),
        (glb(triangle_document(nodes=[{"mesh": 1}])), ["nodes[0].mesh", "found 1", "0 .. 0"]),
        (glb(triangle_document(nodes=[{"children": [0]}])), ["own ancestors"]),
        (glb(triangle_document(nodes=[{"children": [1, 1]}, {}])), ["nodes[1]", "two nodes"]),
        (glb(triangle_document(nodes=[{"children": [7]}])), ["nodes[0].children", "[7]"]),
        (glb(triangle_document(scene=3)), ["scene: found 3"]),
        (glb(triangle_document(buffers=[{"byteLength": 99}])), ["buffers[0]", "99", "truncated"]),
        (glb(triangle_document(), b""), ["bufferViews[0]", "no data"]),
        (glb(changed(bufferView=9)), ["accessors[0].bufferView", "found 9"]),
        (glb(changed(count=4)), ["accessors[0]", "byte 48", "36"]),
        (glb(changed(count=0)), ["accessors[0].count", "found 0"]),
        (glb(changed(type="VEC9")), ["accessors[0].type", "'VEC9'"]),
        (glb(changed(componentType=5124)), ["componentType", "5124"]),
        (glb(changed(min=[2, 0, 0])), ["accessors[0]", "min and max"]),
        (glb(changed(min=[0, 0])), ["accessors[0].min", "3 numbers"]),
        (
            glb(triangle_document(), TRIANGLE + struct.pack("<3HH", 0, 1, 3, 0)),
            ["accessors[1]", "index 3", "0 .. 2"],
        ),
        (
            glb(triangle_document(), TRIANGLE + struct.pack("<3HH", 0, 1, 65535, 0)),
            ["accessors[1]", "index 65535"],
        ),
    ],
)
def test_damaged_files_are_one_clear_line(tmp_path, data, parts):
    with pytest.raises(InputError) as error:
        inspect_file(write(tmp_path / "a.glb", data))
    message = str(error.value)
    assert message.startswith("a.glb: ")
    assert message.isprintable()
    assert len(message) < 300
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("absent.bin", "not found"),
        ("https://example.org/a.bin", "remote"),
        ("data:;base64,???", "not base64"),
        ("data:,no", "truncated"),
        ("..", "is no file"),
        ("a\0b", "a?b: "),
        ("a%0Ab", "a?b: not found"),
        ("a" * 5000, "cannot be read"),
        ("//[", "which is none"),
    ],
)
def test_missing_buffers_are_input_errors(tmp_path, uri, part):
    document = triangle_document(buffers=[{"byteLength": 44, "uri": uri}])
    with pytest.raises(InputError, match="buffers") as error:
        inspect_file(write(tmp_path / "a.gltf", document))
    assert part in str(error.value)


def test_missing_images_are_input_errors(tmp_path):
    document = triangle_document(images=[{"uri": "absent.png"}])
    with pytest.raises(InputError, match=r"images\[0\].*absent.png"):
        inspect_file(write(tmp_path / "a.glb", glb(document)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    ("scene",),
    ("scenes",),
    ("nodes",),
    *[("nodes", 0, key) for key in ("mesh", "children", "matrix", "rotation", "scale", "name", "extensions")],
    ("nodes", 0, "extensions", "EXT_mesh_gpu_instancing", "attributes", "TRANSLATION"),
    ("nodes", 0, "extensions", "MSFT_lod"),
    ("meshes", 0, "primitives"),
    *[
        ("meshes", 0, "primitives", 0, key)
        for key in ("attributes", "indices", "mode", "material", "targets")
    ],
    *[("accessors", 0, key) for key in ("count", "byteOffset", "type", "min", "max", "normalized", "sparse")],
    *[("accessors", 2, key) for key in ("count", "bufferView", "componentType", "type", "sparse")],
    *[("bufferViews", 0, key) for key in ("buffer", "byteOffset", "byteLength", "byteStride", "extensions")],
    *[("materials", 0, key) for key in ("pbrMetallicRoughness", "alphaMode", "name")],
    *[("textures", 0, key) for key in ("source", "extensions")],
    *[("images", 0, key) for key in ("uri", "bufferView")],
    *[("buffers", 0, key) for key in ("uri", "byteLength")],
    ("extensionsUsed",),
    ("extensions", "KHR_xmp_json_ld"),
]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), value=json_values | st.integers(-2, 70_000))
def test_any_value_anywhere_is_read_or_refused(tmp_path, path, value):
    document, data = instanced([[0, 0, 0], [50, 0, -7]], [[1, 1, 1], [2, 2, 2]])
    document.update(
        {
            key: part
            for key, part in textured([png_header(4, 4)], [{"source": 0}]).items()
            if key not in document
        }
    )
    place = document
    for key in path[:-1]:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    place[path[-1]] = value
    try:
        found = inspect_file(write(tmp_path / "a.glb", glb(json.dumps(document).encode(), data)))
    except InputError:
        return
    json.dumps(found.to_dict(), allow_nan=False, default=str)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 600), noise=st.binary(max_size=40), end=st.integers(0, 900))
def test_any_bytes_are_read_or_refused(tmp_path, start, noise, end):
    whole = glb(triangle_document())
    data = (whole[:start] + noise + whole[start + len(noise) :])[: end + start]
    for name in ("a.glb", "a.gltf"):
        with contextlib.suppress(InputError):
            inspect_file(write(tmp_path / name, data))
