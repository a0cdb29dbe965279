"""The tree of a stage.

::

    /NAME                    Xform, assembly, default prim: metres, y up, -z north
      Materials              scope of all materials
      Prototypes             class prim, never drawn: each placed model once
      terrain                group
        terrain_0_0          component: meshes, or a variant set LOD
      objects                group
        oak_0                component: point instancers cell_ROW_COLUMN that refer to a prototype
      sun                    distant light

Each node's extras are its prim's custom data, the scene's and its provenance the layer's.

Light: lux, scaled by ``light_scale`` as in glTF, become ``inputs:intensity`` with ``inputs:normalize``, so
that it says the illuminance whatever the angle; 3 by default, about as bright as UsdLux's own default sun
(50,000 nit from a disc of 0.53 degrees: 3.4 lux). The true value is in the light's custom data as
``illuminance_lux``. Blender 5.0 multiplies all distant lights by 4 when it imports them, which its option
"Light Intensity Scale" undoes with 0.25.

Source: OpenUSD, "USD Glossary" (model hierarchy, kind), UsdGeom and UsdLux schemas, the latter's "Normalizing
Distant Lights".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pxr import Gf, Kind, Sdf, Tf, Usd, UsdGeom, UsdLux

from worldgen import __version__
from worldgen.export.gltf_nodes import light_rotation
from worldgen.export.options import ExportOptions
from worldgen.export.usd_guides import mark_guide, write_guides
from worldgen.export.usd_instances import InstanceWriter
from worldgen.export.usd_materials import MaterialTable
from worldgen.export.usd_meshes import MeshWriter
from worldgen.export.usd_values import PathTable, identifier, metadata
from worldgen.scene import DirectionalLight, Node, Scene

SUN_ANGLE = 0.53  # degrees across, the sun's from Earth


class WorldStage:
    """A scene as a stage in memory.

    Parameters
    ----------
    portable : only what Apple's ARKit reads: no point instancers and no lights.

    Attributes
    ----------
    materials : whose images wait for encoding, and then for their file names, before `save`.
    """

    def __init__(self, scene: Scene, options: ExportOptions, *, portable: bool) -> None:
        self._options, self._portable = options, portable
        self._stage = Usd.Stage.CreateInMemory()
        self._paths = PathTable()
        UsdGeom.SetStageMetersPerUnit(self._stage, 1.0)
        UsdGeom.SetStageUpAxis(self._stage, UsdGeom.Tokens.y)
        root = self._define(f"/{identifier(scene.name)}", scene.name)
        self._root = str(root.GetPath())
        self._stage.SetDefaultPrim(root)
        Usd.ModelAPI(root).SetKind(Kind.Tokens.assembly)
        materials, prototypes = (self._paths.make(self._root, name) for name in ("Materials", "Prototypes"))
        self.materials = MaterialTable(self._stage, materials, self._paths)
        UsdGeom.Scope.Define(self._stage, materials)
        self._meshes = MeshWriter(self._stage, self.materials, self._paths)
        self._instances = InstanceWriter(
            self._stage, prototypes, self._meshes, self._paths, levels=options.levels
        )
        self._stage.GetRootLayer().customLayerData = _layer_data(scene)
        for node in scene.nodes:
            self._add_node(self._root, node)

    def save(self, path: Path) -> None:
        """Write the stage's layer; the suffix decides between text and binary.

        Raises
        ------
        OSError : it cannot be written.
        """
        layer = Sdf.Layer.CreateAnonymous()
        layer.TransferContent(self._stage.GetRootLayer())  # arrays are shared, not copied
        self._instances.write_prims(layer)
        try:
            written = layer.Export(str(path))
        except Tf.ErrorException as error:
            raise OSError(str(error).strip().splitlines()[-1]) from error
        if not written:
            raise OSError("USD could not write the layer")

    def _define(self, path: str, name: str) -> Any:
        """Define an Xform; a name that is no identifier stays as the name to show."""
        prim = UsdGeom.Xform.Define(self._stage, path).GetPrim()
        if prim.GetName() != name:
            prim.SetDisplayName(name)
        return prim

    def _add_node(self, parent: str, node: Node) -> None:
        if node.purpose != "visible" and self._options.colliders is None:
            return
        if node.light is not None and not (node.model or node.instances or node.children):
            self._add_light(parent, node.name, node.light, node.extras)
            return
        path = self._paths.make(parent, node.name)
        prim = self._define(path, node.name)
        if node.extras:
            prim.SetCustomData(metadata(node.extras))
        self._transform(prim, node)
        if node.purpose != "visible":
            mark_guide(prim, node.purpose)
            if node.model is not None:
                write_guides(self._stage, path, node.model, node.purpose, self._paths)
        elif node.model is not None:
            self._meshes.write_model(path, node.model, node.levels if self._options.levels else ())
        if node.instances is not None and len(node.instances) and node.instances.model.triangles:
            if self._portable:
                self._instances.plan_prims(path, node.instances, node.purpose)
            else:
                size = self._options.cell_size
                self._instances.write_instancers(path, node.instances, size, node.purpose)
        if node.light is not None:
            self._add_light(path, node.light.name, node.light, {})
        Usd.ModelAPI(prim).SetKind(Kind.Tokens.group if node.children else Kind.Tokens.component)
        for child in node.children:
            self._add_node(path, child)

    def _transform(self, prim: Any, node: Node) -> None:
        place = UsdGeom.Xformable(prim)
        if any(node.translation):
            place.AddTranslateOp().Set(Gf.Vec3d(*map(float, node.translation)))
        if node.yaw:
            place.AddRotateYOp().Set(float(node.yaw))

    def _add_light(self, parent: str, name: str, light: DirectionalLight, extras: dict[str, Any]) -> None:
        if self._portable:
            return
        path = self._paths.make(parent, name)
        sun = UsdLux.DistantLight.Define(self._stage, path)
        x, y, z, w = light_rotation(light.direction)
        UsdGeom.Xformable(sun).AddOrientOp().Set(Gf.Quatf(w, x, y, z))
        sun.CreateAngleAttr(SUN_ANGLE)
        sun.CreateColorAttr(Gf.Vec3f(*map(float, light.color)))
        sun.CreateIntensityAttr(float(light.illuminance) * self._options.light_scale)
        sun.CreateNormalizeAttr(True)
        sun.GetPrim().SetCustomData(metadata({**extras, "illuminance_lux": float(light.illuminance)}))


def _layer_data(scene: Scene) -> dict[str, Any]:
    """Return the layer's custom data: generator, the scene's extras, and where the world comes from."""
    provenance = getattr(scene, "provenance", None)
    values = {"generator": f"worldgen {__version__}", **scene.extras}
    if provenance is not None:
        values["provenance"] = provenance.as_dictionary()
    return metadata(values)
