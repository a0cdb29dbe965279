"""The farthest level of detail: a few crossed cards that show a projection of the near model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.painting import Atlas, Box, Floats, Pixels
from worldgen.shapes import Shape, both_sides, merge, normalized, ribbons

OVERSAMPLING = 3
GAP = 0.02  # metres between a card's front and back


@kernel
def _rasterize(
    corners: NDArray[np.float64],
    texels: NDArray[np.float64],
    image: NDArray[np.uint8],
    cutoff: int,
    rows: int,
    columns: int,
) -> NDArray[np.uint8]:
    """Draw (T, 3, 3) corners (column, row, nearness in pixels) with (T, 3, 2) texel positions."""
    size = image.shape[0]
    nearness = np.full((rows, columns), -1e30)
    picture = np.zeros((rows, columns, 4), np.uint8)
    for t in range(len(corners)):
        ax, ay = corners[t, 0, 0], corners[t, 0, 1]
        bx, by = corners[t, 1, 0], corners[t, 1, 1]
        cx, cy = corners[t, 2, 0], corners[t, 2, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        top = max(0, int(np.floor(min(ay, by, cy))))
        bottom = min(rows - 1, int(np.ceil(max(ay, by, cy))))
        left = max(0, int(np.floor(min(ax, bx, cx))))
        right = min(columns - 1, int(np.ceil(max(ax, bx, cx))))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5, row + 0.5
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                near = wa * corners[t, 0, 2] + wb * corners[t, 1, 2] + wc * corners[t, 2, 2]
                if near <= nearness[row, column]:
                    continue
                u = wa * texels[t, 0, 0] + wb * texels[t, 1, 0] + wc * texels[t, 2, 0]
                v = wa * texels[t, 0, 1] + wb * texels[t, 1, 1] + wc * texels[t, 2, 1]
                texel = image[int(np.floor(v)) % size, int(np.floor(u)) % size]
                if texel[3] < cutoff:
                    continue
                nearness[row, column] = near
                for channel in range(3):
                    picture[row, column, channel] = texel[channel]
                picture[row, column, 3] = 255
    return picture


def project(
    shape: Shape,
    image: Pixels,
    right: Floats,
    up: Floats,
    frame: Floats,
    width: int,
    height: int,
    cutoff: float,
) -> Pixels:
    """Return a (height, width, 4) orthographic picture of a textured shape, unlit.

    Parameters
    ----------
    right, up : (3,) unit vectors of the picture's axes.
    frame : (4,) left, bottom, right, top along those axes in metres; fills the picture.
    """
    scale = np.array([width, height]) * OVERSAMPLING / (frame[2:] - frame[:2])
    column = (shape.positions @ right - frame[0]) * scale[0]
    row = (frame[3] - shape.positions @ up) * scale[1]
    near = shape.positions @ np.cross(right, up)
    corners = np.stack([column, row, near], axis=-1)[shape.indices]
    texels = (shape.texcoords * image.shape[0])[shape.indices]
    large = _rasterize(
        corners, texels, image, round(cutoff * 255), height * OVERSAMPLING, width * OVERSAMPLING
    ).astype(np.float64)
    small = large.reshape(height, OVERSAMPLING, width, OVERSAMPLING, 4).sum(axis=(1, 3))
    alpha = small[..., 3:] / 255.0
    color = np.where(alpha > 0, small[..., :3] / np.maximum(alpha, 1.0), 0.0)
    picture: Pixels = np.rint(np.concatenate([color, small[..., 3:] / OVERSAMPLING**2], axis=-1)).astype(
        np.uint8
    )
    return picture


def crossed_cards(
    atlas: Atlas,
    near: Shape,
    boxes: tuple[Box, Box],
    top_box: Box | None = None,
    *,
    lean: tuple[float, float] = (0.0, 0.0),
    cutoff: float,
    cards: int = 4,
    level: float = 0.4,
    upward: tuple[float, float] = (0.35, 0.9),
) -> Shape:
    """Paint a model's projections into the atlas and return the cards that show them.

    Parameters
    ----------
    near : the near model, its axis the line x = z = 0.
    boxes : where the views along −Z and −X go.
    top_box : where the view from above goes; None leaves out the level card.
    lean : (x, z) slope of the axis, metres per metre, for a leaning trunk.
    cards : 2 or 4 upright cards.
    level : height of the level card as a share of the whole.
    upward : how far normals turn to the sky at the foot and at the top; a crown's do, a bare trunk's do not.
    """
    slope = np.array([lean[0], 0.0, lean[1]])
    straight = near._replace(positions=near.positions - near.positions[:, 1:2] * slope)
    low, high = straight.positions.min(axis=0), straight.positions.max(axis=0)
    up = np.array([0.0, 1.0, 0.0])
    axes = (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0]))
    frames = (
        np.array([low[0], low[1], high[0], high[1]]),
        np.array([-high[2], low[1], -low[2], high[1]]),
    )
    for box, axis, frame in zip(boxes, axes, frames, strict=True):
        picture = project(straight, atlas.image, axis, up, frame, box.width - 4, box.height - 4, cutoff)
        atlas.place(Box(box.left + 2, box.top + 2, box.width - 4, box.height - 4), picture)
    shapes = []
    for number in range(cards):
        view = number % 2
        frame = frames[view]
        angle = np.pi / 4 * (number // 2) + np.pi / 2 * view
        axis = np.array([np.cos(angle), 0.0, -np.sin(angle)])
        middle = 0.5 * (frame[0] + frame[2]) * axis
        side = 0.5 * (frame[2] - frame[0]) * axis
        spine = np.stack([middle + low[1] * up, middle + high[1] * up])[None]
        card = ribbons(spine, side[None, None], atlas.region(boxes[view], 2.0)[None])
        facing = np.cross(axis, up)
        sideways = np.sign((card.positions - middle) @ axis)[:, None] * axis
        lift = np.where(card.positions[:, 1:2] > 0.5 * (low[1] + high[1]), upward[1], upward[0]) * up
        front = card._replace(normals=normalized(facing * 0.4 + 0.6 * sideways + lift))
        # Both sides show the same lit body, each turned to its own viewer.
        back = front._replace(normals=normalized(-facing * 0.4 + 0.6 * sideways + lift))
        pair = both_sides(front, GAP)
        pair.normals[len(front.positions) :] = back.normals
        shapes.append(pair)
    if top_box is not None:
        frame = np.array([low[0], -high[2], high[0], -low[2]])
        inner = Box(top_box.left + 2, top_box.top + 2, top_box.width - 4, top_box.height - 4)
        atlas.place(
            inner, project(straight, atlas.image, axes[0], axes[1], frame, inner.width, inner.height, cutoff)
        )
        height = low[1] + level * (high[1] - low[1])
        middle = np.array([0.5 * (low[0] + high[0]), height, 0.0])
        spine = middle + np.array([[[0, 0, high[2]], [0, 0, low[2]]]])
        side = np.array([0.5 * (high[0] - low[0]), 0.0, 0.0])
        card = ribbons(spine, side[None, None], atlas.region(top_box, 2.0)[None])
        outward = (card.positions - middle) / max(float(np.abs(side).max()), 1e-6)
        shapes.append(card._replace(normals=normalized(outward * (0.5, 0, 0.5) + up)))
    shape = merge(shapes)
    return shape._replace(positions=shape.positions + shape.positions[:, 1:2] * slope)
