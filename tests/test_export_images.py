"""worldgen.export.images: encoded by role, the same bytes whatever the threads."""

from __future__ import annotations

import io

import numpy as np
import pytest
from image_examples import angles, normal_map
from PIL import Image, JpegImagePlugin

from worldgen.errors import ExportError
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


def test_direct_x_normals() -> None:
    pixels = normal_map(16)
    png = ExportOptions(image_format="png", normal_y="-")
    back = np.asarray(decode(encode_image(ImageSource("a", "normal", pixels), png)))
    assert np.array_equal(back, np.dstack([pixels[..., 0], 255 - pixels[..., 1], pixels[..., 2]]))
    other = encode_image(ImageSource("a", "orm", pixels), png)
    assert np.array_equal(np.asarray(decode(other)), pixels)
