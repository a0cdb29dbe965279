"""OpenEXR: one channel of 32-bit floats, the height format that keeps metres as they are.

A scan-line file with ZIP compression and the channel ``R``, which Godot 4 loads as ``FORMAT_RF`` without
touching a bit; an RGB file would be three times as large and be converted. Our own writer, since the format
is small and the bits of unsigned integers that Terrain3D hides in floats must not pass through a library that
thinks in numbers.

Source: "The OpenEXR File Layout" and "Technical Introduction to OpenEXR", Academy Software Foundation.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import ExportError, InputError
from worldgen.export.files import FileSet
from worldgen.export.heightmaps import heightmap_sidecar, read_sidecar, sidecar_grid, sidecar_path
from worldgen.export.provenance import Provenance
from worldgen.heightmap import Heightmap

MAGIC = 20000630
_LINES = 16  # scan lines in a block of ZIP
_FLOAT, _ZIP = 2, 3
FORMAT = "exr32"


def encode_exr(values: NDArray[np.float32] | NDArray[np.uint32], channel: str = "R") -> bytes:
    """Return an EXR file of one channel.

    Parameters
    ----------
    values : (H, W) float32; or uint32, whose bits are stored as those of floats. Row 0 is the top.
    channel : its name, at most 31 letters.

    Raises
    ------
    ExportError : the values are of another type or shape.
    """
    if values.ndim != 2 or 0 in values.shape or values.dtype not in (np.float32, np.uint32):
        raise ExportError(
            f"an EXR channel must be (H, W) float32 or uint32; found {values.shape} {values.dtype}"
        )
    height, width = values.shape
    blocks = [
        _deflate(np.ascontiguousarray(values[top : top + _LINES]).astype(values.dtype.newbyteorder("<")))
        for top in range(0, height, _LINES)
    ]
    head = _header(width, height, channel)
    place = len(head) + 8 * len(blocks)
    offsets, chunks = [], []
    for number, block in enumerate(blocks):
        offsets.append(place)
        chunks.append(struct.pack("<ii", number * _LINES, len(block)) + block)
        place += len(chunks[-1])
    return head + struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(chunks)


def decode_exr(data: bytes) -> NDArray[np.float32]:
    """Return (H, W) float32 of a file that `encode_exr` made; its bits are those that were given.

    Raises
    ------
    InputError : it is no EXR of one float channel with ZIP compression.
    """
    try:
        header, place = _read_header(data)
        left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
        channels = header["channels"]
        name = channels[: channels.index(b"\0")]
        kind = struct.unpack_from("<i", channels, len(name) + 1)[0]
        if kind != _FLOAT or len(channels) != len(name) + 18 or header["compression"] != bytes([_ZIP]):
            raise InputError("the EXR does not hold one channel of 32-bit floats with ZIP compression")
        width, height = right - left + 1, bottom - top + 1
        values = np.empty((height, width), "<f4")
        count = -(-height // _LINES)
        for offset in struct.unpack_from(f"<{count}Q", data, place):
            line, size = struct.unpack_from("<ii", data, offset)
            rows = values[line - top : line - top + _LINES]
            rows[:] = (
                _inflate(data[offset + 8 : offset + 8 + size], rows.nbytes).view("<f4").reshape(rows.shape)
            )
    except (struct.error, ValueError, KeyError, zlib.error) as error:
        raise InputError(f"not a readable EXR: {error}") from error
    return values.astype(np.float32, copy=False)


def write_exr(
    heightmap: Heightmap,
    path: Path,
    *,
    sea_level: float | None = None,
    provenance: Provenance | None = None,
) -> list[Path]:
    """Write elevation in metres, nothing rounded, and its sidecar ``NAME.exr.json``; return both paths."""
    sidecar = heightmap_sidecar(heightmap, FORMAT, "little", 1.0, 0.0, sea_level, provenance)
    with FileSet() as files:
        files.write(sidecar_path(path), (json.dumps(sidecar, indent=2, allow_nan=False) + "\n").encode())
        files.write(path, encode_exr(heightmap.elevation))
    return files.paths[::-1]


def read_exr(path: Path) -> Heightmap:
    """Read what `write_exr` wrote, to the bit.

    Raises
    ------
    InputError : a file is absent, is of another kind, or does not fit its sidecar.
    """
    grid = sidecar_grid(path, read_sidecar(path, FORMAT))
    try:
        elevation = decode_exr(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return Heightmap(elevation, grid)


def _header(width: int, height: int, channel: str) -> bytes:
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    # Name, pixel type, "linear" flag with three spare bytes, sampling in x and y; the list ends with a zero.
    channels = channel.encode() + b"\0" + struct.pack("<iIii", _FLOAT, 0, 1, 1) + b"\0"
    attributes: list[tuple[str, str, bytes]] = [
        ("channels", "chlist", channels),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    parts = [
        name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
        for name, kind, value in attributes
    ]
    return struct.pack("<iI", MAGIC, 2) + b"".join(parts) + b"\0"


def _read_header(data: bytes) -> tuple[dict[str, bytes], int]:
    """Return the attributes by name, and where the table of offsets begins."""
    magic, version = struct.unpack_from("<iI", data)
    if magic != MAGIC or version != 2:
        raise InputError("not an EXR of single-part scan lines")
    header, place = {}, 8
    while data[place] != 0:
        name_end = data.index(b"\0", place)
        kind_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        header[data[place:name_end].decode()] = data[kind_end + 5 : kind_end + 5 + size]
        place = kind_end + 5 + size
    return header, place + 1


def _deflate(lines: NDArray[Any]) -> bytes:
    """Even bytes, then odd ones, as differences, by zlib; or as they are, where that is no smaller."""
    raw = np.frombuffer(lines.tobytes(), np.uint8)
    parted = np.concatenate([raw[::2], raw[1::2]])
    steps = parted.copy()
    steps[1:] = parted[1:] - parted[:-1] + np.uint8(128)
    packed = zlib.compress(steps.tobytes(), 6)
    return packed if len(packed) < raw.nbytes else raw.tobytes()


def _inflate(block: bytes, size: int) -> NDArray[np.uint8]:
    if len(block) == size:
        return np.frombuffer(block, np.uint8)
    steps = np.frombuffer(zlib.decompress(block), np.uint8).copy()
    steps[1:] += np.uint8(128)  # modulo 256, as the sum below
    parted = np.cumsum(steps, dtype=np.uint8)
    raw = np.empty(size, np.uint8)
    half = -(-size // 2)
    raw[::2], raw[1::2] = parted[:half], parted[half:]
    return raw
