"""worldgen.export.gltf_materials: textures and water, by the rules of the extensions."""

from __future__ import annotations

import io
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_examples import checker, grid_mesh, read_glb
from numpy.typing import NDArray
from PIL import Image

from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.options import ExportOptions
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.scene import Node, Scene

FLAT = np.full((8, 8, 3), (128, 128, 255), np.uint8)
ORM = np.full((8, 8, 3), (255, 200, 0), np.uint8)
ROCK = PBRMaterial("rock", checker(8, (90, 100, 60)), FLAT, ORM)


def write(material: PBRMaterial, folder: Path, **options: Any) -> tuple[dict[str, Any], bytes]:
    scene = Scene("s", (Node("n", model=Model("m", (grid_mesh(2, 2, material),))),))
    write_glb(scene, folder / "a.glb", ExportOptions(**options))
    return read_glb(folder / "a.glb")


def picture(document: dict[str, Any], binary: bytes, index: int) -> Image.Image:
    """An image of the document, whose content is of the kind that its mimeType says."""
    entry = document["images"][index]
    view = document["bufferViews"][entry["bufferView"]]
    image = Image.open(io.BytesIO(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]))
    assert image.get_format_mimetype() == entry["mimeType"]
    return image


def test_webp_with_a_fallback_needs_no_client_to_know_it(tmp_path: Path) -> None:
    document, binary = write(ROCK, tmp_path, image_format="webp")
    assert document["extensionsUsed"] == ["EXT_texture_webp"]
    assert "extensionsRequired" not in document
    surface = document["materials"][0]["pbrMetallicRoughness"]
    texture = document["textures"][surface["baseColorTexture"]["index"]]
    assert picture(document, binary, texture["source"]).format == "JPEG"
    modern = picture(document, binary, texture["extensions"]["EXT_texture_webp"]["source"])
    assert modern.format == "WEBP"
    assert np.abs(np.asarray(modern)[4:, 4:].mean((0, 1)) - (90, 100, 60)).max() < 8
    for info in (surface["metallicRoughnessTexture"], document["materials"][0]["normalTexture"]):
        assert set(document["textures"][info["index"]]) == {"sampler", "source"}
    assert len(document["images"]) == 4


def test_webp_alone_is_required(tmp_path: Path) -> None:
    document, binary = write(ROCK, tmp_path, image_format="webp", image_fallback=False)
    assert document["extensionsUsed"] == document["extensionsRequired"] == ["EXT_texture_webp"]
    texture = document["textures"][0]
    assert "source" not in texture
    assert picture(document, binary, texture["extensions"]["EXT_texture_webp"]["source"]).format == "WEBP"
    assert len(document["images"]) == 3

    scene = Scene("s", (Node("n", model=Model("m", (grid_mesh(2, 2, ROCK),))),))
    files = write_gltf(scene, tmp_path / "b.gltf", ExportOptions(image_format="webp"))
    names = {file.name for file in files if file.parent.name == "textures"}
    assert {"b_rock_base_color.jpg", "b_rock_base_color.webp", "b_rock_normal.jpg"} <= names


def test_no_image_is_of_webp_where_nothing_has_a_color(tmp_path: Path) -> None:
    document, _ = write(PBRMaterial("n", normal=FLAT), tmp_path, image_format="webp", image_fallback=False)
    assert "extensionsUsed" not in document
    assert "extensionsRequired" not in document


def test_images_are_of_powers_of_two_and_not_too_large(tmp_path: Path) -> None:
    odd = PBRMaterial("odd", checker(48, (90, 100, 60, 200)), FLAT.repeat(5, 0), ORM, alpha_mode="BLEND")
    document, binary = write(odd, tmp_path, maximum_texture=32)
    sizes = [picture(document, binary, index).size for index in range(3)]
    assert sizes == [(32, 32), (8, 8), (8, 32)]


def test_one_transform_for_all_textures_of_a_material(tmp_path: Path) -> None:
    document, _ = write(
        PBRMaterial("m", ROCK.base_color, FLAT, ORM, texture_scale=(0.5, 0.25), texture_offset=(0, 0.125)),
        tmp_path,
    )
    assert document["extensionsUsed"] == ["KHR_texture_transform"]
    assert "extensionsRequired" not in document
    (material,) = document["materials"]
    surface = material["pbrMetallicRoughness"]
    infos = [surface["baseColorTexture"], surface["metallicRoughnessTexture"]]
    infos += [material["normalTexture"], material["occlusionTexture"]]
    for info in infos:
        assert info["extensions"] == {"KHR_texture_transform": {"offset": [0.0, 0.125], "scale": [0.5, 0.25]}}
    assert "extensions" not in write(ROCK, tmp_path)[0]["materials"][0]["normalTexture"]


WATER = PBRMaterial(
    "sea",
    checker(8, (20, 90, 100, 200)),
    FLAT,
    alpha_mode="BLEND",
    transmission=0.75,
    ior=1.333,
    thickness=30.0,
    attenuation_color=(0.25, 1.0, 0.75),
    attenuation_distance=9.0,
    volume=checker(8, (200, 100, 0)),
)


def test_water_as_a_volume(tmp_path: Path) -> None:
    document, binary = write(WATER, tmp_path, water="volume", image_format="png")
    names = ["KHR_materials_ior", "KHR_materials_transmission", "KHR_materials_volume"]
    assert document["extensionsUsed"] == names
    assert "extensionsRequired" not in document
    (material,) = document["materials"]
    ior, transmission, volume = (material["extensions"][name] for name in names)
    assert ior == {"ior": 1.333}
    assert transmission["transmissionFactor"] == 0.75
    assert (volume["thicknessFactor"], volume["attenuationDistance"]) == (30.0, 9.0)
    assert volume["attenuationColor"] == [0.25, 1.0, 0.75]
    # Transmission is in red, thickness in green: one image for both.
    assert transmission["transmissionTexture"] == volume["thicknessTexture"]
    texture = document["textures"][volume["thicknessTexture"]["index"]]
    assert np.array_equal(np.asarray(picture(document, binary, texture["source"])), WATER.volume)
    assert material["alphaMode"] == "BLEND"  # for clients that know none of it


def test_plain_water_needs_nothing(tmp_path: Path) -> None:
    document, _ = write(WATER, tmp_path)
    assert "extensionsUsed" not in document
    assert "extensions" not in document["materials"][0]
    assert len(document["images"]) == 2


@pytest.mark.parametrize(("maximum", "density"), [(None, 4.0), (4, 2.0)])
def test_texel_density_is_told(maximum: int | None, density: float, tmp_path: Path) -> None:
    known = PBRMaterial("m", ROCK.base_color, metres_per_tile=2.0)
    document, _ = write(known, tmp_path, maximum_texture=maximum)
    assert document["materials"][0]["extras"] == {"metres_per_tile": 2.0, "texels_per_metre": density}
    assert "extras" not in write(ROCK, tmp_path)[0]["materials"][0]


def test_ktx2_gets_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def encode_ktx2(pixels: NDArray[np.uint8], *, srgb: bool, normal: bool, mode: str) -> bytes:
        calls.append((pixels.shape, srgb, normal, mode))
        return b"\xabKTX 20\xbb\r\n\x1a\n" + bytes([len(calls)])

    module = types.ModuleType("worldgen.export.ktx2")
    module.encode_ktx2 = encode_ktx2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    small = PBRMaterial("m", checker(2, (9, 9, 9)), FLAT.repeat(5, 0), ORM)
    document, _ = write(small, tmp_path, image_format="ktx2", image_fallback=False, threads=1)
    assert document["extensionsUsed"] == document["extensionsRequired"] == ["KHR_texture_basisu"]
    # Color is sRGB, data is linear; sides are multiples of 4.
    assert calls == [
        ((4, 4, 3), True, False, "etc1s"),
        ((8, 8, 3), False, False, "etc1s"),
        ((32, 8, 3), False, True, "uastc"),
    ]
    assert {image["mimeType"] for image in document["images"]} == {"image/ktx2"}
    both, binary = write(small, tmp_path, image_format="ktx2", threads=1)
    assert "extensionsRequired" not in both
    for texture in both["textures"]:
        assert picture(both, binary, texture["source"]).format == "JPEG"
        index = texture["extensions"]["KHR_texture_basisu"]["source"]
        assert both["images"][index]["mimeType"] == "image/ktx2"


def test_ktx2_files_are_linear_but_for_color(tmp_path: Path) -> None:
    pytest.importorskip("worldgen.export.ktx2")
    pytest.importorskip("zstandard")
    document, binary = write(ROCK, tmp_path, image_format="ktx2", image_fallback=False)
    transfers = {}
    for image in document["images"]:
        start = document["bufferViews"][image["bufferView"]]["byteOffset"]
        data = binary[start:]
        assert data[:12] == b"\xabKTX 20\xbb\r\n\x1a\n"
        assert struct.unpack_from("<2I", data, 20) == (8, 8)  # width, height
        # Data format descriptor: after its total size, bytes 8 .. 11 of the first block hold model,
        # primaries, transfer function and flags.
        (descriptor,) = struct.unpack_from("<I", data, 48)
        transfers[image["name"]] = data[descriptor + 4 + 10]
    assert transfers == {"rock_base_color": 2, "rock_orm": 1, "rock_normal": 1}  # 1 linear, 2 sRGB
