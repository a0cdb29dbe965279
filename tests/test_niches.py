"""Species as data: the package's own load, files come back, and what is wrong is named in one line."""

from __future__ import annotations

import pytest

from worldgen.assets import KINDS
from worldgen.config import ObjectsConfig, WorldConfig
from worldgen.errors import ConfigError
from worldgen.niches import read_species, shipped_species, species_toml
from worldgen.populate import wanted_species
from worldgen.species import Species


def test_the_package_brings_a_whole_flora():
    species = {one.name: one for one in wanted_species(ObjectsConfig())}
    assert {"spruce", "oak", "palm", "cactus", "reed", "alder", "talus"} <= set(species)
    assert all((one.kind or one.name) in KINDS for one in species.values())
    assert species["spruce"].biomes["conifer_forest"] == 1
    assert species["alder"].river[1] < 50


def test_tables_come_back_from_toml(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(species_toml(shipped_species()), encoding="utf-8")
    assert read_species(file) == shipped_species()


def test_a_file_lies_over_the_package(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        "[oak]\ndensity = 7\n[larch]\nkind = 'conifer'\nlight = [0.6, 1]\n"
        "[hut]\npath = 'hut.glb'\nheight = 4\n",
        encoding="utf-8",
    )
    read = read_species(file)
    assert read["oak"].density == 7
    assert read["oak"].minimum_distance == shipped_species()["oak"].minimum_distance
    assert read["hut"].path == tmp_path / "hut.glb"
    species = {one.name: one for one in wanted_species(ObjectsConfig(species=file, kinds={"larch": 2.0}))}
    assert species["larch"] == Species("larch", kind="conifer", light=(0.6, 1), density=100)
    world = tmp_path / "world.toml"
    world.write_text("[objects]\nspecies = 'mine.toml'\n", encoding="utf-8")
    assert WorldConfig.from_toml(world).objects.species == file


def test_an_asset_may_have_a_niche():
    asset = {"path": "hut.glb", "name": "hut", "density": 3, "niche": {"river": [5, 40], "density": 2}}
    (hut,) = [one for one in wanted_species(ObjectsConfig(assets=[asset])) if one.name == "hut"]
    assert hut.river == (5, 40)
    assert hut.density == 2
    assert (hut.layer, hut.clearance) == ("canopy", 3)  # before the trees, that keep off it
    moss = {"path": "moss.glb", "name": "moss", "niche": {"light": [0, 0.5]}}
    assert wanted_species(ObjectsConfig(assets=[moss]))[0].layer == "ground"
    with pytest.raises(
        ConfigError, match=r"objects\.assets\.0\.niche\.rivr: unknown key; did you mean 'river'"
    ):
        WorldConfig(objects={"assets": [{"path": "a.glb", "name": "a", "niche": {"rivr": [0, 1]}}]})
    with pytest.raises(ConfigError, match="'oak' is a species' already"):
        wanted_species(ObjectsConfig(assets=[{"path": "a.glb", "name": "oak"}]))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[oak]\ndensty = 3\n", ["oak.densty", "unknown key", "did you mean 'density'"]),
        ("[oak]\ndensity = -3\n", ["oak.density", "-3", "greater than or equal to 0"]),
        ("[oak]\nslope = 3\n", ["oak.slope", "3", "tuple"]),
        ("[oak]\nslope = [30, 10]\n", ["'oak'", "slope", "30", "first must be lower"]),
        ("[oak]\nlayer = 'roof'\n", ["oak.layer", "'roof'", "canopy"]),
        ("[oak]\nbiomes = { swamp = 1 }\n", ["'oak'", "'swamp'", "Allowed"]),
        ("[oak]\nkind = 'oka'\n", ["'oak'", "no model", "Allowed"]),
        ("[larch]\ndensity = 3\n", ["'larch'", "no model", "path"]),
        ("oak = 3\n", ["oak", "3", "tables"]),
        ("['ö-ak']\nkind = 'palm'\n", ["ö-ak", "letters"]),
        ("[oak\n", ["not a readable TOML"]),
    ],
)
def test_wrong_files_are_one_clear_line(text, parts, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        wanted_species(ObjectsConfig(species=file))
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    with pytest.raises(ConfigError, match="not found"):
        read_species(tmp_path / "absent.toml")


def test_a_factor_for_no_species_is_refused():
    with pytest.raises(ConfigError, match="unknown species 'oka'; did you mean 'oak'"):
        wanted_species(ObjectsConfig(kinds={"oka": 1.0}))
