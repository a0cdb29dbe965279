"""Decoding in blocks and endless materials: windows have the same bits as cuts of larger ones."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from texture_examples import tiny_vae  # noqa: E402

from worldgen.errors import InputError  # noqa: E402
from worldgen.models.blocks import Window  # noqa: E402
from worldgen.models.layers import hashed_noise  # noqa: E402
from worldgen.models.texture_decode import BLOCK, LEVEL, decode, periodic  # noqa: E402
from worldgen.models.texture_field import EndlessTexture, PatchField  # noqa: E402
from worldgen.models.texture_net import TextureNet, TextureNetConfig  # noqa: E402

STYLE = np.linspace(-1, 1, 16, dtype=np.float32)


def small_net() -> TextureNet:
    torch.manual_seed(0)
    shape = TextureNetConfig(("rock",), latent=8, widths=(12, 8, 6), depths=(1, 1, 1))
    net = TextureNet(shape).eval().requires_grad_(False)
    for parameter in net.parameters():  # residual branches start at almost nothing
        parameter.add_(0.05 * torch.randn(parameter.shape))
    return net


def source(cells: int = 64) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(1).normal(size=(8, cells, cells)).astype(np.float32)


def test_blocks_equal_one_decoding_of_the_whole() -> None:
    net, latent = small_net(), source(48)
    found = decode(net, Window(0, 0, 192, 192), periodic(latent), STYLE, 0, 7, period=(48, 48))
    noise = [
        torch.from_numpy(hashed_noise(7, LEVEL + stage, 1, 0, 0, 48 * 2**stage, 48 * 2**stage)[None])
        for stage in range(3)
    ]
    whole = net.decode(
        torch.from_numpy(latent)[None], torch.from_numpy(STYLE)[None], torch.tensor([0]), noise
    )
    assert 48 % BLOCK  # the last block wraps
    np.testing.assert_allclose(found, whole[0].numpy(), atol=2e-5)


@pytest.mark.parametrize("place", [(-70, 15, 60, 50), (0, 0, 20, 130), (101, -131, 33, 7)])
def test_a_window_is_a_cut_of_a_larger_one(place: tuple[int, int, int, int]) -> None:
    net, field = small_net(), PatchField(source(), 4, seed=5)
    large = decode(net, Window(-140, -140, 280, 290), field, STYLE, 0, 3, threads=2)
    fresh = PatchField(source(), 4, seed=5)
    small = decode(net, Window(*place), fresh, STYLE, 0, 3, threads=1)
    row, column = place[0] + 140, place[1] + 140
    assert small.tobytes() == large[:, row : row + place[2], column : column + place[3]].tobytes()


def test_an_endless_latent_is_as_varied_as_its_source_and_does_not_repeat() -> None:
    latent = source()
    field = PatchField(latent, 4, seed=5)(Window(0, 0, 160, 160))
    np.testing.assert_allclose(field.std(axis=(1, 2)), latent.std(axis=(1, 2)), rtol=0.1)
    for shift in ((64, 0), (0, 64), (64, 64)):
        moved = np.roll(field, shift, axis=(1, 2))
        assert abs(np.corrcoef(field.ravel(), moved.ravel())[0, 1]) < 0.1
    other = PatchField(latent, 4, seed=6)(Window(0, 0, 160, 160))
    assert abs(np.corrcoef(field.ravel(), other.ravel())[0, 1]) < 0.1


def test_a_small_exemplar_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        PatchField(source(20), 4, seed=0)


def test_a_window_of_a_material_is_a_cut_of_a_larger_one() -> None:
    net = tiny_vae()
    large = EndlessTexture("rock", seed=3, net=net).window(-90, -70, 200, 190)
    small = EndlessTexture("rock", seed=3, net=net).window(-13, 21, 50, 70)
    assert small.normal_strength == large.normal_strength
    for name in ("base_color", "height", "roughness", "occlusion"):
        whole, part = getattr(large, name), getattr(small, name)
        assert part.shape[:2] == (50, 70)
        assert part.tobytes() == np.ascontiguousarray(whole[77:127, 91:161]).tobytes()
    other = EndlessTexture("rock", seed=4, net=net).window(-13, 21, 50, 70)
    assert other.base_color.tobytes() != small.base_color.tobytes()
