"""The maps of one tileable material: normals from height and back, other sizes, and whether a seam shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TextureMaps:
    """The maps of one tileable material.

    Attributes
    ----------
    base_color : (H, W, 3) float32, sRGB-encoded, 0 to 1.
    height : (H, W) float32, 0 (deepest) to 1 (highest).
    roughness, occlusion : (H, W) float32, 0 to 1.
    normal_strength : texels that height 0 to 1 spans: the `strength` at which `normal_from_height` gives the
        relief of the real material.
    """

    base_color: Array
    height: Array
    roughness: Array
    occlusion: Array
    normal_strength: float

    @property
    def normal(self) -> Array:
        """(H, W, 3) float32 unit normals, OpenGL convention, derived from height."""
        return normal_from_height(self.height, self.normal_strength)

    def resized(self, size: int) -> TextureMaps:
        """At size × size texels, still wrapping; slopes stay, so heights in texels change with the size."""
        if self.height.shape == (size, size):
            return self
        color, height, roughness, occlusion = (
            np.clip(resampled(plane, size), 0, 1)
            for plane in (self.base_color, self.height, self.roughness, self.occlusion)
        )
        strength = self.normal_strength * size / self.height.shape[0]
        return TextureMaps(color, height, roughness, occlusion, strength)


def texture_maps(color: Array, height: Array, roughness: Array, occlusion: Array) -> TextureMaps:
    """Maps of a height (H, W) in texels, which is centred and scaled to 0 to 1."""
    height = height - height.mean(dtype=np.float64).astype(np.float32)
    span = 2 * max(float(np.abs(height).max()), 1e-3)
    return TextureMaps(color, height / np.float32(span) + np.float32(0.5), roughness, occlusion, span)


def normal_from_height(height: Array, strength: float) -> Array:
    """Normals of a periodic height map, by circular central differences.

    Parameters
    ----------
    height : (H, W), any unit; row 0 is the top of the picture.
    strength : texels per unit of height.

    Returns
    -------
    normal : (H, W, 3) float32 unit vectors, X right, Y up the picture (against the rows: OpenGL, glTF), Z
        out.
    """
    across = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) * (strength / 2)
    down = (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)) * (strength / 2)
    normal = np.stack([-across, down, np.ones_like(across)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def resampled(plane: Array, size: int, *, wraps: bool = True) -> Array:
    """A plane (H, W) or (H, W, C) at another size (size, size, ...), by Lanczos.

    wraps : it is periodic and stays so exactly: the filter sees its own other side beyond an edge.
    """
    from PIL import Image

    if plane.ndim == 3:
        return np.stack([resampled(plane[..., i], size, wraps=wraps) for i in range(plane.shape[2])], axis=-1)
    rows, columns = plane.shape
    if (rows, columns) == (size, size):
        return plane
    pad = [min(n, 4 * -(-n // size) + 4) if wraps else 0 for n in (rows, columns)]
    wide = np.pad(plane, [(pad[0], pad[0]), (pad[1], pad[1])], mode="wrap")
    box = (pad[1], pad[0], pad[1] + columns, pad[0] + rows)
    image = Image.fromarray(np.ascontiguousarray(wide, np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box), np.float32)


def integrate_normals(normal: Array, *, seamless: bool = True) -> Array:
    """Height, in texels, whose circular central differences fit a normal map best (Frankot & Chellappa 1988).

    Parameters
    ----------
    normal : (H, W, 3) float32, OpenGL convention (X right, Y up the image), need not be of unit length.
    seamless : whether it wraps; if not, it is mirrored first, so that the borders don't fight.

    Returns
    -------
    height : (H, W) float32, texels, zero mean.
    """
    upward = np.maximum(normal[..., 2], 0.15)  # steeper than about 81 degrees is noise in an 8-bit map
    along, down = -normal[..., 0] / upward, normal[..., 1] / upward  # d height / d column, d height / d row
    along, down = along - along.mean(), down - down.mean()
    rows, columns = along.shape
    if not seamless:
        along = np.concatenate([along, -along[:, ::-1]], axis=1)
        along = np.concatenate([along, along[::-1]], axis=0)
        down = np.concatenate([down, down[:, ::-1]], axis=1)
        down = np.concatenate([down, -down[::-1]], axis=0)
    fy = np.fft.fftfreq(along.shape[0])[:, None]
    fx = np.fft.rfftfreq(along.shape[1])[None, :]
    # sin: the response of a central difference, the operator that normals are derived with later.
    dy, dx = np.sin(2 * np.pi * fy), np.sin(2 * np.pi * fx)
    power = dx**2 + dy**2
    # Wiener-like floor only near Nyquist, where a central difference sees nothing.
    floor = 0.05 * (np.maximum(np.abs(fy), fx) > 0.3)
    spectrum = -1j * (dx * np.fft.rfft2(along) + dy * np.fft.rfft2(down)) / np.maximum(power + floor, 1e-9)
    spectrum[0, 0] = 0
    height = np.fft.irfft2(spectrum, s=along.shape)
    return height[:rows, :columns].astype(np.float32)


def seam(color: Array) -> float:
    """How much a picture's (H, W, C) wrap shows: its step over what steps inside reach; 1 and less is unseen.

    The worse of both axes. Compared with the greater of the mean step's 1.6-fold and the 99th percentile of
    the single rows' (or columns') steps: a joint between bricks that lies on the edge is no seam.
    """
    worst = 0.0
    for axis in (0, 1):
        step = np.abs(color - np.roll(color, 1, axis=axis)).mean(axis=(1 - axis, 2))
        inside = step[1:]
        worst = max(worst, float(step[0] / max(1.6 * inside.mean(), np.quantile(inside, 0.99), 1e-6)))
    return worst
