"""One sheet that tells a world at a glance: relief, water, biomes, ground, objects and a view, side by side.

    python examples/contact_sheet.py --preset alpine --seed 7 --size 513 -o out/sheet.jpg

North is up. Colours differ in lightness as well as in hue, for readers who do not tell red from green.
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

import worldgen as wg

PANEL = 760  # pixels a side
FINE = 2 * PANEL  # maps are drawn at twice the size and averaged, so that lines are smooth
LEGEND = 104  # pixels below each panel
GAP = 16
INK, PAPER = "#1b1b1b", "#ffffff"
SEA, LAKE, RIVER = "#7fa8cf", "#2f7fb8", "#1f5fa8"
ORDERS = ("#8fb7e8", "#4a86d0", "#1c4fa3", "#5b2a86", "#a01a6b", "#e8590c")  # rivers by Strahler's order
BIOMES = {
    "water": "#7fa8cf", "beach": "#f6e7a8", "barren": "#4b3f3a", "bare": "#9c9c9c", "snow": "#ffffff",
    "tundra": "#b9a6cf", "meadow": "#c3e38a", "conifer_forest": "#0b4a3c", "broadleaf_forest": "#4f9a2f",
    "tropical_forest": "#00a087", "grassland": "#e5c94d", "shrubland": "#b4632a", "desert": "#f2a88b",
}  # fmt: skip
SURFACES = {
    "rock": "#a2a2a2", "cliff": "#4c4c58", "gravel": "#cdb9c9", "soil": "#8a4b22", "sand": "#f6df8a",
    "grass": "#8cc63f", "forest_floor": "#14563c", "snow": "#ffffff",
}  # fmt: skip
# What is small is drawn first.
KINDS = {
    "grass": "#c9dd6b", "fern": "#6fcf97", "reed": "#9b6fd0", "shrub": "#c58b1b", "rock": "#5a5a5a",
    "boulder": "#d1495b", "cactus": "#e7298a", "dead_tree": "#7a4a2b", "palm": "#00b7a8",
    "broadleaf": "#3f9b2f", "conifer": "#07463a", "snowy_conifer": "#4aa8ff",
}  # fmt: skip
OWN = "#ff0000"  # the user's own models


def contact_sheet(world: wg.World, view: Image.Image) -> Image.Image:
    """Lay the six panels of a world out under a title; ``view`` is its perspective picture."""
    panels = [*maps(world), ("View", view, [])]
    across, down = 3, 2
    wide, tall = PANEL + GAP, 34 + PANEL + LEGEND + GAP
    sheet = Image.new("RGB", (GAP + across * wide, 64 + down * tall), PAPER)
    draw = ImageDraw.Draw(sheet)
    config, land = world.config, world.heightmap
    rows, columns = land.grid.shape
    width, depth = land.grid.extent
    title = f"{config.preset or 'world'}, seed {config.seed}: {columns} x {rows} vertices"
    apart = f"{land.grid.spacing:g} m apart, {width / 1000:.2f} x {depth / 1000:.2f} km"
    high = f"{land.minimum:.0f} to {land.maximum:.0f} m high"
    draw.text((GAP, 16), f"{title} {apart}, {high}", INK, ImageFont.load_default(32))
    for number, (name, picture, legend) in enumerate(panels):
        left, top = GAP + number % across * wide, 64 + number // across * tall
        draw.text((left, top), name, INK, ImageFont.load_default(24))
        sheet.paste(picture.resize((PANEL, PANEL), Image.Resampling.BOX), (left, top + 34))
        if name != "View":
            frame(draw, left, top + 34, width)
        write_legend(draw, left, top + 34 + PANEL + 8, legend)
    return sheet


def maps(world: wg.World) -> Iterator[tuple[str, Image.Image, list[tuple[str, str]]]]:
    """Yield the five maps: name, picture, and its legend as (colour, text)."""
    land, water, network = world.heightmap, world.hydrology, world.rivers
    light = hillshade(land)
    lakes = water.lakes() & np.isfinite(network.water)  # a desert's are dry
    orders = max((reach.order for reach in network.reaches), default=0)

    picture = drawn(np.repeat(255 * light[..., None], 3, axis=2))
    for color, wet in ((RIVER, np.isfinite(network.water)), (SEA, water.sea), (LAKE, lakes)):
        stain(picture, wet, color)
    still = [(SEA, f"sea {share(water.sea)}")] if water.sea.any() else []
    still += [(LAKE, f"lakes {share(lakes)}")] if lakes.any() else []
    flowing = [(RIVER, "rivers, as wide as they are")] if network.breadth.any() else []
    yield "Relief and water", picture, still + flowing

    gathered = np.log10(water.accumulation / water.spacing**2)
    grey = 255 - 150 * np.clip(gathered / max(gathered.max(), 1e-6), 0, 1)
    picture = drawn(np.repeat(grey[..., None], 3, axis=2))
    stain(picture, water.sea, SEA)
    stain(picture, lakes, LAKE)
    draw = ImageDraw.Draw(picture)
    for reach in network.reaches:
        line = pixels(land, reach.points[:, [0, 2]])
        draw.line([tuple(point) for point in line], ORDERS[min(reach.order, 6) - 1], 1 + 2 * reach.order)
    named = [(ORDERS[min(order, 6) - 1], f"order {order}") for order in range(1, orders + 1)]
    named += [*still, ("#696969", "the darker, the more land drains here (log)")]
    yield "Flow accumulation, and rivers by Strahler's order", picture, named

    strongest = world.biomes.weights.argmax(axis=0)
    colors = [BIOMES[name] for name in world.biomes.names]
    named = [
        (color, f"{name.replace('_', ' ')} {share(strongest == number)}")
        for number, (name, color) in enumerate(zip(world.biomes.names, colors, strict=True))
        if (strongest == number).mean() >= 0.0005
    ]
    yield "Biomes, the strongest in each place", tinted(palette(colors)[strongest], light), named

    colors = [SURFACES[name] for name in world.splat.names]
    named = [
        (color, f"{name.replace('_', ' ')} {weight.mean():.0%}")
        for name, color, weight in zip(world.splat.names, colors, world.splat.weights, strict=True)
        if weight.mean() >= 0.005
    ]
    mixed = np.einsum("shw,sc->hwc", world.splat.weights, palette(colors))
    yield "Ground, colours mixed by weight", tinted(mixed, light), named

    picture = tinted(np.full((*light.shape, 3), 252.0), 0.35 + 0.65 * light)
    stain(picture, water.sea, SEA)
    stain(picture, lakes, LAKE)
    total = sum(len(placement) for placement in world.placements)
    size = int(np.clip(10 - 1.7 * np.log10(max(total, 1)), 2, 8))  # of a dot, so that many do not cover all
    found: dict[str, list[np.ndarray]] = {}
    for placement in world.placements:
        found.setdefault(placement.species.kind or placement.name, []).append(placement.points)
    named = []
    for kind in sorted(found, key=lambda kind: list(KINDS).index(kind) if kind in KINDS else len(KINDS)):
        points, color = np.concatenate(found[kind]), KINDS.get(kind, OWN)
        dots(picture, pixels(land, points), color, size)
        named.append((color, f"{kind.replace('_', ' ')} {len(points):,}"))
    yield f"Objects, {total:,} in all", picture, named


def hillshade(land: wg.Heightmap) -> np.ndarray:
    """Return (H, W) light in [0.25, 1], mostly from the north-west, as maps are shaded."""
    south, east = np.gradient(land.elevation.astype(np.float64), land.grid.spacing)
    upright = 1 / np.sqrt(1 + south**2 + east**2)
    lit = [
        share * np.maximum(0, 0.707 * (1 + np.sin(turn) * -east + np.cos(turn) * south) * upright)
        for turn, share in zip(np.radians([315, 255, 15]), (0.7, 0.15, 0.15), strict=True)
    ]
    return 0.25 + 0.75 * np.minimum(np.sum(lit, axis=0), 1)


def tinted(colors: np.ndarray, light: np.ndarray) -> Image.Image:
    """Return (H, W, 3) colours under a soft hillshade, that level ground is not darkened by."""
    return drawn(np.clip(colors * np.minimum(0.45 + 0.7 * light, 1.0)[..., None], 0, 255))


def drawn(pixels: np.ndarray) -> Image.Image:
    """Return a panel of (H, W, 3) numbers, 0 to 255."""
    image = Image.fromarray(np.asarray(pixels).astype(np.uint8))
    return image.resize((FINE, FINE), Image.Resampling.BICUBIC)


def stain(picture: Image.Image, where: np.ndarray, color: str) -> None:
    """Colour the cells of a mask."""
    mask = Image.fromarray(where.astype(np.uint8) * 255).resize((FINE, FINE), Image.Resampling.BILINEAR)
    picture.paste(color, (0, 0), mask.point(lambda value: 255 if value > 127 else 0))


def pixels(land: wg.Heightmap, points: np.ndarray) -> np.ndarray:
    """Return (N, 2) x and y on a panel of (N, 2) x and z in world metres."""
    rows, columns = land.grid.to_cells(points[:, 0], points[:, 1])
    return (np.stack([columns, rows], axis=1) + 0.5) * FINE / np.array(land.grid.shape[::-1])


def dots(picture: Image.Image, places: np.ndarray, color: str, size: int) -> None:
    """Draw a square dot at each (N, 2) place."""
    canvas = np.array(picture)
    corner = np.clip(np.floor(places - size / 2).astype(int), 0, FINE - size)
    for down in range(size):
        for right in range(size):
            canvas[corner[:, 1] + down, corner[:, 0] + right] = palette([color])[0]
    picture.paste(Image.fromarray(canvas))


def frame(draw: ImageDraw.ImageDraw, left: int, top: int, width: float) -> None:
    """Draw a map's scale bar and north arrow; ``width`` in metres."""
    font = ImageFont.load_default(18)
    metres = max(n * 10**e for e in range(6) for n in (1, 2, 5) if n * 10**e <= max(width / 4, 1))
    long, low = metres / width * PANEL, top + PANEL - 14
    draw.rectangle((left + 8, low - 34, left + long + 24, low + 8), PAPER)
    draw.rectangle((left + 16, low - 6, left + 16 + long, low), INK)
    draw.text((left + 16, low - 30), f"{metres} m" if metres < 1000 else f"{metres // 1000} km", INK, font)
    draw.rectangle((left + PANEL - 38, top + 8, left + PANEL - 8, top + 58), PAPER)
    x, y = left + PANEL - 23, top + 14
    draw.polygon([(x, y), (x - 9, y + 20), (x, y + 15), (x + 9, y + 20)], INK)
    draw.text((x, y + 42), "N", INK, font, anchor="ms")


def write_legend(draw: ImageDraw.ImageDraw, left: int, top: int, legend: Iterable[tuple[str, str]]) -> None:
    """Write patches of colour and what they mean, row by row."""
    font, x, y = ImageFont.load_default(17), left, top
    for color, text in legend:
        long = 28 + draw.textlength(text, font) + 18
        if x + long > left + PANEL + 18:
            x, y = left, y + 24
        draw.rectangle((x, y + 2, x + 20, y + 18), color, INK)
        draw.text((x + 28, y), text, INK, font)
        x += long


def share(where: np.ndarray) -> str:
    """Return the share of a mask as text."""
    return f"{where.mean():.1%}" if where.mean() < 0.1 else f"{where.mean():.0%}"


def palette(colors: Iterable[str]) -> np.ndarray:
    """Return (N, 3) numbers, 0 to 255, of colours such as #1f5fa8."""
    return np.array([ImageColor.getrgb(color) for color in colors])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="temperate", choices=wg.preset_names())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=513, help="vertices a side")
    parser.add_argument("--view", default="iso", help="hero, iso or ground")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/sheet.jpg"))
    wanted = parser.parse_args()
    made = wg.build(wg.WorldConfig(preset=wanted.preset, seed=wanted.seed, size=wanted.size))
    with tempfile.TemporaryDirectory() as folder:
        shot = made.screenshot(Path(folder) / "view.png", view=wanted.view, size=(PANEL, PANEL))
        view = Image.open(shot).convert("RGB")
    wanted.output.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(made, view).save(wanted.output, quality=88)
    print(wanted.output)
