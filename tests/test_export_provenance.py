"""worldgen.export.provenance: read back by the rules of each container, of RDF and of the extension."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from export_examples import example_scene, read_glb
from PIL import Image

from worldgen.config import WorldConfig
from worldgen.credits import terrain_provenance, world_provenance
from worldgen.export.gltf import write_glb, write_gltf
from worldgen.export.heightmaps import read_heightmap_png, sidecar_path, write_heightmap_png
from worldgen.export.images import ImageSource, encode_image
from worldgen.export.obj import write_obj
from worldgen.export.options import ExportOptions
from worldgen.export.provenance import Net, Provenance, config_sha256
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

ORIGIN = Provenance(
    title="vale & <hill>",
    seed=2**62 + 1,
    config_sha256="ab" * 32,
    source_type="compositeWithTrainedAlgorithmicMedia",
    nets=(Net("one", "01" * 32, ("CC0 1.0", "(c) Ä")), Net("two", "23" * 32, ("CC0 1.0",))),
    sources=("land.tif",),
)
SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "own": "urn:worldgen:provenance#",
}


def read_packet(data: bytes) -> dict[str, Any]:
    """Title, creators, tool, ... of an XMP packet, by the W3C's rules of RDF/XML."""
    text = data.decode("utf-8")
    assert re.match('<\\?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"\\?>', text)
    assert text.endswith('<?xpacket end="r"?>')
    (about,) = ElementTree.fromstring(text).findall(".//rdf:Description", SPACES)
    assert about.get(f"{{{SPACES['rdf']}}}about") == ""

    def items(path: str) -> list[str | None]:
        return [item.text for item in about.findall(f"{path}/rdf:li", SPACES)]

    return {
        "title": items("dc:title/rdf:Alt"),
        "creator": items("dc:creator/rdf:Seq"),
        "rights": items("dc:rights/rdf:Alt"),
        "tool": about.findtext("xmp:CreatorTool", None, SPACES),
        "kind": about.findtext("ext:DigitalSourceType", None, SPACES),
        "seed": about.findtext("own:seed", None, SPACES),
        "config": about.findtext("own:configSHA256", None, SPACES),
        "nets": items("own:nets/rdf:Bag"),
        "data": items("own:trainingData/rdf:Bag"),
        "sources": items("own:sources/rdf:Bag"),
    }


def xmp_of(data: bytes) -> bytes | None:
    """The XMP packet of an image file, found where the format's own rules put it."""
    if data[:2] == b"\xff\xd8":  # JPEG: segments up to the start of the scan
        place, found = 2, None
        while data[place + 1] != 0xDA:
            size = struct.unpack_from(">H", data, place + 2)[0]
            body = data[place + 4 : place + 2 + size]
            if data[place + 1] == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
                assert found is None
                found = body[29:]
            place += 2 + size
        return found
    if data[:4] == b"\x89PNG":
        place = 8
        while place < len(data):
            size, kind = struct.unpack_from(">I4s", data, place)
            body = data[place + 8 : place + 8 + size]
            assert struct.unpack_from(">I", data, place + 8 + size)[0] == zlib.crc32(kind + body)
            if kind == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0\0\0\0\0"):
                return body[22:]
            place += 12 + size
        return None
    assert data[:4] == b"RIFF"
    assert data[8:16] == b"WEBPVP8X"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert data[20] & 4  # the flag that says that there is XMP
    place = 12
    while place < len(data):
        kind, size = struct.unpack_from("<4sI", data, place)
        if kind == b"XMP ":
            return data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    return None


EXPECTED = {
    "title": ["vale & <hill>"],
    "creator": ["worldgen"],
    "rights": [ORIGIN.rights],
    "tool": ORIGIN.generator,
    "kind": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    "seed": "4611686018427387905",
    "config": "ab" * 32,
    "nets": ["one SHA-256 " + "01" * 32, "two SHA-256 " + "23" * 32],
    "data": ["(c) Ä", "CC0 1.0"],
    "sources": ["land.tif"],
}


@pytest.mark.parametrize(
    ("form", "channels"), [("jpeg", 3), ("png", 3), ("png", 4), ("webp", 3), ("webp", 4)]
)
def test_images_carry_the_packet_and_keep_their_pixels(form: Any, channels: int) -> None:
    pixels = np.full((8, 8, channels), 120, np.uint8)
    source = ImageSource("a", "base_color", pixels, form)
    bare, told = (encode_image(source, ExportOptions(), xmp).data for xmp in (b"", ORIGIN.xmp()))
    packet = xmp_of(told)
    assert packet is not None
    assert read_packet(packet) == EXPECTED
    first, second = (np.asarray(Image.open(io.BytesIO(data))) for data in (bare, told))
    assert np.array_equal(first, second)
    assert b"xpacket" not in bare


def test_root_packet_follows_the_extension(tmp_path: Path) -> None:
    write_glb(dataclasses.replace(example_scene(), provenance=ORIGIN), tmp_path / "a.glb")
    document, binary = read_glb(tmp_path / "a.glb")
    asset = document["asset"]
    assert asset["extensions"] == {"KHR_xmp_json_ld": {"packet": 0}}
    assert asset["generator"] == ORIGIN.generator
    assert asset["copyright"].endswith("holds work of others: land.tif")
    assert document["extensionsUsed"] == ["KHR_lights_punctual", "KHR_xmp_json_ld"]
    (packet,) = document["extensions"]["KHR_xmp_json_ld"]["packets"]
    context = packet.pop("@context")
    assert context["rdf"] == SPACES["rdf"]
    assert len(set(context.values())) == len(context)
    for name, value in packet.items():
        prefix, _ = name.split(":")
        assert re.fullmatch("[A-Za-z0-9_]+", prefix)
        assert prefix in context
        # Arrays only below @list and @set, language alternatives as rdf:Alt with rdf:_1.
        if isinstance(value, dict):
            assert set(value) in ({"@list"}, {"@set"}, {"@type", "rdf:_1"})
        else:
            assert isinstance(value, str)
    assert packet["dc:title"]["rdf:_1"] == {"@language": "en-us", "@value": "vale & <hill>"}
    assert packet["dc:creator"] == {"@list": ["worldgen"]}
    assert packet["Iptc4xmpExt:DigitalSourceType"] == EXPECTED["kind"]
    assert packet["worldgen:trainingData"] == {"@set": EXPECTED["data"]}
    assert packet["worldgen:seed"] == EXPECTED["seed"]
    assert b"xpacket" not in binary  # the document speaks for the images inside of it


@pytest.mark.parametrize(("write", "name"), [(write_gltf, "a.gltf"), (write_obj, "a.obj")])
def test_images_beside_a_document_speak_for_themselves(write: Any, name: str, tmp_path: Path) -> None:
    files = write(dataclasses.replace(example_scene(), provenance=ORIGIN), tmp_path / name)
    images = [file for file in files if file.parent.name == "textures"]
    assert images
    for image in images:
        packet = xmp_of(image.read_bytes())
        assert packet is not None
        assert read_packet(packet) == EXPECTED
    if name == "a.obj":
        assert f"# seed {ORIGIN.seed}, SHA-256 of the config {'ab' * 32}" in files[-1].read_text()


def test_heightmap_carries_the_packet(tmp_path: Path) -> None:
    heightmap = Heightmap(np.float32([[1, 2], [3, 5]]), Grid((2, 2), 1.0))
    path = tmp_path / "h.png"
    write_heightmap_png(heightmap, path, provenance=ORIGIN)
    packet = xmp_of(path.read_bytes())
    assert packet is not None
    assert read_packet(packet) == EXPECTED
    assert np.allclose(read_heightmap_png(path).elevation, heightmap.elevation, atol=1e-4)
    assert json.loads(sidecar_path(path).read_text())["provenance"] == ORIGIN.as_dictionary()


def test_config_hash_is_that_of_sorted_compact_json() -> None:
    assert config_sha256({"b": 1.5, "a": "Ä"}) == hashlib.sha256('{"a":"Ä","b":1.5}'.encode()).hexdigest()
    one, two, three = (WorldConfig(preset="alpine", seed=seed).values() for seed in (1, 1, 2))
    assert config_sha256(one) == config_sha256(two) != config_sha256(three)


def test_worlds_name_their_nets_and_the_files_of_others(tmp_path: Path) -> None:
    plain = WorldConfig(preset="alpine", seed=3)
    origin = world_provenance(plain)
    assert origin.source_type == "trainedAlgorithmicMedia"
    weights = Path(__file__).parents[1] / "models" / "weights"
    for net in origin.nets:
        assert net.sha256 == hashlib.sha256((weights / f"{net.name}.safetensors").read_bytes()).hexdigest()
        assert net.licences
    assert {"terrain_amplifier", "texture_vae"} <= {net.name for net in origin.nets}
    assert any("Copernicus" in licence for licence in origin.training_data)
    assert any(licence.startswith("CC0 1.0 (Poly Haven") for licence in origin.training_data)
    assert "texture_vae" not in {net.name for net in terrain_provenance(plain).nets}

    noise = WorldConfig(preset="alpine", terrain={"source": "noise"})
    assert terrain_provenance(noise).source_type == "algorithmicMedia"
    assert terrain_provenance(noise).nets == ()
    assert world_provenance(noise).source_type == "trainedAlgorithmicMedia"

    mine = WorldConfig(
        preset="alpine",
        terrain={"source": "dem", "dem": tmp_path / "land.tif"},
        objects={"assets": [{"path": tmp_path / "hut.glb", "name": "hut"}]},
    )
    assert world_provenance(mine).source_type == "compositeWithTrainedAlgorithmicMedia"
    assert world_provenance(mine).sources == ("land.tif", "hut.glb")
    assert terrain_provenance(mine).sources == ("land.tif",)
    assert str(tmp_path) not in json.dumps(world_provenance(mine).as_dictionary())
