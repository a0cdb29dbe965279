"""Seams and repeats: noise without end has ratio 1, a seam more; a motif that is there twice is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worldgen.models import texture_tiling as tiling
from worldgen.models.texture_vae import TextureMaps


def noise(seed: int, size: int = 64) -> TextureMaps:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(size=(6, size, size)).astype(np.float32)
    return TextureMaps(planes[:3].transpose(1, 2, 0), planes[3], planes[4], planes[5], 4.0)


def test_periodic_noise_has_a_wrap_ratio_of_one_and_a_seam_more() -> None:
    samples = [noise(seed) for seed in range(8)]
    table = tiling.wrap_table(samples)
    assert tuple(table) == tiling.MAPS
    for row in table.values():
        assert row["mean"] == pytest.approx(1, abs=0.02)
        assert row["borders"] == pytest.approx(1, abs=0.02)
        assert row["worst"] <= row["chance"] + 0.1
    ramp = np.linspace(0, 2, 64, dtype=np.float32)[:, None]
    seamed = [replace(one, height=one.height + ramp) for one in samples]
    found = tiling.wrap_table(seamed)
    assert found["height"]["mean"] > 2
    assert found["roughness"] == table["roughness"]


def test_slow_share_of_waves() -> None:
    row = np.arange(64) * (2 * np.pi / 64)
    slow, quick = (np.tile(np.sin(cycles * row), (64, 1)) for cycles in (2, 9))
    assert tiling.slow_share(slow + quick) == pytest.approx(0.5)
    assert tiling.slow_share(quick) == pytest.approx(0)


def test_a_motif_that_is_there_twice_is_found() -> None:
    plane = np.random.default_rng(0).normal(size=(64, 64))
    assert tiling.repeat_peak(plane) < 0.15
    twice = np.concatenate([plane[:32], plane[:32]])
    assert tiling.repeat_peak(twice) == pytest.approx(1)


def test_cells_that_show_are_seen() -> None:
    plane = np.random.default_rng(0).uniform(size=(64, 64)).astype(np.float32)
    assert tiling.cell_ratio(plane) == pytest.approx(1, abs=0.1)
    assert tiling.cell_ratio(np.kron(plane[:8, :8], np.ones((8, 8), np.float32))) > 3
