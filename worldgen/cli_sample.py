"""The shell's door to samples: tiles of learned terrain, folders of learned materials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from worldgen.cli_options import Quiet, Seed, Weights
from worldgen.cli_progress import progress_bars
from worldgen.errors import ConfigError, nearest

sample = typer.Typer(help="Draw samples of what a net makes.", no_args_is_help=True)

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the samples and index.csv.")]


@sample.command("terrain")
def sample_terrain(
    output: Output,
    style: Annotated[str, typer.Option(help="Style of land, or all.")] = "all",
    count: Annotated[int, typer.Option(help="Tiles of each style.")] = 4,
    size: Annotated[int, typer.Option(help="Cells per side.")] = 256,
    spacing: Annotated[float, typer.Option(help="Metres between cells.")] = 30.0,
    stage: Annotated[
        str, typer.Option(help="raw: what the nets give; final: after the drainage pass.")
    ] = "raw",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Write tiles of learned terrain as .npy (float32 metres, row 0 north) and an index.csv."""
    from worldgen.landscapes import LANDSCAPES
    from worldgen.sampling import write_samples

    if style != "all" and style not in LANDSCAPES:
        raise ConfigError(f"--style: found '{style}'; {nearest(style, [*LANDSCAPES, 'all'])}")
    if stage not in ("raw", "final"):
        raise ConfigError(f"--stage: found '{stage}'; allowed: raw, final")
    styles = list(LANDSCAPES) if style == "all" else [style]
    tiles = write_samples(
        output, styles, count=count, size=size, spacing=spacing, stage=cast(Any, stage), seed=seed
    )
    with progress_bars(quiet) as report:
        for done, _ in enumerate(tiles, 1):
            report("sample", done, count * len(styles))
    if not quiet:
        typer.echo(str(output / "index.csv"))


@sample.command("texture")
def sample_texture(
    output: Output,
    class_name: Annotated[str, typer.Option("--class", help="Class of material, or all.")] = "all",
    count: Annotated[int, typer.Option(help="Materials of each class.")] = 4,
    size: Annotated[int, typer.Option(help="Texels per side.")] = 512,
    seed: Seed = 0,
    exemplar: Annotated[str | None, typer.Option(help="Vary this material of the class.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Photograph, or folder of PBR maps, to make tileable variations of."),
    ] = None,
    mix: Annotated[str | None, typer.Option(help="Class to go towards.")] = None,
    share: Annotated[float, typer.Option(help="How far to go towards --mix, 0 to 1.")] = 0.5,
    palette: Annotated[
        list[str] | None,
        typer.Option(help="#rrggbb, repeatable from dark to light, or one picture to take the colours of."),
    ] = None,
    roughness: Annotated[float | None, typer.Option(help="Mean roughness, 0 to 1.")] = None,
    wetness: Annotated[float, typer.Option(help="0 dry to 1; puddles from 0.35 on.")] = 0.0,
    moss: Annotated[float, typer.Option(help="Share of the ground under moss, 0 to 1.")] = 0.0,
    snow: Annotated[float, typer.Option(help="Share of the ground under snow, 0 to 1.")] = 0.0,
    stone_size: Annotated[float, typer.Option(help="Size of the features, 0.5 to 2 times.")] = 1.0,
    contrast: Annotated[float, typer.Option(help="Contrast of base color, 0 to 3 times.")] = 1.0,
    weights: Weights = None,
    quiet: Quiet = False,
) -> None:
    """Write tileable materials, each a folder of PNGs: base_color, normal, roughness, occlusion, height."""
    from worldgen.models.texture_controls import TextureControls
    from worldgen.models.texture_vae import load_texture_vae
    from worldgen.texture_files import write_samples

    controls = TextureControls(
        palette=_palette(palette),
        roughness=roughness,
        wetness=wetness,
        moss=moss,
        snow=snow,
        stone_size=stone_size,
        contrast=contrast,
    )
    net = load_texture_vae(weights)
    if class_name == "all" and (source or exemplar or mix):
        raise ConfigError("--class: found 'all'; allowed with --from, --exemplar and --mix: one class")
    if class_name not in ("all", *net.classes()):
        raise ConfigError(f"--class: found '{class_name}'; {nearest(class_name, [*net.classes(), 'all'])}")
    names = net.classes() if class_name == "all" else [class_name]
    folders = write_samples(
        output,
        names,
        count=count,
        size=size,
        seed=seed,
        net=net,
        exemplar=exemplar,
        controls=controls,
        source=source,
        mix=mix,
        share=share,
    )
    with progress_bars(quiet) as report:
        for done, _ in enumerate(folders, 1):
            report("sample", done, count * len(names))
    if not quiet:
        typer.echo(str(output / "index.csv"))


def _palette(given: list[str] | None) -> Any:
    """Colours as a tuple, or the pixels of the one picture."""
    from worldgen.texture_files import read_picture

    if not given:
        return None
    if len(given) == 1 and not given[0].startswith("#"):
        if not Path(given[0]).is_file():
            raise ConfigError(f"--palette: found '{given[0]}'; allowed: #rrggbb or a picture file")
        return read_picture(Path(given[0]))
    return tuple(given)
