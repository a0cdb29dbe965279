"""How far apart two sets of vectors are: kernel and transport distances, a classifier, manifold coverage.

Everything here is numpy over arrays of one row a map and knows no terrain. A distance between small sets has
noise of its own: judge it beside the same distance between two sets of real maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
NEIGHBOURS = 5
FOLDS = 5


def wasserstein(first: FloatArray, second: FloatArray, axis: int = 0) -> Doubles:
    """Wasserstein-1 distance between two samples of any sizes along an axis, exact up to 512 quantiles.

    NaN counts as missing; NaN where one sample has no number.
    """
    at = (np.arange(512) + 0.5) / 512
    sides = []
    for sample in (first, second):
        sample = sample.astype(np.float64)
        if sample.shape[axis] == 0 or np.isnan(sample).all(axis=axis).any():
            return np.asarray(np.full(np.delete(sample.shape, axis), np.nan))
        sides.append(np.nanquantile(sample, at, axis=axis, method="inverted_cdf"))
    return np.asarray(np.abs(sides[0] - sides[1]).mean(axis=0))


def jensen_shannon(first: FloatArray, second: FloatArray) -> float:
    """Jensen-Shannon divergence of two histograms in bits, 0 to 1 (Lin 1991)."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2

    def relative_entropy(share: FloatArray) -> float:
        held = share > 0
        return float(np.sum(share[held] * np.log2(share[held] / middle[held])))

    return max(0.0, (relative_entropy(p) + relative_entropy(q)) / 2)


def _squared_distances(first: FloatArray, second: FloatArray) -> Doubles:
    """(N, F), (M, F) -> (N, M)."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2 * first @ second.T
    return np.asarray(np.maximum(squares, 0.0))


def median_bandwidth(features: FloatArray) -> float:
    """The median distance between two different rows: (N, F) -> length."""
    squares = _squared_distances(features, features)
    return float(np.sqrt(np.median(squares[np.triu_indices(len(features), 1)]))) or 1.0


def mmd(
    first: FloatArray, second: FloatArray, bandwidth: float, *, resamples: int = 500, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Squared maximum mean discrepancy, unbiased, with a bootstrap interval (Gretton et al. 2012).

    The kernel is the mean of Gaussians of half, one and two bandwidths. The interval's ends are the 5th and
    the 95th percentile over sets drawn anew from the maps; pairs of one map with itself are left out there
    too, or doubled maps would lift it. Maps of one place are alike, so for real sets it is too narrow.

    Parameters
    ----------
    first, second : (N, F), (M, F), at least 2 rows each.
    bandwidth : length in feature space, see `median_bandwidth`.

    Returns
    -------
    (float, (float, float)) : the estimate, about 0 for equal distributions and then often below it; interval.
    """
    within, between, other = (
        np.mean([np.exp(-squares / (2 * (scale * bandwidth) ** 2)) for scale in (0.5, 1.0, 2.0)], axis=0)
        for squares in (
            _squared_distances(first, first),
            _squared_distances(first, second),
            _squared_distances(second, second),
        )
    )
    np.fill_diagonal(within, 0.0)
    np.fill_diagonal(other, 0.0)

    def estimate(a: Doubles, b: Doubles) -> float:
        pairs = [float(weight.sum() ** 2 - (weight**2).sum()) for weight in (a, b)]
        if min(pairs) == 0:
            return float("nan")
        across = a @ between @ b / (a.sum() * b.sum())
        return float(a @ within @ a / pairs[0] + b @ other @ b / pairs[1] - 2 * across)

    random = np.random.default_rng(seed)
    drawn = [
        estimate(*(random.multinomial(n, np.full(n, 1 / n)).astype(float) for n in between.shape))
        for _ in range(resamples)
    ]
    low, high = np.nanquantile(drawn, (0.05, 0.95))
    return estimate(*(np.ones(n) for n in between.shape)), (float(low), float(high))


def sliced_wasserstein(
    first: FloatArray, second: FloatArray, *, projections: int = 128, seed: int = 0
) -> float:
    """Mean Wasserstein-1 distance of two point sets on random lines (Rabin et al. 2011): (N, F), (M, F)."""
    lines = np.random.default_rng(seed).normal(size=(first.shape[1], projections))
    lines /= np.linalg.norm(lines, axis=0)
    return float(np.mean(wasserstein(first @ lines, second @ lines)))


def auc(scores: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic: how often a positive outscores a negative."""
    difference = scores[positive][:, None] - scores[~positive][None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def logistic_regression(features: Doubles, positive: NDArray[np.bool_], ridge: float = 1.0) -> Doubles:
    """Weights (F + 1,) of a ridge logistic regression by Newton's method, the last one the bias.

    Both classes weigh as much as each other; the bias is not held back.
    """
    design = np.hstack([features, np.ones((len(features), 1))])
    weight = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum()) * len(features)
    penalty = np.append(np.full(features.shape[1], ridge), 1e-6)
    solution = np.zeros(design.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weight * (chance - positive)) + penalty * solution
        curvature = (design.T * (weight * chance * (1 - chance))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        solution -= step
        if np.abs(step).max() < 1e-8:
            break
    return solution


def two_sample_auc(
    first: FloatArray, second: FloatArray, first_groups: Sequence[str], second_groups: Sequence[str]
) -> float:
    """AUC with which a classifier tells two sets apart (Lopez-Paz, Oquab 2017): 0.5 alike, 1 told apart.

    Ridge logistic regression on standardised rows, cross-validated over up to five folds that share no group.
    A set of a single group is split by its rows' order instead. The folds' AUCs are averaged, weighted by
    their pairs of rows. Below 0.5 says no more than 0.5: what told the training groups apart did not carry
    over.

    Parameters
    ----------
    first, second : (N, F), (M, F), at least 2 rows each; a number that is missing is NaN.
    first_groups, second_groups : each row's group, a place.
    """
    sides = [_fold_numbers(groups) for groups in (first_groups, second_groups)]
    folds = min(FOLDS, *(int(side.max()) + 1 for side in sides))
    fold = np.concatenate(sides) % folds
    features = np.concatenate([first, second]).astype(np.float64)
    positive = np.arange(len(features)) < len(first)
    found, pairs = [], []
    for number in range(folds):
        test = fold == number
        scaled = standardised(features, features[~test])
        weights = logistic_regression(scaled[~test], positive[~test])
        found.append(auc(scaled[test] @ weights[:-1], positive[test]))
        pairs.append(int(positive[test].sum()) * int((~positive[test]).sum()))
    return float(np.average(found, weights=pairs))


def _fold_numbers(groups: Sequence[str]) -> NDArray[np.int64]:
    names = list(dict.fromkeys(groups))
    if len(names) > 1:
        return np.array([names.index(group) for group in groups])
    return np.arange(len(groups)) * min(FOLDS, len(groups)) // len(groups)


def standardised(features: FloatArray, reference: FloatArray) -> Doubles:
    """Rows less the reference's mean over its standard deviation, within ±10; a missing number is 0."""
    scaled = (features - np.nanmean(reference, axis=0)) / (np.nanstd(reference, axis=0) + 1e-9)
    return np.asarray(np.nan_to_num(np.clip(scaled, -10, 10), nan=0.0))


def manifold(real: FloatArray, made: FloatArray, neighbours: int = NEIGHBOURS) -> dict[str, float]:
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    Parameters
    ----------
    real, made : (N, F), (M, F), more than `neighbours` rows each.

    Returns
    -------
    dict : ``precision``, share of made rows inside a real row's ball out to its k-th neighbour; ``recall``,
    the same the other way round; ``density``, how many real balls a made row lies in, over k; ``coverage``,
    share of real rows whose ball holds a made row.
    """
    across = np.sqrt(_squared_distances(real, made))
    real_radius, made_radius = (_radius(rows, neighbours) for rows in (real, made))
    inside = across <= real_radius[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across <= made_radius[None, :]).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / neighbours),
        "coverage": float(inside.any(axis=1).mean()),
    }


def _radius(rows: FloatArray, neighbours: int) -> Doubles:
    distances = np.sqrt(_squared_distances(rows, rows))
    np.fill_diagonal(distances, 0.0)
    return np.asarray(np.sort(distances, axis=1)[:, min(neighbours, len(rows) - 1)])


def nearest_distances(views: FloatArray, training: FloatArray) -> Doubles:
    """Distance from each view to the training view nearest to it, over the view's given symmetries.

    Parameters
    ----------
    views : (S, N, F), rows of unit length; S symmetric copies.
    training : (M, F), rows of unit length.

    Returns
    -------
    (N,) float64, 0 for a copy, 2**0.5 for a view without any likeness.
    """
    best = np.full(views.shape[1], -1.0)
    for copy in views:
        best = np.maximum(best, (copy @ training.T).max(axis=1))
    return np.asarray(np.sqrt(np.maximum(2 - 2 * best, 0.0)))
