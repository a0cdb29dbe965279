"""worldgen.export.usd_values: identifiers and metadata as a layer keeps them."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("pxr")

from pxr import Sdf

from worldgen.errors import ExportError
from worldgen.export.usd_values import PathTable, identifier, metadata


@pytest.mark.parametrize("text", ["terrain_0_0", "2nd chunk", "Tännenwald", "a/b:c.d", "", "...", "_x", "木"])
def test_identifiers_are_valid_to_usd_and_ascii(text: str) -> None:
    name = identifier(text)
    assert Sdf.Path.IsValidIdentifier(name)
    assert name.isascii()


def test_names_are_given_out_once_below_each_parent() -> None:
    paths = PathTable()
    made = [paths.make(*each) for each in (("/a", "x y"), ("/a", "x_y"), ("/a", "X y"), ("/b", "x y"))]
    assert made == ["/a/x_y", "/a/x_y_2", "/a/X_y_3", "/b/x_y"]


def test_json_comes_back_from_a_layer() -> None:
    values = {
        "seed": 2**62,
        "small": -3,
        "on": True,
        "name": "Höhe",
        "share": 0.25,
        "nothing": None,
        "inner": {"deep": {"x": 1.5}},
        "whole": [1, 2],
        "mixed": [1, 2.5],
        "words": ["a", "b"],
        "nets": [{"name": "n"}, 3],
        "beyond": 2**64,
        "large": [2**40, 1],
        "empty": [],
    }
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.customLayerData = metadata(values)
    again = Sdf.Layer.CreateAnonymous(".usda")
    assert again.ImportFromString(layer.ExportToString())
    found: dict[str, Any] = dict(again.customLayerData)
    assert "nothing" not in found
    for name in ("seed", "small", "on", "name", "share", "inner"):
        assert found[name] == values[name]
    assert isinstance(found["on"], bool)
    assert [list(found[name]) for name in ("whole", "mixed", "words")] == [[1, 2], [1, 2.5], ["a", "b"]]
    assert list(found["large"]) == [2.0**40, 1.0]
    assert json.loads(found["nets"]) == values["nets"]
    assert json.loads(found["empty"]) == []
    assert found["beyond"] == str(2**64)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, [{1}], [float("inf")], {"a": object()}])
def test_what_json_lacks_is_refused(value: Any) -> None:
    with pytest.raises(ExportError, match="an extra of the scene is not JSON"):
        metadata({"x": value})
