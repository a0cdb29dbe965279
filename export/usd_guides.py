"""What engines use and nobody sees: collision meshes, meshes to walk on, places to start.

All have the purpose ``guide``, which viewers leave out. Colliders carry UsdPhysics: a mesh that is convex to
the millimetre is simulated as its hull, any other as its triangles, which suits what never moves.

Source: OpenUSD, UsdPhysics (CollisionAPI, MeshCollisionAPI); UsdGeomImageable (purpose).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import UsdGeom, UsdPhysics

from worldgen.export.usd_meshes import write_geometry
from worldgen.export.usd_values import PathTable
from worldgen.mesh import Mesh, Model
from worldgen.scene import Purpose

HULL_VERTICES = 255  # the most that PhysX takes; it makes a simpler hull of more


def write_guides(stage: Any, parent: str, model: Model, purpose: Purpose, paths: PathTable) -> None:
    """Write a model's meshes below a prim that is a guide; those of a collider with UsdPhysics."""
    for number, mesh in enumerate(mesh for mesh in model.primitives if mesh.triangles):
        path = paths.make(parent, f"{purpose}_{number}")
        prim = write_geometry(stage, path, mesh, seen=False).GetPrim()
        if purpose == "collider":
            UsdPhysics.CollisionAPI.Apply(prim)
            shape = UsdPhysics.Tokens.convexHull if is_convex(mesh) else UsdPhysics.Tokens.none
            UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(shape)


def mark_guide(prim: Any, purpose: Purpose) -> None:
    """Make a prim, and what is below it, a guide, and say in its custom data for what."""
    UsdGeom.Imageable(prim).CreatePurposeAttr(UsdGeom.Tokens.guide)
    prim.SetCustomDataByKey("purpose", purpose)


def is_convex(mesh: Mesh, tolerance: float = 1e-3) -> bool:
    """Whether a small mesh is closed and no vertex lies more than ``tolerance`` metres outside a triangle."""
    if not 4 <= len(mesh.positions) <= HULL_VERTICES:
        return False
    corners = mesh.positions[mesh.indices].astype(np.float64)  # (T, 3, 3)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(areas, axis=1)
    if not size.sum() > 0 or np.abs(areas.sum(axis=0)).max() > 1e-4 * size.sum():
        return False  # an open sheet, as a hill is: its areas do not cancel out
    solid = size > 1e-9
    normals, origins = areas[solid] / size[solid, None], corners[solid, 0]
    heights = normals @ mesh.positions.T.astype(np.float64) - np.sum(normals * origins, axis=1)[:, None]
    return bool(heights.max() <= tolerance)
