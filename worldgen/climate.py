"""The climate of a land: temperature, precipitation in the lee and windward of relief, moisture of the soil.

Temperature falls with altitude and turns with the slopes towards or away from the noon sun. Precipitation is
a base value that the relief redistributes by the linear theory of R. B. Smith and I. Barstad, "A Linear
Theory of Orographic Precipitation" (Journal of the Atmospheric Sciences 61, 2004). Soil is as moist as rain
exceeds what evaporates there, and as water gathers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.config import ClimateConfig
from worldgen.heightmap import Field, Heightmap, ramp, slope_degrees
from worldgen.hydrology import Hydrology

FloatArray = NDArray[np.float64]

# °C between level ground and ground that faces the noon sun of the equinox squarely where it stands low;
# slopes of 30 degrees in the middle latitudes differ by about 3 °C between north and south.
ASPECT_WARMTH = 4.0
MOST_ASPECT = 3.0
ASPECT_SCALE = 20.0  # metres; air mixes over smaller bumps

# Smith and Barstad's numbers of a middling storm.
WIND_SPEED = 12.0  # m/s
DELAY = 600.0  # s from condensing to falling, and as long again to reach the ground
MOIST_LAYER = 2500.0  # m, scale height of water vapour
STABILITY = 0.005  # 1/s, moist buoyancy frequency
SENSITIVITY = 0.004  # kg/m³, rain per uplift
STORM_RATE = 4.0 / 3600  # kg/m²/s that falls on flat land meanwhile
# A world of a few km stands for a range: narrower ones are stretched to this width, or the wind would carry
# all rain across before it falls.
RANGE_WIDTH = 50_000.0  # m
DRIEST = 0.15  # share of the base that the deepest rain shadow keeps: other winds bring rain, too
FINEST_RAIN = 256  # cells per side; rain has no finer structure

# Holdridge's evapotranspiration of a well-watered place, mm per year and °C of biotemperature (L. R.
# Holdridge, "Life Zone Ecology", 1967), and the least that plants of a cold place need.
EVAPORATION = 58.93
LEAST_BIOTEMPERATURE = 3.0
LEAST_DEMAND = 50.0  # mm per year that the air takes up even over ice
# Percentage of hours in which wind moves dry sand; deserts and shores have some 20 to 60.
WINDY_HOURS = 40.0
# Of the moisture index: 0.5 where rain equals evaporation, and so much for each doubling.
MOISTURE_PER_OCTAVE = 0.17


@dataclass(frozen=True, eq=False)
class Climate:
    """Yearly means on a land's grid.

    Attributes
    ----------
    temperature : (H, W) float32, °C.
    precipitation : (H, W) float32, mm per year.
    moisture : (H, W) float32 in [0, 1], of the soil: 0 dry, 0.5 as much rain as could evaporate, 1 soaked.
    """

    temperature: Field
    precipitation: Field
    moisture: Field


def make_climate(heightmap: Heightmap, hydrology: Hydrology, config: ClimateConfig) -> Climate:
    """Return the climate of a land.

    Parameters
    ----------
    heightmap : elevation in metres.
    hydrology : of the same grid.
    config : temperature at the sea, lapse rate, latitude, wind, precipitation.
    """
    elevation, spacing = heightmap.elevation, heightmap.grid.spacing
    warm = temperature(elevation, spacing, config, hydrology.sea_level)
    rain = precipitation(np.where(hydrology.sea, hydrology.sea_level or 0.0, elevation), spacing, config)
    return Climate(
        warm, rain, soil_moisture(warm, rain, hydrology.wetness, slope_degrees(elevation, spacing))
    )


def temperature(elevation: Field, spacing: float, config: ClimateConfig, sea_level: float | None) -> Field:
    """Return the (H, W) yearly mean, °C: the sea's, less the lapse with altitude, and what the sun adds."""
    above = np.maximum(elevation - np.float32(0.0 if sea_level is None else sea_level), 0)
    lapse = np.float32(config.lapse_rate / 1000) * above
    warm = np.float32(config.temperature) - lapse + insolation(elevation, spacing, config.latitude)
    return np.asarray(warm, np.float32)


def insolation(elevation: Field, spacing: float, latitude: float) -> Field:
    """Return by how many °C slopes are warmer or colder than level ground, (H, W).

    It goes with the cosine between the ground's normal and the sun at noon of the equinox, which stands
    `latitude` degrees from overhead, towards the equator.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(elevation, ASPECT_SCALE / spacing, mode="nearest", truncate=3)
    southward, eastward = np.gradient(smooth, np.float32(spacing))
    angle = np.radians(latitude)
    # The normal is (-eastward, 1, -southward) in x, y, z; the sun (0, cos, sin), z to the south.
    upright = 1 / np.sqrt(1 + southward**2 + eastward**2)
    facing = (np.cos(angle) - southward * np.sin(angle)) * upright
    warmth = ASPECT_WARMTH * (np.maximum(facing, 0) - np.cos(angle))
    return np.asarray(np.clip(warmth, -MOST_ASPECT, MOST_ASPECT), np.float32)


def evaporation(temperature: Field) -> Field:
    """Return what could evaporate, mm per year, at a yearly mean in °C."""
    return np.asarray(EVAPORATION * np.clip(temperature, LEAST_BIOTEMPERATURE, 30.0), np.float32)


def runoff(precipitation: Field, temperature: Field) -> Field:
    """Return the mm per year of rain that do not evaporate but run off, by Turc's (1954) law.

    None does where little falls under a hot sun; most of it where it is cold.
    """
    demand = np.maximum(300 + 25 * temperature + 0.05 * temperature**3, LEAST_DEMAND)
    evaporated = precipitation / np.sqrt(0.9 + (precipitation / demand) ** 2)
    return np.asarray(np.maximum(precipitation - evaporated, 0), np.float32)


def base_precipitation(config: ClimateConfig) -> float:
    """Return the mm per year on flat land at the sea: as given, or what the moisture index means there."""
    if config.precipitation is not None:
        return config.precipitation
    octaves = (config.moisture - 0.5) / MOISTURE_PER_OCTAVE
    return float(evaporation(np.array(config.temperature, np.float32)) * 2.0**octaves)


def precipitation(elevation: NDArray[np.floating], spacing: float, config: ClimateConfig) -> Field:
    """Return the (H, W) precipitation, mm per year, never below 0; on flat land the base value.

    Parameters
    ----------
    elevation : (H, W) metres, the sea at its level.
    spacing : metres.
    config : base value, direction the wind comes from, and strength of the relief's effect.
    """
    from scipy.ndimage import zoom

    base = base_precipitation(config)
    if config.rain_shadow == 0 or base == 0:
        return np.full(elevation.shape, base, np.float32)
    step = max(1, int(np.ceil(max(elevation.shape) / FINEST_RAIN)))
    coarse = _averaged(np.asarray(elevation, np.float64), step)
    width = max(elevation.shape) * spacing
    stretched = spacing * step * max(1.0, RANGE_WIDTH / width)
    rate = config.rain_shadow * orographic_rate(coarse, stretched, config.wind) / STORM_RATE
    factor = np.maximum(1 + rate, DRIEST)
    if step > 1:
        fine = zoom(factor, step, order=1, grid_mode=True, mode="nearest")
        factor = fine[: elevation.shape[0], : elevation.shape[1]]
    return np.asarray(base * factor, np.float32)


def dune_mobility(temperature: Field, precipitation: Field) -> Field:
    """Return (H, W) float32 from 0 to 1, how freely wind moves sand: 0 where plants hold it, 1 where none do.

    Lancaster's index M = W / (P / PE), W the percentage of hours with wind that moves sand (N. Lancaster,
    "Development of linear dunes in the southwestern Kalahari", Journal of Arid Environments 14, 1988): below
    50 dunes are overgrown, above 200 bare from foot to crest.

    Parameters
    ----------
    temperature, precipitation : (H, W) °C, mm per year.
    """
    index = WINDY_HOURS * evaporation(temperature) / np.maximum(precipitation, 1.0)
    return ramp(np.log2(index), np.log2(50), np.log2(200))


def _averaged(elevation: FloatArray, step: int) -> FloatArray:
    """Return means over step × step cells; the last ones are padded with their neighbours."""
    if step == 1:
        return elevation
    padding = [(0, -length % step) for length in elevation.shape]
    padded = np.pad(elevation, padding, mode="edge")
    rows, columns = (length // step for length in padded.shape)
    return np.asarray(padded.reshape(rows, step, columns, step).mean(axis=(1, 3)))


def orographic_rate(elevation: FloatArray, spacing: float, wind: float) -> FloatArray:
    """Return what relief adds to the rain or takes from it, kg/m²/s, by Smith and Barstad's equation 49.

    Parameters
    ----------
    elevation : (H, W) metres, row 0 north.
    spacing : metres.
    wind : degrees the wind comes from: 0 north, 90 east.
    """
    from scipy import fft

    rows, columns = elevation.shape
    # Twice the delays' way of padding, over which the land fades to its border's mean: nothing wraps around.
    margin = min(int(np.ceil(4 * DELAY * WIND_SPEED / spacing)), 2 * max(rows, columns))
    shape = [fft.next_fast_len(length + 2 * margin, real=True) for length in (rows, columns)]
    before = [(length - own) // 2 for length, own in zip(shape, (rows, columns), strict=True)]
    after = [length - own - first for length, own, first in zip(shape, (rows, columns), before, strict=True)]
    border = np.concatenate([elevation[0], elevation[-1], elevation[:, 0], elevation[:, -1]]).mean()
    land = np.pad(elevation - border, list(zip(before, after, strict=True)), mode="edge")
    for axis, (first, own, last) in enumerate(zip(before, (rows, columns), after, strict=True)):
        fade = np.concatenate(
            [_fade(first)[::-1] if first else np.zeros(0), np.ones(own), _fade(last) if last else np.zeros(0)]
        )
        land *= fade[:, None] if axis == 0 else fade[None, :]
    eastward, southward = -np.sin(np.radians(wind)) * WIND_SPEED, np.cos(np.radians(wind)) * WIND_SPEED
    k = 2 * np.pi * fft.rfftfreq(shape[1], spacing)[None, :]
    l = 2 * np.pi * fft.fftfreq(shape[0], spacing)[:, None]  # noqa: E741
    frequency = eastward * k + southward * l
    square = np.where(frequency == 0, 1e-18, frequency**2)
    vertical = (STABILITY**2 - square) / square * (k**2 + l**2)
    # Waves travel upwards against the wind; what is faster than buoyancy fades with height.
    m = np.where(vertical >= 0, np.sign(frequency) * np.sqrt(np.maximum(vertical, 0)), 0) + 1j * np.sqrt(
        np.maximum(-vertical, 0)
    )
    response = (
        SENSITIVITY
        * 1j
        * frequency
        / ((1 - 1j * MOIST_LAYER * m) * (1 + 1j * frequency * DELAY) * (1 + 1j * frequency * DELAY))
    )
    rain = fft.irfft2(fft.rfft2(land, workers=1) * response, shape, workers=1)
    return np.asarray(rain[before[0] : before[0] + rows, before[1] : before[1] + columns], np.float64)


def _fade(length: int) -> FloatArray:
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * (np.arange(length) + 1) / length))


def soil_moisture(temperature: Field, precipitation: Field, wetness: Field, slope: Field) -> Field:
    """Return (H, W) float32 in [0, 1]: rain against evaporation, and what gathers in hollows or runs off.

    Parameters
    ----------
    temperature, precipitation : (H, W) °C, mm per year.
    wetness : (H, W) topographic wetness index of `worldgen.hydrology.Hydrology`.
    slope : (H, W) degrees.
    """
    index = 0.5 + MOISTURE_PER_OCTAVE * np.log2(np.maximum(precipitation, 1) / evaporation(temperature))
    index = np.clip(index, 0, 1)
    # Where little rain falls little gathers: valley floors of a desert are hardly greener than the rest.
    gathered = 0.7 * (0.3 + index) * (np.minimum(wetness, 0.85) - 0.36)
    return np.clip(index + gathered - 0.08 * ramp(slope, 20, 45), 0, 1).astype(np.float32)
