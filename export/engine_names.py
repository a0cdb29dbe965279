"""Names in files that would set an engine's importer off by accident, and what they become.

Source: Godot 4, resource_importer_scene.cpp.
"""

from __future__ import annotations

import re
from typing import Any

# What Godot looks for at the end of names, after digits and "_", whatever the case; or anywhere after a "$".
# Of the signs that stand before it, those after the first two become "_" in Godot.
_OF_NODES = "noimp|colonly|convcolonly|rigid|col|convcol|navmesh|occ|occonly|vehicle|wheel"
_OF_MATERIALS = "alpha|vcol"
_DOLLAR = re.compile(rf"\$(?={_OF_NODES}|{_OF_MATERIALS})", re.IGNORECASE)
_ACTS = re.compile(rf"""[-_.:@/"%$]({_OF_NODES}|{_OF_MATERIALS})[\d\s_.:@/"%]*$""", re.IGNORECASE)


def harmless_name(name: str) -> str:
    """Return a name on which Godot's importer does not act: ``rock_col`` would be a collider.

    >>> harmless_name("rock_col"), harmless_name("rock_colour")
    ('rock_col-part', 'rock_colour')
    """
    name = _DOLLAR.sub("-", name)
    return f"{name}-part" if _ACTS.search(name) else name


def make_names_harmless(*tables: list[dict[str, Any]]) -> None:
    """Rename what Godot's importer would act on by accident in lists of nodes, meshes or materials."""
    for table in tables:
        for entry in table:
            if "name" in entry:
                entry["name"] = harmless_name(entry["name"])
