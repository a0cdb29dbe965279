"""Counts the lines of a Wavefront OBJ: vertices, triangles, draw calls and its box.

Runs of lines of one kind (``v``, ``f``) are counted and parsed as blocks by numpy: 35 MB take about a second.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.gltf_files import Data
from worldgen.export.json_fields import printable

BLOCK = 1 << 23  # bytes of text at a time

Bytes = NDArray[np.uint8]


@dataclass
class ObjObject:
    """What follows an ``o`` or ``g`` line."""

    name: str
    triangles: int = 0
    draw_calls: int = 0
    materials: set[str] = field(default_factory=set)


@dataclass
class ObjCounts:
    """What was read so far."""

    where: str
    vertices: int = 0
    texcoords: int = 0
    normals: int = 0
    corners: int = 0
    largest: int = 0  # number of a vertex that a face names
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    objects: list[ObjObject] = field(default_factory=lambda: [ObjObject("")])
    libraries: list[str] = field(default_factory=list)
    material: str = ""
    fresh: bool = True  # the next face begins a draw call
    first_line: str = ""


def count_obj(data: Data, where: str) -> ObjCounts:
    """Count a whole file.

    Raises
    ------
    InputError : a face names a vertex that there is not, or has fewer than three corners; a coordinate is
        not a number; there is no vertex.
    """
    counts = ObjCounts(where)
    for block in _blocks(data):
        _read_block(counts, block)
    if counts.largest > counts.vertices:
        raise InputError(f"{where}: a face names vertex {counts.largest}; allowed: 1 .. {counts.vertices}")
    if not counts.vertices:
        raise InputError(f"{where}: found no vertices, so it is no OBJ")
    return counts


def _blocks(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield whole lines, some megabytes at a time; lines that end in a backslash are joined."""
    place, left = 0, b""
    while place < len(data) or left:
        block = left + bytes(data[place : place + BLOCK])
        place += BLOCK
        end = block.rfind(b"\n") + 1 if place < len(data) else len(block)
        while end and place < len(data) and block[max(0, end - 3) : end].rstrip(b"\r\n")[-1:] == b"\\":
            end = block.rfind(b"\n", 0, end - 1) + 1
        left = block[end:]
        block = block[:end]
        if block:
            yield re.sub(rb"\\\r?\n", b" ", block) if b"\\" in block else block


def _read_block(counts: ObjCounts, block: bytes) -> None:
    """Cut a block into runs of lines of one keyword and read each run."""
    if not counts.first_line and counts.vertices == 0 and block.startswith(b"#"):
        counts.first_line = printable(block.partition(b"\n")[0][1:].strip().decode("utf-8", "replace"))[:200]
    text = np.frombuffer(block, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(text == 10) + 1])
    starts = starts[starts < len(text)]
    first, second = text[starts], text[np.minimum(starts + 1, len(text) - 1)]
    # A keyword of one letter ends in a space; "vn", "vt" have their second letter.
    kinds = first.astype(np.uint16) << 8 | np.where(second == 9, 32, second)
    changes = np.flatnonzero(np.diff(kinds.astype(np.int32))) + 1
    heads = [0, *changes.tolist()]
    for run, head in enumerate(heads):
        tail = heads[run + 1] if run + 1 < len(heads) else len(starts)
        place = int(starts[head])
        end = int(starts[tail]) if tail < len(starts) else len(block)
        kind = bytes(block[place : place + 2]).replace(b"\t", b" ")
        _read_run(counts, kind, block[place:end], tail - head)


def _read_run(counts: ObjCounts, kind: bytes, text: bytes, lines: int) -> None:
    if kind == b"v ":
        _read_vertices(counts, text, lines)
    elif kind == b"vt":
        counts.texcoords += lines
    elif kind == b"vn":
        counts.normals += lines
    elif kind == b"f ":
        _read_faces(counts, text, lines)
    elif kind[:1].isalpha():
        for line in text.splitlines():
            _read_statement(counts, line)
    elif kind[:1] in b" \t" and text.strip():  # indented lines are rare
        for line in text.splitlines(keepends=True):
            if line.strip():
                _read_block(counts, line.lstrip())


def _read_statement(counts: ObjCounts, line: bytes) -> None:
    keyword, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
    name = printable(rest.strip())
    if keyword in ("o", "g"):
        counts.objects.append(ObjObject(name))
        counts.fresh = True
    elif keyword == "usemtl":
        counts.fresh |= name != counts.material
        counts.material = name
    elif keyword == "mtllib" and rest.strip() not in counts.libraries:
        counts.libraries.append(rest.strip())


def _floats(counts: ObjCounts, text: bytes) -> NDArray[np.float64]:
    """Parse numbers with white space between them."""
    with warnings.catch_warnings():
        # numpy warns, and in later versions raises, where it meets what is no number.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            raise InputError(f"{counts.where}: found a coordinate that is not a number") from None


def _words(letters: Bytes, lines: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return where words begin, and how many there are on each line."""
    space = (letters == 32) | (letters == 10) | (letters == 13) | (letters == 9)
    begins = ~space
    begins[1:] &= space[:-1]
    heads = np.concatenate([[0], np.flatnonzero(letters == 10) + 1])[:lines]
    return begins, np.add.reduceat(begins.astype(np.int64), heads)


def _read_vertices(counts: ObjCounts, text: bytes, lines: int) -> None:
    letters = np.frombuffer(text, np.uint8)
    _, words = _words(letters, lines)
    if int(words.min()) < 4:
        raise InputError(f"{counts.where}: a vertex has fewer than three coordinates")
    if int(words.min()) == int(words.max()):
        values = _floats(counts, text.replace(b"v", b" "))
    else:  # colours or weights on some lines only
        values = _floats(counts, b" ".join(part for line in text.splitlines() for part in line.split()[1:4]))
    if values.size % lines or values.size < 3 * lines:
        raise InputError(f"{counts.where}: found a coordinate that is not a number")
    places = values.reshape(lines, -1)[:, :3]
    if not (np.abs(places) < 1e38).all():  # false for NaN
        raise InputError(f"{counts.where}: found a coordinate that float32 cannot hold")
    counts.low, counts.high = (
        np.minimum(counts.low, places.min(axis=0)),
        np.maximum(counts.high, places.max(axis=0)),
    )
    counts.vertices += lines


def _read_faces(counts: ObjCounts, text: bytes, lines: int) -> None:
    """Count corners of ``f v/vt/vn ...`` lines; a polygon of n corners is drawn as n - 2 triangles."""
    letters = np.frombuffer(text, np.uint8)
    begins, tokens = _words(letters, lines)  # "f" is one
    if int(tokens.min()) < 4:
        raise InputError(f"{counts.where}: a face has fewer than three corners")
    corners = int(tokens.sum()) - lines
    token_starts = np.flatnonzero(begins & (letters != ord("f")))
    if len(token_starts) != corners:
        raise InputError(f"{counts.where}: found a face that is not made of numbers")
    indices = _first_numbers(counts, letters, token_starts)
    if int(indices.max()) > counts.largest:
        counts.largest = int(indices.max())
    if (indices == 0).any() or int(indices.min()) < -counts.vertices:
        wrong = 0 if (indices == 0).any() else int(indices.min())
        raise InputError(f"{counts.where}: a face names vertex {wrong}; the first is 1, the last one -1")
    entry = counts.objects[-1]
    entry.triangles += corners - 2 * lines
    entry.draw_calls += counts.fresh
    entry.materials.add(counts.material)
    counts.fresh = False
    counts.corners += corners


def _first_numbers(counts: ObjCounts, letters: Bytes, starts: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the whole number that begins at each place, digit by digit for all at once."""
    padded = np.concatenate([letters, np.full(12, 32, np.uint8)])
    negative = padded[starts] == ord("-")
    place = starts + negative
    value = np.zeros(len(starts), np.int64)
    open_ = np.ones(len(starts), bool)
    for digit in range(11):
        letter = padded[np.minimum(place + digit, len(padded) - 1)]
        number = (letter >= 48) & (letter <= 57)
        if digit == 0 and not number.all():
            raise InputError(f"{counts.where}: found a face that is not made of numbers")
        open_ &= number
        if not open_.any():
            break
        value = np.where(open_, value * 10 + (letter - np.uint8(48)), value)
    return np.where(negative, -value, value)
