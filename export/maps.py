"""A world as a folder of arrays and tables, for numpy, GIS, simulations and engines' own importers.

======================  ===========================================================================
``height.npy``          (H, W) float32, metres
``flow.npy``            (H, W) float32, m² of ground whose water passes through the cell
``water.npy``           (H, W) float32, metres: surface of sea, lakes and rivers; NaN where it is dry
``velocity.npy``        (2, H, W) float32, m/s eastwards and southwards: the current of lakes and rivers
``biomes.npy``          (B, H, W) float32, weights that sum to 1; names in ``biomes.json``
``splat.npy``           (S, H, W) float32, weights of ground materials; names in ``splat.json``
``instances.csv``       kind, x, y, z, yaw, scale: metres; yaw in degrees about +Y, counter-clockwise
                        seen from above. Kinds that lean with the ground turn by yaw first
``rivers.geojson``      LineStrings [x, z, y] in metres, y the water's surface, from source to mouth
``maps.json``           grid, units and names of all of these
======================  ===========================================================================

Row 0 of an array is the north edge, column 0 the west. World axes: x east, y up, z south.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worldgen.export.ascii_table import Characters, fixed_characters, join_columns, squeeze
from worldgen.export.files import FileSet

if TYPE_CHECKING:
    from worldgen.rivers import Reach, RiverNetwork
    from worldgen.world import World

Arrays = dict[str, tuple[NDArray[Any], str, str]]  # by file: values, quantity, unit
INSTANCE_COLUMNS = ("kind", "x", "y", "z", "yaw", "scale")
AXES = "x east, y up, z south; metres"


def write_maps(world: World, folder: Path) -> list[Path]:
    """Write a world's maps to a folder, which is made if absent, and return the files, ``maps.json`` last.

    Raises
    ------
    ExportError : a file cannot be written.
    """
    network = world.rivers
    arrays: Arrays = {
        "height.npy": (world.heightmap.elevation, "elevation of the ground", "m"),
        "flow.npy": (world.hydrology.accumulation, "ground whose water passes through the cell", "m2"),
        "water.npy": (network.water, "surface of sea, lakes and rivers; NaN where it is dry", "m"),
        "velocity.npy": (network.velocity, "current of lakes and rivers, eastwards and southwards", "m/s"),
        "biomes.npy": (world.biomes.weights, "weights of biomes, sum 1; names in biomes.json", "1"),
        "splat.npy": (world.splat.weights, "weights of ground materials, sum 1; names in splat.json", "1"),
    }
    with FileSet() as files:
        for name, (array, _, _) in arrays.items():
            with files.open(folder / name) as stream:
                np.save(stream, np.ascontiguousarray(array, np.float32), allow_pickle=False)
        files.write(folder / "biomes.json", _json(list(world.biomes.names)))
        files.write(folder / "splat.json", _json(list(world.splat.names)))
        files.write(folder / "instances.csv", instance_table(world))
        files.write(folder / "rivers.geojson", _json(river_features(network)))
        files.write(folder / "maps.json", _json(_contents(world, arrays)))
    return files.paths


def instance_table(world: World) -> bytes:
    """Return the rows of ``instances.csv``: all objects, seated on the finest level of the ground."""
    from worldgen.populate import instances_at

    parts = [(",".join(INSTANCE_COLUMNS) + "\n").encode()]
    for placement in world.placements:
        for _, instances in instances_at(placement, world.heightmap, stride=1, level=0):
            x, y, z = (fixed_characters(axis, 3) for axis in instances.translations.T.astype(np.float64))
            turned = fixed_characters(yaw_degrees(instances.rotations), 3)
            scale = fixed_characters(instances.scales.astype(np.float64), 4)
            kind = placement.name.encode()
            columns: list[bytes | Characters] = [
                kind,
                b",",
                x,
                b",",
                y,
                b",",
                z,
                b",",
                turned,
                b",",
                scale,
                b"\n",
            ]
            parts.append(squeeze(join_columns(columns)))
    return b"".join(parts)


def yaw_degrees(rotations: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (N,) degrees, 0 to 360, by which quaternions (N, 4), xyzw, turn about +Y before they lean."""
    _, y, _, w = rotations.T.astype(np.float64)
    degrees = np.degrees(2 * np.arctan2(y, w))
    return np.asarray(np.where(degrees < 0, degrees + 360, degrees), np.float64)


def river_features(network: RiverNetwork) -> dict[str, Any]:
    """Return the rivers as a GeoJSON FeatureCollection; width, depth and area are those of a reach's end."""

    def feature(number: int, reach: Reach) -> dict[str, Any]:
        return {
            "type": "Feature",
            "id": number,
            "geometry": {
                "type": "LineString",
                "coordinates": np.round(reach.points[:, [0, 2, 1]], 3).tolist(),
            },
            "properties": {
                "order": reach.order,
                "area_m2": round(float(reach.area[-1]), 2),
                "width_m": round(float(reach.width[-1]), 3),
                "depth_m": round(float(reach.depth[-1]), 3),
                "downstream": reach.downstream,
            },
        }

    features = [feature(number, reach) for number, reach in enumerate(network.reaches)]
    return {"type": "FeatureCollection", "coordinates": "[x, z, y]: " + AXES, "features": features}


def _contents(world: World, arrays: Arrays) -> dict[str, Any]:
    grid = world.heightmap.grid
    tables = {
        "instances.csv": {
            "columns": list(INSTANCE_COLUMNS),
            "yaw": "degrees about +y, counter-clockwise seen from above",
        },
        "rivers.geojson": {
            "coordinates": "[x, z, y], y the water's surface; from source to confluence or mouth",
            "area_m2, width_m, depth_m": "where the reach ends; depth from bed to bank",
            "downstream": "id of the reach that it flows into; null at a mouth",
        },
    }
    return {
        "format": "worldgen maps",
        "version": 1,
        "axes": AXES,
        "grid": {
            "rows": grid.shape[0],
            "columns": grid.shape[1],
            "spacing_metres": grid.spacing,
            "origin_metres": list(grid.origin),
            "origin": "x and z of row 0, column 0",
            "row_order": "north-first",
            "column_order": "west-first",
        },
        "sea_level_metres": world.config.sea_level,
        "files": {
            name: {"dtype": "float32", "shape": list(array.shape), "unit": unit, "quantity": quantity}
            for name, (array, quantity, unit) in arrays.items()
        }
        | tables,
        "biomes": list(world.biomes.names),
        "splat": list(world.splat.names),
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, allow_nan=False) + "\n").encode()
