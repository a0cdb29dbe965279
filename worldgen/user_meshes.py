"""Objects that the user brings: .glb, .gltf and .obj files become an `AssetKind`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldgen.asset_kind import Align, AssetKind, Collider
from worldgen.errors import InputError
from worldgen.materials import AlphaMode, PBRMaterial
from worldgen.mesh import Model
from worldgen.shapes import Floats, Shape, normalized, to_mesh
from worldgen.simplify import area, simplify

SUFFIXES = (".glb", ".gltf", ".obj")
COARSER = (0.4, 0.2)  # share of the triangles at levels 1 and 2; at 0.1 thin trunks collapse and vanish
FEWEST = 48  # a model of fewer triangles is its own coarse level
FOOT = 0.05  # share of the height that counts as the base


def load_user_kind(
    path: str | Path,
    *,
    name: str | None = None,
    height: float | None = None,
    align: Align = "upright",
    sink: float = 0.0,
) -> AssetKind:
    """Read a model and stand it on the ground: the middle of its base at the origin, the lowest y at −`sink`.

    Node transforms are applied; base colours, their textures, normal, roughness, metallic and occlusion maps
    are kept, emission and animation are not. Two coarser levels are made by vertex clustering.

    Parameters
    ----------
    path : a .glb, .gltf or .obj file, +Y up.
    name : of the kind; the file's name when None.
    height : metres from the lowest to the highest point; None believes the file's units.
    align : ``upright``, or ``normal`` to turn with the ground.
    sink : metres of the model that belong below the ground.

    Raises
    ------
    InputError
        If the file is absent, of another format, unreadable, or holds no triangle with an area.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"'{path.name}' is no model that can be read; allowed: {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"there is no model file '{path}'")
    if height is not None and not (np.isfinite(height) and height > 0):
        raise InputError(f"the height of '{path.name}' must be a positive number of metres; found {height}")
    if align not in ("upright", "normal"):
        raise InputError(f"align must be 'upright' or 'normal'; found '{align}'")
    name = name or "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    parts = _read(path, name)
    shapes = stand([shape for shape, _ in parts], height, sink)
    materials = [material for _, material in parts]
    triangles = sum(len(shape.indices) for shape in shapes)
    levels = [shapes]
    for share in COARSER:
        levels.append(simplify(shapes, share) if triangles * share >= FEWEST else levels[-1])
    models = tuple(
        Model(
            f"{name}_0_lod{level}",
            tuple(
                to_mesh(shape, material)
                for shape, material in zip(parts_of_level, materials, strict=True)
                if len(shape.indices)
            ),
        )
        for level, parts_of_level in enumerate(levels)
    )
    everything = np.concatenate([shape.positions for shape in shapes])
    radius = float(np.abs(everything[:, [0, 2]]).max())
    return AssetKind(name, (models,), radius=radius, sink=sink, align=align, collider=_collider(materials))


def _collider(materials: list[PBRMaterial]) -> Collider | None:
    """Say what is solid: all of an opaque model, the trunk of one with leaves too, nothing of mere leaves."""
    opaque = [material.alpha_mode == "OPAQUE" for material in materials]
    return "hull" if all(opaque) else "trunk" if any(opaque) else None


def stand(shapes: list[Shape], height: float | None, sink: float) -> list[Shape]:
    """Return the parts of one model rescaled, the base's middle at x = z = 0 and the lowest y at −sink."""
    positions = np.concatenate([shape.positions for shape in shapes])
    low, high = positions.min(axis=0), positions.max(axis=0)
    tall = high[1] - low[1]
    scale = 1.0 if height is None else height / tall if tall > 1e-9 else 1.0
    # A crown may lean; what has to stand on the spot is the foot.
    foot = positions[positions[:, 1] <= low[1] + FOOT * tall + 1e-9]
    middle = 0.5 * (foot.min(axis=0) + foot.max(axis=0))
    origin = np.array([middle[0], low[1], middle[2]])
    return [
        shape._replace(positions=(shape.positions - origin) * scale - np.array([0.0, sink, 0.0]))
        for shape in shapes
    ]


def _read(path: Path, name: str) -> list[tuple[Shape, PBRMaterial]]:
    """Return the parts of a file in its own units, each with its material."""
    import trimesh

    try:
        scene = trimesh.load_scene(path, process=False)
    except Exception as error:  # trimesh lets each parser's own errors through: there is no common base
        raise InputError(f"'{path.name}' cannot be read as {path.suffix[1:]}: {error}") from error
    parts = []
    materials: dict[int, PBRMaterial] = {}
    for number, node in enumerate(sorted(scene.graph.nodes_geometry)):
        transform, key = scene.graph[node]
        mesh = scene.geometry[key]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue  # points and lines
        if not (np.isfinite(mesh.vertices).all() and np.isfinite(transform).all()):
            raise InputError(f"'{path.name}' holds positions that are not finite, in '{key}'")
        mesh = mesh.copy()
        mesh.apply_transform(transform)
        shape, material = _part(mesh, f"{name}_{number}", materials)
        if area(shape) > 0:
            parts.append((shape, material))
    if not parts:
        raise InputError(f"'{path.name}' holds no triangle with an area; a model needs at least one")
    return parts


def _part(mesh: Any, name: str, materials: dict[int, PBRMaterial]) -> tuple[Shape, PBRMaterial]:
    """Return one trimesh as a shape and its material; parts that share a material get the same object."""
    normals = normalized(np.nan_to_num(np.asarray(mesh.vertex_normals, np.float64)))
    shape = Shape(
        np.asarray(mesh.vertices, np.float64),
        normals,
        np.zeros((len(normals), 2)),
        np.asarray(mesh.faces, np.int64),
    )
    visual = mesh.visual
    if visual.kind in ("vertex", "face"):
        return _painted_by_vertex(shape, np.asarray(visual.face_colors)[:, :3], name)
    source = getattr(visual, "material", None)
    uv = getattr(visual, "uv", None)
    if uv is not None:
        texcoords = np.nan_to_num(np.asarray(uv, np.float64)) * (1.0, -1.0) + (0.0, 1.0)
        shape = shape._replace(texcoords=texcoords)
    if source is None:
        return shape, PBRMaterial(name, base_color_factor=(0.5, 0.5, 0.5, 1.0), roughness=0.9)
    if id(source) not in materials:
        materials[id(source)] = _material(source, name, textured=uv is not None)
    return shape, materials[id(source)]


def _painted_by_vertex(shape: Shape, colors: NDArray[np.uint8], name: str) -> tuple[Shape, PBRMaterial]:
    """Return the shape with (T, 3) sRGB face colours in a palette texture: `Mesh` has no vertex colours."""
    palette, chosen = np.unique(colors, axis=0, return_inverse=True)
    if len(palette) > 1024:
        palette, chosen = np.unique(colors & 0xE0 | 0x10, axis=0, return_inverse=True)
    size = 1 << int(np.ceil(np.log2(np.sqrt(len(palette)))))
    image = np.zeros((size * size, 3), np.uint8)
    image[: len(palette)] = palette
    spots = np.stack([chosen.reshape(-1) % size, chosen.reshape(-1) // size], axis=-1)
    corners = shape.indices.reshape(-1)
    split = Shape(
        shape.positions[corners],
        shape.normals[corners],
        ((spots + 0.5) / size).repeat(3, axis=0),
        np.arange(len(corners)).reshape(-1, 3),
    )
    return split, PBRMaterial(name, base_color=image.reshape(size, size, 3), roughness=0.9)


def _material(source: Any, name: str, textured: bool) -> PBRMaterial:
    """Return a trimesh material as ours."""
    if not hasattr(source, "baseColorFactor"):  # OBJ: an old, simple material, its colours in sRGB
        image = getattr(source, "image", None)
        if textured and image is not None:
            picture, has_alpha = _picture(image)
            return PBRMaterial(
                name, base_color=picture, roughness=0.9, alpha_mode="MASK" if has_alpha else "OPAQUE"
            )
        red, green, blue, alpha = _linear(np.asarray(source.diffuse, np.float64)[:4] / 255)
        return PBRMaterial(name, base_color_factor=(red, green, blue, alpha), roughness=0.9)

    factor = np.ones(4) if source.baseColorFactor is None else np.asarray(source.baseColorFactor) / 255.0
    base, normal = None, None
    if textured and source.baseColorTexture is not None:
        base, _ = _picture(source.baseColorTexture)
    if textured and source.normalTexture is not None:
        normal = np.asarray(source.normalTexture.convert("RGB"))
    modes: dict[str, AlphaMode] = {"MASK": "MASK", "BLEND": "BLEND"}
    return PBRMaterial(
        name,
        base_color=base,
        normal=normal,
        orm=_orm(source) if textured else None,
        base_color_factor=(float(factor[0]), float(factor[1]), float(factor[2]), float(factor[3])),
        roughness=1.0 if source.roughnessFactor is None else float(source.roughnessFactor),
        metallic=1.0 if source.metallicFactor is None else float(source.metallicFactor),
        alpha_mode=modes.get(source.alphaMode or "OPAQUE", "OPAQUE"),
        alpha_cutoff=0.5 if source.alphaCutoff is None else float(source.alphaCutoff),
        double_sided=bool(source.doubleSided),
    )


def _picture(image: Any) -> tuple[NDArray[np.uint8], bool]:
    """Return a Pillow image as (H, W, 3 or 4) uint8, and whether any texel is clear."""
    full = np.asarray(image.convert("RGBA"))
    has_alpha = bool((full[..., 3] < 255).any())
    return (full if has_alpha else np.ascontiguousarray(full[..., :3])), has_alpha


def _orm(source: Any) -> NDArray[np.uint8] | None:
    """Return occlusion, roughness and metallic in one (H, W, 3) uint8 picture, or None without any."""
    rough, occlusion = source.metallicRoughnessTexture, source.occlusionTexture
    if rough is None and occlusion is None:
        return None
    size = (rough or occlusion).size
    orm = np.full((size[1], size[0], 3), 255, np.uint8)
    if rough is not None:
        orm[..., 1:] = np.asarray(rough.convert("RGB"))[..., 1:]
    if occlusion is not None:
        orm[..., 0] = np.asarray(occlusion.convert("RGB").resize(size))[..., 0]
    return orm


def _linear(srgb: Floats) -> tuple[float, float, float, float]:
    """Return an sRGB colour with alpha in 0 .. 1 as linear values."""
    color = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return float(color[0]), float(color[1]), float(color[2]), float(srgb[3]) if len(srgb) > 3 else 1.0
