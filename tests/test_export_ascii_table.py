"""worldgen.export.ascii_table: the same digits as Python's own formatting."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.export.ascii_table import fixed_characters, integer_characters, join_columns, squeeze


@given(st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=20))
def test_integers_equal_str(values: list[int]) -> None:
    text = squeeze(join_columns([integer_characters(np.array(values, np.int64)), b"\n"]))
    assert text.decode().split() == [str(value) for value in values]


@given(
    st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=20),
    st.integers(0, 6),
)
def test_fixed_point_is_within_half_of_the_last_digit(values: list[float], decimals: int) -> None:
    text = squeeze(join_columns([fixed_characters(np.array(values), decimals), b"\n"])).decode().split()
    for written, value in zip(text, values, strict=True):
        assert re.fullmatch(rf"-?\d+\.\d{{{decimals}}}" if decimals else r"-?\d+", written)
        assert not re.fullmatch(r"-0|-0\.0*|-?0\d.*", written)
        half = Fraction(1, 2 * 10**decimals)
        rounding = Fraction(abs(value)) / 2**51  # of the product with 10 ** decimals
        assert abs(Fraction(written) - Fraction(value)) <= half + rounding


def test_exact_examples() -> None:
    values = np.array([0.0, -0.00001, -0.5, 12.25, 4294967.2965, 1e9])
    text = squeeze(join_columns([b"v ", fixed_characters(values, 4), b"\n"]))
    assert text == b"v 0.0000\nv 0.0000\nv -0.5000\nv 12.2500\nv 4294967.2965\nv 1000000000.0000\n"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e18])
def test_what_does_not_fit_is_refused(value: float) -> None:
    with pytest.raises(OverflowError, match="finite"):
        fixed_characters(np.array([1.0, value]), 4)


def test_no_rows_give_no_text() -> None:
    assert squeeze(join_columns([b"v ", fixed_characters(np.zeros(0), 4), b"\n"])) == b""
