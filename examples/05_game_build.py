"""A build script such as a game repository holds: levels as TOML, rebuilt only when something has changed.

The manifest beside each file holds the whole config and the hash of every file, so nothing else is needed to
know whether a level is up to date.
"""

import json
from pathlib import Path

import worldgen as wg

LEVELS = Path(__file__).parent / "levels"
OUT = Path("out/game")


def up_to_date(config: wg.WorldConfig, target: Path) -> bool:
    """Tell whether the target was built from this config by this version."""
    manifest = target.with_suffix(".manifest.json")
    if not (target.is_file() and manifest.is_file()):
        return False
    found = json.loads(manifest.read_text(encoding="utf-8"))
    return found["config"] == config.values() and found["versions"]["worldgen"] == wg.__version__


for level in sorted(LEVELS.glob("*.toml")):
    config = wg.WorldConfig.from_toml(level)
    target = OUT / f"{level.stem}.glb"
    if up_to_date(config, target):
        print(f"{target} is up to date")
        continue
    wg.build(config).export(target)
    print(f"{target} built")
