"""worldgen.export.images: encoded by role, the same bytes whatever the threads."""

from __future__ import annotations

import io

import numpy as np
import pytest
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
    safe_name,
)
from worldgen.export.options import ExportOptions

SMOOTH = np.stack(np.broadcast_arrays(np.arange(64)[:, None], np.arange(64)[None], 128), -1).astype(np.uint8)


def decode(image: EncodedImage) -> Image.Image:
    return Image.open(io.BytesIO(image.data))


@pytest.mark.parametrize(("role", "sampling"), [("base_color", 2), ("orm", 0), ("normal", 0)])
def test_only_base_color_is_subsampled(role: Role, sampling: int) -> None:
    image = encode_image(ImageSource("a", role, SMOOTH), ExportOptions())
    assert (image.suffix, image.mime_type) == (".jpg", "image/jpeg")
    picture = decode(image)
    assert isinstance(picture, JpegImagePlugin.JpegImageFile)
    assert JpegImagePlugin.get_sampling(picture) == sampling
    assert np.abs(np.asarray(picture).astype(int) - SMOOTH).max() <= 6


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_value(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, channels), np.uint8)
    image = encode_image(ImageSource("a", "base_color", pixels), ExportOptions(image_format="png"))
    assert (image.suffix, image.mime_type) == (".png", "image/png")
    assert np.array_equal(np.asarray(decode(image)).reshape(5, 7, channels), pixels)


def test_alpha_is_png_even_among_jpegs() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)
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
