"""What every ledger keeps about when not to ring, whichever database is under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Handling
from alerts.ledger import open_ledger
from alerts.ledger.port import Ledger
from alerts.quiet.bell import Matcher
from alerts.quiet.book import Change, QuietBook
from alerts.quiet.drill import Drill
from alerts.quiet.flapping import Flap
from alerts.quiet.hours import daytime
from alerts.quiet.maintenance import Window
from ingest.events import Place
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.alerts.quiet.bells import HOUR, LENGTHS, NOW, silenced

FULL = Matcher(("fire",), (Level.ORANGE, Level.BLUE), ("g1", "t1"), ("s1",), ("rule",), ("gw",))
SILENCE = silenced(FULL, hours=2, approved_by="乙", approved_at=NOW)
WINDOW = Window("w1", Matcher(kinds=("water",)), (0, 6), daytime("22:00-02:00"), "甲", "检修", NOW, NOW + 90 * HOUR)
DRILL = Drill("d1", "演练", Matcher(grids=("t1",)), ("p1", "p2"), "甲", NOW, NOW + HOUR, ("乙", "丙"), NOW)
RULES = (SILENCE, WINDOW, DRILL)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres").new_ledger() if postgres else empty_ledger(tmp_path)
    opened = open_ledger(url)
    yield opened
    opened.close()


def written(ledger: Ledger) -> Ledger:
    for one in RULES:
        with ledger.transaction() as tx:
            tx.quiet.put(one, Change(one.id, NOW, "created", one.by))
    return ledger


def test_what_is_written_comes_back_equal(ledger: Ledger) -> None:
    written(ledger)
    assert ledger.quiet.book() == QuietBook((SILENCE,), (WINDOW,), (DRILL,))
    assert [ledger.quiet.rule(one.id) for one in RULES] == list(RULES)
    assert ledger.quiet.rule("nothing") is None


@pytest.mark.parametrize(
    ("says", "after", "left"),
    [
        ("all of them at first", timedelta(), 3),
        ("a drill is over at its end", HOUR, 2),
        ("a silence too", 2 * HOUR, 1),
        ("a window on its last day", 90 * HOUR, 0),
    ],
)
def test_the_book_of_an_instant_has_what_is_not_over(ledger: Ledger, says: str, after: timedelta, left: int) -> None:
    book = written(ledger).quiet.book(NOW + after)
    assert len((*book.silences, *book.windows, *book.drills)) == left, says


def test_what_was_ended_early_leaves_the_book_and_its_changes_stay(ledger: Ledger) -> None:
    written(ledger)
    ended = replace(SILENCE, ended_by="丙", ended_at=NOW + timedelta(minutes=5))
    with ledger.transaction() as tx:
        assert tx.quiet.rule(SILENCE.id) == SILENCE
        tx.quiet.put(ended, Change(ended.id, NOW + timedelta(minutes=5), "ended", "丙"))
        assert tx.quiet.book(NOW + timedelta(minutes=5)).silences == (), "the transaction sees its own writing"
    assert ledger.quiet.book(NOW).silences == (ended,)
    assert ledger.quiet.rule(ended.id) == ended
    told = [(c.what, c.by, c.at) for c in ledger.quiet.changes(ended.id)]
    assert told == [("created", "甲", NOW), ("ended", "丙", NOW + timedelta(minutes=5))]


def test_a_change_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def broken() -> None:
        with ledger.transaction() as tx:
            tx.quiet.put(SILENCE, Change(SILENCE.id, NOW, "created", "甲"))
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        broken()
    assert ledger.quiet.book() == QuietBook()
    assert ledger.quiet.changes(SILENCE.id) == []


def test_flaps_are_remembered_and_overwritten(ledger: Ledger) -> None:
    once, again = Flap((False, True, False), NOW), Flap((True,) * 21, NOW + HOUR, flapping=True)
    with ledger.transaction() as tx:
        tx.quiet.keep_flaps({"a|r": once, "b|r": once})
    with ledger.transaction() as tx:
        tx.quiet.keep_flaps({"a|r": again})
        tx.quiet.keep_flaps({})
    with ledger.transaction() as tx:
        assert tx.quiet.flaps(["a|r", "b|r", "c|r"]) == {"a|r": again, "b|r": once}
        assert tx.quiet.flaps([]) == {}


def alert(ident: str, level: Level, grid: str = "g1", **but: object) -> Alert:
    made = Alert(
        ident,
        f"x/{ident}",
        "fire",
        level,
        Place(grid, "t1"),
        subjects=(f"s-{ident}",),
        stages={"raised_at": NOW},
        last_seen=NOW,
    )
    return replace(made, **but)


def test_open_alerts_that_are_worse_are_found_by_place_and_by_what_they_speak_of(ledger: Ledger) -> None:
    alerts = [
        alert("r", Level.RED), alert("o", Level.ORANGE), alert("y", Level.YELLOW), alert("other", Level.RED, "g2"),
        alert("over", Level.RED, handling=Handling.CLOSED),
    ]  # fmt: skip
    with ledger.transaction() as tx:
        tx.save_all([(a, []) for a in alerts])
    with ledger.transaction() as tx:
        assert [a.id for a in tx.quiet.worst_at("g1", Level.YELLOW)] == ["r", "o"]
        assert [a.id for a in tx.quiet.worst_at("g1", Level.RED)] == []
        assert tx.quiet.bad_grids(Level.YELLOW) == {"g1", "g2"}
        assert tx.quiet.bad_grids(Level.RED) == {"g1", "g2"}
        assert [a.id for a in tx.quiet.open_about(["s-y", "s-over", "s-r", "nothing"])] == ["r", "y"]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=6)
matchers = st.builds(
    Matcher,
    *(
        st.lists(texts, max_size=2).map(tuple)
        if n != 1
        else st.lists(st.sampled_from(list(Level)), max_size=2).map(tuple)
        for n in range(6)
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(matchers, texts)
def test_any_matcher_comes_back_equal(ledger: Ledger, matcher: Matcher, reason: str) -> None:
    one = replace(silenced(), matcher=matcher, reason=reason)
    with ledger.transaction() as tx:
        tx.quiet.put(one, Change(one.id, NOW, "created", "甲"))
    assert ledger.quiet.rule(one.id) == one
    assert one.until(LENGTHS) > NOW
