"""The tree of grids."""

import pytest

from ingest.events import InvalidEvent, Place, Point
from ingest.registry import Device, Grid, GridLevel, Registry

TREE = Registry.of(
    [
        Grid("C", "county", GridLevel.COUNTY),
        Grid("T", "township", GridLevel.TOWNSHIP, "C"),
        Grid("V", "village", GridLevel.VILLAGE, "T"),
        Grid("G", "grid", GridLevel.GRID, "V"),
        Grid("M", "micro-grid", GridLevel.MICRO, "G"),
        Grid("D", "a grid of the county itself", GridLevel.GRID, "C"),
        Grid("O", "an orphan", GridLevel.GRID, "gone"),
    ],
    [Device("d", "smoke", grid="G")],
    version=3,
)


def test_levels_climb_from_micro_grid_to_city():
    assert [
        level.height
        for level in ("micro", "grid", "village", "township", "county", "city")
        for level in [GridLevel(level)]
    ] == [0, 1, 2, 3, 4, 5]


def test_the_climb_starts_at_the_grid_itself():
    assert [g.code for g in TREE.ancestors("M")] == ["M", "G", "V", "T", "C"]
    assert TREE.ancestors("nowhere") == ()


TOWNSHIPS = [
    ("of a micro-grid is found four levels up", "M", "T"),
    ("of a township is itself", "T", "T"),
    ("of a county is the county, for want of a township", "C", "C"),
    ("of a grid that hangs on the county is the county", "D", "C"),
    ("of an orphan is itself", "O", "O"),
    ("of an unknown code is nothing", "nowhere", ""),
]


@pytest.mark.parametrize(("_what", "code", "township"), TOWNSHIPS, ids=["the township " + row[0] for row in TOWNSHIPS])
def test_every_grid_has_one_township(_what, code, township):
    assert TREE.township_of(code) == township


def test_a_circle_ends_the_climb_instead_of_hanging():
    circle = Registry.of([Grid("A", "a", GridLevel.GRID, "B"), Grid("B", "b", GridLevel.VILLAGE, "A")], [])
    assert [g.code for g in circle.ancestors("A")] == ["A", "B"]
    assert circle.township_of("A") == "B"


def test_a_place_in_a_grid_says_how_it_was_found():
    assert TREE.place_in("G", Point(1, 2), "registry") == Place("G", "T", Point(1, 2), "registry")


@pytest.mark.parametrize("code", ["", "x" * 25])
def test_a_code_has_1_to_24_characters(code):
    with pytest.raises(InvalidEvent, match="24"):
        Grid(code, "name", GridLevel.GRID)
