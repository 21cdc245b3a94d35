"""Polygons as files have them (WKT or GeoJSON, any datum) become a grid's rings in WGS-84, or a sentence why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry import shape as shape_of

from ingest.coordinates import Datum, to_wgs84
from ingest.events import InvalidEvent
from ingest.places import rings_of

_SRID: Final = re.compile(r"^\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)
_MENDABLE: Final = 0.01  # a shape that mending changes by more than this part of its area was meant otherwise
_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError)


class BadOutline(ValueError):
    """A polygon that encloses nothing we can be sure of."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Rings in WGS-84 as `ingest.registry.Grid` keeps them; `mended` says what had to be put right, if anything."""

    rings: tuple[tuple[tuple[float, float], ...], ...]
    mended: str = ""


def datum_of(wkt: str) -> str:
    """The datum that an EWKT prefix (`SRID=4490;POLYGON…`) names; empty without one."""
    found = _SRID.match(wkt)
    return f"EPSG:{found[1]}" if found else ""


def read_outline(given: Any, datum: Datum) -> Outline:
    """The outline in a WKT text or a GeoJSON geometry. Raises `BadOutline`."""
    try:
        shape = shapely.from_wkt(_SRID.sub("", given)) if isinstance(given, str) else shape_of(given)
    except _UNREADABLE as error:
        raise BadOutline(f"the polygon cannot be read: {error}") from error
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise BadOutline(f"a grid's outline is a Polygon or MultiPolygon, got {getattr(shape, 'geom_type', 'nothing')}")
    if shape.is_empty:
        raise BadOutline("the polygon has no corners")
    shape, mended = _sound(_in_degrees(shapely.force_2d(shape)))
    if datum in (Datum.GCJ02, Datum.BD09):
        shape = shapely.transform(shape, lambda corners: _converted(corners, datum))
    return Outline(rings_of(shape), mended)


def _in_degrees(shape: Any) -> Any:
    corners = shapely.get_coordinates(shape)
    if not np.isfinite(corners).all():
        raise BadOutline("the polygon has a corner that is not a number")
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    if west >= -180 and east <= 180 and south >= -90 and north <= 90:
        return shape
    swapped = west >= -90 and east <= 90 and south >= -180 and north <= 180
    advice = "write longitude first, then latitude" if swapped else "convert the projection to degrees first"
    raise BadOutline(
        f"the polygon has corners from {west:g}, {south:g} to {east:g}, {north:g}, which are no degrees: {advice}"
    )


def _sound(shape: Any) -> tuple[Any, str]:
    if shape.is_valid and shape.area > 0:
        return shape, ""
    why = str(shapely.is_valid_reason(shape))
    whole = shapely.make_valid(shape)
    kept = shapely.union_all([part for part in getattr(whole, "geoms", [whole]) if part.area > 0])
    hull = shape.convex_hull.area
    if kept.is_empty or kept.area <= 0 or hull <= 0:
        raise BadOutline(f"the polygon encloses nothing ({why})")
    if abs(kept.area - abs(_signed(shape))) > _MENDABLE * kept.area:
        raise BadOutline(f"the polygon crosses itself ({why}): draw it anew")
    return kept, why


def _signed(shape: Any) -> float:
    """The area by the shoelace formula: a loop that runs the wrong way counts against it, so a figure of eight shows."""
    total = 0.0
    for part in getattr(shape, "geoms", [shape]):
        for number, ring in enumerate((part.exterior, *part.interiors)):
            x, y = np.asarray(ring.coords).T
            area = abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
            total += -area if number else area
    return total


def _converted(corners: Any, datum: Datum) -> Any:
    points = [_corner(lon, lat, datum) for lon, lat in corners.tolist()]
    return np.array(points)


def _corner(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    try:
        point = to_wgs84(lat, lon, datum)
    except InvalidEvent as error:
        raise BadOutline(f"the polygon has a corner outside the world: {error}") from error
    return point.lon, point.lat
