"""The package of ``.usdz``: a ZIP whose files are stored as they are and begin at multiples of 64 bytes.

usd-core has a writer of its own, which stores the time of each file: two runs would differ.

Source: OpenUSD, Usdz File Format Specification; PKWARE APPNOTE 6.3.10, sections 4.3.7 and 4.5 (extra fields).
"""

from __future__ import annotations

import shutil
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from worldgen.errors import ExportError

ALIGNMENT = 64
HEADER = 30  # bytes of a local file header before the name
PADDING = 0x1986  # identifier of the extra field, which readers skip
SIZE_LIMIT = 2**32 - 1  # the format has no ZIP64
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say
UNIX = 3


def write_package(stream: BinaryIO, entries: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write a package; ``entries`` are (name inside, content or the file that has it), the stage first.

    Raises
    ------
    ExportError : the package would pass 4 GiB.
    """
    sizes = [len(data) if isinstance(data, bytes) else data.stat().st_size for _, data in entries]
    total = sum(sizes) + sum(2 * (HEADER + ALIGNMENT + len(name)) for name, _ in entries)
    if total > SIZE_LIMIT:
        raise ExportError(
            f"the package would take {total / 2**30:.2f} GiB, and .usdz ends at 4 GiB: write .usdc, or use "
            "smaller textures"
        )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=False) as package:
        for (name, data), size in zip(entries, sizes, strict=True):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = UNIX  # else it tells Windows from the rest
            entry.external_attr = 0o644 << 16
            entry.file_size = size
            entry.extra = padding_field(stream.tell() + HEADER + len(name.encode("utf-8")))
            with package.open(entry, "w") as target:
                if isinstance(data, bytes):
                    target.write(data)
                else:
                    with data.open("rb") as source:
                        shutil.copyfileobj(source, target, 1 << 20)


def padding_field(offset: int) -> bytes:
    """Return the extra field after which content that would begin at ``offset`` begins at a multiple of 64.

    >>> [len(padding_field(offset)) for offset in (0, 1, 63, 60)]
    [0, 63, 65, 4]
    """
    missing = -offset % ALIGNMENT
    if missing == 0:
        return b""
    if missing < 4:  # a field has a header of 4 bytes
        missing += ALIGNMENT
    return struct.pack("<HH", PADDING, missing - 4) + bytes(missing - 4)
