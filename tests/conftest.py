"""One small world for all tests that need a whole one: building it takes some seconds."""

from __future__ import annotations

import pytest

import worldgen as wg


@pytest.fixture(scope="session")
def small_world() -> wg.World:
    """Islands with beaches and woods: land, water and objects in 129² vertices."""
    return wg.build(
        wg.WorldConfig(
            preset="archipelago",
            seed=5,
            size=129,
            spacing=8.0,
            terrain={"feature_size": 700.0},
            materials={"texture_size": 128},
            output={"chunk_quads": 64},
        )
    )
