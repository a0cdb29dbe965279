"""The painted pictures of foliage: needle branches, leaf clusters, fronds, twigs and tufts.

Every picture has its stem at the bottom middle. Colours are muted on purpose: in a physically based
renderer a leaf reflects a tenth of the light, and a painter's green would glow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from worldgen.painting import Floats, Pixels, Strokes, blades, leaves, paint, slivers, tints


def needle_branch(
    generator: np.random.Generator, width: int, height: int, base: ArrayLike, snow: float = 0.0
) -> Pixels:
    """Return a flat conifer branch: one axis, side twigs that shorten to the tip, all set with needles.

    Parameters
    ----------
    base : (3,) sRGB of the needles.
    snow : share of the needles that carry snow, 0 .. 1.
    """
    middle = width / 2
    count = 17
    start = np.repeat(np.linspace(0.01, 0.93, count), 2)
    side = np.tile([-1.0, 1.0], count)
    start = start + generator.normal(0, 0.012, start.shape)
    room = np.minimum(1.35 * (1 - start) ** 0.7, 0.62 + 1.8 * np.abs(start))
    reach = 0.54 * width * room * generator.uniform(0.8, 1.12, start.shape)
    turn = side * (np.radians(62 - 30 * start) + generator.normal(0, 0.08, start.shape))
    roots = np.stack([np.full(start.shape, middle), start * height * 0.97], axis=-1)
    roots = np.concatenate([[[middle, 0.0]], roots])
    turn = np.concatenate([[0.0], turn])
    reach = np.concatenate([[0.95 * height], reach])
    # Needles along each twig, at even steps, to both sides.
    owner = np.repeat(np.arange(len(reach)), np.maximum(reach / 1.7, 2).astype(int))
    along = generator.uniform(0.02, 1.0, len(owner)) * reach[owner]
    bend = turn[owner] * (1 - 0.25 * along / np.maximum(reach[owner], 1))  # twigs sweep forward
    points = roots[owner] + along[:, None] * np.stack([np.sin(bend), np.cos(bend)], axis=-1)
    spread = generator.choice([-1.0, 1.0], len(owner)) * generator.uniform(0.45, 0.95, len(owner))
    outward = np.clip(along / np.maximum(reach[owner], 1), 0, 1)
    length = height * 0.052 * generator.uniform(0.75, 1.2, len(owner))
    strokes = []
    for brightness, swell, share in ((0.55, 1.25, 1.0), (0.8, 1.1, 1.0), (1.08, 0.95, 0.75)):
        chosen = generator.random(len(owner)) < share
        shift = generator.normal(0, 1.0, (len(owner), 2))
        lit = brightness * (0.82 + 0.3 * outward)
        colors = tints(generator, base, lit, 0.09)
        if snow and brightness > 0.7:
            # Snow lies in patches: a twig carries much of it or little.
            load = snow * generator.uniform(0.2, 1.8, len(reach))[owner]
            white = generator.random(len(owner)) < load * (0.6 + 0.4 * outward)
            cold = generator.uniform(0.8, 0.97, (len(owner), 1)) * np.array([226, 232, 240])
            colors = np.where(white[:, None], cold, colors)
        strokes.append(
            slivers(
                (points + shift)[chosen], (bend + spread * swell)[chosen], length[chosen], 2.3, colors[chosen]
            )
        )
    axis = blades(roots[:1], np.array([[middle, 0.9 * height]]), 0.0, 3.0, np.array([[58.0, 46, 34]]))
    return paint(width, height, [strokes[0], axis, *strokes[1:]])


def leaf_cluster(
    generator: np.random.Generator, width: int, height: int, base: ArrayLike, count: int, length: float
) -> Pixels:
    """Return a rounded, ragged cluster of leaves on a few twigs.

    Parameters
    ----------
    base : (3,) sRGB of a leaf in full light.
    count : number of leaves.
    length : of a leaf, pixels.
    """
    centre = np.array([width / 2, height * 0.5])
    radius = np.array([width, height]) * 0.5 - length * 0.35
    stem = np.array([width / 2, height * 0.06])
    fan = np.linspace(-1.1, 1.1, 6) + generator.normal(0, 0.1, 6)
    tips = centre + radius * 0.9 * np.stack([np.sin(fan), 0.25 + 0.6 * np.cos(fan)], axis=-1)
    twigs = blades(np.tile(stem, (6, 1)), tips, 2.0, 2.6, np.tile([62.0, 50, 36], (6, 1)))
    angle = generator.uniform(0, 2 * np.pi, count)
    # Lobes make the outline ragged; the square root spreads leaves evenly over the disc.
    lobes = 0.86 + 0.14 * np.sin(3 * angle + generator.uniform(0, 6.28)) * np.sin(5 * angle)
    distance = np.sqrt(generator.uniform(0, 1, count)) * lobes
    points = centre + radius * distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    outward = np.arctan2(points[:, 0] - stem[0], points[:, 1] - stem[1])
    heading = outward + generator.normal(0, 0.75, count)
    order = generator.permutation(count)
    depth = np.linspace(0.0, 1.0, count)  # later leaves lie on top and catch more light
    lit = 0.55 + 0.55 * depth**0.8
    size = length * generator.uniform(0.75, 1.15, count)
    colors = tints(generator, base, lit, 0.08)
    points = points[order] - 0.5 * length * np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    body = leaves(points, heading, size, size * 0.55, colors)
    # The right half of each leaf a little darker: a midrib without drawing one.
    half = Strokes(body.polygons[:, [0, 1, 2, 3]], colors * 0.86)
    pairs = np.empty((2 * count, 6, 2))
    pairs[0::2] = body.polygons
    pairs[1::2] = half.polygons[:, [0, 1, 2, 3, 3, 3]]
    shades = np.empty((2 * count, 3))
    shades[0::2], shades[1::2] = body.colors, half.colors
    return paint(width, height, [twigs, Strokes(pairs, shades)])


def frond(
    generator: np.random.Generator,
    width: int,
    height: int,
    base: ArrayLike,
    *,
    pairs: int = 34,
    leaflet: float = 0.07,
    stalk: float = 0.1,
) -> Pixels:
    """Return a feathered frond, of a palm or a fern.

    Parameters
    ----------
    pairs : number of leaflets on each side.
    leaflet : width of a leaflet relative to its length.
    stalk : share of the length without leaflets.
    """
    middle = width / 2
    t = np.repeat(np.linspace(stalk, 0.97, pairs), 2)
    side = np.tile([-1.0, 1.0], pairs)
    rise = (t - stalk) / (1 - stalk)
    reach = 0.5 * width * np.clip(np.minimum(0.45 + 2.2 * rise, 1.35 * (1.02 - rise) ** 0.7), 0.05, 1.06)
    reach = reach * generator.uniform(0.88, 1.06, t.shape)
    tilt = np.radians(68 - 42 * rise)
    roots = np.stack([np.full(t.shape, middle), t * height], axis=-1)
    tips = roots + (reach / np.sin(tilt).clip(0.5))[:, None] * np.stack(
        [side * np.sin(tilt), np.cos(tilt)], axis=-1
    )
    tips[:, 1] = np.minimum(tips[:, 1], 0.5 * (tips[:, 1] + height) - 1)
    tips = np.clip(tips, 1, (width - 1, height - 1)) + generator.normal(0, 0.8, tips.shape)
    wide = np.maximum(2 * leaflet * reach, 2.0)
    strokes = []
    for brightness, shift in ((0.6, -1.6), (1.0, 0.0)):
        offset = np.array([0.0, shift])
        lit = brightness * (0.82 + 0.3 * rise) * generator.uniform(0.9, 1.1, t.shape)
        strokes.append(blades(roots + offset, tips + offset, -1.5, wide, tints(generator, base, lit, 0.07)))
    rib = blades(
        np.array([[middle, 0.0]]),
        np.array([[middle, height * 0.99]]),
        0.0,
        max(3.0, width * 0.05),
        np.asarray(base, np.float64)[None] * np.array([1.25, 1.12, 1.0]),
    )
    return paint(width, height, [*strokes, rib])


def bare_twig(generator: np.random.Generator, width: int, height: int, base: ArrayLike) -> Pixels:
    """Return a leafless twig that forks three times."""
    roots, angles, lengths = np.array([[width / 2, 0.0]]), np.zeros(1), np.array([height * 0.5])
    strokes = []
    for depth in range(4):
        tips = roots + lengths[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
        lit = generator.uniform(0.75, 1.1, len(roots))
        ends = tips + 0.6 * (tips - roots)  # a blade ends in nothing: the fork comes before
        wide = 4.6 * 0.66**depth + 1.2
        strokes.append(blades(roots, ends, 0.0, wide, tints(generator, base, lit, 0.03)))
        share = np.tile([0.45, 0.75, 1.0], len(roots))
        owner = np.repeat(np.arange(len(roots)), 3)
        roots = roots[owner] + share[:, None] * (tips - roots)[owner]
        fork = np.tile([-0.75, 0.7, 0.1], len(owner) // 3) * generator.choice([-1.0, 1.0], len(owner))
        angles = angles[owner] * 0.8 + fork + generator.normal(0, 0.2, len(owner))
        lengths = lengths[owner] * generator.uniform(0.45, 0.7, len(owner))
    return paint(width, height, strokes[::-1])


def tuft(
    generator: np.random.Generator,
    width: int,
    height: int,
    base: ArrayLike,
    dry: ArrayLike,
    *,
    count: int = 70,
    blade: float = 3.6,
    spread: float = 0.42,
    dryness: float = 0.15,
) -> Pixels:
    """Return a tuft of curved blades.

    Parameters
    ----------
    base, dry : (3,) sRGB of fresh and of dry blades.
    blade : width of a blade at its root, pixels.
    spread : how far tips lean out, as a share of the width.
    dryness : share of dry blades.
    """
    place = generator.uniform(-1, 1, count)
    roots = np.stack([width / 2 + place * width * 0.34, np.full(count, -2.0)], axis=-1)
    lean = place * spread * 0.55 + generator.normal(0, spread * 0.38, count)
    tall = height * generator.uniform(0.42, 0.98, count) * (1 - 0.5 * np.abs(lean))
    tips = np.stack([roots[:, 0] + lean * width, tall], axis=-1)
    tips[:, 0] = np.clip(tips[:, 0], 2, width - 2)
    sag = tall * np.abs(lean) * generator.uniform(0.25, 0.7, count)
    lit = np.linspace(0.6, 1.12, count)
    withered = generator.random(count) < dryness
    colors = np.where(withered[:, None], tints(generator, dry, lit, 0.06), tints(generator, base, lit, 0.09))
    wide = blade * generator.uniform(0.7, 1.25, count)
    # A low dark thatch closes the foot, so that the tuft stands on the ground and not above it.
    low = generator.uniform(-1, 1, count)
    foot = np.stack([width / 2 + low * width * 0.36, np.full(count, -2.0)], axis=-1)
    ends = foot + np.stack(
        [generator.normal(0, 0.06 * width, count), generator.uniform(0.1, 0.3, count) * height], -1
    )
    thatch = blades(foot, ends, 0.0, blade, tints(generator, base, np.full(count, 0.55), 0.08))
    return paint(width, height, [thatch, blades(roots, tips, sag, wide, colors)])


def shaded(picture: Pixels, factor: float) -> Pixels:
    """Return the picture darker or brighter, for clusters that lie deep in a crown or on its top."""
    color: Floats = np.clip(picture[..., :3] * factor, 0, 255)
    return np.concatenate([np.rint(color).astype(np.uint8), picture[..., 3:]], axis=-1)
