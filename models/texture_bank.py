"""Make a new tileable latent out of an exemplar's: grafting of patches along least-cost closed seams.

Draws from a unit normal decode to structureless grain: real materials live on thin sets that the prior does
not know. So a sample starts from the latent of a real, seamless material. Patches from elsewhere on the same
torus are grafted over it until nothing stands where it stood; each patch is chosen because its rim fits what
is there (image quilting, Efros & Freeman 2001; patches fitted by FFT, Kwatra et al. 2003), and is cut along
the closed path where the two differ least. All indices wrap, so the result tiles, and the decoder, which has
seen such grafts in training, draws the seam.

Blending everywhere (Heitz & Neyret 2018) suits noise-like materials only: cracks, stones and strata ghost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel
from worldgen.models.texture_codes import LEADING

Array = NDArray[np.float32]

LANDMARK_WEIGHT = 0.6  # 0: clusters of pale pebbles and crests in a row; 1: a cliff without features
FITTED = 6  # leading channels, the strongest, that patches are fitted by; each costs a transform
BORDER = 0.41  # of a patch's radius: about half the width over which the slow part of two is blended
ANGLES = 128  # samples of a seam's closed path


def fit_costs(canvas: Array, source: Array, weight: Array) -> Array:
    """Weighted squared difference of a canvas to every cyclic shift of a source.

    Parameters
    ----------
    canvas : (C, h, w), a window of the canvas, as large as `source`.
    source : (C, h, w), periodic.
    weight : (h, w), what counts.

    Returns
    -------
    costs : (h, w); entry (r, c) is for the source rolled by (-r, -c).
    """
    from scipy import fft

    def spectrum(planes: Array) -> NDArray[np.complex64]:
        return np.asarray(fft.rfft2(planes))

    cross = np.conj(spectrum(weight * canvas)) * spectrum(source)
    energy = np.conj(spectrum(weight)) * spectrum(np.sum(source**2, axis=0))
    costs = fft.irfft2(energy - 2 * cross.sum(axis=0), s=weight.shape)
    return np.asarray(costs + np.sum(weight * canvas**2), np.float32)


@kernel
def _cheapest_path(cost: Array) -> NDArray[np.int64]:
    """Column (T,) of each row of the path of least cost (T, R) that moves by at most one column a row.

    Compiled: it is thousands of short rows, which would hold the interpreter's lock most of the time.
    """
    rows, columns = cost.shape
    total = cost.copy()
    back = np.zeros((rows, columns), np.int64)
    for i in range(1, rows):
        for j in range(columns):
            best = j
            if j > 0 and total[i - 1, j - 1] <= total[i - 1, j]:
                best = j - 1
            if j + 1 < columns and total[i - 1, j + 1] < total[i - 1, best]:
                best = j + 1
            back[i, j] = best
            total[i, j] += total[i - 1, best]
    path = np.empty(rows, np.int64)
    path[-1] = total[-1].argmin()
    for i in range(rows - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


def closed_path(error: Array, rim: tuple[float, float], softness: float = 0.6) -> Array:
    """Mask (h, w) of the inside of the closed path of least error around the middle of `error`.

    Parameters
    ----------
    error : (h, w), cost of a path through a cell.
    rim : least and greatest radius of the path, in cells.

    Dynamic programming over the polar unrolling; three turns are unrolled and the middle one is kept, which
    makes the ends meet in all but degenerate cases (the mask is made from radii, so even then it is only a
    step).
    """
    rows, columns = error.shape
    angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    radii = np.arange(rim[0], rim[1] + 0.25, 0.5)
    y = np.rint(rows // 2 + radii * np.sin(angles)[:, None]).astype(int) % rows
    x = np.rint(columns // 2 + radii * np.cos(angles)[:, None]).astype(int) % columns
    polar = np.tile(error[y, x], (3, 1))  # (3·ANGLES, R)
    path = _cheapest_path(polar)
    edge = radii[path[ANGLES : 2 * ANGLES]]
    row, column = np.mgrid[:rows, :columns]
    row, column = row - rows // 2, column - columns // 2
    angle = np.mod(np.arctan2(row, column), 2 * np.pi)
    limit = np.interp(angle, np.append(angles, 2 * np.pi), np.append(edge, edge[0]))
    return np.asarray(np.clip(0.5 + (limit - np.hypot(row, column)) / (2 * softness), 0, 1), np.float32)


def landmarks(source: Array, radius: float) -> Array:
    """How unlike the average each place of a periodic latent (C, h, w) is, (h, w), mean 1.

    A lone bright stone or a tuft is what the eye finds again on every tile, so grafts avoid them.
    """
    from scipy.ndimage import gaussian_filter

    found = np.zeros(source.shape[1:], np.float32)
    strong = source[:FITTED]
    for plane in (*strong, *(strong - strong.mean(axis=(1, 2), keepdims=True)) ** 2):
        smooth = gaussian_filter(plane, radius / 2, mode="wrap")
        found += (smooth - smooth.mean()) ** 2 / max(float(smooth.var()), 1e-12)
    return np.asarray(found / max(float(found.mean()), 1e-12), np.float32)


def _around(source: Array, row: int, column: int) -> Array:
    """Distance (h, w), in cells, to a place of the torus that `source` (C, h, w) is."""
    _, rows, columns = source.shape
    gap_r = np.abs((np.arange(rows) - row + rows // 2) % rows - rows // 2)[:, None]
    gap_c = np.abs((np.arange(columns) - column + columns // 2) % columns - columns // 2)[None, :]
    return np.asarray(np.hypot(gap_r, gap_c), np.float32)


def blend(under: Array, over: Array, mask: Array, border: int) -> Array:
    """`over` where `mask` (h, w) is 1, in two bands (Burt & Adelson 1983) for the leading channels.

    Their slow part, of cells' mean height above all, changes over a wide border (cells, odd): cut as sharply
    as the rest, it left ridges and ditches along the seams in snow and sand.
    """
    from scipy.ndimage import uniform_filter

    def smooth(plane: Array) -> Array:
        once = uniform_filter(plane, border, mode="wrap")
        return np.asarray(uniform_filter(once, border, mode="wrap"), np.float32)

    difference = over - under
    out = under + mask * difference
    wide = smooth(mask) - mask
    for channel in range(min(LEADING, len(out))):
        out[channel] += wide * smooth(difference[channel])
    return np.asarray(out, np.float32)


def slice_middle(length: int, least: int) -> NDArray[np.int64]:
    """Indices of the middle `least` of `length` cells (all of them where `least` is more)."""
    taken = min(length, least)
    return np.arange(taken) + length // 2 - taken // 2


def graft(
    canvas: Array,
    source: Array,
    avoid: Array,
    centre: tuple[int, int],
    radius: float,
    rng: np.random.Generator,
    novelty: float,
) -> None:
    """Graft, in place, a well-fitting patch of `source` onto `canvas` (C, n, m), around `centre`.

    `avoid` (h, w) is added to the fit, in units of its median, and grows, in place, where the patch is from,
    so that no part of the source is used often. `novelty` (cells): shifts that put the source's own
    surroundings back, within this distance, aren't used.
    """
    _, rows, columns = source.shape
    canvas_rows = (np.arange(rows) - rows // 2 + centre[0]) % canvas.shape[1]
    canvas_columns = (np.arange(columns) - columns // 2 + centre[1]) % canvas.shape[2]
    window = canvas[:, canvas_rows[:, None], canvas_columns[None, :]]
    row, column = np.mgrid[:rows, :columns]
    distance = np.hypot(row - rows // 2, column - columns // 2)
    weight = ((distance > 0.6 * radius) & (distance < 1.15 * radius)).astype(np.float32)
    costs = fit_costs(window[:FITTED], source[:FITTED], weight)
    # A shift at which the rim fits perfectly is the place the canvas was cut from: no change at all.
    same = np.argwhere(costs < 0.02 * np.median(costs))
    for r, c in same[:4]:
        costs[_around(source, int(r), int(c)) < novelty] = np.inf
    # `avoid` belongs to the place of the source that comes to the middle of the window.
    costs += np.median(costs) * LANDMARK_WEIGHT * np.roll(avoid, (-(rows // 2), -(columns // 2)), axis=(0, 1))
    best = np.argsort(costs, axis=None)[:24]
    shift = np.unravel_index(int(best[min(int(rng.exponential(5)), 23)]), costs.shape)
    used = _around(source, rows // 2 + int(shift[0]), columns // 2 + int(shift[1]))
    avoid += 2 * np.exp(-2 * (used / radius) ** 2)
    patch = np.roll(source, (-int(shift[0]), -int(shift[1])), axis=(1, 2))
    error = np.sum((window - patch) ** 2, axis=0)
    mask = closed_path(error, (0.6 * radius, 1.1 * radius))
    # A window larger than the canvas sees some cells twice: only its middle is written.
    inside = np.ix_(*(slice_middle(n, m) for n, m in zip((rows, columns), canvas.shape[1:], strict=True)))
    mixed = blend(window, patch, mask, int(BORDER * radius) | 1)[:, inside[0], inside[1]]
    canvas[:, canvas_rows[inside[0]], canvas_columns[inside[1]]] = mixed


def resynthesise(source: Array, cells: int, rng: np.random.Generator, *, radius: float = 11.0) -> Array:
    """A new periodic latent (C, cells, cells) that looks like the periodic `source` (C, h, w) everywhere.

    Channels should be scaled by how much they matter and sorted, strongest first. `radius` of a patch in
    cells.
    """
    _, rows, columns = source.shape
    canvas = source[:, np.arange(cells)[:, None] % rows, np.arange(cells)[None, :] % columns].copy()
    radius = min(radius, cells / 3, rows / 2.4, columns / 2.4)
    avoid = landmarks(source, radius)
    # Sources wrap less well than they say (a ridge one texel wide in snow): no patch is taken across their
    # wrap, and grafts close enough to meet cover it, which also makes wrap a canvas of another size.
    margin = int(np.ceil(1.1 * radius)) + 1
    avoid[:margin], avoid[-margin:] = np.inf, np.inf
    avoid[:, :margin], avoid[:, -margin:] = np.inf, np.inf
    across = max(2, round(cells / (1.45 * radius)))
    grid = [
        ((i + 0.5) * cells / across, (j + 0.5) * cells / across) for i in range(across) for j in range(across)
    ]
    places = [grid[i] + rng.uniform(-0.2, 0.2, size=2) * radius for i in rng.permutation(len(grid))]
    along = np.arange(0, cells, cells / np.ceil(cells / (1.1 * radius)))
    places += [np.array([line, x]) for line in range(0, cells, rows) for x in along]
    places += [np.array([x, line]) for line in range(0, cells, columns) for x in along]
    for row, column in np.rint(places).astype(int) % cells:
        graft(canvas, source, avoid, (int(row), int(column)), radius, rng, novelty=0.6 * radius)
    shift = rng.integers(cells, size=2)
    return np.roll(canvas, (int(shift[0]), int(shift[1])), axis=(1, 2))
