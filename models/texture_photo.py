"""A user's own photograph or material through the net: made to tile, and varied.

Height is guessed from luma. The net was trained with maps hidden now and then, so it infers roughness and
occlusion; the spread of what a photograph doesn't tell is that of a class of the bank. The latent is then
arranged anew as for any sample, which also makes it wrap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError, nearest
from worldgen.models.blocks import one_thread
from worldgen.models.texture_color import LUMINANCE, linear_to_srgb, srgb_to_linear
from worldgen.models.texture_controls import TextureControls
from worldgen.models.texture_data import HEIGHT, LUMA, Array, normalise
from worldgen.models.texture_drawing import arrange, draw
from worldgen.models.texture_finish import fine_spread
from worldgen.models.texture_folders import squared
from worldgen.models.texture_maps import TextureMaps
from worldgen.models.texture_vae import (
    TextureVAE,
    check_size,
    drawn_size,
    load_texture_vae,
    start,
    with_controls,
)

SIDE = 512  # texels that a photograph is read at: the scale that the net was trained at

# Standard deviations of heights between Gaussians of 0, 1, 2, 4, 8 and 16 texels, and of what is slower:
# medians of the materials trained on, in units of the heights' own.
RELIEF_OCTAVES = (0.135, 0.107, 0.158, 0.213, 0.246, 0.464)
CRISP_OCTAVES = (1.0, 0.6, 0.4, 0.2, 0.0, 0.0)  # powers of the finest octave's strength that others follow


def tile_photo(
    image: Array,
    class_name: str,
    *,
    seed: int,
    size: int = 512,
    net: TextureVAE | None = None,
    controls: TextureControls | None = None,
) -> TextureMaps:
    """A tileable material that looks like a photograph.

    Parameters
    ----------
    image : (H, W, 3) float32 sRGB, 0 to 1, looking straight down on the ground; need not tile. At least 256
        texels a side; of unequal sides the middle is taken.
    class_name : a class of `worldgen.models.texture_vae.classes`, the one it resembles most: its depth of
        relief, roughness and occlusion are used where a photograph tells nothing. What is dark is taken to be
        low.
    seed, size, controls : as in `sample_texture`.

    Raises
    ------
    InputError : unknown class, or a picture or size that can't be.

    Examples
    --------
    >>> picture = np.random.default_rng(0).uniform(size=(300, 400, 3)).astype(np.float32)
    >>> tile_photo(picture, "rock", seed=1).height.shape                               # doctest: +SKIP
    (512, 512)
    """
    net = load_texture_vae() if net is None else net
    check_size(net, size)
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"a photograph must be (H, W, 3), found {image.shape}")
    color = even_light(squared(image.astype(np.float32), SIDE, name="photograph"))
    table = net.model.sharpness.numpy()
    typical = np.median(table[:, HEIGHT])
    crispness = float(_class_median(net, class_name, table)[HEIGHT] / typical) if typical > 0 else 1.0
    channels, present, statistics = normalise(color, guessed_height(color @ LUMA, crispness), None, None)
    filled = _class_median(net, class_name, net.model.statistics.numpy())
    filled[:HEIGHT + 1] = statistics[:HEIGHT + 1]  # colour and contrast are its own  # fmt: skip
    sharpness = np.where(present, fine_spread(channels), np.nan).astype(np.float32)
    return _drawn(
        net, channels, present, filled, sharpness, class_name, seed, size, controls, border="reflect"
    )


def vary(
    maps: TextureMaps,
    class_name: str,
    *,
    seed: int,
    size: int = 512,
    net: TextureVAE | None = None,
    controls: TextureControls | None = None,
) -> TextureMaps:
    """Another arrangement of a full material, such as a user's own.

    Parameters
    ----------
    maps : square, at least 256 texels a side; it should tile. Read at 512.
    class_name, seed, size, controls : as in `tile_photo`.

    Raises
    ------
    InputError : unknown class, or maps or a size that can't be.
    """
    net = load_texture_vae() if net is None else net
    check_size(net, size)
    side = maps.height.shape[0]
    if maps.height.shape != (side, side) or 2 * side < SIDE:
        raise InputError(f"maps must be square and at least {SIDE // 2} a side, found {maps.height.shape}")
    read = maps.resized(SIDE)
    height = read.height * np.float32(read.normal_strength)
    channels, present, statistics = normalise(read.base_color, height, read.roughness, read.occlusion)
    sharpness = np.where(present, fine_spread(channels), np.nan).astype(np.float32)
    return _drawn(
        net, channels, present, statistics, sharpness, class_name, seed, size, controls, border="circular"
    )


def guessed_height(luma: Array, crispness: float = 1.0) -> Array:
    """Heights (H, W) of a ground whose luma is (H, W), with no unit: dark is low.

    crispness : strength of the finest octave over the median material's.

    Each octave of luma is brought to the strength that it has in heights, where coarse ones are stronger. On
    held-out materials it correlates with true heights better than what the net infers from colour, in every
    octave.
    """
    from scipy.ndimage import gaussian_filter

    deviation = max(float(luma.std()), 1e-4)
    slow = np.tanh((luma - luma.mean()) / (3 * deviation))  # a white leaf is no tower
    height = np.zeros_like(slow)
    for octave, wanted in enumerate(RELIEF_OCTAVES):
        last = octave == len(RELIEF_OCTAVES) - 1
        slower = np.zeros_like(slow) if last else gaussian_filter(slow, 2.0**octave, mode="reflect")
        band = slow - slower - (slow - slower).mean()
        wanted *= crispness ** CRISP_OCTAVES[octave]
        height += band * np.float32(wanted / max(float(band.std()), 1e-6))
        slow = slower
    return np.asarray(height, np.float32)


def even_light(color: Array, *, keep: float = 0.25) -> Array:
    """Take the slow change of light out of a photograph (H, W, 3): a lamp, a shadow's edge, vignetting.

    In linear light, where light multiplies; `keep` of it stays, for part of it is the ground's own.
    """
    from scipy.ndimage import gaussian_filter

    linear = srgb_to_linear(color)
    luminance = np.maximum(linear @ LUMINANCE, 1e-3)
    # A log would let black cracks rule. Mirrored, since the picture's sides are strangers.
    slow = gaussian_filter(luminance, color.shape[0] / 6, mode="reflect")
    gain = (slow.mean() / slow) ** np.float32(1 - keep)
    return linear_to_srgb(linear * gain[..., None])


def kind_of(net: TextureVAE, class_name: str) -> str:
    """The class of the net's embedding that most exemplars of a sampled class have."""
    kinds = [entry.kind for entry in net.exemplars if class_name in entry.classes]
    if kinds:
        return max(sorted(set(kinds)), key=kinds.count)
    known = net.model.net.config.classes
    if class_name not in known:
        raise InputError(f"no material class '{class_name}'; {nearest(class_name, {*net.classes(), *known})}")
    return class_name


def _class_median(net: TextureVAE, class_name: str, table: Array) -> Array:
    """(K,) medians of a table (N, K) over a class's exemplars, or over all where it has none."""
    kind = kind_of(net, class_name)
    for chosen in (
        [class_name in entry.classes for entry in net.exemplars],
        [entry.kind == kind for entry in net.exemplars],
        [True] * len(table),
    ):
        if any(chosen):
            return np.asarray(np.median(table[np.array(chosen)], axis=0), np.float32)
    raise InputError("the net's bank is empty")


def _drawn(
    net: TextureVAE,
    channels: Array,
    present: NDArray[np.bool_],
    statistics: Array,
    sharpness: Array,
    class_name: str,
    seed: int,
    size: int,
    controls: TextureControls | None,
    *,
    border: str,
) -> TextureMaps:
    """Encode normalised channels (6, H, W) of which some are `present`, arrange anew, decode.

    sharpness : see `worldgen.models.texture_drawing.draw`.
    """
    import torch

    kind = kind_of(net, class_name)
    index = torch.tensor([net.model.net.config.classes.index(kind)])
    given = torch.from_numpy(present).float()[None, :, None, None]
    with one_thread(), torch.inference_mode():
        latent, _, style, _ = net.model.net.encode(torch.from_numpy(channels)[None], index, given, border)
    rng = start(class_name, seed)
    arranged = arrange(net.model, latent[0].numpy(), drawn_size(net, size, controls), rng)
    drawn = draw(net.model, arranged, style[0].numpy(), kind, statistics, sharpness, rng)
    return with_controls(net, drawn, controls, seed=seed, size=size)
