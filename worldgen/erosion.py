"""Landforms by running water (stream power), by landslide (talus) and by creep (diffusion): the door."""

from worldgen.slopes import diffuse, thermal
from worldgen.stream_power import stream_power

__all__ = ["diffuse", "stream_power", "thermal"]
