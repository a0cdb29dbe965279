"""What a folder of materials holds to learn from: class by class, which maps, what wraps, what is missing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from worldgen.errors import InputError
from worldgen.models.texture_data import HELD_OUT
from worldgen.models.texture_folders import list_materials, read_maps

FEW = 4  # sets of a class below which it can't teach diversity
MAPS = ("normal", "height", "roughness", "occlusion")


def coverage(data: Path) -> dict[str, Any]:
    """Describe a folder of materials.

    Returns
    -------
    dict that JSON can hold:

    ``classes`` : for each class its number of ``sets``, of those ``held_out`` for figures, of those with each
        of ``MAPS``, and ``seamless`` ones, which alone can be sampled.
    ``few`` : classes with less than `FEW` sets to train on.
    ``seams`` : names of sets that are called seamless by the index and show a seam.
    ``turned`` : names of sets whose normals were DirectX's without their name saying so.
    ``cropped`` : names of sets with unequal sides of which the middle is used.
    ``faults`` : name to why the set can't be used.
    ``sets`` : usable ones.

    Raises
    ------
    InputError : `data` is no folder.
    """
    classes: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("sets", "held_out", *MAPS, "seamless"), 0)
    )
    faults: dict[str, str] = {}
    lists: dict[str, list[str]] = {"seams": [], "turned": [], "cropped": []}
    for folder, kind, claimed in list_materials(data):
        try:
            maps = read_maps(folder)
        except (InputError, OSError) as error:
            faults[folder.name] = str(error)
            continue
        row = classes[kind]
        row["sets"] += 1
        row["held_out"] += folder.name in HELD_OUT
        for name in MAPS:
            row[name] += getattr(maps, name) is not None
        shows = maps.seam > 1
        row["seamless"] += not maps.cropped and not shows and claimed is not False
        for name, found in (("seams", claimed and shows), ("turned", maps.turned), ("cropped", maps.cropped)):
            if found:
                lists[name].append(folder.name)
    return {
        "sets": sum(row["sets"] for row in classes.values()),
        "classes": {kind: classes[kind] for kind in sorted(classes)},
        "few": [kind for kind in sorted(classes) if classes[kind]["sets"] - classes[kind]["held_out"] < FEW],
        **lists,
        "faults": faults,
    }


def coverage_text(report: dict[str, Any]) -> str:
    """The report as a table to read."""
    classes = report["classes"]
    width = max([12, *(len(kind) + 2 for kind in classes)])
    columns = ("sets", "held_out", *MAPS, "seamless")
    lines = [
        f"{report['sets']} usable sets of {len(classes)} classes",
        f"{'class':{width}}" + "".join(f"{name.replace('_', ' '):>11}" for name in columns),
    ]
    for kind, row in classes.items():
        lines.append(f"{kind:{width}}" + "".join(f"{row[name]:11d}" for name in columns))
    notes = {
        "few": f"Fewer than {FEW} sets to train on, which can't teach diversity",
        "seams": "Said to wrap, but a seam shows",
        "turned": "Normals found to be DirectX's, and turned",
        "cropped": "Sides unequal: only the middle is used, which doesn't wrap",
    }
    lines += [f"{note}: {', '.join(report[key])}" for key, note in notes.items() if report[key]]
    lines += [f"left out: {fault}" for fault in report["faults"].values()]
    if not classes:
        lines.append("Nothing to train on: a material is a folder with base color and normals or height")
    return "\n".join(lines)
