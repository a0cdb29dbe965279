"""The binary half of a glTF file: accessors and buffer views over arrays that are written later.

Planning keeps references only; nothing is copied before it goes to the file. Equal arrays are stored once:
chunks of one terrain share their texture coordinates. Arrays are compared, not hashed: a few rows tell most
of them apart, and only where those agree are all bytes read.

With compression, arrays are encoded while planning and only the compressed bytes are kept.

Source: glTF 2.0 specification, sections 3.6 (buffers, views, accessors) and 3.7.2 (meshes);
EXT_meshopt_compression for compressed views.
"""

from __future__ import annotations

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

COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": UNSIGNED_SHORT, "float32": FLOAT}
WIDTHS = {"VEC2": 2, "VEC3": 3, "VEC4": 4}
ROWS_PER_PIECE = 1 << 14
MESHOPT = "EXT_meshopt_compression"

Array = NDArray[Any]


def pieces(array: Array, dtype: str) -> Iterator[Array]:
    """Yield the rows of an array in C order as ``dtype``: all at once if they lie so, else 16,384 at a time.

    A piece is good until the next one, which takes its place in memory.
    """
    if array.flags.c_contiguous and array.dtype == np.dtype(dtype):
        yield array
        return
    place = np.empty((min(len(array), ROWS_PER_PIECE), *array.shape[1:]), dtype)
    for start in range(0, len(array), ROWS_PER_PIECE):
        rows = array[start : start + ROWS_PER_PIECE]
        np.copyto(place[: len(rows)], rows, casting="unsafe")
        yield place[: len(rows)]


def padding(length: int) -> int:
    """Bytes from ``length`` up to the next multiple of 4."""
    return -length % 4


class BinaryLayout:
    """Plans one binary buffer.

    Parameters
    ----------
    compress : encode vertices and indices by EXT_meshopt_compression.

    Attributes
    ----------
    accessors, views : JSON objects for the document.
    length : bytes of the buffer so far, a multiple of 4.
    unpacked : bytes of all that is compressed, once a client has unpacked it.
    """

    def __init__(self, *, compress: bool = False) -> None:
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.length = 0
        self.unpacked = 0
        self._compress = compress
        self._blocks: list[tuple[Array | bytes, str]] = []
        self._by_identity: dict[tuple[int, str, str], tuple[int, Array]] = {}
        self._by_fingerprint: dict[tuple[bytes, str, str], list[tuple[int, Array]]] = {}

    def buffers(self, uri: str | None) -> list[dict[str, Any]]:
        """Return the document's buffers: the file's own, and the one that clients unpack views to."""
        buffers: list[dict[str, Any]] = []
        if self.length:
            buffers.append({"byteLength": self.length} | ({"uri": uri} if uri else {}))
        if self.unpacked:
            buffers.append({"byteLength": self.unpacked, "extensions": {MESHOPT: {"fallback": True}}})
        return buffers

    def vertices(
        self,
        array: Array,
        kind: Literal["VEC2", "VEC3", "VEC4"],
        *,
        bounds: bool | tuple[Array, Array] = False,
        normalized: bool = False,
        filtered: tuple[str, Array] | None = None,
    ) -> int:
        """Plan one vertex attribute and return its accessor.

        Parameters
        ----------
        array : (V, 2 to 4) numbers, stored as they are if they are whole, else as float32. Rows must be of a
            multiple of 4 bytes; columns past those of ``kind`` only fill rows up.
        kind : glTF's type.
        bounds : True writes ``min`` and ``max``, which POSITION must have; they equal the stored values. A
            pair of them, where they are known, saves the search.
        normalized : whole numbers stand for -1 .. 1 or 0 .. 1.
        filtered : name of a filter of EXT_meshopt_compression and the rows that it makes ``array`` of, which
            are compressed in its place.
        """
        dtype = array.dtype if array.dtype.kind in "iu" else np.dtype(np.float32)
        accessor: dict[str, Any] = {
            "componentType": COMPONENTS[dtype.name],
            "count": len(array),
            "type": kind,
        }
        if normalized and dtype.kind in "iu":
            accessor["normalized"] = True
        if bounds is not False:
            low, high = (array.min(axis=0), array.max(axis=0)) if bounds is True else bounds
            accessor["min"] = low[: WIDTHS[kind]].astype(dtype).tolist()
            accessor["max"] = high[: WIDTHS[kind]].astype(dtype).tolist()
        view = {"byteStride": array.shape[1] * dtype.itemsize, "target": ARRAY_BUFFER}
        return self._accessor(array, dtype.newbyteorder("<").str, accessor, view, filtered)

    def colors(self, array: Array) -> int:
        """Plan (V, 4) linear RGBA in [0, 1] and return its accessor: 16 bits, for dark water's sake."""
        whole = np.rint(np.clip(array, 0, 1) * 65535).astype(np.uint16)
        return self.vertices(whole, "VEC4", normalized=True)

    def indices(self, triangles: Array, vertex_count: int) -> int:
        """Plan the indices of (T, 3) triangles and return their accessor.

        A type's largest value means "restart the strip" to a GPU, so 65,535 vertices are the most for uint16.
        """
        dtype, component = ("<u2", UNSIGNED_SHORT) if vertex_count <= 65535 else ("<u4", UNSIGNED_INT)
        accessor = {"componentType": component, "count": triangles.size, "type": "SCALAR"}
        return self._accessor(triangles, dtype, accessor, {"target": ELEMENT_ARRAY_BUFFER})

    def virtual(self, component: int, count: int, kind: str, **more: Any) -> int:
        """Add an accessor without bytes of its own, for what a codec holds, and return it."""
        self.accessors.append({"componentType": component, "count": count, "type": kind, **more})
        return len(self.accessors) - 1

    def image(self, data: bytes) -> int:
        """Plan the bytes of an image file and return its buffer view."""
        return self.data(data)

    def data(self, data: bytes) -> int:
        """Plan bytes as they are and return their buffer view."""
        return self._view(data, "", len(data), {})

    def write(self, stream: BinaryIO) -> None:
        """Write the whole buffer."""
        for block, dtype in self._blocks:
            if isinstance(block, bytes):
                size = stream.write(block)
            else:
                size = 0
                for piece in pieces(block, dtype):
                    size += stream.write(piece.data.cast("B"))
            stream.write(b"\0" * padding(size))

    def _accessor(
        self,
        array: Array,
        dtype: str,
        accessor: dict[str, Any],
        view: dict[str, Any],
        filtered: tuple[str, Array] | None = None,
    ) -> int:
        # Whatever tells two accessors over equal bytes apart.
        kind = f"{accessor['type']} {'min' in accessor} {'normalized' in accessor} {filtered and filtered[0]}"
        identity = (id(array), dtype, kind)
        if identity in self._by_identity:
            return self._by_identity[identity][0]
        equals = self._by_fingerprint.setdefault((_fingerprint(array), dtype, kind), [])
        index = next((index for index, other in equals if _same(array, other)), None)
        if index is None:
            index = len(self.accessors)
            self.accessors.append({"bufferView": self._elements(array, dtype, view, filtered), **accessor})
            equals.append((index, array))
        # The array is kept alive with its index: a freed array's id could come back as another array's.
        self._by_identity[identity] = (index, array)
        return index

    def _elements(
        self, array: Array, dtype: str, view: dict[str, Any], filtered: tuple[str, Array] | None
    ) -> int:
        """Plan a view of vertices or indices, compressed where that is wanted and saves anything."""
        size = array.size * np.dtype(dtype).itemsize
        if self._compress and size:
            from worldgen.export.meshopt import encode_attributes, encode_triangles

            if "byteStride" in view:
                rows = filtered[1] if filtered else np.ascontiguousarray(array, dtype)
                data = encode_attributes(rows)
                extension = {"byteStride": view["byteStride"], "mode": "ATTRIBUTES", "count": len(array)}
                extension |= {"filter": filtered[0]} if filtered else {}
            else:
                data = encode_triangles(array)
                extension = {"byteStride": np.dtype(dtype).itemsize, "mode": "TRIANGLES", "count": array.size}
            if len(data) < size:
                source = {"buffer": 0, "byteOffset": self.length, "byteLength": len(data)}
                place = {"buffer": 1, "byteOffset": self.unpacked, "byteLength": size}
                self.unpacked += size + padding(size)
                return self._place(data, "", place | view | {"extensions": {MESHOPT: source | extension}})
        return self._view(array, dtype, size, view)

    def _view(self, block: Array | bytes, dtype: str, size: int, view: dict[str, Any]) -> int:
        place = {"buffer": 0, "byteOffset": self.length, "byteLength": size}
        return self._place(block, dtype, place | view)

    def _place(self, block: Array | bytes, dtype: str, view: dict[str, Any]) -> int:
        self.views.append(view)
        self._blocks.append((block, dtype))
        size = len(block) if isinstance(block, bytes) else view["byteLength"]
        self.length += size + padding(size)
        return len(self.views) - 1


def _fingerprint(array: Array) -> bytes:
    """A few rows of an array and its shape: arrays whose fingerprints differ are not equal."""
    some = array[len(array) // 34 :: max(1, len(array) // 17)]
    return f"{array.shape} {array.dtype.str} ".encode() + some.tobytes()


def _same(array: Array, other: Array) -> bool:
    """Whether two arrays of one shape and type hold the same bytes, up to the sign of 0."""
    return array is other or all(
        np.array_equal(array[start : start + ROWS_PER_PIECE], other[start : start + ROWS_PER_PIECE])
        for start in range(0, len(array), ROWS_PER_PIECE)
    )


def check_vertices(
    positions: Array, normals: Array, tangents: Array | None, name: str
) -> tuple[Array, Array]:
    """Refuse what no client can show; return the bounds of the positions, (3,) float32 each.

    Raises
    ------
    ExportError : a position is not finite, or a normal or tangent is not of unit length within 0.5 %.
    """
    from worldgen.export.survey import column_bounds, count_not_unit

    low, high = np.empty((2, 3), np.float32)
    if not column_bounds(np.ascontiguousarray(positions, np.float32), low, high):
        raise ExportError(f"'{name}' has positions that are not finite numbers")
    for what, vectors in (("normal", normals), ("tangent", tangents)):
        if vectors is None:
            continue
        wrong = count_not_unit(np.ascontiguousarray(vectors, np.float32))
        if wrong:
            raise ExportError(f"'{name}' has {wrong} {what}s that are not of unit length")
    return low, high
