"""Figures of the texture VAE: reconstruction of held-out materials, sharpness, and whether samples wrap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_data import Array, Material, denormalise

if TYPE_CHECKING:
    from worldgen.models.texture_net import TextureNet
    from worldgen.models.texture_vae import TextureMaps


def psnr(found: Array, wanted: Array) -> float:
    """Peak signal-to-noise ratio in dB of arrays in 0 to 1."""
    error = float(np.mean((found.astype(np.float64) - wanted) ** 2))
    return float(-10 * np.log10(max(error, 1e-12)))


def quarter(image: Array) -> Array:
    """Mean over 4×4 texels: (H, W, ...) to (H/4, W/4, ...)."""
    rows, columns = image.shape[0] // 4, image.shape[1] // 4
    blocks = image[: rows * 4, : columns * 4].reshape(rows, 4, columns, 4, *image.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def high_band_energy(plane: Array) -> float:
    """Energy of a periodic plane (H, W) above a quarter of the sampling rate (half of Nyquist)."""
    spectrum = np.abs(np.fft.fft2(plane - plane.mean())) ** 2
    fy, fx = (np.abs(np.fft.fftfreq(n)) for n in plane.shape)
    return float(spectrum[np.maximum(fy[:, None], fx[None, :]) > 0.25].sum() / plane.size**2)


def steps(plane: Array, axis: int) -> NDArray[np.float64]:
    """Mean absolute step (n,) to each row (or column) from the one before it; entry 0 is the wrap.

    plane : (H, W) or (H, W, C).
    """
    step = np.abs(plane - np.roll(plane, 1, axis=axis))
    others = tuple(i for i in range(plane.ndim) if i != axis)
    return np.asarray(step.mean(axis=others), np.float64)


def wrap_ratio(plane: Array, cell: int = 8) -> float:
    """Mean step across the wrap over that at the other borders of latent cells, the worse of both axes."""
    found = [steps(plane, axis) for axis in (0, 1)]
    return float(max(step[0] / max(step[cell::cell].mean(), 1e-9) for step in found))


def cell_ratio(plane: Array, cell: int = 8) -> float:
    """Mean step at the borders of latent cells over the mean step inside them: 1 where no cells show."""
    ratios = []
    for axis in (0, 1):
        step = steps(plane, axis)
        at_border = np.arange(len(step)) % cell == 0
        ratios.append(step[at_border].mean() / max(step[~at_border].mean(), 1e-9))
    return float(max(ratios))


def measure(net: TextureNet, materials: list[Material]) -> dict[str, Any]:
    """Reconstruct materials and compare.

    Returns per material, and as ``mean``: PSNR of base color (dB) at full and at 1/4 size, and the high-band
    energy of luma and of height over the real one's.
    """
    import torch

    from worldgen.models.texture_batches import noise_maps

    rows: dict[str, dict[str, float]] = {}
    for material in materials:
        real = material.maps.astype(np.float32)
        generator = torch.Generator().manual_seed(0)
        # A class with no training material has no embedding of its own: the first stands in.
        known = material.kind in net.config.classes
        kind = torch.tensor([net.config.classes.index(material.kind) if known else 0])
        with torch.inference_mode():
            given = torch.from_numpy(material.present).float()[None, :, None, None]
            border = "circular" if material.seamless else "reflect"
            latent, _, style, _ = net.encode(torch.from_numpy(real)[None], kind, given, border)
            noise = noise_maps(1, latent.shape[-1], len(net.config.widths), generator)
            found = net.decode(latent, style, kind, noise)[0].numpy()
        statistics = np.nan_to_num(material.statistics, nan=0.1)
        color, wanted = denormalise(found, statistics)[0], denormalise(real, statistics)[0]
        # Half a cell off: the latent keeps the cells' own means almost exactly, which would flatter.
        moved = [quarter(np.roll(image, (2, 2), axis=(0, 1))) for image in (color, wanted)]
        rows[material.name] = {
            "psnr": psnr(color, wanted),
            "psnr_quarter": psnr(moved[0], moved[1]),
            "luma_high_band": high_band_energy(found[0]) / max(high_band_energy(real[0]), 1e-9),
            "cell_ratio": cell_ratio(color),
            "height_high_band": high_band_energy(found[3]) / max(high_band_energy(real[3]), 1e-9),
        }
    if not rows:
        return {}
    mean = {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))}
    table = {"mean": mean} | rows
    return {name: {key: round(value, 3) for key, value in row.items()} for name, row in table.items()}


def measure_samples(samples: Iterable[TextureMaps]) -> dict[str, float]:
    """Figures of samples, each averaged over samples and the worse of base color and height.

    ``wrap_ratio`` near 1: no seam; single samples scatter by a fifth, since one row is compared with many.
    ``cell_ratio`` near 1: latent cells don't show. ``slow_share``: share of luma's variance slower than four
    cycles a tile, which is what a tiled plane repeats visibly.
    """
    rows = []
    for maps in samples:
        luma = maps.base_color.mean(axis=-1)
        spectrum = np.abs(np.fft.fft2(luma - luma.mean())) ** 2
        fy, fx = (np.abs(np.fft.fftfreq(n)) * n for n in luma.shape)
        slow = spectrum[np.hypot(fy[:, None], fx[None, :]) < 4].sum() / max(spectrum.sum(), 1e-12)
        both = (maps.base_color, maps.height)
        rows.append([max(map(wrap_ratio, both)), max(map(cell_ratio, both)), float(slow)])
    means = np.mean(rows, axis=0) if rows else [float("nan")] * 3
    return dict(zip(("wrap_ratio", "cell_ratio", "slow_share"), map(float, means), strict=True))
