"""Convolutions for inference: torch's results to rounding, and the same bits for every shape of window."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from worldgen.models.correlation import (  # noqa: E402
    Planes,
    Rectified,
    Taps,
    correlate,
    correlate_pairs,
    shuffled,
)


def made(*shape: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("inputs", "outputs", "side", "stride"), [(3, 5, 3, 1), (4, 8, 4, 2), (1, 2, 1, 1)])
def test_sums_are_those_of_torch(inputs: int, outputs: int, side: int, stride: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(inputs, outputs, side, stride), made(inputs, 20, 34)
    wanted = layer(torch.from_numpy(x)[None])[0].detach().numpy()
    found = correlate(Planes.of(x), Taps.of(layer)).cells
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_pairs_of_rows_with_noise_and_rectifier_are_those_of_torch() -> None:
    torch.manual_seed(0)
    layer, x, noise, strength = nn.Conv2d(6, 7, 3), made(6, 22, 40), made(22, 40, seed=1), made(6, seed=2)
    before = functional.leaky_relu(torch.from_numpy(x + strength[:, None, None] * noise), 0.2)
    wanted = layer(before[None])[0].detach().numpy()
    found = correlate_pairs(Planes.of(x), Taps.paired(layer), Rectified(noise, strength)).cells
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_cut_of_the_map_gives_the_same_bits() -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(5, 6, 3), made(5, 40, 61)
    plain, pairs = Taps.of(layer), Taps.paired(layer)
    whole = correlate(Planes.of(x), plain).cells
    paired = correlate_pairs(Planes.of(x), pairs, Rectified()).cells
    for top, left, height, width in ((0, 0, 12, 9), (6, 17, 20, 30), (22, 3, 18, 58)):
        cut = np.ascontiguousarray(x[:, top : top + height, left : left + width])
        inside = np.s_[:, top : top + height - 2, left : left + width - 2]
        assert correlate(Planes.of(cut), plain).cells.tobytes() == whole[inside].tobytes()
        assert correlate_pairs(Planes.of(cut), pairs, Rectified()).cells.tobytes() == paired[inside].tobytes()


def test_an_odd_number_of_rows_has_no_pairs() -> None:
    layer = nn.Conv2d(2, 2, 3)
    with pytest.raises(ValueError, match="even"):
        correlate_pairs(Planes.of(made(2, 9, 9)), Taps.paired(layer), Rectified())


def test_shuffling_is_that_of_torch() -> None:
    x = made(8, 5, 7)
    wanted = functional.pixel_shuffle(torch.from_numpy(x)[None], 2)[0].numpy()
    np.testing.assert_array_equal(shuffled(Planes.of(x)).cells, wanted)
