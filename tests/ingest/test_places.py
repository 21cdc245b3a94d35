"""A point finds its grid, or nothing."""

import random

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import Place, Point
from ingest.places import NEAR, Places, geometry, outline, overlapping, rings_of
from ingest.registry import Grid, GridLevel, Registry


def box(west: float, south: float, east: float, north: float) -> tuple[tuple[float, float], ...]:
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


TOWN = Grid("T", "town", GridLevel.TOWNSHIP, "", (box(0, 0, 10, 10),))
WEST = Grid("W", "west", GridLevel.GRID, "T", (box(0, 0, 5, 10),))
EAST = Grid("E", "east", GridLevel.GRID, "T", (box(5, 0, 10, 10),))
YARD = Grid("Y", "yard", GridLevel.MICRO, "W", (box(1, 1, 2, 2),))
ANNEX = Grid("Z", "annex", GridLevel.GRID, "T", (box(4, 4, 7, 7),))
WIDE = Grid("M", "a micro-grid wider than the annex", GridLevel.MICRO, "E", (box(6, 3, 10, 9),))
ALL = [TOWN, WEST, EAST, YARD, ANNEX, WIDE]
PLACES = Places(Registry.of(ALL, []))

POINTS = [
    ("a micro-grid wins over the grid around it", (1.5, 1.5), "Y"),
    ("a grid wins over the township around it", (3, 3), "W"),
    ("of two overlapping grids the smaller one wins", (4.5, 5), "Z"),
    ("a micro-grid wins over a smaller grid", (6.5, 5), "M"),
    ("on the border of two equal grids the first code wins", (5, 1), "E"),
    ("on the outer border is inside", (0, 0), "W"),
    ("on the border of a micro-grid is inside it", (1, 1), "Y"),
]


@pytest.mark.parametrize(("_what", "at", "grid"), POINTS, ids=[row[0] for row in POINTS])
def test_a_point_is_placed_in_the_lowest_and_smallest_grid(_what, at, grid):
    lon, lat = at
    assert PLACES.locate(Point(lat, lon)) == Place(grid, "T", Point(lat, lon), "coordinates")


def test_where_no_grid_reaches_there_is_no_place():
    assert PLACES.locate(Point(10.001, 5)) is None
    assert Places(Registry()).locate(Point(0, 0)) is None
    assert Places(Registry.of([Grid("G", "no outline", GridLevel.GRID)], [])).locate(Point(0, 0)) is None


def test_what_only_a_township_covers_belongs_to_the_township():
    places = Places(Registry.of([TOWN, YARD], []))
    assert places.locate(Point(9, 9)) == Place("T", "T", Point(9, 9), "coordinates")


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 40))
def test_the_answer_does_not_depend_on_the_order_of_grids(seed, east, north):
    shuffled = list(ALL)
    random.Random(seed).shuffle(shuffled)
    point = Point(north / 4, east / 4)
    assert Places(Registry.of(shuffled, [])).locate(point) == PLACES.locate(point)


@given(st.floats(-1, 11), st.floats(-1, 11))
def test_the_index_answers_as_a_search_through_every_outline_would(lon, lat):
    covering = [g for g in ALL if shapely.Polygon(g.rings[0]).covers(shapely.Point(lon, lat))]
    ranked = sorted(covering, key=lambda g: (g.level.height, shapely.Polygon(g.rings[0]).area, g.code))
    found = PLACES.locate(Point(lat, lon))
    assert (found.grid if found else None) == (ranked[0].code if ranked else None)
    assert PLACES.covering(Point(lat, lon)) == tuple(g.code for g in ranked)


def test_a_hole_belongs_to_what_fills_it_whichever_is_larger():
    lake = Grid("L", "around the lake", GridLevel.GRID, "T", (box(0, 0, 10, 10), box(1, 1, 9, 9)))
    places = Places(Registry.of([TOWN, lake], []))
    assert places.locate(Point(5, 5)).grid == "T"
    assert places.locate(Point(0.5, 0.5)).grid == "L"


def test_an_island_in_a_hole_belongs_to_the_grid_again_and_parts_far_off_too():
    rings = (box(3, 3, 7, 7), box(0, 0, 10, 10), box(20, 0, 21, 1), box(1, 1, 9, 9))
    places = Places(Registry.of([Grid("L", "lake", GridLevel.GRID, "", rings)], []))
    inside = {at: places.locate(Point(at, at)) is not None for at in (0.5, 2, 5)}
    assert inside == {0.5: True, 2: False, 5: True}
    assert places.locate(Point(0.5, 20.5)) is not None


def test_the_winding_of_a_ring_means_nothing():
    ring = box(0, 0, 10, 10)
    assert outline([ring]).equals(outline([ring[::-1]]))
    assert outline([ring, box(1, 1, 2, 2)]).area == outline([ring, box(1, 1, 2, 2)[::-1]]).area == 99


def test_a_broken_outline_never_stops_the_others():
    bow = ((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0))
    grids = [
        Grid("X", "bow tie", GridLevel.GRID, "", (bow,)),
        Grid("P", "two corners", GridLevel.GRID, "", (((0, 0), (1, 1)),)),
        EAST,
    ]
    places = Places(Registry.of(grids, []))
    assert len(places) == 2
    assert places.locate(Point(1, 1.9)).grid == "X"
    assert places.locate(Point(1, 6)).grid == "E"


def test_how_far_outside_is_told_in_metres():
    assert PLACES.metres_outside("Y", Point(1.5, 1.5)) == 0
    assert PLACES.metres_outside("Y", Point(2.001, 1.5)) == pytest.approx(111.2, abs=0.5)
    assert PLACES.metres_outside("nowhere", Point(0, 0)) is None


def test_rings_keep_holes_and_parts_through_a_shape():
    shape = shapely.MultiPolygon(
        [shapely.Polygon(box(0, 0, 9, 9), [box(1, 1, 2, 2)]), shapely.Polygon(box(20, 0, 21, 1))]
    )
    assert len(rings_of(shape)) == 3
    assert outline(rings_of(shape)).equals(shape)
    kept = geometry(Grid("G", "g", GridLevel.GRID, "", rings_of(shape)))
    assert kept["type"] == "MultiPolygon"
    assert [len(part) for part in kept["coordinates"]] == [2, 1]
    assert geometry(Grid("G", "g", GridLevel.GRID)) is None


def test_overlapping_pairs_are_told_once_with_the_smaller_first():
    shapes = {g.code: outline(g.rings) for g in (WEST, EAST, YARD, ANNEX)}
    assert overlapping(shapes) == [("E", "W"), ("Y", "W"), ("Z", "E"), ("Z", "W")]
    assert overlapping({}) == []


# A township 0.1 degree wide whose village leaves a strip of about 111 m between its two grids, and a wide hole in the east.
STRIP = 0.001
MILE = Grid("T", "town", GridLevel.TOWNSHIP, "", (box(0, 0, 0.1, 0.1),))
HAMLET = Grid("V", "village", GridLevel.VILLAGE, "T", (box(0, 0, 0.1, 0.1),))
LEFT = Grid("A", "left", GridLevel.GRID, "V", (box(0, 0, 0.02, 0.1),))
RIGHT = Grid("B", "right", GridLevel.GRID, "V", (box(0.02 + STRIP, 0, 0.05, 0.1),))
CORNER = Grid("N", "a micro-grid in the corner of the left one", GridLevel.MICRO, "A", (box(0, 0, 0.001, 0.001),))
SHARED = Grid("C", "drawn over the right one", GridLevel.GRID, "V", (box(0.04, 0, 0.05, 0.01),))
TORN = Places(Registry.of([MILE, HAMLET, LEFT, RIGHT, CORNER, SHARED], []))

SETTLED = [
    ("inside one grid", (0.01, 0.05), "A", "coordinates", ()),
    ("a micro-grid need not fill its grid, so the grid around it is meant", (0.0012, 0.0005), "A", "coordinates", ()),
    ("where two grids overlap the smaller counts, and the other is named", (0.045, 0.005), "C", "overlap", ("B",)),
    ("in a gap between two the nearer counts", (0.0203, 0.05), "A", "nearest", ("B",)),
    ("exactly between two the smaller counts", (0.0205, 0.05), "A", "nearest", ("B",)),
    ("in a wide hole what covers it counts", (0.09, 0.05), "V", "hole", ()),
    ("just outside everything the lowest of the nearest counts", (-0.0005, 0.05), "A", "nearest", ("V", "T")),
    ("outside, beside a micro-grid too", (-0.0005, 0.0005), "N", "nearest", ("A", "V", "T")),
]


@pytest.mark.parametrize(("_what", "at", "grid", "why", "others"), SETTLED, ids=[row[0] for row in SETTLED])
def test_a_point_in_an_overlap_or_a_gap_is_settled_with_the_reason(_what, at, grid, why, others):
    found = TORN.settle(Point(at[1], at[0]))
    assert found.place == Place(grid, "T", Point(at[1], at[0]), why)
    assert found.others == others
    assert (found.metres > 0) == (why == "nearest")


def test_what_is_far_from_every_grid_stays_unplaced():
    degrees = NEAR / 110_574
    assert TORN.settle(Point(0.05, -degrees * 1.05)) is None
    assert TORN.settle(Point(0.05, -degrees * 0.95)).place.grid == "A"
    assert Places(Registry()).settle(Point(0, 0)) is None


@given(st.floats(-0.002, 0.102), st.floats(-0.002, 0.102), st.integers(0, 2**32))
def test_settling_does_not_depend_on_order_and_agrees_with_a_search_through_everything(lon, lat, seed):
    shuffled = [MILE, HAMLET, LEFT, RIGHT, CORNER, SHARED]
    random.Random(seed).shuffle(shuffled)
    point = Point(lat, lon)
    found = TORN.settle(point)
    assert Places(Registry.of(shuffled, [])).settle(point) == found
    covering = TORN.covering(point)
    distances = {code: TORN.metres_outside(code, point) for code in ("ABCN" if covering else "ABCNVT")}
    if covering and covering[0] not in "VT":
        assert found.place.grid == covering[0]
    elif found is not None and found.place.why == "nearest":
        assert distances[found.place.grid] <= min(NEAR, min(distances.values()) + 0.1)
    else:
        assert (found.place.grid if found else None) == (covering[0] if covering else None)
        assert all(metres > NEAR - 0.1 for metres in distances.values())
