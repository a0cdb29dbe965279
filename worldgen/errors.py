"""All errors that worldgen raises on purpose.

::

    WorldgenError
    ├── ConfigError        a config file, key, type or range is wrong
    ├── InputError         a file or array given by the user is wrong
    │   └── MissingExtraError   the optional package for it is not installed
    ├── WeightsError       shipped or given weights are absent, damaged or of another net
    ├── TrainingError      training ran away from its data
    ├── ExportError        a world cannot be written as asked
    └── PreviewError       no picture can be drawn here

Each message is one sentence or two: what was found, what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorldgenError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(WorldgenError):
    """A config file, key, type or range is wrong."""


class InputError(WorldgenError):
    """A file or array given by the user is wrong."""


class MissingExtraError(InputError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}'; install it with: pip install 'worldgen[{extra}]'"
        )


class WeightsError(WorldgenError):
    """Weights are absent, damaged, or belong to another net."""


class TrainingError(WorldgenError):
    """Training ran away: a loss is no longer a finite number."""


class ExportError(WorldgenError):
    """A world cannot be written as asked."""


class PreviewError(WorldgenError):
    """No picture can be drawn here."""


def nearest(found: str, allowed: Iterable[str]) -> str:
    """Return a clause for an error message: the nearest allowed word, and the whole list.

    >>> nearest("alpin", ["alpine", "desert"])
    "did you mean 'alpine'? Allowed: alpine, desert"
    """
    words = sorted(allowed)
    close = difflib.get_close_matches(found, words, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}Allowed: {', '.join(words)}"
