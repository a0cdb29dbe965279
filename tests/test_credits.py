"""worldgen.credits: nets by the hashes of their files, and the files of others by name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from worldgen.config import WorldConfig
from worldgen.credits import terrain_provenance, world_provenance


def test_worlds_name_their_nets_and_the_files_of_others(tmp_path: Path) -> None:
    plain = WorldConfig(preset="alpine", seed=3)
    origin = world_provenance(plain)
    assert origin.source_type == "trainedAlgorithmicMedia"
    weights = Path(__file__).parents[1] / "models" / "weights"
    for net in origin.nets:
        assert net.sha256 == hashlib.sha256((weights / f"{net.name}.safetensors").read_bytes()).hexdigest()
        assert net.licences
    assert {"terrain_amplifier", "texture_vae"} <= {net.name for net in origin.nets}
    assert any("Copernicus" in licence for licence in origin.training_data)
    assert any(licence.startswith("CC0 1.0 (Poly Haven") for licence in origin.training_data)
    assert "texture_vae" not in {net.name for net in terrain_provenance(plain).nets}

    noise = WorldConfig(preset="alpine", terrain={"source": "noise"})
    assert terrain_provenance(noise).source_type == "algorithmicMedia"
    assert terrain_provenance(noise).nets == ()
    assert world_provenance(noise).source_type == "trainedAlgorithmicMedia"

    mine = WorldConfig(
        preset="alpine",
        terrain={"source": "dem", "dem": tmp_path / "land.tif"},
        objects={"assets": [{"path": tmp_path / "hut.glb", "name": "hut"}]},
    )
    assert world_provenance(mine).source_type == "compositeWithTrainedAlgorithmicMedia"
    assert world_provenance(mine).sources == ("land.tif", "hut.glb")
    assert terrain_provenance(mine).sources == ("land.tif",)
    assert str(tmp_path) not in json.dumps(world_provenance(mine).as_dictionary())
