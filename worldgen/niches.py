"""Species as data: TOML tables of niche keys, checked, to `Species`.

The package's own are ``worldgen/species.toml``; a user's file lies over it, table by table and key by key,
and may bring models of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worldgen.errors import ConfigError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Share = Annotated[float, Field(ge=0, le=1)]
Metres = Annotated[float, Field(ge=0)]
Range = tuple[float, float]


class Niche(BaseModel):
    """Where and how a species lives; keys as of `worldgen.species.Species`, absent ones as its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    layer: Literal["canopy", "understory", "ground"] | None = Field(
        None, description="each layer grows in the shade of those before it"
    )
    density: float | None = Field(None, ge=0, le=100_000, description="per hectare where all is suitable")
    minimum_distance: float | None = Field(None, gt=0, le=1000, description="metres between grown ones")
    clearance: Metres | None = Field(None, description="metres that smaller species keep from it")
    biomes: dict[str, Share] | None = Field(None, description="factor per biome; absent ones are 0")
    slope: Range | None = Field(None, description="lowest and highest, degrees")
    altitude: Range | None = Field(None, description="lowest and highest, metres above the sea")
    temperature: Range | None = Field(None, description="coldest and warmest yearly mean, °C")
    moisture: Range | None = Field(None, description="driest and wettest soil, 0 to 1")
    wetness: Range | None = Field(None, description="topographic wetness, 0 ridge to 1 river")
    shore: Range | None = Field(None, description="nearest and farthest from standing water, metres")
    river: Range | None = Field(None, description="nearest and farthest from rivers and lakes, metres")
    light: Range | None = Field(None, description="darkest and brightest, 0 to 1 in the open")
    edge: Share | None = Field(None, description="1 only along the borders of woods")
    talus: Share | None = Field(None, description="1 only on debris below cliffs")
    crown: Metres | None = Field(None, description="radius in metres at scale 1 within which it shades")
    stunting: Metres | None = Field(None, description="°C above the coldest over which it is stunted")
    stands: Share | None = Field(None, description="how much its age follows that of the wood around")
    offspring: float | None = Field(None, ge=0, le=100, description="seedlings per grown one")
    dispersal: float | None = Field(None, gt=0, le=1000, description="metres that half of them land from it")
    scale: Range | None = Field(None, description="smallest and largest grown one")
    align: Literal["upright", "normal"] | None = None
    clumping: Share | None = Field(None, description="0 even, 1 in groves with bare ground between")
    clump_size: float | None = Field(None, gt=0, description="metres between groves")

    def keys(self) -> dict[str, Any]:
        """Return the keys that were given, as arguments of `worldgen.species.Species`."""
        return self.model_dump(exclude_none=True)


class SpeciesTable(Niche):
    """One table of a species file."""

    kind: str | None = Field(None, description="the package's model that shows it; its own name by default")
    path: Path | None = Field(None, description=".glb, .gltf or .obj, a model of your own instead")
    height: float | None = Field(None, gt=0, le=500, description="metres; rescales that model")

    def niche(self) -> dict[str, Any]:
        """Return the given keys without those of the model."""
        return {key: value for key, value in self.keys().items() if key not in ("path", "height")}


def shipped_species() -> dict[str, SpeciesTable]:
    """Return the package's own species by name, in the file's order."""
    return {name: SpeciesTable(**table) for name, table in _shipped_tables().items()}


def read_species(path: Path | None) -> dict[str, SpeciesTable]:
    """Return the package's species with a user's file laid over them.

    Parameters
    ----------
    path : TOML, a table a species; file names in it are relative to its folder. None for the package's alone.

    Raises
    ------
    ConfigError : the file cannot be read, or a key, type or range is wrong; one line.
    """
    if path is None:
        return shipped_species()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"species file not found: {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not a readable TOML file: {error}") from None
    merged: dict[str, dict[str, Any]] = dict(_shipped_tables())
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {name}: found {table!r}; allowed: tables, one a species, as [birch]")
        if not name.replace("_", "a").isalnum() or not name[0].isalpha():
            raise ConfigError(
                f"{path}: found the name '{name}'; allowed: letters, digits and _, a letter first"
            )
        merged[name] = {**merged.get(name, {}), **table}
    try:
        species = {name: _checked(name, table) for name, table in merged.items()}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return {
        name: one if one.path is None else one.model_copy(update={"path": path.parent / one.path})
        for name, one in species.items()
    }


def species_toml(species: Mapping[str, SpeciesTable]) -> str:
    """Return tables as TOML; reading it back gives equal ones."""
    import tomli_w

    return tomli_w.dumps(
        {name: one.model_dump(mode="json", exclude_none=True) for name, one in species.items()}
    )


def _checked(name: str, table: Mapping[str, Any]) -> SpeciesTable:
    try:
        return SpeciesTable(**table)
    except ValidationError as error:
        first, *others = error.errors()
        key = ".".join([name, *(str(part) for part in first["loc"])])
        more = f" ({len(others)} more)" if others else ""
        if first["type"] == "extra_forbidden":
            unknown = str(first["loc"][-1])
            raise ConfigError(
                f"{key}: unknown key; {nearest(unknown, SpeciesTable.model_fields)}{more}"
            ) from None
        message = first["msg"]
        raise ConfigError(
            f"{key}: found {first['input']!r}; {message[0].lower()}{message[1:]}{more}"
        ) from None


@cache
def _shipped_tables() -> dict[str, dict[str, Any]]:
    text = files("worldgen").joinpath("species.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    return tables
