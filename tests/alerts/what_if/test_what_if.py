"""One case played through what people do, by the code that decides in earnest."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import alerts
from alerts.alert import Handling
from alerts.people.roster import Roster
from alerts.policy import load_policies
from alerts.what_if.paper import Paper
from alerts.what_if.rehearsal import HAPPENINGS, NEVER, Case, Expected, Happening, Impossible, Stage, differences, play
from alerts.what_if.table import SPOKEN
from ingest.registry import Registry
from streams.signal import Level, Origin
from tests.scenarios.timeline import GRIDS, PEOPLE, START, WORDS, Line, placed

STAGE = Stage(load_policies(), Registry.of(GRIDS, ()), Roster.of(PEOPLE), WORDS)
FIRE = Case(2, "fire", Level.RED, placed("g1"), START)


def since(*said: str, case: Case = FIRE) -> Case:
    parts = [text.split() for text in said]
    return replace(case, since=tuple(Happening(timedelta(seconds=float(p[0])), *p[1:]) for p in parts))


@pytest.mark.parametrize(
    ("sentence", "said", "told", "step"),
    [
        ("the leader of the grid first", (), ("leader1",), 1),
        ("everybody of the grid after a minute", ("60 nothing",), ("leader1", "worker1"), 2),
        ("not a moment earlier", ("59.9 nothing",), ("leader1",), 1),
        ("then the village", ("180 nothing",), ("head1",), 3),
        ("then the township", ("300 nothing",), ("duty1",), 4),
        ("who is acknowledged is quiet", ("30 acknowledged", "800 nothing"), ("leader1",), 1),
        ("an answer that nothing follows expires and rings again", ("30 acknowledged", "930 nothing"), ("leader1",), 1),
        ("a step that reaches nobody is not waited for", ("1 unreachable", "60 nothing"), ("head1",), 3),
        ("a dispatch goes to the one who is named", ("5 dispatched head1",), ("head1",), 1),
        ("when it is over whoever was told is told", ("70 false_alarm",), ("leader1", "worker1"), 2),
        ("a red that has cleared still climbs", ("10 cleared", "180 nothing"), ("head1",), 3),
    ],
)
def test_who_is_told_last_and_how_far_the_chain_is(
    sentence: str, said: tuple[str, ...], told: tuple[str, ...], step: int
) -> None:
    answer = play(since(*said), STAGE)
    assert (answer.told, answer.alert.step) == (told, step), sentence


def test_worse_goes_one_level_up_and_rings_again() -> None:
    answer = play(since("10 worse", case=replace(FIRE, level=Level.ORANGE)), STAGE)
    assert (answer.alert.level, answer.told, answer.clocks["escalation"]) == (
        Level.RED,
        ("leader1",),
        START + timedelta(seconds=70),
    )
    assert [e.what for e in answer.entries].count("worse") == 1


def test_the_clocks_of_a_call_run_and_stop() -> None:
    call = replace(FIRE, origin=Origin.HOTLINE, level=Level.YELLOW)
    assert play(call, STAGE).clocks["contact"] == START + timedelta(hours=1)
    dispatched = play(since("5 dispatched", case=call), STAGE)
    assert dispatched.clocks["accept"] == START + timedelta(seconds=5, hours=2)
    assert play(since("5 dispatched", "9 accepted", case=call), STAGE).clocks["accept"] is None
    assert play(since("5 false_alarm", case=call), STAGE).clocks["contact"] is None


def test_a_case_without_a_place_is_the_catchers() -> None:
    answer = play(replace(FIRE, place=placed("")), STAGE)
    assert answer.told == ("catcher",)
    assert "unplaced" in {e.why for e in answer.entries}


def test_a_word_that_is_not_allowed_where_it_stands_is_impossible() -> None:
    with pytest.raises(Impossible, match=r"\+5 given_back: "):
        play(since("5 given_back"), STAGE)


def test_every_word_can_be_played_and_has_its_chinese() -> None:
    played = {"accepted": "1 dispatched", "given_back": "1 dispatched"}
    for what in HAPPENINGS:
        before = (played[what],) if what in played else ()
        assert play(since(*before, f"5 {what}"), STAGE).entries
    assert set(SPOKEN.values()) == set(HAPPENINGS)


def test_it_decides_as_the_whole_path_does() -> None:
    """The ledger of paper and that of the scenarios come to the same timeline for the same story."""
    answer = play(since("400 acknowledged", "500 cleared"), STAGE)
    line = Line().at(0).signal("what-if", "red", rule="what-if", place=placed("g1")).at(400)
    (alert,) = line.alerts()
    from alerts.commands import Acknowledge

    line.say(Acknowledge("what-if"), alert).at(500).signal("what-if", "red", rule="what-if", began=0, active=False)
    told = [(e.at, e.what, e.why) for e in line.lines()]
    assert [(e.at, e.what, e.why) for e in answer.entries] == told
    assert answer.alert.handling is Handling.ACKNOWLEDGED


def test_a_ledger_of_paper_has_whatever_the_deciding_code_asks_a_ledger_for() -> None:
    """Nothing else holds it to the port: a question that is new there would be missing here."""
    asked = set()
    for module in ("conduct", "docket", "gate", "waking"):
        text = (Path(alerts.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        asked |= set(re.findall(r"(?:tx|_ledger)\.(?:quiet\.)?(\w+)", text))
    assert {"save_all", "flaps", "due_escalations"} <= asked
    assert not asked - set(dir(Paper))


def test_what_is_not_expected_is_not_looked_at() -> None:
    answer = play(FIRE, STAGE)
    assert differences(FIRE, answer) == ()
    assert [d.column for d in differences(replace(FIRE, expected=Expected((), 9, due=NEVER)), answer)] == [
        "recipient",
        "step",
        "due",
    ]
