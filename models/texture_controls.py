"""What an artist asks of a material by name: palette, roughness, wetness, moss, snow, stones, contrast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from worldgen.errors import ConfigError
from worldgen.models.texture_color import linear_colors, match_colors
from worldgen.models.texture_maps import Array, TextureMaps
from worldgen.models.texture_weather import MOSS, SNOW, covered, wet

# Least and greatest value of the numbers.
RANGES = {
    "roughness": (0.0, 1.0),
    "wetness": (0.0, 1.0),
    "moss": (0.0, 1.0),
    "snow": (0.0, 1.0),
    "stone_size": (0.5, 2.0),
    "contrast": (0.0, 3.0),
}


@dataclass(frozen=True, eq=False)
class TextureControls:
    """Changes to a material. Each does nothing, to the bit, at its default.

    Attributes
    ----------
    palette : ``#rrggbb`` colours, one (the new mean) or several (dark to light), or a picture (h, w, 3) in
        sRGB, 0 to 1, whose colours are matched.
    roughness : new mean, 0 to 1; its variation stays.
    wetness : 0 (dry) to 1: darker, more saturated, smoother; from 0.35 on, puddles in the hollows.
    moss, snow : share of the ground that they cover, 0 to 1; taken from the classes of these names.
    stone_size : size of all features, 0.5 to 2 times. Smaller ones are as sharp, larger ones softer: a
        smaller tile is drawn and enlarged. (A latent enlarged before decoding repeats its cells' detail as a
        lattice; a second pass through the net adds specks.)
    contrast : of base color, 0 (flat) to 3 times.

    Raises
    ------
    ConfigError : a number is out of its range, or a colour is no colour.
    """

    palette: tuple[str, ...] | Array | None = None
    roughness: float | None = None
    wetness: float = 0.0
    moss: float = 0.0
    snow: float = 0.0
    stone_size: float = 1.0
    contrast: float = 1.0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name}: found {value}; allowed: {low:g} to {high:g}")
        if isinstance(self.palette, np.ndarray):
            if self.palette.ndim != 3 or self.palette.shape[2] != 3:
                raise ConfigError(f"palette: found a picture {self.palette.shape}; allowed: (H, W, 3)")
        elif self.palette is not None:
            if not self.palette or isinstance(self.palette, str):
                raise ConfigError(f"palette: found {self.palette!r}; allowed: a tuple of colours, a picture")
            linear_colors(self.palette)

    def as_dict(self) -> dict[str, object]:
        """What differs from the defaults, in plain types; a picture is named so."""
        out: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                out[field.name] = "picture"
            elif value != field.default:
                out[field.name] = list(value) if isinstance(value, tuple) else value
        return out


def apply_controls(
    maps: TextureMaps, controls: TextureControls, *, seed: int, cover: Callable[[str], TextureMaps]
) -> TextureMaps:
    """All controls but `stone_size`, which is part of drawing a material.

    Parameters
    ----------
    seed : decides where moss and snow lie; each has random numbers of its own.
    cover : gives the material of class "moss" or "snow", of the size of `maps`.
    """
    if controls.contrast != 1:
        mean = maps.base_color.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        color = mean + np.float32(controls.contrast) * (maps.base_color - mean)
        maps = replace(maps, base_color=np.clip(color, 0, 1))
    if controls.palette is not None:
        maps = replace(maps, base_color=match_colors(maps.base_color, controls.palette))
    if controls.roughness is not None:
        maps = replace(maps, roughness=with_mean(maps.roughness, controls.roughness))
    if controls.moss > 0:
        rng = np.random.default_rng([int(seed), *b"moss"])
        maps = covered(maps, cover("moss"), MOSS, controls.moss, rng)
    if controls.wetness > 0:
        maps = wet(maps, controls.wetness)
    if controls.snow > 0:
        rng = np.random.default_rng([int(seed), *b"snow"])
        maps = covered(maps, cover("snow"), SNOW, controls.snow, rng)
    return maps


def with_mean(plane: Array, mean: float, least: float = 0.02) -> Array:
    """Shift a plane so that its mean is `mean` after it is clipped to `least` .. 1."""
    low, high = -1.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        found = float(np.clip(plane + np.float32(middle), least, 1).mean(dtype=np.float64))
        low, high = (middle, high) if found < mean else (low, middle)
    shifted = np.clip(plane + np.float32((low + high) / 2), np.float32(least), np.float32(1))
    return np.asarray(shifted, np.float32)
