"""Wavefront OBJ with MTL and textures, for tools that read nothing newer.

OBJ has neither nodes nor instances, axes nor units: all triangles are written in world space, and the header
says that y is up, -z north and the unit one metre. One ``o`` object stands for one node, so that a forest of
2,000 trees is one object and not 2,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from worldgen import __version__
from worldgen.errors import ExportError
from worldgen.export.ascii_table import (
    Characters,
    fixed_characters,
    integer_characters,
    join_columns,
    squeeze,
)
from worldgen.export.files import FileSet
from worldgen.export.images import UniqueNames, encode_images, safe_name
from worldgen.export.mtl import MtlTable
from worldgen.export.options import ExportOptions
from worldgen.export.rotations import rotation_matrices
from worldgen.mesh import Mesh
from worldgen.scene import Instances, Node, Scene

ROWS = 1 << 14  # rows of text at a time: the working set stays inside the processor's cache

Vectors = NDArray[np.float64]
Vector2 = tuple[float, float]


def write_obj(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write ``NAME.obj``, ``NAME.mtl`` and ``textures/NAME_*``; return all paths, ``.obj`` last.

    Coordinates have 4 decimals (0.1 mm), texture coordinates 5, normals 4. Spaces and other unusual
    characters of NAME become ``_`` in the names of the other files, for many readers split lines at spaces.

    Raises
    ------
    ExportError : the text would pass ``options.maximum_obj_bytes``, a coordinate is not finite, or a file
        cannot be written.
    """
    options = options or ExportOptions()
    pieces = list(_pieces(scene))
    _check_size(pieces, options.maximum_obj_bytes)
    materials = MtlTable()
    names = [materials.add(piece.mesh.material) for piece in pieces]
    stem = safe_name(path.stem)
    with FileSet() as files:
        images = encode_images(
            materials.images.sources, options, scene.provenance.xmp() if scene.provenance else b""
        )
        for image in images:
            files.write(path.parent / "textures" / f"{stem}_{image.name}{image.suffix}", image.data)
        text = materials.text(images, f"textures/{stem}_")
        files.write(path.parent / f"{stem}.mtl", text.encode("ascii"))
        with files.open(path) as stream:
            stream.write(_header(scene, stem).encode("ascii"))
            _write_pieces(stream, pieces, names)
    return files.paths


@dataclass(frozen=True, eq=False)
class _Piece:
    """One primitive at one or more places: what follows one ``usemtl``.

    Attributes
    ----------
    node : name of the node; equal neighbours share an ``o``.
    mesh : the primitive.
    offset : (3,) world position of the node, metres.
    instances : where it stands below the node; None stands for once, unturned.
    """

    node: Node
    mesh: Mesh
    offset: Vectors
    instances: Instances | None

    @property
    def count(self) -> int:
        return 1 if self.instances is None else len(self.instances)


def _pieces(scene: Scene) -> Iterator[_Piece]:
    stack = [(node, np.zeros(3)) for node in reversed(scene.nodes)]
    while stack:
        node, parent = stack.pop()
        if node.purpose != "visible":
            continue
        offset = parent + np.asarray(node.translation, np.float64)
        for mesh in node.model.primitives if node.model else ():
            yield _Piece(node, _plain(mesh), offset, None)
        for mesh in node.instances.model.primitives if node.instances and len(node.instances) else ():
            yield _Piece(node, _plain(mesh), offset, node.instances)
        stack.extend((child, offset) for child in reversed(node.children))


def _plain(mesh: Mesh) -> Mesh:
    """Return a mesh whose material has the mean of its vertices' colors, for which OBJ has no place."""
    if mesh.colors is None:
        return mesh
    red, green, blue, alpha = (mesh.colors.mean(axis=0) * mesh.material.base_color_factor).tolist()
    return replace(mesh, material=replace(mesh.material, base_color_factor=(red, green, blue, alpha)))


def _check_size(pieces: list[_Piece], maximum: int) -> None:
    """Refuse a file whose estimated size passes the cap, before anything is written."""
    vertices = sum(piece.count * len(piece.mesh.positions) for piece in pieces)
    triangles = sum(piece.count * piece.mesh.triangles for piece in pieces)
    texcoords = {id(piece.mesh.texcoords): len(piece.mesh.texcoords) for piece in pieces}
    estimate = vertices * (30 + 24) + sum(texcoords.values()) * 19 + triangles * (11 + 9 * len(str(vertices)))
    if estimate > maximum:
        raise ExportError(
            f"the .obj would take about {estimate / 1e9:.2f} GB ({triangles:,} triangles), and the cap is "
            f"{maximum / 1e9:.2f} GB: OBJ has no instances, so each object is written out. "
            "Export .glb, place fewer objects, or raise maximum_obj_bytes"
        )


def _header(scene: Scene, stem: str) -> str:
    origin = scene.provenance
    made = f"# seed {origin.seed}, SHA-256 of the config {origin.config_sha256}\n" if origin else ""
    return (
        f"# worldgen {__version__}: {safe_name(scene.name)}\n"
        "# axes: +x east, +y up, -z north; unit: 1 metre; right-handed, counter-clockwise faces\n"
        f"# {scene.triangles} triangles, {scene.placements} placed objects written out\n"
        f"{made}"
        f"mtllib {stem}.mtl\n"
    )


def _write_pieces(stream: BinaryIO, pieces: list[_Piece], materials: list[str]) -> None:
    names = UniqueNames()
    first_vertex = first_texcoord = 1
    # Id of an array and what its material does to it: number of the first row. Models share theirs.
    texcoords: dict[tuple[int, Vector2, Vector2], int] = {}
    node: Node | None = None
    for piece, material in zip(pieces, materials, strict=True):
        mesh = piece.mesh
        if piece.node is not node:
            node = piece.node
            stream.write(f"o {names.make(node.name)}\n".encode("ascii"))
        for points in _placed(piece, mesh.positions, direction=False):
            _write_vectors(stream, b"v ", points, 4, node.name)
        for normals in _placed(piece, mesh.normals, direction=True):
            _write_vectors(stream, b"vn ", normals, 4, node.name)
        scale, offset = mesh.material.texture_scale, mesh.material.texture_offset
        key = (id(mesh.texcoords), scale, offset)
        if key not in texcoords:
            texcoords[key] = first_texcoord
            first_texcoord += len(mesh.texcoords)
            # MTL's own -s and -o are read by few, and differently. OBJ's origin is the lower left.
            placed = mesh.texcoords.astype(np.float64) * scale + offset
            flipped = np.array([0.0, 1.0]) + placed * np.array([1.0, -1.0])
            _write_vectors(stream, b"vt ", flipped, 5, node.name)
        stream.write(f"usemtl {material}\n".encode("ascii"))
        _write_faces(stream, piece, first_vertex, texcoords[key])
        first_vertex += piece.count * len(mesh.positions)


def _placed(piece: _Piece, vectors: NDArray[np.float32], *, direction: bool) -> Iterator[Vectors]:
    """Yield the (N, 3) vectors of a piece in world space, some instances at a time.

    ``direction`` leaves out scale and translation, as normals want under uniform scale.
    """
    local = vectors.astype(np.float64)
    if piece.instances is None:
        yield local if direction else local + piece.offset
        return
    step = max(1, ROWS // max(1, len(local)))
    for start in range(0, piece.count, step):
        part = slice(start, start + step)
        turned = np.einsum("nij,vj->nvi", rotation_matrices(piece.instances.rotations[part]), local)
        if not direction:
            turned *= piece.instances.scales[part, None, None]
            turned += (piece.instances.translations[part] + piece.offset)[:, None, :]
        yield turned.reshape(-1, 3)


def _write_vectors(stream: BinaryIO, keyword: bytes, vectors: Vectors, decimals: int, name: str) -> None:
    for start in range(0, len(vectors), ROWS):
        block = vectors[start : start + ROWS]
        columns: list[bytes | Characters] = [keyword]
        try:
            for axis in range(block.shape[1]):
                columns += [fixed_characters(block[:, axis], decimals), b" "]
        except OverflowError as error:
            raise ExportError(f"'{name}' has coordinates that OBJ cannot hold: {error}") from error
        columns[-1] = b"\n"
        stream.write(squeeze(join_columns(columns)))


def _write_faces(stream: BinaryIO, piece: _Piece, first_vertex: int, first_texcoord: int) -> None:
    """Write ``f v/vt/vn`` lines; a vertex and its normal have the same number.

    Each corner's text is made once for each vertex and then copied by index: a vertex of a grid has six.
    """
    count, triangles = len(piece.mesh.positions), piece.mesh.indices
    texcoord = integer_characters(first_texcoord + np.arange(count))
    step = max(1, ROWS // max(1, len(triangles)))
    for start in range(0, piece.count, step):
        copies = min(step, piece.count - start)
        number = integer_characters(first_vertex + start * count + np.arange(copies * count))
        tokens = join_columns([b" ", number, b"/", np.tile(texcoord, (copies, 1)), b"/", number])
        rows = (np.arange(copies)[:, None, None] * count + triangles).reshape(-1, 3)
        for first in range(0, len(rows), ROWS):
            block = rows[first : first + ROWS]
            corners = tokens[block.reshape(-1)].reshape(len(block), -1)
            stream.write(squeeze(join_columns([b"f", corners, b"\n"])))
