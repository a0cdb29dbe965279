"""The figures of a file as lines for people."""

from __future__ import annotations

from collections import Counter

from worldgen.export.costs import Inspection
from worldgen.export.json_fields import printable

MOST_NAMES = 12


def lines(inspection: Inspection) -> list[str]:
    """Return one line a subject; subjects that the file lacks are left out."""
    pairs = [("file", _file(inspection))]
    if inspection.heightmap:
        pairs += _heightmap(inspection)
    else:
        pairs += _drawn(inspection)
    pairs += [("made by", ", ".join(_provenance(inspection)))]
    pairs += [("note", note) for note in inspection.notes]
    width = max(len(name) for name, _ in pairs)
    return [f"{name:{width}}  {text}" for name, text in pairs if text]


def _file(inspection: Inspection) -> str:
    text = f"{inspection.path}, {megabytes(inspection.file_bytes)}"
    if inspection.external_files:
        count = len(inspection.external_files)
        text += f", with {count} other file{'s' * (count > 1)} {megabytes(inspection.total_bytes)}"
    return text


def _drawn(inspection: Inspection) -> list[tuple[str, str]]:
    i = inspection
    pairs = [
        ("triangles", f"{i.triangles:,} ({i.vertices:,} vertices; {i.stored_vertices:,} stored)"),
        ("draw calls", f"{i.draw_calls:,} ({i.batched_draw_calls:,} if nodes of one mesh are batched)"),
        ("nodes", f"{i.nodes:,} that show {i.meshes:,} meshes; {i.instances:,} places of repeated ones"),
        ("levels", ", ".join(f"{level.level}: {level.triangles:,} triangles" for level in i.levels)),
        ("materials", _names(i.materials)),
        ("textures", _textures(i)),
        ("GPU memory", _memory(i)),
        ("bounds", _bounds(i)),
        ("extensions", _extensions(i)),
        ("also", _others(i)),
    ]
    parts = [f"{part.name} {part.triangles:,} in {part.draw_calls:,}" for part in i.parts[:MOST_NAMES]]
    if len(i.parts) > MOST_NAMES:
        parts.append(f"and {len(i.parts) - MOST_NAMES} more")
    pairs.insert(2, ("parts", ", ".join(parts) if len(i.parts) > 1 else ""))
    return pairs


def _names(names: tuple[str, ...]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{len(names)}: {', '.join(names[:MOST_NAMES])}{more}" if names else "none"


def _textures(inspection: Inspection) -> str:
    kinds = Counter(
        (texture.format, texture.width, texture.height, texture.use) for texture in inspection.textures
    )
    parts = []
    for (form, width, height, use), count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        parts.append(f"{count} {form} {width} x {height}{'' if use == 'drawn' else ' ' + use}")
    return f"{len(inspection.textures)}: {', '.join(parts[:MOST_NAMES])}" if parts else "none"


def _memory(inspection: Inspection) -> str:
    text = f"textures {megabytes(inspection.texture_memory_bytes)} with mip levels"
    if inspection.fallback_texture_memory_bytes:
        text += f" ({megabytes(inspection.fallback_texture_memory_bytes)} by the fallbacks)"
    return f"{text}, geometry {megabytes(inspection.geometry_memory_bytes)}"


def _bounds(inspection: Inspection) -> str:
    if inspection.bounds is None:
        return ""
    low, high = inspection.bounds
    size = " x ".join(f"{b - a:.5g}" for a, b in zip(low, high, strict=True))
    corners = [", ".join(f"{value:.5g}" for value in corner) for corner in (low, high)]
    return f"{size} m, from ({corners[0]}) to ({corners[1]})"


def _extensions(inspection: Inspection) -> str:
    required = set(inspection.extensions_required)
    return ", ".join(
        f"{name} (required)" if name in required else name for name in inspection.extensions_used
    )


def _others(inspection: Inspection) -> str:
    unseen = inspection.unseen
    counts = {
        "light": inspection.lights,
        "camera": inspection.cameras,
        "animation": inspection.animations,
        "collision or navigation triangle": unseen.triangles,
    }
    return ", ".join(f"{count:,} {name}{'s' * (count != 1)}" for name, count in counts.items() if count)


def _heightmap(inspection: Inspection) -> list[tuple[str, str]]:
    h = inspection.heightmap
    east, south = (h["spacing_metres"] * (h[side] - 1) for side in ("width", "height"))
    return [
        ("heightmap", f"{h['width']} x {h['height']} samples, 16 bits, {h['spacing_metres']:g} m apart"),
        ("covers", f"{east:g} x {south:g} m, {h['minimum_metres']:.2f} to {h['maximum_metres']:.2f} m high"),
        ("step", f"{h['scale_metres']:.4g} m"),
    ]


def _provenance(inspection: Inspection) -> list[str]:
    found = inspection.provenance
    texts = [str(found[key]) for key in ("generator", "copyright") if key in found]
    scene = found.get("scene", {})
    texts += [
        printable(f"{key} {scene[key]}")[:80]
        for key in ("preset", "seed")
        if isinstance(scene, dict) and key in scene
    ]
    return [*texts, *(["with an XMP packet"] if "xmp" in found else [])]


def megabytes(count: int) -> str:
    """Return bytes in MB.

    >>> megabytes(7_277_108)
    '7.28 MB'
    """
    return f"{count / 1e6:,.3g} MB" if count < 1e8 else f"{count / 1e6:,.0f} MB"
