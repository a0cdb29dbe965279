"""OpenUSD: ``.usdc`` (binary), ``.usda`` (text) and ``.usdz`` (one package with its images).

>>> write_usd(scene, Path("out/alpine.usdc"))                  # doctest: +SKIP
[PosixPath('out/textures/alpine_bark_base_color.jpg'), ..., PosixPath('out/alpine.usdc')]

The stage is in metres, y up, and below one default prim, so that it can be referenced as an asset: see
`worldgen.export.usd_stage` for the tree. Placed objects are point instancers and the sun a distant light. A
``.usdz`` is for Apple's AR Quick Look, which reads neither, so there each object is an instanceable prim and
no light is written; ``objects="instancing"`` writes the package like the other two.

Fields of `ExportOptions` that count: ``image_format`` (what the USD core cannot read, WebP and KTX2, becomes
JPEG), ``maximum_texture``, ``quality``, ``normal_quality`` and ``threads``; ``objects`` only as told above;
``cell_size``, the squares that instancers are cut into; ``levels`` for variant sets named ``LOD``;
``colliders``, where any value writes guides with UsdPhysics; ``light_scale``. Normal maps keep +y whatever
``normal_y`` says, for UsdPreviewSurface has that rule. Vertices are float32 whatever ``quantize`` and
``compression`` say: ``.usdc`` packs whole numbers, so indices, without loss.

Needs the package ``usd-core`` (``pip install 'worldgen[usd]'``), under the Tomorrow Open Source Technology
License 1.0: Apache-2.0 but for its section on trademarks.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from worldgen.errors import ExportError, MissingExtraError
from worldgen.export.files import FileSet
from worldgen.export.images import encode_images, safe_name
from worldgen.export.options import ExportOptions
from worldgen.export.usdz import write_package
from worldgen.scene import Scene


def write_usd(scene: Scene, path: Path, options: ExportOptions | None = None) -> list[Path]:
    """Write a scene as the suffix says and return all paths, the stage last.

    ``.usdc`` and ``.usda`` have ``textures/NAME_*`` beside them; a ``.usdz`` holds them. The same scene and
    options give the same bytes with one version of usd-core; others may lay out a ``.usdc`` differently.

    Raises
    ------
    MissingExtraError : usd-core is not installed.
    ExportError : a value is not finite, the package would pass 4 GiB, or a file cannot be written.
    """
    try:
        import pxr  # noqa: F401
    except ImportError:
        raise MissingExtraError("usd-core", "usd", f"writing {path.name}") from None
    from worldgen.export.usd_stage import WorldStage

    options = options or ExportOptions()
    suffix = path.suffix.lower()
    packed = suffix == ".usdz"
    options = replace(
        options,
        image_format="png" if options.image_format == "png" else "jpeg",
        normal_y="+",
    )
    stem = safe_name(path.stem)
    stage = WorldStage(scene, options, portable=packed and options.objects != "instancing")
    images = encode_images(stage.materials.images.sources, options)
    names = [f"textures/{stem}_{image.name}{image.suffix}" for image in images]
    stage.materials.name_files([f"./{name}" for name in names])
    with TemporaryDirectory(prefix="worldgen-") as folder, FileSet() as files:
        # USD takes the format from the suffix, which a part file does not have.
        layer = Path(folder) / (f"{stem}.usda" if suffix == ".usda" else f"{stem}.usdc")
        try:
            stage.save(layer)
        except OSError as error:
            raise ExportError(f"cannot write {path}: {error}") from error
        if packed:
            with files.open(path) as stream:
                write_package(
                    stream,
                    [(layer.name, layer), *((n, i.data) for n, i in zip(names, images, strict=True))],
                )
        else:
            for name, image in zip(names, images, strict=True):
                files.write(path.parent / name, image.data)
            with files.open(path) as stream, layer.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
    return files.paths
