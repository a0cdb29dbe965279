"""What devices and engines can bear: a table of targets with its sources, and files measured against it.

Sources, by the mark in the table:

meta : Meta's guidance for Quest 2 and 3 (github.com/meta-quest/agentic-tools): triangles and draw calls a
    frame of busy scenes, and the stricter figures of the Quest Browser. Its files differ among themselves.
a-frame : A-Frame's documentation on performance: under 300 draw calls.
model-viewer : reports that textures of 4096 texels end the page on iOS.
epic : GLTFCore's list of extensions in the API reference of Unreal 5.4; sizes of landscapes in its manual.
unity : list of extensions and packages of Unity glTFast 6; sizes of TerrainData.heightmapResolution.
godot : GLTFDocument's list of extensions in Godot 4's source.
ours : rules of thumb of this package, where nobody gives a figure.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from worldgen.errors import ConfigError, nearest
from worldgen.export import unity, unreal
from worldgen.export.costs import Inspection

MB = 1_000_000


@dataclass(frozen=True)
class Limit:
    """One row of a budget: up to ``good`` is comfortable, above ``most`` is too much."""

    metric: str
    good: int
    most: int
    source: str


@dataclass(frozen=True)
class Budget:
    """What one target bears.

    Attributes
    ----------
    extensions : glTF extensions that a file may require; None where any may be set up.
    decoders : those of them that the page or project must set up itself.
    names : convention of collision and navigation names that it knows: "godot", "unreal" or None.
    heightmap_sizes : samples a side that it takes; empty where any size does.
    """

    name: str
    purpose: str
    limits: tuple[Limit, ...] = ()
    extensions: frozenset[str] | None = None
    decoders: frozenset[str] = frozenset()
    names: str | None = None
    heightmap_sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Check:
    """One row of a verdict.

    Attributes
    ----------
    verdict : "ok", "tight" (between comfortable and too much; still passes) or "over".
    found, allowed : as text for people. advice : what to turn down; empty where nothing is over.
    """

    metric: str
    verdict: str
    found: str
    allowed: str
    source: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the row as JSON values."""
        return asdict(self)


MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
DECODED = frozenset({*MESHOPT, "KHR_texture_basisu", "KHR_draco_mesh_compression"})
_MATERIALS = {
    f"KHR_materials_{name}" for name in ("unlit", "clearcoat", "transmission", "sheen", "specular", "ior")
}
UNREAL = frozenset(
    {*_MATERIALS, "KHR_materials_pbrSpecularGlossiness", "KHR_lights_punctual", "KHR_materials_variants"}
)
UNITY = frozenset(
    {*_MATERIALS, *DECODED, "KHR_materials_pbrSpecularGlossiness", "KHR_lights_punctual"}
    | {"KHR_texture_transform", "KHR_mesh_quantization", "EXT_mesh_gpu_instancing", "KHR_materials_variants"}
)
GODOT = frozenset(
    {"KHR_lights_punctual", "KHR_materials_unlit", "KHR_materials_pbrSpecularGlossiness"}
    | {"KHR_materials_emissive_strength", "KHR_texture_transform", "KHR_node_visibility"}
    | {"KHR_texture_basisu", "EXT_texture_webp", "OMI_physics_shape", "OMI_physics_body"}
    | {"KHR_animation_pointer", "GODOT_single_root"}
)

_QUEST_TEXTURES = (
    Limit("largest texture", 2048, 2048, "meta"),
    Limit("texture memory", 256 * MB, 256 * MB, "meta"),
)
_NATIVE_TEXTURES = (
    Limit("largest texture", 2048, 4096, "ours"),
    Limit("texture memory", 300 * MB, 500 * MB, "meta"),
)
_ALL = (
    Budget(
        "quest2",
        "Quest 2, in its browser by WebXR",
        (
            Limit("triangles", 750_000, 1_000_000, "meta"),
            Limit("draw calls", 50, 80, "meta"),
            *_QUEST_TEXTURES,
        ),
        decoders=DECODED,
    ),
    Budget(
        "quest3",
        "Quest 3, in its browser by WebXR",
        (
            Limit("triangles", 1_000_000, 2_000_000, "meta"),
            Limit("draw calls", 100, 120, "meta"),
            *_QUEST_TEXTURES,
        ),
        decoders=DECODED,
    ),
    Budget(
        "quest2-native",
        "Quest 2, an application",
        (
            Limit("triangles", 750_000, 1_000_000, "meta"),
            Limit("draw calls", 80, 200, "meta"),
            *_NATIVE_TEXTURES,
        ),
    ),
    Budget(
        "quest3-native",
        "Quest 3, an application",
        (
            Limit("triangles", 1_000_000, 2_000_000, "meta"),
            Limit("draw calls", 200, 300, "meta"),
            *_NATIVE_TEXTURES,
        ),
    ),
    Budget(
        "web",
        "browsers on computers and phones",
        (
            Limit("triangles", 1_000_000, 2_000_000, "ours"),
            Limit("draw calls", 300, 300, "a-frame"),
            Limit("largest texture", 2048, 2048, "model-viewer"),
            Limit("texture memory", 256 * MB, 512 * MB, "ours"),
            Limit("download", 20 * MB, 50 * MB, "ours"),
        ),
        decoders=DECODED,
    ),
    Budget(
        "mobile",
        "phones",
        (
            Limit("triangles", 300_000, 750_000, "ours"),
            Limit("draw calls", 100, 200, "ours"),
            Limit("largest texture", 2048, 2048, "model-viewer"),
            Limit("texture memory", 128 * MB, 256 * MB, "ours"),
            Limit("download", 20 * MB, 50 * MB, "ours"),
        ),
        decoders=DECODED,
    ),
    Budget(
        "desktop",
        "computers with a graphics card",
        (
            Limit("triangles", 5_000_000, 20_000_000, "ours"),
            Limit("draw calls", 2000, 5000, "ours"),
            Limit("largest texture", 4096, 8192, "ours"),
            Limit("texture memory", 2000 * MB, 4000 * MB, "ours"),
        ),
    ),
    Budget(
        "godot",
        "Godot 4's importer",
        extensions=GODOT,
        names="godot",
    ),
    Budget(
        "unity",
        "Unity with glTFast",
        extensions=UNITY,
        decoders=DECODED,
        heightmap_sizes=unity.SIZES,
    ),
    Budget(
        "unreal",
        "Unreal 5's importer",
        extensions=UNREAL,
        names="unreal",
        heightmap_sizes=unreal.SIZES,
    ),
)

BUDGETS: dict[str, Budget] = {budget.name: budget for budget in _ALL}
BUDGETS["vr"] = BUDGETS["quest2"]  # the export target of that name is made for it


def budget_named(name: str) -> Budget:
    """Return a budget.

    Raises
    ------
    ConfigError : there is none of that name; the message lists those that there are.
    """
    if name not in BUDGETS:
        raise ConfigError(f"found target '{name}'; {nearest(name, BUDGETS)}")
    return BUDGETS[name]


def measured(inspection: Inspection, budget: Budget) -> dict[str, int]:
    """Return the figures that limits are about.

    Meshes named for collision count as drawn where the target does not know the names.
    """
    unseen = inspection.unseen
    strange = any(name != budget.names for name in unseen.conventions)
    return {
        "triangles": inspection.triangles + unseen.triangles * strange,
        "draw calls": inspection.draw_calls + unseen.draw_calls * strange,
        "largest texture": inspection.largest_texture,
        "texture memory": inspection.texture_memory_bytes,
        "download": inspection.total_bytes,
    }


def check(inspection: Inspection, budget: Budget) -> list[Check]:
    """Measure a file against a budget, with what to turn down where it is over."""
    from worldgen.export.budget_advice import advise

    found = measured(inspection, budget)
    checks = []
    for limit in budget.limits if not inspection.heightmap else ():
        value = found[limit.metric]
        verdict = "ok" if value <= limit.good else "tight" if value <= limit.most else "over"
        checks.append(
            Check(
                limit.metric,
                verdict,
                shown(limit.metric, value),
                shown(limit.metric, limit.most),
                limit.source,
                advise(inspection, limit.metric, value, limit.most) if verdict == "over" else "",
            )
        )
    if inspection.format in ("glb", "gltf", "tileset"):
        checks.append(_extension_check(inspection, budget))
    if inspection.unseen.nodes:
        checks.append(_name_check(inspection, budget))
    if inspection.heightmap and budget.heightmap_sizes:
        checks.append(_heightmap_check(inspection.heightmap, budget))
    return checks


def shown(metric: str, value: int) -> str:
    """Return a figure with its unit.

    >>> shown("texture memory", 256_000_000)
    '256.0 MB'
    """
    if metric in ("texture memory", "download"):
        return f"{value / MB:,.1f} MB"
    return f"{value:,}"


def _extension_check(inspection: Inspection, budget: Budget) -> Check:
    required = inspection.extensions_required
    unread = [] if budget.extensions is None else [name for name in required if name not in budget.extensions]
    set_up = [name for name in required if name in budget.decoders and name not in unread]
    found = ", ".join(required) or "none"
    allowed = "any" if budget.extensions is None else "those it reads"
    if unread:
        advice = (
            f"not read there: {', '.join(unread)}; write the file with --target {budget.name} or portable"
        )
        return Check("required extensions", "over", found, allowed, budget.name, advice)
    if set_up:
        advice = f"the page or project must set up a decoder for {', '.join(set_up)}"
        return Check("required extensions", "tight", found, allowed, "a-frame", advice)
    return Check("required extensions", "ok", found, allowed, budget.name if budget.extensions else "ours")


def _name_check(inspection: Inspection, budget: Budget) -> Check:
    unseen = inspection.unseen
    strange = [name for name in unseen.conventions if name != budget.names]
    found = f"{unseen.nodes} for {', '.join(unseen.conventions)}"
    allowed = f"for {budget.names}" if budget.names else "none"
    advice = "collision meshes named for another engine are drawn here" if strange else ""
    return Check("collision names", "tight" if strange else "ok", found, allowed, "ours", advice)


def _heightmap_check(heightmap: dict[str, Any], budget: Budget) -> Check:
    width, height = heightmap["width"], heightmap["height"]
    fits = width == height and width in budget.heightmap_sizes
    sizes = ", ".join(map(str, budget.heightmap_sizes))
    near = min(budget.heightmap_sizes, key=lambda size: (abs(size - max(width, height)), size))
    return Check(
        "heightmap size",
        "ok" if fits else "over",
        f"{width} x {height}",
        sizes,
        {"unreal": "epic"}.get(budget.name, budget.name),
        "" if fits else f"build with --size {near}",
    )
