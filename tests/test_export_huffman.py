"""Codes are whole, as short as entropy lets them, and come back from their description."""

from __future__ import annotations

import ktx2_reader
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worldgen.export.huffman import BitWriter, make_code


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1000) | st.just(0), min_size=1, max_size=300))
def test_a_code_comes_back_and_reads_its_symbols(counts):
    code = make_code(np.array(counts))
    symbols = np.flatnonzero(code.lengths)
    assert (symbols == np.flatnonzero(counts)).all() or not any(counts)
    writer = BitWriter()
    writer.put_code(code)
    writer.put_all(code.bits[symbols], code.lengths[symbols])
    bits = ktx2_reader.Bits(writer.to_bytes())
    table = bits.table()  # asserts that the code is whole
    assert [bits.symbol(table) for _ in symbols] == symbols.tolist()


def test_lengths_are_within_a_bit_of_entropy():
    counts = np.array([900, 50, 30, 15, 5])
    share = counts / counts.sum()
    mean = (make_code(counts).lengths * share).sum()
    entropy = -(share * np.log2(share)).sum()
    assert entropy <= mean < entropy + 1


@pytest.mark.parametrize("longest", [7, 16])
def test_deep_trees_are_cut(longest):
    counts = [1, 1]
    while len(counts) < 21:
        counts.append(counts[-1] + counts[-2])  # Fibonacci's numbers make the deepest tree
    lengths = make_code(np.array(counts), longest).lengths
    assert lengths.max() <= longest
    assert (2.0**-lengths).sum() == 1


def test_bits_fill_bytes_from_the_lowest():
    writer = BitWriter()
    writer.put(1, 1)
    writer.put(0b101, 4)
    writer.put(0x1FF, 9)
    assert writer.to_bytes() == (1 | 0b101 << 1 | 0x1FF << 5).to_bytes(2, "little")
