"""Hydraulic geometry: powers of the area, and beds that begin with nothing."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.channels import DEPTH_POWER, WIDTH_POWER, carved_depth, channel_depth, channel_width

AREAS = np.geomspace(1e4, 1e9, 11)


@pytest.mark.parametrize(("law", "power"), [(channel_width, WIDTH_POWER), (channel_depth, DEPTH_POWER)])
def test_width_and_depth_are_powers_of_the_area(law, power):  # type: ignore[no-untyped-def]
    slope, _ = np.polyfit(np.log(AREAS), np.log(law(AREAS)), 1)
    assert slope == pytest.approx(power)
    np.testing.assert_allclose(law(AREAS, 3.0), 3 * law(AREAS))


def test_rivers_are_wider_than_deep_and_of_the_size_of_real_ones():
    assert (channel_width(AREAS) > 1.5 * channel_depth(AREAS)).all()
    assert 3 < channel_width(1e6) < 12
    assert 100 < channel_width(1e9) < 300
    assert 5 < channel_depth(1e9) < 15


def test_a_bed_begins_with_nothing_and_is_shallower_where_it_is_narrower_than_a_cell():
    fine, coarse = (carved_depth(AREAS, spacing, 1.0, 1e5) for spacing in (0.1, 50.0))
    np.testing.assert_allclose(fine[AREAS <= 1e5], 0, atol=1e-12)
    assert (np.diff(fine[AREAS > 1e5]) > 0).all()
    np.testing.assert_allclose(fine[-1], channel_depth(1e9) - channel_depth(1e5))
    narrow = channel_width(AREAS) < 50
    np.testing.assert_allclose(coarse[narrow], (fine * channel_width(AREAS) / 50)[narrow], atol=1e-12)
    np.testing.assert_allclose(coarse[~narrow], fine[~narrow])
