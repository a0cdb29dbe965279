"""Where a file comes from, written into it, so that an asset's origin survives when it is copied alone.

The facts are those of XMP (ISO 16684-1): who made it with what, from which seed and config, with which nets,
and whose data those learned from. glTF carries them as KHR_xmp_json_ld, PNG, JPEG and WebP as an XMP packet.
No dates: the same world gives the same bytes.

Inside of a ``.glb`` the document's packet speaks for its images too; images that stand alone each carry one.

What counts as the source is said by IPTC's vocabulary of digital source types:

- ``trainedAlgorithmicMedia``: our materials come from a net that learned from scans, and most terrain from
  nets that learned from elevation data. ``algorithmicMedia`` is for what learned from no data: of ours, the
  heightmap of a world of plain noise.
- ``compositeWithTrainedAlgorithmicMedia``: worlds with a user's land or objects in them.

Source: Khronos, KHR_xmp_json_ld; https://cv.iptc.org/newscodes/digitalsourcetype/; Adobe, XMP specification
part 3 (where packets go in JPEG, PNG and WebP).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from worldgen import __version__

SourceType = Literal[
    "trainedAlgorithmicMedia",
    "algorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
]
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "worldgen": "urn:worldgen:provenance#",
}


@dataclass(frozen=True)
class Net:
    """A net that may have drawn a part of a world.

    Attributes
    ----------
    name : of its weight file, without suffix.
    sha256 : of that file, 64 hexadecimal digits.
    licences : of the data that it learned from, with the credit that they ask for.
    """

    name: str
    sha256: str
    licences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """The origin of one world's files.

    Attributes
    ----------
    title : name of the world.
    seed : the world's seed.
    config_sha256 : of its config, see `config_sha256`.
    source_type : a term of IPTC's vocabulary.
    nets : that drew it.
    sources : names of the user's files that went into it, without their folders.
    creator : who made it.
    generator : the program and its version.
    """

    title: str
    seed: int
    config_sha256: str
    source_type: SourceType = "trainedAlgorithmicMedia"
    nets: tuple[Net, ...] = ()
    sources: tuple[str, ...] = ()
    creator: str = "worldgen"
    generator: str = f"worldgen {__version__}"

    @property
    def training_data(self) -> list[str]:
        """Licences and credits of what the nets learned from, each once, sorted."""
        return sorted({licence for net in self.nets for licence in net.licences})

    @property
    def rights(self) -> str:
        """What is known of rights: whose data is behind the file."""
        known = [f"Made with {self.generator}."]
        if self.training_data:
            known.append("Its nets learned from data under the licences that worldgen:trainingData lists.")
        if self.sources:
            known.append("Files of the user went into it, worldgen:sources, under their own licences.")
        return " ".join(known)

    @property
    def copyright(self) -> str:
        """One line that viewers show: glTF's ``asset.copyright``."""
        parts = [f"Made with {self.generator}"]
        if self.training_data:
            parts.append("training data credited in the file's XMP")
        if self.sources:
            parts.append(f"holds work of others: {', '.join(self.sources)}")
        return "; ".join(parts)

    def as_dictionary(self) -> dict[str, Any]:
        """Return all of it as plain JSON values, for formats that have metadata of their own."""
        return {
            "title": self.title,
            "creator": self.creator,
            "generator": self.generator,
            "rights": self.rights,
            "digital_source_type": VOCABULARY + self.source_type,
            "seed": self.seed,
            "config_sha256": self.config_sha256,
            "nets": [{"name": net.name, "sha256": net.sha256} for net in self.nets],
            "training_data": self.training_data,
            "sources": list(self.sources),
        }

    def json_ld(self) -> dict[str, Any]:
        """Return the packet of KHR_xmp_json_ld: JSON-LD by the restrictions of that extension."""
        packet: dict[str, Any] = {"@context": {**NAMESPACES, "rdf": RDF}}
        for name, kind, value in self._properties():
            if kind == "alternative":
                value = {"@type": "rdf:Alt", "rdf:_1": {"@language": "en-us", "@value": value}}
            elif kind != "text":
                value = {"@list" if kind == "list" else "@set": value}
            packet[name] = value
        return packet

    def xmp(self) -> bytes:
        """Return the packet for image files: RDF/XML in UTF-8."""
        spaces = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in NAMESPACES.items())
        lines = [
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">',
            f'<rdf:Description rdf:about="" {spaces}>',
        ]
        for name, kind, value in self._properties():
            if kind == "text":
                inner = escape(value)
            elif kind == "alternative":
                inner = f'<rdf:Alt><rdf:li xml:lang="x-default">{escape(value)}</rdf:li></rdf:Alt>'
            else:
                container = "Seq" if kind == "list" else "Bag"
                items = "".join(f"<rdf:li>{escape(item)}</rdf:li>" for item in value)
                inner = f"<rdf:{container}>{items}</rdf:{container}>"
            lines.append(f"<{name}>{inner}</{name}>")
        lines += ["</rdf:Description></rdf:RDF></x:xmpmeta>", '<?xpacket end="r"?>']
        return "\n".join(lines).encode("utf-8")

    def _properties(self) -> list[tuple[str, Literal["text", "alternative", "list", "set"], Any]]:
        """Name, kind and value of each property of the packet; those without a value are left out."""
        properties: list[tuple[str, Literal["text", "alternative", "list", "set"], Any]] = [
            ("dc:title", "alternative", self.title),
            ("dc:creator", "list", [self.creator]),
            ("dc:rights", "alternative", self.rights),
            ("xmp:CreatorTool", "text", self.generator),
            ("Iptc4xmpExt:DigitalSourceType", "text", VOCABULARY + self.source_type),
            # Text, for a seed may pass 2^53, where JavaScript's numbers end.
            ("worldgen:seed", "text", str(self.seed)),
            ("worldgen:configSHA256", "text", self.config_sha256),
            ("worldgen:nets", "set", [f"{net.name} SHA-256 {net.sha256}" for net in self.nets]),
            ("worldgen:trainingData", "set", self.training_data),
            ("worldgen:sources", "set", list(self.sources)),
        ]
        return [entry for entry in properties if entry[2]]


def config_sha256(config: Mapping[str, Any]) -> str:
    """SHA-256 of a config's values as compact JSON in UTF-8 with sorted keys: 64 hexadecimal digits."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
