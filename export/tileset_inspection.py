"""The figures of a 3D Tiles set: the worst case, in which a client shows all of its finest tiles at once.

Source: OGC 3D Tiles 1.1: tiles, refinement and transforms. Tiles are z-up, glTF is y-up and turned by a
quarter about x at run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.export.costs import Corner, Inspection, LevelCost, NodeCost, PartCost
from worldgen.export.gltf_files import Resources, map_file
from worldgen.export.gltf_tree import box_bounds
from worldgen.export.json_fields import Fields, parse_fields

DEEPEST = 64
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])  # from y-up


@dataclass(frozen=True, eq=False)
class _Content:
    """One tile's content.

    Attributes
    ----------
    depth : of its tile, 0 the root. finest : shown when all tiles are as fine as they get.
    """

    uri: str
    path: Path
    where: str
    depth: int
    finest: bool
    transform: NDArray[np.float64]


def inspect_tileset(path: Path) -> Inspection:
    """Inspect a ``tileset.json`` and all of its contents.

    Raises
    ------
    InputError : a file is absent or damaged; a content is neither glTF nor a tileset; tiling is implicit.
    """
    from worldgen.export.gltf_inspection import inspect_gltf

    resources = Resources(path.parent)
    contents = list(_tileset_contents(path, resources, np.eye(4), 0, True, ()))
    known: dict[Path, Inspection] = {}
    for content in contents:
        if content.path not in known:
            try:
                known[content.path] = inspect_gltf(content.path)
            except InputError as error:
                raise InputError(f"{content.where}: {error}") from None
    finest = [(content, known[content.path]) for content in contents if content.finest]
    shown = list({content.path: inspection for content, inspection in finest}.values())
    every = list(known.values())

    def total(name: str) -> int:
        return sum(int(getattr(inspection, name)) for _, inspection in finest)

    def stored(name: str) -> int:
        return sum(int(getattr(inspection, name)) for inspection in shown)

    def union(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry for inspection in every for entry in getattr(inspection, name)))

    files = dict(resources.sizes)
    for file, inspection in known.items():
        files[_beside(file, path.parent)] = inspection.file_bytes
        for name, size in inspection.external_files:
            files[_beside(file.parent / name, path.parent)] = size
    rows = [_row(content, inspection) for content, inspection in finest]
    return Inspection(
        path=path,
        format="tileset",
        file_bytes=path.stat().st_size,
        external_files=tuple(files.items()),
        triangles=total("triangles"),
        vertices=total("vertices"),
        stored_vertices=stored("stored_vertices"),
        draw_calls=total("draw_calls"),
        batched_draw_calls=total("batched_draw_calls"),
        double_draw_calls=total("double_draw_calls"),
        instances=total("instances"),
        nodes=total("nodes"),
        meshes=stored("meshes"),
        materials=union("materials"),
        textures=tuple(texture for inspection in shown for texture in inspection.textures),
        texture_memory_bytes=stored("texture_memory_bytes"),
        fallback_texture_memory_bytes=stored("fallback_texture_memory_bytes"),
        geometry_memory_bytes=stored("geometry_memory_bytes"),
        index_bits=max((inspection.index_bits for inspection in shown), default=0),
        bounds=_bounds(finest),
        levels=_levels(contents, known),
        parts=_parts(finest),
        rows=tuple(sorted(rows, key=lambda row: (-row.triangles, row.name))),
        extensions_used=union("extensions_used"),
        extensions_required=union("extensions_required"),
        lights=total("lights"),
        cameras=total("cameras"),
        animations=total("animations"),
        provenance=every[0].provenance if every else {},
        notes=(
            f"the worst case: all {len(finest)} finest of {len(contents)} tiles' contents at once; "
            "a client shows them near the eye only",
            "the box is that of the root tile's axes, turned y up",
            *union("notes"),
        ),
    )


def _tileset_contents(
    path: Path,
    resources: Resources,
    transform: NDArray[np.float64],
    depth: int,
    finest: bool,
    outer: tuple[Path, ...],
) -> Iterator[_Content]:
    """Yield the contents of a tileset's tiles, those of tilesets within it too."""
    json = parse_fields(bytes(map_file(path)), path.name)
    version = json.table("asset").text("version", "")
    if version not in ("1.0", "1.1") or "root" not in json:
        raise InputError(f"{path.name}: found no 3D Tiles set of version 1.0 or 1.1: asset.version, root")
    root = json.table("root")
    refine = root.text("refine", "REPLACE")
    # The root's own transform places the set on the globe: sizes are told without it.
    stack: list[tuple[Fields, NDArray[np.float64], int, str]] = [(root, transform, depth, refine)]
    while stack:
        tile, above, deep, inherited = stack.pop()
        if deep > DEEPEST:
            raise InputError(f"{path.name}: its tiles are nested more than {DEEPEST} deep")
        if "implicitTiling" in tile or "3DTILES_implicit_tiling" in tile.table("extensions"):
            raise InputError(f"{tile.where}: found implicit tiling; allowed: tiles that are listed")
        matrix = tile.numbers("transform", 16) if tile is not root else None
        here = above if matrix is None else above @ np.reshape(matrix, (4, 4)).T
        refine = tile.text("refine", inherited)
        if refine not in ("REPLACE", "ADD"):
            raise tile.wrong("refine", "'REPLACE', 'ADD'")
        children = tile.tables("children")
        shown = finest and (not children or refine == "ADD")
        single = [tile.table("content")] if "content" in tile else []
        for content in [*single, *tile.tables("contents")]:
            key = "uri" if "uri" in content else "url"  # url: 3D Tiles 0.0
            file = resources.locate(content.uri(key), content.where)
            suffix = file.suffix.lower()
            if suffix == ".json":
                if file in (*outer, path):
                    raise InputError(f"{content.where}: the tileset holds itself")
                resources.read(content.uri(key), content.where)
                inner = Resources(file.parent)
                yield from _tileset_contents(file, inner, here, deep + 1, finest, (*outer, path))
                resources.sizes |= {
                    _beside(file.parent / name, resources.folder): n for name, n in inner.sizes.items()
                }
            elif suffix in (".glb", ".gltf"):
                yield _Content(content.text(key), file, content.where, deep, shown, here)
            else:
                raise content.wrong(key, "names that end in .glb, .gltf or .json")
        stack += [(child, here, deep + 1, refine) for child in reversed(children)]


def _beside(file: Path, folder: Path) -> str:
    """Return a file's name as seen from a folder."""
    try:
        return file.relative_to(folder).as_posix()
    except ValueError:
        return file.as_posix()


def _boxes(content: _Content, inspection: Inspection) -> tuple[Corner, Corner] | None:
    """Return a content's box in the root tile's axes, turned back y up."""
    if inspection.bounds is None:
        return None
    low, high = (np.array(corner) for corner in inspection.bounds)
    matrix = Z_UP.T @ content.transform @ Z_UP
    lows, highs = box_bounds(matrix[None], low, high)
    if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
        raise InputError(f"{content.where}: the transforms above it are not finite")
    return _corner(lows[0]), _corner(highs[0])


def _bounds(finest: list[tuple[_Content, Inspection]]) -> tuple[Corner, Corner] | None:
    boxes = [box for content, inspection in finest if (box := _boxes(content, inspection))]
    if not boxes:
        return None
    low = np.min([box[0] for box in boxes], axis=0)
    return _corner(low), _corner(np.max([box[1] for box in boxes], axis=0))


def _row(content: _Content, inspection: Inspection) -> NodeCost:
    box = _boxes(content, inspection)
    return NodeCost(
        content.uri,
        1,
        inspection.triangles,
        inspection.draw_calls,
        max(1, inspection.instances),
        inspection.texture_memory_bytes,
        _corner(np.subtract(box[1], box[0])) if box else None,
    )


def _levels(contents: list[_Content], known: dict[Path, Inspection]) -> tuple[LevelCost, ...]:
    """Return what is shown where no tile is finer than a depth, the deepest first."""
    depths = sorted({content.depth for content in contents}, reverse=True)
    costs = []
    for level, depth in enumerate(depths):
        shown = [c for c in contents if c.depth == depth or (c.finest and c.depth < depth)]
        here = [known[content.path] for content in shown]
        costs.append(
            LevelCost(level, sum(one.triangles for one in here), sum(one.draw_calls for one in here))
        )
    return tuple(costs) if len(costs) > 1 else ()


def _parts(finest: list[tuple[_Content, Inspection]]) -> tuple[PartCost, ...]:
    """Sum the parts of one name over all contents."""
    sums: dict[str, PartCost] = {}
    for _, inspection in finest:
        for part in inspection.parts:
            before = sums.get(part.name, PartCost(part.name, 0, 0, 0, 0))
            sums[part.name] = PartCost(
                part.name,
                before.triangles + part.triangles,
                before.draw_calls + part.draw_calls,
                before.batched_draw_calls + part.batched_draw_calls,
                before.texture_memory_bytes + part.texture_memory_bytes,
            )
    return tuple(sorted(sums.values(), key=lambda part: (-part.triangles, part.name)))


def _corner(values: NDArray[Any]) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z
