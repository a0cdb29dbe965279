"""worldgen: virtual environments from a seed."""

__version__ = "0.1.0"
