"""How a texture net gives back materials it has not seen: error, structure, spectrum, sharpness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.models.texture_data import LUMA, Array, Material, denormalise
from worldgen.models.texture_finish import Finish, fine_spread
from worldgen.models.texture_tiling import cell_ratio

if TYPE_CHECKING:
    from worldgen.models.texture_net import TextureNet


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


def multi_scale_similarity(found: Array, wanted: Array, scales: int = 5) -> float:
    """Multi-scale structural similarity (Wang et al. 2003) of periodic planes (H, W) in 0 to 1; 1 for equal
    ones.

    Windows are Gaussians of 1.5 texels that wrap; negative terms count as 0. Each scale is half the one
    before.
    """
    from scipy.ndimage import gaussian_filter

    def smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(plane, 1.5, mode="wrap"))

    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    x, y = found.astype(np.float64), wanted.astype(np.float64)
    score = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        mean_x, mean_y = smooth(x), smooth(y)
        variance = smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2
        covariance = smooth(x * y) - mean_x * mean_y
        term = (2 * covariance + 0.03**2) / (variance + 0.03**2)
        if scale == len(weights) - 1:
            term = term * (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
        score *= max(float(term.mean()), 0.0) ** float(weight)
        rows, columns = x.shape
        x, y = (p.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)) for p in (x, y))
    return score


def spectrum_distance(found: Array, wanted: Array) -> float:
    """Root mean square difference of the spectra of periodic planes (H, W), dB, over half octaves from 2
    cycles to Nyquist."""
    fy, fx = (np.abs(np.fft.fftfreq(n)) * n for n in found.shape)
    radius = np.hypot(fy[:, None], fx[None, :])
    edges = 2 ** np.arange(1, np.log2(min(found.shape) / 2) + 0.25, 0.5)
    ring = np.digitize(radius, edges)
    levels = []
    for plane in (found, wanted):
        power = np.abs(np.fft.fft2(plane - plane.mean())) ** 2 / plane.size**2
        rings = np.bincount(ring.ravel(), power.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
        levels.append(10 * np.log10(rings[1 : len(edges)] + 1e-14))
    return float(np.sqrt(np.mean((levels[0] - levels[1]) ** 2)))


def measure(net: TextureNet, materials: list[Material]) -> dict[str, Any]:
    """Reconstruct materials and compare.

    Returns per material, and as ``mean``: PSNR of base color (dB) at full and at 1/4 size, multi-scale
    similarity of its luma, distance of the spectra of luma and height (dB), their high-band energy over the
    real one's (as decoded, and after `texture_finish`), and whether latent cells show.
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
            plain = net.decode(latent, style, kind, noise)[0].numpy()
        found = Finish.of(plain, net.config.cell, fine_spread(real))(plain)
        statistics = np.nan_to_num(material.statistics, nan=0.1)
        color, wanted = denormalise(found, statistics)[0], denormalise(real, statistics)[0]
        # Half a cell off: the latent keeps the cells' own means almost exactly, which would flatter.
        moved = [quarter(np.roll(image, (2, 2), axis=(0, 1))) for image in (color, wanted)]
        rows[material.name] = {
            "psnr": psnr(color, wanted),
            "psnr_quarter": psnr(moved[0], moved[1]),
            "luma_high_band": high_band_energy(found[0]) / max(high_band_energy(real[0]), 1e-9),
            "luma_high_band_decoded": high_band_energy(plain[0]) / max(high_band_energy(real[0]), 1e-9),
            "similarity": multi_scale_similarity(color @ LUMA, wanted @ LUMA),
            "luma_spectrum": spectrum_distance(found[0], real[0]),
            "height_spectrum": spectrum_distance(found[3], real[3]),
            "cell_ratio": cell_ratio(color, net.config.cell),
            "height_high_band": high_band_energy(found[3]) / max(high_band_energy(real[3]), 1e-9),
            "height_high_band_decoded": high_band_energy(plain[3]) / max(high_band_energy(real[3]), 1e-9),
        }
    if not rows:
        return {}
    mean = {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))}
    table = {"mean": mean} | rows
    return {name: {key: round(value, 3) for key, value in row.items()} for name, row in table.items()}
