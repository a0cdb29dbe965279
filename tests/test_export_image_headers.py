"""Image headers: sizes against Pillow's files, memory against sums done by hand."""

from __future__ import annotations

import io

import pytest
from gltf_by_hand import ktx2, png_header
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from worldgen.errors import InputError
from worldgen.export.image_headers import read_image_header, uncompressed_bytes


def encoded(form: str, size: tuple[int, int], **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (9, 80, 30)).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "options", "name"),
    [
        ("PNG", {}, "png"),
        ("JPEG", {}, "jpeg"),
        ("JPEG", {"progressive": True}, "jpeg"),
        ("JPEG", {"exif": b"Exif\0\0" + bytes(60_000)}, "jpeg"),
        ("WEBP", {"lossless": False}, "webp"),
        ("WEBP", {"lossless": True}, "webp"),
        ("WEBP", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, "webp"),
    ],
)
def test_sizes_are_those_that_pillow_wrote(form, options, name):
    header = read_image_header(encoded(form, (300, 45), **options), "image")
    assert (header.format, header.width, header.height) == (name, 300, 45)


def test_png_says_bits_and_gray():
    header = read_image_header(png_header(513, 257, 16, 0), "image")
    assert (header.width, header.height, header.bits, header.gray) == (513, 257, 16, True)


def test_uncompressed_memory_counts_all_mip_levels():
    # 4 x 2, 2 x 1, 1 x 1 texels of 4 bytes
    assert uncompressed_bytes(4, 2) == 4 * (8 + 2 + 1)
    assert read_image_header(png_header(4, 2), "image").gpu_bytes == 44


@pytest.mark.parametrize(
    ("model", "samples", "form", "block"),
    [(163, 1, "ktx2 etc1s", 8), (163, 2, "ktx2 etc1s", 16), (166, 1, "ktx2 uastc", 16)],
)
def test_basis_stays_in_blocks(model, samples, form, block):
    header = read_image_header(ktx2(16, 8, 5, model, samples), "image")
    # 16 x 8, 8 x 4, 4 x 2, 2 x 1, 1 x 1 texels in blocks of 4 x 4
    assert (header.format, header.gpu_bytes) == (form, block * (8 + 2 + 1 + 1 + 1))


def test_other_ktx2_takes_what_its_levels_say():
    assert read_image_header(ktx2(16, 8, 2, 1, 4, vk_format=37), "image").gpu_bytes == 1500


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", png_header(4, 4)[:20], b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 ", png_header(0, 4)],
)
def test_damaged_images_are_input_errors(data):
    with pytest.raises(InputError, match="here"):
        read_image_header(data, "here")


@given(
    start=st.sampled_from(
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF0000WEBPVP8X", b"\xabKTX 20\xbb\r\n\x1a\n"]
    ),
    rest=st.binary(max_size=120),
)
def test_any_bytes_are_read_or_refused(start, rest):
    try:
        header = read_image_header(start + rest, "here")
    except InputError:
        return
    assert header.width > 0
    assert header.gpu_bytes >= 0
