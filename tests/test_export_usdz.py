"""worldgen.export.usdz: packages by the words of the specification, read by struct and by zipfile."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

import worldgen.export.usdz as usdz
from worldgen.errors import ExportError


@pytest.mark.parametrize("lengths", [(0, 1, 63), (64, 60, 33, 34, 35), tuple(range(20, 60))])
def test_each_file_is_stored_and_begins_at_a_multiple_of_64(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    contents = [bytes([index % 251]) * length for index, length in enumerate(lengths)]
    stage = tmp_path / "world.usdc"
    stage.write_bytes(contents[0])
    names = ["world.usdc", *(f"textures/{'x' * index}.png" for index in range(1, len(lengths)))]
    stream = io.BytesIO()
    usdz.write_package(stream, [(names[0], stage), *zip(names[1:], contents[1:], strict=True)])
    data = stream.getvalue()
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        assert package.testzip() is None
        assert package.namelist() == names
        for entry, content in zip(package.infolist(), contents, strict=True):
            signature, _, flags, method = struct.unpack_from("<IHHH", data, entry.header_offset)
            name_length, extra_length = struct.unpack_from("<HH", data, entry.header_offset + 26)
            start = entry.header_offset + 30 + name_length + extra_length
            assert (signature, flags, method) == (0x04034B50, 0, 0)  # neither encrypted nor compressed
            assert start % 64 == 0
            assert data[start : start + len(content)] == content
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_a_package_past_4_gib_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usdz, "SIZE_LIMIT", 1000)
    usdz.write_package(io.BytesIO(), [("a.usdc", bytes(300))])
    with pytest.raises(ExportError, match=r"\.usdz ends at 4 GiB: write \.usdc"):
        usdz.write_package(io.BytesIO(), [("a.usdc", bytes(900))])
