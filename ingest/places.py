"""Which grid covers a point (law 11). Geometry only: registry values in, a `Place` or nothing out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
import shapely.geometry

from ingest.coordinates import metres_between
from ingest.events import Place, Point
from ingest.registry import Grid, GridLevel, Registry

Ring = Sequence[tuple[float, float]]
NEAR: Final = 100.0  # metres: borders drawn by two hands leave gaps of tens of metres, and a receiver errs by as much
COORDINATES: Final = (
    "coordinates"  # why a place is what it is (`Place.why`): one grid of the lowest level covers the point
)
OVERLAP: Final = "overlap"  # several of one level do, and the smallest counts
NEAREST: Final = "nearest"  # none does, and one is at most `NEAR` away
HOLE: Final = "hole"  # none of the grids below the one that counts does, and none is near
_CORNERS: Final = 3  # fewer enclose nothing
_METRES: Final = 110_000.0  # a little less than to a degree of latitude


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a point belongs, and what else there was to choose from: `others` by code, and how far outside the chosen one it lies."""

    place: Place
    others: tuple[str, ...] = ()
    metres: float = 0.0


class Places:
    """The outlines of one registry in an index. Build a new one when the registry changes; asking it never changes it.

    Of several grids that cover a point the lowest level wins, then the smallest area, then the first code in order. A
    boundary belongs to the grids on both sides of it and the same rule decides there, so that the answer never depends on
    the order in which grids were read.
    """

    __slots__ = ("_codes", "_divided", "_heights", "_index", "_order", "_outlines", "_registry", "_townships")

    def __init__(self, registry: Registry) -> None:
        outlined = [(grid, outline(grid.rings)) for grid in registry.grids.values() if grid.rings]
        outlined = [(grid, shape) for grid, shape in outlined if not shape.is_empty]
        outlined.sort(key=lambda pair: (pair[0].level.height, pair[1].area, pair[0].code))
        self._registry = registry
        self._codes = tuple(grid.code for grid, _ in outlined)
        self._heights = tuple(grid.level.height for grid, _ in outlined)
        low = (grid.code for grid, _ in outlined if grid.level.height <= GridLevel.GRID.height)
        self._divided = frozenset(above.code for code in low for above in registry.ancestors(code)[1:])
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

        None when no grid covers it. `settle` is the one that also knows holes and gaps.
        """
        ranks = self._covering(point)
        if not len(ranks):
            return None
        best = int(ranks.min())
        return Place(self._codes[best], self._townships[best], point, COORDINATES)

    def settle(self, point: Point) -> Placing | None:
        """Where a WGS-84 point belongs, with the reason in `Place.why` (law 11).

        What grids cover counts as in `locate`. A point in a gap (outside every grid, or in a village or township whose grids leave it
        out) belongs to the nearest grid, of equally near ones to the first in the same order, unless all are farther than `NEAR`: then
        to whatever covers it, or to nothing, which is the catcher's.
        """
        ranks = sorted(int(rank) for rank in self._covering(point))
        best = ranks[0] if ranks else None
        if best is None or self._leaves_out(best):
            beside = self._beside(point, best)
            if beside:
                metres, rank = beside[0]
                rest = tuple(self._codes[other] for _, other in beside[1:])
                return Placing(self._place(rank, point, NEAREST), rest, metres)
        if best is None:
            return None
        equals = tuple(self._codes[r] for r in ranks[1:] if self._heights[r] == self._heights[best])
        why = HOLE if self._leaves_out(best) else OVERLAP if equals else COORDINATES
        return Placing(self._place(best, point, why), equals)

    def covering(self, point: Point) -> tuple[str, ...]:
        """Codes of all grids that cover a point, the one that `locate` answers first."""
        return tuple(self._codes[rank] for rank in sorted(self._covering(point)))

    def metres_outside(self, code: str, point: Point) -> float | None:
        """How far a point lies outside a grid's outline; 0 inside it, None for a grid without one."""
        rank = self._order.get(code)
        return None if rank is None else self._metres(rank, point)

    def _metres(self, rank: int, point: Point) -> float:
        way = shapely.shortest_line(self._outlines[rank], shapely.points(point.lon, point.lat))
        lon, lat = way.coords[0]
        return metres_between(point, Point(lat, lon))

    def _place(self, rank: int, point: Point, why: str) -> Place:
        return Place(self._codes[rank], self._townships[rank], point, why)

    def _leaves_out(self, best: int) -> bool:
        """Whether what covers a point is above the grids and has some of its own: then they should cover it. Micro-grids need not."""
        return self._heights[best] > GridLevel.GRID.height and self._codes[best] in self._divided

    def _is_below(self, rank: int, above: int) -> bool:
        return any(grid.code == self._codes[above] for grid in self._registry.ancestors(self._codes[rank])[1:])

    def _beside(self, point: Point, within: int | None) -> list[tuple[float, int]]:
        """Outlines at most `NEAR` away, nearest first, by decimetres and then in the order of ranks."""
        north = NEAR / _METRES
        east = north / max(math.cos(math.radians(point.lat)), 0.01)
        around = shapely.box(point.lon - east, point.lat - north, point.lon + east, point.lat + north)
        near = [int(r) for r in self._index.query(around) if within is None or self._is_below(int(r), within)]
        found = [(round(self._metres(rank, point), 1), rank) for rank in near]
        return sorted(pair for pair in found if pair[0] <= NEAR)

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
