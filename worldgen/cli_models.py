"""The shell's door to the nets: train and evaluate."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from worldgen.cli_progress import ProgressCallback, progress_bars
from worldgen.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel

Settings = TypeVar("Settings", bound="BaseModel")

train = typer.Typer(help="Train a net on your own data.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a net on places or materials it has not seen.", no_args_is_help=True)
sample = typer.Typer(help="Draw samples of what a net makes.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder of training data.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Weight file to write, .safetensors.")]
Minutes = Annotated[float | None, typer.Option(help="Stop after this time.")]
Steps = Annotated[int | None, typer.Option(help="Stop after so many steps.")]
Seed = Annotated[int, typer.Option(help="Decides all that is random.")]
Threads = Annotated[int, typer.Option(help="Threads of computation; 1 makes runs repeatable.")]
Resume = Annotated[bool, typer.Option(help="Go on from the last checkpoint beside the output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
HeldOut = Annotated[
    list[str] | None, typer.Option(help="Place kept for evaluation; repeatable. None: a tenth, by hash.")
]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Weights = Annotated[Path | None, typer.Option(help="Weight file; the shipped one by default.")]


@train.command("terrain")
def train_terrain(
    data: Data,
    output: Output = Path("out/terrain_amplifier.safetensors"),
    spacing: Annotated[
        float | None, typer.Option(help="Metres per cell, for files that do not say it.")
    ] = None,
    minutes: Minutes = None,
    steps: Steps = None,
    seed: Seed = 0,
    threads: Threads = 1,
    held_out: HeldOut = None,
    loss: Annotated[
        str, typer.Option(help="Adversarial loss: relativistic, non-saturating or hinge.")
    ] = "relativistic",
    optimiser: Annotated[str, typer.Option(help="adam or sgd (with momentum).")] = "adam",
    schedule: Annotated[
        str, typer.Option(help="How the learning rate falls: halving, cosine, step or constant.")
    ] = "halving",
    learning_rate: Annotated[
        float, typer.Option(help="At the first step; it falls to a fifth of it.")
    ] = 1e-3,
    batch: Annotated[int, typer.Option(help="Crops in a step.")] = 4,
    style: Annotated[
        str | None, typer.Option(help="Style of the land, such as alpine, where no index.csv says it.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Weight file to go on from; 'shipped' is the one in the package.")
    ] = None,
    device: Device = "auto",
    evaluate: Annotated[
        bool, typer.Option(help="Judge the net on held-out tiles at the end, for its model card.")
    ] = True,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Only print what the data hold, place by place.")
    ] = False,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the terrain amplifier on a folder of elevation files (.tif, .hgt, .png, .npy)."""
    from worldgen.models.terrain_coverage import coverage_text
    from worldgen.models.terrain_gan import WEIGHT_FILE
    from worldgen.models.terrain_train import TerrainTraining, survey
    from worldgen.models.terrain_train import train as run

    values: dict[str, Any] = {} if steps is None else {"steps": steps}
    config = _settings(
        TerrainTraining,
        data=_folder(data),
        output=_weight_file(output),
        spacing=spacing,
        minutes=minutes,
        seed=seed,
        threads=threads,
        held_out=tuple(held_out or ()),
        loss=loss,
        optimiser=optimiser,
        schedule=schedule,
        learning_rate=learning_rate,
        learning_rate_final=learning_rate / 5,
        batch=batch,
        style=style,
        device=device,
        evaluate=evaluate,
        start=WEIGHT_FILE if start == Path("shipped") else start,
        resume=resume,
        **values,
    )
    if coverage:
        text = coverage_text(survey(config))
        if not quiet:
            typer.echo(text)
        return

    def tell(text: str) -> None:  # through the stream that the progress bar redirects, so it stays below
        print(text, file=sys.stderr)

    with progress_bars(quiet) as report:
        path = run(config, _progress(report, "score", "ponding", "margin"), None if quiet else tell)
    if not quiet:
        typer.echo(str(path))


@train.command("relief")
def train_relief(
    data: Data,
    output: Output = Path("out/terrain_relief.safetensors"),
    made: Annotated[
        Path | None, typer.Option(help="Made relief, .npz; written first where it is not there.")
    ] = None,
    count: Annotated[int, typer.Option(help="Made windows of each style.")] = 30,
    minutes: Minutes = None,
    steps: Steps = None,
    seed: Seed = 0,
    threads: Threads = 1,
    held_out: HeldOut = None,
    batch: Annotated[int, typer.Option(help="Real crops in a step, and as many made ones.")] = 48,
    device: Device = "auto",
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the net that redraws the macro relief as land like yours; of use on a GPU only."""
    from worldgen.models.relief_train import ReliefTraining
    from worldgen.models.relief_train import train as run
    from worldgen.sampling import write_reliefs

    made = output.with_suffix(".made.npz") if made is None else made
    config = _settings(
        ReliefTraining,
        data=_folder(data),
        output=_weight_file(output),
        made=made,
        minutes=minutes,
        seed=seed,
        threads=threads,
        held_out=tuple(held_out or ()),
        batch=batch,
        device=device,
        resume=resume,
        **({} if steps is None else {"steps": steps}),
    )
    with progress_bars(quiet) as report:
        if not made.is_file():
            for done, total in write_reliefs(made, count=count, seed=seed):
                report("physics", done, total)
        path = run(config, _progress(report, "generator", "kept", "margin"))
    if not quiet:
        typer.echo(str(path))


@train.command("voids")
def train_voids(
    data: Data,
    output: Output = Path("out/terrain_voids.safetensors"),
    spacing: Annotated[
        float | None, typer.Option(help="Metres per cell, for files that do not say it.")
    ] = None,
    minutes: Minutes = None,
    steps: Steps = None,
    seed: Seed = 0,
    threads: Threads = 1,
    held_out: HeldOut = None,
    device: Device = "auto",
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the net that fills voids on a folder of elevation files."""
    from worldgen.models.void_train import VoidTraining
    from worldgen.models.void_train import train as run

    config = _settings(
        VoidTraining,
        data=_folder(data),
        output=_weight_file(output),
        spacing=spacing,
        minutes=minutes,
        seed=seed,
        threads=threads,
        held_out=tuple(held_out or ()),
        device=device,
        resume=resume,
        **({} if steps is None else {"steps": steps}),
    )
    with progress_bars(quiet) as report:
        path = run(config, _progress(report, "heights", "smooth", "roughness"))
    if not quiet:
        typer.echo(str(path))


@train.command("texture")
def train_texture(
    data: Data,
    output: Output = Path("out/texture_vae.safetensors"),
    minutes: Minutes = None,
    steps: Steps = None,
    seed: Seed = 0,
    threads: Threads = 1,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Class that is not trained on; repeatable.")
    ] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the texture VAE on a folder of PBR materials, one folder a material."""
    from worldgen.models.texture_train import TextureTrainConfig
    from worldgen.models.texture_train import train as run

    if minutes is None and steps is None:
        minutes = 60.0
    config = TextureTrainConfig(
        data=_folder(data),
        output=_weight_file(output),
        seed=seed,
        steps=steps,
        minutes=minutes,
        threads=threads,
        leave_out=tuple(leave_out or ()),
        resume=resume,
    )
    with progress_bars(quiet) as report:
        run(config, lambda share, figures: report("train", round(1000 * share), 1000))
    if not quiet:
        typer.echo(str(output))


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
    spacing: Annotated[
        float | None, typer.Option(help="Metres per cell, for files that do not say it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write the figures to as well.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG to write: real and made hillshades, shuffled; key beside it.")
    ] = None,
) -> None:
    """Judge learned terrain on held-out places, beside real land and baselines; prints JSON."""
    from worldgen.models import terrain_refinement

    if mode not in ("generate", "refine"):
        raise ConfigError(f"--mode: found '{mode}'; allowed: generate, refine")
    for option, path, suffix in (("--output", output, ".json"), ("--sheet", sheet, ".png")):
        if path is not None and path.suffix != suffix:
            raise ConfigError(f"{option}: found '{path}'; allowed: a name that ends in {suffix}")
    if mode == "refine":
        figures = terrain_refinement.evaluate(
            _folder(data), weights=weights, levels=levels, seed=seed, spacing=spacing, sheet=sheet
        )
    else:
        from worldgen.sampling import evaluate_samples

        figures = evaluate_samples(
            _folder(data),
            weights=weights,
            relief_weights=relief_weights,
            count=count,
            seed=seed,
            spacing=spacing,
            sheet=sheet,
        )
    _write_figures(figures, output)


@evaluate.command("voids")
def evaluate_voids(
    data: Data,
    weights: Weights = None,
    count: Annotated[int, typer.Option(help="Holes of each kind, size and spacing.", min=1)] = 8,
    seed: Seed = 0,
    spacing: Annotated[
        float | None, typer.Option(help="Metres per cell, for files that do not say it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write the figures to as well.")
    ] = None,
) -> None:
    """Fill holes in held-out land by the net and by scipy's interpolation; prints JSON."""
    from worldgen.models.void_judgement import evaluate as judge

    if output is not None and output.suffix != ".json":
        raise ConfigError(f"--output: found '{output}'; allowed: a name that ends in .json")
    figures = judge(_folder(data), weights=weights, count=count, seed=seed, spacing=spacing)
    _write_figures(figures, output)


@sample.command("terrain")
def sample_terrain(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tiles and index.csv.")],
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


def _write_figures(figures: dict[str, Any], output: Path | None) -> None:
    text = json.dumps(figures, indent=2)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"--data: found '{path}', which is no folder; allowed: a folder of training data")
    return path


def _weight_file(path: Path) -> Path:
    if path.suffix != ".safetensors":
        raise ConfigError(f"--output: found '{path}'; allowed: a name that ends in .safetensors")
    return path


def _progress(report: ProgressCallback, *names: str) -> Callable[[int, int, dict[str, float]], None]:
    """Show a run's steps with some of its figures, where a step has any."""

    def progress(step: int, total: int, figures: dict[str, float]) -> None:
        note = " ".join(f"{name} {figures[name]:.3f}" for name in names if name in figures)
        report("train", step, total, note)

    return progress


def _settings(kind: type[Settings], **values: Any) -> Settings:
    """Make settings from options; the first wrong value becomes one line."""
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + "-".join(str(part) for part in first["loc"][:1]).replace("_", "-")
        found = "" if option == "--" else f"{option}: found {first['input']!r}; "
        raise ConfigError(f"{found}{first['msg'][0].lower()}{first['msg'][1:]}") from None
