"""Sets of generated elevation maps judged against held-out real ones, beside a floor of other real ones.

What a perfect generator would score is not 0: two sets of real land of the same style, from different places,
differ too. So each figure is given for real maps of the training places as well, the floor, and for each
candidate as a ratio to it. Figures of one number a map are compared as distributions (Wasserstein-1), not as
means, so that a generator with one good map made many times is found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError
from worldgen.models import terrain_distances as distances
from worldgen.models.terrain_descriptors import GEOMORPHONS, SCALES, Descriptors, describe
from worldgen.models.terrain_drainage import Drainage
from worldgen.models.terrain_features import COARSENING, landform_views, patches, scattering, symmetries

FloatArray = NDArray[np.floating[Any]]
Figures = dict[str, float | None]

# The figures, by what they look at. Less is better but for precision, recall, density and coverage, for the
# ratio of distances to the training maps (1 is right) and for the classifier (0.5 is right).
GROUPS: dict[str, tuple[str, ...]] = {
    "drainage": Drainage._fields,
    "curvature": tuple(
        f"curvature_{measure}_{scale}"
        for measure in ("anisotropy", "skewness", "kurtosis")
        for scale in SCALES
    ),
    "geomorphons": ("geomorphon_divergence",),
    "surface": ("spectrum_shape", "spectrum_level", "slope", "hypsometric_integral"),
    "features": ("scattering_mmd2", "sliced_wasserstein"),
    "classifier": ("classifier_auc",),
    "manifold": ("precision", "recall", "density", "coverage"),
    "memory": ("training_distance_ratio", "training_copies"),
}
PATCHES = 64  # patches a map and band


class Land(NamedTuple):
    """One map to judge: ``elevation`` (H, W) float32 metres, ``spacing`` metres, ``place`` it is from."""

    elevation: FloatArray
    spacing: float
    place: str


@dataclass(frozen=True, eq=False)
class _Measured:
    """A set of N maps, measured."""

    maps: Sequence[Land]
    descriptors: list[Descriptors]
    vectors: NDArray[np.float64]  # (N, F)
    scattering: NDArray[np.float64]  # (N, G)
    patches: NDArray[np.float32]  # (band, N * PATCHES, 49)
    scalars: dict[str, NDArray[np.float64]]  # each (N,)


def _measured(maps: Sequence[Land], seed: int) -> _Measured:
    random = np.random.default_rng(seed)
    descriptors = [describe(one.elevation, one.spacing) for one in maps]
    scalars = [one.scalars() for one in descriptors]
    return _Measured(
        maps,
        descriptors,
        np.array([one.vector() for one in descriptors]),
        np.array([scattering(one.elevation, one.spacing) for one in maps]),
        np.concatenate([patches(one.elevation, one.spacing, PATCHES, random) for one in maps], axis=1),
        {name: np.array([values[name] for values in scalars]) for name in scalars[0]},
    )


def judge(
    reference: Sequence[Land],
    floor: Sequence[Land],
    candidates: Mapping[str, Sequence[Land]],
    training: Sequence[Land] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare sets of elevation maps with held-out real ones.

    Give maps of one style, one size and about one spacing, and floor and candidates about as many: distances
    between small sets are partly chance. The classifier's folds share no place.

    Parameters
    ----------
    reference : held-out real maps.
    floor : other real maps of the same style, of training places.
    candidates : sets to judge, by name.
    training : what a candidate may have learned by heart, best whole tiles of any size; without it the
        ``memory`` figures are None. Views of a map's own place are passed over, so the floor may be in it.
    seed : decides patches, projections and the bootstrap; not the candidates.

    Returns
    -------
    dict :
        ``maps``, ``places``: how many each set has, of ``reference``, ``floor`` and each candidate;
        ``means``: for these, the mean of each figure that is one number a map, and of geomorphon shares;
        ``figures``: for the floor and each candidate, each figure of GROUPS, None where it has no value;
        ``intervals``: for the same, 5th and 95th percentile of ``scattering_mmd2``;
        ``ratios``: for each candidate, figure over the floor's, None where the floor's is not above 0.

    Raises
    ------
    InputError : a set has fewer than 5 maps, or the sizes differ.
    """
    named = {"floor": floor, **candidates}
    _check({"reference": reference, **named})
    real = _measured(reference, seed)
    memory = _Memory(training, reference) if training else None
    measured = {name: _measured(maps, seed) for name, maps in named.items()}
    yardstick = np.concatenate([real.vectors, measured["floor"].vectors])
    bandwidth = distances.median_bandwidth(np.concatenate([real.scattering, measured["floor"].scattering]))
    report: dict[str, Any] = {"figures": {}, "intervals": {}, "ratios": {}}
    for name, made in measured.items():
        figures, interval = _figures(real, made, yardstick, bandwidth, seed)
        figures |= memory.figures(made.maps) if memory else dict.fromkeys(GROUPS["memory"])
        report["figures"][name] = figures
        report["intervals"][name] = interval
        if name != "floor":
            least = report["figures"]["floor"]
            report["ratios"][name] = {key: _ratio(figures[key], least[key]) for key in figures}
    everyone = {"reference": real, **measured}
    return {
        "maps": {name: len(one.maps) for name, one in everyone.items()},
        "places": {name: len({each.place for each in one.maps}) for name, one in everyone.items()},
        "means": {name: _means(one) for name, one in everyone.items()},
        **report,
    }


def _check(sets: Mapping[str, Sequence[Land]]) -> None:
    few = {name: len(maps) for name, maps in sets.items() if len(maps) < 5}
    if few:
        raise InputError(f"found sets of {few} maps; allowed: 5 or more in each")
    shapes = {one[0].shape for maps in sets.values() for one in maps}
    height, width = min(shapes)
    if len(shapes) > 1 or height != width or height % 8 or height < 96:
        raise InputError(
            f"found maps of {sorted(shapes)} cells; allowed: squares of one size, a multiple of 8 from 96"
        )


def _figures(
    real: _Measured, made: _Measured, yardstick: NDArray[np.float64], bandwidth: float, seed: int
) -> tuple[Figures, tuple[float, float]]:
    figures: Figures = {
        name: _number(float(distances.wasserstein(real.scalars[name], made.scalars[name])))
        for name in real.scalars
    }
    shares, spectra, slopes = (
        [np.array([getattr(one, field) for one in side.descriptors]) for side in (real, made)]
        for field in ("geomorphons", "spectrum", "slopes")
    )
    rings = spectra[0].mean(axis=0) - spectra[1].mean(axis=0)
    discrepancy, interval = distances.mmd(real.scattering, made.scattering, bandwidth, seed=seed)
    figures |= {
        "geomorphon_divergence": distances.jensen_shannon(shares[0].mean(axis=0), shares[1].mean(axis=0)),
        "spectrum_shape": float(np.std(rings)),
        "spectrum_level": float(abs(rings.mean())),
        "slope": float(distances.wasserstein(slopes[0].ravel(), slopes[1].ravel())),
        "scattering_mmd2": discrepancy,
        "sliced_wasserstein": _sliced(real, made, seed),
        "classifier_auc": distances.two_sample_auc(
            real.vectors, made.vectors, *([one.place for one in side.maps] for side in (real, made))
        ),
        **distances.manifold(
            distances.standardised(real.vectors, yardstick), distances.standardised(made.vectors, yardstick)
        ),
    }
    return figures, interval


def _sliced(real: _Measured, made: _Measured, seed: int) -> float:
    """Sliced Wasserstein distance over the real standard deviation, mean over the pyramid's bands."""
    return float(
        np.mean(
            [
                distances.sliced_wasserstein(first, second, seed=seed) / (float(first.std()) + 1e-12)
                for first, second in zip(real.patches, made.patches, strict=True)
            ]
        )
    )


class _Memory:
    """How near to the training maps real land of other places comes, and others nearer than that.

    See `terrain_features.landform_views`; all 8 symmetries are tried.
    """

    def __init__(self, training: Sequence[Land], reference: Sequence[Land]) -> None:
        self.side = min(32, reference[0][0].shape[0] // COARSENING)
        views = [landform_views(one[0], 3, self.side).reshape(-1, self.side**2) for one in training]
        self.views = np.concatenate(views)
        self.places = np.repeat([one[2] for one in training], [len(each) for each in views])
        self.held_out = self._distances(reference)

    def _distances(self, maps: Sequence[Land]) -> NDArray[np.float64]:
        found = []
        for one in maps:
            turned = symmetries(landform_views(one[0], self.side, self.side))  # (8, N, side, side)
            others = self.views if one[2] not in self.places else self.views[self.places != one[2]]
            if len(others):
                found.append(distances.nearest_distances(turned.reshape(*turned.shape[:2], -1), others))
        return np.concatenate(found) if found else np.zeros(0)

    def figures(self, maps: Sequence[Land]) -> Figures:
        """Median distance over the held-out maps', and share of views nearer than 1 % of those."""
        nearest = self._distances(maps)
        if not (len(nearest) and len(self.held_out)):
            return dict.fromkeys(GROUPS["memory"])
        return {
            "training_distance_ratio": float(np.median(nearest) / np.median(self.held_out)),
            "training_copies": float(np.mean(nearest < np.quantile(self.held_out, 0.01))),
        }


def _means(side: _Measured) -> Figures:
    scalars = {
        name: None if np.isnan(values).all() else float(np.nanmean(values))
        for name, values in side.scalars.items()
    }
    shares = np.mean([one.geomorphons for one in side.descriptors], axis=0)
    named = {f"geomorphon_{name}": float(share) for name, share in zip(GEOMORPHONS, shares, strict=True)}
    return {**scalars, "slope": float(np.mean([one.slopes.mean() for one in side.descriptors])), **named}


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ratio(value: float | None, floor: float | None) -> float | None:
    return None if value is None or floor is None or floor <= 1e-9 else value / floor
