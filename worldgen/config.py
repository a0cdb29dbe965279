"""Everything that decides a world: `WorldConfig`, from Python, TOML or a preset.

A preset is itself a TOML file of the same keys (``worldgen/presets``); what the user gives is laid over it.

>>> WorldConfig(preset="desert", seed=3).terrain.shape
'mesas'
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from worldgen.errors import ConfigError, nearest
from worldgen.niches import Niche

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Fraction = Annotated[float, Field(ge=0, le=1)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="sRGB colour, #rrggbb")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SketchConfig(_Part):
    """The author's sketch of a style's land: heights, or lines of ridges and rivers, or both."""

    elevation: Path | None = Field(
        None,
        description="rough heights: .png (16 bit), .tif or .npy, row 0 north; cells without data are free",
    )
    minimum: float = Field(0.0, description="metres of a .png's value 0")
    maximum: float = Field(1000.0, description="metres of a .png's value 65535")
    lines: Path | None = Field(
        None,
        description="GeoJSON: LineStrings whose property kind is ridge or river, from source to mouth, in "
        "metres from the world's middle, [east, north]",
    )
    width: float | None = Field(
        None, gt=0, description="metres that the shorter side of the heights spans; the world's by default"
    )

    @model_validator(mode="after")
    def _has_file(self) -> SketchConfig:
        if self.elevation is None and self.lines is None:
            raise ValueError("a sketch needs the key 'elevation' or 'lines', or both")
        if not self.minimum < self.maximum:
            raise ValueError(
                f"found minimum {self.minimum} and maximum {self.maximum}; allowed: minimum < maximum"
            )
        return self


class TerrainConfig(_Part):
    """Where the relief comes from."""

    source: Literal["gan", "noise", "dem"] = Field(
        "gan", description="gan: learned detail on an eroded macro relief; noise: fractal; dem: a file"
    )
    shape: Literal["range", "hills", "mesas", "islands", "volcano", "plains"] = Field(
        "range", description="the macro relief that gan and noise start from"
    )
    style: Literal["alpine", "mountains", "hills", "plains", "canyons", "desert", "volcanic"] | None = Field(
        None,
        description="a piece of the endless learned land of that style at true scale, raised by base; shape, "
        "relief and feature_size then say nothing",
    )
    style_mean: float | None = Field(
        None, ge=-11_000, le=9000, description="mean elevation of a style's land over tens of km, metres"
    )
    style_relief: float | None = Field(
        None, gt=0, le=3000, description="standard deviation of its elevation within 20 km, metres: its scale"
    )
    sketch: SketchConfig | None = Field(
        None, description="heights, ridges and rivers that a style's land follows"
    )
    relief: float = Field(900.0, gt=0, le=9000, description="height from the low to the high ground, metres")
    feature_size: float = Field(
        2500.0, gt=10, le=200_000, description="distance between neighbouring summits or islands, metres"
    )
    base: float = Field(0.0, ge=-11_000, le=9000, description="elevation of the low ground, metres")
    dunes: float = Field(
        0.0,
        ge=0,
        le=200,
        description="height of sand dunes on flat ground, metres, where the climate is dry enough",
    )
    dem: Path | None = Field(None, description="elevation file: .tif, .hgt, .png (16 bit) or .npy")
    dem_fit: bool = Field(
        True,
        description="stretch the world over the whole file; false cuts out its middle at the world's spacing",
    )
    dem_spacing: float | None = Field(None, gt=0, description="metres per pixel, where the file does not say")
    dem_scale: float = Field(1.0, gt=0, description="metres per unit of the file's values")
    dem_offset: float = Field(0.0, description="metres added after scaling")
    dem_lakes: bool = Field(
        True, description="level ground of the file, higher ground around it, is a lake and gets a bed"
    )
    dem_voids: Literal["smooth", "learned"] = Field(
        "smooth", description="how the file's cells without data are filled; learned: as land, by a net"
    )

    @model_validator(mode="after")
    def _dem_has_file(self) -> TerrainConfig:
        if self.source == "dem" and self.dem is None:
            raise ValueError("source 'dem' needs the key 'dem', a file of elevations")
        return self

    @model_validator(mode="after")
    def _sketch_has_style(self) -> TerrainConfig:
        for name in ("sketch", "style_mean", "style_relief"):
            if getattr(self, name) is not None and (self.style is None or self.source != "gan"):
                raise ValueError(f"'{name}' needs the key 'style', for source 'gan'")
        return self


class ErosionConfig(_Part):
    """What water and gravity do to it."""

    strength: float = Field(1.0, ge=0, le=10, description="time of stream-power erosion; 0 turns it off")
    thermal: float = Field(1.0, ge=0, le=10, description="time of talus creep; 0 turns it off")
    talus_angle: float = Field(42.0, gt=0, lt=85, description="steepest slope that debris holds, degrees")
    flow: Literal["multiple", "single"] = Field(
        "multiple",
        description="multiple: water spreads; single: one way, which can carry sediment but shows the grid",
    )
    sediment: float = Field(
        0.0,
        ge=0,
        le=20,
        description="how readily rivers lay down what they carry: fans and plains; flow 'single'",
    )
    glacial: float = Field(
        0.0, ge=0, le=10, description="ice ages in which glaciers cut, by the climate; 0 turns it off"
    )
    droplets: float = Field(
        0.0, ge=0, le=10, description="drops of rain a vertex, which cut fine gullies; 0 turns them off"
    )
    rivers: float = Field(
        1.0, ge=0, le=10, description="width and depth of river beds; 0 leaves the pits in their way"
    )
    coast: float = Field(
        1.0, ge=0, le=10, description="sand and rock that waves move, and what deltas hold; 0 turns it off"
    )

    @model_validator(mode="after")
    def _sediment_has_flow(self) -> ErosionConfig:
        if self.sediment > 0 and self.flow != "single":
            raise ValueError("'sediment' needs flow = 'single'")
        return self


class ClimateConfig(_Part):
    """What grows and what freezes."""

    temperature: float = Field(12.0, ge=-40, le=40, description="yearly mean at sea level, °C")
    lapse_rate: float = Field(6.5, ge=0, le=15, description="cooling with altitude, °C per km")
    moisture: Fraction = Field(
        0.5, description="0 desert, 0.5 as much rain as could evaporate at the sea, 1 rain forest"
    )
    precipitation: float | None = Field(
        None, ge=0, le=20_000, description="mm a year on flat land; by default what moisture says"
    )
    latitude: float = Field(
        45.0, ge=-90, le=90, description="degrees north; decides how much warmer slopes towards the sun are"
    )
    wind: float = Field(
        270.0, ge=0, le=360, description="where rain comes from, degrees: 0 north, 90 east, 270 west"
    )
    rain_shadow: float = Field(
        1.0, ge=0, le=5, description="how much relief turns rain to its windward side; 0 not at all"
    )
    barren: Fraction = Field(0.0, description="young ground that nothing grows on yet: ash, lava, moraine")


class MaterialsConfig(_Part):
    """What the ground looks like."""

    source: Literal["vae"] = Field("vae", description="vae: decoded by the texture net from the seed")
    texture_size: Literal[128, 256, 512, 1024, 2048] = Field(
        512, description="texels per side of one chunk's baked maps"
    )
    strata: Fraction = Field(0.15, description="colour bands of layered rock")
    tint: dict[str, Color] = Field(
        default_factory=dict, description="mean colour of a surface, for example rock = '#8a5a3c'"
    )


class UserAsset(_Part):
    """An object of the user's own."""

    path: Path = Field(description=".glb, .gltf or .obj")
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="name in the file")
    height: float | None = Field(None, gt=0, le=500, description="metres; rescales the model")
    density: float = Field(5.0, gt=0, le=10_000, description="objects per hectare where all is suitable")
    minimum_distance: float = Field(6.0, gt=0, le=1000, description="metres to the next of its kind")
    maximum_slope: float = Field(25.0, gt=0, le=90, description="degrees")
    align: Literal["upright", "normal"] = "upright"
    niche: Niche | None = Field(None, description="where it stands, by the keys of species; they win")


class ObjectsConfig(_Part):
    """What stands on the ground."""

    density: float = Field(1.0, ge=0, le=20, description="multiplies every kind's density")
    maximum: int = Field(24_000, ge=0, le=2_000_000, description="most instances in one world")
    kinds: dict[str, float] = Field(
        default_factory=dict, description="factor for one kind, for example conifer = 0.5; 0 leaves it out"
    )
    species: Path | None = Field(
        None, description="TOML file of species, laid over the package's: other niches, or more species"
    )
    assets: tuple[UserAsset, ...] = ()


class OutputConfig(_Part):
    """How the files are cut."""

    chunk_quads: Literal[32, 64, 128, 256] = Field(128, description="quads per side of a terrain chunk")
    terrain_levels: int = Field(3, ge=1, le=6, description="levels of detail that are built")
    image_format: Literal["jpeg", "png"] = "jpeg"


class WorldConfig(_Part):
    """All that decides a world; same config and version, same bytes.

    Raises
    ------
    ConfigError : a key, type or range is wrong; one line says what was found and what is allowed.
    """

    preset: str = Field("alpine", description="the named starting point")
    name: str = Field("world", pattern=r"^[A-Za-z0-9_]+$", description="name of the scene")
    seed: int = Field(0, ge=0, lt=2**63, description="decides everything that is random")
    size: int = Field(513, ge=33, le=8193, description="vertices per side")
    spacing: float = Field(4.0, gt=0.05, le=200, description="metres between vertices")
    sea_level: float | None = Field(0.0, description="metres; false for a land without sea")
    terrain: TerrainConfig = Field(default_factory=TerrainConfig)
    erosion: ErosionConfig = Field(default_factory=ErosionConfig)
    climate: ClimateConfig = Field(default_factory=ClimateConfig)
    materials: MaterialsConfig = Field(default_factory=MaterialsConfig)
    objects: ObjectsConfig = Field(default_factory=ObjectsConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)

    @model_validator(mode="wrap")
    @classmethod
    def _merge_preset(cls, data: Any, handler: Any) -> WorldConfig:
        if isinstance(data, WorldConfig):
            return data
        given = dict(data)
        preset = given.get("preset", "alpine")
        try:
            merged = _overlay(preset_values(preset), given)
            config: WorldConfig = handler(merged)
        except ValidationError as error:
            # Not a ValueError, so pydantic passes it on unwrapped: the caller sees one line.
            raise ConfigError(_one_line(error, merged)) from None
        return config

    @classmethod
    def from_toml(cls, path: Path | str, **overrides: Any) -> WorldConfig:
        """Read a TOML file; relative file names in it are relative to its folder.

        Parameters
        ----------
        path : TOML file with the keys of this class.
        overrides : values laid over the file's, for example ``seed=3``.
        """
        file = Path(path)
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"config file not found: {file}") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file} is not a readable TOML file: {error}") from None
        _resolve_paths(values, file.parent)
        try:
            return cls(**_overlay(values, overrides))
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from None

    def to_toml(self) -> str:
        """Return the whole config as TOML; reading it back gives an equal config."""
        import tomli_w

        return tomli_w.dumps(self.values())

    def values(self) -> dict[str, Any]:
        """Return plain JSON values without those that are None."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        if self.sea_level is None:
            plain["sea_level"] = False  # TOML has no null; a land without sea
        return plain

    @model_validator(mode="before")
    @classmethod
    def _no_sea(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("sea_level", 0.0) is False:
            return {**data, "sea_level": None}
        return data


def preset_names() -> list[str]:
    """Names of the shipped presets, sorted."""
    return sorted(
        file.name[:-5]
        for file in files("worldgen").joinpath("presets").iterdir()
        if file.name.endswith(".toml")
    )


def preset_values(name: object) -> dict[str, Any]:
    """Return a preset's values as nested dicts.

    Raises
    ------
    ConfigError : no preset has that name.
    """
    if not isinstance(name, str) or name not in preset_names():
        raise ConfigError(f"preset: unknown preset {name!r}; {nearest(str(name), preset_names())}")
    return _overlay(_read_preset(name), {})


@cache
def _read_preset(name: str) -> dict[str, Any]:
    text = files("worldgen").joinpath("presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    values: dict[str, Any] = tomllib.loads(text)
    return values


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested dict over another; tables merge key by key, all else replaces."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _overlay(merged[key], value)
        else:
            merged[key] = value
    return merged


def _resolve_paths(values: dict[str, Any], folder: Path) -> None:
    terrain = values.get("terrain")
    if isinstance(terrain, dict) and isinstance(terrain.get("dem"), str):
        terrain["dem"] = str(folder / terrain["dem"])
    sketch = terrain.get("sketch") if isinstance(terrain, dict) else None
    for name in ("elevation", "lines"):
        if isinstance(sketch, dict) and isinstance(sketch.get(name), str):
            sketch[name] = str(folder / sketch[name])
    objects = values.get("objects")
    if isinstance(objects, dict) and isinstance(objects.get("species"), str):
        objects["species"] = str(folder / objects["species"])
    for asset in objects.get("assets", []) if isinstance(objects, dict) else []:
        if isinstance(asset, dict) and isinstance(asset.get("path"), str):
            asset["path"] = str(folder / asset["path"])


def _one_line(error: ValidationError, data: Mapping[str, Any]) -> str:
    """Turn pydantic's first finding into one line: key, what was found, what is allowed."""
    findings = error.errors()
    first = findings[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location) or "config"
    more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; {nearest(location[-1], _keys_at(location[:-1]))}{more}"
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}{more}"
    message = first["msg"]
    return f"{key}: found {first['input']!r}; {message[0].lower()}{message[1:]}{more}"


def _keys_at(location: list[str]) -> list[str]:
    """Return the keys allowed in the table at ``location``."""
    model: Any = WorldConfig
    for part in location:
        if part.isdigit():
            continue
        kind = model.model_fields[part].annotation
        while not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            options = [option for option in typing.get_args(kind) if option not in (type(None), ...)]
            if isinstance(kind, types.GenericAlias) and typing.get_origin(kind) is dict:
                return []
            kind = options[0]
        model = kind
    return sorted(model.model_fields)
