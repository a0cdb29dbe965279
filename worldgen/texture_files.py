"""Materials as folders of PNG files, and a user's pictures and folders as materials.

A folder holds `base_color.png` (sRGB), `normal.png` (OpenGL +Y), `roughness.png`, `occlusion.png` (8-bit
gray, linear) and `height.png` (16-bit gray, 0 lowest to 65535 highest); row 0 is the top of the tile.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worldgen.errors import ConfigError, InputError
from worldgen.export.files import FileSet
from worldgen.export.images import PNG_LEVEL, safe_name
from worldgen.materials import to_bytes
from worldgen.models.texture_controls import TextureControls
from worldgen.models.texture_folders import SUFFIXES, read_image, read_maps

if TYPE_CHECKING:
    from worldgen.models.texture_vae import TextureMaps, TextureVAE

FILES = ("base_color", "normal", "roughness", "occlusion", "height")
COLUMNS = ("name", "class", "seed", "exemplar", "size", "height_texels", "controls")


def write_material(maps: TextureMaps, folder: Path) -> list[Path]:
    """Write the five maps; all appear together, under a temporary name before. Returns their paths."""
    planes: dict[str, NDArray[Any]] = {
        "base_color": to_bytes(maps.base_color),
        "normal": to_bytes(np.asarray(maps.normal / 2 + 0.5, np.float32)),
        "roughness": to_bytes(maps.roughness),
        "occlusion": to_bytes(maps.occlusion),
        "height": np.rint(np.clip(maps.height, 0, 1).astype(np.float64) * 65535).astype(np.uint16),
    }
    with FileSet() as files:
        for name, plane in planes.items():
            buffer = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "PNG", compress_level=PNG_LEVEL)
            files.write(folder / f"{name}.png", buffer.getvalue())
    return files.paths


def read_picture(path: Path) -> NDArray[np.float32]:
    """(H, W, 3) float32 sRGB, 0 to 1."""
    image = read_image(path)
    return np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image


def read_material_maps(folder: Path, size: int = 512) -> TextureMaps:
    """A user's folder of maps as a material; unknown roughness is 0.8, unknown occlusion 1.

    Height is integrated from the normals where there are any, as in training.
    """
    from worldgen.models.texture_data import integrate_normals
    from worldgen.models.texture_maps import texture_maps

    source = read_maps(folder, size)
    if source.normal is not None:
        height = integrate_normals(source.normal, seamless=not source.cropped)
    else:
        assert source.height is not None
        height = source.height * np.float32(size / 10)
    plain = np.ones((size, size), np.float32)
    roughness = 0.8 * plain if source.roughness is None else source.roughness
    occlusion = plain if source.occlusion is None else source.occlusion
    return texture_maps(source.color, height, roughness.astype(np.float32), occlusion)


def write_samples(
    output: Path,
    class_names: Sequence[str],
    *,
    count: int,
    size: int,
    seed: int,
    net: TextureVAE,
    exemplar: str | None = None,
    controls: TextureControls | None = None,
    source: Path | None = None,
    mix: str | None = None,
    share: float = 0.5,
) -> Iterator[Path]:
    """Write ``CLASS_NNN/`` for each material, and ``index.csv`` at the end.

    Parameters
    ----------
    class_names : classes to sample, with `count` materials each, of seeds `seed`, `seed` + 1, …
    exemplar : name of the one material of the class to vary; the seed picks one by default.
    controls : changes to each.
    source : a picture or a folder of maps to make variations of, as if it were of the class.
    mix, share : another class to go towards, and how far, 0 to 1.

    Yields
    ------
    folder of each material when it is written.

    Raises
    ------
    ConfigError : count or size is out of range, or options exclude each other.
    InputError : unknown class or exemplar, or a source that can't be read.
    """
    if count < 1 or not 128 <= size <= 4096:
        raise ConfigError(f"samples: found count {count}, size {size}; allowed: count >= 1, size 128 to 4096")
    if sum(option is not None for option in (exemplar, source, mix)) > 1:
        raise ConfigError("samples: give one of an exemplar, a source and a class to mix with")
    make = _maker(net, size=size, exemplar=exemplar, controls=controls, source=source, mix=mix, share=share)
    changes = "" if controls is None else "; ".join(f"{k}={v}" for k, v in controls.as_dict().items())
    rows = []
    for class_name in class_names:
        for index in range(count):
            maps, origin = make(class_name, seed + index)
            folder = output / f"{safe_name(class_name)}_{index:03d}"
            write_material(maps, folder)
            strength = f"{maps.normal_strength:.3f}"
            rows.append((folder.name, class_name, seed + index, origin, size, strength, changes))
            yield folder
    with FileSet() as files:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        files.write(output / "index.csv", text.getvalue().encode())


def _maker(
    net: TextureVAE,
    *,
    size: int,
    exemplar: str | None,
    controls: TextureControls | None,
    source: Path | None,
    mix: str | None,
    share: float,
) -> Callable[[str, int], tuple[TextureMaps, str]]:
    """A function from class and seed to maps and the name of what they vary."""
    from worldgen.models.texture_mixing import interpolate
    from worldgen.models.texture_photo import tile_photo, vary
    from worldgen.models.texture_vae import pick, sample_texture, start

    common: dict[str, Any] = {"size": size, "net": net, "controls": controls}
    if source is not None and source.is_dir():
        given = read_material_maps(source)
        return lambda name, seed: (vary(given, name, seed=seed, **common), source.name)
    if source is not None:
        if not source.is_file() or source.suffix.lower() not in SUFFIXES:
            raise InputError(f"--from: found '{source}'; allowed: a folder or a {', '.join(SUFFIXES)} file")
        picture = read_picture(source)
        return lambda name, seed: (tile_photo(picture, name, seed=seed, **common), source.name)
    if mix is not None:
        origin = f"{share:g} of {mix}"
        return lambda name, seed: (interpolate(name, mix, share, seed=seed, **common), origin)

    def sampled(name: str, seed: int) -> tuple[TextureMaps, str]:
        index, _ = pick(net, name, start(name, seed), exemplar)
        maps = sample_texture(name, seed=seed, exemplar=exemplar, **common)
        return maps, net.exemplars[index].name

    return sampled
