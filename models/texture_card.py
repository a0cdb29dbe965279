"""The report of `texture_judgement` as tables of a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worldgen.models.markdown import table
from worldgen.models.texture_distances import DISTANCES
from worldgen.models.texture_judgement import BANDS

MANIFOLD = ("precision", "recall", "density", "coverage")
COMPARISONS = {
    "with_held_out": "Beside held-out materials",
    "with_exemplars": "Beside the varied materials themselves",
}


def tables_text(report: Mapping[str, Any]) -> str:
    """Markdown: goals, reconstruction, both comparisons overall and by class, seams, repetition, memory."""
    goals = [
        (name.replace("_", " "), _text(one["value"]), one["goal"], "yes" if one["met"] else "no")
        for name, one in report["goals"].items()
    ]
    parts = ["### Goals", table(("figure", "found", "goal", "met"), goals), "### Reconstruction"]
    for net, rows in report["reconstruction"].items():
        parts += [f"By the {net.replace('vae', 'VAE')}:", _figures("material", rows)]
    for key, title in COMPARISONS.items():
        overall = {name: one for name, one in report["overall"][key].items() if name != "ratios"}
        parts += [f"### {title}", _figures("set", overall)]
        figures = (*DISTANCES, *(BANDS if key == "with_exemplars" else MANIFOLD[:1]))
        rows = [
            (kind, name, *(_text(one[key][name].get(figure)) for figure in figures))
            for kind, one in report["classes"].items()
            for name in one[key]
        ]
        parts.append(table(("class", "set", *(_words(figure) for figure in figures)), rows))
    parts += ["### Seams", _figures("map", report["wrap"])]
    parts += ["### Repetition", _figures("set", report["repetition"])]
    parts += ["### Memory", _figures("set", report["memory"])]
    return "\n\n".join(parts) + "\n"


def _figures(head: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    return table(
        (head, *map(_words, columns)),
        [(name, *(_text(row.get(key)) for key in columns)) for name, row in rows.items()],
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(value) or "none"
    return "" if value is None else f"{value:.3g}"
