"""ETC1S: each 4 x 4 block is one colour of 5 bits a channel, shifted along grey by one of four modifiers.

Blocks share two codebooks: of endpoints (colour and table of modifiers) and of selectors (16 numbers 0 .. 3).
Source: Khronos Data Format Specification 1.4, chapters ETC1 and ETC1S; entropy-constrained vector
quantisation after Chou, Lookabaugh & Gray (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.export.basis_lz import HISTORY, Slice
from worldgen.export.etc1s_endpoints import (
    MODIFIERS,
    fit_alone,
    fit_to_selectors,
    improve_endpoints,
    place_endpoints,
)
from worldgen.export.etc1s_selectors import (
    best_selectors,
    chain,
    ideal_selectors,
    nearest_selectors,
    place_selectors,
)
from worldgen.export.vector_quantisation import split_into

Integers = NDArray[np.int64]

# What a selector of the history is taken to cost. On rock and grass 6 to 9 differ by 3 % in bytes at most,
# with the error to match.
HISTORY_BITS = 7.0


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane of one mip level.

    Attributes
    ----------
    blocks : (rows, columns, 16, 3) uint8, texels row by row.
    weight : of its squared error against that of other planes.
    """

    blocks: NDArray[np.uint8]
    weight: int = 1


@dataclass(frozen=True, eq=False)
class Encoding:
    """Codebooks and indices, as :func:`worldgen.export.basis_lz.encode` takes them."""

    endpoints: Integers
    selectors: Integers
    slices: list[Slice]


@dataclass(frozen=True)
class Effort:
    """What a quality means.

    Attributes
    ----------
    price : squared error, summed over a block, that one bit may save.
    endpoints, selectors : largest codebooks.
    """

    price: float
    endpoints: int
    selectors: int


def cut_blocks(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut (H, W, C) into (rows, columns, 16, C) blocks; texels past an edge repeat the last."""
    height, width, channels = pixels.shape
    whole = np.pad(pixels, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    rows, columns = whole.shape[0] // 4, whole.shape[1] // 4
    parts = whole.reshape(rows, 4, columns, 4, channels).swapaxes(1, 2)
    return np.ascontiguousarray(parts.reshape(rows, columns, 16, channels))


def encode_planes(planes: Sequence[Plane], effort: Effort) -> Encoding:
    """Find codebooks for all planes together, and the indices of each."""
    blocks = np.concatenate([plane.blocks.reshape(-1, 16, 3) for plane in planes]).astype(np.int64)
    shapes = np.array([plane.blocks.shape[:2] for plane in planes], dtype=np.int64)
    weights = np.repeat([plane.weight for plane in planes], shapes.prod(axis=1)).astype(np.int64)
    lumas = blocks.sum(axis=2)

    endpoints, labels = _endpoint_codebook(blocks, lumas, effort.endpoints)
    for _ in range(2):
        order = np.lexsort((endpoints[:, 3], _grey(endpoints)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        endpoints, labels = endpoints[order], rank[labels]
        bits = _bits_of(_steps(labels, len(endpoints)), len(endpoints))
        place_endpoints(blocks, weights, lumas, shapes, endpoints, bits, effort.price, labels)
        endpoints, labels = _used(endpoints, labels)
        improve_endpoints(blocks, lumas, endpoints, labels)

    selectors, chosen = _selector_codebook(blocks, weights, endpoints, labels, effort)
    endpoints = fit_to_selectors(blocks, selectors[chosen], labels, endpoints)
    costs = _bits_of(chosen, len(selectors)) * effort.price
    past = np.full(HISTORY, HISTORY_BITS * effort.price)
    place_selectors(blocks, weights, shapes, endpoints, labels, selectors, costs, past, chosen)
    return _split(shapes, endpoints, labels, selectors, chosen)


def _split(
    shapes: Integers, endpoints: Integers, labels: Integers, selectors: Integers, symbols: Integers
) -> Encoding:
    """Leave out what no block uses, sort, and cut the indices into slices."""
    endpoints, labels = _used(endpoints, labels)
    order = np.lexsort((endpoints[:, 3], _grey(endpoints)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    endpoints, labels = endpoints[order], rank[labels]

    direct = symbols < len(selectors)
    kept = np.unique(symbols[direct])
    linked = chain(selectors[kept])
    place = np.zeros(len(selectors), np.int64)
    place[kept[linked]] = np.arange(len(kept))
    symbols = np.where(direct, place[np.where(direct, symbols, 0)], symbols - len(selectors) + len(kept))
    cuts = np.cumsum(shapes.prod(axis=1))[:-1]
    slices = [
        Slice(part.reshape(shape), other.reshape(shape))
        for shape, part, other in zip(shapes, np.split(labels, cuts), np.split(symbols, cuts), strict=True)
    ]
    return Encoding(endpoints, selectors[kept[linked]], slices)


def _used(entries: Integers, labels: Integers) -> tuple[Integers, Integers]:
    """Codebook and labels without what is not used."""
    kept, labels = np.unique(labels, return_inverse=True)
    return entries[kept], labels.reshape(-1)


def _grey(endpoints: Integers) -> Integers:
    grey: Integers = endpoints[:, :3].sum(axis=1)
    return grey


def _steps(labels: Integers, count: int) -> Integers:
    steps: Integers = np.diff(labels) % count
    return steps


def _bits_of(symbols: Integers, count: int) -> NDArray[np.float64]:
    """Ideal bits of each symbol; of one that did not occur, as of one that occurred once in a while."""
    seen = np.bincount(symbols, minlength=count) + 0.25
    bits: NDArray[np.float64] = -np.log2(seen / seen.sum())
    return bits


def _endpoint_codebook(blocks: Integers, lumas: Integers, count: int) -> tuple[Integers, Integers]:
    """Each block's own best endpoint, clustered, then Lloyd's iteration on the true error."""
    own = fit_alone(blocks, lumas)
    spread = np.sqrt((MODIFIERS[own[:, 3]] ** 2).sum(axis=1) * 1.5)
    vectors = np.column_stack([blocks.mean(axis=1), spread])
    labels = split_into(vectors, np.ones(len(vectors)), count)
    sizes = np.bincount(labels)
    means = np.column_stack([np.bincount(labels, vectors[:, axis]) / sizes for axis in range(3)])
    endpoints = np.column_stack([np.floor(means * 31 / 255 + 0.5).astype(np.int64), np.zeros_like(sizes)])
    improve_endpoints(blocks, lumas, endpoints, labels)
    endpoints, twin = np.unique(endpoints, axis=0, return_inverse=True)
    return endpoints, twin.reshape(-1)[labels]


def _selector_codebook(
    blocks: Integers, weights: Integers, endpoints: Integers, labels: Integers, effort: Effort
) -> tuple[Integers, Integers]:
    ideal = ideal_selectors(blocks, endpoints, labels)
    large = MODIFIERS[endpoints[labels, 3], 1].astype(np.float64)
    vectors = np.array([-1.0, -0.3, 0.3, 1.0])[ideal]
    chosen = split_into(vectors, weights * large**2, effort.selectors)
    count = int(chosen.max()) + 1
    free = _bits_of(chosen, count) * effort.price
    for _ in range(2):
        selectors = best_selectors(blocks, weights, endpoints, labels, chosen, count)
        nearest_selectors(blocks, weights, endpoints, labels, selectors, free, chosen)
        free = _bits_of(chosen, count) * effort.price
    selectors, chosen = _used(best_selectors(blocks, weights, endpoints, labels, chosen, count), chosen)
    selectors, twin = np.unique(selectors, axis=0, return_inverse=True)
    return selectors, twin.reshape(-1)[chosen]
