"""Picture layers to a lit picture: sun, shadow, sky fill, water, haze, sky and film curve in plain numpy.

Colors are linear while light is added up and become sRGB at the very end. The models are the usual small
ones: Lambert with a hemisphere of sky light, shadow maps with a filtered edge (Reeves et al. 1987), occlusion
from the depth of neighbouring pixels, Schlick's Fresnel term and Beer-Lambert absorption for water,
exponential haze whose color is the sky's in that direction, and the ACES film curve in K. Narkowicz's fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.preview_camera import Camera
from worldgen.preview_raster import Layers

Array = NDArray[np.float32]
Color = tuple[float, float, float]

# Rows that are shaded at once: a few hundred megabytes less than the whole picture would take.
BAND = 128
# The sky in the picture is a little brighter than the light it gives, as eyes used to the land see it.
SKY_SHOWN = 1.25
# Linear color of deep water where the scene gives none.
DEEP_WATER: Color = (0.02, 0.10, 0.13)


@dataclass(frozen=True)
class Atmosphere:
    """The look of air and light; all colors are linear RGB.

    Attributes
    ----------
    zenith, horizon : sky overhead and at the horizon; haze takes the horizon's color.
    haze : optical depth of the air across one width of the world; 0 is clear.
    sun : strength of sunlight, times the light's own color.
    fill : strength of the light from the sky.
    bounce : color of light that the ground sends back up.
    clouds : share of the sky under thin cloud, 0 to 1.
    exposure : multiplier before the film curve.
    """

    zenith: Color = (0.10, 0.24, 0.58)
    horizon: Color = (0.62, 0.76, 0.92)
    haze: float = 0.45
    sun: float = 3.1
    fill: float = 1.25
    bounce: Color = (0.16, 0.14, 0.11)
    clouds: float = 0.35
    exposure: float = 0.50


ATMOSPHERES: dict[str, Atmosphere] = {
    "alpine": Atmosphere(zenith=(0.07, 0.20, 0.55), horizon=(0.58, 0.74, 0.94), haze=0.40),
    "temperate": Atmosphere(horizon=(0.66, 0.77, 0.88), haze=0.55, clouds=0.45),
    "desert": Atmosphere(
        zenith=(0.13, 0.27, 0.55),
        horizon=(0.86, 0.74, 0.58),
        haze=0.55,
        bounce=(0.28, 0.20, 0.12),
        clouds=0.12,
    ),
    "archipelago": Atmosphere(zenith=(0.06, 0.24, 0.62), horizon=(0.60, 0.80, 0.94), haze=0.35, clouds=0.40),
    "volcanic": Atmosphere(
        zenith=(0.17, 0.22, 0.36), horizon=(0.74, 0.66, 0.60), haze=0.70, clouds=0.55, fill=1.1
    ),
    "arctic": Atmosphere(
        zenith=(0.16, 0.32, 0.60), horizon=(0.76, 0.84, 0.94), haze=0.60, clouds=0.45, sun=2.1, exposure=0.36
    ),
}


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """Depth seen from the sun.

    Attributes
    ----------
    depth : (N, N) float32, metres along the sun's camera axis, inf where nothing is.
    camera : the sun's parallel camera.
    """

    depth: Array
    camera: Camera


def sun_camera(points: NDArray[np.float64], sun: Color) -> Camera:
    """Return the parallel camera along the sun's direction whose square picture just holds the points.

    Parameters
    ----------
    points : (N, 3) world metres that are to receive shadows.
    sun : (3,) direction along which light travels.
    """
    direction = np.asarray(sun, np.float64) / np.linalg.norm(sun)
    axes = Camera((0.0, 0.0, 0.0), (direction[0], direction[1], direction[2])).axes()
    local = points @ axes.T
    low, high = local.min(axis=0), local.max(axis=0)
    height = float(max(high[0] - low[0], high[1] - low[1], 1.0) * 1.02)
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2] - 10.0]) @ axes
    target = middle + direction
    return Camera(
        (middle[0], middle[1], middle[2]), (target[0], target[1], target[2]), parallel_height=height
    )


def _vector(values: Sequence[float]) -> Array:
    return np.asarray(values, np.float32)


def linear(image: NDArray[np.uint8]) -> Array:
    """Return linear light in [0, 1], float32, of 8-bit layers written with the power curve 2.2."""
    table: Array = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
    return table[image]


def encode(color: Array, rounding: Array | float = 0.5) -> NDArray[np.uint8]:
    """Return sRGB bytes of linear scene light after the film curve (K. Narkowicz's fit of ACES).

    ``rounding`` in [0, 1) is added before the fraction is cut off: noise there hides bands in the sky.
    """
    x = np.maximum(color, 0.0)
    film = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0)
    curve = np.where(film <= 0.0031308, film * 12.92, 1.055 * np.power(film, np.float32(1 / 2.4)) - 0.055)
    return (curve * np.float32(255) + rounding).astype(np.uint8)


def unpack_normals(coded: NDArray[np.uint8], camera: Camera) -> Array:
    """Return (..., 3) float32 unit normals in world axes of octahedral view-space bytes.

    Cigolle et al. 2014, "A Survey of Efficient Representations for Independent Unit Vectors".
    """
    oct_x = coded[..., 0].astype(np.float32) * np.float32(2 / 255) - 1
    oct_y = coded[..., 1].astype(np.float32) * np.float32(2 / 255) - 1
    z = 1 - np.abs(oct_x) - np.abs(oct_y)
    fold = np.maximum(-z, 0)
    x = oct_x - np.where(oct_x >= 0, fold, -fold)
    y = oct_y - np.where(oct_y >= 0, fold, -fold)
    view = np.stack([x, y, z], axis=-1)
    view /= np.sqrt((view * view).sum(axis=-1, keepdims=True)) + np.float32(1e-9)
    # View space is right, up, backward.
    axes = (camera.axes() * np.array([[1.0], [1.0], [-1.0]])).astype(np.float32)
    result: Array = view @ axes
    return result


def pixel_rays(camera: Camera, shape: tuple[int, int], rows: slice) -> tuple[Array, Array]:
    """Return (origin offset, ray) of the pixels in some rows, both (R, W, 3) float32.

    A pixel's point at depth d is ``eye + offset + ray * d``; rays have length 1 along the view axis.
    """
    height, width = shape
    right, up, forward = camera.axes().astype(np.float32)
    y = (1 - (np.arange(height, dtype=np.float32)[rows] + 0.5) * np.float32(2 / height))[:, None, None]
    x = ((np.arange(width, dtype=np.float32) + 0.5) * np.float32(2 / width) - 1)[None, :, None]
    if camera.parallel_height is not None:
        half = np.float32(camera.parallel_height / 2)
        offset = right * (x * half * (width / height)) + up * (y * half)
        return offset.astype(np.float32), np.broadcast_to(forward, offset.shape)
    half = np.float32(math.tan(math.radians(camera.field_of_view) / 2))
    ray = (forward + right * (x * half * np.float32(width / height)) + up * (y * half)).astype(np.float32)
    return np.zeros_like(ray), ray


def value_noise(x: Array, y: Array) -> Array:
    """Return smooth noise in [0, 1] from a hash of whole coordinates."""
    column, row = np.floor(x), np.floor(y)
    u, v = x - column, y - row
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, j = column.astype(np.int64), row.astype(np.int64)

    def corner(a: NDArray[np.int64], b: NDArray[np.int64]) -> Array:
        mixed = (a * 374761393 + b * 668265263) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
        return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / np.float32(65535)

    top = corner(i, j) * (1 - u) + corner(i + 1, j) * u
    bottom = corner(i, j + 1) * (1 - u) + corner(i + 1, j + 1) * u
    return (top * (1 - v) + bottom * v).astype(np.float32)


def sky(direction: Array, sun: Array, sun_color: Array, air: Atmosphere, clouds: bool = True) -> Array:
    """Return (..., 3) linear sky light along unit directions; below the horizon it fades to haze.

    Parameters
    ----------
    direction : (..., 3) float32 unit vectors, world axes.
    sun : (3,) unit vector toward the sun.
    sun_color : (3,) linear.
    """
    height = direction[..., 1:2]
    up = np.clip(height, 0.0, 1.0)
    zenith, horizon = _vector(air.zenith), _vector(air.horizon)
    blend = 1 - np.exp(-3.4 * up**0.85)
    color = horizon + (zenith - horizon) * blend
    toward = np.clip((direction * sun).sum(axis=-1, keepdims=True), -1.0, 1.0)
    positive = np.maximum(toward, 0.0)
    glow = 0.16 * positive**6 + 0.35 * positive**48 + 6.0 * positive**1800
    if clouds and air.clouds > 0:
        seen = np.flatnonzero(height[..., 0].ravel() > 0.015)
        if len(seen):
            flat = direction.reshape(-1, 3)[seen]
            x, y = flat[:, 0] / flat[:, 1] * 0.9, flat[:, 2] / flat[:, 1] * 0.9
            density = np.zeros(len(seen), np.float32)
            for octave in range(5):
                scale = np.float32(2.0**octave)
                # Stretched along x, as high cloud is drawn out by wind.
                density += value_noise(x * scale * 0.55 + 17.3 * octave, y * scale + 9.1 * octave) / scale
            density = density / np.float32(1.94)
            edge = 1.0 - air.clouds
            cover = np.clip((density - edge * 0.78) / 0.34, 0, 1) ** 1.5
            cover *= np.clip((flat[:, 1] - 0.015) / 0.22, 0, 1) * np.float32(0.8)
            white = _vector([0.98, 0.98, 1.0]) * (0.85 + 0.5 * positive.reshape(-1, 1)[seen] ** 4)
            painted = color.reshape(-1, 3)
            painted[seen] += (white - painted[seen]) * cover[:, None]
            color = painted.reshape(color.shape)
    color = color + sun_color * glow * np.float32(0.9)
    below = np.clip(-height * 3.0, 0, 1)
    result: Array = (color * (SKY_SHOWN * (1 - 0.25 * below))).astype(np.float32)
    return result


def shadow_share(points: Array, normals: Array, shadow: ShadowMap, sun: Array) -> Array:
    """Return (N,) float32: the share of the sun that reaches each point, its edge filtered over 3 x 3 texels.

    Parameters
    ----------
    points, normals : (N, 3) float32; points in world metres.
    sun : (3,) unit vector toward the sun.
    """
    size = shadow.depth.shape[0]
    height = float(shadow.camera.parallel_height or 1.0)
    texel = height / size
    facing = np.clip(normals @ sun, 0.05, 1.0)
    # Step off the surface by what one texel can misjudge, more where light grazes.
    slope = np.sqrt(1 - facing**2)
    shifted = points + normals * (texel * (0.6 + 1.2 * slope))[:, None]
    local = (shifted - _vector(shadow.camera.eye)) @ shadow.camera.axes().astype(np.float32).T
    column = (local[:, 0] / height + 0.5) * size - 0.5
    row = (0.5 - local[:, 1] / height) * size - 0.5
    depth = local[:, 2] - np.float32(texel * 0.7)
    left, top = np.floor(column).astype(np.int32), np.floor(row).astype(np.int32)
    u, v = column - left, row - top
    share = np.zeros(len(points), np.float32)
    flat = shadow.depth.ravel()
    # The 3 x 3 box filter with a fractional place: a tent over 4 x 4 texels.
    for down, weight_y in ((-1, 1 - v), (0, 1.0), (1, 1.0), (2, v)):
        r = np.clip(top + down, 0, size - 1) * size
        for across, weight_x in ((-1, 1 - u), (0, 1.0), (1, 1.0), (2, u)):
            c = np.clip(left + across, 0, size - 1)
            share += (flat[r + c] >= depth) * (weight_x * weight_y)
    result: Array = share / np.float32(9)
    return result


def ambient_occlusion(depth: Array, camera: Camera) -> Array:
    """Return (H, W) float32 in [0, 1]: the open share of the hemisphere, from the depth of pixels around.

    Surfaces that rise above a pixel on both sides hide its sky; the rise is measured against the middle of
    each pair of opposite neighbours, so that slopes by themselves give none.
    """
    height, width = depth.shape
    finite = np.isfinite(depth)
    near = np.where(finite, depth, 0.0).astype(np.float32)
    if camera.parallel_height is not None:
        pixel = np.full_like(near, camera.parallel_height / height)
    else:
        pixel = near * np.float32(2 * math.tan(math.radians(camera.field_of_view) / 2) / height)
    hidden = np.zeros_like(near)
    total = 0.0
    for radius, weight in ((2, 0.8), (5, 1.0), (12, 1.0), (28, 0.8)):
        padded = np.pad(near, radius, mode="edge")
        valid = np.pad(finite, radius, mode="edge")
        diagonal = max(1, round(radius * 0.7))
        for dy, dx in ((0, radius), (radius, 0), (diagonal, diagonal), (diagonal, -diagonal)):
            a = padded[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
            b = padded[radius - dy : radius - dy + height, radius - dx : radius - dx + width]
            both = (
                valid[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
                & valid[radius - dy : radius - dy + height, radius - dx : radius - dx + width]
                & finite
            )
            reach = pixel * np.float32(radius) + np.float32(1e-6)
            # How far the pixel lies behind the middle of the pair, in units of the distance between them.
            rise = (near - (a + b) * 0.5) / reach
            # A leap much larger than the distance is another object in front, not a hollow.
            term = np.clip(rise * 0.6, 0, 1) * np.clip(3.0 - np.abs(a - b) / (reach * 4), 0, 1)
            hidden += np.where(both, term, 0) * np.float32(weight)
            total += weight
    result: Array = np.clip(1 - 1.9 * hidden / np.float32(total), 0.25, 1.0).astype(np.float32)
    return result


@dataclass(frozen=True, eq=False)
class Light:
    """What lights one picture.

    Attributes
    ----------
    sun : (3,) float32 unit vector toward the sun.
    color : (3,) float32 linear sunlight, strength included.
    air : the atmosphere.
    low, high : (3,) float64 corners of the world's ground, metres.
    sea : height in metres of a sea that goes on beyond the world to the horizon, or None.
    """

    sun: Array
    color: Array
    air: Atmosphere
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sea: float | None = None

    @property
    def width(self) -> float:
        """Metres across the world, the unit of ``air.haze``."""
        return float(max(self.high[0] - self.low[0], self.high[2] - self.low[2], 1e-3))

    def clear_distance(self, eye: tuple[float, float, float]) -> float:
        """Metres from an eye to the world's box: a model that is seen from afar has no haze before it."""
        return float(np.linalg.norm(np.maximum(np.maximum(self.low - eye, eye - self.high), 0.0)))

    def horizon(self, steps: int = 512) -> Array:
        """Return (steps, 3) float32: the sky at the horizon by azimuth, from -pi; haze blends toward it."""
        azimuth = (np.arange(steps, dtype=np.float32) + np.float32(0.5)) * np.float32(
            2 * math.pi / steps
        ) - np.float32(math.pi)
        level = np.stack([np.cos(azimuth), np.zeros_like(azimuth), np.sin(azimuth)], axis=1)
        return sky(level, self.sun, self.color / np.float32(self.air.sun), self.air, clouds=False)


def shade(
    land: Layers, water: Layers | None, camera: Camera, light: Light, shadow: ShadowMap | None
) -> NDArray[np.uint8]:
    """Return the (H, W, 3) uint8 sRGB picture of the layers."""
    height, width = land.depth.shape
    # Sky and occlusion are smooth: half the resolution is enough and takes a quarter of the time.
    step = 2 if min(height, width) >= 4 else 1
    coarse = ambient_occlusion(land.depth[::step, ::step], camera)
    horizon = light.horizon()
    deep = None if water is None else _deepest(water)
    picture = np.empty((height, width, 3), np.uint8)
    for start in range(0, height, BAND):
        rows = slice(start, min(start + BAND, height))
        offset, ray = pixel_rays(camera, (height, width), rows)
        length = np.sqrt((ray * ray).sum(axis=-1, keepdims=True))
        direction = ray / length
        depth = land.depth[rows]
        hit = np.isfinite(depth)
        color = np.zeros((*depth.shape, 3), np.float32)
        if not hit.all():
            backdrop = sky(
                direction[::step, ::step], light.sun, light.color / np.float32(light.air.sun), light.air
            )
            color[:] = _enlarge(backdrop, step)[: len(color), :width]
        if hit.any():
            points = _vector(camera.eye) + offset[hit] + ray[hit] * depth[hit][:, None]
            occlusion = _enlarge(coarse[start // step : -(-rows.stop // step)], step)[: len(color), :width]
            color[hit] = _surface(land, rows, hit, points, occlusion[hit], camera, light, shadow)
        surface = _water_depth(water, depth, camera, light, rows, ray)
        color = _add_water(color, depth, surface, water, camera, light, rows, offset, ray, deep)
        seen = np.isfinite(np.minimum(depth, surface))
        if seen.any() and light.air.haze > 0 and camera.parallel_height is None:
            distance = np.minimum(depth, surface)[seen][:, None] * length[seen]
            distance = np.maximum(distance - np.float32(light.clear_distance(camera.eye)), 0)
            color[seen] = haze(color[seen], direction[seen], distance, light, horizon)
        # Interleaved gradient noise (J. Jimenez 2014), which averages out over neighbours.
        x, y = np.arange(width) * 0.06711056, np.arange(rows.start, rows.stop)[:, None] * 0.00583715
        noise = (52.9829189 * ((x + y) % 1.0)) % 1.0
        picture[rows] = encode(
            color * np.float32(light.air.exposure), noise[..., None].astype(np.float32) * np.float32(0.999)
        )
    return picture


def _deepest(water: Layers) -> Array | None:
    """Return the (3,) linear color of the darkest water that was drawn: the sea goes on in it."""
    colors = water.color[::4, ::4][np.isfinite(water.depth[::4, ::4])]
    if not len(colors):
        return None
    result: Array = linear(colors[int(colors.astype(np.int32).sum(axis=1).argmin())])
    return result


def _enlarge(image: Array, step: int) -> Array:
    return image.repeat(step, axis=0).repeat(step, axis=1)


def _surface(
    land: Layers,
    rows: slice,
    hit: NDArray[np.bool_],
    points: Array,
    occlusion: Array,
    camera: Camera,
    light: Light,
    shadow: ShadowMap | None,
) -> Array:
    """Return (N, 3) light from the N ``hit`` pixels of some rows, at (N, 3) points with (N,) occlusion."""
    albedo, coded = linear(land.color[rows][hit]), land.surface[rows][hit]
    normals, kind = unpack_normals(coded, camera), coded[:, 2]
    foliage = kind >= 230
    facing = normals @ light.sun
    # Leaves wrap light around and let some through from behind.
    direct = np.where(foliage, np.clip(facing * 0.6 + 0.4, 0, 1) * 0.85 + 0.08, np.clip(facing, 0, 1))
    if shadow is not None:
        lit = direct > 0
        share = np.zeros_like(direct)
        share[lit] = shadow_share(points[lit], normals[lit], shadow, light.sun)
        direct = direct * share
    cavity = np.where(foliage, 1.0, np.minimum(kind / np.float32(191), 1.0)).astype(np.float32)
    # A crown is a cloud of leaves: each gets light from above, whatever the card's normal says.
    upward = np.where(foliage, normals[:, 1] * 0.25 + 0.70, normals[:, 1] * 0.5 + 0.5)[:, None]
    air = light.air
    heaven = (_vector(air.zenith) * 0.65 + _vector(air.horizon) * 0.35) * np.float32(air.fill)
    ambient = _vector(air.bounce) * np.float32(air.fill) + heaven * upward
    ambient = ambient * (occlusion * cavity)[:, None]
    # Hollows receive less sun too: their walls shade what the shadow map is too coarse for.
    direct = direct * (0.65 + 0.35 * occlusion * cavity)
    result: Array = albedo * (light.color * direct[:, None] + ambient)
    return result.astype(np.float32)


def _water_depth(
    water: Layers | None, depth: Array, camera: Camera, light: Light, rows: slice, ray: Array
) -> Array:
    """Return the water's depth along each ray: as drawn, or of the sea that goes on outside the world.

    That sea also closes the gaps below the world's raised edges, where ``depth``, the land's, is infinite.
    """
    if water is not None:
        surface = water.depth[rows].copy()
    else:
        surface = np.full(ray.shape[:2], np.inf, np.float32)
    if light.sea is None or camera.parallel_height is not None or camera.eye[1] <= light.sea:
        return surface
    down = np.flatnonzero(ray[..., 1].ravel() < -1e-5)
    rays = ray.reshape(-1, 3)[down]
    endless = np.float32(light.sea - camera.eye[1]) / rays[:, 1]
    x, z = np.float32(camera.eye[0]) + rays[:, 0] * endless, np.float32(camera.eye[2]) + rays[:, 2] * endless
    outside = (x < light.low[0]) | (x > light.high[0]) | (z < light.low[2]) | (z > light.high[2])
    outside |= np.isinf(depth.ravel()[down])
    flat = surface.reshape(-1)
    flat[down[outside]] = np.minimum(flat[down[outside]], endless[outside])
    return surface


def _add_water(
    color: Array,
    depth: Array,
    surface: Array,
    water: Layers | None,
    camera: Camera,
    light: Light,
    rows: slice,
    offset: Array,
    ray: Array,
    deep: Array | None,
) -> Array:
    """Return the picture's rows with water laid over what lies below it."""
    wet = np.isfinite(surface) & (surface < depth)
    if not wet.any():
        return color
    rays = ray[wet]
    length = np.sqrt((rays * rays).sum(axis=1))
    direction = rays / length[:, None]
    distance = surface[wet] * length
    points = _vector(camera.eye) + offset[wet] + rays * surface[wet][:, None]
    if camera.parallel_height is not None:
        distance = np.full_like(distance, light.width)
    normals = _ripples(points, distance, light)
    through = np.where(np.isfinite(depth[wet]), (depth[wet] - surface[wet]) * length, np.float32(1e4))
    tint = np.broadcast_to(np.asarray(DEEP_WATER if deep is None else deep, np.float32), points.shape)
    if water is not None:
        drawn = np.isfinite(water.depth[rows][wet])
        tint = np.where(drawn[:, None], linear(water.color[rows][wet]), tint)
    # Absorption per metre of clear water, red first; the bed of a shallow shore shows through.
    clear = np.exp(-through[:, None] * _vector([0.32, 0.13, 0.10]))
    sunlight = light.color * np.float32(max(light.sun[1], 0.05)) + _vector(light.air.horizon)
    body = tint * sunlight * np.float32(0.55)
    below = color[wet] * clear + body * (1 - clear)
    cosine = np.clip(-(normals * direction).sum(axis=1), 0.0, 1.0)
    fresnel = (np.float32(0.02) + np.float32(0.98) * (1 - cosine) ** 5)[:, None]
    mirrored = direction - 2 * (normals * direction).sum(axis=1, keepdims=True) * normals
    mirrored[:, 1] = np.abs(mirrored[:, 1])
    mirrored /= np.sqrt((mirrored**2).sum(axis=1, keepdims=True))
    reflected = sky(mirrored, light.sun, np.zeros(3, np.float32), light.air, clouds=False)
    glint = np.clip((mirrored * light.sun).sum(axis=1), 0, 1) ** 220
    result = color.copy()
    result[wet] = (
        below * (1 - fresnel) + reflected * fresnel * 0.9 + light.color * glint[:, None] * (fresnel * 4 + 0.1)
    )
    return result


def _ripples(points: Array, distance: Array, light: Light) -> Array:
    """Return (N, 3) normals of small waves; far away they blur into a nearly flat mirror."""
    slope_x = np.zeros(len(points), np.float32)
    slope_z = np.zeros(len(points), np.float32)
    x, z = points[:, 0], points[:, 2]
    for index in range(9):
        angle = 0.6 + 2.4 * index
        # Wave lengths from 1 to 40 m: each is seen only where it covers more than a pixel or two.
        wave = 1.0 * 1.55**index
        phase = np.float32(2 * math.pi / wave) * (
            x * np.float32(math.cos(angle)) + z * np.float32(math.sin(angle))
        )
        swing = np.cos(phase + 2.0 * value_noise(x / np.float32(wave * 3), z / np.float32(wave * 3)) * 3.0)
        swing *= 0.026 * np.clip(wave * 90.0 / (distance + 1) - 0.15, 0, 1)
        slope_x += swing * np.float32(math.cos(angle))
        slope_z += swing * np.float32(math.sin(angle))
    normals = np.stack([-slope_x, np.ones_like(slope_x), -slope_z], axis=1)
    normals /= np.sqrt((normals**2).sum(axis=1, keepdims=True))
    result: Array = normals.astype(np.float32)
    return result


def haze(color: Array, direction: Array, distance: Array, light: Light, horizon: Array) -> Array:
    """Blend toward the sky's color at the horizon; blue light scatters in first."""
    steps = len(horizon)
    azimuth = np.arctan2(direction[:, 2], direction[:, 0])
    veil = horizon[np.clip(((azimuth + math.pi) * (steps / (2 * math.pi))).astype(np.int32), 0, steps - 1)]
    depth = (distance / np.float32(light.width)) ** 1.25 * np.float32(light.air.haze)
    kept = np.exp(-depth * _vector([0.75, 0.95, 1.25]))
    # Bluer than the horizon, as less of the way is lit; at last it is the horizon, or that would be an edge.
    tint = _vector([0.86, 0.93, 1.0])
    tint = tint + (1 - tint) * (1 - kept) ** 8
    result: Array = color * kept + veil * tint * (1 - kept)
    return result
