"""A texture net judged on held-out materials, beside real ones and two baselines.

Sets (`texture_sets`) are compared twice, class by class: with the held-out materials of the class, where a
perfect sampler is at the floor, as far from them as the exemplars it varies are; and the samples' upper
halves with the exemplars' lower halves, where the floor (an exemplar's own two halves) is far lower and shows
more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.errors import ConfigError
from worldgen.models.checkpoint import read_record
from worldgen.models.terrain_distances import manifold, standardised
from worldgen.models.texture_baselines import real_maps
from worldgen.models.texture_data import Array, Material, load_materials
from worldgen.models.texture_distances import (
    DISTANCES,
    Measured,
    contrasts,
    distances,
    measure_halves,
    planes,
)
from worldgen.models.texture_memory import memory_table
from worldgen.models.texture_metrics import high_band_energy, measure
from worldgen.models.texture_sets import ClassSets, Progress, draw_sets
from worldgen.models.texture_tiling import repetition, wrap_table
from worldgen.models.texture_vae import SHIPPED, TextureMaps, TextureVAE, load_texture_vae

Figures = dict[str, float]
BANDS = ("high_band_luma", "high_band_height")


def evaluate(
    data: Path,
    *,
    weights: Path | None = None,
    autoencoder: Path | None = None,
    count: int = 4,
    size: int = 512,
    seed: int = 0,
    sheet: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge a texture net on the held-out materials of a folder; see `judge`.

    Parameters
    ----------
    data : folder of materials, the one the net was trained on.
    weights, autoencoder : weight files; the shipped net, and no such baseline, by default.
    count : samples of each class.
    sheet : PNG to write, real and made materials lit side by side.

    Raises
    ------
    ConfigError, InputError : an argument or the data cannot be used.
    """
    if count < 1 or size < 256 or size % 256:
        raise ConfigError(
            f"samples: found count {count}, size {size}; allowed: count >= 1, size a multiple of 256"
        )
    net = load_texture_vae(weights)
    other = None if autoencoder is None else load_texture_vae(autoencoder)
    training, held_out = _split(data, SHIPPED if weights is None else weights)
    sets = draw_sets(net, training, held_out, other, count=count, size=size, seed=seed, progress=progress)
    report = judge(sets, training, net, other, held_out=held_out, seed=seed)
    if sheet is not None:
        from worldgen.models.texture_sheet import texture_sheet

        rows = [
            (
                f"{one.kind}: held out {next(iter(one.held_out))}; {one.paired[0]}; samples, the first of it",
                [*list(one.held_out.values())[:1], one.floor[one.paired[0]], *one.made["samples"][:3]],
            )
            for one in sets
        ]
        sheet.parent.mkdir(parents=True, exist_ok=True)
        texture_sheet(rows).save(sheet)
    return report


def _split(data: Path, weights: Path) -> tuple[list[Material], list[Material]]:
    """Materials of a folder that a net was trained on, and those held out that it was not."""
    training, held_out = load_materials(data)
    trained = set(read_record(weights).get("training", {}).get("materials", ()))
    if not trained:
        return training, held_out
    return [m for m in training if m.name in trained], [m for m in held_out if m.name not in trained]


def judge(
    sets: Sequence[ClassSets],
    training: Sequence[Material],
    net: TextureVAE,
    autoencoder: TextureVAE | None = None,
    *,
    held_out: Sequence[Material],
    seed: int = 0,
) -> dict[str, Any]:
    """Compare what `draw_sets` drew with the real materials.

    Returns
    -------
    dict :
        ``reconstruction``: `texture_metrics.measure` of the net and of the autoencoder;
        ``classes``: for each, ``held_out``, ``exemplars`` and two comparisons, ``with_held_out`` and
        ``with_exemplars``, each a dict of figures for ``floor``, ``samples``, ``noise`` and ``autoencoder``;
        ``overall``: the same two, mean over classes, and ``ratios`` to the floor;
        ``wrap``, ``repetition``, ``memory``: see `texture_tiling` and `texture_memory`;
        ``seconds``, ``processor_seconds``: median time of a sample here;
        ``goals``: for each the value, the goal and whether it is met.
    """
    classes = {one.kind: _judge_class(one, seed) for one in sets}
    nets = {"vae": net} | ({"autoencoder": autoencoder} if autoencoder else {})
    known = [material for material in held_out if material.kind in net.model.net.config.classes]
    samples = [maps for one in sets for maps in one.made["samples"]]
    floor = [maps for one in sets for maps in one.floor.values()]
    seconds = np.median([pair for one in sets for pair in one.seconds], axis=0)
    report: dict[str, Any] = {
        "reconstruction": {name: measure(one.model.net, known) for name, one in nets.items()},
        "classes": classes,
        "overall": _overall(list(classes.values())),
        "wrap": wrap_table(samples, net.cell),
        "repetition": {"floor": _mean(map(repetition, floor)), "samples": _mean(map(repetition, samples))},
        "memory": memory_table(
            {"samples": samples, "held_out": [maps for one in sets for maps in one.held_out.values()]},
            [real_maps(material) for material in training],
            seed=seed,
        ),
        "size": samples[0].height.shape[0],
        "seconds": float(seconds[0]),
        "processor_seconds": float(seconds[1]),
    }
    report["goals"] = goals(report)
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _judge_class(one: ClassSets, seed: int) -> dict[str, Any]:
    units = contrasts([*one.held_out.values(), *one.floor.values()])

    def halves(materials: Sequence[TextureMaps], salt: int) -> list[tuple[Measured, Measured]]:
        # Places differ from set to set: the same ones would flatter whatever is aligned with the exemplars.
        return [measure_halves(maps, units, seed=seed * 1000 + salt + i) for i, maps in enumerate(materials)]

    real = [half for both in halves(list(one.held_out.values()), 0) for half in both]
    exemplars = halves(list(one.floor.values()), 100)
    lower = [both[1] for both in exemplars]
    yardstick = np.concatenate([half.descriptors for both in exemplars for half in both])
    yardstick = np.concatenate([yardstick, *(half.descriptors for half in real)])
    report: dict[str, Any] = {
        "held_out": list(one.held_out),
        "exemplars": list(one.floor),
        "with_held_out": {},
        "with_exemplars": {},
    }
    for name, made in {"floor": list(one.floor.values()), **one.made}.items():
        measured = exemplars if name == "floor" else halves(made, 200)
        both = [half for pair in measured for half in pair]
        report["with_held_out"][name] = _compare(real, both, yardstick, seed)
        report["with_exemplars"][name] = _compare(lower, [pair[0] for pair in measured], yardstick, seed)
        report["with_exemplars"][name] |= _sharpness(
            made, [one.floor[source] for source in (one.floor if name == "floor" else one.paired)]
        )
    return report


def _compare(real: Sequence[Measured], made: Sequence[Measured], yardstick: Array, seed: int) -> Figures:
    rows = [
        standardised(np.concatenate([half.descriptors for half in side]), yardstick) for side in (real, made)
    ]
    return distances(real, made, seed=seed) | manifold(rows[0], rows[1])


def _sharpness(made: Sequence[TextureMaps], sources: Sequence[TextureMaps]) -> Figures:
    """Energy above half of Nyquist over the exemplar's, geometric mean."""
    found = []
    for maps, source in zip(made, sources, strict=True):
        pair = [planes(one)[[0, 3]] for one in (maps, source)]
        energy = [[high_band_energy(plane) + 1e-12 for plane in both] for both in pair]
        found.append(np.log(energy[0]) - np.log(energy[1]))
    return dict(zip(BANDS, map(float, np.exp(np.mean(found, axis=0))), strict=True))


def _mean(rows: Any) -> Figures:
    rows = list(rows)
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _overall(classes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for key in ("with_held_out", "with_exemplars"):
        report[key] = {name: _mean(one[key][name] for one in classes) for name in classes[0][key]}
        floor = report[key]["floor"]
        report[key]["ratios"] = {
            name: {figure: figures[figure] / max(floor[figure], 1e-9) for figure in DISTANCES}
            for name, figures in report[key].items()
            if name != "floor"
        }
    return report


def goals(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The goals of the model card: for each ``value``, ``goal`` and whether it is ``met``.

    Distances are held to their goal in both comparisons: with held-out materials, of which a class often has
    but one, far from other real ones and little farther from noise, and with the exemplars, the harder one.
    """
    wrap = max(one["mean"] for one in report["wrap"].values())
    found: dict[str, dict[str, Any]] = {
        "wrap_ratio": {"value": wrap, "goal": "<= 1.05, the worst map", "met": wrap <= 1.05}
    }
    for band in BANDS:
        value = report["overall"]["with_exemplars"]["samples"][band]
        found[band] = {"value": value, "goal": "0.85 to 1.15", "met": 0.85 <= value <= 1.15}
    for key, overall in report["overall"].items():
        for name in DISTANCES:
            ratio = overall["ratios"]["samples"][name]
            found[f"{name}_{key}"] = {"value": ratio, "goal": "<= 2 floors", "met": ratio <= 2}
        for rival in ("noise", "autoencoder"):
            if rival in overall:
                ahead = [n for n in DISTANCES if overall["samples"][n] < overall[rival][n]]
                found[f"ahead_of_{rival}_{key}"] = {
                    "value": ahead,
                    "goal": f"all of {', '.join(DISTANCES)}",
                    "met": len(ahead) == len(DISTANCES),
                }
    decibels = report["reconstruction"]["vae"].get("mean", {}).get("psnr_quarter", float("nan"))
    found["reconstruction"] = {"value": decibels, "goal": ">= 26 dB at 1/4 size", "met": decibels >= 26}
    if report["size"] == 512:
        value = report["seconds"]
        found["seconds"] = {"value": value, "goal": "<= 1 s on two cores", "met": value <= 1}
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
