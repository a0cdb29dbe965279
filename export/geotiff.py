"""GeoTIFF: elevation in 32-bit metres with its place on the earth, for GIS and simulators (extra ``geo``).

A vertex is the middle of a pixel, so the picture reaches half a spacing beyond the map. Row 0 is north. A
world has no place on the earth by itself: its file says "local" metres, in which a point's northing is -z.

Source: OGC, GeoTIFF Standard 1.1; GDAL, GTiff driver.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.errors import ExportError, InputError, MissingExtraError
from worldgen.export.files import FileSet
from worldgen.export.provenance import Provenance
from worldgen.grid import Grid
from worldgen.heightmap import Heightmap

NODATA = -32768.0
LOCAL = 'LOCAL_CS["worldgen local metres",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


def write_geotiff(
    heightmap: Heightmap,
    path: Path,
    *,
    sea_level: float | None = None,
    provenance: Provenance | None = None,
    crs: str | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    georeference: tuple[float, float, float] | None = None,
    voids: bool = False,
) -> list[Path]:
    """Write one file with deflate compression; return its path in a list.

    Parameters
    ----------
    sea_level : metres, noted as the tag SEA_LEVEL_METRES; None where there is no sea.
    provenance : noted as the tags of software and copyright, and whole as PROVENANCE.
    crs : a projected system in metres, such as ``"EPSG:32632"``; None for local metres.
    origin : (easting, northing) in it of the world's (0, 0), metres.
    georeference : (longitude, latitude, height) of the world's (0, 0, 0), degrees on WGS 84 and metres; the
        file is in that place's zone of UTM then, whose north is taken for the world's, and its elevations
        begin at that height. In place of ``crs`` and ``origin``.
    voids : write the cells that the source had no value for as without data; by default they are ground as
        filled in, which engines need.

    Raises
    ------
    MissingExtraError : rasterio is not installed.
    ExportError : the system is unknown or not in metres, or the file cannot be written.
    """
    rasterio = _rasterio(path)
    from rasterio.transform import from_origin

    height = 0.0
    if georeference is not None:
        crs, origin, height = *utm(georeference[0], georeference[1]), georeference[2]
    grid = heightmap.grid
    west = origin[0] + grid.origin[0] - grid.spacing / 2
    north = origin[1] - grid.origin[1] + grid.spacing / 2
    elevation = heightmap.elevation + np.float32(height) if height else heightmap.elevation
    if voids:
        elevation = np.where(heightmap.nodata, np.float32(NODATA), elevation)
    tags = {"AREA_OR_POINT": "Point", "UNITS": "metre"}
    if provenance is not None:
        tags |= {"TIFFTAG_SOFTWARE": provenance.generator, "TIFFTAG_COPYRIGHT": provenance.copyright}
        tags["PROVENANCE"] = json.dumps(provenance.as_dictionary(), sort_keys=True)
    if sea_level is not None:
        tags["SEA_LEVEL_METRES"] = repr(float(sea_level))
    with rasterio.io.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=grid.shape[0],
            width=grid.shape[1],
            count=1,
            dtype="float32",
            crs=_system(crs),
            transform=from_origin(west, north, grid.spacing, grid.spacing),
            nodata=NODATA,
            compress="deflate",
            predictor=3,
        ) as target:
            target.write(elevation, 1)
            target.update_tags(**tags)
            target.set_band_description(1, "elevation")
            target.set_band_unit(1, "metre")
        data = bytes(memory.getbuffer())
    with FileSet() as files:
        files.write(path, data)
    return files.paths


def utm(longitude: float, latitude: float) -> tuple[str, tuple[float, float]]:
    """Return the UTM zone of a place on WGS 84, as ``"EPSG:32632"``, and its (easting, northing) there."""
    from rasterio.warp import transform

    zone = min(int((longitude + 180) // 6) + 1, 60)
    crs = f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"
    (easting,), (northing,) = transform("EPSG:4326", crs, [longitude], [latitude])
    return crs, (float(easting), float(northing))


def read_geotiff(path: Path, *, origin: tuple[float, float] = (0.0, 0.0)) -> Heightmap:
    """Read what `write_geotiff` wrote, to the bit; cells without data are filled and marked.

    Parameters
    ----------
    origin : as it was given when writing.

    Raises
    ------
    MissingExtraError : rasterio is not installed.
    InputError : the file is unreadable, or its pixels are not square.
    """
    from worldgen.dem import fill_nodata

    rasterio = _rasterio(path)
    try:
        with rasterio.open(path) as source:
            values, place = source.read(1, masked=True), source.transform
    except rasterio.errors.RasterioIOError as error:
        raise InputError(f"{path} is not a readable GeoTIFF: {error}") from error
    if place.a <= 0 or not np.isclose(place.a, -place.e, rtol=1e-9) or place.b or place.d:
        raise InputError(
            f"{path}: pixels must be square with north on top; its transform is {tuple(place)[:6]}"
        )
    shape = (values.shape[0], values.shape[1])
    corner = (place.c + place.a / 2 - origin[0], origin[1] - place.f + place.a / 2)
    void = np.ma.getmaskarray(values)
    return Heightmap(fill_nodata(values.filled(0), void), Grid(shape, place.a, corner), void)


def _system(crs: str | None) -> Any:
    """Return rasterio's coordinate reference system."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        system = CRS.from_user_input(crs) if crs is not None else CRS.from_wkt(LOCAL)
    except CRSError as error:
        raise ExportError(f"unknown coordinate system '{crs}': {error}") from error
    if crs is not None and (not system.is_projected or abs(system.linear_units_factor[1] - 1) > 1e-9):
        raise ExportError(f"a world is in metres; '{crs}' is not a projected system in metres")
    return system


def _rasterio(path: Path) -> Any:
    try:
        import rasterio
        import rasterio.errors
        import rasterio.io
    except ImportError:
        raise MissingExtraError("rasterio", "geo", f"the GeoTIFF {path.name}") from None
    return rasterio
