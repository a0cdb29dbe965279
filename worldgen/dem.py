"""Read elevation files: GeoTIFF (extra ``geo``), SRTM ``.hgt``, 16-bit ``.png`` and ``.npy``.

All give a `Heightmap` in metres with row 0 in the north; cells without data are marked and filled smoothly.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import InputError, MissingExtraError
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

SUFFIXES = (".tif", ".tiff", ".hgt", ".png", ".npy")
_SRTM_VOID = -32768
_METRES_PER_DEGREE = 111_320.0  # of latitude; longitude times the cosine of the latitude


def read_dem(
    path: Path | str, *, spacing: float | None = None, scale: float = 1.0, offset: float = 0.0
) -> Heightmap:
    """Read one elevation file.

    Parameters
    ----------
    path : ``.tif``/``.tiff``, ``.hgt``, ``.png`` (16 bit gray) or ``.npy`` (2-D numbers).
    spacing : metres per pixel; needed for ``.png`` and ``.npy``, else it overrides what the file says.
    scale, offset : metres = value × scale + offset.

    Returns
    -------
    Heightmap in metres, row 0 north, middle at (0, 0), voids filled and marked in ``nodata``.

    Raises
    ------
    InputError : the file is absent, of another kind, holds no elevation, or no spacing is known.
    MissingExtraError : GeoTIFF without rasterio.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"elevation file not found: {file}")
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{file}: cannot read '{file.suffix}' as elevation. Allowed: {', '.join(SUFFIXES)}")
    reader = {".npy": _read_npy, ".png": _read_png, ".hgt": _read_hgt}.get(suffix, _read_geotiff)
    values, void, own_spacing = reader(file)
    spacing = spacing or own_spacing
    if spacing is None:
        raise InputError(
            f"{file} does not say its metres per pixel; give it (--dem-spacing, terrain.dem_spacing; "
            "--spacing to train and evaluate)"
        )
    elevation = values * scale + offset
    void = void | ~np.isfinite(elevation)
    if min(elevation.shape) < 2 or void.all():
        raise InputError(
            f"{file} holds no elevation: shape {elevation.shape}, {int(void.sum())} cells without data"
        )
    return Heightmap(fill_nodata(elevation, void), Grid.centred(_shape(elevation), spacing), void)


def fill_nodata(elevation: NDArray[np.floating], void: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fill marked cells with the smoothest surface through their rim (Laplace's equation).

    Parameters
    ----------
    elevation : (H, W) metres; what stands in marked cells is ignored.
    void : (H, W) bool.

    Returns
    -------
    (H, W) float32, equal to ``elevation`` outside the marked cells.
    """
    from scipy.ndimage import distance_transform_edt, uniform_filter

    if not void.any():
        return elevation.astype(np.float32)
    nearest = distance_transform_edt(void, return_distances=False, return_indices=True)
    filled: NDArray[np.float64] = elevation[tuple(nearest)].astype(np.float64)
    # Relaxation from coarse to fine: wide means first, so that large holes settle too.
    for size in (65, 33, 17, 9, 5, 3, 3, 3, 3):
        for _ in range(4):
            filled[void] = uniform_filter(filled, size, mode="nearest")[void]
    return filled.astype(np.float32)


def _shape(values: NDArray[np.floating]) -> tuple[int, int]:
    return values.shape[0], values.shape[1]


def _read_npy(file: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], float | None]:
    try:
        values = np.load(file, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{file} is not a plain numpy array: {error}") from None
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise InputError(
            f"{file} must hold a 2-D array of numbers; found {values.dtype} of shape {values.shape}"
        )
    return values.astype(np.float64), np.zeros(values.shape, bool), None


def _read_png(file: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], float | None]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            values = np.asarray(image)
            mode = image.mode
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{file} is not a readable PNG: {error}") from None
    if values.ndim != 2 or not mode.startswith("I"):
        raise InputError(
            f"{file} must be 16-bit gray; found mode {mode}. 8 bits are too coarse for elevation"
        )
    return values.astype(np.float64), np.zeros(values.shape, bool), None


def _read_hgt(file: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], float | None]:
    values = np.fromfile(file, dtype=">i2")
    side = math.isqrt(values.size)
    if side * side != values.size or side not in (1201, 3601):
        raise InputError(f"{file} must hold 1201² or 3601² 16-bit values; found {values.size}")
    square = values.reshape(side, side).astype(np.float64)
    # One degree per side; north-south metres, the common choice for a square grid.
    return square, square == _SRTM_VOID, _METRES_PER_DEGREE / (side - 1)


def _read_geotiff(file: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], float | None]:
    try:
        import rasterio
    except ImportError:
        raise MissingExtraError("rasterio", "geo", f"reading {file.name} (GeoTIFF)") from None
    try:
        with rasterio.open(file) as source:
            values = source.read(1, masked=True)
            step, geographic = abs(source.transform.a), bool(source.crs and source.crs.is_geographic)
            # Local systems are neither geographic nor projected, and have no factor to ask for: metres.
            unit = source.crs.linear_units_factor[1] if source.crs and source.crs.is_projected else 1.0
            spacing = step * _METRES_PER_DEGREE if geographic else step * unit
            north_up = source.transform.e <= 0
            placed = geographic or not source.transform.is_identity
    except rasterio.errors.RasterioIOError as error:
        raise InputError(f"{file} is not a readable GeoTIFF: {error}") from None
    data, void = values.filled(0).astype(np.float64), np.ma.getmaskarray(values)
    if not north_up:
        data, void = data[::-1], void[::-1]
    return (
        np.ascontiguousarray(data),
        np.ascontiguousarray(void),
        spacing if placed else None,
    )
