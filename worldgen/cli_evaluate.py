"""The shell's door to evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from worldgen.cli_options import Data, Figures, Quiet, Seed, Spacing, Weights, data_folder
from worldgen.cli_progress import progress_bars
from worldgen.errors import ConfigError

evaluate = typer.Typer(help="Measure a net on places or materials it has not seen.", no_args_is_help=True)


@evaluate.command("terrain")
def evaluate_terrain(
    data: Data,
    mode: Annotated[
        str,
        typer.Option(help="generate: land drawn from nothing; refine: held-out land, coarsened and refined."),
    ] = "generate",
    weights: Weights = None,
    relief_weights: Annotated[
        Path | None, typer.Option(help="generate: weight file of the relief net; the shipped one by default.")
    ] = None,
    levels: Annotated[int, typer.Option(help="refine: doublings between coarsened and judged map.")] = 3,
    count: Annotated[int, typer.Option(help="generate: maps of each style and spacing.")] = 16,
    seed: Seed = 0,
    spacing: Spacing = None,
    output: Figures = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG to write: real and made hillshades, shuffled; key beside it.")
    ] = None,
) -> None:
    """Judge learned terrain on held-out places, beside real land and baselines; prints JSON."""
    from worldgen.models import terrain_refinement

    if mode not in ("generate", "refine"):
        raise ConfigError(f"--mode: found '{mode}'; allowed: generate, refine")
    _check_names(("--output", output, ".json"), ("--sheet", sheet, ".png"))
    if mode == "refine":
        figures = terrain_refinement.evaluate(
            data_folder(data), weights=weights, levels=levels, seed=seed, spacing=spacing, sheet=sheet
        )
    else:
        from worldgen.sampling import evaluate_samples

        figures = evaluate_samples(
            data_folder(data),
            weights=weights,
            relief_weights=relief_weights,
            count=count,
            seed=seed,
            spacing=spacing,
            sheet=sheet,
        )
    _print_figures(figures, output)


@evaluate.command("voids")
def evaluate_voids(
    data: Data,
    weights: Weights = None,
    count: Annotated[int, typer.Option(help="Holes of each kind, size and spacing.", min=1)] = 8,
    seed: Seed = 0,
    spacing: Spacing = None,
    output: Figures = None,
) -> None:
    """Fill holes in held-out land by the net and by scipy's interpolation; prints JSON."""
    from worldgen.models.void_judgement import evaluate as judge

    _check_names(("--output", output, ".json"))
    figures = judge(data_folder(data), weights=weights, count=count, seed=seed, spacing=spacing)
    _print_figures(figures, output)


@evaluate.command("texture")
def evaluate_texture(
    data: Data,
    weights: Weights = None,
    autoencoder: Annotated[
        Path | None, typer.Option(help="Weight file of a plain autoencoder, as a second baseline.")
    ] = None,
    count: Annotated[int, typer.Option(help="Samples of each class.")] = 4,
    size: Annotated[int, typer.Option(help="Texels per side of a sample, a multiple of 256.")] = 512,
    seed: Seed = 0,
    output: Figures = None,
    card: Annotated[
        Path | None, typer.Option(help="Markdown file to write the figures to, as tables.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG to write: real and made materials on spheres and planes.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Judge the texture net on held-out materials, beside real ones and baselines; prints JSON."""
    _check_names(("--output", output, ".json"), ("--card", card, ".md"), ("--sheet", sheet, ".png"))
    from worldgen.models.texture_card import tables_text
    from worldgen.models.texture_judgement import evaluate

    with progress_bars(quiet) as report:
        figures = evaluate(
            data_folder(data),
            weights=weights,
            autoencoder=autoencoder,
            count=count,
            size=size,
            seed=seed,
            sheet=sheet,
            progress=lambda done, total: report("sample", done, total),
        )
    if card is not None:
        card.parent.mkdir(parents=True, exist_ok=True)
        card.write_text(tables_text(figures), encoding="utf-8")
    _print_figures(figures, output)


def _check_names(*options: tuple[str, Path | None, str]) -> None:
    """Refuse files to write whose names don't end in what they will hold."""
    for option, path, suffix in options:
        if path is not None and path.suffix != suffix:
            raise ConfigError(f"{option}: found '{path}'; allowed: a name that ends in {suffix}")


def _print_figures(figures: dict[str, Any], output: Path | None) -> None:
    text = json.dumps(figures, indent=2)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")
    typer.echo(text)
