"""Size, format and memory on the GPU of an image file, from its first bytes: nothing is decoded.

Sources: PNG (ISO 15948) IHDR; JPEG (ITU T.81) frame headers; the WebP container (RFC 9649); KTX 2.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from worldgen.errors import InputError

PNG = b"\x89PNG\r\n\x1a\n"
KTX2 = b"\xabKTX 20\xbb\r\n\x1a\n"
ETC1S, UASTC = 163, 166  # color models of KTX's data format descriptor
# JPEG: start-of-frame markers, without those of tables (C4), arithmetic conditioning (CC) and C8.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Data = bytes | memoryview


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself.

    Attributes
    ----------
    format : "png", "jpeg", "webp", "ktx2 etc1s", "ktx2 uastc" or "ktx2".
    width, height : texels.
    gpu_bytes : memory with all mip levels. PNG, JPEG and WebP are unpacked to 4 bytes a texel; Basis
        Universal stays in blocks of 4 x 4: ETC1S half a byte a texel (ETC1, BC1), or one where it has two
        slices (ETC2, BC3); UASTC one (ASTC, BC7).
    bits, gray : PNG only: bits a channel; whether it is gray without alpha.
    """

    format: str
    width: int
    height: int
    gpu_bytes: int
    bits: int = 8
    gray: bool = False


def read_image_header(data: Data, where: str) -> ImageHeader:
    """Read the header of a PNG, JPEG, WebP or KTX2 file.

    Raises
    ------
    InputError : it is none of these, or ends within its header.
    """
    try:
        for magic, reader in (
            (PNG, _png),
            (b"\xff\xd8\xff", _jpeg),
            (b"RIFF", _webp),
            (KTX2, _ktx2),
        ):
            if bytes(data[: len(magic)]) == magic:
                header = reader(data)
                if header.width < 1 or header.height < 1:
                    raise ValueError(f"its size is {header.width} x {header.height}")
                return header
    except (struct.error, IndexError):
        raise InputError(f"{where}: the image ends within its header") from None
    except ValueError as error:
        raise InputError(f"{where}: the image is damaged: {error}") from None
    raise InputError(
        f"{where}: found an image that begins with {bytes(data[:4])!r}; allowed: PNG, JPEG, WebP, KTX2"
    )


def uncompressed_bytes(width: int, height: int, texel: int = 4) -> int:
    """Memory of an image and all its mip levels, each half as wide and high, down to 1 x 1."""
    total = width * height
    while width > 1 or height > 1:
        width, height = max(1, width // 2), max(1, height // 2)
        total += width * height
    return total * texel


def _png(data: Data) -> ImageHeader:
    kind, width, height, bits, color = struct.unpack_from(">4sIIBB", data, 12)
    if kind != b"IHDR":
        raise ValueError("its first chunk is not IHDR")
    return ImageHeader("png", width, height, uncompressed_bytes(width, height), bits, color == 0)


def _jpeg(data: Data) -> ImageHeader:
    place = 2
    while True:
        if data[place] != 0xFF:
            raise ValueError("a marker is missing before the frame header")
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # without a length
            place += 2
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return ImageHeader("jpeg", width, height, uncompressed_bytes(width, height))
        elif marker in (0xD9, 0xDA):
            raise ValueError("it has no frame header")
        else:
            place += 2 + max(2, struct.unpack_from(">H", data, place + 2)[0])


def _webp(data: Data) -> ImageHeader:
    form, kind = struct.unpack_from("<4s4s", data, 8)
    if form != b"WEBP":
        raise ValueError(f"it is a RIFF file of {form!r}, not of WEBP")
    if kind == b"VP8 ":
        mark, width, height = struct.unpack_from("<3sHH", data, 23)
        if mark != b"\x9d\x01\x2a":
            raise ValueError("its key frame has no start code")
        width, height = width & 0x3FFF, height & 0x3FFF
    elif kind == b"VP8L":
        mark, bits = struct.unpack_from("<BI", data, 20)
        if mark != 0x2F:
            raise ValueError("its lossless stream has no signature")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8X":
        low, lower, upper, high = struct.unpack_from("<HBHB", data, 24)
        width, height = (low | lower << 16) + 1, (upper | high << 16) + 1
    else:
        raise ValueError(f"its first chunk is {kind!r}")
    return ImageHeader("webp", width, height, uncompressed_bytes(width, height))


def _ktx2(data: Data) -> ImageHeader:
    vk_format, _, width, height, depth, layers, faces, levels, _ = struct.unpack_from("<9I", data, 12)
    (descriptor,) = struct.unpack_from("<I", data, 48)
    _, block_size = struct.unpack_from("<HH", data, descriptor + 8)
    model = data[descriptor + 12]
    samples = (block_size - 24) // 16
    images = max(1, depth) * max(1, layers) * max(1, faces)
    if levels > 32:
        raise ValueError(f"it says that it has {levels} mip levels")
    if vk_format == 0 and model in (ETC1S, UASTC):
        block = 8 if model == ETC1S and samples < 2 else 16
        sizes = [(max(1, width >> level), max(1, height >> level)) for level in range(max(1, levels))]
        total = block * sum(-(-w // 4) * -(-h // 4) for w, h in sizes)
        return ImageHeader("ktx2 etc1s" if model == ETC1S else "ktx2 uastc", width, height, total * images)
    lengths = [struct.unpack_from("<QQ", data, 80 + 24 * level + 8) for level in range(max(1, levels))]
    return ImageHeader("ktx2", width, height, sum(unpacked or stored for stored, unpacked in lengths))
