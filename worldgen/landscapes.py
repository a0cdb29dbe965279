"""Styles of land in the terms of physics: what rises, how fast, how wide apart, of what rock.

Each number was set on the training places of the terrain nets, so that slope and relief at 100 m cells are
about those of real land of that style. Styles mix from place to place: their fields are blended by weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.noise import fractal, permutation
from worldgen.volcanoes import stratovolcanoes

FloatArray = NDArray[np.float64]
Weights = Mapping[str, FloatArray | float]  # weight of each style, everywhere or at each cell; they sum to 1

_YOUNG = 0.5  # of a volcano's height, that erosion works on; the cone itself comes when all is done


@dataclass(frozen=True)
class Landscape:
    """What makes one style of land.

    Attributes
    ----------
    steepness : slope, rise over run, of a river of 1 km² where uplift is 1 (normalised channel steepness).
    wavelength : metres between neighbouring ranges.
    uplift : uplift of the low ground and of the crests; the steepness speaks of 1.
    stretch : length over width of ranges.
    roughness : bumps that the first gullies start from, in units of steepness times spacing.
    creep : how much slopes are rounded, 0 to 0.5.
    plateau : metres by which tablelands stand above lowlands before rivers cut them.
    layers : how many times harder the hard layers of rock are than the soft ones between them; 1 for none.
    cones : metres of height of the largest volcanoes; 0 for none.
    dunes : metres of height of the largest dunes; 0 for none.
    hardness : how much the rock varies from place to place.
    age : share of the way to a steady state that one step goes; young lands keep what they started from.
    variety : how much uplift differs from region to region.
    trunk : how gently the land rises from trunk valleys to the ranges beside them.
    mean : metres, mean elevation of such land as it is made, volcanoes included.
    deviation : metres, standard deviation of its elevation within squares of 20 km.
    """

    steepness: float
    wavelength: float = 14_000.0
    uplift: tuple[float, float] = (0.3, 1.3)
    stretch: float = 1.0
    roughness: float = 0.1
    creep: float = 0.03
    plateau: float = 0.0
    layers: float = 1.0
    cones: float = 0.0
    dunes: float = 0.0
    hardness: float = 0.5
    age: float = 1.0
    variety: float = 0.5
    trunk: float = 0.2
    mean: float = 0.0
    deviation: float = 1.0


LANDSCAPES: dict[str, Landscape] = {
    "alpine": Landscape(steepness=0.24, uplift=(0.55, 1.2), mean=724, deviation=310),
    "mountains": Landscape(steepness=0.17, uplift=(0.6, 1.2), mean=564, deviation=225),
    "hills": Landscape(
        steepness=0.07, wavelength=9_000.0, uplift=(0.45, 1.25), variety=0.7, mean=297, deviation=85
    ),
    "plains": Landscape(steepness=0.02, wavelength=9_000.0, uplift=(0.6, 1.2), mean=164, deviation=23),
    "canyons": Landscape(
        steepness=0.19,
        wavelength=12_000.0,
        uplift=(0.25, 0.6),
        plateau=900.0,
        layers=5.0,
        age=0.3,
        mean=839,
        deviation=207,
    ),
    "desert": Landscape(
        steepness=0.12,
        stretch=3.0,
        wavelength=12_000.0,
        uplift=(0.12, 1.3),
        dunes=70.0,
        mean=218,
        deviation=136,
    ),
    "volcanic": Landscape(
        steepness=0.075,
        wavelength=12_000.0,
        uplift=(0.5, 1.2),
        cones=1500.0,
        age=0.5,
        variety=0.7,
        mean=299,
        deviation=122,
    ),
}


@dataclass(frozen=True)
class Ground:
    """What rivers work on at each cell of a window.

    Attributes
    ----------
    rise : (H, W) uplift a step, as the slope at a channel head that would balance it, times age.
    hardness : (H, W) by which the cutting of water is divided.
    roughness : (H, W) bumps, in units of the spacing.
    creep : (H, W) share by which a cell moves towards its neighbours' mean in a step.
    layers : (H, W) how many times harder the hard layers of rock are.
    """

    rise: FloatArray
    hardness: FloatArray
    roughness: FloatArray
    creep: FloatArray
    layers: FloatArray


def nominal(weights: Weights) -> tuple[FloatArray | float, FloatArray | float]:
    """Mean elevation of a mix of styles and its standard deviation within 20 km, in metres, on average."""
    mean = sum(weight * LANDSCAPES[name].mean for name, weight in weights.items())
    return mean, sum(weight * LANDSCAPES[name].deviation for name, weight in weights.items())


def uplifts(weights: Weights, x: FloatArray, z: FloatArray, seed: int) -> dict[str, FloatArray]:
    """Uplift of each style of a mix, 1 where its steepness is meant: x (1, W), z (H, 1) -> (H, W) each."""
    return {name: _uplift(LANDSCAPES[name], x, z, seed) for name in weights}


def ground(
    weights: Weights, uplift: Mapping[str, FloatArray], x: FloatArray, z: FloatArray, seed: int
) -> Ground:
    """Blend what the styles of a mix say at world coordinates x (1, W), z (H, 1) in metres.

    ``uplift`` is what `uplifts` says of each style, (H, W).
    """
    table = permutation(seed, "landforms/hardness")
    rock = fractal(x / 2500, z / 2500, table, octaves=4)
    parts = []
    for name, weight in weights.items():
        land = LANDSCAPES[name]
        varied = land.hardness * rock
        part = (
            land.steepness * land.age * uplift[name],
            (1 + 0.5 * varied) / (1 - 0.5 * varied) / land.age,
            land.roughness * land.steepness + 0 * rock,
            land.creep + 0 * rock,
            land.layers + 0 * rock,
        )
        parts.append([weight * field for field in part])
    return Ground(*(np.ascontiguousarray(sum(fields[1:], fields[0])) for fields in zip(*parts, strict=True)))


def initial_relief(
    weights: Weights, uplift: Mapping[str, FloatArray], x: FloatArray, z: FloatArray, seed: int
) -> FloatArray:
    """Elevation in metres before rivers cut it: x (1, W), z (H, 1), ``uplift`` of each style -> (H, W)."""
    total = np.zeros(np.broadcast_shapes(x.shape, z.shape))
    for name, weight in weights.items():
        land = LANDSCAPES[name]
        base = 900 * land.steepness * _slow(land, x / 3, z / 3, seed, "base", octaves=3)
        base += land.steepness * 1500 * uplift[name]
        if land.plateau:
            base += land.plateau * _step(_slow(land, x, z, seed, "plateau", octaves=4), -0.15, 0.05)
        total += weight * base
    return total


def young_relief(weights: Weights, x: FloatArray, z: FloatArray, seed: int) -> FloatArray:
    """Metres that rise late: massifs of older lava where volcanoes will stand (`late_landforms`).

    x (1, W), z (H, 1) -> (H, W). Rivers cut them, and flow away from them.
    """
    total = np.zeros(np.broadcast_shapes(x.shape, z.shape))
    for name, weight in weights.items():
        land = LANDSCAPES[name]
        if land.cones:
            total += weight * _YOUNG * stratovolcanoes(x, z, land.cones, land.wavelength, seed)
    return total


def _uplift(land: Landscape, x: FloatArray, z: FloatArray, seed: int) -> FloatArray:
    """Uplift, 1 where the land's steepness is meant, 0 in trunk valleys: x (1, W), z (H, 1) -> (H, W).

    Trunk valleys are the lines where slow noise is 0: they join, and give an endless land the base level that
    the sea gives to ours.
    """
    noise = _slow(land, x, z, seed, "uplift", octaves=3)
    low, high = land.uplift
    region = land.variety * fractal(x / 50e3, z / 50e3, permutation(seed, "landforms/region"), octaves=2)
    trunk = np.abs(_slow(land, x / 1.8, z / 1.8, seed, "trunk", octaves=3))
    trunk = _step(trunk, 0.005, 0.005 + land.trunk)
    return trunk * (low + (high - low) * _step(noise, -0.45, 0.6)) * (1 + region) / (1 - region)


def _slow(land: Landscape, x: FloatArray, z: FloatArray, seed: int, stage: str, octaves: int) -> FloatArray:
    """Warped noise in about [-1, 1] whose first wave is the land's wavelength, stretched along a strike."""
    bend = permutation(seed, f"landforms/{stage}/bend")
    wave = land.wavelength
    shift_x = 0.25 * wave * fractal(x / wave + 7.7, z / wave, bend, octaves=2)
    shift_z = 0.25 * wave * fractal(x / wave, z / wave - 3.1, bend, octaves=2)
    across, along = 0.8 * x + 0.6 * z, 0.8 * z - 0.6 * x
    table = permutation(seed, f"landforms/{stage}")
    across, along = (across + shift_x) / wave, (along + shift_z) / (wave * land.stretch)
    return fractal(across, along, table, octaves=octaves)


def _step(value: FloatArray, low: float, high: float) -> FloatArray:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3 - 2 * part)
