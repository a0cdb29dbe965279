"""KTX2 files, read back by a reader written from the specifications alone."""

from __future__ import annotations

import struct
import sys

import ktx2_reader
import numpy as np
import pytest

from worldgen.errors import ExportError, MissingExtraError
from worldgen.export.ktx2 import encode_ktx2
from worldgen.export.mipmaps import mip_chain


def ground(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft browns and greens with a grain, like soil."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32
    shade = 0.5 + 0.2 * np.sin(2 * y + np.cos(x)) + 0.15 * np.cos(3 * x) + 0.05 * rng.normal(size=x.shape)
    tint = 0.5 + 0.5 * np.sin(x + y)
    colour = shade[..., None] * (np.array([150, 110, 70]) + tint[..., None] * np.array([-40, 40, 0])) * 1.5
    return np.clip(colour, 0, 255).astype(np.uint8)


def bumps(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 4
    vectors = np.stack([0.4 * np.sin(x), 0.4 * np.cos(1.3 * y), np.ones_like(x)], axis=-1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.round(vectors * 127.5 + 127.5).astype(np.uint8)


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(np.square(found.astype(float) - wanted).mean(), 1e-9))


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (20, 12), (4, 4)])
def test_etc1s_comes_back_with_all_its_levels(shape):
    pixels = ground(*shape)
    texture = ktx2_reader.read(encode_ktx2(pixels, srgb=True))
    levels = ktx2_reader.pixels(texture)
    wanted = mip_chain(pixels, srgb=True)
    assert [level.shape for level in levels] == [level.shape for level in wanted]
    assert len(levels) == int(np.log2(max(shape))) + 1
    assert psnr(levels[0], wanted[0]) > 32


def test_uastc_comes_back_with_all_its_levels():
    pytest.importorskip("zstandard")
    pixels = bumps(32, 48)
    texture = ktx2_reader.read(encode_ktx2(pixels, srgb=False, normal=True, mode="uastc"))
    levels = ktx2_reader.pixels(texture)
    wanted = mip_chain(pixels, srgb=False, normal=True)
    assert [level.shape[:2] for level in levels] == [level.shape[:2] for level in wanted]
    assert psnr(levels[0][..., :3], wanted[0]) > 38
    assert (levels[0][..., 3] == 255).all()


@pytest.mark.parametrize(("mode", "least"), [("etc1s", 28), ("uastc", 34)])
def test_alpha_is_kept(mode, least):
    y, x = np.mgrid[:64, :64]
    alpha = np.clip(900 - (y - 32) ** 2 - (x - 32) ** 2, 0, 255).astype(np.uint8)
    pixels = np.dstack([ground(64, 64), alpha])
    (level, *_) = ktx2_reader.pixels(ktx2_reader.read(encode_ktx2(pixels, srgb=True, mode=mode)))
    assert psnr(level[..., 3], alpha) > least
    assert psnr(level[alpha > 0][:, :3], pixels[alpha > 0][:, :3]) > least


def test_a_hard_outline_stays_hard():
    y, x = np.mgrid[:64, :64]
    alpha = np.where((y - 32) ** 2 + (x - 32) ** 2 < 600, 255, 0).astype(np.uint8)
    pixels = np.dstack([ground(64, 64), alpha])
    (level, *_) = ktx2_reader.pixels(ktx2_reader.read(encode_ktx2(pixels, srgb=True)))
    assert psnr(level[..., 3], alpha) > 45
    assert ((level[..., 3] > 127) != (alpha > 127)).mean() < 0.002


def test_alpha_of_255_all_over_is_left_out():
    pixels = ground(16, 16)
    opaque = np.dstack([pixels, np.full((16, 16), 255, np.uint8)])
    assert encode_ktx2(opaque, srgb=True) == encode_ktx2(pixels, srgb=True)


def test_more_quality_is_more_bytes_and_less_error():
    pixels = ground(64, 64)
    files = [encode_ktx2(pixels, srgb=True, quality=quality) for quality in (10, 60, 100)]
    errors = [psnr(ktx2_reader.pixels(ktx2_reader.read(data))[0], pixels) for data in files]
    assert sorted(map(len, files)) == list(map(len, files))
    assert sorted(errors) == errors
    assert errors[-1] > errors[0] + 2


@pytest.mark.parametrize("mode", ["etc1s", "uastc"])
def test_same_pixels_give_the_same_bytes(mode):
    assert encode_ktx2(ground(32, 32), srgb=True, mode=mode) == encode_ktx2(
        ground(32, 32), srgb=True, mode=mode
    )


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (0, 255, 0), (123, 8, 200)])
def test_one_colour_stays_itself(colour):
    pixels = np.broadcast_to(np.array(colour, np.uint8), (8, 8, 3))
    for level in ktx2_reader.pixels(ktx2_reader.read(encode_ktx2(pixels, srgb=False, mode="uastc"))):
        assert (level[..., :3] == colour).all()
    for level in ktx2_reader.pixels(ktx2_reader.read(encode_ktx2(pixels, srgb=False))):
        assert np.abs(level.astype(int) - colour).max() <= 4


def descriptor(texture: ktx2_reader.Texture) -> dict:
    """Fields of a basic data format descriptor, Khronos Data Format Specification 1.3 and later."""
    data = texture.descriptor
    total, vendor, version, size = struct.unpack_from("<IIHH", data)
    assert total == len(data) == size + 4
    assert (vendor, version) == (0, 2)
    model, primaries, transfer, flags = data[12:16]
    samples = [struct.unpack_from("<HBB4BII", data, at) for at in range(28, len(data), 16)]
    assert all(sample[3:] == (0, 0, 0, 0, 0, 0xFFFFFFFF) for sample in samples)
    return {
        "model": model,
        "primaries": primaries,
        "transfer": transfer,
        "flags": flags,
        "block": tuple(data[16:20]),
        "planes": tuple(data[20:28]),
        "samples": [sample[:3] for sample in samples],
    }


def test_descriptor_of_etc1s():
    found = descriptor(ktx2_reader.read(encode_ktx2(ground(8, 8), srgb=True)))
    assert found == {
        "model": 163,
        "primaries": 1,
        "transfer": 2,
        "flags": 0,
        "block": (3, 3, 0, 0),
        "planes": (8, 0, 0, 0, 0, 0, 0, 0),
        "samples": [(0, 63, 0)],
    }
    with_alpha = np.dstack([ground(8, 8), np.arange(64, dtype=np.uint8).reshape(8, 8)])
    found = descriptor(ktx2_reader.read(encode_ktx2(with_alpha, srgb=True)))
    assert found["planes"] == (8, 8, 0, 0, 0, 0, 0, 0)
    assert found["samples"] == [(0, 63, 0), (64, 63, 15)]


def test_descriptor_of_uastc_and_of_data():
    found = descriptor(ktx2_reader.read(encode_ktx2(bumps(8, 8), srgb=False, mode="uastc")))
    assert (found["model"], found["primaries"], found["transfer"]) == (166, 0, 1)
    assert found["planes"] == (16, 0, 0, 0, 0, 0, 0, 0)
    assert found["samples"] == [(0, 127, 0)]
    with_alpha = np.dstack([bumps(8, 8), np.arange(64, dtype=np.uint8).reshape(8, 8)])
    found = descriptor(ktx2_reader.read(encode_ktx2(with_alpha, srgb=False, mode="uastc")))
    assert found["samples"] == [(0, 127, 3)]


@pytest.mark.parametrize(("mode", "scheme"), [("etc1s", 1), ("uastc", 2)])
def test_levels_lie_from_the_smallest_to_the_end_of_the_file(mode, scheme):
    data = encode_ktx2(ground(16, 32), srgb=True, mode=mode)
    texture = ktx2_reader.read(data)
    assert (texture.width, texture.height, texture.scheme) == (32, 16, scheme)
    end = texture.places[-1][0]
    for place, size in reversed(texture.places):
        assert place == end
        end += size
    assert end == len(data)


def test_keys_tell_the_writer_and_the_orientation():
    keys = ktx2_reader.read(encode_ktx2(ground(4, 4), srgb=True)).keys
    assert keys["KTXorientation"] == "rd"
    assert keys["KTXwriter"].startswith("worldgen ")


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (np.zeros((8, 8), np.uint8), {}, "must be"),
        (np.zeros((8, 8, 3), np.float32), {}, "uint8"),
        (np.zeros((8, 6, 3), np.uint8), {}, "multiples of 4; found 6 x 8"),
        (np.zeros((8, 8, 3), np.uint8), {"mode": "bc7"}, "'etc1s' or 'uastc'"),
        (np.zeros((8, 8, 3), np.uint8), {"quality": 0}, "1 .. 100"),
    ],
)
def test_what_cannot_be_stored_is_an_error(pixels, options, message):
    with pytest.raises(ExportError, match=message):
        encode_ktx2(pixels, srgb=True, **options)


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match=r"worldgen\[ktx\]"):
        encode_ktx2(ground(4, 4), srgb=True, mode="uastc")
