"""What a caller may choose about the files of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import Any, Literal, get_args, get_origin, get_type_hints

from worldgen.errors import ExportError


@dataclass(frozen=True)
class ExportOptions:
    """Options of all scene writers; each writer reads the fields that concern it.

    Attributes
    ----------
    image_format : ``"jpeg"`` for all images without alpha (images with alpha are always PNG), or ``"png"``
        for all, which loses nothing and takes two to five times the bytes; for glTF also ``"webp"`` and
        ``"ktx2"`` (Basis Universal, which stays compressed on the GPU).
    image_fallback : with ``"webp"`` and ``"ktx2"``: also store each image as JPEG or PNG for clients that
        read neither; without, the file requires the extension.
    maximum_texture : texels a side; larger images are halved until they fit. None leaves them.
    normal_y : ``"+"`` for normal maps whose green channel points up the image (OpenGL, glTF), ``"-"`` for
        Unreal's (DirectX), which is against glTF's own rule.
    water : ``"plain"`` blends water over its ground; ``"volume"`` adds KHR_materials_transmission, _ior and
        _volume, which clients may ignore.
    objects : how placed objects are written. ``"nodes"``: a node for each, which shares its mesh;
        ``"instancing"``: EXT_mesh_gpu_instancing, one node a cell; ``"merged"``: unrolled to one mesh for
        each cell and material, so that any client draws them with few calls; ``"auto"``: merged where that
        takes at most ``maximum_merged_bytes``, else nodes.
    maximum_merged_bytes : see ``objects``.
    cell_size : metres a side of the squares that instancing and merging group objects in; None means one
        square for the whole scene.
    maximum_draw_calls, maximum_triangles, maximum_texture_bytes : a device's budget, None for no limit. The
        squares grow, coarser levels are taken and terrain chunks and their textures are put together until
        the scene fits; bytes are those on the GPU, uncompressed and with mipmaps.
    levels : write coarser levels too, tied together by MSFT_lod.
    level_files : write each coarser level of the terrain and the objects to a file of its own, ``NAME_lod1``,
        ``NAME_lod2`` and so on.
    quantize : positions, normals and texture coordinates as 16 and 8 bit integers by KHR_mesh_quantization,
        on one grid for the whole scene, so that tiles still meet.
    grid_step : metres, a power of two: the grid's step, so that files of one world share it, see
        `worldgen.export.quantization.scene_step`. None chooses by the scene.
    compression : None, ``"meshopt"`` (EXT_meshopt_compression) or ``"draco"`` (KHR_draco_mesh_compression).
    colliders : how collision meshes, the navigation mesh and player starts are named or marked, None to
        leave them out: ``"godot"`` (-colonly, -navmesh), ``"unreal"`` (UCX_), ``"omi"`` (OMI_physics_shape,
        OMI_physics_body, OMI_spawn_point).
    georeference : (longitude, latitude, height): degrees on WGS 84 and metres of the world's (0, 0, 0), for
        3D Tiles and GeoTIFF; None leaves them in metres of their own.
    quality : JPEG quality of base color, occlusion, roughness and metallic, 1 .. 95.
    normal_quality : JPEG quality of normal maps, which are never subsampled, 1 .. 95.
    light_scale : the sun's lux are multiplied by this in glTF. 1 is the specification's unit, and daylight of
        100,000 lux draws a white picture in whatever has no exposure control (three.js, Babylon.js, PyVista,
        even Blender); the default turns it into 3, which they show as noon. The true value stays in the
        light's extras as ``illuminance_lux``.
    maximum_obj_bytes : `.obj` files estimated above this are refused.
    threads : threads that encode images; None means one for each core. Bytes do not depend on it.
    """

    image_format: Literal["jpeg", "png", "webp", "ktx2"] = "jpeg"
    image_fallback: bool = True
    maximum_texture: int | None = None
    normal_y: Literal["+", "-"] = "+"
    water: Literal["plain", "volume"] = "plain"
    objects: Literal["nodes", "instancing", "merged", "auto"] = "nodes"
    maximum_merged_bytes: int = 400_000_000
    cell_size: float | None = 512.0
    maximum_draw_calls: int | None = None
    maximum_triangles: int | None = None
    maximum_texture_bytes: int | None = None
    levels: bool = False
    level_files: bool = False
    quantize: bool = False
    grid_step: float | None = None
    compression: Literal["meshopt", "draco"] | None = None
    colliders: Literal["godot", "unreal", "omi"] | None = None
    georeference: tuple[float, float, float] | None = None
    quality: int = 90
    normal_quality: int = 92
    light_scale: float = 3e-5
    maximum_obj_bytes: int = 2_000_000_000
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            allowed = _choices(kind)
            if allowed and getattr(self, name) not in allowed:
                listed = ", ".join(map(repr, allowed))
                raise ExportError(f"{name} must be one of {listed}; found {getattr(self, name)!r}")
        for name in ("quality", "normal_quality"):
            if not 1 <= getattr(self, name) <= 95:
                raise ExportError(f"{name} must be in 1 .. 95; found {getattr(self, name)}")
        if not 0 <= self.light_scale < float("inf"):
            raise ExportError(f"light_scale must be a number of at least 0; found {self.light_scale}")
        if self.threads is not None and self.threads < 1:
            raise ExportError(f"threads must be at least 1; found {self.threads}")
        if self.maximum_texture is not None and self.maximum_texture < 4:
            raise ExportError(f"maximum_texture must be at least 4; found {self.maximum_texture}")
        for name in ("maximum_draw_calls", "maximum_triangles", "maximum_texture_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ExportError(f"{name} must be at least 1; found {value}")
        if self.georeference is not None:
            longitude, latitude, _ = self.georeference
            if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
                raise ExportError(
                    "georeference must be (longitude, latitude, height), within 180 and 90 degrees; "
                    f"found {self.georeference}"
                )
        if self.maximum_draw_calls is not None and self.objects == "nodes":
            raise ExportError("maximum_draw_calls needs objects = 'merged' or 'instancing'; found 'nodes'")
        if self.grid_step is not None and not (self.grid_step > 0 and frexp(self.grid_step)[0] == 0.5):
            raise ExportError(f"grid_step must be a power of two; found {self.grid_step}")
        if self.cell_size is not None and not self.cell_size > 0:
            raise ExportError(f"cell_size must be above 0; found {self.cell_size}")


def _choices(kind: Any) -> tuple[Any, ...]:
    """Return the values that a ``Literal``, or a ``Literal | None``, allows; nothing for another type."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    named = tuple(value for part in get_args(kind) for value in _choices(part))
    return (*named, None) if named and type(None) in get_args(kind) else named
