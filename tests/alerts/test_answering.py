"""Answering, undoing a slip, answers that expire, and steps that everybody must answer."""

from __future__ import annotations

import pytest

from alerts.alert import Handling
from alerts.commands import Acknowledge, Arrive, Dispatch, Undo
from alerts.lifecycle import NotAllowed
from alerts.policy import parse_policies
from alerts.timers import EXPIRY, REMINDER
from tests.scenarios.timeline import START, Line

RULES = """
version = "quick"
[levels.red]
steps = [
  { after = 0, target = "grid", channels = ["sms"] },
  { after = 60, target = "up", channels = ["sms"] },
  { after = 120, target = "up", channels = ["sms"] },
]
[rules.red]
acknowledgement_reminds_s = 600
acknowledgement_expires_s = 900
undo_s = 10
"""
BOTH = """
version = "both"
[levels.red]
steps = [
  { after = 0, target = "all", channels = ["sms", "voice"], confirm = "all" },
  { after = 60, target = "all", channels = ["voice"] },
  { after = 120, target = "up", channels = ["sms"] },
]
"""


def line(text: str = RULES) -> Line:
    return Line(policies=parse_policies(text))


def test_an_acknowledgement_that_nothing_follows_is_pointed_out_and_then_rings_again() -> None:
    forgotten = line().signal(level="red").at(5).say(Acknowledge("甲"))
    assert set(forgotten.only().timers) == {REMINDER, EXPIRY}
    assert len(forgotten.at(904).notices()) == 1
    assert [e.detail["taken_by"] for e in forgotten.lines("nothing_followed")] == ["甲"]
    forgotten.at(905)
    assert forgotten.only().handling is Handling.NEW
    assert [(n.created_at - START).total_seconds() for n in forgotten.notices()] == [0, 905]
    assert [e.why for e in forgotten.lines("expired")] == ["expired"]
    assert forgotten.at(970).told()[-1] == "head1/sms", "the chain climbs again from its first step"


@pytest.mark.parametrize("followed", [Dispatch("甲", "leader1"), Arrive("人leader1")], ids=["dispatched", "arrived"])
def test_an_acknowledgement_that_something_followed_does_not_expire(followed: Dispatch | Arrive) -> None:
    taken = line().signal(level="red").say(Acknowledge("甲")).at(100).say(followed).at(5000)
    assert taken.only().handling is not Handling.NEW
    assert not taken.only().timers
    assert not taken.lines("expired")


def test_a_case_that_got_worse_meanwhile_has_no_old_timers() -> None:
    text = RULES.replace("[levels.red]", "[levels.orange]\nsteps = []\n[levels.red]")
    worse = line(text).signal(level="orange").say(Acknowledge("甲")).signal(level="red", began=1).at(2000)
    assert not worse.lines("expired")


def test_a_slip_is_undone_and_the_bell_goes_on_at_its_step() -> None:
    slipped = line().signal(level="red").at(61).say(Acknowledge("甲")).at(70).say(Undo("甲"))
    assert slipped.only().handling is Handling.NEW
    assert slipped.told() == ["leader1/sms", "head1/sms", "duty1/sms"], (
        "the step that was rung is rung again, one level up"
    )
    assert "acked_at" not in slipped.only().stages
    assert not slipped.only().timers


@pytest.mark.parametrize(
    ("sentence", "by", "after", "why"),
    [
        ("too late", "甲", 10.5, "can be undone for 10 s"),
        ("another's", "乙", 1, "it was not 乙 who acknowledged it; ask 甲"),
    ],
)
def test_an_acknowledgement_cannot_be_undone(sentence: str, by: str, after: float, why: str) -> None:
    taken = line().signal(level="red").say(Acknowledge("甲")).at(after)
    with pytest.raises(NotAllowed, match=why):
        taken.say(Undo(by))
    assert taken.only().handling is Handling.ACKNOWLEDGED, sentence


def press(some: Line, person: str) -> None:
    notice = next(n for n in some.notices() if n.person == person)
    some.conductor.answered(notice.key, some.now, "1")
    some.send()


def test_a_step_that_everybody_must_answer_rings_on_for_those_who_have_not() -> None:
    both = line(BOTH).signal(level="red")
    assert set(both.only().work.awaited) == {"leader1", "worker1"}
    press(both, "leader1")
    assert both.only().handling is Handling.NEW
    assert [e.detail["left"] for e in both.lines("confirmed")] == [1]
    both.at(61)
    assert [n.person for n in both.notices() if n.step == 1] == ["worker1"], "who has answered is not rung again"
    assert [e.why for e in both.lines("skipped")] == ["confirmed"]
    press(both, "worker1")
    assert both.only().handling is Handling.ACKNOWLEDGED
    assert len(both.at(1000).notices()) == 5


def test_the_same_person_answering_twice_is_not_everybody() -> None:
    both = line(BOTH).signal(level="red")
    press(both, "leader1")
    press(both, "leader1")
    assert both.only().work.awaited == ("worker1",)


def test_an_operator_answers_for_everybody() -> None:
    assert line(BOTH).signal(level="red").say(Acknowledge("值班员")).only().handling is Handling.ACKNOWLEDGED
