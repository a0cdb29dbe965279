"""``NAME.manifest.json``: what made a world and what came out, so that it can be made again and checked.

No times and no absolute paths: the same config on the same machine gives the same bytes.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worldgen import __version__
from worldgen.errors import ExportError
from worldgen.export.files import sha256_file, write_atomic
from worldgen.export.provenance import config_sha256

PACKAGES = ("numpy", "scipy", "numba", "torch", "pillow")


def write_manifest(
    path: Path,
    *,
    config: Mapping[str, Any],
    seed: int,
    files: Iterable[Path],
    weights: Sequence[Mapping[str, Any]] = (),
    **extra: Any,
) -> Path:
    """Write the manifest of one world and return its path.

    Parameters
    ----------
    path : the manifest; files are named relative to its folder, with ``/``.
    config : the whole configuration, JSON values.
    seed : the world's seed.
    files : files written, each hashed here.
    weights : one description for each weight file, for example from `describe_weights`.
    extra : further JSON values under their names.

    Raises
    ------
    ExportError : a file is absent, a value is not JSON, or ``extra`` repeats a name of the manifest.
    """
    manifest: dict[str, Any] = {
        "config": config,
        "seed": seed,
        "versions": versions(),
        "platform": machine(),
        "files": describe_files(files, path.parent),
        "weights": list(weights),
    }
    clash = sorted({*manifest, "config_sha256"} & extra.keys())
    if clash:
        raise ExportError(f"the manifest writes {', '.join(clash)} itself; give extra values other names")
    try:
        manifest["config_sha256"] = config_sha256(config)
        text = json.dumps(manifest | extra, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ExportError(f"the manifest holds a value that is not JSON: {error}") from error
    write_atomic(path, (text + "\n").encode("utf-8"))
    return path


def describe_files(files: Iterable[Path], folder: Path) -> list[dict[str, Any]]:
    """Return path (relative to ``folder``), size in bytes and SHA-256 of each file, sorted by path."""
    entries = []
    for file in files:
        if not file.is_file():
            raise ExportError(f"the manifest cannot list {file}: there is no such file")
        relative = Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
        entries.append({"path": relative, "bytes": file.stat().st_size, "sha256": sha256_file(file)})
    return sorted(entries, key=lambda entry: str(entry["path"]))


def describe_weights(file: Path) -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 of a weight file; its folder says nothing about the world."""
    return {"name": file.name, "bytes": file.stat().st_size, "sha256": sha256_file(file)}


def versions() -> dict[str, str | None]:
    """Versions of worldgen, Python and the packages that compute; None where one is not installed."""
    found: dict[str, str | None] = {"worldgen": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)  # never imports it: torch takes seconds
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, str]:
    """Operating system and processor: across processor types heights may differ within 1 cm."""
    return {"system": platform.system(), "machine": platform.machine(), "processor": _processor()}


def _processor() -> str:
    """Name of the processor type; Linux tells it only in a file."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor()
