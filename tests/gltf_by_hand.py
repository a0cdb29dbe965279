"""Tiny glTF files put together by the specification's own words; no test in here."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

# A right triangle in the plane z = 0, 1 m wide and 2 m high: three vertices, as float32 triples.
TRIANGLE = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 2, 0)
INDICES = struct.pack("<3H", 0, 1, 2) + b"\0\0"
BINARY = TRIANGLE + INDICES


def triangle_document(**more: Any) -> dict[str, Any]:
    """One node that shows one triangle; buffer 0 is `BINARY`."""
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "by hand"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "corner", "mesh": 0}],
        "meshes": [{"name": "triangle", "primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}
            | {"min": [0, 0, 0], "max": [1, 2, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 6},
        ],
        "buffers": [{"byteLength": len(BINARY)}],
    }
    return {**document, **more}


def glb(document: dict[str, Any] | bytes, binary: bytes = BINARY) -> bytes:
    """The bytes of a GLB: header of 12 bytes, JSON padded with spaces, BIN padded with zeros."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def write(path: Path, data: bytes | dict[str, Any]) -> Path:
    """Write bytes, or a document as JSON, and return the path."""
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def png_header(width: int, height: int, bits: int = 8, color: int = 6) -> bytes:
    """The first 33 bytes of a PNG: its magic and IHDR (with a wrong checksum, which no header needs)."""
    ihdr = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + ihdr + b"\0\0\0\0"


def ktx2(width: int, height: int, levels: int, model: int, samples: int, vk_format: int = 0) -> bytes:
    """A KTX2 header, level index and data format descriptor without any texel.

    KTX 2.0, section 3: nine words after the identifier, four words and two double words of places, then a
    level index of three double words each; Khronos Data Format 1.3: the basic block is 24 bytes and 16 more
    for each sample, its color model the ninth byte.
    """
    words = struct.pack("<9I", vk_format, 1, width, height, 0, 0, 1, levels, 1)
    block = 24 + 16 * samples
    place = 80 + 24 * levels
    index = struct.pack("<4I2Q", place, 4 + block, 0, 0, 0, 0)
    level_index = b"".join(struct.pack("<3Q", 0, 10, 1000 >> level) for level in range(levels))
    descriptor = struct.pack("<IIHHBBBB", 4 + block, 0, 2, block, model, 1, 1, 0) + b"\0" * (block - 12)
    return b"\xabKTX 20\xbb\r\n\x1a\n" + words + index + level_index + descriptor
