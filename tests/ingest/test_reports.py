"""Where a report belongs and when it was: position, chosen place, address, catcher; one number for one key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.events import InvalidEvent, Mark, Place, Point, Report, decode, encode
from ingest.gateway import Gateway
from ingest.log import record_of
from ingest.places import Places
from ingest.registry import Grid, GridLevel, Registry
from ingest.reports import Said, number_of, placed, report_of
from ingest.settings import GatewaySettings
from ingest.topics import Topic, partition_of

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
EAST = ((103.0, 30.0), (103.1, 30.0), (103.1, 30.1), (103.0, 30.1))
WEST = ((102.9, 30.0), (103.0, 30.0), (103.0, 30.1), (102.9, 30.1))
REGISTRY = Registry.of(
    [
        Grid("t", "柳溪镇", GridLevel.TOWNSHIP),
        Grid("v1", "东街村", GridLevel.VILLAGE, "t"),
        Grid("v2", "西街村", GridLevel.VILLAGE, "t"),
        Grid("g1", "第一网格", GridLevel.GRID, "v1", (EAST,)),
        Grid("g2", "第一网格", GridLevel.GRID, "v2", (WEST,)),
    ],
    (),
)
PLACES = Places(REGISTRY)
GATEWAY = Gateway(REGISTRY, lambda point, _=None: PLACES.locate(point), GatewaySettings(), ())
IN_EAST, IN_WEST, NOWHERE = Point(30.05, 103.05), Point(30.05, 102.95), Point(31.0, 100.0)
SAID = Said("place/g1/-", "a-key-of-its-own", "resident", "manhole", "井盖没了", told="page")


def report(said: Said, at: datetime = NOW) -> Report:
    return report_of(said, REGISTRY, GATEWAY.locate, GATEWAY.dated, at)


@pytest.mark.parametrize(
    ("says", "but", "grid", "why", "point"),
    [
        ("the position counts first", {"point": IN_WEST, "grid": "g1"}, "g2", "coordinates", IN_WEST),
        ("a coarse position is none", {"point": IN_WEST, "accuracy": 800.0, "grid": "g1"}, "g1", "chosen", None),
        ("a position that no grid covers leaves the choice", {"point": NOWHERE, "grid": "g1"}, "g1", "chosen", NOWHERE),
        ("the chosen place has its own point", {"grid": "g1", "here": IN_EAST}, "g1", "chosen", IN_EAST),
        ("an address names a village", {"address": "柳溪镇东街村老井旁"}, "v1", "address", None),
        ("and the grid in it, where two are called alike", {"address": "柳溪镇西街村第一网格 3 号"}, "g2", "address", None),
        ("a name that two have says which level above is meant", {"address": "柳溪镇第一网格"}, "t", "address", None),
        ("a name without anything above it says nothing", {"address": "第一网格"}, "", "catcher", None),
        ("nothing known: the catcher", {}, "", "catcher", None),
    ],
)  # fmt: skip
def test_a_report_is_placed_and_says_how(says: str, but: dict, grid: str, why: str, point: Point | None) -> None:
    found = placed(replace(SAID, **but), REGISTRY, GATEWAY.locate, NOW)
    assert (found.grid, found.why, found.point) == (grid, why, point), says
    assert found.township == ("t" if grid else "")
    marked = report(replace(SAID, **but)).marks
    assert bool(marked & Mark.UNPLACED) is not bool(grid)


def test_the_same_key_of_the_same_source_is_the_same_report_and_of_another_is_not() -> None:
    assert number_of("patrol/p1", "k") == number_of("patrol/p1", "k") != number_of("patrol/p2", "k")
    assert number_of("patrol/p1", "k") != number_of("patrol/p1", "k2")


def test_it_is_dated_as_everything_else_is() -> None:
    assert (report(SAID).observed_at, report(SAID).marks & Mark.LATE) == (NOW, Mark.NONE)
    late = report(replace(SAID, at=NOW - timedelta(days=1)))
    assert late.marks & Mark.LATE
    assert late.marks.mutes, "what was seen yesterday does not ring as if new (law 10)"


def test_numbers_of_persons_in_what_was_written_are_masked() -> None:
    made = report(replace(SAID, text="打我电话 13812345678", address="王五 13912345678 家"))
    assert "12345678" not in made.text + made.address


def test_a_place_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(InvalidEvent, match="no grid"):
        report(replace(SAID, grid="g9"))


@pytest.mark.parametrize(
    ("says", "but"),
    [
        ("another origin", {"origin": "hotline"}),
        ("a patrol without whoever it was", {"origin": "patrol", "reporter": ""}),
        ("a kind without a name", {"kind": ""}),
        ("a novel", {"text": "字" * 4001}),
        ("a time without its offset", {"observed_at": datetime(2026, 5, 1)}),  # noqa: DTZ001
    ],
)
def test_a_report_that_cannot_be_is_none(says: str, but: dict) -> None:
    with pytest.raises(InvalidEvent) as caught:
        replace(report(SAID), **but)
    assert str(caught.value), says


def test_it_travels_with_the_calls_of_its_township() -> None:
    made = replace(report(SAID), place=Place("g1", "t", IN_EAST, "chosen"), marks=Mark.DRILL)
    record = record_of(made, 12)
    assert (record.topic, record.partition, record.key) == (Topic.CALLS, partition_of("t", 12), b"t")
    assert decode(record.value) == decode(encode(made)) == made
