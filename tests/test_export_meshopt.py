"""worldgen.export.meshopt: read back by meshoptimizer's decoder, and an example of the specification."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import example_scene, grid_mesh, read_accessor, read_glb
from numpy.typing import NDArray

from worldgen.export.gltf import write_glb
from worldgen.export.meshopt import encode_attributes, encode_indices, encode_triangles
from worldgen.export.meshopt_filters import exponential, octahedral
from worldgen.export.options import ExportOptions
from worldgen.export.vertex_cache import triangle_order, vertex_order
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.scene import Node, Scene

meshopt = pytest.importorskip("meshopt")  # bindings of meshoptimizer, the reference, for Python 3.11 and up


def directions(count: int = 4000) -> NDArray[np.float32]:
    """Unit vectors: random ones, the axes, and the octahedron's edges."""
    vectors = np.random.default_rng(3).normal(size=(count, 3))
    special = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z])
    vectors = np.concatenate([special, vectors])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def turned(triangles: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Each triangle turned, in the same sense, so that its corners are the lowest tuple."""
    return np.array([min((a, b, c), (b, c, a), (c, a, b)) for a, b, c in triangles.tolist()])


@pytest.mark.parametrize("count", [1, 15, 16, 17, 255, 256, 257, 1000])
@pytest.mark.parametrize("dtype", ["<u2", "<f4", "i1"])
def test_attributes_come_back(count: int, dtype: str) -> None:
    rng = np.random.default_rng(count)
    walk = np.cumsum(rng.integers(-3, 40, (count, 4)) * (rng.random((count, 4)) < 0.4), axis=0).astype(dtype)
    noise = rng.integers(-100, 100, (count, 4)).astype(dtype)
    for rows in (walk, noise, np.zeros_like(walk), np.concatenate([walk, noise], axis=1)):
        data = encode_attributes(rows)
        size = rows.itemsize * rows.shape[1]
        back = np.asarray(meshopt.decode_gltf_buffer(data, count, size, "ATTRIBUTES"))
        assert back.tobytes() == rows.tobytes()


def test_widest_elements_come_back() -> None:
    rows = np.arange(300 * 64, dtype=np.uint32).reshape(300, 64)  # 256 bytes: blocks of 32 elements
    back = np.asarray(meshopt.decode_gltf_buffer(encode_attributes(rows), 300, 256, "ATTRIBUTES"))
    assert back.tobytes() == rows.tobytes()


def test_a_group_is_coded_as_the_specification_shows() -> None:
    deltas = [-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0]
    column = (np.cumsum([7, *deltas]) & 255).astype(np.uint8)[1:]
    rows = np.zeros((16, 4), np.uint8)
    rows[:, 0] = column
    data = encode_attributes(rows)
    # The first element is the baseline here, so that its delta is 0, not the example's -1.
    expected = bytes.fromhex("07 5f f0 bc 77 a9 21 00 34 b5")
    assert data == bytes([0xA0, 2]) + expected + bytes(3) + bytes(28) + rows[0].tobytes()


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("kind", ["grid", "optimised", "random", "degenerate"])
def test_triangles_come_back(kind: str, size: int) -> None:
    rng = np.random.default_rng(5)
    if kind in ("grid", "optimised"):
        triangles = grid_mesh(30, 40, PBRMaterial("m")).indices
        if kind == "optimised":
            triangles = vertex_order(triangles[triangle_order(triangles, 1200)], 1200)[1]
    else:
        count = 3 if kind == "degenerate" else 60000
        triangles = rng.integers(0, count, (5000, 3)).astype(np.uint32)
    data = encode_triangles(triangles)
    back = np.asarray(meshopt.decode_gltf_buffer(data, triangles.size, size, "TRIANGLES"))
    back = np.frombuffer(back.tobytes(), f"<u{size}").reshape(-1, 3).astype(np.uint32)
    np.testing.assert_array_equal(turned(back), turned(triangles))
    if kind == "optimised":
        assert len(data) < 1.2 * len(triangles)


def test_one_triangle_comes_back() -> None:
    for triangle in ([[0, 1, 2]], [[2, 1, 0]], [[0, 0, 0]], [[2**32 - 2, 0, 7]]):
        data = encode_triangles(np.uint32(triangle))
        back = np.frombuffer(np.asarray(meshopt.decode_gltf_buffer(data, 3, 4, "TRIANGLES")).tobytes(), "<u4")
        assert turned(back.reshape(1, 3)).tolist() == turned(np.uint32(triangle)).tolist()


def test_indices_come_back() -> None:
    rng = np.random.default_rng(6)
    two_runs = np.stack([np.arange(500), 9000 + np.arange(500)], axis=1).reshape(-1)
    for values in (two_runs, rng.integers(0, 2**29, 777), np.zeros(5)):
        values = values.astype(np.uint32)
        data = encode_indices(values)
        back = np.asarray(meshopt.decode_gltf_buffer(data, len(values), 4, "INDICES"))
        assert back.tobytes() == values.tobytes()
    assert len(encode_indices(two_runs)) < 1100


def test_octahedral_normals_are_within_a_degree() -> None:
    vectors = directions()
    data = encode_attributes(octahedral(vectors))
    back = np.asarray(meshopt.decode_gltf_buffer(data, len(vectors), 4, "ATTRIBUTES", "OCTAHEDRAL"))
    stored = np.frombuffer(back.tobytes(), np.int8).reshape(-1, 4)[:, :3].astype(np.float64)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip((stored * vectors).sum(axis=1), -1, 1)))
    assert angles.max() < 0.9
    assert angles.mean() < 0.35


def test_octahedral_tangents_keep_their_sign() -> None:
    tangents = np.concatenate([directions(10), np.float32([[1], [-1]] * 18)], axis=1)
    data = encode_attributes(octahedral(tangents))
    back = np.asarray(meshopt.decode_gltf_buffer(data, len(tangents), 4, "ATTRIBUTES", "OCTAHEDRAL"))
    assert np.frombuffer(back.tobytes(), np.int8)[3::4].tolist() == (tangents[:, 3] * 127).tolist()


def test_exponential_floats_are_within_half_a_step() -> None:
    values = np.random.default_rng(7).uniform(-40, 40, (500, 2)).astype(np.float32)
    coded = exponential(values)
    assert coded is not None
    data = encode_attributes(coded)
    back = np.asarray(meshopt.decode_gltf_buffer(data, 500, 8, "ATTRIBUTES", "EXPONENTIAL"))
    stored = np.frombuffer(back.tobytes(), "<f4").reshape(-1, 2)
    assert np.abs(stored - values).max() <= 1 / 8192
    assert exponential(np.full((1, 2), 3000, np.float32)) is None


def unpacked(path: Path) -> tuple[dict[str, Any], bytes]:
    """Read a compressed GLB as a client does: all views unpacked to one buffer of their own."""
    document, binary = read_glb(path)
    place = 0
    blocks = []
    for view in document["bufferViews"]:
        extension = view.pop("extensions", {}).get("EXT_meshopt_compression")
        if extension is None:
            data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        else:
            assert view["buffer"] == 1
            assert extension["buffer"] == 0
            assert view["byteOffset"] % 4 == extension["byteOffset"] % 4 == 0
            assert view["byteLength"] == extension["count"] * extension["byteStride"]
            assert view.get("byteStride", extension["byteStride"]) == extension["byteStride"]
            fallback = document["buffers"][1]
            assert view["byteOffset"] + view["byteLength"] <= fallback["byteLength"]
            coded = binary[extension["byteOffset"] : extension["byteOffset"] + extension["byteLength"]]
            kind = (extension["mode"], extension.get("filter"))
            data = np.asarray(
                meshopt.decode_gltf_buffer(coded, extension["count"], extension["byteStride"], *kind)
            ).tobytes()
        view.update(buffer=0, byteOffset=place)
        blocks.append(data + bytes(-len(data) % 4))
        place += len(blocks[-1])
    return document, b"".join(blocks)


def triangles_of(document: dict[str, Any], binary: bytes, part: dict[str, Any]) -> NDArray[np.float64]:
    """(T, 3, …) position, normal and texture coordinate at each corner, in an order of their own."""
    columns = []
    for name in ("POSITION", "NORMAL", "TEXCOORD_0"):
        values = read_accessor(document, binary, part["attributes"][name]).astype(np.float64)
        columns.append(values[:, : 2 if name == "TEXCOORD_0" else 3])
    indices = read_accessor(document, binary, part["indices"]).reshape(-1, 3)
    table = np.concatenate(columns, axis=1)[indices].tolist()
    return np.array(sorted(min((a, b, c), (b, c, a), (c, a, b)) for a, b, c in table))


@pytest.mark.parametrize("quantize", [False, True])
def test_a_scene_comes_back(tmp_path: Path, quantize: bool) -> None:
    texture = np.zeros((4, 4, 3), np.uint8)
    plane = grid_mesh(25, 30, PBRMaterial("m", texture))
    scene = Scene(
        "s",
        (
            Node("a", (3.0, 0.0, 0.0), Model("a", (plane,))),
            Node(
                "b",
                model=Model("b", (dataclasses.replace(plane, texcoords=plane.texcoords * np.float32(3)),)),
            ),
        ),
    )
    write_glb(scene, tmp_path / "plain.glb", ExportOptions(quantize=quantize))
    write_glb(scene, tmp_path / "packed.glb", ExportOptions(quantize=quantize, compression="meshopt"))
    assert (tmp_path / "packed.glb").stat().st_size < 0.4 * (tmp_path / "plain.glb").stat().st_size
    packed, plain = unpacked(tmp_path / "packed.glb"), read_glb(tmp_path / "plain.glb")
    assert packed[0]["buffers"][1]["extensions"] == {"EXT_meshopt_compression": {"fallback": True}}
    assert "uri" not in packed[0]["buffers"][1]
    assert "EXT_meshopt_compression" in packed[0]["extensionsRequired"]
    for one, other in zip(packed[0]["meshes"], plain[0]["meshes"], strict=True):
        found = triangles_of(*packed, one["primitives"][0])
        expected = triangles_of(*plain, other["primitives"][0])
        if quantize:
            assert np.array_equal(found[..., :3], expected[..., :3])
            np.testing.assert_allclose(found, expected, atol=1.01)  # steps of bytes and of 1/8192
        else:
            assert np.array_equal(found, expected)


def test_same_scene_same_bytes(tmp_path: Path) -> None:
    for name in ("a.glb", "b.glb"):
        write_glb(example_scene(), tmp_path / name, ExportOptions(quantize=True, compression="meshopt"))
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()
