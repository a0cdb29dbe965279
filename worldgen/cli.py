"""The shell's door: parses arguments, shows progress, prints results. All work is done elsewhere.

Exit codes: 0 done, 1 failed, 2 wrong input (arguments, config, files given), 130 interrupted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worldgen import __version__
from worldgen.errors import ConfigError, InputError, WorldgenError

if TYPE_CHECKING:
    from worldgen.config import WorldConfig

ProgressCallback = Callable[[str, int, int], None]

app = typer.Typer(
    help="Virtual environments from a seed: learned terrain, learned materials, placed objects, engine files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(help="Train a net on your own data.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a net on places or materials it has not seen.", no_args_is_help=True)
sample = typer.Typer(help="Write samples of a net.", no_args_is_help=True)
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")
app.add_typer(sample, name="sample")

ConfigFile = Annotated[Path | None, typer.Argument(help="TOML file; without one, a preset is built.")]
Preset = Annotated[str | None, typer.Option(help="Named starting point; see `worldgen presets`.")]
Seed = Annotated[int | None, typer.Option(help="Decides everything that is random.")]
Size = Annotated[int | None, typer.Option(help="Vertices per side.")]
Spacing = Annotated[float | None, typer.Option(help="Metres between vertices.")]
Dem = Annotated[Path | None, typer.Option(help="Build on this elevation file: .tif, .hgt, .png or .npy.")]
DemSpacing = Annotated[float | None, typer.Option(help="Metres per pixel of --dem, if it does not say.")]
DemScale = Annotated[float | None, typer.Option(help="Metres per unit of --dem.")]
DemOffset = Annotated[float | None, typer.Option(help="Metres added to --dem after scaling.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any key of the config, for example --set terrain.relief=800. Repeatable."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def build(
    config: ConfigFile = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", "-o", help="File to write: .glb .gltf .obj .png .r16. Repeatable."),
    ] = None,
    preset: Preset = None,
    seed: Seed = None,
    size: Size = None,
    spacing: Spacing = None,
    dem: Dem = None,
    dem_spacing: DemSpacing = None,
    dem_scale: DemScale = None,
    dem_offset: DemOffset = None,
    set_: Set = None,
    level: Annotated[int, typer.Option(help="Terrain level of detail of scene files; 0 is the finest.")] = 0,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Build a world and write it."""
    paths = output or [Path("out/world.glb")]
    world_config = _config(config, preset, seed, size, spacing, set_, dem, dem_spacing, dem_scale, dem_offset)
    from worldgen.build import build as build_world
    from worldgen.export import check_paths

    check_paths(paths)
    start = time.perf_counter()
    with _progress(quiet or json_) as progress:
        world = build_world(world_config, progress=progress)
        written = world.export(*paths, level=level, progress=progress)
    seconds = round(time.perf_counter() - start, 2)
    if json_:
        result = {
            "config": world_config.values(),
            "files": [{"path": str(path), "bytes": path.stat().st_size} for path in written],
            "placements": {placement.name: len(placement) for placement in world.placements},
            "elevation": [world.heightmap.minimum, world.heightmap.maximum],
            "seconds": seconds,
        }
        typer.echo(json.dumps(result))
    elif not quiet:
        for path in written:
            typer.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
        typer.echo(f"{sum(len(placement) for placement in world.placements)} objects, {seconds} s")


@app.command()
def presets(json_: Json = False) -> None:
    """List the presets."""
    from worldgen.config import WorldConfig, preset_names

    configs = {name: WorldConfig(preset=name) for name in preset_names()}
    if json_:
        typer.echo(json.dumps({name: config.values() for name, config in configs.items()}))
        return
    for name, config in configs.items():
        terrain = config.terrain
        typer.echo(
            f"{name:12}  {terrain.shape:8} {terrain.relief:6.0f} m relief, "
            f"{config.climate.temperature:5.1f} °C, moisture {config.climate.moisture:.2f}, "
            f"{config.spacing:g} m spacing"
        )


@app.command()
def schema() -> None:
    """Print the config's JSON schema, for editors."""
    from worldgen.config import WorldConfig

    typer.echo(json.dumps(WorldConfig.model_json_schema(), indent=2))


@app.command()
def preview(
    config: ConfigFile = None,
    preset: Preset = None,
    seed: Seed = None,
    size: Size = None,
    spacing: Spacing = None,
    dem: Dem = None,
    dem_spacing: DemSpacing = None,
    dem_scale: DemScale = None,
    dem_offset: DemOffset = None,
    set_: Set = None,
    screenshot: Annotated[
        Path | None, typer.Option(help="Write a picture instead of opening a window; needs no display.")
    ] = None,
    view: Annotated[str, typer.Option(help="hero, iso, top or ground.")] = "hero",
    quiet: Quiet = False,
) -> None:
    """Build a world and look at it."""
    world_config = _config(config, preset, seed, size, spacing, set_, dem, dem_spacing, dem_scale, dem_offset)
    from worldgen.build import build as build_world
    from worldgen.preview import check_rendering

    check_rendering(offscreen=screenshot is not None)
    with _progress(quiet) as progress:
        world = build_world(world_config, progress=progress)
        if screenshot is not None:
            progress("draw", 0, 1)
            world.screenshot(screenshot, view=view)
            progress("draw", 1, 1)
    if screenshot is None:
        world.preview(view=view)
    elif not quiet:
        typer.echo(str(screenshot))


def _config(
    file: Path | None,
    preset: str | None,
    seed: int | None,
    size: int | None,
    spacing: float | None,
    assignments: list[str] | None,
    dem: Path | None,
    dem_spacing: float | None,
    dem_scale: float | None,
    dem_offset: float | None,
) -> WorldConfig:
    from worldgen.config import WorldConfig

    given = {"preset": preset, "seed": seed, "size": size, "spacing": spacing}
    values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    terrain = {"dem_spacing": dem_spacing, "dem_scale": dem_scale, "dem_offset": dem_offset}
    terrain = {key: value for key, value in terrain.items() if value is not None}
    if dem is not None:
        # A spacing that is asked for cuts the file's middle; else the whole file is covered.
        values["terrain"] = {"source": "dem", "dem": str(dem), "dem_fit": spacing is None, **terrain}
    elif terrain:
        raise ConfigError(f"--{next(iter(terrain)).replace('_', '-')} needs --dem, an elevation file")
    for assignment in assignments or []:
        _assign(values, assignment)
    return WorldConfig.from_toml(file, **values) if file else WorldConfig(**values)


def _assign(values: dict[str, Any], assignment: str) -> None:
    """Put ``a.b=value`` into nested dicts; the value is read as JSON where it is JSON, else as text."""
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set: found '{assignment}'; allowed: KEY=VALUE, for example terrain.relief=800")
    *tables, name = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
    try:
        values[name] = json.loads(text)
    except ValueError:
        values[name] = text


@contextmanager
def _progress(quiet: bool) -> Iterator[ProgressCallback]:
    """Yield a callback (stage, done, all) that draws a bar where standard error is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description:14}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def main() -> None:
    """Run the command line; errors raised on purpose become one line and an exit code."""
    try:
        app()
    except (ConfigError, InputError) as error:
        _fail(error, 2)
    except WorldgenError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        _fail(WorldgenError("interrupted"), 130)


def _fail(error: Exception, code: int) -> None:
    typer.echo(f"worldgen: {error}", err=True)
    raise SystemExit(code)
