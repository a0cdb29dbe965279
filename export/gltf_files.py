"""Files as a reader of glTF meets them: mapped into memory, named by URIs, packed as GLB.

Source: Khronos, glTF 2.0 specification, sections 2.8 (URIs) and 4 (GLB); RFC 2397 (data URIs).
"""

from __future__ import annotations

import base64
import binascii
import mmap
import struct
from pathlib import Path
from urllib.parse import unquote, urlsplit

from worldgen.errors import InputError
from worldgen.export.json_fields import printable

Data = bytes | memoryview


def map_file(path: Path) -> memoryview:
    """Map a file into memory, read-only.

    Raises
    ------
    InputError : it is absent, no regular file, or cannot be read.
    """
    name = printable(str(path))[-200:]
    try:
        if not path.is_file():
            raise InputError(f"{name}: {'is no file' if path.exists() else 'not found'}")
        with path.open("rb") as stream:
            if path.stat().st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read: {reason}") from None


class Resources:
    """Reads what a document's URIs refer to.

    Attributes
    ----------
    sizes : bytes of each external file, by its URI, in the order of first use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes: dict[str, int] = {}

    def read(self, uri: str, where: str) -> Data:
        """Return the bytes of a data URI or a file beside the document.

        Raises
        ------
        InputError : the file is absent, the URI is remote or its data are damaged.
        """
        if uri[:5].lower() == "data:":
            header, comma, body = uri.partition(",")
            if not comma:
                raise InputError(f"{where}: found a data URI without a comma")
            if not header.lower().endswith(";base64"):
                return unquote(body).encode("utf-8", "replace")
            try:
                return base64.b64decode(unquote(body), validate=True)
            except (binascii.Error, ValueError):
                raise InputError(f"{where}: found a data URI that is not base64") from None
        return self.read_file(self._path(uri, where), where)

    def locate(self, uri: str, where: str) -> Path:
        """Return the file that a URI means; errors as in `read`."""
        return self.folder / self._path(uri, where)

    def _path(self, uri: str, where: str) -> str:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise InputError(f"{where}: found the URI {uri[:60]!r}, which is none") from None
        if parts.scheme or parts.netloc:
            raise InputError(
                f"{where}: found the remote URI {uri[:60]!r}; allowed: files beside the document"
            )
        return unquote(parts.path)

    def read_file(self, name: str, where: str) -> Data:
        """Return the bytes of a file beside the document; errors as in `read`."""
        try:
            data = map_file(self.folder / name)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        self.sizes[printable(name)] = len(data)
        return data


def unpack_glb(data: Data, where: str) -> tuple[bytes, Data | None]:
    """Return the JSON and binary chunks of a GLB.

    Raises
    ------
    InputError : it is truncated, of another version, or its first chunk is not JSON.
    """
    if len(data) < 20:
        raise InputError(f"{where}: a GLB has at least 20 bytes; found {len(data)}")
    magic, version, length = struct.unpack_from("<4sII", data)
    if magic != b"glTF":
        raise InputError(f"{where}: a GLB begins with b'glTF'; found {magic!r}")
    if version != 2:
        raise InputError(f"{where}: found GLB version {version}; allowed: 2")
    if length != len(data):
        fault = "it is truncated" if length > len(data) else "bytes follow its end"
        raise InputError(f"{where}: its header says {length} bytes, the file has {len(data)}: {fault}")
    chunks: dict[bytes, Data] = {}
    place = 12
    while place + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, place)
        if place + 8 + size > length:
            raise InputError(f"{where}: a chunk of {size} bytes at {place} reaches past the file's end")
        if not chunks and kind != b"JSON":
            raise InputError(f"{where}: its first chunk must be b'JSON'; found {kind!r}")
        chunks.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 8 + size
    if b"JSON" not in chunks:
        raise InputError(f"{where}: it has no JSON chunk")
    return bytes(chunks[b"JSON"]), chunks.get(b"BIN\0")
