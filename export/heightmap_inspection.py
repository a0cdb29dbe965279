"""The figures of a 16-bit heightmap: from its sidecar, checked against the file itself."""

from __future__ import annotations

from pathlib import Path

from worldgen.errors import InputError
from worldgen.export.costs import Inspection
from worldgen.export.gltf_files import map_file
from worldgen.export.image_headers import read_image_header
from worldgen.export.json_fields import parse_fields

MOST_SAMPLES = 1 << 20  # a side


def inspect_heightmap(path: Path) -> Inspection:
    """Inspect a ``.png`` or ``.r16`` with its sidecar ``NAME.png.json``.

    Raises
    ------
    InputError : the sidecar is absent or damaged, or says another size than the file has.
    """
    form = "r16" if path.suffix.lower() == ".r16" else "png16"
    file = path.with_name(path.name + ".json")
    if not file.is_file():
        raise InputError(f"{path.name}: found no sidecar {file.name}; allowed: heightmaps with one")
    sidecar = parse_fields(bytes(map_file(file)), file.name)
    if sidecar.text("format") != form:
        raise sidecar.wrong("format", f"'{form}'")
    width, height = (sidecar.integer(key, least=2, below=MOST_SAMPLES) for key in ("width", "height"))
    numbers = ("spacing_metres", "minimum_metres", "maximum_metres", "scale_metres", "offset_metres")
    figures = {key: sidecar.number(key) for key in numbers}
    if figures["spacing_metres"] <= 0:
        raise sidecar.wrong("spacing_metres", "a number above 0")
    data = map_file(path)
    if form == "r16":
        if len(data) != 2 * width * height:
            raise InputError(
                f"{path.name}: {width} x {height} samples take {2 * width * height} bytes; found {len(data)}"
            )
    else:
        header = read_image_header(data, path.name)
        if (header.format, header.bits, header.gray) != ("png", 16, True):
            raise InputError(f"{path.name}: found no PNG of 16 bits, gray, without alpha")
        if (header.width, header.height) != (width, height):
            raise InputError(
                f"{path.name}: has {header.width} x {header.height} samples, "
                f"its sidecar says {width} x {height}"
            )
    origin = sidecar.numbers("origin_metres", 2) or [0.0, 0.0]
    east, south = ((count - 1) * figures["spacing_metres"] for count in (width, height))
    return Inspection(
        path=path,
        format=form,
        file_bytes=len(data),
        external_files=((file.name, file.stat().st_size),),
        bounds=(
            (origin[0], figures["minimum_metres"], origin[1]),
            (origin[0] + east, figures["maximum_metres"], origin[1] + south),
        ),
        heightmap={"width": width, "height": height, **figures},
        notes=(f"drawn whole it is {2 * (width - 1) * (height - 1):,} triangles",),
    )
