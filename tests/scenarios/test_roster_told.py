"""Whom a case finds while people come and go: told as the roster stands, climbing past levels without anybody, handed back down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.alert import NoticeState, Reason
from alerts.commands import Acknowledge
from alerts.outcome import Why
from alerts.people.duty import CHINA, EVERY_DAY, Duty, DutyKind
from alerts.people.roster import Roster
from ingest.registry import Grid, GridLevel, Registry
from tests.scenarios.timeline import GRIDS, PEOPLE, START, Line, person, placed


def minutes(at: datetime) -> int:
    local = at.astimezone(CHINA)
    return local.hour * 60 + local.minute


def shift(who: str, begins: float, ends: float) -> Duty:
    """A shift between two instants, in seconds from the start, of every day."""
    start, end = (minutes(START + timedelta(seconds=s)) for s in (begins, ends))
    return Duty(DutyKind.SHIFT, who, EVERY_DAY, start, end)


def on(duties: Sequence[Duty], **but: object) -> Line:
    line = Line(**but)
    line.ledger.replace_place([], [], [], duties)
    return line


OFF = [shift("leader1", 600, 3600), shift("worker1", 600, 3600)]


def test_a_level_without_anybody_on_duty_is_passed_over_with_the_reason() -> None:
    line = on(OFF).signal()
    assert line.told() == ["head1/sms"]
    assert [(e.why, e.detail["what"]) for e in line.lines("skipped")] == [(Why.OFF_DUTY, "g1")]


def test_once_a_lower_level_is_staffed_again_the_case_is_handed_back_down() -> None:
    line = on(OFF).signal(level="yellow").at(599)
    assert line.told() == ["head1/sms"]
    line.at(600)
    assert line.told(Reason.REASSIGNED) == ["leader1/sms"]
    assert [(e.why, e.detail["grid"]) for e in line.lines("told")][-1] == (Why.HANDED_DOWN, "g1")
    assert line.at(1799).told() == ["head1/sms", "leader1/sms"]
    assert line.at(1800).told()[-1] == "duty1/sms", "the chain goes on from where it had come"


def test_nothing_is_handed_down_that_somebody_has() -> None:
    line = on(OFF).signal(level="yellow").at(60).say(Acknowledge("head1")).at(900)
    assert line.told() == ["head1/sms"]


def test_of_several_levels_that_come_back_only_the_lowest_hears_of_it() -> None:
    line = on([*OFF, shift("head1", 600, 3600)]).signal(level="yellow").at(700)
    assert line.told() == ["duty1/sms", "leader1/sms"]
    assert line.only().work.passed == ()


def test_who_comes_by_an_import_is_told_at_the_next_step() -> None:
    line = Line().signal(level="orange", grid="vacant")
    assert line.told() == ["head1/sms"]
    line.ledger.replace_place([], [], [person("new", "vacant", "grid_leader")])
    line.at(120)
    assert "new/voice" in line.told(), "the step that means the grid finds it"


def test_who_comes_by_an_import_is_handed_the_case_when_the_chain_climbs() -> None:
    line = Line().signal(level="yellow", grid="vacant")
    line.ledger.replace_place([], [], [person("new", "vacant", "grid_leader")])
    assert sorted(line.at(1800).told()) == ["duty1/sms", "head1/sms", "new/sms"]


def test_a_person_nothing_could_be_delivered_to_is_passed_over_for_a_while() -> None:
    line = Line(channels=("sms",))
    line.provider = lambda n: NoticeState.FAILED if n.person == "leader1" else NoticeState.DELIVERED
    line.signal("smoke-1", "yellow").at(31)
    line.signal("smoke-2", "yellow", place=placed("g1"), kind="gas")
    assert line.told()[-1] == "worker1/sms"
    assert ("unreachable", "leader1") in [(e.why, e.detail["what"]) for e in line.lines("skipped")]
    line.at(1832).signal("smoke-3", "yellow", kind="flood")
    assert line.notices()[-1].person == "leader1"


def test_a_provider_that_is_away_takes_nobody_off_the_roster() -> None:
    line = Line(channels=("sms",))
    line.provider = lambda _: None
    line.signal("smoke-1", "yellow")
    (first,) = line.notices()
    line.conductor.receipt(first.key, NoticeState.FAILED, line.now, error="timeout (tried 8 times)")
    line.signal("smoke-2", "yellow", kind="gas")
    assert line.notices()[-1].person == "leader1"


def test_a_case_keeps_the_grid_that_was_in_force_when_it_happened() -> None:
    day = timedelta(days=1)
    old = [replace(g, valid_to=START + day / 2) for g in GRIDS if g.code == "g1"]
    new = [
        Grid("n1", "新网格", GridLevel.GRID, "v2", valid_from=START + day / 2),
        Grid("v1", "并入的村", GridLevel.VILLAGE, "t2", valid_from=START + day / 2),
    ]
    line = Line()
    line.ledger._registry = Registry.of([*(g for g in GRIDS if g.code != "g1"), *old, *new], [])
    line.ledger._roster = Roster.of([*PEOPLE, person("duty2", "t2", "duty_officer"), person("new", "n1", "leader")])
    line.signal(level="yellow")
    assert line.told() == ["leader1/sms"]
    line.now = START + day
    line.conductor.signals([line.made("smoke-9", "yellow", began=60, event_at=START, kind="gas")], line.now)
    late = max(line.alerts(), key=lambda a: a.stages["raised_at"])
    said = [(e.why, e.detail.get("what")) for e in line.ledger.timeline(late.id) if e.what == "skipped"]
    assert said == [(Why.NOT_IN_FORCE, "g1")]
    assert [n.person for n in line.notices() if n.alert == late.id] == ["head1"], "its own village, not the new grid"


def test_how_a_place_was_chosen_is_on_the_timeline() -> None:
    for why in (Why.OVERLAP, Why.NEAREST, Why.HOLE):
        line = Line().signal(place=placed("g1", why=why.value))
        assert [(e.why, e.detail["grid"]) for e in line.lines("placed")] == [(why, "g1")]
    assert Line().signal().lines("placed") == []
