"""A typed door to JSON that others wrote: each value is checked where it is taken, and named in the error.

>>> fields({"count": 3}, "a.gltf").integer("count")
3
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from worldgen.errors import InputError

LARGEST = 2**53  # beyond it JSON's readers disagree


class Fields:
    """A JSON object and where it stands, for messages like ``nodes[3].mesh: found 9; allowed: 0 .. 4``."""

    __slots__ = ("values", "where")

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def at(self, key: str) -> str:
        """Return where a value of this object stands; a document's own place ends in a colon."""
        return f"{self.where} {key}" if self.where[-1:] == ":" else f"{self.where}.{key}"

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def wrong(self, key: str, allowed: str) -> InputError:
        """Return the error for a value; the caller raises it."""
        found = repr(self.values[key])[:60] if key in self.values else "nothing"
        return InputError(f"{self.at(key)}: found {found}; allowed: {allowed}")

    def integer(self, key: str, default: int | None = None, *, least: int = 0, below: int = LARGEST) -> int:
        """Return a whole number from ``least`` to ``below - 1``; without a default it must be there."""
        value = self.values.get(key, default)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value < below:
            raise self.wrong(key, "nothing" if below <= least else f"a whole number, {least} .. {below - 1}")
        return value

    def index(self, key: str, count: int) -> int | None:
        """Return an index into a list of ``count``, or None where there is none."""
        return self.integer(key, below=count) if key in self.values else None

    def indices(self, key: str, count: int) -> list[int]:
        """Return a list of indices into a list of ``count``; an absent one is empty."""
        values = self.values.get(key, [])
        if type(values) is not list or not all(type(v) is int and 0 <= v < count for v in values):
            raise self.wrong(key, f"a list of whole numbers below {count}")
        return values

    def numbers(self, key: str, count: int) -> list[float] | None:
        """Return ``count`` finite numbers, or None where there are none."""
        if key not in self.values:
            return None
        values = self.values[key]
        if type(values) is not list or len(values) != count:
            raise self.wrong(key, f"{count} numbers")
        return [self._number(key, value) for value in values]

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number."""
        return self._number(key, self.values.get(key, default))

    def _number(self, key: str, value: Any) -> float:
        if type(value) not in (int, float) or not abs(value) < 1e38:  # float32's range; false for NaN
            raise self.wrong(key, "finite numbers that float32 can hold")
        return float(value)

    def text(self, key: str, default: str = "") -> str:
        """Return a text; what no terminal can show becomes a question mark."""
        value = self.values.get(key, default)
        if type(value) is not str:
            raise self.wrong(key, "a text")
        return printable(value)

    def uri(self, key: str) -> str:
        """Return a text as it is, for looking up a file."""
        value = self.values.get(key)
        if type(value) is not str:
            raise self.wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; an absent one is empty."""
        values = self.values.get(key, [])
        if type(values) is not list or not all(type(value) is str for value in values):
            raise self.wrong(key, "a list of texts")
        return tuple(map(printable, values))

    def flag(self, key: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if type(value) is not bool:
            raise self.wrong(key, "true or false")
        return value

    def table(self, key: str) -> Fields:
        """Return an object; an absent one is empty."""
        value = self.values.get(key, {})
        if type(value) is not dict:
            raise self.wrong(key, "an object")
        return Fields(value, self.at(key))

    def tables(self, key: str) -> list[Fields]:
        """Return a list of objects; an absent one is empty."""
        values = self.values.get(key, [])
        if type(values) is not list or not all(type(value) is dict for value in values):
            raise self.wrong(key, "a list of objects")
        where = self.at(key)
        return [Fields(value, f"{where}[{number}]") for number, value in enumerate(values)]

    def walk(self) -> Iterator[tuple[str, Fields]]:
        """Yield each object within this one, at any depth, with its key."""
        stack: list[tuple[str, Any, str]] = [(key, value, self.at(key)) for key, value in self.values.items()]
        while stack:
            key, value, where = stack.pop()
            if type(value) is dict:
                yield key, Fields(value, where)
                stack += [(name, part, f"{where}.{name}") for name, part in value.items()]
            elif type(value) is list:
                stack += [(key, part, f"{where}[{number}]") for number, part in enumerate(value)]


def printable(text: str) -> str:
    """Return a text on one line; what no terminal can show becomes a question mark."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def fields(values: object, where: str) -> Fields:
    """Return the door to a whole document.

    Raises
    ------
    InputError : it is no JSON object.
    """
    if type(values) is not dict:
        raise InputError(f"{where}: found JSON that is no object; allowed: {{...}}")
    return Fields(values, f"{where}:")


def parse_fields(data: bytes, where: str) -> Fields:
    """Parse UTF-8 JSON.

    Raises
    ------
    InputError : it is no JSON, holds NaN or Infinity, or is no object.
    """
    try:
        return fields(json.loads(data.decode("utf-8"), parse_constant=_refuse), where)
    except RecursionError:
        raise InputError(f"{where}: its JSON is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"found {constant}, which JSON has not")
