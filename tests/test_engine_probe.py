"""One land that no flip or turn maps onto itself, in every height format, in glTF and in all weight maps.

A peak in the north-west, a lower ridge along the east, sand in the south-east. Each file is read here with
another library, or with numpy by the words of the engine's own importer, never with our readers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from export_examples import read_accessor, read_glb
from numpy.typing import NDArray
from PIL import Image
from probe_land import GRID, NAMES, PEAK, RIDGE, land, weights

from worldgen.export import (
    godot,
    unity,
    unreal,
    write_exr,
    write_geotiff,
    write_glb,
    write_heightmap_png,
    write_obj,
    write_r16,
)
from worldgen.lod import TerrainChunk, terrain_chunks
from worldgen.materials import PBRMaterial
from worldgen.mesh import Model
from worldgen.scene import Node, Scene

Field = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # x, z, values (z, x)


def by_sidecar(path: Path, values: NDArray[np.float64]) -> Field:
    side = json.loads((path.parent / (path.name + ".json")).read_text())
    metres = side["offset_metres"] + side["scale_metres"] * values.astype(np.float64)
    x0, z0 = side["origin_metres"]
    steps = np.arange(len(values)) * side["spacing_metres"]
    return x0 + steps, z0 + steps, metres


def png(folder: Path) -> Field:
    write_heightmap_png(land(), folder / "a.png")
    return by_sidecar(folder / "a.png", np.asarray(Image.open(folder / "a.png")))


def r16(folder: Path) -> Field:
    write_r16(land(), folder / "a.r16")
    return by_sidecar(folder / "a.r16", np.fromfile(folder / "a.r16", "<u2").reshape(65, 65))


def open_exr(path: Path) -> NDArray[np.float32]:
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File(str(path)) as file:
        pixels: NDArray[np.float32] = file.channels()["R"].pixels
    return pixels


def exr(folder: Path) -> Field:
    write_exr(land(), folder / "a.exr")
    return by_sidecar(folder / "a.exr", open_exr(folder / "a.exr"))


def tif(folder: Path) -> Field:
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(land(), folder / "a.tif")
    with rasterio.open(folder / "a.tif") as source:
        east = np.array([source.xy(0, column)[0] for column in range(65)])
        north = np.array([source.xy(row, 0)[1] for row in range(65)])
        return east, -north, source.read(1).astype(np.float64)


def unreal_files(folder: Path) -> tuple[dict, NDArray[np.float64], NDArray[np.float64]]:
    unreal.write_landscape(land(), NAMES, weights(), folder)
    side = json.loads((folder / "landscape.json").read_text())
    # A landscape's vertex (column, row) lies at location + (column, row) * scale centimetres, x and y.
    steps = np.arange(127)
    x, y = (side["location_centimetres"][axis] + steps * side["scale"][axis] for axis in (0, 1))
    return side, x / 100, y / 100  # Unreal's glTF importer takes our z for its y


def unreal_metres(side: dict, values: NDArray[np.uint16]) -> NDArray[np.float64]:
    assert values.shape == (127, 127)
    centimetres = (values.astype(np.float64) - 32768) / 128 * side["scale"][2]
    return (centimetres + side["location_centimetres"][2]) / 100


def unreal_png(folder: Path) -> Field:
    side, x, z = unreal_files(folder)
    with Image.open(folder / "height.png") as image:
        assert image.mode == "I;16"
        return x, z, unreal_metres(side, np.asarray(image))


def unreal_r16(folder: Path) -> Field:
    side, x, z = unreal_files(folder)
    return x, z, unreal_metres(side, np.fromfile(folder / "height.r16", "<u2").reshape(127, 127))


def unity_files(folder: Path) -> dict:
    unity.write_terrain(land(), NAMES, weights(), folder)
    side: dict = json.loads((folder / "terrain.json").read_text())
    assert len(side["tiles"]) == 1
    return side


def unity_raw(folder: Path) -> Field:
    side = unity_files(folder)
    tile, size, count = side["tiles"][0], side["size"], side["heightmapResolution"]
    # Unity's importer, "Windows" byte order, no flip: row y of the file is row y of SetHeights, at z = y.
    heights = np.fromfile(folder / tile["raw"], "<u2").reshape(count, count) / 65536
    steps = np.arange(count) / (count - 1)
    east, north = (tile["position"][axis] + steps * size[axis] for axis in "xz")
    metres = tile["position"]["y"] + heights * size["y"]
    return east, -north[::-1], metres[::-1]


def godot_files(folder: Path) -> tuple[dict, NDArray[np.float64], NDArray[np.float64]]:
    godot.write_terrain(land(), NAMES, weights(), folder)
    side = json.loads((folder / "terrain.json").read_text())
    first = side["first_column"], side["first_row"]
    corner = side["position"][0], side["position"][2]
    assert corner[0] / side["vertex_spacing"] % side["region_size"] == 0
    assert corner[1] / side["vertex_spacing"] % side["region_size"] == 0
    moved = side["shift_metres"][0], side["shift_metres"][2]
    x, z = (
        corner[axis] + (first[axis] + np.arange(65)) * side["vertex_spacing"] - moved[axis] for axis in (0, 1)
    )
    return side, x, z


def godot_exr(folder: Path) -> Field:
    _, x, z = godot_files(folder)
    return x, z, open_exr(folder / "height.exr").astype(np.float64)


def godot_r16(folder: Path) -> Field:
    side, x, z = godot_files(folder)
    values = np.fromfile(folder / "height.r16", "<u2").reshape(65, 65)
    low, high = side["r16_range"]
    return x, z, values / 65535 * (high - low) + low  # Terrain3D's words


def scene_of(chunks: list[TerrainChunk]) -> Scene:
    return Scene(
        "probe",
        tuple(
            Node(f"chunk_{number}", chunk.translation, Model(f"chunk_{number}", chunk.levels))
            for number, chunk in enumerate(chunks)
        ),
    )


def field_of(points: NDArray[np.float64]) -> Field:
    heights = {(round(x, 3), round(z, 3)): y for x, y, z in points.tolist()}
    x, z = (np.array(sorted({place[axis] for place in heights})) for axis in (0, 1))
    return x, z, np.array([[heights[east, south] for east in x] for south in z])


def glb(folder: Path) -> Field:
    chunks = terrain_chunks(land(), PBRMaterial("ground"), quads=32, levels=1)
    write_glb(scene_of(chunks), folder / "a.glb")
    document, binary = read_glb(folder / "a.glb")
    points = []
    for node in document["nodes"]:
        (primitive,) = document["meshes"][node["mesh"]]["primitives"]
        part = read_accessor(document, binary, primitive["attributes"]["POSITION"])
        points.append(part + np.array(node.get("translation", [0, 0, 0])))
    return field_of(np.concatenate(points))


def obj(folder: Path) -> Field:
    chunks = terrain_chunks(land(), PBRMaterial("ground"), quads=32, levels=1)
    write_obj(scene_of(chunks), folder / "a.obj")
    lines = (folder / "a.obj").read_text().splitlines()
    return field_of(np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64))


HEIGHTS = (png, r16, exr, tif, unreal_png, unreal_r16, unity_raw, godot_exr, godot_r16, glb, obj)


@pytest.mark.parametrize("read", HEIGHTS, ids=lambda read: read.__name__)
def test_the_land_lies_as_it_was_made(read: Callable[[Path], Field], tmp_path: Path) -> None:
    x, z, metres = read(tmp_path)
    assert metres.shape == (len(z), len(x))
    assert (x[0], x[-1], z[0], z[-1]) == pytest.approx((-236, 276, -276, 236), abs=1e-3)
    row, column = np.unravel_index(np.argmax(metres), metres.shape)
    assert (x[column], z[row]) == pytest.approx(PEAK, abs=6)
    assert metres[row, column] == pytest.approx(320, abs=1.5)
    east = x > 100
    ridge = x[east][np.argmax(metres[np.abs(z) < 60][:, east], axis=1)]
    assert np.abs(ridge - RIDGE).max() <= 6
    # Every vertex, against the formula of the land, not against a copy of the map.
    expected = land().elevation
    near = [np.abs(places[:, None] - made).argmin(axis=1) for places, made in ((z, GRID.z), (x, GRID.x))]
    away = np.abs(metres - expected[np.ix_(*near)])
    assert away.mean() < (0.01 if len(x) == 65 else 1.5)  # Unreal's 127 vertices fall between


def unreal_weights(folder: Path) -> Field:
    side, x, z = unreal_files(folder)
    images = {
        name: np.asarray(Image.open(folder / file)) for name, file in side["tiles"][0]["weights"].items()
    }
    assert tuple(images) == NAMES
    assert (sum(image.astype(int) for image in images.values()) == 255).all()
    return x, z, images["sand"] / 255


def unity_weights(folder: Path) -> Field:
    side = unity_files(folder)
    (tile,) = side["tiles"]
    layers = np.dstack([np.asarray(Image.open(folder / name)) for name in tile["alphamaps"]]).astype(int)
    assert layers.shape == (64, 64, 8)
    assert (layers.sum(axis=-1) == 255).all()
    # A picture's top is the end of Texture2D's rows, so the far z: the north. Texels are middles of quads.
    steps = (np.arange(64) + 0.5) / 64
    east = tile["position"]["x"] + steps * side["size"]["x"]
    north = (tile["position"]["z"] + steps * side["size"]["z"])[::-1]
    return east, -north, layers[..., side["layers"].index("sand")] / 255


def godot_weights(folder: Path) -> Field:
    side, x, z = godot_files(folder)
    bits = open_exr(folder / "control.exr").view(np.uint32)
    base, overlay, blend = bits >> 27 & 0x1F, bits >> 22 & 0x1F, bits >> 14 & 0xFF
    assert not (bits & 0x3FFF).any()  # neither turned, scaled, hole, navigation nor auto-shaded
    sand = side["layers"].index("sand")
    return x, z, np.where(base == sand, 1 - blend / 255, np.where(overlay == sand, blend / 255, 0.0))


@pytest.mark.parametrize(
    "read", [unreal_weights, unity_weights, godot_weights], ids=lambda read: read.__name__
)
def test_sand_lies_in_the_south_east(read: Callable[[Path], Field], tmp_path: Path) -> None:
    x, z, share = read(tmp_path)
    inside = (x[None, :] > 150) & (z[:, None] > 110)
    outside = (x[None, :] < 95) | (z[:, None] < 55)
    # Terrain3D blends two of a vertex's materials, so the third one's tenth goes to the others.
    assert share[inside] == pytest.approx(0.8, abs=0.1)
    assert inside.any()
    assert not share[outside].any()
