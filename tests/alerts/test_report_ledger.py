"""Reports in every ledger: filed once, listed only when the log has them, found with their case, and with bounded room for pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.alert import Alert
from alerts.ledger import open_ledger
from alerts.reports import Filed, Picture, Room
from alerts.work import Work
from ingest.events import Place, Point, Report
from streams.signal import Level
from tests.alerts.memory_ledger import MemoryLedger

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
PLACE = Place("g1", "t1", Point(30.0, 103.0), "chosen")
ROOM = Room(1000, timedelta(days=30))
SEEN = Picture("image/jpeg", b"seen" * 25)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    url = (
        f"sqlite:///{tmp_path}/l.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres").new_database()
    )
    opened = open_ledger(url)
    yield opened
    opened.close()


def filed(ident: str = "R-1", minutes: float = 0, **but: Any) -> Filed:
    at = NOW + timedelta(minutes=minutes)
    report = Report(ident, "patrol", "road", "坑", at, at, reporter="p1", told="notice", pictures=1, place=PLACE)
    return Filed(report, but.pop("source", "patrol/p1"), **but)


def kept(ledger: Any, *idents: str) -> None:
    for number, ident in enumerate(idents):
        ledger.reports.file(filed(ident, number), [SEEN], ROOM)
        ledger.reports.logged(ident)


def test_a_report_comes_back_as_it_was_filed(ledger: Any) -> None:
    one = filed(caller="sealed", caller_masked="+86***01")
    assert ledger.reports.get("R-1") is None
    assert ledger.reports.file(one, [SEEN], ROOM) == one
    assert ledger.reports.get("R-1") == one
    assert ledger.reports.picture("R-1", 1) == SEEN
    assert ledger.reports.picture("R-1", 2) is None


def test_filed_again_it_stays_as_it_was_first(ledger: Any) -> None:
    ledger.reports.file(filed(), [SEEN], ROOM)
    again = replace(filed(minutes=5), caller="other")
    assert ledger.reports.file(again, [Picture("image/png", b"other")], ROOM) == filed()
    assert ledger.reports.picture("R-1", 1) == SEEN


def test_what_the_log_never_had_is_listed_nowhere(ledger: Any) -> None:
    kept(ledger, "R-1", "R-2")
    ledger.reports.file(filed("R-3", 9), [], ROOM)
    assert [f.id for f in ledger.reports.some(["R-3", "R-2", "R-9"])] == ["R-2", "R-3"], "but by the case that names it"
    assert [f.id for f in ledger.reports.last("p1")] == ["R-2", "R-1"]
    assert (ledger.reports.last("p1", 1)[0].id, ledger.reports.last("p2"), ledger.reports.some([])) == ("R-2", [], [])
    assert ledger.reports.get("R-3").logged is False


def test_what_a_source_sent_lately_is_counted_taken_or_not(ledger: Any) -> None:
    kept(ledger, "R-1", "R-2", "R-3")
    assert ledger.reports.sent("patrol/p1", NOW + timedelta(minutes=1)) == 2
    assert ledger.reports.sent("patrol/p2", NOW) == 0


def test_the_oldest_pictures_make_room_and_old_ones_leave(ledger: Any) -> None:
    room = Room(250, timedelta(days=1))
    for number in range(4):
        ledger.reports.file(filed(f"R-{number}", number), [SEEN], room)
    assert [ledger.reports.picture(f"R-{n}", 1) is not None for n in range(4)] == [False, False, True, True]
    ledger.reports.file(filed("R-9", 1 + 24 * 60 + 2), [SEEN], room)
    assert [ledger.reports.picture(f"R-{n}", 1) is not None for n in (2, 3, 9)] == [False, True, True]
    assert ledger.reports.get("R-0") is not None, "the report itself stays"


def test_its_case_is_found_also_where_it_was_merged_into_another(ledger: Any) -> None:
    kept(ledger, "R-1")
    one = ledger.reports.get("R-1")
    assert ledger.reports.case_of(one) is None
    stages = {"raised_at": NOW}
    child, root = (
        Alert(ident, ident, "road", Level.BLUE, PLACE, stages=stages, last_seen=NOW) for ident in ("a1", "a2")
    )
    with ledger.transaction() as tx:
        saved = tx.save(child, [])
        tx.save(root, [])
        tx.hold({one.signal: "a1"})
    assert ledger.reports.case_of(one).id == "a1"
    with ledger.transaction() as tx:
        tx.save(replace(saved, work=Work(merged_into="a2")), [])
    assert ledger.reports.case_of(one).id == "a2"
