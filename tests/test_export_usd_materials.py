"""worldgen.export.usd_materials: networks as UsdShade resolves them, against the specification's words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import checker, grid_mesh
from PIL import Image

from worldgen.export import ExportOptions, write_usd
from worldgen.materials import PBRMaterial
from worldgen.mesh import Mesh, Model
from worldgen.scene import Node, Scene

pytest.importorskip("pxr")

from pxr import Usd, UsdGeom, UsdShade, UsdValidation


def written(tmp_path: Path, mesh: Mesh, **options: Any) -> tuple[Any, Any]:
    """The stage and its mesh."""
    scene = Scene("w", (Node("n", model=Model("n", (mesh,))),))
    stage = Usd.Stage.Open(str(write_usd(scene, tmp_path / "w.usdc", ExportOptions(**options))[-1]))
    return stage, UsdGeom.Mesh(stage.GetPrimAtPath("/w/n/n"))


def surface_of(mesh: Any) -> Any:
    material, _ = UsdShade.MaterialBindingAPI(mesh.GetPrim()).ComputeBoundMaterial()
    shader, _, _ = material.ComputeSurfaceSource("")
    assert shader.GetShaderId() == "UsdPreviewSurface"
    return shader


def source_of(shader: Any, name: str) -> tuple[Any, str]:
    """The shader and the output that an input is connected to."""
    (source,), _ = shader.GetInput(name).GetConnectedSources()
    return UsdShade.Shader(source.source.GetPrim()), source.sourceName


def value_of(shader: Any, name: str) -> Any:
    assert not shader.GetInput(name).HasConnectedSource()
    return shader.GetInput(name).Get()


def image_of(shader: Any) -> np.ndarray:
    assert shader.GetShaderId() == "UsdUVTexture"
    return np.asarray(Image.open(shader.GetInput("file").Get().resolvedPath))


def test_a_full_material(tmp_path: Path) -> None:
    material = PBRMaterial(
        "rock",
        checker(8, (200, 120, 60)),
        np.full((8, 8, 3), (128, 128, 255), np.uint8),
        np.full((8, 8, 3), (250, 200, 40), np.uint8),
        base_color_factor=(0.5, 1.0, 0.25, 1.0),
        roughness=0.5,
        metallic=0.75,
        double_sided=True,
    )
    _stage, mesh = written(tmp_path, grid_mesh(3, 3, material), image_format="png")
    assert mesh.GetDoubleSidedAttr().Get()
    surface = surface_of(mesh)
    color, port = source_of(surface, "diffuseColor")
    assert (port, color.GetInput("sourceColorSpace").Get()) == ("rgb", "sRGB")
    assert tuple(color.GetInput("scale").Get()) == (0.5, 1.0, 0.25, 1.0)
    assert (image_of(color) == material.base_color).all()
    normal, port = source_of(surface, "normal")
    assert (port, normal.GetInput("sourceColorSpace").Get()) == ("rgb", "raw")
    assert tuple(normal.GetInput("scale").Get()) == (2, 2, 2, 1)
    assert tuple(normal.GetInput("bias").Get()) == (-1, -1, -1, 0)
    for name, channel in (("occlusion", "r"), ("roughness", "g"), ("metallic", "b")):
        shader, port = source_of(surface, name)
        assert port == channel
        assert (image_of(shader) == material.orm).all()
        assert shader.GetInput("sourceColorSpace").Get() == "raw"
        assert tuple(shader.GetInput("scale").Get()) == (1, 0.5, 0.75, 1)
    reader, _ = source_of(color, "st")
    assert reader.GetShaderId() == "UsdPrimvarReader_float2"
    assert UsdGeom.PrimvarsAPI(mesh).HasPrimvar(reader.GetInput("varname").Get())
    assert {color.GetInput(each).Get() for each in ("wrapS", "wrapT")} == {"repeat"}
    assert not surface.GetInput("opacity")


def test_baked_images_are_clamped_and_opaque_ones_lose_their_alpha(tmp_path: Path) -> None:
    material = PBRMaterial("m", checker(8, (200, 120, 60, 90)), repeat=False)
    _stage, mesh = written(tmp_path, grid_mesh(3, 3, material))
    color, _ = source_of(surface_of(mesh), "diffuseColor")
    assert {color.GetInput(each).Get() for each in ("wrapS", "wrapT")} == {"clamp"}
    assert image_of(color).shape == (8, 8, 3)
    assert color.GetInput("file").Get().path == "./textures/w_m_base_color.jpg"


@pytest.mark.parametrize(("mode", "threshold"), [("MASK", 0.4), ("BLEND", None)])
def test_alpha_of_an_image(tmp_path: Path, mode: Any, threshold: float | None) -> None:
    material = PBRMaterial("m", checker(8, (200, 120, 60, 90)), alpha_mode=mode, alpha_cutoff=0.4)
    _stage, mesh = written(tmp_path, grid_mesh(3, 3, material))
    surface = surface_of(mesh)
    shader, port = source_of(surface, "opacity")
    assert port == "a"
    assert image_of(shader).shape == (8, 8, 4)
    if threshold is None:
        assert not surface.GetInput("opacityThreshold")
    else:
        assert surface.GetInput("opacityThreshold").Get() == pytest.approx(threshold)


def test_a_plain_material(tmp_path: Path) -> None:
    material = PBRMaterial("m", base_color_factor=(0.1, 0.2, 0.3, 0.4), roughness=0.7, alpha_mode="BLEND")
    _stage, mesh = written(tmp_path, grid_mesh(3, 3, material))
    surface = surface_of(mesh)
    assert tuple(value_of(surface, "diffuseColor")) == pytest.approx((0.1, 0.2, 0.3))
    values = {name: value_of(surface, name) for name in ("opacity", "roughness", "metallic")}
    assert values == pytest.approx({"opacity": 0.4, "roughness": 0.7, "metallic": 0.0})
    assert not UsdGeom.PrimvarsAPI(mesh).HasPrimvar("st")


def test_water_reads_its_vertices(tmp_path: Path) -> None:
    water = PBRMaterial(
        "water", normal=np.full((8, 8, 3), (128, 128, 255), np.uint8), roughness=0.08, alpha_mode="BLEND"
    )
    water = replace(water, base_color_factor=(0.5, 1.0, 1.0, 0.5))
    rng = np.random.default_rng(1)
    colors, velocity = rng.random((9, 4), np.float32), rng.random((9, 2), np.float32)
    _stage, mesh = written(tmp_path, replace(grid_mesh(3, 3, water), colors=colors, velocity=velocity))
    surface = surface_of(mesh)
    assert surface.GetInput("ior").Get() == pytest.approx(1.333)
    primvars = UsdGeom.PrimvarsAPI(mesh)
    products = {"diffuseColor": colors[:, :3] * (0.5, 1, 1), "opacity": colors[:, 3] * 0.5}
    for (name, product), kind in zip(products.items(), ("float3", "float"), strict=True):
        reader, _ = source_of(surface, name)
        assert reader.GetShaderId() == f"UsdPrimvarReader_{kind}"
        primvar = primvars.GetPrimvar(reader.GetInput("varname").Get())
        assert primvar.GetInterpolation() == "vertex"
        np.testing.assert_allclose(primvar.Get(), product, rtol=1e-6)
    np.testing.assert_array_equal(primvars.GetPrimvar("velocity2d").Get(), velocity)


@pytest.mark.parametrize("form", ["webp", "ktx2"])
def test_only_images_of_the_usd_core_are_written(tmp_path: Path, form: Any) -> None:
    material = PBRMaterial("m", checker(8, (200, 120, 60)))
    _stage, mesh = written(tmp_path, grid_mesh(3, 3, material), image_format=form, normal_y="-")
    color, _ = source_of(surface_of(mesh), "diffuseColor")
    assert color.GetInput("file").Get().path.endswith(".jpg")


@dataclass(frozen=True, eq=False)
class Moved(PBRMaterial):
    """A material whose texture coordinates are scaled and moved."""

    texture_scale: tuple[float, float] = (4.0, 0.5)
    texture_offset: tuple[float, float] = (0.25, 0.125)


def test_scale_and_offset_of_texture_coordinates(tmp_path: Path) -> None:
    flat = grid_mesh(3, 3, Moved("m", checker(8, (200, 120, 60))))
    stage, mesh = written(tmp_path, flat)
    color, _ = source_of(surface_of(mesh), "diffuseColor")
    transform, _ = source_of(color, "st")
    assert transform.GetShaderId() == "UsdTransform2d"
    reader, _ = source_of(transform, "in")
    st = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar(reader.GetInput("varname").Get()).Get())
    # The specification: first the scale, then the translation.
    moved = st * transform.GetInput("scale").Get() + transform.GetInput("translation").Get()
    wanted = flat.texcoords * (4.0, 0.5) + (0.25, 0.125)
    np.testing.assert_allclose(np.stack([moved[:, 0], 1 - moved[:, 1]], axis=1), wanted, atol=1e-6)
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert UsdValidation.ValidationContext(validators).Validate(stage) == []
