"""Images of materials as PNG, JPEG, WebP or KTX2 bytes: same pixels, same options, same bytes.

Pillow's encoders release the interpreter lock, so a thread pool uses all cores; results keep their order.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from worldgen.errors import ExportError
from worldgen.export.image_preparation import Role, prepared
from worldgen.export.options import ExportOptions

Form = Literal["jpeg", "png", "webp", "ktx2"]

# zlib's level, measured on photographed soil, bark normals and wood: 9 saves under 7 % over 6 and may take
# eight times as long.
PNG_LEVEL = 6
# libwebp's effort: 6 saves 2 to 5 % over 4 and takes twice the time.
WEBP_METHOD = 4
KTX2_BLOCK = 4  # texels a side: sizes are multiples of it


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Pixels that wait for encoding.

    Attributes
    ----------
    name : file stem, letters, digits, ``_``, ``-`` and ``.``.
    role : decides how the image is compressed.
    pixels : (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) uint8; gray, gray + alpha, RGB, RGB + alpha.
    form : of the file; None leaves it to the options, and is a form that every reader takes.
    cutoff : alpha from which a texel is drawn, None where nothing is cut off; see `prepared`.
    repeat : the image tiles.
    """

    name: str
    role: Role
    pixels: NDArray[np.uint8]
    form: Form | None = None
    cutoff: float | None = None
    repeat: bool = True


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image file in memory; ``suffix`` is ``.png``, ``.jpg``, ``.webp`` or ``.ktx2``."""

    name: str
    suffix: str
    mime_type: str
    data: bytes


def safe_name(text: str) -> str:
    """Return the text with only letters, digits, ``.``, ``_`` and ``-``: safe in URIs, MTL files and shells.

    >>> safe_name("rock, wet (2)")
    'rock_wet_2'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_.") or "unnamed"


def fingerprint(pixels: NDArray[np.uint8]) -> bytes:
    """Hash of shape and content, to find equal images."""
    digest = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


class UniqueNames:
    """Hands out safe names, each once; some disks and clients ignore case, so it does not count."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def make(self, text: str) -> str:
        """Return ``safe_name(text)``, with ``_2``, ``_3``, ... where it was given out before."""
        name = stem = safe_name(text)
        number = 2
        while name.lower() in self._used:
            name, number = f"{stem}_{number}", number + 1
        self._used.add(name.lower())
        return name


class ImageTable:
    """Collects the images of a scene's materials; equal pixels of one use are kept once.

    Attributes
    ----------
    sources : what waits for encoding, in the order of first use.
    """

    def __init__(self) -> None:
        self.sources: list[ImageSource] = []
        self._known: dict[tuple[Hashable, Form | None], int] = {}
        self._named: dict[Hashable, str] = {}
        self._names = UniqueNames()

    def add(
        self,
        owner: str,
        role: Role,
        pixels: NDArray[np.uint8],
        *,
        form: Form | None = None,
        cutoff: float | None = None,
        repeat: bool = True,
    ) -> int:
        """Return the index of an image in ``sources``; ``owner`` names it when it is new.

        Parameters
        ----------
        form, cutoff, repeat : of the `ImageSource`. One image in two forms has one name.
        """
        # What lies beyond its edges matters only to an image that has to be resampled.
        repeat = repeat or all(side & (side - 1) == 0 for side in pixels.shape[:2])
        image = (role, fingerprint(pixels), cutoff, repeat)
        key = (image, form)
        if key not in self._known:
            if image not in self._named:
                self._named[image] = self._names.make(f"{owner}_{role}")
            self.sources.append(ImageSource(self._named[image], role, pixels, form, cutoff, repeat))
            self._known[key] = len(self.sources) - 1
        return self._known[key]


def encode_image(source: ImageSource, options: ExportOptions, xmp: bytes = b"") -> EncodedImage:
    """Encode one image; among JPEGs, one with alpha becomes PNG, for JPEG has none.

    Only base color is subsampled (4:2:0): the channels of the other images are independent quantities, and
    averaging chroma would mix them. Measured 99th percentile of the error, 4:2:0 against 4:4:4, in steps of
    8 bits: 49 and 11 on a normal map, 13 and 3 on occlusion and roughness.

    Parameters
    ----------
    xmp : packet that tells where the image comes from, see `worldgen.export.provenance`; KTX2 has no place
        for it.

    Raises
    ------
    ExportError : the pixels are not uint8 or have an impossible shape.
    """
    pixels = source.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    allowed = (3, 4) if source.role == "normal" else (1, 2, 3, 4)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in allowed or 0 in pixels.shape:
        shapes = "(H, W, 3 or 4)" if source.role == "normal" else "(H, W) or (H, W, 2 to 4)"
        raise ExportError(
            f"image '{source.name}' must be {shapes} uint8; found {pixels.shape} {pixels.dtype}"
        )
    form = source.form or core_form(options)
    pixels = prepared(
        pixels.squeeze(2) if pixels.shape[2:] == (1,) else pixels,
        source.role,
        maximum=options.maximum_texture,
        minimum=KTX2_BLOCK if form == "ktx2" else 1,
        normal_y=options.normal_y,
        cutoff=source.cutoff,
        repeat=source.repeat,
    )
    pixels = np.ascontiguousarray(pixels)
    if form == "ktx2":
        return EncodedImage(source.name, ".ktx2", "image/ktx2", _ktx2(source, pixels))
    if form == "png" or (form != "webp" and pixels.shape[2:] in ((2,), (4,))):
        return EncodedImage(source.name, ".png", "image/png", encode_png(pixels, xmp))
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if form == "webp":
        # `exact` keeps the colours of clear texels, which mipmaps mix into leaves' edges.
        image.save(buffer, "WEBP", quality=options.quality, method=WEBP_METHOD, exact=True, xmp=xmp)
        return EncodedImage(source.name, ".webp", "image/webp", buffer.getvalue())
    quality = options.normal_quality if source.role == "normal" else options.quality
    subsampling = "4:2:0" if source.role == "base_color" else "4:4:4"
    image.save(
        buffer,
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        optimize=False,
        progressive=False,
        extra=_jpeg_segment(xmp),
    )
    return EncodedImage(source.name, ".jpg", "image/jpeg", buffer.getvalue())


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.uint16], xmp: bytes = b"") -> bytes:
    """Return a PNG of (H, W) gray of 8 or 16 bits, or of (H, W, 2 to 4) uint8, with an XMP packet."""
    buffer = io.BytesIO()
    text = PngInfo()
    if xmp:
        text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=PNG_LEVEL, pnginfo=text)
    return buffer.getvalue()


def encode_images(
    sources: Sequence[ImageSource], options: ExportOptions, xmp: bytes = b""
) -> list[EncodedImage]:
    """Encode images in a thread pool; results in the order of ``sources``. ``xmp`` as in `encode_image`."""
    workers = options.threads or os.cpu_count() or 1
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(sources)))) as pool:
        return list(pool.map(lambda source: encode_image(source, options, xmp), sources))


def core_form(options: ExportOptions) -> Form:
    """Return the form that every reader takes: PNG if that is asked for, else JPEG."""
    return "png" if options.image_format == "png" else "jpeg"


def modern_form(role: Role, options: ExportOptions) -> Form | None:
    """Return the form that needs an extension of glTF, or None where the image is better without.

    WebP is for base color only. Its lossy form always halves chroma, and its lossless form is large. Means of
    four grounds, sea, water and rocks at 512², bits a texel and 99th percentile of the error: normal maps
    lossy 1.4 and 10.1°, even at quality 98 2.7 and 9.6°; lossless 8.6; with steps of 4 and of 8 where it is
    rough 6 to 12 and 1.3 to 2.6°; as JPEG 4:4:4 of quality 92 3.2 and 4.2°. Occlusion and roughness lossy
    1.1 and 14 of 255 (at most 103), JPEG 2.1 and 10 (at most 35). Base color 1.6 against 1.8 of JPEG, with
    smaller errors, and leaves 2.0 against 9 of PNG.
    """
    if options.image_format == "webp":
        return "webp" if role == "base_color" else None
    return "ktx2" if options.image_format == "ktx2" else None


def _ktx2(source: ImageSource, pixels: NDArray[np.uint8]) -> bytes:
    from worldgen.export.ktx2 import encode_ktx2  # loads numba

    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    elif pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    # Only base color is sRGB: glTF wants the linear transfer function of all others.
    # ETC1S moves all channels together, which turns normals too far; UASTC takes eight times its bytes.
    normal = source.role == "normal"
    srgb = source.role == "base_color"
    return encode_ktx2(pixels, srgb=srgb, normal=normal, mode="uastc" if normal else "etc1s")


def _jpeg_segment(xmp: bytes) -> bytes:
    """Return the APP1 segment of an XMP packet; nothing for an empty one."""
    if not xmp:
        return b""
    content = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    if len(content) > 65533:
        raise ExportError(f"the XMP packet takes {len(xmp)} bytes; a JPEG holds at most 65504")
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
