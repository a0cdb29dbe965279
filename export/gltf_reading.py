"""Reads glTF 2.0 as anyone may have written it: buffers, views and accessors, checked by its rules.

Shares no code with the writer. Files are mapped into memory, so that a large one costs no more than what is
looked at; images, Draco and meshopt data are not decoded.

Source: Khronos, glTF 2.0 specification, section 3.6; KHR_mesh_quantization; EXT_meshopt_compression.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.gltf_files import Data, Resources, map_file, unpack_glb
from worldgen.export.json_fields import Fields, parse_fields

DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {"SCALAR": (1, 1), "VEC2": (2, 1), "VEC3": (3, 1), "VEC4": (4, 1)}
SHAPES |= {"MAT2": (2, 2), "MAT3": (3, 3), "MAT4": (4, 4)}
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
MOST_ZEROS = 1 << 24  # elements of an accessor that no byte stands behind


@dataclass(frozen=True)
class Accessor:
    """One accessor, checked; ``key`` is equal where two read the same bytes.

    Attributes
    ----------
    dtype : of the stored components. width : components an element.
    element_bytes : of one element, with the padding of matrix columns.
    low, high : ``min`` and ``max`` as stored, before any normalization; None where they are absent.
    compressed : behind meshopt or without bytes of its own, so that only a decoder could read it.
    """

    number: int
    where: str
    dtype: str
    width: int
    count: int
    normalized: bool
    element_bytes: int
    low: list[float] | None
    high: list[float] | None
    view: int | None
    offset: int
    stride: int
    compressed: bool
    sparse: Fields | None
    key: tuple[Any, ...]

    @property
    def component_bytes(self) -> int:
        return int(self.dtype[2])

    def scaled(self, values: Any) -> Any:
        """Return stored values as the numbers that they stand for.

        KHR_mesh_quantization: c / 127, 255, 32767 or 65535, at least -1.
        """
        if not self.normalized or self.dtype[1] == "f":
            return np.asarray(values, np.float64)
        largest = np.iinfo(self.dtype).max
        return np.maximum(np.asarray(values, np.float64) / largest, -1)


class Document:
    """A glTF document with its buffers.

    Attributes
    ----------
    form : "glb" or "gltf".
    json : the whole document. resources : external files.
    """

    def __init__(self, form: str, json: Fields, binary: Data | None, resources: Resources) -> None:
        self.form = form
        self.json = json
        self.resources = resources
        self._views = json.tables("bufferViews")
        self._accessors = json.tables("accessors")
        self._known: dict[int, Accessor] = {}
        self._buffers: list[tuple[Data | None, int]] = []
        for number, buffer in enumerate(json.tables("buffers")):
            length = buffer.integer("byteLength", least=1)
            data: Data | None = None
            if "uri" in buffer:
                data = resources.read(buffer.uri("uri"), buffer.where)
            elif number == 0:
                data = binary
            if data is not None and len(data) < length:
                raise InputError(f"{buffer.where}: says {length} bytes and has {len(data)}: it is truncated")
            self._buffers.append((data, length))

    def _view_range(self, number: int) -> tuple[Fields, int, int]:
        view = self._views[number]
        buffer = view.integer("buffer", below=len(self._buffers))
        offset, length = view.integer("byteOffset", 0), view.integer("byteLength", least=1)
        if offset + length > self._buffers[buffer][1]:
            raise InputError(
                f"{view.where}: reaches to byte {offset + length} of a buffer of {self._buffers[buffer][1]}"
            )
        return view, offset, length

    def view_bytes(self, number: int) -> Data:
        """Return the bytes of an uncompressed buffer view.

        Raises
        ------
        InputError : it reaches past its buffer, or the buffer has no data.
        """
        if not 0 <= number < len(self._views):
            raise InputError(f"{self.json.at('bufferViews')}: found index {number} of {len(self._views)}")
        view, offset, length = self._view_range(number)
        data = self._buffers[view.integer("buffer")][0]
        if data is None:
            raise InputError(f"{view.where}: its buffer has no data")
        return data[offset : offset + length]

    def _is_compressed(self, view: Fields) -> bool:
        """Whether a decoder must make the view's bytes, which are checked to be there."""
        extensions = view.table("extensions")
        for name in MESHOPT:
            if name in extensions:
                packed = extensions.table(name)
                buffer = packed.integer("buffer", below=len(self._buffers))
                end = packed.integer("byteOffset", 0) + packed.integer("byteLength", least=1)
                if self._buffers[buffer][0] is None or end > self._buffers[buffer][1]:
                    raise InputError(f"{packed.where}: reaches past the data of buffer {buffer}")
                return True
        return False

    def accessor(self, number: int) -> Accessor:
        """Return an accessor.

        Raises
        ------
        InputError : there is none of that number, a value of it is wrong, or it reaches past its data.
        """
        if not 0 <= number < len(self._accessors):
            raise InputError(f"{self.json.at('accessors')}: found index {number} of {len(self._accessors)}")
        if number not in self._known:
            self._known[number] = self._read_accessor(number)
        return self._known[number]

    def _read_accessor(self, number: int) -> Accessor:
        entry = self._accessors[number]
        component = entry.integer("componentType")
        kind = entry.text("type")
        if component not in DTYPES:
            raise entry.wrong("componentType", ", ".join(map(str, DTYPES)))
        if kind not in SHAPES:
            raise entry.wrong("type", ", ".join(SHAPES))
        dtype, (rows, columns) = DTYPES[component], SHAPES[kind]
        size = int(dtype[2])
        # Columns of matrices begin at multiples of 4 bytes.
        element = rows * size if columns == 1 else columns * -(-rows * size // 4) * 4
        count, offset = entry.integer("count", least=1), entry.integer("byteOffset", 0)
        view_number = entry.index("bufferView", len(self._views))
        stride, compressed = element, False
        if view_number is not None:
            view, _, length = self._view_range(view_number)
            stride = view.integer("byteStride", element, least=1)
            end = offset + stride * (count - 1) + element
            if end > length:
                raise InputError(f"{entry.where}: reaches to byte {end} of a bufferView of {length}")
            compressed = self._is_compressed(view)
            if not compressed:
                self.view_bytes(view_number)  # has data
        width = rows * columns
        return Accessor(
            number=number,
            where=entry.where,
            dtype=dtype,
            width=width,
            count=count,
            normalized=entry.flag("normalized"),
            element_bytes=element,
            low=entry.numbers("min", width),
            high=entry.numbers("max", width),
            view=view_number,
            offset=offset,
            stride=stride,
            compressed=compressed,
            sparse=entry.table("sparse") if "sparse" in entry else None,
            key=(view_number, offset, dtype, width, count) if view_number is not None else (number,),
        )

    def stored_values(self, accessor: Accessor) -> NDArray[Any]:
        """Return (count, width) values as stored, strides and sparse values resolved; matrices are refused.

        Raises
        ------
        InputError : a decoder is needed, or the sparse part is wrong.
        """
        if accessor.compressed or accessor.width > 4:
            raise InputError(f"{accessor.where}: cannot be read without a decoder")
        shape = (accessor.count, accessor.width)
        values: NDArray[Any]
        if accessor.view is not None:
            strides = (accessor.stride, accessor.component_bytes)
            data = self.view_bytes(accessor.view)
            values = np.ndarray(shape, accessor.dtype, data, accessor.offset, strides)
        elif accessor.count > MOST_ZEROS:
            raise InputError(f"{accessor.where}: found {accessor.count} elements without a bufferView")
        else:
            values = np.zeros(shape, accessor.dtype)
        return values if accessor.sparse is None else self._with_sparse(accessor, accessor.sparse, values)

    def _with_sparse(self, accessor: Accessor, sparse: Fields, values: NDArray[Any]) -> NDArray[Any]:
        count = sparse.integer("count", least=1, below=accessor.count + 1)
        places, others = sparse.table("indices"), sparse.table("values")
        component = places.integer("componentType")
        if component not in (5121, 5123, 5125):
            raise places.wrong("componentType", "5121, 5123, 5125")

        def part(entry: Fields, dtype: str, width: int) -> NDArray[Any]:
            view, offset = entry.integer("bufferView", below=len(self._views)), entry.integer("byteOffset", 0)
            data = self.view_bytes(view)
            if offset + count * width * int(dtype[2]) > len(data):
                raise InputError(f"{entry.where}: reaches past its bufferView of {len(data)} bytes")
            return np.frombuffer(data, dtype, count * width, offset).reshape(count, width)

        indices = part(places, DTYPES[component], 1)[:, 0]
        if int(indices.max()) >= accessor.count:
            raise InputError(f"{places.where}: found index {int(indices.max())} of {accessor.count}")
        values = values.copy()
        values[indices] = part(others, accessor.dtype, accessor.width)
        return values


def read_document(path: Path) -> Document:
    """Read a ``.glb`` or ``.gltf``; the content decides which it is.

    Raises
    ------
    InputError : a file is absent, truncated, or not what it says.
    """
    data = map_file(path)
    if bytes(data[:4]) == b"glTF" or path.suffix.lower() == ".glb":
        text, binary = unpack_glb(data, path.name)
        form = "glb"
    else:
        text, binary, form = bytes(data), None, "gltf"
    json = parse_fields(text, path.name)
    version = json.table("asset").text("version", "")
    if not version.startswith("2."):
        raise InputError(f"{path.name}: found glTF version '{version}'; allowed: 2.x")
    return Document(form, json, binary, Resources(path.parent))
