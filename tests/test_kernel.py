"""Machine code is kept outside the package, and is stale once anything that it is made from has changed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

import worldgen
from worldgen import kernel as subject
from worldgen.kernel import kernel, pop, sift_up

INNER = "from worldgen.kernel import kernel\nSTEP = {step}\n@kernel\ndef add(x):\n    return x + {add}\n"
OUTER = (
    "from worldgen.kernel import kernel\nfrom inner_kernel import STEP, add\n"
    "@kernel\ndef both(x):\n    return STEP * add(x)\n"
)


def one_more(x: float) -> float:
    return x + 1


def test_a_heap_gives_its_cells_back_in_order():
    key = np.array([3.0, 1.0, 2.0, 0.5])
    heap = np.zeros(5, np.int64)
    for cell in range(4):
        sift_up(heap, key, cell + 1, cell)
    assert [pop(heap, key, size) for size in (4, 3, 2, 1)] == [3, 1, 2, 0]


def test_machine_code_lies_outside_the_package():
    folder = Path(sift_up.stats.cache_path)  # type: ignore[attr-defined]
    assert Path(worldgen.__file__).parent not in (folder, *folder.parents)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import a kernel that calls another module's, as a new process would, from sources as given."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is told apart by whole seconds
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "outer_kernel.py").write_text(OUTER, encoding="utf-8")

    def forget() -> None:
        subject._digest.cache_clear()
        for name in ("inner_kernel", "outer_kernel"):
            sys.modules.pop(name, None)

    def load(step: int, add: int) -> ModuleType:
        forget()
        (tmp_path / "inner_kernel.py").write_text(INNER.format(step=step, add=add), encoding="utf-8")
        return importlib.import_module("outer_kernel")

    yield load
    forget()


def test_a_later_process_finds_the_machine_code_in_the_users_folder(load, tmp_path):
    assert load(step=1, add=1).both(3) == 4
    again = load(step=1, add=1).both
    assert again(3) == 4
    assert sum(again.stats.cache_hits.values()) == 1
    assert not list(tmp_path.glob("__pycache__"))
    assert list((tmp_path / "cache").glob("*/outer_kernel.both*.nbc"))


def test_machine_code_is_stale_once_a_kernel_or_a_constant_of_another_module_changes(load):
    assert load(step=1, add=1).both(3) == 4
    assert load(step=1, add=2).both(3) == 5
    assert load(step=2, add=2).both(3) == 10


def test_without_a_folder_to_write_to_each_process_compiles(monkeypatch):
    monkeypatch.setattr(subject._Place, "_locator_classes", ())
    assert kernel(one_more)(1) == 2


def test_without_numbas_inner_parts_numba_keeps_the_machine_code_its_own_way(monkeypatch):
    monkeypatch.setattr(subject, "_cache_of", None)
    assert Path(kernel(one_more).stats.cache_path) == Path(__file__).parent / "__pycache__"  # type: ignore[attr-defined]
