"""Folders of PBR materials as libraries ship them, to plain maps.

Files are known by the end of their names, however a library writes them: ``Rock035_1K-JPG_NormalGL.jpg``
(ambientCG), ``rock_face_03_nor_gl_1k.png`` (Poly Haven), ``xyz_2K_Albedo.jpg`` (Megascans), ``normal.png``.
Resolution and format in a name are passed over; packed occlusion-roughness-metallic maps and gloss are
unpacked; DirectX normals, named or found by comparing them with a height map, are turned to OpenGL's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models.texture_maps import resampled, seam

Array = NDArray[np.float32]

# Ends of names without separators, in order of preference.
NAMES = {
    "albedo": ("albedo", "basecolor", "diffuse", "diff", "color", "colour", "col", "basecolour"),
    "normal_opengl": ("normalgl", "norgl", "normalogl", "normalopengl"),
    "normal_directx": ("normaldx", "nordx", "normaldirectx"),
    "normal": ("normal", "nor", "nrm", "normals"),
    "roughness": ("roughness", "rough", "rgh"),
    "gloss": ("gloss", "glossiness", "smoothness"),
    "occlusion": ("ao", "ambientocclusion", "occlusion", "occ"),
    "height": ("height", "displacement", "disp", "heightmap"),
    "packed": ("arm", "orm", "aorm", "occlusionroughnessmetallic"),  # R occlusion, G roughness, B metallic
    "metalness": ("metalness", "metallic", "metal"),
    "cavity": ("cavity",),
    "opacity": ("opacity", "alpha", "mask"),
}
NORMALS = ("normal_opengl", "normal_directx", "normal")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".tga", ".bmp")
LIBRARIES = ("ambientcg", "polyhaven", "cc0textures", "cgbookcase", "sharetextures", "megascans")
LONGEST = 4  # greatest ratio of sides
_PASSED_OVER = re.compile(r"\d+k|512|1024|2048|4096|8192|jpe?g|png|tiff?|exr|lod\d|var\d")
_KINDS = {name: (order, kind) for kind, names in NAMES.items() for order, name in enumerate(names)}


@dataclass(frozen=True)
class SourceMaps:
    """The maps of a set as they were shipped, but square and of one size.

    Attributes
    ----------
    color : (N, N, 3) float32 sRGB, 0 to 1.
    normal : (N, N, 3) float32, OpenGL, -1 to 1, or None.  height, roughness, occlusion : (N, N) float32, 0 to
        1, or None where the set has none.
    cropped : the sides were unequal and the middle was taken, so a set that wrapped doesn't any more.
    turned : normals without a convention in their name were DirectX's.
    seam : how much the wrap of base color shows, see `seam`.
    """

    color: Array
    normal: Array | None
    height: Array | None
    roughness: Array | None
    occlusion: Array | None
    cropped: bool
    turned: bool
    seam: float


def find_maps(folder: Path) -> dict[str, Path]:
    """Which file of a folder is which map (``NAMES``); the largest where there are several."""
    found: dict[str, tuple[int, int, Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        parts = re.split(r"[^a-z0-9]+", path.stem.lower())
        resolution = max((int(part[:-1]) for part in parts if re.fullmatch(r"\d+k", part)), default=0)
        parts = [part for part in parts if part and not _PASSED_OVER.fullmatch(part)]
        # The longest end that is a name: ``nor_gl`` is not ``gl``, ``ambient_occlusion`` not ``occlusion``.
        ends = ("".join(parts[-count:]) for count in (3, 2, 1) if count <= len(parts))
        order, kind = next((_KINDS[end] for end in ends if end in _KINDS), (0, ""))
        best = found.get(kind)
        if kind and (best is None or (order, -resolution) < best[:2]):
            found[kind] = (order, -resolution, path)
    return {kind: found[kind][2] for kind in NAMES if kind in found}


def read_image(path: Path) -> Array:
    """(H, W) or (H, W, 3) float32, 0 to 1; 8-bit, 16-bit and float files.

    Raises
    ------
    InputError : it can't be read as an image.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                values = np.asarray(image, np.float32)
                greatest = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1.0)
                return np.asarray(np.clip(values / np.float32(greatest), 0, 1), np.float32)
            plain = image if image.mode in ("L", "RGB") else image.convert("RGB")
            return np.asarray(plain, np.float32) / np.float32(255)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error


def read_maps(folder: Path, size: int = 512) -> SourceMaps:
    """Read a folder's maps at size × size.

    Sets whose sides are 1 : 2, 1 : 3 or 1 : 4 are repeated along the short one, which keeps a tile a tile;
    other shapes lose their ends.

    Raises
    ------
    InputError : base color is missing, or both normals and height are; sides are too short, too unlike, or
        not those of the other maps.
    """
    files = find_maps(folder)
    if "albedo" not in files or not files.keys() & {*NORMALS, "height"}:
        raise InputError(f"{folder}: needs a base color and a normal or height map, found {sorted(files)}")
    shape = read_image(files["albedo"]).shape[:2]
    used = {}
    for kind, path in files.items():
        if kind in ("metalness", "cavity", "opacity"):
            continue
        image = read_image(path)
        if abs(np.log(shape[0] / shape[1] * image.shape[1] / image.shape[0])) > 0.02:
            raise InputError(f"{path}: its sides are {_sides(image.shape)}, not {_sides(shape)}")
        used[kind] = square(image, size, name=str(path))
    cropped = bool(max(shape) % min(shape))
    shows = seam(np.atleast_3d(used["albedo"]))  # of its own texels: enlarging adds a step to the wrap
    used = {kind: resized(image, size, wraps=shows <= 1 and not cropped) for kind, image in used.items()}
    normal = next((used[kind] * 2 - 1 for kind in NORMALS if kind in used), None)
    height, packed = _gray(used.get("height")), used.get("packed")
    roughness, occlusion = _gray(used.get("roughness")), _gray(used.get("occlusion"))
    gloss = _gray(used.get("gloss"))
    if roughness is None and gloss is not None:
        roughness = np.asarray(1 - gloss, np.float32)
    if packed is not None and packed.ndim == 3:
        occlusion = packed[..., 0] if occlusion is None else occlusion
        roughness = packed[..., 1] if roughness is None else roughness
    turned = False
    if normal is not None and normal.ndim != 3:
        raise InputError(f"{folder}: its normal map is gray")
    if normal is not None and "normal_opengl" not in used:
        directx = "normal_directx" in used
        turned = not directx and height is not None and points_down(normal, height)
        if directx or turned:
            normal = normal * np.array([1, -1, 1], np.float32)
    color = used["albedo"]
    if color.ndim == 2:
        color = np.repeat(color[..., None], 3, axis=-1)
    return SourceMaps(color, normal, height, roughness, occlusion, cropped, turned, shows)


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _gray(image: Array | None) -> Array | None:
    return image if image is None or image.ndim == 2 else image.mean(axis=-1, dtype=np.float32)


def squared(image: Array, size: int, *, name: str = "picture") -> Array:
    """An image (H, W[, C]) as (size, size[, C]), not taken to wrap; see `read_maps`."""
    return resized(square(image, size, name=name), size, wraps=False)


def square(image: Array, size: int, *, name: str = "picture") -> Array:
    """The largest square of an image (H, W[, C]) that may become size × size; see `read_maps`."""
    rows, columns = image.shape[:2]
    short, long = sorted((rows, columns))
    if 2 * short < size or long > LONGEST * short:
        raise InputError(
            f"{name}: found {_sides(image.shape)} texels; allowed: at least {-(-size // 2)} a side, and one "
            f"side at most {LONGEST} times the other"
        )
    if long % short == 0:
        return np.tile(image, (long // rows, long // columns) + (1,) * (image.ndim - 2))
    row, column = (rows - short) // 2, (columns - short) // 2
    return image[row : row + short, column : column + short]


def resized(image: Array, size: int, *, wraps: bool) -> Array:
    """A square image (N, N[, C]) at size × size, by Lanczos."""
    if image.shape[:2] == (size, size):
        return image
    return np.clip(resampled(image, size, wraps=wraps), 0, 1)


def points_down(normal: Array, height: Array) -> bool:
    """Whether a normal map's Y points down the picture (DirectX), by the slopes of a height map.

    True only where the height's other axis agrees and this one clearly doesn't.
    """
    across = np.roll(height, 1, axis=1) - np.roll(height, -1, axis=1)
    down = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    if min(across.std(), down.std(), normal[..., 0].std(), normal[..., 1].std()) < 1e-6:
        return False
    x = float(np.corrcoef(normal[..., 0].ravel(), across.ravel())[0, 1])
    y = float(np.corrcoef(normal[..., 1].ravel(), down.ravel())[0, 1])
    return x > 0.15 and y < -0.15


def list_materials(data: Path) -> Iterator[tuple[Path, str, bool | None]]:
    """(folder, class, seamless) of each material of a data folder, in a fixed order.

    With an ``index.csv`` (columns name, class, seamless) that is the list. Otherwise each folder with images
    is a material, whose class is the folder it lies in, or else its own name up to the first digit and
    without its library's: ``rock_02``, ``Rock02_2K-PNG`` and ``ambientcg_Rock02`` are ``rock``. Seamless is
    None where nothing says it: it is measured then.
    """
    if not data.is_dir():
        raise InputError(f"{data} is not a folder of materials")
    index = data / "index.csv"
    if index.is_file():
        with index.open(encoding="utf-8", newline="") as file:
            for row in sorted(csv.DictReader(file), key=lambda row: row["name"]):
                yield data / row["name"], row["class"], row.get("seamless", "yes") == "yes"
        return
    for folder in _folders(data):
        inner = _folders(folder)
        if inner and not any(path.suffix.lower() in SUFFIXES for path in folder.iterdir()):
            for material in inner:
                yield material, folder.name.lower(), None
        else:
            yield folder, class_of(folder.name), None


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def class_of(name: str) -> str:
    """Class that a material's name says.

    >>> class_of("ambientcg_Rock035_1K-JPG"), class_of("forest_floor_1")
    ('rock', 'forest_floor')
    """
    word = name.lower()
    for library in LIBRARIES:
        word = word.removeprefix(library + "_")
    word = re.split(r"[^a-z_]", word)[0].strip("_")
    return word or name.lower()
