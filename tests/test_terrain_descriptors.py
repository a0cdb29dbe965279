"""Shapes with known landforms, spectra with known slope."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.errors import InputError
from worldgen.models import terrain_descriptors as descriptors
from worldgen.models.terrain_descriptors import GEOMORPHONS, SCALES


def hills(size: int, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap")).astype(np.float32)


def power_law(size: int, beta: float, seed: int = 0) -> NDArray[np.float64]:
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :])
    radius[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(size, size)))
    return np.real(np.fft.ifft2(noise * radius ** (-beta / 2)))


def forms(ground: NDArray[np.float64]) -> NDArray[np.str_]:
    return np.array(GEOMORPHONS)[descriptors.geomorphons(ground, 10.0, search=5)]


def test_geomorphons_of_simple_shapes() -> None:
    rows, columns = np.mgrid[-10:11, -10:11].astype(float)
    cone = -3 * np.hypot(rows, columns)
    roof = -3 * np.abs(columns)
    assert set(forms(np.zeros((21, 21))).ravel()) == {"flat"}
    assert set(forms(4 * rows + columns).ravel()) == {"slope"}
    assert forms(cone)[5, 5] == "peak"
    assert forms(-cone)[5, 5] == "pit"
    assert set(forms(roof)[:, 5]) == {"ridge"}
    assert set(forms(-roof)[:, 5]) == {"valley"}
    plateau = np.minimum(0.0, -3 * columns)  # level in the west, falling to the east
    assert forms(plateau)[5, 5] == "shoulder"
    assert forms(-plateau)[5, 5] == "footslope"
    corner = -3 * np.abs(columns) - 2 * rows  # a roof that falls to the south: its crest is a ridge or spur
    assert set(forms(corner)[:, 5]) <= {"ridge", "spur"}
    assert set(forms(-corner)[:, 5]) <= {"valley", "hollow"}


def test_geomorphon_table_is_a_mirror() -> None:
    """Land upside down has the opposite form everywhere: the table's rows and columns change places."""
    opposite = dict(
        zip(
            ("peak", "ridge", "shoulder", "spur", "slope", "flat"),
            ("pit", "valley", "footslope", "hollow", "slope", "flat"),
            strict=True,
        )
    )
    opposite |= {below: above for above, below in opposite.items()}
    ground = hills(96).astype(float) / 30
    ground = np.clip(ground, np.quantile(ground, 0.1), None)  # with lakes
    up, down = forms(ground), forms(-ground)
    swapped = np.array([opposite[form] for form in up.ravel()])
    np.testing.assert_array_equal(swapped, down.ravel())
    assert set(up.ravel()) == set(GEOMORPHONS)


def test_flatness_is_one_degree() -> None:
    """Zenith and nadir angle of an even slope differ by twice its angle."""
    columns = np.arange(21.0)[None, :] * np.ones((21, 1))
    for degrees, form in ((0.48, "flat"), (0.8, "shoulder")):
        ground = np.where(columns > 10, -np.tan(np.radians(degrees)) * 10 * (columns - 10), 0.0)
        assert forms(ground)[5, 5] == form


def test_slope_of_a_plane() -> None:
    plane = np.add.outer(np.arange(8) * 3.0, np.arange(8) * 4.0)
    np.testing.assert_allclose(descriptors.slopes(plane, 10.0), 0.5)


def test_hypsometric_integral() -> None:
    assert descriptors.hypsometric_integral(np.linspace(5, 9, 101)[None, :]) == pytest.approx(0.5)
    assert descriptors.hypsometric_integral(np.array([[0.0, 0.0, 0.0, 1.0]])) == pytest.approx(0.25)
    assert descriptors.hypsometric_integral(np.ones((3, 3))) == 0.5


@pytest.mark.parametrize("beta", [2.0, 3.0, 4.0])
def test_spectrum_of_known_slope(beta: float) -> None:
    rings = np.mean([descriptors.radial_spectrum(power_law(256, beta, seed)) for seed in range(4)], axis=0)
    edges = np.geomspace(1 / 32, 1 / 2, len(rings) + 1)
    fitted = -np.polyfit(np.log10(np.sqrt(edges[1:] * edges[:-1])), rings, 1)[0]
    assert fitted == pytest.approx(beta, abs=0.15)


def test_curvature_tells_ridges_from_blobs() -> None:
    wave = np.sin(np.arange(128) / 5)[None, :] * np.ones((128, 1))
    assert descriptors.anisotropy(wave) > 0.95
    assert descriptors.anisotropy(hills(96)) < 0.65


def test_curvature_of_a_gaussian_surface_has_no_skew() -> None:
    ground = power_law(512, 2.0)
    for scale in SCALES:
        anisotropy, skewness, kurtosis = descriptors.curvature(ground, scale)
        assert anisotropy == pytest.approx(0.48, abs=0.05)
        assert abs(skewness) < 0.2
        assert abs(kurtosis) < 0.3


def test_sharp_valleys_skew_curvature_upwards() -> None:
    valleys = np.abs(np.sin(np.arange(200) / 20))[None, :] * np.ones((200, 1))
    assert descriptors.curvature(valleys, 1)[1] > 1
    assert descriptors.curvature(-valleys, 1)[1] == pytest.approx(-descriptors.curvature(valleys, 1)[1])


def test_height_and_level_of_the_map_matter_where_they_should() -> None:
    """Lifting changes nothing; turning a map changes its landforms' shares by little."""
    ground = hills(128)
    first = descriptors.describe(ground, 30.0).vector()
    assert np.isfinite(first).sum() >= first.size - 1  # concavity may have no channels to be read from
    np.testing.assert_allclose(descriptors.describe(ground + 64, 30.0).vector(), first, atol=0.02)
    turned = descriptors.describe(np.rot90(ground), 30.0)
    np.testing.assert_allclose(turned.geomorphons, descriptors.describe(ground, 30.0).geomorphons, atol=1e-6)


def test_level_ground_can_be_described() -> None:
    found = descriptors.describe(np.zeros((64, 64)), 30.0)
    assert found.geomorphons[0] == 1
    assert found.drainage.depression_area == 0
    assert set(found.scalars()) >= {"concavity", "curvature_anisotropy_8", "hypsometric_integral"}


def test_maps_that_cannot_be_described_are_errors() -> None:
    with pytest.raises(InputError, match=r"\(32, 32\)"):
        descriptors.describe(np.zeros((32, 32)), 30.0)
    with pytest.raises(InputError, match="finite"):
        descriptors.describe(np.full((64, 64), np.nan), 30.0)
