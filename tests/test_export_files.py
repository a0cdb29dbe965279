"""worldgen.export.files: whole files or none."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worldgen.errors import ExportError
from worldgen.export.files import FileSet, sha256_file, write_atomic


def test_set_appears_at_the_end_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "textures" / "a.png", tmp_path / "b.gltf"
    with FileSet() as files:
        files.write(first, b"one")
        files.write(second, b"two")
        assert not first.exists()
        assert not second.exists()
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")
    assert files.paths == [first, second]
    assert sorted(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_no_parts(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "world.glb"
    write_atomic(path, b"old")

    def fail() -> None:
        with FileSet() as files, files.open(path) as stream:
            stream.write(b"half of the new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_process_leaves_only_a_part_file(tmp_path: Path) -> None:
    path = tmp_path / "world.glb"
    code = (
        "import sys, time, pathlib; from worldgen.export.files import FileSet\n"
        "with FileSet() as files, files.open(pathlib.Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'half'); stream.flush(); print('written', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"written"
        process.kill()
        process.wait(timeout=10)
    assert not path.exists()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("world.glb.worldgen-")
    assert left.suffix == ".part"


def test_two_sets_for_one_target_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "world.glb"
    with FileSet() as files:
        files.write(path, b"first")
        with FileSet() as others:
            others.write(path, b"second, longer")
    assert path.read_bytes() == b"first"


def test_refusals_name_the_path(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a folder"):
        write_atomic(tmp_path, b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match="cannot write"):
        write_atomic(tmp_path / "file" / "world.glb", b"")
    with FileSet() as files:
        files.write(tmp_path / "a", b"")
        with pytest.raises(ExportError, match="same file"):
            files.write(tmp_path / "a", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file"]


def test_sha256_is_the_standards_vector(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
