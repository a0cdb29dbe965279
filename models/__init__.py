"""Learned parts: nets, their training, and their shipped weights. Nets know nothing of worlds or files."""

from worldgen.models.void_fill import fill_voids

__all__ = ["fill_voids"]
