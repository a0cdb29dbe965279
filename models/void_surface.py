"""The smooth surface over voids: a thin plate in slight tension through the cells that are known.

It minimises the summed squares of all second differences that touch a void, and a little of the first ones
(Briggs 1974; tension: Smith and Wessel 1990). The map's edge is free, so a plane goes on as a plane. A sparse
factorisation solves it exactly, 3600 cells in a twentieth of a second; wide voids are solved on coarser grids
first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

TENSION = 0.05  # weight of a first difference beside a second one
REACH = 2  # cells that a second difference spans beyond its void
DIRECT = 30_000  # most cells of a void that are solved at once, about a second
RIM = 12  # cells of a wider void, from its border inwards, that are solved on the fine grid


def smooth_fill(elevation: NDArray[np.floating], void: Mask) -> FloatArray:
    """Fill marked cells with the smoothest surface through the others.

    Parameters
    ----------
    elevation : (H, W) metres; what stands in marked cells is ignored.
    void : (H, W) bool, not all True.

    Returns
    -------
    (H, W) float64, equal to ``elevation`` outside the marked cells.
    """
    from scipy.ndimage import binary_dilation, find_objects, label

    filled = np.where(void, 0.0, elevation).astype(np.float64)
    joined, _ = label(binary_dilation(void, np.ones((3, 3), bool), iterations=REACH), np.ones((3, 3)))
    for number, box in enumerate(find_objects(joined), 1):
        part = void[box] & (joined[box] == number)
        if part.sum() > DIRECT:
            box = tuple(_widened(side, size) for side, size in zip(box, void.shape, strict=True))
            part = void[box] & (joined[box] == number)
            filled[box][part] = _filled(filled[box], void[box])[part]
        else:  # other voids in the box are out of the differences' reach, whatever stands in them
            filled[box][part] = _solved(filled[box], part)[part]
    return filled


def _widened(side: slice, size: int) -> slice:
    """Some known land at both ends, of which enough is left on coarse grids."""
    more = (side.stop - side.start) // 4
    return slice(max(0, side.start - more), min(size, side.stop + more))


def _filled(elevation: FloatArray, void: Mask) -> FloatArray:
    from scipy.ndimage import distance_transform_edt

    if void.sum() <= DIRECT:
        return _solved(elevation, void)
    inner = distance_transform_edt(np.pad(void, 1, mode="edge"))[1:-1, 1:-1] > RIM
    guess = elevation.copy()
    guess[inner] = _coarsely_filled(elevation, void)[inner]
    return _solved(guess, void & ~inner)


def _coarsely_filled(elevation: FloatArray, void: Mask) -> FloatArray:
    """Fill on the grid of twice the spacing, and interpolate: (H, W) -> (H, W)."""
    from scipy.ndimage import map_coordinates

    height, width = elevation.shape
    even = ((0, height % 2), (0, width % 2))
    known = np.pad((~void).astype(np.float64), even)
    sums = _block_sums(np.pad(elevation, even) * known)
    counts = _block_sums(known)
    complete = counts == _block_sums(np.pad(np.ones(void.shape), even))
    # The mean of a block that is known in part lies off its middle.
    coarse = _filled(sums / np.maximum(counts, 1), ~complete if complete.any() else counts == 0)
    points = np.meshgrid(*((np.arange(size) - 0.5) / 2 for size in (height, width)), indexing="ij")
    return np.asarray(map_coordinates(coarse, points, order=3, mode="nearest"))


def _block_sums(x: FloatArray) -> FloatArray:
    total: FloatArray = x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]
    return total


def _solved(elevation: FloatArray, void: Mask) -> FloatArray:
    """Least squares over the differences that touch a void; each void must touch a known cell."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import splu

    inside, values = void.ravel(), elevation.ravel()
    rows, columns, weights, count = [], [], [], 0
    for cells, taps in _differences(void):
        rows.append(np.repeat(np.arange(count, count + len(cells)), len(taps)))
        columns.append(cells.ravel())
        weights.append(np.tile(taps, len(cells)))
        count += len(cells)
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    differences = csr_matrix(entries, shape=(count, void.size)).tocsc()
    unknown = differences[:, inside]
    # Without the plane, which tension would pull flat where a void meets the map's edge.
    rim = np.zeros(void.size, bool)
    rim[differences.tocoo().col] = True
    plane = _plane(elevation, rim.reshape(void.shape) & ~void)
    target = -(differences[:, ~inside] @ (values - plane.ravel())[~inside])
    normal = (unknown.T @ unknown).tocsc()
    factors = splu(normal, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = elevation.copy()
    filled[void] = factors.solve(unknown.T @ target) + plane[void]
    return filled


def _plane(elevation: FloatArray, where: Mask) -> FloatArray:
    """The plane that is nearest to the marked cells, (H, W)."""
    y, x = np.indices(where.shape) - np.array(where.shape)[:, None, None] / 2
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    level = elevation[where].mean()  # apart, so that rounding is small
    plane: FloatArray = terms @ np.linalg.lstsq(terms[where], elevation[where] - level, rcond=None)[0] + level
    return plane


def _differences(void: Mask) -> Iterator[tuple[NDArray[np.intp], tuple[float, ...]]]:
    """Cells (N, taps) of each difference that touches a void, and its taps."""
    cell = np.arange(void.size).reshape(void.shape)
    twist = 2**0.5
    stencils: tuple[tuple[tuple[NDArray[np.intp], ...], tuple[float, ...]], ...] = (
        ((cell[:, :-2], cell[:, 1:-1], cell[:, 2:]), (1.0, -2.0, 1.0)),
        ((cell[:-2], cell[1:-1], cell[2:]), (1.0, -2.0, 1.0)),
        (
            (cell[:-1, :-1], cell[:-1, 1:], cell[1:, :-1], cell[1:, 1:]),
            (twist, -twist, -twist, twist),
        ),
        ((cell[:, :-1], cell[:, 1:]), (TENSION, -TENSION)),
        ((cell[:-1], cell[1:]), (TENSION, -TENSION)),
    )
    for parts, taps in stencils:
        cells = np.stack([part.ravel() for part in parts], axis=1)
        yield cells[void.ravel()[cells].any(axis=1)], taps
