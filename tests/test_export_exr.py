"""worldgen.export.exr: read by the OpenEXR library, and by the words of the file layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worldgen.errors import ExportError, InputError
from worldgen.export.exr import decode_exr, encode_exr, read_exr, write_exr
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap


def rough(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).normal(900, 700, (height, width)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (16, 5), (17, 64), (40, 3)])
def test_the_library_reads_the_same_bits(shape: tuple[int, int], tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    values = rough(*shape)
    (tmp_path / "a.exr").write_bytes(encode_exr(values))
    with openexr.File(str(tmp_path / "a.exr")) as file:
        assert list(file.channels()) == ["R"]
        pixels = file.channels()["R"].pixels
    assert pixels.dtype == np.float32
    assert np.array_equal(pixels, values)


def test_smooth_land_is_packed(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    slope = (np.arange(256, dtype=np.float32)[:, None] + np.zeros(256, np.float32)) / 4
    data = encode_exr(slope)
    assert len(data) < slope.nbytes / 8
    (tmp_path / "a.exr").write_bytes(data)
    with openexr.File(str(tmp_path / "a.exr")) as file:
        assert np.array_equal(file.channels()["R"].pixels, slope)


def test_bits_of_integers_pass_whatever_they_are_as_floats() -> None:
    # Signalling and quiet not-a-numbers, infinities, the smallest subnormal, minus zero.
    bits = np.array([[0x7F800001, 0xFFC00000, 0x7F800000], [1, 0x80000000, 0xFFFFFFFF]], np.uint32)
    assert np.array_equal(decode_exr(encode_exr(bits)).view(np.uint32), bits)


def test_heightmap_comes_back_to_the_bit(tmp_path: Path) -> None:
    land = Heightmap(rough(33, 21), Grid((33, 21), 2.5, (-30.0, 12.5)))
    assert write_exr(land, tmp_path / "a.exr") == [tmp_path / "a.exr", tmp_path / "a.exr.json"]
    back = read_exr(tmp_path / "a.exr")
    assert np.array_equal(back.elevation, land.elevation)
    assert back.grid == land.grid


def test_what_is_no_such_file_is_refused() -> None:
    with pytest.raises(ExportError, match="found"):
        encode_exr(np.zeros((2, 2)))  # type: ignore[arg-type]
    data = encode_exr(rough(20, 20))
    for broken in (b"", b"PNG" + data[3:], data[:200], data[:-9]):
        with pytest.raises(InputError, match="EXR"):
            decode_exr(broken)
