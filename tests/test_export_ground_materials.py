"""worldgen.export.ground_materials: what each engine's textures hold, and that they tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worldgen.errors import InputError
from worldgen.export.files import FileSet
from worldgen.export.ground_materials import (
    add_ground_materials,
    read_ground_materials,
    surface_images,
    surface_normals,
)
from worldgen.materials import Surface


def bumps(size: int = 64, depth: float = 0.05) -> Surface:
    """Relief of one wave along rows that is the same for every column."""
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(size) / size)
    height = np.tile(wave[:, None], (1, size)).astype(np.float32)
    color = np.dstack([np.full_like(height, 0.2), height, np.full_like(height, 0.6)])
    rough, occlusion = np.full_like(height, 0.8), np.full_like(height, 0.4)
    return Surface("moss", color.astype(np.float32), height, rough, occlusion, size=1.5, depth=depth)


def test_normals_are_those_of_the_relief() -> None:
    size, depth = 64, 0.05
    normal = surface_normals(bumps(size, depth)).astype(np.float64) / 255 * 2 - 1
    row = np.arange(size)
    # The picture's up is against the rows, so a relief that rises with the row leans the normal up.
    slope = depth * np.pi * np.cos(2 * np.pi * row / size)
    up = slope / np.hypot(slope, 1)
    assert normal[:, 5, 1] == pytest.approx(up, abs=0.01)
    assert np.abs(normal[..., 0]).max() < 0.005
    assert np.linalg.norm(normal, axis=-1) == pytest.approx(1, abs=0.01)


def test_directx_turns_green_alone() -> None:
    plus, minus = surface_normals(bumps()), surface_normals(bumps(), green="-")
    assert np.array_equal(plus[..., [0, 2]], minus[..., [0, 2]])
    assert np.abs(plus[..., 1].astype(int) + minus[..., 1] - 255).max() <= 1
    assert not np.array_equal(plus[..., 1], minus[..., 1])


def test_normals_wrap_around() -> None:
    surface = bumps()
    moved = Surface(
        "moss", surface.base_color, np.roll(surface.height, 20, axis=0), surface.roughness, surface.occlusion
    )
    assert np.array_equal(surface_normals(moved), np.roll(surface_normals(surface), 20, axis=0))


def test_channels_of_each_engine() -> None:
    height = np.rint(bumps().height * 255)
    unreal, unity, godot = (surface_images(bumps(), engine) for engine in ("unreal", "unity", "godot"))
    assert unreal["orm"][0, 0].tolist() == [102, 204, 0]
    assert np.array_equal(unreal["normal"], surface_normals(bumps(), green="-"))
    assert np.array_equal(unity["normal"], surface_normals(bumps()))
    assert unity["mask"][0, 0, [0, 1, 3]].tolist() == [0, 102, 255 - 204]
    assert np.array_equal(unity["mask"][..., 2], height)
    assert np.array_equal(godot["albedo_height"][..., 3], height)
    assert np.array_equal(godot["albedo_height"][..., :3], godot["base_color"])
    assert (godot["normal_roughness"][..., 3] == 204).all()


def test_files_read_back(tmp_path: Path) -> None:
    with FileSet() as files:
        add_ground_materials(files, [bumps()], tmp_path, "unreal")
    (entry,) = read_ground_materials(tmp_path)
    assert entry["name"] == "moss"
    assert entry["metres_per_tile"] == 6.0
    assert entry["relief_metres"] == pytest.approx(0.3)
    assert entry["normal_y"] == "-"
    for role, image in surface_images(bumps(), "unreal").items():
        assert np.array_equal(entry["images"][role], image)
    with Image.open(tmp_path / "moss_height.png") as image:
        assert image.mode == "I;16"
        assert np.asarray(image)[16, 0] == 65535
    (tmp_path / "moss_orm.png").unlink()
    with pytest.raises(InputError, match="moss_orm"):
        read_ground_materials(tmp_path)
