"""A trained amplifier's model card: data, settings, how to repeat the run, how it ended, held-out figures."""

from __future__ import annotations

import csv
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worldgen.models.checkpoint import read_record
from worldgen.models.markdown import table
from worldgen.models.run_settings import RunSettings
from worldgen.models.terrain_data import Tile
from worldgen.models.terrain_gan import WEIGHT_FILE, load_amplifier
from worldgen.models.terrain_refinement import FIGURES, judge, judgeable

JUDGED = 12  # most held-out tiles that are refined after training, some 3 s each
SIZES = (256, 128, 64)  # cells per side that are judged: the most for which some tile is twice as wide
# Settings that `worldgen train terrain` has options for; of the others a run tells in Python.
OPTIONS = (
    "data", "output", "spacing", "style", "start", "held_out", "seed", "steps", "batch", "loss", "optimiser",
    "schedule", "learning_rate", "threads", "device",
)  # fmt: skip


def held_out_figures(weights: Path, held_out: Sequence[Tile]) -> dict[str, Any] | str:
    """Judge the weights on at most JUDGED held-out tiles, of as many places as there are, ×8.

    Returns
    -------
    the dict of `terrain_refinement.evaluate` with the judged ``size``, or one sentence why there is none.
    """
    if not held_out:
        return "No place was held out."
    for size in SIZES:
        tiles = judgeable(held_out, size)
        if tiles:
            chosen = _of_many_places(tiles)[:JUDGED]
            return {**judge(chosen, load_amplifier(weights), size=size), "size": size}
    return f"No held-out tile is land without stripes and at least {2 * SIZES[-1]} cells wide."


def figures_text(judged: dict[str, Any] | str) -> str:
    """The held-out figures in a line to read."""
    if isinstance(judged, str):
        return judged
    spectra, slopes = (
        ", ".join(f"{kind} {judged['figures'][kind][name]:.3f}" for kind in ("amplifier", "smooth", "real"))
        for name in ("spectrum_distance", "slope_distance")
    )
    return f"{judged['tiles']} held-out tiles: spectrum distance {spectra}; slope distance {slopes}"


def _of_many_places(tiles: Sequence[Tile]) -> list[Tile]:
    """The first tile of each place, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for tile in tiles:
        turns.append(seen[tile.place])
        seen[tile.place] += 1
    order = sorted(range(len(tiles)), key=turns.__getitem__)
    return [tiles[position] for position in order]


def command_line(config: RunSettings) -> str:
    """The command that repeats a run or, where it has no options for all settings, the call in Python."""
    given = {name: getattr(config, name) for name in type(config).model_fields}
    defaults = {name: field.default for name, field in type(config).model_fields.items()}
    changed = {name: value for name, value in given.items() if value != defaults[name]}
    for name in (
        "minutes",
        "resume",
        "checkpoint_minutes",
        "log_every",
        "evaluate",
    ):  # no part in the weights
        changed.pop(name, None)
    if config.learning_rate_final == config.learning_rate / 5:  # as the command sets it
        changed.pop("learning_rate_final", None)
    if changed.keys() <= set(OPTIONS):
        words = ["worldgen", "train", "terrain"]
        for name in OPTIONS:
            values = changed.get(name, ())
            for value in values if isinstance(values, tuple) else (values,):
                word = "shipped" if name == "start" and value == WEIGHT_FILE else str(value)
                words += [f"--{name.replace('_', '-')}", word]
        return shlex.join(words)
    arguments = ", ".join(
        f"{name}={(str(value) if isinstance(value, Path) else value)!r}" for name, value in changed.items()
    )
    return f"terrain_train.train(TerrainTraining({arguments}))"


def card_text(
    config: RunSettings, record: dict[str, Any], covered: dict[str, Any], judged: dict[str, Any] | str
) -> str:
    """The card in Markdown, from the weights' record, `terrain_coverage.coverage` and `held_out_figures`."""
    training = record["training"]
    done = training["steps"]
    steps = f"{done} steps of {config.batch} crops in {training['minutes']} minutes"
    # the cosine looks ahead to the last step, so a run that was stopped before cannot be told in fewer
    whole = config.schedule == "cosine" and done < config.steps
    command = command_line(config if whole else config.model_copy(update={"steps": done}))
    parts = [
        f"# Model card: {config.output.stem}",
        f"A terrain amplifier of worldgen, trained for {steps}.",
        f"`{config.output.name}` has the SHA-256 `{record['sha256']}`.",
        "## Data",
        *_data(training, covered),
        "## Training",
        f"```\n{command}\n```",
        f"This{f', stopped after {done} steps,' if whole else ''} repeats the run: bit for bit on one "
        "thread of one machine, unless it was resumed with other settings.",
        table(("setting", "value"), sorted(training["settings"].items())),
        "## How it ended",
        *_curves(config.output.with_suffix(".curves.csv")),
        "## Held-out land",
        *([judged] if isinstance(judged, str) else _figures(judged)),
    ]
    return "\n\n".join(parts) + "\n"


def write_card(config: RunSettings, covered: dict[str, Any], judged: dict[str, Any] | str) -> Path:
    """Write ``NAME.md`` beside the weights of a finished run and return its path."""
    path = config.output.with_suffix(".md")
    path.write_text(card_text(config, read_record(config.output), covered, judged), encoding="utf-8")
    return path


def _data(training: dict[str, Any], covered: dict[str, Any]) -> list[str]:
    rows = []
    for row in covered["places"]:
        spacing = " to ".join(f"{value:.4g}" for value in dict.fromkeys(row["spacing"]))
        elevation = " to ".join(f"{value:.0f}" for value in row["elevation"])
        split = "held out" if row["held_out"] else "training"
        style = ", ".join(row["styles"])
        rows.append((row["place"], split, row["tiles"], spacing, style, elevation, f"{row['kept']:.0%}"))
    parts = [
        table(("place", "for", "tiles", "m per cell", "style", "elevation, m", "crops that teach"), rows)
    ]
    missing = {"styles": covered["styles_missing"], "metres per cell": covered["octaves_missing"]}
    parts += [f"Not trained on: {name} {', '.join(gaps)}." for name, gaps in missing.items() if gaps]
    none = "The data name no licences (a column `licence` of an `index.csv` would)."
    parts += (
        ["Licences of the training data:", _list(training["licences"])] if training["licences"] else [none]
    )
    start = training.get("start")
    if start:
        parts.append(
            f"The run started from weights with the SHA-256 `{start['sha256']}`, which had been trained on "
            f"{len(start.get('training_places', ()))} places. Licences of those data:"
        )
        parts.append(_list(start.get("licences", ())) or "None are named.")
        known = sorted(set(training["held_out_places"]) & set(start.get("training_places", ())))
        parts += [f"Held out here, but trained on there: {', '.join(known)}."] if known else []
    return parts


def _list(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _curves(path: Path) -> list[str]:
    if not path.is_file():
        return ["The run was too short for curves."]
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[-10:]
    names = [name for name in rows[0] if name not in ("step", "seconds")]
    means = [(name, f"{sum(float(row[name]) for row in rows) / len(rows):.4f}") for name in names]
    first, last = rows[0]["step"], rows[-1]["step"]
    return [f"Means over rows of `{path.name}`, steps {first} to {last}.", table(("figure", "mean"), means)]


def _figures(judged: dict[str, Any]) -> list[str]:
    rows = [
        (kind, *(f"{values[name]:.5f}" for name in FIGURES)) for kind, values in judged["figures"].items()
    ]
    how = (
        f"{judged['tiles']} tiles of {', '.join(judged['places'])}, coarsened {2 ** judged['levels']}-fold "
        f"and refined again, judged on the middle {judged['size']} cells. Distances compare one half of a "
        "tile with the real other half, so real land is the floor. Smooth, fractal and phase are baselines."
    )
    return [how, table(("", *(name.replace("_", " ") for name in FIGURES)), rows)]
