"""Learned parts: nets, their training, and their shipped weights. Nets know nothing of worlds or files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worldgen.models.texture_vae import TextureVAE
    from worldgen.models.void_fill import fill_voids

__all__ = ["TextureVAE", "fill_voids"]


def __getattr__(name: str) -> Any:
    """Load what a user takes from here on first use: the rest of the package needs none of it at import."""
    if name == "TextureVAE":
        from worldgen.models.texture_vae import TextureVAE

        return TextureVAE
    if name == "fill_voids":
        from worldgen.models.void_fill import fill_voids

        return fill_voids
    raise AttributeError(f"module 'worldgen.models' has no attribute '{name}'")
