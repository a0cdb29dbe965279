"""The figures of a Wavefront OBJ with its MTL: OBJ has no instances, so all is counted as it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.export.costs import Corner, Inspection, NodeCost, PartCost, TextureCost
from worldgen.export.gltf_files import Resources, map_file
from worldgen.export.image_headers import read_image_header
from worldgen.export.json_fields import printable
from worldgen.export.obj_reading import ObjObject, count_obj

# Arguments of the options that may stand before an image's name in MTL.
MAP_OPTIONS = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2, "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1}
MAP_OPTIONS |= {"-cc": 1, "-clamp": 1, "-texres": 1, "-imfchan": 1, "-type": 1}
MAPS = ("map_", "norm", "bump", "disp", "decal", "refl")


def inspect_obj(path: Path) -> Inspection:
    """Inspect an ``.obj``, its material libraries and images.

    Raises
    ------
    InputError : a file is absent; a face names a vertex that there is not, or has fewer than three corners; a
        coordinate is not a number.
    """
    data = map_file(path)
    counts = count_obj(data, path.name)
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
    objects: list[ObjObject], maps: dict[str, list[str]], textures: dict[str, TextureCost]
) -> tuple[PartCost, ...]:
    from worldgen.export.gltf_inspection import family

    groups: dict[str, list[ObjObject]] = {}
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
