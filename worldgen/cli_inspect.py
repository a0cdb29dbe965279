"""The shell's door to inspection: figures of a file, and whether it fits a target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from worldgen.export.budgets import Budget, Check
    from worldgen.export.costs import Inspection

MARKS = {"ok": "ok", "tight": "tight", "over": "OVER"}
WIDTH = 120  # of tables that go to a file or a pipe


def inspect(
    file: Annotated[
        Path, typer.Argument(help=".glb .gltf .obj .usdz, a tileset.json, or a .png or .r16 heightmap.")
    ],
    target: Annotated[
        str | None,
        typer.Option(help="Measure it against a budget: quest2, quest3, web, mobile, desktop, unity, …"),
    ] = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="Also list the nodes, the costliest first.")] = False,
    rows: Annotated[int, typer.Option(help="Rows of --nodes; 0 for all.", min=0)] = 30,
    json_: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what a file costs to draw and to hold, and whether it fits a target; exit code 1 if it does not."""
    from worldgen.export.budgets import budget_named, check
    from worldgen.export.inspection import inspect_file

    budget = None if target is None else budget_named(target)
    inspection = inspect_file(file)
    checks = [] if budget is None else check(inspection, budget)
    passed = all(row.verdict != "over" for row in checks)
    if json_:
        result = inspection.to_dict()
        if not nodes:
            del result["rows"]
        if budget is not None:
            result |= {"target": target, "passed": passed, "checks": [row.to_dict() for row in checks]}
        typer.echo(json.dumps(result, indent=2, default=str))
    else:
        for line in summary(inspection):
            typer.echo(line)
        if nodes and inspection.rows:
            _print_nodes(inspection, rows)
        if budget is not None:
            _print_checks(budget, checks, passed)
    if not passed:
        raise typer.Exit(1)


def summary(inspection: Inspection) -> list[str]:
    """Return the figures as lines of text."""
    from worldgen.export.inspection_text import lines

    return lines(inspection)


def _print_nodes(inspection: Inspection, limit: int) -> None:
    from rich.table import Table

    table = Table("node", box=None, pad_edge=False)
    for heading in ("triangles", "draw calls", "placed", "textures", "size, m"):
        table.add_column(heading, justify="right")
    shown = inspection.rows[:limit] if limit else inspection.rows
    for row in shown:
        size = " x ".join(f"{metres:.4g}" for metres in row.size) if row.size else "?"
        name = row.name if row.nodes == 1 else f"{row.name} and {row.nodes - 1} like it"
        figures = (f"{row.triangles:,}", f"{row.draw_calls:,}", f"{row.instances:,}")
        table.add_row(_plain(name), *figures, f"{row.texture_memory_bytes / 1e6:.1f} MB", size)
    _print(table)
    if len(shown) < len(inspection.rows):
        typer.echo(f"and {len(inspection.rows) - len(shown)} more; --rows 0 lists all")


def _print_checks(budget: Budget, checks: list[Check], passed: bool) -> None:
    from rich.table import Table

    title = f"{budget.name} ({budget.purpose}): {'fits' if passed else 'does not fit'}"
    table = Table(box=None, pad_edge=False)
    for heading in ("", "", "found", "allowed", "what to turn down"):
        table.add_column(heading, justify="right" if heading in ("found", "allowed") else "left")
    for row in checks:
        table.add_row(MARKS[row.verdict], row.metric, *map(_plain, (row.found, row.allowed, row.advice)))
    typer.echo(f"\n{title}")
    _print(table)


def _plain(text: str) -> str:
    """Return a text that rich prints as it is."""
    from rich.markup import escape

    return escape(text)


def _print(table: object) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(table)
