"""An endless material that never repeats: any window, alone, in any order, the same to the bit.

Its latent is a mosaic of patches of an exemplar's latent. Each lies around an anchor of a jittered lattice,
comes from a place of the exemplar that a hash of (seed, anchor) picks, and meets its neighbours along wobbly
seams, which the decoder, trained on grafts, draws. What varies slowly, the cells' mean height above all,
changes over a wider border, or seams would show as steps under grazing light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models import texture_vae as vae
from worldgen.models.blocks import Window
from worldgen.models.layers import hashed_noise
from worldgen.models.texture_bank import landmarks
from worldgen.models.texture_codes import LEADING
from worldgen.models.texture_data import denormalise
from worldgen.models.texture_decode import decode, periodic
from worldgen.models.texture_drawing import vary_statistics
from worldgen.models.texture_finish import FRAME, Finish
from worldgen.models.texture_maps import TextureMaps

Array = NDArray[np.float32]

LATTICE = 112.0  # texels between anchors
JITTER = 0.22  # of an anchor's place, in lattice steps
WOBBLE = 0.6  # standard deviation of the seams' detours, in cells
SHARP, WIDE = 0.35, 2.0  # cells over which patches change, for detail and for what varies slowly
REACH = 5  # cells: half the width of what counts as slow
BEST = 0.6  # share of the exemplar, without its landmarks, that patches are taken from
NOISE_LEVEL = 99
TILE = 512  # texels per side of what the finish is learned from
DEEPEST = 5.0  # standard deviations of height that a window's 0 to 1 spans to either side


class EndlessTexture:
    """A material without end: what a ground is painted with where tiles would show.

    Parameters
    ----------
    class_name, seed, exemplar, net : as in `worldgen.models.texture_vae.sample_texture`.

    Examples
    --------
    >>> ground = EndlessTexture("gravel", seed=7)                                      # doctest: +SKIP
    >>> ground.window(-300, 10_000, 128, 256).height.shape                             # doctest: +SKIP
    (128, 256)
    """

    def __init__(
        self,
        class_name: str,
        *,
        seed: int,
        exemplar: str | None = None,
        net: vae.TextureVAE | None = None,
    ) -> None:
        net = vae.load_texture_vae() if net is None else net
        rng = vae.start(class_name, seed)
        index, members = vae.pick(net, class_name, rng, exemplar)
        self._net, self._style = net.model.net, net.model.styles[index].numpy()
        self._kind = self._net.config.classes.index(net.exemplars[index].kind)
        self._statistics = vary_statistics(net.model.statistics.numpy(), index, members, rng)
        self._seed = int(rng.integers(2**31))
        source = net.latent(index)
        self._field = PatchField(source, net.cell, self._seed)
        tile = Window(0, 0, TILE, TILE)  # how the net draws this material, on a part of the exemplar
        drawn = decode(self._net, tile, periodic(source), self._style, self._kind, self._seed)
        self._finish = Finish.of(drawn, net.cell, net.model.sharpness[index].numpy())

    def window(self, row: int, column: int, height: int, width: int) -> TextureMaps:
        """The maps of a window of texels; the same to the bit as that cut of any larger one.

        row, column : first texel, any integers; rows grow down the picture, columns to the right.

        Heights are cut off at 5 standard deviations. At the window's edge, `TextureMaps.normal` would wrap:
        ask for a texel more at each side.
        """
        if min(height, width) < 1:
            raise InputError(f"a window needs at least 1 x 1 texels; found {height} x {width}")
        around = Window(row, column, height, width).framed(FRAME)
        maps = decode(self._net, around, self._field, self._style, self._kind, self._seed)
        maps = self._finish(maps, around.row, around.column)[:, FRAME:-FRAME, FRAME:-FRAME]
        color, texels, roughness, occlusion = denormalise(maps, self._statistics)
        span = np.float32(2 * DEEPEST * self._statistics[4])
        heights = np.clip(texels / span + np.float32(0.5), 0, 1)
        return TextureMaps(color, heights, roughness, occlusion, float(span))


class PatchField:
    """Windows of an endless latent made of patches of an exemplar's.

    Parameters
    ----------
    source : (C, h, w), latent of an exemplar, its leading channels first.
    cell : texels per latent cell.
    seed : decides where patches come from.
    """

    def __init__(self, source: Array, cell: int, seed: int) -> None:
        self.seed, self.step = seed, LATTICE / cell
        _, rows, columns = source.shape
        margin = int(np.ceil(0.9 * self.step))
        if min(rows, columns) < 2 * margin + 2:
            raise InputError(f"an exemplar of {rows} x {columns} cells is too small for patches of {margin}")
        self.slow = np.zeros_like(source)
        self.slow[:LEADING] = _smooth(source[:LEADING])
        self.fast = source - self.slow
        self.mean = self.slow.mean(axis=(1, 2), keepdims=True)
        found = landmarks(source, self.step)[margin:-margin, margin:-margin]
        places = np.argwhere(found <= np.quantile(found, BEST))
        self.places = places + margin

    def __call__(self, window: Window) -> Array:
        """The latent (C, h, w) of a window of cells."""
        rows = np.arange(window.row, window.row + window.height)
        columns = np.arange(window.column, window.column + window.width)
        wobble = WOBBLE * _smooth_noise(self.seed, window)
        anchors = self._anchors(window)
        gaps = np.stack(
            [
                np.hypot(rows[:, None] - at[0], columns[None, :] - at[1]) + sign * wobble
                for at, sign, _ in anchors
            ]
        )
        gaps -= gaps.min(axis=0)
        sharp, wide = np.exp(-gaps / SHARP), np.exp(-gaps / WIDE)
        sharp /= sharp.sum(axis=0)
        wide /= np.sqrt((wide**2).sum(axis=0))  # keeps the variance of independent patches
        out = np.broadcast_to(self.mean, (len(self.mean), window.height, window.width)).copy()
        for weight, broad, (at, _, place) in zip(sharp, wide, anchors, strict=True):
            if broad.max() < 1e-4:
                continue
            there = np.ix_(
                np.arange(len(self.mean)),
                (rows - round(at[0]) + place[0]) % self.fast.shape[1],
                (columns - round(at[1]) + place[1]) % self.fast.shape[2],
            )
            out += weight.astype(np.float32) * self.fast[there]
            out += broad.astype(np.float32) * (self.slow[there] - self.mean)
        return np.asarray(out, np.float32)

    def _anchors(self, window: Window) -> list[tuple[tuple[float, float], int, tuple[int, int]]]:
        """Place (cells), sign of the seams' detour and source place of each patch that a window may see."""
        found = []
        for i in _steps(window.row, window.height, self.step):
            for j in _steps(window.column, window.width, self.step):
                rng = np.random.default_rng([self.seed & 0xFFFFFFFF, i & 0xFFFFFFFF, j & 0xFFFFFFFF])
                shift = rng.uniform(-JITTER, JITTER, size=2)
                at = (i + 0.5 + shift[0]) * self.step, (j + 0.5 + shift[1]) * self.step
                place = self.places[rng.integers(len(self.places))]
                found.append((at, 1 if (i + j) % 2 else -1, (int(place[0]), int(place[1]))))
        return found


def _steps(first: int, length: int, step: float) -> range:
    """Lattice steps whose anchors may own cells from `first` on."""
    return range(int(first // step) - 1, int((first + length) // step) + 2)


def _smooth(planes: Array) -> Array:
    """What varies slowly in a periodic latent."""
    from scipy.ndimage import uniform_filter

    once = uniform_filter(planes, (0, REACH, REACH), mode="wrap")
    return np.asarray(uniform_filter(once, (0, REACH, REACH), mode="wrap"), np.float32)


def _smooth_noise(seed: int, window: Window) -> Array:
    """Noise (h, w) of about unit variance that varies over some three cells; its sums have one order."""
    from scipy.ndimage import correlate1d

    taps = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(
        np.sqrt(70)
    )  # keeps the variance of white noise
    around = window.framed(2)
    noise = hashed_noise(seed, NOISE_LEVEL, 1, around.row, around.column, around.height, around.width)[0]
    once = correlate1d(correlate1d(noise, taps, axis=0), taps, axis=1)
    return np.asarray(once[2:-2, 2:-2], np.float32)
