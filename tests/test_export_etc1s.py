"""Codebooks of ETC1S: bounds of sizes, exact cases, and the order of a codebook."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.export import etc1s
from worldgen.export.etc1s_endpoints import MODIFIERS, SHIFTS, fit_alone
from worldgen.export.vector_quantisation import split_into


def test_blocks_are_cut_row_by_row_and_edges_repeat():
    pixels = np.arange(6 * 5, dtype=np.uint8).reshape(6, 5, 1)
    blocks = etc1s.cut_blocks(pixels)
    assert blocks.shape == (2, 2, 16, 1)
    assert blocks[0, 0, :, 0].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18]
    assert blocks[1, 1, :, 0].tolist() == [24] * 4 + [29] * 12


@pytest.mark.parametrize("table", range(8))
def test_a_block_that_etc1s_can_hold_is_found_exactly(table):
    shift = np.tile(SHIFTS[table], 4)
    base = np.array([(five << 3) | (five >> 2) for five in (15, 17, 16)])
    block = base + shift[:, None]
    if block.min() < 0 or block.max() > 255:
        block = base + np.where(np.arange(16) % 2, -1, 1)[:, None] * MODIFIERS[table, 0]
    (found,) = fit_alone(block[None].astype(np.int64), block.sum(axis=1)[None])
    if shift.min() + base.min() >= 0 and shift.max() + base.max() <= 255:
        assert found.tolist() == [15, 17, 16, table]
    else:
        assert found[:3].tolist() == [15, 17, 16]


def test_codebooks_keep_to_their_sizes():
    rng = np.random.default_rng(2)
    blocks = rng.integers(0, 256, (12, 12, 16, 3), dtype=np.uint8)
    encoding = etc1s.encode_planes([etc1s.Plane(blocks)], etc1s.Effort(0.0, 20, 30))
    assert len(encoding.endpoints) <= 20
    assert len(encoding.selectors) <= 30
    assert encoding.slices[0].endpoints.shape == (12, 12)
    assert encoding.slices[0].endpoints.max() < len(encoding.endpoints)


def test_a_tree_finds_clusters_that_lie_apart():
    rng = np.random.default_rng(3)
    centres = np.array([[0, 0, 0], [0, 30, 0], [100, 0, 9], [100, 35, 9.0]])
    truth = rng.integers(0, 4, 300)
    vectors = centres[truth] + rng.normal(size=(300, 3))
    labels = split_into(vectors, np.ones(300), 4)
    assert len({(a, b) for a, b in zip(labels.tolist(), truth.tolist(), strict=True)}) == 4


def test_a_tree_stops_where_all_are_alike():
    vectors = np.repeat([[1.0, 2.0], [5.0, 2.0]], 4, axis=0)
    labels = split_into(vectors, np.ones(8), 6)
    assert labels.tolist() == [0] * 4 + [1] * 4 or labels.tolist() == [1] * 4 + [0] * 4
