"""The one writer: what the table allows, and what holds whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Condition, Handling, Reason
from alerts.clocks import movement as clocks
from alerts.clocks.clock import Approval, Clock, Span, Unit
from alerts.clocks.commands import Agree, Extend, Pause, Resume
from alerts.commands import (
    Accept,
    Acknowledge,
    Arrive,
    CallBack,
    Cleared,
    Close,
    Command,
    Contact,
    Dispatch,
    EscalationDue,
    Event,
    FalseAlarm,
    GiveBack,
    Grade,
    Handle,
    Merge,
    Note,
    Raised,
    Rate,
    Reopen,
    Shown,
    Split,
    Undo,
    Verify,
    Void,
)
from alerts.dispatch.scene import Scene
from alerts.dispatch.scene_commands import CheckIn
from alerts.lifecycle import step
from alerts.moves import Move
from alerts.outcome import Cancel, NotAllowed, Notify, NotifyPerson, TellToldPeople
from alerts.policy import load_policies
from alerts.transitions import NEEDS, TABLE, Role, allowed, diagram, needs
from alerts.triage.commands import Triage
from alerts.whistle.commands import Blow
from alerts.work import Caller
from ingest.events import Mark
from streams.signal import Level, Origin, Signal, signal_key

T0 = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
FIRE = load_policies().policy("fire")
PLAIN = replace(FIRE, rules=MappingProxyType({}))  # the table alone, without what answers and endings need
CALLER = Caller("c1", T0, T0)
RESTING = clocks.pause(
    clocks.start(Clock("rest", "raised_at", "rated_at", Span(9, Unit.DAYS)), T0),
    T0 + timedelta(days=9),
    Approval("甲", "乙", "待件"),
    T0,
)
SAID: dict[Move, Command] = {
    Move.ACKNOWLEDGE: Acknowledge("甲"),
    Move.UNDO: Undo("甲"),
    Move.DISPATCH: Dispatch("甲", "leader1"),
    Move.GIVE_BACK: GiveBack("乙", "不在本网格"),
    Move.ACCEPT: Accept("乙"),
    Move.CONTACT: Contact("乙"),
    Move.ARRIVE: Arrive("乙"),
    Move.HANDLE: Handle("乙"),
    Move.VERIFY: Verify("甲"),
    Move.CALL_BACK: CallBack("甲", "c1"),
    Move.CLOSE: Close("甲", "好"),
    Move.RATE: Rate("居民", 5),
    Move.FALSE_ALARM: FalseAlarm("甲"),
    Move.VOID: Void("甲", "重复录入", "带班"),
    Move.GRADE: Grade("甲", Level.ORANGE, "核实"),
    Move.TRIAGE: Triage("甲", {"inside": "no"}, questions=load_policies().triage.of("fire")),
    Move.CHECK_IN: CheckIn("乙"),
    Move.MERGE: Merge("甲", "a2"),
    Move.SPLIT: Split("甲"),
    Move.REOPEN: Reopen("甲"),
    Move.PAUSE: Pause("甲", T0 + timedelta(hours=1), "待件", "带班"),
    Move.RESUME: Resume("甲", clock="rest"),
    Move.EXTEND: Extend("甲", 2.0, note="待件", approved_by="带班"),
    Move.AGREE: Agree("甲", date(2026, 3, 9), "约定", "带班"),
    Move.WHISTLE: Blow("清溪镇", "占道经营"),
    Move.NOTE: Note("甲", "记"),
    Move.SHOW: Shown(),
}
PATHS: dict[Handling, tuple[Move, ...]] = {
    Handling.NEW: (),
    Handling.ACKNOWLEDGED: (Move.ACKNOWLEDGE,),
    Handling.DISPATCHED: (Move.DISPATCH,),
    Handling.ACCEPTED: (Move.DISPATCH, Move.ACCEPT),
    Handling.ON_SCENE: (Move.ARRIVE,),
    Handling.HANDLED: (Move.HANDLE,),
    Handling.VERIFIED: (Move.HANDLE, Move.VERIFY),
    Handling.CLOSED: (Move.HANDLE, Move.CLOSE),
    Handling.EVALUATED: (Move.HANDLE, Move.CLOSE, Move.RATE),
    Handling.FALSE_ALARM: (Move.FALSE_ALARM,),
    Handling.VOID: (Move.VOID,),
    Handling.MERGED: (Move.MERGE,),
}


def signal(subject: str = "s1", level: str = "orange", at: int = 0, **but: object) -> Signal:
    t = T0 + timedelta(seconds=at)
    return replace(
        Signal(signal_key("r", subject, t), "fire", Level(level), Origin.SENSOR, subject, "r", t, t, t), **but
    )


def opened(level: str = "orange") -> Alert:
    begun = step(None, Raised(signal(level=level), PLAIN, "a1", "fire|g1"), T0).alert
    there = Scene("乙", T0, T0)  # so that a word can come from there
    return replace(
        begun, work=replace(begun.work, callers=(CALLER,), clocks=(*begun.work.clocks, RESTING), scene=there)
    )


def at(handling: Handling, level: str = "orange") -> Alert:
    alert = opened(level)
    for move in PATHS[handling]:
        alert = step(alert, SAID[move], T0).alert
    assert alert.handling is handling
    return alert


@pytest.mark.parametrize("move", SAID)
@pytest.mark.parametrize("handling", PATHS)
def test_every_move_of_a_person_goes_where_the_table_says_or_changes_nothing(handling: Handling, move: Move) -> None:
    alert = at(handling)
    if (handling, move) in TABLE:
        assert step(alert, SAID[move], T0).alert.handling is TABLE[handling, move]
    else:
        with pytest.raises(NotAllowed) as refused:
            step(alert, SAID[move], T0)
        assert (refused.value.handling, refused.value.move) == (handling, move)
        assert str(refused.value).startswith(f"a1 is {handling}, so it cannot {move}")


def test_every_state_that_is_not_an_exit_can_be_left_and_every_state_can_be_reached() -> None:
    leaving = {source for (source, _), target in TABLE.items() if source is not target}
    arriving = {target for (source, _), target in TABLE.items() if source is not target}
    records = {Handling.TEST, Handling.SUPPRESSED}
    assert {h for h in Handling if not h.over} <= leaving
    assert set(Handling) - records <= arriving


def test_the_table_names_every_move_people_can_say() -> None:
    by_itself = {move for move, need in NEEDS.items() if need.roles == (Role.SYSTEM,)}
    assert set(SAID) | {Move.COMPLAIN} == {m for _, m in TABLE} - by_itself
    assert set(NEEDS) == set(Move)


def test_a_case_begins_with_a_signal_and_nothing_else() -> None:
    for event in (*SAID.values(), EscalationDue(), Cleared(signal())):
        with pytest.raises(NotAllowed, match="begins with a signal"):
            step(None, event, T0)


def test_a_second_acknowledgement_changes_nothing() -> None:
    once = step(opened(), Acknowledge("甲"), T0).alert
    again = step(once, Acknowledge("乙"), T0 + timedelta(seconds=9))
    assert (again.alert is once, again.entries, again.effects) == (True, (), ())


def test_nothing_is_dispatched_twice_to_the_same_person() -> None:
    first = step(opened(), Dispatch("甲", "p1"), T0)
    again = step(first.alert, Dispatch("甲", "p1"), T0)
    other = step(first.alert, Dispatch("甲", "p2"), T0)
    assert NotifyPerson("p1", Reason.INSTRUCTION) in first.effects
    assert (again.alert is first.alert, again.effects) == (True, ())
    assert NotifyPerson("p2", Reason.REASSIGNED) in other.effects


def test_doing_something_about_it_is_an_answer_too() -> None:
    for command in (Dispatch("甲", "p1"), Accept("乙"), Arrive("乙"), Handle("乙")):
        outcome = step(opened(), command, T0 + timedelta(seconds=5))
        assert outcome.alert.stages["acked_at"] == T0 + timedelta(seconds=5)
        assert any(isinstance(e, Cancel) for e in outcome.effects)
        assert outcome.alert.escalate_at is None


def test_a_stage_keeps_the_first_time_it_was_reached() -> None:
    alert = step(opened(), Arrive("乙"), T0 + timedelta(seconds=5)).alert
    worse = step(alert, Raised(signal(level="red"), FIRE), T0 + timedelta(seconds=9)).alert
    later = step(worse, Arrive("乙"), T0 + timedelta(seconds=20)).alert
    assert later.stages["on_scene_at"] == later.stages["acked_at"] == T0 + timedelta(seconds=5)
    assert later.stages["rung_at"] == T0 + timedelta(seconds=9)


def test_a_case_that_came_back_after_it_was_handled_rings_again() -> None:
    quiet = step(at(Handling.HANDLED), Cleared(signal()), T0).alert
    assert quiet.condition is Condition.CLEARED
    back = step(quiet, Raised(signal(at=60), FIRE), T0 + timedelta(seconds=60))
    assert back.alert.handling is Handling.NEW
    assert "handled_at" not in back.alert.stages
    assert Notify(Reason.REPEAT, 0) in back.effects


def test_more_evidence_for_a_handled_case_that_never_cleared_stays_quiet() -> None:
    more = step(at(Handling.HANDLED), Raised(signal("s2", at=60), FIRE), T0 + timedelta(seconds=60))
    assert (more.alert.handling, more.effects) == (Handling.HANDLED, ())
    assert more.entries[0].detail["quiet"] == "acknowledged"


def test_reopening_rings_and_measures_the_end_anew() -> None:
    outcome = step(at(Handling.CLOSED), Reopen("甲", "复燃"), T0 + timedelta(seconds=99))
    assert outcome.alert.handling is Handling.NEW
    assert not {"handled_at", "closed_at"} & set(outcome.alert.stages)
    assert [e.what for e in outcome.entries] == ["reopened"]
    assert Notify(Reason.REPEAT, 0) in outcome.effects


def test_a_condition_clears_with_its_last_active_signal() -> None:
    alert = step(opened(), Raised(signal("s2"), FIRE), T0).alert
    partly = step(alert, Cleared(signal("s1")), T0)
    assert (partly.alert.condition, partly.entries[0].what) == (Condition.ACTIVE, "still_active")
    wholly = step(partly.alert, Cleared(signal("s2")), T0)
    assert (wholly.alert.condition, wholly.entries[0].what) == (Condition.CLEARED, "cleared")
    assert wholly.alert.handling is Handling.NEW
    assert step(wholly.alert, Cleared(signal("s2")), T0).entries == ()


def test_a_call_does_not_keep_a_condition_active() -> None:
    alert = step(opened(), Raised(signal("call", origin=Origin.HOTLINE), FIRE), T0).alert
    assert step(alert, Cleared(signal("s1")), T0).alert.condition is Condition.CLEARED


def test_an_incident_of_thousands_of_devices_stays_small_and_does_not_clear_by_itself() -> None:
    alert = opened()
    for i in range(700):
        alert = step(alert, Raised(signal(f"d{i}"), FIRE), T0).alert
    assert alert.count == 701
    assert len(alert.active_keys) == 501
    assert len(alert.subjects) == 50
    for key in [f"d{i}" for i in range(700)] + ["s1"]:
        alert = step(alert, Cleared(signal(key)), T0).alert
    assert alert.condition is Condition.ACTIVE


def test_a_rating_is_one_to_five() -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        Rate("居民", 6)


def test_what_people_may_do_is_what_the_table_lets_them() -> None:
    assert Move.ACKNOWLEDGE in allowed(Handling.NEW)
    assert Move.CLOSE not in allowed(Handling.NEW)
    assert set(allowed(Handling.CLOSED)) == {Move.CALL_BACK, Move.COMPLAIN, Move.RATE, Move.REOPEN, Move.NOTE}


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert diagram() in text, "print it anew with `python -m alerts.transitions`"
    assert needs() in text, "print it anew with `python -m alerts.transitions`"


levels = st.sampled_from(list(Level))
signals = st.builds(
    lambda subject, level, at, origin, marks: signal(subject, level, at, origin=origin, marks=marks),
    st.sampled_from(["s1", "s2", "s3"]),
    levels,
    st.sampled_from([0, 1]),
    st.sampled_from(list(Origin)),
    st.sampled_from([Mark.NONE, Mark.NONE, Mark.TEST, Mark.LATE]),
)
events: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(list(SAID.values())),
    st.just(EscalationDue()),
    st.builds(lambda s: Raised(s, FIRE, why="same_grid"), signals),
    st.builds(Cleared, signals),
)


@given(levels, st.lists(st.tuples(events, st.integers(0, 400)), max_size=30))
def test_whatever_happens_the_laws_hold_after_every_step(level: Level, story: list[tuple[Event, int]]) -> None:
    alert, now = opened(level), T0
    for event, pause in story:
        now += timedelta(seconds=pause)
        if alert.handling.over and isinstance(event, Raised):
            continue  # a closed case gets no more evidence: the conductor opens a new one
        before = alert
        try:
            outcome = step(before, event, now)
        except NotAllowed:
            whistled = event.move is Move.CLOSE and before.work.whistle is not None
            clocks_held_to = {Move.PAUSE, Move.RESUME, Move.EXTEND, Move.AGREE}  # a clock that runs
            held_to = {Move.UNDO, Move.GIVE_BACK, Move.GRADE} | clocks_held_to  # a time, a reason, an approval
            assert (before.handling, event.move) not in TABLE or event.move in held_to or whistled
            continue
        alert = outcome.alert
        rings = [e for e in outcome.effects if isinstance(e, Notify)]
        assert alert.level.rank >= before.level.rank, "a level never falls by itself"
        assert alert.escalate_at is None or alert.handling is Handling.NEW, "what is answered does not climb"
        assert not rings or alert.handling is Handling.NEW, "what is answered does not ring"
        seen = (alert.handling, alert.level, alert.condition) != (before.handling, before.level, before.condition)
        assert outcome.entries or not seen, "law 5: what changed is on the timeline"
        if alert.level.rank > before.level.rank:
            assert alert.handling is Handling.NEW, "worse rings again"
            assert rings or not alert.chain or alert.chain[0].after > 0
        if isinstance(event, Raised) and event.signal.marks.mutes:
            assert (alert, rings) == (before, []), "law 10 and law 13"
        if alert.handling.over and not before.handling.over:
            assert any(isinstance(e, TellToldPeople) for e in outcome.effects)
            assert any(isinstance(e, Cancel) for e in outcome.effects)


@given(levels, st.lists(events, max_size=20))
def test_saying_the_same_again_changes_nothing_about_people(level: Level, story: list[Event]) -> None:
    alert = opened(level)
    for event in story:
        if alert.handling.over and isinstance(event, Raised):
            continue
        try:
            alert = step(alert, event, T0).alert
            again = step(alert, event, T0)
        except NotAllowed:
            continue
        if not isinstance(event, Raised | Reopen):  # the ledger holds signal keys, so a signal is never stepped twice
            assert again.alert.handling is alert.handling
            assert not [e for e in again.effects if isinstance(e, Notify | NotifyPerson | TellToldPeople)]


def test_an_alert_is_never_changed_in_place() -> None:
    alert = opened()
    stages = MappingProxyType(dict(alert.stages))
    step(alert, Acknowledge("甲"), T0)
    assert (alert.handling, alert.stages) == (Handling.NEW, stages)
