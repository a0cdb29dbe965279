"""Splits many vectors into a given number of clusters: a tree that always cuts the worst one next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldgen.kernel import kernel

Floats = NDArray[np.float64]


@kernel
def split_into(vectors: Floats, weights: Floats, count: int) -> NDArray[np.int64]:
    """Return the cluster of each vector, 0 .. at most ``count`` - 1; none is empty.

    The cluster of largest squared error is cut across its principal axis, at its mean (Wu 1991).

    Parameters
    ----------
    vectors : (n, d).
    weights : (n,) above 0.
    """
    total, size = vectors.shape
    order = np.arange(total)
    starts, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    errors = np.zeros(count)
    axes, means = np.zeros((count, size)), np.zeros((count, size))
    ends[0] = total
    errors[0] = _measure(vectors, weights, order[:total], means[0], axes[0])
    used = 1
    spare = np.empty(total, np.int64)
    while used < count:
        worst = int(np.argmax(errors[:used]))
        if errors[worst] <= 1e-9:
            break
        start, end = starts[worst], ends[worst]
        low, high = start, 0
        for place in range(start, end):
            item = order[place]
            side = 0.0
            for axis in range(size):
                side += (vectors[item, axis] - means[worst, axis]) * axes[worst, axis]
            if side <= 0:
                order[low] = item
                low += 1
            else:
                spare[high] = item
                high += 1
        order[low:end] = spare[:high]
        if low in (start, end):
            errors[worst] = 0.0
            continue
        ends[worst], starts[used], ends[used] = low, low, end
        errors[worst] = _measure(vectors, weights, order[start:low], means[worst], axes[worst])
        errors[used] = _measure(vectors, weights, order[low:end], means[used], axes[used])
        used += 1
    labels = np.empty(total, np.int64)
    for cluster in range(used):
        for place in range(starts[cluster], ends[cluster]):
            labels[order[place]] = cluster
    return labels


@kernel
def _measure(vectors: Floats, weights: Floats, items: NDArray[np.int64], mean: Floats, axis: Floats) -> float:
    """Set mean and principal axis of some vectors; return their squared error."""
    size = vectors.shape[1]
    mean[:] = 0
    weight = 0.0
    for item in items:
        weight += weights[item]
        for i in range(size):
            mean[i] += weights[item] * vectors[item, i]
    mean /= weight
    spread = np.zeros((size, size))
    away = np.empty(size)
    for item in items:
        for i in range(size):
            away[i] = vectors[item, i] - mean[i]
        for i in range(size):
            part = weights[item] * away[i]
            for j in range(i + 1):
                spread[i, j] += part * away[j]
    error, widest = 0.0, 0
    for i in range(size):
        error += spread[i, i]
        if spread[i, i] > spread[widest, widest]:
            widest = i
        for j in range(i):
            spread[j, i] = spread[i, j]
    axis[:] = spread[widest]
    for _ in range(8):
        longest = np.abs(axis).max()
        if longest == 0:
            return 0.0
        away[:] = axis / longest
        for i in range(size):
            axis[i] = 0
            for j in range(size):
                axis[i] += spread[i, j] * away[j]
    return error
