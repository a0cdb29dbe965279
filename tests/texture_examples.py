"""Made materials and an untrained net with a bank, for tests of what sits on top of a net."""

from __future__ import annotations

import functools

import numpy as np
import torch

from worldgen.models.texture_codes import pack
from worldgen.models.texture_maps import TextureMaps, texture_maps
from worldgen.models.texture_net import BankedTextureNet, TextureNetConfig
from worldgen.models.texture_tiling import steps
from worldgen.models.texture_vae import Exemplar, TextureVAE

SIZE = 128


def smooth_noise(seed: int, shape: tuple[int, ...] = (SIZE, SIZE), cycles: int = 12) -> np.ndarray:
    """Periodic noise of mean 0 and deviation 1, of up to so many cycles a tile."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal(shape))
    fy, fx = (np.abs(np.fft.fftfreq(n)) * n for n in shape)
    plane = np.fft.ifft2(spectrum * np.exp(-((np.hypot(fy[:, None], fx[None, :]) / cycles) ** 2))).real
    return ((plane - plane.mean()) / plane.std()).astype(np.float32)


def made_maps(seed: int = 0, color: tuple[float, float, float] = (0.45, 0.38, 0.3)) -> TextureMaps:
    """A material whose light places are high."""
    height = smooth_noise(seed)
    shade = 0.06 * height + 0.04 * smooth_noise(seed + 100, cycles=40)
    base = np.clip(np.array(color, np.float32) * (1 + 2 * shade[..., None]), 0, 1)
    rough = np.clip(0.7 + 0.08 * smooth_noise(seed + 200), 0, 1)
    occlusion = np.clip(0.85 + 0.05 * height, 0, 1)
    return texture_maps(base.astype(np.float32), 3 * height, rough, occlusion)


@functools.cache
def tiny_vae() -> TextureVAE:
    """Two materials of rock, one each of moss and snow; latents that vary smoothly, cells of 8 texels."""
    torch.manual_seed(0)
    config = TextureNetConfig(classes=("moss", "rock", "snow"), widths=(16, 8, 8, 8), depths=(1, 1, 1, 1))
    kinds = ("rock", "rock", "moss", "snow")
    entries = [Exemplar(f"{kind}_{i}", kind, (kind,)) for i, kind in enumerate(kinds)]
    model = BankedTextureNet(config, len(entries), 32)
    colors = [(0.4, 0.4, 0.4), (0.5, 0.4, 0.3), (0.2, 0.4, 0.1), (0.9, 0.9, 0.92)]
    for i, color in enumerate(colors):
        latent = np.stack([smooth_noise(50 * i + j, (32, 32), 8) for j in range(config.latent)])
        codes, scale = pack(latent)
        model.codes[i], model.scales[i] = torch.from_numpy(codes), torch.from_numpy(scale)
        model.statistics[i] = torch.tensor([*color, 0.05, 2.0, 0.7, 0.05, 0.8, 0.05])
    return TextureVAE(model.eval().requires_grad_(False), tuple(entries))


def planes(maps: TextureMaps) -> dict[str, np.ndarray]:
    """Its maps by name, normals included."""
    names = ("base_color", "height", "roughness", "occlusion", "normal")
    return {name: getattr(maps, name) for name in names}


def same(one: TextureMaps, other: TextureMaps) -> bool:
    """Whether two materials are equal to the bit."""
    equal = all(plane.tobytes() == planes(other)[name].tobytes() for name, plane in planes(one).items())
    return equal and one.normal_strength == other.normal_strength


def rolled(maps: TextureMaps, rows: int, columns: int) -> TextureMaps:
    """The same tile seen from elsewhere."""
    moved = [
        np.roll(plane, (rows, columns), axis=(0, 1))
        for plane in (maps.base_color, maps.height, maps.roughness, maps.occlusion)
    ]
    return TextureMaps(*moved, normal_strength=maps.normal_strength)


def wrap_ratio(plane: np.ndarray, cell: int = 8) -> float:  # type: ignore[type-arg]
    """Mean step across the wrap over that at the other borders of latent cells, the worse of both axes."""
    found = [steps(plane, axis) for axis in (0, 1)]
    return float(max(step[0] / max(step[cell::cell].mean(), 1e-9) for step in found))
