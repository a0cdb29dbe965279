"""Config: what is written comes back, and what is wrong is named in one line."""

from __future__ import annotations

import pytest

from worldgen.config import WorldConfig, preset_names
from worldgen.errors import ConfigError


def test_at_least_six_presets_that_differ():
    configs = [WorldConfig(preset=name) for name in preset_names()]
    assert {"alpine", "temperate", "desert", "archipelago", "volcanic", "arctic"} <= set(preset_names())
    assert len({(config.terrain.shape, config.terrain.relief, config.climate) for config in configs}) == len(
        configs
    )


@pytest.mark.parametrize("name", preset_names())
def test_toml_round_trip(name, tmp_path):
    config = WorldConfig(preset=name, seed=3, objects={"kinds": {"spruce": 0.5}})
    file = tmp_path / "world.toml"
    file.write_text(config.to_toml(), encoding="utf-8")
    assert WorldConfig.from_toml(file) == config


def test_what_is_given_lies_over_the_preset():
    config = WorldConfig(preset="desert", terrain={"relief": 99}, materials={"tint": {"sand": "#ffffff"}})
    assert config.terrain.relief == 99
    assert config.terrain.shape == "mesas"
    assert config.materials.tint["sand"] == "#ffffff"
    assert config.materials.tint["rock"] == "#a5663f"


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"preset": "alpin"}, ["preset", "'alpin'", "did you mean 'alpine'"]),
        ({"sed": 1}, ["sed", "unknown key", "did you mean 'seed'"]),
        ({"erosion": {"sediment": 1}}, ["erosion", "'sediment' needs flow = 'single'"]),
        ({"terrain": {"relif": 3}}, ["terrain.relif", "did you mean 'relief'"]),
        ({"objects": {"assets": [{"pth": 1}]}}, ["objects.assets.0"]),
        ({"size": "x"}, ["size", "'x'", "integer"]),
        ({"size": 5}, ["size", "5", "33"]),
        ({"climate": {"moisture": 3}}, ["climate.moisture", "3", "1"]),
        ({"climate": {"wind": 400}}, ["climate.wind", "400", "360"]),
        ({"climate": {"latitud": 4}}, ["climate.latitud", "did you mean 'latitude'"]),
        ({"terrain": {"source": "dem"}}, ["terrain", "dem"]),
        ({"materials": {"tint": {"rock": "red"}}}, ["materials.tint.rock", "'red'"]),
        ({"terrain": 3}, ["terrain", "3"]),
        ({"spacing": float("nan")}, ["spacing", "nan"]),
    ],
)
def test_wrong_input_is_one_clear_line(given, parts):
    with pytest.raises(ConfigError) as error:
        WorldConfig(**given)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_file_names_itself_in_its_errors(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("seed = 'x'\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml: seed: found 'x'"):
        WorldConfig.from_toml(file)
    file.write_text("seed = = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a readable TOML file"):
        WorldConfig.from_toml(file)
    with pytest.raises(ConfigError, match="not found"):
        WorldConfig.from_toml(tmp_path / "absent.toml")


def test_paths_in_a_file_are_relative_to_it(tmp_path):
    file = tmp_path / "world.toml"
    file.write_text("[terrain]\nsource = 'dem'\ndem = 'tile.npy'\n", encoding="utf-8")
    assert WorldConfig.from_toml(file).terrain.dem == tmp_path / "tile.npy"


def test_a_land_without_sea():
    assert WorldConfig(preset="alpine").sea_level is None
    assert WorldConfig(preset="alpine", sea_level=5.0).sea_level == 5.0
    assert WorldConfig(preset="arctic", sea_level=False).sea_level is None
