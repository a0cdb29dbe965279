"""Models as UsdGeom.Mesh prims: arrays, primvars, the material.

Texture coordinates are flipped: USD's (0, 0) is the image's lower left, glTF's the upper left. Triangles keep
their order, for both count counter-clockwise from outside (``rightHanded``).

Source: OpenUSD, UsdGeomMesh and UsdGeomPrimvar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Sdf, UsdGeom, UsdShade

from worldgen.errors import ExportError
from worldgen.export.gltf_buffers import check_vertices
from worldgen.export.usd_materials import MaterialTable
from worldgen.export.usd_values import PathTable, floats, integers, vectors
from worldgen.mesh import Mesh, Model
from worldgen.scene import Level

LEVELS = "LOD"  # name of the variant set


class MeshWriter:
    """Writes models below prims of a stage."""

    def __init__(self, stage: Any, materials: MaterialTable, paths: PathTable) -> None:
        self._stage, self._materials, self._paths = stage, materials, paths

    def write_model(self, parent: str, model: Model, levels: tuple[Level, ...] = ()) -> None:
        """Write the meshes of a model below a prim.

        Parameters
        ----------
        levels : coarser models. With any, the prim gets a variant set ``LOD`` whose variants ``level_0``,
            the finest and chosen one, ``level_1``, ... hold the meshes; from which share of the screen's
            height down a level is meant to be shown is the prim's custom data ``levels:coverage``.
        """
        if not levels:
            self._write_meshes(parent, model, self._paths)
            return
        prim = self._stage.GetPrimAtPath(parent)
        variants = prim.GetVariantSets().AddVariantSet(LEVELS)
        for number, each in enumerate([model, *(level.model for level in levels)]):
            variants.AddVariant(f"level_{number}")
            variants.SetVariantSelection(f"level_{number}")
            with variants.GetVariantEditContext():
                self._write_meshes(parent, each, PathTable())  # each variant has names of its own
        variants.SetVariantSelection("level_0")
        coverage = [1.0, *(float(level.coverage) for level in levels)]
        prim.SetCustomDataByKey("levels:coverage", floats(np.array(coverage)))

    def _write_meshes(self, parent: str, model: Model, paths: PathTable) -> None:
        parts = [mesh for mesh in model.primitives if mesh.triangles]
        for mesh in parts:
            name = model.name if len(parts) == 1 else f"{model.name}_{mesh.material.name}"
            self.write_mesh(paths.make(parent, name), mesh)

    def write_mesh(self, path: str, mesh: Mesh) -> Any:
        """Write one mesh with its material and return its UsdGeom.Mesh."""
        material = mesh.material
        result = write_geometry(self._stage, path, mesh)
        if material.double_sided:
            result.CreateDoubleSidedAttr(True)
        primvars = UsdGeom.PrimvarsAPI(result)

        def primvar(name: str, kind: Any, values: Any) -> None:
            primvars.CreatePrimvar(name, kind, UsdGeom.Tokens.vertex).Set(values)

        if any(image is not None for image in (material.base_color, material.normal, material.orm)):
            flipped = np.stack([mesh.texcoords[:, 0], 1 - mesh.texcoords[:, 1]], axis=1)
            primvar("st", Sdf.ValueTypeNames.TexCoord2fArray, vectors(flipped))
        if mesh.colors is not None:
            colors = mesh.colors * np.array(material.base_color_factor, np.float32)
            primvar("displayColor", Sdf.ValueTypeNames.Color3fArray, vectors(colors[:, :3]))
            primvar("displayOpacity", Sdf.ValueTypeNames.FloatArray, floats(colors[:, 3]))
        if mesh.velocity is not None:
            primvar("velocity2d", Sdf.ValueTypeNames.Float2Array, vectors(mesh.velocity))
        shader = self._materials.add(material, colored=mesh.colors is not None)
        UsdShade.MaterialBindingAPI.Apply(result.GetPrim()).Bind(shader)
        return result


def write_geometry(stage: Any, path: str, mesh: Mesh, *, seen: bool = True) -> Any:
    """Write points, triangles and extent, and return the UsdGeom.Mesh; what is seen gets its normals too.

    Raises
    ------
    ExportError : there are 2 ** 31 vertices or more, a position is not finite, or a normal is not of unit
        length.
    """
    check_vertices(mesh.positions, mesh.normals, None, path)
    if len(mesh.positions) >= 2**31:
        raise ExportError(f"'{path}' has {len(mesh.positions)} vertices, and USD's indices end at 2 ** 31")
    result = UsdGeom.Mesh.Define(stage, path)
    result.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    result.CreateOrientationAttr(UsdGeom.Tokens.rightHanded)
    result.CreatePointsAttr(vectors(mesh.positions))
    result.CreateFaceVertexCountsAttr(integers(np.full(mesh.triangles, 3)))
    result.CreateFaceVertexIndicesAttr(integers(mesh.indices))
    if seen:
        result.CreateNormalsAttr(vectors(mesh.normals))
        result.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    result.CreateExtentAttr(vectors(np.stack([mesh.positions.min(axis=0), mesh.positions.max(axis=0)])))
    return result
