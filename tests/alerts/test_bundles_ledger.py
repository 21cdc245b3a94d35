"""What every ledger keeps about held notices, groups and what was let go, whichever database is under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.alert import Alert, Notice, NoticeState, Reason
from alerts.delivery.bundles import Bundle, Lane, Part
from alerts.ledger import open_ledger
from alerts.ledger.bundles import MOST
from alerts.ledger.port import Ledger
from alerts.quiet.budgets import Let
from alerts.quiet.grouping import Group, Log, Now
from ingest.events import Place
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.alerts.quiet.bells import HOUR, MINUTE, NOW

LANE = Lane("p1", "sms")
GROUP = Group("g", "p1", "sms", "yellow", NOW + MINUTE, Log(frozenset("ab"), frozenset("c"), NOW), NOW + HOUR, "n1")
FRESH = Group("h", "p2", "sms", "blue", NOW)


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


def notice(key: str, **but: object) -> Notice:
    made = Notice(key, "a1", "p1", "李四", "leader", "g1", "sms", Reason.FIRST, Level.YELLOW, "水位", NOW, NOW)
    return replace(made, state=NoticeState.HELD, **but)


def queue(ledger: Ledger, *notices: Notice) -> None:
    with ledger.transaction() as tx:
        tx.save(
            Alert("a1", "water/a1", "water", Level.YELLOW, Place("g1", "t1"), stages={"raised_at": NOW}, last_seen=NOW),
            [],
        )
        tx.queue(notices)


def test_what_is_held_is_not_handed_out_and_is_found_by_its_lane(ledger: Ledger) -> None:
    mine = notice("n1", bundle="g", turn=0)
    queue(ledger, mine, notice("n2", carrier="c1"), notice("n3", channel="voice"), notice("n4", person="p2"))
    assert ledger.lease_notices(NOW, limit=10, lease=MINUTE) == []
    with ledger.transaction() as tx:
        assert tx.bundles.held([LANE]) == [mine]
        assert [n.key for n in tx.bundles.riders("c1")] == ["n2"]
        assert tx.bundles.riders("nothing") == []
        assert {k: len(v) for k, v in tx.bundles.of_alerts(["a1", "a2"]).items()} == {"a1": 4, "a2": 0}


def test_lanes_fall_due_by_what_is_held_and_by_groups_that_are_told_again(ledger: Ledger) -> None:
    queue(ledger, notice("n1", due_at=NOW + MINUTE), notice("n2", person="p3", carrier="c1"))
    with ledger.transaction() as tx:
        tx.bundles.keep_groups([GROUP, FRESH])
    assert ledger.due_lanes(NOW, limit=10) == []
    assert ledger.next_due() == NOW + MINUTE
    assert ledger.due_lanes(NOW + MINUTE, limit=10) == [LANE]
    with ledger.transaction() as tx:
        tx.update(notice("n1", due_at=NOW + 2 * HOUR))
    assert ledger.next_due() == NOW + HOUR
    assert ledger.due_lanes(NOW + HOUR, limit=10) == [LANE]
    assert ledger.due_lanes(NOW + 9 * HOUR, limit=1) == [LANE], "each once"


def test_groups_messages_and_what_was_let_go_come_back_equal(ledger: Ledger) -> None:
    bundle = Bundle("c1", "group_first", (Part("g", Now(frozenset("a"), frozenset("b"), frozenset("c"))),))
    lets = (Let(NOW - HOUR, ""), Let(NOW, "words"))
    with ledger.transaction() as tx:
        tx.bundles.keep_groups([GROUP, FRESH])
        tx.bundles.keep_bundle(bundle)
        tx.bundles.keep_let_go({LANE: lets})
    with ledger.transaction() as tx:
        assert tx.bundles.groups(["g", "h", "x"]) == {"g": GROUP, "h": FRESH}
        assert tx.bundles.repeating([LANE], NOW) == {}
        assert tx.bundles.repeating([LANE], NOW + HOUR) == {"g": GROUP}
        assert tx.bundles.repeating([Lane("p1", "voice")], NOW + HOUR) == {}
        assert tx.bundles.bundle("c1") == bundle
        assert tx.bundles.bundle("c2") is None
        assert tx.bundles.let_go([LANE, Lane("p1", "voice")]) == {LANE: lets}
        after = replace(GROUP, log=None, repeat_at=None, carrier="", flush_at=NOW + HOUR)
        tx.bundles.keep_groups([after])
        tx.bundles.keep_let_go({LANE: lets[1:]})
    with ledger.transaction() as tx:
        assert tx.bundles.groups(["g"]) == {"g": after}
        assert tx.bundles.let_go([LANE]) == {LANE: lets[1:]}


def test_worst_first_then_by_turn_then_the_oldest(ledger: Ledger) -> None:
    def queued(key: str, level: Level, turn: int, age: int) -> Notice:
        return replace(notice(key, level=level, turn=turn, created_at=NOW - age * MINUTE), state=NoticeState.QUEUED)

    rows = [
        queued("rest", Level.YELLOW, 2, 9),
        queued("nothing yet", Level.YELLOW, 1, 1),
        queued("first", Level.YELLOW, 0, 0),
        queued("blue", Level.BLUE, 0, 99),
        queued("red", Level.RED, 1, 0),
        queued("older", Level.YELLOW, 1, 2),
    ]
    queue(ledger, *rows)
    taken = ledger.lease_notices(NOW, limit=10, lease=timedelta(seconds=12))
    assert [n.key for n in taken] == ["red", "first", "older", "nothing yet", "rest", "blue"]


def test_what_is_due_now_is_found_however_much_waits_for_tomorrow(ledger: Ledger) -> None:
    later = [notice(f"n{n:03}", channel="voice" if n % 2 else "sms", due_at=NOW + 24 * HOUR) for n in range(2 * MOST)]
    queue(ledger, *later, notice("due", created_at=NOW + MINUTE, due_at=NOW + MINUTE))
    assert ledger.due_lanes(NOW + MINUTE, limit=5) == [LANE]
    with ledger.transaction() as tx:
        assert tx.bundles.held([LANE])[-1].key == "due", "or its lane would be due for a day, and nothing would go"
