"""The figures of a Wavefront OBJ with its MTL: OBJ has no instances, so all is counted as it stands.

Runs of lines of one kind (``v``, ``f``) are counted and parsed as blocks by numpy: 35 MB take about a second.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.costs import Corner, Inspection, NodeCost, PartCost, TextureCost
from worldgen.export.gltf_reading import Resources, map_file
from worldgen.export.image_headers import read_image_header
from worldgen.export.json_fields import printable

BLOCK = 1 << 23  # bytes of text at a time
# Arguments of the options that may stand before an image's name in MTL.
MAP_OPTIONS = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2, "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1}
MAP_OPTIONS |= {"-cc": 1, "-clamp": 1, "-texres": 1, "-imfchan": 1, "-type": 1}
MAPS = ("map_", "norm", "bump", "disp", "decal", "refl")

Bytes = NDArray[np.uint8]


@dataclass
class _Object:
    """What follows an ``o`` or ``g`` line."""

    name: str
    triangles: int = 0
    draw_calls: int = 0
    materials: set[str] = field(default_factory=set)


@dataclass
class _Counts:
    """What was read so far."""

    where: str
    vertices: int = 0
    texcoords: int = 0
    normals: int = 0
    corners: int = 0
    largest: int = 0  # number of a vertex that a face names
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    objects: list[_Object] = field(default_factory=lambda: [_Object("")])
    libraries: list[str] = field(default_factory=list)
    material: str = ""
    fresh: bool = True  # the next face begins a draw call
    first_line: str = ""


def inspect_obj(path: Path) -> Inspection:
    """Inspect an ``.obj``, its material libraries and images.

    Raises
    ------
    InputError : a file is absent; a face names a vertex that there is not, or has fewer than three corners; a
        coordinate is not a number.
    """
    data = map_file(path)
    counts = _Counts(path.name)
    for block in _blocks(data):
        _read_block(counts, block)
    if counts.largest > counts.vertices:
        raise InputError(
            f"{path.name}: a face names vertex {counts.largest}; allowed: 1 .. {counts.vertices}"
        )
    if not counts.vertices:
        raise InputError(f"{path.name}: found no vertices, so it is no OBJ")
    resources = Resources(path.parent)
    maps = _read_libraries(path.name, counts.libraries, resources)
    objects = [entry for entry in counts.objects if entry.draw_calls]
    used = dict.fromkeys(name for entry in objects for name in sorted(entry.materials) if name)
    textures = _textures(path.name, maps, used, resources)
    memory = {name: sum(textures[image].memory_bytes for image in maps.get(name, ())) for name in used}
    drawn = {image for name in used for image in maps.get(name, ())}
    triangles = sum(entry.triangles for entry in objects)
    rows = [
        NodeCost(
            entry.name or "without a name",
            1,
            entry.triangles,
            entry.draw_calls,
            1,
            sum(memory.get(m, 0) for m in entry.materials),
            None,
        )
        for entry in objects
    ]
    stored = max(counts.vertices, counts.texcoords, counts.normals)
    width = 12 + 12 * bool(counts.normals) + 8 * bool(counts.texcoords)
    missing = [name for name in used if name not in maps]
    return Inspection(
        path=path,
        format="obj",
        file_bytes=len(data),
        external_files=tuple(resources.sizes.items()),
        triangles=triangles,
        vertices=stored,
        stored_vertices=stored,
        draw_calls=sum(entry.draw_calls for entry in objects),
        batched_draw_calls=sum(entry.draw_calls for entry in objects),
        nodes=len(objects),
        meshes=len(objects),
        materials=tuple(used),
        textures=tuple(textures.values()),
        texture_memory_bytes=sum(textures[image].memory_bytes for image in drawn),
        geometry_memory_bytes=stored * width + 3 * triangles * (2 if stored < 65536 else 4),
        index_bits=32 if stored >= 65536 else 16,
        bounds=(_corner(counts.low), _corner(counts.high)),
        parts=_parts(objects, maps, textures),
        rows=tuple(sorted(rows, key=lambda row: (-row.triangles, row.name))),
        provenance={"generator": counts.first_line} if counts.first_line else {},
        notes=(
            "OBJ has no axes and no units: sizes are its own; clients that do not join equal corners store "
            f"{counts.corners:,} vertices",
            *([f"no library describes {', '.join(missing[:5])}"] if missing else []),
        ),
    )


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


def _read_block(counts: _Counts, block: bytes) -> None:
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


def _read_run(counts: _Counts, kind: bytes, text: bytes, lines: int) -> None:
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


def _read_statement(counts: _Counts, line: bytes) -> None:
    keyword, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
    name = printable(rest.strip())
    if keyword in ("o", "g"):
        counts.objects.append(_Object(name))
        counts.fresh = True
    elif keyword == "usemtl":
        counts.fresh |= name != counts.material
        counts.material = name
    elif keyword == "mtllib" and rest.strip() not in counts.libraries:
        counts.libraries.append(rest.strip())


def _floats(counts: _Counts, text: bytes) -> NDArray[np.float64]:
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


def _read_vertices(counts: _Counts, text: bytes, lines: int) -> None:
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


def _read_faces(counts: _Counts, text: bytes, lines: int) -> None:
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


def _first_numbers(counts: _Counts, letters: Bytes, starts: NDArray[np.intp]) -> NDArray[np.int64]:
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


def _read_libraries(where: str, names: list[str], resources: Resources) -> dict[str, list[str]]:
    """Return the images of each material."""
    maps: dict[str, list[str]] = {}
    for name in names:
        text = bytes(resources.read_file(name, f"{where}: mtllib"))
        images: list[str] = []
        for line in text.decode("utf-8", "replace").splitlines():
            keyword, _, rest = line.strip().partition(" ")
            if keyword == "newmtl":
                images = maps.setdefault(printable(rest.strip()), [])
            elif keyword.lower().startswith(MAPS) and (image := _image_name(rest)) and image not in images:
                images.append(image)
    return maps


def _image_name(rest: str) -> str:
    """Return what is left of a map statement after its options: a name may hold spaces."""
    words = rest.split()
    while words and words[0] in MAP_OPTIONS:
        most = MAP_OPTIONS[words.pop(0)]
        for number in range(most):
            # -o, -s and -t take one to three numbers.
            if most < 3 or number == 0 or (words and words[0].lstrip("+-").replace(".", "", 1).isdigit()):
                words = words[1:]
    return " ".join(words)


def _textures(
    where: str, maps: dict[str, list[str]], used: dict[str, None], resources: Resources
) -> dict[str, TextureCost]:
    drawn = {image for name in used for image in maps.get(name, ())}
    textures = {}
    for image in dict.fromkeys(image for images in maps.values() for image in images):
        data = resources.read_file(image.replace("\\", "/"), f"{where}: image")
        header = read_image_header(data, f"{where}: {printable(image)}")
        textures[image] = TextureCost(
            printable(image.rpartition("/")[2]),
            header.format,
            header.width,
            header.height,
            len(data),
            header.gpu_bytes,
            "drawn" if image in drawn else "unused",
        )
    return textures


def _parts(
    objects: list[_Object], maps: dict[str, list[str]], textures: dict[str, TextureCost]
) -> tuple[PartCost, ...]:
    from worldgen.export.gltf_inspection import family

    groups: dict[str, list[_Object]] = {}
    for entry in objects:
        groups.setdefault(family(entry.name or "without a name"), []).append(entry)
    parts = []
    for name, members in groups.items():
        images = {
            image for entry in members for material in entry.materials for image in maps.get(material, ())
        }
        calls = sum(entry.draw_calls for entry in members)
        memory = sum(textures[image].memory_bytes for image in images)
        parts.append(PartCost(name, sum(entry.triangles for entry in members), calls, calls, memory))
    return tuple(sorted(parts, key=lambda part: (-part.triangles, part.name)))


def _corner(values: NDArray[np.float64]) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z
