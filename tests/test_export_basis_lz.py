"""The lossless half of ETC1S: what goes in comes out of a decoder written from the specification."""

from __future__ import annotations

import ktx2_reader
import numpy as np
import pytest

from worldgen.export import basis_lz


def through(slices, endpoints, selectors):
    """Encode; decode all slices, and both codebooks."""
    stream = basis_lz.encode(endpoints, selectors, slices)
    bits = ktx2_reader.Bits(stream.tables)
    tables = [bits.table() for _ in range(4)]
    history = bits.read(13)
    read = [
        ktx2_reader.slice_indices(
            data, *part.endpoints.shape[::-1], len(endpoints), len(selectors), tables, history
        )
        for data, part in zip(stream.slices, slices, strict=True)
    ]
    colours = ktx2_reader._endpoints(ktx2_reader.Bits(stream.endpoints), len(endpoints))
    rows = ktx2_reader._selectors(ktx2_reader.Bits(stream.selectors), len(selectors))
    return read, np.array(colours), np.array(rows).reshape(-1, 16), stream


def codebooks(rng, endpoint_count, selector_count):
    endpoints = np.column_stack(
        [rng.integers(0, 32, (endpoint_count, 3)), rng.integers(0, 8, endpoint_count)]
    )
    return endpoints, rng.integers(0, 4, (selector_count, 16))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (6, 9), (33, 20)])
def test_indices_and_codebooks_come_back(shape):
    rng = np.random.default_rng(sum(shape))
    endpoints, selectors = codebooks(rng, 40, 30)
    # Small steps make neighbours alike, so that every prediction occurs.
    part = basis_lz.Slice(rng.integers(0, 3, shape) * 13, rng.integers(0, 30, shape))
    read, colours, rows, _ = through([part, part], endpoints, selectors)
    assert (colours == endpoints).all()
    assert (rows == selectors).all()
    for found in read:
        assert [pair[0] for pair in found] == part.endpoints.ravel().tolist()
        assert [pair[1] for pair in found] == part.selectors.ravel().tolist()


def test_history_means_the_selectors_that_went_before():
    rng = np.random.default_rng(3)
    endpoints, selectors = codebooks(rng, 2, 9)
    # 5 is remembered at place 32; used, it moves to 16, then 8, 4, 2, 1 and 0.
    places = [32, 16, 8, 4, 2, 1, 0, 0]
    symbols = np.array([[5, *(9 + place for place in places)]])
    (found,), *_ = through([basis_lz.Slice(np.zeros_like(symbols), symbols)], endpoints, selectors)
    assert [pair[1] for pair in found] == [5] * 9


@pytest.mark.parametrize("length", [1, 2, 3, 4, 65, 66, 67, 700])
def test_runs_of_any_length(length):
    rng = np.random.default_rng(4)
    endpoints, selectors = codebooks(rng, 5, 9)
    symbols = np.full((2, 400), 9)  # the front of the history
    flat = symbols.reshape(-1)
    flat[:8] = [5, *(9 + place for place in (32, 16, 8, 4, 2, 1, 0))]
    flat[8 + length :: 2] = 7
    places = np.zeros((2, 400), np.int64)
    places[:, 2 * length :] = rng.integers(0, 5, places[:, 2 * length :].shape)
    (found,), *_ = through([basis_lz.Slice(places, symbols)], endpoints, selectors)
    assert [pair[0] for pair in found] == places.ravel().tolist()
    assert {pair[1] for pair in found[: 8 + length]} == {5}


def test_an_even_picture_takes_hardly_a_byte():
    rng = np.random.default_rng(5)
    endpoints, selectors = codebooks(rng, 1, 1)
    symbols = np.full((64, 64), 1)
    symbols.reshape(-1)[:7] = [0, *(1 + place for place in (32, 16, 8, 4, 2, 1))]
    *_, stream = through([basis_lz.Slice(np.zeros_like(symbols), symbols)], endpoints, selectors)
    assert len(stream.slices[0]) < 16


def test_global_data_has_the_sizes_that_it_tells():
    stream = basis_lz.Stream(b"1234", b"12", b"123", [])
    data = basis_lz.global_data(stream, (7, 8), [(0, 5, 5, 6), (0, 2, 2, 3)])
    assert len(data) == 20 + 2 * 20 + 9
    assert data[:4] == bytes([7, 0, 8, 0])
