"""The tileable ground materials of a world as PNG files, packed as an engine's landscape reads them.

=================================  ==================================================================
``NAME_base_color.png``            RGB, sRGB
``NAME_normal.png``                RGB, tangent space, +Y up the picture; -Y (DirectX) for Unreal
``NAME_orm.png``                   RGB, linear: occlusion, roughness, metallic
``NAME_height.png``                16-bit gray, 0 lowest to 65535 highest
``NAME_mask.png``                  for Unity: RGBA, linear: metallic, occlusion, height, smoothness
``NAME_albedo_height.png``         for Terrain3D: base color, height in the alpha
``NAME_normal_roughness.png``      for Terrain3D: normal, roughness in the alpha
``materials.json``                 metres a tile, relief in metres, files, in the order of the weights
=================================  ==================================================================

All tile without a seam; row 0 is the top of the tile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worldgen.errors import InputError
from worldgen.export.files import FileSet
from worldgen.export.images import encode_png, safe_name
from worldgen.export.provenance import Provenance
from worldgen.materials import Surface, to_bytes

Engine = Literal["unreal", "unity", "godot"]
# Metres of a tile of a surface of size 1. The scans that the net learned from are one to three metres wide;
# twice that repeats less, and pebbles are still pebbles. The bake of the glTF stretches them much further,
# since its texels could not show them.
METRES_PER_TILE = 4.0


def metres_per_tile(surface: Surface) -> float:
    """How wide a tile of this surface lies on the ground, metres."""
    return METRES_PER_TILE * surface.size


def surface_normals(surface: Surface, *, green: Literal["+", "-"] = "+") -> NDArray[np.uint8]:
    """(N, N, 3) uint8 normals of a surface's relief, by differences that wrap around.

    Parameters
    ----------
    green : ``"+"`` where green points up the picture (OpenGL), ``"-"`` where it points down (DirectX).
    """
    height = surface.height
    strength = np.float32(surface.depth * height.shape[0] / 2)  # texels that half the relief spans
    across = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) * strength
    down = (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)) * strength
    up = down if green == "+" else -down
    normal = np.stack([-across, up, np.ones_like(across)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return to_bytes(normal * np.float32(0.5) + np.float32(0.5))


def surface_images(surface: Surface, engine: Engine) -> dict[str, NDArray[Any]]:
    """The pictures of one surface for an engine, by the last part of their names."""
    base_color, occlusion = to_bytes(surface.base_color), to_bytes(surface.occlusion)
    roughness, height = to_bytes(surface.roughness), to_bytes(surface.height)
    normal = surface_normals(surface, green="-" if engine == "unreal" else "+")
    metallic = np.zeros_like(roughness)
    images: dict[str, NDArray[Any]] = {
        "base_color": base_color,
        "normal": normal,
        "orm": np.dstack([occlusion, roughness, metallic]),
        "height": np.rint(np.clip(surface.height, 0, 1).astype(np.float64) * 65535).astype(np.uint16),
    }
    if engine == "unity":
        images["mask"] = np.dstack([metallic, occlusion, height, 255 - roughness])
    if engine == "godot":
        images["albedo_height"] = np.dstack([base_color, height])
        images["normal_roughness"] = np.dstack([normal, roughness])
    return images


def add_ground_materials(
    files: FileSet,
    surfaces: Sequence[Surface],
    folder: Path,
    engine: Engine,
    provenance: Provenance | None = None,
) -> list[dict[str, Any]]:
    """Add the pictures of all surfaces and ``materials.json`` to a set of files; return its entries."""
    entries = []
    for surface in surfaces:
        stem = safe_name(surface.name)
        entry: dict[str, Any] = {
            "name": surface.name,
            "metres_per_tile": metres_per_tile(surface),
            "relief_metres": float(surface.depth * metres_per_tile(surface)),
            "steep": surface.steep,
            "normal_y": "-" if engine == "unreal" else "+",
            "files": {},
        }
        for role, image in surface_images(surface, engine).items():
            name = f"{stem}_{role}.png"
            files.write(folder / name, png_bytes(image, provenance))
            entry["files"][role] = name
        entries.append(entry)
    files.write(folder / "materials.json", json_bytes({"materials": entries}))
    return entries


def read_ground_materials(folder: Path) -> list[dict[str, Any]]:
    """Read what `add_ground_materials` wrote: its entries, each with ``images``, arrays by role.

    Raises
    ------
    InputError : a file is absent or unreadable.
    """
    try:
        entries: list[dict[str, Any]] = json.loads((folder / "materials.json").read_text("utf-8"))[
            "materials"
        ]
        for entry in entries:
            entry["images"] = {role: read_png(folder / name) for role, name in entry["files"].items()}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read the ground materials in {folder}: {error}") from error
    return entries


def png_bytes(image: NDArray[Any], provenance: Provenance | None = None) -> bytes:
    """A PNG of an (H, W) uint8 or uint16, or an (H, W, 3 or 4) uint8 array, which may tell its origin."""
    return encode_png(np.ascontiguousarray(image), provenance.xmp() if provenance else b"")


def read_png(path: Path) -> NDArray[Any]:
    """The pixels of a PNG as they are stored.

    Raises
    ------
    InputError : it is absent or unreadable.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error


def json_bytes(value: Any) -> bytes:
    """JSON for people and programs, with a line for each value."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
