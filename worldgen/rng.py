"""One seed decides everything: child seeds are a stable hash of (seed, stage, row, column).

Adding a stage changes no earlier stage, and no state is shared or global. The hash is BLAKE2b over the parts'
text, so it is the same on every platform, process and Python version (unlike ``hash()``).
"""

from __future__ import annotations

import hashlib

import numpy as np


def child_seed(seed: int, stage: str, row: int = 0, column: int = 0) -> int:
    """Return the seed of one stage at one place, in 0 .. 2**63 - 1.

    Parameters
    ----------
    seed : the world's seed.
    stage : name of the stage, for example ``"scatter/pine"``.
    row, column : cell of an endless grid, any integers; 0 where a stage has no place.
    """
    text = f"{seed}\x1f{stage}\x1f{row}\x1f{column}"
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, stage: str, row: int = 0, column: int = 0) -> np.random.Generator:
    """Return numpy's generator (PCG64) for one stage at one place; arguments as in `child_seed`."""
    return np.random.Generator(np.random.PCG64(child_seed(seed, stage, row, column)))
