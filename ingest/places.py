"""Which grid covers a point (law 11). Geometry only: registry values in, a `Place` or nothing out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import shapely
import shapely.geometry

from ingest.coordinates import metres_between
from ingest.events import Place, Point
from ingest.registry import Grid, Registry

Ring = Sequence[tuple[float, float]]
_CORNERS: Final = 3  # fewer enclose nothing


class Places:
    """The outlines of one registry in an index. Build a new one when the registry changes; asking it never changes it.

    Of several grids that cover a point the lowest level wins, then the smallest area, then the first code in order. A
    boundary belongs to the grids on both sides of it and the same rule decides there, so that the answer never depends on
    the order in which grids were read.
    """

    __slots__ = ("_codes", "_index", "_order", "_outlines", "_townships")

    def __init__(self, registry: Registry) -> None:
        outlined = [(grid, outline(grid.rings)) for grid in registry.grids.values() if grid.rings]
        outlined = [(grid, shape) for grid, shape in outlined if not shape.is_empty]
        outlined.sort(key=lambda pair: (pair[0].level.height, pair[1].area, pair[0].code))
        self._codes = tuple(grid.code for grid, _ in outlined)
        self._order = {code: rank for rank, code in enumerate(self._codes)}
        self._townships = tuple(registry.township_of(code) for code in self._codes)
        self._outlines = np.array([shape for _, shape in outlined], dtype=object)
        shapely.prepare(self._outlines)  # a prepared outline answers in microseconds whatever its number of corners
        self._index = shapely.STRtree(self._outlines)

    def __len__(self) -> int:
        """How many grids have an outline."""
        return len(self._codes)

    def locate(self, point: Point) -> Place | None:
        """The place of a WGS-84 point, found by its coordinates.

        None when no grid covers it: the caller sends it to the catcher.
        """
        ranks = self._covering(point)
        if not len(ranks):
            return None
        best = int(ranks.min())
        return Place(self._codes[best], self._townships[best], point, "coordinates")

    def covering(self, point: Point) -> tuple[str, ...]:
        """Codes of all grids that cover a point, the one that `locate` answers first."""
        return tuple(self._codes[rank] for rank in sorted(self._covering(point)))

    def metres_outside(self, code: str, point: Point) -> float | None:
        """How far a point lies outside a grid's outline; 0 inside it, None for a grid without one."""
        rank = self._order.get(code)
        if rank is None:
            return None
        way = shapely.shortest_line(self._outlines[rank], shapely.points(point.lon, point.lat))
        lon, lat = way.coords[0]
        return metres_between(point, Point(lat, lon))

    def _covering(self, point: Point) -> Any:
        near = self._index.query(shapely.points(point.lon, point.lat))
        return near[shapely.intersects_xy(self._outlines[near], point.lon, point.lat)] if len(near) else near


def outline(rings: Iterable[Ring]) -> Any:
    """The shape that a grid's rings enclose. Even-odd rule: a ring inside another is a hole, one inside a hole an island.

    Never fails: a ring of fewer than three corners is passed over and a shape that crosses itself is mended.
    """
    shapes = [shapely.Polygon(ring) for ring in rings if len(ring) >= _CORNERS]
    found = shapely.MultiPolygon()
    for shape in sorted(map(_mended, shapes), key=lambda s: -s.area):
        found = shape if found.is_empty else found.symmetric_difference(shape)
    return _mended(found)


def rings_of(shape: Any) -> tuple[tuple[tuple[float, float], ...], ...]:
    """All rings of a polygon or a multipolygon, holes included, as a `Grid` keeps them."""
    parts = [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon" and not part.is_empty]
    return tuple(
        tuple((float(x), float(y)) for x, y, *_ in ring.coords)
        for part in parts
        for ring in (part.exterior, *part.interiors)
    )


def overlapping(shapes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of codes whose shapes touch or overlap, the smaller shape first, each pair once."""
    codes = sorted(shapes, key=lambda code: (shapes[code].area, code))
    ordered = np.array([shapes[code] for code in codes], dtype=object)
    pairs = shapely.STRtree(ordered).query(ordered, predicate="intersects").T.tolist()
    return sorted((codes[small], codes[large]) for small, large in pairs if small < large)


def geometry(grid: Grid) -> dict[str, Any] | None:
    """A grid's outline as a GeoJSON geometry, holes as holes (RFC 7946); None for a grid without one."""
    shape = outline(grid.rings)
    return None if shape.is_empty else dict(shapely.geometry.mapping(shape))


def _mended(shape: Any) -> Any:
    return shape if shape.is_valid else shapely.make_valid(shape)
