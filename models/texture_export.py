"""From a trained net to the shipped file: encode the bank, measure, write.

`SAMPLED` says which of the CC0 materials that the shipped net was trained on serve which class; materials it
doesn't name (a user's own) serve the class they were trained as.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldgen.models.checkpoint import save_weights
from worldgen.models.texture_codes import pack
from worldgen.models.texture_data import Array, Material
from worldgen.models.texture_finish import fine_spread
from worldgen.models.texture_metrics import measure
from worldgen.models.texture_net import BankedTextureNet, TextureNet

# Chosen by eye from the sources: what tiles over a landscape without a landmark and is what its class says.
SAMPLED: dict[str, str] = {
    "rock": "ambientcg_Rock028 ambientcg_Rock030 cc0textures_Rock01 ambientcg_Rock051 ambientcg_Rocks011",
    "cliff": "polyhaven_rock_face_03 ambientcg_Rock026 ambientcg_Rock048 ambientcg_Rock051",
    "sandstone": "polyhaven_cliff_side polyhaven_edgecraft_rock_rough",
    "mossy_rock": "ambientcg_Rock053_mossy polyhaven_rocky_terrain",
    "scree": "ambientcg_Gravel020 ambientcg_Rocks025",
    "gravel": "ambientcg_Gravel020 ambientcg_Rocks006",
    "pebbles": "polyhaven_ganges_river_pebbles ambientcg_Rocks006",
    "soil": ("cc0textures_Ground08 polyhaven_edgecraft_sand_desert ambientcg_Ground062S"),
    "mud": "polyhaven_mud_cracked_dry_riverbed_002 polyhaven_edgecraft_sand_desert",
    "forest_floor": (
        "polyhaven_forest_leaves_02 ambientcg_Ground048 ambientcg_Ground082S ambientcg_Ground072"
    ),
    "grass": "ambientcg_Grass001 ambientcg_Grass004 ambientcg_Ground037",
    "moss": "ambientcg_Moss004 polyhaven_edgecraft_grass_green ambientcg_Ground047",
    "sand": "cc0textures_hterrain_sand ambientcg_Ground079S ambientcg_Ground080 ambientcg_Ground098",
    "snow": "ambientcg_Snow006 sharetextures_snow_ground_3 stuntrally_snow1",
    "ice": "ambientcg_Ice002 ambientcg_Ice003",
    "lunar": "polyhaven_moon_01",
    "burned": "polyhaven_burned_ground_01",
    "bark": "cgbookcase_Bark_02 cgbookcase_Bark_03 ambientcg_Bark002",
    "brick": "ambientcg_Bricks008 polyhaven_castle_brick_broken_06",
    "plaster": "ambientcg_Plaster002 ambientcg_PaintedPlaster010 ambientcg_Concrete034",
    "wood": "ambientcg_Wood026 cc0textures_Wood05 polyhaven_rosewood_veneer1",
    "planks": "cc0textures_Planks04 ambientcg_WoodSiding008 cc0textures_WoodFloor04 ambientcg_WoodFloor043",
    "pavement": "cc0textures_PavingStones13 ambientcg_PavingStones142 ambientcg_PavingStones138",
    "cobblestone": "polyhaven_cobblestone_pavement ambientcg_PavingStones142",
    "asphalt": "ambientcg_Asphalt003 cc0textures_Asphalt06 cc0textures_Asphalt10",
    "roof": "ambientcg_RoofingTiles003 polyhaven_roof_slates_02 ambientcg_RoofingTiles014D",
    "tiles": "ambientcg_Tiles036 ambientcg_Tiles088",
    "marble": "ambientcg_Marble001 ambientcg_Marble006",
    "stone_wall": "polyhaven_plastered_stone_wall",
    "metal": "ambientcg_Metal002",
}


def fill_statistics(materials: list[Material]) -> Array:
    """(N, 9) statistics with unknown roughness and occlusion filled from the same class, else from all."""
    table = np.stack([material.statistics for material in materials])
    kinds = np.array([material.kind for material in materials])
    for column in range(5, table.shape[1]):
        fallback = np.array([0, 0, 0, 0, 0, 0.85, 0.06, 0.85, 0.12], np.float32)[column]
        known = ~np.isnan(table[:, column])
        for row in np.flatnonzero(~known):
            for group in (known & (kinds == kinds[row]), known):
                if group.any():
                    table[row, column] = np.median(table[group, column])
                    break
            else:
                table[row, column] = fallback
    return table


def build_bank(net: TextureNet, materials: list[Material]) -> tuple[BankedTextureNet, list[dict[str, Any]]]:
    """Encode what may be sampled."""
    serves: dict[str, list[str]] = {}
    for served, names in SAMPLED.items():
        for name in names.split():
            serves.setdefault(name, []).append(served)
    known = any(material.name in serves for material in materials)
    rows = [
        (i, serves.get(material.name, [] if known else [material.kind]))
        for i, material in enumerate(materials)
    ]
    rows = [(i, classes) for i, classes in rows if classes]
    statistics = fill_statistics(materials)
    cells = materials[0].maps.shape[1] // net.config.cell
    model = BankedTextureNet(net.config, len(rows), cells)
    model.net.load_state_dict(net.state_dict())
    entries = []
    with torch.inference_mode():
        for row, (i, classes) in enumerate(rows):
            material = materials[i]
            maps = torch.from_numpy(material.maps.astype(np.float32))[None]  # (1, 6, H, W)
            kind = torch.tensor([net.config.classes.index(material.kind)])
            given = torch.from_numpy(material.present).float()[None, :, None, None]
            border = "circular" if material.seamless else "reflect"
            latent, _, style, _ = net.encode(maps, kind, given, border)
            codes, scale = pack(latent[0].numpy())
            model.codes[row] = torch.from_numpy(codes)
            model.scales[row] = torch.from_numpy(scale)
            model.styles[row] = style[0]
            model.statistics[row] = torch.from_numpy(statistics[i])
            spread = np.where(material.present, fine_spread(maps[0].numpy()), np.nan)
            model.sharpness[row] = torch.from_numpy(spread)
            if "snow" in classes:
                # The sources hold the blue of the sky they were lit by; a renderer adds its own.
                color = model.statistics[row, :3]
                model.statistics[row, :3] = 0.2 * color + 0.8 * color.mean()
            entries.append({"name": material.name, "kind": material.kind, "classes": classes})
    return model, entries


def export_weights(
    net: TextureNet, training: list[Material], held_out: list[Material], output: Path, record: dict[str, Any]
) -> dict[str, Any]:
    """Write ``output`` and its JSON; returns the training record with figures."""
    model, entries = build_bank(net, training)
    record = record | {
        "materials": [material.name for material in training],
        "held_out": [material.name for material in held_out],
        "figures": measure(net, held_out),
    }
    record.pop("data", None)  # a path of the machine that trained
    record.pop("output", None)
    model.net.half()  # half the file; loading copies into float32
    config = {"net": net.config.as_dict(), "bank": entries, "cells": int(model.codes.shape[-1])}
    save_weights(model, output, config=config, training=record)
    return record
