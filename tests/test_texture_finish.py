"""The last touch on decoded maps: no lattice of cells, and the wanted spread of the finest octave."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from worldgen.models.texture_finish import FRAME, Finish, fine, fine_spread

UNKNOWN = np.full(2, np.nan, np.float32)


def noise(seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(size=(2, 64, 64)).astype(np.float32)


def test_what_all_cells_share_is_taken_out() -> None:
    maps, pattern = noise(), np.random.default_rng(1).normal(size=(2, 8, 8)).astype(np.float32)
    dirty = maps + np.tile(pattern, (1, 8, 8))
    found, clean = (Finish.of(planes, 8, UNKNOWN)(planes) for planes in (dirty, maps))
    np.testing.assert_allclose(found - found.mean(), clean - clean.mean(), atol=0.1)
    assert np.abs(found.reshape(2, 8, 8, 8, 8).mean(axis=(1, 3)).std(axis=(1, 2))).max() < 1e-5


def test_the_finest_octave_gets_the_wanted_spread_and_slow_parts_stay() -> None:
    maps = np.asarray(gaussian_filter(noise(), (0, 1, 1), mode="wrap"), np.float32)
    wanted = fine_spread(maps) * np.array([2.0, 0.5], np.float32)
    found = Finish.of(maps, 8, wanted)(maps)
    ratio = fine_spread(found) / fine_spread(maps)
    assert 1.5 < ratio[0] < 2.3
    assert 0.4 < ratio[1] < 0.8
    blurred = [gaussian_filter(planes, (0, 4, 4), mode="wrap") for planes in (maps, found)]
    assert np.corrcoef(blurred[0].ravel(), blurred[1].ravel())[0, 1] > 0.95


def test_gains_are_bounded_and_unknown_spreads_change_nothing() -> None:
    maps = noise()
    assert Finish.of(maps, 8, 100 * fine_spread(maps)).gains.max() <= 2.5
    assert np.array_equal(Finish.of(maps, 8, UNKNOWN).gains, [1, 1])


def test_a_window_is_finished_as_the_whole_is() -> None:
    maps = noise()
    finish = Finish.of(maps, 8, 1.5 * fine_spread(maps))
    whole, part = finish(maps), finish(maps[:, 13:45, 21:60].copy(), 13, 21)
    inside = np.s_[:, FRAME:-FRAME, FRAME:-FRAME]
    np.testing.assert_allclose(part[inside], whole[:, 13:45, 21:60][inside], atol=1e-5)


def test_fine_of_a_slow_wave_is_nothing() -> None:
    wave = np.sin(np.arange(64) * (2 * np.pi * 2 / 64)).astype(np.float32)
    assert np.abs(fine(np.broadcast_to(wave, (1, 64, 64)).copy())).max() < 2e-3
