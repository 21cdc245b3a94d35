"""What other systems fell into, one story each: an end before its beginning, a case that waits for ever, a word that is owed and forgotten."""

from __future__ import annotations

import pytest

from alerts.alert import Condition, Handling, Reason
from alerts.commands import Acknowledge, CallBack, Close, Handle, Rate, Reopen, Verify
from alerts.lifecycle import NotAllowed
from ingest.events import Mark
from streams.calls import RULE as CALL
from streams.signal import Level, Origin
from tests.scenarios.timeline import Line

CALLED = {"rule": CALL, "origin": Origin.HOTLINE}


@pytest.mark.parametrize("together", [False, True])
def test_an_end_that_was_faster_than_its_beginning_leaves_no_ghost(together: bool) -> None:
    line = Line()
    over, began = line.made(level="yellow", active=False, began=0), line.made(level="yellow", began=0)
    for batch in [[over, began]] if together else [[over], [began]]:
        line.conductor.signals(batch, line.now)
    assert line.only().condition is Condition.CLEARED
    assert [e.what for e in line.lines() if e.what in {"raised", "cleared"}] == ["raised", "cleared"]
    assert line.told() == ["leader1/sms"], "somebody hears that it was there"
    line.at(7200)
    assert line.told(Reason.ESCALATE) == [], "and nobody above of what is over"
    before = (line.alerts(), line.lines())
    line.conductor.signals([began, over], line.now)
    assert (line.alerts(), line.lines()) == before


def test_an_end_that_was_faster_than_a_rise_leaves_no_ghost() -> None:
    line = Line().signal(level="yellow", began=0).signal(level="yellow", active=False, began=0)
    line.signal(level="red", began=0)
    assert (line.only().level, line.only().condition) == (Level.RED, Condition.CLEARED)
    assert "leader1/voice" in line.told(Reason.WORSE), "worse rings, also when it is over by now"


@pytest.mark.parametrize(
    ("sentence", "again"),
    [
        ("a person reopens it", Reopen("值班员")),
        ("a resident is not content", Rate("居民", 1)),
        ("a caller is not content", CallBack("值班员", "call-1", content=False)),
    ],
)
def test_a_case_that_begins_again_does_not_wait_for_what_ended_meanwhile(sentence: str, again: object) -> None:
    line = Line().signal(level="yellow", began=0).signal("call-1", level="yellow", **CALLED)
    line.say(Handle("人leader1")).say(Verify("值班员", "看过", "带班")).say(CallBack("值班员", "call-1")).say(
        Close("值班员")
    )
    line.at(60).signal(level="orange", began=0)  # the same episode, worse: a case of its own by now
    line.at(120).signal(level="orange", active=False, began=0)
    closed, fresh = line.alerts()
    assert (closed.handling, closed.condition, fresh.condition) == (
        Handling.CLOSED,
        Condition.ACTIVE,
        Condition.CLEARED,
    )
    line.at(180).say(again, closed)  # type: ignore[arg-type]
    assert line.alerts()[0].condition is Condition.CLEARED, sentence
    assert line.alerts()[0].handling is Handling.NEW


def test_an_alarm_that_came_and_went_and_comes_again_after_its_case_is_a_new_one() -> None:
    line = Line().signal(level="red", began=0).at(2).signal(level="red", active=False, began=0)
    line.at(4).signal(level="red", began=4)
    assert (line.only().count, line.only().condition) == (2, Condition.ACTIVE), "one case while it is open"
    line.at(5).signal(level="red", active=False, began=4).say(Handle("人leader1"))
    line.at(400).say(Verify("值班员")).say(Close("值班员"))
    line.at(600).signal(level="red", began=600)
    first, second = line.alerts()
    assert first.id != second.id
    assert (first.handling, second.handling) == (Handling.CLOSED, Handling.NEW)


@pytest.mark.parametrize("mark", [Mark.LATE, Mark.HISTORICAL, Mark.RETAINED])
def test_who_called_late_is_owed_a_word_once_the_case_is_taken_in_earnest(mark: Mark) -> None:
    line = Line().signal("call-1", level="red", marks=mark, **CALLED)
    assert (line.only().handling, line.told()) == (Handling.SUPPRESSED, [])
    line.at(5).say(Reopen("值班员")).say(Handle("人leader1")).say(Verify("带班"))
    with pytest.raises(NotAllowed, match=r"1 caller\(s\) are owed a word"):
        line.say(Close("值班员"))
    line.say(CallBack("值班员", "call-1")).say(Close("值班员"))
    assert line.only().handling is Handling.CLOSED


def test_who_called_late_about_an_open_case_is_owed_a_word_and_rings_nobody() -> None:
    line = Line().signal(level="red", began=0).say(Acknowledge("值班员"))
    told = line.told()
    line.signal("call-1", level="red", marks=Mark.LATE, **CALLED)
    assert [c.call for c in line.only().work.owed] == ["call-1"]
    assert (line.only().handling, line.told()) == (Handling.ACKNOWLEDGED, told)


def test_a_call_of_a_drill_is_owed_nothing() -> None:
    line = Line().signal("call-1", level="red", marks=Mark.DRILL, **CALLED)
    assert line.only().work.callers == ()
