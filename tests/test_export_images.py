"""worldgen.export.images: encoded by role, the same bytes whatever the threads."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from worldgen.errors import ExportError
from worldgen.export.image_preparation import prepared
from worldgen.export.images import (
    EncodedImage,
    ImageSource,
    ImageTable,
    Role,
    UniqueNames,
    encode_image,
    encode_images,
    modern_form,
    safe_name,
)
from worldgen.export.options import ExportOptions

NORMALS = np.full((64, 64, 3), (128, 128, 255), np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(np.arange(64)[:, None], np.arange(64)[None], 128), -1).astype(np.uint8)


def decode(image: EncodedImage) -> Image.Image:
    return Image.open(io.BytesIO(image.data))


@pytest.mark.parametrize(("role", "sampling"), [("base_color", 2), ("orm", 0), ("normal", 0)])
def test_only_base_color_is_subsampled(role: Role, sampling: int) -> None:
    pixels = NORMALS if role == "normal" else SMOOTH
    image = encode_image(ImageSource("a", role, pixels), ExportOptions())
    assert (image.suffix, image.mime_type) == (".jpg", "image/jpeg")
    picture = decode(image)
    assert isinstance(picture, JpegImagePlugin.JpegImageFile)
    assert JpegImagePlugin.get_sampling(picture) == sampling
    assert np.abs(np.asarray(picture).astype(int) - pixels).max() <= 6


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_value(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, channels), np.uint8)
    image = encode_image(ImageSource("a", "base_color", pixels), ExportOptions(image_format="png"))
    assert (image.suffix, image.mime_type) == (".png", "image/png")
    assert np.array_equal(np.asarray(decode(image)).reshape(4, 8, channels), pixels)


def test_alpha_is_png_even_among_jpegs() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 4), np.uint8)
    image = encode_image(ImageSource("a", "base_color", pixels), ExportOptions())
    assert image.suffix == ".png"
    assert np.array_equal(np.asarray(decode(image)), pixels)


def test_order_and_bytes_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(2)
    sources = [
        ImageSource(str(k), "orm", rng.integers(0, 256, (size, size, 3), np.uint8))
        for k, size in enumerate((90, 8, 64, 16))
    ]
    one, four = (encode_images(sources, ExportOptions(threads=n)) for n in (1, 4))
    assert [image.name for image in four] == ["0", "1", "2", "3"]
    assert [image.data for image in one] == [image.data for image in four]
    assert encode_images([], ExportOptions()) == []


def test_equal_pixels_of_one_role_are_kept_once() -> None:
    table = ImageTable()
    assert table.add("rock", "normal", SMOOTH) == 0
    assert table.add("soil", "normal", SMOOTH.copy()) == 0
    assert table.add("rock", "orm", SMOOTH) == 1  # another role is compressed in another way
    assert table.add("rock", "normal", SMOOTH[::-1]) == 2
    assert [source.name for source in table.sources] == ["rock_normal", "rock_orm", "rock_normal_2"]


def test_names_are_safe_and_unique() -> None:
    assert safe_name("rock, wet (2)") == "rock_wet_2"
    assert safe_name("../../etc") == "etc"
    assert safe_name("Übergang") == "bergang"
    assert safe_name("...") == "unnamed"
    names = UniqueNames()
    assert [names.make(text) for text in ("Rock", "rock", "rock_2", "rock")] == [
        "Rock",
        "rock_2",
        "rock_2_2",
        "rock_3",
    ]


def test_wrong_pixels_and_options_are_named() -> None:
    with pytest.raises(ExportError, match=r"'a' must be .* found \(4, 4, 3\) float64"):
        encode_image(ImageSource("a", "orm", np.zeros((4, 4, 3))), ExportOptions())  # type: ignore[arg-type]
    with pytest.raises(ExportError, match=r"quality must be in 1 \.\. 95; found 100"):
        ExportOptions(quality=100)
    with pytest.raises(ExportError, match=r"one of 'jpeg', 'png', 'webp', 'ktx2'; found 'bmp'"):
        ExportOptions(image_format="bmp")  # type: ignore[arg-type]
    with pytest.raises(ExportError, match="one of 'meshopt', 'draco', None; found 'zip'"):
        ExportOptions(compression="zip")  # type: ignore[arg-type]


def smooth_noise(shape: tuple[int, ...], seed: int = 5) -> NDArray[np.float64]:
    """Periodic noise of about unit deviation, some texels wide."""
    noise = np.random.default_rng(seed).normal(size=shape)
    for axis in (0, 1):
        noise = sum(np.roll(noise, k, axis) for k in range(-2, 3)) / np.sqrt(5)
    return noise


def normal_map(size: int, slope: float = 0.6) -> NDArray[np.uint8]:
    x, y = smooth_noise((size, size, 2)).transpose(2, 0, 1) * slope
    vectors = np.stack([x, y, np.ones_like(x)], -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.rint((vectors * 0.5 + 0.5) * 255).astype(np.uint8)


def angles(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Degrees between the normals of two images."""
    one, two = (image.astype(np.float64) * 2 / 255 - 1 for image in (first, second))
    cosine = (one * two).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(two, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_webp_is_for_colors_and_keeps_alpha_and_what_is_clear() -> None:
    options = ExportOptions(image_format="webp")
    assert [modern_form(role, options) for role in ("base_color", "normal", "orm")] == ["webp", None, None]
    assert modern_form("normal", ExportOptions(image_format="ktx2")) == "ktx2"
    assert modern_form("base_color", ExportOptions()) is None
    pixels = np.full((32, 32, 4), (60, 140, 40, 255), np.uint8)
    pixels[8:24, 8:24, 3] = 0
    pixels[:8, :, 3] = np.arange(32) * 8
    image = encode_image(ImageSource("a", "base_color", pixels, "webp"), options)
    assert (image.suffix, image.mime_type) == (".webp", "image/webp")
    back = np.asarray(decode(image))
    assert np.array_equal(back[..., 3], pixels[..., 3])
    assert np.abs(back[..., :3].astype(int) - pixels[..., :3]).max() <= 4
    assert image.data == encode_image(ImageSource("a", "base_color", pixels, "webp"), options).data


def test_what_webp_would_do_to_normals() -> None:
    """The reason why normal maps are JPEGs in a file of WebPs."""
    pixels = normal_map(128)
    lossy = io.BytesIO()
    Image.fromarray(pixels).save(lossy, "WEBP", quality=98)
    jpeg = encode_image(ImageSource("a", "normal", pixels), ExportOptions(image_format="webp"))
    worst = np.percentile(angles(pixels, np.asarray(Image.open(lossy))), 99)
    assert np.percentile(angles(pixels, np.asarray(decode(jpeg))), 99) < 0.6 * worst


def test_sides_become_powers_of_two() -> None:
    for given, wanted in (
        ((300, 100), (256, 128)),
        ((48, 64), (64, 64)),
        ((1, 3), (1, 4)),
        ((64, 64), (64, 64)),
    ):
        pixels = np.full((*given, 3), 90, np.uint8)
        for role in ("base_color", "orm"):
            image = encode_image(ImageSource("a", role, pixels), ExportOptions(image_format="png"))
            assert np.array_equal(np.asarray(decode(image)), np.full((*wanted, 3), 90))
    # The picture stays in its place, and a tile stays a tile.
    wave = 128 + 100 * np.sin(2 * np.pi * (np.arange(48) + 0.5) / 48)
    tile = np.broadcast_to(np.rint(wave)[None, :, None], (48, 48, 3)).astype(np.uint8)
    back = prepared(tile, "orm", repeat=True)
    expected = 128 + 100 * np.sin(2 * np.pi * (np.arange(64) + 0.5) / 64)
    assert np.abs(back[..., 0] - expected).max() < 1.5


def test_base_color_is_halved_in_linear_light_weighted_by_alpha() -> None:
    checks = np.zeros((8, 8, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    assert (prepared(checks, "base_color", maximum=4) == 188).all()  # half the light is sRGB 188, not 128
    assert (prepared(checks, "orm", maximum=4) == 128).all()
    assert prepared(checks, "orm", maximum=1).shape == (1, 1, 3)
    assert prepared(np.zeros((8, 32, 3), np.uint8), "orm", maximum=8).shape == (2, 8, 3)
    leaf = np.full((8, 8, 4), (250, 0, 250, 0), np.uint8)
    leaf[:, ::2] = (20, 160, 30, 255)
    small = prepared(leaf, "base_color", maximum=4)
    assert np.abs(small[..., :3].astype(int) - (20, 160, 30)).max() <= 2  # nothing of the clear texels' pink
    assert (small[..., 3] == 128).all()


def test_small_leaves_cover_as_much_as_large_ones() -> None:
    cutoff = 0.4
    alpha = np.clip(255 * (smooth_noise((256, 256)) * 0.8 - 0.1), 0, 255).astype(np.uint8)
    leaf = np.dstack([np.full((256, 256, 3), 90, np.uint8), alpha])
    wanted = (alpha >= np.ceil(cutoff * 255)).mean()
    for maximum in (128, 64, 32, 16):
        plain, kept = (
            prepared(leaf, "base_color", maximum=maximum, cutoff=given)[..., 3] for given in (None, cutoff)
        )
        assert abs((kept >= cutoff * 255).mean() - wanted) < 0.01 + 1 / maximum**2
        if maximum == 16:
            assert abs((plain >= cutoff * 255).mean() - wanted) > 0.05


def test_normals_are_averaged_as_vectors() -> None:
    pixels = normal_map(64)
    small = prepared(pixels, "normal", maximum=32)
    vectors = (pixels.astype(np.float64) * 2 / 255 - 1).reshape(32, 2, 32, 2, 3).sum((1, 3))
    expected = np.rint((vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) * 0.5 + 0.5) * 255)
    assert angles(small, expected.astype(np.uint8)).max() < 0.7  # a step of 8 bits is 0.45 degrees


def test_normals_of_users_are_repaired() -> None:
    good = normal_map(64)
    assert prepared(good, "normal") is good
    rng = np.random.default_rng(3)
    bad = rng.integers(0, 256, (64, 64, 4), np.uint8)
    bad[0, 0] = (128, 128, 128, 0)  # no direction at all
    bad[0, 1] = (128, 128, 0, 255)  # straight down
    for maximum in (None, 16):
        fixed = prepared(bad, "normal", maximum=maximum)
        vectors = fixed.astype(np.float64) * 2 / 255 - 1
        assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() < 0.0101
        assert fixed[..., 2].min() >= 128  # glTF: above 0.5
    assert prepared(bad, "normal")[0, :2].tolist() == [[128, 128, 255], [128, 128, 255]]
    kept = prepared(bad, "normal")
    direction = bad[..., :3].astype(np.float64) * 2 / 255 - 1
    upwards = (direction[..., 2] > 0.2) & (np.linalg.norm(direction, axis=-1) > 0.3)
    assert angles(kept, bad[..., :3])[upwards].max() < 0.7


def test_direct_x_normals() -> None:
    pixels = normal_map(16)
    png = ExportOptions(image_format="png", normal_y="-")
    back = np.asarray(decode(encode_image(ImageSource("a", "normal", pixels), png)))
    assert np.array_equal(back, np.dstack([pixels[..., 0], 255 - pixels[..., 1], pixels[..., 2]]))
    other = encode_image(ImageSource("a", "orm", pixels), png)
    assert np.array_equal(np.asarray(decode(other)), pixels)


def test_sizes_for_ktx2_are_blocks_of_four() -> None:
    assert prepared(np.full((1, 2, 3), 7, np.uint8), "orm", minimum=4).tolist() == [[[7, 7, 7]] * 4] * 4
    assert prepared(np.full((64, 4, 3), 7, np.uint8), "orm", minimum=4, maximum=16).shape == (16, 4, 3)
