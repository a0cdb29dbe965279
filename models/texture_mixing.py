"""Between two materials: patches of one among the other, as moss grows over rock and sand covers gravel.

The second lies in the first's hollows, and each keeps its own detail. Mixed in the latent instead, at share
0.5, the two lay over each other like a double exposure, with the contrast of neither; latents mixed with
their variance kept had the contrast and still the ghosts; grafts of latents under one style showed the cells
at the seams.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from worldgen.errors import ConfigError
from worldgen.models.texture_color import linear_to_srgb, srgb_to_linear
from worldgen.models.texture_controls import TextureControls
from worldgen.models.texture_maps import Array, TextureMaps
from worldgen.models.texture_vae import (
    TextureVAE,
    drawn_size,
    load_texture_vae,
    sample_texture,
    with_controls,
)
from worldgen.models.texture_weather import DRIFT, covered

PULL = 0.5  # share of the way that the two colours come towards each other


def interpolate(
    one: str,
    other: str,
    share: float,
    *,
    seed: int,
    size: int = 512,
    net: TextureVAE | None = None,
    exemplars: tuple[str | None, str | None] = (None, None),
    controls: TextureControls | None = None,
) -> TextureMaps:
    """A tileable material between two classes.

    Parameters
    ----------
    one, other : classes of `worldgen.models.texture_vae.classes`.
    share : 0 is the first, to the bit, 1 the second; between them, the share of the ground that is the
        second.
    seed, size, controls : as in `sample_texture`.
    exemplars : the materials of the classes to use; None: the seed picks.

    Raises
    ------
    ConfigError : a share outside of 0 to 1.
    InputError : unknown class or exemplar, or a size that can't be.

    Examples
    --------
    >>> maps = interpolate("gravel", "moss", 0.4, seed=7)
    >>> maps.height.shape
    (512, 512)
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share: found {share}; allowed: 0 to 1")
    net = load_texture_vae() if net is None else net
    if share in (0, 1):
        name, exemplar = (one, exemplars[0]) if share == 0 else (other, exemplars[1])
        return sample_texture(name, seed=seed, size=size, net=net, exemplar=exemplar, controls=controls)
    drawn = drawn_size(net, size, controls)
    first, second = (
        sample_texture(name, seed=seed, size=drawn, net=net, exemplar=exemplar)
        for name, exemplar in zip((one, other), exemplars, strict=True)
    )
    means = [srgb_to_linear(maps.base_color).mean(axis=(0, 1), dtype=np.float64) for maps in (first, second)]
    first = _towards(first, means[0], means[1], PULL * share)
    second = _towards(second, means[1], means[0], PULL * (1 - share))
    rng = np.random.default_rng([int(seed), *b"mix"])
    return with_controls(net, covered(first, second, DRIFT, share, rng), controls, seed=seed, size=size)


def _towards(maps: TextureMaps, own: Array, wanted: Array, share: float) -> TextureMaps:
    """Move the mean light (3,) part of the way, by a gain: shadows stay dark."""
    gain = ((wanted + 1e-3) / (own + 1e-3)) ** share
    color = linear_to_srgb(srgb_to_linear(maps.base_color) * gain.astype(np.float32))
    return replace(maps, base_color=color)
