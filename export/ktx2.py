"""Textures as KTX 2.0 files with Basis Universal, which stay compressed on any GPU.

Source: KTX File Format Specification 2.0, Khronos Data Format Specification 1.4 and glTF's
KHR_texture_basisu, which fixes transfer function, primaries and orientation.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import worldgen
from worldgen.errors import ExportError, MissingExtraError
from worldgen.export import basis_lz, etc1s, uastc
from worldgen.export.mipmaps import mip_chain

Mode = Literal["etc1s", "uastc"]

IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
BASIS_LZ, ZSTANDARD = 1, 2  # supercompression schemes
ALPHA_WEIGHT = 4  # errors of alpha show as frayed outlines
ZSTANDARD_LEVEL = 18  # measured on normals: level 3 is 5 to 7 % larger
MODEL_ETC1S, MODEL_UASTC = 163, 166
LINEAR, SRGB = 1, 2  # transfer functions
UNSPECIFIED, BT709 = 0, 1  # primaries
CHANNEL_RGB, CHANNEL_ETC1S_ALPHA, CHANNEL_UASTC_RGBA = 0, 15, 3


@dataclass(frozen=True)
class Sample:
    """One sample of the data format descriptor: ``channel``, first bit, number of bits."""

    channel: int
    offset: int
    bits: int


def encode_ktx2(
    pixels: NDArray[np.uint8],
    *,
    srgb: bool,
    normal: bool = False,
    mode: Mode = "etc1s",
    quality: int = 60,
) -> bytes:
    """Return a KTX 2.0 file with all mip levels.

    Parameters
    ----------
    pixels : (H, W, 3) or (H, W, 4) uint8, sides multiples of 4; row 0 is the top. Alpha that is 255 all
        over is left out.
    srgb : the colours are sRGB; False for normals, occlusion and whatever else is data.
    normal : vectors, of length one again in each mip level.
    mode : ``"etc1s"`` takes about a bit a texel; ``"uastc"`` about eight and loses far less.
    quality : 1 .. 100, of ``"etc1s"`` only.

    Raises
    ------
    ExportError : the pixels cannot be stored so.
    MissingExtraError : ``"uastc"`` without zstandard.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise ExportError(f"pixels must be (H, W, 3 or 4) uint8; found {pixels.shape} {pixels.dtype}")
    if pixels.shape[0] % 4 or pixels.shape[1] % 4:
        height, width = pixels.shape[:2]
        raise ExportError(f"sides of a KTX2 texture must be multiples of 4; found {width} x {height}")
    if mode not in ("etc1s", "uastc"):
        raise ExportError(f"mode must be 'etc1s' or 'uastc'; found {mode!r}")
    if not 1 <= quality <= 100:
        raise ExportError(f"quality must be in 1 .. 100; found {quality}")
    if pixels.shape[2] == 4 and (pixels[..., 3] == 255).all():
        pixels = pixels[..., :3]
    levels = mip_chain(pixels, srgb=srgb, normal=normal)
    if mode == "uastc":
        return _uastc_file(levels, srgb)
    return _etc1s_file(levels, srgb, _effort(quality, pixels.shape[0] * pixels.shape[1]))


def _effort(quality: int, texels: int) -> etc1s.Effort:
    """Codebooks grow with the picture, slower than it does."""
    blocks = texels / 16
    share = 2 ** ((quality - 60) / 20)
    return etc1s.Effort(
        price=60 * 2 ** ((60 - quality) / 12),
        endpoints=int(np.clip(8 * share * blocks**0.5, 16, 2048)),
        selectors=int(np.clip(16 * share * blocks**0.5, 16, 4096)),
    )


def _etc1s_file(levels: Sequence[NDArray[np.uint8]], srgb: bool, effort: etc1s.Effort) -> bytes:
    planes = []
    for level in levels:
        blocks = etc1s.cut_blocks(level)
        planes.append(etc1s.Plane(_without_unseen(blocks)[..., :3] if srgb else blocks[..., :3]))
        if level.shape[2] == 4:
            planes.append(etc1s.Plane(np.repeat(blocks[..., 3:], 3, axis=3), ALPHA_WEIGHT))
    encoding = etc1s.encode_planes(planes, effort)
    stream = basis_lz.encode(encoding.endpoints, encoding.selectors, encoding.slices)
    a_level = levels[0].shape[2] - 2
    parts = [stream.slices[i : i + a_level] for i in range(0, len(stream.slices), a_level)]
    places = [
        (0, len(part[0]), *((len(part[0]), len(part[1])) if len(part) > 1 else (0, 0))) for part in parts
    ]
    counts = len(encoding.endpoints), len(encoding.selectors)
    samples = [Sample(CHANNEL_RGB, 0, 64), Sample(CHANNEL_ETC1S_ALPHA, 64, 64)][:a_level]
    return _container(
        levels[0].shape[:2],
        [b"".join(part) for part in parts],
        [0] * len(parts),
        BASIS_LZ,
        _descriptor(MODEL_ETC1S, srgb, [8] * a_level, samples),
        basis_lz.global_data(stream, counts, places),
    )


def _uastc_file(levels: Sequence[NDArray[np.uint8]], srgb: bool) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError("zstandard", "ktx", "writing KTX2 textures as UASTC") from None
    compressor = zstandard.ZstdCompressor(level=ZSTANDARD_LEVEL)
    blocks = [etc1s.cut_blocks(level) for level in levels]
    raw = [uastc.encode_blocks(_without_unseen(part) if srgb else part) for part in blocks]
    channel = CHANNEL_UASTC_RGBA if levels[0].shape[2] == 4 else CHANNEL_RGB
    return _container(
        levels[0].shape[:2],
        [compressor.compress(level) for level in raw],
        [len(level) for level in raw],
        ZSTANDARD,
        _descriptor(MODEL_UASTC, srgb, [16], [Sample(channel, 0, 128)]),
        b"",
    )


def _without_unseen(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blocks in which a colour of alpha 0 beside others is their mean: nobody sees it, and it costs."""
    if blocks.shape[-1] == 3:
        return blocks
    colour, alpha = blocks[..., :3], blocks[..., 3:]
    seen = alpha > 0
    count = seen.sum(axis=2, keepdims=True)
    mean = (colour * seen).sum(axis=2, keepdims=True) / np.maximum(count, 1)
    filled = np.where(seen | (count == 0), colour, np.floor(mean + 0.5).astype(np.uint8))
    return np.concatenate([filled, alpha], axis=-1)


def _descriptor(model: int, srgb: bool, planes: Sequence[int], samples: Sequence[Sample]) -> bytes:
    """Data format descriptor of one basic block of version 1.3 on.

    Parameters
    ----------
    planes : bytes of a block of texels in each plane.
    """
    size = 24 + 16 * len(samples)
    primaries, transfer = (BT709, SRGB) if srgb else (UNSPECIFIED, LINEAR)
    head = struct.pack("<IIHH", size + 4, 0, 2, size)
    format_ = struct.pack("<BBBB", model, primaries, transfer, 0)
    block = struct.pack("<4B8B", 3, 3, 0, 0, *planes, *[0] * (8 - len(planes)))
    body = b"".join(
        struct.pack("<HBB4BII", sample.offset, sample.bits - 1, sample.channel, 0, 0, 0, 0, 0, 0xFFFFFFFF)
        for sample in samples
    )
    return head + format_ + block + body


def _container(
    shape: tuple[int, ...],
    levels: Sequence[bytes],
    whole_sizes: Sequence[int],
    scheme: int,
    descriptor: bytes,
    global_data: bytes,
) -> bytes:
    """The file: header, index, descriptor, keys, global data, then levels from the smallest.

    Parameters
    ----------
    whole_sizes : bytes of each level before supercompression; 0 with BasisLZ.
    """
    keys = b"".join(
        _pair(key, value)
        for key, value in (("KTXorientation", "rd"), ("KTXwriter", f"worldgen {worldgen.__version__}"))
    )
    start = len(IDENTIFIER) + 36 + 32 + 24 * len(levels)
    keys_at = start + len(descriptor)
    data_at = keys_at + len(keys)
    if global_data:
        data_at += -data_at % 8
    padding = bytes(data_at - keys_at - len(keys))
    header = struct.pack("<9I", 0, 1, shape[1], shape[0], 0, 0, 1, len(levels), scheme)
    index = struct.pack(
        "<4I2Q",
        start,
        len(descriptor),
        keys_at,
        len(keys),
        data_at if global_data else 0,
        len(global_data),
    )
    places = []
    at = data_at + len(global_data)
    for level in reversed(levels):
        places.append(at)
        at += len(level)
    table = b"".join(
        struct.pack("<3Q", place, len(level), whole)
        for place, level, whole in zip(reversed(places), levels, whole_sizes, strict=True)
    )
    return b"".join(
        (IDENTIFIER, header, index, table, descriptor, keys, padding, global_data, *reversed(levels))
    )


def _pair(key: str, value: str) -> bytes:
    """A key with its value, both ended by NUL, filled up to a multiple of 4 bytes."""
    text = f"{key}\0{value}\0".encode()
    return struct.pack("<I", len(text)) + text + bytes(-len(text) % 4)
