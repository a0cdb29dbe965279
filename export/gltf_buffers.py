"""The binary half of a glTF file: accessors and buffer views over arrays that are written later.

Planning keeps references only; nothing is copied before it goes to the file, piece by piece. Equal arrays are
stored once: chunks of one terrain share their texture coordinates.

Source: glTF 2.0 specification, sections 3.6 (buffers, views, accessors) and 3.7.2 (meshes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError

ARRAY_BUFFER = 34962
ELEMENT_ARRAY_BUFFER = 34963
FLOAT = 5126
UNSIGNED_SHORT = 5123
UNSIGNED_INT = 5125

WIDTHS = {"VEC2": 2, "VEC3": 3, "VEC4": 4}
ROWS_PER_PIECE = 1 << 16

Array = NDArray[Any]


def pieces(array: Array, dtype: str) -> Iterator[Array]:
    """Yield the rows of an array in C order as ``dtype``, 65,536 at a time."""
    for start in range(0, len(array), ROWS_PER_PIECE):
        yield np.ascontiguousarray(array[start : start + ROWS_PER_PIECE], dtype=dtype)


def padding(length: int) -> int:
    """Bytes from ``length`` up to the next multiple of 4."""
    return -length % 4


class BinaryLayout:
    """Plans one binary buffer.

    Attributes
    ----------
    accessors, views : JSON objects for the document.
    length : bytes of the buffer so far, a multiple of 4.
    """

    def __init__(self) -> None:
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.length = 0
        self._blocks: list[tuple[Array | bytes, str]] = []
        self._by_identity: dict[tuple[int, str, str], tuple[int, Array]] = {}
        self._by_content: dict[tuple[bytes, str, str], int] = {}

    def vertices(self, array: Array, kind: Literal["VEC2", "VEC3", "VEC4"], *, bounds: bool = False) -> int:
        """Plan one float32 vertex attribute and return its accessor.

        Parameters
        ----------
        array : (V, 2 to 4) numbers, stored as float32.
        kind : glTF's type; its width is that of ``array``.
        bounds : True writes ``min`` and ``max``, which POSITION must have; they equal the stored values.
        """
        accessor: dict[str, Any] = {"componentType": FLOAT, "count": len(array), "type": kind}
        if bounds:
            accessor["min"] = array.min(axis=0).astype(np.float32).tolist()
            accessor["max"] = array.max(axis=0).astype(np.float32).tolist()
        view = {"byteStride": 4 * WIDTHS[kind], "target": ARRAY_BUFFER}
        return self._accessor(array, "<f4", accessor, view)

    def colors(self, array: Array) -> int:
        """Plan (V, 4) linear RGBA in [0, 1] and return its accessor: 16 bits, for dark water's sake."""
        accessor = {"componentType": UNSIGNED_SHORT, "normalized": True, "count": len(array), "type": "VEC4"}
        whole = np.rint(np.clip(array, 0, 1) * 65535).astype(np.uint16)
        return self._accessor(whole, "<u2", accessor, {"byteStride": 8, "target": ARRAY_BUFFER})

    def indices(self, triangles: Array, vertex_count: int) -> int:
        """Plan the indices of (T, 3) triangles and return their accessor.

        A type's largest value means "restart the strip" to a GPU, so 65,535 vertices are the most for uint16.
        """
        dtype, component = ("<u2", UNSIGNED_SHORT) if vertex_count <= 65535 else ("<u4", UNSIGNED_INT)
        accessor = {"componentType": component, "count": triangles.size, "type": "SCALAR"}
        return self._accessor(triangles, dtype, accessor, {"target": ELEMENT_ARRAY_BUFFER})

    def image(self, data: bytes) -> int:
        """Plan the bytes of an image file and return its buffer view."""
        return self._view(data, "", len(data), {})

    def write(self, stream: BinaryIO) -> None:
        """Write the whole buffer."""
        for block, dtype in self._blocks:
            if isinstance(block, bytes):
                size = stream.write(block)
            else:
                size = sum(stream.write(piece.data) for piece in pieces(block, dtype))
            stream.write(b"\0" * padding(size))

    def _accessor(self, array: Array, dtype: str, accessor: dict[str, Any], view: dict[str, Any]) -> int:
        kind = f"{accessor['type']} {'bounds' if 'min' in accessor else ''}"
        identity = (id(array), dtype, kind)
        if identity in self._by_identity:
            return self._by_identity[identity][0]
        digest = hashlib.blake2b(str(array.shape).encode(), digest_size=16)
        for piece in pieces(array, dtype):
            digest.update(piece.data)
        content = (digest.digest(), dtype, kind)
        if content not in self._by_content:
            size = array.size * np.dtype(dtype).itemsize
            self.accessors.append({"bufferView": self._view(array, dtype, size, view), **accessor})
            self._by_content[content] = len(self.accessors) - 1
        index = self._by_content[content]
        # The array is kept alive with its index: a freed array's id could come back as another array's.
        self._by_identity[identity] = (index, array)
        return index

    def _view(self, block: Array | bytes, dtype: str, size: int, view: dict[str, Any]) -> int:
        self.views.append({"buffer": 0, "byteOffset": self.length, "byteLength": size, **view})
        self._blocks.append((block, dtype))
        self.length += size + padding(size)
        return len(self.views) - 1


def check_vertices(positions: Array, normals: Array, tangents: Array | None, name: str) -> None:
    """Refuse what no client can show.

    Raises
    ------
    ExportError : a position is not finite, or a normal or tangent is not of unit length within 0.5 %.
    """
    if not np.isfinite(positions.min()) or not np.isfinite(positions.max()):
        raise ExportError(f"'{name}' has positions that are not finite numbers")
    for what, vectors in (("normal", normals), ("tangent", tangents)):
        if vectors is None:
            continue
        squared = np.einsum("ij,ij->i", vectors[:, :3], vectors[:, :3])
        wrong = int((~(np.abs(squared - 1.0) <= 0.01)).sum())
        if wrong:
            raise ExportError(f"'{name}' has {wrong} {what}s that are not of unit length")
