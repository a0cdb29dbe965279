"""A tiny scene with one of everything that the exporters must carry; no test in here."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import DirectionalLight, Instances, Node, Scene

HALF = np.sqrt(0.5)


def checker(size: int, color: tuple[int, ...]) -> NDArray[np.uint8]:
    """(size, size, channels) image: ``color`` with a darker upper left quarter, so that a flip shows."""
    image = np.empty((size, size, len(color)), np.uint8)
    image[:] = color
    image[: size // 2, : size // 2] //= 4
    return image


def grid_mesh(rows: int, columns: int, material: PBRMaterial, height: float = 1.0) -> Mesh:
    """A plane of 1 m cells from (0, 0, 0) to +x, +z, raised at its last vertex; uv covers it once."""
    z, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    y = np.zeros_like(x)
    y[-1, -1] = height
    cells = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    first = np.stack([cells, cells + columns, cells + 1], axis=1)
    second = np.stack([cells + 1, cells + columns, cells + columns + 1], axis=1)
    return Mesh(
        positions=np.stack([x, y, z], axis=-1).reshape(-1, 3),
        normals=np.tile(np.float32([0, 1, 0]), (rows * columns, 1)),
        texcoords=np.stack([x / (columns - 1), z / (rows - 1)], axis=-1).reshape(-1, 2),
        indices=np.concatenate([first, second]).astype(np.uint32),
        material=material,
    )


def tree_model() -> Model:
    """Two primitives: an opaque trunk and an alpha-masked leaf, both one upright quad facing +z."""
    bark = PBRMaterial("bark", checker(8, (120, 80, 40)), roughness=0.9)
    leaf = PBRMaterial("leaf", checker(8, (40, 160, 30, 200)), alpha_mode="MASK", alpha_cutoff=0.4)
    parts = []
    for material, low, high in ((bark, 0.0, 2.0), (leaf, 2.0, 5.0)):
        positions = np.float32([[-1, low, 0], [1, low, 0], [1, high, 0], [-1, high, 0]])
        parts.append(
            Mesh(
                positions,
                np.tile(np.float32([0, 0, 1]), (4, 1)),
                np.float32([[0, 1], [1, 1], [1, 0], [0, 0]]),
                np.uint32([[0, 1, 2], [0, 2, 3]]),
                material,
            )
        )
    return Model("tree", tuple(parts))


def example_scene() -> Scene:
    """Two terrain chunks, three trees, water and a sun; 2 x 8 + 3 x 4 + 2 = 30 triangles."""
    normal = np.full((8, 8, 3), (128, 128, 255), np.uint8)
    orm = np.full((8, 8, 3), (255, 200, 0), np.uint8)
    chunks = []
    for column, green in enumerate((100, 180)):
        surface = PBRMaterial(f"ground_{column}", checker(8, (90, green, 60)), normal, orm, repeat=False)
        mesh = grid_mesh(3, 3, surface, height=1.0 + column)
        chunks.append(
            Node(f"chunk_0_{column}", (2.0 * column, 0.0, 0.0), Model(f"chunk_0_{column}", (mesh,)))
        )
    water = PBRMaterial("water", base_color_factor=(0.1, 0.2, 0.3, 0.6), roughness=0.1, alpha_mode="BLEND")
    trees = Instances(
        tree_model(),
        np.float32([[0, 0, 0], [1, 0.5, -2], [3, 0.25, 1]]),
        np.float32([[0, 0, 0, 1], [0, HALF, 0, HALF], [0.5, 0.5, 0.5, 0.5]]),
        np.float32([1, 2, 0.5]),
    )
    return Scene(
        "example world",
        (
            Node("terrain", children=tuple(chunks), extras={"spacing": 1.0}),
            Node("trees", (10.0, 0.0, 0.0), instances=trees),
            Node("water", (0.0, -0.125, 0.0), Model("water", (grid_mesh(2, 2, water, height=0.0),))),
            Node("sun", light=DirectionalLight((0.6, -0.8, 0.0))),
        ),
        {"seed": 7},
    )


def read_glb(path: Path) -> tuple[dict[str, Any], bytes]:
    """Take a GLB apart by the specification, section 4, and return (JSON, BIN)."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    start = 20 + size
    if start == len(data):
        return document, b""
    size, kind = struct.unpack_from("<I4s", data, start)
    assert kind == b"BIN\0"
    assert size % 4 == 0
    assert start + 8 + size == len(data)
    return document, data[start + 8 :]


def read_accessor(document: dict[str, Any], binary: bytes, index: int) -> NDArray[Any]:
    """Return an accessor's values, one row for each element, and check alignment on the way.

    Rows that are filled up to a multiple of 4 bytes keep what fills them.
    """
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype = {5120: "i1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    offset = view["byteOffset"] + accessor.get("byteOffset", 0)
    assert offset % 4 == 0
    size = np.dtype(dtype).itemsize
    if "byteStride" in view:
        assert view["byteStride"] == -(-size * width // 4) * 4
        width = view["byteStride"] // size
    assert accessor["count"] * width * np.dtype(dtype).itemsize == view["byteLength"]
    return np.frombuffer(binary, dtype, accessor["count"] * width, offset).reshape(-1, width)
