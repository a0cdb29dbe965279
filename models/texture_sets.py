"""Sets of materials to judge a texture net by: held-out ones, exemplars, samples of them, and baselines.

Each sample varies an exemplar, a material of the net's bank, so everything is paired with one: the floor are
the exemplars themselves, the noise is an exemplar's own (`texture_baselines.random_phase`), and a plain
autoencoder draws the same exemplars from the same seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from worldgen.errors import InputError
from worldgen.models.texture_baselines import random_phase, real_maps
from worldgen.models.texture_data import Material
from worldgen.models.texture_vae import TextureMaps, TextureVAE, sample_texture

Progress = Callable[[int, int], None]


@dataclass
class ClassSets:
    """Materials of one class. `floor` are the exemplars, each once; `paired` says which of them each of the
    made materials, in `made` by the maker's name, is of."""

    kind: str
    held_out: dict[str, TextureMaps]
    floor: dict[str, TextureMaps]
    paired: list[str] = field(default_factory=list)
    made: dict[str, list[TextureMaps]] = field(default_factory=dict)
    seconds: list[tuple[float, float]] = field(default_factory=list)  # of a sample: wall clock, processor


def draw_sets(
    net: TextureVAE,
    training: Sequence[Material],
    held_out: Sequence[Material],
    autoencoder: TextureVAE | None = None,
    *,
    count: int,
    size: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[ClassSets]:
    """Samples and baselines of each class that has exemplars, and held-out materials that no exemplar is.

    Raises
    ------
    InputError : there is no such class.
    """
    from worldgen.models.texture_export import fill_statistics

    filled = dict(zip((m.name for m in training), fill_statistics(list(training)), strict=True))
    by_name = {material.name: material for material in training}
    banks = [net] if autoencoder is None else [net, autoencoder]
    shared = set.intersection(*({entry.name for entry in one.exemplars} for one in banks))
    kinds = sorted({material.kind for material in held_out})
    sets = []
    for number, kind in enumerate(kinds):
        random = np.random.default_rng([seed, *kind.encode()])
        entries = [e for e in net.exemplars if e.kind == kind and e.name in by_name and e.name in shared]
        if not entries:
            continue
        chosen = [entries[i] for i in random.permutation(len(entries))[:count]]
        one = ClassSets(
            kind,
            {material.name: real_maps(material) for material in held_out if material.kind == kind},
            {entry.name: real_maps(by_name[entry.name], filled[entry.name]) for entry in chosen},
        )
        one.made = {name: [] for name in ("samples", "noise", *(["autoencoder"] if autoencoder else []))}
        for index in range(count):
            entry = chosen[index % len(chosen)]
            one.paired.append(entry.name)
            begun = time.perf_counter(), time.process_time()
            one.made["samples"].append(_draw(net, entry.name, size, seed + index))
            one.seconds.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
            noise = random_phase(by_name[entry.name], random)
            one.made["noise"].append(real_maps(noise, filled[entry.name]))
            if autoencoder is not None:
                one.made["autoencoder"].append(_draw(autoencoder, entry.name, size, seed + index))
        sets.append(one)
        if progress is not None:
            progress(number + 1, len(kinds))
    if not sets:
        raise InputError(
            f"no held-out material is of a class that the net varies: held out are {len(held_out)} of "
            f"{', '.join(kinds) or 'no class'}"
        )
    return sets


def _draw(net: TextureVAE, name: str, size: int, seed: int) -> TextureMaps:
    served = next(entry.classes[0] for entry in net.exemplars if entry.name == name)
    return sample_texture(served, seed=seed, size=size, net=net, exemplar=name)
