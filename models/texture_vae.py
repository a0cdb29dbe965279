"""Make PBR materials that tile: base color, height, roughness and occlusion from one net, normals from
height.

A sample is a seeded variation of a material the net was trained on: the latent of a seamless exemplar is
grafted into a new arrangement (`worldgen.models.texture_bank`), its colours are moved towards another of its
class, and the decoder draws it with fresh noise. It isn't a draw from an unbounded prior; the model card says
so.

Arrays in and out are numpy; torch is imported when something is decoded.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from worldgen.errors import InputError, WeightsError, nearest
from worldgen.models.checkpoint import WEIGHTS, load_weights, read_record
from worldgen.models.texture_bank import resynthesise
from worldgen.models.texture_codes import unpack
from worldgen.models.texture_data import Array, damp_slow, denormalise, normalise

if TYPE_CHECKING:
    from worldgen.models.texture_net import BankedTextureNet

SHIPPED = WEIGHTS / "texture_vae.safetensors"
PATCH = 88.0  # texels, radius of the patches that a new arrangement is made of


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


@dataclass(frozen=True)
class Exemplar:
    """A material of the bank: its name, the class the net knows it by, the classes it is sampled for."""

    name: str
    kind: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class TextureVAE:
    """A loaded net with its bank of exemplars."""

    model: BankedTextureNet
    exemplars: tuple[Exemplar, ...]

    @property
    def cell(self) -> int:
        """Texels per latent cell: sides of maps are multiples of it."""
        return self.model.net.config.cell

    def classes(self) -> list[str]:
        """Classes that can be sampled, sorted."""
        return sorted({name for exemplar in self.exemplars for name in exemplar.classes})


_pin_lock = threading.Lock()
_pinned: list[int] = []  # the caller's thread count, once per running decode


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread, so that sums have one order; several Python threads may be inside."""
    import torch

    with _pin_lock:
        _pinned.append(_pinned[0] if _pinned else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _pin_lock:
            torch.set_num_threads(_pinned.pop())


def load_texture_vae(path: Path | None = None) -> TextureVAE:
    """Load weights and bank; the shipped ones where `path` is None (then loaded once per process).

    Raises
    ------
    WeightsError : the file is absent, damaged or of another net.
    """
    return _load_shipped() if path is None else _load(Path(path))


@functools.cache
def _load_shipped() -> TextureVAE:
    return _load(SHIPPED)


def _load(path: Path) -> TextureVAE:
    config: dict[str, Any] = read_record(path)["config"]
    from worldgen.models.texture_net import BankedTextureNet, TextureNetConfig

    try:
        exemplars = tuple(Exemplar(e["name"], e["kind"], tuple(e["classes"])) for e in config["bank"])
        model = BankedTextureNet(
            TextureNetConfig.from_dict(config["net"]), len(exemplars), int(config["cells"])
        )
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not a texture VAE: {error}") from error
    load_weights(model, path)
    return TextureVAE(model.eval().requires_grad_(False), exemplars)


def classes() -> list[str]:
    """Class names that `sample_texture` takes with the shipped weights; reads only the JSON beside them."""
    record = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    return sorted({name for exemplar in record["config"]["bank"] for name in exemplar["classes"]})


def sample_texture(
    class_name: str,
    *,
    seed: int,
    size: int = 512,
    net: TextureVAE | None = None,
    exemplar: str | None = None,
) -> TextureMaps:
    """A tileable material of a class; the same to the byte for the same arguments on one machine.

    Parameters
    ----------
    class_name : one of `classes()`.
    seed : any int ≥ 0; decides exemplar, arrangement, colour and noise.
    size : texels per side, a multiple of 8 (`TextureVAE.cell`), at least 128; a larger one shows more ground, not more detail.
    exemplar : vary this material of the class instead of one that the seed picks.

    Raises
    ------
    InputError : unknown class or exemplar, or a size that can't be.

    Examples
    --------
    >>> maps = sample_texture("gravel", seed=7)
    >>> maps.base_color.shape, maps.normal.shape
    ((512, 512, 3), (512, 512, 3))
    """
    net = load_texture_vae() if net is None else net
    if class_name not in net.classes():
        raise InputError(f"no material class '{class_name}'; {nearest(class_name, net.classes())}")
    if size % net.cell or size < 128:
        raise InputError(f"size must be a multiple of {net.cell} and at least 128, found {size}")
    rng = np.random.default_rng([int(seed), *class_name.encode()])
    members = [i for i, entry in enumerate(net.exemplars) if class_name in entry.classes]
    index = members[int(rng.integers(len(members)))]
    if exemplar is not None:
        names = {net.exemplars[i].name: i for i in members}
        if exemplar not in names:
            raise InputError(f"no exemplar '{exemplar}' of '{class_name}'; {nearest(exemplar, names)}")
        index = names[exemplar]
    model = net.model
    source = unpack(model.codes[index].numpy(), model.scales[index].numpy())
    # How much each channel shows in the maps: what a misfit of it costs.
    weight = model.net.decoder.linear.weight[:, :, 1, 1].norm(dim=0).numpy()[:, None, None]
    latent = resynthesise(source * weight, size // net.cell, rng, radius=PATCH / net.cell) / weight
    statistics = _vary_statistics(model.statistics.numpy(), index, members, rng)
    maps = _decode(net, latent, model.styles[index].numpy(), net.exemplars[index].kind, rng)
    for channel in range(4):  # luma, colour, height: a new arrangement has slow variation of its own
        maps[channel] = damp_slow(maps[channel], cycles=4, keep=0.5)
    return _finish(maps, statistics)


def _vary_statistics(bank: Array, index: int, members: list[int], rng: np.random.Generator) -> Array:
    """Move an exemplar's colour and contrast part of the way to another member's, and jitter brightness."""
    own: Array = bank[index].copy()
    other: Array = bank[members[int(rng.integers(len(members)))]]
    share = rng.uniform(0, 0.35)
    own[:3] = (1 - share) * own[:3] + share * other[:3]
    own[:3] *= np.exp(rng.normal(0, 0.03)) * np.exp(rng.normal(0, 0.012, size=3))
    own[3] *= np.exp(rng.normal(0, 0.05))
    own[5] = (1 - share) * own[5] + share * other[5]
    return own


def _decode(net: TextureVAE, latent: Array, style: Array, kind: str, rng: np.random.Generator) -> Array:
    """Normalised channels (6, H, W) from a latent (24, h, w); noise is drawn from `rng`."""
    import torch

    rows, columns = latent.shape[1:]
    noise = [
        torch.from_numpy(rng.standard_normal((1, 1, rows * s, columns * s), dtype=np.float32))
        for s in (2**stage for stage in range(len(net.model.net.config.widths)))
    ]
    index = net.model.net.config.classes.index(kind)
    with _one_thread(), torch.inference_mode():
        maps = net.model.net.decode(
            torch.from_numpy(latent)[None], torch.from_numpy(style)[None], torch.tensor([index]), noise
        )
    out: Array = maps[0].numpy().copy()
    return out


def _finish(maps: Array, statistics: Array) -> TextureMaps:
    """Normalised channels to maps in their units."""
    color, height, roughness, occlusion = denormalise(maps, statistics)
    height = height - height.mean(dtype=np.float64).astype(np.float32)
    span = 2 * max(float(np.abs(height).max()), 1e-3)
    return TextureMaps(color, height / np.float32(span) + np.float32(0.5), roughness, occlusion, span)


def reconstruct(maps: TextureMaps, kind: str, *, seed: int = 0, net: TextureVAE | None = None) -> TextureMaps:
    """Encode and decode a material: how the net sees it.

    Parameters
    ----------
    maps : sides must be multiples of 8, and the material should tile.
    kind : a class of the net's embedding, the one that it resembles most.
    """
    import torch

    net = load_texture_vae() if net is None else net
    names = net.model.net.config.classes
    if kind not in names:
        raise InputError(f"the net knows no class '{kind}'; {nearest(kind, names)}")
    if maps.height.shape[0] % net.cell or maps.height.shape[1] % net.cell:
        raise InputError(f"sides must be multiples of {net.cell}, found {maps.height.shape}")
    channels, _, statistics = normalise(
        maps.base_color, maps.height * np.float32(maps.normal_strength), maps.roughness, maps.occlusion
    )
    with _one_thread(), torch.inference_mode():
        latent, _, style, _ = net.model.net.encode(
            torch.from_numpy(channels)[None], torch.tensor([names.index(kind)])
        )
    rng = np.random.default_rng(seed)
    return _finish(_decode(net, latent[0].numpy(), style[0].numpy(), kind, rng), statistics)
