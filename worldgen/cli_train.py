"""The shell's door to training."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from worldgen.cli_options import (
    Data,
    Device,
    HeldOut,
    Minutes,
    Output,
    Quiet,
    Resume,
    Seed,
    Spacing,
    Steps,
    Threads,
    data_folder,
)
from worldgen.cli_progress import ProgressCallback, progress_bars
from worldgen.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

Settings = TypeVar("Settings", bound="BaseModel")

train = typer.Typer(help="Train a net on your own data.", no_args_is_help=True)


@train.command("terrain")
def train_terrain(
    data: Data,
    output: Output = Path("out/terrain_amplifier.safetensors"),
    spacing: Spacing = None,
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
        data=data_folder(data),
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
        data=data_folder(data),
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
    spacing: Spacing = None,
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
        data=data_folder(data),
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
    objective: Annotated[
        str, typer.Option(help="vae, or autoencoder: the plain baseline, by texels alone.")
    ] = "vae",
    bfloat16: Annotated[
        bool,
        typer.Option("--bfloat16", help="Half-width convolutions: faster with AVX-512 or AMX, else slower."),
    ] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Only print what the data hold, class by class.")
    ] = False,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Train the texture VAE on a folder of PBR materials, one folder a material."""
    if coverage:
        from worldgen.models.texture_coverage import coverage as survey
        from worldgen.models.texture_coverage import coverage_text

        typer.echo(coverage_text(survey(data_folder(data))))
        return
    from worldgen.models.texture_settings import TextureTrainConfig
    from worldgen.models.texture_train import train as run

    if minutes is None and steps is None:
        minutes = 60.0
    config = TextureTrainConfig(
        data=data_folder(data),
        output=_weight_file(output),
        objective=cast(Any, objective),
        seed=seed,
        steps=steps,
        minutes=minutes,
        threads=threads,
        leave_out=tuple(leave_out or ()),
        bfloat16=bfloat16,
        resume=resume,
    )
    with progress_bars(quiet) as report:
        run(config, lambda share, figures: report("train", round(1000 * share), 1000))
    if not quiet:
        typer.echo(str(output))


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
