"""The conductor: whole transactions, repeats that change nothing, and a storm in few statements."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Handling, NoticeState, Reason
from alerts.commands import Acknowledge, Close, Dispatch, FalseAlarm, Handle, Reopen, Shown, Verify
from alerts.conduct import IN_TURN, TRIES, Conductor, UnknownAlert
from alerts.ledger import open_ledger
from alerts.ledger.port import Conflict, Ledger
from alerts.lifecycle import NotAllowed
from alerts.returns import UnknownNotice
from ingest.events import Mark, Point
from streams.signal import Level, Origin, Signal
from tests.alerts.empty_ledger import empty_ledger
from tests.alerts.memory_ledger import MemoryLedger
from tests.scenarios.timeline import START, WORDS, Line, placed


@pytest.fixture(params=["memory", "sqlite"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    made = Line()
    if request.param == "memory":
        yield made
        return
    ledger = open_ledger(empty_ledger(tmp_path))
    made.conductor = conductor(ledger, made)
    yield made
    ledger.close()


def conductor(ledger: Ledger, line: Line) -> Conductor:
    return Conductor(
        ledger,
        policies=line.policies,
        registry=line.ledger.registry,
        roster=line.ledger.roster,
        words=WORDS,
        channels=("sms", "voice"),
    )


def state(ledger: MemoryLedger) -> tuple[object, ...]:
    """Everything that is kept, without what counts transactions.

    What was called back by the batch that queued it was never held; one that was called back by the next batch was, for no time at all.
    """
    alerts = {a.id: replace(a, version=0) for a in ledger.tables.alerts.values()}
    back = {n.key for n in ledger.tables.notices.values() if n.state is NoticeState.CANCELLED}
    notices = {
        n.key: replace(n, due_at=n.created_at, bundle="") if n.key in back else n
        for n in ledger.tables.notices.values()
    }
    timelines = {ident: [replace(e, seq=0) for e in ledger.timeline(ident)] for ident in alerts}
    said = {
        ident: [e for e in lines if e.what != "held" or e.detail["notice"] not in back]
        for ident, lines in timelines.items()
    }
    return alerts, notices, ledger.tables.held, said


def test_both_ledgers_tell_the_same_story(tmp_path: Path) -> None:
    kept = []
    for sql in (False, True):
        line = Line()
        ledger = open_ledger(empty_ledger(tmp_path)) if sql else line.ledger
        director = conductor(ledger, line)
        director.signals([line.made("s1"), line.made("s2", "red"), line.made("g", "red", grid="g4")], START)
        director.signals([line.made("cam", origin=Origin.CAMERA), line.made("s1", active=False)], START)
        director.escalate(START + timedelta(seconds=61))
        fire = next(a for a in ledger.stage_rows(START, START + timedelta(days=1)) if a.place.grid == "g1")
        first = min(ledger.outbox(alert=fire.id), key=lambda n: (n.created_at, n.key))
        director.receipt(first.key, NoticeState.SENT, START, provider_id="SM1")
        director.answered(first.key, START, "1")
        director.command(fire.id, Handle("甲"), START)
        director.command(fire.id, Verify("乙", "已到场看过", "带班"), START)
        director.command(fire.id, Close("甲", "扑灭"), START)
        alerts = sorted(ledger.stage_rows(START, START + timedelta(days=1)), key=lambda a: a.id)
        lines = [[(e.what, e.why, e.by) for e in ledger.timeline(a.id)] for a in alerts]
        notices = {(n.key, n.state, n.text) for a in alerts for n in ledger.outbox(alert=a.id)}
        kept.append((alerts, lines, notices))
        ledger.close()
    assert kept[0] == kept[1]


@st.composite
def stories(draw: st.DrawFn) -> list[Signal]:
    line = Line()
    made = []
    for _ in range(draw(st.integers(1, 14))):
        where = draw(st.sampled_from(["g1", "g2", "vacant", "g4", ""]))
        point = draw(st.sampled_from([None, Point(30.5, 112.4), Point(30.501, 112.4), Point(30.7, 112.4)]))
        made.append(
            line.made(
                draw(st.sampled_from(["s1", "s2", "cam", "call"])),
                draw(st.sampled_from(list(Level))),
                place=placed(where, point),
                kind=draw(st.sampled_from(["fire", "battery"])),
                origin=draw(st.sampled_from(list(Origin))),
                began=draw(st.sampled_from([0, 60])),
                active=draw(st.sampled_from([True, True, True, False])),
                marks=draw(st.sampled_from([Mark.NONE, Mark.NONE, Mark.NONE, Mark.TEST, Mark.LATE])),
            )
        )
    return made


@given(stories(), st.data())
def test_any_cut_into_batches_and_any_redelivery_give_the_same_ledger(story: list[Signal], data: st.DataObject) -> None:
    whole, cut = Line(), Line()
    whole.conductor.signals(story, START)
    at = 0
    while at < len(story):
        until = data.draw(st.integers(at + 1, len(story)))
        cut.conductor.signals(story[data.draw(st.integers(0, at)) : until], START)
        at = until
    assert state(cut.ledger) == state(whole.ledger)


@given(stories())
def test_after_any_story_what_is_kept_is_sound(story: list[Signal]) -> None:
    line = Line()
    line.conductor.signals(story, START)
    for alert in line.alerts():
        rung = [n for n in line.notices() if n.alert == alert.id]
        assert not (alert.handling.over and rung), "a record rings nobody"
        kept_shut = any(e.alert == alert.id for e in line.lines("hushed"))
        silent = alert.handling.over or alert.level is Level.BLUE or kept_shut
        assert silent or rung, "everything else from yellow on rings somebody"
    keys = {s.key for s in story if s.active}
    assert {k for k in line.ledger.tables.held if "/" not in k} == keys, "every raised signal is held by one alert"


def test_somebody_who_was_faster_makes_it_work_again_and_not_twice() -> None:
    line = Line()
    line.ledger.conflicts = TRIES - 1
    line.signal(level="red")
    assert (line.only().count, len(line.told(Reason.FIRST))) == (1, 2)
    line.ledger.conflicts = TRIES
    with pytest.raises(Conflict):
        line.conductor.command(line.only().id, Acknowledge("甲"), START)
    line.ledger.conflicts = 0
    assert line.only().handling is Handling.NEW


def test_where_deciding_ahead_was_in_vain_the_next_batches_are_decided_in_their_turn() -> None:
    line = Line()
    tried = line.ledger.ahead

    def batches(count: int) -> list[bool]:
        tried.clear()
        for number in range(count):
            line.conductor.signals([line.made(f"d-{count}-{number}")], START)
        return list(tried)

    assert batches(3) == [True, True, True]
    line.ledger.conflicts = 1
    assert batches(1) == [True, False], "the same batch again, in its turn"
    assert batches(IN_TURN + 2) == [*[False] * IN_TURN, True, True]
    tried.clear()
    line.conductor.command(line.alerts()[0].id, Acknowledge("甲"), START)
    assert tried == [False], "a command locks what it finds"


def test_what_is_not_known_is_said_and_changes_nothing(line: Line) -> None:
    with pytest.raises(UnknownAlert, match="look it up"):
        line.conductor.command("nothing", Acknowledge("甲"), START)
    with pytest.raises(UnknownNotice):
        line.conductor.receipt("nothing", NoticeState.SENT, START)
    with pytest.raises(UnknownNotice):
        line.conductor.answered("nothing", START, "1")
    assert line.conductor.signals([line.made(active=False)], START) == [], "the end of an episode nobody knows of"


def test_a_command_answers_with_the_alert_as_the_ledger_has_it(line: Line) -> None:
    (made,) = line.conductor.signals([line.made()], START)
    after = line.conductor.command(made.id, Acknowledge("甲"), START)
    assert after.version == made.version + 1
    assert line.conductor._ledger.alert(made.id) == after
    assert line.conductor.command(made.id, Acknowledge("乙"), START) == after, "a second one changes nothing"


def test_a_bulk_command_does_each_or_says_why_not(line: Line) -> None:
    made = line.conductor.signals([line.made(f"d{i}", "yellow", kind="battery") for i in range(500)], START)
    line.conductor.command(made[0].id, FalseAlarm("甲"), START)
    ids = [a.id for a in made]
    results = line.conductor.bulk([*ids, "nothing", ids[1]], Acknowledge("甲"), START)
    assert isinstance(results["nothing"], UnknownAlert)
    assert isinstance(results[ids[0]], NotAllowed)
    done = [a for a in results.values() if isinstance(a, Alert)]
    assert len(done) == 499
    assert all(a.handling is Handling.ACKNOWLEDGED for a in done)
    assert all(n.state is NoticeState.CANCELLED for n in line.conductor._ledger.outbox(limit=1000))


def test_a_bulk_of_screens_that_show_it_writes_the_first_time_only() -> None:
    line = Line().signal()
    line.conductor.bulk([line.only().id], Shown(), START)
    shown = line.only()
    line.conductor.bulk([shown.id], Shown(), START + timedelta(seconds=5))
    assert line.only() == shown
    assert shown.stages["shown_at"] == START


def test_receipts_reach_the_stages_the_timeline_and_the_outbox(line: Line) -> None:
    (made,) = line.conductor.signals([line.made()], START)
    ledger = line.conductor._ledger
    key = ledger.outbox()[0].key
    for seconds, state_ in ((1, NoticeState.SENT), (2, NoticeState.DELIVERED), (3, NoticeState.SENT)):
        line.conductor.receipt(key, state_, START + timedelta(seconds=seconds), provider_id="SM1")
    alert = ledger.alert(made.id)
    assert alert is not None
    assert (alert.stages["sent_at"], alert.stages["delivered_at"]) == tuple(
        START + timedelta(seconds=s) for s in (1, 2)
    )
    assert [e.what for e in ledger.timeline(made.id)] == ["raised", "told", "sent", "delivered"]
    kept = ledger.outbox()[0]
    assert (kept.state, kept.provider_id, kept.error) == (NoticeState.DELIVERED, "SM1", "")


def test_a_key_pressed_twice_or_after_the_end_changes_nothing(line: Line) -> None:
    (made,) = line.conductor.signals([line.made(level="red")], START)
    call = next(n for n in line.conductor._ledger.outbox() if n.channel == "voice")
    once = line.conductor.answered(call.key, START, "1")
    assert line.conductor.answered(call.key, START, "1") == once
    line.conductor.command(made.id, FalseAlarm("甲"), START)
    (again,) = line.conductor.signals([line.made("s9", "red")], START)
    other = next(n for n in line.conductor._ledger.outbox(alert=again.id) if n.channel == "voice")
    line.conductor.command(again.id, FalseAlarm("甲"), START)
    assert line.conductor.answered(other.key, START, "1").handling is Handling.FALSE_ALARM


def test_a_dispatch_reaches_the_person_it_names(line: Line) -> None:
    (made,) = line.conductor.signals([line.made()], START)
    with pytest.raises(NotAllowed, match="nobody on the roster"):
        line.conductor.command(made.id, Dispatch("甲", "消防队"), START)
    for to in ("head1", "leader1", "head1"):
        assert line.conductor.command(made.id, Dispatch("甲", to), START).assignee == to
    told = [(n.person, n.reason) for n in line.conductor._ledger.outbox() if n.reason is not Reason.FIRST]
    expected = [("head1", "instruction"), ("leader1", "reassigned"), ("head1", "reassigned")]
    assert sorted(told) == sorted(expected)


def test_a_dispatch_to_nobody_in_particular_goes_to_whoever_answers_for_the_grid(line: Line) -> None:
    (made,) = line.conductor.signals([line.made(grid="vacant")], START)
    assert line.conductor.command(made.id, Dispatch("甲"), START).assignee == "head1"


def test_everybody_hears_again_that_it_is_over_when_a_reopened_case_ends() -> None:
    line = Line().signal(level="red").say(FalseAlarm("甲"))
    line.at(10).say(Reopen("甲")).at(11).say(FalseAlarm("甲"))
    assert line.told(Reason.RESOLVED) == ["leader1/sms", "leader1/sms"]


def test_an_episode_that_goes_on_after_its_case_was_closed_is_a_new_case() -> None:
    line = Line().signal(level="orange").say(FalseAlarm("甲"))
    line.at(60).signal(level="red", began=0)
    old, new = line.alerts()
    assert (old.handling, new.handling, new.level) == (Handling.FALSE_ALARM, Handling.NEW, Level.RED)
    assert old.id != new.id


def test_a_storm_is_a_few_questions_and_a_few_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for name in ("holding", "alerts", "open_with", "open_alerts", "alert", "notices", "save_all", "queue", "hold"):
        _count(monkeypatch, name, asked)
    line = Line()
    storm = [line.made(f"s{i}", "red", grid=("g1", "g2", "vacant")[i % 3]) for i in range(300)]
    line.conductor.signals(storm, START)
    assert len(asked) < 12, asked
    assert len(line.alerts()) == 3
    assert sum(a.count for a in line.alerts()) == 300
    assert len(line.notices()) == 6, "three alerts, two channels each"


def _count(monkeypatch: pytest.MonkeyPatch, name: str, asked: list[str]) -> None:
    from tests.alerts.memory_ledger import MemoryTransaction

    real = getattr(MemoryTransaction, name)

    def counted(self: MemoryTransaction, *args: object, **named: object) -> object:
        asked.append(name)
        return real(self, *args, **named)

    monkeypatch.setattr(MemoryTransaction, name, counted)


def test_many_at_once_from_many_threads_are_one_alert(line: Line) -> None:
    signals = [line.made(f"s{i}", "red") for i in range(40)]
    threads = [threading.Thread(target=line.conductor.signals, args=([s, signals[0]], START)) for s in signals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    ledger = line.conductor._ledger
    (alert,) = ledger.stage_rows(START, START + timedelta(days=1))
    assert alert.count == 40
    assert len([n for n in ledger.outbox() if n.reason is Reason.FIRST]) == 2
