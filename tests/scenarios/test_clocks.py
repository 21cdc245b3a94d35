"""The clocks of a case on a virtual time line: who hears of them and when, and what never sets one back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerts.alert import Reason
from alerts.clocks.calendar import CHINA
from alerts.clocks.clock import Clock, State, fraction
from alerts.commands import (
    Accept,
    Acknowledge,
    Agree,
    Arrive,
    Close,
    Contact,
    Dispatch,
    Extend,
    FalseAlarm,
    GiveBack,
    Grade,
    Handle,
    Merge,
    Pause,
    Reopen,
    Resume,
    Split,
    TimerDue,
    Verify,
)
from alerts.lifecycle import step
from alerts.outcome import NotAllowed
from alerts.policy import parse_policies
from alerts.words import LANGUAGES
from ingest.events import Mark
from streams.signal import Level, Origin
from tests.scenarios.timeline import START, TEST, WORDS, Line

H = 3600.0
CLOCKS = """
version = "clocks"
[levels.red]
steps = [{ after = 0, target = "grid", channels = ["sms"] }]
[clocks.run.contact]
starts = "raised_at"
stops = "contacted_at"
rows = [{ origins = ["hotline"], hours = 1 }]
[clocks.run.accept]
starts = "dispatched_at"
stops = "accepted_at"
rows = [{ hours = 2 }]
[clocks.run.close]
starts = "raised_at"
stops = "closed_at"
rows = [
  { levels = ["red", "orange"], matter = "urgent", hours = 8 },
  { levels = ["yellow"], matter = "hard", working_days = 3 },
]
"""
YES = {"approved_by": "李主任", "note": "等待配件"}


def line(**but: object) -> Line:
    return Line(policies=parse_policies(CLOCKS), **but)


def clock(some: Line, name: str = "close") -> Clock:
    return next(c for c in some.only().work.clocks if c.name == name)


def due(some: Line, name: str = "close") -> float:
    """Seconds after the start."""
    at = clock(some, name).due
    assert at is not None
    return (at - START).total_seconds()


def heard(some: Line) -> list[tuple[float, str]]:
    """Who was told about a clock, and when, in hours after the start."""
    return [((n.created_at - START).total_seconds() / H, n.person) for n in some.notices(Reason.SUPERVISE)]


def strokes(some: Line) -> list[str]:
    """The strokes on the timeline, with why."""
    kinds = {"clock_warning", "clock_breach", "clock_overdue"}
    return [f"{e.detail['clock']} {e.what.removeprefix('clock_')} {e.why}" for e in some.lines() if e.what in kinds]


def test_the_level_above_hears_before_the_breach_at_it_and_at_three_times_the_limit_each_once() -> None:
    late = line().signal(level="orange").say(Acknowledge("甲")).at(100 * H)
    assert heard(late) == [(6, "head1"), (8, "head1"), (24, "head1")]
    assert strokes(late) == ["close warning supervise", "close breach supervise", "close overdue supervise"]
    assert late.only().timers == {}
    assert late.only().reached == "", "being told about a clock is not climbing the chain"


def test_a_case_closed_in_time_is_not_heard_of() -> None:
    done = line().signal(level="orange").at(5 * H).say(Arrive("人leader1")).say(Handle("人leader1"))
    done.say(Verify("值班员")).say(Close("值班员", "已处置")).at(100 * H)
    assert heard(done) == []
    assert (clock(done).state, fraction(clock(done), done.now)) == (State.STOPPED, 5 / 8)


@pytest.mark.parametrize("command", [Arrive("人leader1"), Handle("人leader1"), Accept("人leader1")])
def test_whoever_signs_or_is_further_already_stops_the_clock_of_signing(command: Arrive | Handle | Accept) -> None:
    given = line().signal(level="orange").at(H).say(Dispatch("甲", "leader1")).at(2 * H)
    assert (clock(given, "accept").state, due(given, "accept")) == (State.RUNNING, 3 * H)
    given.say(command).at(5 * H)
    assert clock(given, "accept").state is State.STOPPED
    assert heard(given) == []


def test_a_dispatch_that_nobody_signs_for_is_heard_of_above_whoever_has_it() -> None:
    unsigned = line().signal(level="orange").say(Dispatch("甲", "head1")).at(2 * H)
    assert heard(unsigned) == [(1.5, "duty1"), (2, "duty1")]


def test_a_reassignment_and_a_return_set_nothing_back() -> None:
    moved = line().signal(level="orange").say(Dispatch("甲", "leader1"))
    before = [(c.name, c.started, c.due) for c in moved.only().work.clocks]
    moved.at(H).say(Dispatch("甲", "worker1")).at(1.2 * H).say(GiveBack("人worker1", "不属我格"))
    moved.at(1.4 * H).say(Dispatch("甲", "leader2"))
    assert [(c.name, c.started, c.due) for c in moved.only().work.clocks] == before
    assert due(moved, "accept") == 2 * H


def test_a_resident_who_called_is_spoken_to_within_the_hour() -> None:
    called = line().signal(level="orange", origin=Origin.HOTLINE)
    assert due(called, "contact") == H
    called.at(0.5 * H).say(Contact("人leader1")).at(2 * H)
    assert clock(called, "contact").state is State.STOPPED
    assert heard(called) == []


def test_a_caller_who_joins_a_sensor_s_case_has_an_hour_from_the_call() -> None:
    joined = line().signal(level="orange").say(Acknowledge("甲")).at(H / 4)
    assert [c.name for c in joined.only().work.clocks] == ["accept", "close"]
    alert = joined.only()
    joined.conductor.signals([joined.made("smoke-1", "orange", origin=Origin.HOTLINE)], joined.now)
    assert joined.only().id == alert.id
    assert due(joined, "contact") == 1.25 * H
    assert due(joined) == 8 * H


def test_a_hard_matter_has_three_working_days_and_a_worse_one_the_shorter_time_from_then_on() -> None:
    hard = line().signal(level="yellow").say(Acknowledge("甲"))  # a Sunday: Monday, Tuesday, Wednesday
    assert clock(hard).due == datetime(2026, 3, 5, tzinfo=CHINA)
    hard.at(24 * H).signal(level="red")
    assert due(hard) == 32 * H
    assert (clock(hard).matter, clock(hard).started) == ("urgent", START)
    assert [(e.why, e.detail["clock"]) for e in hard.lines("clock_moved")] == [("worse", "close")]


def test_a_lower_level_gives_time_only_with_another_s_approval() -> None:
    urgent = line().signal(level="orange").say(Acknowledge("甲")).at(H)
    with pytest.raises(NotAllowed):
        urgent.say(Grade("甲", Level.YELLOW, "不紧急"))
    assert due(urgent) == 8 * H
    urgent.say(Grade("甲", Level.YELLOW, "不紧急", "李主任"))
    assert clock(urgent).due == datetime(2026, 3, 5, tzinfo=CHINA)
    assert clock(urgent).matter == "hard"


def test_a_lower_level_after_the_breach_does_not_undo_it() -> None:
    late = line().signal(level="orange").say(Acknowledge("甲")).at(9 * H)
    late.say(Grade("甲", Level.YELLOW, "不紧急", "李主任"))
    assert (late.only().level, due(late)) == (Level.YELLOW, 8 * H)


def test_a_pause_moves_the_limit_by_what_it_took_and_ends_by_itself() -> None:
    paused = line().signal(level="orange").say(Acknowledge("甲")).at(2 * H)
    paused.say(Pause("甲", until=START + timedelta(hours=10), **YES)).at(9 * H)
    assert heard(paused) == []
    assert clock(paused).state is State.PAUSED
    paused.at(12 * H)
    assert (clock(paused).state, due(paused)) == (State.RUNNING, 16 * H)
    assert [(e.what, e.by, e.why) for e in paused.lines() if e.what in {"clock_paused", "clock_resumed"}] == [
        ("clock_paused", "甲", "approved"),
        ("clock_resumed", "tocsin", "pause_ended"),
    ]
    assert heard(paused.at(17 * H)) == [(14, "head1"), (16, "head1")]


def test_a_pause_can_be_ended_earlier() -> None:
    paused = line().signal(level="orange").say(Acknowledge("甲")).at(2 * H)
    paused.say(Pause("甲", until=START + timedelta(hours=10), **YES)).at(3 * H).say(Resume("乙"))
    assert (clock(paused).state, due(paused)) == (State.RUNNING, 9 * H)


def test_more_time_and_an_agreed_date_are_given_once_approved() -> None:
    longer = line().signal(level="orange").say(Acknowledge("甲")).at(2 * H)
    longer.say(Extend("甲", amount=4.0, unit="hours", **YES))
    assert due(longer) == 12 * H
    longer.say(Agree("甲", date=datetime(2026, 3, 20, tzinfo=CHINA).date(), **YES))
    assert (clock(longer).due, clock(longer).matter) == (datetime(2026, 3, 21, tzinfo=CHINA), "big")
    assert [e.detail["approved_by"] for e in longer.lines() if e.why == "approved"] == ["李主任", "李主任"]


UNTIL = START + timedelta(hours=10)


@pytest.mark.parametrize(
    ("sentence", "command", "said"),
    [
        ("nobody approved", Pause("甲", until=UNTIL, note="等配件"), "name both"),
        ("who asks approved", Extend("甲", amount=1.0, note="等", approved_by="甲"), "somebody else"),
        ("no reason", Pause("甲", until=UNTIL, approved_by="乙"), "say why"),
        ("an unknown clock", Resume("甲", clock="kitchen"), "no clock 'kitchen'; it has: accept, close"),
        ("one that has not begun", Extend("甲", amount=1.0, clock="accept", **YES), "is waiting"),
        ("resuming what runs", Resume("甲"), "not paused"),
        ("a date that is over", Agree("甲", date=START.date() - timedelta(days=1), **YES), "agree on a date"),
    ],
)
def test_what_is_refused_changes_nothing(sentence: str, command: Pause | Extend | Resume | Agree, said: str) -> None:
    asked = line().signal(level="orange").say(Acknowledge("甲")).at(H)
    before = (asked.only(), asked.lines())
    with pytest.raises(NotAllowed, match=said):
        asked.say(command)
    assert (asked.only(), asked.lines()) == before, sentence


def test_a_reopened_case_goes_on_where_it_stopped() -> None:
    again = line().signal(level="orange").at(2 * H).say(FalseAlarm("甲", "误报")).at(50 * H).say(Reopen("甲", "复燃"))
    assert (clock(again).state, clock(again).started, due(again)) == (State.RUNNING, START, 56 * H)
    assert heard(again.at(57 * H)) == [(54, "head1"), (56, "head1")]


def test_a_case_that_is_split_off_again_has_its_own_clock_as_if_never_merged() -> None:
    two = line().signal("smoke-1", "orange").signal("gas-1", "orange", kind="gas", grid="g2").at(H)
    one, other = two.alerts()
    two.say(Merge("甲", one.id, "同一起"), other).at(3 * H)
    merged = two.ledger.alert(other.id)
    assert merged is not None
    assert {c.state for c in merged.work.clocks if c.name == "close"} == {State.STOPPED}
    two.say(Split("甲", "另有其事"), other)
    apart = two.ledger.alert(other.id)
    assert apart is not None
    assert [(c.state, c.due) for c in apart.work.clocks if c.name == "close"] == [
        (State.RUNNING, START + timedelta(hours=8))
    ]


def test_merging_gives_nobody_more_time() -> None:
    two = (
        line()
        .signal("call-1", "orange", origin=Origin.HOTLINE)
        .at(H / 2)
        .signal("gas-1", "orange", kind="gas", grid="g2")
    )
    called, sensed = two.alerts()
    two.say(Merge("甲", sensed.id, "同一起"), called)
    one = two.ledger.alert(sensed.id)
    assert one is not None
    assert {c.name: (c.due - START) / timedelta(hours=1) for c in one.work.clocks if c.due} == {
        "contact": 1,
        "close": 8,
    }
    assert [(e.detail["clock"], e.why) for e in two.lines("clock_moved")] == [("close", "merged")]


def test_what_another_case_promised_for_a_time_that_is_over_was_told_of_there() -> None:
    two = line().signal("smoke-1", "orange").at(9 * H).signal("gas-1", "orange", kind="gas", grid="g2")
    late, fresh = two.alerts()
    two.say(Merge("甲", fresh.id, "同一起"), late)
    one = two.ledger.alert(fresh.id)
    assert one is not None
    assert [c.due for c in one.work.clocks if c.name == "close"] == [START + timedelta(hours=17)]


def test_after_an_outage_the_gravest_is_told_and_the_other_says_why_not() -> None:
    away = line().signal(level="orange").say(Acknowledge("甲"))
    away.now = START + timedelta(hours=9)
    away.conductor.escalate(away.now)
    away.send()
    assert heard(away) == [(9, "head1")]
    assert strokes(away) == ["close warning graver", "close breach supervise"]


def test_a_timer_that_comes_again_changes_nothing() -> None:
    late = line().signal(level="orange").say(Acknowledge("甲")).at(6 * H)
    alert = late.only()
    again = step(alert, TimerDue("clock:close"), late.now)
    assert (again.alert, again.entries, again.effects) == (alert, (), ())


def test_the_same_stroke_is_the_same_notice() -> None:
    one, two = (line().signal(level="orange").say(Acknowledge("甲")).at(6 * H) for _ in range(2))
    assert [n.key for n in one.notices(Reason.SUPERVISE)] == [n.key for n in two.notices(Reason.SUPERVISE)]


def test_an_edit_of_the_policy_does_not_move_a_running_case() -> None:
    running = line().signal(level="orange")
    running.conductor._policies = parse_policies(
        CLOCKS.replace("hours = 8", "hours = 1").replace("hours = 2", "hours = 1")
    )
    running.at(H).say(Dispatch("甲", "leader1"))
    assert (due(running), due(running, "accept")) == (8 * H, 3 * H)


def test_what_only_is_recorded_has_no_clocks() -> None:
    assert line().signal(level="red", marks=TEST).only().work.clocks == ()


def test_what_came_late_has_its_time_from_when_a_person_takes_it_in_earnest() -> None:
    late = line().signal(level="red", marks=Mark.LATE).at(20 * H)
    assert (clock(late).state, late.only().timers) == (State.WAITING, {})
    late.say(Reopen("甲", "属实")).say(Acknowledge("甲"))
    assert (clock(late).state, due(late)) == (State.RUNNING, 28 * H)


def test_a_limit_beyond_the_calendar_is_early_and_the_timeline_says_so() -> None:
    eve = line()
    eve.now = datetime(2026, 12, 31, 2, 0, tzinfo=CHINA)
    eve.signal(level="yellow")
    assert [(e.why, e.detail["year"]) for e in eve.lines("clock_early")] == [("calendar", 2027)]
    assert clock(eve).due == datetime(2027, 1, 3, 2, 0, tzinfo=CHINA)


def test_the_notice_says_which_clock_and_how_late() -> None:
    late = line().signal(level="orange").say(Acknowledge("甲")).at(8 * H)
    texts = [n.text for n in late.notices(Reason.SUPERVISE)]
    assert texts == [
        "【督办】清溪镇杏花村第一网格：火警（橙色），16:00发生，办结即将超时，请督促办理。",
        "【督办】清溪镇杏花村第一网格：火警（橙色），16:00发生，办结已超时，请督促办理。",
    ]


def test_the_timeline_of_a_clock_reads_in_both_languages() -> None:
    told = line().signal(level="orange").say(Acknowledge("甲")).at(2 * H)
    told.say(Pause("甲", until=START + timedelta(hours=3), **YES)).at(4 * H)
    told.say(Extend("甲", amount=1.0, unit="hours", **YES)).at(40 * H)
    lines = [e for e in told.lines() if e.what.startswith("clock_")]
    assert {e.what for e in lines} >= {"clock_paused", "clock_resumed", "clock_extended", "clock_overdue"}
    for language in LANGUAGES:
        said = [WORDS.explain(language, e) for e in lines]
        assert not [s for s in said if "{" in s or "clock_" in s or "+00:00" in s], said
    assert WORDS.explain("zh", lines[0]) == "甲 暂停办结计时至 03-01 19:00，李主任 批准：等待配件：已批准"
