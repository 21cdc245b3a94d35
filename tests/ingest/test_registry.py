"""The tree of grids."""

from dataclasses import replace
from datetime import UTC, datetime

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


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


OLD = Grid("G", "as it was", GridLevel.GRID, "V1", valid_to=day(10))
NEW = Grid("G", "redrawn", GridLevel.GRID, "V2", valid_from=day(8))
GONE = Grid("X", "given up", GridLevel.GRID, "V1", valid_to=day(5))
VILLAGES = [Grid("V1", "one", GridLevel.VILLAGE), Grid("V2", "two", GridLevel.VILLAGE)]
DATED = Registry.of([NEW, OLD, GONE, *VILLAGES], [])


@pytest.mark.parametrize(
    ("sentence", "at", "name", "above"),
    [
        ("before it is redrawn the old one is in force", day(7), "as it was", "V1"),
        ("from the instant of the new one on it counts, although the old one has not ended", day(8), "redrawn", "V2"),
        ("and goes on", day(20), "redrawn", "V2"),
    ],
)
def test_a_grid_is_the_one_of_its_time(sentence: str, at: datetime, name: str, above: str) -> None:
    seen = DATED.at(at)
    assert seen.grids["G"].name == name, sentence
    assert [g.code for g in seen.ancestors("G")] == ["G", above]
    assert [g.code for g in DATED.ancestors("G", at)] == ["G", above]
    assert DATED.place_in("G", None, "registry", at).township == above


def test_what_has_ended_is_in_the_tree_of_its_time_only() -> None:
    assert "X" in DATED.at(day(4)).grids
    assert "X" not in DATED.at(day(5)).grids
    assert DATED.at(day(5)).ancestors("X") == ()
    assert [g.code for g in DATED.at(day(5)).ancestors("X", day(4))] == ["X", "V1"]
    assert DATED.edges() == (day(5), day(8), day(10))
    assert set(DATED.every_grid()) == {NEW, OLD, GONE, *VILLAGES}
    assert DATED.at(day(9)).at(day(4)) == DATED.at(day(4))


def test_a_tree_without_dates_is_the_same_at_any_instant() -> None:
    plain = Registry.of(VILLAGES, [])
    assert plain.at(day(1)) is plain
    assert plain.edges() == ()


def test_of_two_grids_of_one_code_and_one_beginning_the_later_counts() -> None:
    again = replace(NEW, name="again")
    assert Registry.of([NEW, OLD, again], []).at(day(9)).grids["G"].name == "again"


@pytest.mark.parametrize(
    ("sentence", "dates", "said"),
    [
        ("a grid that ends before it begins", {"valid_from": day(2), "valid_to": day(2)}, "ends before it begins"),
        ("a date without its offset", {"valid_from": datetime(2026, 1, 1)}, "must carry its offset"),  # noqa: DTZ001
    ],
)
def test_a_grid_with_impossible_dates_cannot_be(sentence: str, dates: dict[str, datetime], said: str) -> None:
    with pytest.raises(InvalidEvent, match=said):
        Grid("G", sentence, GridLevel.GRID, **dates)


def test_the_line_of_a_grid_that_is_no_more_is_the_one_it_had_last() -> None:
    seen = DATED.at(day(20))
    assert [g.code for g in seen.line("X", day(20))] == ["X", "V1"]
    assert [g.code for g in seen.line("G", day(3), day(20))] == ["G", "V1"]
    assert [g.code for g in seen.line("G")] == ["G", "V2"]
    assert seen.line("nowhere", day(1)) == ()
