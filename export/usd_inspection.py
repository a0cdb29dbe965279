"""The figures of an OpenUSD stage: what its default variants draw, with point instancers unrolled.

Needs the package ``usd-core``, which opens stages and packages; counting is done here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.errors import InputError, MissingExtraError
from worldgen.export.costs import Corner, Inspection, NodeCost, PartCost, TextureCost
from worldgen.export.image_headers import read_image_header
from worldgen.export.json_fields import printable

DRAWN = ("default", "render")  # purposes that a finished picture shows
INSTANCE_BYTES = 64  # one 4 x 4 float matrix


@dataclass(frozen=True)
class _Geometry:
    """One mesh as stored."""

    triangles: int
    points: int
    draw_calls: int
    materials: tuple[str, ...]
    bytes: int


@dataclass
class _Row:
    """A mesh prim, or one prototype of a point instancer."""

    path: str
    copies: int
    parts: list[tuple[str, _Geometry]] = field(default_factory=list)  # by where it is stored
    box: tuple[Corner, Corner] | None = None

    def total(self, name: str) -> int:
        return self.copies * sum(int(getattr(geometry, name)) for _, geometry in self.parts)

    @property
    def draw_calls(self) -> int:
        return sum(geometry.draw_calls for _, geometry in self.parts)


def inspect_usd(path: Path) -> Inspection:
    """Inspect a ``.usdz``, ``.usdc`` or ``.usda``.

    Raises
    ------
    MissingExtraError : usd-core is not installed.
    InputError : the stage cannot be opened, or a mesh or image of it is damaged.
    """
    try:
        from pxr import Tf, Usd
    except ImportError:
        raise MissingExtraError("usd-core", "usd", f"inspecting {path.name}") from None
    try:
        stage = Usd.Stage.Open(str(path))
        if not stage.GetPseudoRoot().GetChildren():
            raise InputError(f"{path.name}: found a stage without prims")
        return _Stage(stage, path).inspection()
    except Tf.ErrorException:  # its text is many lines of C++
        raise InputError(f"{path.name}: cannot be opened: it is damaged, or no USD") from None


class _Stage:
    def __init__(self, stage: Any, path: Path) -> None:
        from pxr import Usd, UsdGeom

        self.stage = stage
        self.path = path
        time = Usd.TimeCode.EarliestTime()
        self.time = time
        self.boxes = UsdGeom.BBoxCache(time, list(DRAWN))
        self.metres = float(UsdGeom.GetStageMetersPerUnit(stage))
        self.z_up = str(UsdGeom.GetStageUpAxis(stage)) == "Z"
        self._known: dict[str, _Geometry] = {}
        self.rows: list[_Row] = []
        self.prims = 0
        self.lights = 0
        self.cameras = 0
        self._walk()

    def _walk(self) -> None:
        from pxr import Usd, UsdGeom, UsdLux

        prims = iter(Usd.PrimRange(self.stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))
        for prim in prims:
            self.prims += not prim.IsPseudoRoot()
            if prim.IsA(UsdGeom.Imageable) and not self._is_drawn(prim):
                # An invisible prim hides all below it; a purpose is inherited too.
                prims.PruneChildren()
            elif prim.IsA(UsdGeom.PointInstancer):
                self._add_instancer(prim)
                prims.PruneChildren()
            elif prim.IsA(UsdGeom.Mesh):
                row = _Row(str(prim.GetPath()), 1, [self._geometry(prim)], self._box(prim))
                self.rows.append(row)
            elif prim.IsA(UsdGeom.Camera):
                self.cameras += 1
            elif prim.HasAPI(UsdLux.LightAPI):
                self.lights += 1

    def _is_drawn(self, prim: Any) -> bool:
        from pxr import UsdGeom

        image = UsdGeom.Imageable(prim)
        return (
            image.ComputeVisibility(self.time) != UsdGeom.Tokens.invisible and image.ComputePurpose() in DRAWN
        )

    def _add_instancer(self, prim: Any) -> None:
        from pxr import Usd, UsdGeom

        instancer = UsdGeom.PointInstancer(prim)
        targets = instancer.GetPrototypesRel().GetForwardedTargets()
        indices = np.array(instancer.GetProtoIndicesAttr().Get(self.time) or [], np.int64)
        mask = instancer.ComputeMaskAtTime(self.time)
        if len(mask) == len(indices):
            indices = indices[np.array(list(mask), bool)]
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(targets):
            raise InputError(f"{self.path.name}: {prim.GetPath()} names a prototype that there is not")
        counts = Counter(indices.tolist())
        box = self._box(prim)
        for number, target in enumerate(targets):
            root = self.stage.GetPrimAtPath(target)
            if not root or not counts[number]:
                continue
            parts = [
                self._geometry(below)
                for below in Usd.PrimRange(root, Usd.TraverseInstanceProxies())
                if below.IsA(UsdGeom.Mesh) and self._is_drawn(below)
            ]
            self.rows.append(_Row(f"{prim.GetPath()}/{target.name}", counts[number], parts, box))

    def _geometry(self, prim: Any) -> tuple[str, _Geometry]:
        """Return a mesh and where it is stored: instances of one prototype share it."""
        source = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        key = str(source.GetPath())
        if key not in self._known:
            self._known[key] = self._read_mesh(prim)
        return key, self._known[key]

    def _read_mesh(self, prim: Any) -> _Geometry:
        from pxr import UsdGeom, UsdShade

        mesh = UsdGeom.Mesh(prim)
        where = f"{self.path.name}: {prim.GetPath()}"
        points = len(mesh.GetPointsAttr().Get(self.time) or ())
        faces = np.array(mesh.GetFaceVertexCountsAttr().Get(self.time) or [], np.int64)
        corners = np.array(mesh.GetFaceVertexIndicesAttr().Get(self.time) or [], np.int64)
        if len(faces) and (int(faces.min()) < 3 or int(faces.sum()) != len(corners)):
            raise InputError(f"{where}: its faces have {int(faces.sum())} corners, it lists {len(corners)}")
        if len(corners) and not 0 <= int(corners.min()) <= int(corners.max()) < points:
            raise InputError(f"{where}: found index {int(corners.max())}; allowed: 0 .. {points - 1}")
        subsets = UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets()
        bound = [UsdShade.MaterialBindingAPI(part) for part in [s.GetPrim() for s in subsets] or [prim]]
        materials = [binding.ComputeBoundMaterial()[0] for binding in bound]
        triangles = int((faces - 2).sum())
        values = [mesh.GetNormalsAttr().Get(self.time) or ()]
        values += [primvar.Get(self.time) or () for primvar in UsdGeom.PrimvarsAPI(prim).GetPrimvars()]
        width = 12 + sum(_element_bytes(value) for value in values if len(value) > 1)
        # Values at corners make a vertex of each corner.
        vertices = max(points, *(len(value) for value in values if hasattr(value, "__len__")), 0)
        stored = vertices * width + 3 * triangles * (2 if vertices < 65536 else 4)
        names = tuple(str(material.GetPath()) for material in materials if material)
        return _Geometry(triangles, points, len(bound), names, stored)

    def _box(self, prim: Any) -> tuple[Corner, Corner] | None:
        box = self.boxes.ComputeWorldBound(prim).ComputeAlignedRange()
        if box.IsEmpty():
            return None
        low, high = (np.array(corner, np.float64) * self.metres for corner in (box.GetMin(), box.GetMax()))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError(f"{self.path.name}: the box of {prim.GetPath()} is not finite")
        if self.z_up:
            low, high = np.array([low[0], low[2], -high[1]]), np.array([high[0], high[2], -low[1]])
        return _corner(low), _corner(high)

    def _textures(self, used: dict[str, None]) -> tuple[dict[str, TextureCost], dict[str, set[str]]]:
        """Return all images by their resolved path, and those of each material."""
        from pxr import Ar, Usd, UsdShade

        resolver = Ar.GetResolver()
        costs: dict[str, TextureCost] = {}
        images: dict[str, set[str]] = {}
        for material in used:
            found = images.setdefault(material, set())
            for prim in Usd.PrimRange(self.stage.GetPrimAtPath(material), Usd.TraverseInstanceProxies()):
                shader = UsdShade.Shader(prim) if prim.IsA(UsdShade.Shader) else None
                file = shader.GetInput("file") if shader else None
                asset = file.Get(self.time) if file else None
                if asset is None or not getattr(asset, "path", ""):
                    continue
                where = f"{self.path.name}: {prim.GetPath()}"
                opened = (
                    resolver.OpenAsset(Ar.ResolvedPath(asset.resolvedPath)) if asset.resolvedPath else None
                )
                if not opened:
                    raise InputError(f"{where}: image {printable(asset.path)} not found")
                data = bytes(opened.GetBuffer())
                header = read_image_header(data, where)
                costs[asset.resolvedPath] = TextureCost(
                    printable(asset.path).rpartition("/")[2],
                    header.format,
                    header.width,
                    header.height,
                    len(data),
                    header.gpu_bytes,
                )
                found.add(asset.resolvedPath)
        return dict(sorted(costs.items())), images

    def inspection(self) -> Inspection:
        rows = self.rows
        stored = {key: geometry for row in rows for key, geometry in row.parts}
        used = dict.fromkeys(name for geometry in stored.values() for name in geometry.materials)
        textures, images = self._textures(used)
        copies = Counter[str]()
        for row in rows:
            for key, _ in row.parts:
                copies[key] += row.copies

        def memory(some: list[_Row]) -> int:
            names = {m for row in some for _, geometry in row.parts for m in geometry.materials}
            files = {file for name in names for file in images.get(name, ())}
            return sum(textures[file].memory_bytes for file in files)

        instancers = sum(row.copies for row in rows if row.copies > 1)
        branches: dict[str, list[_Row]] = {}
        for row in rows:
            steps = row.path.split("/")
            branches.setdefault(steps[2] if len(steps) > 2 else steps[1], []).append(row)
        parts = [
            PartCost(
                name,
                sum(row.total("triangles") for row in some),
                sum(row.draw_calls for row in some),
                sum(g.draw_calls for g in {key: g for row in some for key, g in row.parts}.values()),
                memory(some),
            )
            for name, some in branches.items()
        ]
        nodes = [
            NodeCost(
                row.path,
                1,
                row.total("triangles"),
                row.draw_calls,
                row.copies,
                memory([row]),
                _corner(np.subtract(row.box[1], row.box[0])) if row.box else None,
            )
            for row in rows
        ]
        layers = {
            layer.realPath: Path(layer.realPath).stat().st_size
            for layer in self.stage.GetUsedLayers()
            if layer.realPath
            and Path(layer.realPath).is_file()
            and Path(layer.realPath) != self.path.resolve()
        }
        outside = {file: cost.file_bytes for file, cost in textures.items() if "[" not in file}
        folder = self.path.resolve().parent
        files = sorted({**layers, **outside}.items())
        data = self.stage.GetRootLayer().customLayerData
        comment = self.stage.GetRootLayer().comment
        generator = data.get("generator") or data.get("creator")
        return Inspection(
            path=self.path,
            format="usd",
            file_bytes=self.path.stat().st_size,
            external_files=tuple((_beside(Path(file), folder), size) for file, size in files),
            triangles=sum(row.total("triangles") for row in rows),
            vertices=sum(row.total("points") for row in rows),
            stored_vertices=sum(geometry.points for geometry in stored.values()),
            draw_calls=sum(row.draw_calls for row in rows),
            batched_draw_calls=sum(geometry.draw_calls for geometry in stored.values()),
            instances=sum(count for count in copies.values() if count > 1),
            nodes=self.prims,
            meshes=len(stored),
            materials=tuple(name.rpartition("/")[2] for name in used),
            textures=tuple(textures.values()),
            texture_memory_bytes=sum(cost.memory_bytes for cost in textures.values()),
            geometry_memory_bytes=sum(g.bytes for g in stored.values()) + INSTANCE_BYTES * instancers,
            bounds=self._box(self.stage.GetPseudoRoot()),
            parts=tuple(sorted(parts, key=lambda part: (-part.triangles, part.name))),
            rows=tuple(sorted(nodes, key=lambda row: (-row.triangles, row.name))),
            lights=self.lights,
            cameras=self.cameras,
            provenance={
                **({"generator": printable(str(generator))} if generator else {}),
                **({"copyright": printable(str(comment))} if comment else {}),
            },
            notes=("the default variants are counted; nodes are prims, materials too",),
        )


def _element_bytes(values: Any) -> int:
    """Bytes of one element of an array of numbers or vectors, 4 a number."""
    first = values[0]
    return 4 * (len(first) if hasattr(first, "__len__") and not isinstance(first, str) else 1)


def _beside(file: Path, folder: Path) -> str:
    try:
        return file.relative_to(folder).as_posix()
    except ValueError:
        return file.as_posix()


def _corner(values: Any) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z
