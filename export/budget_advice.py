"""What to turn down where a file is over a limit, in terms of this package's own options.

Computed from what the file holds: which branch of the scene has the most, and what an option would leave.
Files of other makers get the same in general words.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from worldgen.export.costs import Inspection

TEXTURE_SIZES = (1024, 512, 256, 128)
CHUNK_QUADS = 256  # the largest that a config takes
LEVELS = 5  # terrain_levels goes to 6
KTX2_SHARE = 1 / 8  # ETC1S takes half a byte a texel, not 4


def advise(inspection: Inspection, metric: str, found: int, most: int) -> str:
    """Return one line on how to get a figure from ``found`` to at most ``most``."""
    ours = str(inspection.provenance.get("generator", "")).startswith("worldgen")
    rules: dict[str, Callable[[_Case], list[str]]] = {
        "triangles": _triangles,
        "draw calls": _draw_calls,
        "largest texture": _largest_texture,
        "texture memory": _texture_memory,
        "download": _download,
    }
    case = _Case(inspection, found, most, ours)
    return "; ".join(rules[metric](case))


class _Case:
    """One figure that is over, and the shares of terrain and objects in it."""

    def __init__(self, inspection: Inspection, found: int, most: int, ours: bool) -> None:
        self.inspection, self.found, self.most, self.ours = inspection, found, most, ours

    def of(self, branch: str, figure: str) -> int:
        """Sum a figure over the branches of a name: "terrain" or "objects"."""
        parts = [part for part in self.inspection.parts if part.name.lower().startswith(branch)]
        return sum(int(getattr(part, figure)) for part in parts)

    def largest(self, figure: str) -> str:
        """Say which branch has most of a figure."""
        parts = self.inspection.parts
        if not parts:
            return "all is one part"
        part = max(parts, key=lambda part: int(getattr(part, figure)))
        return f"{int(100 * getattr(part, figure) / max(1, self.found))} % are {part.name}"


def _triangles(case: _Case) -> list[str]:
    advice = [case.largest("triangles")]
    terrain, objects = case.of("terrain", "triangles"), case.of("objects", "triangles")
    if not case.ours:
        return [*advice, f"simplify to {case.most / case.found:.0%}"]
    if case.inspection.levels:
        least = case.inspection.levels[-1]
        advice.append(f"a client with MSFT_lod draws from {least.triangles:,}")
    if terrain >= objects:
        rest = case.found - terrain
        level = next((n for n in range(1, LEVELS + 1) if rest + terrain / 4**n <= case.most), LEVELS)
        left = rest + terrain // 4**level
        more = f" with --set output.terrain_levels={level + 1}" if level > 2 else ""
        advice.append(f"--level {level}{more} leaves about {left:,} or fewer")
    if objects and (objects > terrain or case.found - terrain > case.most):
        share = (case.most - (case.found - objects)) / objects
        if share > 0:
            advice.append(f"--set objects.density to {_down(share)} of what it is")
        else:
            advice.append("--level 1 or 2 for coarser objects too")
    return advice


def _draw_calls(case: _Case) -> list[str]:
    advice = [case.largest("draw_calls")]
    batched = case.inspection.batched_draw_calls
    objects, terrain = case.of("objects", "draw_calls"), case.of("terrain", "draw_calls")
    if not case.ours:
        return [*advice, f"merge or instance nodes that share a mesh: that leaves {batched:,}"]
    if objects > case.of("objects", "batched_draw_calls"):
        left = case.found - objects + case.of("objects", "batched_draw_calls")
        advice.append(f"--target vr merges objects, --target web instances them (at least {left:,})")
    elif objects > terrain:
        advice.append("a larger cell_size (ExportOptions), or fewer objects.kinds")
    quads = _chunk_quads(case.inspection)
    if terrain > case.most / 2 and quads < CHUNK_QUADS:
        left = math.ceil(terrain / (CHUNK_QUADS / quads) ** 2)
        advice.append(f"--set output.chunk_quads={CHUNK_QUADS} cuts terrain from {terrain} to about {left}")
    elif terrain > case.most:
        advice.append("a smaller --size, or --target tiles, which streams")
    return advice


def _chunk_quads(inspection: Inspection) -> int:
    """Guess the quads a side of a terrain chunk: two triangles each."""
    chunks = [row for row in inspection.rows if row.name.startswith("terrain")]
    return max((round(math.sqrt(row.triangles / 2 / row.nodes)) for row in chunks), default=CHUNK_QUADS)


def _largest_texture(case: _Case) -> list[str]:
    over = [t for t in case.inspection.textures if max(t.width, t.height) > case.most and t.use != "unused"]
    advice = [f"{len(over)} textures are larger, the first is '{over[0].name}'"]
    if case.ours:
        return [*advice, f"--target vr caps them; or --set materials.texture_size={min(case.most, 2048)}"]
    return [*advice, f"scale them to {case.most}"]


def _texture_memory(case: _Case) -> list[str]:
    advice = [case.largest("texture_memory_bytes")]
    terrain = case.of("terrain", "texture_memory_bytes")
    packed = all(t.format.startswith("ktx2") for t in case.inspection.textures if t.use == "drawn")
    side = max((t.width for t in case.inspection.textures if t.name.startswith("terrain")), default=0)
    if case.ours and terrain and side:
        smaller = [size for size in TEXTURE_SIZES if size < side]
        for size in smaller:
            left = case.found - terrain + int(terrain * (size / side) ** 2)
            if left <= case.most or size == smaller[-1]:
                advice.append(f"--set materials.texture_size={size} leaves about {left / 1e6:.0f} MB")
                break
    if not packed:
        compressed = case.found * KTX2_SHARE
        advice.append(f"KTX2 images (image_format 'ktx2') leave about {compressed / 1e6:.0f} MB")
    elif not case.ours:
        advice.append(f"scale textures to {math.sqrt(case.most / case.found):.0%} a side")
    return advice


def _download(case: _Case) -> list[str]:
    images = sum(texture.file_bytes for texture in case.inspection.textures)
    share = images / max(1, case.found)
    advice = [f"{share:.0%} are images"]
    if not case.ours:
        return [*advice, "smaller or WebP images" if share > 0.5 else "compress geometry (meshopt or Draco)"]
    if case.inspection.format == "obj":
        return [*advice, ".glb takes a fifth of .obj"]
    if share > 0.5:
        return [*advice, "--target web (WebP), or a smaller --set materials.texture_size"]
    return [*advice, "--target web (quantised, meshopt), or --level 1"]


def _down(share: float) -> float:
    """Round a factor down to two digits."""
    step = 10 ** (math.floor(math.log10(share)) - 1)
    return float(f"{math.floor(share / step) * step:.2g}")
