"""3D Tiles, read back by the specification's words: volumes, errors, gaps, textures, objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import worldgen as wg
from tests.export_examples import read_accessor, read_glb
from tests.small_worlds import maps
from worldgen.errors import ExportError
from worldgen.export import ExportOptions
from worldgen.export.tile_content import SMALLEST
from worldgen.export.tiles3d import write_tiles
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap
from worldgen.lod import ChunkWindow, terrain_chunks, vertex_coordinates
from worldgen.materials import PBRMaterial
from worldgen.running_water import flowing_rivers, water_nodes
from worldgen.surfaces import Splat
from worldgen.triangulation import surface_height
from worldgen.world import World

SIZE, QUADS = 100, 32  # four chunks a side, the last of 3 quads; three levels


def rough_island() -> World:
    """Hills and a sea, each chunk with a colour of its own, nothing on them."""
    grid = Grid.centred((SIZE, SIZE), 4.0)
    random = np.random.default_rng(8)
    hills = 40 * np.sin(grid.x / 37)[None, :] * np.cos(grid.z / 53)[:, None] + 15
    heightmap = Heightmap((hills + random.uniform(0, 6, grid.shape)).astype(np.float32), grid)
    config = wg.WorldConfig(
        size=SIZE, spacing=4.0, materials={"texture_size": 128}, output={"chunk_quads": QUADS}
    )
    hydrology, biomes = maps(heightmap)

    def baked(window: ChunkWindow) -> PBRMaterial:
        height, width = (
            128 if side > 3 else 16 for side in (window.row1 - window.row0, window.column1 - window.column0)
        )
        color = np.full((height, width, 3), 20 + 15 * (4 * window.row + window.column), np.uint8)
        flat = np.full((height, width, 3), (128, 128, 255), np.uint8)
        return PBRMaterial(f"terrain_{window.row}_{window.column}", color, flat, repeat=False)

    return World(
        config,
        heightmap,
        hydrology,
        biomes,
        flowing_rivers(heightmap, hydrology, biomes, strength=1.0, carved=False),
        Splat(("rock",), np.ones((1, *grid.shape), np.float32)),
        (),
        tuple(terrain_chunks(heightmap, baked, quads=QUADS, levels=3)),
        (),
    )


@pytest.fixture(scope="module", autouse=True)
def _small_sea() -> Iterator[None]:
    """The sea's pictures would take half of the time of each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worldgen.sea._TEXELS", 64)
        yield


@pytest.fixture(scope="module")
def made() -> World:
    return rough_island()


@pytest.fixture(scope="module")
def folder(made: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles") / "out"
    write_tiles(made, folder, ExportOptions(image_format="png"))
    return folder


def tiles(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield every tile of a tileset with its parent."""
    stack = [(json.loads((folder / "tileset.json").read_text())["root"], None)]
    while stack:
        tile, parent = stack.pop()
        yield tile, parent
        stack += [(child, tile) for child in tile.get("children", ())]


def extent(tile: dict[str, Any]) -> np.ndarray:
    """Return (2, 3), the lowest and highest corner of a box that lies along the axes."""
    box = np.array(tile["boundingVolume"]["box"])
    halves = box[3:].reshape(3, 3)
    assert (halves == np.diag(np.diag(halves))).all()
    return np.array([box[:3] - np.diag(halves), box[:3] + np.diag(halves)])


def shown(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (node's name, vertices in glTF's axes, triangles) of a file whose nodes are not turned."""
    document, binary = read_glb(path)

    def walk(index: int, origin: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        node = document["nodes"][index]
        assert not {"rotation", "scale", "matrix"} & node.keys()
        place = origin + node.get("translation", [0, 0, 0])
        if "mesh" in node:
            for part in document["meshes"][node["mesh"]]["primitives"]:
                positions = read_accessor(document, binary, part["attributes"]["POSITION"])
                indices = read_accessor(document, binary, part["indices"]).reshape(-1, 3)
                yield node["name"], positions + place, indices
        for child in node.get("children", ()):
            yield from walk(child, place)

    for root in document["scenes"][0]["nodes"]:
        yield from walk(root, np.zeros(3))


def ground(path: Path) -> tuple[np.ndarray, np.ndarray]:
    return next((vertices, faces) for name, vertices, faces in shown(path) if name == "terrain")


def test_the_tree_keeps_the_rules_of_the_specification(folder):
    tileset = json.loads((folder / "tileset.json").read_text())
    assert tileset["asset"]["version"] == "1.1"
    assert tileset["asset"]["extras"]["generator"].startswith("worldgen")
    assert set(tileset) == {"asset", "geometricError", "root"}
    assert tileset["root"]["refine"] == "ADD"
    assert "transform" not in tileset["root"]
    assert tileset["geometricError"] >= tileset["root"]["geometricError"] > 0
    files = set()
    for tile, parent in tiles(folder):
        assert {"boundingVolume", "geometricError"} <= tile.keys()
        assert len(tile["boundingVolume"]["box"]) == 12
        if parent is not None:
            assert tile["geometricError"] <= parent["geometricError"]
            inner, outer = extent(tile), extent(parent)
            assert (inner[0] >= outer[0] - 1e-6).all()
            assert (inner[1] <= outer[1] + 1e-6).all()
            files.add(tile["content"]["uri"])
        if not tile.get("children"):
            assert tile["geometricError"] == 0
            assert "children" not in tile
    on_disk = {f"tiles/{path.name}" for path in (folder / "tiles").iterdir()}
    assert on_disk == files
    levels = [(0, 4), (1, 2), (2, 1)]
    assert on_disk == {"tiles/sea.glb"} | {
        f"tiles/{level}_{row}_{column}.glb"
        for level, side in levels
        for row in range(side)
        for column in range(side)
    }
    assert {path.name for path in folder.iterdir()} == {"tiles", "tileset.json"}


def test_contents_lie_within_their_volumes_and_leaves_fill_theirs(folder):
    for tile, _ in tiles(folder):
        if "content" not in tile:
            continue
        parts = [vertices for _, vertices, _ in shown(folder / tile["content"]["uri"])]
        x, y, z = np.concatenate(parts).T
        upright = np.stack([x, -z, y], axis=1)  # a quarter turn about x, as clients do
        low, high = extent(tile)
        assert (upright >= low - 1e-4).all()
        assert (upright <= high + 1e-4).all()
        if "children" not in tile:
            assert np.abs(upright.min(axis=0) - low).max() < 0.03
            assert np.abs(upright.max(axis=0) - high).max() < 0.03


def test_errors_are_the_distances_of_the_files_triangles(made, folder):
    """Heights of a tile's triangles at the map's vertices, by barycentric coordinates."""
    x, z = vertex_coordinates(made.heightmap.grid)
    true = made.heightmap.elevation.astype(np.float64)
    found = {}
    for tile, _ in tiles(folder):
        name = tile.get("content", {}).get("uri", "")
        if name not in ("tiles/0_0_0.glb", "tiles/1_0_0.glb", "tiles/1_1_1.glb", "tiles/2_0_0.glb"):
            continue
        vertices, faces = ground(folder / name)
        worst = 0.0
        for a, b, c in vertices[faces].astype(np.float64):
            edges = np.array([[b[0] - a[0], c[0] - a[0]], [b[2] - a[2], c[2] - a[2]]])
            if abs(np.linalg.det(edges)) < 1e-6:  # a skirt
                continue
            columns, rows = (
                np.flatnonzero((lines >= min(a[i], b[i], c[i])) & (lines <= max(a[i], b[i], c[i])))
                for i, lines in ((0, x), (2, z))
            )
            row, column = (part.ravel() for part in np.meshgrid(rows, columns))
            share = np.linalg.solve(edges, np.array([x[column] - a[0], z[row] - a[2]]))
            inside = (share >= -1e-9).all(axis=0) & (share.sum(axis=0) <= 1 + 1e-9)
            height = a[1] + share[0] * (b[1] - a[1]) + share[1] * (c[1] - a[1])
            worst = max(worst, float(np.abs(height - true[row, column])[inside].max()))
        stored = tile["extras"]["vertical_error"]
        assert worst <= stored + 1e-3, name
        # Between vertices it may be a little more.
        assert stored <= worst * 1.1 + 1e-3, name
        texel = 4.0 * QUADS * 2 ** int(name[6]) / 128
        below = [child["geometricError"] for child in tile.get("children", ())]
        if below:
            assert tile["geometricError"] == max(stored, 8 * texel, *below)
        found[name] = stored
    assert found["tiles/0_0_0.glb"] == 0
    assert found["tiles/2_0_0.glb"] > found["tiles/0_0_0.glb"]


def border(vertices: np.ndarray, axis: int, line: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return places along a border, heights of its upper edge and of its skirt's lower edge."""
    on = vertices[vertices[:, axis] == line]
    if len(on) < 2:
        return None
    places = np.unique(on[:, 2 - axis])
    rows = [on[on[:, 2 - axis] == place, 1] for place in places]
    return places, np.array([row.max() for row in rows]), np.array([row.min() for row in rows])


def test_no_gap_opens_between_tiles_of_any_two_levels(made, folder):
    x, _ = vertex_coordinates(made.heightmap.grid)
    meshes = {path.stem: ground(path)[0] for path in (folder / "tiles").glob("?_*.glb")}
    pairs = 0
    levels = set()
    for axis in (0, 2):
        for line in (x[32], x[64], x[96]):
            sides: dict[bool, list[tuple[str, Any]]] = {False: [], True: []}
            for name, vertices in meshes.items():
                edge = border(vertices, axis, line)
                if edge is None or (vertices[:, axis].min() < line < vertices[:, axis].max()):
                    continue
                sides[bool(vertices[:, axis].max() > line)].append((name, edge))
            for one, (at, top, bottom) in sides[False]:
                for two, (at_two, top_two, bottom_two) in sides[True]:
                    low, high = max(at[0], at_two[0]), min(at[-1], at_two[-1])
                    if low >= high:
                        continue
                    along = np.linspace(low, high, 257)
                    above, beyond = np.interp(along, at, top), np.interp(along, at_two, top_two)
                    assert (np.interp(along, at, bottom) < beyond).all(), (one, two)
                    assert (np.interp(along, at_two, bottom_two) < above).all(), (one, two)
                    pairs += 1
                    levels.add((one[0], two[0]))
    assert pairs > 40
    assert levels == {("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")}


def picture(path: Path) -> np.ndarray:
    document, binary = read_glb(path)
    material = next(one for one in document["materials"] if one["name"].startswith("terrain"))
    texture = document["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    view = document["bufferViews"][document["images"][texture["source"]]["bufferView"]]
    data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return np.asarray(Image.open(io.BytesIO(data)))


def test_textures_of_parents_are_their_chunks_side_by_side(folder):
    """Grey 20 + 15 n of chunk n; of 99 quads the last 3 of each row are the fourth chunk's."""
    leaf = picture(folder / "tiles/0_2_1.glb")
    assert leaf.shape == (128, 128, 3)
    assert (leaf == 20 + 15 * 9).all()
    whole = picture(folder / "tiles/2_0_0.glb")
    assert whole.shape == (128, 128, 3)
    middles = ((np.array([16, 48, 80, 98]) / 99) * 128).astype(int)
    expected = 20 + 15 * np.arange(16).reshape(4, 4)
    assert np.abs(whole[np.ix_(middles, middles)][..., 0].astype(int) - expected).max() <= 1
    assert picture(folder / "tiles/1_1_1.glb").shape == (128, 128, 3)


def test_the_same_world_gives_the_same_bytes(made, folder, tmp_path):
    files = write_tiles(made, tmp_path, ExportOptions(image_format="png"))
    assert files[-1] == tmp_path / "tileset.json"
    for file in files:
        assert file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes()


def test_a_failure_leaves_the_old_tileset_and_nothing_else(made, folder, tmp_path, monkeypatch):
    import worldgen.export.tiles3d as module

    write = module.write_glb

    def broken(scene, path, options):
        if scene.name == "tile_0_1_1":
            raise ExportError("no space")
        return write(scene, path, options)

    write_tiles(made, tmp_path, texel_weight=0.0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    monkeypatch.setattr(module, "write_glb", broken)
    with pytest.raises(ExportError, match="no space"):
        write_tiles(made, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    root = json.loads((tmp_path / "tileset.json").read_text())["root"]["children"][0]
    assert root["geometricError"] == root["extras"]["vertical_error"]


def write_nothing(scene, path, options):
    """In place of a writer, where only the tileset matters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_a_place_on_the_globe_is_the_roots_transform(made, tmp_path, monkeypatch):
    monkeypatch.setattr("worldgen.export.tiles3d.write_glb", write_nothing)
    counts: list[tuple[int, int]] = []
    options = ExportOptions(georeference=(0.0, 0.0, 10.0))
    write_tiles(made, tmp_path, options, progress=lambda *count: counts.append(count))
    root = json.loads((tmp_path / "tileset.json").read_text())["root"]
    assert root["transform"] == [0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 6378147, 0, 0, 1]
    assert counts == [(number, 22) for number in range(1, 23)]
    with pytest.raises(ExportError, match="texel_weight"):
        write_tiles(made, tmp_path, texel_weight=-1.0)


def test_objects_stand_in_all_tiles_that_can_show_them(small_world, tmp_path):
    """All in the leaves; in the parent those that are large enough, on its own triangles."""
    small_world.export(
        tmp_path / "o", format="tiles", manifest=False, options=ExportOptions(objects="instancing")
    )
    sizes = {
        f"{placement.name}_{variant}": float(np.ptp(levels[0].bounds, axis=0).max())
        for placement in small_world.placements
        for variant, levels in enumerate(placement.kind.models)
    }
    heightmap = small_world.heightmap
    counts = {0: 0, 1: 0}
    for tile, _ in tiles(tmp_path / "o"):
        uri = tile.get("content", {}).get("uri", "")
        if not uri or "sea" in uri:
            continue
        document, binary = read_glb(tmp_path / "o" / uri)
        level = int(uri[6])
        parents = {child: node for node in document["nodes"] for child in node.get("children", ())}
        for index, node in enumerate(document["nodes"]):
            found = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
            if not found:
                continue
            place = np.array(node.get("translation", [0, 0, 0]), np.float64)
            above = parents.get(index)
            while above is not None:
                place += above.get("translation", [0, 0, 0])
                above = parents.get(document["nodes"].index(above))
            points = read_accessor(document, binary, found["attributes"]["TRANSLATION"]) + place
            scales = read_accessor(document, binary, found["attributes"]["SCALE"])[:, 0]
            counts[level] += len(points)
            height = surface_height(
                heightmap.elevation, heightmap.grid, points[:, 0], points[:, 2], stride=2**level
            )
            assert np.abs(height - points[:, 1]).max() < 0.01
            name = max((one for one in sizes if node["name"].startswith(one)), key=len)
            assert (scales * sizes[name] >= SMALLEST * tile["geometricError"] - 1e-3).all()
    assert counts[0] == sum(len(placement) for placement in small_world.placements)
    assert 0 < counts[1] < counts[0]


def test_water_is_cut_between_tiles_and_lost_by_none(made, folder):
    heightmap, temperature = made.heightmap, float(made.biomes.temperature.mean())
    nodes = water_nodes(heightmap, made.hydrology, made.rivers, temperature, made.config.seed)
    whole = {node.name: node.model for node in nodes}
    assert whole
    for name, model in whole.items():
        area = 0.0
        vertices = set()
        for path in (folder / "tiles").glob("0_*.glb"):
            low, high = ground(path)[0].min(axis=0), ground(path)[0].max(axis=0)
            for part, positions, faces in shown(path):
                if part == name:
                    middles = positions[faces].mean(axis=1)
                    assert (middles[:, [0, 2]] > low[[0, 2]]).all()
                    assert (middles[:, [0, 2]] < high[[0, 2]]).all()
                    vertices |= set(map(tuple, np.round(positions, 3)))
                    area += len(faces)
        mesh = model.primitives[0]
        assert area == mesh.triangles
        assert vertices == set(map(tuple, np.round(mesh.positions.astype(np.float64), 3)))


def test_the_target_is_such_a_folder(made, tmp_path, monkeypatch):
    monkeypatch.setattr("worldgen.export.tiles3d.write_glb", write_nothing)
    files = made.export(tmp_path / "out", target="tiles", manifest=False)
    assert files[-1] == tmp_path / "out" / "tileset.json"
    assert len(files) == 23
    assert made.export(tmp_path / "more", format="tiles", manifest=False)[-1].name == "tileset.json"
