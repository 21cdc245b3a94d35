"""Work given back: once to the desk, twice to the level above, and then for good."""

from __future__ import annotations

import pytest

from alerts.alert import Handling, NoticeState, Reason
from alerts.commands import Accept, Acknowledge, Dispatch, FalseAlarm, GiveBack
from alerts.lifecycle import NotAllowed
from tests.scenarios.timeline import Line


def given_back(times: int) -> Line:
    line = Line().signal(level="red").say(Acknowledge("甲"))
    for i in range(times):
        person = ("leader1", "worker1")[i % 2]
        line.at(10 * i + 10).say(Dispatch("甲", person)).say(GiveBack(f"人{person}", "不属本网格职责"))
    return line


def test_work_that_is_given_back_is_at_the_desk_again_with_its_clocks_running() -> None:
    line = given_back(1)
    alert = line.only()
    assert (alert.handling, alert.assignee, alert.work.bounces) == (Handling.ACKNOWLEDGED, "", 1)
    assert set(alert.timers) >= {"acknowledgement_expiry"}
    assert line.lines("given_back")[0].detail["was"] == "leader1"
    assert line.notices(Reason.REASSIGNED) == []
    assert [e.why for e in line.at(920).lines("expired")] == ["expired"], "what nobody dispatches again rings again"


def test_the_second_time_the_level_above_decides_and_that_is_binding() -> None:
    line = given_back(2)
    assert [n.person for n in line.notices(Reason.REASSIGNED)] == ["head1"]
    assert [e.why for e in line.lines("arbitration")] == ["arbitration"]
    line.say(Dispatch("人head1", "leader1"))
    assert line.only().work.binding
    with pytest.raises(NotAllowed, match="assigned it for good"):
        line.say(GiveBack("人leader1", "还是不该我"))


@pytest.mark.parametrize(
    ("sentence", "command", "later", "why"),
    [
        ("no reason", GiveBack("人leader1", "  "), 1, "needs a reason"),
        ("too late", GiveBack("人leader1", "不归我"), 901, "for 900 s after it was dispatched"),
    ],
)
def test_work_cannot_be_given_back(sentence: str, command: GiveBack, later: float, why: str) -> None:
    line = Line().signal(level="red").say(Dispatch("甲", "leader1")).say(Accept("人leader1")).at(later)
    with pytest.raises(NotAllowed, match=why):
        line.say(command)
    assert line.only().assignee == "leader1", sentence


def test_the_time_to_give_back_begins_with_the_last_dispatch() -> None:
    line = given_back(1).at(1500)
    line.say(Acknowledge("甲")).say(Dispatch("甲", "worker1")).at(1600).say(GiveBack("人worker1", "设施归属不清"))
    assert line.only().work.bounces == 2


@pytest.mark.parametrize(
    ("sentence", "then"),
    [
        ("given to somebody else", Dispatch("甲", "worker1")),
        ("given back", GiveBack("人leader1", "不属本网格职责")),
    ],
)
def test_what_has_not_left_for_whoever_had_it_is_called_back(sentence: str, then: Dispatch | GiveBack) -> None:
    line = Line().signal(level="red").say(Acknowledge("甲"))
    line.provider = lambda _: None  # nothing leaves
    line.say(Dispatch("甲", "leader1")).say(then)
    (theirs,) = line.notices(Reason.INSTRUCTION)
    assert (theirs.person, theirs.state, theirs.error) == ("leader1", NoticeState.CANCELLED, "reassigned"), sentence
    assert all(n.state is NoticeState.QUEUED for n in line.notices(Reason.REASSIGNED)), "the new one's goes"


def test_what_has_not_left_for_anybody_who_was_added_by_hand_is_called_back_when_it_is_over() -> None:
    line = Line().signal(level="red").say(Acknowledge("甲"))
    line.provider = lambda _: None
    line.say(Dispatch("甲", "leader1")).say(Dispatch("甲", "worker1")).say(FalseAlarm("甲"))
    assert {n.state for n in line.notices() if n.person == "worker1"} == {NoticeState.CANCELLED}
    assert not [n for n in line.notices() if n.state is NoticeState.QUEUED and n.reason is not Reason.RESOLVED]
