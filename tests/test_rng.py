"""Child seeds are stable for ever: the same numbers on every machine and version."""

from __future__ import annotations

from worldgen.rng import child_seed, generator


def test_known_values():
    assert child_seed(7, "terrain") == 3512860053503537657
    assert generator(7, "terrain", 1, -2).integers(1000) == generator(7, "terrain", 1, -2).integers(1000)


def test_each_argument_matters():
    seeds = {
        child_seed(*arguments) for arguments in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 1), (1, "a", 0, 1)]
    }
    assert len(seeds) == 5


def test_parts_do_not_run_into_each_other():
    assert child_seed(1, "a", 11, 1) != child_seed(1, "a", 1, 11)
    assert child_seed(11, "x") != child_seed(1, "1x")
