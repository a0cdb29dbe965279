"""Files that appear whole or not at all, and their hashes.

A writer that is killed, or fails half way, must leave nothing half-written under a final name. So every file
is written beside its place as ``NAME.worldgen-TOKEN.part`` and renamed when the whole set is complete; the
document that refers to the others (``.gltf``, ``.obj``) is renamed last. What a killed run leaves behind is
only such part files: they can be deleted at any time.

No ``fsync``: a killed process loses nothing that it has written; only a power cut could, and waiting for the
disk costs seconds on a large world.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from worldgen.errors import ExportError

CHUNK = 1 << 20


class FileSet:
    """Files that appear together at the end of a ``with`` block, in the order in which they were opened.

    >>> with FileSet() as files:                                   # doctest: +SKIP
    ...     files.write(Path("out/world.bin"), b"...")
    ...     files.write(Path("out/world.gltf"), b"...")            # renamed last

    An exception inside the block, Ctrl-C included, removes all part files and touches no final name.

    Attributes
    ----------
    paths : final paths in the order of writing.
    """

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self._parts: list[Path] = []

    def __enter__(self) -> FileSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for part, path in zip(self._parts, self.paths, strict=True):
                    os.replace(part, path)
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """Open one file of the set for writing; its folder is made if absent.

        Raises
        ------
        ExportError : the path is a folder, is already in the set, or cannot be written.
        """
        if path in self.paths:
            raise ExportError(f"two parts of the world would be written to the same file {path}")
        if path.is_dir():
            raise ExportError(f"cannot write {path}: it is a folder; give a file name")
        # The token keeps two processes that write the same target apart; it never gets into a file's content.
        part = path.with_name(f"{path.name}.worldgen-{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = part.open("xb")
        except OSError as error:
            raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
        self.paths.append(path)
        self._parts.append(part)
        try:
            with stream:
                yield stream
        except OSError as error:  # a full disk may show only when the stream is closed
            raise ExportError(f"cannot write {path}: {error.strerror or error}") from error

    def write(self, path: Path, data: bytes) -> None:
        """Write one whole file of the set."""
        with self.open(path) as stream:
            stream.write(data)


def write_atomic(path: Path, data: bytes) -> None:
    """Write one file that appears whole or not at all."""
    with FileSet() as files:
        files.write(path, data)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
