"""Tiles of elevation: sea and stripes, why crops do not teach, augmented crops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from worldgen.errors import InputError
from worldgen.models import terrain_data
from worldgen.models.terrain_data import (
    STRIPES,
    STYLES,
    CropSampler,
    Tile,
    coarsened,
    flat_cells,
    striping,
)


def hills(size: int = 128, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (500 + 2000 * gaussian_filter(noise, 4, mode="wrap") + noise).astype(np.float32)


def tile(place: str = "here", spacing: float = 30.0, seed: int = 0, size: int = 128) -> Tile:
    elevation = hills(size, seed)
    return Tile(place, spacing, elevation, flat_cells(elevation))


def test_flat_cells_are_the_level_ones() -> None:
    elevation = hills(32)
    elevation[:10] = 0
    flat = flat_cells(elevation)
    assert flat[:9].all()
    assert not flat[11:].any()


def test_coarsening_keeps_mean_and_halves_resolution() -> None:
    fine = tile()
    coarse = coarsened(fine)
    assert coarse.elevation.shape == (64, 64)
    assert coarse.spacing == 60.0
    blocks = fine.elevation.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.abs(coarse.elevation - blocks).mean() < 0.05 * blocks.std()


def test_stripes_are_found() -> None:
    land = np.random.default_rng(1).normal(size=(128, 128)).astype(np.float32)
    assert striping(land) < STRIPES
    land += 0.5 * np.random.default_rng(2).normal(size=(128, 1)).astype(np.float32)
    assert striping(land) > STRIPES


def test_crops_are_reproducible_and_scaled() -> None:
    draws = [CropSampler([tile()], context=96, middle=32, seed=4).batch(6, 96) for _ in range(2)]
    np.testing.assert_array_equal(draws[0][0], draws[1][0])
    crops, spacings, styles = draws[0]
    assert crops.shape == (6, 96, 96)
    assert crops.dtype == np.float32
    assert set(spacings.tolist()) <= {30.0, 60.0, 120.0}
    assert styles.shape == (6, 7)
    assert not styles.any()  # the tile names no landscape


def test_crops_stay_off_the_sea() -> None:
    elevation = hills(160)
    elevation[np.tri(160, dtype=bool)] = 0
    sampler = CropSampler(
        [Tile("coast", 30.0, elevation, flat_cells(elevation))], context=64, middle=16, seed=0
    )
    crops, *_ = sampler.batch(20, 64)
    middles = crops[:, 24:40, 24:40]
    assert np.mean(middles == 0) < 0.12


def test_crowded_places_are_drawn_less_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terrain_data, "STRIPES", np.inf)  # none of these small tiles is to be dropped
    tiles = [tile("crowded", seed=i) for i in range(9)] + [tile("lonely", seed=9)]
    sampler = CropSampler(tiles, context=64, middle=16, seed=0)
    np.testing.assert_allclose(sampler.probability[-1], 0.25)


def test_too_small_tiles_are_an_error() -> None:
    with pytest.raises(InputError, match="no tile is at least 220 cells"):
        CropSampler([tile()], context=300, middle=64, seed=0)


def test_crops_tell_the_style_of_their_tile_most_of_the_time() -> None:
    named = replace(tile(), landscape="canyon_mesa")
    styles = CropSampler([named], context=96, middle=32, seed=4).batch(60, 96)[2]
    told = styles.sum(axis=1)
    assert set(told.tolist()) == {0.0, 1.0}
    assert 0.55 < told.mean() < 0.95
    assert styles[told == 1].argmax(axis=1).tolist() == [list(STYLES).index("canyons")] * int(told.sum())
