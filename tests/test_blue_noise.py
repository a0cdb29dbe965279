"""Blue noise: distances, densities, forbidden ground, no direction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from worldgen.blue_noise import PACKING, poisson_disk
from worldgen.errors import InputError
from worldgen.grid import Grid

GRID = Grid.centred((65, 81), 4.0)


def even(value: float = 1.0) -> NDArray[np.float32]:
    return np.full(GRID.shape, value, np.float32)


def nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cKDTree(points).query(points, k=2)[0][:, 1])


@pytest.mark.parametrize("density", [None, 400.0, 30.0])
def test_points_keep_their_distance(density: float | None) -> None:
    suits = np.linspace(0, 1, GRID.shape[1], dtype=np.float32) * even()
    points = poisson_disk(suits, GRID, minimum_distance=3.0, density=density, seed=1, stage="t")
    assert len(points) > 50
    assert nearest(points).min() >= 3.0
    # The grid covers what is free: no large hole is left where all suits.
    if density is None:
        assert len(points) > 0.5 * 0.8 * PACKING * GRID.area / 9


@pytest.mark.parametrize("value", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("density", [100.0, 600.0])
def test_density_follows_suitability(value: float, density: float) -> None:
    """Over 8.2 ha and 20 seeds; the tolerance is three standard deviations of a Poisson count."""
    counts = [
        len(poisson_disk(even(value), GRID, minimum_distance=2.0, density=density, seed=seed, stage="t"))
        for seed in range(20)
    ]
    expected = value * density * GRID.area / 1e4
    assert np.mean(counts) == pytest.approx(expected, rel=0.04 + 3 / np.sqrt(20 * expected))


def test_density_follows_a_gradient() -> None:
    suits = np.linspace(0, 1, GRID.shape[1], dtype=np.float32) * even()
    points = np.concatenate(
        [poisson_disk(suits, GRID, minimum_distance=2.0, density=800.0, seed=s, stage="t") for s in range(10)]
    )
    counts, _ = np.histogram(points[:, 0], bins=8, range=(GRID.x[0], GRID.x[-1]))
    share = counts / counts.sum()
    np.testing.assert_allclose(share, (np.arange(8) + 0.5) / 32, atol=0.012)


def test_forbidden_ground_is_never_hit() -> None:
    random = np.random.default_rng(3)
    suits = (random.random(GRID.shape) > 0.1).astype(np.float32)
    keep_out = random.random(GRID.shape) > 0.95
    points = poisson_disk(suits, GRID, minimum_distance=1.0, seed=1, stage="t", keep_out=keep_out)
    assert len(points) > 100
    rows, columns = (np.floor(place).astype(int) for place in GRID.to_cells(points[:, 0], points[:, 1]))
    for down in (0, 1):
        for right in (0, 1):
            assert (suits[rows + down, columns + right] > 0).all()
            assert not keep_out[rows + down, columns + right].any()
    assert len(poisson_disk(even(0), GRID, minimum_distance=1.0, seed=1, stage="t")) == 0
    assert len(poisson_disk(even(), GRID, minimum_distance=1.0, density=0.0, seed=1, stage="t")) == 0


def test_points_show_no_direction() -> None:
    """Blue noise: the spectrum is empty at low frequencies, and alike along rows, columns and diagonals."""
    grid = Grid((129, 129), 2.0)
    spectrum = np.zeros((128, 128))
    for seed in range(8):
        points = poisson_disk(
            np.ones((129, 129), np.float32), grid, minimum_distance=4.0, seed=seed, stage="t"
        )
        counts, *_ = np.histogram2d(points[:, 1], points[:, 0], bins=128, range=[[0, 256]] * 2)
        spectrum += np.abs(np.fft.fft2(counts - counts.mean())) ** 2 / len(points) / 8
    frequency = np.fft.fftfreq(128, 2.0)
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    angle = np.arctan2(*np.meshgrid(frequency, frequency))
    assert spectrum[(radius > 0.01) & (radius < 0.08)].mean() < 0.2
    ring = (radius > 0.18) & (radius < 0.25)
    for fold in (2, 4):
        assert abs((spectrum[ring] * np.exp(1j * fold * angle[ring])).mean()) < 0.1 * spectrum[ring].mean()


def test_points_are_repeatable_and_differ_by_stage() -> None:
    first, second, other = (
        poisson_disk(even(), GRID, minimum_distance=5.0, seed=4, stage=stage) for stage in ("a", "a", "b")
    )
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="suitability has shape"):
        poisson_disk(np.ones((3, 3), np.float32), GRID, minimum_distance=1.0, seed=1, stage="t")
    with pytest.raises(InputError, match="minimum_distance > 0"):
        poisson_disk(even(), GRID, minimum_distance=0.0, seed=1, stage="t")
    with pytest.raises(InputError, match="cells, 60000000 are allowed"):
        poisson_disk(even(), GRID, minimum_distance=0.01, seed=1, stage="t")
