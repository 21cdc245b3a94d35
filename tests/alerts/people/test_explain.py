"""Why this person, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.alert import Step
from alerts.people.duty import EVERY_DAY, Duty, DutyKind
from alerts.people.explain import chain, explain, sentences
from alerts.people.roster import Roster
from alerts.people.routing import Moment, aim
from ingest.events import Place, Point
from ingest.places import Placing
from ingest.registry import Registry
from tests.scenarios.timeline import GRIDS, PEOPLE, START, WORDS

TREE = Registry.of(GRIDS, ())
LEAVE = Duty(DutyKind.ABSENT, "leader1", since=START, until=START + timedelta(days=1))
STAND_IN = Duty(DutyKind.STAND_IN, "leader2", since=START, until=START + timedelta(days=1), instead_of="worker1")
NOW = Moment(START, START)


def said(
    grid: str, moment: Moment = NOW, *, duties: list[Duty], language: str = "en", placing: Placing | None = None
) -> list[str]:
    seen = explain(TREE, Roster.of(PEOPLE, duties), grid, moment, placing)
    return sentences(seen, (), WORDS, language)


def test_everybody_of_the_level_that_is_told_is_named_with_the_reason() -> None:
    assert said("g1", duties=[LEAVE, STAND_IN]) == [
        "2026-03-01 16:00, grid g1",
        "第一网格 (g1): this level is told",
        "  → 人leader2 (worker): stands in for 人worker1",
        "  · 人leader1 (grid_leader): on leave, or somebody stands in",
        "  · 人worker1 (worker): on leave, or somebody stands in",
    ]


def test_every_level_that_is_passed_over_is_named_with_the_reason() -> None:
    night = [Duty(DutyKind.SHIFT, who, EVERY_DAY, 0, 60) for who in ("leader1", "worker1")]
    gone = Moment(START, START, frozenset({"head1"}))
    assert said("g1", gone, duties=night, language="zh") == [
        "2026-03-01 16:00，网格 g1",
        "第一网格（g1）：跳过，该级此刻无人值班",
        "  · 人leader1（grid_leader）：不在班次内",
        "  · 人worker1（worker）：不在班次内",
        "杏花村（v1）：跳过，通知未能送达",
        "  · 人head1（village_head）：近期通知均未能送达，暂不通知",
        "清溪镇（t1）：通知这一级",
        "  → 人duty1（duty_officer）：未排班次，始终在岗",
    ]


@pytest.mark.parametrize(
    ("sentence", "placing", "line"),
    [
        (
            "one grid",
            Placing(Place("g1", "t1", None, "coordinates")),
            "The coordinates lie in grid g1: inside its outline",
        ),
        (
            "several",
            Placing(Place("g1", "t1", None, "overlap"), ("g2",)),
            "The coordinates lie in grid g1: several grids of one level cover the point, and the smallest counts; there are also g2",
        ),
        (
            "none, and one near",
            Placing(Place("g1", "t1", None, "nearest"), (), 12.34),
            "The coordinates lie in grid g1: no grid covers the point, and this one is the nearest (12.3 m away)",
        ),
    ],
)
def test_how_a_point_became_a_grid_is_said(sentence: str, placing: Placing, line: str) -> None:
    assert said("g1", duties=[], placing=placing)[1] == line, sentence


def test_what_no_grid_covers_is_said_to_fall_to_the_catcher() -> None:
    assert said("", duties=[]) == [
        "2026-03-01 16:00, grid unknown",
        WORDS.text("en", "why", "unplaced"),
        "It falls to the catcher: 人catcher (c)",
    ]


def test_a_chain_is_gone_through_as_it_would_ring() -> None:
    steps = (
        Step(0, "grid", ("sms",)),
        Step(60, "up", ("sms",)),
        Step(120, "up", ("voice",)),
        Step(180, "duty_officer", ("sms",)),
    )
    roster = Roster.of(PEOPLE, [LEAVE, STAND_IN])
    rungs = chain(TREE, roster, "g1", NOW, steps)
    assert [(r.found.grid, [p.id for p in r.found.people]) for r in rungs] == [
        ("g1", ["leader2"]), ("v1", ["head1"]), ("t1", ["duty1"]), ("c", ["county"]),
    ]  # fmt: skip
    told = ""
    for rung in rungs:
        moment = Moment(START + timedelta(seconds=rung.step.after), START)
        found = aim(TREE, roster, rung.step.target, "g1", told=told, moment=moment)
        assert (found.grid, found.people[:1]) == (rung.found.grid, rung.found.people)
        told = found.grid


def test_both_languages_say_everything() -> None:
    point = Placing(Place("g1", "t1", Point(0, 0), "hole"), ("g2",), 1.0)
    both = [said("g1", duties=[LEAVE], language=tongue, placing=point) for tongue in ("zh", "en")]
    assert len(both[0]) == len(both[1])
    assert not [line for line in both[0] + both[1] if "{" in line or "_" in line.replace("grid_leader", "")]
