"""Names, metadata and arrays as USD takes them.

Source: OpenUSD, "USD Glossary" and SdfPath (identifiers); VtDictionary (metadata).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pxr import Vt

from worldgen.errors import ExportError

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)


def identifier(text: str) -> str:
    """Return the text as a name that all versions of USD take: ASCII letters, digits and ``_``.

    >>> identifier("2nd chunk (north)")
    '_2nd_chunk_north'
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).rstrip("_")
    if not name:
        return "unnamed"
    return f"_{name}" if name[0].isdigit() else name


class PathTable:
    """Hands out prim paths, each once; as disks and some clients ignore case, so does the comparison."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def make(self, parent: str, text: str) -> str:
        """Return ``parent/identifier(text)``, with ``_2``, ``_3``, ... where it was given out before."""
        path = stem = f"{parent.rstrip('/')}/{identifier(text)}"
        number = 2
        while path.lower() in self._used:
            path, number = f"{stem}_{number}", number + 1
        self._used.add(path.lower())
        return path


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values as a dictionary that USD stores.

    Lists of numbers or of texts become arrays, other lists JSON text; nulls are left out; whole numbers
    beyond 64 bits become text.

    Raises
    ------
    ExportError : a value is none of JSON's.
    """
    pairs = ((str(key), _value(value)) for key, value in values.items())
    return {key: value for key, value in pairs if value is not None}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if value in INT64 else str(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return metadata(value)
    if isinstance(value, list | tuple):
        return _list(list(value))
    raise ExportError(f"an extra of the scene is not JSON: found {value!r}")


def _list(values: list[Any]) -> Any:
    if values and all(isinstance(value, str) for value in values):
        return Vt.StringArray(values)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if values and numbers:
        if all(isinstance(value, int) and value in INT32 for value in values):
            return Vt.IntArray(values)
        if all(math.isfinite(value) for value in values):
            return Vt.DoubleArray([float(value) for value in values])
    try:
        return json.dumps(values, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ExportError(f"an extra of the scene is not JSON: {error}") from error


def vectors(array: NDArray[Any]) -> Any:
    """Return (N, 2 or 3) numbers as an array of float2 or float3."""
    kind = {2: Vt.Vec2fArray, 3: Vt.Vec3fArray}[array.shape[1]]
    return kind.FromNumpy(np.ascontiguousarray(array, np.float32))


def integers(array: NDArray[Any]) -> Any:
    """Return whole numbers below 2 ** 31, of any shape, as an array of int."""
    return Vt.IntArray.FromNumpy(np.ascontiguousarray(array, np.int32).reshape(-1))


def floats(array: NDArray[Any]) -> Any:
    """Return (N,) numbers as an array of float."""
    return Vt.FloatArray.FromNumpy(np.ascontiguousarray(array, np.float32))
