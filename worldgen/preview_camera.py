"""Where the preview's camera stands: pure functions from a coarse relief to an eye and a target.

The views are chosen by looking at the ground, never by chance: `hero` tries places along the border of the
world, marches rays over the relief from each, and keeps the one that sees far, has high ground on its skyline
and has the sun at its side, where slopes show best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import PreviewError, nearest

Array = NDArray[np.float64]
Point = tuple[float, float, float]
VIEWS = ("hero", "iso", "top", "ground")


@dataclass(frozen=True)
class Camera:
    """An eye that looks at a target; +Y is up in the picture, north where it looks straight down.

    Attributes
    ----------
    eye, target : world metres.
    field_of_view : vertical, degrees; unused where ``parallel_height`` is given.
    parallel_height : height of the picture in metres for a plan without perspective, or None.
    """

    eye: Point
    target: Point
    field_of_view: float = 42.0
    parallel_height: float | None = None

    def axes(self) -> Array:
        """Return (3, 3) float64 rows: unit vectors to the right, up and forward, in world axes."""
        forward = np.subtract(self.target, self.eye)
        length = float(np.linalg.norm(forward))
        if not (math.isfinite(length) and length > 0):
            raise PreviewError(f"the camera's eye and target must differ; found {self.eye} and {self.target}")
        forward = forward / length
        hint = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
        right = np.cross(forward, hint)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(right, forward), forward])


@dataclass(frozen=True, eq=False)
class Relief:
    """The ground as a coarse raster: the highest vertex of each cell.

    Attributes
    ----------
    heights : (N, M) float64, metres, row 0 is north.
    low, high : (3,) float64 corners of the ground's bounding box, metres.
    sea : height of the water's surface in metres, or None.
    """

    heights: Array
    low: Array
    high: Array
    sea: float | None = None

    @property
    def width(self) -> float:
        """The longer horizontal side in metres, at least 1 mm."""
        return float(max(self.high[0] - self.low[0], self.high[2] - self.low[2], 1e-3))

    @property
    def centre(self) -> Array:
        """(3,) middle of the ground: mean of the sides, mean height."""
        middle = (self.low + self.high) / 2
        middle[1] = float(self.heights.mean())
        return middle

    def surface(self) -> Array:
        """(N, M) float64 heights of what is seen from above: ground, or water where it is higher."""
        return self.heights if self.sea is None else np.maximum(self.heights, self.sea)

    def gradient(self) -> tuple[Array, Array]:
        """(N, M) rise over run toward +x and toward +z."""
        rows, columns = self.heights.shape
        cell = np.maximum(self.high - self.low, 1e-9)[[2, 0]] / [rows, columns]
        padded = np.pad(self.heights, 1, mode="edge")
        along_x = (padded[1:-1, 2:] - padded[1:-1, :-2]) / (2 * cell[1])
        return along_x, (padded[2:, 1:-1] - padded[:-2, 1:-1]) / (2 * cell[0])

    def sunlit(self, sun: Point) -> Array:
        """(N, M) cosine between the ground's normal and the sun, 0 where it faces away; no cast shadows."""
        along_x, along_z = self.gradient()
        toward = -np.asarray(sun) / np.linalg.norm(sun)
        cosine = (toward[1] - along_x * toward[0] - along_z * toward[2]) / np.sqrt(
            1 + along_x**2 + along_z**2
        )
        result: Array = np.clip(cosine, 0, 1)
        return result

    def cells(self, x: Array, z: Array) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return row, column (clipped to the raster) and whether the point lies inside."""
        rows, columns = self.heights.shape
        span = np.maximum(self.high - self.low, 1e-9)
        row = np.floor((z - self.low[2]) / span[2] * rows)
        column = np.floor((x - self.low[0]) / span[0] * columns)
        inside = (row >= 0) & (row <= rows) & (column >= 0) & (column <= columns)
        return (
            np.clip(row, 0, rows - 1).astype(np.intp),
            np.clip(column, 0, columns - 1).astype(np.intp),
            inside,
        )


def relief_of(positions: Array, sea: float | None = None, cells: int = 128) -> Relief:
    """Rasterise vertices to a `Relief`.

    Parameters
    ----------
    positions : (V, 3) world metres, at least one vertex.
    sea : height of the water in metres, or None.
    cells : cells on the longer side at most; fewer where the vertices are few, so that most cells hold one.

    Raises
    ------
    PreviewError : there are no vertices, or some are not finite.
    """
    if len(positions) == 0 or not np.isfinite(positions).all():
        raise PreviewError("the scene has no ground to look at: it needs at least one finite vertex")
    low = positions.min(axis=0).astype(np.float64)
    high = positions.max(axis=0).astype(np.float64)
    count = int(np.clip(math.sqrt(len(positions)) / 2, 1, cells))
    relief = Relief(np.full((count, count), -np.inf), low, high, sea)
    row, column, _ = relief.cells(positions[:, 0], positions[:, 2])
    np.maximum.at(relief.heights, (row, column), positions[:, 1])
    heights = relief.heights
    heights[~np.isfinite(heights)] = low[1]
    return relief


def height_at(triangles: Array, x: float, z: float) -> float | None:
    """Return the highest ground exactly above or below a point, or None where no triangle covers it.

    Parameters
    ----------
    triangles : (T, 3, 3) float64 corners in world metres.
    """
    corner = triangles[:, :, [0, 2]] - np.array([x, z])
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]

    def cross(u: Array, v: Array) -> Array:
        result: Array = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        return result

    weights = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    area = weights.sum(axis=1)
    inside = ((weights >= 0).all(axis=1) | (weights <= 0).all(axis=1)) & (area != 0)
    if not inside.any():
        return None
    shares = weights[inside] / area[inside, None]
    return float((shares * triangles[inside, :, 1]).sum(axis=1).max())


def lift_above(camera: Camera, relief: Relief, clearance: float) -> Camera:
    """Return the camera raised until the eye stands ``clearance`` metres above ground and water around it."""
    reach = relief.width / max(relief.heights.shape) * 1.5
    ring = np.linspace(0, 2 * math.pi, 9)
    x = camera.eye[0] + reach * np.append(np.cos(ring), 0.0)
    z = camera.eye[2] + reach * np.append(np.sin(ring), 0.0)
    row, column, inside = relief.cells(x, z)
    if not inside.any():
        return camera
    floor = float(relief.surface()[row, column][inside].max()) + clearance
    if camera.eye[1] >= floor:
        return camera
    return replace(camera, eye=(camera.eye[0], floor, camera.eye[2]))


def march(
    relief: Relief, eyes: Array, azimuths: Array, steps: int = 96
) -> tuple[Array, NDArray[np.bool_], Array]:
    """March rays over the relief.

    Parameters
    ----------
    eyes : (E, 3) world metres.
    azimuths : (E, A) radians, 0 along +x, growing toward +z.

    Returns
    -------
    slope : (E, A, S) rise over run from the eye to the surface at each step; -inf outside the world.
    visible : (E, A, S) bool, not hidden by a nearer step.
    distance : (S,) metres of each step.
    """
    distance = relief.width * 1.3 * np.linspace(0.12, 1.0, steps) ** 1.5
    x = eyes[:, None, None, 0] + np.cos(azimuths)[..., None] * distance
    z = eyes[:, None, None, 2] + np.sin(azimuths)[..., None] * distance
    row, column, inside = relief.cells(x, z)
    slope = (relief.surface()[row, column] - eyes[:, None, None, 1]) / distance
    slope = np.where(inside, slope, -np.inf)
    before = np.maximum.accumulate(slope, axis=-1)
    visible = inside & (slope >= before)
    return slope, visible, distance


def hero(
    relief: Relief, sun: Point, aspect: float = 16 / 9, field_of_view: float = 42.0, endless: bool = False
) -> Camera:
    """Choose a low oblique view toward the relief.

    Parameters
    ----------
    sun : (3,) direction along which sunlight travels.
    aspect : width over height of the picture.
    endless : whether the sea goes on beyond the world, so that its edge is no blemish.
    """
    width, centre = relief.width, relief.centre
    ring = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    # Onto a square inside the border, so that corners are tried too.
    outward = np.stack([np.cos(ring), np.sin(ring)], axis=1)
    outward /= np.abs(outward).max(axis=1, keepdims=True)
    half = (relief.high - relief.low)[[0, 2]] / 2
    places = centre[[0, 2]] + outward * half * 0.93
    clearances = np.array([0.05, 0.11, 0.18, 0.26]) * width
    yaws = np.radians([-24.0, 0.0, 24.0])
    place, rise, yaw = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(len(places)), np.arange(len(clearances)), np.arange(len(yaws)), indexing="ij"
        )
    )
    eyes = np.zeros((len(place), 3))
    eyes[:, [0, 2]] = places[place]
    for index, spot in enumerate(places):
        probe = Camera((spot[0], -1e30, spot[1]), (0.0, 0.0, 0.0))
        chosen = place == index
        eyes[chosen, 1] = lift_above(probe, relief, 0.0).eye[1] + clearances[rise[chosen]]
    heading = np.arctan2(centre[2] - eyes[:, 2], centre[0] - eyes[:, 0]) + yaws[yaw]
    half_height = math.radians(field_of_view) / 2
    half_width = math.atan(math.tan(half_height) * aspect)
    azimuths = heading[:, None] + np.linspace(-half_width, half_width, 41) * 0.9
    slope, visible, distance = march(relief, eyes, azimuths)
    skyline = np.degrees(np.arctan(slope.max(axis=-1)))
    # Down so far that the horizon lies in the upper third, less where the summits would be cut off.
    pitch = np.radians(np.clip(skyline.max(axis=1) + 4.0 - field_of_view / 2, -17.0, -3.0))
    top = np.degrees(pitch + half_height)[:, None]
    # Degrees of skyline above the horizon in the frame, what is cut off at the top counting against it.
    cut = np.clip(skyline - top + 2.0, 0, None)
    rising = (np.clip(skyline, 0, 12) - 4.0 * cut).mean(axis=1) - 1.5 * cut.max(axis=1)
    variety = np.clip(skyline, -6, top).std(axis=1)
    # The highest ground that is in the frame, as a share of the world's height.
    height = np.where(visible & (slope < np.tan(np.radians(top - 1.5))[..., None]), slope, -np.inf) * distance
    height = (height.max(axis=(1, 2)) + eyes[:, 1] - relief.low[1]) / max(
        relief.high[1] - relief.low[1], 1e-9
    )
    summit = np.clip(height, 0, 1) * (relief.high[1] > relief.low[1])
    area = np.gradient(distance) * distance
    open_view = (visible * area).sum(axis=(1, 2)) / (area.sum() * slope.shape[1] * 0.5)
    bottom = np.tan(pitch - half_height)[:, None]
    blocked = (slope[..., :12].max(axis=-1) > bottom * 0.25).mean(axis=1)
    row, column, _ = relief.cells(
        eyes[:, None, None, 0] + np.cos(azimuths)[..., None] * distance,
        eyes[:, None, None, 2] + np.sin(azimuths)[..., None] * distance,
    )
    # Where land ends in sight below the horizon, the picture shows the world's edge; the nearer, the plainer.
    inside = np.isfinite(slope)
    last = inside & ~np.append(inside[..., 1:], np.zeros_like(inside[..., :1]), axis=-1)
    cliff = last & visible & (slope < (0.0 if endless else -0.05))
    if endless and relief.sea is not None:
        cliff &= relief.heights[row, column] > relief.sea + 0.005 * width
    edge = (cliff * np.clip(1.4 - distance / width, 0, 1)).sum(axis=-1).mean(axis=-1)
    bright = (relief.sunlit(sun)[row, column] * visible * area).sum(axis=(1, 2))
    bright = bright / np.maximum((visible * area).sum(axis=(1, 2)), 1e-9)
    score = (
        0.16 * rising
        + 0.22 * variety
        + 4.5 * open_view
        + 5.0 * summit
        - 3.0 * blocked
        - 5.0 * edge
        + 3.0 * bright
    )
    if relief.sea is not None:
        wet = relief.heights[row, column] < relief.sea
        share = (wet & visible).sum(axis=(1, 2)) / np.maximum(visible.sum(axis=(1, 2)), 1)
        score += 1.0 - np.abs(np.clip(share, 0, 0.8) - 0.3) * 2
    horizontal = math.hypot(sun[0], sun[2])
    if horizontal > 1e-6:
        beside = np.abs(np.cos(heading) * sun[2] - np.sin(heading) * sun[0]) / horizontal
        against = np.clip(-(np.cos(heading) * sun[0] + np.sin(heading) * sun[2]) / horizontal, 0, 1)
        score += 1.6 * beside - 1.2 * against
    best = int(np.argmax(np.round(score, 9)))
    run = width * 0.5
    target = (
        float(eyes[best, 0] + math.cos(heading[best]) * run),
        float(eyes[best, 1] + math.tan(pitch[best]) * run),
        float(eyes[best, 2] + math.sin(heading[best]) * run),
    )
    return Camera((float(eyes[best, 0]), float(eyes[best, 1]), float(eyes[best, 2])), target, field_of_view)


def isometric(relief: Relief, sun: Point, aspect: float = 16 / 9) -> Camera:
    """Return an overview of the whole world from 45° above, sun from the side."""
    azimuths = np.radians([45.0, 135.0, 225.0, 315.0])
    along = np.cos(azimuths) * sun[0] + np.sin(azimuths) * sun[2]
    across = np.cos(azimuths) * sun[2] - np.sin(azimuths) * sun[0]
    azimuth = float(azimuths[int(np.argmax(np.round(np.abs(across) + 0.3 * along, 9)))])
    look = np.array([math.cos(azimuth), -1.0, math.sin(azimuth)]) / math.sqrt(2)
    rows, columns = relief.heights.shape
    x, z = np.meshgrid(
        np.linspace(relief.low[0], relief.high[0], columns), np.linspace(relief.low[2], relief.high[2], rows)
    )
    points = np.stack([x.ravel(), relief.surface().ravel(), z.ravel()], axis=1)
    return frame(points, (look[0], look[1], look[2]), aspect, 28.0)


def frame(points: Array, look: Point, aspect: float, field_of_view: float) -> Camera:
    """Return the camera that looks along a direction and just holds all points.

    Parameters
    ----------
    points : (N, 3) world metres.
    look : (3,) direction of the view.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    camera = Camera((0.0, 0.0, 0.0), look, field_of_view)
    right, up, forward = ((points - middle) @ camera.axes().T).T
    # A margin of 6 % on each side.
    half = math.tan(math.radians(field_of_view) / 2) * 0.94
    # Each side of the frame is a plane through the eye; the four give the eye's place in closed form.
    wide = half * aspect
    top, bottom = float((up - half * forward).max()), float((-up - half * forward).max())
    rightmost, leftmost = float((right - wide * forward).max()), float((-right - wide * forward).max())
    distance = float(max((top + bottom) / 2 / half, (rightmost + leftmost) / 2 / wide, 1e-3))
    shift = np.array([(rightmost - leftmost) / 2, (top - bottom) / 2, 0.0]) @ camera.axes()
    target = middle + shift
    eye = target - camera.axes()[2] * distance
    return Camera((eye[0], eye[1], eye[2]), (target[0], target[1], target[2]), field_of_view)


def plan(relief: Relief, aspect: float = 16 / 9) -> Camera:
    """Return a plan of the whole world without perspective, north up."""
    span = relief.high - relief.low
    middle = (relief.low + relief.high) / 2
    height = float(max(span[2], span[0] / aspect, 1e-3) * 1.04)
    eye = (float(middle[0]), float(relief.high[1] + relief.width * 0.1 + 50.0), float(middle[2]))
    return Camera(eye, (eye[0], float(relief.low[1]) - 1.0, eye[2]), parallel_height=height)


def ground(
    relief: Relief,
    triangles: Array,
    obstacles: Array,
    sun: Point,
    eye_height: float = 1.75,
    field_of_view: float = 50.0,
) -> Camera:
    """Stand a person on a dry, fairly level, open place and look to the highest relief.

    Parameters
    ----------
    triangles : (T, 3, 3) float64, the ground's triangles in world metres.
    obstacles : (N, 3) float64: x, z and size in metres of objects that the eye should not stand behind.
    eye_height : metres above the ground.
    """
    rows, columns = relief.heights.shape
    cell = np.maximum(relief.high - relief.low, 1e-9)[[2, 0]] / [rows, columns]
    steep = np.hypot(*relief.gradient())
    z = relief.low[2] + (np.arange(rows) + 0.5) * cell[0]
    x = relief.low[0] + (np.arange(columns) + 0.5) * cell[1]
    padded = np.pad(relief.heights, 1, mode="edge")
    around = np.min([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
    dry = around > (relief.sea + 1.5 if relief.sea is not None else -np.inf)
    border = np.zeros((rows, columns), bool)
    margin_rows, margin_columns = rows // 6, columns // 6
    border[margin_rows : rows - margin_rows, margin_columns : columns - margin_columns] = True
    fit = np.where(dry & border, -steep, -np.inf)
    if not np.isfinite(fit).any():
        fit = np.where(dry, -steep, -np.inf) if dry.any() else -steep
    order = np.argsort(-fit, axis=None, kind="stable")[: max(16, rows * columns // 12)][:400]
    row, column = np.unravel_index(order, fit.shape)
    eyes = np.stack([x[column], relief.heights[row, column] + eye_height, z[row]], axis=1)
    azimuths = np.broadcast_to(np.linspace(-math.pi, math.pi, 72, endpoint=False), (len(eyes), 72))
    slope, _, distance = march(relief, eyes, azimuths)
    skyline = np.degrees(np.arctan(slope[..., distance > relief.width * 0.12].max(axis=-1)))
    near = np.degrees(np.arctan(slope[..., distance <= relief.width * 0.12].max(axis=-1)))
    value = np.clip(skyline, -5, 18) - 1.5 * np.clip(near - 2.0, 0, None)
    horizontal = max(math.hypot(sun[0], sun[2]), 1e-6)
    value = value - 3.0 * np.clip(-(np.cos(azimuths) * sun[0] + np.sin(azimuths) * sun[2]) / horizontal, 0, 1)
    value = value + 2.0 * fit.ravel()[order][:, None].clip(-1, 0) * 5
    toward_sun = np.full((len(eyes), 1), math.atan2(-sun[2], -sun[0]))
    shaded = march(relief, eyes, toward_sun)[0].max(axis=-1) > -sun[1] / horizontal
    # A slope that falls away leaves the picture without a foreground.
    ahead = 2.5 * float(cell.max())
    next_row, next_column, _ = relief.cells(
        eyes[:, None, 0] + np.cos(azimuths) * ahead, eyes[:, None, 2] + np.sin(azimuths) * ahead
    )
    drop = (relief.heights[row, column][:, None] - relief.surface()[next_row, next_column]) / ahead
    value = value - 25.0 * np.clip(drop - 0.08, 0, 0.4)
    value = value - 5.0 * shaded - 3.0 * hidden_by(obstacles, eyes, azimuths)
    # A cell's highest vertex may be dry and its middle not: take the best place whose exact height is.
    dry_level = -math.inf if relief.sea is None else relief.sea + 0.5
    best, foot = 0, dry_level
    for best in np.argsort(-np.round(value.max(axis=1), 9), kind="stable")[:50]:
        level = height_at(triangles, float(eyes[best, 0]), float(eyes[best, 2]))
        foot = float(relief.heights[row[best], column[best]]) if level is None else level
        if foot > dry_level:
            break
    direction = int(np.argmax(np.round(value[best], 9)))
    azimuth = float(azimuths[best, direction])
    if relief.sea is not None:
        foot = max(foot, relief.sea)
    eye = (float(eyes[best, 0]), foot + eye_height, float(eyes[best, 2]))
    pitch = math.radians(float(np.clip(skyline[best, direction] * 0.45, 0.0, 11.0)))
    return Camera(
        eye,
        (eye[0] + math.cos(azimuth), eye[1] + math.tan(pitch), eye[2] + math.sin(azimuth)),
        field_of_view,
    )


def hidden_by(obstacles: Array, eyes: Array, azimuths: Array) -> Array:
    """Return (E, A) float64: how much objects near each eye stand in the way of each direction.

    Parameters
    ----------
    obstacles : (N, 3) x, z and size in metres.
    eyes : (E, 3) world metres.
    azimuths : (E, A) radians.
    """
    from scipy.spatial import cKDTree

    hidden = np.zeros(azimuths.shape)
    if not len(obstacles):
        return hidden
    reach = 45.0
    found = cKDTree(obstacles[:, :2]).query_ball_point(eyes[:, [0, 2]], reach)
    for index, close in enumerate(found):
        if not close:
            continue
        offset = obstacles[close, :2] - eyes[index, [0, 2]]
        size = obstacles[close, 2]
        distance = np.maximum(np.hypot(offset[:, 0], offset[:, 1]), 0.1)
        bearing = np.arctan2(offset[:, 1], offset[:, 0])
        turn = np.abs((azimuths[index, :, None] - bearing + math.pi) % (2 * math.pi) - math.pi)
        # A tree's half width is about a third of its height; the picture reaches 35 degrees aside.
        inside = np.clip(1.2 - turn / math.radians(40), 0, 1)
        hidden[index] = (inside * np.clip(size / (3 * distance), 0, 2)).sum(axis=1)
        hidden[index] += 4.0 * np.clip(1.0 - distance / np.maximum(size * 0.5, 3.0), 0, 1).sum()
    return hidden


def check_view(view: object) -> None:
    """Raise PreviewError unless ``view`` is a known name or a Camera."""
    if isinstance(view, Camera) or (isinstance(view, str) and view in VIEWS):
        return
    raise PreviewError(f"unknown view {view!r}; {nearest(str(view), VIEWS)}, or a Camera")
