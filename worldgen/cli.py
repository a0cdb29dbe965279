"""The shell's door: parses arguments, shows progress, prints results. All work is done elsewhere.

Exit codes: 0 done, 1 failed or over budget, 2 wrong input (arguments, config, files given), 130 interrupted.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worldgen import __version__, cli_evaluate, cli_inspect, cli_sample, cli_train
from worldgen.cli_progress import progress_bars
from worldgen.errors import ConfigError, InputError, WorldgenError

if TYPE_CHECKING:
    from worldgen.config import WorldConfig

app = typer.Typer(
    help="Virtual environments from a seed: learned terrain and materials, placed objects, engine files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_train.train, name="train")
app.add_typer(cli_evaluate.evaluate, name="evaluate")
app.add_typer(cli_sample.sample, name="sample")
app.command("inspect")(cli_inspect.inspect)

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
        typer.Option(
            "--output", "-o", help="File to write: .glb .gltf .obj .usdc .usda .usdz .png .r16. Repeatable."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="portable, web, vr, godot, unity, unreal, blender or tiles: files as it reads them; an "
            "--output without suffix is a folder of all that it takes."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="One option of the target, for example --option objects=nodes. Repeatable."),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="maps: --output is a folder of arrays, tables and rivers, for any tool."
        ),
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
    is_folder = format_ is not None or target is not None
    paths = output or [Path("out/world" if is_folder else "out/world.glb")]
    world_config = _config(config, preset, seed, size, spacing, set_, dem, dem_spacing, dem_scale, dem_offset)
    from worldgen.build import build as build_world
    from worldgen.export import check_extras, check_paths
    from worldgen.export.targets import target_named, with_options

    check_paths(paths, format_, target)
    options = target_named(target or "portable").options_for(world_config.output.image_format)
    options = with_options(options, _assigned(option or []))
    check_extras(paths, options)
    start = time.perf_counter()
    with progress_bars(quiet or json_) as progress:
        world = build_world(world_config, progress=progress)
        written = world.export(
            *paths, target=target, format=format_, level=level, options=options, progress=progress
        )
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
        for path in paths:
            place = path.resolve()
            size = sum(f.stat().st_size for f in written if place in (f.resolve(), f.resolve().parent))
            typer.echo(f"{path}  {size / 1e6:.1f} MB")
        objects = sum(len(placement) for placement in world.placements)
        low, high = world.heightmap.minimum, world.heightmap.maximum
        typer.echo(f"{len(written)} files; {low:.0f} to {high:.0f} m, {objects} objects, {seconds} s")


@app.command("fill-voids")
def fill_voids(
    dem: Annotated[Path, typer.Argument(help="Elevation file: .tif, .hgt, .png or .npy (NaN in voids).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .npy: float32 metres.")],
    spacing: Annotated[float | None, typer.Option(help="Metres per pixel, if the file does not say.")] = None,
    detail: Annotated[
        bool, typer.Option(help="Voids as rough as the land around, or the closest guess, which is smoother.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Decides the detail.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Fill the cells without data of an elevation file as land, by a net."""
    import numpy as np

    from worldgen.dem import read_dem
    from worldgen.models import fill_voids as fill

    if output.suffix != ".npy":
        raise ConfigError(f"--output: found '{output}'; allowed: a name that ends in .npy")
    source = read_dem(dem, spacing=spacing)
    marked = np.where(source.nodata, np.float32(np.nan), source.elevation)
    filled = fill(marked, source.grid.spacing, detail=detail, seed=seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    np.save(output, filled)
    if not quiet:
        typer.echo(f"{output}  {int(source.nodata.sum())} of {filled.size} cells filled")


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
    from worldgen.preview import check_display, check_offscreen
    from worldgen.preview_camera import check_view

    # Before the building, so that nobody waits for a picture that cannot be shown.
    check_view(view)
    if screenshot is None:
        check_display()
    else:
        check_offscreen(screenshot)
    from worldgen.build import build as build_world

    with progress_bars(quiet) as progress:
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


def _assigned(assignments: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` texts as a dict."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        _assign(values, assignment, "--option: found '{}'; allowed: KEY=VALUE, for example objects=nodes")
    return values


def _assign(
    values: dict[str, Any],
    assignment: str,
    refusal: str = "--set: found '{}'; allowed: KEY=VALUE, for example terrain.relief=800",
) -> None:
    """Put ``a.b=value`` into nested dicts; the value is read as JSON where it is JSON, else as text."""
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(refusal.format(assignment))
    *tables, name = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
    try:
        values[name] = json.loads(text)
    except ValueError:
        values[name] = text


def main() -> None:
    """Run the command line; whatever goes wrong on purpose becomes one line and an exit code."""
    code = None
    try:
        code = app(standalone_mode=False)  # what a command gave to typer.Exit
    except (ConfigError, InputError) as error:
        _fail(str(error), 2)
    except WorldgenError as error:
        _fail(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except OSError as error:
        _fail(str(error), 1)
    except Exception as error:
        # Usage errors of the argument parser, whose classes moved between versions of typer.
        if not hasattr(error, "format_message"):
            raise
        _fail(error.format_message(), 2)
    if code:
        raise SystemExit(code)


def _fail(message: str, code: int) -> None:
    if message:  # empty where the help was printed instead
        typer.echo(f"worldgen: {message}", err=True)
    raise SystemExit(code)
