"""What went into a world beside its config: nets, the data that they learned from, files of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worldgen.config import WorldConfig

if TYPE_CHECKING:
    from worldgen.export.provenance import Provenance, SourceType


def world_provenance(config: WorldConfig) -> Provenance:
    """Return the origin of a world's scene: its ground is always painted by the texture net."""
    terrain = config.terrain
    sources = _land_files(config) + [asset.path.name for asset in config.objects.assets]
    composite = terrain.source == "dem" or bool(config.objects.assets)
    kind: SourceType = "compositeWithTrainedAlgorithmicMedia" if composite else "trainedAlgorithmicMedia"
    return _provenance(config, kind, [*_land_nets(config), "texture_vae"], sources)


def terrain_provenance(config: WorldConfig) -> Provenance:
    """Return the origin of a world's heightmap alone."""
    kinds: dict[str, SourceType] = {
        "gan": "trainedAlgorithmicMedia",
        "noise": "algorithmicMedia",
        "dem": "compositeWithTrainedAlgorithmicMedia",
    }
    return _provenance(config, kinds[config.terrain.source], _land_nets(config), _land_files(config))


def _land_nets(config: WorldConfig) -> list[str]:
    """Names of the nets that the terrain may have gone through."""
    terrain = config.terrain
    if terrain.source == "gan":
        return ["terrain_amplifier", *(["terrain_relief"] if terrain.style is not None else [])]
    if terrain.source == "dem":  # refined where the world's spacing is finer than the file's
        return ["terrain_amplifier", *(["terrain_voids"] if terrain.dem_voids == "learned" else [])]
    return []


def _land_files(config: WorldConfig) -> list[str]:
    """Names of the user's files that the terrain follows."""
    terrain = config.terrain
    files = [terrain.dem if terrain.source == "dem" else None]
    if terrain.sketch is not None:
        files += [terrain.sketch.elevation, terrain.sketch.lines]
    return [file.name for file in files if file is not None]


def _provenance(config: WorldConfig, kind: SourceType, nets: list[str], sources: list[str]) -> Provenance:
    from worldgen.export.provenance import Net, Provenance, config_sha256
    from worldgen.models.checkpoint import WEIGHTS, read_record

    found = []
    for name in nets:
        record = read_record(WEIGHTS / f"{name}.safetensors")
        found.append(Net(name, record["sha256"], tuple(record["training"].get("licences", ()))))
    return Provenance(
        title=config.name,
        seed=config.seed,
        config_sha256=config_sha256(config.values()),
        source_type=kind,
        nets=tuple(found),
        sources=tuple(dict.fromkeys(sources)),
    )
