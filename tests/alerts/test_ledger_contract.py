"""What every ledger holds, whichever database is under it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Condition, Entry, Handling, Notice, NoticeState, Reason, Step
from alerts.dispatch.scene import Scene
from alerts.ledger import open_ledger, tables
from alerts.ledger.port import BadCursor, Conflict, Filter, Ledger, LedgerUnavailable, NotAdopted
from alerts.ledger.rows import alert_of, alert_row, cell, cells_around
from alerts.ledger.tables import as_json
from alerts.people.duty import Duty, DutyKind
from alerts.people.roster import Part, Person, Roster
from alerts.policy import load_policies
from alerts.whistle.whistling import Wanted, attend, blow, call_off, report
from alerts.work import Work
from ingest.events import Mark, Place, Point
from ingest.registry import Device, Grid, GridLevel
from ingest.unknown import UnknownDevice
from streams.signal import Level
from tests.alerts.empty_ledger import empty_ledger

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return empty_ledger(tmp_path)
    return request.getfixturevalue("postgres").new_ledger()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = open_ledger(url)
    yield opened
    opened.close()


def alert(ident: str = "a1", **but: object) -> Alert:
    made = Alert(
        id=ident, identity=f"fire/{ident}", kind="fire", level=Level.RED, place=Place("g1", "t1", Point(30.5, 120.25), "registry"),
        origins=("sensor",), subjects=(f"device-{ident}",), rules=("smoke",), stages={"raised_at": NOW}, last_seen=NOW,
    )  # fmt: skip
    return replace(made, **but)


def entry(ident: str, what: str = "raised", at: datetime = NOW) -> Entry:
    return Entry(ident, at, what)


def notice(key: str, **but: object) -> Notice:
    made = Notice(key, "a1", "p1", "李四", "leader", "g1", "sms", Reason.FIRST, Level.RED, "火警", NOW, NOW)
    return replace(made, **but)


def save(ledger: Ledger, *alerts: Alert) -> list[Alert]:
    with ledger.transaction() as tx:
        return tx.save_all([(a, [entry(a.id)]) for a in alerts])


def queue(ledger: Ledger, *notices: Notice) -> int:
    with ledger.transaction() as tx:
        return tx.queue(notices)


BLOWN = blow(2, Wanted("清溪镇", "t1", "street_stalls", "夜市"), load_policies().whistle, NOW).whistle
OPEN = report(attend(BLOWN, "city", "甲", NOW + timedelta(microseconds=1)).whistle, "city", "甲", "已清理", NOW).whistle
DONE = call_off(OPEN, "清溪镇", "已散", NOW).whistle
FULL = alert(
    condition=Condition.CLEARED, handling=Handling.ON_SCENE, origins=("sensor", "camera"), rules=("smoke", "sight"), count=7,
    text="厨房起火 'quoted' \"twice\"", value=0.61, marks=Mark.TEST | Mark.LATE, assignee="p1", step=2, reached="g1", policy="fire-red",
    stages={"raised_at": NOW, "event_at": NOW - timedelta(microseconds=1)}, chain=(Step(0.0, "grid", ("sms", "voice")), Step(8.5, "up", ())),
    escalate_at=NOW + timedelta(microseconds=1_234_567), active_keys=("k1", "k2"), outcome="扑灭",
)  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        ("an alert with nothing but what it must have", Alert("a1", "i", "gas", Level.BLUE, Place())),
        ("an alert with everything", FULL),
        ("an alert without a point", alert(place=Place("g1", "t1"))),
        ("an alert at the date line, south", alert(place=Place("g", "t", Point(-89.999, 179.9999)))),
        ("a case that was whistled for", alert(work=Work(whistles=(DONE, OPEN)))),
        ("a time with another offset", alert(last_seen=NOW.astimezone(timezone(timedelta(hours=8))))),
    ],
)
def test_what_is_saved_comes_back_equal(ledger: Ledger, sentence: str, value: Alert) -> None:
    assert save(ledger, value) == [replace(value, version=1)]
    assert ledger.alert("a1") == replace(value, version=1)


def test_several_cases_come_in_the_order_in_which_they_are_asked_for(ledger: Ledger) -> None:
    one, two = save(ledger, alert("a1"), alert("a2"))
    assert ledger.alerts(["a2", "nobody", "a1", "a2"]) == [two, one]
    assert ledger.alerts([]) == []


def test_cases_with_an_open_whistle_are_listed_the_oldest_first(ledger: Ledger) -> None:
    later = {"raised_at": NOW + timedelta(hours=1)}
    save(
        ledger,
        alert("a1", work=Work(whistles=(DONE, OPEN)), stages=later),
        alert("a2", work=Work(whistles=(OPEN,)), stages={"raised_at": NOW}),
        alert("a3", work=Work(whistles=(DONE,))),
        alert("a4"),
    )
    assert [a.id for a in ledger.whistled()] == ["a2", "a1"]
    assert [a.id for a in ledger.whistled(limit=1)] == ["a2"]
    (known,) = [a for a in ledger.whistled() if a.id == "a2"]
    save(ledger, replace(known, work=Work(whistles=(DONE,))))
    assert [a.id for a in ledger.whistled()] == ["a1"]


def test_the_cases_of_people_are_those_that_are_open_and_those_of_late_the_newest_first(ledger: Ledger) -> None:
    def of(ident: str, person: str, hours: float, handling: Handling = Handling.DISPATCHED) -> Alert:
        stages = {"raised_at": NOW - timedelta(hours=hours)}
        return alert(ident, assignee=person, handling=handling, stages=stages)

    save(
        ledger,
        of("a1", "p1", 90),
        of("a2", "p1", 1, Handling.CLOSED),
        of("a3", "p1", 30, Handling.CLOSED),
        of("a4", "p2", 0),
        of("a5", "p3", 0),
        of("a6", "", 0),
        replace(of("a7", "p5", 2), work=Work(scene=Scene("乙", NOW, NOW, "p2"))),  # given to another while p2 is there
    )
    day = NOW - timedelta(hours=24)
    assert [a.id for a in ledger.given_to(("p1", "p2", "nobody"), day)] == ["a4", "a2", "a7", "a1"]
    assert ledger.given_to(("p4", ""), day) == []
    assert ledger.given_to((), day) == []


def test_an_unknown_alert_is_none(ledger: Ledger) -> None:
    assert ledger.alert("nobody") is None
    with ledger.transaction() as tx:
        assert tx.alert("nobody") is None
        assert tx.notice("nothing") is None
        assert tx.alerts(["nobody"]) == []


def test_a_stale_alert_conflicts_and_changes_nothing(ledger: Ledger) -> None:
    (first,) = save(ledger, alert())
    save(ledger, replace(first, text="theirs"))
    with pytest.raises(Conflict, match="read it again"):
        save(ledger, alert("a2"), replace(first, text="mine"))
    assert ledger.alert("a1").text == "theirs"
    assert ledger.alert("a2") is None
    assert len(ledger.timeline("a1")) == 2


def test_a_new_alert_that_exists_already_conflicts(ledger: Ledger) -> None:
    save(ledger, alert())
    with pytest.raises(Conflict):
        save(ledger, alert(text="again"))


def test_an_exception_undoes_everything(ledger: Ledger) -> None:
    class Changed(Exception):
        pass

    with pytest.raises(Changed), ledger.transaction() as tx:  # noqa: PT012  # all of it must be undone
        tx.save(alert(), [entry("a1")])
        tx.queue([notice("n1")])
        tx.hold({"k": "a1"})
        assert tx.notices("a1")  # asking writes what was gathered
        raise Changed
    assert ledger.alert("a1") is None
    assert ledger.outbox() == []
    assert ledger.last_seq() == 0
    with ledger.transaction() as tx:
        assert tx.holding(["k"]) == {}


def test_a_transaction_sees_what_it_has_written(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        saved = tx.save(alert(), [entry("a1")])
        assert tx.alert("a1") == saved
        assert tx.alerts(["a1", "a1", "zz"]) == [saved]
        assert tx.open_with(["fire/a1"]) == [saved]
        assert tx.open_alerts(townships=["t1"], kinds=["fire"]) == [saved]
        again = tx.save(replace(saved, text="more"), [entry("a1", "changed")])
        assert again.version == 2
        assert tx.open_alerts(townships=["t1"], kinds=["fire"]) == [again]
        third = tx.save(replace(again, handling=Handling.CLOSED), [])
        assert tx.open_with(["fire/a1"]) == []
        tx.queue([notice("n1")])
        assert tx.notice("n1") == notice("n1")
        tx.update(notice("n1", state=NoticeState.CANCELLED))
        assert [n.state for n in tx.notices("a1")] == [NoticeState.CANCELLED]
        tx.hold({"k": "a1"})
        assert tx.holding(["k", "unknown"]) == {"k": "a1"}
    assert ledger.alert("a1") == third
    assert [e.what for e in ledger.timeline("a1")] == ["raised", "changed"]


def test_a_signal_is_held_once_and_for_good(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.hold({"k1": "a1", "k2": "a2"})
    with ledger.transaction() as tx:
        assert tx.holding(["k1", "k2", "k3"]) == {"k1": "a1", "k2": "a2"}
        tx.hold({"k1": "another"})
    with ledger.transaction() as tx:
        assert tx.holding(["k1"]) == {"k1": "a1"}


def test_only_what_is_open_and_in_question_may_be_merged_with(ledger: Ledger) -> None:
    near, far = Point(30.503, 120.253), Point(31.5, 121.5)
    save(
        ledger, alert("same-grid", place=Place("g1", "t1", far)), alert("next-door", place=Place("g2", "t1", near)),
        alert("elsewhere", place=Place("g3", "t1", far)), alert("no-point", place=Place("g4", "t1")), alert("other-town", place=Place("g1", "t2")),
        alert("other-kind", kind="gas"), alert("over", handling=Handling.CLOSED), alert("old", last_seen=NOW - timedelta(hours=2)),
    )  # fmt: skip

    def found(**narrowed: object) -> set[str]:
        with ledger.transaction() as tx:
            return {a.id for a in tx.open_alerts(townships=["t1"], kinds=["fire"], **narrowed)}

    here = [Place("g1", "t1", Point(30.5, 120.25))]
    assert found() == {"same-grid", "next-door", "elsewhere", "no-point", "old"}
    assert found(near=here) == {"same-grid", "next-door", "old"}
    assert found(near=here, since=NOW - timedelta(hours=1)) == {"same-grid", "next-door"}
    assert found(near=[Place("g4", "t1")]) == {"no-point"}


@given(
    lat=st.floats(-59, 59), lon=st.floats(-180, 180), north=st.floats(-0.0044, 0.0044), east=st.floats(-0.0044, 0.0044)
)
def test_whatever_is_within_half_a_kilometre_shares_a_cell_with_the_neighbourhood(
    lat: float, lon: float, north: float, east: float
) -> None:
    there = lon + 2 * east
    there = there - 360 if there > 180 else there + 360 if there < -180 else there
    assert cell(Point(lat + north, there)) in cells_around(Point(lat, lon))


def test_a_notice_exists_once_however_often_it_is_decided(ledger: Ledger) -> None:
    assert queue(ledger, notice("n1"), notice("n2"), notice("n1", text="repeat")) == 2
    assert queue(ledger, notice("n1", text="later"), notice("n3")) == 1
    assert [(n.key, n.text) for n in ledger.outbox(alert="a1")] == [("n1", "火警"), ("n2", "火警"), ("n3", "火警")]
    assert ledger.notices_of(["a1", "nobody"]) == {"a1": ledger.outbox(alert="a1"), "nobody": []}
    assert ledger.notices_of([]) == {}


def test_a_notice_changes_and_is_found_by_its_providers_name(ledger: Ledger) -> None:
    queue(ledger, notice("n1"), notice("n2", alert="a2", channel="voice"))
    done = notice(
        "n1", state=NoticeState.DELIVERED, attempts=2, provider_id="SM1", error="e", sent_at=NOW, delivered_at=NOW + SECOND, finished_at=NOW,
    )  # fmt: skip
    with ledger.transaction() as tx:
        tx.update(done)
    assert ledger.notice_by_provider_id("SM1") == done
    assert ledger.notice_by_provider_id("") is None
    assert ledger.outbox(states=["delivered"]) == [done]
    assert [n.key for n in ledger.outbox(alert="a2")] == ["n2"]
    assert len(ledger.outbox(limit=1)) == 1


def test_a_page_shows_the_worst_and_newest_first_and_its_cursor_walks_past_each_once(ledger: Ledger) -> None:
    levels = [Level.BLUE, Level.RED, Level.YELLOW, Level.RED, Level.ORANGE]
    made = [alert(f"a{i:02}", level=levels[i % 5], stages={"raised_at": NOW + (i // 2) * SECOND}) for i in range(33)]
    save(ledger, *made)
    expected = [a.id for a in sorted(made, key=lambda a: (a.level.rank, a.stages["raised_at"], a.id), reverse=True)]
    walked, cursor = [], ""
    while True:
        page = ledger.page(Filter(), limit=7, cursor=cursor)
        walked += [a.id for a in page.alerts]
        if not page.cursor:
            break
        cursor = page.cursor
        save(
            ledger, alert(f"new{len(walked)}", stages={"raised_at": NOW + timedelta(hours=1)})
        )  # what arrives above moves nothing below
    assert walked == expected


@pytest.mark.parametrize(
    ("sentence", "wanted", "found"),
    [
        ("nothing filters nothing", Filter(), {"a", "b", "c", "d"}),
        ("only what is open", Filter(open_only=True), {"a", "b", "d"}),
        ("levels", Filter(levels=("red", "yellow")), {"a", "b", "c"}),
        ("kinds", Filter(kinds=("gas",)), {"b"}),
        ("handlings", Filter(handlings=("closed", "acknowledged")), {"c", "d"}),
        ("grids", Filter(grids=("g1", "g2")), {"a", "b", "c"}),
        ("townships", Filter(townships=("t2",)), {"b"}),
        ("one device", Filter(subject="shared"), {"a", "d"}),
        ("raised at or after an instant", Filter(since=NOW + SECOND), {"c", "d"}),
        (
            "everything together",
            Filter(("red",), ("fire",), ("new",), ("g1",), ("t1",), "shared", open_only=True, since=NOW),
            {"a"},
        ),
        ("nothing fits", Filter(grids=("nowhere",)), set()),
    ],
)
def test_a_page_is_filtered(ledger: Ledger, sentence: str, wanted: Filter, found: set[str]) -> None:
    save(
        ledger, alert("a", subjects=("shared", "x")), alert("b", kind="gas", level=Level.YELLOW, place=Place("g2", "t2")),
        alert("c", handling=Handling.CLOSED, stages={"raised_at": NOW + SECOND}),
        alert("d", handling=Handling.ACKNOWLEDGED, level=Level.BLUE, subjects=("shared",), place=Place("g3", "t1"), stages={"raised_at": NOW + SECOND}),
    )  # fmt: skip
    assert {a.id for a in ledger.page(wanted).alerts} == found


def test_a_device_that_joins_an_alert_later_finds_it(ledger: Ledger) -> None:
    (saved,) = save(ledger, alert())
    save(ledger, replace(saved, subjects=(*saved.subjects, "camera-9")))
    assert [a.id for a in ledger.page(Filter(subject="camera-9")).alerts] == ["a1"]


@pytest.mark.parametrize("cursor", ["x", "3.x.a", "3.99999999999999999999.a", "..", "9"])
def test_a_cursor_nobody_gave_out_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(BadCursor, match="first page"):
        ledger.page(Filter(), cursor=cursor)


def test_the_timeline_is_read_in_order_and_from_anywhere(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.save(alert(), [replace(entry("a1"), by="p1", why="because", detail={"to": ("g1", "g2"), "n": 1})])
        tx.append([entry("a1", "noted"), entry("a2", "noted")])
    entries = ledger.entries_after(0)
    assert [(e.alert, e.what) for e in entries] == [("a1", "raised"), ("a1", "noted"), ("a2", "noted")]
    assert entries[0].by == "p1"
    assert entries[0].why == "because"
    assert entries[0].detail == {"to": ["g1", "g2"], "n": 1}
    assert ledger.entries_after(entries[0].seq, limit=1) == [entries[1]]
    assert ledger.timeline("a1") == entries[:2]
    assert ledger.last_seq() == entries[-1].seq
    assert ledger.entries_after(ledger.last_seq()) == []


def test_whoever_follows_the_timeline_misses_nothing_while_many_write(ledger: Ledger) -> None:
    done = threading.Event()

    def write(who: int) -> None:
        for number in range(15):
            with ledger.transaction() as tx:
                tx.append([entry(f"w{who}", f"{number}.{part}") for part in range(3)])

    writers = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    followed: list[Entry] = []

    def follow() -> None:
        while not done.is_set():
            followed.extend(ledger.entries_after(followed[-1].seq if followed else 0, limit=7))

    follower = threading.Thread(target=follow)
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    follower.join(60)
    while more := ledger.entries_after(followed[-1].seq if followed else 0):
        followed.extend(more)
    assert len(followed) == 4 * 15 * 3
    assert all(a.seq < b.seq for a, b in pairwise(followed))
    for who in range(4):
        assert [e.what for e in followed if e.alert == f"w{who}"] == [f"{n}.{p}" for n in range(15) for p in range(3)]


def test_notices_are_handed_out_worst_first_and_to_one_sender(ledger: Ledger) -> None:
    queue(
        ledger, notice("blue", level=Level.BLUE), notice("later", due_at=NOW + 60 * SECOND), notice("red2", created_at=NOW + SECOND),
        notice("red1"), notice("over", state=NoticeState.CANCELLED), notice("told", state=NoticeState.SENT),
    )  # fmt: skip
    first = ledger.lease_notices(NOW, limit=2, lease=30 * SECOND)
    assert [(n.key, n.state, n.attempts) for n in first] == [
        ("red1", NoticeState.SENDING, 1),
        ("red2", NoticeState.SENDING, 1),
    ]
    assert [n.key for n in ledger.lease_notices(NOW, limit=9, lease=30 * SECOND)] == ["blue"]
    assert ledger.lease_notices(NOW + 29 * SECOND, limit=9, lease=30 * SECOND) == []


def test_only_what_is_bad_enough_is_handed_out_when_that_is_asked_for(ledger: Ledger) -> None:
    queue(ledger, *[notice(level.value, level=level) for level in Level])
    some = ledger.lease_notices(NOW, limit=9, lease=30 * SECOND, at_least=Level.ORANGE)
    assert [n.key for n in some] == ["red", "orange"]
    assert [n.key for n in ledger.lease_notices(NOW, limit=9, lease=30 * SECOND)] == ["yellow", "blue"]


def test_a_notice_whose_sender_died_is_handed_out_again(ledger: Ledger) -> None:
    queue(ledger, notice("n1"))
    ledger.lease_notices(NOW, limit=1, lease=30 * SECOND)
    (again,) = ledger.lease_notices(NOW + 30 * SECOND, limit=1, lease=30 * SECOND)
    assert again.attempts == 2


def test_a_notice_put_back_in_the_queue_waits_for_its_time(ledger: Ledger) -> None:
    queue(ledger, notice("n1"))
    (leased,) = ledger.lease_notices(NOW, limit=1, lease=30 * SECOND)
    with ledger.transaction() as tx:
        tx.update(replace(leased, state=NoticeState.QUEUED, due_at=NOW + 5 * SECOND))
    assert ledger.next_due() == NOW + 5 * SECOND
    assert ledger.lease_notices(NOW + 4 * SECOND, limit=1, lease=SECOND) == []
    assert [n.attempts for n in ledger.lease_notices(NOW + 5 * SECOND, limit=1, lease=SECOND)] == [2]


def in_threads(work: Callable[[], list[str]], count: int = 4) -> list[str]:
    gathered: list[str] = []
    threads = [threading.Thread(target=lambda: gathered.extend(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return gathered


def test_many_senders_never_get_the_same_notice(ledger: Ledger) -> None:
    queue(ledger, *[notice(f"n{i:02}") for i in range(40)])

    def take() -> list[str]:
        taken: list[str] = []
        while some := ledger.lease_notices(NOW, limit=3, lease=60 * SECOND):
            taken += [n.key for n in some]
        return taken

    handed = in_threads(take)
    handed += [n.key for n in ledger.lease_notices(NOW, limit=99, lease=60 * SECOND)]
    assert sorted(handed) == [f"n{i:02}" for i in range(40)]


def test_escalations_that_are_due_are_handed_to_one_caller(ledger: Ledger) -> None:
    saved = save(ledger, *[alert(f"a{i}", escalate_at=NOW + i * SECOND) for i in range(4)], alert("never"))
    assert ledger.due_escalations(NOW - SECOND, limit=9, lease=9 * SECOND) == []
    assert ledger.due_escalations(NOW + 2 * SECOND, limit=2, lease=9 * SECOND) == ["a0", "a1"]
    assert ledger.due_escalations(NOW + 2 * SECOND, limit=9, lease=9 * SECOND) == ["a2"]
    save(ledger, replace(saved[0], escalate_at=NOW + 60 * SECOND))  # escalated: its lease has ended
    assert set(ledger.due_escalations(NOW + 11 * SECOND, limit=9, lease=9 * SECOND)) == {"a1", "a2", "a3"}
    assert ledger.due_escalations(NOW + 60 * SECOND, limit=1, lease=SECOND) != ledger.due_escalations(
        NOW + 60 * SECOND, limit=1, lease=SECOND
    )


def test_the_next_thing_due_is_known(ledger: Ledger) -> None:
    assert ledger.next_due() is None
    save(ledger, alert(escalate_at=NOW + 9 * SECOND), alert("a2"))
    assert ledger.next_due() == NOW + 9 * SECOND
    queue(ledger, notice("n1", due_at=NOW + 5 * SECOND), notice("n2", due_at=NOW, state=NoticeState.CANCELLED))
    assert ledger.next_due() == NOW + 5 * SECOND
    ledger.lease_notices(NOW + 5 * SECOND, limit=1, lease=SECOND)
    assert ledger.next_due() == NOW + 6 * SECOND
    with ledger.transaction() as tx:
        tx.update(notice("n1", state=NoticeState.SENT))
    ledger.due_escalations(NOW + 9 * SECOND, limit=1, lease=3 * SECOND)
    assert ledger.next_due() == NOW + 12 * SECOND


def test_a_place_is_put_in_force_and_nothing_is_deleted(ledger: Ledger) -> None:
    ring = ((120.0, 30.0), (120.1, 30.0), (120.1, 30.1), (120.0, 30.0))
    town, field = Grid("t1", "云泽镇", GridLevel.TOWNSHIP), Grid("g1", "一网格", GridLevel.GRID, "t1", (ring, ring))
    smoke = Device("d1", "smoke", "gw1", "g1", Point(30.05, 120.05), timedelta(seconds=2.5), "厨房")
    leader = Person("p1", "张三", "+8610000001", "leader", "g1", 2, ("voice", "sms"), "en")
    assert ledger.place_version() == 0
    assert ledger.replace_place([town, field], [smoke], [leader]) == 1
    changed, silent = replace(field, name="新名"), Device("d2", "camera")
    deputy = Person("p0", "王五", "+8610000002", "worker", "g1", 1)
    assert ledger.replace_place([changed], [silent], [deputy]) == 2
    registry = ledger.registry()
    assert registry.version == ledger.place_version() == 2
    assert registry.grids == {"t1": town, "g1": changed}
    assert registry.devices == {"d1": smoke, "d2": silent}
    assert ledger.roster().at("g1") == (deputy, leader)


def test_a_grid_of_every_time_is_kept_and_each_is_updated_by_itself(ledger: Ledger) -> None:
    ring = ((120.0, 30.0), (120.1, 30.0), (120.1, 30.1), (120.0, 30.0))
    old = Grid("g1", "旧", GridLevel.GRID, "t1", (ring,), valid_to=NOW)
    new = Grid("g1", "新", GridLevel.GRID, "t2", (), valid_from=NOW, valid_to=NOW + 9 * SECOND)
    ledger.replace_place([replace(old, valid_to=None), Grid("g2", "二", GridLevel.GRID)], [], [])
    ledger.replace_place([old, replace(new, name="笔误")], [], [])
    ledger.replace_place([new], [], [])
    registry = ledger.registry()
    assert registry.times == {"g1": (new, old)}
    assert [registry.grid("g1", NOW + n * SECOND) for n in (-1, 0, 9)] == [old, new, None]
    assert registry.at(NOW - SECOND).grids["g2"].dated is False


def test_a_device_may_be_adopted_into_a_grid_that_has_a_beginning(ledger: Ledger) -> None:
    ledger.replace_place([Grid("g9", "九", GridLevel.GRID, valid_from=NOW)], [], [])
    ledger.adopt(Device("u9", "smoke", grid="g9"))
    assert ledger.registry().devices["u9"].grid == "g9"


def test_duties_take_the_place_of_those_of_the_same_person_and_kind(ledger: Ledger) -> None:
    people = [
        Person("p1", "张三", "+8610000001", "leader", "g1", part=Part.DEPUTY),
        Person("p2", "李", "+86100", "w", "g1"),
    ]
    night = Duty(DutyKind.SHIFT, "p1", (1, 7), 1320, 360, NOW, NOW + 9 * SECOND)
    leave = Duty(DutyKind.ABSENT, "p1", since=NOW, until=NOW + SECOND)
    swap = Duty(DutyKind.STAND_IN, "p2", since=NOW, instead_of="p1")
    here = Duty(DutyKind.OVERRIDE, "p2", grid="g1", until=NOW)
    ledger.replace_place([], [], people, [night, leave, swap, here])
    assert ledger.roster() == Roster.of(people, [night, leave, swap, here])
    day = replace(night, start=480, end=1080)
    assert ledger.replace_place([], [], [], [day, day]) == 2
    assert ledger.roster() == Roster.of(people, [day, leave, swap, here])


@pytest.mark.parametrize(
    ("sentence", "said", "gone"),
    [
        ("what the provider could not deliver proves it", [(0, "failed", "")], True),
        ("a try that is too old proves nothing", [(-9, "failed", "")], False),
        ("a provider who was away proves nothing", [(0, "failed", "timeout (tried 8 times)")], False),
        ("another channel that left with it does", [(0, "failed", ""), (0, "sent", "")], False),
        ("and so does a later notice", [(0, "failed", ""), (1, "delivered", "")], False),
        ("an earlier one does not", [(0, "answered", ""), (1, "failed", "")], True),
        ("one that waits may still reach them", [(0, "failed", ""), (1, "queued", "")], False),
        ("one that was called back says nothing", [(0, "failed", ""), (1, "cancelled", "")], True),
    ],
)
def test_who_cannot_be_reached_is_known_from_the_outbox(
    ledger: Ledger, sentence: str, said: list[tuple[int, str, str]], gone: bool
) -> None:
    made = [
        notice(f"n{i}", person="p1", created_at=NOW + at * SECOND, state=NoticeState(state), error=error)
        for i, (at, state, error) in enumerate(said)
    ]
    queue(ledger, *made, notice("other", person="p2", state=NoticeState.DELIVERED))
    assert ledger.unreachable(NOW - 5 * SECOND) == ({"p1"} if gone else set()), sentence
    with ledger.transaction() as tx:
        assert tx.unreachable(NOW - 5 * SECOND) == ledger.unreachable(NOW - 5 * SECOND)


def stranger(device: str = "u1", last: int = 0, **but: object) -> UnknownDevice:
    at = NOW + last * SECOND
    return replace(UnknownDevice(device, "gw1", 1, at, at, f"tocsin/gw1/{device}/telemetry", {"smoke": 0.25}), **but)


def test_an_unknown_device_is_counted_on_and_keeps_its_first_time_and_its_last_word(ledger: Ledger) -> None:
    ledger.note_unknown([stranger(count=2)])
    assert ledger.unknown_devices() == [stranger(count=2)]
    ledger.note_unknown([stranger(last=9, gateway="gw2", source="gb26875", sample={"状态 'x'": "online", "co": 3.5})])
    (found,) = ledger.unknown_devices()
    assert (found.count, found.first_seen, found.last_seen) == (3, NOW, NOW + 9 * SECOND)
    assert (found.gateway, found.source, found.sample) == ("gw2", "gb26875", {"状态 'x'": "online", "co": 3.5})


def test_what_a_gateway_could_not_write_down_at_once_adds_to_the_count_and_changes_no_later_word(
    ledger: Ledger,
) -> None:
    ledger.note_unknown([stranger(last=60)])
    ledger.note_unknown([stranger(sample={"old": 1.0}, gateway="gw0")])
    assert ledger.unknown_devices() == [stranger(last=60, count=2, first_seen=NOW)]


def test_a_device_that_is_twice_in_a_batch_is_one_row(ledger: Ledger) -> None:
    ledger.note_unknown([stranger(last=5), stranger(last=3, sample={}), stranger("u2")])
    ledger.note_unknown([])
    assert ledger.unknown_devices() == [stranger(last=5, count=2, first_seen=NOW + 3 * SECOND), stranger("u2")]
    assert ledger.unknown_devices(limit=1) == ledger.unknown_devices()[:1]


def test_of_too_many_unknown_devices_those_unheard_for_longest_leave(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.ledger.unknown.MOST", 20)
    ledger.note_unknown([stranger(f"u{n:02}", last=n) for n in range(15)])
    ledger.note_unknown([stranger("u00", last=99), *(stranger(f"v{n}", last=50 + n) for n in range(8))])
    gone = {"u01", "u02", "u03"}
    wanted = ["u00", *(f"v{n}" for n in range(7, -1, -1)), *(f"u{n:02}" for n in range(14, 0, -1))]
    assert [u.device for u in ledger.unknown_devices()] == [device for device in wanted if device not in gone]


def test_an_adopted_device_is_enrolled_and_no_stranger_any_more(ledger: Ledger) -> None:
    ledger.replace_place([Grid("g1", "一网格", GridLevel.GRID)], [Device("d1", "smoke", grid="g1")], [])
    ledger.note_unknown([stranger(), stranger("u2")])
    adopted = Device("u1", "smoke", "gw1", "g1", Point(30.05, 120.05), timedelta(minutes=1), "厨房")
    assert ledger.adopt(adopted) == ledger.place_version() == 2
    assert ledger.registry().devices == {"d1": Device("d1", "smoke", grid="g1"), "u1": adopted}
    assert [u.device for u in ledger.unknown_devices()] == ["u2"]
    ledger.note_unknown([stranger(last=1)])  # a gateway that has not read the new place yet
    assert [u.device for u in ledger.unknown_devices()] == ["u2"]
    assert ledger.adopt(Device("never-heard", "gas", grid="g1")) == 3


def test_a_device_that_an_import_enrolled_is_no_stranger_any_more(ledger: Ledger) -> None:
    ledger.note_unknown([stranger(), stranger("u2")])
    ledger.replace_place([], [Device("u1", "smoke")], [])
    assert [u.device for u in ledger.unknown_devices()] == ["u2"]


@pytest.mark.parametrize(
    ("sentence", "device", "why"),
    [
        ("a grid that is not there", Device("u1", "smoke", grid="g9"), "no grid 'g9'"),
        ("no grid at all", Device("u1", "smoke"), "no grid ''"),
        ("a device that is enrolled already", Device("d1", "gas", grid="g1"), "d1 is enrolled already"),
    ],
)
def test_what_cannot_be_adopted_changes_nothing(ledger: Ledger, sentence: str, device: Device, why: str) -> None:
    ledger.replace_place([Grid("g1", "一网格", GridLevel.GRID)], [Device("d1", "smoke", grid="g1")], [])
    ledger.note_unknown([stranger()])
    with pytest.raises(NotAdopted, match=why):
        ledger.adopt(device)
    assert ledger.place_version() == 1
    assert [u.device for u in ledger.unknown_devices()] == ["u1"]


def test_gateways_that_hear_the_same_strangers_at_once_count_every_message(ledger: Ledger) -> None:
    def write() -> list[str]:
        for n in range(10):
            ledger.note_unknown([stranger(f"u{k}", last=n) for k in (range(20) if n % 2 else range(19, -1, -1))])
        return []

    in_threads(write)
    assert [u.count for u in ledger.unknown_devices()] == [40] * 20


def test_alerts_raised_between_two_instants_are_found(ledger: Ledger) -> None:
    save(ledger, *[alert(f"a{i}", stages={"raised_at": NOW + i * SECOND}) for i in range(4)])
    assert [a.id for a in ledger.stage_rows(NOW + SECOND, NOW + 3 * SECOND)] == ["a1", "a2"]


def test_the_ledger_counts(ledger: Ledger) -> None:
    save(ledger, alert("a"), alert("b", level=Level.BLUE), alert("c", handling=Handling.CLOSED))
    queue(ledger, notice("n1"), notice("n2", state=NoticeState.SENT))
    counts = ledger.counts()
    assert (counts["open.red"], counts["open.blue"], counts["open.yellow"]) == (1, 1, 0)
    assert (counts["alerts.open"], counts["alerts.total"], counts["entries.total"]) == (2, 3, 3)
    assert (counts["notices.queued"], counts["notices.sent"], counts["notices.failed"]) == (1, 1, 0)


def test_a_ledger_opened_again_knows_everything(url: str) -> None:
    first = open_ledger(url)
    save(first, FULL)
    first.close()
    second = open_ledger(url)
    assert second.alert("a1") == replace(FULL, version=1)
    second.close()


def test_what_was_answered_survives_kill_9(url: str) -> None:
    program = f"""
        import sys
        from alerts.ledger import open_ledger
        from tests.alerts.test_ledger_contract import alert, save
        ledger = open_ledger({url!r})
        for number in range(10_000):
            save(ledger, alert(f"a{{number}}"))
            print(number, flush=True)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True) as child:
        try:
            answered = [int(child.stdout.readline()) for _ in range(25)]
        finally:
            os.kill(child.pid, signal.SIGKILL)
        answered += [int(line) for line in child.stdout.read().splitlines() if line]
    ledger = open_ledger(url)
    assert all(ledger.alert(f"a{number}") is not None for number in answered)
    assert ledger.counts()["entries.total"] == ledger.counts()["alerts.total"]
    ledger.close()


@pytest.mark.parametrize(
    ("sentence", "address", "error"),
    [
        ("nobody listens there", "postgresql+psycopg://x@127.0.0.1:1/x", LedgerUnavailable),
        ("not an address", "ledger.db", ValueError),
        ("a memory is no ledger", "sqlite://", ValueError),
        ("another kind of database", "mysql://x@127.0.0.1/x", ValueError),
    ],
)
def test_an_address_that_cannot_be_opened_says_so(sentence: str, address: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        open_ledger(address)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    at=st.integers(0, 8_000_000_000_000_000).map(lambda us: NOW + (us - 10**15) * timedelta(microseconds=1)),
    subjects=st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=3).map(tuple),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    level=st.sampled_from(Level),
    handling=st.sampled_from(Handling),
)
def test_a_row_holds_the_whole_alert(text, at, subjects, value, level, handling) -> None:
    before = alert(
        text=text,
        last_seen=at,
        stages={"raised_at": at},
        subjects=subjects,
        value=value,
        level=level,
        handling=handling,
    )
    row = alert_row(before)
    row["stages"] = {name: instant.isoformat() for name, instant in row["stages"].items()}  # as JSON gives them back
    row["work"] = json.loads(as_json(row["work"]))
    assert alert_of([row[column.name] for column in tables.alert.columns]) == before


def test_the_database_s_clock_is_told_where_it_may_be_another_s(ledger: Ledger, url: str) -> None:
    at = ledger.now()
    if url.startswith("sqlite"):
        assert at is None  # a file on this machine has this machine's time
    else:
        assert at is not None
        assert at.utcoffset() == timedelta()
        assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
