"""Options and checks that the shell's commands for nets share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worldgen.errors import ConfigError

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
Spacing = Annotated[float | None, typer.Option(help="Metres per cell, for files that do not say it.")]
Figures = Annotated[
    Path | None, typer.Option("--output", "-o", help="JSON file to write the figures to as well.")
]
Weights = Annotated[Path | None, typer.Option(help="Weight file; the shipped one by default.")]


def data_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"--data: found '{path}', which is no folder; allowed: a folder of training data")
    return path
