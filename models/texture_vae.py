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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from worldgen.errors import InputError, WeightsError, nearest
from worldgen.models.blocks import one_thread
from worldgen.models.checkpoint import WEIGHTS, load_weights, read_record
from worldgen.models.texture_codes import unpack
from worldgen.models.texture_controls import TextureControls, apply_controls
from worldgen.models.texture_data import Array, denormalise, normalise
from worldgen.models.texture_drawing import arrange, decode, draw, vary_statistics
from worldgen.models.texture_finish import Finish, fine_spread
from worldgen.models.texture_maps import TextureMaps as TextureMaps
from worldgen.models.texture_maps import normal_from_height as normal_from_height
from worldgen.models.texture_maps import texture_maps

if TYPE_CHECKING:
    from worldgen.models.texture_net import BankedTextureNet

SHIPPED = WEIGHTS / "texture_vae.safetensors"


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

    def latent(self, index: int) -> Array:
        """(C, h, w) of an exemplar."""
        return unpack(self.model.codes[index].numpy(), self.model.scales[index].numpy())


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
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a texture VAE of this version: {error}") from error
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
    controls: TextureControls | None = None,
) -> TextureMaps:
    """A tileable material of a class; the same to the byte for the same arguments on one machine.

    Parameters
    ----------
    class_name : one of `classes()`.
    seed : any int ≥ 0; decides exemplar, arrangement, colour and noise.
    size : texels per side, a multiple of the net's cell (`TextureVAE.cell`), at least 128; a larger one shows
        more ground, not more detail.
    exemplar : vary this material of the class instead of one that the seed picks.
    controls : what to change about it; see `TextureControls`.

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
    check_size(net, size)
    rng = start(class_name, seed)
    index, members = pick(net, class_name, rng, exemplar)
    latent = arrange(net.model, net.latent(index), drawn_size(net, size, controls), rng)
    statistics = vary_statistics(net.model.statistics.numpy(), index, members, rng)
    maps = draw(
        net.model,
        latent,
        net.model.styles[index].numpy(),
        net.exemplars[index].kind,
        statistics,
        net.model.sharpness[index].numpy(),
        rng,
    )
    return with_controls(net, maps, controls, seed=seed, size=size)


def start(class_name: str, seed: int) -> np.random.Generator:
    """The random numbers of a sample."""
    return np.random.default_rng([int(seed), *class_name.encode()])


def check_size(net: TextureVAE, size: int) -> None:
    """Raise InputError for a size that can't be drawn."""
    if size % net.cell or size < 128:
        raise InputError(f"size must be a multiple of {net.cell} and at least 128, found {size}")


def drawn_size(net: TextureVAE, size: int, controls: TextureControls | None) -> int:
    """Texels per side to draw before `with_controls` makes `size` of them: more for smaller stones."""
    if controls is None or controls.stone_size == 1:
        return size
    return max(8, round(size / controls.stone_size / net.cell)) * net.cell


def with_controls(
    net: TextureVAE, maps: TextureMaps, controls: TextureControls | None, *, seed: int, size: int
) -> TextureMaps:
    """Drawn maps at their final size, changed as the controls say."""
    maps = maps.resized(size)
    if controls is None:
        return maps
    return apply_controls(
        maps, controls, seed=seed, cover=lambda name: sample_texture(name, seed=seed, size=size, net=net)
    )


def pick(
    net: TextureVAE, class_name: str, rng: np.random.Generator, exemplar: str | None = None
) -> tuple[int, list[int]]:
    """Index of the exemplar to vary, drawn or named, and those of all of its class."""
    if class_name not in net.classes():
        raise InputError(f"no material class '{class_name}'; {nearest(class_name, net.classes())}")
    members = [i for i, entry in enumerate(net.exemplars) if class_name in entry.classes]
    index = members[int(rng.integers(len(members)))]
    if exemplar is not None:
        names = {net.exemplars[i].name: i for i in members}
        if exemplar not in names:
            raise InputError(f"no exemplar '{exemplar}' of '{class_name}'; {nearest(exemplar, names)}")
        index = names[exemplar]
    return index, members


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
    with one_thread(), torch.inference_mode():
        latent, _, style, _ = net.model.net.encode(
            torch.from_numpy(channels)[None], torch.tensor([names.index(kind)])
        )
    rng = np.random.default_rng(seed)
    out = decode(net.model, latent[0].numpy(), style[0].numpy(), kind, rng)
    out = Finish.of(out, net.cell, fine_spread(channels))(out)
    return texture_maps(*denormalise(out, statistics))
